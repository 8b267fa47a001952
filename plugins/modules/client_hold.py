#!/usr/bin/python
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: client_hold
short_description: Let clients of a port wait, or lead them to another, while nobody serves there
version_added: 1.0.0
description:
  - With V(held), new connections to a port of this host wait in a queue of the kernel instead of
    being refused, and connections that clients keep are taken along from the server that is about
    to end. With V(released), all of them are carried to the server that has the port then.
  - With V(led), new connections to the port are led to another one of the same address, where a
    server serves meanwhile, and connections that clients keep are taken along and carried there
    once their server closes them. With V(released) new connections stay at the port again, and
    connections which that other server has are taken along in the same way, so that it can end.
  - A table of nftables of its own leads new connections to a process that runs as a transient
    systemd unit, beside whatever started it, or with V(led) past that process. It lets go at its
    limit, or, while clients are led, once nobody serves where they are led to. Its rules leave with
    it, and a reboot forgets both.
  - Where clients can't be held it says why and changes nothing, and they are refused as ever.
  - What this collection asks itself is let through at any time.
author: llmops.litellm contributors (@llmops)
options:
  state:
    description:
      - V(held) holds clients. Where they are held already nothing changes. Where they are led, new
        connections wait from now on, and those that the other server has stay there.
      - V(led) leads clients to port O(to). Where they are led there already nothing changes. Where
        they are held, those who wait are carried there.
      - V(starting) holds clients unless they are held or led already, and lets O(accounts) find the
        port free, since a LiteLLM whose port answers takes another one. Their own connections are
        refused from then on. Where one of them is not there nobody is held or led any more.
      - V(released) lets those who wait through to the port, leads nobody any more, and ends when
        the last of them is done and the servers are gone to whom they were led. If the process that
        holds them does not answer it is ended, and those who wait are refused. Where nobody is held
        or led it does nothing.
    type: str
    choices: [held, led, starting, released]
    required: true
  port:
    description: The port at which clients ask. Needed unless V(released).
    type: int
  to:
    description:
      - The port to which clients are led. Needed with V(led). Somebody must listen there, at each
        of O(addresses).
      - While they are led to one port they can't be led to another.
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
      - Whether connections that the server there has accepted are taken along, with V(released)
        those that the server at O(to) has. Not where they are encrypted. Where a forwarder such as
        docker-proxy has them, O(container) is needed.
      - While clients are held or led already it makes no difference, but with V(released).
    type: bool
    default: true
  container:
    description:
      - Name of the container that the server is in, where the port is published by Docker. The
        connections that it has accepted are taken along with V(led) alone, and not where it is the
        container's first process.
      - Until they are done, the container's network stays - its init is stopped meanwhile
        (SIGSTOP), which C(docker stop) waits for.
    type: str
  accounts:
    description:
      - Accounts that start a server on this port in the end, by name or number. Those with which
        the hold began count.
    type: list
    elements: str
    default: [root]
  limit:
    description:
      - Seconds after which those who wait are refused. That with which the hold began counts, from
        when they begin to wait; while clients are led it does not.
    type: int
    default: 120
  url:
    description:
      - The proxy's URL, of the server that is about to stop. If that still answers 20 seconds after
        clients were held, and did so each second, it is not going to be stopped, as of a run that
        was killed; those who wait are let through to it then. That with which the hold began
        counts. Certificates are not verified.
    type: str
attributes:
  check_mode:
    description: Holds and leads nobody, and lets nobody go.
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
    url: http://127.0.0.1:4000

- name: Lead clients to another proxy, while that at their port is replaced
  llmops.litellm.client_hold:
    state: led
    port: 4000
    addresses: [127.0.0.1]
    to: 14000

- name: Do so where that proxy is in a container
  llmops.litellm.client_hold:
    state: led
    port: 4000
    addresses: [127.0.0.1]
    to: 14000
    container: litellm-proxy

- name: Let them through
  llmops.litellm.client_hold:
    state: released
"""

RETURN = r"""
hold:
  description:
    - How the hold stands. The C(unit) that holds; its C(state), C(holding), C(leading) or
      C(carrying); how many new connections were C(held), how many kept ones were taken along
      (C(kept)) and how many of them went on (C(carried)); for how many C(seconds) they waited;
      whether the accounts that start a server are C(spared); and the port C(to) which they are led,
      or were, as long as connections of the servers there are taken along, else 0. Empty where
      nobody is held or led.
  returned: success
  type: dict
  sample:
    unit: llmops-litellm-hold-1.service
    state: carrying
    held: 14
    kept: 5
    carried: 3
    seconds: 12.4
    spared: true
    to: 0
reason:
  description:
    - Why clients are not held or led, or were not let through and are refused; empty where nothing
      is wrong.
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
    """Hold or lead clients, or say why not."""
    numbers = {account or "root": number(account or "root") for account in params["accounts"]}
    unknown = [account for account, found in numbers.items() if found is None]
    starting, leads = params["state"] == "starting", params["state"] == "led"
    wanted = _hold.Wanted(
        params["port"],
        params["addresses"],
        params["limit"],
        params["kept"],
        tuple(found for found in numbers.values() if found is not None),
        params["to"] if leads else 0,
        params["url"] or "",
        params["container"] or "",
    )
    there = None
    try:
        there = _hold.held()
        now, reason = there, ""
        if starting and unknown:
            now, reason = None, "there is no account %s on this host" % ", ".join(unknown)
            if there and not check:
                _hold.end(there)
        elif not check:
            now = there if there and starting else _hold.begin(wanted)
            now = _hold.spare(now) if starting else now
    except (OperatorError, OSError) as error:
        return {"changed": False, "hold": _shown(there), "reason": _problem.words(error)}
    stands = (there.state, there.to if leads else 0) if there else None
    wants = None if reason else (_hold.LEADING if leads else _hold.HOLDING, wanted.to)
    changed = (stands is None) != (wants is None) if starting else stands != wants
    return {"changed": changed, "hold": _shown(now), "reason": reason}


def _shown(there: Optional[_hold.Standing]) -> dict[str, Any]:
    return there._asdict() if there else {}


def release(kept: bool, check: bool) -> dict[str, Any]:
    """Let those who wait through. Where that fails they are refused: a proxy that serves is worth
    more than those who waited for it.

    :raises HoldError: they still wait.
    """
    there, reason = _hold.held(), ""
    now = there
    if there and not check:
        try:
            now = _hold.let_through(kept)
        except HoldError as error:
            now, reason = None, str(error)
            _hold.end(there)
    return {"changed": there is not None, "hold": _shown(now), "reason": reason}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "state": {
                "type": "str",
                "choices": ["held", "led", "starting", "released"],
                "required": True,
            },
            "port": {"type": "int"},
            "to": {"type": "int"},
            "addresses": {"type": "list", "elements": "str", "default": []},
            "kept": {"type": "bool", "default": True},
            "container": {"type": "str"},
            "accounts": {"type": "list", "elements": "str", "default": ["root"]},
            "limit": {"type": "int", "default": 120},
            "url": {"type": "str"},
        },
        required_if=[
            ("state", "held", ["port", "addresses"]),
            ("state", "led", ["port", "addresses", "to"]),
            ("state", "starting", ["port", "addresses"]),
        ],
        supports_check_mode=True,
    )
    state = module.params["state"]
    if state == "led" and module.params["to"] == module.params["port"]:
        module.fail_json(msg="to: %(to)d is the port at which clients ask" % module.params)
    try:
        if state == "released":
            result = release(module.params["kept"], module.check_mode)
        else:
            result = begin(module.params, module.check_mode)
        if result["reason"]:
            what = "not led" if state == "led" else "refused"
            module.warn(_display.plain("Clients are %s: %s" % (what, result["reason"])))
    except OperatorError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=_problem.words(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
