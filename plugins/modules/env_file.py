# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: env_file
short_description: Write the compose deployment's .env
version_added: 0.1.0
author: llmops.litellm contributors (@llmops)
description:
  - Decides for each variable that the legacy LiteLLM process really had whether the compose
    deployment keeps it byte for byte, replaces it (addresses of the database, of Redis and of model
    servers) or drops it, adds what the deployment needs beside it, and generates the passwords that
    nobody gave.
  - Compares the legacy deployment's env files with what the process had, line by line.
  - No value is ever returned, shown in a diff or put on a command line.
  - Of a deployment without a legacy process, writes what it needs and what the operator gives.
  - A salt key or a master key is never invented where something is stored, which could not be
    decrypted with it.
attributes:
  check_mode:
    support: full
    description:
      - Says what would change and changes nothing. Passwords that would be generated are not kept.
  diff_mode:
    support: full
    description: Shows names, never values.
  idempotent:
    support: full
    description: Passwords that were generated before stay as they are.
options:
  legacy_env:
    description:
      - File on the host with the environment that the legacy process really had, as
        M(llmops.litellm.legacy_record) writes it; or C(/proc/PID/environ) of the process itself.
      - A C(.env) that this module has written, of a deployment that a restore has made, is what it
        had been made from; what it has of the containers' servers is decided anew.
      - If it is not given, there was no such process.
    type: path
  new_keys:
    description:
      - Whether, without O(legacy_env), a master key and a salt key that neither O(dest) nor the
        operator has are generated. Only right where nothing is stored in the database yet.
    type: bool
    default: false
  legacy_files:
    description: The env files that the legacy unit names, in the order in which they are read.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The file on the host.
        type: path
        required: true
      dialect:
        description:
          - Who reads it; V(dotenv) for a file that LiteLLM loads by itself, which sets what is not
            set.
        type: str
        choices: [compose, systemd, shell, dotenv]
        default: systemd
      late:
        description: Whether LiteLLM's database client loads it, when LiteLLM has begun.
        type: bool
        default: false
      account:
        description:
          - Account that reads it, as C(legacy.reader) of M(llmops.litellm.legacy_info) names it.
          - If it is not given, or V(root), whoever could have chosen what lies there, which root is
            where only root can write.
        type: str
        default: ''
  config:
    description:
      - LiteLLM's configuration, looked at for a C(master_key) that is not the environment's
        C(LITELLM_MASTER_KEY).
    type: path
  account:
    description: Account that reads O(config), as O(legacy_files[].account) of an env file.
    type: str
    default: ''
  dest:
    description:
      - The C(.env) to write, mode 0600.
      - A file that this module did not write, or one of O(legacy_files), is never replaced.
    type: path
    required: true
  redis_conf:
    description:
      - Redis configuration to write beside it, with the password in it. Not written if this is not
        given.
    type: path
  redis_uid:
    description: The user that Redis runs as in its container, who owns O(redis_conf).
    type: int
    default: 999
  redis_gid:
    description: The group of O(redis_conf).
    type: int
    default: 999
  database:
    description: Database in the container.
    type: str
    default: litellm
  user:
    description: Role in the container's PostgreSQL.
    type: str
    default: litellm
  postgres_host:
    description: Name of the PostgreSQL service on the compose network.
    type: str
    default: postgres
  redis_host:
    description: Name of the Redis service on the compose network.
    type: str
    default: redis
  gateway_name:
    description: Name by which containers reach servers that stay on the host.
    type: str
    default: host.docker.internal
  own_ports:
    description:
      - Loopback ports of the proxy itself, which are the same afterwards; URLs with them stay as
        they are.
    type: list
    elements: int
    default: [4000]
  native_ports:
    description: Loopback ports of the legacy database and Redis, which containers cannot reach.
    type: list
    elements: int
    default: [5434, 6379]
  bridged_ports:
    description:
      - Loopback ports that containers reach at O(gateway_name). URLs with other ports stay as they
        are, with a warning.
      - All others, if it is not given.
    type: list
    elements: int
  elsewhere:
    description:
      - Of PostgreSQL and Redis, what stays where it is, whatever names it. What names it does, too,
        and O(overrides) of that are for another deployment.
    type: list
    elements: str
    choices: [database, redis]
    default: []
  overrides:
    description:
      - Final values by name, which win over everything. Null leaves a variable out.
      - Values are strings; numbers and booleans need quotes, since YAML would change how they are
        written.
    type: dict
    default: {}
  adopt:
    description:
      - Variables to take from lines of O(legacy_files) that systemd drops, such as C(export
        NAME=value). The process never had them.
    type: list
    elements: str
    default: []
seealso:
  - plugin: llmops.litellm.to_env
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Write the compose deployment's environment
  llmops.litellm.env_file:
    legacy_env: /var/lib/llmops-litellm/legacy.env
    legacy_files:
      - path: /home/litellm/litellm/env.litellm
    config: /home/litellm/litellm/config.yaml
    dest: /home/litellm/litellm/.env
    redis_conf: /home/litellm/litellm/redis.conf
    bridged_ports: [8082, 8079]
    overrides:
      UI_PASSWORD: "{{ vault_ui_password }}"
    adopt: [DEEPSEEK_API_KEY]
"""

RETURN = r"""
comparison:
  description: Each variable once, by name.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The variable.
      type: str
    status:
      description: >-
        V(kept), V(replaced), V(dropped), V(added), V(generated), V(absent) (a key that is not
        invented) or V(ignored) (named by a file, never in the process).
      type: str
    origin:
      description: Where the value comes from, as file and line where that is known.
      type: str
    reason:
      description: Why.
      type: str
  sample:
    - name: DATABASE_URL
      status: replaced
      origin: default
      reason: names the database in the container
changed_names:
  description: Variables that O(dest) has not yet, or with another value, or should not have.
  returned: always
  type: list
  elements: str
  sample: [LITELLM_LOG]
findings:
  description:
    - What the legacy files say and the process did not have. A line is 0 where none can be named.
  returned: always
  type: list
  elements: dict
  sample:
    - path: /home/litellm/litellm/secrets.env
      line: 4
      name: GEMINI_API_KEY
      reason: systemd does not know `export`
"""

import os
import re
import stat
from typing import Any, Optional
from urllib.parse import urlsplit

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._config import envfile as _envfile
from ansible_collections.llmops.litellm.plugins.module_utils._config import (
    environment as _environment,
)
from ansible_collections.llmops.litellm.plugins.module_utils._config import (
    environment_files as _environment_files,
)
from ansible_collections.llmops.litellm.plugins.module_utils._config import (
    environment_rules as _environment_rules,
)
from ansible_collections.llmops.litellm.plugins.module_utils._config import (
    environment_text as _environment_text,
)
from ansible_collections.llmops.litellm.plugins.module_utils._config import includes as _includes
from ansible_collections.llmops.litellm.plugins.module_utils._config import stores as _stores
from ansible_collections.llmops.litellm.plugins.module_utils._host import display as _display
from ansible_collections.llmops.litellm.plugins.module_utils._host import files as _files
from ansible_collections.llmops.litellm.plugins.module_utils._host import paths as _paths
from ansible_collections.llmops.litellm.plugins.module_utils._host import problem as _problem
from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process
from ansible_collections.llmops.litellm.plugins.module_utils._host import reader as _reader
from ansible_collections.llmops.litellm.plugins.module_utils._host.problem import OperatorError
from ansible_collections.llmops.litellm.plugins.module_utils._litellm import (
    effective_environment as _effective_environment,
)

ARGUMENTS: dict[str, Any] = {
    "legacy_env": {"type": "path"},
    "new_keys": {"type": "bool", "default": False, "no_log": False},
    "legacy_files": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "path": {"type": "path", "required": True},
            "dialect": {
                "type": "str",
                "choices": [*_envfile.DIALECTS, _environment_files.DOTENV],
                "default": "systemd",
            },
            "late": {"type": "bool", "default": False},
            "account": {"type": "str", "default": ""},
        },
    },
    "config": {"type": "path"},
    "account": {"type": "str", "default": ""},
    "dest": {"type": "path", "required": True},
    "redis_conf": {"type": "path"},
    "redis_uid": {"type": "int", "default": 999},
    "redis_gid": {"type": "int", "default": 999},
    "database": {"type": "str", "default": "litellm"},
    "user": {"type": "str", "default": "litellm"},
    "postgres_host": {"type": "str", "default": "postgres"},
    "redis_host": {"type": "str", "default": "redis"},
    "gateway_name": {"type": "str", "default": "host.docker.internal"},
    "own_ports": {"type": "list", "elements": "int", "default": [4000]},
    "native_ports": {"type": "list", "elements": "int", "default": [5434, 6379]},
    "bridged_ports": {"type": "list", "elements": "int"},
    "elsewhere": {
        "type": "list",
        "elements": "str",
        "choices": ["database", "redis"],
        "default": [],
    },
    "overrides": {"type": "dict", "default": {}, "no_log": True},
    "adopt": {"type": "list", "elements": "str", "default": []},
}


STORES = ("database", "redis")
# Variables that name one of both.
_OF_STORES = {
    "database": re.compile(r"(DATABASE|DIRECT|POSTGRES)_"),
    "redis": re.compile(r"REDIS_"),
}


class Refusal(Exception):
    """What stands in the way and what to do, without a value."""


def read_legacy(
    params: dict[str, Any],
) -> tuple[dict[str, str], list[_environment_files.LegacyFile], list[dict[str, Any]]]:
    """The process's environment, its files, and findings about files that are not there."""
    if not params["legacy_env"]:
        return {}, [], []
    running = re.fullmatch(r"/proc/([0-9]+)/environ", params["legacy_env"])
    try:
        if running:
            found = _process.process_environment(int(running.group(1)))
            process = {
                name: value for name, value in found.items() if not _envfile.fault(name, value)
            }
        else:
            with _reader.opened("", params["legacy_env"]) as handle:
                text = handle.read().decode("utf-8", "surrogateescape")
            process = _envfile.loads(text, "systemd")
    except OSError as error:
        raise Refusal("legacy_env: %s: %s." % (params["legacy_env"], error.strerror)) from None
    except _envfile.EnvError as error:
        raise Refusal(
            "legacy_env: %s, line %d: %s." % (params["legacy_env"], error.line, error.message)
        ) from None
    files, missing = [], []
    for item in params["legacy_files"]:
        try:
            with _reader.opened(item["account"], item["path"]) as handle:
                text = handle.read().decode("utf-8", "surrogateescape")
            files.append(
                _environment_files.LegacyFile(item["path"], item["dialect"], text, item["late"])
            )
        except OSError as error:
            missing.append(
                {
                    "path": item["path"],
                    "line": 0,
                    "name": "",
                    "reason": "cannot be read: %s" % error.strerror,
                }
            )
    loaded = _effective_environment.effective(process, _effective_environment.of(files)).carried
    process = {name: value for name, value in loaded.items() if not _envfile.fault(name, value)}
    return process, files, missing


def read_own(params: dict[str, Any]) -> str:
    """The ``.env`` of an earlier run, empty if there is none."""
    path = params["dest"]
    elsewhere = (
        "Set env_file_project_dir (litellm_project_dir) to a folder of its own,"
        " or move the file away."
    )
    if os.path.realpath(path) in {
        os.path.realpath(item["path"]) for item in params["legacy_files"]
    }:
        raise Refusal(
            "%s is an env file of the legacy deployment, which needs it for the way back. %s"
            % (path, elsewhere)
        )
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise Refusal("%s is not a regular file. %s" % (path, elsewhere))
    except FileNotFoundError:
        return ""
    text = _files.read(path)
    if not _environment_text.is_ours(text):
        raise Refusal(
            "%s was not written by this collection and is not replaced. %s" % (path, elsewhere)
        )
    try:
        _envfile.loads(text, "systemd")
    except _envfile.EnvError as error:
        raise Refusal(
            "%s, line %d: %s. Mend it: the passwords in it are those of the containers."
            % (path, error.line, error.message)
        ) from None
    return text


def gets(where: dict[str, str], here: set[str]) -> dict[str, str]:
    """Of the stores that a deployment without a legacy process has from itself, those that nothing
    names elsewhere."""
    return {
        store: _environment_rules.HERE
        for store, place in where.items()
        if place == _environment_rules.NOWHERE and store in here
    }


def is_own(path: str) -> bool:
    """Whether an environment on record is a ``.env`` of this module's."""
    if path.startswith("/proc/"):
        return False
    with _reader.opened("", path) as handle:
        return handle.read().startswith(_environment_text.MARK.encode())


def without_stores(
    values: dict[str, str], params: dict[str, Any]
) -> tuple[set[str], dict[str, str]]:
    """The stores that are in the project's containers, and the variables without theirs."""
    kept, here = dict(values), set()
    for store, host, names in (
        ("database", params["postgres_host"], ("DATABASE_URL", "DIRECT_URL")),
        ("redis", params["redis_host"], ("REDIS_HOST", "REDIS_URL")),
    ):
        if values.get(names[0], "") != host and _host_of(values.get(names[0], "")) != host:
            continue
        here.add(store)
        own = ("POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB")
        own = own if store == "database" else ("REDIS_PORT", "REDIS_PASSWORD")
        for name in (*own, *names):
            kept.pop(name, None)
    return here, kept


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def tree_of(path: Optional[str], account: str) -> _includes.Tree:
    """The configuration with all that it includes."""
    try:
        return _includes.follow(path, _reader.of(account, path)) if path else _includes.Tree()
    except OSError as error:
        raise Refusal("config: %s: %s." % (path, error.strerror)) from None


def differs(path: str, text: str, mode: int, owner: Optional[tuple[int, int]]) -> bool:
    """Whether a file has another content, mode or owner than it should."""
    try:
        found = os.stat(path)
        same = stat.S_IMODE(found.st_mode) == mode and (
            owner is None or (found.st_uid, found.st_gid) == owner
        )
        return not same or _files.read(path) != text
    except FileNotFoundError:
        return True


def run(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    for path in filter(None, (params["dest"], params["redis_conf"])):
        _paths.require(os.path.dirname(path), "writes secrets there")
    process, files, missing = read_legacy(params)
    native, here = bool(params["legacy_env"]), set(STORES)
    if native and is_own(params["legacy_env"]):
        native, here, process = False, *without_stores(process, params)
    tree = tree_of(params["config"], params["account"])
    stores = _stores.find(process, tree)
    hidden, process = _stores.hides_key(process, tree), _stores.effective(process, tree)
    stay = dict.fromkeys(params["elsewhere"], _environment_rules.ELSEWHERE)
    before, where = read_own(params), {**_stores.where(stores), **stay}
    if not native:
        where = {**where, **gets(where, here)}
    settings = _environment.Settings(
        database=params["database"],
        user=params["user"],
        postgres_host=params["postgres_host"],
        redis_host=params["redis_host"],
        gateway_name=params["gateway_name"],
        own_ports=params["own_ports"],
        native_ports=params["native_ports"],
        bridged_ports=params["bridged_ports"],
        master_key_in_config=hidden,
        stores=_stores.variables(stores),
        redis_is_here=_stores.is_redis_here(stores),
        where=where,
        native=native,
        keys=params["new_keys"],
        overrides={
            name: value
            for name, value in params["overrides"].items()
            if not any(_OF_STORES[store].match(name) for store in stay)
        },
        adopt=params["adopt"],
        existing=_envfile.loads(before, "systemd"),
    )
    planned = _environment.plan(process, files, settings)
    names = {*settings.existing, *planned.values}
    common = {
        "changed_names": sorted(
            name for name in names if settings.existing.get(name) != planned.values.get(name)
        ),
        "comparison": [item._asdict() for item in planned.entries],
        "findings": missing + [item._asdict() for item in planned.findings],
    }
    for text in planned.warnings:
        module.warn(_display.plain(text))
    if planned.problems:
        module.fail_json(msg=_display.plain(" ".join(planned.problems)), **common)
    after = _environment_text.env_text(planned.values)
    wanted = [(params["dest"], after, 0o600, (os.geteuid(), os.getegid()))]
    if params["redis_conf"] and where["redis"] != _environment_rules.ELSEWHERE:
        wanted.append(
            (
                params["redis_conf"],
                _environment_text.redis_text(planned.values["REDIS_PASSWORD"]),
                0o400,
                (params["redis_uid"], params["redis_gid"]),
            )
        )
    changed = [item for item in wanted if differs(*item)]
    for path, text, mode, owner in [] if module.check_mode else changed:
        _files.write_atomically(path, text, mode, owner)
    shown = _environment_text.shown(before, after)
    diff = [
        {
            "before_header": params["dest"],
            "after_header": params["dest"],
            "before": shown[0],
            "after": shown[1],
        }
    ]
    return {"changed": bool(changed), "diff": diff, **common}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        result = run(module)
    except (Refusal, OperatorError, ValueError) as error:
        module.fail_json(msg=_problem.words(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
