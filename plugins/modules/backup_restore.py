#!/usr/bin/python
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: backup_restore
short_description: Restore a deployment from a backup, or leave it as it was
version_added: 0.1.0
description:
  - Reads every byte of the backup, makes a restore point of what is there, restores the database
    beside the one in service and proves it against the fingerprint that was taken with the dump.
    Only then the proxy stops, the two databases change names, and it starts again.
  - Where the proxy does not serve with the restored database, what was there comes back by itself.
    What was in service is kept under another name until the next restore.
  - A run that was killed is brought to an end by the next one.
  - Refuses a backup that is not sound, was made with another salt key, or has a schema that the
    deployment's LiteLLM does not know; and a host with too little room, or with a migration under
    way.
  - On a host that has no project folder it builds the compose deployment anew from the backup
    alone.
  - The keys in the Compose project's Redis are removed with what was in service; a backup has none.
    Those of a native Redis are left alone.
author: llmops.litellm contributors (@llmops)
options:
  settings:
    description:
      - Settings of the host's command C(litellm-ops). Where the file is not there, the options
        below say what it would.
    type: path
    default: /etc/llmops-litellm/ops.json
  name:
    description: Name of the backup, or V(latest).
    type: str
    default: latest
  path:
    description:
      - Folder that holds the backups. The settings' own, or V(/var/backups/llmops-litellm), where
        it is not given.
    type: path
  kind:
    description:
      - Which deployment to restore into. Where it is not given, the one that serves, as the journal
        says.
    type: str
    choices: [compose, legacy]
  identity:
    description: File on the host with the age identity that opens an encrypted backup.
    type: path
  signed_by:
    description:
      - Public keys of SSH, one of which must have signed the backup. One that is not signed, or by
        another key, is refused before anything of it but its checksums is read.
      - Without a key it is verified that the backup is as it was written, not who wrote it.
    type: list
    elements: str
    default: []
  accept_files:
    description:
      - SHA-256 of files in the backup that root or its Docker would run by, such as
        C(compose.yaml) or C(compose.override.yaml), and that may differ from what this collection
        writes. Without it a backup with such a file is refused on a new host, unless one of
        O(signed_by) has signed it.
    type: list
    elements: str
    default: []
  images:
    description:
      - Images of the services as the inventory has them, of which only the repositories count. A
        C(compose.yaml) that names others differs from what this collection writes. Not compared
        where it is empty.
    type: dict
    default: {}
  publish:
    description:
      - Addresses beside loopback at which the proxy is published, as the inventory has them. A
        C(compose.yaml) that publishes it at others differs from what this collection writes.
    type: list
    elements: str
    default: []
  mounts:
    description:
      - What of the host the proxy's container gets, as the inventory has it. A C(compose.yaml) that
        mounts other places of the host differs from what this collection writes.
    type: list
    elements: raw
    default: []
  network:
    description:
      - The proxy's network as the inventory has it. A proxy in the host's own network differs from
        what this collection writes unless this is V(host).
    type: str
    choices: [bridge, host]
    default: bridge
  restore_point:
    description:
      - Whether to make a verified backup of what is there first. It is pinned, and called
        C(before-restore-) and the time.
    type: bool
    default: true
  wait:
    description: Seconds that the proxy may take to serve.
    type: int
    default: 240
  project_dir:
    description: Folder of the Compose project, on a host without settings.
    type: path
    default: /opt/litellm
  state_dir:
    description: State folder of the deployment, on a host without settings.
    type: path
    default: /var/lib/llmops-litellm
attributes:
  check_mode:
    description:
      - Says what would be lost, and what stands against it. The whole backup and the whole database
        are read for that.
    support: full
  diff_mode:
    description: Rows are not shown; what would be lost is returned in words.
    support: none
seealso:
  - module: llmops.litellm.database_backup
"""

EXAMPLES = r"""
- name: Show what a restore would lose
  llmops.litellm.backup_restore:
    name: 20261123T120501Z
  check_mode: true
  register: foreseen

- name: Restore the newest backup
  llmops.litellm.backup_restore:
    name: 20261123T120501Z

- name: Build the deployment of another host from its backup
  llmops.litellm.backup_restore:
    path: /mnt/copies/llmops-litellm
    settings: /nonexistent
    project_dir: /opt/litellm
"""

RETURN = r"""
name:
  description: Name of the backup.
  returned: success
  type: str
  sample: 20261123T120501Z
path:
  description: Its folder.
  returned: success
  type: str
rows_total:
  description: Rows of its database.
  returned: success
  type: int
loses:
  description: What was in service, or is in check mode, and is not in the backup, table by table.
  returned: success
  type: list
  elements: str
  sample:
    - "LiteLLM_SpendLogs: 1205 rows now, 1190 in the backup: 15 or more are newer and will be lost"
notes:
  description: What one should know.
  returned: success
  type: list
  elements: str
problems:
  description: Why it would be refused.
  returned: in check mode
  type: list
  elements: str
messages:
  description: What was done, in order.
  returned: always
  type: list
  elements: str
point:
  description: Folder of the restore point, empty where there was nothing to keep.
  returned: when a deployment was restored
  type: str
kept:
  description: Name of the database that was in service, empty where there was none.
  returned: when a deployment was restored
  type: str
files:
  description:
    - Files that the backup brings, each with C(name), C(sha256), C(runs) (what becomes of it, in
      words) and C(differs) (what of it this collection would not have written; null where it is not
      compared).
  returned: when a deployment is made anew, also in check mode
  type: list
  elements: dict
stopped:
  description: Seconds without a proxy.
  returned: when a deployment was restored
  type: float
url:
  description: Where the deployment serves.
  returned: when a deployment was made anew
  type: str
"""

import os
from datetime import datetime, timezone
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._backup import settings as _settings
from ansible_collections.llmops.litellm.plugins.module_utils._backup import signature as _signature
from ansible_collections.llmops.litellm.plugins.module_utils._config import mounts as _mounts
from ansible_collections.llmops.litellm.plugins.module_utils._deployment.compose_file import (
    Expected,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import display as _display
from ansible_collections.llmops.litellm.plugins.module_utils._host import (
    loaded_images as _loaded_images,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import problem as _problem
from ansible_collections.llmops.litellm.plugins.module_utils._host.problem import OperatorError
from ansible_collections.llmops.litellm.plugins.module_utils._restore import plan as _plan
from ansible_collections.llmops.litellm.plugins.module_utils._restore import (
    rebuild as _rebuild,
)
from ansible_collections.llmops.litellm.plugins.module_utils._restore import (
    restore as _restore,
)

BACKUPS = "/var/backups/llmops-litellm"


def order_of(params: dict[str, Any], now: datetime) -> _plan.AnyOrder:
    """The module's arguments as an order.

    :raises OperatorError: they are none.
    """
    identity, signers = params["identity"] or "", tuple(params["signed_by"])
    _signature.check_keys(signers)
    accepted = tuple(params["accept_files"])
    images = params["images"]
    here = {service: _loaded_images.same(str(image)) for service, image in images.items()}
    try:
        mounts = tuple(item.source for item in _mounts.parse(params["mounts"]))
    except ValueError as error:
        raise OperatorError("litellm_mounts: %s." % error) from None
    expected = Expected(params["network"], images, here, tuple(params["publish"]), mounts)
    if os.path.exists(params["settings"]):
        settings = _settings.load(params["settings"])
        return _plan.order(
            settings,
            now,
            params["name"],
            params["kind"] or "",
            params["path"] or "",
            identity,
            params["restore_point"],
            params["wait"],
            signers,
            accepted,
            expected,
        )
    path = _plan.backup_path(params["path"] or BACKUPS, params["name"], now)
    return _rebuild.Order(
        path,
        params["project_dir"],
        params["state_dir"],
        identity,
        timeout=params["wait"],
        signers=signers,
        accepted=accepted,
        expected=expected,
    )


# names of a backup's tables and files are in them
SHOWN = ("loses", "messages", "notes", "problems")


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "settings": {"type": "path", "default": _settings.PATH},
            "name": {"type": "str", "default": "latest"},
            "path": {"type": "path"},
            "kind": {"type": "str", "choices": ["compose", "legacy"]},
            "identity": {"type": "path"},
            "signed_by": {"type": "list", "elements": "str", "default": []},
            "accept_files": {"type": "list", "elements": "str", "default": []},
            "images": {"type": "dict", "default": {}},
            "publish": {"type": "list", "elements": "str", "default": []},
            "mounts": {"type": "list", "elements": "raw", "default": []},
            "network": {"type": "str", "choices": ["bridge", "host"], "default": "bridge"},
            "restore_point": {"type": "bool", "default": True},
            "wait": {"type": "int", "default": 240},
            "project_dir": {"type": "path", "default": "/opt/litellm"},
            "state_dir": {"type": "path", "default": "/var/lib/llmops-litellm"},
        },
        supports_check_mode=True,
    )
    now = datetime.now(timezone.utc)
    messages: list[str] = []
    try:
        order = order_of(module.params, now)
        if isinstance(order, _rebuild.Order):
            done = (
                _rebuild.dry_run(order)
                if module.check_mode
                else _rebuild.rebuild(order, now, messages.append)
            )
        else:
            done = (
                _restore.dry_run(order)
                if module.check_mode
                else _restore.restore(order, now, messages.append)
            )
    except OperatorError as error:
        module.fail_json(msg=str(error), messages=_display.each(messages))
    except OSError as error:
        module.fail_json(msg=_problem.words(error), messages=_display.each(messages))
    result = {"changed": True, "loses": [], "messages": messages, **done}
    shown = {name: _display.each(result[name]) for name in SHOWN if name in result}
    module.exit_json(**{**result, **shown})


if __name__ == "__main__":
    main()
