#!/usr/bin/python
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: model_host_info
short_description: Report the state of the model servers of a host
version_added: 0.1.0
description:
  - Unit, state and whether it is the intended one, GPU and its memory, model, whether the proxy's
    container reaches it, and when it answered last. Whatever is missing or broken is
    reported and is no failure.
  - A server that starts on demand and is asleep is not woken.
author: llmops.litellm contributors (@llmops)
options:
  project_name:
    description: Name of the Compose project, and first part of the units' names.
    type: str
    default: litellm
  state_dir:
    description:
      - State folder of the deployment, with the records of adopted units and of last answers.
    type: path
    required: true
  container:
    description: The proxy's container. Empty where none is to be asked.
    type: str
    default: ''
  gateway_name:
    description: Name by which containers of the project know this host.
    type: str
    default: host.docker.internal
  ports:
    description: Ports that are known to have model servers, such as those that preflight found.
    type: list
    elements: int
    default: []
  timeout:
    description: Seconds for one answer.
    type: float
    default: 5
attributes:
  check_mode:
    description: This module never changes anything.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
"""

EXAMPLES = r"""
- name: Inspect the model servers
  llmops.litellm.model_host_info:
    state_dir: /var/lib/llmops-litellm
    container: litellm-proxy
  register: found
"""

RETURN = r"""
hosts:
  description: The model servers.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description:
        - Its name; of a server that nobody has named its unit's, or C(port) and its port where it
          has none.
      type: str
    managed:
      description: Whether the role P(llmops.litellm.model_host#role) made its units.
      type: bool
    unit:
      description: Its systemd unit.
      type: str
    active:
      description: The unit's ActiveState.
      type: str
    asleep:
      description: Whether it waits for a first connection.
      type: bool
    intended:
      description: What is intended, in words.
      type: str
    as_intended:
      description: Whether it is so; null where nobody has said.
      type: bool
    gpus:
      description: GPUs that are declared or used.
      type: list
      elements: str
    vram:
      description: Bytes of GPU memory that it has.
      type: int
    model:
      description: Its model.
      type: str
    answers:
      description: Whether it answered now.
      type: bool
    reachable:
      description: Whether it answers to the proxy's container; null where that was not asked.
      type: bool
    last_answer:
      description: When it last answered, here or to C(litellm-ops inventory), which records it.
      type: str
gpus:
  description: The host's GPUs.
  returned: success
  type: list
  elements: dict
problems:
  description: What could not be read.
  returned: success
  type: list
  elements: str
screen:
  description: The same for a terminal.
  returned: success
  type: list
  elements: str
"""

from datetime import datetime, timezone

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    inspect as _inspect,
)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "project_name": {"type": "str", "default": "litellm"},
            "state_dir": {"type": "path", "required": True},
            "container": {"type": "str", "default": ""},
            "gateway_name": {"type": "str", "default": "host.docker.internal"},
            "ports": {"type": "list", "elements": "int", "default": []},
            "timeout": {"type": "float", "default": 5},
        },
        supports_check_mode=True,
    )
    params = module.params
    place = _inspect.Scope(
        params["project_name"],
        params["state_dir"],
        params["container"],
        params["gateway_name"],
        tuple(params["ports"]),
        params["timeout"],
    )
    found = _inspect.collect(place, datetime.now(timezone.utc))
    module.exit_json(changed=False, screen=_inspect.text_lines(found), **found)


if __name__ == "__main__":
    main()
