# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: rollback_info
short_description: What the way back from a migration would keep and lose, and what stands against it
version_added: 0.1.0
description:
  - Reads the journal, counts the rows that were written since the cutover, and looks whether the legacy deployment can come back.
  - Every reason against it is returned at once. Nothing is changed.
author: llmops.litellm contributors (@llmops)
options:
  folder:
    description: State folder of the deployment.
    type: path
    required: true
  container:
    description: Container with the compose deployment's PostgreSQL.
    type: str
    required: true
  database:
    description: Database in it.
    type: str
    required: true
  user:
    description: Role to connect as.
    type: str
    required: true
  data:
    description:
      - What the legacy database is to hold. V(carry) brings home what was written since the cutover, V(backup) takes the backup from
        before the migration, V(none) leaves it as it was at the cutover.
    type: str
    choices: [carry, backup, none]
    default: carry
attributes:
  check_mode:
    description: Only looks.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
"""

EXAMPLES = r"""
- name: What each choice keeps and loses is known
  llmops.litellm.rollback_info:
    folder: /var/lib/llmops-litellm
    container: litellm-postgres
    database: litellm
    user: litellm
"""

RETURN = r"""
problems:
  description: Every reason against the way back, each with what to do.
  returned: success
  type: list
  elements: str
warnings_found:
  description: What does not stop it but should be known.
  returned: success
  type: list
  elements: str
facts:
  description: What was found.
  returned: success
  type: dict
  contains:
    carries:
      description: Whether there may be rows that the legacy database does not have.
      type: bool
    since:
      description: Keys created, requests logged and spend recorded since the cutover. Null where they can't be counted.
      type: dict
      sample: {keys: 3, requests: 812, spend: 1.25}
    tables:
      description: Tables that differ from what they were at the cutover.
      type: list
      elements: dict
      sample: [{name: LiteLLM_SpendLogs, before: 20025, after: 20837}]
    told:
      description: The same in words.
      type: str
    choices:
      description: What each value of O(data) keeps and loses, in words.
      type: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import journal as _journal
from ansible_collections.llmops.litellm.plugins.module_utils._migration import rollback as _rollback
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import session as _session


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "folder": {"type": "path", "required": True},
            "container": {"type": "str", "required": True},
            "database": {"type": "str", "required": True},
            "user": {"type": "str", "required": True},
            "data": {"type": "str", "choices": list(_rollback.CHOICES), "default": _rollback.CARRY},
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        journal = _journal.load(params["folder"])
    except _journal.JournalError as error:
        module.fail_json(msg=str(error))
    if journal is None:
        module.fail_json(
            msg="%s does not exist: there was no migration to come back from."
            % _journal.path_of(params["folder"])
        )
    endpoint = _session.Endpoint(
        database=params["database"], user=params["user"], container=params["container"]
    )
    found = _rollback.look(journal, endpoint, params["data"])
    module.exit_json(
        changed=False,
        facts=found.facts,
        problems=[str(item) for item in found.problems],
        warnings_found=[str(item) for item in found.warnings],
    )


if __name__ == "__main__":
    main()
