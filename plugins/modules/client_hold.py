#!/usr/bin/python
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: client_hold
short_description: Let clients of a port wait while nobody serves there
version_added: 1.0.0
description:
  - With V(held), new connections to a port of this host wait in a queue of the kernel instead of
    being refused, and connections that clients keep are taken along from the server that is about
    to end. With V(released), all of them are carried to the server that has the port then.
  - A table of nftables of its own leads new connections to a process that runs as a transient
    systemd unit, beside whatever started it. It lets go at its limit, its rules leave with it, and
    a reboot forgets both.
  - Where clients can't be held it says why and changes nothing, and they are refused as ever.
  - What this collection asks itself is let through at any time.
author: llmops.litellm contributors (@llmops)
options:
  state:
    description:
      - V(held) holds clients. Where they are held already nothing changes.
      - V(starting) does the same, and lets O(accounts) find the port free, since a LiteLLM whose
        port answers takes another one. Their own connections are refused from then on. Where one of
        them is not there nobody is held any more.
      - V(released) lets those who wait through, and ends when the last of them is done. If the
        process that holds them does not answer it is ended, and they are refused. Where nobody is
        held it does nothing.
    type: str
    choices: [held, starting, released]
    required: true
  port:
    description: The port at which clients ask. Needed unless V(released).
    type: int
  addresses:
    description:
      - Addresses of this host at which they ask, C(0.0.0.0) for every one, C(::) for every one of
        IPv6 as well. Needed unless V(released).
    type: list
    elements: str
    default: []
  kept:
    description:
      - Whether connections that the server there has accepted are taken along. Not where they are
        encrypted, or a forwarder such as docker-proxy has them.
    type: bool
    default: true
  accounts:
    description:
      - Accounts that start a server on this port in the end, by name or number. Those with which
        the hold began count.
    type: list
    elements: str
    default: [root]
  limit:
    description: Seconds after which those who wait are refused.
    type: int
    default: 120
attributes:
  check_mode:
    description: Holds nobody and lets nobody go.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
"""

EXAMPLES = r"""
- name: Hold clients
  llmops.litellm.client_hold:
    state: held
    port: 4000
    addresses: [127.0.0.1]

- name: Let them through
  llmops.litellm.client_hold:
    state: released
"""

RETURN = r"""
hold:
  description:
    - How the hold stands. The C(unit) that holds; its C(state), C(holding) or C(carrying); how many
      new connections were C(held), how many kept ones were taken along (C(kept)) and how many of
      them went on (C(carried)); for how many C(seconds) they waited. Empty where nobody is held.
  returned: success
  type: dict
  sample:
    unit: llmops-litellm-hold-1.service
    state: carrying
    held: 14
    kept: 5
    carried: 3
    seconds: 12.4
reason:
  description:
    - Why clients are not held, or were not let through and are refused; empty where nothing is
      wrong.
  returned: success
  type: str
  sample: nft is not installed (package nftables)
"""

from typing import Any, Optional

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._hold import hold as _hold
from ansible_collections.llmops.litellm.plugins.module_utils._hold.unit import HoldError
from ansible_collections.llmops.litellm.plugins.module_utils._host import display as _display
from ansible_collections.llmops.litellm.plugins.module_utils._host import problem as _problem
from ansible_collections.llmops.litellm.plugins.module_utils._host import reader as _reader
from ansible_collections.llmops.litellm.plugins.module_utils._host.account import AccountError
from ansible_collections.llmops.litellm.plugins.module_utils._host.problem import OperatorError


def number(account: str) -> Optional[int]:
    """The number of an account; ``None`` where there is none of that name."""
    try:
        return int(account) if account.isdigit() else _reader.recall(account).uid
    except (AccountError, ValueError):
        return None


def begin(params: dict[str, Any], check: bool) -> dict[str, Any]:
    """Hold clients, or say why not."""
    numbers = {account or "root": number(account or "root") for account in params["accounts"]}
    unknown = [account for account, found in numbers.items() if found is None]
    starting = params["state"] == "starting"
    wanted = _hold.Wanted(
        params["port"],
        params["addresses"],
        params["limit"],
        params["kept"],
        tuple(found for found in numbers.values() if found is not None),
    )
    try:
        there = _hold.held()
        now, reason = there, ""
        if starting and unknown:
            now, reason = None, "there is no account %s on this host" % ", ".join(unknown)
            if there and not check:
                _hold.end(there)
        elif not check:
            now = _hold.begin(wanted)
            now = _hold.spare(now) if starting else now
    except (OperatorError, OSError) as error:
        return {"changed": False, "hold": {}, "reason": _problem.words(error)}
    holds = not reason  # in check mode, it would
    changed = (there is not None) != holds
    return {"changed": changed, "hold": now._asdict() if now else {}, "reason": reason}


def release(check: bool) -> dict[str, Any]:
    """Let those who wait through. Where that fails they are refused: a proxy that serves is worth
    more than those who waited for it.

    :raises HoldError: they still wait.
    """
    there, reason = _hold.held(), ""
    now = there
    if there and not check:
        try:
            now = _hold.let_through()
        except HoldError as error:
            now, reason = None, str(error)
            _hold.end(there)
    changed = there is not None
    return {"changed": changed, "hold": now._asdict() if now else {}, "reason": reason}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "state": {
                "type": "str",
                "choices": ["held", "starting", "released"],
                "required": True,
            },
            "port": {"type": "int"},
            "addresses": {"type": "list", "elements": "str", "default": []},
            "kept": {"type": "bool", "default": True},
            "accounts": {"type": "list", "elements": "str", "default": ["root"]},
            "limit": {"type": "int", "default": 120},
        },
        required_if=[(("state", state, ["port", "addresses"])) for state in ("held", "starting")],
        supports_check_mode=True,
    )
    try:
        if module.params["state"] == "released":
            result = release(module.check_mode)
        else:
            result = begin(module.params, module.check_mode)
        if result["reason"]:
            module.warn(_display.plain("Clients are refused: %s" % result["reason"]))
    except OperatorError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=_problem.words(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
