# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fill a LiteLLM deployment as its users would, then bulk-load spend rows up to a number.

Everything with a meaning (team, users, keys, a stored model, real requests) goes through the
proxy's own HTTP interface. Only then SQL multiplies the spend rows that the requests left behind.
What is there is left alone, so that a second run adds nothing. The database is reached with psql
and libpq's environment (PGHOST, PGPORT, PGUSER, PGDATABASE, PGPASSWORD).

The keys file (0600) holds every virtual key in plain text, so that tests can try them later:

    {"url": …, "chat_model": …, "bogus": "sk-…",
     "keys": [{"alias", "key", "hash", "expect", "team_id", "user_id", "max_budget"}],
     "stored_model": {"name", "api_base", "api_key"}, "team_id": …, "users": […]}

`expect` is what a chat request with the key gets: ok, blocked, over_budget.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, Callable

TEAM = {
    "team_id": "team-research",
    "team_alias": "Research & Développement",
    "max_budget": 500.0,
    "metadata": {"cost_centre": "R-4711"},
}
USERS = [
    {
        "user_id": "amelie",
        "user_email": "amelie@research.example",
        "user_role": "internal_user",
        "max_budget": 100.0,
    },
    {"user_id": "björn", "user_email": "bjoern@research.example", "user_role": "internal_user"},
    {"user_id": "svc-batch", "user_alias": "Batch jobs", "user_role": "internal_user"},
]
# `key` is filled in from the keys file; `requests` are sent with it; `bulk` keys own the
# bulk-loaded rows.
KEYS: list[dict[str, Any]] = [
    {
        "alias": "team-assistant",
        "expect": "ok",
        "requests": 4,
        "bulk": True,
        "body": {"team_id": "team-research", "metadata": {"app": "assistant", "tags": ["prod"]}},
    },
    {
        "alias": "batch-jobs",
        "expect": "ok",
        "requests": 5,
        "bulk": False,
        "body": {"user_id": "svc-batch", "max_budget": 25.0, "rpm_limit": 600},
    },
    {
        "alias": "Schlüssel-clé-ключ-鍵-🔑",
        "expect": "ok",
        "requests": 3,
        "bulk": True,
        "body": {"user_id": "björn", "metadata": {"note": 'línea 1\nline 2 "quoted" \\ back'}},
    },
    {
        "alias": "trial-until-spring",
        "expect": "ok",
        "requests": 1,
        "bulk": False,
        "body": {"user_id": "amelie", "duration": "180d"},
    },
    {
        "alias": "leaver",
        "expect": "blocked",
        "requests": 1,
        "bulk": False,
        "body": {"user_id": "amelie"},
    },
    {
        "alias": "spent-out",
        "expect": "over_budget",
        "requests": 1,
        "bulk": False,
        "body": {"user_id": "amelie", "max_budget": 0.000001},
    },
]
STORED_MODEL = "embed-stored"
EMBEDDING_REQUESTS = 2
BULK_TOTAL_SPEND = (
    80.0  # for all bulk rows together: below the team's budget however many rows there are
)
BULK_DAYS = 60
BATCH_ROWS = 100_000
# A real row takes 3.5 kB, most of it a copy of the model's price list; later rows go without it, or
# 10 million take 37 GB.
WHOLE_ROWS = 100_000
FLUSH_SECONDS = 120.0


class SeedError(Exception):
    """The deployment did not do what was asked; the text names the step and never a secret."""


# --- waiting ------------------------------------------------------------------------------------


def wait_for(what: str, condition: Callable[[], bool], seconds: float, pause: float = 0.5) -> None:
    """Poll until `condition()` is true. Raises SeedError when `seconds` have passed."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SeedError(f"{what}: not true after {seconds:.0f} s")
        time.sleep(pause)


# --- the proxy ----------------------------------------------------------------------------------


class Proxy:
    """A client of the proxy's HTTP interface."""

    def __init__(self, url: str, master_key: str) -> None:
        self.url = url.rstrip("/")
        self.master_key = master_key
        # A proxy variable of the machine must never get between us and the loopback.
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def call(
        self, method: str, path: str, body: Any = None, key: str | None = None
    ) -> tuple[int, Any]:
        """Status and parsed body (text when it is not JSON). Raises OSError when nobody answers."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method)
        request.add_header("Authorization", f"Bearer {key or self.master_key}")
        request.add_header("Content-Type", "application/json")
        try:
            with self.opener.open(request, timeout=60) as response:
                return response.status, parsed(response.read())
        except urllib.error.HTTPError as error:
            return error.code, parsed(error.read())

    def must(self, method: str, path: str, body: Any = None, key: str | None = None) -> Any:
        """The body of a successful call. Raises SeedError otherwise."""
        status, answer = self.call(method, path, body, key)
        if status >= 300:
            raise SeedError(f"{method} {path.split('?')[0]} answered {status}: {str(answer)[:500]}")
        return answer

    def ready(self) -> bool:
        try:
            status, answer = self.call("GET", "/health/readiness")
        except OSError:
            return False
        return status == 200 and isinstance(answer, dict) and answer.get("db") == "connected"


def parsed(raw: bytes) -> Any:
    text = raw.decode("utf-8", "replace")
    try:
        return json.loads(text)
    except ValueError:
        return text


# --- the database -------------------------------------------------------------------------------


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def sql(statement: str) -> str:
    """The output of psql, one row a line, columns parted by `|`. Raises SeedError."""
    command = [
        "psql",
        "--no-psqlrc",
        "--quiet",
        "--tuples-only",
        "--no-align",
        "--set=ON_ERROR_STOP=1",
    ]
    done = subprocess.run(command, input=statement, text=True, capture_output=True, check=False)
    if done.returncode:
        raise SeedError(f"psql: {done.stderr.strip()[:500]}")
    return done.stdout.strip()


def number(statement: str) -> int:
    return int(sql(statement) or 0)


def logged(api_key_hash: str) -> int:
    """Successful requests of a key that the database knows of."""
    return number(
        "SELECT count(*) FROM \"LiteLLM_SpendLogs\" WHERE status = 'success' "
        f"AND request_id NOT LIKE 'seed-%' AND api_key = {literal(api_key_hash)};"
    )


# --- the keys file ------------------------------------------------------------------------------


def hashed(key: str) -> str:
    """How LiteLLM stores a virtual key."""
    return hashlib.sha256(key.encode()).hexdigest()


def write_private(path: Path, content: str) -> None:
    """Write a 0600 file in one step: never half, never readable for others."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(temporary, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def new_secrets(url: str, chat_model: str, embedding_url: str) -> dict[str, Any]:
    """The content of a keys file before anything is made: all secrets are chosen first, so that a
    broken run can go on.
    """
    keys = []
    for entry in KEYS:
        key = "sk-" + secrets.token_urlsafe(24)
        keys.append(
            {
                "alias": entry["alias"],
                "key": key,
                "hash": hashed(key),
                "expect": entry["expect"],
                "team_id": entry["body"].get("team_id"),
                "user_id": entry["body"].get("user_id"),
                "max_budget": entry["body"].get("max_budget"),
            }
        )
    return {
        "url": url,
        "chat_model": chat_model,
        "bogus": "sk-" + secrets.token_urlsafe(24),
        "keys": keys,
        "team_id": TEAM["team_id"],
        "users": [user["user_id"] for user in USERS],
        "stored_model": {
            "name": STORED_MODEL,
            "api_base": embedding_url,
            "api_key": "sk-embed-" + secrets.token_urlsafe(24),
        },
    }


def load_secrets(path: Path, url: str, chat_model: str, embedding_url: str) -> dict[str, Any]:
    """The keys file, made when it is not there."""
    if not path.exists():
        content = new_secrets(url, chat_model, embedding_url)
        write_private(path, json.dumps(content, ensure_ascii=False, indent=2) + "\n")
    return json.loads(path.read_text(encoding="utf-8"))


# --- what is made -------------------------------------------------------------------------------


def make_team(proxy: Proxy) -> int:
    status, answer = proxy.call("GET", f"/team/info?team_id={TEAM['team_id']}")
    if status == 200:
        return 0
    if status != 404:
        raise SeedError(f"GET /team/info answered {status}: {str(answer)[:500]}")
    proxy.must("POST", "/team/new", TEAM)
    return 1


def make_users(proxy: Proxy) -> int:
    present = {user["user_id"] for user in proxy.must("GET", "/user/list?page_size=100")["users"]}
    missing = [user for user in USERS if user["user_id"] not in present]
    for user in missing:
        proxy.must("POST", "/user/new", {**user, "auto_create_key": False})
    members = {
        member["user_id"]
        for member in proxy.must("GET", f"/team/info?team_id={TEAM['team_id']}")["team_info"][
            "members_with_roles"
        ]
    }
    for user_id in ("amelie", "björn"):
        if user_id not in members:
            proxy.must(
                "POST",
                "/team/member_add",
                {"team_id": TEAM["team_id"], "member": {"role": "user", "user_id": user_id}},
            )
    return len(missing)


def key_info(proxy: Proxy, entry: dict[str, Any]) -> dict[str, Any] | None:
    """What the proxy knows of a key, or None."""
    status, answer = proxy.call("GET", f"/key/info?key={entry['hash']}")
    if status == 404:
        return None
    if status != 200:
        raise SeedError(f"GET /key/info for {entry['alias']} answered {status}")
    return answer["info"]


def make_keys(proxy: Proxy, known: dict[str, Any]) -> int:
    made = 0
    for plan, entry in zip(KEYS, known["keys"]):
        if key_info(proxy, entry) is None:
            proxy.must(
                "POST",
                "/key/generate",
                {"key_alias": plan["alias"], "key": entry["key"], **plan["body"]},
            )
            made += 1
    return made


def make_stored_model(proxy: Proxy, known: dict[str, Any], model: str) -> int:
    stored = known["stored_model"]
    names = {
        item["model_name"]
        for item in proxy.must("GET", "/model/info")["data"]
        if item["model_info"].get("db_model")
    }
    if stored["name"] in names:
        return 0
    proxy.must(
        "POST",
        "/model/new",
        {
            "model_name": stored["name"],
            "litellm_params": {
                "model": model,
                "api_base": stored["api_base"],
                "api_key": stored["api_key"],
                "input_cost_per_token": 0.00000002,
            },
            "model_info": {"mode": "embedding"},
        },
    )
    return 1


def chat(proxy: Proxy, model: str, key: str, text: str, stream: bool) -> None:
    """One real request that must be answered with its own words. Raises SeedError."""
    body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": text}]}
    answer = proxy.must("POST", "/v1/chat/completions", body, key)
    words = streamed_text(answer) if stream else answer["choices"][0]["message"]["content"]
    if not words:
        raise SeedError("a chat request was answered with nothing")


def streamed_text(raw: str) -> str:
    """The words of a whole server-sent-events body."""
    parts = []
    for line in raw.splitlines():
        if line.startswith("data: ") and line != "data: [DONE]":
            for choice in json.loads(line[6:]).get("choices", []):
                parts.append(choice["delta"].get("content") or "")
    return "".join(parts)


def send_requests(proxy: Proxy, known: dict[str, Any]) -> int:
    """The real requests that are missing; returns how many were sent.

    Waits until all of them are in the database.
    """
    sent = 0
    wanted = {}
    for plan, entry in zip(KEYS, known["keys"]):
        count = plan["requests"] + (EMBEDDING_REQUESTS if plan["alias"] == "batch-jobs" else 0)
        wanted[entry["hash"]] = count
        if logged(entry["hash"]) >= count:
            continue
        for index in range(plan["requests"]):
            chat(
                proxy,
                known["chat_model"],
                entry["key"],
                f"Frage {index} von {plan['alias']}: wie geht's?",
                stream=index % 2 == 1,
            )
        if plan["alias"] == "batch-jobs":
            for index in range(EMBEDDING_REQUESTS):
                answer = proxy.must(
                    "POST",
                    "/v1/embeddings",
                    {"model": known["stored_model"]["name"], "input": f"text {index}"},
                    entry["key"],
                )
                if not answer["data"][0]["embedding"]:
                    raise SeedError("the stored model gave an empty embedding")
        sent += count
    wait_for(
        "spend rows of the requests in the database",
        lambda: all(logged(key) >= count for key, count in wanted.items()),
        FLUSH_SECONDS,
    )
    wait_for(
        "spend of every key in the database (does the chat model have a price?)",
        lambda: unsettled(wanted) == 0,
        FLUSH_SECONDS,
    )
    return sent


def unsettled(hashes: Any) -> int:
    """How many of the keys have another spend than their spend rows add up to: their requests are
    not all booked yet.
    """
    listed = ", ".join(literal(item) for item in hashes)
    return number(f"""
        SELECT count(*) FROM "LiteLLM_VerificationToken" k
        JOIN (SELECT api_key, sum(spend) AS spend FROM "LiteLLM_SpendLogs"
              WHERE api_key IN ({listed}) GROUP BY 1) s ON s.api_key = k.token
        WHERE k.spend <= 0 OR abs(k.spend - s.spend) > 1e-6 * s.spend;""")


def block_keys(proxy: Proxy, known: dict[str, Any]) -> int:
    blocked = 0
    for entry in known["keys"]:
        if entry["expect"] == "blocked" and not (key_info(proxy, entry) or {}).get("blocked"):
            proxy.must("POST", "/key/block", {"key": entry["key"]})
            blocked += 1
    return blocked


# --- many rows ----------------------------------------------------------------------------------


def bulk_statement(first: int, last: int, total: int, hashes: list[str]) -> str:
    """SQL for the bulk rows number `first` to `last` of about `total`: spend rows shaped like the
    newest real request of each key in `hashes`, the daily tables and the spend of key, user and
    team, all in one transaction.
    """
    listed = ", ".join(literal(item) for item in hashes)
    mean = BULK_TOTAL_SPEND / max(total, 1)
    return BULK.format(
        first=first, last=last, hashes=listed, mean=repr(mean), days=BULK_DAYS, whole=WHOLE_ROWS
    )


# Every value follows from the row's number: the same number gives the same row on every machine and
# day of the same run.
BULK = """
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE TEMPORARY TABLE template ON COMMIT DROP AS
  SELECT row_number() OVER (ORDER BY api_key) - 1 AS place, count(*) OVER () AS places,
    metadata #- '{{model_map_information,model_map_value}}' AS slim, t.*
  FROM (SELECT DISTINCT ON (api_key) * FROM "LiteLLM_SpendLogs"
        WHERE status = 'success' AND request_id NOT LIKE 'seed-%' AND api_key IN ({hashes})
        ORDER BY api_key, "startTime" DESC) t;
CREATE TEMPORARY TABLE batch ON COMMIT DROP AS
  SELECT i, t.place, 5 + (i * 7919) % 1500 AS prompt, 1 + (i * 104729) % 700 AS completion,
         {mean} * (0.5 + ((i * 15485863) % 1000) / 1000.0) AS spend,
         date_trunc('day', t."startTime")
           - make_interval(days => (1 + (i * 31) % {days})::int, secs => (i * 6151) % 86400)
           AS began,
         100 + (i * 2711) % 9000 AS ms
  FROM generate_series({first}::bigint, {last}::bigint) i JOIN template t ON t.place = i % t.places;
INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, api_key, spend,
    total_tokens, prompt_tokens, completion_tokens, "startTime",
    "endTime", "completionStartTime",
    model, model_id, model_group, custom_llm_provider, api_base, "user", metadata,
    cache_hit, cache_key,
    request_tags, team_id, end_user, requester_ip_address, messages, response, proxy_server_request,
    session_id, status, mcp_namespaced_tool_name, organization_id, agent_id, request_duration_ms,
    created_at, updated_at)
  SELECT 'seed-' || lpad(b.i::text, 12, '0'), t.call_type, t.api_key, b.spend,
    b.prompt + b.completion, b.prompt, b.completion, b.began,
    b.began + make_interval(secs => b.ms / 1000.0), b.began + make_interval(secs => b.ms / 2000.0),
    t.model, t.model_id, t.model_group, t.custom_llm_provider, t.api_base, t."user",
    CASE WHEN b.i <= {whole} THEN t.metadata ELSE t.slim END, t.cache_hit, t.cache_key,
    t.request_tags, t.team_id, t.end_user, t.requester_ip_address, t.messages, t.response,
    t.proxy_server_request, md5(b.i::text)::uuid::text, t.status,
    t.mcp_namespaced_tool_name, t.organization_id, t.agent_id, b.ms, b.began, b.began
  FROM batch b JOIN template t USING (place);
CREATE TEMPORARY TABLE daily ON COMMIT DROP AS
  SELECT t."user" AS user_id, t.team_id, to_char(b.began, 'YYYY-MM-DD') AS date, t.api_key,
    t.model, t.model_group, t.custom_llm_provider,
    sum(b.prompt) AS prompt_tokens, sum(b.completion) AS completion_tokens,
    sum(b.spend) AS spend, count(*) AS requests
  FROM batch b JOIN template t USING (place) GROUP BY 1, 2, 3, 4, 5, 6, 7;
{{user_daily}}
{{team_daily}}
UPDATE "LiteLLM_VerificationToken" k SET spend = k.spend + s.spend
  FROM (SELECT api_key, sum(spend) AS spend FROM daily GROUP BY 1) s WHERE k.token = s.api_key;
UPDATE "LiteLLM_UserTable" u SET spend = u.spend + s.spend
  FROM (SELECT user_id, sum(spend) AS spend FROM daily GROUP BY 1) s WHERE u.user_id = s.user_id;
UPDATE "LiteLLM_TeamTable" m SET spend = m.spend + s.spend
  FROM (SELECT team_id, sum(spend) AS spend FROM daily GROUP BY 1) s WHERE m.team_id = s.team_id;
COMMIT;
"""


def daily_statement(table: str, owner: str) -> str:
    """SQL that adds the temporary table `daily` to one of LiteLLM's daily tables."""
    return f"""INSERT INTO "{table}" AS d (id, {owner}, date, api_key, model, model_group,
    custom_llm_provider, mcp_namespaced_tool_name, endpoint,
    prompt_tokens, completion_tokens, spend, api_requests, successful_requests, updated_at)
  SELECT gen_random_uuid()::text, {owner}, date, api_key, model, model_group,
    custom_llm_provider, '', '/chat/completions',
    prompt_tokens, completion_tokens, spend, requests, requests, CURRENT_TIMESTAMP
  FROM daily WHERE {owner} <> ''
  ON CONFLICT ({owner}, date, api_key, model, custom_llm_provider,
    mcp_namespaced_tool_name, endpoint)
  DO UPDATE SET
    prompt_tokens = d.prompt_tokens + excluded.prompt_tokens,
    completion_tokens = d.completion_tokens + excluded.completion_tokens,
    spend = d.spend + excluded.spend, api_requests = d.api_requests + excluded.api_requests,
    successful_requests = d.successful_requests + excluded.successful_requests,
    updated_at = excluded.updated_at;"""


BULK = BULK.replace("{{user_daily}}", daily_statement("LiteLLM_DailyUserSpend", "user_id")).replace(
    "{{team_daily}}", daily_statement("LiteLLM_DailyTeamSpend", "team_id")
)


def load_bulk(known: dict[str, Any], rows: int, say: Callable[[str], None]) -> int:
    """Fill LiteLLM_SpendLogs up to `rows`; returns how many were added.

    Each batch is one transaction: a broken run goes on.
    """
    hashes = [entry["hash"] for plan, entry in zip(KEYS, known["keys"]) if plan["bulk"]]
    missing = rows - number('SELECT count(*) FROM "LiteLLM_SpendLogs";')
    if missing <= 0:
        return 0
    start = (
        number(
            "SELECT coalesce(max(substring(request_id FROM 6)::bigint), 0) FROM "
            "\"LiteLLM_SpendLogs\" WHERE request_id LIKE 'seed-%';"
        )
        + 1
    )
    end = start + missing - 1
    for first in range(start, end + 1, BATCH_ROWS):
        last = min(first + BATCH_ROWS - 1, end)
        sql(bulk_statement(first, last, rows, hashes))
        if missing > BATCH_ROWS:
            say(f"{last - start + 1} of {missing} spend rows loaded")
    sql("ANALYZE;")
    return missing


# --- the whole ----------------------------------------------------------------------------------


def read_master_key(arguments: argparse.Namespace) -> str:
    """The master key from a file that holds it alone, or from a process' exact environment.

    Raises SeedError.
    """
    if arguments.master_key_file:
        return Path(arguments.master_key_file).read_text(encoding="utf-8").rstrip("\n")
    for item in Path(arguments.environ).read_bytes().split(b"\0"):
        if item.startswith(b"LITELLM_MASTER_KEY="):
            return item.partition(b"=")[2].decode()
    raise SeedError(f"no LITELLM_MASTER_KEY in {arguments.environ}")


def parse_arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--url", default="http://127.0.0.1:4000")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--master-key-file", help="file that holds the master key and nothing else")
    source.add_argument("--environ", help="a process' environment, such as /proc/PID/environ")
    parser.add_argument(
        "--keys-file", type=Path, required=True, help="where the virtual keys go, 0600"
    )
    parser.add_argument(
        "--rows", type=int, default=20_000, help="spend rows that there shall be (20000)"
    )
    parser.add_argument(
        "--chat-model", default="chat", help="a chat model of the configuration that has a price"
    )
    parser.add_argument("--embedding-url", default="http://127.0.0.1:8082/v1")
    parser.add_argument(
        "--embedding-model",
        default="openai/embed",
        help="LiteLLM's name of the stored model's backend",
    )
    parser.add_argument("--wait", type=float, default=120.0, help="seconds to wait for the proxy")
    return parser.parse_args(argv)


def seed(arguments: argparse.Namespace, say: Callable[[str], None]) -> dict[str, int]:
    """Do it all; returns how much of each was added (all zero on a second run)."""
    proxy = Proxy(arguments.url, read_master_key(arguments))
    wait_for("the proxy with a connected database", proxy.ready, arguments.wait)
    known = load_secrets(
        arguments.keys_file, arguments.url, arguments.chat_model, arguments.embedding_url
    )
    added = {
        "teams": make_team(proxy),
        "users": make_users(proxy),
        "keys": make_keys(proxy, known),
        "models": make_stored_model(proxy, known, arguments.embedding_model),
    }
    say(f"made {added}")
    added["requests"] = send_requests(proxy, known)
    added["blocked"] = block_keys(proxy, known)
    added["rows"] = load_bulk(known, arguments.rows, say)
    return added


def main(argv: list[str]) -> int:
    try:
        added = seed(parse_arguments(argv), lambda text: print(text, file=sys.stderr, flush=True))
    except (SeedError, OSError) as error:
        print(f"seed: {error}", file=sys.stderr)
        return 1
    print(json.dumps({"changed": any(added.values()), "added": added}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
