#!/usr/bin/python
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: project_files
short_description: Put rendered files in the place of those of a Compose project
version_added: 1.0.0
description:
  - Lets the project in O(folder) have the files that O(src) has, with their owners and modes. Each
    file is whole at every moment, and what Compose reads comes last.
  - Copies of files that LiteLLM needed, and views of configurations that were included, go where
    O(src) has none.
  - Only files that this collection writes are touched.
author: llmops.litellm contributors (@llmops)
options:
  src:
    description: Folder with the files as they are to be. Only root may be able to write to it.
    type: path
    required: true
  folder:
    description: The project's folder.
    type: path
    required: true
attributes:
  check_mode:
    description: Says what would be written and removed.
    support: full
  diff_mode:
    description: Names alone. The files hold secrets.
    support: none
"""

EXAMPLES = r"""
- name: Put the files in place
  llmops.litellm.project_files:
    src: /run/litellm-candidate
    folder: /opt/litellm
"""

RETURN = r"""
written:
  description: Names of files that were written.
  returned: success
  type: list
  elements: str
  sample: [compose.yaml]
removed:
  description: Names of files that went.
  returned: success
  type: list
  elements: str
  sample: [config.compose.1-models.yaml]
patterns:
  description: What matches each file of the folder that this module may write or remove.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    project_files as _project_files,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host.problem import OperatorError


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "src": {"type": "path", "required": True},
            "folder": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    source, folder = module.params["src"], module.params["folder"]
    try:
        found = _project_files.place(source, folder, module.check_mode)
    except (OperatorError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=bool(found.written or found.removed),
        patterns=_project_files.patterns(folder),
        **found._asdict(),
    )


if __name__ == "__main__":
    main()
