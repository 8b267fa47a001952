"""What stands against a restore, and what it would lose, in words."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from unit.support import fails, reachable

from ansible_collections.llmops.litellm.plugins.module_utils._backup import backup as _backup
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import journal as _journal
from ansible_collections.llmops.litellm.plugins.module_utils._deployment.service import Deployment
from ansible_collections.llmops.litellm.plugins.module_utils._host import docker as _docker
from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process
from ansible_collections.llmops.litellm.plugins.module_utils._host.account import AccountError
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import others as _others
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import readers as _readers
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import session as _session
from ansible_collections.llmops.litellm.plugins.module_utils._restore import (
    checks as _checks,
)
from ansible_collections.llmops.litellm.plugins.module_utils._restore import load as _load

NOW = datetime(2026, 11, 24, tzinfo=timezone.utc)
TARGET = _session.Endpoint("litellm", "litellm", "litellm-postgres")
WRONG = ["migration", "salt key", "old", "in use", "new", "full"]
A, B, C = "20250101000000_a", "20260101000000_b", "20261201000000_c"


def side(schema: str = "s", **tables: Any) -> dict[str, Any]:
    """A fingerprint: of each table the rows and the hash."""
    return {
        "schema_hash": schema,
        "tables": [
            {"schema": "public", "name": name, "rows": rows, "hash": text}
            for name, (rows, text) in tables.items()
        ],
    }


def test_losses_are_told_table_by_table() -> None:
    held = side(same=(3, "a"), more=(10, "a"), less=(9, "a"), other=(4, "a"), gone=(7, "a"))
    now = side("t", same=(3, "a"), more=(12, "b"), less=(8, "b"), other=(4, "b"), new=(2, "a"))
    assert _checks.losses(held, now) == [
        "gone: is only in the backup, with 7 rows",
        (
            "less: 8 rows now, 9 in the backup: those that were removed or changed since "
            "come back as they were"
        ),
        "more: 12 rows now, 10 in the backup: 2 or more are newer and will be lost",
        "new: 2 rows, and the table itself, are not in the backup",
        "other: 4 rows on both sides, and not the same: changes since the backup will be lost",
        "the schemas differ: the backup's comes back",
    ]
    assert _checks.losses(held, held) == []


@pytest.mark.parametrize(
    ("applied", "brought", "then", "now", "words"),
    [
        ([A, B], [A, B], "", "1.90.0", ""),
        ([A], [A, B], "1.80.0", "1.90.0", ""),
        (
            [A, B, C],
            [A],
            "",
            "1.60.0",
            f"2 schema migrations that LiteLLM 1.60.0 does not know (the first is {B})",
        ),
        (["0_init", "baseline", A], [A], "", "1.60.0", ""),
        (None, [A], "1.90.0", "1.80.0", "made with LiteLLM 1.90.0, the deployment has 1.80.0"),
        ([A], None, "1.80.0", "1.90.0", ""),
        (None, None, "", "1.90.0", ""),
        ([A, B], [A, B], "1.99.0", "1.90.0", ""),
    ],
    ids=[
        "equal",
        "older",
        "newer",
        "made on the spot",
        "by version",
        "older by version",
        "unknown",
        "the ledger has the last word",
    ],
)
def test_newer_schema_is_told(applied: Any, brought: Any, then: str, now: str, words: str) -> None:
    found = _checks.newer(applied, brought, then, now)
    assert words in found
    assert bool(found) == bool(words)


def test_what_the_image_or_the_environment_brings_is_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[Any] = []

    def identity(image: str, user: str, python: bool = False) -> dict[str, Any]:
        asked.append((image, user, python))
        return {"migrations": [A], "litellm_version": "1.90.0"}

    monkeypatch.setattr(_docker, "identity", identity)
    assert _checks.offered(Deployment("compose", TARGET, images={"litellm": "l@sha256:1"})) == (
        [A],
        "1.90.0",
    )
    assert asked == [("l@sha256:1", "", True)]
    with pytest.raises(ValueError, match="image"):
        _checks.offered(Deployment("compose", TARGET))
    with pytest.raises(ValueError, match="Python"):
        _checks.offered(Deployment("legacy", TARGET))
    site = tmp_path / "lib/python3.11/site-packages"
    (site / "litellm-1.80.0.dist-info").mkdir(parents=True)
    assert _checks.offered(Deployment("legacy", TARGET, python=str(tmp_path / "bin/python"))) == (
        None,
        "1.80.0",
    )
    (site / "litellm_proxy_extras/migrations" / A).mkdir(parents=True)
    (site / "litellm_proxy_extras/migrations/README.md").touch()
    assert _checks.offered(Deployment("legacy", TARGET, python=str(tmp_path / "bin/python"))) == (
        [A],
        "1.80.0",
    )


def test_schema_that_cannot_be_compared_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_load, "find", lambda *_all: None)
    monkeypatch.setattr(_load, "migrations", lambda *_all: [A, B])
    notes: list[str] = []
    assert _checks.check_schema({}, "/b", "", Deployment("compose", TARGET), notes) == []
    assert "is seen only when it runs: the proxy's image is unknown" in notes[0]
    monkeypatch.setattr(_checks, "offered", lambda deployment: ([A], "1.80.0"))
    assert (
        "an older LiteLLM must not work on a newer schema"
        in _checks.check_schema({}, "/b", "", Deployment("compose", TARGET), notes)[0]
    )
    monkeypatch.setattr(_checks, "offered", lambda deployment: ([A, B], "1.80.0"))
    assert _checks.check_schema({}, "/b", "", Deployment("compose", TARGET), notes) == []


def test_salt_key_is_compared_by_its_fingerprint(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    deployment = Deployment("compose", TARGET, salt_key_file=str(env))
    told = {"salt_key_fingerprint": _backup.salt_key_fingerprint("hunter2-right")}
    notes: list[str] = []
    env.write_text("LITELLM_MASTER_KEY=sk-1\nLITELLM_SALT_KEY=hunter2-right\n")
    assert _checks.check_salt(told, deployment, notes) == []
    env.write_text("LITELLM_MASTER_KEY=hunter2-right\n")
    assert _checks.check_salt(told, deployment, notes) == []
    env.write_text("LITELLM_SALT_KEY=hunter2-wrong\n")
    found = _checks.check_salt(told, deployment, notes)
    assert "has another salt key" in found[0] and "hunter2" not in found[0]
    env.write_text("A=1\n")
    assert "has no salt key" in _checks.check_salt(told, deployment, notes)[0]
    assert notes == []
    assert _checks.check_salt({"salt_key_fingerprint": None}, deployment, notes) == []
    assert len(notes) == 1


def test_server_must_not_be_older_than_the_dump(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_checks._database, "check", lambda told, target: None)
    monkeypatch.setattr(_checks, "administrator", lambda target: target.on("postgres"))
    monkeypatch.setattr(_checks, "server_version", lambda endpoint: ("15.9", 15))
    assert _checks.check_server({"database": {"server_version": "15.2 (Debian)"}}, TARGET) == []
    assert (
        "the backup is of 17.1"
        in _checks.check_server({"database": {"server_version": "17.1"}}, TARGET)[0]
    )


def test_who_else_is_connected_is_told_before_anything_stops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By another role: of the proxy's own nobody knows here who has it, and the swap waits."""
    rows = [
        (TARGET.database, TARGET.user, ""),
        (TARGET.database, "reader", "grafana"),
        (TARGET.database, "reader", "grafana"),
        (TARGET.database, "ana", ""),
        ("other", "bob", ""),
    ]
    sessions = [_others.Session(7, database, role, name, "") for database, role, name in rows]
    monkeypatch.setattr(_others, "sessions", lambda endpoint: sessions)
    monkeypatch.setattr(_readers, "made", lambda target: [])
    assert _checks.check_clients(TARGET) == [
        "%s is still in use by others than the proxy: role ana, role reader (grafana). Restore when"
        " they are done." % TARGET
    ]
    monkeypatch.setattr(_readers, "made", lambda target: ["reader"])
    assert "by others than the proxy: role ana. Restore" in _checks.check_clients(TARGET)[0]
    sessions[1:4] = []
    assert _checks.check_clients(TARGET) == []


def test_only_a_migration_that_runs_stands_against_it(tmp_path: Path) -> None:
    assert _checks.check_journal(str(tmp_path)) == []
    journal = _journal.create("x", {}, NOW)
    _journal.save(str(tmp_path), journal, NOW)
    assert "phase preflight" in _checks.check_journal(str(tmp_path))[0]
    for state in (_journal.MIGRATED, _journal.ROLLED_BACK, _journal.UNTOUCHED, _journal.FINALIZED):
        _journal.save(str(tmp_path), {**journal, "state": state}, NOW)
        assert _checks.check_journal(str(tmp_path)) == []


@pytest.mark.parametrize(
    ("room", "device", "words"),
    [
        ((1 << 30, None), 1, ""),
        ((200 << 20, None), 1, "200.0 MiB are free"),
        ((250 << 20, 1), 1, "the restore needs 326.0 MiB"),
        ((250 << 20, 2), 1, ""),
    ],
    ids=["enough", "too little", "with the restore point", "restore point elsewhere"],
)
def test_room_for_two_databases(
    monkeypatch: pytest.MonkeyPatch, room: Any, device: int, words: str
) -> None:
    monkeypatch.setattr(_checks, "data_space", lambda target: room)
    monkeypatch.setattr(_checks, "device_of", lambda path: device)
    monkeypatch.setattr(_checks, "database_size", lambda endpoint: 100 << 20)
    found = _checks.check_space({"database": {"bytes": 100 << 20}}, TARGET, "/backups", [])
    assert words in "".join(found)
    assert bool(found) == bool(words)


def test_room_that_cannot_be_seen_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_checks, "data_space", lambda target: None)
    notes: list[str] = []
    assert _checks.check_space({"database": {"bytes": 5 << 30}}, TARGET, "", notes) == []
    assert "needs 7.5 GiB" in notes[0]


def test_room_of_a_server_of_this_host_is_what_its_account_sees(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server = _session.Endpoint("litellm", host="127.0.0.1")
    with subprocess.Popen(["sleep", "60"], cwd=reachable(tmp_path), user=65534) as process:
        monkeypatch.setattr(_checks, "postmaster", lambda host, port, proc: process.pid)
        found = _checks.data_space(server)
        assert found is not None
        assert found[0] > 0 and found[1] == os.stat(tmp_path).st_dev
        monkeypatch.setattr(_checks, "free_bytes", lambda path: os.geteuid())
        found = _checks.data_space(server)
        assert found is not None and found[0] == 65534
        with monkeypatch.context() as patch:
            patch.setattr(_checks.Account, "of_process", fails(AccountError("of two accounts")))
            assert _checks.data_space(server) is None
        process.kill()
    assert _checks.data_space(server) is None
    monkeypatch.setattr(_checks, "postmaster", lambda host, port, proc: None)
    assert _checks.data_space(server) is None


def test_room_in_a_container_is_asked_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    class Session:
        def __init__(self, endpoint: Any) -> None:
            pass

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_error: object) -> None:
            pass

        def query(self, statement: str) -> Any:
            return [["/var/lib/postgresql/data"]]

    asked: list[Any] = []

    def run(argv: list[str], **_more: Any) -> _process.Result:
        asked.append(argv)
        return _process.Result(
            0,
            (
                "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/x 10 5 4096 "
                "1% /data\n"
            ),
            "",
        )

    monkeypatch.setattr(_checks, "administering", Session)
    monkeypatch.setattr(_checks, "run", run)
    assert _checks.data_space(TARGET) == (4 << 20, None)
    assert asked == [
        ["docker", "exec", "litellm-postgres", "df", "-Pk", "/var/lib/postgresql/data"]
    ]
    monkeypatch.setattr(_checks, "run", lambda argv, **_more: _process.Result(127, "", "no df"))
    assert _checks.data_space(TARGET) is None


def backed_up(folder: Path, **more: Any) -> str:
    """A backup of which only the manifest matters."""
    folder.mkdir()
    database = {"bytes": 1, "client_major": 15, "server_version": "15.1"}
    (folder / "manifest.json").write_text(
        json.dumps(
            {
                "format": 1,
                "source": "compose",
                "salt_key_fingerprint": None,
                "fingerprint": side(x=(1, "a")),
                "database": database,
                **more,
            }
        )
    )
    (folder / "SHA256SUMS").write_text(_backup.sums(str(folder)))
    return str(folder)


def test_everything_is_told_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = backed_up(tmp_path / "b", source="legacy", salt_key_fingerprint="0" * 32)
    (tmp_path / "env").write_text("LITELLM_SALT_KEY=x\n")
    _journal.save(str(tmp_path), _journal.create("x", {}, NOW), NOW)
    monkeypatch.setattr(_checks, "administrator", lambda target: target.on("postgres"))
    monkeypatch.setattr(_checks, "check_server", lambda told, target: ["too old"])
    monkeypatch.setattr(_checks, "query", lambda endpoint, statement: [["1"]])
    monkeypatch.setattr(_checks._swap, "check_rights", lambda target: None)
    monkeypatch.setattr(_checks, "check_clients", lambda target: ["in use"])
    monkeypatch.setattr(_checks, "check_schema", lambda *_all: ["too new"])
    monkeypatch.setattr(_checks, "check_space", lambda *_all: ["too full"])
    monkeypatch.setattr(_checks, "fingerprint", lambda endpoint: side(x=(2, "b")))
    deployment = Deployment("compose", TARGET, salt_key_file=str(tmp_path / "env"))
    folder = os.path.dirname(path)
    found = _checks.inspect(deployment, path, "", str(tmp_path), "", True)
    assert [next(word for word in WRONG if word in problem) for problem in found.problems] == WRONG
    assert found.loses == ["x: 2 rows now, 1 in the backup: 1 or more are newer and will be lost"]
    assert found.notes[0].endswith(
        "whoever can write to %s decides what the database holds" % folder
    )
    assert "made of the legacy deployment" in found.notes[1]
    # in root's own folder nobody needs to vouch for it
    found = _checks.inspect(deployment, path, "", str(tmp_path), "", True, (), folder + "/")
    assert "made of the legacy deployment" in found.notes[0]

    def down(*_all: Any) -> Any:
        raise _session.PostgresError("is down")

    monkeypatch.setattr(_checks, "query", down)
    monkeypatch.setattr(_checks, "check_server", down)
    found = _checks.inspect(deployment, path, "", str(tmp_path), "", True)
    assert [problem for problem in found.problems if "down" in problem] == ["is down"]
    (Path(path) / "manifest.json").write_text("{}")
    found = _checks.inspect(deployment, path, "", str(tmp_path), "", True)
    assert "manifest.json: its checksum does not match" in found.problems[0]
    (Path(path) / "SHA256SUMS").write_text(_backup.sums(path))
    assert (
        "is not of format 1"
        in _checks.inspect(deployment, path, "", str(tmp_path), "", True).problems[0]
    )


@pytest.mark.parametrize("others", [[], ["schema app", "table app.orders"]])
def test_database_that_others_use_too_keeps_its_name(
    monkeypatch: pytest.MonkeyPatch, others: list[str]
) -> None:
    monkeypatch.setattr(_checks, "besides", lambda target: others)
    found = _checks.check_others(TARGET)
    assert len(found) == bool(others)
    assert (
        not others or "not LiteLLM's and is in no backup: schema app, table app.orders" in found[0]
    )
