#!/usr/bin/python
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: model_server_info
short_description: Check declared model servers against this host, and return what their units need
version_added: 0.1.0
description:
  - Reads declarations of model servers and looks at the host. Fails with every problem at once,
    with numbers, before anything is changed. Programs and weights must be there and readable for
    the account, ports free or held by the server's own units, GPUs there by index or UUID, with as
    much free memory as is declared, and the sum of what is declared within each of them.
  - On a host without GPUs everything but that is checked, and RV(notes) says so once.
author: llmops.litellm contributors (@llmops)
options:
  servers:
    description: Declarations, as the role P(llmops.litellm.model_host#role) describes them.
    type: list
    elements: dict
    required: true
  project_name:
    description: First part of the units' names.
    type: str
    default: litellm
  account:
    description: Account that the servers run as. It need not be there yet.
    type: str
    default: litellm-model
attributes:
  check_mode:
    description: Only looks.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
"""

EXAMPLES = r"""
- name: Check whether the declared model servers can run here
  llmops.litellm.model_server_info:
    servers:
      - {name: embed, server: llama_cpp, task: embedding, model: /srv/models/embed.gguf, port: 8082}
  register: found
"""

RETURN = r"""
servers:
  description: >-
    For each declaration the names of its units, command line, environment, timeouts and limits,
    devices, and C(file), what the commands on the host must know of it.
  returned: success
  type: list
  elements: dict
notes:
  description: What could not be checked, and why.
  returned: always
  type: list
  elements: str
problems:
  description: Everything that stands against it.
  returned: always
  type: list
  elements: str
gpus:
  description: The host's GPUs, or the reason why there are none.
  returned: always
  type: dict
systemd:
  description: The release of systemd.
  returned: always
  type: int
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._host import display as _display
from ansible_collections.llmops.litellm.plugins.module_utils._host import problem as _problem
from ansible_collections.llmops.litellm.plugins.module_utils._host import systemd as _systemd
from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    checks as _checks,
)
from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    declaration as _declaration,
)
from ansible_collections.llmops.litellm.plugins.module_utils._model_server import gpu as _gpu
from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    unit as _unit,
)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "servers": {"type": "list", "elements": "dict", "required": True},
            "project_name": {"type": "str", "default": "litellm"},
            "account": {"type": "str", "default": "litellm-model"},
        },
        supports_check_mode=True,
    )
    project, account = module.params["project_name"], module.params["account"]
    servers, problems = _declaration.read(module.params["servers"])
    notes, gpus, release = [], {}, _systemd.release()
    if not problems:
        units = {server.name: _unit.names(server, project) for server in servers}
        problems, notes, gpus = _checks.check(servers, units, account)
    notes, problems = _display.each([notes, problems])
    result = {"notes": notes, "problems": problems, "gpus": gpus, "systemd": release}
    if problems:
        module.fail_json(
            msg="Model servers can't be set up as declared:\n- %s" % "\n- ".join(problems),
            **result,
        )
    devices = _gpu.devices()
    try:
        sizes = {server.name: _checks.size_of(server, account) for server in servers}
    except OSError as error:
        module.fail_json(msg=_problem.words(error), **result)
    module.exit_json(
        changed=False,
        servers=[
            {
                **_unit.describe(server, project, sizes[server.name], devices, release),
                "file": _declaration.dump(
                    _declaration.Installed(server, _unit.names(server, project)["service"], account)
                ),
            }
            for server in servers
        ],
        **result,
    )


if __name__ == "__main__":
    main()
