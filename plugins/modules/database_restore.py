#!/usr/bin/python
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: database_restore
short_description: Restore a backup's database and prove it
version_added: 0.1.0
description:
  - Checks every byte of a backup that M(llmops.litellm.database_backup) made, restores its database under a name of its own, proves it
    against the fingerprint that was taken with the dump, and gives it the target's name.
  - Refuses a target that holds anything that this collection did not put there, or that has clients connected.
  - The role of O(target) must be allowed to create databases and to connect to database V(postgres).
author: llmops.litellm contributors (@llmops)
extends_documentation_fragment:
  - llmops.litellm.database.target
options:
  path:
    description: Folder of the backup.
    type: path
    required: true
attributes:
  check_mode:
    description: Checks the backup and its format, and restores nothing.
    support: full
  diff_mode:
    description: Rows are not shown.
    support: none
seealso:
  - module: llmops.litellm.database_backup
"""

EXAMPLES = r"""
- name: Backup is there to look at
  llmops.litellm.database_restore:
    path: /var/backups/llmops-litellm/before-migration-20261123t210000z-1a2b
    target:
      container: litellm-postgres
      database: look
      user: litellm
"""

RETURN = r"""
fingerprint:
  description: What the restored database holds, as M(llmops.litellm.database_fingerprint_info) returns it. In check mode what the backup says.
  returned: success
  type: dict
created:
  description: When the backup was made.
  returned: success
  type: str
  sample: "2026-11-23T21:00:00+00:00"
"""

from datetime import datetime, timezone

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._backup import backup as _backup
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import session as _session
from ansible_collections.llmops.litellm.plugins.module_utils._restore import database as _database


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "target": {
                "type": "dict",
                "required": True,
                "options": _session.ENDPOINT_OPTIONS,
                **_session.ENDPOINT_RULES,
            },
        },
        supports_check_mode=True,
    )
    folder = module.params["path"]
    try:
        target = _session.Endpoint.from_params(module.params["target"])
        if module.check_mode:
            problems = _backup.verify(folder)
            if problems:
                module.fail_json(msg="the backup is not sound: %s" % "; ".join(problems))
            told = _backup.manifest(folder)
            module.exit_json(changed=True, fingerprint=told["fingerprint"], created=told["created"])
        done = _database.restore(folder, target, datetime.now(timezone.utc))
    except (_session.PostgresError, _backup.BackupError) as error:
        module.fail_json(msg=str(error))
    if done["differences"]:
        module.fail_json(
            msg="the restored database is not what was backed up, and was removed: %s"
            % "; ".join(done["differences"])
        )
    module.exit_json(
        changed=True, fingerprint=done["fingerprint"], created=done["manifest"]["created"]
    )


if __name__ == "__main__":
    main()
