"""A migrated host loses its legacy deployment.

First it is refused in every way, then a run is killed, then another ends it.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from play import BACKUPS, FINALIZE, STATE, Run, journal, kill_in, play, states, status, until, words

UNITS = "/home/litellm/.config/systemd/user"
SINGLE = (
    "runuser -u postgres -- /usr/lib/postgresql/15/bin/postgres --single"
    " -D /var/lib/postgresql/15/main"
    " -c config_file=/etc/postgresql/15/main/postgresql.conf"
)
OLDER = "20261101t000000z-0000"
KEPT = f"litellm_{OLDER}"
NOW = ("-e", "finalize_observation_days=0")
ALL = ("-e", "finalize_drop_database=true", "-e", "finalize_remove_kept=true")


def legacy(host: Any, statement: str, database: str = "llm_gateway") -> str:
    """One statement in the legacy database, whose server does not run."""
    return host.check_output(f"echo {shlex.quote(statement)} | {SINGLE} {database} 2>&1")


def files(host: Any) -> str:
    """What finalizing could remove or make, with the contents' hashes; not what timers write."""
    return host.check_output(
        f"find {UNITS} {STATE} {BACKUPS} /etc/systemd/system -type f"
        " -not -name 'health.json*' -not -name 'probe.*'"
        " -exec sha256sum {} + | sort; ls /run | grep legacy-look; true"
    )


def secrets(host: Any) -> list[str]:
    """What nobody may read anywhere."""
    return [
        value
        for value in json.loads(host.check_output("cat /root/testbed/secrets.json")).values()
        if len(value) > 8
    ]


def test_status_has_no_secret_and_changes_nothing(host: Any) -> None:
    before = files(host)
    run = play("status", "-vvv", "--check")
    assert run.returncode == 0
    assert "changed=0" in run.stdout
    assert [value for value in secrets(host) if value in run.stdout] == []
    assert files(host) == before


@pytest.mark.parametrize("check", [(), ("--check", "--diff")], ids=["run", "check"])
def test_host_is_watched_for_a_week(host: Any, check: tuple[str, ...]) -> None:
    before = files(host)
    run = play("finalize", *check)
    assert run.returncode != 0
    assert "is watched for 7 days" in words(run)
    assert "Nothing was touched" in run.stdout
    assert files(host) == before


def test_status_survives_what_is_broken(host: Any, tmp_path: Path) -> None:
    """The next test wants the proxy stopped, so it is not started in between."""
    host.check_output(
        f"cp -p {STATE}/journal.json /root/journal.json && echo broken > {STATE}/journal.json && "
        "systemctl stop docker.socket docker.service"
    )
    try:
        told = status(tmp_path)
    finally:
        host.check_output(
            f"mv /root/journal.json {STATE}/journal.json && systemctl start docker.service && "
            "docker start litellm-postgres litellm-redis"
        )
    assert told["journal"]["state"] == "unreadable"
    assert "does not answer" in told["compose"]["error"]
    assert told["proxy"]["kind"] == "nobody"
    assert all(does.startswith("refuses") for does in told["next"].values())


def test_every_reason_comes_at_once_and_nothing_is_touched(host: Any) -> None:
    backup = f"{BACKUPS}/before-migration-{journal(host)['id']}"
    legacy(host, "INSERT INTO \"LiteLLM_Config\" (param_name) VALUES ('late')")
    host.check_output(
        f"mv {backup}/database.dump /root/ && docker stop litellm-proxy && "
        "systemctl --user --machine=litellm@ start litellm-backup.timer"
    )
    before = files(host)
    try:
        run = play("finalize", *NOW)
        after = files(host)
    finally:
        host.check_output(
            f"mv /root/database.dump {backup}/ && systemctl restart litellm-compose.service"
        )
        host.check_output("systemctl --user --machine=litellm@ stop litellm-backup.timer")
        legacy(host, "DELETE FROM \"LiteLLM_Config\" WHERE param_name = 'late'")
    said = words(run)
    assert run.returncode != 0
    assert "table LiteLLM_Config has" in said
    assert "database.dump: is missing" in said
    assert "port 4000: is not the compose deployment's" in said
    assert "unit litellm-backup.timer: of the legacy deployment is active" in said
    assert "Nothing was touched" in said
    assert after == before
    assert journal(host)["state"] == "migrated"


def test_check_mode_tells_what_would_go(host: Any) -> None:
    health = "docker inspect --format '{{.State.Health.Status}}' litellm-proxy"
    until(host, f"{health} | grep -qx healthy", 300)
    before = files(host)
    run = play("finalize", *NOW, *ALL, "--check", "--diff")
    assert run.returncode == 0, run.stdout
    assert f"-{UNITS}/litellm.service" in run.stdout
    assert "drop the legacy database llm_gateway" in words(run)
    assert files(host) == before


@pytest.fixture(scope="module")
def killed(host: Any) -> dict[str, Any]:
    """A run that is killed while its last backup is made, and the journal then."""
    mark = json.dumps({"made_by": "llmops.litellm"})
    for statement in (
        f'CREATE DATABASE "{KEPT}"',
        "CREATE DATABASE foreign_one",
        f"COMMENT ON DATABASE \"{KEPT}\" IS '{mark}'",
    ):
        host.check_output(
            "docker exec litellm-postgres psql -U postgres -d postgres -c %s", statement
        )
    # an older run's, which only differs in what it has kept
    older = {**journal(host), "facts": {"kept_database": KEPT}}
    host.check_output("printf %%s %s > %s", json.dumps(older), f"{STATE}/journal-{OLDER}.json")
    kill_in(host, FINALIZE[0], "finalize", *NOW, *ALL)
    return journal(host)


def test_status_says_what_ends_a_run_that_was_killed(
    killed: dict[str, Any], tmp_path: Path
) -> None:
    assert killed["state"] == "running"
    told = status(tmp_path)
    assert told["journal"]["words"].startswith(f"a run was killed in its step {FINALIZE[0]}")
    assert told["next"]["finalize.yml"] == "goes on, and ends finalized"
    assert told["proxy"]["ready"]


@pytest.fixture(scope="module")
def finalized(killed: dict[str, Any]) -> Run:
    """The next run, which is not asked again whether it is time."""
    assert killed
    return play("finalize", *ALL)


def test_legacy_deployment_is_gone_and_in_its_last_backup(host: Any, finalized: Run) -> None:
    assert finalized.returncode == 0, finalized.stdout
    told = journal(host)
    assert told["state"] == "finalized"
    assert states(told, FINALIZE) == dict.fromkeys(FINALIZE, "done")
    backup = f"{BACKUPS}/legacy-final-{told['id']}"
    host.check_output(f"cd {backup} && sha256sum --check --quiet SHA256SUMS")
    held = json.loads(host.check_output(f"cat {backup}/manifest.json"))
    cutover = next(step for step in told["steps"] if step["name"] == "cutover")
    assert held["fingerprint"]["hash"] == cutover["facts"]["source"]["hash"]
    assert (held["pinned"], held["source"]) == (True, "legacy")
    names = " ".join(entry["name"] for entry in held["files"])
    assert all(
        name in names
        for name in (
            "config.yaml",
            "env.litellm",
            "secrets.env",
            "legacy.env",
            "litellm.service",
            "litellm-backup.timer",
        )
    )
    assert "litellm" not in host.check_output(
        "systemctl --user --machine=litellm@ list-unit-files --no-legend --plain"
    )
    assert host.check_output(f"find {UNITS} -type f -o -type l") == ""
    assert host.check_output(
        "systemctl is-enabled postgresql@15-main.service redis-server.service; true"
    ).split() == ["masked", "disabled"]


def test_nothing_of_the_look_is_left(host: Any, finalized: Run) -> None:
    assert finalized.returncode == 0
    assert (
        host.check_output(
            "systemctl list-units --all --no-legend 'litellm-legacy*'; "
            "ls /run | grep legacy-look; true"
        )
        == ""
    )
    assert not host.file("/var/lib/postgresql/15/main/postmaster.pid").exists


def test_only_databases_that_were_named_are_dropped(host: Any, finalized: Run) -> None:
    assert finalized.returncode == 0
    assert "llm_gateway" not in legacy(host, "SELECT datname FROM pg_database", "postgres")
    names = host.check_output(
        "docker exec litellm-postgres psql -U litellm -d postgres -XAtc "
        "'SELECT datname FROM pg_database'"
    ).split()
    assert KEPT not in names
    assert {"litellm", "foreign_one"} <= set(names)


def test_report_says_what_is_where(host: Any, finalized: Run) -> None:
    report = host.check_output(f"cat {STATE}/finalized.md")
    assert "no way back from here except to restore" in report
    assert f"legacy-final-{journal(host)['id']}" in report
    assert f"{UNITS}/litellm.service" in report
    assert "/home/litellm/venv: Python environment" in report
    assert [value for value in secrets(host) if value in report + finalized.stdout] == []


def test_compose_deployment_serves_and_says_so(finalized: Run, tmp_path: Path) -> None:
    assert finalized.returncode == 0
    told = status(tmp_path)
    assert (told["journal"]["state"], told["proxy"]["kind"], told["proxy"]["ready"]) == (
        "finalized",
        "compose",
        True,
    )


def test_again_it_changes_nothing(host: Any, finalized: Run) -> None:
    assert finalized.returncode == 0
    before = files(host)
    run = play("finalize", *ALL)
    assert run.returncode == 0, run.stdout
    assert "changed=0" in run.stdout
    assert "is finalized since" in words(run)
    assert files(host) == before
