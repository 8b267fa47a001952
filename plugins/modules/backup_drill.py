#!/usr/bin/python
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: backup_drill
short_description: Restore a backup into a throwaway container, to prove that it can be
version_added: 0.1.0
description:
  - Restores the backup's database into a PostgreSQL container without network and port, compares it with the manifest, and removes it with its data.
  - Nothing else on the host is touched. What a drill that was killed has left is removed first.
author: llmops.litellm contributors (@llmops)
options:
  path:
    description: Folder that holds the backups.
    type: path
    default: /var/backups/llmops-litellm
  name:
    description: Name of the backup, or V(latest).
    type: str
    default: latest
  image:
    description: Image of PostgreSQL, present on the host. The one that the backup's manifest names where it is not given.
    type: str
  identity:
    description: File on the host with the age identity that opens an encrypted backup.
    type: path
attributes:
  check_mode:
    description: Says which backup and which image it would take, and verifies nothing.
    support: full
  diff_mode:
    description: Nothing on the host differs afterwards.
    support: none
seealso:
  - module: llmops.litellm.backup_restore
"""

EXAMPLES = r"""
- name: Newest backup can be restored
  llmops.litellm.backup_drill:
  register: drill
"""

RETURN = r"""
name:
  description: Name of the backup.
  returned: success
  type: str
  sample: 20261123T120501Z
image:
  description: The image that was used.
  returned: success
  type: str
rows:
  description: Rows that were restored.
  returned: success, except in check mode
  type: int
tables:
  description: Tables that were restored.
  returned: success, except in check mode
  type: int
seconds:
  description: Seconds that it took.
  returned: success, except in check mode
  type: float
differences:
  description: How what was restored differs from the manifest, where it does.
  returned: when it differs
  type: list
  elements: str
"""

from datetime import datetime, timezone

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._backup import backup as _backup
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import session as _session
from ansible_collections.llmops.litellm.plugins.module_utils._restore import drill as _drill
from ansible_collections.llmops.litellm.plugins.module_utils._restore import plan as _plan


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "default": "/var/backups/llmops-litellm"},
            "name": {"type": "str", "default": "latest"},
            "image": {"type": "str"},
            "identity": {"type": "path"},
        },
        supports_check_mode=True,
    )
    params = module.params
    now = datetime.now(timezone.utc)
    try:
        path = _plan.backup_path(params["path"], params["name"], now)
        manifest = _backup.manifest(path)
        told = {
            "changed": False,
            "name": manifest.get("name"),
            "image": params["image"] or _drill.image_of(manifest),
        }
        if module.check_mode:
            module.exit_json(**told)
        done = _drill.drill(path, told["image"], now, identity=params["identity"] or "")
    except (_session.PostgresError, _backup.BackupError) as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg="%s: %s" % (error.filename, error.strerror))
    if done["differences"]:
        module.fail_json(
            msg="%s was restored and is not what its manifest says: %s"
            % (path, "; ".join(done["differences"])),
            **{**told, **done},
        )
    module.exit_json(**{**told, **done})


if __name__ == "__main__":
    main()
