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
      - V(reopen) does the same, and also takes the journal of a migrated host up again, whose host
        is to be changed once more.
      - V(begin), V(done) and V(failed) are about the step O(name). With the last step of a way the
        run has ended when that is done.
      - V(remember) only adds what O(remember) has.
      - V(close) ends the migration with O(state).
    type: str
    choices: [open, resume, reopen, begin, done, failed, remember, close]
    required: true
  name:
    description:
      - The step.
      - With V(failed) it may be left out. Then the step that is at work has failed, and nothing
        happens where none is.
    type: str
  next:
    description: With V(done), the step that begins in the same instant. Both are one write.
    type: str
  facts:
    description: With V(done) and V(failed), what to remember of the step. Never a secret.
    type: dict
    default: {}
  remember:
    description: What to remember of the migration, with any operation. Never a secret.
    type: dict
    default: {}
  state:
    description: How the migration ended.
    type: str
    choices: [migrated, rolled back, untouched, finalized]
  run:
    description:
      - This run, as the lookup P(llmops.litellm.controller_run#lookup) gives it. Needed to V(open),
        to V(resume) and to V(reopen).
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
- name: Begin the cutover
  llmops.litellm.journal:
    folder: /var/lib/llmops-litellm
    operation: begin
    name: cutover

- name: End the cutover and begin to serve
  llmops.litellm.journal:
    folder: /var/lib/llmops-litellm
    operation: done
    name: cutover
    facts: {equal: true}
    next: serve
"""

RETURN = r"""
state:
  description:
    - Where the host is, as M(llmops.litellm.journal_info) says it. So are the other results.
  returned: success
  type: str
  sample: running
phase:
  description: The step that was begun last.
  returned: success
  type: str
  sample: cutover
steps_early:
  description: The steps of a migration before the cutover.
  returned: success
  type: list
  elements: str
steps_late:
  description: The steps of a migration from the cutover on.
  returned: success
  type: list
  elements: str
steps_on:
  description: The steps by which a run that is killed now goes on.
  returned: success
  type: list
  elements: str
steps_back:
  description: The steps by which the legacy deployment comes back.
  returned: success
  type: list
  elements: str
refused_since:
  description: The time since which a migration refuses clients, null while they are served.
  returned: success
  type: str
copying_back:
  description: Whether rows are being copied back.
  returned: success
  type: bool
legacy_hash:
  description: What the legacy database holds, as a hash.
  returned: success
  type: str
backup_path:
  description: The backup from before the migration.
  returned: success
  type: str
half_staged:
  description: Whether the volumes may be half made.
  returned: success
  type: bool
rows_stay:
  description: Whether rows of the new proxy are nowhere but in its own database.
  returned: success
  type: bool
deployment:
  description: The record of C(deploy.yml) on this host; empty where there is none.
  returned: success
  type: dict
images:
  description: The image that runs now, by service.
  returned: success
  type: dict
journal:
  description: The journal as it is now.
  returned: success
  type: dict
"""

import secrets
from datetime import datetime, timezone
from typing import Optional

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import journal as _journal
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    position as _position,
)
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import record as _record
from ansible_collections.llmops.litellm.plugins.module_utils._host import files as _files
from ansible_collections.llmops.litellm.plugins.module_utils._host import problem as _problem
from ansible_collections.llmops.litellm.plugins.module_utils._restore import state as _state

# Operations by which a run makes the host its own, and the states in which it finds a journal.
TAKES = {
    "open": _journal.STATES,
    "resume": (_journal.RUNNING,),
    "reopen": (_journal.RUNNING, _journal.MIGRATED),
}


def change(params: dict, now: datetime) -> _journal.Journal:
    """Apply one operation to the journal on disk and return it."""
    folder, operation = params["folder"], params["operation"]
    if operation in TAKES:
        _files.make_folder(folder, 0o700)
    with _journal.locked(folder):
        journal = _journal.load(folder)
        if operation in TAKES:
            return take(params, journal, now)
        if journal is None:
            raise _journal.JournalError("%s does not exist." % _journal.path_of(folder))
        return _journal.save(folder, apply(params, journal, now), now)


def take(params: dict, journal: Optional[_journal.Journal], now: datetime) -> _journal.Journal:
    """Make the host this run's, with a new journal or the one of a run that was killed."""
    folder = params["folder"]
    refused = _journal.refusal(journal, params["run"], now, params["patience"])
    if refused:
        raise _journal.JournalError("Refused: %s." % refused)
    # A restore or a deploy that began since somebody looked last: it looks into the journal again
    # when it has announced itself, as is done here.
    other = _state.unfinished(folder) or _record.unfinished(folder)
    if other:
        raise _journal.JournalError("Refused: %s." % other)
    owner = {key: params["run"][key] for key in ("controller", "run")}
    if params["operation"] != "open":
        if journal is None or journal["state"] not in TAKES[params["operation"]]:
            raise _journal.JournalError(
                "%s tells of no run that was killed%s."
                % (
                    _journal.path_of(folder),
                    ", and of no migrated host" if params["operation"] == "reopen" else "",
                )
            )
        journal.update(owner=owner, state=_journal.RUNNING)
    else:
        if journal is not None:
            _journal.archive(folder, journal)
        identity = "%s-%s" % (now.strftime("%Y%m%dt%H%M%Sz"), secrets.token_hex(2))
        journal = _journal.create(identity, owner, now)
    journal["facts"].update(params["remember"])
    return _journal.save(folder, journal, now)


def apply(params: dict, journal: _journal.Journal, now: datetime) -> _journal.Journal:
    """One operation on the journal of this run."""
    operation = params["operation"]
    if operation == "begin":
        _journal.begin(journal, params["name"], now)
    elif operation == _journal.FAILED and params["name"] is None:
        if journal["steps"] and journal["steps"][-1]["state"] == _journal.BEGUN:
            _journal.end(journal, journal["phase"], operation, params["facts"], now)
    elif operation in (_journal.DONE, _journal.FAILED):
        _journal.end(journal, params["name"], operation, params["facts"], now)
        if operation == _journal.DONE and params["next"]:
            _journal.begin(journal, params["next"], now)
    elif operation == "close":
        _journal.close(journal, params["state"], now)
    journal["facts"].update(params["remember"])
    return journal


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "folder": {"type": "path", "required": True},
            "operation": {
                "type": "str",
                "required": True,
                "choices": [*TAKES, "begin", "done", "failed", "remember", "close"],
            },
            "name": {"type": "str"},
            "next": {"type": "str"},
            "facts": {"type": "dict", "default": {}},
            "remember": {"type": "dict", "default": {}},
            "state": {
                "type": "str",
                "choices": ["migrated", "rolled back", "untouched", "finalized"],
            },
            "run": {"type": "dict"},
            "patience": {"type": "int", "default": 7200},
        },
        required_if=[
            *(("operation", name, ["run"]) for name in TAKES),
            *(("operation", name, ["name"]) for name in ("begin", "done")),
            ("operation", "close", ["state"]),
        ],
        supports_check_mode=True,
    )
    try:
        if module.check_mode:
            journal = _journal.load(module.params["folder"])
        else:
            journal = change(module.params, datetime.now(timezone.utc))
        folder = module.params["folder"]
        module.exit_json(
            changed=True,
            **_record.described(_position.describe(journal, folder), _record.load(folder)),
        )
    except (_problem.OperatorError, OSError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
