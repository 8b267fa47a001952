#!/usr/bin/python
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: deployment_changes_info
short_description: Find what differs between a deployment and the one that it is to be
version_added: 1.0.0
description:
  - Compares the Compose project of a host with a compose file that it is to have, and with its
    containers. Compose itself says what both mean, so a value that is only written in another way
    does not differ.
  - No value of an environment is returned.
author: llmops.litellm contributors (@llmops)
options:
  folder:
    description: The project's folder.
    type: path
    required: true
  definition:
    description: Text of the compose file that the project is to have.
    type: str
    required: true
attributes:
  check_mode:
    description: Only looks.
    support: full
  diff_mode:
    description: Only looks.
    support: none
"""

EXAMPLES = r"""
- name: Find what differs
  llmops.litellm.deployment_changes_info:
    folder: /opt/litellm
    definition: "{{ lookup('ansible.builtin.template', 'compose.yaml.j2') }}"
  register: changes
"""

RETURN = r"""
services:
  description: Services whose containers have to be made anew.
  returned: success
  type: list
  elements: str
  sample: [litellm]
network:
  description: Whether the project's network differs, so that each container has to be made anew.
  returned: success
  type: bool
volumes:
  description: Whether the project's volumes differ.
  returned: success
  type: bool
changes:
  description: Each difference, in words.
  returned: success
  type: list
  elements: str
  sample: ['services.litellm.mem_limit: "8589934592" -> "4294967296"']
drift:
  description: What of the containers is not as the project's files have them.
  returned: success
  type: list
  elements: str
  sample: [litellm-redis is not there]
serves:
  description: Whether every container of the project runs and is not unhealthy.
  returned: success
  type: bool
port:
  description: Port at which clients ask the proxy that is there now; 0 where there is none.
  returned: success
  type: int
addresses:
  description: Addresses of the host at which they ask it.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import changes as _changes
from ansible_collections.llmops.litellm.plugins.module_utils._host.problem import OperatorError


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "folder": {"type": "path", "required": True},
            "definition": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    try:
        found = _changes.look(module.params["folder"], module.params["definition"])
    except OperatorError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **found._asdict())


if __name__ == "__main__":
    main()
