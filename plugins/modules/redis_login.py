#!/usr/bin/python
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: redis_login
short_description: Let the Redis of a container take the native one's login, too
version_added: 1.0.0
description:
  - A proxy that goes on serving while Redis moves into a container at the same address and port
    keeps the login that it was started with. This lets the container's Redis take it as well.
  - A password alone, or one of the user C(default), becomes a second one of that user. Any other
    user is made, with this password alone and all the rights that C(default) has.
  - Connections that are there stay. The container's own password is taken all the time; see the
    notes for a native Redis that asks for none.
  - Redis is given hashes of passwords, by standard input. No password is put on a command line.
notes:
  - Redis does not save this (there is no C(ACL SAVE)). A container that starts again takes its own
    login alone, so this has to run after each start.
  - Where the native Redis asks for no password, the container's asks for none either, whoever
    reaches its port. It then takes C(AUTH default PASSWORD) with any password, but refuses
    C(AUTH PASSWORD), as every Redis without a password does. The latter is what Redis' Python
    client, and so LiteLLM, sends over RESP2 (the default of its release 5, not of 8) unless it has
    a user name. A proxy with the container's own password that connects in this time can be given
    C(REDIS_USERNAME=default).
  - The container needs Redis 6 or newer, or Valkey.
author: llmops.litellm contributors (@llmops)
options:
  container:
    description:
      - Name of the container.
      - Its C(/etc/redis.conf), as the role C(env_file) writes it, has its own password.
    type: str
    required: true
  env_file:
    description:
      - Env file on the host, as Compose reads it, whose O(variable) and C(REDIS_USERNAME) the
        native Redis wants. Only root may be able to write it.
      - A file without them, or none, is for a Redis that asks for none.
    type: path
  variable:
    description: Name of the variable with the password in O(env_file).
    type: str
    default: REDIS_PASSWORD
  state:
    description:
      - V(present) lets the container take the native login beside its own. It must run.
      - V(absent) leaves it its own login alone. A user other than C(default) is deleted, by which
        Redis ends its connections; those of C(default) stay. Nothing is to be done for a container
        that does not run.
    type: str
    choices: [present, absent]
    default: present
attributes:
  check_mode:
    description: Asks the container what it takes, and says whether that would change.
    support: full
  diff_mode:
    description: Logins are not shown.
    support: none
"""

EXAMPLES = r"""
- name: Let the transitional proxy into the new Redis
  llmops.litellm.redis_login:
    container: litellm-redis
    env_file: /var/lib/llmops-litellm/legacy.env

- name: Leave the new Redis its own login alone
  llmops.litellm.redis_login:
    container: litellm-redis
    env_file: /var/lib/llmops-litellm/legacy.env
    state: absent
"""

RETURN = r"""#"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._config import envfile as _envfile
from ansible_collections.llmops.litellm.plugins.module_utils._host import display as _display
from ansible_collections.llmops.litellm.plugins.module_utils._host import files as _files
from ansible_collections.llmops.litellm.plugins.module_utils._host import paths as _paths
from ansible_collections.llmops.litellm.plugins.module_utils._host.problem import OperatorError
from ansible_collections.llmops.litellm.plugins.module_utils._redis import login as _login
from ansible_collections.llmops.litellm.plugins.module_utils._redis import redis as _redis


def read(env_file: str, variable: str) -> _login.Login:
    """The login that an env file has; without a file, none.

    :raises EnvError: it is no env file. :raises UntrustedPath: others can write it.
    """
    if not env_file:
        return _login.Login("", "")
    _paths.require(env_file, "reads passwords there")
    known = _envfile.loads(_files.read(env_file), "compose")
    return _login.Login(known.get("REDIS_USERNAME", ""), known.get(variable, ""))


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "container": {"type": "str", "required": True},
            "env_file": {"type": "path"},
            "variable": {"type": "str", "default": "REDIS_PASSWORD"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        supports_check_mode=True,
    )
    params = module.params
    act = _login.take if params["state"] == "present" else _login.forget
    changed = False
    try:
        login = read(params["env_file"], params["variable"])
        changed = act(_redis.Container(params["container"]), login, module.check_mode)
    except _envfile.EnvError as error:
        said = "%s, line %d: %s" % (params["env_file"], error.line, error.message)
        module.fail_json(msg=_display.plain(said))
    except (OperatorError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=changed)


if __name__ == "__main__":
    main()
