# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: redis_return
short_description: Bring the keys of a Redis in a container home to the native Redis
version_added: 0.1.0
description:
  - Puts a snapshot of the container's keys in place of the native server's own, starts that server with it, and proves that every key
    which never expires is there.
  - Where that is not possible (the container's release is newer, the native server keeps an append-only file), the native server starts
    with what it had, and the reason is returned. Redis holds what LiteLLM can do without, except with O(required).
author: llmops.litellm contributors (@llmops)
options:
  container:
    description: Name of the running container. Its environment has its password as C(REDIS_PASSWORD), and its data are in C(/data).
    type: str
    required: true
  unit:
    description: Record of the native server's unit, as M(llmops.litellm.preflight_info) returns it. It is stopped, and started again.
    type: dict
    required: true
  data:
    description: Where the native server keeps its keys, as M(llmops.litellm.preflight_info) returns it.
    type: dict
  major:
    description: Major version of the native server.
    type: int
  port:
    description: Loopback port of the native server.
    type: int
    required: true
  env_file:
    description: Env file on the host, as Compose reads it, whose C(REDIS_PASSWORD) and C(REDIS_USERNAME) the native server wants.
    type: path
  required:
    description: Whether to fail where the keys can't come home, since there is spend in them that no database has.
    type: bool
    default: false
  timeout:
    description: Seconds that the native server may take to load the keys.
    type: float
    default: 600
attributes:
  check_mode:
    description: Says whether the keys would come home.
    support: full
  diff_mode:
    description: Keys are not shown.
    support: none
seealso:
  - module: llmops.litellm.redis_copy
"""

EXAMPLES = r"""
- name: Keys of Redis are home
  llmops.litellm.redis_return:
    container: litellm-redis
    unit: "{{ found.redis.unit }}"
    data: "{{ found.redis.data }}"
    major: "{{ found.redis.major }}"
    port: 6379
"""

RETURN = r"""
carried:
  description: Whether the keys came home.
  returned: success
  type: bool
reason:
  description: Why they did not; empty where they did.
  returned: success
  type: str
  sample: the container has Redis 8, whose snapshots the native Redis 7 need not know
keys:
  description: Keys in the container.
  returned: success
  type: int
  sample: 35
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._config import envfile as _envfile
from ansible_collections.llmops.litellm.plugins.module_utils._host import files as _files
from ansible_collections.llmops.litellm.plugins.module_utils._host import systemd as _systemd
from ansible_collections.llmops.litellm.plugins.module_utils._redis import redis as _redis
from ansible_collections.llmops.litellm.plugins.module_utils._redis import transfer as _transfer


def bring(params: dict[str, Any], native: _redis.Native, container: _redis.Container) -> str:
    """Bring the keys home; why they did not come, and then the native server has what it had."""
    _systemd.retire(params["unit"])
    before = _redis.parse_keyspace(container.ask("INFO", "keyspace"))
    earlier = _transfer.place(container, params["data"])
    try:
        _systemd.restore(params["unit"])
        now = native.wait(params["timeout"])
        lost = _transfer.differences(before, before, now)
    except (_redis.RedisError, _systemd.SystemdError) as error:
        lost = [str(error)]
    if lost:
        _systemd.retire(params["unit"])
        _transfer.put_back(params["data"], earlier)
        _systemd.restore(params["unit"])
    else:
        _transfer.forget(earlier)
    return "; ".join(lost)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "container": {"type": "str", "required": True},
            "unit": {"type": "dict", "required": True},
            "data": {"type": "dict"},
            "major": {"type": "int"},
            "port": {"type": "int", "required": True},
            "env_file": {"type": "path"},
            "required": {"type": "bool", "default": False},
            "timeout": {"type": "float", "default": 600},
        },
        supports_check_mode=True,
    )
    params = module.params
    container = _redis.Container(params["container"])
    try:
        known = (
            _envfile.loads(_files.read(params["env_file"]), "compose") if params["env_file"] else {}
        )
        native = _redis.Native(
            "127.0.0.1",
            params["port"],
            known.get("REDIS_USERNAME", ""),
            known.get("REDIS_PASSWORD", ""),
        )
        keys = sum(
            counts["keys"]
            for counts in _redis.parse_keyspace(container.ask("INFO", "keyspace")).values()
        )
        reason = _transfer.hindrance(container, params["data"], params["major"])
        if not reason and not module.check_mode:
            reason = bring(params, native, container)
        elif not module.check_mode:
            _systemd.restore(params["unit"])
    except _envfile.EnvError as error:
        module.fail_json(msg="%s, line %d: %s" % (params["env_file"], error.line, error.message))
    except (_redis.RedisError, _systemd.SystemdError, OSError) as error:
        module.fail_json(msg=str(error))
    if reason and params["required"]:
        module.fail_json(
            msg="keys of Redis can't come home, and there may be spend in them that no database has: %s"
            % reason
        )
    module.exit_json(changed=not reason, carried=not reason, reason=reason, keys=keys)


if __name__ == "__main__":
    main()
