#!/usr/bin/python
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: needed_files
short_description: Copy the files that LiteLLM needs besides its configuration
version_added: 0.2.0
author: llmops.litellm contributors (@llmops)
description:
  - Copies files that the configuration, the environment or the command line names (credentials,
    certificates, Python modules, prompts) into the project folder, from where they are mounted
    read-only where LiteLLM looks for them.
  - Each is read by O(account), so that nothing is copied that the legacy proxy could not read. The
    copies belong to root and are readable for O(group), and for nobody else.
  - Copies that are not named any more are removed. The sources are never changed.
options:
  files:
    description: The files, as C(needs.files) of M(llmops.litellm.preflight_info) has them.
    type: list
    elements: dict
    required: true
    suboptions:
      source:
        description: The file on the host.
        type: path
        required: true
      target:
        description: Where the container has it.
        type: str
        required: true
      name:
        description: Name of its copy.
        type: str
        required: true
      account:
        description:
          - V(root) for a file that only root can have put there and that O(account) does not read.
        type: str
        choices: ['', root]
        default: ''
  account:
    description:
      - Account that reads them, as C(legacy.reader) of M(llmops.litellm.legacy_info) names it.
      - If it is not given, or V(root), whoever could have chosen what lies at each path.
    type: str
    default: ''
  folder:
    description: The project folder, which only root can write to.
    type: path
    required: true
  group:
    description: Number of the group that LiteLLM runs as in its container.
    type: int
    default: 0
attributes:
  check_mode:
    support: full
    description: Says what would change and changes nothing.
  diff_mode:
    support: full
    description: Shows names and places, no contents. They hold keys.
  idempotent:
    support: full
    description: A second run changes nothing.
"""

EXAMPLES = r"""
- name: Copy what LiteLLM needs
  llmops.litellm.needed_files:
    files:
      - source: /home/litellm/vertex.json
        target: /home/litellm/vertex.json
        name: needed.001-vertex.json
    account: litellm
    folder: /opt/litellm
    group: 65532
"""

RETURN = r"""
written:
  description: Names of copies that are new or changed.
  returned: success
  type: list
  elements: str
removed:
  description: Names of copies that nothing needs any more, and that are gone.
  returned: success
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._config import (
    needs_copies as _needs_copies,
)
from ansible_collections.llmops.litellm.plugins.module_utils._config.needs_files import OWN, Copy
from ansible_collections.llmops.litellm.plugins.module_utils._host import display as _display
from ansible_collections.llmops.litellm.plugins.module_utils._host import paths as _paths
from ansible_collections.llmops.litellm.plugins.module_utils._host import problem as _problem
from ansible_collections.llmops.litellm.plugins.module_utils._host import reader as _reader
from ansible_collections.llmops.litellm.plugins.module_utils._host.problem import OperatorError

ARGUMENTS: dict[str, Any] = {
    "files": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "source": {"type": "path", "required": True},
            "target": {"type": "str", "required": True},
            "name": {"type": "str", "required": True},
            "account": {"type": "str", "choices": ["", "root"], "default": ""},
        },
    },
    "account": {"type": "str", "default": ""},
    "folder": {"type": "path", "required": True},
    "group": {"type": "int", "default": 0},
}


def run(params: dict[str, Any], check: bool) -> dict[str, Any]:
    """Copy, and say what changed.

    :raises OperatorError: a source can't be read, or the folder is not root's alone.
    """
    folder = params["folder"]
    _paths.require(folder, "keeps the proxy's keys there")
    copies = [
        Copy(item["source"], item["target"], item["name"], item["account"])
        for item in params["files"]
    ]
    odd = [copy.name for copy in copies if not OWN.fullmatch(copy.name)]
    if odd:
        raise OperatorError("name: %s is no name of a copy (needed.001-NAME)" % odd[0])
    for copy in copies:
        if copy.account and not _reader.settled(copy.source):
            raise OperatorError("%s: another account than root can put it there" % copy.source)
    changes = _needs_copies.put(copies, folder, params["account"], params["group"], check)
    places = {copy.name: copy for copy in copies}
    return {
        "changed": any(changes),
        **changes._asdict(),
        "diff": {
            "before": "".join("%s\n" % name for name in changes.removed),
            "after": "".join(
                "%s: a copy of %s, at %s in the container\n"
                % (name, *map(_display.line, places[name][:2]))
                for name in changes.written
            ),
        },
    }


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        result = run(module.params, module.check_mode)
    except (OperatorError, OSError) as error:
        module.fail_json(msg=_problem.words(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
