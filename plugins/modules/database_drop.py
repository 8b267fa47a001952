# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: database_drop
short_description: Drop a PostgreSQL database whose rows are kept elsewhere or are this collection's own
version_added: 0.1.0
description:
  - With O(expect) a database is dropped only if it holds exactly what has that content hash. Without it, only a database that carries
    this collection's mark is dropped.
  - Nothing is dropped while clients are connected. One that is not there is no failure.
author: llmops.litellm contributors (@llmops)
extends_documentation_fragment:
  - llmops.litellm.database.endpoint
options:
  expect:
    description: Content hash, as M(llmops.litellm.database_fingerprint_info) tells it, of what the database must hold.
    type: str
attributes:
  check_mode:
    description: Says whether it would be dropped, and refuses as the run itself.
    support: full
  diff_mode:
    description: Rows are not shown.
    support: none
"""

EXAMPLES = r"""
- name: Database of a proxy that was left is gone
  llmops.litellm.database_drop:
    endpoint:
      container: litellm-postgres
      database: litellm_20261123t150000z-12ab
      user: litellm
"""

RETURN = r"""
dropped:
  description: Name of the database, empty where there was none.
  returned: success
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._postgres import database as _database
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
            "expect": {"type": "str"},
        },
        supports_check_mode=True,
    )
    try:
        endpoint = _session.Endpoint.from_params(module.params["endpoint"])
        dropped = _database.drop(endpoint, module.params["expect"], module.check_mode)
    except _session.PostgresError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=dropped, dropped=endpoint.database if dropped else "")


if __name__ == "__main__":
    main()
