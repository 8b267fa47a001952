# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: journal_info
short_description: Read the journal of a migration
version_added: 0.1.0
description:
  - Says where a host is, from the journal that M(llmops.litellm.journal) writes.
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
  register: state
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
deploying:
  description:
    - A run of C(deploy.yml) that is under way on this host, or was killed and has to be ended
      first, in words; empty where there is none.
  returned: success
  type: str
deployment:
  description:
    - The record of C(deploy.yml) on this host, as M(llmops.litellm.deployment_record) writes it;
      empty where there is none. Where nothing is migrated, RV(state) is C(deployed) with it.
  returned: success
  type: dict
images:
  description: The image that runs now, by service, as M(llmops.litellm.docker_images_info) has it.
  returned: success
  type: dict
steps_early:
  description:
    - The steps of a migration before the cutover, in their order.
    - They touch nothing of the legacy deployment.
  returned: success
  type: list
  elements: str
  sample: [record, images, environment, stage, rehearse, backup, snapshot]
steps_late:
  description: The steps of a migration from the cutover on, in their order.
  returned: success
  type: list
  elements: str
  sample: [cutover, serve, verify, hand_over]
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
  sample:
    [pause_timers, transition_back, stop_new, copy_back, start_legacy, verify_legacy, remove_new]
refused_since:
  description:
    - The time since which a migration that goes on, or was killed, refuses clients.
    - Null where they are served.
  returned: success
  type: str
  sample: "2026-11-23T15:00:00.000000+00:00"
rows_stay:
  description:
    - Whether the new proxy has served, and what it wrote was not proved to be in the legacy
      database.
  returned: success
  type: bool
copying_back:
  description:
    - Whether the run that goes on, or was killed, is in the step that copies rows into the legacy
      database.
  returned: success
  type: bool
legacy_hash:
  description:
    - The content hash of the legacy database when it was left last, empty where nothing proves it.
  returned: success
  type: str
backup_path:
  description: The backup from before the migration, empty where there is none.
  returned: success
  type: str
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
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    position as _position,
)
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import record as _record
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
        record = _record.load(module.params["folder"])
    except (_journal.JournalError, _state.RestoreError) as error:
        module.fail_json(msg=str(error))
    now, patience = datetime.now(timezone.utc), module.params["patience"]
    module.exit_json(
        changed=False,
        busy=(_journal.refusal(journal, run, now, patience) if run else None)
        or (_record.refusal(record, run, now, patience) if run else ""),
        restoring=restoring,
        deploying=_record.unfinished(module.params["folder"]),
        **_record.described(_position.describe(journal, module.params["folder"]), record),
    )


if __name__ == "__main__":
    main()
