"""The report: from a journal, whole or cut off anywhere, to what a person reads."""

from __future__ import annotations

from typing import Any

import pytest
from migrated_host import BACK, STEPS, journal, rolled_back

from ansible_collections.llmops.litellm.plugins.module_utils._migration import report as _report
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    report_text as _report_text,
)


def test_refused_time_is_from_the_stop_to_the_first_answer() -> None:
    assert _report.refused(journal()) == 70.0
    assert _report.refused(journal(until="backup")) is None
    killed = journal(until="serve")
    killed["steps"][-1].update(state="begun", ended=None)
    assert _report.refused(killed) is None


HOLD = {"unit": "u", "state": "carrying", "held": 3, "kept": 5, "carried": 2, "seconds": 7.5}


def test_clients_that_waited_were_not_refused() -> None:
    made = journal()
    assert (_report.waited(made), _report.build(made, "/s")["refused_seconds"]) == (None, 70.0)
    entry_of(made, "serve")["facts"] = {"hold": HOLD}
    told = _report.build(made, "/s")
    assert told["waited"] == {"seconds": 7.5, "held": 3, "carried": 2}
    assert told["refused_seconds"] is None
    # who was let go before it served was refused
    entry_of(made, "serve")["facts"] = {"hold": {}}
    assert _report.build(made, "/s")["refused_seconds"] == 70.0


def test_clients_wait_on_the_way_back_as_well() -> None:
    made = rolled_back()
    entry_of(made, "serve")["facts"] = {"hold": HOLD}
    assert _report.waited(made) is None  # of the way there
    entry_of(made, "start_legacy")["facts"] = {"hold": HOLD}
    assert _report.waited(made) == {"seconds": 7.5, "held": 3, "carried": 2}


def test_clients_that_were_led_neither_waited_nor_were_refused() -> None:
    made = journal()
    assert (_report.led(made), _report.build(made, "/s")["led"]) == (None, None)
    entry_of(made, "serve")["facts"] = {"hold": HOLD, "pause": 3.25}
    told = _report.build(made, "/s")
    assert told["led"] == {"seconds": 3.25, "carried": 2, "waits": None}
    assert (told["waited"], told["refused_seconds"]) == (None, None)
    # its process had ended before it was told to let them go
    entry_of(made, "serve")["facts"] = {"hold": {}, "pause": 3.25}
    assert _report.led(made) == {"seconds": 3.25, "carried": 0, "waits": None}
    # what steps of the other way, and of earlier releases, have
    for facts in ({"hold": HOLD, "pause": 0.0}, {"hold": HOLD}, {"hold": HOLD, "pause": None}):
        entry_of(made, "serve")["facts"] = facts
        assert _report.led(made) is None
        assert _report.build(made, "/s")["waited"] == {"seconds": 7.5, "held": 3, "carried": 2}


@pytest.mark.parametrize("pauses", [(2.5, 1.0), (1.0, 2.5), (0, 2.5)])
def test_clients_are_led_on_the_way_back_as_well(pauses: tuple[float, float]) -> None:
    made = rolled_back()
    entry_of(made, "serve")["facts"] = {"hold": HOLD, "pause": 9.0}
    assert _report.led(made) is None  # of the way there
    stopped, started = pauses
    entry_of(made, "stop_new")["facts"] = {"pause": stopped}
    entry_of(made, "start_legacy")["facts"] = {"hold": HOLD, "pause": started}
    assert _report.led(made) == {"seconds": 2.5, "carried": 2, "waits": None}
    assert _report.build(made, "/s")["refused_seconds"] is None


def test_why_the_database_was_not_moved_while_it_was_used_is_told() -> None:
    made = journal()
    made["facts"]["cutover"] = {"way": "live", "waits": "no slot is free"}
    assert _report.led(made) is None
    entry_of(made, "serve")["facts"] = {"hold": HOLD, "pause": 3.25}
    told = _report.build(made, "/s")
    assert told["led"] == {"seconds": 3.25, "carried": 2, "waits": "no slot is free"}
    assert told["not_led"] == []


REDIS_BACK = {"carried": False, "keys": 7, "reason": "it has more"}


@pytest.mark.parametrize(
    ("in_step", "in_facts", "shown"),
    [
        (None, None, []),
        (
            REDIS_BACK,
            None,
            [(False, "7 keys: the native Redis has what it had, since it has more")],
        ),
        # copied only after clients were led back, which is later than the step
        (None, {"carried": True, "keys": 9, "reason": ""}, [(True, "9 keys")]),
        (REDIS_BACK, {"carried": True, "keys": 9, "reason": ""}, [(True, "9 keys")]),
    ],
)
def test_keys_of_redis_that_came_home_are_told(in_step: Any, in_facts: Any, shown: Any) -> None:
    made = rolled_back()
    entry_of(made, "copy_back")["facts"]["redis"] = in_step
    if in_facts:
        made["facts"]["redis_back"] = in_facts
    proofs = [
        (proof["ok"], proof["figures"])
        for proof in _report.build(made, "/s")["proofs"]
        if proof["name"] == "keys of Redis came home"
    ]
    assert proofs == shown


def test_why_nobody_was_led_is_what_the_run_found_out_last() -> None:
    made = journal()
    assert _report.build(made, "/s")["not_led"] == []  # of an earlier release
    made["facts"]["found"]["cutover"] = {"way": "stop", "reasons": ["memory is short"]}
    assert _report.not_led(made) == ["memory is short"]
    made["facts"]["cutover"] = {"way": "stop", "reasons": ["no image"]}
    assert _report.build(made, "/s")["not_led"] == ["no image"]
    # the operator has chosen so
    made["facts"]["cutover"] = {"way": "stop", "reasons": []}
    assert _report.not_led(made) == []


def test_keys_that_clients_may_have_removed_meanwhile_are_no_proof_of_anything() -> None:
    name = "keys, teams and users, which clients may have changed meanwhile"
    there, back = journal(), rolled_back()
    entry_of(there, "serve")["facts"] = {"pause": 3.0}
    entry_of(back, "start_legacy")["facts"]["pause"] = 3.0
    for made, step in ((there, "verify"), (back, "verify_legacy")):
        entry_of(made, step)["facts"]["after"]["keys"]["listed"] = []
        proofs = {proof["name"]: proof for proof in _report.build(made, "/s")["proofs"]}
        assert proofs[name]["ok"]
        assert "virtual keys: 1" in proofs[name]["figures"]
        assert "keys, teams, budgets and spend are what they were" not in proofs


def test_what_a_client_saw_is_of_the_way_that_ended_last() -> None:
    made = rolled_back()
    assert _report.watched(made) is None
    entry_of(made, "serve")["facts"] = {"watch": {"before": 1}}
    entry_of(made, "start_legacy")["facts"] = {"watch": {"before": 2}}
    assert _report.build(made, "/s")["watched"] == {"before": 2}
    forth = journal()
    entry_of(forth, "serve")["facts"] = {"watch": {"before": 1}}
    assert _report.build(forth, "/s")["watched"] == {"before": 1}
    entry_of(forth, "serve")["facts"] = {"watch": {}}  # nobody watched
    assert _report.build(forth, "/s")["watched"] is None


def entry_of(made: dict[str, Any], name: str) -> dict[str, Any]:
    """The last step of this name."""
    return [step for step in made["steps"] if step["name"] == name][-1]


def test_proofs_have_their_figures() -> None:
    proofs = {proof["name"]: proof for proof in _report.build(journal(), "/state")["proofs"]}
    assert all(proof["ok"] for proof in proofs.values())
    assert (
        "78 tables, 20,299 rows, content hash aaaaaaaaaaaa on both sides (PostgreSQL 15 "
        "to 17, 1.0 MiB in 6.3 s)"
    ) == proofs["equal fingerprints of the databases"]["figures"]
    assert (
        "1 of 1 accepted; 1 of 1 refused as before; a key that does not exist gets 401"
        == proofs["keys that worked before work now"]["figures"]
    )
    assert proofs["published on loopback only"]["figures"] == "127.0.0.1:4000"


@pytest.mark.parametrize(
    ("proof", "path", "value"),
    [
        ("keys that worked before work now", ("client_keys", 0, "models"), 401),
        ("keys that worked before work now", ("client_keys", 1, "chat"), 200),
        (
            "keys, teams, budgets and spend are what they were",
            ("keys", "listed", 0, "hash"),
            "another",
        ),
        ("models answer", ("exercised", 0, "ok"), False),
    ],
)
def test_what_differs_is_not_a_proof(proof: str, path: tuple[Any, ...], value: Any) -> None:
    made = journal()
    place = next(step for step in made["steps"] if step["name"] == "verify")["facts"]["after"]
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    assert [
        item["ok"] for item in _report.build(made, "/state")["proofs"] if item["name"] == proof
    ] == [False]


def test_keys_that_clients_have_made_meanwhile_are_no_loss() -> None:
    made = journal()
    keys = next(step for step in made["steps"] if step["name"] == "verify")["facts"]["after"][
        "keys"
    ]
    keys["listed"].append({"hash": "ba9876543210", "blocked": False, "max_budget": None})
    assert [
        item["ok"]
        for item in _report.build(made, "/state")["proofs"]
        if item["name"].startswith("keys, teams")
    ] == [True]


@pytest.mark.parametrize(("now", "ok"), [("yes", True), ("no", False)])
def test_what_models_could_do_in_the_rehearsal_is_a_proof(now: str, ok: bool) -> None:
    made = journal()
    row = {"model": "chat", "capability": "tools", "state": "yes", "why": "", "seconds": 0.1}
    facts = next(step for step in made["steps"] if step["name"] == "rehearse")["facts"]
    facts["capabilities"] = {"before": [row], "after": [{**row, "state": now}]}
    proof = next(
        item
        for item in _report.build(made, "/state")["proofs"]
        if item["name"] == "models can do what they could"
    )
    assert (proof["ok"], proof["figures"]) == (ok, "chat (tools: %s)" % now)


def test_bridges_that_were_proved_are_told_with_what_could_not_be() -> None:
    made = journal()
    facts = next(step for step in made["steps"] if step["name"] == "verify")["facts"]
    facts["bridges"] = {
        "proved": [8079, 8082],
        "notes": ["port 8091: its server starts on demand and is not woken for a proof"],
    }
    told = [
        item["figures"]
        for item in _report.build(made, "/state")["proofs"]
        if item["name"].startswith("model servers are reached")
    ]
    assert told == [
        "ports 8079, 8082; port 8091: its server starts on demand and is not woken for a proof"
    ]


def test_published_elsewhere_is_not_a_proof() -> None:
    made = journal()
    made["steps"][-2]["facts"]["containers"]["litellm-proxy"]["ports"]["4000/tcp"][0]["HostIp"] = (
        "0.0.0.0"
    )
    assert not next(
        item
        for item in _report.build(made, "/state")["proofs"]
        if item["name"] == "published on loopback only"
    )["ok"]


def test_published_where_it_was_asked_to_be_is_one() -> None:
    made = journal()
    verified = made["steps"][-2]["facts"]
    verified["containers"]["litellm-proxy"]["ports"]["4000/tcp"][0]["HostIp"] = "0.0.0.0"
    verified["answers"] = ["http://10.0.0.5:4000"]
    made["facts"]["found"]["address"] = {"publish": ["0.0.0.0"]}
    proofs = {item["name"]: item for item in _report.build(made, "/state")["proofs"]}
    name = "published at 0.0.0.0, where the proxy was asked to be, and else on loopback only"
    assert proofs[name]["ok"]
    told = proofs["the proxy answers where others reach it"]
    assert (told["ok"], told["figures"]) == (True, "http://10.0.0.5:4000")
    made["facts"]["found"]["address"] = {"publish": ["10.0.0.5"]}
    elsewhere = [item for item in _report.build(made, "/state")["proofs"] if not item["ok"]]
    assert [item["name"][:21] for item in elsewhere] == ["published at 10.0.0.5"]


def test_other_hash_is_not_a_proof() -> None:
    made = journal()
    copied = next(step for step in made["steps"] if step["name"] == "cutover")
    copied["facts"]["target"]["hash"] = "b" * 64
    assert not _report.build(made, "/state")["proofs"][0]["ok"]


def test_roles_that_came_along_are_told_with_or_without_a_password() -> None:
    made = journal()
    copied = next(step for step in made["steps"] if step["name"] == "cutover")
    copied["facts"]["readers"] = [
        {"name": "grafana", "password": True, "why": "", "rights": 12},
        {"name": "bi", "password": False, "why": "it has none", "rights": 3},
    ]
    proofs = {item["name"]: item for item in _report.build(made, "/state")["proofs"]}
    told = [proofs["role %s came along" % name] for name in ("grafana", "bi")]
    assert [(item["ok"], item["figures"]) for item in told] == [
        (True, "12 rights to read, with its password"),
        (False, "3 rights to read, no password: it has none"),
    ]


@pytest.mark.parametrize("name", [*STEPS, *BACK])
def test_step_that_failed_left_its_reason_alone(name: str) -> None:
    """Whatever it would have found, nothing of it is there to be told."""
    made = rolled_back()
    at = [each["name"] for each in made["steps"]].index(name)
    made["steps"][at:] = [{**made["steps"][at], "state": "failed", "facts": {"reason": "no space"}}]
    made["facts"]["failure"] = "no space"
    told = _report.build(made, "/state")
    assert "no space" in _report_text.markdown(told)


def test_failed_rollback_of_a_migrated_host_is_told() -> None:
    made = journal()
    made["facts"]["failure"] = "no space"
    assert _report.build(made, "/state")["outcome"].startswith(
        "The rollback failed. Nothing was lost"
    )


def test_automatic_way_back_has_refused_since_the_cutover() -> None:
    made = rolled_back()
    made["facts"]["failure"] = "it was frozen"
    assert _report.refused(made) == 3250.0


def test_images_are_told_by_their_names_and_which_no_registry_has() -> None:
    made = journal()
    made["facts"]["images"] = {
        "litellm": {"reference": "l@sha256:1", "name": "l:1", "local": False},
        "postgres": {"reference": "sha256:2", "name": "postgres:17", "local": True},
        "redis": {"reference": "r@sha256:3"},  # of release 0.1.0
    }
    told = [line for line in _report.build(made, "/state")["changes"] if "image of" in line]
    assert told == [
        "image of litellm: l:1, as l@sha256:1",
        "image of postgres: postgres:17, as sha256:2, which no registry has: keep it for a new host"
        " (docker save postgres:17)",
    ]


def test_views_of_included_files_are_told_with_their_lines() -> None:
    made = journal()
    facts = next(step for step in made["steps"] if step["name"] == "stage")["facts"]
    facts["included"] = [{"file": "/l/models.yaml", "view": "config.compose.1-models.yaml"}]
    facts["rewritten"].append(
        {
            "file": "/l/models.yaml",
            "view": "config.compose.1-models.yaml",
            "line": 3,
            "old": "http://[::1]:1",
            "new": "http://h:1",
        }
    )
    told = _report.build(made, "/state")["changes"]
    assert "config.compose.yaml, config.compose.1-models.yaml, .env" in told[0]
    assert [line for line in told if " line " in line] == [
        "config.compose.yaml line 36: http://localhost:8082 is http://host.docker.internal:8082",
        "config.compose.1-models.yaml line 3: http://[::1]:1 is http://h:1",
    ]


AWAY = {"where": "elsewhere", "host": "db.example.com", "port": 5432, "unit": None}


def away(made: dict[str, Any]) -> dict[str, Any]:
    """The same of a host whose stores are both elsewhere: nothing was copied."""
    found = made["facts"]["found"]
    found["database"] = {**found["database"], **AWAY}
    found["redis"] = {**AWAY, "host": "cache.example.com", "port": 6380}
    for entry in made["steps"]:
        if entry["name"] in ("cutover", "copy_back"):
            entry["facts"] = {}
    return made


def test_report_of_stores_that_stay_says_where() -> None:
    told = _report.build(away(journal()), "/state")
    assert told["outcome"] == "The host is migrated: LiteLLM runs in Docker Compose."
    stays = [item["figures"] for item in told["proofs"] if item["name"].startswith("not moved")]
    assert stays == [
        "database: stays at db.example.com:5432, nothing copied",
        "Redis: stays at cache.example.com:6380, nothing copied",
    ]
    assert "PostgreSQL 15.18 at db.example.com:5432, database llm_gateway, 86.5 MiB" in str(
        told["found"]
    )
    assert "Redis at cache.example.com:6380" in told["found"]
    meanings = {phase["name"]: phase["meaning"] for phase in told["phases"]}
    assert meanings["cutover"] == "legacy stopped; no database was copied"
    assert "redis.conf" not in told["changes"][0]
    assert not any("rollback_data" in line for line in told["undo"])
    assert any("litellm.service" in line for line in told["changes"])


def test_report_of_a_moved_database_is_as_it_was() -> None:
    told = _report.build(journal(), "/state")
    assert told["outcome"] == (
        "The host is migrated: LiteLLM, PostgreSQL and Redis run in Docker Compose."
    )
    assert "redis.conf" in told["changes"][0]
    assert "PostgreSQL 15.18 on port 5434" in told["found"][2]


@pytest.mark.parametrize("phase", ["stop_new", "start_legacy"])
def test_dead_end_without_a_moved_database_names_no_volume(phase: str) -> None:
    made = away(rolled_back())
    made["phase"] = phase
    told = " ".join(_report.stuck(made))
    assert "No database was moved" in told
    assert "volume" not in told


def test_report_of_a_proxy_without_a_database_says_so() -> None:
    made = away(journal())
    made["facts"]["found"]["database"] = None
    told = _report.build(made, "/state")
    assert "no database: models are the configuration's" in told["found"]
    meanings = {phase["name"]: phase["meaning"] for phase in told["phases"]}
    assert meanings["backup"] == "no backup: there is no database"
    assert meanings["cutover"] == "legacy stopped; no database was copied"


@pytest.mark.parametrize(
    ("without", "meaning"),
    [
        (["DATABASE_URL"], "new proxy tried without its database"),
        ([], "new proxy not tried: its configuration itself names the database"),
    ],
)
def test_report_says_whether_the_new_proxy_was_tried(without: list[str], meaning: str) -> None:
    made = away(journal())
    made["facts"]["found"]["database"]["rehearse_without"] = without
    phases = _report.build(made, "/state")["phases"]
    assert {phase["name"]: phase["meaning"] for phase in phases}["rehearse"] == meaning
