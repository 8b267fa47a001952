# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: migration_report
short_description: Write the report of a migration
version_added: 0.1.0
description:
  - Makes C(report.md) and C(report.json) beside the journal, from what the journal holds. There is no secret in them.
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
  llmops.litellm.migration_report:
    folder: /var/lib/llmops-litellm
"""

RETURN = r"""
summary:
  description: The report in a few lines, for a terminal.
  returned: success
  type: list
  elements: str
stuck:
  description: What is where, and which commands end it, on a host that could be brought neither forward nor back; else empty.
  returned: success
  type: list
  elements: str
path:
  description: The report as a document.
  returned: success
  type: str
  sample: /var/lib/llmops-litellm/report.md
"""

import json
import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import journal as _journal
from ansible_collections.llmops.litellm.plugins.module_utils._host import files as _files
from ansible_collections.llmops.litellm.plugins.module_utils._migration import report as _report
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
            msg="%s does not exist: there was no migration to report of." % _journal.path_of(folder)
        )
    report = _report.build(journal, folder)
    path = os.path.join(folder, "report.md")
    wanted = {
        path: _report_text.markdown(report),
        os.path.join(folder, "report.json"): json.dumps(report, indent=1, sort_keys=True) + "\n",
    }
    changed = {
        name: text
        for name, text in wanted.items()
        if not os.path.exists(name) or _files.read(name) != text
    }
    for name, text in ({} if module.check_mode else changed).items():
        _files.write_atomically(name, text)
    module.exit_json(
        changed=bool(changed),
        summary=[*_report_text.summary(report), "", "Report: " + path],
        path=path,
        stuck=report["stuck"],
    )


if __name__ == "__main__":
    main()
