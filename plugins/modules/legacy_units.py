# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: legacy_units
short_description: Retire the units of the legacy deployment, or bring them back as they were
version_added: 0.1.0
description:
  - Works on units of the system's manager and of other accounts' user managers in one call, without a login session.
  - Nothing is ever deleted. A unit that cannot be disabled, because a generator or another unit pulls it in, is masked, or blocked by
    a drop-in with a condition that never holds, where its own file takes the place of the mask.
author: llmops.litellm contributors (@llmops)
options:
  units:
    description:
      - Records of the units as M(llmops.litellm.preflight_info) returns them. They are handled in this order.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the unit.
        type: str
        required: true
      scope:
        description: Which kind of manager has it.
        type: str
        choices: [system, user]
        default: system
      account:
        description: The account of the user manager; empty for the system's.
        type: str
        default: ''
      enabled:
        description: The recorded state of the unit file.
        type: str
        required: true
      active:
        description: The recorded state of the unit.
        type: str
        required: true
      path:
        description: The unit file itself, not a link to it.
        type: str
        default: ''
  state:
    description:
      - V(retired) stops the units and keeps them from starting at the next boot.
      - V(recorded) brings each unit back to its recorded enabled and active state. What was stopped or disabled on purpose stays so.
    type: str
    choices: [retired, recorded]
    required: true
  proxy:
    description:
      - Name of the unit among them that is the proxy. With V(retired), where its main process is LiteLLM itself, only that one is told to stop.
        systemd would tell LiteLLM's database client at the same time, and spend that is not written by then would be lost.
    type: str
    default: ''
attributes:
  check_mode:
    description: Says what would be done.
    support: full
  diff_mode:
    description: The actions are returned instead.
    support: none
"""

EXAMPLES = r"""
- name: Legacy proxy is stopped and stays down
  llmops.litellm.legacy_units:
    units: "{{ legacy_deployment.units }}"
    state: retired
"""

RETURN = r"""
actions:
  description: What was done to each unit that was not in that state already.
  returned: success
  type: dict
  sample: {litellm.service: [stopped, disabled]}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import legacy as _legacy
from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process
from ansible_collections.llmops.litellm.plugins.module_utils._host import systemd as _systemd


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "units": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "scope": {"type": "str", "choices": ["system", "user"], "default": "system"},
                    "account": {"type": "str", "default": ""},
                    "enabled": {"type": "str", "required": True},
                    "active": {"type": "str", "required": True},
                    "path": {"type": "str", "default": ""},
                },
            },
            "state": {"type": "str", "required": True, "choices": ["retired", "recorded"]},
            "proxy": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    actions: dict[str, list[str]] = {}
    for unit in module.params["units"]:
        try:
            if module.params["state"] == "recorded":
                done = _systemd.restore(unit, check=module.check_mode)
            elif unit["name"] == module.params["proxy"]:
                done = _systemd.retire(
                    unit,
                    check=module.check_mode,
                    alone=lambda pid: _legacy.is_proxy(_process.command_line(pid)),
                )
            else:
                done = _systemd.retire(unit, check=module.check_mode)
        except _systemd.SystemdError as error:
            module.fail_json(msg=str(error), actions=actions)
        if done:
            actions[unit["name"]] = done
    module.exit_json(changed=bool(actions), actions=actions)


if __name__ == "__main__":
    main()
