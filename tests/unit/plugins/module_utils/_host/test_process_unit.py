"""Whose unit a process is. Control groups are as ``/proc/PID/cgroup`` of systemd 252 to 257 has
them, with both versions of the kernel's hierarchy.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._host import (
    process_unit as _process_unit,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host.listeners import Listener
from ansible_collections.llmops.litellm.plugins.module_utils._host.systemd import Manager, Unit

V1 = """12:pids:/system.slice/cron.service
11:memory:/user.slice
3:cpu,cpuacct:/
1:name=systemd:%s
"""
HYBRID = V1 + "0::%s\n"
USER = "/user.slice/user-1001.slice/user@1001.service"
POSTGRES = "/system.slice/system-postgresql.slice/postgresql@15-main.service"


@pytest.mark.parametrize(
    ("text", "group"),
    [
        ("0::/system.slice/redis-server.service\n", "/system.slice/redis-server.service"),
        (V1 % POSTGRES, POSTGRES),
        (HYBRID % (POSTGRES, POSTGRES), POSTGRES),
        ("0::/a:b.slice/c:d.service\n", "/a:b.slice/c:d.service"),
        ("12:pids:/system.slice/cron.service\n", ""),
        ("", ""),
    ],
    ids=["v2", "v1", "hybrid", "colons", "no hierarchy of systemd's", "nothing"],
)
def test_group_is_the_one_that_systemd_keeps(text: str, group: str) -> None:
    assert _process_unit.group_of(text) == group


@pytest.mark.parametrize(
    ("group", "first", "claim"),
    [
        (
            "/system.slice/redis-server.service",
            "/init.scope",
            ("redis-server.service", None, "/system.slice/redis-server.service"),
        ),
        (POSTGRES, "/init.scope", ("postgresql@15-main.service", None, POSTGRES)),
        (
            USER + "/app.slice/litellm.service",
            "/init.scope",
            ("litellm.service", 1001, USER + "/app.slice/litellm.service"),
        ),
        (
            USER + "/system.slice/ufw.service",
            "/init.scope",
            ("ufw.service", 1001, USER + "/system.slice/ufw.service"),
        ),
        (
            USER + "/user.slice/user-0.slice/user@0.service/ufw.service",
            "/init.scope",
            ("user@0.service", 1001, USER + "/user.slice/user-0.slice/user@0.service"),
        ),
        (
            "/system.slice/delegated.service/system.slice/ufw.service",
            "/init.scope",
            ("delegated.service", None, "/system.slice/delegated.service"),
        ),
        ("/user.slice/user-1001.slice/session-3.scope", "/init.scope", None),
        (USER + "/init.scope", "/init.scope", None),
        ("/system.slice/docker-0a1b.scope/system.slice/redis-server.service", "/init.scope", None),
        ("/docker/0a1b/system.slice/redis-server.service", "/init.scope", None),
        (
            "/docker/0a1b/system.slice/redis-server.service",
            "/docker/0a1b/init.scope",
            ("redis-server.service", None, "/docker/0a1b/system.slice/redis-server.service"),
        ),
        (
            "/docker/0a1b" + USER + "/app.slice/x.service",
            "/docker/0a1b/init.scope",
            ("x.service", 1001, "/docker/0a1b" + USER + "/app.slice/x.service"),
        ),
        ("/docker/0a1bc/system.slice/redis-server.service", "/docker/0a1b/init.scope", None),
        ("/system.slice/redis-server.service", "/docker/0a1b/init.scope", None),
        (
            "/system.slice/x.service",
            "/system.slice",
            ("x.service", None, "/system.slice/x.service"),
        ),
        (
            "/system.slice/_tasks.service/a",
            "/",
            ("tasks.service", None, "/system.slice/_tasks.service"),
        ),
        ("/init.scope", "/init.scope", None),
        ("/", "/", None),
        ("", "", None),
    ],
    ids=[
        "system",
        "template",
        "user",
        "of a user, named like the system's",
        "a user's, named like another user's manager",
        "below a service that has its own part of the tree",
        "session",
        "user manager itself",
        "container",
        "container, cgroupfs",
        "in a container of ours",
        "user, in a container of ours",
        "container beside ours",
        "outside of our container",
        "first process in a slice",
        "escaped",
        "first process",
        "root",
        "unknown",
    ],
)
def test_outermost_service_in_the_manager_at_whose_place_it_lies(
    group: str, first: str, claim: Any
) -> None:
    assert _process_unit.parse(group, first) == claim


class Host:
    """Processes as ``/proc`` shows them, and the units that managers have."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, proc: Path) -> None:
        self.proc, self.units, self.asked = proc, [], []  # type: ignore[var-annotated]
        self.process(1, "/init.scope", 0)
        monkeypatch.setattr(_process_unit, "show", self.show)

    def process(self, pid: int, group: str, uid: int) -> None:
        folder = self.proc / str(pid)
        folder.mkdir()
        (folder / "cgroup").write_text(f"0::{group}\n")
        ids = f"\t{uid}" * 4
        (folder / "status").write_text(f"Uid:{ids}\nGid:{ids}\nGroups:\t\n")

    def unit(self, name: str, group: str, account: Any = None, **shown: str) -> None:
        told = {"ControlGroup": group, **shown}
        self.units.append(Unit(name, Manager(account), "enabled", "active", told))

    def show(self, manager: Manager, names: list[str]) -> list[Unit]:
        self.asked.append(manager.account)
        return [one for one in self.units if one.name in names and one.manager == manager]

    def behind(self, pid: Any, uid: int) -> tuple[str, str]:
        listener = Listener("127.0.0.1", 6379, pid, "redis-server", uid)
        found = _process_unit.behind(listener, str(self.proc))
        return found.label, found.reason


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Host:
    return Host(monkeypatch, tmp_path)


NOBODY = "/user.slice/user-65534.slice/user@65534.service"


def test_unit_of_a_user_is_its_managers_whatever_its_name(host: Host) -> None:
    """A3: the firewall of the host must not be taken for an account's server."""
    host.unit("ufw.service", "/system.slice/ufw.service", MainPID="0")
    host.unit("ufw.service", NOBODY + "/app.slice/ufw.service", "nobody", MainPID="7")
    host.process(7, NOBODY + "/app.slice/ufw.service", 65534)
    assert host.behind(7, 65534) == ("ufw.service of account nobody", "")
    assert host.asked == ["nobody"]


def test_unit_that_its_manager_does_not_have_there_is_none(host: Host) -> None:
    host.unit("ufw.service", "/system.slice/ufw.service", MainPID="0")
    host.unit("b.service", NOBODY + "/app.slice/b.service", "nobody", MainPID="7")
    host.process(7, NOBODY + "/app.slice/ufw.service", 65534)
    host.process(8, "/system.slice/system-x.slice/ufw.service", 0)
    host.process(9, NOBODY + "/other.slice/b.service", 65534)
    place = "is in %s, where the manager of account nobody has no such unit"
    assert host.behind(7, 65534) == ("", place % (NOBODY + "/app.slice/ufw.service"))
    assert host.behind(9, 65534) == ("", place % (NOBODY + "/other.slice/b.service"))
    assert host.behind(8, 0) == (
        "",
        "is in /system.slice/system-x.slice/ufw.service, where the system has no such unit",
    )


def test_job_of_an_account_is_not_its_runners_unit(host: Host) -> None:
    """A server that an account has started by cron is in the unit that runs all jobs."""
    host.unit("cron.service", "/system.slice/cron.service", MainPID="6")
    host.process(6, "/system.slice/cron.service", 0)
    host.process(7, "/system.slice/cron.service", 65534)
    assert host.behind(7, 65534) == (
        "",
        "is in cron.service, which runs as root; the process runs as account nobody",
    )


def test_socket_that_an_account_has_handed_on_is_not_its_holders(host: Host) -> None:
    """Any account can send an open socket to a service that takes file descriptors."""
    host.unit("dbus.service", "/system.slice/dbus.service", MainPID="5")
    host.process(5, "/system.slice/dbus.service", 4242)
    assert host.behind(5, 65534)[0] == ""
    assert host.behind(5, 65534)[1].endswith(
        "which runs as account number 4242; the socket belongs to account nobody"
    )
    assert host.behind(5, 4242) == ("dbus.service", "")


@pytest.mark.parametrize(
    ("user", "main", "uid", "known"),
    [
        ("nobody", 0, 65534, True),
        ("65534", 0, 65534, True),
        ("nobody", 0, 0, False),
        ("", 0, 0, True),
        ("", 0, 65534, False),
        ("", 5, 65534, True),
        ("no-such-account", 0, 65534, False),
    ],
)
def test_unit_runs_as_its_main_process_and_as_the_account_that_it_names(
    host: Host, user: str, main: int, uid: int, known: bool
) -> None:
    host.unit("r.service", "/system.slice/r.service", MainPID=str(main), User=user)
    host.process(5, "/system.slice/r.service", 65534)
    host.process(7, "/system.slice/r.service", uid)
    assert (host.behind(7, uid)[0] == "r.service") is known


def test_process_of_another_account_in_a_users_unit_is_not_that_units(host: Host) -> None:
    host.unit("docker.service", NOBODY + "/app.slice/docker.service", "nobody", MainPID="7")
    host.process(7, NOBODY + "/app.slice/docker.service", 100998)
    assert host.behind(7, 100998)[0] == ""


def test_what_is_in_no_unit_says_where_it_is(host: Host) -> None:
    host.process(7, "/user.slice/user-1001.slice/session-3.scope", 1001)
    host.process(8, USER.replace("1001", "4000000") + "/app.slice/a.service", 4000000)
    assert host.behind(7, 1001) == (
        "",
        "belongs to no systemd unit (it is in /user.slice/user-1001.slice/session-3.scope)",
    )
    assert host.behind(8, 4000000)[1] == "belongs to account number 4000000, which is not known"
    assert host.behind(9, 0) == ("", "has ended")
    assert host.behind(None, 0) == ("", "cannot be seen from here")


def test_main_process_that_has_just_ended_leaves_no_unit(host: Host) -> None:
    host.unit("r.service", "/system.slice/r.service", MainPID="6")
    host.process(7, "/system.slice/r.service", 0)
    assert host.behind(7, 0) == ("", "has ended")


def test_this_process_is_looked_at_as_it_is() -> None:
    assert isinstance(_process_unit.of(os.getpid()).label, str)
