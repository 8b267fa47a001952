# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: journal_info
short_description: Read the journal of a migration
version_added: 0.1.0
description:
  - Tells where a host stands, from the journal that M(llmops.litellm.journal) writes.
author: llmops.litellm contributors (@llmops)
options:
  folder:
    description: State folder of the deployment.
    type: path
    required: true
  run:
    description:
      - This run, as the lookup P(llmops.litellm.controller_run#lookup) gives it, to see whether
        another one is at work.
    type: dict
  patience:
    description:
      - Seconds without a sign of life after which a run of another controller is taken for dead.
    type: int
    default: 7200
attributes:
  check_mode:
    description: Only looks.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
seealso:
  - module: llmops.litellm.journal
"""

EXAMPLES = r"""
- name: Read the migration state of this host
  llmops.litellm.journal_info:
    folder: /var/lib/llmops-litellm
  register: stand
"""

RETURN = r"""
state:
  description:
    - V(running) (or killed), V(migrated), V(rolled back), V(untouched), V(finalized), or V(none)
      where no migration was ever begun.
  returned: success
  type: str
phase:
  description: The step that was begun last, empty where there is no journal.
  returned: success
  type: str
busy:
  description:
    - Who else is at work on this host, in words; empty where nobody is or O(run) was not given.
  returned: success
  type: str
restoring:
  description:
    - A restore that is under way on this host, or was killed and has to be ended first, in words;
      empty where there is none.
  returned: success
  type: str
steps_on:
  description:
    - The steps by which C(migrate.yml) ends a run that was killed. Empty where all of it begins
      again, null where the legacy deployment has to come back first.
  returned: success
  type: list
  elements: str
  sample: [verify, hand_over]
steps_back:
  description:
    - The steps by which C(rollback.yml) brings the legacy deployment back, empty where it was never
      stopped.
  returned: success
  type: list
  elements: str
  sample: [leave, carry, return, check, clear]
half_staged:
  description:
    - Whether earlier runs on this host began their step C(stage) and none has ever ended it, so
      that the volumes may be half made.
  returned: success
  type: bool
journal:
  description: All of it, empty where there is none.
  returned: success
  type: dict
"""

from datetime import datetime, timezone

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import journal as _journal
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import steps as _steps
from ansible_collections.llmops.litellm.plugins.module_utils._restore import state as _state


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "folder": {"type": "path", "required": True},
            "run": {"type": "dict"},
            "patience": {"type": "int", "default": 7200},
        },
        supports_check_mode=True,
    )
    run = module.params["run"]
    try:
        journal = _journal.load(module.params["folder"])
        restoring = _state.unfinished(module.params["folder"])
    except (_journal.JournalError, _state.RestoreError) as error:
        module.fail_json(msg=str(error))
    if journal is None:
        module.exit_json(
            changed=False,
            state="none",
            phase="",
            busy="",
            restoring=restoring,
            steps_on=[],
            steps_back=[],
            half_staged=False,
            journal={},
        )
    busy = (
        _journal.refusal(journal, run, datetime.now(timezone.utc), module.params["patience"])
        if run
        else None
    )
    module.exit_json(
        changed=False,
        state=journal["state"],
        phase=journal["phase"],
        busy=busy or "",
        restoring=restoring,
        steps_on=_steps.steps_on(journal),
        steps_back=_steps.steps_back(journal),
        half_staged=_journal.half_staged(module.params["folder"]),
        journal=journal,
    )


if __name__ == "__main__":
    main()
