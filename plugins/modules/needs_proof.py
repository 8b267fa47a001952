#!/usr/bin/python
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: needs_proof
short_description: Verify that LiteLLM's container has what LiteLLM needs
version_added: 0.2.0
author: llmops.litellm contributors (@llmops)
description:
  - Runs one container of the proxy's service, with its mounts, network and user, and asks it for
    files, Python modules, programs, names of hosts and servers. Fails with everything that it
    lacks.
  - The container is removed after the question, so that the module never returns C(changed) as
    true. Of LiteLLM nothing starts.
  - A host that this host does not know either is no reason to fail; RV(notes) names it.
options:
  folder:
    description: The project folder.
    type: path
    required: true
  compose_files:
    description: Names of Compose's files in O(folder).
    type: list
    elements: str
    default: [compose.yaml]
  files:
    description: Files and folders by their places in the container.
    type: list
    elements: str
    default: []
  modules:
    description: Python modules.
    type: list
    elements: str
    default: []
  programs:
    description: Programs, by name or path.
    type: list
    elements: str
    default: []
  hosts:
    description: Names of hosts.
    type: list
    elements: str
    default: []
  servers:
    description: Servers that it has to reach, each as C(host:port).
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    description: Does the same, as nothing stays changed.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
"""

EXAMPLES = r"""
- name: Verify that the container has what LiteLLM needs
  llmops.litellm.needs_proof:
    folder: /opt/litellm
    files: [/home/litellm/vertex.json]
    modules: [presidio_analyzer]
    hosts: [gpu1]
"""

RETURN = r"""
notes:
  description: What is missing and no reason to fail, in words.
  returned: success
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    needs_proof as _needs_proof,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import display as _display
from ansible_collections.llmops.litellm.plugins.module_utils._host import problem as _problem
from ansible_collections.llmops.litellm.plugins.module_utils._host.problem import OperatorError

NAMES: dict[str, Any] = {"type": "list", "elements": "str", "default": []}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "folder": {"type": "path", "required": True},
            "compose_files": {"type": "list", "elements": "str", "default": ["compose.yaml"]},
            "files": NAMES,
            "modules": NAMES,
            "programs": NAMES,
            "hosts": NAMES,
            "servers": NAMES,
        },
        supports_check_mode=True,
    )
    params = module.params
    wanted = {kind: params[kind] for kind in ("files", "modules", "programs", "hosts", "servers")}
    try:
        lost = _needs_proof.ask(params["folder"], params["compose_files"], wanted)
    except OperatorError as error:
        module.fail_json(msg=_problem.words(error))
    verdict = _needs_proof.check(lost, _needs_proof.addresses(list(lost.get("hosts", {}))))
    if verdict.problems:
        module.fail_json(msg=_display.plain("; ".join(verdict.problems)), problems=verdict.problems)
    module.exit_json(changed=False, notes=verdict.notes)


if __name__ == "__main__":
    main()
