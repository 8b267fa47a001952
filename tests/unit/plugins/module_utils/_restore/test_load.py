"""A backup's dump on its way into pg_restore: what of it needs no server. A script stands for
age.
"""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._backup.backup import BackupError
from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import session as _session
from ansible_collections.llmops.litellm.plugins.module_utils._restore import load as _load

# What it encrypts has a line before it that names the key.
AGE = """#!/bin/sh
[ "$1 $2" = "--decrypt --identity" ] || exit 9
if [ "$(cat "$3")" != "$(head -n 1 "$4")" ]; then
  echo "age: error: no identity matched any of the recipients" >&2
  echo "age: report unexpected or unhelpful errors" >&2
  exit 1
fi
tail -n +2 "$4"
"""
LEDGER = """--
SET x = 1;

COPY public._prisma_migrations (id, checksum, finished_at, "migration_name", logs, rolled_back_at) FROM stdin;
1\tx\t2026-01-01\t20250101000000_first one\ta\\\\.\\nb\t\\N
2\tx\t\\N\t20260101000000_begun\t\\N\t\\N
3\tx\t2026-01-01\t20260102000000_taken back\t\\N\t2026-01-02
4\tx\t2026-01-01\t0_init\t\\N\t\\N
\\.


--
"""  # noqa: E501


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An identity that opens what :func:`sealed` has closed."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "age").write_text(AGE)
    (programs / "age").chmod(0o755)
    support.system_programs(monkeypatch, programs)
    (tmp_path / "key").write_text("AGE-KEY")
    return str(tmp_path / "key")


def sealed(path: Path, content: bytes, key: bytes = b"AGE-KEY") -> Path:
    path.write_bytes(key + b"\n" + content)
    return path


def test_ledger_is_read() -> None:
    assert _load.parse_ledger(LEDGER) == ["0_init", "20250101000000_first one"]
    assert _load.parse_ledger("--\nSET x = 1;\n") is None
    assert (
        _load.parse_ledger(
            LEDGER.replace(LEDGER[LEDGER.index("1\t") : LEDGER.index("\\.\n\n\n")], "")
        )
        == []
    )


def test_ledger_of_another_application_is_not_litellms() -> None:
    theirs = LEDGER.replace("public.", "app.").replace("0_init", "of_theirs")
    assert _load.parse_ledger(theirs + LEDGER) == _load.parse_ledger(LEDGER)
    assert _load.parse_ledger(theirs) == ["20250101000000_first one", "of_theirs"]


def test_folder_that_the_account_could_not_read_is_refused() -> None:
    target = _session.Endpoint("litellm", "litellm", host="/run/postgresql", account="bob")
    with pytest.raises(BackupError, match="is a folder, which the account .* could not read"):
        _load.load(_load.Dump("/backup/database.dir", True, ""), target)


def test_an_age_that_somebody_else_could_have_put_there_is_not_run(
    tmp_path: Path, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed(tmp_path / "database.dump.age", b"PGDMP")
    monkeypatch.setattr(_process, "PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").chmod(0o777)
    with (
        pytest.raises(BackupError, match="every account can write to .*/bin"),
        _load.opened(str(tmp_path / "database.dump.age"), key),
    ):
        pass


def test_forms_of_a_dump(tmp_path: Path, key: str) -> None:
    folder = str(tmp_path)
    (tmp_path / "database.dump").write_bytes(b"PGDMP")
    (tmp_path / "database.dir").mkdir()
    plain = {"database": {"dump": "database.dump"}}
    assert _load.find(folder, plain) == (folder + "/database.dump", False, "")
    assert _load.find(folder, plain, key).identity == ""
    assert _load.find(folder, {"database": {}}).path == folder + "/database.dump"
    assert _load.find(folder, {"database": {"dump": "database.dir"}}) == (
        folder + "/database.dir",
        True,
        "",
    )
    closed = {**plain, "encrypted": ["age1x"]}
    with pytest.raises(_load.EncryptedError, match="is encrypted: give the path"):
        _load.find(folder, closed)
    with pytest.raises(BackupError, match="/nosuch, the age identity, cannot be read"):
        _load.find(folder, closed, "/nosuch")
    assert _load.find(folder, closed, key) == (folder + "/database.dump", False, key)
    os.rename(folder + "/database.dump", folder + "/database.dump.age")
    assert _load.find(folder, closed, key).path == folder + "/database.dump.age"
    with pytest.raises(BackupError, match="database.dump is missing"):
        _load.find(folder, plain)


@pytest.mark.parametrize("name", ["../b/database.dump", "/etc/shadow", "x", "", "env", 5])
def test_dump_is_called_as_this_collection_calls_it(tmp_path: Path, name: Any) -> None:
    manifest: Any = {"database": {"dump": name}}
    with pytest.raises(BackupError, match="names a dump .*, as this collection does not"):
        _load.find(str(tmp_path), manifest)


def test_file_is_decrypted_on_the_way(tmp_path: Path, key: str) -> None:
    content = b"x" * 3_000_000
    path = str(sealed(tmp_path / "x.age", content))
    with _load.opened(path, key) as stream:
        assert stream.read() == content
    with _load.opened(path, key) as stream:  # one that is not read to its end
        assert stream.read(5) == b"xxxxx"


def test_key_that_does_not_fit_is_said(
    tmp_path: Path, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(sealed(tmp_path / "x.age", b"x", b"OTHER"))
    with (
        pytest.raises(
            BackupError,
            match=(
                "x.age cannot be decrypted: age: error: no identity matched any of the recipients$"
            ),
        ),
        _load.opened(path, key) as stream,
    ):
        assert stream.read() == b""
    monkeypatch.setattr(_process, "PATH", "/nosuch")
    with (
        pytest.raises(BackupError, match="the program age is not installed"),
        _load.opened(path, key),
    ):
        pass


def endpoint(folder: Path, container: str = "") -> _session.Endpoint:
    """Programs that write down how they were called; the engine runs what it is asked to on this
    host.
    """
    for name in ("pg_restore", "docker"):
        path = folder / name
        path.write_text(
            '#!/bin/sh\n[ "$(basename "$0")" = docker ] && shift && [ "$1" = '
            "--interactive ] && shift\n"
            'while [ "$1" = --env ]; do shift 2; done\n[ "$(basename "$0")" = docker ] && shift\n'
            'echo "$@" >> %s/calls\n[ "$(basename "$0")" = docker ] && exec "$@"\nfor '
            "last; do :; done\n"
            '[ -d "$last" ] && ls -l "$last" >> %s/calls && cat "$last"/* >> %s/calls\nexit 0\n'
            % (folder, folder, folder)
        )
        path.chmod(0o755)
    return _session.Endpoint(
        "d", "u", container, bindir=str(folder), engine=(str(folder / "docker"),)
    )


def test_encrypted_folder_is_there_for_as_long_as_it_is_read(
    tmp_path: Path, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dump = tmp_path / "database.dir"
    dump.mkdir()
    sealed(dump / "toc.dat.age", b"contents")
    sealed(dump / "7.dat.gz.age", b"rows")
    monkeypatch.setattr(_load, "TEMPORARY", str(tmp_path / "tmp"))
    (tmp_path / "tmp/llmops-litellm-restore-killed").mkdir(parents=True)
    (tmp_path / "tmp/llmops-litellm-restore-killed/rows").write_text("decrypted")
    theirs = tmp_path / "tmp/llmops-litellm-restore-theirs"
    theirs.mkdir()
    os.chown(theirs, 65534, 65534)
    (tmp_path / "tmp/llmops-litellm-restore-file").write_text("x")
    (tmp_path / "tmp/llmops-litellm-restore-link").symlink_to(dump)
    (tmp_path / "tmp/somebody's").mkdir()
    left = sorted({*os.listdir(tmp_path / "tmp")} - {"llmops-litellm-restore-killed"})
    _load.load(_load.Dump(str(dump), True, key), endpoint(tmp_path), 3)
    said = (tmp_path / "calls").read_text()
    assert " ".join((*_load.LOAD_OPTIONS, "--jobs=3")) in said
    assert all(word in said for word in ("contents", "rows", " toc.dat", " 7.dat.gz"))
    assert sorted(os.listdir(tmp_path / "tmp")) == left


def test_folder_reaches_a_container_as_a_stream(
    tmp_path: Path, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dump = tmp_path / "database.dir"
    dump.mkdir()
    sealed(dump / "toc.dat.age", b"contents")
    monkeypatch.setattr(_load, "TEMPORARY", str(tmp_path))
    monkeypatch.setattr(_load._endpoint, "scratch", lambda _target: str(tmp_path))
    monkeypatch.setattr(_load, "INSIDE", "inside")
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside/of a run that was killed").touch()
    target = endpoint(tmp_path, "c")
    with _load._placed(_load.Dump(str(dump), True, key), target, None) as path:
        assert {
            file.name: (file.read_text(), file.stat().st_mode & 0o777)
            for file in Path(path).iterdir()
        } == {"toc.dat": ("contents", 0o600)}
    assert not (tmp_path / "inside").exists()
    (tmp_path / "docker").write_text(
        '#!/bin/sh\ncase "$*" in *tar*) echo "tar: no space" >&2; exit 2 ;; esac\n'
    )
    with (
        pytest.raises(
            _session.PostgresError, match="the dump does not fit in there: tar: no space"
        ),
        _load._placed(_load.Dump(str(dump), True, key), target, None),
    ):
        pass


def test_size_in_the_stream_is_that_of_what_was_decrypted(tmp_path: Path, key: str) -> None:
    path = sealed(tmp_path / "x.age", b"12345")
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w|") as archive:
        _load._add(archive, str(path), "x", key)
    stream.seek(0)
    with tarfile.open(fileobj=stream) as archive:
        member: Any = archive.extractfile("x")
        assert member.read() == b"12345"
