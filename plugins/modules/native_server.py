# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: native_server
short_description: Start a native PostgreSQL server once more on a private Unix socket, and stop it
version_added: 0.1.0
description:
  - Reads a retired server's databases while another server has its port. It runs as its own account
    with its own recorded command line, listens on no network address, and its socket is in a folder
    that only its account and root can enter.
  - Its account must not be root and must own the data folder; its program belongs to root or to
    that account. It gets no new privileges.
  - It is a transient systemd unit that no reboot brings back. One that a killed run left is stopped
    by the next call, by the start of the server's own unit, and after six hours.
author: llmops.litellm contributors (@llmops)
options:
  state:
    description:
      - V(started) waits until it answers; V(stopped) shuts it down and removes what was made for
        it.
    type: str
    choices: [started, stopped]
    required: true
  server:
    description:
      - How the server was started, as C(database.server) of M(llmops.litellm.preflight_info) says.
        Needed to start it.
    type: dict
    suboptions:
      argv:
        description: Its command line.
        type: list
        elements: str
        required: true
      program:
        description: Path of its executable.
        type: path
        required: true
      account:
        description: Name of the account that it runs as.
        type: str
        required: true
      folder:
        description: Its data folder.
        type: path
        required: true
  env_file:
    description:
      - Env file on the host (0600) with the database's URL as its clients had it. Needed to start
        it.
    type: path
  unit:
    description: The server's own systemd unit, whose start stops the private server.
    type: str
    default: ''
  name:
    description: Name of the transient unit.
    type: str
    default: litellm-legacy-look
  writable:
    description: Whether it may be written to. Otherwise every transaction is read only.
    type: bool
    default: false
  address:
    description:
      - An address of this host's loopback network, other than the server's own, at which it serves
        as well, at its port, the role and the database of O(env_file) alone, with the password that
        the server has. It may be written to then, runs without the limit of six hours, and its
        C(wal_level) is C(logical).
    type: str
    default: ''
  timeout:
    description: Seconds that it may take to answer.
    type: int
    default: 300
attributes:
  check_mode:
    description: Starts and stops nothing.
    support: full
  diff_mode:
    description: Not a thing that has differences.
    support: none
"""

EXAMPLES = r"""
- name: Start the legacy database for reading
  llmops.litellm.native_server:
    state: started
    server: "{{ found.database.server }}"
    env_file: /var/lib/llmops-litellm/legacy.env
  register: server

- name: Fingerprint it
  llmops.litellm.database_fingerprint_info:
    endpoint:
      env_file: "{{ server.env_file }}"

- name: Stop the legacy database
  llmops.litellm.native_server:
    state: stopped
"""

RETURN = r"""
env_file:
  description:
    - Env file with the URL of the same database and role on the private socket, for the O(env_file)
      of other modules. No secret is in it.
  returned: success
  type: str
  sample: /run/litellm-legacy-look.env
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    native_server as _native_server,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import session as _session


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "required": True, "choices": ["started", "stopped"]},
            "server": {
                "type": "dict",
                "options": {
                    "argv": {"type": "list", "elements": "str", "required": True},
                    "program": {"type": "path", "required": True},
                    "account": {"type": "str", "required": True},
                    "folder": {"type": "path", "required": True},
                },
            },
            "env_file": {"type": "path"},
            "unit": {"type": "str", "default": ""},
            "name": {"type": "str", "default": _native_server.NAME},
            "writable": {"type": "bool", "default": False},
            "address": {"type": "str", "default": ""},
            "timeout": {"type": "int", "default": 300},
        },
        required_if=[("state", "started", ["server", "env_file"])],
        supports_check_mode=True,
    )
    params = module.params
    where = _native_server.place(params["name"])
    if module.check_mode:
        module.exit_json(
            changed=params["state"] == "started" or os.path.lexists(where.folder),
            env_file=where.env_file,
        )
    try:
        changed = True
        if params["state"] == "started":
            address = params["address"]
            _native_server.start(
                params["server"],
                params["env_file"],
                where,
                params["writable"],
                params["unit"],
                params["timeout"],
                _native_server.serving(_native_server.url_in(params["env_file"]), address)
                if address
                else None,
            )
        else:
            changed = _native_server.stop(where)
    except (_native_server.NativeServerError, _session.PostgresError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=changed, env_file=where.env_file)


if __name__ == "__main__":
    main()
