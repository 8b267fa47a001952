"""There and back: what was written after the cutover comes home, and the host is what it was."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from play import (
    BACK,
    BACKUPS,
    NATIVE,
    PSQL,
    REDIS_AUTH,
    STATE,
    USER,
    Run,
    client,
    journal,
    legacy_state,
    play,
    spend_rows,
    stand,
    state,
    states,
    wait_for_spend,
    words,
)

LEGACY, PROJECT = "/home/litellm/llm@team", "/opt/litellm"
HOME = {"api_base": "http://127.0.0.1:8082/v1"}  # the address is the native proxy's again
# An embedding by the model of the included file, through the proxy that serves now.
ASK = """
import json, urllib.request
key = json.load(open("/root/testbed/secrets.json"))["LITELLM_MASTER_KEY"]
body = json.dumps({"model": "embed", "input": "word"}).encode()
headers = {"Content-Type": "application/json", "Authorization": "Bearer " + key}
request = urllib.request.Request("http://127.0.0.1:4000/v1/embeddings", body, headers)
print(len(json.load(urllib.request.urlopen(request, timeout=120))["data"][0]["embedding"]))
"""


def redis(host: Any, command: str) -> str:
    """What Redis answers."""
    return str(host.check_output(command)).strip()


@pytest.fixture(scope="module")
def before(host: Any) -> dict[str, Any]:
    """The host before anything."""
    return legacy_state(host)


@pytest.fixture(scope="module")
def migrated(host: Any) -> dict[str, Any]:
    """A migrated host that somebody has used: what the client made there."""
    client(host, "write", "first")
    made = client(host, "read", "first")
    wait_for_spend(host, made)
    redis(
        host,
        f"docker exec litellm-redis sh -c '{REDIS_AUTH} redis-cli SET since then'",
    )
    return dict(made)


def test_check_mode_tells_what_each_choice_keeps_and_loses(
    host: Any, migrated: dict[str, Any], tmp_path: Path
) -> None:
    assert migrated["embedding"] == 200
    assert stand(tmp_path)[:2] == ("migrated", "compose")
    kept = journal(host)
    run = play("rollback", "--check")
    assert run.returncode == 0, run.stdout
    said = words(run)
    assert "rollback_data=carry (chosen)" in said
    assert "Since the cutover 1 key created" in said
    assert "LiteLLM_VerificationToken +1" in said
    assert "rollback_data=none keeps the legacy database as it was at the cutover" in said
    assert journal(host) == kept
    assert client(host, "read", "first")["chat"] == 200


def test_schema_that_moved_on_is_refused_with_the_choices(
    host: Any, migrated: dict[str, Any]
) -> None:
    assert migrated
    host.check_output(f"{PSQL} 'ALTER TABLE \"LiteLLM_TeamTable\" ADD COLUMN later text'")
    try:
        run = play("rollback")
    finally:
        host.check_output(f"{PSQL} 'ALTER TABLE \"LiteLLM_TeamTable\" DROP COLUMN later'")
    assert run.returncode != 0
    assert "has another schema than at the cutover" in words(run)
    assert "rollback_data=none" in words(run)
    assert "Nothing was touched" in run.stdout
    assert journal(host)["state"] == "migrated"


def test_all_reasons_come_at_once(host: Any, migrated: dict[str, Any]) -> None:
    assert migrated
    unit = "/home/litellm/.config/systemd/user/litellm-backup.timer"
    config = "/home/litellm/llm@team/config.yaml"
    host.check_output(f"mv {unit} {unit}.away && mv {config} {config}.away")
    try:
        run = play("rollback")
    finally:
        host.check_output(f"mv {unit}.away {unit} && mv {config}.away {config}")
    assert run.returncode != 0
    assert f"unit litellm-backup.timer: its file {unit} is gone" in words(run)
    assert f"{config}: is gone" in words(run)
    assert journal(host)["state"] == "migrated"


@pytest.fixture(scope="module")
def rolled_back(host: Any, migrated: dict[str, Any]) -> Run:
    """The run that brings the host back, with a bridge on it that earlier code has left."""
    assert migrated
    socket = (
        "[Socket]\\nListenStream=172.30.40.1:9999\\nFreeBind=true\\n"
        "[Install]\\nWantedBy=sockets.target\\n"
    )
    service = "[Service]\\nExecStart=/usr/lib/systemd/systemd-socket-proxyd 127.0.0.1:8082\\n"
    host.check_output(
        f"cd /etc/systemd/system && printf '{socket}' > litellm-bridge-9999.socket"
        f" && printf '{service}' > litellm-bridge-9999.service"
        " && systemctl daemon-reload && systemctl enable --now litellm-bridge-9999.socket"
    )
    return play("rollback", "-vvv")


def test_rows_come_home(host: Any, migrated: dict[str, Any], rolled_back: Run) -> None:
    assert rolled_back.returncode == 0, rolled_back.stdout
    assert "✔ rows came home, with equal fingerprints" in rolled_back.stdout
    now = client(host, "read", "first")
    assert now == {**migrated, **HOME}
    assert spend_rows(host, NATIVE, migrated) == 1
    assert redis(host, "redis-cli GET since") == "then"


def test_log_report_and_journal_hold_no_secret(host: Any, rolled_back: Run) -> None:
    secrets = json.loads(host.check_output("cat /root/testbed/secrets.json"))
    for line in host.check_output(
        "grep -E '^(POSTGRES|REDIS)_PASSWORD=' /opt/litellm/.env"
    ).splitlines():
        secrets[line.partition("=")[0] + " of the compose deployment"] = line.partition("=")[
            2
        ].strip("'\"")
    secrets["key"] = json.loads(host.check_output("cat /root/observer/first.json"))["key"]
    texts = {
        "log": rolled_back.stdout,
        "files": host.check_output(
            "cat /var/lib/llmops-litellm/journal.json /var/lib/llmops-litellm/report.*"
        ),
    }
    assert "EXEC" in texts["log"]
    assert [
        (where, name)
        for where, text in texts.items()
        for name, value in secrets.items()
        if value in text or json.dumps(value)[1:-1] in text
    ] == []


def test_host_is_what_it_was(host: Any, before: dict[str, Any], rolled_back: Run) -> None:
    assert rolled_back.returncode == 0
    assert state(host) == before


def test_bridges_are_gone_those_of_earlier_code_too(host: Any, rolled_back: Run) -> None:
    assert rolled_back.returncode == 0
    assert (
        host.run(
            "ls /etc/systemd/system/litellm-bridge-* "
            "/etc/systemd/system/sockets.target.wants/litellm-bridge-*"
        ).stdout
        == ""
    )
    assert host.check_output("ss -Hltn").count("172.30.40.1") == 0


def test_legacy_proxy_itself_serves(host: Any, rolled_back: Run) -> None:
    assert rolled_back.returncode == 0
    pid = host.check_output(
        "systemctl --user --machine=litellm@ show --property MainPID --value litellm.service"
    )
    assert f"pid={pid}," in host.check_output("ss -Hltnp sport = :4000")
    assert play("health").returncode == 0


def test_compose_deployment_is_stopped_not_destroyed(host: Any, rolled_back: Run) -> None:
    assert rolled_back.returncode == 0
    assert host.check_output("docker ps --all --quiet") == ""
    assert host.check_output("docker volume ls --quiet").split() == [
        "litellm_postgres",
        "litellm_redis",
    ]


def test_report_says_how_to_go_on(host: Any, rolled_back: Run) -> None:
    assert rolled_back.returncode == 0
    told = journal(host)
    assert told["state"] == "rolled back"
    assert states(told, BACK) == dict.fromkeys(BACK, "done")
    report = json.loads(host.check_output("cat /var/lib/llmops-litellm/report.json"))
    assert all(proof["ok"] for proof in report["proofs"])
    assert report["refused_seconds"] > 0
    assert "migrate.yml goes forward again" in host.check_output(
        "cat /var/lib/llmops-litellm/report.md"
    )


def test_second_rollback_changes_nothing(
    host: Any, before: dict[str, Any], rolled_back: Run, tmp_path: Path
) -> None:
    assert rolled_back.returncode == 0
    assert stand(tmp_path) == (
        "rolled back",
        "legacy",
        "goes forward again, takes up images, volumes and files that are there, and migrates",
        "changes nothing: the host runs its legacy deployment",
    )
    run = play("rollback")
    assert run.returncode == 0, run.stdout
    assert "changed=0" in run.stdout
    assert "is not migrated (rolled back since" in words(run)
    assert state(host) == before


def again(host: Any, name: str, *options: str) -> dict[str, Any]:
    """Forward once more, and used: what the client made."""
    run = play("migrate", *options)
    assert run.returncode == 0, run.stdout
    client(host, "write", name)
    made = client(host, "read", name)
    wait_for_spend(host, made)
    return dict(made)


# The second time the legacy deployment is another one: its configuration includes a file, and the
# same roles back it up.


@pytest.fixture(scope="module")
def includes(host: Any, rolled_back: Run) -> None:
    """One model is in a file that the configuration includes, and the legacy proxy reads both."""
    assert rolled_back.returncode == 0
    host.check_output(
        f"umask 077 && cd '{LEGACY}' && python3 -B /root/observer/include.py && "
        f"{USER} restart litellm.service && "
        'sha256sum "$PWD/config.yaml" "$PWD/local-models.yaml" > /root/observer/configuration'
    )
    answers = "import urllib.request as r; r.urlopen('http://127.0.0.1:4000/health/readiness')"
    host.check_output(
        "timeout 120 sh -c 'until python3 -c \"$0\" 2> /dev/null; do sleep 0.3; done' %s", answers
    )
    assert int(host.check_output("python3 -c %s", ASK)) > 0


def listed(host: Any) -> list[str]:
    """Names of the legacy deployment's backups that no migration has pinned."""
    found = json.loads(host.check_output("litellm-ops list --json"))["backups"]
    return [entry["name"] for entry in found if not entry["pinned"]]


@pytest.fixture(scope="module")
def backed_up(host: Any, includes: None) -> dict[str, Any]:
    """Backups set up for the legacy deployment: the host's state then."""
    run = play("backup")
    assert run.returncode == 0, run.stdout
    assert re.search(r"is made and verified: [0-9]+ rows in", words(run))
    return state(host)


def test_legacy_deployment_is_backed_up_by_the_same_playbook(
    host: Any, backed_up: dict[str, Any]
) -> None:
    (name,) = listed(host)
    made = json.loads(host.check_output(f"cat {BACKUPS}/{name}/manifest.json"))
    assert (made["source"], made["facts"]["litellm_version"]) == ("legacy", "1.102.4")
    assert {"1-config.yaml", "legacy.env"} <= {entry["name"] for entry in made["files"]}
    assert "litellm-ops-backup.timer" in backed_up["units"]["system active"]
    run = play("backup")
    assert re.search(r"changed=1 ", run.stdout), run.stdout  # the backup itself
    # retention keeps the newer one of a day
    assert len(listed(host)) == 1 and listed(host) != [name]


@pytest.fixture(scope="module")
def second(host: Any, backed_up: dict[str, Any]) -> dict[str, Any]:
    """That one is migrated: what the client made."""
    assert backed_up
    return again(host, "second")


def test_included_file_has_a_view_with_the_bridge(host: Any, second: dict[str, Any]) -> None:
    assert second["chat"] == 200
    host.check_output("sha256sum --quiet -c /root/observer/configuration")
    old, view = (
        host.file(f"{LEGACY}/local-models.yaml"),
        host.file(f"{PROJECT}/config.compose.1-local-models.yaml"),
    )
    native, bridged = "http://localhost:8082/v1", "http://host.docker.internal:8082/v1"
    assert native in old.content_string
    assert view.content_string.partition("\n")[2] == old.content_string.replace(native, bridged)
    first = host.file(f"{PROJECT}/config.compose.yaml")
    assert (view.user, view.group, view.mode) == (first.user, first.group, first.mode)
    assert "- config.compose.1-local-models.yaml  # of this machine" in first.content_string
    mounts = json.loads(
        host.check_output("docker inspect --format '{{json .Mounts}}' litellm-proxy")
    )
    assert {
        mount["Destination"]: mount["RW"] for mount in mounts if mount["Source"].startswith(PROJECT)
    } == {"/app/config.yaml": False, "/app/config.compose.1-local-models.yaml": False}
    assert (
        "config.compose.1-local-models.yaml line 6: http\\://localhost:8082 is "
        "http\\://host.docker.internal:8082" in host.file(f"{STATE}/report.md").content_string
    )
    assert int(host.check_output("python3 -c %s", ASK)) > 0


def test_compose_deployment_is_backed_up_in_its_place(host: Any, second: dict[str, Any]) -> None:
    assert second
    settings = json.loads(host.check_output("cat /etc/llmops-litellm/ops.json"))
    assert list(settings["deployments"]) == ["compose"]
    report = host.check_output(f"cat {STATE}/report.md")
    assert r"backups by litellm-ops: \*-\*-\* 02:30:00" in report


@pytest.fixture(scope="module")
def second_back(second: dict[str, Any]) -> Run:
    """And brought back, without the rows that were written meanwhile."""
    assert second
    return play("rollback", "-e", "rollback_data=none")


def test_rows_that_are_not_wanted_stay_in_the_volume(
    host: Any, migrated: dict[str, Any], second: dict[str, Any], second_back: Run
) -> None:
    assert second_back.returncode == 0, second_back.stdout
    assert (spend_rows(host, NATIVE, migrated), spend_rows(host, NATIVE, second)) == (1, 0)
    kept = journal(host)["facts"]["kept_database"]
    assert kept.startswith("litellm_")
    assert kept in host.check_output(f"cat {STATE}/report.md")
    host.check_output("sha256sum --quiet -c /root/observer/configuration")
    assert int(host.check_output("python3 -c %s", ASK)) > 0


def test_legacy_backups_come_back_too(
    host: Any, second_back: Run, backed_up: dict[str, Any]
) -> None:
    assert second_back.returncode == 0
    assert state(host) == backed_up
    made = json.loads(host.check_output("litellm-ops backup --json"))
    assert made["source"] == "legacy"
