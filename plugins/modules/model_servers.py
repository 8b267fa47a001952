#!/usr/bin/python
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: model_servers
short_description: Install, change and remove the systemd units of all managed model servers
version_added: 0.2.0
description:
  - Brings the host to the servers that are given, as one set. Those that this collection has
    installed before and that are not given are removed, with their cache.
  - systemd is asked about the units before one of them is in place; one that it would refuse, or a
    setting that it would ignore, is an error, and nothing is changed.
  - What changes is stopped before the first server starts, so that each finds the GPU's memory that
    another one gives back. A server that has not changed is left alone. Servers start one
    after the other, and a start ends when the server has answered, so this takes as long as
    loading.
  - Only what differs is changed, so a run that was killed can be run again.
author: llmops.litellm contributors (@llmops)
options:
  servers:
    description: The servers, as M(llmops.litellm.model_server_info) describes them.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Its name.
        type: str
        required: true
      record:
        description: What the commands on the host must know of it, as JSON.
        type: str
        required: true
      units:
        description: The texts of its units, by name.
        type: dict
        required: true
      entry:
        description: The unit that starts at boot, and now. Empty for a server started by hand.
        type: str
        required: true
      timeout:
        description: Seconds that its start may take.
        type: int
        required: true
      settings:
        description: Lines of its units that the operator chose, named where systemd objects.
        type: list
        elements: str
        default: []
  shared:
    description: Texts of units that the servers have in common, by name.
    type: dict
    required: true
  project_name:
    description: First part of the units' names.
    type: str
    default: litellm
attributes:
  check_mode:
    description: Says what would change. systemd is not asked about the units.
    support: full
  diff_mode:
    description: Shows the units' texts and the records, which hold no secrets.
    support: full
"""

EXAMPLES = r"""
- name: Check whether the declared model servers can run here
  llmops.litellm.model_server_info:
    servers: "{{ declared }}"
  register: found

- name: Install them, and remove the others
  llmops.litellm.model_servers:
    servers: "{{ lookup('template', 'servers.json.j2') | from_json }}"
    shared:
      litellm-model-failed@.service: "{{ lookup('template', 'failed.service.j2') }}"
"""

RETURN = r"""
done:
  description: What was done or, in check mode, would be.
  returned: success
  type: list
  elements: str
  sample: ["litellm-model-embed.service: created", "litellm-model-embed.service: started"]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._host import problem as _problem
from ansible_collections.llmops.litellm.plugins.module_utils._host import unit_files as _unit_files
from ansible_collections.llmops.litellm.plugins.module_utils._host.problem import OperatorError
from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    installation as _installation,
)


def main() -> None:
    """Entry point."""
    text = {"type": "str", "required": True}
    module = AnsibleModule(
        argument_spec={
            "servers": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": text,
                    "record": text,
                    "units": {"type": "dict", "required": True},
                    "entry": text,
                    "timeout": {"type": "int", "required": True},
                    "settings": {"type": "list", "elements": "str", "default": []},
                },
            },
            "shared": {"type": "dict", "required": True},
            "project_name": {"type": "str", "default": "litellm"},
        },
        supports_check_mode=True,
    )
    given = module.params
    servers = [_installation.Planned(**server) for server in given["servers"]]
    try:
        result = _installation.install(
            servers, given["project_name"], given["shared"], module.check_mode
        )
    except OperatorError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=_problem.words(error))
    module.exit_json(changed=bool(result.done), done=result.done, diff=_unit_files.diff(result))


if __name__ == "__main__":
    main()
