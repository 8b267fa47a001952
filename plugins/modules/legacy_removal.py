# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: legacy_removal
short_description: Remove the unit files of a retired legacy deployment that a backup has
version_added: 0.1.0
description:
  - Removes a unit's own file, the drop-ins of its owner and the links to it, each as the account that owns the unit, and reloads the managers.
  - A file goes only if the backup is sound and has exactly its content; otherwise nothing goes at all. Files of packages stay, and so do
    sources outside of systemd's folders.
author: llmops.litellm contributors (@llmops)
options:
  units:
    description: Records of the units as M(llmops.litellm.preflight_info) returns them.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the unit.
        type: str
        required: true
      scope:
        description: Which kind of manager has it.
        type: str
        choices: [system, user]
        default: system
      account:
        description: The account of the user manager; empty for the system's.
        type: str
        default: ''
      enabled:
        description: The recorded state of the unit file.
        type: str
      active:
        description: The recorded state of the unit.
        type: str
      path:
        description: The unit file itself, not a link to it.
        type: str
        default: ''
  backup:
    description: Folder of the backup that has them. In check mode it need not be there yet.
    type: path
    required: true
attributes:
  check_mode:
    description: Says what would be removed.
    support: full
  diff_mode:
    description: Shows the paths, not what is in them.
    support: full
"""

EXAMPLES = r"""
- name: Legacy units are gone
  llmops.litellm.legacy_removal:
    units: "{{ found.legacy.units }}"
    backup: /var/backups/llmops-litellm/legacy-final-20261123t150000z-12ab
"""

RETURN = r"""
removed:
  description: Paths that were removed.
  returned: success
  type: list
  elements: str
stays:
  description: Unit files that stay, and why.
  returned: success
  type: list
  elements: dict
  sample: [{path: /usr/lib/systemd/system/postgresql@.service, reason: belongs to a package}]
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._backup import backup as _backup
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    unit_removal as _unit_removal,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import systemd as _systemd


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "units": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "scope": {"type": "str", "choices": ["system", "user"], "default": "system"},
                    "account": {"type": "str", "default": ""},
                    "enabled": {"type": "str"},
                    "active": {"type": "str"},
                    "path": {"type": "str", "default": ""},
                },
            },
            "backup": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    units, backup = module.params["units"], module.params["backup"]
    hashes = None
    try:
        if not (module.check_mode and not os.path.exists(backup)):
            wrong = _backup.verify(backup)
            if wrong:
                module.fail_json(
                    msg="Nothing was removed: the backup is not sound: %s" % "; ".join(wrong)
                )
            hashes = {entry["sha256"] for entry in _backup.manifest(backup)["files"]}
        planned = _unit_removal.plan(units, hashes)
        if planned.problems:
            module.fail_json(
                msg="Nothing was removed. %s" % " ".join(str(item) for item in planned.problems)
            )
        removed = _unit_removal.remove(planned, units, module.check_mode)
    except (_backup.BackupError, _systemd.SystemdError) as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg="%s: %s" % (error.filename, error.strerror))
    diff = {
        "before": "".join(path + "\n" for path in removed),
        "after": "",
        "before_header": "legacy units",
        "after_header": "legacy units",
    }
    module.exit_json(changed=bool(removed), removed=removed, stays=planned.stays, diff=diff)


if __name__ == "__main__":
    main()
