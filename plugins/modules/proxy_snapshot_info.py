# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: proxy_snapshot_info
short_description: See a LiteLLM proxy as its clients do
version_added: 0.1.0
author: llmops.litellm contributors (@llmops)
description:
  - Reads models, keys, teams and the number of users through the proxy's API, sends real requests
    to models, tries keys of clients, and compares all of it with an earlier snapshot, of this proxy
    or of another one.
  - No key, no address with a password and nothing that a model said is in what is returned.
  - Its requests are requests like any other. Those of O(keys_file), O(exercise), O(capabilities)
    and O(bogus) leave rows in the proxy's spend log, some seconds later.
options:
  url:
    description: Address of the proxy.
    type: str
    default: http://127.0.0.1:4000
  key_file:
    description: Env file on the host, as Compose reads it, with the proxy's master key in it.
    type: path
    required: true
  key_variable:
    description: Name of the variable in O(key_file).
    type: str
    default: LITELLM_MASTER_KEY
  keys_file:
    description:
      - File on the host with keys of clients. Each is tried with C(GET /v1/models), and with a
        small chat request if the file names a C(chat_model). Only the statuses are kept.
      - 'Either JSON, C({"keys": [{"name": "ci-runner", "key": "sk-..."}], "chat_model": "chat"}),
        where C(alias) does for C(name) and the list alone will do too; or text with one key per
        line, where lines that begin with C(#) are left out.'
    type: path
  exercise:
    description:
      - Models to send one request of each kind to that their mode has, C(chat) and C(stream),
        C(embedding), C(rerank) or C(completion). Naming a model of a provider spends money.
      - If this is not given, those of O(compare); without that the first model on this host for
        each mode, once from the configuration and once from the database. A name that is also
        served from elsewhere is not among them.
      - An empty list sends none.
    type: list
    elements: str
  local_hosts:
    description:
      - Names by which the proxy reaches models on this host, beside C(localhost) and C(127.0.0.1).
    type: list
    elements: str
    default: [host.docker.internal]
  own_ports:
    description:
      - Ports of the proxy itself. A model at one of them is not on this host, but behind a proxy.
    type: list
    elements: int
    default: [4000]
  bogus:
    description: Whether a key is tried that does not exist. It must get a 401.
    type: bool
    default: true
  capabilities:
    description:
      - Whether the models of O(exercise) that answer are also asked what else they can do, with the
        requests of M(llmops.litellm.model_probe).
      - What a snapshot to O(compare) with has is asked for in any case, up to three times, since a
        model does not always do what it can.
    type: bool
    default: false
  database:
    description: Whether the proxy has one. Without it there are no keys, teams and users.
    type: bool
    default: true
  compare:
    description: RV(snapshot) of an earlier run, to compare with.
    type: dict
  state_dir:
    description:
      - State folder of a migration. Its journal, which M(llmops.litellm.journal) writes, has the
        snapshot to compare with.
      - That is the last one that clients saw of the rows that this proxy has, before the cutover or
        before the way back.
    type: path
  served:
    description:
      - Whether clients were served between both snapshots. They may have changed keys, teams and
        users then, or removed them, so those are not compared.
    type: bool
    default: false
  must_match:
    description: Whether the module fails where RV(differences) are found.
    type: bool
    default: false
  timeout:
    description: Seconds for one answer, that of a model included.
    type: float
    default: 60
attributes:
  check_mode:
    description: Only looks.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
seealso:
  - module: llmops.litellm.readiness_info
"""

EXAMPLES = r"""
- name: Record what clients of the legacy proxy see
  llmops.litellm.proxy_snapshot_info:
    url: http://127.0.0.1:4000
    key_file: /var/lib/llmops-litellm/legacy.env
    keys_file: /root/client-keys.json
  register: before

- name: Compare what clients of the new proxy see
  llmops.litellm.proxy_snapshot_info:
    url: http://127.0.0.1:4000
    key_file: /home/litellm/litellm/.env
    keys_file: /root/client-keys.json
    compare: "{{ before.snapshot }}"
    must_match: true
"""

RETURN = r"""
snapshot:
  description: What clients see.
  returned: success
  type: dict
  contains:
    models:
      description:
        - Every model of every name. The digest is of its settings, without addresses, ids and
          secrets.
      type: list
      elements: dict
      sample: [{name: embed, mode: embedding, db_model: false, local: true, digest: 0c9f4be21d37}]
    keys:
      description: How many virtual keys there are, and each by the first characters of its hash.
      type: dict
      sample:
        count: 1
        listed:
          - hash: 358875cca091
            alias: ci-runner
            blocked: false
            spend: 0.12
            max_budget: 25.0
            budget_reset_at: null
            expires: null
            team: team-research
            user: null
            settings: 44136fa355b3
    teams:
      description: Every team.
      type: list
      elements: dict
      sample:
        - id: team-research
          alias: Research
          blocked: false
          spend: 39.97
          max_budget: 500.0
          budget_reset_at: null
          settings: 9b1c66ad0e21
    users:
      description: How many users there are.
      type: dict
      sample: {count: 4}
    bogus:
      description:
        - HTTP status for a key that does not exist, null if none was tried or no answer came.
      type: int
      sample: 401
    exercised:
      description: The requests to models. A status is null where no answer came.
      type: list
      elements: dict
      sample:
        - {model: chat, mode: chat, status: 200, ok: true, detail: {characters: 86}, seconds: 0.021}
        - model: chat
          mode: stream
          status: 200
          ok: true
          detail: {characters: 86, pieces: 14, done: true}
          seconds: 0.034
    client_keys:
      description: HTTP statuses by client's key, null where no answer came or nothing was asked.
      type: list
      elements: dict
      sample: [{name: ci-runner, models: 200, chat: 200}]
    capabilities:
      description: What else models can do, V(yes), V(no), or V(failed) where no usable answer came.
      type: list
      elements: dict
      sample:
        - {model: chat, capability: tools, state: "no", why: no tool was called, seconds: 0.02}
table:
  description: Every request to a model, before and now, as lines to be read.
  returned: if O(compare) or O(state_dir) is given
  type: list
  elements: str
  sample:
    - "model  asked for  before  now  seconds before  seconds now"
    - "chat   tools      yes     no   0.02            0.03"
differences:
  description:
    - What the earlier snapshot shows and this proxy does not, in plain words. Empty if nothing was
      lost or changed.
    - Spend may have grown, or begun again with a new budget period; keys, teams and users may have
      been added.
  returned: if O(compare) or O(state_dir) is given
  type: list
  elements: str
  sample: ["key ci-runner: spend 0.12 became 0.1"]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import journal as _journal
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    position as _position,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import display as _display
from ansible_collections.llmops.litellm.plugins.module_utils._host import files as _files
from ansible_collections.llmops.litellm.plugins.module_utils._litellm import client as _client
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    client_keys as _client_keys,
)
from ansible_collections.llmops.litellm.plugins.module_utils._migration import snapshot as _snapshot


def keys_of(path: str) -> tuple[list[_client_keys.ClientKey], Any]:
    """The clients' keys of a file, with the file's name in every complaint."""
    try:
        return _client_keys.loads(_files.read(path))
    except OSError as error:
        raise _client.ProxyError("keys_file %s: %s" % (path, error.strerror)) from None
    except _client.ProxyError as error:
        raise _client.ProxyError("keys_file %s: %s" % (path, error)) from None


def remembered(folder: str) -> dict[str, Any]:
    """The snapshot of a migration's journal that a proxy is compared with now."""
    journal = _journal.load(folder)
    earlier = _position.comparable(journal) if journal else None
    if earlier is None:
        raise _journal.JournalError(
            "%s has no snapshot to compare with." % _journal.path_of(folder)
        )
    return earlier


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "url": {"type": "str", "default": "http://127.0.0.1:4000"},
            "key_file": {"type": "path", "required": True, "no_log": False},
            "key_variable": {"type": "str", "default": _client.MASTER_KEY, "no_log": False},
            "keys_file": {"type": "path", "no_log": False},
            "exercise": {"type": "list", "elements": "str"},
            "local_hosts": {"type": "list", "elements": "str", "default": ["host.docker.internal"]},
            "own_ports": {"type": "list", "elements": "int", "default": [4000]},
            "bogus": {"type": "bool", "default": True},
            "capabilities": {"type": "bool", "default": False},
            "database": {"type": "bool", "default": True},
            "compare": {"type": "dict"},
            "state_dir": {"type": "path"},
            "served": {"type": "bool", "default": False},
            "must_match": {"type": "bool", "default": False},
            "timeout": {"type": "float", "default": 60},
        },
        mutually_exclusive=[("compare", "state_dir")],
        supports_check_mode=True,
    )
    params: dict[str, Any] = module.params
    exercise = params["exercise"]
    try:
        earlier = remembered(params["state_dir"]) if params["state_dir"] else params["compare"]
        key = _client.key_from_file(params["key_file"], params["key_variable"])
        module.no_log_values.add(key)
        keys, chat_model = keys_of(params["keys_file"]) if params["keys_file"] else ([], None)
        if earlier is not None and exercise is None:
            exercise = list(dict.fromkeys(result["model"] for result in earlier["exercised"]))
        found = _snapshot.snapshot(
            _client.Client(params["url"], key, params["timeout"]),
            exercise,
            keys,
            chat_model,
            bogus=params["bogus"],
            local_hosts=params["local_hosts"],
            own_ports=params["own_ports"],
            capabilities=params["capabilities"],
            database=params["database"],
            earlier=earlier,
        )
        result = (
            {}
            if earlier is None
            else {
                "differences": _snapshot.compare(earlier, found, params["served"]),
                "table": _snapshot.table(earlier, found),
            }
        )
    except (_client.ProxyError, _journal.JournalError) as error:
        module.fail_json(msg=str(error))
    except (KeyError, TypeError, AttributeError):
        module.fail_json(msg="compare is not a snapshot of this module")
    if params["must_match"] and result.get("differences"):
        words = "%s differs from what clients saw before: %s" % (
            params["url"],
            "; ".join(result["differences"]),
        )
        module.fail_json(
            msg="\n".join([_display.plain(words), *result["table"]]), snapshot=found, **result
        )
    module.exit_json(changed=False, snapshot=found, **result)


if __name__ == "__main__":
    main()
