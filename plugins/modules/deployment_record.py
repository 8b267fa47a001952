#!/usr/bin/python
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: deployment_record
short_description: Write the record of a run that changes a deployment
version_added: 1.0.0
description:
  - The record, C(deployment.json) in the state folder, says which run is at work on a deployment,
    how far one that was killed has come, and what the deployment runs.
  - Each change is on disk before the module returns.
author: llmops.litellm contributors (@llmops)
options:
  folder:
    description: The state folder.
    type: path
    required: true
  operation:
    description:
      - V(open) makes the host this run's. It is refused while another run, a migration or a restore
        is at work, or one of both was killed and has to be ended first. A run of this kind that was
        killed is taken over.
      - V(step) says what comes next, V(remember) keeps O(facts), V(close) ends the run.
    type: str
    choices: [open, step, remember, close]
    required: true
  run:
    description: This run, as the lookup P(llmops.litellm.controller_run#lookup) names it.
    type: dict
  step:
    description: The step that begins.
    type: str
    choices: [prepare, swap]
  state:
    description: How the run ends.
    type: str
    choices: [deployed, failed]
  facts:
    description: What is kept besides. It is no place for secrets.
    type: dict
    default: {}
  patience:
    description: Seconds of silence after which a run of another controller is taken for dead.
    type: int
    default: 7200
attributes:
  check_mode:
    description: Writes nothing.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
"""

EXAMPLES = r"""
- name: Announce the run
  llmops.litellm.deployment_record:
    folder: /var/lib/llmops-litellm
    operation: open
    run: "{{ lookup('llmops.litellm.controller_run') }}"
  register: record

- name: Say that another deployment takes the place of the one that serves
  llmops.litellm.deployment_record:
    folder: /var/lib/llmops-litellm
    operation: step
    step: swap
"""

RETURN = r"""
record:
  description: The record as it is now.
  returned: success
  type: dict
"""

from datetime import datetime, timezone
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import journal as _journal
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import record as _record
from ansible_collections.llmops.litellm.plugins.module_utils._host import files as _files
from ansible_collections.llmops.litellm.plugins.module_utils._host.problem import OperatorError
from ansible_collections.llmops.litellm.plugins.module_utils._restore import state as _state


def change(params: dict[str, Any], now: datetime) -> _record.Record:
    """Apply one operation to the record on disk and return it."""
    folder = params["folder"]
    if params["operation"] == "open":
        _files.make_folder(folder, 0o700)
    with _journal.locked(folder):
        if params["operation"] == "open":
            return _record.save(folder, take(params, now), now)
        record = _record.load(folder)
        if record is None or record["state"] != _record.RUNNING:
            raise _journal.JournalError("%s tells of no run." % _record.path_of(folder))
        if params["operation"] == "step":
            record["step"] = params["step"]
        elif params["operation"] == "close":
            record.update(state=params["state"], ended=_journal.stamp(now))
        record["facts"].update(params["facts"])
        return _record.save(folder, record, now)


def take(params: dict[str, Any], now: datetime) -> _record.Record:
    """The record of this run.

    :raises JournalError: another one is at work, or has to be ended first.
    """
    folder, run = params["folder"], params["run"]
    before, journal = _record.load(folder), _journal.load(folder)
    refused = [
        _record.refusal(before, run, now, params["patience"]),
        "a migration or a rollback is under way, or was killed (phase %s): migrate.yml or"
        " rollback.yml ends it" % journal["phase"]
        if journal is not None and journal["state"] == _journal.RUNNING
        else "",
        _state.unfinished(folder),
    ]
    if any(refused):
        raise _journal.JournalError("Refused: %s." % "; ".join(filter(None, refused)))
    record = _record.begin(before, {key: run[key] for key in ("controller", "run")}, now)
    record["facts"].update(params["facts"])
    return record


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "folder": {"type": "path", "required": True},
            "operation": {
                "type": "str",
                "required": True,
                "choices": ["open", "step", "remember", "close"],
            },
            "run": {"type": "dict"},
            "step": {"type": "str", "choices": list(_record.STEPS)},
            "state": {"type": "str", "choices": [_record.DEPLOYED, _record.FAILED]},
            "facts": {"type": "dict", "default": {}},
            "patience": {"type": "int", "default": 7200},
        },
        required_if=[
            ("operation", "open", ["run"]),
            ("operation", "step", ["step"]),
            ("operation", "close", ["state"]),
        ],
        supports_check_mode=True,
    )
    try:
        if module.check_mode:
            record = _record.load(module.params["folder"])
        else:
            record = change(module.params, datetime.now(timezone.utc))
        module.exit_json(changed=True, record=record or {})
    except (OperatorError, OSError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
