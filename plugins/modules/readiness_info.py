# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: readiness_info
short_description: Wait until a LiteLLM proxy is proved ready
version_added: 0.1.0
author: llmops.litellm contributors (@llmops)
description:
  - Asks C(/health/readiness) and, with a key, C(/health/readiness/details) and C(/cache/ping), and
    tells what the answers prove. Releases from 1.60 to today differ in what they say and in what of
    it is true. All of them remember the state of the database for 15 seconds or more. With a key
    C(/key/list) is therefore read too, which shows how it is now.
  - Without a key V(connected) may be 15 seconds old.
  - HTTP 200 is no proof. What an answer does not prove is V(unknown).
  - Fails after the last attempt, with the reasons.
options:
  url:
    description: Address of the proxy.
    type: str
    default: http://127.0.0.1:4000
  api_key:
    description:
      - The proxy's master key. Releases from 1.84 on tell the version and the state of the cache to
        nobody else.
      - Better leave it on the host, with O(api_key_file).
    type: str
  api_key_file:
    description: Env file on the host, as Compose reads it, with the master key in it.
    type: path
  api_key_variable:
    description: Name of the variable in O(api_key_file).
    type: str
    default: LITELLM_MASTER_KEY
  retries:
    description: Further attempts after the first.
    type: int
    default: 0
  delay:
    description: Seconds from the end of an attempt to the next.
    type: float
    default: 1
  timeout:
    description: Seconds for one answer.
    type: float
    default: 10
  require:
    description:
      - What must be V(connected), beyond the proxy's being ready. V(cache) needs a key.
      - A proxy without a database is ready; where one is expected, require it, since LiteLLM says
        the same when its first connection failed.
    type: list
    elements: str
    choices: [database, cache]
    default: []
attributes:
  check_mode:
    description: Only looks.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
seealso:
  - module: llmops.litellm.proxy_snapshot_info
"""

EXAMPLES = r"""
- name: Wait until the proxy is ready with its database and Redis
  llmops.litellm.readiness_info:
    url: http://127.0.0.1:4000
    api_key_file: /home/litellm/litellm/.env
    require: [database, cache]
    retries: 120
    delay: 0.5
"""

RETURN = r"""
ready:
  description:
    - The proxy says that it can serve, and its database is proved to work, or none is configured.
  returned: always
  type: bool
  sample: true
database:
  description: V(connected), V(disconnected), V(not configured) or V(unknown).
  returned: always
  type: str
  sample: connected
cache:
  description: V(connected), V(disconnected), V(not configured) or V(unknown).
  returned: always
  type: str
  sample: connected
version:
  description: LiteLLM's version, null where it is not known.
  returned: always
  type: str
  sample: 1.102.4
generation:
  description: First of the releases that answer like this one, or V(unknown).
  returned: always
  type: str
  sample: "1.100"
reasons:
  description: What is not well and what could not be proved.
  returned: always
  type: list
  elements: str
  sample: ["the proxy cannot reach its database"]
attempts:
  description: How often it was asked.
  returned: always
  type: int
  sample: 3
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._host import display as _display
from ansible_collections.llmops.litellm.plugins.module_utils._litellm import client as _client
from ansible_collections.llmops.litellm.plugins.module_utils._litellm import readiness as _readiness


def missing(verdict: _readiness.Verdict, require: list[str]) -> list[str]:
    """What is required and not proved."""
    return [
        "%s is required and %s" % (name, getattr(verdict, name))
        for name in require
        if getattr(verdict, name) != _readiness.CONNECTED
    ]


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "url": {"type": "str", "default": "http://127.0.0.1:4000"},
            "api_key": {"type": "str", "no_log": True},
            "api_key_file": {"type": "path"},
            "api_key_variable": {"type": "str", "default": _client.MASTER_KEY, "no_log": False},
            "retries": {"type": "int", "default": 0},
            "delay": {"type": "float", "default": 1},
            "timeout": {"type": "float", "default": 10},
            "require": {
                "type": "list",
                "elements": "str",
                "choices": ["database", "cache"],
                "default": [],
            },
        },
        mutually_exclusive=[("api_key", "api_key_file")],
        supports_check_mode=True,
    )
    params: dict[str, Any] = module.params
    try:
        key = params["api_key"]
        if params["api_key_file"]:
            key = _client.key_from_file(params["api_key_file"], params["api_key_variable"])
            module.no_log_values.add(key)
        public = _client.Client(params["url"], None, params["timeout"])
    except _client.ProxyError as error:
        module.fail_json(
            msg=str(error),
            ready=False,
            database="unknown",
            cache="unknown",
            version=None,
            generation="unknown",
            reasons=[str(error)],
            attempts=0,
        )
    attempts = 0
    while True:
        attempts += 1
        verdict = _readiness.ask(public, key or None)
        lacking = missing(verdict, params["require"])
        result = {
            **verdict._asdict(),
            "reasons": [*lacking, *verdict.reasons],
            "attempts": attempts,
        }
        if verdict.ready and not lacking:
            module.exit_json(changed=False, **result)
        if attempts > params["retries"]:
            module.fail_json(
                msg="The proxy is not proved ready, asked %d times: %s"
                % (attempts, _display.plain("; ".join(result["reasons"]))),
                **result,
            )
        time.sleep(params["delay"])


if __name__ == "__main__":
    main()
