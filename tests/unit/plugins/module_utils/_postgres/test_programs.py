"""Client programs are those that only root can have put there, whoever listens where a database is
said to be."""

from __future__ import annotations

import os
import select
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from unit.support import reachable

from ansible_collections.llmops.litellm.plugins.module_utils._postgres import programs as _programs
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.programs import (
    PROGRAMS,
    PostgresError,
    find_bindir,
    postmaster,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import (
    Endpoint,
    query,
)

NOBODY = 65534
# Says "ready", and lets go of whoever connects.
LISTEN = """import socket, sys
kind, place = sys.argv[1:]
family = socket.AF_UNIX if kind == "unix" else socket.AF_INET
server = socket.socket(family)
server.bind(place if kind == "unix" else (kind, int(place)))
server.listen()
print("ready", flush=True)
while True: server.accept()[0].close()
"""


def installed(folder: Path) -> Path:
    """A folder with client programs that leave a file where they are run."""
    folder.mkdir(parents=True)
    for program in PROGRAMS:
        (folder / program).write_text(f"#!/bin/sh\necho $0 >> {folder}/was_run\n")
        (folder / program).chmod(0o755)
    return folder


@pytest.fixture
def packaged(tmp_path: Path) -> Path:
    """The folder of a package."""
    return installed(tmp_path / "usr" / "15" / "bin")


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """Client programs of an account, beside a ``postgres`` that is an interpreter."""
    folder = installed(reachable(tmp_path / "home") / "pg" / "bin")
    shutil.copy(os.path.realpath(sys.executable), folder / "postgres")
    for path in (tmp_path / "home", *(tmp_path / "home").rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    return folder


@pytest.fixture
def listen() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts a program, as an account, that listens on an address and port or a socket's path."""
    with ExitStack() as stack:

        def start(program: str, kind: str, place: object) -> subprocess.Popen[bytes]:
            process = subprocess.Popen(
                [program, "-c", LISTEN, kind, str(place)],
                env={"PYTHONHOME": sys.base_prefix},
                stdout=subprocess.PIPE,
                user=NOBODY,
                group=NOBODY,
                extra_groups=(),
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            assert process.stdout is not None
            stack.callback(process.stdout.close)
            assert select.select([process.stdout], [], [], 30)[0]
            assert process.stdout.readline() == b"ready\n"
            return process

        yield start


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2"], ids=["A1", "A1b"])
def test_programs_beside_a_listener_are_not_run(
    packaged: Path,
    planted: Path,
    listen: Callable[..., subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
    address: str,
) -> None:
    port = free_port()
    process = listen(str(planted / "postgres"), address, port)
    there = postmaster("127.0.0.1", port, "/proc")
    assert there == (process.pid if address == "127.0.0.1" else None)
    monkeypatch.setattr(
        _programs.find_bindir, "__defaults__", ("/proc", (str(packaged.parents[1] / "*" / "bin"),))
    )
    endpoint = Endpoint.from_url(f"postgresql://u:p@127.0.0.1:{port}/d")
    with suppress(PostgresError):
        query(endpoint, "SELECT 1")
    assert endpoint.bindir == str(packaged)
    assert not (planted / "was_run").exists()


def test_refusal_names_what_is_not_run_and_what_to_install(
    planted: Path,
    listen: Callable[..., subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port = free_port()
    process = listen(str(planted / "postgres"), "127.0.0.1", port)
    monkeypatch.setattr(_programs, "PATH", "/nosuch")
    assert postmaster("127.0.0.1", port, "/proc") == process.pid
    with pytest.raises(PostgresError) as caught:
        find_bindir("127.0.0.1", port, installed=())
    assert f"{planted.parents[1]} belongs to account nobody" in str(caught.value)
    assert "postgresql-client-N" in str(caught.value)
    with pytest.raises(PostgresError, match="not found on this host: install"):
        find_bindir("db.example.test", port, installed=())


@pytest.mark.parametrize("weak", ["program", "folder", "link", "library"])
def test_folder_that_another_account_has_a_hand_in_is_passed_over(
    tmp_path: Path, packaged: Path, planted: Path, weak: str
) -> None:
    newer = installed(tmp_path / "usr" / "18" / "bin")
    if weak == "program":
        os.chown(newer / "pg_restore", NOBODY, NOBODY)
    elif weak == "folder":
        newer.chmod(0o777)
    elif weak == "link":
        shutil.rmtree(newer)
        newer.symlink_to(planted)
    else:
        (newer.parent / "lib").mkdir()
        (newer.parent / "lib" / "libpq.so.5").touch()
        os.chown(newer.parent / "lib" / "libpq.so.5", NOBODY, NOBODY)
    pattern = str(tmp_path / "usr" / "*" / "bin")
    assert find_bindir("db.example.test", 5432, installed=(pattern,)) == str(packaged)


def test_newest_installed_programs_are_taken(tmp_path: Path) -> None:
    for major in ("9.6", "13", "17"):
        installed(tmp_path / major / "bin")
    (tmp_path / "18" / "bin").mkdir(parents=True)
    pattern = str(tmp_path / "*" / "bin")
    assert find_bindir("db.example.test", 5432, installed=(pattern,)) == str(
        tmp_path / "17" / "bin"
    )


def test_programs_of_the_running_server_come_first_where_they_are_roots(
    tmp_path: Path, packaged: Path, listen: Callable[..., subprocess.Popen[bytes]]
) -> None:
    own = installed(reachable(tmp_path / "opt") / "pg" / "bin")
    shutil.copy(os.path.realpath(sys.executable), own / "postgres")
    port = free_port()
    listen(str(own / "postgres"), "127.0.0.1", port)
    pattern = str(packaged.parents[1] / "*" / "bin")
    assert find_bindir("127.0.0.1", port, installed=(pattern,)) == str(own)


def test_process_of_a_socket_is_who_listens_on_it_not_who_a_file_names(
    tmp_path: Path, listen: Callable[..., subprocess.Popen[bytes]]
) -> None:
    folder = reachable(tmp_path / "run")
    folder.mkdir()
    folder.chmod(0o777)
    (folder / ".s.PGSQL.5432.lock").write_text("1\n/data\n")
    assert postmaster(str(folder), 5432, "/proc") is None
    process = listen(sys.executable, "unix", folder / ".s.PGSQL.5432")
    assert postmaster(str(folder), 5432, "/proc") == process.pid


def test_socket_whose_listener_accepts_nothing_is_not_waited_for(tmp_path: Path) -> None:
    path = str(tmp_path / ".s.PGSQL.5432")
    with ExitStack() as stack:
        server = stack.enter_context(socket.socket(socket.AF_UNIX))
        server.bind(path)
        server.listen(0)
        waiting = stack.enter_context(socket.socket(socket.AF_UNIX))
        waiting.connect(path)
        assert postmaster(str(tmp_path), 5432, "/proc") is None
