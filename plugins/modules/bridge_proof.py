#!/usr/bin/python
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: bridge_proof
short_description: Verify that containers of the project, and nobody else, reach the model servers
version_added: 0.1.0
description:
  - Asks each port from the proxy's container, from a throwaway container in another network of the
    host, and at the host's outer addresses. Fails with everything that is not as it must be.
  - The throwaway container is started for the question and removed after it. Nothing else is
    started or changed, so that the module never returns C(changed) as true.
  - A server that starts on demand and is asleep is not woken; one that does not answer on the host
    either is no fault of the bridge. RV(notes) says both.
author: llmops.litellm contributors (@llmops)
options:
  ports:
    description: Ports of the bridges.
    type: list
    elements: int
    required: true
  gateway:
    description: Address of the bridges.
    type: str
    required: true
  gateway_name:
    description: Name by which containers of the project know this host.
    type: str
    default: host.docker.internal
  container:
    description:
      - The proxy's container, which runs. The throwaway container is made from the same image.
    type: str
    required: true
  network:
    description: Network of the throwaway container, which must be another one than the project's.
    type: str
    default: bridge
  timeout:
    description: Seconds after which silence counts as such.
    type: float
    default: 3
attributes:
  check_mode:
    description: Does the same, as nothing stays changed.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
"""

EXAMPLES = r"""
- name: Verify the bridges
  llmops.litellm.bridge_proof:
    ports: [8079, 8082]
    gateway: 172.30.40.1
    container: litellm-proxy
"""

RETURN = r"""
proved:
  description: Ports that the proxy's container reaches and nobody else does.
  returned: always
  type: list
  elements: int
problems:
  description: What is not as it must be.
  returned: always
  type: list
  elements: str
notes:
  description: What could not be proved, and why.
  returned: always
  type: list
  elements: str
asked:
  description: What each place saw.
  returned: always
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._host import display as _display
from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    bridge_proof as _bridge_proof,
)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "ports": {"type": "list", "elements": "int", "required": True},
            "gateway": {"type": "str", "required": True},
            "gateway_name": {"type": "str", "default": "host.docker.internal"},
            "container": {"type": "str", "required": True},
            "network": {"type": "str", "default": "bridge"},
            "timeout": {"type": "float", "default": 3},
        },
        supports_check_mode=True,
    )
    params = module.params
    ports = sorted(set(params["ports"]))
    asked = _bridge_proof.collect(
        ports,
        params["gateway_name"],
        params["gateway"],
        params["container"],
        params["network"],
        params["timeout"],
    )
    verdict = _bridge_proof.check(ports, asked)
    found = {**verdict._asdict(), "asked": asked._asdict()}
    if verdict.problems:
        module.fail_json(
            msg="Bridges to model servers are not as they must be:\n- %s"
            % "\n- ".join(_display.each(verdict.problems)),
            **found,
        )
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
