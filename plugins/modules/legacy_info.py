# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: legacy_info
short_description: Tell what the legacy proxy is, and whether it runs and holds its own port
version_added: 0.1.0
description:
  - LiteLLM whose port is taken listens on another one without an error, so neither an active unit
    nor an answer on the port proves that it serves.
  - This looks at the process behind the unit and at the process behind the port.
author: llmops.litellm contributors (@llmops)
options:
  unit:
    description: The systemd unit.
    type: str
    required: true
  account:
    description: Account whose user manager has it; empty for the system's.
    type: str
    default: ''
attributes:
  check_mode:
    description: Only looks.
    support: full
  diff_mode:
    description: Only looks.
    support: none
"""

EXAMPLES = r"""
- name: Wait until the legacy proxy serves
  llmops.litellm.legacy_info:
    unit: litellm.service
    account: litellm
  register: legacy
  until: legacy.serves
"""

RETURN = r"""
serves:
  description: Whether the unit's process holds the port that it was started for.
  returned: success
  type: bool
reason:
  description: Why it does not, in words; empty where it does.
  returned: success
  type: str
legacy:
  description:
    - Unit, process, configuration, port, versions and files of the deployment, without any value of
      its environment. Empty where it does not run.
  returned: success
  type: dict
places:
  description:
    - Where its C(database) and its C(redis) are, each V(here), V(elsewhere) or V(nowhere). Empty
      where it does not run.
  returned: success
  type: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._config import stores as _stores
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import legacy as _legacy
from ansible_collections.llmops.litellm.plugins.module_utils._host import listeners as _listeners
from ansible_collections.llmops.litellm.plugins.module_utils._host import problem as _problem
from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process
from ansible_collections.llmops.litellm.plugins.module_utils._host.problem import OperatorError


def look(unit: str, account: str) -> tuple[str, dict[str, Any], dict[str, str]]:
    """Why the unit does not serve, empty where it does; what it is; and where its stores are."""
    try:
        running = _legacy.discover(unit, account, alone=True)
    except _legacy.LegacyError as error:
        return str(error), {}, {}
    return (_reason(running.facts), dict(running.facts), _stores.where(running.stores))


def _reason(found: _legacy.Facts) -> str:
    listener = _listeners.anywhere(_listeners.listeners(), found["port"])
    if listener is None:
        return "nobody listens on port %d" % found["port"]
    if listener.pid is None or found["pid"] not in _process.ancestors(listener.pid):
        return "port %d is held by %s" % (found["port"], listener.command)
    return ""


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "unit": {"type": "str", "required": True},
            "account": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    try:
        reason, found, places = look(module.params["unit"], module.params["account"])
    except (OperatorError, OSError) as error:  # the process ended while we looked
        reason, found, places = _problem.words(error), {}, {}
    module.exit_json(changed=False, serves=not reason, reason=reason, legacy=found, places=places)


if __name__ == "__main__":
    main()
