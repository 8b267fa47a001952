"""What a deployment is made from, by what the host remembers and the inventory wishes."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    compose_file as _compose_file,
)
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import facts as _facts
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import journal as _journal
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    journal_shape as _shape,
)
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import places as _places
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import record as _record

NOW = datetime(2026, 12, 1, 3, 0, tzinfo=timezone.utc)
OWNER = {"controller": "desk", "run": "7:100"}
FOUND: dict[str, Any] = {"project_dir": "/srv/llm", "legacy": {"unit": {"name": "x"}, "port": 4001}}
COMPOSE = """\
name: litellm
services:
  litellm:
    command: ["--config", "/c.yaml", "--host", "0.0.0.0", "--port", "4000", "--salt", "a$$b"]
    ports:
      - "10.0.0.5:4100:4000"
      - "127.0.0.1:4100:4000"
      - "[::1]:4100:4000"
    environment:
      GOOGLE_APPLICATION_CREDENTIALS: "/home/litellm/vertex.json"
    extra_hosts:
      - "host.docker.internal:172.30.40.1"
      - "gpu1:10.0.0.7"
    volumes:
      - {type: bind, source: ./config.compose.yaml, target: /app/config.yaml, read_only: true}
      - {type: bind, source: ./needed.001-vertex.json, target: "/home/litellm/vertex.json"}
      - {type: bind, source: "/etc/ssl/own.pem", target: "/etc/ssl/own.pem", read_only: true}
  postgres:
    ports: ["127.0.0.1:5435:5432"]
  redis:
    ports: ["127.0.0.1:6380:6379"]
"""


def journal(state: str) -> _journal.Journal:
    made = _journal.create("x", OWNER, NOW)
    made["state"] = state
    made["facts"]["found"] = FOUND
    return made


def record(state: str, step: str = "prepare", **facts: Any) -> _record.Record:
    made = _record.begin(None, OWNER, NOW + timedelta(hours=1))
    made.update(state=state, step=step)
    made["facts"].update(facts)  # type: ignore[typeddict-item]
    return made


@pytest.mark.parametrize(
    ("there", "made", "compose", "known"),
    [
        (None, None, {}, ("new", {}, False, False)),
        (journal("migrated"), None, {}, ("migrated", FOUND, False, False)),
        (journal("finalized"), record("deployed"), {}, ("migrated", FOUND, False, False)),
        # its own project's files may still be there: whoever serves, it is not this project
        (journal("rolled back"), None, {"port": 1}, ("new", {}, False, False)),
        (None, record("deployed", found=FOUND), {}, ("deployed", FOUND, False, False)),
        # of a later run that was killed
        (None, record("running", "swap", found=FOUND), {}, ("deployed", FOUND, False, False)),
        (None, record("running"), {"port": 1}, ("new", {}, True, False)),
        (None, record("failed", "swap"), {}, ("new", {}, True, True)),
        (journal("untouched"), record("deployed", found=FOUND), {}, ("deployed", FOUND, 0, 0)),
        (None, None, {"port": 1}, ("restored", {"port": 1}, False, False)),
    ],
)
def test_origin(there: Any, made: Any, compose: Any, known: Any) -> None:
    assert _facts.known(there, made, compose) == known


def test_record_from_before_a_migration_does_not_count() -> None:
    """Volumes that are there then are the migration's, not of a run that was killed."""
    before = record("failed")
    before["begun"] = _journal.stamp(NOW - timedelta(hours=1))
    assert _facts.known(journal("rolled back"), before, {}) == ("new", {}, False, False)


def test_bare_host_has_defaults() -> None:
    found = _facts.bare("/opt/litellm")
    assert _shape.odd_facts({"found": found}) == []
    assert _places.of(found) == ("here", "here")
    assert _places.services(found) == ["litellm", "postgres", "redis"]
    assert (found["legacy"]["port"], found["legacy"]["options"]) == (4000, [])
    assert (found["database"]["port"], found["redis"]["port"]) == (5434, 6379)
    assert found["legacy"]["config"] == "/opt/litellm/config.yaml"


def test_what_a_backup_restored_is_read_from_its_compose_file() -> None:
    found = _facts.restored("/opt/litellm", _compose_file.read(COMPOSE), "nowhere")
    assert _shape.odd_facts({"found": {**found, "address": None}}) == []
    assert found["legacy"]["port"] == 4100
    assert found["legacy"]["options"] == ["--salt", "a$b"]
    assert found["legacy"]["environment"] == "/opt/litellm/.env"
    assert (found["database"]["port"], found["redis"]["port"]) == (5435, 6380)
    assert found["address"] == {"publish": ["10.0.0.5", "127.0.0.1", "::1"]}
    assert found["needs"]["files"] == [
        {
            "source": "/opt/litellm/needed.001-vertex.json",
            "target": "/home/litellm/vertex.json",
            "name": "needed.001-vertex.json",
        }
    ]
    assert found["needs"]["mounts"] == [
        {"source": "/etc/ssl/own.pem", "target": "/etc/ssl/own.pem"}
    ]
    assert found["needs"]["addresses"] == {"gpu1": "10.0.0.7"}
    assert found["needs"]["environment"] == {
        "GOOGLE_APPLICATION_CREDENTIALS": "/home/litellm/vertex.json"
    }


@pytest.mark.parametrize("place", ["elsewhere", "nowhere"])
def test_restored_deployment_without_stores(place: str) -> None:
    text = COMPOSE[: COMPOSE.index("  postgres:")]
    found = _facts.restored("/opt/litellm", _compose_file.read(text), place)
    assert _places.of(found) == (place, "elsewhere")


def test_restored_proxy_in_the_hosts_network() -> None:
    text = COMPOSE.replace(
        '"--host", "0.0.0.0", "--port", "4000"', '"--host", "::1", "--port", "4200"'
    )
    start, end = text.index("    ports:\n"), text.index("    environment:")
    text = text[:start] + "    network_mode: host\n" + text[end:]
    found = _facts.restored("/opt/litellm", _compose_file.read(text), "nowhere")
    assert (found["legacy"]["port"], found["address"]["publish"]) == (4200, ["::1"])


def test_wishes_win() -> None:
    before = _facts.bare("/opt/litellm")
    before["legacy"].update(config="/home/litellm/config.yaml", reader="litellm", port=4001)
    wishes = _facts.Wishes(
        {"proxy": 4100, "database": 5500, "redis": 6400},
        options=["--num_workers", "2"],
        config=True,
    )
    made = _facts.wished(before, wishes)
    assert made["legacy"]["port"] == 4100
    assert made["legacy"]["options"] == ["--num_workers", "2"]
    assert (made["legacy"]["config"], made["legacy"]["reader"]) == ("/opt/litellm/config.yaml", "")
    assert (made["database"]["port"], made["redis"]["port"]) == (5500, 6400)
    assert before["legacy"]["port"] == 4001  # what the host remembers is another thing


def test_what_is_not_wished_stays() -> None:
    before = _facts.bare("/opt/litellm")
    before["legacy"].update(config="/home/litellm/config.yaml", reader="litellm", port=4001)
    ports = {"proxy": None, "database": None, "redis": None}
    assert _facts.wished(before, _facts.Wishes(ports)) == before


@pytest.mark.parametrize("store", [None, {"where": "elsewhere", "port": 5432}])
def test_port_of_a_store_that_is_not_here_is_not_wished(store: Any) -> None:
    before = {**_facts.bare("/opt/litellm"), "database": store}
    assert _facts.wished(before, _facts.Wishes({"database": 5500}))["database"] == store


@pytest.mark.parametrize(
    ("before", "wishes", "publish"),
    [
        ({}, {}, ["127.0.0.1"]),
        ({"publish": ["10.0.0.5", "127.0.0.1"]}, {}, ["10.0.0.5", "127.0.0.1"]),
        ({"publish": ["127.0.0.1"]}, {"publish": ["10.0.0.5"]}, ["127.0.0.1", "10.0.0.5"]),
        ({}, {"publish": ["0.0.0.0"]}, ["0.0.0.0"]),
        ({}, {"publish": ["10.0.0.5"], "network": "host"}, ["10.0.0.5"]),
        ({}, {"publish": ["10.0.0.5", "0.0.0.0"], "network": "host"}, ["0.0.0.0"]),
    ],
)
def test_publish(before: Any, wishes: Any, publish: list[str]) -> None:
    assert _facts.publish({"address": before}, _facts.Wishes(**wishes)) == publish


def test_address() -> None:
    told = _facts.address(4100, ["10.0.0.5", "127.0.0.1"], True, ["10.0.0.5"], ["127.0.0.1"])
    assert told == {
        "legacy": ["127.0.0.1"],
        "publish": ["10.0.0.5", "127.0.0.1"],
        "listen": "10.0.0.5",
        "tls": True,
        "legacy_url": "https://127.0.0.1:4100",
        "url": "https://127.0.0.1:4100",
        "proofs": ["https://10.0.0.5:4100"],
    }
    assert _shape.odd_facts({"found": {"address": told}}) == []


def test_damaged_record_is_not_believed(tmp_path: Path) -> None:
    wrong = record("deployed", found={**FOUND, "legacy": {"port": "4000"}})
    _record.save(str(tmp_path), wrong, NOW)
    with pytest.raises(_journal.JournalError, match="facts, found, legacy, unit is not there"):
        _record.load(str(tmp_path))
