#!/usr/bin/python
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: migration_report
short_description: Write the report of a migration, or of the legacy deployment's retirement
version_added: 0.1.0
description:
  - Writes a report beside the journal, from what the journal holds. There is no secret in it.
  - For a host that is finalized that is C(finalized.md), what was removed and what stays of the
    legacy deployment. For any other it is C(report.md) and C(report.json), of the migration or its
    rollback.
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
- name: Write the report
  llmops.litellm.migration_report:
    folder: /var/lib/llmops-litellm
"""

RETURN = r"""
summary:
  description: The report for a terminal.
  returned: success
  type: list
  elements: str
stuck:
  description:
    - What is where, and which commands end it, on a host that could be brought neither forward nor
      back; else empty.
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
            msg="%s does not exist: there was no migration to report on." % _journal.path_of(folder)
        )
    if journal["state"] == _journal.FINALIZED:
        summary, stuck = _report_text.retirement(journal), []
        name, texts = "finalized.md", {"finalized.md": "\n".join(summary).rstrip() + "\n"}
    else:
        report = _report.build(journal, folder)
        summary, stuck = [*_report_text.summary(report), ""], report["stuck"]
        name, texts = (
            "report.md",
            {
                "report.md": _report_text.markdown(report),
                "report.json": json.dumps(report, indent=1, sort_keys=True) + "\n",
            },
        )
    wanted = {os.path.join(folder, name): text for name, text in texts.items()}
    changed = {
        path: text
        for path, text in wanted.items()
        if not os.path.exists(path) or _files.read(path) != text
    }
    for path, text in ({} if module.check_mode else changed).items():
        _files.write_atomically(path, text)
    document = os.path.join(folder, name)
    module.exit_json(
        changed=bool(changed),
        summary=[*summary, "Report: " + document],
        path=document,
        stuck=stuck,
    )


if __name__ == "__main__":
    main()
