# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: stored_models
short_description: Models in LiteLLM's database name addresses that the proxy reaches
version_added: 0.1.0
author: llmops.litellm contributors (@llmops)
description:
  - Rewrites addresses of this host in models that LiteLLM keeps in its database
    (C(store_model_in_db)), through LiteLLM's API, and reads them again.
  - The ids of the models, their keys and everything else of them stay as they are. Models of the
    configuration file are not touched.
  - The database that is changed is that of the proxy at O(url).
attributes:
  check_mode:
    description: Says what would be rewritten.
    support: full
  diff_mode:
    description: Shows addresses without user, password and query.
    support: full
  idempotent:
    description: Addresses that are right stay as they are.
    support: full
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
  state:
    description:
      - Where the proxy runs. V(container) turns loopback addresses into O(gateway_name),
        V(loopback) does the reverse.
    type: str
    choices: [container, loopback]
    default: container
  gateway_name:
    description: Name by which containers reach servers that stay on the host.
    type: str
    default: host.docker.internal
  own_ports:
    description:
      - Loopback ports of the proxy itself, which are the same in the container; addresses with them
        stay as they are.
    type: list
    elements: int
    default: [4000]
  ports:
    description:
      - Loopback ports that containers reach at O(gateway_name). Addresses with others stay as they
        are. All, if it is not given.
    type: list
    elements: int
  earlier:
    description:
      - RV(rewritten) of the run with O(state=container). With O(state=loopback) each model gets the
        name of this host back that it had, such as C(localhost). Others get C(127.0.0.1).
    type: list
    elements: dict
    default: []
  timeout:
    description: Seconds for one answer, and for the proxy to show what was rewritten.
    type: float
    default: 60
"""

EXAMPLES = r"""
- name: Rewrite addresses of stored models for the container
  llmops.litellm.stored_models:
    url: http://127.0.0.1:4000
    key_file: /home/litellm/litellm/.env
    ports: [8082, 8079]
    state: container
  register: models

- name: Rewrite addresses of stored models back for the native proxy
  llmops.litellm.stored_models:
    url: http://127.0.0.1:4000
    key_file: /var/lib/llmops-litellm/legacy.env
    state: loopback
    earlier: "{{ models.rewritten }}"
"""

RETURN = r"""
rewritten:
  description: What was rewritten, or would be. Addresses are without user, password and query.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: LiteLLM's id of the model.
      type: str
    name:
      description: The model's name, which others may have too.
      type: str
    field:
      description: The setting that holds the address.
      type: str
    old:
      description: The address before.
      type: str
    new:
      description: The address now.
      type: str
  sample:
    - id: 21e34abe-2259-41ac-ada3-065b23ee5645
      name: embed-stored
      field: api_base
      old: http://127.0.0.1:8082/v1
      new: http://host.docker.internal:8082/v1
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._host import display as _display
from ansible_collections.llmops.litellm.plugins.module_utils._litellm import client as _client
from ansible_collections.llmops.litellm.plugins.module_utils._litellm import (
    stored_models as _stored_models,
)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "url": {"type": "str", "default": "http://127.0.0.1:4000"},
            "key_file": {"type": "path", "required": True, "no_log": False},
            "key_variable": {"type": "str", "default": _client.MASTER_KEY, "no_log": False},
            "state": {"type": "str", "choices": ["container", "loopback"], "default": "container"},
            "gateway_name": {"type": "str", "default": "host.docker.internal"},
            "own_ports": {"type": "list", "elements": "int", "default": [4000]},
            "ports": {"type": "list", "elements": "int"},
            "earlier": {"type": "list", "elements": "dict", "default": []},
            "timeout": {"type": "float", "default": 60},
        },
        supports_check_mode=True,
    )
    params: dict[str, Any] = module.params
    if not all(
        isinstance(item.get(name), str) for item in params["earlier"] for name in ("id", "old")
    ):
        module.fail_json(msg="earlier is not what this module returned as rewritten")
    try:
        key = _client.key_from_file(params["key_file"], params["key_variable"])
        module.no_log_values.add(key)
        client = _client.Client(params["url"], key, params["timeout"])
        changes = _stored_models.plan(
            _stored_models.stored(client),
            params["state"],
            params["gateway_name"],
            params["own_ports"],
            params["ports"],
            params["earlier"],
        )
        if changes and not module.check_mode:
            _stored_models.apply(client, changes, params["timeout"])
    except _client.ProxyError as error:
        module.fail_json(msg=str(error))
    shown = [change.shown() for change in changes]
    lines = {
        side: "".join(
            "%s (%s) %s: %s\n" % (item["name"], item["id"], item["field"], item[side])
            for item in _display.each(shown)
        )
        for side in ("old", "new")
    }
    module.exit_json(
        changed=bool(changes),
        rewritten=shown,
        diff={
            "before_header": "stored models",
            "after_header": "stored models",
            "before": lines["old"],
            "after": lines["new"],
        },
    )


if __name__ == "__main__":
    main()
