# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: journal
short_description: Write the journal of a migration
version_added: 0.1.0
description:
  - The journal is one JSON file on the host that says what a migration found, did and has still to
    do.
  - It is written to a temporary name, synced and renamed, before and after each step, so that a
    later run can decide from it whatever happened to this one.
  - An ended journal is kept beside the new one as C(journal-ID.json).
author: llmops.litellm contributors (@llmops)
options:
  folder:
    description: State folder of the deployment. It is created with mode 0700.
    type: path
    required: true
  operation:
    description:
      - V(open) begins a migration and takes the host for this run. It fails while another run, or a
        restore, is at work.
      - V(resume) takes over the journal of a run that was killed. It fails while that run, or
        another one, is at work.
      - V(turn) does the same, and also takes the journal of a migrated host up again, whose host is
        to be changed once more.
      - V(begin), V(done) and V(failed) tell of the step O(name).
      - V(facts) adds O(facts) to what the journal knows.
      - V(close) ends the migration with O(state).
    type: str
    choices: [open, resume, turn, begin, done, failed, facts, close]
    required: true
  name:
    description: The step.
    type: str
  facts:
    description:
      - What to remember, for the step or, with V(open), V(facts) and V(close), for the migration.
        Never a secret.
    type: dict
    default: {}
  state:
    description: How the migration ended.
    type: str
    choices: [migrated, rolled back, untouched, finalized]
  run:
    description:
      - This run, as the lookup P(llmops.litellm.controller_run#lookup) gives it. Needed to V(open),
        to V(resume) and to V(turn).
    type: dict
  patience:
    description:
      - Seconds without a sign of life after which a run of another controller is taken for dead.
    type: int
    default: 7200
attributes:
  check_mode:
    description: Can run in check mode and writes nothing then.
    support: full
  diff_mode:
    description: The journal is a log; its changes are not shown as a difference.
    support: none
"""

EXAMPLES = r"""
- name: Record that the cutover begins
  llmops.litellm.journal:
    folder: /var/lib/llmops-litellm
    operation: begin
    name: cutover
"""

RETURN = r"""
journal:
  description: The journal as it is now.
  returned: success
  type: dict
"""

import fcntl
import os
import secrets
from datetime import datetime, timezone
from typing import Optional

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import journal as _journal
from ansible_collections.llmops.litellm.plugins.module_utils._restore import state as _state

# Operations by which a run makes the host its own.
TAKES = ("open", "resume", "turn")


def change(params: dict, now: datetime) -> dict:
    """Apply one operation to the journal on disk and return it."""
    folder, operation = params["folder"], params["operation"]
    if operation in TAKES:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    with open(os.path.join(folder, "lock"), "w", encoding="ascii") as lock:
        # Two runs that begin in the same instant: one of them reads what the other has written.
        fcntl.flock(lock, fcntl.LOCK_EX)
        journal = _journal.load(folder)
        if operation in TAKES:
            return take(params, journal, now)
        if journal is None:
            raise _journal.JournalError("%s does not exist." % _journal.path_of(folder))
        return _journal.save(folder, apply(params, journal, now), now)


def take(params: dict, journal: Optional[dict], now: datetime) -> dict:
    """Make the host this run's, with a new journal or the one of a run that was killed."""
    folder = params["folder"]
    refused = _journal.refusal(journal, params["run"], now, params["patience"])
    if refused:
        raise _journal.JournalError("Refused: %s." % refused)
    # A restore may have begun since the journal was read. It too reads the journal again when it
    # has announced itself.
    restoring = _state.unfinished(folder)
    if restoring:
        raise _journal.JournalError("Refused: %s." % restoring)
    owner = {key: params["run"][key] for key in ("controller", "run")}
    if params["operation"] != "open":
        taken = {"resume": (_journal.RUNNING,), "turn": (_journal.RUNNING, _journal.MIGRATED)}[
            params["operation"]
        ]
        if journal is None or journal["state"] not in taken:
            raise _journal.JournalError(
                "%s tells of no run that was killed%s."
                % (
                    _journal.path_of(folder),
                    ", and of no migrated host" if params["operation"] == "turn" else "",
                )
            )
        journal.update(owner=owner, state=_journal.RUNNING)
        return _journal.save(folder, journal, now)
    if journal is not None:
        _journal.archive(folder, journal)
    identity = "%s-%s" % (now.strftime("%Y%m%dt%H%M%Sz"), secrets.token_hex(2))
    opened = _journal.create(identity, owner, now)
    opened["facts"].update(params["facts"])
    return _journal.save(folder, opened, now)


def apply(params: dict, journal: dict, now: datetime) -> dict:
    """One operation on the journal of this run."""
    operation = params["operation"]
    if operation == "begin":
        _journal.begin(journal, params["name"], now)
    elif operation in ("done", "failed"):
        _journal.end(journal, params["name"], operation, params["facts"], now)
    elif operation == "facts":
        journal["facts"].update(params["facts"])
    else:
        journal.update(state=params["state"], ended=_journal.stamp(now))
        journal["facts"].update(params["facts"])
    return journal


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "folder": {"type": "path", "required": True},
            "operation": {
                "type": "str",
                "required": True,
                "choices": ["open", "resume", "turn", "begin", "done", "failed", "facts", "close"],
            },
            "name": {"type": "str"},
            "facts": {"type": "dict", "default": {}},
            "state": {
                "type": "str",
                "choices": ["migrated", "rolled back", "untouched", "finalized"],
            },
            "run": {"type": "dict"},
            "patience": {"type": "int", "default": 7200},
        },
        required_if=[
            *(("operation", name, ["run"]) for name in TAKES),
            *(("operation", name, ["name"]) for name in ("begin", "done", "failed")),
            ("operation", "close", ["state"]),
        ],
        supports_check_mode=True,
    )
    try:
        if module.check_mode:
            module.exit_json(changed=True, journal=_journal.load(module.params["folder"]) or {})
        module.exit_json(changed=True, journal=change(module.params, datetime.now(timezone.utc)))
    except (_journal.JournalError, _state.RestoreError, OSError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
