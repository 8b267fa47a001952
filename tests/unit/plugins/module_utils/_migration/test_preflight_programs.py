"""What answers where the proxy's settings lead."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    preflight_programs as _programs,
)

DATABASE, REDIS = _programs.DATABASE, _programs.REDIS


@pytest.mark.parametrize(
    ("kind", "words", "program", "its"),
    [
        (DATABASE, "/usr/lib/postgresql/16/bin/postgres", "postgres", True),
        (DATABASE, "postgres: 16/main: walwriter", "", True),
        (DATABASE, "/usr/sbin/pgbouncer", "pgbouncer", False),
        (DATABASE, "/usr/bin/docker-proxy", "docker-proxy", False),
        (DATABASE, "/usr/bin/redis-server *:6379", "redis-check-rdb", False),
        (REDIS, "/usr/bin/redis-server *:6379", "redis-check-rdb", True),
        (REDIS, "cache of team a", "redis-check-rdb", True),
        (REDIS, "cache of team a", "valkey-server (deleted)", True),
        (REDIS, "/usr/bin/valkey-server 127.0.0.1:6379", "", True),
        (REDIS, "/usr/bin/redis-sentinel *:26379 [sentinel]", "redis-sentinel", False),
        (REDIS, "/usr/bin/keydb-server *:6379", "keydb-server", False),
        (REDIS, "/usr/bin/stunnel", "stunnel4", False),
    ],
)
def test_server_is_told_by_its_name_or_its_file(
    tmp_path: Path, kind: str, words: str, program: str, its: bool
) -> None:
    folder = tmp_path / "9"
    folder.mkdir()
    (folder / "cmdline").write_bytes(words.encode() + b"\0")
    if program:
        os.symlink("/usr/bin/" + program, folder / "exe")
    assert _programs.is_server(kind, 9, str(tmp_path)) is its


def test_process_of_this_host_is_named_by_its_file() -> None:
    assert os.path.basename(os.path.realpath(sys.executable)) in _programs.names(os.getpid())


def test_nobody_is_no_server() -> None:
    assert not _programs.is_server(DATABASE, None)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["/usr/sbin/pgbouncer"], "leads to port 5432, where x (process 9) listens, which is no"),
        (["/usr/bin/docker-proxy"], "where x (process 9) listens for a container, which is no"),
        (["rootlessport"], "where x (process 9) listens for a container, which is no"),
        (["/usr/lib/postgresql/16/bin/postgres"], None),
        ([], None),
    ],
    ids=["pool", "container", "podman", "the server", "nobody can tell"],
)
def test_what_is_before_a_server_is_named(
    monkeypatch: pytest.MonkeyPatch, words: list[str], said: Any
) -> None:
    monkeypatch.setattr(_programs, "names", lambda pid: [os.path.basename(w) for w in words])
    service: Any = {"pid": 9, "port": 5432, "process": "x (process 9)"}
    found = _programs.instead(DATABASE, service)
    if said is None:
        assert found is None
    else:
        assert found is not None
        assert said in found[0]
        assert found[1] == _programs.REMEDY % DATABASE
    assert _programs.instead(DATABASE, None) is None
