"""What tests of many modules need: a module that is run; a PostgreSQL, a proxy and programs that
are none.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process
from ansible_collections.llmops.litellm.plugins.module_utils._host.process import Result

ROOT = Path(__file__).resolve().parents[2]


def run_module(
    main: Callable[[], None],
    params: Mapping[str, Any],
    capsys: pytest.CaptureFixture[str],
    check: bool = False,
    secrets: tuple[str, ...] = ("hunter2",),
) -> dict[str, Any]:
    """Run a module with these parameters, in check mode or not; what it printed.

    :param secrets: texts that may be in nothing that it prints.
    """
    with patch_module_args({"_ansible_check_mode": check, **params}), pytest.raises(SystemExit):
        main()
    shown = capsys.readouterr().out
    assert [secret for secret in secrets if secret in shown] == []
    return dict(json.loads(shown))


class Listening(NamedTuple):
    """A process that listens at a port of 127.0.0.1."""

    pid: int
    port: int


# What a process runs that is known as LiteLLM by its command line, and does no more than listen.
LISTENS = """import os, socket
if USER: os.setgroups([]); os.setgid(USER); os.setuid(USER)
with socket.create_server(("127.0.0.1", PORT)) as litellm_run_server:
    print(litellm_run_server.getsockname()[1], flush=True); input()  # litellm: run_server
"""


@contextmanager
def listening(
    words: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    port: int = 0,
    user: int = 0,
) -> Iterator[Listening]:
    """A process that is known as LiteLLM, with these arguments and no other variables.

    :param port: at which it listens; 0: any. :param user: the account number that it becomes.
    """
    # /proc tells of a process only some moments after it was started; its first line says that it
    # runs
    code = LISTENS.replace("USER", str(user)).replace("PORT", str(port))
    with subprocess.Popen(
        [sys.executable, "-c", code, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=folder,
        env=dict(environment),
    ) as child:
        assert child.stdout
        try:
            yield Listening(child.pid, int(child.stdout.readline()))
        finally:
            child.communicate(b"\n")


def reachable(path: Path) -> Path:
    """The path, once every account may pass through the folders above it that are ours."""
    for folder in path.parents:
        about = folder.stat()
        if about.st_uid == os.geteuid() and not about.st_mode & 0o001:
            folder.chmod(about.st_mode | 0o011)
    return path


def system_programs(monkeypatch: pytest.MonkeyPatch, *folders: Path) -> None:
    """Let these folders be among those where the system has its programs, for one test."""
    path = ":".join([*map(str, folders), "/usr/bin", "/bin"])
    monkeypatch.setattr(_process, "program", _process.program.__wrapped__)
    monkeypatch.setattr(_process, "PATH", path)
    monkeypatch.setitem(_process.ENVIRONMENT, "PATH", path)


def compose_file(network: str = "bridge", **more: Any) -> str:
    """The role's compose.yaml, with values that stand for any."""
    environment = jinja2.Environment(
        trim_blocks=True, keep_trailing_newline=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["to_json"] = json.dumps
    values = {
        "compose_project_name": "litellm",
        "compose_images": {name: "%s@sha256:1" % name for name in ("litellm", "postgres", "redis")},
        "__compose_postgres_data": {
            "mount": "/var/lib/postgresql/data",
            "folder": "/var/lib/postgresql/data",
        },
        "__compose_redis_user": "redis",
        "compose_network": network,
        "compose_gateway_name": "host.docker.internal",
        "compose_subnet": "172.30.40.0/24",
        "compose_engine_major": 25,
        "compose_postgres_max_connections": 100,
        "compose_litellm_port": 4000,
        "compose_postgres_port": 5434,
        "compose_redis_port": 6379,
        "__compose_config": {"included": [{"view": "config.compose.1-models.yaml"}]},
        "compose_needed_files": [
            {"name": "needed.001-sa.json", "source": "/home/x/sa.json", "target": "/home/x/sa.json"}
        ],
        "compose_mounts": [],
        "compose_litellm_groups": [],
        "compose_publish": ["127.0.0.1"],
        "compose_extra_hosts": {"gpu1": "10.0.0.7"},
        "__compose_listen": "0.0.0.0",
        "__compose_asked": "127.0.0.1",
        "compose_environment": {"AWS_CONFIG_FILE": "/home/x/.aws/config"},
        "__compose_inside": 4000,
        "__compose_gateway": "172.30.40.1",
        "__compose_stores": ["postgres", "redis"],
        "__compose_addresses": {"postgres": "172.30.40.2", "redis": "172.30.40.3"},
        "__compose_command": ["--config", "/app/config.yaml", "--host", "127.0.0.1"],
        "__compose_options": ["--num_workers", "4", "--x", 'ä: "b" #c $$d'],
        "__compose_redis_health": [
            "CMD-SHELL",
            """X="$$(sed 's/^#auth //p')" redis-cli | grep -q P""",
        ],
        "__compose_postgres_processes": 512,
        "compose_read_only": True,
        "compose_memory_limits": {"litellm": "8g", "postgres": "4g", "redis": "4g"},
        "compose_process_limits": {"litellm": 2048, "postgres": 512, "redis": 128},
        "__compose_health": ["CMD", "python3", "-c", "get('http://127.0.0.1:PORT', timeout=8)"],
        **more,
    }
    text = (ROOT / "roles/compose/templates/compose.yaml.j2").read_text(encoding="utf-8")
    return environment.from_string(text).render(**values)


# What a process title, a model's name or an answer can be.
HOSTILE = "x\x1b[2J\x1b[32m\n2. y\r\u2028\u202e [z](http://evil.example) <img src=q> *b* `c` | d"


def assert_on_lines(lines: Sequence[str], expected: int) -> None:
    """So many lines, without anything that a terminal would obey, and with the text of a hostile
    one in them."""
    assert sum(len(line.splitlines()) or 1 for line in lines) == len(lines) == expected
    assert all(line.isprintable() for line in lines)
    assert any("\\x1b[2J" in line for line in lines)


def fails(error: BaseException) -> Callable[..., Any]:
    """A function that fails with this, whatever it is called with."""

    def call(*_words: Any, **_named: Any) -> Any:
        raise error

    return call


def answered(told: Any) -> Any:
    """What a stand-in tells; an exception is raised."""
    if isinstance(told, Exception):
        raise told
    return told


class Programs:
    """Programs that are none, in place of ``_process.run``: ``seen`` is what was called.

    ``answers`` maps a part of a command line to what it prints, to its exit code, or to both.
    """

    def __init__(self, answers: Mapping[str, Any] | None = None) -> None:
        self.answers: dict[str, Any] = dict(answers or {})
        self.seen: list[str] = []

    def __call__(self, argv: list[str], *_words: Any, **_named: Any) -> Result:
        line = " ".join(argv)
        self.seen.append(line)
        told = next((told for part, told in self.answers.items() if part in line), "")
        if callable(told):
            told = told()
        if isinstance(told, Result):
            return told
        return Result(told, "", "") if isinstance(told, int) else Result(0, told, "")

    def called(self, part: str) -> list[str]:
        """The command lines with this in them."""
        return [line for line in self.seen if part in line]


class Database:
    """A PostgreSQL that is none, in place of ``Session``: ``done`` is what it was asked and told.

    ``answers`` maps a part of a statement to its rows, or to a function that returns them.
    """

    def __init__(self, answers: Mapping[str, Any] | None = None) -> None:
        self.answers: dict[str, Any] = dict(answers or {})
        self.done: list[str] = []
        self.places: list[str] = []
        self.endpoint: Any = None

    def __call__(self, endpoint: Any, *_words: Any, **_named: Any) -> Database:
        self.endpoint = endpoint
        self.places.append(endpoint.database)
        return self

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def query(self, statement: str) -> list[list[Any]]:
        """The rows of the first answer whose key is a part of the statement; none without one."""
        self.done.append(statement)
        told = next((rows for part, rows in self.answers.items() if part in statement), [])
        return told() if callable(told) else told

    def execute(self, statement: str) -> None:
        self.done.append(statement)


def foreign(path: Path) -> Path:
    """A new folder of another account's."""
    path.mkdir()
    os.chown(path, 65534, 65534)
    return path


class Clock:
    """A clock that only goes on while somebody sleeps, in place of the module ``time``."""

    def __init__(self) -> None:
        self.time = 100.0

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds
