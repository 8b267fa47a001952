"""The proxy among the processes of its unit. What the wrappers leave in /proc was seen by running
them: uv and uvx 0.11, pipx, gunicorn 23, uvicorn 0.38, hypercorn 0.17."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    proxy_process as _proxy_process,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import (
    process_unit as _process_unit,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host.systemd import Manager, Unit

GROUP = "/system.slice/litellm.service"
SPAWNED = ["/v/bin/python", "-c", "from multiprocessing.spawn import spawn_main; spawn_main(a=7)"]
TRACKER = ["/v/bin/python", "-B", "-c", "from multiprocessing.resource_tracker import main;main(6)"]
LITELLM = ["/v/bin/python3", "/v/bin/litellm", "--port", "4000"]
ENGINE = ["/v/lib/query-engine-debian-openssl-3.0.x", "-p", "37001"]
GUNICORN = ["/v/bin/python3", "/v/bin/gunicorn", "litellm.proxy.proxy_server:app", "-w", "2"]
UVICORN = ["/v/bin/python3", "/v/bin/uvicorn", "litellm.proxy.proxy_server:app"]
# Ports by the number of their sockets.
AT_4000, AT_37001, AT_6000, AT_4001 = 4000, 37001, 6000, 4001


class P(NamedTuple):
    """A process: its number, its parent's, its arguments, its sockets, its control group."""

    pid: int
    parent: int
    argv: list[str]
    sockets: tuple[int, ...] = ()
    group: str = GROUP
    state: str = "S (sleeping)"


def proc(folder: Path, *processes: P, unix: tuple[int, ...] = ()) -> str:
    """A /proc with these processes; sockets listen at the port of their number, at 0.0.0.0."""
    rows = "".join(
        " 0: 00000000:%04X 00000000:0000 0A 0:0 0:0 0 0 0 %d 1 0\n" % (number, number)
        for number in (AT_4000, AT_4001, AT_6000, AT_37001)
        if number not in unix
    )
    for one in processes:
        place = folder / str(one.pid)
        (place / "fd").mkdir(parents=True)
        (place / "net").mkdir()
        (place / "status").write_text("State:\t%s\nPPid:\t%d\n" % (one.state, one.parent))
        (place / "cmdline").write_bytes("\0".join([*one.argv, ""]).encode())
        (place / "cgroup").write_text("0::%s\n" % one.group)
        (place / "net/tcp").write_text("header\n" + rows)
        (place / "net/unix").write_text(
            "header\n"
            + "".join("0: 0 0 00010000 0001 01 %d /run/litellm.sock\n" % number for number in unix)
        )
        (place / "fd/0").symlink_to("/dev/null")
        for number in one.sockets:
            (place / "fd" / str(number)).symlink_to("socket:[%d]" % number)
    (folder / "self").mkdir()
    return str(folder)


def unit(main: int = 10, active: str = "active", group: str = GROUP, account: str = "") -> Unit:
    """The unit whose main process has this number."""
    properties = {"MainPID": str(main), "ControlGroup": group}
    return Unit("litellm.service", Manager(account or None), "enabled", active, properties)


@pytest.mark.parametrize(
    ("processes", "pid", "wrapped"),
    [
        ([P(10, 1, LITELLM, (AT_4000,)), P(11, 10, ENGINE, (AT_37001,))], 10, False),
        ([P(10, 1, ["/bin/bash", "/opt/start.sh"]), P(11, 10, LITELLM, (AT_4000,))], 11, True),
        (
            [P(10, 1, ["bash", "-lc", "cd /a && litellm; true"]), P(11, 10, LITELLM, (AT_4000,))],
            11,
            True,
        ),
        (
            [
                P(10, 1, ["/c/bin/python", "/c/bin/conda", "run", "-n", "litellm", "litellm"]),
                P(11, 10, ["/bin/bash", "/tmp/tmpx"]),
                P(
                    12,
                    11,
                    ["/c/envs/l/bin/python3.11", "/c/envs/l/bin/litellm"],
                    (AT_4000,),
                ),
            ],
            12,
            True,
        ),
        (
            [P(10, 1, ["/usr/bin/uv", "run", "litellm"]), P(11, 10, LITELLM, (AT_4000,))],
            11,
            True,
        ),
        (
            [
                P(10, 1, ["uv", "tool", "uvx", "--from", "litellm[proxy]", "litellm"]),
                P(11, 10, ["/h/.cache/uv/archive-v0/x/bin/python", "/h/x/bin/litellm"], (AT_4000,)),
            ],
            11,
            True,
        ),
        (
            [
                P(10, 1, ["micromamba", "run", "-n", "litellm", "litellm", "--port", "4000"]),
                P(11, 10, LITELLM, (AT_4000,)),
            ],
            11,
            True,
        ),
        (  # --num_workers 2
            [
                P(10, 1, [*LITELLM, "--num_workers", "2"], (AT_4000,)),
                P(11, 10, TRACKER),
                P(12, 10, SPAWNED, (AT_4000,)),
                P(13, 10, SPAWNED, (AT_4000,)),
                P(14, 12, ENGINE, (AT_37001,)),
            ],
            10,
            False,
        ),
        (  # --run_gunicorn and gunicorn: the workers have their parent's arguments
            [
                P(10, 1, GUNICORN, (AT_4000,)),
                P(11, 10, GUNICORN, (AT_4000,)),
                P(12, 10, GUNICORN, (AT_4000,)),
            ],
            10,
            False,
        ),
        (  # hypercorn and others whose workers listen
            [P(10, 1, UVICORN), P(11, 10, TRACKER), P(12, 10, SPAWNED, (AT_4000,))],
            10,
            False,
        ),
        (  # a worker of lower number than its parent
            [P(30, 1, UVICORN, (AT_4000,)), P(12, 30, SPAWNED, (AT_4000,))],
            30,
            True,
        ),
        (  # in a group of its own below the unit
            [P(10, 1, ["/s.sh"]), P(11, 10, LITELLM, (AT_4000,), GROUP + "/payload")],
            11,
            True,
        ),
        (  # a start that left its script behind
            [P(20, 1, LITELLM, (AT_4000,))],
            20,
            True,
        ),
        (  # another one starts beside it: it does not listen yet
            [P(10, 1, ["/s.sh"]), P(11, 10, LITELLM, (AT_4000,)), P(12, 10, LITELLM)],
            11,
            True,
        ),
        (  # one that has ended, and one of a unit whose name begins alike
            [
                P(10, 1, LITELLM, (AT_4000,)),
                P(11, 1, LITELLM, (AT_4001,), state="Z (zombie)"),
                P(12, 1, LITELLM, (AT_4001,), GROUP + "2"),
            ],
            10,
            False,
        ),
    ],
    ids=[
        "itself",
        "start.sh",
        "bash -lc",
        "conda run",
        "uv run",
        "uvx",
        "micromamba",
        "workers",
        "gunicorn",
        "workers listen",
        "numbers",
        "delegated",
        "script gone",
        "starting",
        "dead",
    ],
)
def test_proxy_is_the_process_that_is_litellm_and_listens(
    tmp_path: Path, processes: list[P], pid: int, wrapped: bool
) -> None:
    found = _proxy_process.find(unit(), proc(tmp_path, *processes))
    assert (found.pid, found.wrapped) == (pid, wrapped)
    assert found.addresses == (("0.0.0.0", 4000),)
    assert found.argv == next(one.argv for one in processes if one.pid == pid)
    assert _proxy_process.address(found, 4000).port == 4000


def test_without_a_control_group_the_main_process_and_its_children_count(tmp_path: Path) -> None:
    there = proc(
        tmp_path,
        P(10, 1, ["/s.sh"]),
        P(11, 10, LITELLM, (AT_4000,)),
        P(12, 1, LITELLM, (AT_4001,)),
    )
    assert _proxy_process.find(unit(group=""), there).pid == 11
    assert set(_proxy_process.processes(unit(group=""), there)) == {10, 11}


@pytest.mark.parametrize(
    ("processes", "problem", "remedy"),
    [
        (
            [P(9, 1, ["/bin/bash"], group="/other")],
            "litellm.service is active, and no process of it is left.",
            "Look why: systemctl status litellm.service",
        ),
        (
            [P(10, 1, ["/bin/bash", "/s.sh"]), P(11, 10, ["sleep", "9"])],
            "litellm.service runs bash s.sh (process 10); sleep (process 11). None of them is "
            "known as LiteLLM by its command line.",
            "LiteLLM runs in gateway.service: set legacy_unit to that unit.",
        ),
        (
            [P(10, 1, ["/v/bin/python3", "/opt/serve.py"], (AT_6000,))],
            "litellm.service runs python3 serve.py (process 10), which listens at 0.0.0.0:6000. "
            "None of them is known as LiteLLM by its command line.",
            "LiteLLM runs in gateway.service: set legacy_unit to that unit.",
        ),
        (
            [P(10, 1, LITELLM)],
            "Process 10 of litellm.service is LiteLLM and does not listen at any port.",
            "Wait until it answers its clients, and run again. If it never does: journalctl "
            "_SYSTEMD_UNIT=litellm.service",
        ),
        (
            [
                P(10, 1, ["/s.sh"]),
                P(11, 10, LITELLM, (AT_4000,)),
                P(12, 10, LITELLM, (AT_4001,)),
            ],
            "litellm.service runs more than one proxy: process 11 listens at 0.0.0.0:4000; process "
            "12 listens at 0.0.0.0:4001.",
            "Give each a unit of its own, and set legacy_unit to the one that is to be migrated.",
        ),
    ],
    ids=["nothing left", "something else", "own program", "not yet", "two"],
)
def test_refusal_says_what_was_seen(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    processes: list[P],
    problem: str,
    remedy: str,
) -> None:
    def of(pid: int, proc: str) -> Any:
        return _process_unit.Found(unit()._replace(name="gateway.service"), "")

    monkeypatch.setattr(_proxy_process._process_unit, "of", of)
    elsewhere = P(90, 1, LITELLM, (), "/system.slice/gateway.service")
    with pytest.raises(_proxy_process.LegacyError) as told:
        _proxy_process.find(unit(), proc(tmp_path, *processes, elsewhere))
    assert (told.value.problem, told.value.remedy) == (problem, remedy)


def test_where_litellm_runs_nowhere_it_is_said_how_it_is_known(tmp_path: Path) -> None:
    there = proc(tmp_path, *(P(number, 1, ["sleep", "9"]) for number in range(10, 18)))
    with pytest.raises(_proxy_process.LegacyError) as told:
        _proxy_process.find(unit(), there)
    assert "sleep (process 14); and 3 more. None" in told.value.problem
    assert told.value.remedy.startswith("Let the unit start LiteLLM by its command litellm, or by")


@pytest.mark.parametrize(
    ("group", "said"),
    [
        ("/user.slice/user-0.slice/session-3.scope", "let a systemd unit of its own start it"),
        ("/system.slice/docker-12ab.scope", "is in a container already is not moved"),
        ("/docker/12ab", "is in a container already is not moved"),
        ("/machine.slice/libpod-12ab.scope/container", "is in a container already is not moved"),
        ("/kubepods/besteffort/pod1/12ab", "is in a container already is not moved"),
    ],
    ids=["tmux", "docker", "docker with cgroup v1", "podman", "kubernetes"],
)
def test_proxy_that_no_unit_runs_is_named(tmp_path: Path, group: str, said: str) -> None:
    """By the unit's own processes nothing would be known of it."""
    init, other = P(1, 0, ["init"], group="/init.scope"), P(90, 1, LITELLM, (), group)
    there = proc(tmp_path, init, P(10, 1, ["/usr/bin/docker", "run", "litellm"]), other)
    with pytest.raises(_proxy_process.LegacyError) as told:
        _proxy_process.find(unit(), there)
    assert "litellm.service runs docker (process 10). None of" in told.value.problem
    assert told.value.remedy.startswith("python3 litellm (process 90) is LiteLLM and belongs to no")
    assert group in told.value.remedy
    assert said in told.value.remedy


def test_unix_socket_is_named(tmp_path: Path) -> None:
    there = proc(tmp_path, P(10, 1, UVICORN, (77,)), unix=(77,))
    with pytest.raises(_proxy_process.LegacyError, match="unix socket /run/litellm.sock, and at"):
        _proxy_process.find(unit(), there)


@pytest.mark.parametrize(("account", "words"), [("", ""), ("ana", "--user --machine=ana@ ")])
def test_unit_that_does_not_run_comes_with_the_command_to_start_it(
    account: str, words: str
) -> None:
    with pytest.raises(_proxy_process.LegacyError) as told:
        _proxy_process.find(unit(active="failed", account=account))
    assert told.value.remedy == "Start it: systemctl %sstart litellm.service" % words


def proxy(*addresses: tuple[str, int]) -> _proxy_process.Proxy:
    """A proxy that listens there."""
    program = _proxy_process._proxy_command.program(LITELLM)
    assert program
    at = tuple(_proxy_process.Address(*each) for each in addresses)
    return _proxy_process.Proxy(10, LITELLM, program, at)


@pytest.mark.parametrize(
    ("addresses", "port", "others", "found"),
    [
        ([("0.0.0.0", 4000)], 4000, [], ("0.0.0.0", 4000)),
        ([("10.0.0.7", 8000)], 4000, [], ("10.0.0.7", 8000)),
        ([("::", 4000), ("0.0.0.0", 4000)], None, [], ("0.0.0.0", 4000)),
        ([("10.0.0.7", 4000), ("127.0.0.1", 4000)], None, [], ("127.0.0.1", 4000)),
        ([("0.0.0.0", 9090), ("0.0.0.0", 4000)], 4000, [], ("0.0.0.0", 4000)),
        ([("0.0.0.0", 9090), ("0.0.0.0", 5000)], 4000, [9090], ("0.0.0.0", 5000)),
    ],
    ids=["as it says", "elsewhere", "both families", "loopback first", "named", "metrics"],
)
def test_socket_is_the_truth_about_the_address(
    addresses: list[tuple[str, int]], port: Any, others: list[int], found: tuple[str, int]
) -> None:
    assert _proxy_process.address(proxy(*addresses), port, others) == found


def test_several_ports_of_which_none_is_named_are_refused() -> None:
    with pytest.raises(_proxy_process.LegacyError) as told:
        _proxy_process.address(proxy(("::1", 1), ("0.0.0.0", 2)), None)
    assert "listens at [::1]:1, 0.0.0.0:2; its command line names no port" in told.value.problem


@pytest.mark.parametrize(
    ("options", "started", "port"),
    [
        ([], {}, None),
        (["--prometheus_metrics_port", "9090"], {"PROMETHEUS_METRICS_PORT": "1"}, 9090),
        (["--debug"], {"PROMETHEUS_METRICS_PORT": "9091"}, 9091),
    ],
)
def test_port_of_metrics_is_not_for_clients(
    options: list[str], started: dict[str, str], port: Any
) -> None:
    assert _proxy_process.metrics_port(options, started) == port


def test_this_process_is_none(tmp_path: Path) -> None:
    own = _proxy_process.processes(unit(os.getpid(), group=""))
    assert own[os.getpid()].parent == os.getppid()
    with pytest.raises(_proxy_process.LegacyError):
        _proxy_process.find(unit(os.getpid(), group=""))
