"""Clients that write at random to a database of LiteLLM's kind, as fast as they can."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import (
    Endpoint,
    Session,
    literal,
)

# Every kind of foreign key, values that are unique, a circle, keys of every type.
TABLES = """
CREATE TYPE "Job Status" AS ENUM ('ACTIVE', 'in''active', 'größe');
CREATE TABLE "LiteLLM_Team" (team_id text PRIMARY KEY, alias text UNIQUE,
  parent text REFERENCES "LiteLLM_Team" ON DELETE SET NULL ON UPDATE CASCADE,
  members text[], meta jsonb DEFAULT '{}');
CREATE TABLE "LiteLLM_Key" (token text PRIMARY KEY, alias text UNIQUE, spend float8 DEFAULT 0,
  team_id text REFERENCES "LiteLLM_Team" ON DELETE SET NULL ON UPDATE CASCADE);
CREATE TABLE "LiteLLM_Member" (team_id text REFERENCES "LiteLLM_Team" ON DELETE CASCADE
  ON UPDATE CASCADE, "user" int, found numeric, PRIMARY KEY (team_id, "user"));
CREATE TABLE "LiteLLM_Budget" (id int PRIMARY KEY, token text NOT NULL
  REFERENCES "LiteLLM_Key" ON DELETE RESTRICT ON UPDATE CASCADE, at timestamp(3) DEFAULT now());
CREATE TABLE "LiteLLM_Log" (id text PRIMARY KEY, body text, raw bytea, tags jsonb, flag boolean,
  number bigint GENERATED ALWAYS AS IDENTITY, size int GENERATED ALWAYS AS (length(id)) STORED,
  seen timestamptz, span interval, wide double precision, status "Job Status");
CREATE TABLE "LiteLLM_Odd" (a text, b timestamptz, c numeric, d bytea, e "Job Status", f float8,
  g uuid, h date, i boolean, j int[], k char(5), said text, PRIMARY KEY (a, b, c, d, e, f, g, h, i,
  j, k));
CREATE TABLE "LiteLLM_Pairs" (a text, b int, PRIMARY KEY (a, b));
CREATE TABLE "LiteLLM_Egg" (id int PRIMARY KEY, hen int NOT NULL);
CREATE TABLE "LiteLLM_Hen" (id int PRIMARY KEY, egg int NOT NULL REFERENCES "LiteLLM_Egg"
  ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED);
ALTER TABLE "LiteLLM_Egg" ADD FOREIGN KEY (hen) REFERENCES "LiteLLM_Hen" ON DELETE CASCADE
  DEFERRABLE INITIALLY DEFERRED;
CREATE TABLE "LiteLLM_Numbered" (id serial PRIMARY KEY, said text)
"""
# What a key may hold: all that SQL, psql or COPY could take for something else.
ODD = ["", "'", "''", "\\", "\\.", "\\N", "a\tb", "a\nb", "\r", "ü\U0001f600", '"', "$$", "%s"]
ODD += ["a b ", "NULL", "{}", ":x", "\\! id", "--", "/*", "\x01", "x" * 500]


def _statement(chance: random.Random, hostile: bool) -> str:
    """Calm clients write what fits in any order; hostile ones move what is unique, what is referred
    to and what refers to each other."""
    number = chance.randrange(40)
    text = literal(chance.choice(ODD) + str(chance.randrange(6)))
    team, other = (literal("team '%d\\" % chance.randrange(12)) for _each in range(2))
    token = literal("sk-%d" % chance.randrange(30))
    odd = ", ".join(
        (
            text,
            "timestamptz '2026-03-29 02:30:00.000001+02' + interval '%d s'" % chance.randrange(3),
            chance.choice(["0.10", "1e30", "'NaN'", "-5"]),
            chance.choice(["'\\x00ff5c27'", "''"]),
            chance.choice(["'ACTIVE'", "'in''active'", "'größe'"]),
            chance.choice(["0.1::float8 + 0.2", "'NaN'", "'-Infinity'", "1e-300"]),
            "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'",
            chance.choice(["'0044-03-15 BC'", "'infinity'"]),
            chance.choice(["true", "false"]),
            chance.choice(["'{}'", "'{1,NULL,3}'"]),
            chance.choice(["'ab'", "'abcde'"]),
            text,
        )
    )
    log, pairs, numbered = '"LiteLLM_Log"', '"LiteLLM_Pairs"', '"LiteLLM_Numbered" (said)'
    calm = [
        f"INSERT INTO {log} (id, body, raw, tags, wide) VALUES ({text}, (SELECT string_agg("
        "md5(random()::text), '') FROM generate_series(1, 300)), sha256('x'), '[1]', random())",
        f"UPDATE {log} SET flag = NOT coalesce(flag, false), seen = now(),"
        f" span = '-1 mon 3 days', status = 'größe' WHERE id = {text}",
        f"DELETE FROM {log} WHERE id = {text}",
        f'INSERT INTO "LiteLLM_Odd" VALUES ({odd})',
        f'UPDATE "LiteLLM_Odd" SET a = a || {number} WHERE a = {text}',
        f'DELETE FROM "LiteLLM_Odd" WHERE a = {text}',
        f"INSERT INTO {pairs} VALUES ({text}, {number % 5})",
        f"UPDATE {pairs} SET b = b + 1 WHERE a = {text}",
        f"DELETE FROM {pairs} WHERE a = {text}",
        f"INSERT INTO {numbered} VALUES ({text})",
        f"INSERT INTO {numbered} VALUES ({text});"
        f' DELETE FROM "LiteLLM_Numbered" WHERE said = {text}',
        f'INSERT INTO "LiteLLM_Team" (team_id, members) VALUES ({team}, ARRAY[{text}, NULL])'
        " ON CONFLICT (team_id) DO UPDATE SET meta = '{\"a\": [1.10, null]}'",
        f'INSERT INTO "LiteLLM_Key" VALUES ({token}, NULL, 0.1, {team})',
        f'UPDATE "LiteLLM_Key" SET spend = spend * 1.7 + {number} WHERE token = {token}',
    ]
    if not hostile:
        return chance.choice(calm)
    return chance.choice(
        [
            *calm,
            f'DELETE FROM "LiteLLM_Team" WHERE team_id = {team}',
            f'UPDATE "LiteLLM_Team" SET team_id = {other} WHERE team_id = {team}',
            f'UPDATE "LiteLLM_Team" SET parent = {other}, alias = NULL WHERE team_id = {team}',
            f'UPDATE "LiteLLM_Team" SET alias = {text} WHERE team_id = {team}',
            f'UPDATE "LiteLLM_Key" SET team_id = {team}, alias = {text} WHERE token = {token}',
            f"UPDATE \"LiteLLM_Key\" SET token = token || 'x' WHERE token = {token}",
            f'DELETE FROM "LiteLLM_Key" WHERE starts_with(token, {token})',
            f'INSERT INTO "LiteLLM_Member" VALUES ({team}, {number}, {number} / 7.0)',
            f'DELETE FROM "LiteLLM_Member" WHERE "user" = {number}',
            f'INSERT INTO "LiteLLM_Budget" VALUES ({number}, {token})',
            f'UPDATE "LiteLLM_Budget" SET token = {token}, at = now() WHERE id = {number}',
            f'DELETE FROM "LiteLLM_Budget" WHERE id = {number}',
            f'INSERT INTO "LiteLLM_Hen" VALUES ({number}, {number});'
            f' INSERT INTO "LiteLLM_Egg" VALUES ({number}, {number})',
            f'DELETE FROM "LiteLLM_Hen" WHERE id = {number}',
            f'UPDATE "LiteLLM_Egg" SET hen = {number // 2} WHERE id = {number}',
        ]
    )


def transaction(chance: random.Random, hostile: bool) -> str:
    """One to four statements, each of which counts alone or, if it fails, not at all."""
    parts = "".join(
        "BEGIN SET CONSTRAINTS ALL DEFERRED; %s; SET CONSTRAINTS ALL IMMEDIATE; EXCEPTION WHEN"
        " integrity_constraint_violation OR cardinality_violation OR deadlock_detected THEN NULL;"
        " END; " % _statement(chance, hostile)
        for _each in range(chance.randrange(1, 5))
    )
    return "BEGIN; SET LOCAL synchronous_commit = %s; DO %s; %s" % (
        chance.choice(["on", "off"]),
        literal("BEGIN %sEND" % parts),
        chance.choice(["COMMIT"] * 5 + ["ROLLBACK"]),
    )


@contextmanager
def writing(endpoint: Endpoint, hostile: bool, seed: int = 0) -> Iterator[Callable[[], int]]:
    """Two clients that write meanwhile; within, a function lets them end and says how many
    transactions there were."""
    stop = threading.Event()

    def work(client: int) -> int:
        chance, count = random.Random(seed * 2 + client), 0
        with Session(endpoint) as session:
            while not stop.is_set():
                session.execute(transaction(chance, hostile))
                count += 1
        return count

    with ThreadPoolExecutor(2) as pool:
        clients = [pool.submit(work, number) for number in range(2)]

        def end() -> int:
            stop.set()
            return sum(client.result() for client in clients)

        try:
            yield end
        finally:
            stop.set()
