#!/usr/bin/python
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: systemd_units
short_description: Install, pause or remove a set of systemd units
version_added: 0.1.0
description:
  - Brings all units of one purpose, such as services with their timers, to a state in one call.
    Their files are written, systemd is reloaded where it has to be, and they are enabled and
    started.
  - Only what differs is changed, so a run that was killed can be run again.
author: llmops.litellm contributors (@llmops)
options:
  patterns:
    description:
      - Shell patterns of the names that belong to the set, in C(/etc/systemd/system).
      - With O(state=present) a unit that matches and is not in O(files) is stopped and removed.
    type: list
    elements: str
    required: true
  state:
    description:
      - V(present) installs O(files), starts O(enabled) and O(started).
      - V(paused) stops the units that match, until they are started again or the host is.
      - V(absent) stops, disables and removes the units that match.
    type: str
    choices: [present, paused, absent]
    default: present
  files:
    description: The units, each with its name and text.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the unit.
        type: str
        required: true
      content:
        description: Its text. Calendar expressions of timers are checked before anything changes.
        type: str
        required: true
  enabled:
    description: Units that start at boot, and now. Others of O(files) don't start at boot.
    type: list
    elements: str
    default: []
  started:
    description: Units that start now only.
    type: list
    elements: str
    default: []
  restart:
    description:
      - Whether units of one name, such as a socket and its service, are stopped before a file of
        theirs changes. Otherwise what runs goes on as it is until it is started next.
    type: bool
    default: false
  wait:
    description:
      - Seconds that a service which is under way may take to end by itself when the units are
        paused or removed. V(0) stops it.
    type: int
    default: 0
attributes:
  check_mode:
    description: Says what would change.
    support: full
  diff_mode:
    description: Shows the units' texts, which hold no secrets.
    support: full
"""

EXAMPLES = r"""
- name: Install a job and its timer
  llmops.litellm.systemd_units:
    patterns: [tidy.*]
    files:
      - {name: tidy.service, content: "{{ lookup('template', 'tidy.service.j2') }}"}
      - {name: tidy.timer, content: "{{ lookup('template', 'tidy.timer.j2') }}"}
    enabled: [tidy.timer]

- name: Stop the timer and wait for a run that is under way
  llmops.litellm.systemd_units:
    patterns: [tidy.*]
    state: paused
    wait: 900
"""

RETURN = r"""
done:
  description: What was done or, in check mode, would be.
  returned: success
  type: list
  elements: str
  sample: ["tidy.service: changed", "tidy.timer: started"]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._host import problem as _problem
from ansible_collections.llmops.litellm.plugins.module_utils._host import unit_files as _unit_files
from ansible_collections.llmops.litellm.plugins.module_utils._host.problem import OperatorError


def main() -> None:
    """Entry point."""
    names = {"type": "list", "elements": "str", "default": []}
    module = AnsibleModule(
        argument_spec={
            "patterns": {"type": "list", "elements": "str", "required": True},
            "state": {
                "type": "str",
                "choices": ["present", "paused", "absent"],
                "default": "present",
            },
            "files": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "content": {"type": "str", "required": True},
                },
            },
            "enabled": names,
            "started": names,
            "restart": {"type": "bool", "default": False},
            "wait": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    given = module.params
    try:
        if given["state"] == "present":
            files = {file["name"]: file["content"] for file in given["files"]}
            result = _unit_files.install(
                files,
                given["patterns"],
                given["enabled"],
                given["started"],
                _unit_files.by_name(files) if given["restart"] else (),
                check=module.check_mode,
            )
        else:
            act = _unit_files.pause if given["state"] == "paused" else _unit_files.remove
            result = act(given["patterns"], given["wait"], module.check_mode)
    except OperatorError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=_problem.words(error))
    module.exit_json(
        changed=bool(result.done),
        done=result.done,
        diff=_unit_files.diff(result),
    )


if __name__ == "__main__":
    main()
