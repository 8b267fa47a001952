#!/usr/bin/python
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: migration_check
short_description: Check whether a migration can be rolled back, or its legacy deployment retired
version_added: 0.1.0
description:
  - V(cutover) looks once more who uses the native servers beside the proxy, right before they are
    stopped. It changes nothing.
  - V(rollback) reads the journal, counts the rows that were written since the cutover in the
    compose deployment's database, and checks whether the legacy deployment can come back, and who
    uses the containers besides. It changes nothing.
  - V(finalize) reads the journal, verifies the backup from before the migration, asks the compose
    deployment, and compares the legacy database with what it held at the cutover. For that it
    starts the native PostgreSQL in private, read only (see M(llmops.litellm.native_server)), and
    stops it again, which is why this is no C(_info) module. After it the host is as it was before.
  - Every problem is returned at once.
author: llmops.litellm contributors (@llmops)
extends_documentation_fragment:
  - llmops.litellm.database.source
options:
  for:
    description: What the host is checked for.
    type: str
    choices: [cutover, rollback, finalize]
    required: true
  state_dir:
    description: State folder of the deployment.
    type: path
    required: true
  source:
    description: The compose deployment's database, whose rows are counted. Needed for V(rollback).
    required: false
  data:
    description:
      - For V(rollback), what the legacy database is to hold. V(carry) copies back what was written
        since the cutover, V(backup) takes the backup from before the migration, V(none) leaves it
        as it was at the cutover.
    type: str
    choices: [carry, backup, none]
    default: carry
  backup_dir:
    description: Folder of the backups. Needed for V(finalize).
    type: path
  project_name:
    description: Name of the Compose project.
    type: str
    default: litellm
  observation_days:
    description: For V(finalize), days after the migration for which the legacy deployment is kept.
    type: float
    default: 7
  drop_database:
    description: For V(finalize), whether the legacy database is to be dropped.
    type: bool
    default: false
  remove_kept:
    description:
      - For V(finalize), whether databases in the volume that hold rows of a stopped proxy are to be
        dropped.
    type: bool
    default: false
  accept_down:
    description:
      - Names of those who use what is taken down and may lose it, as RV(problems) has them.
    type: list
    elements: str
    default: []
  timeout:
    description: For V(finalize), seconds to wait for an answer of the proxy.
    type: float
    default: 30
attributes:
  check_mode:
    description: Checks everything but the legacy database, whose server it does not start then.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
"""

EXAMPLES = r"""
- name: Check whether this host can be rolled back
  llmops.litellm.migration_check:
    for: rollback
    state_dir: /var/lib/llmops-litellm
    source:
      container: litellm-postgres
      database: litellm
      user: litellm

- name: Check whether the legacy deployment of this host can be retired
  llmops.litellm.migration_check:
    for: finalize
    state_dir: /var/lib/llmops-litellm
    backup_dir: /var/backups/llmops-litellm
"""

RETURN = r"""
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
standing:
  description: V(ready), V(finalized) (nothing is left to do) or V(refused) (not a migrated host).
  returned: success, for V(finalize)
  type: str
why:
  description: Since when, or why not, in words; empty where it is ready.
  returned: success, for V(finalize)
  type: str
facts:
  description: What was found. For V(finalize) empty unless the host is ready.
  returned: success
  type: dict
  contains:
    carries:
      description:
        - For V(rollback), whether there may be rows that the legacy database does not have.
      type: bool
    since:
      description:
        - For V(rollback), keys created, requests logged and spend recorded since the cutover. Null
          where they can't be counted.
      type: dict
      sample: {keys: 3, requests: 812, spend: 1.25}
    tables:
      description: For V(rollback), tables that differ from what they were at the cutover.
      type: list
      elements: dict
      sample: [{name: LiteLLM_SpendLogs, before: 20025, after: 20837}]
    told:
      description: For V(rollback), the same in words.
      type: str
    choices:
      description: For V(rollback), what each value of O(data) keeps and loses, in words.
      type: dict
    steps:
      description: For V(finalize), the steps that are left, in their order.
      type: list
      elements: str
      sample: [last_dump, retire]
    dump:
      description: For V(finalize), name of the last backup.
      type: str
    dump_path:
      description: For V(finalize), its folder.
      type: str
    expect:
      description: For V(finalize), content hash that the legacy database must have.
      type: str
    server:
      description: For V(finalize), how its server is started.
      type: dict
    server_unit:
      description: For V(finalize), its unit.
      type: str
    database:
      description: For V(finalize), its name.
      type: str
    files:
      description:
        - For V(finalize), files for the last backup, as M(llmops.litellm.database_backup) takes
          them.
      type: list
      elements: dict
    units:
      description: For V(finalize), records of the legacy units.
      type: list
      elements: dict
    kept:
      description:
        - For V(finalize), databases in the volume with rows of a stopped proxy, as this host's
          journals name them.
      type: list
      elements: str
    litellm_version:
      description: For V(finalize), release of the legacy proxy.
      type: str
"""

import os
from datetime import datetime, timezone
from typing import Any, Optional

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._config.environment_rules import HERE
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    compose_project as _compose_project,
)
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import journal as _journal
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import places as _places
from ansible_collections.llmops.litellm.plugins.module_utils._host import docker as _docker
from ansible_collections.llmops.litellm.plugins.module_utils._host import problem as _problem
from ansible_collections.llmops.litellm.plugins.module_utils._host.problem import OperatorError
from ansible_collections.llmops.litellm.plugins.module_utils._migration import finalize as _finalize
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    neighbours as _neighbours,
)
from ansible_collections.llmops.litellm.plugins.module_utils._migration import rollback as _rollback
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import endpoint as _endpoint
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import session as _session


def rollback(params: dict[str, Any], journal: Optional[dict], _check: bool) -> dict[str, Any]:
    """What each choice keeps and loses, and the problems of the chosen one.

    :raises JournalError: there was no migration.
    """
    if journal is None:
        raise _journal.JournalError(
            "%s does not exist: there was no migration to roll back."
            % _journal.path_of(params["state_dir"])
        )
    moved = _places.of(_journal.found_in(journal)).database == HERE
    source = _session.Endpoint.from_params(params["source"]) if moved else None
    found = _rollback.inspect(journal, source, params["data"])
    others = _neighbours.of_compose(params["project_name"], params["accept_down"])
    return _result(found._replace(problems=[*found.problems, *others]))


def cutover(params: dict[str, Any], journal: Optional[dict], _check: bool) -> dict[str, Any]:
    """Who uses what is stopped, by now.

    :raises JournalError: no migration is under way.
    """
    if journal is None or not journal["facts"].get("found"):
        raise _journal.JournalError("no migration of this host is under way")
    environment = _endpoint.read_env(os.path.join(params["state_dir"], "legacy.env"))
    found = journal["facts"]["found"]
    ours = _docker.pids(_compose_project.transition_names(params["project_name"]))
    problems = _neighbours.of_legacy(found, environment, params["accept_down"], ours=ours)
    return _result(_rollback.Look({}, problems, []))


def finalize(params: dict[str, Any], journal: Optional[dict], check: bool) -> dict[str, Any]:
    """Whether the host is ready, and then the problems."""
    standing, why = _finalize.position(journal)
    found = _finalize.Look({}, [], [])
    if journal is not None and standing == _finalize.READY:
        found = _finalize.inspect({**params, "check": check}, journal, datetime.now(timezone.utc))
    return {"standing": standing, "why": why, **_result(found)}


def _result(found: Any) -> dict[str, Any]:
    return {
        "facts": found.facts,
        "problems": [str(problem) for problem in found.problems],
        "warnings_found": [str(warning) for warning in found.warnings],
    }


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "for": {
                "type": "str",
                "choices": ["cutover", "rollback", "finalize"],
                "required": True,
            },
            "state_dir": {"type": "path", "required": True},
            "source": {
                "type": "dict",
                "options": _session.ENDPOINT_OPTIONS,
                **_session.ENDPOINT_RULES,
            },
            "data": {"type": "str", "choices": list(_rollback.CHOICES), "default": _rollback.CARRY},
            "backup_dir": {"type": "path"},
            "project_name": {"type": "str", "default": "litellm"},
            "observation_days": {"type": "float", "default": 7},
            "drop_database": {"type": "bool", "default": False},
            "remove_kept": {"type": "bool", "default": False},
            "accept_down": {"type": "list", "elements": "str", "default": []},
            "timeout": {"type": "float", "default": 30},
        },
        required_if=[("for", "rollback", ["source"]), ("for", "finalize", ["backup_dir"])],
        supports_check_mode=True,
    )
    check = {"rollback": rollback, "cutover": cutover, "finalize": finalize}[module.params["for"]]
    try:
        journal = _journal.load(module.params["state_dir"])
        result = check(module.params, journal, module.check_mode)
    except (OperatorError, OSError) as error:
        module.fail_json(msg=_problem.words(error))
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
