"""The legacy deployment: its command line, its unit, what is installed in its Python."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.support import reachable

from ansible_collections.llmops.litellm.plugins.module_utils._config import (
    container_view as _container_view,
)
from ansible_collections.llmops.litellm.plugins.module_utils._config import includes as _includes
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import legacy as _legacy
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    related_units as _related_units,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import (
    process_unit as _process_unit,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host.listeners import Listener
from ansible_collections.llmops.litellm.plugins.module_utils._host.systemd import Manager, Unit

WORD = st.text("abcdefgh-/_.@0123456789", min_size=1, max_size=8).filter(
    lambda word: not word.startswith("-")
)
NAMES = st.sampled_from(["--num_workers", "--request_timeout", "--detailed_debug", "--telemetry"])
OPTIONS = st.lists(st.tuples(NAMES, st.lists(WORD, max_size=2)), max_size=5)


@pytest.mark.parametrize(
    ("argv", "host", "port", "config", "options"),
    [
        (
            "litellm --config /a/c.yaml --host 127.0.0.1 --port 4000",
            "127.0.0.1",
            4000,
            "/a/c.yaml",
            [],
        ),
        (
            "/v/bin/litellm -c c.yaml -p 4000 --num_workers 1",
            None,
            4000,
            "c.yaml",
            ["--num_workers", "1"],
        ),
        (
            "/v/bin/python3 /v/bin/litellm --port=4001 --config=c.yaml --telemetry=False",
            None,
            4001,
            "c.yaml",
            ["--telemetry", "False"],
        ),
        ("litellm --detailed_debug --config c.yaml", None, None, "c.yaml", ["--detailed_debug"]),
        ("litellm", None, None, None, []),
        ("/v/bin/python -m litellm.proxy.proxy_cli --port 4000", None, 4000, None, []),
        ("/v/bin/python /v/lib/litellm/proxy/proxy_cli.py --port 4000", None, 4000, None, []),
        ("litellm --port x", None, None, None, []),
    ],
    ids=[
        "plain",
        "short",
        "with equals signs",
        "a switch",
        "nothing",
        "as a module",
        "as a file",
        "no number",
    ],
)
def test_command_line_is_read(
    argv: str, host: Any, port: Any, config: Any, options: list[str]
) -> None:
    assert _legacy.parse_command(argv.split()) == {
        "host": host,
        "port": port,
        "config": config,
        "options": options,
    }


@given(OPTIONS)
def test_other_options_come_along_as_they_are(options: list[tuple[str, list[str]]]) -> None:
    words = [part for name, values in options for part in (name, *values)]
    assert (
        _legacy.parse_command(["litellm", "--port", "4000", *words, "--config", "c.yaml"])[
            "options"
        ]
        == words
    )


def unit(name: str, account: str = "") -> Unit:
    """A unit as a manager shows it."""
    return Unit(name, Manager(account or None), "enabled", "active", {"ExecStart": ""})


def managers(monkeypatch: pytest.MonkeyPatch, units: dict[str, list[str]]) -> None:
    """Managers by account (empty: the system's) with these units."""
    monkeypatch.setattr(
        _legacy,
        "managers",
        lambda account="": [
            Manager(name or None) for name in units if account in ("", name) or not name
        ],
    )
    monkeypatch.setattr(
        _legacy,
        "show",
        lambda manager, names: [
            unit(name, manager.account or "")
            for name in names
            if name in units[manager.account or ""]
        ],
    )
    monkeypatch.setattr(
        _legacy, "list_unit_files", lambda manager, *_patterns: units[manager.account or ""]
    )


def test_unit_is_found_in_either_scope(monkeypatch: pytest.MonkeyPatch) -> None:
    managers(monkeypatch, {"": ["sshd.service"], "litellm": ["litellm.service"]})
    assert _legacy.find_unit("litellm").manager.account == "litellm"
    managers(monkeypatch, {"": ["litellm.service"], "litellm": []})
    assert _legacy.find_unit("litellm.service").manager.account is None


def test_unit_that_cannot_be_loaded_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """B4: nobody is sent to look for one of another name."""
    managers(monkeypatch, {"": [], "ana": []})
    shown = {"LoadState": "bad-setting", "LoadError": 'x.y "no ExecStart="'}
    monkeypatch.setattr(
        _legacy,
        "unloadable",
        lambda manager, names: (
            [Unit(names[0], manager, "enabled", "active", shown)] if manager.account else []
        ),
    )
    with pytest.raises(_legacy.LegacyError) as told:
        _legacy.find_unit("litellm")
    assert str(told.value) == (
        "litellm.service can't be loaded by the manager of account ana (bad-setting, no "
        "ExecStart=). Put its file right, then systemctl --user --machine=ana@ daemon-reload."
    )


def test_unknown_unit_comes_with_the_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    managers(monkeypatch, {"": ["sshd.service"], "litellm": ["litellm.service"]})
    with pytest.raises(_legacy.LegacyError) as caught:
        _legacy.find_unit("nosuch")
    assert "nosuch.service" in caught.value.problem
    assert caught.value.remedy == "Set legacy_unit to one of: litellm.service (litellm)."


def test_no_candidate_at_all_says_where_to_look(monkeypatch: pytest.MonkeyPatch) -> None:
    managers(monkeypatch, {"": ["sshd.service"]})
    with pytest.raises(_legacy.LegacyError) as caught:
        _legacy.find_unit("nosuch")
    assert "loginctl enable-linger" in caught.value.remedy


def test_two_units_of_one_name_need_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    managers(monkeypatch, {"": [], "anna": ["litellm.service"], "litellm": ["litellm.service"]})
    with pytest.raises(_legacy.LegacyError) as caught:
        _legacy.find_unit("litellm")
    assert "anna, litellm" in caught.value.problem
    assert _legacy.find_unit("litellm", "anna").manager.account == "anna"


def test_units_of_a_proxy_are_told_by_what_it_runs_with(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(
        _related_units, "related", lambda unit, own, proxy: asked.append((own, proxy)) or [unit]
    )
    line = (
        "{ path=/v/bin/litellm ; argv[]=/v/bin/litellm --config %s --port %d ; ignore_errors=no }"
    )
    properties = {
        "User": "nobody",
        "WorkingDirectory": "/srv/gateway",
        "ExecStart": line % ("c.yaml", 4000),
        "EnvironmentFiles": "/etc/gateway.env (ignore_errors=yes)",
    }
    proxy = Unit("gateway.service", Manager(None), "enabled", "active", properties)
    assert _legacy.related_units(proxy) == [proxy]
    assert _legacy.related_units(proxy, 4001, "/srv/run", "/etc/gateway/c.yaml") == [proxy]
    files = {"/etc/gateway.env", "/srv/gateway/c.yaml"}
    folders = [{"/srv/gateway"}, {"/srv/run", "/etc/gateway"}]
    (one, other), (two, _other) = asked
    assert one == ("gateway.service", 4000, "nobody", folders[0], files)
    assert two == (
        "gateway.service",
        4001,
        "nobody",
        folders[1],
        {"/etc/gateway.env", "/etc/gateway/c.yaml"},
    )
    assert other(proxy) == one
    assert other(unit("a.service")) is None


@pytest.mark.parametrize("reader", ["nobody", "1:1:"])
def test_recorded_units_that_are_not_the_proxys_are_told(
    monkeypatch: pytest.MonkeyPatch, reader: str
) -> None:
    """Of one that is masked nobody knows what it does: it stays recorded."""
    states = {"litellm.service": "masked", "litellm-opencode.service": "loaded"}
    states |= {"litellm-backup.timer": "loaded", "litellm-masked.timer": "masked"}
    records = [{"name": name, "account": ""} for name in (*states, "litellm-gone.service")]

    def show(manager: Manager, names: list[str]) -> list[Unit]:
        return [
            Unit(name, manager, "", "inactive", {"LoadState": states[name]})
            for name in names
            if name in states
        ]

    def related(found: Unit, own: Any, _proxy: Any) -> list[Unit]:
        folders = {"/srv/gateway", "/etc/gateway"}
        files = {"/etc/gateway/c.yaml", "/etc/gateway.env"}
        account = "" if ":" in reader else reader
        assert own == ("litellm.service", 4000, account, folders, files)
        return [unit("litellm-backup.timer"), found]

    monkeypatch.setattr(_legacy, "show", show)
    monkeypatch.setattr(_related_units, "related", related)
    recorded: Any = {
        "unit": records[0],
        "units": records,
        "port": 4000,
        "folder": "/srv/gateway",
        "config": "/etc/gateway/c.yaml",
        "environment_files": [{"path": "/etc/gateway.env"}],
        "reader": reader,
    }
    assert [each["name"] for each in _legacy.strangers(recorded)] == ["litellm-opencode.service"]


@pytest.mark.parametrize(
    ("files", "version", "traces"),
    [
        (["litellm-1.102.4.dist-info/METADATA"], "1.102.4", []),
        (["litellm-1.82.8.dist-info/METADATA", "litellm_init.pth"], "1.82.8", ["litellm_init.pth"]),
        (["litellm_proxy_extras-0.4.1.dist-info/METADATA"], None, []),
    ],
    ids=["plain", "with a trace", "only extras"],
)
def test_release_is_read_without_running_it(
    tmp_path: Path, files: list[str], version: Any, traces: list[str]
) -> None:
    site = tmp_path / "lib/python3.13/site-packages"
    for name in files:
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text("")
    found = _legacy.installed(str(tmp_path / "bin/python3"))
    assert found == {"version": version, "traces": [str(site / name) for name in traces]}


def test_python_of_the_process_is_found(tmp_path: Path) -> None:
    (tmp_path / "python").write_text("")
    assert (
        _legacy.parse_process_python(["/v/bin/python3.13", "/v/bin/litellm"]) == "/v/bin/python3.13"
    )
    assert _legacy.parse_process_python([str(tmp_path / "litellm"), "--port", "4000"]) == str(
        tmp_path / "python"
    )
    assert _legacy.parse_process_python(["/usr/bin/nginx"]) is None


def test_service_behind_a_port(monkeypatch: pytest.MonkeyPatch) -> None:
    unit = Unit("redis-server.service", Manager("ana"), "enabled", "active", {})
    monkeypatch.setattr(
        _legacy._process_unit,
        "behind",
        lambda listener: (
            _process_unit.Found(unit, "")
            if listener.pid == 7
            else _process_unit.Found(None, "is nobody's")
        ),
    )
    found = [
        Listener("127.0.0.2", 6379, 9, "a stranger's"),
        Listener("127.0.0.1", 6379, 7, "redis-server (process 7)"),
        Listener("10.0.0.1", 9, 8, "x"),
        Listener("127.0.0.1", 8, None, "?"),
        Listener("::1", 5434, 7, "postgres"),
    ]
    service = _legacy.service_behind(6379, found)
    assert service is not None
    assert service["unit"] is not None
    assert [service["unit"][key] for key in ("name", "scope", "account")] == [
        "redis-server.service",
        "user",
        "ana",
    ]
    assert (service["pid"], service["seen"]) == (7, "")
    assert _legacy.service_behind(9, found) is None  # not on loopback
    unknown = _legacy.service_behind(8, found)
    assert unknown is not None
    assert (unknown["unit"], unknown["seen"]) == (None, "is nobody's")
    assert _legacy.service_behind(5434, found) is None
    assert _legacy.service_behind(5434, found, "localhost") is not None


@given(NAMES, st.text("ab=-/.1 ", max_size=8))
def test_equals_sign_is_a_space_once(name: str, value: str) -> None:
    assert _legacy.parse_command(
        ["litellm", "--port=4000", "%s=%s" % (name, value), "--config=c=d.yaml"]
    ) == {"host": None, "port": 4000, "config": "c=d.yaml", "options": [name, value]}


@contextmanager
def started(
    words: list[str], environment: dict[str, str], folder: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that runs, with these last arguments and no other variables."""
    # /proc tells of a process only some moments after it was started; its first line says that it
    # runs
    command = [sys.executable, "-c", "print(flush=True); input()", *words]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder, env=environment
    ) as child:
        assert child.stdout
        assert child.stdout.readline()
        try:
            yield child
        finally:
            child.communicate(b"\n")


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that was started as a proxy would be, in a folder with its configuration."""
    (tmp_path / "config.yaml").write_text("model_list: []\n")
    (tmp_path / "a.env").write_text("A=1\n")
    with started(
        ["litellm", "--config", "config.yaml", "--num_workers", "2"],
        {"LITELLM_SALT_KEY": "hunter2", "PORT": "4007"},
        tmp_path,
    ) as child:
        yield child


def running(
    monkeypatch: pytest.MonkeyPatch, properties: dict[str, str], active: str = "active"
) -> None:
    """The system's manager with this unit."""
    found = Unit("litellm.service", Manager(None), "enabled", active, properties)
    monkeypatch.setattr(_legacy, "find_unit", lambda name, account: found)
    monkeypatch.setattr(_legacy, "related_units", lambda unit, *_about: [unit])


def test_deployment_is_what_runs_not_what_the_files_say(
    monkeypatch: pytest.MonkeyPatch, proxy: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    (tmp_path / "schema.prisma").write_text("model a {}\n")
    files = "%s (ignore_errors=no)\n%s (ignore_errors=yes)" % (
        tmp_path / "a.env",
        tmp_path / "gone.env",
    )
    running(monkeypatch, {"MainPID": str(proxy.pid), "EnvironmentFiles": files})
    found = _legacy.discover("litellm")
    facts = found.facts
    assert found.environment["LITELLM_SALT_KEY"] == "hunter2"
    assert found.configuration.texts == ["model_list: []\n"]
    assert (facts["pid"], facts["folder"], facts["config"]) == (
        proxy.pid,
        str(tmp_path),
        str(tmp_path / "config.yaml"),
    )
    assert facts["options"] == ["--num_workers", "2"]
    assert (facts["host"], facts["port"]) == ("0.0.0.0", 4007)  # no --port: LiteLLM takes PORT
    assert facts["environment_files"] == [
        {"path": str(tmp_path / "a.env"), "account": "root"},
        {"path": str(tmp_path / "gone.env"), "account": "root"},
    ]
    assert facts["optional_files"] == [str(tmp_path / "gone.env")]
    assert facts["python"] == sys.executable
    assert sorted(facts["hashes"]) == [str(tmp_path / "a.env"), str(tmp_path / "config.yaml")]
    assert {item["account"] for item in facts["files"]} == {facts["reader"]} == {"root"}
    assert [item["name"] for item in facts["files"]] == [
        "1-config.yaml",
        "2-a.env",
        "3-schema.prisma",
    ]
    assert {"LITELLM_SALT_KEY", "PORT"} <= set(facts["variables"])
    assert "hunter2" not in str(facts)


def test_command_of_the_process_comes_before_that_of_the_unit(
    monkeypatch: pytest.MonkeyPatch, proxy: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    """A unit shows its variables unexpanded, and may have been edited since the process began."""
    text = (
        "{ path=/x ; argv[]=/v/bin/litellm --port ${LITELLM_PORT} --num_workers "
        "${WORKERS} ; ignore_errors=no }"
    )
    running(monkeypatch, {"MainPID": str(proxy.pid), "ExecStart": text})
    facts = _legacy.discover("litellm").facts
    assert (facts["config"], facts["options"]) == (
        str(tmp_path / "config.yaml"),
        ["--num_workers", "2"],
    )


def test_process_that_says_nothing_is_known_by_its_unit(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with started([], {}, tmp_path) as child:
        text = "{ path=/x ; argv[]=/v/bin/litellm --port 4001 --host ::1 ; ignore_errors=no }"
        running(monkeypatch, {"MainPID": str(child.pid), "ExecStart": text})
        found = _legacy.discover("litellm")
        assert (
            found.facts["port"],
            found.facts["host"],
            found.facts["config"],
            found.configuration.texts,
        ) == (4001, "::1", None, [])


@pytest.mark.parametrize(
    ("environment", "address"),
    [
        ({}, ("0.0.0.0", 4000)),
        ({"HOST": "127.0.0.1", "PORT": "4007"}, ("127.0.0.1", 4007)),
        ({"HOST": "", "PORT": ""}, ("0.0.0.0", 4000)),
    ],
    ids=["neither", "both", "empty"],
)
def test_address_is_that_of_the_environment_where_no_option_says_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, environment: dict[str, str], address: Any
) -> None:
    """LiteLLM's options --host and --port have these variables, and an empty one counts as none
    (proxy_cli.py of 1.102.4).
    """
    with started(["litellm"], environment, tmp_path) as child:
        running(monkeypatch, {"MainPID": str(child.pid)})
        facts = _legacy.discover("litellm").facts
        assert (facts["host"], facts["port"]) == address


def test_process_that_ends_meanwhile_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen(["true"]) as child:
        child.wait()
    running(monkeypatch, {"MainPID": str(child.pid)})
    with pytest.raises(
        _legacy.LegacyError, match=r"litellm\.service ended while it was inspected"
    ) as caught:
        _legacy.discover("litellm")
    assert "systemctl status litellm.service" in caught.value.remedy


@pytest.mark.parametrize(
    ("account", "remedy"),
    [
        (None, "systemctl start litellm.service"),
        ("anna", "systemctl --user --machine=anna@ start litellm.service"),
    ],
)
def test_stopped_unit_is_refused_with_the_command_to_start_it(
    monkeypatch: pytest.MonkeyPatch, account: Any, remedy: str
) -> None:
    stopped = Unit("litellm.service", Manager(account), "enabled", "failed", {"MainPID": "0"})
    monkeypatch.setattr(_legacy, "find_unit", lambda name, account: stopped)
    with pytest.raises(
        _legacy.LegacyError,
        match="litellm.service is failed; its environment can only be read while it runs",
    ) as caught:
        _legacy.discover("litellm")
    assert caught.value.remedy == "Start it: " + remedy


@pytest.mark.parametrize(
    ("argv", "is_proxy"),
    [
        (["/v/bin/python", "/v/bin/litellm", "--port", "4000"], True),
        (["/v/bin/python3.12", "-m", "litellm", "--port", "4000"], True),
        (["litellm", "--config", "x"], True),
        (["/bin/bash", "-c", "exec litellm"], False),
        (["/c/bin/python", "/c/bin/conda", "run", "litellm"], False),
        (["uv", "run", "litellm"], False),
        (["python3"], False),
        ([], False),
    ],
)
def test_proxy_is_told_from_what_has_started_it(argv: list[str], is_proxy: bool) -> None:
    assert _legacy.is_proxy(argv) is is_proxy


@contextmanager
def of_nobody(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process of account nobody that runs as a proxy would."""
    command = "import os; os.setgroups([]); os.setgid(65534); os.setuid(65534); "
    words = [sys.executable, "-c", command + "print(flush=True); input()", "litellm"]
    with subprocess.Popen(
        [*words, "--config", "config.yaml"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=folder,
    ) as child:
        assert child.stdout
        assert child.stdout.readline()
        try:
            yield child
        finally:
            child.communicate(b"\n")


HOSTILE = ["link", "hard link", "fifo", "folder", "device", "large", "/etc/shadow", "/proc/kmsg"]


def hostile(place: Path, kind: str) -> str:
    """Something that account nobody can't read as a file, and how it is included."""
    name = place / "odd.yaml"
    secret = place.parent / "secret"
    secret.write_text("root: hunter2\n")
    secret.chmod(0o600)
    if kind.startswith("/"):
        return kind
    if kind == "link":
        name.symlink_to(secret)
    elif kind == "hard link":
        name.hardlink_to(secret)
    elif kind == "fifo":
        os.mkfifo(name, 0o666)
    elif kind == "folder":
        name.mkdir()
    elif kind == "device":
        name.symlink_to("/dev/zero")
    else:
        name.touch()
        os.truncate(name, 20 << 30)
    return "odd.yaml"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The proxy's folder, which account nobody can reach."""
    place = reachable(tmp_path / "home")
    place.mkdir(mode=0o755)
    return place


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_the_proxy_cannot_read_is_not_read_for_it(
    monkeypatch: pytest.MonkeyPatch, home: Path, kind: str
) -> None:
    entry = hostile(home, kind)
    (home / "config.yaml").write_text("a: 1\ninclude: [%s, more.yaml]\n" % entry)
    (home / "more.yaml").write_text("b: 1\n")
    os.chown(home, 65534, 65534)
    began = time.monotonic()
    with of_nobody(home) as child:
        running(monkeypatch, {"MainPID": str(child.pid), "User": "nobody"})
        found = _legacy.discover("litellm")
    assert time.monotonic() - began < 60
    assert found.configuration.texts[1:] == ["b: 1\n"]
    assert found.facts["included"] == [str(home / "more.yaml")]
    assert (found.facts["reader"], found.unread) == ("nobody", "")
    (problem,) = _container_view.problems(found.configuration)
    assert (problem.path, problem.line) == (str(home / "config.yaml"), 2)
    why = {"large": "larger than", "fifo": "regular", "folder": "regular", "device": "regular"}
    assert "%s: account nobody can't read it: " % (home / entry) in problem.message
    assert why.get(kind, "Permission denied") in problem.message
    assert "or take it out of include:" in problem.message
    kept = _includes.with_included(
        {"config.yaml": found.facts["config"]}, {"config.yaml": "nobody"}
    )
    assert list(kept.files) == ["config.yaml", "more.yaml"]
    assert "hunter2" not in str(found)


@pytest.mark.parametrize("kind", HOSTILE[:6])
def test_a_configuration_that_the_proxy_cannot_read_is_said(
    monkeypatch: pytest.MonkeyPatch, home: Path, kind: str
) -> None:
    hostile(home, kind)
    (home / "odd.yaml").rename(home / "config.yaml")
    with of_nobody(home) as child:
        running(monkeypatch, {"MainPID": str(child.pid), "User": "nobody"})
        found = _legacy.discover("litellm")
    assert found.unread.startswith("account nobody can't read it: ")
    assert (found.facts["hashes"], found.facts["files"], found.configuration.parts) == ({}, [], ())


@pytest.mark.parametrize("user", ["nobody", "65534", ""])
def test_the_proxy_is_who_its_unit_says(
    monkeypatch: pytest.MonkeyPatch, home: Path, user: str
) -> None:
    with of_nobody(home) as child:
        running(monkeypatch, {"MainPID": str(child.pid), "User": user})
        assert _legacy.discover("litellm").reader.account.uid == 65534


@pytest.mark.parametrize("manager", [None, "nobody"])
def test_a_process_of_somebody_else_is_not_the_units(
    monkeypatch: pytest.MonkeyPatch, proxy: subprocess.Popen[bytes], manager: Any
) -> None:
    """A user manager can call any process its own, root's too."""
    properties = {"MainPID": str(proxy.pid), "User": "nobody" if manager is None else ""}
    unit = Unit("litellm.service", Manager(manager), "enabled", "active", properties)
    monkeypatch.setattr(_legacy, "find_unit", lambda name, account: unit)
    with pytest.raises(
        _legacy.LegacyError, match=r"process \d+ is account root's, and the unit runs as nobody"
    ):
        _legacy.discover("litellm")


def test_a_proxy_of_root_reads_as_who_could_have_chosen(
    monkeypatch: pytest.MonkeyPatch, proxy: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    running(monkeypatch, {"MainPID": str(proxy.pid)})
    assert _legacy.discover("litellm").facts["reader"] == "root"
    os.chown(reachable(tmp_path / "config.yaml"), 65534, 65534)
    assert _legacy.discover("litellm").facts["reader"] == "nobody"
    (tmp_path / "config.yaml").chmod(0o666)
    with pytest.raises(_legacy.LegacyError, match="every account can write to .*config.yaml"):
        _legacy.discover("litellm")


def test_included_files_belong_to_the_deployment(
    monkeypatch: pytest.MonkeyPatch, proxy: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "config.yaml").write_text("include: [sub/models.yaml, gone.yaml]\n")
    (tmp_path / "sub/models.yaml").write_text(
        (
            "x: http://127.0.0.1:8082\nlitellm_settings: {cache: true, cache_params: {type: redis, "
            "host: localhost, port: 6380}}\ngeneral_settings: {master_key: sk-written}\n"
        )
    )
    running(monkeypatch, {"MainPID": str(proxy.pid)})
    found = _legacy.discover("litellm")
    assert found.facts["included"] == [str(tmp_path / "sub/models.yaml")]
    assert set(found.facts["hashes"]) == {
        str(tmp_path / "config.yaml"),
        str(tmp_path / "sub/models.yaml"),
    }
    assert [item["name"] for item in found.facts["files"]] == [
        "1-config.yaml"
    ]  # a backup adds what it includes
    assert [item.place for item in found.configuration.lost] == [str(tmp_path / "gone.yaml")]
    assert _legacy.model_ports({}, found.configuration.texts) == {8082}
    assert [item.address for item in found.stores.redis] == ["localhost:6380"]
    assert found.effective["LITELLM_MASTER_KEY"] == "sk-written"
