# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: finalize_info
short_description: Whether a migrated host may be without its legacy deployment for good
version_added: 0.1.0
description:
  - Reads the journal, verifies the backup from before the migration, asks the compose deployment, and reads the legacy database from its own
    server, which is started in private for that (see M(llmops.litellm.native_server)) and stopped again.
  - Every reason against it is returned at once. Nothing is changed.
author: llmops.litellm contributors (@llmops)
options:
  state_dir:
    description: State folder of the deployment.
    type: path
    required: true
  backup_dir:
    description: Folder of the backups.
    type: path
    required: true
  project_name:
    description: Name of the Compose project.
    type: str
    default: litellm
  observation_days:
    description: Days after the migration for which the legacy deployment is kept.
    type: float
    default: 7
  drop_database:
    description: Whether the legacy database is to be dropped.
    type: bool
    default: false
  remove_kept:
    description: Whether databases in the volume that hold rows of a proxy which was left are to be dropped.
    type: bool
    default: false
  timeout:
    description: Seconds to wait for an answer of the proxy.
    type: float
    default: 30
attributes:
  check_mode:
    description: Looks at everything but the legacy database, whose server it does not start then.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
"""

EXAMPLES = r"""
- name: Whether this host can be without its legacy deployment is known
  llmops.litellm.finalize_info:
    state_dir: /var/lib/llmops-litellm
    backup_dir: /var/backups/llmops-litellm
  register: found
"""

RETURN = r"""
standing:
  description: V(ready), V(finalized) (nothing is left to do) or V(refused) (not a migrated host).
  returned: success
  type: str
why:
  description: Since when, or why not, in words; empty where it is ready.
  returned: success
  type: str
problems:
  description: Every reason against it, each with what to do.
  returned: success
  type: list
  elements: str
warnings_found:
  description: What does not stop it but should be known.
  returned: success
  type: list
  elements: str
facts:
  description: What was found; empty unless it is ready.
  returned: success
  type: dict
  contains:
    steps:
      description: The steps that are left, in their order.
      type: list
      elements: str
      sample: [last_dump, retire]
    dump:
      description: Name of the last backup.
      type: str
    dump_path:
      description: Its folder.
      type: str
    expect:
      description: Content hash that the legacy database must have.
      type: str
    server:
      description: How its server is started.
      type: dict
    server_unit:
      description: Its unit.
      type: str
    database:
      description: Its name.
      type: str
    files:
      description: Files for the last backup, as M(llmops.litellm.database_backup) takes them.
      type: list
      elements: dict
    units:
      description: Records of the legacy units.
      type: list
      elements: dict
    kept:
      description: Databases in the volume with rows of a proxy that was left, as this host's journals name them.
      type: list
      elements: str
    litellm_version:
      description: Release of the legacy proxy.
      type: str
"""

from datetime import datetime, timezone

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import journal as _journal
from ansible_collections.llmops.litellm.plugins.module_utils._migration import finalize as _finalize


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "state_dir": {"type": "path", "required": True},
            "backup_dir": {"type": "path", "required": True},
            "project_name": {"type": "str", "default": "litellm"},
            "observation_days": {"type": "float", "default": 7},
            "drop_database": {"type": "bool", "default": False},
            "remove_kept": {"type": "bool", "default": False},
            "timeout": {"type": "float", "default": 30},
        },
        supports_check_mode=True,
    )
    try:
        journal = _journal.load(module.params["state_dir"])
    except _journal.JournalError as error:
        module.fail_json(msg=str(error))
    standing, why = _finalize.standing(journal)
    if journal is None or standing != _finalize.READY:
        module.exit_json(
            changed=False, standing=standing, why=why, problems=[], warnings_found=[], facts={}
        )
    found = _finalize.look(
        {**module.params, "check": module.check_mode}, journal, datetime.now(timezone.utc)
    )
    module.exit_json(
        changed=False,
        standing=standing,
        why=why,
        facts=found.facts,
        problems=[str(item) for item in found.problems],
        warnings_found=[str(item) for item in found.warnings],
    )


if __name__ == "__main__":
    main()
