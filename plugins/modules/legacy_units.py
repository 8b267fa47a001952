#!/usr/bin/python
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: legacy_units
short_description: Retire, bring back or remove the systemd units of the legacy deployment
version_added: 0.1.0
description:
  - Works on units of the system's manager and of other accounts' user managers in one call, without
    a login session.
  - V(retired) and V(recorded) delete nothing. A unit that cannot be disabled, because a generator
    or another unit pulls it in, is masked, or blocked by a drop-in with a condition that never
    holds, where its own file takes the place of the mask.
  - V(absent) removes a unit's own file, the drop-ins of its owner and the links to it, each as the
    account that owns the unit, and reloads the managers. A file goes only if the backup is sound
    and has exactly its content; otherwise nothing goes at all. Files of packages stay, and so do
    sources outside of systemd's folders.
author: llmops.litellm contributors (@llmops)
options:
  units:
    description:
      - Records of the units as M(llmops.litellm.preflight_info) returns them. They are handled in
        this order.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the unit.
        type: str
        required: true
      scope:
        description: Which kind of manager has it.
        type: str
        choices: [system, user]
        default: system
      account:
        description: The account of the user manager; empty for the system's.
        type: str
        default: ''
      enabled:
        description: The recorded state of the unit file.
        type: str
        required: true
      active:
        description: The recorded state of the unit.
        type: str
        required: true
      path:
        description: The unit file itself, not a link to it.
        type: str
        default: ''
      hash:
        description: SHA-256 of it, as recorded; empty where it was not.
        type: str
        default: ''
  state:
    description:
      - V(retired) stops the units and keeps them from starting at the next boot.
      - V(recorded) brings each unit back to its recorded enabled and active state. What was stopped
        or disabled on purpose stays so. One that cannot be brought back keeps none of the others
        from it.
      - V(restorable) fails, with every reason, where V(recorded) could not bring a unit back, and
        changes nothing. The managers read their files again for that.
      - V(absent) removes the units' files. They must be retired.
    type: str
    choices: [retired, recorded, restorable, absent]
    required: true
  proxy:
    description:
      - Name of the unit among them that is the proxy. With V(retired), where its main process is
        LiteLLM itself, only that process gets the signal to stop. systemd would send it to
        LiteLLM's database client at the same time, and spend that is not written by then would be
        lost.
      - With V(recorded), the one that must come back. Of the others O(state) is then tried only.
    type: str
    default: ''
  patience:
    description:
      - Seconds that O(proxy) may take to end what it has begun, before it is killed. Its unit's own
        time where it is 0.
    type: int
    default: 0
  backup:
    description:
      - Folder of the backup that has the units' files. Needed with V(absent). In check mode it need
        not exist yet.
    type: path
attributes:
  check_mode:
    description: Says what would be done or removed.
    support: full
  diff_mode:
    description:
      - With V(absent), shows the paths, not what is in them. Otherwise the actions are returned
        instead.
    support: partial
"""

EXAMPLES = r"""
- name: Stop the legacy proxy and its timers, and keep them stopped
  llmops.litellm.legacy_units:
    units: "{{ found.legacy.units }}"
    state: retired
    proxy: litellm.service

- name: Bring the legacy units back as they were recorded
  llmops.litellm.legacy_units:
    units: "{{ found.legacy.units | reverse }}"
    state: recorded

- name: Remove the legacy units
  llmops.litellm.legacy_units:
    units: "{{ found.legacy.units }}"
    state: absent
    backup: /var/backups/llmops-litellm/legacy-final-20261123t150000z-12ab
"""

RETURN = r"""
actions:
  description: What was done to each unit that was not in that state already.
  returned: success, with V(retired) and V(recorded)
  type: dict
  sample: {litellm.service: [stopped, disabled]}
notes:
  description:
    - What the operator should know, in words. Units whose files are not as they were recorded; and
      with O(proxy), those that could not be brought back. With V(retired), a proxy that did not end
      by itself.
  returned: with V(retired) and V(recorded)
  type: list
  elements: str
  sample: ["litellm.service: /etc/systemd/system/litellm.service was changed since it was recorded"]
removed:
  description: Paths that were removed.
  returned: success, with V(absent)
  type: list
  elements: str
stays:
  description: Unit files that stay, and why.
  returned: success, with V(absent)
  type: list
  elements: dict
  sample: [{path: /usr/lib/systemd/system/postgresql@.service, reason: belongs to a package}]
"""

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._backup import backup as _backup
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import legacy as _legacy
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    unit_removal as _unit_removal,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import display as _display
from ansible_collections.llmops.litellm.plugins.module_utils._host import problem as _problem
from ansible_collections.llmops.litellm.plugins.module_utils._host import systemd as _systemd
from ansible_collections.llmops.litellm.plugins.module_utils._host.problem import OperatorError

HUNG = (
    "%s: LiteLLM had not ended %d s after it was told to, and was killed: spend of requests that"
    " were still answered may not be in the database"
)


def bring_back(
    params: dict[str, Any], check: bool, actions: dict[str, list[str]], notes: list[str]
) -> None:
    """Bring the units back, each whatever becomes of the others, and note what was done to each in
    ``actions``.

    :raises SystemdError: one that has to come back could not be; the others were tried.
    """
    failed = []
    for unit in params["units"]:
        try:
            done = _systemd.restore(unit, check=check)
        except (_systemd.SystemdError, OSError) as error:
            failed += [str(error)] if params["proxy"] in ("", unit["name"]) else []
            notes += [] if params["proxy"] in ("", unit["name"]) else [str(error)]
            continue
        if done:
            actions[unit["name"]] = done
    notes += filter(None, map(_systemd.replaced, params["units"]))
    if failed:
        raise _systemd.SystemdError("; ".join(failed))


def retire(
    params: dict[str, Any], check: bool, actions: dict[str, list[str]], notes: list[str]
) -> None:
    """Retire the units, and note what was done to each in ``actions``.

    :raises SystemdError: one of them could not be; those before it were.
    """
    for unit in params["units"]:
        if unit["name"] == params["proxy"]:
            done = _systemd.retire(
                unit, check=check, first=_legacy.proxy_pid, patience=params["patience"]
            )
        else:
            done = _systemd.retire(unit, check=check)
        if done:
            actions[unit["name"]] = done
        if _systemd.KILLED in done:
            notes.append(HUNG % (unit["name"], params["patience"] or _systemd.STOP_SECONDS))


def remove(params: dict[str, Any], check: bool) -> dict[str, Any]:
    """Remove the units' files that the backup has.

    :raises BackupError: the backup is not sound, or a file must not go; nothing was removed.
    :raises SystemdError, OSError: one could not be removed.
    """
    hashes = None
    if not check or os.path.exists(params["backup"]):
        problems = _backup.verify(params["backup"])
        if problems:
            raise _backup.BackupError(
                "Nothing was removed: the backup is not sound: %s" % "; ".join(problems)
            )
        hashes = {entry["sha256"] for entry in _backup.manifest(params["backup"])["files"]}
    planned = _unit_removal.plan(params["units"], hashes)
    if planned.problems:
        raise _backup.BackupError(
            "Nothing was removed. %s" % " ".join(str(problem) for problem in planned.problems)
        )
    removed = _unit_removal.remove(planned, params["units"], check)
    return {
        "removed": removed,
        "stays": planned.stays,
        "diff": {
            "before": "".join(_display.line(path) + "\n" for path in removed),
            "after": "",
            "before_header": "legacy units",
            "after_header": "legacy units",
        },
    }


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "units": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "scope": {"type": "str", "choices": ["system", "user"], "default": "system"},
                    "account": {"type": "str", "default": ""},
                    "enabled": {"type": "str", "required": True},
                    "active": {"type": "str", "required": True},
                    "path": {"type": "str", "default": ""},
                    "hash": {"type": "str", "default": ""},
                },
            },
            "state": {
                "type": "str",
                "required": True,
                "choices": ["retired", "recorded", "restorable", "absent"],
            },
            "proxy": {"type": "str", "default": ""},
            "patience": {"type": "int", "default": 0},
            "backup": {"type": "path"},
        },
        required_if=[("state", "absent", ["backup"])],
        supports_check_mode=True,
    )
    actions: dict[str, list[str]] = {}
    notes: list[str] = []
    try:
        if module.params["state"] == "absent":
            result = remove(module.params, module.check_mode)
            module.exit_json(changed=bool(result["removed"]), **result)
        if module.params["state"] == "restorable":
            found = [_systemd.obstacle(unit, module.check_mode) for unit in module.params["units"]]
            if any(found):
                module.fail_json(msg="; ".join(str(problem) for problem in found if problem))
        elif module.params["state"] == "recorded":
            bring_back(module.params, module.check_mode, actions, notes)
        else:
            retire(module.params, module.check_mode, actions, notes)
    except OperatorError as error:
        module.fail_json(msg=str(error), actions=actions)
    except OSError as error:
        module.fail_json(msg=_problem.words(error), actions=actions)
    for note in notes:
        module.warn(_display.plain(note))
    module.exit_json(changed=bool(actions), actions=actions, notes=notes)


if __name__ == "__main__":
    main()
