#!/usr/bin/python
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: client_watch
short_description: Watch as a client how a proxy is served
version_added: 1.0.0
description:
  - A transient systemd unit asks the proxy ten times a second whether it lives, each time with a
    connection of its own and without a key, and remembers how many requests failed and how long the
    longest took. What a run says of an outage is then what a client saw.
  - It ends with the run. One that was forgotten ends after an hour, and a reboot forgets it.
  - It never fails. Where nobody watches, nothing is said.
author: llmops.litellm contributors (@llmops)
options:
  state:
    description:
      - V(started) begins to ask, in the place of one that asks already.
      - V(turned) says that what was seen until now is what it is like when nothing happens.
      - V(ended) asks no more, and returns what was seen.
    type: str
    choices: [started, turned, ended]
    required: true
  url:
    description: Where clients reach the proxy. Needed with V(started).
    type: str
  patience:
    description: Seconds that a request may take.
    type: int
    default: 150
attributes:
  check_mode:
    description: Nobody watches.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
"""

EXAMPLES = r"""
- name: Watch how clients are served
  llmops.litellm.client_watch:
    state: started
    url: http://127.0.0.1:4000

- name: Note what they saw
  llmops.litellm.client_watch:
    state: ended
  register: watched
"""

RETURN = r"""
seen:
  description:
    - What was seen C(before) V(turned) and C(since), each with the number of requests that were
      C(asked), those that C(failed), and the C(longest) in seconds. Empty where nobody watched.
  returned: with O(state=ended)
  type: dict
  sample:
    before: {asked: 212, failed: 0, longest: 0.094}
    since: {asked: 187, failed: 0, longest: 16.2}
reason:
  description: Why nobody watches; empty where somebody does.
  returned: always
  type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._hold import watch as _watch
from ansible_collections.llmops.litellm.plugins.module_utils._host import problem as _problem
from ansible_collections.llmops.litellm.plugins.module_utils._host.problem import OperatorError


def act(params: dict[str, Any]) -> dict[str, Any]:
    """Start, turn or end it."""
    if params["state"] == "started":
        _watch.begin(params["url"], params["patience"])
    elif params["state"] == "turned":
        _watch.turn()
    else:
        return {"seen": _watch.end() or {}}
    return {}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["started", "turned", "ended"], "required": True},
            "url": {"type": "str"},
            "patience": {"type": "int", "default": 150},
        },
        required_if=[("state", "started", ["url"])],
        supports_check_mode=True,
    )
    reason, result = "", {}
    if module.params["state"] == "ended":
        result = {"seen": {}}
    if not module.check_mode:
        try:
            result = act(module.params)
        except (OperatorError, OSError) as error:
            reason = _problem.words(error)
    module.exit_json(changed=False, reason=reason, **result)


if __name__ == "__main__":
    main()
