#!/usr/bin/python
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: database_pooler
short_description: Let a proxy's queries wait while its database moves
version_added: 1.0.0
description:
  - A proxy reaches its database through PgBouncer, in transaction mode, in a container in the
    host's network. The container itself is not started here.
  - While the pooler is paused, queries wait in it and none reaches the database. Then it leads to
    another database, and they go on there; none fails.
  - A pause ends by itself at its limit, whatever becomes of the run that began it. With V(settled),
    it lasts until V(serving).
author: llmops.litellm contributors (@llmops)
options:
  state:
    description:
      - V(present) writes the files of a pooler that leads to O(target), below O(folder).
        C(pgbouncer/) is for the container, mounted as a folder at C(/etc/pgbouncer);
        C(proxy.env) has the O(variables) with which a proxy reaches the pooler. The password in it
        is made once and known to nobody else. A pooler that runs goes on with what it has read.
      - V(paused) lets clients wait, and returns once the last connection to the database is closed.
        Where a transaction is open for longer than O(patience), clients go on and it fails.
      - V(settled) lets the pause last until V(serving), and verifies that there was one from
        V(paused) until now. It fails where clients went on meanwhile, since rows that they have
        written then are not in a copy.
      - V(serving) leads clients to O(target), lets them go on, and verifies by a query of theirs
        that it comes to this database. It needs no pause. Where the database does not answer,
        nothing is changed.
    type: str
    choices: [present, paused, settled, serving]
    required: true
  folder:
    description:
      - Where the files are. It is root's, and best below C(/run), so that a reboot forgets it.
    type: path
    required: true
  container:
    description: Name of PgBouncer's container. It runs. Needed unless V(present).
    type: str
  target:
    description: The database to which the pooler leads. For V(present) and V(serving).
    type: dict
    suboptions:
      env_file:
        description: File on the host with the database's URL, which has user and password.
        type: path
        required: true
      variable:
        description: Name of the variable in the file.
        type: str
        default: DATABASE_URL
      host:
        description:
          - Where the host reaches the server, if the URL says it otherwise, as one for a container
            does.
        type: str
      port:
        description: At which port.
        type: int
  variables:
    description:
      - Variables of the file of O(target) that C(proxy.env) has, each for the pooler, with the
        parameters that it has there. For V(present).
    type: list
    elements: str
    default: [DATABASE_URL]
  port:
    description: Port of 127.0.0.1 at which the pooler listens. For V(present).
    type: int
    default: 6432
  uid:
    description: As whom PgBouncer runs, as the host numbers it. Needed with V(present).
    type: int
  gid:
    description: In which group. Needed with V(present).
    type: int
  pool_size:
    description:
      - How many connections the pooler may have to the database. Together with those of other
        clients, they have to fit into the server's C(max_connections). For V(present).
    type: int
    default: 20
  limit:
    description: Seconds after which a pause ends by itself. For V(paused).
    type: int
    default: 120
  patience:
    description: Seconds for the transactions that are open when a pause begins. For V(paused).
    type: float
    default: 2.0
attributes:
  check_mode:
    description: Nothing is written, and nobody waits.
    support: full
  diff_mode:
    description: The files have passwords.
    support: none
notes:
  - PgBouncer is 1.21 or newer. Its container has the network of the host, O(folder)C(/pgbouncer)
    at C(/etc/pgbouncer), and no init process, which would hand signals on later.
  - The host needs PostgreSQL's client program C(psql), and systemd.
seealso:
  - module: llmops.litellm.client_hold
  - module: llmops.litellm.database
"""

EXAMPLES = r"""
- name: Write the files of the pooler
  llmops.litellm.database_pooler:
    state: present
    folder: &folder /run/llmops-litellm/pooler
    uid: 999
    gid: 999
    target:
      env_file: /var/lib/llmops-litellm/legacy.env
      host: 127.0.0.1

- name: Pause the pooler
  llmops.litellm.database_pooler:
    state: paused
    folder: *folder
    container: litellm-pooler
    limit: 60

- name: Keep the pause
  llmops.litellm.database_pooler:
    state: settled
    folder: *folder
    container: litellm-pooler

- name: Lead clients to the new database
  llmops.litellm.database_pooler:
    state: serving
    folder: *folder
    container: litellm-pooler
    target:
      env_file: /opt/litellm/.env
      host: 127.0.0.1
      port: 5434
"""

RETURN = r"""
seconds:
  description: For how long clients wait, or have waited.
  returned: success
  type: float
  sample: 1.4
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._host import problem as _problem
from ansible_collections.llmops.litellm.plugins.module_utils._host.problem import OperatorError
from ansible_collections.llmops.litellm.plugins.module_utils._pooler import client as _client
from ansible_collections.llmops.litellm.plugins.module_utils._pooler import pooler as _pooler
from ansible_collections.llmops.litellm.plugins.module_utils._pooler import target as _target
from ansible_collections.llmops.litellm.plugins.module_utils._pooler.folder import Folder, Owner

Outcome = _pooler.Outcome
TARGET: dict[str, Any] = {
    "env_file": {"type": "path", "required": True},
    "variable": {"type": "str", "default": "DATABASE_URL"},
    "host": {"type": "str"},
    "port": {"type": "int"},
}


def present(folder: Folder, params: dict[str, Any], check: bool) -> Outcome:
    """The files are there."""
    where = params["target"]
    target = _target.from_params(where)
    wanted = _pooler.Wanted(
        params["port"],
        Owner(params["uid"], params["gid"]),
        params["pool_size"],
        _client.urls(where["env_file"], where["variable"], params["variables"]),
    )
    return _pooler.present(folder, target, wanted, check)


def paused(folder: Folder, params: dict[str, Any], check: bool) -> Outcome:
    """Clients wait."""
    if check:
        return Outcome(not _pooler.paused(folder, params["container"]))
    return _pooler.pause(folder, params["container"], params["limit"], params["patience"])


def settled(folder: Folder, params: dict[str, Any], check: bool) -> Outcome:
    """They wait until they are let go on."""
    if check:
        return Outcome(not _pooler.is_settled(folder))
    return _pooler.settle(folder, params["container"])


def serving(folder: Folder, params: dict[str, Any], check: bool) -> Outcome:
    """They are led to the database."""
    target = _target.from_params(params["target"])
    if check:
        return _pooler.would_serve(folder, target)
    return _pooler.serve(folder, params["container"], target)


def main() -> None:
    """Entry point."""
    states = {function.__name__: function for function in (present, paused, settled, serving)}
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": list(states), "required": True},
            "folder": {"type": "path", "required": True},
            "container": {"type": "str"},
            "target": {"type": "dict", "options": TARGET},
            "variables": {"type": "list", "elements": "str", "default": ["DATABASE_URL"]},
            "port": {"type": "int", "default": 6432},
            "uid": {"type": "int"},
            "gid": {"type": "int"},
            "pool_size": {"type": "int", "default": 20},
            "limit": {"type": "int", "default": 120},
            "patience": {"type": "float", "default": 2.0},
        },
        required_if=[
            ("state", "present", ["target", "uid", "gid"]),
            ("state", "paused", ["container"]),
            ("state", "settled", ["container"]),
            ("state", "serving", ["container", "target"]),
        ],
        supports_check_mode=True,
    )
    params = module.params
    try:
        folder = Folder(params["folder"])
        done = states[params["state"]](folder, params, module.check_mode)
    except OperatorError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=_problem.words(error))
    module.exit_json(changed=done.changed, seconds=round(done.seconds, 3))


if __name__ == "__main__":
    main()
