#!/usr/bin/python
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: database_backup
short_description: Make a verified backup of a LiteLLM deployment's database and files
version_added: 0.1.0
description:
  - Dumps the database into a folder of its own beside copies of the files that belong to it, with a
    manifest, and reads all of it back.
  - The folder appears whole or not at all. A run that fails, or is killed, leaves nothing that
    looks like a backup.
  - Of a native database that holds more than LiteLLM's own, LiteLLM's part is dumped.
  - Free space is checked first, against the size that the database has on disk.
author: llmops.litellm contributors (@llmops)
extends_documentation_fragment:
  - llmops.litellm.database.source
options:
  path:
    description: Folder of the backups. Made (0700) where it is missing.
    type: path
    required: true
  name:
    description:
      - Name of the backup. Without it, the time in UTC is the name, and every run makes a backup.
      - Where a backup of this name is there, it is verified and returned, and nothing is made.
    type: str
  kind:
    description: Which deployment this is a backup of.
    type: str
    choices: [legacy, compose]
    required: true
  pinned:
    description: Whether retention must leave it alone.
    type: bool
    default: false
  files:
    description:
      - Files on the host to copy into the backup (0600). What a F(config.yaml) among them includes
        comes along.
    type: list
    elements: dict
    default: []
    suboptions:
      src:
        description: Path on the host.
        type: path
        required: true
      name:
        description: Name in the backup. The file's own where it is not given.
        type: str
      account:
        description:
          - Account that reads it, as C(legacy.reader) of M(llmops.litellm.legacy_info) names it.
          - If it is not given, or V(root), whoever could have chosen what lies there, which root is
            where only root can write.
        type: str
        default: ''
  salt_key_file:
    description:
      - Env file on the host that sets C(LITELLM_SALT_KEY) or else C(LITELLM_MASTER_KEY).
      - A fingerprint of that key goes into the manifest, so that a restore can tell whether it
        fits. Never the key.
    type: path
  facts:
    description: What else the manifest should say, such as versions and image digests. No secrets.
    type: dict
    default: {}
  compression:
    description: Level of C(pg_dump)'s compression, 0 (none) to 9.
    type: int
    default: 6
  jobs:
    description:
      - Connections at once in which a large database is dumped, into a folder of files. V(1) for
        one file whatever its size.
    type: int
    default: 2
  parallel_from:
    description: Size in MiB from which on a database counts as large. V(0) for never.
    type: int
    default: 10240
  encrypt_to:
    description:
      - Public keys (C(age1…), C(ssh-ed25519 …), C(ssh-rsa …)) to encrypt the dump and the files to,
        by the program C(age) of the host.
      - The manifest and the checksums stay readable. Only the owner of a secret key can restore
        such a backup.
      - It is always dumped as one stream, so that nothing of it is on disk in the clear.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    description: Checks names, files and free space, and says what it would do.
    support: full
  diff_mode:
    description: Rows are not shown.
    support: none
seealso:
  - module: llmops.litellm.database
"""

EXAMPLES = r"""
- name: Make a pinned backup of the legacy deployment
  llmops.litellm.database_backup:
    source:
      env_file: /var/lib/llmops-litellm/legacy.env
    path: /var/backups/llmops-litellm
    name: before-migration
    kind: legacy
    pinned: true
    files:
      - src: /home/litellm/llm@team/config.yaml
      - src: /var/lib/llmops-litellm/legacy.env
    salt_key_file: /var/lib/llmops-litellm/legacy.env
  register: backup
"""

RETURN = r"""
name:
  description: Name of the backup, also of one that would be made in check mode.
  returned: success
  type: str
  sample: 20261123T120501Z
path:
  description: Its folder.
  returned: success
  type: str
  sample: /var/backups/llmops-litellm/20261123T120501Z
needed_bytes:
  description: Bytes that the backup may need at most.
  returned: in check mode, unless the backup is there
  type: int
free_bytes:
  description: Bytes that are free where it goes.
  returned: in check mode, unless the backup is there
  type: int
bytes:
  description: Bytes of all its files.
  returned: success, except in check mode
  type: int
seconds:
  description: Seconds that it took, verification included.
  returned: success, except in check mode
  type: float
manifest:
  description:
    - Its manifest, with the fingerprint of the snapshot that was dumped and the SHA-256 of every
      file.
  returned: success, except in check mode
  type: dict
"""

import os
from datetime import datetime, timezone

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._backup import backup as _backup
from ansible_collections.llmops.litellm.plugins.module_utils._backup import settings as _settings
from ansible_collections.llmops.litellm.plugins.module_utils._config import includes as _includes
from ansible_collections.llmops.litellm.plugins.module_utils._host import problem as _problem
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import endpoint as _endpoint
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import session as _session


def order_of(params: dict) -> _backup.Order:
    """The module's arguments as an order."""
    key = None
    if params["salt_key_file"]:
        key = _backup.salt_key(_endpoint.read_env(params["salt_key_file"]))
        if key is None:
            raise _backup.BackupError(
                "%s sets neither LITELLM_SALT_KEY nor LITELLM_MASTER_KEY" % params["salt_key_file"]
            )
    files = {
        entry["name"] or os.path.basename(entry["src"]): entry["src"] for entry in params["files"]
    }
    if len(files) != len(params["files"]):
        raise _backup.BackupError(
            "two of the files would have the same name in the backup: give them names"
        )
    if not 0 <= params["compression"] <= 9 or params["jobs"] < 1 or params["parallel_from"] < 0:
        raise _backup.BackupError(
            "compression must be a number from 0 to 9, jobs one from 1 on,"
            " parallel_from one from 0 on"
        )
    how = _backup.How(
        params["compression"],
        params["jobs"],
        params["parallel_from"] << 20,
        tuple(params["encrypt_to"]),
    )
    found = _includes.with_included(
        files, {name: entry["account"] for name, entry in zip(files, params["files"])}
    )
    return _backup.Order(
        _session.Endpoint.from_params(params["source"]),
        params["path"],
        params["kind"],
        params["name"],
        params["pinned"],
        found.files,
        params["facts"],
        key,
        how,
        found.absent,
        found.readers,
    )


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "source": {
                "type": "dict",
                "required": True,
                "options": _session.ENDPOINT_OPTIONS,
                **_session.ENDPOINT_RULES,
            },
            "path": {"type": "path", "required": True},
            "name": {"type": "str"},
            "kind": {"type": "str", "choices": ["legacy", "compose"], "required": True},
            "pinned": {"type": "bool", "default": False},
            "files": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "src": {"type": "path", "required": True},
                    "name": {"type": "str"},
                    "account": {"type": "str", "default": ""},
                },
            },
            "salt_key_file": {"type": "path", "no_log": False},
            "facts": {"type": "dict", "default": {}},
            "compression": {"type": "int", "default": 6},
            "jobs": {"type": "int", "default": _settings.JOBS},
            "parallel_from": {"type": "int", "default": _settings.PARALLEL_FROM},
            "encrypt_to": {"type": "list", "elements": "str", "default": [], "no_log": False},
        },
        supports_check_mode=True,
    )
    now = datetime.now(timezone.utc)
    try:
        order = order_of(module.params)
        if module.check_mode:
            module.exit_json(**_backup.foresee(order, now))
        done = _backup.backup(order, now)
    except _problem.OperatorError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=_problem.words(error))
    module.exit_json(**done)


if __name__ == "__main__":
    main()
