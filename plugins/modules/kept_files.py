#!/usr/bin/python
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: kept_files
short_description: Keep files as they are before others take their place, and bring them back
version_added: 0.1.0
description:
  - With O(state=kept) copies what O(paths) match now, with owners and modes, into a folder that
    only root reads. Where that folder is there, what was kept first stays.
  - With O(state=restored) lets there be exactly what was kept, and removes what else matches.
author: llmops.litellm contributors (@llmops)
options:
  folder:
    description: Folder for the copies.
    type: path
    required: true
  paths:
    description: Patterns of files and symbolic links, as a shell expands them.
    type: list
    elements: str
    required: true
  state:
    description: Whether they are kept, or come back.
    type: str
    choices: [kept, restored]
    default: kept
attributes:
  check_mode:
    description: Says what would be written and removed.
    support: full
  diff_mode:
    description: Contents are not shown. They may hold what nobody else shall read.
    support: none
"""

EXAMPLES = r"""
- name: Keep a copy of the units of an earlier installation
  llmops.litellm.kept_files:
    folder: /var/lib/llmops-litellm/kept-1
    paths: [/etc/llmops-litellm/ops.json, /etc/systemd/system/litellm-ops-*]

- name: Put them back
  llmops.litellm.kept_files:
    folder: /var/lib/llmops-litellm/kept-1
    paths: [/etc/llmops-litellm/ops.json, /etc/systemd/system/litellm-ops-*]
    state: restored
"""

RETURN = r"""
files:
  description: Paths of what is kept.
  returned: success
  type: list
  elements: str
restored:
  description: Paths that were not as they had been.
  returned: with O(state=restored)
  type: list
  elements: str
removed:
  description: Paths that had not been there.
  returned: with O(state=restored)
  type: list
  elements: str
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._host import (
    file_snapshot as _file_snapshot,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host.problem import OperatorError


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "folder": {"type": "path", "required": True},
            "paths": {"type": "list", "elements": "str", "required": True},
            "state": {"type": "str", "choices": ["kept", "restored"], "default": "kept"},
        },
        supports_check_mode=True,
    )
    folder, paths = module.params["folder"], module.params["paths"]
    try:
        if module.params["state"] == "restored":
            result = _file_snapshot.put_back(folder, paths, module.check_mode)
            module.exit_json(
                changed=any(result.values()),
                files=[entry["path"] for entry in _file_snapshot.kept(folder)],
                **result,
            )
        if module.check_mode and not os.path.isdir(folder):
            module.exit_json(changed=True, files=_file_snapshot.found(paths))
        changed = _file_snapshot.keep(folder, paths)
        module.exit_json(
            changed=changed, files=[entry["path"] for entry in _file_snapshot.kept(folder)]
        )
    except (OSError, OperatorError, ValueError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
