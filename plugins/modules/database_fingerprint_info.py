#!/usr/bin/python
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: database_fingerprint_info
short_description: Tell what a PostgreSQL database holds
version_added: 0.1.0
description:
  - Counts the rows of every user table exactly and hashes their contents, the sequences and the
    schema, in one snapshot.
  - Equal contents have equal hashes on every PostgreSQL from 13 to 18, whatever the order of the
    rows.
  - Of a native database that holds more than LiteLLM's own, only LiteLLM's part counts.
author: llmops.litellm contributors (@llmops)
extends_documentation_fragment:
  - llmops.litellm.database.endpoint
options:
  snapshot:
    description:
      - A snapshot that another session exported with C(pg_export_snapshot()) and still holds.
    type: str
attributes:
  check_mode:
    description: Only looks.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
seealso:
  - module: llmops.litellm.database
"""

EXAMPLES = r"""
- name: Fingerprint the native database
  llmops.litellm.database_fingerprint_info:
    endpoint:
      env_file: /var/lib/llmops-litellm/legacy.env
  register: legacy

- name: Fingerprint the container's database
  llmops.litellm.database_fingerprint_info:
    endpoint:
      container: litellm-postgres
      database: litellm
      user: litellm
  register: compose
"""

RETURN = r"""
fingerprint:
  description: What the database holds.
  returned: success
  type: dict
  contains:
    server_version:
      description: Version as the server writes it. Not part of any hash.
      type: str
      sample: 15.20 (Debian 15.20-0+deb12u1)
    server_major:
      description: Its first number.
      type: int
      sample: 15
    tables:
      description:
        - Every user table, by name. Tables outside of schema V(public) are named C(schema.table).
      type: list
      elements: dict
      sample:
        - schema: public
          name: LiteLLM_UserTable
          rows: 3
          hash: 8f2c41d06e3ab9975d10cc34aa017be2
    sequences:
      description: Every sequence and where it stands.
      type: list
      elements: dict
      sample:
        - {schema: public, name: LiteLLM_ModelTable_id_seq, last_value: 1, is_called: false}
    schema_hash:
      description:
        - Hash of columns, types, defaults, constraints, indexes, views, types, functions and
          triggers.
      type: str
    rows_total:
      description: Rows of all tables.
      type: int
      sample: 20417
    hash:
      description: Hash of all of this but the version.
      type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    fingerprint as _fingerprint,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import session as _session


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "endpoint": {
                "type": "dict",
                "required": True,
                "options": _session.ENDPOINT_OPTIONS,
                **_session.ENDPOINT_RULES,
            },
            "snapshot": {"type": "str"},
        },
        supports_check_mode=True,
    )
    try:
        endpoint = _session.Endpoint.from_params(module.params["endpoint"])
        found = _fingerprint.fingerprint(endpoint, module.params["snapshot"])
    except _session.PostgresError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, fingerprint=found)


if __name__ == "__main__":
    main()
