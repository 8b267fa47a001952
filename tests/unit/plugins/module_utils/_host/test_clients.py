"""Names for clients: of units, containers, programs and addresses, without what changes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Optional

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._host import clients as _clients
from ansible_collections.llmops.litellm.plugins.module_utils._host import (
    process_unit as _process_unit,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host.connections import Connection
from ansible_collections.llmops.litellm.plugins.module_utils._host.systemd import Manager, Unit

HELD = "ab" * 32
UNITS = {("", "redis-server.service"), ("litellm", "litellm.service")}
OWN = _clients.Own([70], UNITS, "/usr/local/sbin/ops")


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Processes with their parents, words and control groups; the containers of a network."""
    for pid, parent, words, group in (
        (70, 1, "/v/bin/python", "/user.slice"),
        (71, 70, "/v/bin/prisma-query-engine", "/user.slice"),
        (72, 1, "/usr/bin/python3\0/opt/collector.py\0--password=geheim", "/a.service"),
        (73, 1, "/usr/bin/redis-server 127.0.0.1:6379", "/redis-server.service"),
        (74, 1, "node\0/app/index.js", "/system.slice/docker-%s.scope" % HELD),
        (75, 1, "psql\0-d\0x", "/user.slice/session-3.scope"),
        (76, 1, "psql\0-d\0x", "/b.service"),
        (77, 1, "node\0/app/index.js", "/docker/%s" % HELD[::-1]),
        (78, 1, "x", "/c.service"),
        (79, 1, "python3\0/usr/local/sbin/ops\0backup", "/ops.service"),
        (80, 79, "psql\0-d\0x", "/ops.service"),
    ):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "status").write_text(
            "Name:\tx\nPPid:\t%d\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nGroups:\t\n" % parent
        )
        (tmp_path / str(pid) / "cmdline").write_text(words + "\0")
        (tmp_path / str(pid) / "cgroup").write_text("0::%s\n" % group)
    units = {
        72: ("collector.service", None),
        73: ("redis-server.service", None),
        76: ("litellm.service", "alice"),
        78: ("litellm.service", "litellm"),
    }

    def of(pid: int, _proc: str) -> _process_unit.Found:
        name, account = units.get(pid, ("", None))
        unit = Unit(name, Manager(account), "enabled", "active", {}) if name else None
        return _process_unit.Found(unit, "" if unit else "belongs to no systemd unit")

    def container(name: str) -> Optional[dict[str, Any]]:
        return {"name": "/n8n"} if name == HELD else None

    monkeypatch.setattr(_process_unit, "of", of)
    monkeypatch.setattr(_clients, "container", container)
    monkeypatch.setattr(_clients, "members", lambda: {"172.17.0.3": "grafana"})
    return tmp_path


@pytest.mark.parametrize(
    ("pid", "name"),
    [
        (70, None),
        (71, None),
        (72, "unit collector.service"),
        (73, None),
        (74, "container n8n"),
        (75, "process psql"),
        (76, "unit litellm.service of account alice"),
        (77, "process node index.js"),
        (78, None),
        (80, None),
        (99, None),
        (os.getpid(), None),
    ],
    ids=[
        "proxy",
        "its child",
        "unit",
        "server itself",
        "container",
        "program",
        "another account's unit of the proxy's name",
        "container of another engine",
        "proxy's own unit",
        "what our command has started",
        "gone",
        "ourselves",
    ],
)
def test_client_of_this_host_has_a_name_that_stays(
    host: Path, pid: int, name: Optional[str]
) -> None:
    found = _clients.who(Connection("127.0.0.1", 40000, pid, 16), OWN, str(host))
    assert (found and found.name) == name


def test_what_is_said_of_a_client_has_no_arguments(host: Path) -> None:
    found = _clients.who(Connection("", 0, 72, 16), OWN, str(host))
    assert found is not None
    assert found.seen == "python3 collector.py (process 72) of account root"


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("10.0.0.5", "client 10.0.0.5"),
        ("fd00::5", "client fd00::5"),
        ("172.17.0.3", "container grafana"),
        ("127.0.0.1", None),
        ("", "client by a Unix socket"),
    ],
)
def test_client_from_elsewhere_is_its_address(
    host: Path, address: str, name: Optional[str]
) -> None:
    found = _clients.who(Connection(address, 40000, None, 16), OWN, str(host))
    assert (found and found.name) == name
