#!/usr/bin/python
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: backup_prune
short_description: Remove backups that a retention policy does not keep
version_added: 0.1.0
description:
  - Each rule keeps the newest backup of each of the last days (weeks, months, years) that have one,
    so a missed day shifts nothing. One backup may serve several rules, and the newest is always
    kept.
  - Times come from the backups' manifests, else from their names, never from the file system.
  - Only backups that this collection made, and those of the older layout C(daily-YYYYMMDD-HHMMSS)
    (also C(weekly-), C(monthly-)) with a manifest, are ever removed. Everything else is listed as
    RV(foreign).
  - Pinned backups stay and serve no rule, and so do copies under another name than their
    manifest's, and those whose time is in the future, for instance after a clock has jumped.
  - Before anything is removed, what the policy keeps is read and verified. A backup that turns out
    to be broken serves no rule, stays and is listed as RV(broken). Nothing goes whose manifest is
    not what was written.
  - Backups of the older layout never take the place of the last sound one that this collection can
    restore.
  - What an interrupted removal has left is removed, and what an interrupted backup has left if it
    is older than a day.
author: llmops.litellm contributors (@llmops)
options:
  path:
    description: Folder of the backups.
    type: path
    required: true
  keep_last:
    description: How many of the newest to keep.
    type: int
    default: 1
  keep_daily:
    description: For how many days to keep one.
    type: int
    default: 7
  keep_weekly:
    description: For how many ISO weeks to keep one.
    type: int
    default: 4
  keep_monthly:
    description: For how many months to keep one.
    type: int
    default: 3
  keep_yearly:
    description: For how many years to keep one.
    type: int
    default: 0
  timezone:
    description:
      - Time zone in which days begin, such as C(Europe/Berlin). The host's own where it is empty.
    type: str
    default: ""
attributes:
  check_mode:
    description:
      - Says what would go and why; everything that would be kept is read and verified all the same.
    support: full
  diff_mode:
    description: Shows the folder before and after, with the reasons.
    support: full
"""

EXAMPLES = r"""
- name: Keep backups for 7 days, 4 weeks and 3 months
  llmops.litellm.backup_prune:
    path: /var/backups/llmops-litellm
"""

RETURN = r"""
kept:
  description: Backups that stay, newest first, each with C(name), C(time) (UTC) and C(reasons).
  returned: success
  type: list
  elements: dict
  sample:
    - name: 20261124T020512Z
      time: "2026-11-24T02:05:12+00:00"
      reasons: [last 1, daily 2026-11-24, weekly 2026-W48, monthly 2026-11]
removed:
  description: Backups that went, or would, in the same form.
  returned: success
  type: list
  elements: dict
  sample:
    - name: 20261001T020512Z
      time: "2026-10-01T02:05:12+00:00"
      reasons: ["older than what is kept (last 1, daily 7)"]
foreign:
  description: Names of files and folders that are none of our backups, and are left alone.
  returned: success
  type: list
  elements: str
  sample: [notes.txt]
incomplete:
  description: Names of what interrupted backups and removals had left.
  returned: success
  type: list
  elements: str
  sample: [.incomplete-20261122T020512Z-k3j2h1g0]
cleared:
  description: Those of RV(incomplete) that went, or would. The others may still be at work.
  returned: success
  type: list
  elements: str
  sample: [.incomplete-20261122T020512Z-k3j2h1g0]
broken:
  description:
    - Backups that were found damaged, each with C(name), C(time) (1970 where nobody can tell it)
      and C(problem). They stay.
    - One that is damaged elsewhere than in its manifest goes when the policy keeps enough newer
      ones that are sound, as a sound one of its age would.
  returned: success
  type: list
  elements: dict
  sample: []
"""

from datetime import datetime, timezone

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._backup import archive as _archive
from ansible_collections.llmops.litellm.plugins.module_utils._backup import retention as _retention
from ansible_collections.llmops.litellm.plugins.module_utils._host import problem as _problem

RULES = {"keep_last": 1, "keep_daily": 7, "keep_weekly": 4, "keep_monthly": 3, "keep_yearly": 0}


def diff(result: dict) -> dict:
    """The folder before and after: a line for each backup, with why it stays or goes."""
    stay = {entry["name"]: "broken: %s" % entry["problem"] for entry in result["broken"]}
    stay.update({entry["name"]: ", ".join(entry["reasons"]) for entry in result["kept"]})
    go = {entry["name"]: ", ".join(entry["reasons"]) for entry in result["removed"]}
    go.update(dict.fromkeys(result["cleared"], "left by an interruption"))

    def lines(found: dict) -> str:
        return "".join("%s  %s\n" % item for item in sorted(found.items()))

    return {"before": lines({**stay, **go}), "after": lines(stay)}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            **{name: {"type": "int", "default": number} for name, number in RULES.items()},
            "timezone": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    policy = _retention.Policy(*(module.params[name] for name in RULES), module.params["timezone"])
    try:
        result = _archive.prune(
            module.params["path"], policy, datetime.now(timezone.utc), module.check_mode
        )
    except (ValueError, _problem.OperatorError) as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=_problem.words(error))
    module.exit_json(**result, diff=diff(result))


if __name__ == "__main__":
    main()
