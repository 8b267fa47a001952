# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: finalize_report
short_description: Write the report of a legacy deployment's end
version_added: 0.1.0
description:
  - Makes C(finalized.md) beside the journal, from what the journal holds. There is no secret in it.
author: llmops.litellm contributors (@llmops)
options:
  folder:
    description: State folder of the deployment.
    type: path
    required: true
attributes:
  check_mode:
    description: Says whether the report would change.
    support: full
  diff_mode:
    description: The report is returned instead.
    support: none
"""

EXAMPLES = r"""
- name: Report is in place
  llmops.litellm.finalize_report:
    folder: /var/lib/llmops-litellm
"""

RETURN = r"""
report:
  description: The report.
  returned: success
  type: list
  elements: str
path:
  description: The file.
  returned: success
  type: str
  sample: /var/lib/llmops-litellm/finalized.md
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import journal as _journal
from ansible_collections.llmops.litellm.plugins.module_utils._host import files as _files
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    report_text as _report_text,
)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={"folder": {"type": "path", "required": True}}, supports_check_mode=True
    )
    folder = module.params["folder"]
    try:
        journal = _journal.load(folder)
    except _journal.JournalError as error:
        module.fail_json(msg=str(error))
    if journal is None:
        module.fail_json(
            msg="%s does not exist: there was no migration." % _journal.path_of(folder)
        )
    lines = _report_text.report(journal)
    path, text = os.path.join(folder, "finalized.md"), "\n".join(lines).rstrip() + "\n"
    changed = not os.path.exists(path) or _files.read(path) != text
    if changed and not module.check_mode:
        _files.write_atomically(path, text)
    module.exit_json(changed=changed, report=lines, path=path)


if __name__ == "__main__":
    main()
