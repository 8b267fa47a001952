"""A deployment that is backed up by its timers, broken in every way and restored.

And a host that gets it from a backup alone.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from play import (
    BACKUPS,
    PSQL,
    STATE,
    USER,
    Run,
    client,
    legacy_state,
    play,
    state,
    told,
    until,
    words,
)

METRICS = "/var/lib/prometheus/node-exporter/litellm.prom"
UNIT = "litellm-ops-backup"
OTHER = "llmops-backup-other"
NAMES = [
    "SHA256SUMS",
    "compose.yaml",
    "config.compose.yaml",
    "config.yaml",
    "database.dump",
    "env",
    "manifest.json",
    "redis.conf",
]


def listed(host: Any) -> list[str]:
    """Names of the backups, oldest first."""
    return [
        entry["name"]
        for entry in json.loads(host.check_output("litellm-ops list --json"))["backups"]
    ]


def manifest(host: Any, name: str) -> Any:
    """A backup's manifest."""
    return json.loads(host.check_output(f"cat {BACKUPS}/{name}/manifest.json"))


def models(host: Any, name: str) -> int:
    """The status with which the client's key is answered."""
    script = (
        "import json, urllib.request as r, urllib.error as e\n"
        f"key = json.load(open('/root/observer/{name}.json'))['key']\n"
        "headers = {'Authorization': 'Bearer ' + key}\n"
        "request = r.Request('http://127.0.0.1:4000/v1/models', headers=headers)\n"
        "try: print(r.urlopen(request, timeout=30).status)\n"
        "except e.HTTPError as error: print(error.code)"
    )
    return int(host.check_output("python3 -c %s", script))


# The compose deployment and its timers


@pytest.fixture(scope="module")
def migrated(host: Any) -> dict[str, Any]:
    """A migrated host with a key that somebody has made: what the client sees."""
    client(host, "write", "first")
    return dict(client(host, "read", "first"))


def test_hand_over_puts_the_timers_of_the_compose_deployment_in_place(
    host: Any, migrated: dict[str, Any]
) -> None:
    assert migrated["chat"] == 200
    assert list(
        json.loads(host.check_output("cat /etc/llmops-litellm/ops.json"))["deployments"]
    ) == ["compose"]
    for name in (UNIT, "litellm-ops-drill"):
        timer = dict(
            line.split("=", 1)
            for line in host.check_output(f"systemctl show {name}.timer").splitlines()
            if "=" in line
        )
        assert (timer["ActiveState"], timer["UnitFileState"], timer["Persistent"]) == (
            "active",
            "enabled",
            "yes",
        )
        assert timer["NextElapseUSecRealtime"]
    # the legacy one rests
    assert host.run(f"{USER} is-active litellm-backup.timer").stdout.strip() != "active"
    report = host.check_output(f"cat {STATE}/report.md")
    assert r"backups by litellm-ops: \*-\*-\* 02:30:00" in report


@pytest.mark.parametrize(("name", "most"), [(UNIT, 2.4), ("litellm-ops-drill", 2.0)])
def test_unit_is_hardened(host: Any, migrated: dict[str, Any], name: str, most: float) -> None:
    assert migrated
    said = host.check_output(f"systemd-analyze security --no-pager {name}.service")
    level = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert level and float(level[1]) <= most, said.splitlines()[-1]


@pytest.fixture(scope="module")
def timed(host: Any, migrated: dict[str, Any]) -> str:
    """A backup by the timer, which is told to fire now: its name."""
    assert migrated
    before = listed(host)
    drop_in = f"/etc/systemd/system/{UNIT}.timer.d"
    sooner = (
        "[Timer]\\nOnCalendar=\\nOnActiveSec=\\nOnActiveSec=1\\n"
        "RandomizedDelaySec=0\\nAccuracySec=100ms\\n"
    )
    host.check_output(
        f"mkdir {drop_in} && printf '{sooner}' > {drop_in}/now.conf && systemctl daemon-reload && "
        f"systemctl restart {UNIT}.timer"
    )
    try:
        until(
            host,
            "test $(systemctl show --property ExecMainExitTimestampMonotonic --value "
            f"{UNIT}.service) != 0 && "
            f"test $(systemctl show --property ActiveState --value {UNIT}.service) = inactive",
            120,
        )
    finally:
        host.check_output(
            f"rm -r {drop_in} && systemctl daemon-reload && systemctl restart {UNIT}.timer"
        )
    (name,) = [name for name in listed(host) if name not in before]
    return name


def test_timer_fires_and_a_backup_appears(host: Any, timed: str) -> None:
    assert (
        host.check_output(f"systemctl show --property Result --value {UNIT}.service") == "success"
    )
    assert sorted(host.check_output(f"ls {BACKUPS}/{timed}").split()) == NAMES
    modes = host.check_output(
        f"stat -c '%a %U' {BACKUPS} {BACKUPS}/{timed}; "
        f"stat -c '%a %U' {BACKUPS}/{timed}/* | sort -u"
    ).splitlines()
    assert modes == ["700 root", "700 root", "600 root"]
    made = manifest(host, timed)
    assert (made["source"], made["pinned"], made["facts"]["litellm_version"]) == (
        "compose",
        False,
        "1.102.4",
    )
    assert all("@sha256:" in image for image in made["facts"]["images"].values())
    assert made["rows"]["LiteLLM_VerificationToken"] == int(
        host.check_output(f"{PSQL} 'SELECT count(*) FROM \"LiteLLM_VerificationToken\"'")
    )
    assert host.run(f"cd {BACKUPS}/{timed} && sha256sum --check --quiet SHA256SUMS").rc == 0
    assert host.run(f"litellm-ops verify {timed}").rc == 0
    assert told(host, "backup")["backup"]["name"] == timed
    assert f"{timed} is made and verified" in host.check_output(
        f"journalctl --unit {UNIT} --output cat"
    )


def test_drill_restores_it_and_leaves_nothing(host: Any, timed: str) -> None:
    host.check_output("systemctl start litellm-ops-drill.service")
    drill = told(host, "backup")["drill"]
    assert (drill["ok"], drill["name"], drill["problem"]) == (True, timed, None)
    assert host.check_output("docker ps --all --quiet --filter label=llmops.litellm.drill") == ""
    assert "can be restored" in host.check_output(
        "journalctl --unit litellm-ops-drill --output cat"
    )
    metrics = host.check_output(f"cat {METRICS}").splitlines()
    for line in (
        'litellm_ops_last_run_ok{what="drill"} 1',
        'litellm_ops_last_run_ok{what="backup"} 1',
    ):
        assert line in metrics
    assert any(line.startswith('litellm_ops_size_bytes{what="backup"}') for line in metrics)


def test_no_secret_is_told(host: Any, timed: str) -> None:
    host.check_output("systemd-run --quiet --unit=listener python3 -B /root/observer/listener.py")
    try:
        host.check_output("litellm-ops backup --no-prune")
        host.check_output("litellm-ops drill")
    finally:
        host.check_output("systemctl stop listener")
    secrets = json.loads(host.check_output("cat /root/testbed/secrets.json"))
    for line in host.check_output(
        "grep -E '^(POSTGRES|REDIS)_PASSWORD=' /opt/litellm/.env"
    ).splitlines():
        secrets[line.partition("=")[0]] = line.partition("=")[2].strip("'\"")
    texts = {
        "command lines": host.check_output("journalctl --unit listener --output cat"),
        "journal": host.check_output("journalctl --unit 'litellm-ops-*' --output cat"),
        "files": host.check_output(
            f"cat /etc/llmops-litellm/ops.json {STATE}/backup.json {METRICS} "
            f"{BACKUPS}/{timed}/manifest.json"
        ),
        "status": host.check_output("litellm-ops status --json; litellm-ops list --json"),
    }
    assert "pg_dump" in texts["command lines"] and "pg_restore" in texts["command lines"]
    assert [
        (where, name)
        for where, text in texts.items()
        for name, value in secrets.items()
        if value in text or json.dumps(value)[1:-1] in text
    ] == []


# What goes wrong


def test_full_disk_is_said_with_numbers_and_the_operator_hears_of_it(host: Any, timed: str) -> None:
    kept = listed(host)
    host.check_output(
        f"mkdir /root/aside && mount --bind {BACKUPS} /root/aside && "
        f"mount -t tmpfs -o size=256k,mode=0700 tmpfs {BACKUPS}"
    )
    try:
        assert host.run(f"systemctl start {UNIT}.service").rc != 0
        assert host.check_output(f"ls -A {BACKUPS}") == ""
    finally:
        host.check_output(f"umount {BACKUPS} && umount /root/aside && rmdir /root/aside")
    problem = told(host, "backup")["backup"]["problem"]
    assert re.search(r"has 0\.[0-9] MiB free, the backup may need [0-9.]+ MiB", problem)
    assert problem in host.check_output(f"journalctl --unit {UNIT} --output cat")
    until(host, f"journalctl --identifier operator --output cat | grep -x {UNIT}.service")
    status = host.run("litellm-ops status")
    assert status.rc == 1 and "it went well last at" in status.stderr
    assert 'litellm_ops_last_run_ok{what="backup"} 0' in host.check_output(f"cat {METRICS}")
    assert listed(host) == kept and timed in kept
    assert host.run("litellm-ops verify --all").rc == 0
    host.check_output(f"systemctl reset-failed {UNIT}.service && systemctl start {UNIT}.service")
    assert told(host, "backup")["backup"]["ok"]


@pytest.fixture
def slow(host: Any) -> Iterator[None]:
    """A table is locked, so that a dump begins and waits."""
    lock = 'BEGIN; LOCK TABLE "LiteLLM_AuditLog"; SELECT pg_sleep(50)'
    host.check_output(f"systemd-run --quiet --unit=lock {PSQL} '{lock}'")
    until(
        host,
        f'{PSQL} "SELECT 1 FROM pg_locks WHERE relation = \'\\"LiteLLM_AuditLog\\"\'::regclass '
        "AND mode = 'AccessExclusiveLock'\" | grep 1",
    )
    yield
    host.run("systemctl stop lock")
    host.check_output(
        f'{PSQL} "SELECT pg_terminate_backend(pid) FROM pg_stat_activity '
        "WHERE query LIKE 'BEGIN; LOCK%'\""
    )


def test_backup_that_is_killed_leaves_nothing_that_looks_like_one(
    host: Any, timed: str, slow: None
) -> None:
    kept = listed(host)
    host.check_output("systemd-run --quiet --unit=victim litellm-ops backup")
    until(host, f"ls -d {BACKUPS}/.incomplete-*/database.dump")
    host.check_output("systemctl kill --signal=KILL victim")
    until(host, "test $(systemctl show --property ActiveState --value victim) != active")
    assert listed(host) == kept
    left = json.loads(host.check_output("litellm-ops list --json"))["incomplete"]
    assert len(left) == 1 and left[0].startswith(".incomplete-")
    host.check_output("systemctl reset-failed victim")


def test_next_backup_is_made_beside_what_was_killed(host: Any, timed: str) -> None:
    before = listed(host)
    host.check_output("litellm-ops backup --no-prune")
    assert len(listed(host)) == len(before) + 1
    # younger than a day: somebody may be at work on it
    assert len(json.loads(host.check_output("litellm-ops list --json"))["incomplete"]) == 1


# Retention on an archive of more than a year


@pytest.fixture(scope="module")
def archive(host: Any, timed: str) -> str:
    """400 backups, one each day, and the settings for their folder: a command's options."""
    assert timed
    host.check_output("python3 -B /root/observer/archive.py /root/archive 400")
    settings = json.loads(host.check_output("cat /etc/llmops-litellm/ops.json"))
    settings["backup"]["folder"] = "/root/archive"
    settings["state_dir"] = "/root/archive-state"
    settings["backup"]["metrics"] = ""
    host.check_output(
        "mkdir -m 700 /root/archive-state && umask 077 && printf %s > /root/archive.json",
        json.dumps(settings),
    )
    return "--settings /root/archive.json"


def names(host: Any) -> set[str]:
    """What is in the archive, hidden names too."""
    return set(host.check_output("ls -A /root/archive").split())


def test_prune_says_what_would_go_and_why(host: Any, archive: str) -> None:
    before = names(host)
    said = json.loads(host.check_output(f"litellm-ops prune --dry-run --json {archive}"))
    assert (len(said["kept"]) + len(said["removed"]), said["foreign"]) == (
        400,
        ["notes.txt", "photos"],
    )
    # a backup each day: 7 days, and the newest of the 4 weeks and 3 months that are not among them
    # already
    newest = sorted((name for name in before if name.startswith("20")), reverse=True)
    assert [entry["name"] for entry in said["kept"]][:7] == newest[:7]
    rules = [reason.split()[0] for entry in said["kept"] for reason in entry["reasons"]]
    assert {rule: rules.count(rule) for rule in set(rules)} == {
        "last": 1,
        "daily": 7,
        "weekly": 4,
        "monthly": 3,
    }
    assert names(host) == before


# All of it takes less than a second, so the strike is on the host itself: a command is stopped as
# soon as a name has changed, and killed if that one is still at work.
STRIKE = """
import glob, signal, subprocess, sys
command = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
while command.poll() is None:
    if glob.glob("/root/archive/.removing-*"):
        command.send_signal(signal.SIGSTOP)
        left = glob.glob("/root/archive/.removing-*")
        command.send_signal(signal.SIGKILL if left else signal.SIGCONT)
sys.exit(command.wait() != -signal.SIGKILL)
"""


def test_prune_that_is_killed_leaves_only_whole_backups(host: Any, archive: str) -> None:
    kept = {
        entry["name"]
        for entry in json.loads(host.check_output(f"litellm-ops prune --dry-run --json {archive}"))[
            "kept"
        ]
    }
    host.check_output("python3 -c %s " + f"litellm-ops prune {archive}", STRIKE)
    assert [name for name in names(host) if name.startswith(".removing-")]
    assert host.run(f"litellm-ops verify --all {archive}").rc == 0
    host.check_output(f"litellm-ops prune {archive}")
    assert names(host) == kept | {"notes.txt", "photos"}
    assert json.loads(host.check_output(f"litellm-ops prune --json {archive}"))["changed"] is False


# Restores


@pytest.fixture(scope="module")
def chosen(host: Any, timed: str) -> str:
    """A backup with the first client's key and not the second's: its name."""
    assert timed
    made = json.loads(host.check_output("litellm-ops backup --pin --json"))["name"]
    client(host, "write", "second")
    assert models(host, "second") == 200
    return str(made)


def test_check_mode_tells_what_a_restore_would_lose(host: Any, chosen: str) -> None:
    run = play("restore", "--check", "-e", f"restore_name={chosen}")
    assert run.returncode == 0, run.stdout
    assert "WILL BE LOST:" in run.stdout
    assert re.search(
        r"LiteLLM_VerificationToken: [0-9]+ rows now, [0-9]+ in the backup: "
        r"1 or more are newer and will be lost",
        words(run),
    )
    assert "changed=0" in run.stdout or "changed=1" in run.stdout
    assert models(host, "second") == 200
    assert not host.file(f"{STATE}/restore.json").exists


def test_backup_that_is_damaged_is_refused_by_the_files_name(host: Any, chosen: str) -> None:
    copy = f"/root/copies/{chosen}"
    host.check_output(
        f"mkdir -m 700 /root/copies && cp -a {BACKUPS}/{chosen} /root/copies/ && "
        f"printf x | dd of={copy}/env bs=1 seek=9 conv=notrunc"
    )
    run = play("restore", "-e", "restore_path=/root/copies", "-e", f"restore_name={chosen}")
    assert run.returncode != 0
    assert f"{copy}/env: its checksum does not match" in words(run)
    assert "Nothing was touched" in words(run)
    host.check_output("rm -r /root/copies")


def test_other_salt_key_is_refused(host: Any, chosen: str) -> None:
    settings = json.loads(host.check_output("cat /etc/llmops-litellm/ops.json"))
    settings["deployments"]["compose"]["salt_key_file"] = "/root/salt.env"
    host.check_output("umask 077; printf %s > /root/salt.json", json.dumps(settings))
    host.check_output("umask 077; printf 'LITELLM_SALT_KEY=sk-another\\n' > /root/salt.env")
    done = host.run(f"litellm-ops restore {chosen} --settings /root/salt.json")
    assert done.rc == 3
    assert "/root/salt.env has another salt key than the backup was made with" in done.stderr
    assert models(host, "second") == 200


@pytest.fixture(scope="module")
def restored(host: Any, chosen: str) -> Run:
    """A table is dropped, and the backup comes back: the run."""
    host.check_output(f"{PSQL} 'DROP TABLE \"LiteLLM_BudgetTable\" CASCADE'")
    return play("restore", "-e", f"restore_name={chosen}")


def test_dropped_table_comes_back(
    host: Any, chosen: str, migrated: dict[str, Any], restored: Run
) -> None:
    assert restored.returncode == 0, restored.stdout
    made = manifest(host, chosen)
    count = int(host.check_output(f"{PSQL} 'SELECT count(*) FROM \"LiteLLM_BudgetTable\"'"))
    assert count == made["rows"]["LiteLLM_BudgetTable"]
    assert client(host, "read", "first") == migrated
    assert models(host, "second") == 401  # it was told, and is in the restore point
    assert "the schemas differ: the backup's comes back" in words(restored)


def test_what_was_there_is_kept_twice(host: Any, restored: Run) -> None:
    assert restored.returncode == 0
    point = [name for name in listed(host) if name.startswith("before-restore-")]
    assert len(point) == 1 and manifest(host, point[0])["pinned"]
    kept = host.check_output(
        f"{PSQL} \"SELECT datname FROM pg_database WHERE datname LIKE 'litellm_before_%'\""
    ).split()
    assert len(kept) == 1
    rows = (
        "docker exec litellm-postgres psql -U litellm -d %s -XAtc "
        "'SELECT count(*) FROM \"LiteLLM_VerificationToken\"'"
    )
    assert int(host.check_output(rows % kept[0])) == int(host.check_output(rows % "litellm")) + 1


def test_wrong_migration_is_taken_back_by_hand(
    host: Any, chosen: str, migrated: dict[str, Any], restored: Run
) -> None:
    assert restored.returncode == 0
    ledger = (
        "INSERT INTO _prisma_migrations "
        "(id, checksum, migration_name, finished_at, applied_steps_count) "
        "VALUES (\\$\\$x\\$\\$, \\$\\$x\\$\\$, \\$\\$20990101000000_wrong\\$\\$, now(), 1)"
    )
    host.check_output(
        f"{PSQL} 'ALTER TABLE \"LiteLLM_VerificationToken\" DROP COLUMN metadata CASCADE' && "
        f'{PSQL} "{ledger}"'
    )
    done = host.run(f"litellm-ops restore {chosen} --json")
    assert done.rc == 0, done.stderr
    answer = json.loads(done.stdout)
    assert "the schemas differ: the backup's comes back" in answer["loses"]
    assert 0 < answer["stopped"] < 120
    assert client(host, "read", "first") == migrated
    assert (
        host.check_output(
            f"{PSQL} \"SELECT count(*) FROM _prisma_migrations WHERE migration_name LIKE '2099%'\""
        )
        == "0"
    )


def test_proxy_that_never_gets_healthy_brings_back_what_was_there(
    host: Any, chosen: str, restored: Run
) -> None:
    assert restored.returncode == 0
    client(host, "write", "third")
    host.check_output("systemd-run --quiet --unit=freezer python3 -B /root/observer/freezer.py")
    until(host, "journalctl --unit freezer --output cat | grep waiting")
    done = host.run(f"litellm-ops restore {chosen} --wait 60")
    assert "frozen" in host.check_output("journalctl --unit freezer --output cat")
    assert done.rc == 1, done.stdout
    assert "The deployment is back as it was, and serves" in done.stderr
    assert told(host, "restore")["stage"] == "back"
    assert models(host, "third") == 200


def test_restores_that_are_killed_keep_others_out_and_are_ended_by_the_next(
    host: Any, chosen: str, migrated: dict[str, Any], restored: Run
) -> None:
    """Each takes over and is killed in a later stage than the one before; the last one ends."""
    assert restored.returncode == 0
    why = "has not ended (it was killed, or failed, in its stage"
    for stage in ("loading", "stopping", "starting"):
        host.check_output(f"systemd-run --quiet --unit=victim litellm-ops restore {chosen}")
        until(host, f'grep -qs \'"stage": "{stage}"\' {STATE}/restore.json', 240)
        host.check_output("systemctl kill --signal=KILL victim")
        until(host, "test $(systemctl show --property ActiveState --value victim) != active")
        host.run("systemctl reset-failed victim")
        assert told(host, "restore")["stage"] != "finished"
        assert why in words(play("status"))
        assert host.run("litellm-ops backup").rc == 3
        if stage == "stopping":
            for name in ("migrate", "rollback", "finalize", "backup"):
                run = play(name)
                assert run.returncode != 0, run.stdout
                assert why in words(run) and "Nothing was touched" in words(run), run.stdout
    run = play("restore", "-e", f"restore_name={chosen}")
    assert run.returncode == 0, run.stdout
    assert told(host, "restore")["stage"] == "finished"
    assert client(host, "read", "first") == migrated
    assert (models(host, "third"), host.run("litellm-ops backup --no-prune").rc) == (401, 0)


# Another host


def test_host_that_never_saw_the_original_serves_the_old_keys(
    host: Any, chosen: str, tmp_path: Path
) -> None:
    docker = ["docker"]
    for source, target in (
        (f"llmops-backup:{BACKUPS}/{chosen}", tmp_path / chosen),
        ("llmops-backup:/root/observer/first.json", tmp_path / "first.json"),
    ):
        subprocess.run(
            [*docker, "cp", "--quiet", source, str(target)], check=True, stdout=subprocess.DEVNULL
        )
    subprocess.run(
        [*docker, "exec", OTHER, "mkdir", "-p", "/mnt/copies", "/root/observer"], check=True
    )
    subprocess.run(
        [*docker, "cp", "--quiet", str(tmp_path / chosen), f"{OTHER}:/mnt/copies/"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    subprocess.run(
        [*docker, "cp", "--quiet", str(tmp_path / "first.json"), f"{OTHER}:/root/observer/"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    other = type(host).get_host(f"docker://{OTHER}")
    assert not other.file("/opt/litellm").exists
    # a Redis of the host's own runs there: it is named, and left to its owner
    refused = play("restore", "-e", "restore_path=/mnt/copies", inventory="files/other.yml")
    assert (
        refused.returncode != 0
        and "nothing was touched: port 6379 is held by redis-server" in words(refused)
    )
    assert not other.file("/opt/litellm").exists
    other.check_output("systemctl disable --now redis-server.service")
    # a key that did not sign it refuses it
    refused = play(
        "restore",
        "-e",
        "restore_path=/mnt/copies",
        inventory="files/other.yml",
        restore_signed_by=["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMslaFDt50ZbHbHRp"],
    )
    assert refused.returncode != 0
    assert "is not signed, and must be signed by the key given" in words(refused)
    run = play("restore", "-e", "restore_path=/mnt/copies", inventory="files/other.yml")
    assert run.returncode == 0, run.stdout
    # what root runs is named, it is what this collection writes, and nobody vouched for it
    ours = "compose.yaml: root's Docker runs what it says; as this collection writes it"
    assert ours in words(run) and "NOT VERIFIED against any key" in words(run)
    assert models(other, "first") == 200
    rows = int(other.check_output(f"{PSQL} 'SELECT count(*) FROM \"LiteLLM_SpendLogs\"'"))
    assert rows >= manifest(host, chosen)["rows"]["LiteLLM_SpendLogs"]
    assert other.check_output("stat -c %a /opt/litellm/.env") == "600"
    assert "127.0.0.1:4000" in other.check_output("ss -Hltn sport = :4000")
    again = play("restore", "-e", "restore_path=/mnt/copies", inventory="files/other.yml")
    assert again.returncode != 0 and "is there and not empty" in words(again)
    assert models(other, "first") == 200


# And back


def test_rollback_takes_home_what_was_restored(
    host: Any, chosen: str, migrated: dict[str, Any]
) -> None:
    run = play("rollback")
    assert run.returncode == 0, run.stdout
    assert state(host) == legacy_state(host)
    assert client(host, "read", "first") == {**migrated, "api_base": "http://127.0.0.1:8082/v1"}
