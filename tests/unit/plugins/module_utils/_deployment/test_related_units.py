"""Which units belong to a proxy: as unit files say it, of a host with many of them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Callable, Optional

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import legacy as _legacy
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    related_units as _related_units,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import reader as _reader
from ansible_collections.llmops.litellm.plugins.module_utils._host.account import Account
from ansible_collections.llmops.litellm.plugins.module_utils._host.systemd import Manager, Unit

LEGACY = Path(__file__).parents[4] / "testbed/legacy/files"
HOME = "/home/litellm"
FOLDER = HOME + "/llm@team"
PROXY = """[Service]
WorkingDirectory=/home/litellm/llm
EnvironmentFile=/home/litellm/llm/env.litellm
ExecStart=/home/litellm/venv/bin/litellm --config /home/litellm/llm/config.yaml --port 4000
"""
TIMER = "[Timer]\nOnCalendar=daily\n"
Texts = dict[str, str]


def properties(name: str, text: str) -> dict[str, str]:
    """What systemd would show of a unit file; each entry once or joined."""
    found: dict[str, str] = {"LoadState": "loaded", "Type": "simple"}
    for line in text.replace("\\\n", " ").splitlines():
        key, equals, value = line.partition("=")
        if not equals or line.startswith("#"):
            continue
        if key == "ExecStart":
            words = value.split()
            value = "{ path=%s ; argv[]=%s ; ignore_errors=no ; start_time=[n/a] }" % (
                words[0],
                " ".join(words),
            )
        elif key == "EnvironmentFile":
            key = "EnvironmentFiles"
            value = "%s (ignore_errors=%s)" % (
                value.lstrip("-"),
                "yes" if "-" == value[0] else "no",
            )
        elif key == "Unit":
            key = "Triggers"
        found[key] = found[key] + "\n" + value if key.startswith("E") and key in found else value
    if not name.endswith(".service"):
        found.setdefault("Triggers", name.rpartition(".")[0] + ".service")
    return found


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """The names of what belongs to a unit of a host with these texts, by ``account:name``."""

    def look(
        texts: Texts, proxy: str, scripts: Optional[Texts] = None, state: Optional[Texts] = None
    ) -> list[str]:
        units: dict[tuple[str, str], Unit] = {}
        for place, text in texts.items():
            account, _colon, name = place.rpartition(":")
            about = properties(name, text)
            active = (state or {}).get(place, "inactive")
            units[account, name] = Unit(name, Manager(account or None), "enabled", active, about)

        def names(manager: Manager, *patterns: str) -> list[str]:
            assert set(patterns) >= {"*.service", "*.timer"}
            return [name for account, name in units if account == (manager.account or "")]

        def show(manager: Manager, asked: list[str]) -> list[Unit]:
            return [units[manager.account or "", name] for name in asked]

        def read(_self: Account, path: str, limit: int) -> bytes:
            assert limit == 1 << 16
            if path not in (scripts or {}):
                raise PermissionError(13, "Permission denied", path)
            return (scripts or {})[path].encode()

        accounts = sorted({account for account, _name in units})
        monkeypatch.setattr(
            _related_units,
            "managers",
            lambda account: [
                Manager(None),
                *(Manager(each) for each in accounts if each == account),
            ],
        )
        monkeypatch.setattr(_related_units, "list_unit_files", names)
        monkeypatch.setattr(_related_units, "list_units", lambda manager, *patterns: [])
        monkeypatch.setattr(_related_units, "show", show)
        monkeypatch.setattr(_related_units, "unloadable", lambda manager, names: [])
        monkeypatch.setattr(_reader, "of", lambda word, path: Account.numbered(os.geteuid()))
        monkeypatch.setattr(Account, "read", read)
        monkeypatch.setattr(_related_units, "_home", lambda account: HOME)
        account, _colon, name = proxy.rpartition(":")
        found = _legacy.related_units(units[account, name])
        return [
            "%s:%s" % (unit.manager.account, unit.name) if unit.manager.account else unit.name
            for unit in found
        ]

    return look


def test_units_of_the_test_host_are_those_that_they_were(host: Callable[..., list[str]]) -> None:
    """In the same order: what triggers others first, the proxy last. And its model servers, which
    are the system's, are none of them."""
    texts = {"litellm:" + path.name: path.read_text() for path in (LEGACY / "user").iterdir()}
    texts |= {path.name: path.read_text() for path in (LEGACY / "system").iterdir()}
    assert [name.partition(":")[2] for name in host(texts, "litellm:litellm.service")] == [
        "litellm-backup.timer",
        "litellm-healthcheck.timer",
        "litellm-probe-capabilities.timer",
        "litellm-backup.service",
        "litellm-healthcheck.service",
        "litellm-probe-capabilities.service",
        "litellm.service",
    ]


JOB = "[Service]\nType=oneshot\n"
OPENCODE = """[Service]
WorkingDirectory=/home/litellm/opencode
EnvironmentFile=/home/litellm/opencode/env
ExecStart=/home/litellm/venv/bin/litellm --config /home/litellm/opencode/c.yaml --port 4010
"""


@pytest.mark.parametrize(
    ("name", "text", "script", "taken"),
    [
        ("litellm-opencode.service", OPENCODE, "", False),
        ("litellm-ui.service", "ExecStart=/usr/bin/ui --api http://127.0.0.1:4000", "", False),
        (
            "litellm-exporter.service",
            "EnvironmentFile=/home/litellm/llm/env.litellm\nWorkingDirectory=/home/litellm/llm\n"
            "ExecStart=/usr/bin/exporter --target http://127.0.0.1:4000",
            "",
            False,
        ),
        ("litellm-notes.service", JOB + "ExecStart=/usr/bin/true", "", False),
        ("litellm-x.service", JOB + "WorkingDirectory=/home/litellm/llm2\n", "", False),
        ("home.service", JOB + "WorkingDirectory=/home/litellm\nExecStart=/usr/bin/du", "", False),
        ("x.service", JOB + "ExecStart=/home/litellm/llm/bin/dump.sh", "", True),
        ("x.service", JOB + "WorkingDirectory=/home/litellm/llm\nExecStart=/bin/sh x.sh", "", True),
        ("x.service", JOB + "WorkingDirectory=-/home/litellm/llm/sub", "", True),
        ("x.service", JOB + "EnvironmentFile=-/home/litellm/llm/env.litellm", "", True),
        ("x.service", JOB + "ExecStart=/usr/bin/tar cf x /home/litellm/llm", "", True),
        ("x.service", JOB + "ExecStart=/usr/bin/tar cf x /home/litellm/llm-other", "", False),
        ("x.service", JOB + "ExecStart=/usr/bin/curl http://127.0.0.1:4000/health", "", True),
        ("x.service", JOB + "ExecStart=/usr/bin/curl http://127.0.0.1:40000/", "", False),
        ("x.service", JOB + "ExecStart=/opt/check.sh", "curl localhost:4000/health", True),
        ("x.service", JOB + "ExecStart=/opt/check.sh", "curl localhost:4010/health", False),
        (
            "x.service",
            JOB + "ExecStart=/bin/sh /opt/dump.sh",
            ". /home/litellm/llm/env.litellm",
            True,
        ),
        ("watch.service", "ExecStart=/opt/watch.sh", "systemctl --user restart litellm", True),
        (
            "watch.service",
            "ExecStart=/opt/watch.py",
            'run(["systemctl", "--user", "try-restart", "litellm.service"])',
            True,
        ),
        ("watch.service", "ExecStart=/opt/w.sh", "systemctl --user is-active litellm", False),
        ("watch.service", "ExecStart=/opt/w.sh", "systemctl restart litellm-opencode", False),
        ("watch.service", "ExecStart=/opt/w.sh", "systemctl restart nginx; litellm x", False),
        ("spare.service", PROXY, "", True),
        ("second.service", PROXY.replace("--port 4000", "--port 4001"), "", False),
        ("second.service", PROXY.replace("--port 4000", ""), "", False),
    ],
)
def test_unit_is_taken_for_what_it_does(
    host: Callable[..., list[str]], name: str, text: str, script: str, taken: bool
) -> None:
    path = re.findall(r"/opt/\S+", text)
    texts = {"litellm:litellm.service": PROXY, "litellm:" + name: text}
    found = host(texts, "litellm:litellm.service", {path[0]: script} if path else {})
    assert found == ["litellm:" + name] * taken + ["litellm:litellm.service"]


def test_timers_go_with_their_services_and_with_no_others(host: Callable[..., list[str]]) -> None:
    texts = {
        "litellm:litellm.service": PROXY,
        "litellm:litellm.socket": "[Socket]\nListenStream=4000\n",
        "litellm:nightly.timer": TIMER + "Unit=dump.service\n",
        "litellm:dump.service": "ExecStart=/home/litellm/llm/dump.sh",
        "litellm:litellm-other.timer": TIMER,
        "litellm:litellm-other.service": JOB + "ExecStart=/usr/bin/true",
    }
    assert host(texts, "litellm:litellm.service") == [
        "litellm:litellm.socket",
        "litellm:nightly.timer",
        "litellm:dump.service",
        "litellm:litellm.service",
    ]


@pytest.mark.parametrize(
    ("account", "text", "taken"),
    [
        ("User=litellm\n", "ExecStart=/usr/bin/curl http://127.0.0.1:4000/", True),
        ("User=nagios\n", "ExecStart=/usr/bin/curl http://127.0.0.1:4000/", False),
        ("", "ExecStart=/usr/bin/tar cf /backup/x /home/litellm/llm /etc", False),
        ("", "ExecStart=/home/litellm/llm/bin/dump.sh", True),
        ("User=postgres\n", "EnvironmentFile=/home/litellm/llm/env.litellm", True),
        ("", "ExecStart=/bin/systemctl restart litellm.service", True),
    ],
)
@pytest.mark.parametrize("where", ["litellm:", ""])
def test_of_the_system_only_what_it_is_started_with_counts_unless_it_is_the_same_account(
    host: Callable[..., list[str]], where: str, account: str, text: str, taken: bool
) -> None:
    proxy = PROXY if where else PROXY + "User=litellm\n"
    texts = {where + "litellm.service": proxy, "job.service": JOB + account + text}
    found = host(texts, where + "litellm.service")
    assert found == ["job.service"] * taken + [where + "litellm.service"]


def test_units_of_another_account_are_not_looked_at(host: Callable[..., list[str]]) -> None:
    job = JOB + "WorkingDirectory=/home/litellm/llm"
    texts = {"litellm:litellm.service": PROXY, "alice:litellm-x.service": job}
    assert host(texts, "litellm:litellm.service") == ["litellm:litellm.service"]


def test_folder_that_two_proxies_share_tells_nothing(host: Callable[..., list[str]]) -> None:
    """The file that only one of them has still does."""
    second = PROXY.replace("config.yaml --port 4000", "opencode.yaml --port 4010")
    texts = {
        "litellm:litellm.service": PROXY,
        "litellm:litellm-opencode.service": second,
        "litellm:litellm-opencode-dump.service": JOB
        + "ExecStart=/home/litellm/llm/dump-opencode.sh",
        "litellm:check.service": JOB + "ExecStart=/usr/bin/lint /home/litellm/llm/config.yaml",
    }
    assert host(texts, "litellm:litellm.service") == [
        "litellm:check.service",
        "litellm:litellm.service",
    ]


APPS = PROXY.replace("/home/litellm/llm", "/srv/apps")


@pytest.mark.parametrize(
    ("service", "job", "taken"),
    [
        # another application in the same folder: what runs there may be its
        ("WorkingDirectory=/srv/apps\nExecStart=/srv/apps/shop", "WorkingDirectory=/srv/apps", 0),
        ("WorkingDirectory=/srv/apps\nExecStart=/srv/apps/shop", "ExecStart=/srv/apps/clean", 0),
        (
            "WorkingDirectory=/srv/apps\nExecStart=/srv/apps/shop",
            "ExecStart=/usr/bin/tar cf x /srv/apps",
            0,
        ),
        # one in a folder below it
        (
            "WorkingDirectory=/srv/apps/shop\nExecStart=/usr/bin/shop",
            "WorkingDirectory=/srv/apps/shop",
            0,
        ),
        (
            "WorkingDirectory=/srv/apps/shop\nExecStart=/usr/bin/shop",
            "ExecStart=/usr/bin/tar cf x /srv/apps/shop/data",
            0,
        ),
        (
            "WorkingDirectory=/srv/apps/shop\nExecStart=/usr/bin/shop",
            "ExecStart=/srv/apps/dump.sh",
            1,
        ),
        # what has more of the proxy's than the folder is its
        (
            "WorkingDirectory=/srv/apps\nExecStart=/srv/apps/shop",
            "WorkingDirectory=/srv/apps\nEnvironmentFile=/srv/apps/env.litellm",
            1,
        ),
        (
            "WorkingDirectory=/srv/apps\nExecStart=/srv/apps/shop",
            "ExecStart=/usr/bin/curl http://127.0.0.1:4000/health",
            1,
        ),
        # services that are about the proxy, and one that is somewhere else
        (
            "WorkingDirectory=/srv/apps\nEnvironmentFile=/srv/apps/env.litellm",
            "WorkingDirectory=/srv/apps",
            1,
        ),
        (
            "WorkingDirectory=/srv/apps\nExecStart=/usr/bin/ui http://127.0.0.1:4000",
            "WorkingDirectory=/srv/apps",
            1,
        ),
        ("WorkingDirectory=/srv\nExecStart=/srv/shop", "WorkingDirectory=/srv/apps", 1),
        ("WorkingDirectory=/srv/apps2\nExecStart=/srv/shop", "WorkingDirectory=/srv/apps", 1),
    ],
)
@pytest.mark.parametrize("runs", [True, False])
def test_folder_of_another_application_tells_nothing(
    host: Callable[..., list[str]], service: str, job: str, taken: int, runs: bool
) -> None:
    texts = {
        "litellm:litellm.service": APPS,
        "litellm:shop.service": service,
        "litellm:job.service": JOB + job,
    }
    found = host(
        texts, "litellm:litellm.service", {}, {"litellm:shop.service": "active"} if runs else {}
    )
    assert found == ["litellm:job.service"] * bool(taken or not runs) + ["litellm:litellm.service"]


def test_proxy_that_runs_has_a_port_of_its_own(host: Callable[..., list[str]]) -> None:
    texts = {"litellm:litellm.service": PROXY, "litellm:spare.service": PROXY}
    runs = {"litellm:spare.service": "active"}
    assert host(texts, "litellm:litellm.service", {}, runs) == ["litellm:litellm.service"]


def test_what_runs_is_known_whatever_has_become_of_its_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A timer whose file is gone starts what has its name; a service is what its process says."""
    gone = {"LoadState": "not-found", "MainPID": "77"}
    units = {
        "a.timer": ("active", gone),
        "b.timer": ("inactive", gone),
        "w.service": ("active", gone),
        "a.service": (
            "inactive",
            {"LoadState": "loaded", "Type": "oneshot", "WorkingDirectory": "/srv/llm"},
        ),
    }

    def of(name: str) -> Unit:
        return Unit(name, Manager(None), "enabled", *units[name])

    monkeypatch.setattr(_related_units, "managers", lambda account: [Manager(None)])
    monkeypatch.setattr(_related_units, "list_unit_files", lambda manager, *_kinds: ["a.service"])
    monkeypatch.setattr(
        _related_units, "list_units", lambda manager, *_kinds: ["a.timer", "b.timer", "w.service"]
    )
    monkeypatch.setattr(
        _related_units,
        "show",
        lambda manager, names: [of(name) for name in names if units[name][1] is not gone],
    )
    monkeypatch.setattr(
        _related_units,
        "unloadable",
        lambda manager, names: [of(name) for name in names if units[name][1] is gone],
    )
    monkeypatch.setattr(
        _related_units._process,
        "command_line",
        lambda pid: ["sh", "-c", "systemctl restart litellm"] if pid == 77 else [],
    )
    proxy = Unit("litellm.service", Manager(None), "", "active", {"LoadState": "loaded"})
    own = _related_units.marks(proxy.name, 4000, "", ["/srv/llm"], [])
    found = [unit.name for unit in _related_units.related(proxy, own)]
    assert found == ["a.timer", "a.service", "w.service", "litellm.service"]


@pytest.mark.parametrize("path", ["/", "/srv", "/var/lib", HOME, "/usr/local/bin", None])
def test_folder_that_many_have_things_in_is_no_mark(
    monkeypatch: pytest.MonkeyPatch, path: Any
) -> None:
    monkeypatch.setattr(_related_units, "_home", lambda account: HOME)
    assert not _related_units.marks("a.service", 1, "litellm", [path], []).folders
    files = [path, "/etc/environment"]
    assert not _related_units.marks("a.service", 1, "root", [], files[1:]).files
