"""The survey: what a host has and what is wrong with it. Git, files and listeners are real; systemd, Docker and the databases are not."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.llmops.litellm.plugins.module_utils._config import (
    environment_text as _environment_text,
)
from ansible_collections.llmops.litellm.plugins.module_utils._config import includes as _includes
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import journal as _journal
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import legacy as _legacy
from ansible_collections.llmops.litellm.plugins.module_utils._host import docker as _docker
from ansible_collections.llmops.litellm.plugins.module_utils._host import files as _files
from ansible_collections.llmops.litellm.plugins.module_utils._host import images as _images
from ansible_collections.llmops.litellm.plugins.module_utils._host import listeners as _listeners
from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process
from ansible_collections.llmops.litellm.plugins.module_utils._host import systemd as _systemd
from ansible_collections.llmops.litellm.plugins.module_utils._host.listeners import Listener
from ansible_collections.llmops.litellm.plugins.module_utils._host.problem import Problem
from ansible_collections.llmops.litellm.plugins.module_utils._host.process import Result
from ansible_collections.llmops.litellm.plugins.module_utils._host.systemd import Manager, Unit
from ansible_collections.llmops.litellm.plugins.module_utils._litellm import salt_key as _salt_key
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    preflight as _preflight,
)
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    preflight_source as _preflight_source,
)
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    preflight_stores as _preflight_stores,
)
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    preflight_target as _preflight_target,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    native_server as _native_server,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import session as _session
from ansible_collections.llmops.litellm.plugins.module_utils._redis import redis as _redis
from ansible_collections.llmops.litellm.plugins.modules import preflight_info

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=timezone.utc)
SECRET = "hunter2-4f9c0b7ad2e15386"
CONFIG = """\
model_list:
- model_name: embed
  litellm_params: {model: openai/embed, api_base: 'http://127.0.0.1:8082/v1'}
general_settings: {database_connection_pool_limit: 5}
"""
UNIT = Unit("litellm.service", Manager("litellm"), "enabled", "active", {"MainPID": "271"})


def texts(problems: list[Problem]) -> str:
    """All problems as an operator reads them."""
    return "\n".join(str(item) for item in problems)


def deployment(environment: Any = None, text: str = CONFIG, **facts: Any) -> _legacy.Deployment:
    """A legacy deployment with which nothing is wrong."""
    told = {
        "unit": UNIT.record(),
        "units": [UNIT.record()],
        "pid": 271,
        "port": 4000,
        "folder": "/nosuch/legacy",
        "config": None,
        "environment_files": [],
        "optional_files": [],
        "litellm_version": "1.102.4",
        "litellm_traces": [],
        **facts,
    }
    tree = _includes.Tree((_includes.Part(told["config"] or "/nosuch/config.yaml", text),))
    return _legacy.Deployment(
        UNIT, {"LITELLM_MASTER_KEY": "sk-" + SECRET, **(environment or {})}, tree, told
    )


def settings(tmp_path: Path, **others: Any) -> dict[str, Any]:
    """The parameters of preflight_info with their defaults."""
    defaults = {
        name: argument.get("default") for name, argument in preflight_info.ARGUMENTS.items()
    }
    return {
        **defaults,
        "state_dir": str(tmp_path / "state"),
        "backup_dir": str(tmp_path / "backup"),
        "project_dir": str(tmp_path / "llm"),
        "images": {},
        "run": {"controller": "desk", "run": "7:100", "alive": ["7:100"]},
        **others,
    }


# The folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty project folder."""
    made = tmp_path / "llm@team"
    made.mkdir()
    return made


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that another account can reach: pytest's own is closed to all but its owner."""
    with tempfile.TemporaryDirectory(prefix="llm@") as made:
        os.chmod(made, 0o755)
        yield Path(made)


def git(folder: Path, *words: str) -> None:
    subprocess.run(
        ["git", "-C", str(folder), "-c", "user.name=x", "-c", "user.email=x@example.com", *words],
        check=True,
        capture_output=True,
    )


def look(folder: Path, legacy: str = "/nosuch/legacy") -> tuple[list[str], list[str]]:
    """Subjects of the problems and of the warnings."""
    warnings: list[Problem] = []
    problems = _preflight_source._folder(str(folder), legacy, warnings)
    return [item.subject for item in problems], [item.subject for item in warnings]


def test_free_folder_is_fine_whether_it_exists_or_not(folder: Path) -> None:
    assert look(folder)[0] == []
    assert look(folder / "new")[0] == []


def test_folder_of_the_legacy_proxy_is_refused_by_whatever_name(folder: Path) -> None:
    (folder.parent / "alias").symlink_to(folder)
    assert look(folder, str(folder))[0] == ["litellm_project_dir"]
    assert look(folder.parent / "alias", str(folder))[0] == ["litellm_project_dir"]
    assert look(folder / "compose", str(folder))[0] == []


def test_folder_without_a_parent_is_named(folder: Path) -> None:
    problems = _preflight_source._folder(str(folder / "a" / "b"), "/nosuch/legacy", [])
    assert texts(problems).startswith("litellm_project_dir: %s does not exist" % (folder / "a"))


def test_folder_below_another_account_is_warned_of(folder: Path) -> None:
    assert look(folder)[1] == []
    os.chown(folder, 65534, 65534)
    (folder / "compose").mkdir()
    for place in (folder, folder / "compose", folder / "not yet"):
        assert look(place) == ([], [str(place)])


@pytest.mark.parametrize("owner", [0, 65534], ids=["root's", "another account's"])
def test_tracked_secret_is_refused(open_folder: Path, owner: int) -> None:
    folder = open_folder
    git(folder, "init")
    (folder / ".env").write_text("")
    (folder / "compose.yaml").write_text(_preflight_source.OWN_MARK)
    assert look(folder)[0] == []
    git(folder, "add", "--all")
    git(folder, "commit", "-m", "oops")
    for path in (folder, *folder.rglob("*")):
        os.chown(path, owner, owner)
    problems = _preflight_source._folder(str(folder), "/nosuch/legacy", [])
    assert [item.subject for item in problems] == [
        str(folder / ".env")
    ]  # compose.yaml may be tracked
    assert "git rm --cached .env" in problems[0].remedy


def test_secret_tracked_in_a_folder_that_is_gone_is_refused(folder: Path) -> None:
    git(folder, "init")
    (folder / "compose").mkdir()
    (folder / "compose/redis.conf").write_text("")
    git(folder, "add", "--all")
    (folder / "compose/redis.conf").unlink()
    (folder / "compose").rmdir()
    assert look(folder / "compose")[0] == [str(folder / "compose/redis.conf")]


def test_repository_that_git_cannot_read_is_a_problem(folder: Path) -> None:
    (folder / ".git").mkdir()
    problems = _preflight_source._folder(str(folder), "/nosuch/legacy", [])
    assert "git cannot say what it tracks" in texts(problems)


@pytest.mark.parametrize("name", _preflight_source.OWN_FILES)
@pytest.mark.parametrize(
    ("text", "ours"),
    [
        ("services: {}\n", False),
        ("# mine\n" + _preflight_source.OWN_MARK, False),
        ("", True),
        (_preflight_source.OWN_MARK + ", role compose.\n", True),
        (_environment_text.env_text({"A": "1"}), True),
    ],
    ids=["a stranger's", "marked later", "empty", "ours", "our env file"],
)
def test_only_our_own_files_are_replaced(folder: Path, name: str, text: str, ours: bool) -> None:
    (folder / name).write_text(text)
    assert look(folder)[0] == ([] if ours else [str(folder / name)])


def test_folder_or_dangling_link_of_our_name_is_not_replaced(folder: Path) -> None:
    (folder / "compose.yaml").mkdir()
    (folder / ".env").symlink_to("nosuch")
    assert look(folder)[0] == [str(folder / ".env"), str(folder / "compose.yaml")]


# Environment files


def files(path: Path, optional: bool = False) -> tuple[str, str]:
    """Problems and warnings of an EnvironmentFile."""
    warnings: list[Problem] = []
    problems = _preflight_source._environment_file(str(path), optional, warnings)
    return texts(problems), texts(warnings)


def test_missing_environment_file_counts_only_where_it_is_needed(tmp_path: Path) -> None:
    assert files(tmp_path / "a", optional=True) == ("", "")
    assert files(tmp_path / "a")[0].startswith(str(tmp_path / "a") + ": is missing")


def test_readable_environment_file_is_fine(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("# note\nKEY='%s'\n" % SECRET)
    assert files(tmp_path / "a") == ("", "")


@pytest.mark.parametrize(
    ("text", "warned", "adopt"),
    [
        ("A=1\nexport KEY=%s\n", ":2: KEY never reached the proxy", "env_file_adopt: [KEY]"),
        ("KEY: %s\n", ":1: KEY never reached the proxy", "env_file_adopt: [KEY]"),
        ("A=1\n\n%s\n", ":3: the line never reached the proxy", "mend it if it is wanted"),
    ],
    ids=["export", "colon", "no name"],
)
def test_lines_that_never_reached_the_proxy_are_told_without_their_values(
    tmp_path: Path, text: str, warned: str, adopt: str
) -> None:
    (tmp_path / "a").write_text(text % SECRET)
    problems, warnings = files(tmp_path / "a")
    assert problems == ""
    assert str(tmp_path / "a") + warned in warnings
    assert adopt in warnings
    assert SECRET not in warnings


def test_quote_that_never_ends_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("A=1\nKEY='%s\nB=2\n" % SECRET)
    problems, warnings = files(tmp_path / "a")
    assert problems.startswith("%s:2: has a quote that never ends" % (tmp_path / "a"))
    assert warnings == ""
    assert SECRET not in problems


def test_file_that_systemd_refuses_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"A=1\nKEY=\xff%s\n" % SECRET.encode())
    assert files(tmp_path / "a")[0].startswith("%s:2: " % (tmp_path / "a"))
    assert SECRET not in files(tmp_path / "a")[0]


# The deployment


@pytest.mark.parametrize(
    ("config", "there", "said"),
    [
        (CONFIG, True, ""),
        (None, True, "config.yaml: the legacy unit names no --config"),
        (CONFIG, False, "does not exist any more"),
        (
            "environment_variables:\n  LITELLM_SALT_KEY: %s\n" % SECRET,
            True,
            "sets LITELLM_SALT_KEY itself",
        ),
        (
            'environment_variables:\n  "LITELLM_SALT_KEY" : %s\n' % SECRET,
            True,
            "sets LITELLM_SALT_KEY itself",
        ),
        ("# LITELLM_SALT_KEY: x\n" + CONFIG, True, ""),
    ],
    ids=["fine", "none", "gone", "salt key", "salt key in quotes", "salt key in a comment"],
)
def test_configuration_is_judged(tmp_path: Path, config: Any, there: bool, said: str) -> None:
    path = tmp_path / "config.yaml"
    if there and config:
        path.write_text(config)
    legacy = deployment({}, config or "", config=str(path) if config else None)
    found = texts(_preflight_source._deployment(legacy, settings(tmp_path), {}, []))
    assert bool(found) == bool(said), found
    assert said in found
    assert SECRET not in found


@pytest.mark.parametrize(
    "config",
    ["", "general_settings:\n  master_key: os.environ/KEY\n"],
    ids=["none", "in config.yaml"],
)
def test_master_key_may_be_in_the_configuration(tmp_path: Path, config: str) -> None:
    (tmp_path / "config.yaml").write_text(config)
    legacy = deployment({}, config, config=str(tmp_path / "config.yaml"))._replace(environment={})
    assert (
        "LITELLM_MASTER_KEY"
        in texts(_preflight_source._deployment(legacy, settings(tmp_path), {}, []))
    ) == (not config)


def test_project_folder_is_told_without_a_slash_at_its_end(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG)
    facts: dict[str, Any] = {}
    legacy = deployment(config=str(tmp_path / "config.yaml"))
    found = _preflight_source._deployment(
        legacy, settings(tmp_path, project_dir=str(tmp_path / "llm") + "/"), facts, []
    )
    assert (found, facts["project_dir"]) == ([], str(tmp_path / "llm"))


@given(
    st.dictionaries(
        st.sampled_from(["database", "redis", "legacy"]),
        st.none() | st.integers(1, 65535).map(lambda port: {"port": port}),
    )
)
def test_native_ports_are_those_of_what_moves(facts: dict[str, Any]) -> None:
    assert _preflight_source.native_ports(facts) == [
        facts[name]["port"] for name in ("database", "redis") if facts.get(name)
    ]


# The lock


def test_run_at_work_locks_the_host(tmp_path: Path) -> None:
    wanted = settings(tmp_path)
    assert _preflight._lock(wanted, NOW) == []
    (tmp_path / "state").mkdir()
    journal = _journal.create("x", {"controller": "elsewhere", "run": "1:1"}, NOW)
    _journal.save(wanted["state_dir"], journal, NOW)
    assert "lock: run 1:1 of controller elsewhere is at work" in texts(
        _preflight._lock(wanted, NOW)
    )
    assert _preflight._lock(wanted, NOW + timedelta(hours=3)) == []
    (tmp_path / "state/journal.json").write_text("{")
    assert "journal: " in texts(_preflight._lock(wanted, NOW))


@pytest.mark.parametrize("labels", [None, {}], ids=["volume gone", "volume there"])
def test_rows_that_are_nowhere_else_lock_the_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labels: Any
) -> None:
    monkeypatch.setattr(_docker, "volume_labels", lambda name: labels)
    (tmp_path / "state").mkdir()
    journal = _journal.create("x", {"controller": "desk", "run": "1:1"}, NOW)
    journal.update(state="rolled back", facts={"not_kept": "the dump failed"})
    _journal.save(str(tmp_path / "state"), journal, NOW)
    found = texts(_preflight._lock(settings(tmp_path, project_name="team"), NOW))
    assert (
        "volume team_postgres: may hold rows of the failed migration x that are nowhere else (the dump failed)"
        in found
    ) == (labels is not None)


# The native servers


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> list[Listener]:
    """Native servers that systemd knows: PostgreSQL, Redis and the proxy; their programs and parents."""
    units = {15: "postgresql@15-main.service", 16: "redis-server.service", 271: "litellm.service"}
    programs = {
        15: ["/usr/lib/postgresql/15/bin/postgres", "-D", "x"],
        16: ["/usr/bin/redis-server 127.0.0.1:6379"],
        271: ["/v/bin/python", "/v/bin/litellm"],
    }
    monkeypatch.setattr(_process, "unit_of", units.get)
    monkeypatch.setattr(_process, "command_line", lambda pid, proc="/proc": programs.get(pid, []))
    monkeypatch.setattr(_process, "ancestors", lambda pid: [pid, 271] if pid == 272 else [pid])
    monkeypatch.setattr(
        _legacy,
        "show",
        lambda manager, names: [Unit(name, manager, "enabled", "active", {}) for name in names],
    )
    return [
        Listener("127.0.0.1", 5434, 15, "postgres (process 15)"),
        Listener("127.0.0.1", 6379, 16, "redis-server (process 16)"),
        Listener("127.0.0.1", 4000, 272, "python3 litellm (process 272)"),
    ]


URL = "postgresql://gateway:%s@127.0.0.1:5434/llm_gateway" % SECRET
STORED = json.dumps({"model": "gAAA", "rpm": 5, "api_base": "bBBB"})


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A PostgreSQL that answers; ``rows`` are stored models, ``ledger`` its migrations, ``outcomes`` what the salt key does with a value."""
    told: dict[str, Any] = {
        "rows": [[STORED]],
        "ledger": ["a", "b"],
        "neighbours": [],
        "outcomes": {"gAAA": True, "bBBB": None},
        "keys": set(),
    }

    def query(endpoint: Any, statement: str) -> list[list[Any]]:
        if "max_connections" in statement:
            return [["100"]]
        if "datistemplate" in statement:
            return [[name] for name in told["neighbours"]]
        if "pg_tables" in statement:
            return [["1"]] if told["ledger"] is not None else []
        return (
            [[name] for name in told["ledger"]] if "migration_name" in statement else told["rows"]
        )

    def decrypts(value: str, key: str) -> Any:
        told["keys"].add(key)
        return told["outcomes"][value]

    monkeypatch.setattr(_session, "query", query)
    monkeypatch.setattr(_session, "server_version", lambda endpoint: ("15.18", 15))
    monkeypatch.setattr(_session, "database_size", lambda endpoint: 1000)
    monkeypatch.setattr(_salt_key, "decrypts", decrypts)
    monkeypatch.setattr(
        _native_server, "seen", lambda pid: {"argv": ["postgres", "-D", "x"], "process": pid}
    )
    return told


def test_what_goes_down_with_the_servers_is_refused_or_accepted(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    servers: list[Listener],
    database: dict[str, Any],
) -> None:
    asked: list[str] = []

    def dependants(records: list[dict[str, str]]) -> dict[str, str]:
        asked.extend(record["name"] for record in records)
        return {"reporting.service": "postgresql@15-main.service"}

    monkeypatch.setattr(_systemd, "dependants", dependants)
    database["neighbours"] = ["reports"]
    facts: dict[str, Any] = {"legacy": {"units": [UNIT.record()]}, "redis": {"unit": None}}
    assert _preflight_stores._database(deployment({"DATABASE_URL": URL}), facts, servers) == []
    said = texts(_preflight_stores._neighbours(settings(tmp_path), facts))
    assert "unit reporting.service: needs postgresql@15-main.service and goes down with it" in said
    assert "database reports: is on the native PostgreSQL that is stopped at the cutover" in said
    assert asked == ["litellm.service", "postgresql@15-main.service"]
    assert (
        _preflight_stores._neighbours(
            settings(tmp_path, accept_down=["reports", "reporting.service"]), facts
        )
        == []
    )


def test_database_is_told_without_its_password(
    servers: list[Listener], database: dict[str, Any]
) -> None:
    facts: dict[str, Any] = {}
    assert (
        _preflight_stores._database(
            deployment({"DATABASE_URL": URL, "LITELLM_SALT_KEY": "salt"}), facts, servers
        )
        == []
    )
    told = facts["database"]
    assert (told["port"], told["name"], told["user"], told["major"], told["bytes"]) == (
        5434,
        "llm_gateway",
        "gateway",
        15,
        1000,
    )
    assert (
        told["stored_models"],
        told["migrations"],
        told["salt_key_proved"],
        told["max_connections"],
    ) == (1, ["a", "b"], True, 100)
    assert told["unit"]["name"] == "postgresql@15-main.service"
    assert told["server"] == {"argv": ["postgres", "-D", "x"], "process": 15}
    assert SECRET not in json.dumps(facts)
    assert database["keys"] == {"salt"}


def test_without_a_salt_key_the_master_key_is_tried(
    servers: list[Listener], database: dict[str, Any]
) -> None:
    _preflight_stores._database(deployment({"DATABASE_URL": URL}), {}, servers)
    assert database["keys"] == {"sk-" + SECRET}


def test_database_without_a_ledger_has_no_migrations(
    servers: list[Listener], database: dict[str, Any]
) -> None:
    database["ledger"] = None
    facts: dict[str, Any] = {}
    _preflight_stores._database(deployment({"DATABASE_URL": URL}), facts, servers)
    assert facts["database"]["migrations"] is None


@pytest.mark.parametrize(
    ("outcomes", "proved", "refused"),
    [
        ((True, None), True, False),
        ((None, None), False, False),
        ((False, None), False, True),
        ((True, False), True, True),
    ],
    ids=["proved", "unknown format", "wrong", "wrong for one"],
)
def test_salt_key_is_proved_by_what_it_opens(
    servers: list[Listener], database: dict[str, Any], outcomes: Any, proved: bool, refused: bool
) -> None:
    database["outcomes"] = dict(zip(("gAAA", "bBBB"), outcomes))
    facts: dict[str, Any] = {}
    found = texts(_preflight_stores._database(deployment({"DATABASE_URL": URL}), facts, servers))
    assert facts["database"]["salt_key_proved"] == proved
    assert ("LITELLM_SALT_KEY: the key that the proxy runs with cannot decrypt" in found) == refused


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (None, "DATABASE_URL: the running proxy has none"),
        ("", "DATABASE_URL: the running proxy has none"),
        ("mysql://x:%s@127.0.0.1/y" % SECRET, "mend it in the legacy environment"),
        (
            URL.replace("5434", "5555"),
            "points to 127.0.0.1:5555, where no PostgreSQL of this host listens",
        ),
        (
            URL.replace("127.0.0.1", "db.example.com"),
            "points to db.example.com:5434, where no PostgreSQL of this host listens",
        ),
    ],
    ids=["none", "empty", "another program", "nobody listens", "another host"],
)
def test_database_that_cannot_be_moved_is_refused(
    servers: list[Listener], database: dict[str, Any], url: Any, said: str
) -> None:
    found = texts(
        _preflight_stores._database(
            deployment({} if url is None else {"DATABASE_URL": url}), {}, servers
        )
    )
    assert said in found
    assert SECRET not in found


def test_servers_that_systemd_does_not_know_are_refused(
    servers: list[Listener],
    database: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(_process, "unit_of", lambda pid: None)
    monkeypatch.setattr(
        _process, "run", lambda argv: Result(0, "Redis server v=7.0.15 sha=00000000:0", "")
    )
    legacy = deployment({"DATABASE_URL": URL, "REDIS_PORT": "6379"})
    found = _preflight_stores._database(legacy, {}, servers) + _preflight_stores._redis_of(
        legacy, settings(tmp_path), {}, servers
    )
    assert [item.subject for item in found] == ["port 5434", "port 6379"]
    assert all(
        "belongs to no systemd unit" in item.problem and item.remedy == _preflight_stores.ORPHANED
        for item in found
    )


def test_database_that_does_not_answer_is_refused(
    servers: list[Listener], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(endpoint: Any) -> Any:
        raise _session.PostgresError("password authentication failed")

    monkeypatch.setattr(_session, "server_version", refuse)
    assert "DATABASE_URL: password authentication failed" in texts(
        _preflight_stores._database(deployment({"DATABASE_URL": URL}), {}, servers)
    )


@pytest.fixture
def pings(monkeypatch: pytest.MonkeyPatch) -> list[_redis.Native]:
    """Every native Redis that was asked; those with a password of ``wrong`` refuse."""
    asked: list[_redis.Native] = []
    run = _process.run

    def ask(self: _redis.Native, *words: str) -> str:
        asked.append(self)
        if self.password == "wrong":
            raise _redis.RedisError("native Redis on port %d: WRONGPASS" % self.port)
        return "PONG"

    monkeypatch.setattr(_redis.Native, "ask", ask)
    monkeypatch.setattr(
        _redis,
        "data_of",
        lambda native: {"folder": "/var/lib/redis", "file": "dump.rdb", "append_only": False},
    )
    monkeypatch.setattr(
        _process,
        "run",
        lambda argv, **named: (
            Result(0, "Redis server v=7.0.15 sha=00000000:0", "")
            if argv[0] == "redis-server"
            else run(argv, **named)
        ),
    )
    return asked


CACHE = "litellm_settings:\n  cache_params: {type: redis, host: localhost, port: 6380}\n"


@pytest.mark.parametrize(
    ("environment", "config", "port"),
    [
        ({}, CONFIG, None),
        ({"REDIS_PORT": "6379"}, CACHE, 6379),
        ({}, CACHE, 6380),
        ({"REDIS_URL": "redis://127.0.0.1:6381/0"}, "", 6381),
        ({"REDIS_URL": "redis://u:12345@127.0.0.1:6381"}, "", 6381),
        ({"REDIS_URL": "redis://127.0.0.1:6381?db=0"}, "", 6381),
        ({"REDIS_URL": "redis://127.0.0.1"}, "", 6379),
    ],
    ids=[
        "none",
        "environment first",
        "configuration",
        "URL",
        "URL with a password of digits",
        "URL with a query",
        "URL without a port",
    ],
)
def test_redis_is_found_where_the_proxy_finds_it(
    servers: list[Listener],
    pings: list[_redis.Native],
    tmp_path: Path,
    environment: Any,
    config: str,
    port: Any,
) -> None:
    facts: dict[str, Any] = {}
    assert (
        _preflight_stores._redis_of(
            deployment(environment, config), settings(tmp_path), facts, servers
        )
        == []
    )
    assert (facts["redis"] and facts["redis"]["port"]) == port
    assert [item.port for item in pings] == ([] if port is None else [port])
    assert facts["redis"] is None or facts["redis"]["major"] == 7


def test_redis_is_asked_with_the_proxys_password(
    servers: list[Listener], pings: list[_redis.Native], tmp_path: Path
) -> None:
    facts: dict[str, Any] = {}
    found = _preflight_stores._redis_of(
        deployment({"REDIS_PORT": "6379", "REDIS_PASSWORD": "wrong"}),
        settings(tmp_path),
        facts,
        servers,
    )
    assert texts(found).startswith("port 6379: native Redis on port 6379: WRONGPASS -> ")
    assert "wrong" not in texts(found) + json.dumps(facts)
    _preflight_stores._redis_of(
        deployment({"REDIS_PORT": "6379", "REDIS_PASSWORD": SECRET, "REDIS_USERNAME": "u"}),
        settings(tmp_path),
        facts,
        servers,
    )
    assert pings[-1] == _redis.Native("127.0.0.1", 6379, "u", SECRET)
    assert SECRET not in json.dumps(facts)


def test_port_that_is_none_is_not_repeated(pings: list[_redis.Native], tmp_path: Path) -> None:
    found = texts(
        _preflight_stores._redis_of(
            deployment({"REDIS_PORT": "redis://:%s@h" % SECRET}), settings(tmp_path), {}, []
        )
    )
    assert found.startswith("REDIS_PORT: ")
    assert SECRET not in found


@pytest.mark.parametrize("value", ["true", "True", '"true"', "false"])
def test_spend_that_only_redis_has_is_not_left_behind(
    servers: list[Listener], pings: list[_redis.Native], tmp_path: Path, value: str
) -> None:
    legacy = deployment(
        {"REDIS_PORT": "6379"}, "general_settings:\n  use_redis_transaction_buffer: %s\n" % value
    )
    found = texts(
        _preflight_stores._redis_of(legacy, settings(tmp_path, carry_redis=False), {}, servers)
    )
    assert ("litellm_carry_redis: is false" in found) == (value != "false")
    assert pings == []


# Model servers and ports


def test_model_servers_are_told_and_silent_ones_warned_of(
    servers: list[Listener], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "proxyd").write_text("")
    monkeypatch.setattr(_preflight_stores, "PROXYD", str(tmp_path / "proxyd"))
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_server(("127.0.0.1", 0)) as gone,
    ):
        port, silent = server.getsockname()[1], gone.getsockname()[1]
        gone.close()
        config = CONFIG.replace("8082", str(port)) + "# http://127.0.0.1:9999\n"
        legacy = deployment(
            {
                "RERANK_BASE": "http://localhost:%d/v1" % silent,
                "SELF": "http://127.0.0.1:4000",
                "DATABASE_URL": URL,
            },
            config,
        )
        facts = {"legacy": legacy.facts, "database": {"port": 5434}, "redis": None}
        warnings: list[Problem] = []
        problems = _preflight_stores._models(
            legacy, facts, [*servers, Listener("0.0.0.0", port, None, "llama-server")], warnings
        )
    assert problems == []
    assert {
        entry["port"]: (entry["answers"], entry["loopback"]) for entry in facts["model_hosts"]
    } == {port: (True, False), silent: (False, True)}
    assert "model server 127.0.0.1:%d: does not answer now" % silent in texts(warnings)
    assert "127.0.0.1:%d" % port not in texts(warnings)


@pytest.mark.parametrize(
    ("address", "needed"), [("127.0.0.1", True), ("::1", True), ("0.0.0.0", False)]
)
def test_bridges_need_their_program(
    servers: list[Listener],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    address: str,
    needed: bool,
) -> None:
    monkeypatch.setattr(_preflight_stores, "PROXYD", str(tmp_path / "nosuch"))
    monkeypatch.setattr(_preflight_stores, "_answers", lambda port: True)
    problems = _preflight_stores._models(
        deployment(),
        {"legacy": deployment().facts},
        [Listener(address, 8082, None, "llama-server")],
        [],
    )
    assert texts(problems).startswith("systemd-socket-proxyd: is not installed") == needed


def test_ports_of_the_legacy_deployment_are_its_own(
    servers: list[Listener], tmp_path: Path
) -> None:
    facts = {"legacy": deployment().facts, "database": {"port": 5434}, "redis": {"port": 6379}}
    staged = Listener("127.0.0.1", 14000, 9, "docker-proxy (process 9)")
    assert _preflight_target._ports(settings(tmp_path), facts, [*servers, staged]) == []
    assert _preflight_target._ports(settings(tmp_path), {}, []) == []


@pytest.mark.parametrize(
    ("listener", "subject"),
    [
        (Listener("127.0.0.1", 4000, 9, "nginx (process 9)"), "port 4000 (proxy)"),
        (Listener("0.0.0.0", 5434, 9, "nginx (process 9)"), "port 5434 (database)"),
        (Listener("127.0.0.1", 6379, 9, "nginx (process 9)"), "port 6379 (redis)"),
        (
            Listener("127.0.0.1", 6379, None, "a process that cannot be seen from here"),
            "port 6379 (redis)",
        ),
        (
            Listener("127.0.0.1", 14000, 272, "python3 litellm (process 272)"),
            "port 14000 (staging)",
        ),
    ],
    ids=["proxy", "database", "redis", "redis, unseen or gone", "staging"],
)
def test_strangers_on_a_port_are_refused(
    servers: list[Listener], tmp_path: Path, listener: Listener, subject: str
) -> None:
    facts = {"legacy": deployment().facts, "database": {"port": 5434}, "redis": {"port": 6379}}
    found = _preflight_target._ports(settings(tmp_path), facts, [listener])
    assert [item.subject for item in found] == [subject]
    assert listener.command in found[0].problem


@pytest.mark.parametrize(("name", "number"), [("database", 5434), ("redis", 6379)])
def test_unused_native_server_must_not_hold_a_port_of_ours(
    servers: list[Listener], tmp_path: Path, name: str, number: int
) -> None:
    """The deployment does not use it, so nobody will stop it."""
    facts = {
        "legacy": deployment().facts,
        "database": {"port": 5434},
        "redis": {"port": 6379},
        name: None,
    }
    assert [
        item.subject for item in _preflight_target._ports(settings(tmp_path), facts, servers)
    ] == ["port %d (%s)" % (number, name)]


# Docker


def image(reference: str, **others: Any) -> _images.Image:
    """An image with which nothing is wrong."""
    return _images.Image(
        reference,
        False,
        ("linux/amd64",),
        {"PG_MAJOR": "17", "REDIS_VERSION": "8.0"},
        {"version": "1.102.4"},
        50,
        "",
    )._replace(**others)


@pytest.mark.parametrize(
    ("changes", "settings_", "said"),
    [
        ({}, {}, []),
        (
            {"postgres": {"environment": {"PG_MAJOR": "13"}}},
            {},
            ["litellm_images.postgres: image p is PostgreSQL 13"],
        ),
        (
            {"redis": {"environment": {"REDIS_VERSION": "6.2"}}},
            {},
            ["litellm_images.redis: image r is Redis 6"],
        ),
        ({"redis": {"environment": {"REDIS_VERSION": "6.2"}}}, {"carry_redis": False}, []),
        (
            {"litellm": {"labels": {"version": "1.82.8"}}},
            {},
            ["litellm_images.litellm: LiteLLM 1.82.8 is on the list"],
        ),
        (
            {"litellm": {"error": "404"}, "redis": {"platforms": ("linux/arm64",)}},
            {},
            ["litellm_images.litellm: image l: 404", "litellm_images.redis"],
        ),
        (
            {},
            {"images": {"litellm": "l", "redis": "NO"}},
            [
                "litellm_images.postgres: '' is not an image",
                "litellm_images.redis: 'NO' is not an image",
            ],
        ),
    ],
    ids=[
        "fine",
        "lower PostgreSQL",
        "lower Redis",
        "lower Redis, left behind",
        "bad release",
        "every one is told",
        "no references",
    ],
)
def test_images_are_judged_together(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, changes: Any, settings_: Any, said: list[str]
) -> None:
    names = {"l": "litellm", "p": "postgres", "r": "redis"}

    def find(reference: str, platform: str, insecure: list[str]) -> _images.Image:
        _images.parse_reference(reference)
        return image(reference, **changes.get(names[reference], {}))

    monkeypatch.setattr(_images, "look", find)
    facts = {
        "legacy": {"litellm_version": "1.102.4"},
        "database": {"major": 15},
        "redis": {"major": 7},
    }
    wanted = settings(tmp_path, images={"litellm": "l", "postgres": "p", "redis": "r"})
    found = _preflight_target._images_of(
        {**wanted, **settings_}, facts, {"platform": "linux/amd64", "insecure": []}, []
    )
    assert len(found) == len(said), texts(found)
    assert [part for part in said if part not in texts(found)] == []


@pytest.mark.parametrize("known", [True, False], ids=["with a journal", "without a journal"])
@pytest.mark.parametrize(
    ("labels", "container", "subject"),
    [
        ({_docker.OWN_LABEL: ""}, None, "volume team_redis"),
        (None, {"labels": {_docker.FOLDER_LABEL: "here"}}, "container team-proxy"),
        ({}, None, "volume team_redis"),
        (None, {"labels": {_docker.FOLDER_LABEL: "elsewhere"}}, "container team-proxy"),
        (None, {"labels": {}}, "container team-proxy"),
    ],
    ids=[
        "our volume",
        "our container",
        "a stranger's volume",
        "a container of another folder",
        "a stranger's container",
    ],
)
def test_names_are_free_or_ours(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    known: bool,
    labels: Any,
    container: Any,
    subject: str,
) -> None:
    monkeypatch.setattr(
        _docker, "volume_labels", lambda name: labels if name == "team_redis" else None
    )
    monkeypatch.setattr(
        _docker, "container", lambda name: container if name == "team-proxy" else None
    )
    monkeypatch.setattr(_docker, "subnets", lambda: [("172.30.40.0/24", "network team")])
    monkeypatch.setattr(_docker, "routes", lambda: [("172.30.40.0/24", "route by br-1", "br-1")])
    if known:
        (tmp_path / "state").mkdir()
        (tmp_path / "state/journal.json").write_text("{}")
    found = _preflight_target._names(
        settings(tmp_path, project_name="team"), {"project_dir": "here"}
    )
    ours = known and "our" in request.node.callspec.id.split("-")[0].split()
    assert [item.subject for item in found] == ([] if ours else [subject])


@pytest.mark.parametrize(
    ("networks", "said"),
    [
        ([], "route by eth1"),
        ([("172.30.40.0/24", "network other")], "network other"),
        ([("172.30.40.0/24", "network litellm")], ""),
    ],
    ids=["a route", "another network", "our own network"],
)
def test_subnet_is_free_or_ours(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, networks: Any, said: str
) -> None:
    for name in ("volume_labels", "container"):
        monkeypatch.setattr(_docker, name, lambda name: None)
    monkeypatch.setattr(_docker, "subnets", lambda: networks)
    monkeypatch.setattr(_docker, "routes", lambda: [("172.30.0.0/16", "route by eth1", "eth1")])
    found = texts(_preflight_target._names(settings(tmp_path), {}))
    assert bool(found) == bool(said)
    assert said in found


def test_space_counts_only_what_must_be_fetched(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(_files, "free_bytes", lambda path: _preflight_target.RESERVE + 5000)
    monkeypatch.setattr(_files, "device_of", lambda path: 1)
    facts: dict[str, Any] = {
        "database": {"bytes": 1000},
        "images": {"a": {"bytes": 500, "present": False}, "b": {"bytes": 9 << 30, "present": True}},
    }
    assert _preflight_target._space(settings(tmp_path), facts, {"root": "/docker"}) == []
    assert [(entry["path"], entry["needed"]) for entry in facts["space"]] == [
        ("/docker", 3000 + _preflight_target.RESERVE),
        (str(tmp_path / "backup"), 1000),
    ]
    facts["database"]["bytes"] = 1500
    assert _preflight_target._space(settings(tmp_path), facts, {"root": "/docker"}) == []
    facts["database"]["bytes"] = 1501
    assert "disk space: /docker and " in texts(
        _preflight_target._space(settings(tmp_path), facts, {"root": "/docker"})
    )


# Everything


def test_everything_wrong_is_told_in_one_go(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, servers: list[Listener]
) -> None:
    def discover(unit: str, account: str) -> Any:
        raise _legacy.LegacyError("no systemd unit named %s" % unit, "Set legacy_unit")

    monkeypatch.setattr(_legacy, "discover", discover)
    monkeypatch.setattr(_listeners, "listeners", lambda: servers)
    monkeypatch.setattr(_files, "free_bytes", lambda path: 0)
    monkeypatch.setattr(
        _docker,
        "describe",
        lambda: {
            "client": False,
            "server": "",
            "error": "",
            "compose": "",
            "compose_v1": "",
            "root": str(tmp_path),
        },
    )
    found = _preflight.survey(settings(tmp_path, overrides={"UI_PASSWORD": "x"}), NOW)
    assert [item.subject for item in found.problems] == [
        "Docker",
        "legacy_unit",
        "env_file_overrides.UI_PASSWORD",
        "port 5434 (database)",
        "port 6379 (redis)",
        "disk space",
    ]
    assert json.loads(json.dumps(found.facts))["engine"]["client"] is False


def test_host_with_which_nothing_is_wrong_is_told_without_secrets(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    servers: list[Listener],
    database: dict[str, Any],
    pings: list[_redis.Native],
) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG)
    (tmp_path / "secrets.env").write_text("LITELLM_MASTER_KEY=sk-%s\n" % SECRET)
    legacy = deployment(
        {
            "DATABASE_URL": URL,
            "REDIS_HOST": "127.0.0.1",
            "REDIS_PORT": "6379",
            "LITELLM_SALT_KEY": SECRET[::-1],
        },
        config=str(tmp_path / "config.yaml"),
        environment_files=[{"path": str(tmp_path / "secrets.env")}],
    )
    monkeypatch.setattr(_legacy, "discover", lambda unit, account: legacy)
    monkeypatch.setattr(
        _listeners, "listeners", lambda: [*servers, Listener("0.0.0.0", 8082, None, "llama-server")]
    )
    monkeypatch.setattr(_files, "free_bytes", lambda path: 1 << 40)
    monkeypatch.setattr(
        _docker,
        "describe",
        lambda: {
            "client": True,
            "server": "26.1.5",
            "error": "",
            "compose": "2.26.1",
            "compose_v1": "",
            "platform": "linux/amd64",
            "root": str(tmp_path),
            "insecure": [],
        },
    )
    for name in ("volume_labels", "container"):
        monkeypatch.setattr(_docker, name, lambda name: None)
    for name in ("subnets", "routes"):
        monkeypatch.setattr(_docker, name, list)
    monkeypatch.setattr(_images, "look", lambda reference, platform, insecure: image(reference))
    monkeypatch.setattr(_systemd, "dependants", lambda records: {})
    found = _preflight.survey(
        settings(tmp_path, images={"litellm": "l", "postgres": "p", "redis": "r"}), NOW
    )
    assert texts(found.problems) == ""
    shown = json.dumps(found.facts) + texts(found.warnings)
    assert SECRET not in shown
    assert SECRET[::-1] not in shown
    assert [entry["port"] for entry in found.facts["model_hosts"]] == [8082]


# What the configuration includes


@pytest.fixture
def including(tmp_path: Path) -> Path:
    """A configuration whose models are in a file beside it."""
    (tmp_path / "models.yaml").write_text(CONFIG)
    (tmp_path / "config.yaml").write_text("include: [models.yaml]\n")
    return tmp_path / "config.yaml"


def read(path: Path, environment: Any = None) -> _legacy.Deployment:
    """A legacy deployment with this configuration, as it is found."""
    return deployment(environment, "", config=str(path))._replace(
        configuration=_includes.follow(str(path))
    )


def test_included_file_is_no_problem(including: Path, tmp_path: Path) -> None:
    facts: dict[str, Any] = {}
    assert _preflight_source._deployment(read(including), settings(tmp_path), facts, []) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "config.yaml:1: includes models.yaml, and "),
        ("- %s\n" % SECRET, "models.yaml:1: is included, and no mapping"),
        ("a: '%s\n" % SECRET, "models.yaml:1: a quote or a bracket is opened and never closed"),
        (
            "environment_variables:\n  LITELLM_SALT_KEY: %s\n" % SECRET,
            "models.yaml: sets LITELLM_SALT_KEY itself",
        ),
        ("include: more.yaml\n", "models.yaml:1: include: is no list of file names"),
    ],
    ids=["gone", "a list", "a quote", "salt key", "its own include"],
)
def test_included_file_is_judged(including: Path, tmp_path: Path, text: Any, said: str) -> None:
    (tmp_path / "models.yaml").unlink()
    if text is not None:
        (tmp_path / "models.yaml").write_text(text)
    found = texts(_preflight_source._deployment(read(including), settings(tmp_path), {}, []))
    assert found.startswith("%s/%s" % (tmp_path, said))
    assert len(found.splitlines()) == 1
    assert SECRET not in found


def test_included_file_may_have_the_master_key(including: Path, tmp_path: Path) -> None:
    (tmp_path / "models.yaml").write_text("general_settings:\n  master_key: os.environ/KEY\n")
    assert (
        _preflight_source._deployment(
            read(including)._replace(environment={}), settings(tmp_path), {}, []
        )
        == []
    )


def test_view_of_an_included_file_replaces_nobodys_file(including: Path, tmp_path: Path) -> None:
    (tmp_path / "llm").mkdir()
    (tmp_path / "llm/config.compose.1-models.yaml").write_text(
        "# Written by llmops.litellm, module config_file, from x\n"
    )
    assert _preflight_source._deployment(read(including), settings(tmp_path), {}, []) == []
    (tmp_path / "llm/config.compose.1-models.yaml").write_text("a: 1\n")
    found = texts(_preflight_source._deployment(read(including), settings(tmp_path), {}, []))
    assert "config.compose.1-models.yaml: was not written by this collection" in found


def test_configuration_in_a_bucket_is_refused(including: Path, tmp_path: Path) -> None:
    found = texts(
        _preflight_source._deployment(
            read(including, {"LITELLM_CONFIG_BUCKET_NAME": SECRET}), settings(tmp_path), {}, []
        )
    )
    assert found.startswith("LITELLM_CONFIG_BUCKET_NAME: is set") and SECRET not in found


def test_servers_and_redis_of_an_included_file_are_found(
    servers: list[Listener], pings: list[_redis.Native], including: Path, tmp_path: Path
) -> None:
    (tmp_path / "models.yaml").write_text(CONFIG + CACHE + "  use_redis_transaction_buffer: true\n")
    facts: dict[str, Any] = {"legacy": {"port": 4000}}
    assert _preflight_stores._models(read(including), facts, servers, []) == []
    assert [item["port"] for item in facts["model_hosts"]] == [8082]
    assert _preflight_stores._redis_of(read(including), settings(tmp_path), facts, servers) == []
    assert (facts["redis"]["port"], facts["redis"]["holds_spend"]) == (6380, True)
