#!/usr/bin/python
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: native_server_aside
short_description: Let a native PostgreSQL server leave its address, and bring it back
version_added: 1.0.0
description:
  - Another server can take the address of a native one while that is still in use. Its clients are
    behind a pooler, wait there for the part of a second that a restart takes, and go on.
  - While it is aside, the server runs as a transient systemd unit with its recorded command line
    and a few words more. It listens at 127.0.0.2, for the role and the database of O(env_file)
    alone, and at a Unix socket that only its own account and root can reach. Its C(wal_level) is
    C(logical), so that what clients change can be followed (M(llmops.litellm.database_switch)).
  - Nothing of its own settings is written to. A reboot, or a start of O(unit), brings it back.
author: llmops.litellm contributors (@llmops)
options:
  state:
    description:
      - V(aside) stops O(unit), starts the server at the other address and leads the pooler there.
      - V(own) does the opposite, and enables the unit as it was recorded. A server that is not
        aside is left alone.
    type: str
    choices: [aside, own]
    required: true
  server:
    description: How it was started, as C(database.server) of M(llmops.litellm.preflight_info) says.
    type: dict
    required: true
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
  unit:
    description:
      - Record of its own unit, as C(database.unit) of M(llmops.litellm.preflight_info) says. It is
        the system's, and PostgreSQL is its main process.
    type: dict
    required: true
  env_file:
    description: Env file on the host (0600) with the database's URL as its clients have it.
    type: path
    required: true
  folder:
    description: Folder of the pooler, see M(llmops.litellm.database_pooler).
    type: path
    required: true
  container:
    description: The pooler's container. It runs.
    type: str
    required: true
  limit:
    description: Seconds after which clients go on by themselves, whatever becomes of this task.
    type: int
    default: 30
  patience:
    description: Seconds for the transactions that are open when a pause begins.
    type: float
    default: 0.5
  timeout:
    description: Seconds that a start may take.
    type: int
    default: 60
attributes:
  check_mode:
    description: Nothing is stopped or started.
    support: full
  diff_mode:
    description: Not a thing that has differences.
    support: none
seealso:
  - module: llmops.litellm.native_server
  - module: llmops.litellm.database_switch
"""

EXAMPLES = r"""
- name: Let the native database leave its address
  llmops.litellm.native_server_aside:
    state: aside
    server: "{{ found.database.server }}"
    unit: "{{ found.database.unit }}"
    env_file: /var/lib/llmops-litellm/legacy.env
    folder: /run/litellm-transition
    container: litellm-transition-pooler
"""

RETURN = r"""
seconds:
  description: For how long clients waited.
  returned: success
  type: float
  sample: 0.4
env_file:
  description:
    - Env file with the URL of the same database and role on its private socket, while it is aside.
      No secret is in it.
  returned: success
  type: str
  sample: /run/litellm-legacy-aside.env
address:
  description: Where its clients reach it while it is aside.
  returned: success
  type: str
  sample: 127.0.0.2
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._host import problem as _problem
from ansible_collections.llmops.litellm.plugins.module_utils._host.problem import OperatorError
from ansible_collections.llmops.litellm.plugins.module_utils._pooler import (
    native_aside as _native_aside,
)
from ansible_collections.llmops.litellm.plugins.module_utils._pooler import target as _target
from ansible_collections.llmops.litellm.plugins.module_utils._pooler.folder import Folder


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "required": True, "choices": ["aside", "own"]},
            "server": {
                "type": "dict",
                "required": True,
                "options": {
                    "argv": {"type": "list", "elements": "str", "required": True},
                    "program": {"type": "path", "required": True},
                    "account": {"type": "str", "required": True},
                    "folder": {"type": "path", "required": True},
                },
            },
            "unit": {"type": "dict", "required": True},
            "env_file": {"type": "path", "required": True},
            "folder": {"type": "path", "required": True},
            "container": {"type": "str", "required": True},
            "limit": {"type": "int", "default": 30},
            "patience": {"type": "float", "default": 0.5},
            "timeout": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    params = module.params
    moving = _native_aside.Moving(
        Folder(params["folder"]),
        params["container"],
        params["server"],
        params["unit"],
        params["env_file"],
        params["limit"],
        params["patience"],
        params["timeout"],
    )
    wanted = params["state"] == "aside"
    told = {"address": _native_aside.ADDRESS, "env_file": _native_aside.place().env_file}
    try:
        if module.check_mode:
            module.exit_json(changed=wanted != _native_aside.is_aside(), seconds=0.0, **told)
        own = _target.from_params({"env_file": params["env_file"], **_target.DEFAULTS})
        done = (_native_aside.aside if wanted else _native_aside.back)(moving, own)
    except OperatorError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=_problem.words(error))
    module.exit_json(changed=done.changed, seconds=round(done.seconds, 3), **told)


if __name__ == "__main__":
    main()
