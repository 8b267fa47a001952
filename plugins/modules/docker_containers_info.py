# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: docker_containers_info
short_description: Tell what the engine itself says of the deployment's containers
version_added: 0.1.0
description:
  - Image, user, health, state, policies, published ports and mounts of each container.
  - Environments are never read, since they hold secrets.
author: llmops.litellm contributors (@llmops)
options:
  containers:
    description: Names of the containers.
    type: list
    elements: str
    required: true
  exposed:
    description:
      - Addresses at which a container is to be reached from elsewhere, by its name. Others than
        loopback and these are problems.
    type: dict
    default: {}
attributes:
  check_mode:
    description: Only looks.
    support: full
  diff_mode:
    description: Only looks.
    support: none
"""

EXAMPLES = r"""
- name: Inspect the containers
  llmops.litellm.docker_containers_info:
    containers: [litellm-proxy, litellm-postgres, litellm-redis]
"""

RETURN = r"""
containers:
  description: Each container by name, null where there is none.
  returned: success
  type: dict
problems:
  description:
    - What is wrong with them, in words, such as a port that is published on more than the loopback
      address.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._host import docker as _docker


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "containers": {"type": "list", "elements": "str", "required": True},
            "exposed": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    exposed = module.params["exposed"]
    found = {name: _docker.container(name) for name in module.params["containers"]}
    module.exit_json(changed=False, containers=found, problems=_docker.faults(found, exposed))


if __name__ == "__main__":
    main()
