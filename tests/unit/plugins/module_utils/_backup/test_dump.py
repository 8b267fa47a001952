"""A dump on its way into a backup, with programs that are none of PostgreSQL's: its forms, and
every failure.

tests/integration/database/test_backup_forms.py makes them with the real ones.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._backup import dump as _dump
from ansible_collections.llmops.litellm.plugins.module_utils._backup.folder import BackupError
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import (
    Endpoint,
    PostgresError,
)

KEY = "age1" + "q" * 58
LARGE = 100


def script(path: Path, text: str) -> None:
    path.write_text(f'#!/bin/sh\n[ "${{0##*/}}" = age ] || echo "$@" >> {path}.called\n{text}\n')
    path.chmod(0o755)


class Place:
    """A database whose clients are scripts, and the folder of its backup."""

    def __init__(self, folder: Path) -> None:
        self.bin, self.backup = folder / "bin", folder / "backup"
        self.bin.mkdir()
        self.backup.mkdir()
        self.source = Endpoint("litellm", "litellm", host="/nosuch", bindir=str(self.bin))
        script(self.bin / "pg_dump", "printf dump")
        script(self.bin / "pg_restore", f"cat > {self.bin}/checked")
        script(self.bin / "age", "tr a-z b-za")

    def dump(self, how: _dump.How | None = None, size: int = 1) -> _dump.Dump:
        return _dump.dump(self.source, str(self.backup), how or _dump.How(), size)

    def words(self, program: str) -> list[str]:
        return (self.bin / f"{program}.called").read_text().split()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    place = Place(tmp_path)
    sequences = iter(["before", "after"])
    monkeypatch.setattr(_dump, "Session", support.Database({"pg_export_snapshot": [["0003-1"]]}))
    monkeypatch.setattr(_dump._fingerprint, "begin", lambda _session: None)
    monkeypatch.setattr(_dump._fingerprint, "sequences", lambda _session, _scope: [next(sequences)])
    monkeypatch.setattr(_dump._fingerprint, "take", lambda _session, _scope: {"rows_total": 7})
    monkeypatch.setattr(_dump._fingerprint, "digest", lambda held: f"hash of {held['sequences']}")
    support.system_programs(monkeypatch, place.bin)
    return place


@pytest.mark.parametrize(
    ("how", "size", "form"),
    [
        (_dump.How(), 10 * LARGE, "custom"),
        (_dump.How(jobs=4, parallel_from=LARGE), LARGE, "directory"),
        (_dump.How(jobs=4, parallel_from=LARGE), LARGE - 1, "custom"),
        (_dump.How(jobs=1, parallel_from=LARGE), LARGE, "custom"),
        (_dump.How(jobs=4, parallel_from=0), LARGE, "custom"),
        (_dump.How(jobs=4, parallel_from=LARGE, recipients=(KEY,)), LARGE, "encrypted"),
    ],
)
def test_form_follows_from_settings_and_size(how: _dump.How, size: int, form: str) -> None:
    assert _dump.form(Endpoint("litellm", host="h"), how, size) == form


def test_account_that_has_to_ask_gets_no_folder_of_roots_to_write_into() -> None:
    how = _dump.How(jobs=4, parallel_from=LARGE)
    assert _dump.form(Endpoint("litellm", host="/run/postgresql", account="bob"), how, LARGE) == (
        "custom"
    )


@pytest.mark.parametrize(("free", "form"), [(LARGE + 1, "directory"), (LARGE, "custom")])
def test_folder_of_a_container_needs_room_within_it(
    monkeypatch: pytest.MonkeyPatch, free: int, form: str
) -> None:
    monkeypatch.setattr(_dump._endpoint, "scratch", lambda _source: "/data")
    monkeypatch.setattr(
        _dump._endpoint, "free_bytes", lambda _source, folder: {"/data": free}[folder]
    )
    how = _dump.How(jobs=4, parallel_from=LARGE)
    assert _dump.form(Endpoint("litellm", "u", "litellm-postgres"), how, LARGE) == form


def test_one_file_is_dumped_and_read_back(place: Place) -> None:
    done = place.dump(_dump.How(compression=3))
    path = place.backup / "database.dump"
    assert path.read_text() == "dump"
    assert path.stat().st_mode & 0o777 == 0o600
    assert (place.bin / "checked").read_text() == "dump"
    assert done.name == "database.dump"
    for word in ("--format=custom", "--compress=3", "--snapshot=0003-1", "--no-owner", "--no-acl"):
        assert word in place.words("pg_dump")


def test_fingerprint_is_of_the_same_snapshot_with_sequences_from_before_and_after(
    place: Place,
) -> None:
    done = place.dump()
    assert done.fingerprint == {
        "rows_total": 7,
        "sequences": ["before"],
        "hash": "hash of ['before']",
    }
    assert done.sequences_after == ["after"]


def test_folder_is_dumped_by_several_at_once_and_read_back(place: Place) -> None:
    script(
        place.bin / "pg_dump",
        'for word; do case $word in --file=*) mkdir "${word#--file=}"; '
        'printf toc > "${word#--file=}/toc.dat";; esac; done',
    )
    script(place.bin / "pg_restore", "exit 0")
    done = place.dump(_dump.How(jobs=4, parallel_from=LARGE), LARGE)
    assert done.name == "database.dir"
    assert (place.backup / "database.dir/toc.dat").stat().st_mode & 0o777 == 0o600
    assert (place.backup / "database.dir").stat().st_mode & 0o777 == 0o700
    assert "--jobs=4" in place.words("pg_dump")
    assert place.words("pg_restore")[-1] == str(place.backup / "database.dir")


def test_encrypted_dump_is_checked_in_the_clear_and_lies_there_encrypted(place: Place) -> None:
    done = place.dump(_dump.How(recipients=(KEY,)))
    path = place.backup / "database.dump.age"
    assert path.read_text() == "evnq"
    assert (place.bin / "checked").read_text() == "dump"
    assert done.digests == {"database.dump.age": hashlib.sha256(b"evnq").hexdigest()}
    assert os.listdir(place.backup) == ["database.dump.age"]


@pytest.mark.parametrize("how", [_dump.How(), _dump.How(recipients=(KEY,))], ids=["plain", "age"])
def test_dump_that_fails_is_said(place: Place, how: _dump.How) -> None:
    script(place.bin / "pg_dump", "printf du; echo 'pg_dump: error: lost' >&2; exit 1")
    with pytest.raises(PostgresError, match="lost"):
        place.dump(how)


@pytest.mark.parametrize("how", [_dump.How(), _dump.How(recipients=(KEY,))], ids=["plain", "age"])
def test_dump_that_cannot_be_read_is_none(place: Place, how: _dump.How) -> None:
    script(place.bin / "pg_restore", "cat > /dev/null; echo 'pg_restore: error: torn' >&2; exit 1")
    with pytest.raises(PostgresError, match="torn"):
        place.dump(how)


def test_reader_that_ends_early_is_the_reason(place: Place) -> None:
    script(place.bin / "pg_dump", "head -c 3000000 /dev/zero")
    script(place.bin / "pg_restore", "echo 'pg_restore: error: no archive' >&2; exit 1")
    with pytest.raises(PostgresError, match="no archive"):
        place.dump(_dump.How(recipients=(KEY,)))


def test_age_that_fails_is_the_reason(place: Place) -> None:
    script(place.bin / "pg_dump", "head -c 3000000 /dev/zero")
    script(place.bin / "age", "echo 'age: error: no room' >&2; exit 1")
    with pytest.raises(BackupError, match=r"database\.dump\.age cannot be encrypted: .*no room"):
        place.dump(_dump.How(recipients=(KEY,)))


def test_fingerprint_that_fails_ends_the_dump(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Any] = []
    start = Endpoint.start

    def note(*words: Any, **options: Any) -> Any:
        started.append(start(*words, **options))
        return started[-1]

    monkeypatch.setattr(Endpoint, "start", note)
    script(place.bin / "pg_dump", "exec sleep 60")
    monkeypatch.setattr(_dump._fingerprint, "take", support.fails(PostgresError("lost")))
    with pytest.raises(PostgresError, match="lost"):
        place.dump()
    assert [process.returncode for process in started] == [-9]


def test_existing_dump_is_not_overwritten(place: Place) -> None:
    (place.backup / "database.dump").write_text("mine")
    with pytest.raises(FileExistsError):
        place.dump()
    assert (place.backup / "database.dump").read_text() == "mine"


@pytest.fixture
def container(place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """The same in a container: ``docker exec`` of scripts on this host, whose /tmp is a folder."""
    inside = place.bin / "tmp"
    inside.mkdir()
    monkeypatch.setattr(_dump._endpoint, "scratch", lambda _source: str(inside))
    monkeypatch.setattr(_dump._endpoint, "free_bytes", lambda _source, _folder: 10 * LARGE)
    engine = place.bin / "docker"
    engine.write_text(
        "#!/bin/sh\n"
        'while [ "$1" != litellm-postgres ]; do shift; done; shift\n'
        f'[ ! -e {place.bin}/"$1" ] || {{ name=$1; shift; exec {place.bin}/$name "$@"; }}\n'
        'exec "$@"\n'
    )
    engine.chmod(0o755)
    script(
        place.bin / "pg_dump",
        'for word; do case $word in --file=*) mkdir "${word#--file=}"; '
        'printf toc > "${word#--file=}/toc.dat"; printf 1 > "${word#--file=}/1.dat";; esac; done',
    )
    script(place.bin / "pg_restore", "exit 0")
    place.source = Endpoint("litellm", "u", "litellm-postgres", engine=(str(engine),))
    return place


def test_folder_of_a_container_comes_out_of_it_and_leaves_nothing(container: Place) -> None:
    done = container.dump(_dump.How(jobs=4, parallel_from=LARGE), LARGE)
    folder = container.backup / "database.dir"
    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        "toc.dat": "toc",
        "1.dat": "1",
    }
    assert done.digests["database.dir/toc.dat"] == hashlib.sha256(b"toc").hexdigest()
    assert os.listdir(container.bin / "tmp") == []


def test_folder_that_does_not_come_out_whole_is_no_dump(container: Place) -> None:
    script(
        container.bin / "tar",
        'for word; do last=$word; done; cd "$5"; rm 1.dat; exec /bin/tar -c -f - .',
    )
    with pytest.raises(PostgresError, match="the dump did not come out of it whole"):
        container.dump(_dump.How(jobs=4, parallel_from=LARGE), LARGE)
    assert os.listdir(container.bin / "tmp") == []


def test_stream_that_breaks_off_is_no_dump(container: Place) -> None:
    script(container.bin / "tar", "printf nonsense")
    with pytest.raises(PostgresError, match="the dump did not come out of it"):
        container.dump(_dump.How(jobs=4, parallel_from=LARGE), LARGE)
