"""What hits a backup while it is made or kept: every bit, a full disk, a kill, a second one at the
same time. The server is real.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Callable, Iterator

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._backup import archive as _archive
from ansible_collections.llmops.litellm.plugins.module_utils._backup import backup as _backup
from ansible_collections.llmops.litellm.plugins.module_utils._backup.backup import How
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import (
    Endpoint,
    PostgresError,
)

from .conftest import Native

NOW = datetime(2026, 11, 23, 12, 5, 1, tzinfo=timezone.utc)
ROWS = (
    "CREATE TABLE much AS SELECT n, md5(n::text) || md5((n + 1)::text) AS told FROM "
    "generate_series(1, %d) n"
)
ROOT = [] if os.geteuid() == 0 else ["sudo"]
PARALLEL = How(jobs=2, parallel_from=1)


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder in memory, where there is one: the kernel lets go of nothing there, so that each
    look does not wait for a disk.
    """
    folder = tempfile.mkdtemp(
        prefix="llmops-backup-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None
    )
    yield Path(folder)
    shutil.rmtree(folder)


@pytest.fixture
def key(tmp_path: Path) -> str:
    """A public key of age's."""
    subprocess.run(
        ["age-keygen", "--output", str(tmp_path / "identity")], check=True, capture_output=True
    )
    return subprocess.run(
        ["age-keygen", "-y", str(tmp_path / "identity")], check=True, capture_output=True, text=True
    ).stdout.strip()


PLAIN = How()
# Which bit of a byte is flipped makes no difference to a checksum: one of each, in turn, unless
# somebody wants to see all of them (the same variable lets hypothesis search longer).
THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"


def order(source: Endpoint, folder: Path, how: How = PLAIN, **files: str) -> _backup.Order:
    return _backup.Order(source, str(folder), "legacy", files=files, how=how)


@pytest.mark.parametrize("form", ["custom", "directory", "encrypted"])
def test_a_bit_of_every_byte_and_truncations_of_every_file_are_found(
    native: Native, memory: Path, tmp_path: Path, key: str, form: str
) -> None:
    (tmp_path / "env").write_text("A=b\n")
    how = {"custom": How(), "directory": PARALLEL, "encrypted": How(recipients=(key,))}[form]
    path = Path(
        _backup.backup(
            order(
                native.new("CREATE TABLE t AS SELECT 1 AS a"),
                memory,
                how,
                env=str(tmp_path / "env"),
            ),
            NOW,
        )["path"]
    )
    assert _backup.verify(str(path)) == []
    files = [file for file in path.rglob("*") if file.is_file()]
    assert len(files) >= 4
    flipped, cut = 0, 0
    for file in files:
        whole = file.read_bytes()
        with file.open("r+b", buffering=0) as handle:
            for spot, byte in enumerate(whole):
                for bit in range(8) if THOROUGH else (spot % 8,):
                    os.pwrite(handle.fileno(), bytes([byte ^ 1 << bit]), spot)
                    assert _backup.verify(str(path)), (file.name, spot, bit)
                    flipped += 1
                os.pwrite(handle.fileno(), bytes([byte]), spot)
            for end in reversed(range(0, len(whole), 1 if THOROUGH else 16)):
                os.ftruncate(handle.fileno(), end)
                assert _backup.verify(str(path)), (file.name, end)
                cut += 1
            os.pwrite(handle.fileno(), whole + b"\n", 0)
            assert _backup.verify(str(path)), file.name
            os.ftruncate(handle.fileno(), len(whole))
    assert _backup.verify(str(path)) == []
    size = sum(file.stat().st_size for file in files)
    assert flipped == size * (8 if THOROUGH else 1)
    assert cut >= size // (1 if THOROUGH else 16)


def test_what_is_no_file_is_not_read(native: Native, memory: Path) -> None:
    path = Path(_backup.backup(order(native.new(), memory, PARALLEL), NOW)["path"])
    os.mkfifo(path / "pipe")
    (path / "database.dir/link").symlink_to("/etc/hostname")
    assert sorted(_backup.verify(str(path))) == [
        "%s/%s: was not there when the backup was made" % (path, name)
        for name in ("database.dir/link", "pipe")
    ]
    (path / "pipe").unlink()
    (path / "database.dir/link").unlink()
    os.rename(path / "SHA256SUMS", path / "database.dir/SHA256SUMS")
    os.mkfifo(path / "SHA256SUMS")
    assert _backup.verify(str(path)) == [f"{path}/SHA256SUMS cannot be read: not a regular file"]


@pytest.fixture
def small(native: Native, tmp_path: Path) -> Iterator[Callable[[], Path]]:
    """A file system of 6 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = []

    def make() -> Path:
        subprocess.run(
            [
                *ROOT,
                "mount",
                "-t",
                "tmpfs",
                "-o",
                "size=6m,mode=0700,uid=%d" % os.geteuid(),
                "tmpfs",
                str(folder),
            ],
            check=True,
        )
        mounted.append(folder)
        return folder

    yield make
    for each in mounted:
        subprocess.run([*ROOT, "umount", str(each)], check=True)


@pytest.mark.parametrize("form", ["custom", "directory", "encrypted"])
def test_full_disk_leaves_what_was_there_and_nothing_else(
    native: Native, small: Callable[[], Path], key: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = small()
    how = {"custom": How(), "directory": PARALLEL, "encrypted": How(recipients=(key,))}[
        form
    ]._replace(compression=0)
    # as if the room had been there when it was looked for
    monkeypatch.setattr(_backup, "free_bytes", lambda path: 1 << 40)
    first = _backup.backup(order(native.new("CREATE TABLE t AS SELECT 1 AS a"), folder, how), NOW)
    with pytest.raises((_backup.BackupError, PostgresError), match="No space left on device"):
        _backup.backup(order(native.new(ROWS % 150_000), folder, how), NOW + timedelta(minutes=1))
    assert os.listdir(folder) == [first["name"]] and _backup.verify(first["path"]) == []


def test_full_disk_at_the_last_files_is_the_same(
    native: Native, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit on a file's size that the dump keeps and the file beside it does not."""
    (tmp_path / "big").write_bytes(b"x" * 300_000)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
    try:
        with pytest.raises(_backup.BackupError, match="the backup was not made: .*File too large"):
            _backup.backup(
                order(
                    native.new("CREATE TABLE t AS SELECT 1 AS a"),
                    tmp_path / "b",
                    big=str(tmp_path / "big"),
                ),
                NOW,
            )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, old)
    assert os.listdir(tmp_path / "b") == []


SCRIPT = """
import sys
from datetime import datetime, timezone
from ansible_collections.llmops.litellm.plugins.module_utils._backup import backup as _backup
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import session as _postgres
url, folder, key, jobs = sys.argv[1:]
how = _backup.How(jobs=int(jobs), parallel_from=1, recipients=(key,) if key else ())
order = _backup.Order(_postgres.from_url(url), folder, "legacy", how=how)
_backup.backup(order, datetime.now(timezone.utc))
"""


@pytest.mark.parametrize("form", ["custom", "directory", "encrypted"])
def test_killed_one_leaves_only_what_is_incomplete(
    native: Native, tmp_path: Path, key: str, form: str
) -> None:
    source, folder = native.new(ROWS % 150_000), tmp_path / "b"
    sound = _backup.backup(order(native.new(), folder), NOW)
    words = [
        sys.executable,
        "-c",
        SCRIPT,
        native.url(source.database),
        str(folder),
        key if form == "encrypted" else "",
        "2" if form == "directory" else "1",
    ]
    with subprocess.Popen(words) as process:
        deadline = time.monotonic() + 60
        # killed when the dump has some of its bytes, and not all
        while not [
            file
            for file in folder.glob(".incomplete-*/**/*")
            if file.is_file() and file.stat().st_size > 100_000
        ]:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.005)
        process.kill()
    left = [name for name in os.listdir(folder) if name != sound["name"]]
    assert len(left) == 1 and left[0].startswith(".incomplete-")
    archive = _archive.scan(str(folder), datetime.now(timezone.utc))
    assert [entry.name for entry in archive.entries] == [sound["name"]] and [
        each.name for each in archive.incomplete
    ] == left
    # the next one is made beside it, whatever the killed one's pg_dump still does
    assert (
        _backup.verify(_backup.backup(order(source, folder), NOW + timedelta(hours=1))["path"])
        == []
    )
    later = _archive.prune(
        str(folder), _archive.Policy(5, 0, 0, 0, 0), datetime.now(timezone.utc) + timedelta(days=2)
    )
    assert (
        later["cleared"] == left
        and [name for name in os.listdir(folder) if name.startswith(".")] == []
    )


def test_second_one_waits_until_the_first_is_whole(native: Native, tmp_path: Path) -> None:
    source, done = native.new(ROWS % 100_000), []
    threads = [
        threading.Thread(target=lambda: done.append(_backup.backup(order(source, tmp_path), NOW)))
        for _one in range(2)
    ]
    for thread in threads:
        thread.start()
    seen = 0
    while any(thread.is_alive() for thread in threads):
        seen = max(
            seen, len([name for name in os.listdir(tmp_path) if name.startswith(".incomplete-")])
        )
        time.sleep(0.005)
    assert seen == 1
    assert sorted(each["name"] for each in done) == ["20261123T120501Z", "20261123T120501Z-2"]
    assert [_backup.verify(each["path"]) for each in done] == [[], []]
