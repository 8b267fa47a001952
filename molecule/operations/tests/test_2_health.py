"""A deployment that is broken in every way, each by itself.

What the health check says of it, and what probe and inventory find.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from play import PSQL, REDIS_AUTH, STATE, USER, bring, play, words
from play import until as wait_on_host

PROJECT = "/opt/litellm"
METRICS = "/var/lib/prometheus/node-exporter/litellm_health.prom"
COMPOSE = f"docker compose --project-directory {PROJECT}"
UNIT = "litellm-ops-health"
PARTS = [
    "engine",
    "containers",
    "postgresql",
    "redis",
    "liveness",
    "readiness",
    "bogus key",
    "model hosts",
    "disk",
    "backup",
    "drill",
]
# Of one part; a look takes hardly longer, however much hangs.
LIMIT = 5.0


@pytest.fixture(scope="module", autouse=True)
def scripts(host: Any) -> None:
    """What the tests run on the host."""
    bring(host, "files/freeze.py", "files/plant.py")


class Look:
    """One look at the host: its exit code, outcome, and each part's state and words."""

    def __init__(self, host: Any, options: str = "") -> None:
        done = host.run(f"litellm-ops health --json {options}")
        told = json.loads(done.stdout)
        self.code, self.outcome = done.rc, told["outcome"]
        self.states = {check["name"]: check["state"] for check in told["checks"]}
        self.details = {check["name"]: check["detail"] for check in told["checks"]}
        self.seconds = max(check["seconds"] for check in told["checks"])

    def wrong(self) -> dict[str, str]:
        """The parts that are not ok."""
        return {name: state for name, state in self.states.items() if state != "ok"}


def until(host: Any, wanted: Any, seconds: float = 240, options: str = "") -> Look:
    """Look until it is as wanted; the look."""
    limit = time.monotonic() + seconds
    if wanted is well:
        # cheaper than a look, which would take from a proxy that starts what it has to spare
        health = "docker inspect --format '{{.State.Health.Status}}' litellm-proxy"
        wait_on_host(host, f"{health} | grep -qx healthy", seconds)
    while True:
        look = Look(host, options)
        if wanted(look):
            return look
        assert time.monotonic() < limit, (look.outcome, look.wrong(), look.details)
        time.sleep(1)


def well(look: Look) -> bool:
    """Nothing is wrong."""
    return look.code == 0


@contextmanager
def broken(host: Any, how: str, mended: str) -> Iterator[None]:
    """The host, which every test leaves well, is broken, then mended and well again."""
    host.check_output(how)
    try:
        yield
    finally:
        host.check_output(mended)
        until(host, well)


# The compose deployment


@pytest.fixture(scope="module")
def migrated(host: Any) -> Look:
    """A migrated host: the first look at it that is all green."""
    return until(host, well)


def test_all_is_green(migrated: Look) -> None:
    assert (migrated.code, migrated.outcome, list(migrated.states), migrated.wrong()) == (
        0,
        "healthy",
        PARTS,
        {},
    )


def test_hand_over_puts_the_timers_in_place(host: Any, migrated: Look) -> None:
    assert migrated
    for name in ("health", "probe"):
        timer = dict(
            line.split("=", 1)
            for line in host.check_output(f"systemctl show litellm-ops-{name}.timer").splitlines()
            if "=" in line
        )
        assert (timer["ActiveState"], timer["UnitFileState"]) == ("active", "enabled")
        said = host.check_output(f"systemd-analyze security --no-pager litellm-ops-{name}.service")
        level = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
        assert level and float(level[1]) <= 2.4, said.splitlines()[-1]
    assert host.check_output("stat -c '%a %U' /etc/llmops-litellm/health.json") == "600 root"
    # the legacy ones rest
    assert host.run(f"{USER} is-active litellm-healthcheck.timer").stdout.strip() != "active"
    report = host.check_output(f"cat {STATE}/report.md")
    assert r"looked at by litellm-ops: \*-\*-\* \*:\*:00" in report


def test_check_takes_less_than_a_second_of_processor(host: Any, migrated: Look) -> None:
    """Of its own and its children's: on the clock it waits for whatever else runs, here for other
    scenarios."""
    assert migrated
    timed = "bash -c 'TIMEFORMAT=\"%U %S\"; time litellm-ops health --json > /root/check.json' 2>&1"
    took = [sum(map(float, host.check_output(timed).split())) for _round in range(5)]
    assert json.loads(host.check_output("cat /root/check.json"))["outcome"] == "healthy"
    host.check_output("rm /root/check.json")
    assert 0.1 < min(took) < 1.0, took


def test_unit_looks_with_no_more_rights_than_it_has(host: Any, migrated: Look) -> None:
    assert migrated
    host.check_output(f"systemctl start {UNIT}.service")
    kept = json.loads(host.check_output(f"cat {STATE}/health.json"))
    assert {
        check["name"]: (check["state"], check["detail"])
        for check in kept["checks"]
        if check["state"] != "ok"
    } == {}
    assert [check["name"] for check in kept["checks"]] == PARTS
    assert "litellm_health 0" in host.check_output(f"cat {METRICS}").splitlines()
    assert host.check_output(f"stat -c %a {STATE}/health.json {STATE}/health.jsonl").split() == [
        "600",
        "600",
    ]


def test_both_deployments_can_be_looked_at(migrated: Look) -> None:
    assert migrated
    assert play("health").returncode == 0
    run = play("health", "-e", "health_kind=legacy")
    assert run.returncode != 0
    assert "litellm.service is inactive" in words(run)


# Each fault by itself


def test_postgresql_container_is_stopped(host: Any, migrated: Look) -> None:
    with broken(host, "docker stop litellm-postgres", "docker start litellm-postgres"):
        look = until(host, lambda seen: seen.states["readiness"] == "failed")
        assert (look.code, look.outcome) == (2, "failed")
        # whether a key is refused a proxy may not know without its database
        assert {**look.wrong(), "bogus key": ""} == {
            "containers": "failed",
            "postgresql": "failed",
            "readiness": "failed",
            "bogus key": "",
        }
        assert "container litellm-postgres is exited" in look.details["containers"]


def test_postgresql_container_is_paused_and_answers_hang(host: Any, migrated: Look) -> None:
    with broken(host, "docker pause litellm-postgres", "docker unpause litellm-postgres"):
        begun = time.monotonic()
        look = Look(host)
        assert time.monotonic() - begun < LIMIT + 5
        assert (
            look.code == 2
            and look.states["postgresql"] == "failed"
            and look.states["containers"] == "failed"
        )
        assert "container litellm-postgres is paused" in look.details["containers"]
        assert (look.states["redis"], look.states["liveness"]) == ("ok", "ok")


def test_postgresql_has_another_password(host: Any, migrated: Look) -> None:
    superuser = PSQL.replace("-U litellm", "-U postgres")
    kept = host.check_output(
        f"{superuser} \"SELECT rolpassword FROM pg_authid WHERE rolname = 'litellm'\""
    ).replace("$", "\\$")
    with broken(
        host,
        f"{PSQL} \"ALTER ROLE litellm PASSWORD 'another'\"",
        f"{PSQL} \"ALTER ROLE litellm PASSWORD '{kept}'\"",
    ):
        look = Look(host)
        assert (look.code, look.states["postgresql"], look.states["containers"]) == (
            2,
            "failed",
            "ok",
        )
        assert "password authentication failed" in look.details["postgresql"]


def test_redis_container_is_stopped(host: Any, migrated: Look) -> None:
    with broken(host, "docker stop litellm-redis", "docker start litellm-redis"):
        look = Look(host)
        assert (look.code, look.states["containers"], look.states["redis"]) == (
            2,
            "failed",
            "degraded",
        )
        assert (look.states["postgresql"], look.states["liveness"]) == ("ok", "ok")


def test_redis_has_another_password(host: Any, migrated: Look) -> None:
    """Who is logged in stays so: the proxy does not notice, the check does."""
    inside = "docker exec litellm-redis sh -c"
    change = f"{inside} '{REDIS_AUTH} redis-cli config set requirepass another'"
    # As the file has it, in the quotes that redis-cli reads as well as the server does.
    back = (
        f'{inside} \'sed -n "s/^requirepass/config set requirepass/p" /etc/redis.conf'
        " | REDISCLI_AUTH=another redis-cli'"
    )
    with broken(host, change, back):
        look = Look(host)
        assert (look.states["redis"], look.states["postgresql"]) == ("degraded", "ok")
        assert "another" not in json.dumps(look.details)


def test_proxy_is_frozen_and_then_unhealthy(host: Any, migrated: Look) -> None:
    freeze = "python3 -B /root/observer/freeze.py"
    with broken(host, f"{freeze} STOP", f"{freeze} CONT"):
        begun = time.monotonic()
        look = Look(host)
        assert time.monotonic() - begun < LIMIT + 5
        assert (look.code, look.states["liveness"], look.states["readiness"]) == (
            2,
            "failed",
            "failed",
        )
        assert (look.states["postgresql"], look.states["redis"], look.states["model hosts"]) == (
            "ok",
            "ok",
            "ok",
        )
        look = until(host, lambda seen: seen.states["containers"] == "failed")
        assert "container litellm-proxy is running, unhealthy" in look.details["containers"]


def test_port_is_published_to_everybody(host: Any, migrated: Look) -> None:
    redis = f"{COMPOSE} up --detach --wait --no-deps redis"
    edit = (
        f'sed -i \'s/"127.0.0.1:6379:6379"/"0.0.0.0:6379:6379"/\' {PROJECT}/compose.yaml && {redis}'
    )
    with broken(
        host,
        edit,
        f'sed -i \'s/"0.0.0.0:6379:6379"/"127.0.0.1:6379:6379"/\' {PROJECT}/compose.yaml && '
        f"{redis}",
    ):
        look = Look(host)
        assert (look.code, look.states["containers"], look.states["redis"]) == (2, "failed", "ok")
        assert (
            "publishes 6379/tcp on 0.0.0.0:6379, not on the loopback address alone"
            in look.details["containers"]
        )


def test_proxy_is_stopped_and_then_open_without_a_master_key(host: Any, migrated: Look) -> None:
    proxy = f"{COMPOSE} up --detach --wait --no-deps litellm"
    stop = f"cp -a {PROJECT}/.env /root/env.kept && docker stop litellm-proxy"
    mend = f"cat /root/env.kept > {PROJECT}/.env && rm /root/env.kept && {proxy}"
    with broken(host, stop, mend):
        look = Look(host)
        assert (look.code, look.outcome) == (2, "failed")
        assert {
            name: look.states[name]
            for name in ("containers", "liveness", "readiness", "bogus key", "model hosts")
        } == {
            "containers": "failed",
            "liveness": "failed",
            "readiness": "failed",
            "bogus key": "unknown",
            "model hosts": "unknown",
        }
        assert (look.states["postgresql"], look.states["redis"]) == ("ok", "ok")
        host.check_output(f"sed -i '/^LITELLM_MASTER_KEY=/d' {PROJECT}/.env && {proxy}")
        look = Look(host)
        assert (look.code, look.states["bogus key"]) == (2, "failed")
        assert "the proxy is open" in look.details["bogus key"]


def test_model_server_is_stopped_on_purpose(host: Any, migrated: Look) -> None:
    with broken(host, "systemctl stop llama-rerank", "systemctl start llama-rerank"):
        look = Look(host)
        assert (look.code, look.wrong()) == (0, {})
        assert "stopped on purpose: llama-rerank.service" in look.details["model hosts"]


def test_model_server_does_not_answer(host: Any, migrated: Look) -> None:
    with broken(
        host,
        "systemctl kill --signal=STOP llama-rerank",
        "systemctl kill --signal=CONT llama-rerank",
    ):
        look = Look(host)
        assert (look.code, look.outcome, look.wrong()) == (
            1,
            "degraded",
            {"model hosts": "degraded"},
        )
        assert (
            "llama-rerank.service (host.docker.internal:8079) does not answer in time, "
            "its unit is active" in look.details["model hosts"]
        )


@pytest.mark.parametrize(("kilobytes", "said", "code"), [(950, "degraded", 1), (1010, "failed", 2)])
def test_disk_is_nearly_full(
    host: Any, migrated: Look, kilobytes: int, said: str, code: int
) -> None:
    settings = json.loads(host.check_output("cat /etc/llmops-litellm/health.json"))
    settings["health"]["folders"] = ["/root/full"]
    host.check_output("umask 077; printf %s > /root/health.json", json.dumps(settings))
    host.check_output(
        "mkdir /root/full && mount -t tmpfs -o size=1024k,mode=0700 tmpfs /root/full && "
        f"head -c {kilobytes}k /dev/zero > /root/full/x"
    )
    try:
        look = until(
            host, lambda seen: set(seen.wrong()) == {"disk"}, options="--settings /root/health.json"
        )
        assert (look.code, look.states["disk"]) == (code, said)
        assert "/root/full is" in look.details["disk"]
    finally:
        host.check_output("umount /root/full && rmdir /root/full && rm /root/health.json")


def test_backup_is_three_days_old(host: Any, migrated: Look) -> None:
    host.check_output("litellm-ops backup")
    until(host, well)
    kept = json.loads(host.check_output(f"cat {STATE}/backup.json"))
    old = json.loads(json.dumps(kept))
    old["backup"]["last_success"]["time"] = (
        datetime.now(timezone.utc) - timedelta(days=3)
    ).isoformat()
    host.check_output("umask 077; printf %s > " + f"{STATE}/backup.json", json.dumps(old))
    try:
        look = Look(host)
        assert (look.code, look.wrong()) == (1, {"backup": "degraded"})
        assert "is 72 hours old, more than 26" in look.details["backup"]
    finally:
        host.check_output("umask 077; printf %s > " + f"{STATE}/backup.json", json.dumps(kept))


def test_alarm_begins_once_and_ends(host: Any, migrated: Look) -> None:
    def heard() -> int:
        return (
            host.run("journalctl --identifier operator --output cat")
            .stdout.split()
            .count(f"{UNIT}.service")
        )

    # so often systemd starts nothing by itself
    start = f"systemctl reset-failed {UNIT}.service; systemctl start {UNIT}.service"
    until(host, well)
    host.check_output(start)  # an alarm that an earlier fault has left ends
    before = heard()
    with broken(host, "docker stop litellm-redis", "docker start litellm-redis"):
        codes = [host.run(start).rc for _look in range(3)]
        assert sum(code != 0 for code in codes) <= 1  # the timer's own look may have been the one
        limit = time.monotonic() + 30
        while heard() == before:
            assert time.monotonic() < limit
            time.sleep(0.2)
        assert json.loads(host.check_output(f"cat {STATE}/health.json"))["alarm"] is True
    host.check_output(start)
    assert json.loads(host.check_output(f"cat {STATE}/health.json"))["alarm"] is False
    assert heard() == before + 1
    assert "alarm: failed 2 times in a row" in host.check_output(
        f"journalctl --unit {UNIT} --output cat"
    )


# Probe and inventory


@pytest.fixture(scope="module")
def planted(host: Any, migrated: Look) -> Iterator[None]:
    """A model that claims tools and has none, and an alias that leads nowhere."""
    assert migrated
    model = host.check_output("python3 -B /root/observer/plant.py add")
    host.check_output(
        f"cp {PROJECT}/config.compose.yaml /root/config.kept && "
        "printf 'router_settings:\\n  model_group_alias: {ghost: nowhere}\\n'"
        f" >> {PROJECT}/config.compose.yaml"
    )
    yield
    host.check_output(
        f"cat /root/config.kept > {PROJECT}/config.compose.yaml && rm /root/config.kept && "
        f"python3 -B /root/observer/plant.py remove {model}"
    )


def test_probe_finds_what_was_planted(host: Any, planted: None) -> None:
    assert (
        host.run("systemctl start litellm-ops-probe.service").rc == 0
    )  # what differs is in the report
    report = json.loads(host.check_output(f"cat {STATE}/probe.json"))
    seen = {(row["model"], row["capability"]): row for row in report["rows"]}
    assert report["outcome"] == "degraded"
    assert {
        key: seen[key]["state"]
        for key in (
            ("chat", "chat"),
            ("chat", "stream"),
            ("embed", "embedding"),
            ("embed-stored", "embedding"),
            ("rerank", "rerank"),
            ("claims", "chat"),
        )
    } == {
        ("chat", "chat"): "yes",
        ("chat", "stream"): "yes",
        ("embed", "embedding"): "yes",
        ("embed-stored", "embedding"): "yes",
        ("rerank", "rerank"): "yes",
        ("claims", "chat"): "yes",
    }
    assert "claims, tools: declared, not seen (no tool was called)" in report["differences"]
    assert seen[("chat", "stream")]["first"] is not None
    left = {model["name"]: model["left_out"] for model in report["models"] if model["left_out"]}
    assert left == dict.fromkeys(
        ("deepseek-chat", "gemini-flash"), "not on this host, so it may cost money"
    )
    assert "alias: alias ghost" in host.check_output(f"cat {STATE}/probe.md")
    secrets = json.loads(host.check_output("cat /root/testbed/secrets.json"))
    kept = host.check_output(
        f"cat {STATE}/probe.json {STATE}/probe.md {STATE}/probe.html {STATE}/health.json {METRICS}"
    )
    kept += host.check_output("journalctl --unit 'litellm-ops-*' --output cat")
    assert [name for name, value in secrets.items() if value in kept] == []


def test_same_probe_from_the_controller(planted: None, tmp_path: Path) -> None:
    run = play("probe", "--check")
    assert run.returncode == 0 and "would ask claims: tools" in words(run), run.stdout
    run = play(
        "probe", "-e", f"probe_page={tmp_path}/page.html", "-e", '{"probe_names": ["claims"]}'
    )
    assert run.returncode == 0, run.stdout
    assert "declared, not seen" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_inventory_finds_what_was_planted(host: Any, planted: None) -> None:
    done = host.run("litellm-ops inventory --json")
    told = json.loads(done.stdout)
    assert done.rc == 1
    assert [
        (finding["what"], finding["name"]) for finding in told["findings"] if finding["problem"]
    ] == [("alias", "ghost")]
    rows = {row["name"]: (row["config"], row["database"], row["listed"]) for row in told["rows"]}
    assert (rows["embed"], rows["embed-stored"], rows["claims"]) == (
        (1, 0, True),
        (0, 1, True),
        (0, 1, True),
    )
    assert {server["address"] for server in told["servers"] if server["answers"]} == {
        f"http://host.docker.internal:{port}" for port in (8079, 8081, 8082)
    }
