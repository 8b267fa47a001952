"""Which way the playbooks take, and what they pass to the roles of a live cutover, from the journal
and what preflight found.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import facts as _facts

VARS = Path(__file__).resolve().parents[2] / "playbooks/vars"
LIVE: dict[str, Any] = {"way": "live", "reasons": []}
STOP: dict[str, Any] = {"way": "stop", "reasons": ["no image"]}


def trusted(value: Any) -> Any:
    """The same, as a file of variables is."""
    if isinstance(value, dict):
        return {name: trusted(each) for name, each in value.items()}
    if isinstance(value, list):
        return [trusted(each) for each in value]
    return trust_as_template(value) if isinstance(value, str) else value


def read(name: str) -> dict[str, Any]:
    return trusted(yaml.safe_load((VARS / name).read_text(encoding="utf-8")))


def found(**others: Any) -> dict[str, Any]:
    """What preflight found on a host on which nothing stands against a live cutover."""
    return {
        "project_dir": "/opt/litellm",
        "cutover": LIVE,
        "places": {"database": "here", "redis": "here"},
        "database": {"port": 5434, "variables": ["MY_DB"]},
        "redis": {"port": 6379, "login": True},
        "address": {"legacy": ["127.0.0.1"], "publish": ["127.0.0.1"], "tls": False},
        "legacy": {"port": 4000},
        **others,
    }


def value(name: str, told: Any = None, facts: Any = None, ended: str = "", **variables: Any) -> Any:
    """A variable of the playbooks; ``facts``: what the journal remembers besides; ``ended``: the
    state of one whose run has ended."""
    state = {
        "state": ended or "running",
        "journal": {"facts": {"found": told or found(), **(facts or {})}},
        "refused_since": "2026-11-23T15:00:00.000000+00:00",
    }
    known = {**read("deployment.yml"), "__state": state, **variables}
    templar = Templar(loader=DataLoader(), variables=known)
    return templar.template(trust_as_template("{{ %s }}" % name))


@pytest.mark.parametrize(
    ("told", "facts", "live"),
    [
        (found(), {}, True),
        (found(cutover=STOP), {}, False),
        # it could not be started
        (found(), {"cutover": STOP}, False),
        # of a run back that took up the one that serves
        (found(cutover=STOP), {"cutover": LIVE}, True),
    ],
    ids=["live", "stop", "fell back", "taken up"],
)
def test_way_is_what_was_decided_last(told: Any, facts: Any, live: bool) -> None:
    assert value("deployment_is_live", told, facts) is live
    services = value("deployment_image_services", told, facts)
    assert ("pgbouncer" in services) is live
    assert value("legacy_stop_wait", told, facts) == (600 if live else 0)
    # nobody is refused meanwhile
    left = value("deployment_seconds_left", told, facts, litellm_max_downtime=60)
    assert left == (0 if live else 1)


def test_what_an_earlier_run_decided_does_not_count() -> None:
    """In check mode the journal is still that of the run before."""
    facts = {"cutover": STOP}
    assert value("deployment_is_live", found(), facts, ended="rolled back") is True


def test_host_without_a_journal_is_judged_by_preflight() -> None:
    state = {"state": "none", "journal": {}, "refused_since": None}
    for way in (LIVE, STOP):
        preflight = {"facts": found(cutover=way)}
        live = value("deployment_is_live", __state=state, __preflight=preflight)
        assert live is (way is LIVE)


def test_host_that_an_earlier_release_migrated_is_not_live() -> None:
    told = found()
    del told["cutover"]
    assert value("deployment_is_live", told) is False
    assert value("deployment_goes_back_live", told) is False


@pytest.mark.parametrize(
    ("told", "facts", "variables", "live"),
    [
        (found(), {}, {}, True),
        (found(), {}, {"litellm_cutover": "live", "rollback_data": "carry"}, True),
        # the way there fell back, which need not happen again
        (found(), {"cutover": STOP}, {}, True),
        (found(cutover=STOP), {"cutover": LIVE}, {}, False),
        (found(), {}, {"litellm_cutover": "stop"}, False),
        (found(), {}, {"rollback_data": "none"}, False),
        (found(), {}, {"rollback_data": "backup"}, False),
        (found(), {"failure": "it was frozen"}, {}, False),
        (found(), {"failure": None}, {}, True),
        (found(address={"publish": ["10.0.0.5", "127.0.0.1"]}), {}, {}, False),
        (found(address={"publish": ["10.0.0.5", "0.0.0.0"]}), {}, {}, True),
    ],
)
def test_way_back_is_live_only_where_nothing_stands_against_it(
    told: Any, facts: Any, variables: Any, live: bool
) -> None:
    assert bool(value("deployment_goes_back_live", told, facts, **variables)) is live


@pytest.mark.parametrize(
    ("address", "there", "back"),
    [
        ({"legacy": ["127.0.0.1"], "publish": ["127.0.0.1"]}, "127.0.0.1", "127.0.0.1"),
        ({"legacy": ["10.0.0.5", "0.0.0.0"], "publish": ["10.0.0.5"]}, "0.0.0.0", "10.0.0.5"),
        ({"legacy": ["::"], "publish": ["0.0.0.0"]}, "::", "0.0.0.0"),
        ({"publish": ["10.0.0.5"]}, "10.0.0.5", "10.0.0.5"),  # as journals may have it
    ],
)
def test_transitional_proxy_listens_where_clients_are_led_from(
    address: Any, there: str, back: str
) -> None:
    told = found(address=address)
    assert value("transition_listen", told) == there
    assert value("transition_listen", told, deployment_database_moved=True) == back


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.5", "[::1]", "[fd00::5]"])
def test_transitional_proxy_is_asked_where_it_listens(host: str) -> None:
    """At an address of the LAN alone nobody answers at the loopback one."""
    there = {"legacy_url": f"http://{host}:4000", "url": "http://10.0.0.6:4000"}
    told = found(address={**there, "legacy": [], "publish": []})
    assert value("transition_url", told) == f"http://{host}:14000"
    assert value("transition_url", told, litellm_stage_port=15000) == f"http://{host}:15000"
    back = value("transition_url", told, deployment_database_moved=True)
    assert back == "http://10.0.0.6:14000"


def test_pooler_leads_to_the_database_that_holds_the_rows() -> None:
    assert value("transition_database") == {"env_file": "/var/lib/llmops-litellm/legacy.env"}
    moved = {"deployment_database_moved": True, "__container_database_address": {"stdout": "x"}}
    assert value("transition_database", **moved) == {
        "env_file": "/opt/litellm/.env",
        "host": "x",
        "port": 5432,
    }
    assert value("transition_database_variables") == ["DATABASE_URL", "MY_DB"]
    assert value("transition_database_variables", found(database=None)) == ["DATABASE_URL"]


def test_environment_is_the_transitional_proxys_only_while_it_is_written() -> None:
    assert value("env_file_project_dir") == "/opt/litellm"
    assert value("env_file_elsewhere") == []
    transitional = {"deployment_transitional": True, "litellm_project_name": "team"}
    assert value("env_file_project_dir", **transitional) == "/run/team-transition"
    assert value("env_file_elsewhere", **transitional) == ["database", "redis"]


@pytest.mark.parametrize(("hold", "limit"), [(None, 120), (0, 120), (30, 30), ("45", 45)])
def test_pause_has_a_limit_also_where_nobody_is_held(hold: Any, limit: int) -> None:
    given = {} if hold is None else {"litellm_max_hold": hold}
    assert value("transition_limit", **given) == limit


@pytest.mark.parametrize(
    ("redis", "places", "shares"),
    [
        ({"login": True}, "here", True),
        ({"login": False}, "here", False),
        ({}, "here", False),  # of an earlier release
        ({"login": True}, "elsewhere", False),
        (None, "nowhere", False),
    ],
)
def test_redis_takes_a_login_only_where_the_native_one_has_one(
    redis: Any, places: str, shares: bool
) -> None:
    told = found(redis=redis, places={"database": "here", "redis": places})
    assert bool(value("deployment_shares_login", told)) is shares


def test_backups_do_not_name_the_pooler() -> None:
    images = {
        name: {"reference": f"{name}@sha256:1", "name": name, "id": f"sha256:{name}", "uid": 70}
        for name in ("litellm", "postgres", "redis", "pgbouncer")
    }
    given = {"__compose_image_info": {"images": images}, "litellm_images": {}}
    kept = {"litellm", "postgres", "redis"}
    for name in ("references", "names", "ids"):
        assert set(value(f"deployment_image_{name}", **given)) == kept
    assert value("transition_pooler_uid", **given) == 70
    assert value("transition_pooler_uid") == 0


@pytest.mark.parametrize(
    ("known", "pause"),
    [
        ({"__serve_paused": 0}, 0.0),  # of the way with a stop, whose tasks are skipped
        ({"__serve_paused": 0, "__transition_serving": {"skipped": True}}, 0.0),
        ({"__serve_paused": 2.5, "__transition_serving": {"seconds": 1.0}}, 2.5),
        ({"__serve_paused": 0.5, "__transition_serving": {"seconds": 1.5}}, 1.5),
    ],
)
def test_longer_pause_of_both_is_told(known: Any, pause: float) -> None:
    templar = Templar(loader=DataLoader(), variables=known)
    facts = read("steps.yml")["step_facts"]
    assert templar.template(facts["serve"]["pause"]) == pause
    last = (known.get("__transition_serving") or {}).get("seconds", 0.0)
    for step in ("stop_new", "start_legacy"):
        assert templar.template(facts[step]["pause"]) == last


def bare(**preflight: Any) -> dict[str, Any]:
    """What is known on a host that deploy.yml looks at."""
    facts = _facts.bare("/opt/litellm")
    facts["address"] = _facts.address(4000, ["127.0.0.1"], False, [], ["127.0.0.1"])
    facts["engine"] = {"server": "26.1.5"}
    return {
        "__state": {"state": "none", "journal": {}, "images": {}, "deployment": {}},
        "__preflight": {"facts": facts, "origin": "new", **preflight},
        "deployment_follows_inventory": True,
        "ansible_check_mode": False,
        "litellm_images": {"litellm": "l", "postgres": "p", "redis": "r", "pgbouncer": "b"},
    }


@pytest.mark.parametrize("check", [False, True])
def test_bare_host_has_no_legacy_environment(check: bool) -> None:
    given = {**bare(), "ansible_check_mode": check}
    assert value("env_file_legacy_env", **given) == ""
    assert value("env_file_legacy_files", **given) == []
    assert value("env_file_new_keys", **given) is True
    assert value("env_file_new_keys", **{**given, **bare(origin="deployed")}) is False


def test_bare_host_gets_what_the_facts_say() -> None:
    given = bare()
    for name, wanted in {
        "compose_litellm_port": 4000,
        "compose_postgres_port": 5434,
        "compose_redis_port": 6379,
        "compose_publish": ["127.0.0.1"],
        "compose_database": "here",
        "compose_redis": "here",
        "compose_litellm_config": "/opt/litellm/config.yaml",
        "compose_litellm_options": [],
        "compose_native_postgres": None,
        "compose_native_redis": "",
        "deployment_url": "http://127.0.0.1:4000",
        "deployment_containers": ["proxy", "postgres", "redis"],
        "deployment_key_file": "/opt/litellm/.env",
        "deployment_is_live": False,
        "compose_engine_major": 26,
        "legacy_servers": [],
    }.items():
        assert value(name, **given) == wanted, name
    assert value("compose_images", deployment_pulls=True, **given) == given["litellm_images"]


def test_addresses_of_a_deployment_are_those_that_preflight_made_of_the_wishes() -> None:
    """Of an address beyond the host, the loopback address is there for the host's own checks."""
    given = bare()
    facts = given["__preflight"]["facts"]
    facts["address"]["publish"] = ["127.0.0.1", "10.0.0.5"]
    assert value("compose_publish", litellm_publish=["10.0.0.5"], **given) == [
        "127.0.0.1",
        "10.0.0.5",
    ]
    assert value("deployment_url", litellm_publish=["10.0.0.5"], **given) == "http://127.0.0.1:4000"


def test_configuration_of_a_deployment() -> None:
    given = bare()
    assert "store_model_in_db: true" in value("deployment_config_text", **given)
    text = value("deployment_config_text", litellm_config="model_list: []\n", **given)
    mark, _end, rest = text.partition("\n")
    assert mark.startswith("# Written by llmops.litellm")
    assert rest == "model_list: []\n"
    # a file that is there stays
    assert value("deployment_config_text", **{**given, **bare(origin="deployed")}) == ""


def test_restored_deployment_has_its_environment_from_its_own_file() -> None:
    given = bare(origin="restored")
    given["__preflight"]["facts"]["legacy"]["environment"] = "/opt/litellm/.env"
    assert value("env_file_legacy_env", **given) == "/opt/litellm/.env"
