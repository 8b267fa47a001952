# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What clients of a proxy see, without a secret, and what of it another proxy shows differently."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections import Counter
from collections.abc import Sequence
from typing import Any, Iterable, Optional, TypedDict, Union
from urllib.parse import urlsplit

from .._config.environment_rules import is_loopback
from .._health import capabilities as _capabilities
from .._health import probe as _probe
from .._health import sample_request as _sample_request
from .._host import display as _display
from .._litellm.client import Client, ProxyError
from . import client_keys as _client_keys

PAGE = 100  # the most that LiteLLM gives at once
# A digest holds the settings that people make, and none that LiteLLM derives, dates or counts.
KEY_SETTINGS = (
    "models",
    "allowed_routes",
    "permissions",
    "metadata",
    "aliases",
    "config",
    "tpm_limit",
    "rpm_limit",
    "max_parallel_requests",
    "budget_duration",
    "model_max_budget",
    "budget_id",
)
TEAM_SETTINGS = (
    "models",
    "metadata",
    "tpm_limit",
    "rpm_limit",
    "max_parallel_requests",
    "budget_duration",
    "model_max_budget",
    "members_with_roles",
)
MODEL_INFO = ("base_model", "team_id", "team_public_model_name", "access_groups")
ADDRESSES = ("api_base", "base_url")
SECRET = re.compile(r"key|secret|password|credential|header|token", re.I)


class Model(TypedDict):
    """A model that the proxy lists; ``local``: it is served on this host."""

    name: str
    mode: str
    db_model: bool
    local: bool
    digest: str


class Budgeted(TypedDict):
    """What a key and a team have alike; ``settings`` is a digest."""

    alias: Optional[str]
    blocked: bool
    spend: float
    max_budget: Optional[float]
    budget_reset_at: Optional[str]
    settings: str


class Key(Budgeted):
    """A key, by the beginning of its hash."""

    hash: str
    expires: Optional[str]
    team: Optional[str]
    user: Optional[str]


class Team(Budgeted):
    """A team."""

    id: str


class Keys(TypedDict):
    """All keys."""

    count: int
    listed: list[Key]


class Users(TypedDict):
    """All users."""

    count: int


class Snapshot(TypedDict):
    """What clients of a proxy see, as the journal keeps it, without a secret. ``bogus``: the status
    that a key gets which does not exist. ``exercised``: see
    :func:`_health.sample_request.exercise`, ``capabilities``: see :func:`observe` (a journal may be
    older than they are), ``client_keys``: see :func:`_migration.client_keys.attempt`."""

    models: list[Model]
    keys: Keys
    teams: list[Team]
    users: Users
    bogus: Optional[int]
    exercised: list[dict[str, Any]]
    client_keys: list[dict[str, Any]]
    capabilities: list[dict[str, Any]]


def digest(value: Any) -> str:
    """Twelve characters that differ where two values do. Empty, false and absent are the same."""
    if isinstance(value, dict):
        value = {
            name: item for name, item in value.items() if item not in (None, False, "", [], {})
        }
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:12]


def snapshot(
    client: Client,
    exercise: Optional[Sequence[str]] = None,
    client_keys: Sequence[_client_keys.ClientKey] = (),
    chat_model: Optional[str] = None,
    bogus: bool = True,
    local_hosts: Sequence[str] = (),
    own_ports: Sequence[int] = (),
    capabilities: bool = False,
    database: bool = True,
    earlier: Optional[Snapshot] = None,
) -> Snapshot:
    """What clients of this proxy see; ``client`` has its master key.

    The shape is documented with the module.

    :param exercise: models to send a request of each of their modes' kinds. ``None``: the first on
        this host for each mode, once from the configuration, once from the database. No model
        elsewhere is asked unless it is named, since that may cost money.
    :param client_keys: keys to try; only statuses are kept. ``chat_model``: also with this model.
    :param bogus: also try a key that does not exist. LiteLLM logs it as a failed request.
    :param local_hosts: names of this host beside the loopback ones.
    :param own_ports: the proxy's own ports; a model at one of them is behind a proxy, so it is not
        on this host.
    :param capabilities: also ask the exercised models that answer what else they can do, as the
        probe does.
    :param database: whether the proxy has one; without it there are no keys, teams and users.
    :param earlier: a snapshot that this one will be compared with; what its models could do is
        asked for too.
    :raises ProxyError: the proxy does not answer, or not to this key.
    """
    models = _models(client, set(local_hosts), {*own_ports, client.port})
    chosen = [(name, None) for name in exercise] if exercise is not None else _first_local(models)
    modes = {model["name"]: model["mode"] for model in reversed(models)}
    asked = [(name, mode or modes.get(name, "chat")) for name, mode in chosen]
    could = earlier.get("capabilities", []) if earlier else []
    found: Snapshot = {
        "models": models,
        "keys": _keys(client) if database else {"count": 0, "listed": []},
        "teams": _teams(client) if database else [],
        "users": {"count": _users(client) if database else 0},
        "bogus": client.with_key("sk-" + secrets.token_urlsafe(24)).get("/v1/models").status
        if bogus
        else None,
        "exercised": [
            result
            for name, mode in asked
            for result in _sample_request.exercise(client, name, mode)
        ],
        "client_keys": [_client_keys.attempt(client, item, chat_model) for item in client_keys],
        "capabilities": [],
    }
    well = {result["model"] for result in found["exercised"] if result["ok"]}
    wanted = [(name, mode) for name, mode in asked if name in well] if capabilities or could else []
    found["capabilities"] = observe(client, wanted, could)
    return found


def _models(client: Client, local_hosts: set[str], own_ports: set[int]) -> list[Model]:
    found: list[Model] = []
    for item in _list(client.json("GET", "/model/info"), "data", "/model/info"):
        params, info = item.get("litellm_params") or {}, item.get("model_info") or {}
        kept = {
            name: value
            for name, value in params.items()
            if name not in ADDRESSES
            and (isinstance(value, (int, float)) or not SECRET.search(name))
        }
        found.append(
            {
                "name": str(item.get("model_name")),
                "mode": info.get("mode") or "chat",
                "db_model": bool(info.get("db_model")),
                "local": any(
                    _is_local(params.get(name), local_hosts, own_ports) for name in ADDRESSES
                ),
                "digest": digest(
                    {**kept, **{"info " + name: info.get(name) for name in MODEL_INFO}}
                ),
            }
        )
    return found


def _is_local(address: Any, local_hosts: set[str], own_ports: set[int]) -> bool:
    try:
        parts = urlsplit(address if isinstance(address, str) else "")
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return False
    return bool(host) and (is_loopback(host) or host in local_hosts) and port not in own_ports


def _first_local(models: list[Model]) -> list[tuple[str, Optional[str]]]:
    """The models to exercise unasked: a name that is also served from elsewhere is not among them,
    nor is a pattern.
    """
    elsewhere = {model["name"] for model in models if not model["local"]}
    first: dict[tuple[str, bool], str] = {}
    for model in models:
        if (
            model["name"] not in elsewhere
            and "*" not in model["name"]
            and _sample_request.kinds_of(model["mode"])
        ):
            first.setdefault((model["mode"], model["db_model"]), model["name"])
    return [(name, mode) for (mode, _stored), name in first.items()]


def _list(body: Any, name: str, path: str) -> list[dict[str, Any]]:
    """The rows of an answer: under a name, or the answer itself where the name is empty."""
    found = body if not name else body.get(name) if isinstance(body, dict) else None
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise ProxyError("GET %s: the answer has not the form that LiteLLM gives it" % path)
    return found


def _keys(client: Client) -> Keys:
    """All keys by their hash.

    Sorted by the server where it can, so that none slips from page to page.
    """
    path = "/key/list?return_full_object=true&include_team_keys=true&size=%d" % PAGE
    if client.get(path + "&page=1&sort_by=token&sort_order=asc").status == 200:
        path += "&sort_by=token&sort_order=asc"
    rows: dict[str, dict[str, Any]] = {}
    page = pages = 1
    while page <= pages:
        body = client.json("GET", "%s&page=%d" % (path, page))
        found = _list(body, "keys", "/key/list")
        rows.update((str(row.get("token")), row) for row in found)
        told = body.get("total_pages")
        pages, page = told if isinstance(told, int) and found else page, page + 1
    return {
        "count": len(rows),
        "listed": [
            {
                "hash": token[:12],
                "alias": row.get("key_alias"),
                "blocked": bool(row.get("blocked")),
                "spend": row.get("spend") or 0.0,
                "max_budget": row.get("max_budget"),
                "budget_reset_at": row.get("budget_reset_at"),
                "expires": row.get("expires"),
                "team": row.get("team_id"),
                "user": row.get("user_id"),
                "settings": digest({name: row.get(name) for name in KEY_SETTINGS}),
            }
            for token, row in sorted(rows.items())
        ],
    }


def _teams(client: Client) -> list[Team]:
    found: list[Team] = [
        {
            "id": str(row.get("team_id")),
            "alias": row.get("team_alias"),
            "blocked": bool(row.get("blocked")),
            "spend": row.get("spend") or 0.0,
            "max_budget": row.get("max_budget"),
            "budget_reset_at": row.get("budget_reset_at"),
            "settings": digest({name: row.get(name) for name in TEAM_SETTINGS}),
        }
        for row in _list(client.json("GET", "/team/list"), "", "/team/list")
    ]
    return sorted(found, key=lambda team: team["id"])


def _users(client: Client) -> int:
    body = client.json("GET", "/user/list?page=1&page_size=1")
    return (
        int(body["total"])
        if isinstance(body, dict) and isinstance(body.get("total"), int)
        else len(_list(body, "users", "/user/list"))
    )


def compare(old: Snapshot, new: Snapshot, served: bool = False) -> list[str]:
    """What a client lost or would find changed from one snapshot to a later one, in plain words.

    Spend may have grown, or begun again with a new budget period. Keys, teams and users may have
    been added; models may not.

    :param served: whether clients were served between both, who may have changed keys, teams and
        users, or removed them. Their rows are not compared then.
    """
    found = _compare_models(old["models"], new["models"])
    found += [] if served else _compare_all_rows(old, new)
    if new["bogus"] not in (None, 401) and (new["bogus"] == 200 or new["bogus"] != old["bogus"]):
        found.append(
            "a key that does not exist gets HTTP %s where it should get 401" % new["bogus"]
        )
    return (
        found
        + _compare_exercised(
            old["exercised"], new["exercised"], {model["name"] for model in new["models"]}
        )
        + _compare_capabilities(old, new)
        + _client_keys.differences(old["client_keys"], new["client_keys"])
    )


def _compare_all_rows(old: Snapshot, new: Snapshot) -> list[str]:
    found = []
    keys = {key["hash"]: key for key in new["keys"]["listed"]}
    for key in old["keys"]["listed"]:
        name = "key %s" % (key["alias"] or key["hash"])
        found += _compare_rows(name, key, keys.get(key["hash"]))
    teams = {team["id"]: team for team in new["teams"]}
    for team in old["teams"]:
        name = "team %s" % (team["alias"] or team["id"])
        found += _compare_rows(name, team, teams.get(team["id"]))
    if new["users"]["count"] < old["users"]["count"]:
        found.append("users: %d became %d" % (old["users"]["count"], new["users"]["count"]))
    return found


def _compare_models(old: list[Model], new: list[Model]) -> list[str]:
    before, after = (
        Counter(
            (model["name"], model["mode"], model["db_model"], model["digest"]) for model in models
        )
        for models in (old, new)
    )
    lost, added = (
        Counter(model[0] for model in side.elements()) for side in (before - after, after - before)
    )
    return (
        ["model %s: its settings differ" % name for name in sorted(lost & added)]
        + ["model %s: it is not there any more" % name for name in sorted(lost - added)]
        + ["model %s: it was not there before" % name for name in sorted(added - lost)]
    )


def _compare_rows(name: str, old: Union[Key, Team], new: Union[Key, Team, None]) -> list[str]:
    if new is None:
        return ["%s: it is not there any more" % name]
    before: dict[str, Any] = {**old}
    after: dict[str, Any] = {**new}
    found = [
        "%s: %s %s became %s" % (name, field, _shown(before[field]), _shown(after[field]))
        for field in ("blocked", "max_budget", "expires", "team", "user")
        if field in before and before[field] != after[field]
    ]
    if old["settings"] != new["settings"]:
        found.append("%s: its settings differ" % name)
    if (
        new["spend"] < old["spend"] - 1e-9 * max(1.0, abs(old["spend"]))
        and old["budget_reset_at"] == new["budget_reset_at"]
    ):
        found.append("%s: spend %s became %s" % (name, _shown(old["spend"]), _shown(new["spend"])))
    return found


def _shown(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no"}.get(value, "none")  # type: ignore[arg-type]
    return "%.10g" % value if isinstance(value, (int, float)) else str(value)


def _compare_exercised(
    old: list[dict[str, Any]], new: list[dict[str, Any]], listed: set[str]
) -> list[str]:
    """Nothing of a model that is not there any more, which is said already."""
    there = {(result["model"], result["mode"]): result for result in new}
    found = []
    for result in (result for result in old if result["model"] in listed):
        later = there.get((result["model"], result["mode"]))
        found += (
            _sample_request.differences(result, later)
            if later
            else ["model %s, %s: it was not asked again" % (result["model"], result["mode"])]
        )
    return found


def _compare_capabilities(old: Snapshot, new: Snapshot) -> list[str]:
    """Nothing of a model that does not answer any more, which is said already."""
    silent = {result["model"] for result in new["exercised"]} - {
        result["model"] for result in new["exercised"] if result["ok"]
    }
    return differences(
        [row for row in old.get("capabilities", []) if row["model"] not in silent],
        new["capabilities"],
    )


def table(old: Snapshot, new: Snapshot) -> list[str]:
    """Every request to a model, on both sides, with the seconds that it took: lines for a
    person."""
    rows = [("model", "asked for", "before", "now", "seconds before", "seconds now")]
    there = {key: (state, seconds) for key, state, seconds in _asked(new)}
    for key, state, seconds in _asked(old):
        later, took = there.get(key, ("not asked", ""))
        name, asked = map(_display.plain, key)
        rows.append((name, asked, state, later, seconds, took))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows
    ]


def _asked(seen: Snapshot) -> list[tuple[tuple[str, str], str, str]]:
    told = [
        ((row["model"], row["mode"]), "yes" if row["ok"] else "failed", row["seconds"])
        for row in seen["exercised"]
    ]
    told += [
        ((row["model"], row["capability"]), WORDS[row["state"]], row["seconds"])
        for row in seen.get("capabilities", [])
    ]
    return [(key, state, "%.2f" % seconds) for key, state, seconds in told]


# A model does not always do what it can: so often it is asked for what it could before.
TRIES = 3
WORDS = {_probe.YES: "yes", _probe.NO: "no", _probe.BROKEN: "failed"}


def observe(
    client: Client, models: Iterable[tuple[str, str]], earlier: Iterable[dict[str, Any]] = ()
) -> list[dict[str, Any]]:
    """One row for each capability of each of the ``models`` (name and mode), but for those that an
    exercise of the mode shows anyway.

    :param earlier: rows of another proxy, or of this one before.
    """
    before = {(row["model"], row["capability"]): row["state"] for row in earlier}
    rows = []
    for name, mode in models:
        for capability in _capabilities.BY_MODE.get(mode, ()):
            if capability.name in _sample_request.kinds_of(mode):
                continue
            for _try in range(TRIES):
                told = _probe.ask(client, _probe.Task(name, capability))
                if not _lost(before.get((name, capability.name)), told["state"]):
                    break
            rows.append(
                {field: told[field] for field in ("model", "capability", "state", "why", "seconds")}
            )
    return rows


def differences(old: Iterable[dict[str, Any]], new: Iterable[dict[str, Any]]) -> list[str]:
    """What models could do and can't any more, in plain words.

    What they can do in addition is none.
    """
    there = {(row["model"], row["capability"]): row for row in new}
    found = []
    for row in old:
        name, later = (
            "model %s, %s" % (row["model"], row["capability"]),
            there.get((row["model"], row["capability"])),
        )
        if later is None:
            found.append("%s: it was not asked again" % name)
        elif _lost(row["state"], later["state"]):
            found.append(
                "%s: %s became %s%s"
                % (
                    name,
                    WORDS[row["state"]],
                    WORDS[later["state"]],
                    " (%s)" % later["why"] if later["why"] else "",
                )
            )
    return found


def _lost(old: Any, new: str) -> bool:
    """A failure is more than a missing capability: the gateway's own, as often as not."""
    return old is not None and new != old and (old == _probe.YES or new == _probe.BROKEN)
