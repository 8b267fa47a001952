#!/usr/bin/python
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: redis_keys
short_description: Copy the keys of Redis between a native server and a container
version_added: 0.1.0
description:
  - Starts the side that O(to) names with a snapshot of the other one, and verifies that every key
    which never expires is there afterwards, and of the others not more than there were.
  - To a container, the native Redis keeps its keys and settings. Where the container can't load the
    snapshot, it is started again with what it held, and the module fails.
  - To a native server, its unit is stopped, and started again with the container's keys. Where that
    is not possible (the container's release is newer, the native server keeps an append-only file,
    or names another folder than one of its own account),
    it starts with what it had, and the reason is returned. Redis holds what LiteLLM can do without,
    except with O(required).
  - No password is put on a command line.
notes:
  - The native Redis saves its keys to its own file (C(BGSAVE)), which is copied. One that does not
    tell where that is, or names another folder than one of its own account, gives a snapshot as to
    a replica, and waits for C(repl-diskless-sync-delay), five seconds by default, before.
  - Its file is read and written by a process that is its account, never by root.
  - A key whose time is over, or ends meanwhile, is not copied.
author: llmops.litellm contributors (@llmops)
options:
  to:
    description: Which side receives the keys.
    type: str
    choices: [container, native]
    required: true
  container:
    description:
      - Name of the container. As the receiver it is started if it does not run; as the giver it
        must run.
      - Its C(/etc/redis.conf), as the role C(env_file) writes it, has its password. Its data are in
        C(/data), without an append-only file, which Redis would load instead of a snapshot.
    type: str
    required: true
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
      - Env file on the host, as Compose reads it, whose O(variable) and C(REDIS_USERNAME) the
        native Redis wants. Only root may be able to write it.
      - A file without them is for a Redis that asks for none.
    type: path
  variable:
    description: Name of the variable with the password in O(env_file).
    type: str
    default: REDIS_PASSWORD
  replace:
    description: To a container, whether keys that it holds may be lost. Otherwise it must be empty.
    type: bool
    default: false
  folder:
    description:
      - Folder on the host for the snapshot, and for what the container held. Both are removed at
        the end.
    type: path
    default: /var/tmp
  unit:
    description:
      - Record of the native server's unit, as M(llmops.litellm.preflight_info) returns it. Needed
        to a native server.
    type: dict
  data:
    description:
      - To a native server, where it keeps its keys, and by which account, as
        M(llmops.litellm.preflight_info) returns it. Without an account, as release 0.1.0 recorded
        it, the account is the one of the unit.
    type: dict
  major:
    description: To a native server, its major version.
    type: int
  release:
    description:
      - To a native server, its product and release, as M(llmops.litellm.preflight_info) returns
        them. The formats of both servers' snapshots decide then, and O(major) counts no more.
    type: str
    default: ''
  required:
    description:
      - To a native server, whether to fail where the keys can't be copied, since there is spend in
        them that no database has.
    type: bool
    default: false
  timeout:
    description: Seconds that the snapshot, and then loading it, may take.
    type: float
    default: 600
attributes:
  check_mode:
    description:
      - Says what would be copied, and what stands in the way. A container that does not run is not
        asked.
    support: full
  diff_mode:
    description: Keys are not shown.
    support: none
"""

EXAMPLES = r"""
- name: Copy the keys into the container
  llmops.litellm.redis_keys:
    to: container
    container: litellm-redis
    env_file: /var/lib/llmops-litellm/legacy.env

- name: Copy the keys back
  llmops.litellm.redis_keys:
    to: native
    container: litellm-redis
    env_file: /var/lib/llmops-litellm/legacy.env
    unit: "{{ found.redis.unit }}"
    data: "{{ found.redis.data }}"
    major: "{{ found.redis.major }}"
"""

RETURN = r"""
copied:
  description: Whether the keys were copied, or would be in check mode. To a container always true.
  returned: success
  type: bool
reason:
  description: Why they were not; empty where they were.
  returned: success
  type: str
  sample: the container has Redis 8, whose snapshots the native Redis 7 need not know
keys:
  description:
    - Keys in the container, of all databases. In check mode with O(to=container) those of the
      native server.
  returned: success
  type: int
  sample: 12
databases:
  description:
    - Keys, and how many of them expire, by logical database. In check mode those of the source
      only.
  returned: success, with O(to=container)
  type: dict
  sample: {db0: {source: {keys: 12, expires: 11}, target: {keys: 12, expires: 11}}}
bytes:
  description: Size of the snapshot.
  returned: success, with O(to=container), except in check mode
  type: int
  sample: 15585
seconds:
  description: Seconds from asking for the snapshot until both sides were compared.
  returned: success, with O(to=container), except in check mode
  type: float
  sample: 6.1
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._config import envfile as _envfile
from ansible_collections.llmops.litellm.plugins.module_utils._host import display as _display
from ansible_collections.llmops.litellm.plugins.module_utils._host import files as _files
from ansible_collections.llmops.litellm.plugins.module_utils._host import paths as _paths
from ansible_collections.llmops.litellm.plugins.module_utils._host import systemd as _systemd
from ansible_collections.llmops.litellm.plugins.module_utils._host.problem import OperatorError
from ansible_collections.llmops.litellm.plugins.module_utils._redis import formats as _formats
from ansible_collections.llmops.litellm.plugins.module_utils._redis import redis as _redis
from ansible_collections.llmops.litellm.plugins.module_utils._redis import transfer as _transfer


def total(keyspace: _redis.Keyspace) -> int:
    """Keys of all databases."""
    return sum(counts["keys"] for counts in keyspace.values())


def to_container(
    params: dict[str, Any], check: bool, native: _redis.Native, container: _redis.Container
) -> dict[str, Any]:
    """Start the container with the native server's keys.

    :raises RedisError: refused or failed; both have what they had.
    """
    state = container.state()
    if not check and not state:
        raise _redis.RedisError("there is no container %s." % container.name)
    if not check and state != "running":
        container.start(params["timeout"])
        state = "running"
    held = _redis.parse_keyspace(container.ask("INFO", "keyspace")) if state == "running" else {}
    if held and not params["replace"]:
        counts = ", ".join("%s: %d" % (name, held[name]["keys"]) for name in sorted(held))
        raise _redis.RedisError("container %s holds keys already (%s)." % (container.name, counts))
    if check:
        found = _redis.parse_keyspace(native.ask("INFO", "keyspace"))
        databases = {name: {"source": counts} for name, counts in found.items()}
        return {"copied": True, "reason": "", "databases": databases, "keys": total(found)}
    done = _transfer.copy(native, container, params["folder"], params["timeout"])
    differences = done.pop("differences")
    if differences:
        raise _redis.RedisError(
            "the container does not hold what the native Redis held: %s" % "; ".join(differences)
        )
    return {"copied": True, "reason": "", **done}


def to_native(
    params: dict[str, Any], check: bool, native: _redis.Native, container: _redis.Container
) -> dict[str, Any]:
    """Start the native server with the container's keys, or with its own where it can't load them.

    :raises RedisError: the container can't be read, or keys that are required were not copied.
    """
    keys = total(_redis.parse_keyspace(container.ask("INFO", "keyspace")))
    release = _formats.release(params["release"])
    reason = _transfer.hindrance(
        container, params["data"], params["unit"], params["major"], release
    )
    if not check and reason:
        _systemd.restore(params["unit"])
    elif not check:
        reason = _transfer.copy_back(
            container,
            native,
            params["unit"],
            params["data"],
            params["folder"],
            params["timeout"],
        )
    if reason and params["required"]:
        raise _redis.RedisError(
            "the keys of Redis can't be copied back, and there may be spend in them that no"
            " database has: %s" % reason
        )
    return {"copied": not reason, "reason": reason, "keys": keys}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "to": {"type": "str", "choices": ["container", "native"], "required": True},
            "container": {"type": "str", "required": True},
            "host": {"type": "str", "default": "127.0.0.1"},
            "port": {"type": "int", "default": 6379},
            "env_file": {"type": "path"},
            "variable": {"type": "str", "default": "REDIS_PASSWORD"},
            "replace": {"type": "bool", "default": False},
            "folder": {"type": "path", "default": "/var/tmp"},
            "unit": {"type": "dict"},
            "data": {"type": "dict"},
            "major": {"type": "int"},
            "release": {"type": "str", "default": ""},
            "required": {"type": "bool", "default": False},
            "timeout": {"type": "float", "default": 600},
        },
        required_if=[("to", "native", ["unit"])],
        supports_check_mode=True,
    )
    params = module.params
    container = _redis.Container(params["container"])
    try:
        known = {}
        if params["env_file"]:
            _paths.require(params["env_file"], "reads passwords there")
            known = _envfile.loads(_files.read(params["env_file"]), "compose")
        native = _redis.Native(
            params["host"],
            params["port"],
            known.get("REDIS_USERNAME", ""),
            known.get(params["variable"], ""),
        )
        copy = to_container if params["to"] == "container" else to_native
        result = copy(params, module.check_mode, native, container)
    except _envfile.EnvError as error:
        said = "%s, line %d: %s" % (params["env_file"], error.line, error.message)
        module.fail_json(msg=_display.plain(said))
    except (OperatorError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=result["copied"], **result)


if __name__ == "__main__":
    main()
