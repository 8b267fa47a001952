# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: controller_run
author: llmops.litellm contributors (@llmops)
version_added: 0.1.0
short_description: Who this Ansible run is, and which runs of this controller are alive
description:
  - A host's journal names the run it belongs to. With this lookup a later run can tell whether that
    run is still at work or was killed.
options:
  _terms:
    description: Not used.
    required: false
"""

EXAMPLES = r"""
- name: Show the identity of this run
  ansible.builtin.debug:
    var: lookup('llmops.litellm.controller_run')
"""

RETURN = r"""
_raw:
  description:
    - One dictionary with V(controller) (name of this machine), V(run) (process id and start time of
      this C(ansible-playbook)) and V(alive) (the same of every process of this machine).
  type: list
  elements: dict
"""

import os
import platform

from ansible.plugins.lookup import LookupBase

from ansible_collections.llmops.litellm.plugins.module_utils._host import files as _files


def _started(pid: str) -> str:
    """A process as ``pid:start time in clock ticks``, which names no later process."""
    return "%s:%s" % (pid, _files.read("/proc/%s/stat" % pid).rpartition(")")[2].split()[19])


class LookupModule(LookupBase):
    """Looks at ``/proc`` of the controller."""

    def run(self, terms, variables=None, **kwargs):
        alive = []
        for name in os.listdir("/proc"):
            if name.isdigit():
                try:
                    alive.append(_started(name))
                except OSError:
                    continue
        # Templates are rendered in ansible-playbook itself, or in a worker that it forked and that
        # ends with the task.
        run = _main_process(os.getpid())
        return [{"controller": platform.node(), "run": _started(str(run)), "alive": alive}]


def _main_process(pid: int) -> int:
    """The outermost process of this run: the first whose parent is another program."""
    while True:
        parent = _parent(pid)
        if parent <= 1 or _program(parent) != _program(pid):
            return pid
        pid = parent


def _parent(pid: int) -> int:
    return int(_files.read("/proc/%d/stat" % pid).rpartition(")")[2].split()[1])


def _program(pid: int) -> str:
    """The command line. Empty where /proc hides it (hidepid), as that of the run's sudo."""
    try:
        return _files.read("/proc/%d/cmdline" % pid)
    except OSError:
        return ""
