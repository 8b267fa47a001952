#!/usr/bin/python
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: bridge_firewall
short_description: An active firewall lets containers of the project through to their bridges
version_added: 0.1.0
description:
  - Finds out whether a firewall is active (ufw, firewalld, nftables, or iptables kept in nftables),
    and adds a rule for the project's subnet to the bridges' address and ports, where the firewall
    drops. Where none is active, nothing is changed.
  - Its rules are recorded in the state folder. Only what is recorded is ever removed.
author: llmops.litellm contributors (@llmops)
options:
  subnet:
    description: The containers' subnet. Required where O(state) is V(present).
    type: str
  gateway:
    description: Address of the bridges. Required where O(state) is V(present).
    type: str
  ports:
    description: Ports of the bridges.
    type: list
    elements: int
    default: []
  state_dir:
    description: State folder of the deployment, which has the record.
    type: path
    required: true
  state:
    description: V(absent) takes every rule away that is recorded.
    type: str
    choices: [present, absent]
    default: present
attributes:
  check_mode:
    description: Says which rules would come and go.
    support: full
  diff_mode:
    description: RV(added) and RV(removed) say it.
    support: none
"""

EXAMPLES = r"""
- name: Let containers through the firewall
  llmops.litellm.bridge_firewall:
    subnet: 172.30.40.0/24
    gateway: 172.30.40.1
    ports: [8079, 8082]
    state_dir: /var/lib/llmops-litellm
"""

RETURN = r"""
firewall:
  description: V(none), V(ufw), V(firewalld), V(nftables) or V(iptables).
  returned: success
  type: str
added:
  description: Commands that added rules.
  returned: success
  type: list
  elements: str
removed:
  description: Commands that had added the rules that are gone.
  returned: success
  type: list
  elements: str
volatile:
  description:
    - Whether there are rules that a restart of the firewall forgets, so that they must be made
      again then.
  returned: success
  type: bool
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._host.problem import OperatorError
from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    firewall as _firewall,
)
from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    firewall_rules as _firewall_rules,
)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "subnet": {"type": "str"},
            "gateway": {"type": "str"},
            "ports": {"type": "list", "elements": "int", "default": []},
            "state_dir": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        required_if=[("state", "present", ("subnet", "gateway"))],
        supports_check_mode=True,
    )
    folder = module.params["state_dir"]
    try:
        if module.params["state"] == "absent":
            result = _firewall.remove(folder, module.check_mode)
        else:
            wanted = _firewall_rules.Wanted(
                module.params["subnet"],
                module.params["gateway"],
                tuple(sorted(set(module.params["ports"]))),
            )
            result = _firewall.apply(wanted, folder, module.check_mode)
        module.exit_json(volatile=_firewall.volatile(folder), **result)
    except (OperatorError, OSError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
