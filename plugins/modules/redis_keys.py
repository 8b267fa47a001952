# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: redis_copy
short_description: Carry the keys of a native Redis into one in a container
version_added: 0.1.0
description:
  - Takes a snapshot of the native Redis, puts it into the data folder of the container and starts it with it.
  - Proves that every key which never expires is there afterwards, and of the others not more than there were.
  - Where the container can't load the snapshot, it is started again with what it held.
  - The native Redis keeps its keys and settings. No password is put on a command line.
notes:
  - The native Redis saves its keys to its own file (C(BGSAVE)), which is copied. One that does not tell where that is gives a snapshot
    as to a replica, and waits for C(repl-diskless-sync-delay), five seconds by default, before.
  - A key whose time is over, or ends meanwhile, is not carried.
author: llmops.litellm contributors (@llmops)
options:
  host:
    description: Address of the native Redis.
    type: str
    default: 127.0.0.1
  port:
    description: Port of the native Redis.
    type: int
    default: 6379
  env_file:
    description:
      - Env file on the host, as Compose reads it, whose O(variable) and C(REDIS_USERNAME) the native Redis wants.
      - A file without them is for a Redis that asks for none.
    type: path
  variable:
    description: Name of the variable with the password in O(env_file).
    type: str
    default: REDIS_PASSWORD
  container:
    description:
      - Name of the container, which is started if it does not run.
      - Its environment has its own password as C(REDIS_PASSWORD). Its data are in C(/data), without an append-only file, which Redis
        would load instead of a snapshot.
    type: str
    required: true
  replace:
    description: Whether keys that the container holds may be lost. Otherwise it must be empty.
    type: bool
    default: false
  folder:
    description: Folder on the host for the snapshot, and for what the container held; both are removed at the end.
    type: path
    default: /var/tmp
  timeout:
    description: Seconds that the snapshot, and then loading it, may take.
    type: float
    default: 600
attributes:
  check_mode:
    description: Says what would be carried. A container that does not run is not looked at.
    support: full
  diff_mode:
    description: Keys are not shown.
    support: none
"""

EXAMPLES = r"""
- name: Keys are carried over
  llmops.litellm.redis_copy:
    env_file: /var/lib/llmops-litellm/legacy.env
    container: litellm-redis
"""

RETURN = r"""
databases:
  description: Keys, and how many of them expire, by logical database. In check mode those of the source only.
  returned: success
  type: dict
  sample: {db0: {source: {keys: 12, expires: 11}, target: {keys: 12, expires: 11}}}
keys:
  description: Keys in the container, of all databases. In check mode those of the source.
  returned: success
  type: int
  sample: 12
bytes:
  description: Size of the snapshot.
  returned: success, except in check mode
  type: int
  sample: 15585
seconds:
  description: Seconds from asking for the snapshot until both sides were compared.
  returned: success, except in check mode
  type: float
  sample: 6.1
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._config import envfile as _envfile
from ansible_collections.llmops.litellm.plugins.module_utils._host import files as _files
from ansible_collections.llmops.litellm.plugins.module_utils._redis import redis as _redis
from ansible_collections.llmops.litellm.plugins.module_utils._redis import transfer as _transfer


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "host": {"type": "str", "default": "127.0.0.1"},
            "port": {"type": "int", "default": 6379},
            "env_file": {"type": "path"},
            "variable": {"type": "str", "default": "REDIS_PASSWORD"},
            "container": {"type": "str", "required": True},
            "replace": {"type": "bool", "default": False},
            "folder": {"type": "path", "default": "/var/tmp"},
            "timeout": {"type": "float", "default": 600},
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        known = (
            _envfile.loads(_files.read(params["env_file"]), "compose") if params["env_file"] else {}
        )
        source = _redis.Native(
            params["host"],
            params["port"],
            known.get("REDIS_USERNAME", ""),
            known.get(params["variable"], ""),
        )
        target = _redis.Container(params["container"])
        state = target.state()
        if not module.check_mode and not state:
            module.fail_json(msg="there is no container %s." % target.name)
        if not module.check_mode and state != "running":
            target.start(params["timeout"])
            state = "running"
        held = _redis.parse_keyspace(target.ask("INFO", "keyspace")) if state == "running" else {}
        if held and not params["replace"]:
            counts = ", ".join("%s: %d" % (name, held[name]["keys"]) for name in sorted(held))
            module.fail_json(msg="container %s holds keys already (%s)." % (target.name, counts))
        if module.check_mode:
            found = _redis.parse_keyspace(source.ask("INFO", "keyspace"))
            module.exit_json(
                changed=True,
                databases={name: {"source": counts} for name, counts in found.items()},
                keys=sum(counts["keys"] for counts in found.values()),
            )
        done = _transfer.carry(source, target, params["folder"], params["timeout"])
    except _envfile.EnvError as error:
        module.fail_json(msg="%s, line %d: %s" % (params["env_file"], error.line, error.message))
    except (_redis.RedisError, OSError) as error:
        module.fail_json(msg=str(error))
    if done["differences"]:
        module.fail_json(
            msg="the container does not hold what the native Redis held: %s"
            % "; ".join(done["differences"]),
            **done,
        )
    del done["differences"]
    module.exit_json(changed=True, **done)


if __name__ == "__main__":
    main()
