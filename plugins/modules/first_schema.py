#!/usr/bin/python
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: first_schema
short_description: Have LiteLLM's image make its tables in the database of a new deployment
version_added: 1.0.0
description:
  - Runs the migrations of the project's image in a container that is removed afterwards, and fails
    unless the tables are there then. Does nothing where they are.
  - Prisma puts the database's URL on a command line. So LiteLLM's role has another password
    meanwhile, which is void afterwards; its own is never there.
  - PostgreSQL runs, and nobody uses the database.
author: llmops.litellm contributors (@llmops)
options:
  folder:
    description: Folder of the Compose project.
    type: path
    required: true
  project_name:
    description: Name of the Compose project.
    type: str
    default: litellm
  postgres_host:
    description: Name of the PostgreSQL service on the project's network.
    type: str
    default: postgres
attributes:
  check_mode:
    description: Says whether the tables would be made.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
seealso:
  - module: llmops.litellm.database_role
"""

EXAMPLES = r"""
- name: Make LiteLLM's tables
  llmops.litellm.first_schema:
    folder: /opt/litellm
"""

RETURN = r"""
missing:
  description: What was missing before, in words; empty where the tables were there.
  returned: success
  type: str
  sample: it has no tables of LiteLLM's
"""

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    compose_project as _compose_project,
)
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    first_schema as _first_schema,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host.problem import OperatorError
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import endpoint as _endpoint


def run(params: dict[str, Any], check: bool) -> dict[str, Any]:
    """Make the tables where they are missing.

    :raises OperatorError: it can't be done.
    """
    values = _endpoint.read_env(os.path.join(params["folder"], ".env"))
    names = _compose_project.container_names(params["project_name"])
    try:
        target = _endpoint.Endpoint(
            values["POSTGRES_DB"], values["POSTGRES_USER"], names["postgres"]
        )
        password = values["POSTGRES_PASSWORD"]
    except KeyError as error:
        raise _endpoint.PostgresError(
            "%s/.env does not set %s" % (params["folder"], error.args[0])
        ) from None
    missing = _first_schema.missing(target)
    if missing and not check:
        _first_schema.make(
            params["folder"], params["project_name"], target, password, params["postgres_host"]
        )
    return {"changed": bool(missing), "missing": missing}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "folder": {"type": "path", "required": True},
            "project_name": {"type": "str", "default": "litellm"},
            "postgres_host": {"type": "str", "default": "postgres"},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**run(module.params, module.check_mode))
    except OperatorError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
