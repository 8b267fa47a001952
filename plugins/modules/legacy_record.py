# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: legacy_record
short_description: Keep the environment that the legacy proxy really has
version_added: 0.1.0
description:
  - Reads the environment of the running process and writes it as an env file (0600) that Compose
    and systemd read as the same values.
  - DATABASE_URL, the login to Redis and both keys are those that the proxy uses, wherever its
    configuration has them.
  - No value is returned or shown.
author: llmops.litellm contributors (@llmops)
options:
  pid:
    description: The process, as M(llmops.litellm.preflight_info) found it.
    type: int
    required: true
  account:
    description:
      - Account that it runs as, as C(legacy.reader) of M(llmops.litellm.legacy_info) names it; the
        process of another one counts as gone. If it is not given, or V(root), any.
    type: str
    default: ''
  config:
    description: The proxy's configuration, which O(account) reads. If it is not given, it has none.
    type: path
  dotenv_files:
    description: Files that LiteLLM loads by itself, as C(legacy.dotenv_files) of
      M(llmops.litellm.legacy_info) names them; what they give the process counts as its own.
    type: list
    elements: dict
    default: []
    version_added: 0.2.0
    suboptions:
      path:
        description: The file on the host.
        type: path
        required: true
      dialect:
        description: Who reads it.
        type: str
        choices: [dotenv]
        default: dotenv
      account:
        description: Account that reads it, as O(account).
        type: str
        default: ''
      late:
        description: Whether LiteLLM's database client loads it, when LiteLLM has begun.
        type: bool
        default: false
  dest:
    description: The env file on the host. Its folder is made with mode 0700 where it is missing.
    type: path
    required: true
attributes:
  check_mode:
    description: Says whether the file would change.
    support: full
  diff_mode:
    description: The file holds secrets and is never shown.
    support: none
"""

EXAMPLES = r"""
- name: Record the environment of the legacy proxy
  llmops.litellm.legacy_record:
    pid: "{{ found.legacy.pid }}"
    config: "{{ found.legacy.config }}"
    dest: /var/lib/llmops-litellm/legacy.env
"""

RETURN = r"""
variables:
  description: Names of the variables.
  returned: success
  type: list
  elements: str
left_out:
  description: Variables that no env file can hold, with the reason.
  returned: success
  type: dict
  sample: {"BASH_FUNC_x%%": "not a name"}
"""

import os
from typing import Any, Optional

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._config import envfile as _envfile
from ansible_collections.llmops.litellm.plugins.module_utils._config import includes as _includes
from ansible_collections.llmops.litellm.plugins.module_utils._config import stores as _stores
from ansible_collections.llmops.litellm.plugins.module_utils._host import files as _files
from ansible_collections.llmops.litellm.plugins.module_utils._host import problem as _problem
from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process
from ansible_collections.llmops.litellm.plugins.module_utils._host import reader as _reader
from ansible_collections.llmops.litellm.plugins.module_utils._host.account import Account
from ansible_collections.llmops.litellm.plugins.module_utils._litellm import (
    effective_environment as _effective_environment,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    endpoint as _endpoint,
)


def environment_of(pid: int, account: str) -> dict[str, str]:
    """The environment of a process.

    :raises OSError: it is gone, or its number is another account's by now.
    """
    uid = Account.of_process(pid).uid
    if account not in ("", _reader.ROOT) and uid != _reader.recall(account).uid:
        raise OSError("process %d is another account's" % pid)
    return _process.process_environment(pid)


def with_loaded(environment: dict[str, str], named: list[dict[str, Any]]) -> dict[str, str]:
    """An environment with what LiteLLM loads by itself.

    :raises OSError: a file can't be read, with who and why as its message.
    """
    files = []
    for item in named:
        with _reader.opened(item["account"], item["path"]) as handle:
            text = handle.read().decode("utf-8", "surrogateescape")
        files.append(_effective_environment.Dotenv(item["path"], text, item["late"]))
    return _effective_environment.effective(environment, files).carried


def with_settings(
    environment: dict[str, str], config: Optional[str], account: str
) -> dict[str, str]:
    """The environment with what a configuration says of the stores and the keys.

    :raises OSError: the configuration can't be read.
    """
    reader = _reader.of(account, config or "/")
    tree = _includes.follow(config, reader) if config else _includes.Tree()
    return _endpoint.with_account(_stores.effective(environment, tree), _reader.word(reader))


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "pid": {"type": "int", "required": True},
            "account": {"type": "str", "default": ""},
            "config": {"type": "path"},
            "dest": {"type": "path", "required": True},
            "dotenv_files": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "path": {"type": "path", "required": True},
                    "dialect": {"type": "str", "choices": ["dotenv"], "default": "dotenv"},
                    "account": {"type": "str", "default": ""},
                    "late": {"type": "bool", "default": False},
                },
            },
        },
        supports_check_mode=True,
    )
    dest, account = module.params["dest"], module.params["account"]
    try:
        environment = environment_of(module.params["pid"], account)
    except OSError:
        module.fail_json(
            msg="Process %d is gone: the legacy proxy was restarted meanwhile. Run again."
            % module.params["pid"]
        )
    except _problem.OperatorError as error:
        module.fail_json(msg=str(error))
    try:
        environment = with_loaded(environment, module.params["dotenv_files"])
    except (_problem.OperatorError, OSError) as error:
        module.fail_json(msg=_problem.words(error))
    try:
        environment = with_settings(environment, module.params["config"], account)
    except (_problem.OperatorError, OSError) as error:
        module.fail_json(msg="%s: %s" % (module.params["config"], _problem.words(error)))
    left_out = {
        name: fault
        for name, value in environment.items()
        for fault in [_envfile.fault(name, value)]
        if fault
    }
    text = _envfile.dumps(
        {name: value for name, value in environment.items() if name not in left_out}
    )
    changed = (
        not os.path.exists(dest)
        or _files.read(dest) != text
        or os.stat(dest).st_mode & 0o777 != 0o600
    )
    if changed and not module.check_mode:
        try:
            _files.make_folder(os.path.dirname(dest), 0o700)
            _files.write_atomically(dest, text)
        except _problem.OperatorError as error:
            module.fail_json(msg=str(error))
    module.exit_json(
        changed=changed, variables=sorted(set(environment) - set(left_out)), left_out=left_out
    )


if __name__ == "__main__":
    main()
