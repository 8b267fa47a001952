"""The legacy deployment: its unit, its process, its files."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from unit.support import Listening, listening, reachable

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
    # whatever runs on the machine that tests this
    monkeypatch.setattr(_legacy._proxy_process, "running", list)
    monkeypatch.setattr(_legacy._proxy_process, "homeless", lambda: "")
    monkeypatch.setattr(
        _legacy, "list_unit_files", lambda manager, *_patterns: units[manager.account or ""]
    )


def test_unit_is_found_in_either_scope(monkeypatch: pytest.MonkeyPatch) -> None:
    managers(monkeypatch, {"": ["sshd.service"], "litellm": ["litellm.service"]})
    assert _legacy.find_unit("litellm").manager.account == "litellm"
    managers(monkeypatch, {"": ["litellm.service"], "litellm": []})
    assert _legacy.find_unit("litellm.service").manager.account is None
    managers(monkeypatch, {"": ["litellm@v1.102.service"]})
    assert _legacy.find_unit("litellm@v1.102").name == "litellm@v1.102.service"


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


def test_candidates_are_units_that_run_it_whatever_starts_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of a start script's unit neither name nor command says so."""
    managers(monkeypatch, {"": ["sshd.service", "gateway.service"], "ana": []})
    running = ["gateway.service", "llm.service of account ana"]
    monkeypatch.setattr(_legacy._proxy_process, "running", lambda: running)
    assert _legacy.candidate_units() == ["gateway.service", "llm.service (ana)"]


def test_no_candidate_at_all_says_where_to_look(monkeypatch: pytest.MonkeyPatch) -> None:
    managers(monkeypatch, {"": ["sshd.service"]})
    with pytest.raises(_legacy.LegacyError) as caught:
        _legacy.find_unit("nosuch")
    assert "loginctl enable-linger" in caught.value.remedy
    monkeypatch.setattr(_legacy._proxy_process, "homeless", lambda: "litellm runs in a terminal")
    with pytest.raises(_legacy.LegacyError, match="nosuch.service.* litellm runs in a terminal"):
        _legacy.find_unit("nosuch")


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
    assert one == ("gateway.service", 4000, "nobody", folders[0], files, set())
    assert two == (
        "gateway.service",
        4001,
        "nobody",
        folders[1],
        {"/etc/gateway.env", "/etc/gateway/c.yaml"},
        set(),
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
        assert own == ("litellm.service", 4000, account, folders, files, set())
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
    ("named", "found"),
    [
        ("a.env (ignore_errors=no)", [("a.env", False)]),
        ("*.env (ignore_errors=no)", [("a.env", False), ("b.env", False)]),
        ("[b]*.env (ignore_errors=yes)", [("b.env", True)]),
        ("*.conf (ignore_errors=no)", [("*.conf", False)]),
    ],
    ids=["a name", "a pattern", "an optional one", "one that fits nothing"],
)
def test_pattern_of_env_files_is_what_it_fits(
    tmp_path: Path, named: str, found: list[tuple[str, bool]]
) -> None:
    """EnvironmentFile=/etc/litellm/*.env, which systemctl shows as it is written."""
    for name in ("b.env", "a.env", "c.txt"):
        (tmp_path / name).write_text("")
    shown = {"EnvironmentFiles": "%s/%s" % (tmp_path, named)}
    unit = Unit("litellm.service", Manager(None), "enabled", "active", shown)
    expected = [("%s/%s" % (tmp_path, name), optional) for name, optional in found]
    assert _legacy.environment_files(unit) == expected


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


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Listening]:
    """A process that was started as a proxy would be, in a folder with its configuration."""
    (tmp_path / "config.yaml").write_text("model_list: []\n")
    (tmp_path / "a.env").write_text("A=1\n")
    with listening(
        ["--config", "config.yaml", "--num_workers", "2"],
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
    monkeypatch: pytest.MonkeyPatch, proxy: Listening, tmp_path: Path
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
    assert (facts["host"], facts["port"]) == ("127.0.0.1", proxy.port)
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
    monkeypatch: pytest.MonkeyPatch, proxy: Listening, tmp_path: Path
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


@pytest.mark.parametrize(
    ("words", "environment", "problems"),
    [
        (["--port", "PORT"], {}, 0),
        ([], {"PORT": "PORT"}, 0),
        (["--port", "4007"], {"HOST": "0.0.0.0"}, 0),
        ([], {"PORT": ""}, 1),
        ([], {}, 1),
    ],
    ids=["option", "variable", "other than it says", "empty variable", "taken"],
)
def test_address_is_where_it_listens(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    words: list[str],
    environment: dict[str, str],
    problems: int,
) -> None:
    """With its own port 4000 taken, LiteLLM takes any (proxy_cli.py of 1.102.4)."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    named = [word.replace("PORT", str(port)) for word in words]
    given = {name: value.replace("PORT", str(port)) for name, value in environment.items()}
    with listening(named, given, tmp_path, port) as child:
        running(monkeypatch, {"MainPID": str(child.pid)})
        found = _legacy.discover("litellm")
        assert (found.facts["host"], found.facts["port"]) == ("127.0.0.1", port)
        assert len(found.problems) == problems
        for problem in found.problems:
            assert "chose port %d by chance" % port in problem.problem


def test_what_litellm_loads_by_itself_belongs_to_the_deployment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Field report 2.2: a provider's key in a .env that no unit names."""
    (tmp_path / ".env").write_text("OPENAI_API_KEY=hunter2\nHAD=file\nCONFIG_FILE_PATH=c.yaml\n")
    (tmp_path / "c.yaml").write_text("environment_variables: {SET: hunter3}\n")
    with listening([], {"HAD": "process"}, tmp_path) as child:
        running(monkeypatch, {"MainPID": str(child.pid)})
        found = _legacy.discover("litellm")
        assert _legacy.proxy_pid(found.unit) == child.pid
    path = str(tmp_path / ".env")
    assert found.environment["OPENAI_API_KEY"] == "hunter2"
    assert (found.environment["HAD"], "SET" in found.environment) == ("process", False)
    assert found.facts["config"] == str(tmp_path / "c.yaml")
    assert found.facts["dotenv_files"] == [
        {"path": path, "dialect": "dotenv", "late": False, "account": "root"}
    ]
    assert "OPENAI_API_KEY" in found.facts["variables"]
    assert path in found.facts["hashes"]
    assert path in [item["src"] for item in found.facts["files"]]
    (told,) = [item for item in found.warnings if item.subject == path]
    assert "CONFIG_FILE_PATH, OPENAI_API_KEY comes from it" in told.problem
    assert "hunter" not in str(found.facts) + str(found.warnings) + str(found.problems)


def test_process_that_ends_meanwhile_is_refused(
    monkeypatch: pytest.MonkeyPatch, proxy: Listening
) -> None:
    running(monkeypatch, {"MainPID": str(proxy.pid)})
    found = _legacy._proxy_process.find(_legacy.find_unit("litellm", ""))
    gone = found._replace(pid=2**22 + 1)  # no process has such a number
    monkeypatch.setattr(_legacy._proxy_process, "find", lambda unit: gone)
    with pytest.raises(
        _legacy.LegacyError, match=r"litellm\.service ended while it was inspected"
    ) as caught:
        _legacy.discover("litellm")
    assert "systemctl status litellm.service" in caught.value.remedy
    assert _legacy.proxy_pid(_legacy.find_unit("litellm", "")) is None


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


# Its arguments and its environment. With a port named, nobody looks who has LiteLLM's own.
OF_NOBODY = (["--config", "config.yaml"], {"PORT": "4007"})
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
    with listening(*OF_NOBODY, home, user=65534) as child:
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
    with listening(*OF_NOBODY, home, user=65534) as child:
        running(monkeypatch, {"MainPID": str(child.pid), "User": "nobody"})
        found = _legacy.discover("litellm")
    assert found.unread.startswith("account nobody can't read it: ")
    assert (found.facts["hashes"], found.facts["files"], found.configuration.parts) == ({}, [], ())


@pytest.mark.parametrize("user", ["nobody", "65534", ""])
def test_the_proxy_is_who_its_unit_says(
    monkeypatch: pytest.MonkeyPatch, home: Path, user: str
) -> None:
    with listening(*OF_NOBODY, home, user=65534) as child:
        running(monkeypatch, {"MainPID": str(child.pid), "User": user})
        assert _legacy.discover("litellm").reader.account.uid == 65534


@pytest.mark.parametrize(
    ("uid", "dynamic", "found"),
    [(61234, "yes", True), (61234, "no", False), (65534, "yes", False)],
    ids=["made up by systemd", "by nobody", "somebody else's"],
)
def test_a_proxy_whose_account_only_its_unit_has_needs_no_name(
    monkeypatch: pytest.MonkeyPatch, home: Path, uid: int, dynamic: str, found: bool
) -> None:
    """A host without libnss-systemd does not know the name that DynamicUser= has made up."""
    properties = {"User": "litellm-of-the-unit", "DynamicUser": dynamic}
    with listening(*OF_NOBODY, home, user=uid) as child:
        running(monkeypatch, {"MainPID": str(child.pid), **properties})
        if found:
            facts = _legacy.discover("litellm").facts
            assert facts["reader"] == "61234:61234:"
        else:
            with pytest.raises(_legacy.LegacyError, match="no account litellm-of-the-unit"):
                _legacy.discover("litellm")


@pytest.mark.parametrize("manager", [None, "nobody"])
def test_a_process_of_somebody_else_is_not_the_units(
    monkeypatch: pytest.MonkeyPatch, proxy: Listening, manager: Any
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
    monkeypatch: pytest.MonkeyPatch, proxy: Listening, tmp_path: Path
) -> None:
    running(monkeypatch, {"MainPID": str(proxy.pid)})
    assert _legacy.discover("litellm").facts["reader"] == "root"
    os.chown(reachable(tmp_path / "config.yaml"), 65534, 65534)
    assert _legacy.discover("litellm").facts["reader"] == "nobody"
    (tmp_path / "config.yaml").chmod(0o666)
    with pytest.raises(_legacy.LegacyError, match="every account can write to .*config.yaml"):
        _legacy.discover("litellm")


def test_included_files_belong_to_the_deployment(
    monkeypatch: pytest.MonkeyPatch, proxy: Listening, tmp_path: Path
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
