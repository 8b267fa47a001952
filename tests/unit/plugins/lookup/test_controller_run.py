"""Who a run is: real processes, forked as Ansible forks its workers, and a real ansible-
playbook.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.lookup import controller_run

# A main process that forks a worker, which forks another one; each says what the lookup gives
# there.
FORKING = """
import json, os, sys
from ansible_collections.llmops.litellm.plugins.lookup.controller_run import LookupModule
with open("/proc/self/comm", "w") as name:
    name.write(sys.argv[1])
def look():
    os.write(1, (json.dumps(LookupModule().run([])[0]) + "\\n").encode())
look()
if os.fork() == 0:
    look()
    if os.fork() == 0:
        look()
        os._exit(0)
    os.wait()
    os._exit(0)
os.wait()
sys.stdin.read()
"""
PLAYBOOK = """
- hosts: localhost
  gather_facts: false
  connection: local
  tasks:
    - name: "named by {{ lookup('llmops.litellm.controller_run').run }}"
      ansible.builtin.debug:
        msg: "{{ lookup('llmops.litellm.controller_run').run }}"
      loop: [1, 2]
    - ansible.builtin.debug:
        msg: "{{ lookup('llmops.litellm.controller_run').run }}"
"""


def look() -> dict[str, Any]:
    """What the lookup gives in this process."""
    return controller_run.LookupModule().run([])[0]


@pytest.mark.parametrize(
    "name",
    ["worker", ") S 1 (", "a b"],
    ids=["plain name", "name with brackets", "name with a space"],
)
def test_workers_are_the_run_that_forked_them(name: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", FORKING, name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as main:
        assert main.stdout is not None
        told = [json.loads(main.stdout.readline()) for _line in range(3)]
        runs = {entry["run"] for entry in told}
        assert runs == {controller_run._started(str(main.pid))}
        assert runs <= set(look()["alive"])
        main.communicate()
    assert not runs & set(look()["alive"])


def test_run_is_alive_to_itself() -> None:
    told = look()
    assert told["run"] in told["alive"]
    assert told["controller"] == os.uname().nodename
    assert sorted(told) == ["alive", "controller", "run"]


def test_later_process_of_the_same_number_is_another_run() -> None:
    with open("/proc/self/stat", encoding="utf-8") as handle:
        ticks = handle.read().rpartition(")")[2].split()[19]
    assert controller_run._started(str(os.getpid())) == "%d:%s" % (os.getpid(), ticks)
    assert controller_run._started("1") != controller_run._started(str(os.getpid()))


def test_process_that_ends_meanwhile_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen(["true"]) as child:
        child.wait()
    monkeypatch.setattr(
        os, "listdir", lambda path: [str(child.pid), str(os.getpid()), "self", "net"]
    )
    assert look()["alive"] == [controller_run._started(str(os.getpid()))]


def test_parent_that_cannot_be_seen_is_another_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """/proc mounted with hidepid, and the run started by another account, as sudo does."""
    monkeypatch.setattr(
        controller_run, "_parent", lambda pid: 4194305 if pid == os.getpid() else 1
    )  # above the kernel's largest number
    assert controller_run._main_process(os.getpid()) == os.getpid()


def test_every_task_of_a_playbook_is_the_same_run(tmp_path: Path) -> None:
    (tmp_path / "play.yml").write_text(PLAYBOOK)
    (tmp_path / "ansible.cfg").write_text("")
    environment = {
        **os.environ,
        "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_LOCAL_TEMP": str(tmp_path / "t"),
        "ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg"),
    }
    with subprocess.Popen(
        [
            sys.executable,
            "-m",
            "ansible",
            "playbook",
            "-v",
            "-i",
            "localhost,",
            str(tmp_path / "play.yml"),
        ],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as play:
        out = play.communicate(timeout=120)[0]
    assert play.returncode == 0, out
    said = re.findall(r'(?:"msg": "|named by )(\d+:\d+)', out)
    assert len(said) == 4, out
    assert len(set(said)) == 1, out
    assert said[0].startswith("%d:" % play.pid)
