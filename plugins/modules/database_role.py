#!/usr/bin/python
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: database_role
short_description: Make LiteLLM's database role in a container no superuser
version_added: 0.2.0
description:
  - The role that LiteLLM logs in as may log in and owns its database, and has no other right. What
    a dump or LiteLLM itself calls in the database runs with those rights.
  - The server's superuser has no password and is reached on the local socket of the container
    alone.
  - Where LiteLLM's role is the server's bootstrap superuser, as release 0.1.0 made it, that one
    gets another name, and a new role of LiteLLM's name and password gets what it owned. Clients may
    be served meanwhile. A run that is killed is finished by the next.
author: llmops.litellm contributors (@llmops)
options:
  container:
    description: Name of the container. It runs.
    type: str
    required: true
  env_file:
    description:
      - File on the host with the role's name, password and database as C(POSTGRES_USER),
        C(POSTGRES_PASSWORD) and C(POSTGRES_DB), as the role C(env_file) writes it.
    type: path
    required: true
  writes:
    description:
      - Whether the role may write. If not, who is connected over the network is disconnected, and
        sessions from then on may only read unless they ask for more by name, so that nobody writes
        to a database that is not the one that counts. If it may, a publication that
        M(llmops.litellm.database_switch) has left where it was killed is removed.
    type: bool
    default: true
attributes:
  check_mode:
    description: Looks at the role, and says whether it would be changed.
    support: full
  diff_mode:
    description: A password can't be shown.
    support: none
seealso:
  - module: llmops.litellm.database
"""

EXAMPLES = r"""
- name: Make LiteLLM's role
  llmops.litellm.database_role:
    container: litellm-postgres
    env_file: /opt/litellm/.env
"""

RETURN = r"""
role:
  description: Name of LiteLLM's role.
  returned: success
  type: str
  sample: litellm
superuser:
  description: Name of the server's superuser, which the container's local socket lets in.
  returned: success
  type: str
  sample: postgres
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._postgres import endpoint as _endpoint
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import fence as _fence
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import follow as _follow
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import role as _role

NAMES = ("POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB")


def run(params: dict[str, Any], check: bool) -> dict[str, Any]:
    """The role of a container, as its environment names it.

    :raises PostgresError: the file does not name it, or the server does not take it.
    """
    values = _endpoint.read_env(params["env_file"])
    missing = [name for name in NAMES if not values.get(name)]
    if missing:
        raise _endpoint.PostgresError(
            "%s does not set %s" % (params["env_file"], ", ".join(missing))
        )
    user, password, database = (values[name] for name in NAMES)
    target = _endpoint.Endpoint(database, user, params["container"])
    changed = _role.secure(target, password, check)
    changed = _role.provide(target, check) or changed
    changed = allow(target, params["writes"], check) or changed
    if params["writes"]:
        changed = forget(target, check) or changed
    return {"changed": changed, "role": user, "superuser": _role.administrator(target).user}


def allow(target: _endpoint.Endpoint, writes: bool, check: bool) -> bool:
    """Whether the role may write, or may not; true where that was, or would be, changed."""
    with _fence.Fence(target) as fence:
        if fence.is_up != writes:
            return False
        if not check:
            (fence.take_down if writes else fence.put_up)()
    return True


def forget(target: _endpoint.Endpoint, check: bool) -> bool:
    """Nobody follows it any more; true where somebody who was killed did."""
    return not check and _follow.forget(_role.administrator(target).on(target.database))


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "container": {"type": "str", "required": True},
            "env_file": {"type": "path", "required": True},
            "writes": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**run(module.params, module.check_mode))
    except _endpoint.PostgresError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
