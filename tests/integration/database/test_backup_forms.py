"""Backups as a folder of files and encrypted, against real servers and the real age."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Callable

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._backup import backup as _backup
from ansible_collections.llmops.litellm.plugins.module_utils._backup import dump as _dump
from ansible_collections.llmops.litellm.plugins.module_utils._backup import (
    encryption as _encryption,
)
from ansible_collections.llmops.litellm.plugins.module_utils._backup.backup import How
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    fingerprint as _fingerprint,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import (
    Endpoint,
    PostgresError,
)
from ansible_collections.llmops.litellm.plugins.module_utils._restore import database as _database
from ansible_collections.llmops.litellm.plugins.module_utils._restore import drill as _drill
from ansible_collections.llmops.litellm.plugins.module_utils._restore import load as _load

from .conftest import Native, Server
from .content import NASTY

NOW = datetime(2026, 11, 23, 12, 5, 1, tzinfo=timezone.utc)
SECRET = "hunter2-4f9c0b7ad2e15386"
PARALLEL = How(jobs=3, parallel_from=1)


class Key:
    """A pair of age's: ``identity`` is the path of the secret half."""

    def __init__(self, folder: Path) -> None:
        self.identity = str(folder / "identity")
        subprocess.run(["age-keygen", "--output", self.identity], check=True, capture_output=True)
        self.public = subprocess.run(
            ["age-keygen", "-y", self.identity], check=True, capture_output=True, text=True
        ).stdout.strip()

    @property
    def how(self) -> How:
        return How(recipients=(self.public,))


@pytest.fixture
def key(tmp_path: Path) -> Key:
    (tmp_path / "keys").mkdir()
    return Key(tmp_path / "keys")


@pytest.fixture
def env(tmp_path: Path) -> Path:
    path = tmp_path / "env"
    path.write_text("LITELLM_SALT_KEY=%s\n" % SECRET)
    return path


def order(source: Endpoint, folder: Path, how: How, **more: Any) -> _backup.Order:
    return _backup.Order(source, str(folder), "compose", how=how, **more)


def test_large_database_is_dumped_into_a_folder_and_restored(
    target: Server, tmp_path: Path, env: Path
) -> None:
    old = target.new(NASTY)
    made = _backup.backup(order(old, tmp_path / "b", PARALLEL, files={"env": str(env)}), NOW)
    path, told = Path(made["path"]), made["manifest"]
    assert (told["database"]["dump"], told["encrypted"], told["recipients"]) == (
        "database.dir",
        False,
        [],
    )
    inner = sorted("database.dir/" + file.name for file in (path / "database.dir").iterdir())
    assert "database.dir/toc.dat" in inner and len(inner) > 5
    assert [entry["name"] for entry in told["files"]] == sorted([*inner, "env"])
    assert told["files"][-1]["from"] == str(env)
    assert {file.stat().st_mode & 0o777 for file in path.rglob("*")} == {0o600, 0o700} and (
        path / "database.dir"
    ).stat().st_mode & 0o777 == 0o700
    subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=path, check=True
    )
    assert made["bytes"] == sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    done = _database.restore(str(path), target.at(target.name()), NOW, jobs=3)
    assert (
        done.differences == []
        and done.found["hash"]
        == told["fingerprint"]["hash"]
        == _fingerprint.fingerprint(old)["hash"]
    )
    if old.container:  # nothing of it stays in there
        assert (
            _dump.PREFIX
            not in subprocess.run(
                [*old.engine, "exec", old.container, "ls", "/tmp"],
                check=True,
                capture_output=True,
                text=True,
            ).stdout
        )
    # and what happens to one of those files is seen
    victim = path / sorted(inner)[0]
    whole = victim.read_bytes()
    victim.write_bytes(whole[:-1])
    assert _backup.verify(str(path)) == ["%s: its checksum does not match" % victim]
    victim.unlink()
    assert _backup.verify(str(path)) == ["%s: is missing" % victim]
    victim.write_bytes(whole)
    (path / "database.dir/more").mkdir()
    assert _backup.verify(str(path)) == [
        "%s/database.dir/more/: was not there when the backup was made" % path
    ]


def test_size_and_room_say_which_form(target: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    source = target.new()
    assert _dump.form(source, How(jobs=2, parallel_from=1000), 1000) == "directory"
    for how in (
        How(jobs=2, parallel_from=1001),
        How(jobs=1, parallel_from=1),
        How(jobs=2, parallel_from=0),
    ):
        assert _dump.form(source, how, 1000) == "custom"
    assert (
        _dump.form(source, How(jobs=2, parallel_from=1, recipients=("age1x",)), 1000) == "encrypted"
    )
    # a container's folder is written in there first
    assert _dump.form(source, How(jobs=2, parallel_from=1), 1 << 60) == (
        "custom" if source.container else "directory"
    )


@pytest.mark.parametrize(
    "program, script",
    [
        ("pg_dump", "echo 'pg_dump: error: no room' >&2; exit 1"),
        ("pg_restore", "echo 'pg_restore: error: unreadable' >&2; exit 1"),
    ],
)
@pytest.mark.parametrize("encrypted", [True, False])
def test_failure_of_a_program_leaves_nothing_and_is_said(
    native: Native,
    broken: Callable[[str, str], Endpoint],
    tmp_path: Path,
    key: Key,
    program: str,
    script: str,
    encrypted: bool,
) -> None:
    source = native.new(NASTY)
    with pytest.raises(PostgresError, match="no room|unreadable"):
        _backup.backup(
            order(
                broken(program, script).on(source.database),
                tmp_path / "b",
                key.how if encrypted else PARALLEL,
            ),
            NOW,
        )
    assert os.listdir(tmp_path / "b") == []


@pytest.mark.parametrize(
    "script", ['{real} "$@" | head -c 2000', '{real} "$@" | head -c 2000; exit 0', "exit 0"]
)
def test_dump_that_ends_early_is_not_sealed_as_whole(
    native: Native, broken: Callable[[str, str], Endpoint], tmp_path: Path, key: Key, script: str
) -> None:
    source = native.new(NASTY)
    with pytest.raises(PostgresError, match="pg_dump|pg_restore"):
        _backup.backup(
            order(broken("pg_dump", script).on(source.database), tmp_path / "b", key.how), NOW
        )
    assert os.listdir(tmp_path / "b") == []


def test_encrypted_backup_is_opened_by_its_key_alone(
    target: Server, tmp_path: Path, env: Path, key: Key
) -> None:
    old = target.new(
        NASTY
        + "CREATE TABLE secret AS SELECT '%s' || n AS told FROM generate_series(1, 999) n" % SECRET
    )
    made = _backup.backup(
        order(
            old,
            tmp_path / "b",
            key.how._replace(compression=0),
            files={"env": str(env)},
            salt_key=SECRET,
        ),
        NOW,
    )
    path, told = Path(made["path"]), made["manifest"]
    assert sorted(os.listdir(path)) == [
        "SHA256SUMS",
        "database.dump.age",
        "env.age",
        "manifest.json",
    ]
    assert (told["encrypted"], told["recipients"], told["database"]["dump"]) == (
        True,
        [key.public],
        "database.dump",
    )
    assert told["salt_key_fingerprint"] == _backup.salt_key_fingerprint(SECRET)
    assert not [file for file in path.iterdir() if SECRET.encode() in file.read_bytes()]
    assert _backup.verify(str(path)) == []
    there = target.at(target.name())
    with pytest.raises(_load.EncryptedError, match="give the path of a file with the age identity"):
        _database.restore(str(path), there, NOW)
    (tmp_path / "other").mkdir()
    with pytest.raises(
        _backup.BackupError, match="cannot be decrypted: age: error: no identity matched"
    ):
        _database.restore(str(path), there, NOW, Key(tmp_path / "other").identity)
    assert there.database not in target.databases()
    done = _database.restore(str(path), there, NOW, key.identity)
    assert done.differences == [] and done.found["rows_total"] == told["rows_total"]
    with _load.opened(str(path / "env.age"), key.identity) as plain:
        assert SECRET.encode() in plain.read()


def test_any_of_several_keys_opens_it_and_comments_stay_out(
    native: Native, tmp_path: Path, key: Key
) -> None:
    ssh = str(tmp_path / "ssh")
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "somebody@desk", "-f", ssh],
        check=True,
    )
    how = How(recipients=(key.public, Path(ssh + ".pub").read_text().strip()))
    made = _backup.backup(order(native.new(NASTY), tmp_path / "b", how), NOW)
    assert "somebody" not in Path(made["path"], "manifest.json").read_text()
    for identity in (key.identity, ssh):
        there = native.at(native.name())
        assert _database.restore(made["path"], there, NOW, identity).differences == []


def test_keys_are_refused_before_anything(
    native: Native, tmp_path: Path, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = native.new()
    secret = next(
        line for line in Path(key.identity).read_text().splitlines() if not line.startswith("#")
    )
    mistyped = key.public[:-1] + ("q" if key.public.endswith("x") else "x")
    for keys, words in (
        ((secret,), "is a secret key"),
        ((mistyped,), "age does not take age1"),
        ((key.public, "x"), "is no public key"),
    ):
        for act in (_backup.backup, _backup.foresee):
            with pytest.raises(_backup.BackupError, match=words) as refused:
                act(order(source, tmp_path / "b", How(recipients=keys)), NOW)
            assert secret not in str(refused.value)
    monkeypatch.setattr(_encryption, "PROGRAM", "/nosuch/age")
    with pytest.raises(
        _backup.BackupError, match=r"the program age is not installed on this host \(Debian: age\)"
    ):
        _backup.backup(order(source, tmp_path / "b", key.how), NOW)
    assert not (tmp_path / "b").exists()


def test_age_that_dies_midway_is_said(
    native: Native, tmp_path: Path, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/age").write_text(
        "#!/bin/sh\nhead -c 5000 >/dev/null\necho 'age: error: no entropy' >&2\nexit 1\n"
    )
    (tmp_path / "bin/age").chmod(0o755)
    monkeypatch.setattr(_encryption, "check", lambda recipients: None)
    monkeypatch.setattr(_encryption, "PROGRAM", str(tmp_path / "bin/age"))
    with pytest.raises(
        _backup.BackupError, match="database.dump.age cannot be encrypted: age: error: no entropy"
    ):
        _backup.backup(
            order(
                native.new(
                    NASTY
                    + "CREATE TABLE much AS SELECT md5(n::text) FROM generate_series(1, 50000) n"
                ),
                tmp_path / "b",
                key.how,
            ),
            NOW,
        )
    assert os.listdir(tmp_path / "b") == []


def test_failing_fingerprint_stops_the_dump(
    native: Native, tmp_path: Path, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: object) -> Any:
        raise PostgresError("the connection is gone")

    monkeypatch.setattr(_fingerprint, "take", fail)
    for how in (How(), PARALLEL, key.how):
        with pytest.raises(PostgresError, match="the connection is gone"):
            _backup.backup(order(native.new(NASTY), tmp_path / "b", how), NOW)
        assert os.listdir(tmp_path / "b") == []


def test_encrypted_backup_cannot_be_drilled_without_its_key(
    native: Native, tmp_path: Path, key: Key
) -> None:
    made = _backup.backup(order(native.new(NASTY), tmp_path / "b", key.how), NOW)
    with pytest.raises(_load.EncryptedError):
        _drill.drill(made["path"], "postgres", NOW, engine=("true",))


def test_what_a_killed_backup_left_in_a_container_goes(
    containers_folder: Callable[[], Endpoint], tmp_path: Path
) -> None:
    source = containers_folder()
    old, new = ("%s/inside/%s%s" % (tmp_path, _dump.PREFIX, name) for name in ("old", "new"))
    for path in (old, new):
        Path(path).mkdir()
    os.utime(old, (1, 1))
    made = _backup.backup(order(source, tmp_path / "b", PARALLEL), NOW)
    assert (
        made["manifest"]["database"]["dump"] == "database.dir"
        and _backup.verify(made["path"]) == []
    )
    assert not os.path.exists(old) and os.listdir(tmp_path / "inside") == [os.path.basename(new)]


@pytest.fixture
def containers_folder(
    native: Native, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], Endpoint]:
    """An engine that runs on this host what is meant for a container: the way a container takes,
    where no engine runs.
    """
    monkeypatch.setattr(_dump._endpoint, "scratch", lambda _source: str(tmp_path / "inside"))
    (tmp_path / "inside").mkdir()

    def make() -> Endpoint:
        source = native.new(NASTY)
        engine = tmp_path / "docker"
        engine.write_text(
            "#!/bin/bash\n[ \"$1 $2\" = 'exec --interactive' ] || exit 9\nshift "
            "2\nexport PGHOST=127.0.0.1 PGPORT=%d\n"
            'while [ "$1" = --env ]; do export "$2"; shift 2; done\nshift\nPATH=%s:$PATH '
            'exec "$@"\n' % (source.port, source.bindir)
        )
        engine.chmod(0o755)
        return replace(source, container="c", engine=(str(engine),), host="", sslmode="")

    return make


def test_stream_out_of_a_container_that_breaks_is_said(
    containers_folder: Callable[[], Endpoint], tmp_path: Path
) -> None:
    source = containers_folder()
    engine = tmp_path / "docker"
    text = engine.read_text()
    for broken, words in (
        ('[ "$1" = tar ] && { "$@" | head -c 3000; echo \'Error: gone\' >&2; exit 1; }', "gone"),
        (
            '[ "$1" = tar ] && { "$@" | head -c 3000; exit 0; }',
            "the dump did not come out of it|ended",
        ),
        ("[ \"$1\" = tar ] && { echo 'Error: gone' >&2; exit 1; }", "gone"),
    ):
        engine.write_text(text.replace("PATH=", broken + "\nPATH="))
        with pytest.raises(PostgresError, match=words):
            _backup.backup(order(source, tmp_path / "b", PARALLEL), NOW)
        assert os.listdir(tmp_path / "b") == [] and os.listdir(tmp_path / "inside") == []
