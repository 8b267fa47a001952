#!/usr/bin/python
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: database
short_description: Copy, copy back, restore or drop a PostgreSQL database, and verify it
version_added: 0.1.0
description:
  - Makes O(target) hold what another database or a backup holds, and verifies it by exact row
    counts, content hashes, sequences and schemas. Nothing takes effect before it is verified. A run
    that fails, or is killed, leaves what was there before; leftovers are removed by the next run.
  - V(copied) streams C(pg_dump) of O(source) into C(pg_restore) (no file, memory stays flat),
    without owners and rights. The source's fingerprint is taken in the snapshot that is dumped, so
    that writers may be running. Where an earlier copy already equals the source, nothing is done.
  - V(copied_back) makes a database of the same schema, on a server that may be of an older major,
    hold the rows and sequence positions of O(source). Only tables that differ are written, all of
    them in one transaction. The target's schema, owners, rights and settings stay. Where the two
    are equal already, nothing is done.
  - V(restored) checks every byte of a backup that M(llmops.litellm.database_backup) made, and
    restores its database.
  - V(absent) drops a database whose rows are kept elsewhere (O(expect)), or that this collection
    made.
  - O(source) is only read.
author: llmops.litellm contributors (@llmops)
extends_documentation_fragment:
  - llmops.litellm.database.source
  - llmops.litellm.database.target
options:
  state:
    description:
      - What becomes of O(target).
      - With V(copied) and V(restored) the database grows beside its name, as C(NAME__copying), and
        takes the name when it is verified. Refused are a target that holds anything that this
        collection did not put there, or that has clients connected. V(copied) also refuses a server
        that is older than the source's or lacks an extension that LiteLLM's tables use.
      - Of a database that holds more than LiteLLM's own, V(copied) and V(copied_back) take and
        compare LiteLLM's tables, views, and what these need. One without any table of LiteLLM's is
        copied as a whole, and refused where it has large objects or what only a superuser can make.
      - In a container the database is made, and extensions that need it, by the server's superuser;
        rows and whatever a dump calls are the work of O(target.user), which is no superuser (see
        M(llmops.litellm.database_role)). Elsewhere that role must be allowed to create databases
        and to connect to database V(postgres). Comments are not restored where the superuser has
        made an extension.
      - V(copied_back) refuses where the schemas differ, where the target was written to since it
        was stopped (O(expect)) or while it is read, where a table that would be written has another
        owner, and while another copy back into the same database is under way. The role of
        O(target) must own the tables. Their triggers do not act on these rows, and are enabled
        afterwards as they were.
      - V(absent) drops nothing while clients are connected, and no native database that holds
        anything beside LiteLLM's own. A database that does not exist is no failure.
    type: str
    choices: [copied, copied_back, restored, absent]
    required: true
  source:
    description:
      - The database to read. Needed with V(copied) and V(copied_back).
      - With O(source.env_file) the server is reached as its URL says, by client programs of the
        host; with O(source.container) by the container's own client programs on its local socket.
    required: false
  path:
    description: Folder of the backup. Needed with V(restored).
    type: path
  replace:
    description:
      - With V(copied), which earlier copy, made by this module, may be replaced.
      - V(unchanged) replaces it only while it still holds what was copied. A copy that was put into
        service is thus refused, with the number of rows that would be lost.
      - V(ours) replaces it whatever was written into it since; right for a rehearsal's database.
        Where it has the source's schema still, only what differs is replaced, in one transaction.
    type: str
    choices: [unchanged, ours]
    default: unchanged
  readers:
    description:
      - With V(copied) into a container, names of roles of the source's server that read LiteLLM's
        tables, and shall read them in the container.
      - Each is made there under its name. It logs in with the password that it has, as its server
        stores it by SCRAM, may C(SELECT) what it may of LiteLLM's tables, columns, views and
        sequences, and may do nothing else. RV(readers) says which has no password.
      - The stored password is read by O(source)'s role where that is a superuser, else by the
        account of O(server) on the server's own Unix socket. The source is only read.
      - A role that an earlier run has made, and that is not named any more, can't log in there.
    type: list
    elements: str
    default: []
  server:
    description:
      - How the source's server was seen running, as C(database.server) of
        M(llmops.litellm.preflight_info) says. Used with O(readers).
    type: dict
  expect:
    description:
      - Content hash that the target must have, as M(llmops.litellm.database_fingerprint_info)
        returns it.
      - With V(copied_back), a target that holds anything else, and is not equal to the source
        either, is not written to. Without it, whatever it holds is replaced.
      - With V(absent), a database that holds anything else is not dropped. Without it, only a
        database that this collection made is dropped.
    type: str
attributes:
  check_mode:
    description:
      - Reads both sides or the backup, refuses what a run would refuse, and says what it would do.
    support: full
  diff_mode:
    description: Rows are not shown.
    support: none
notes:
  - With V(copied_back), C(setval) alone is outside of transactions. Sequences are therefore set
    behind an C(ALTER SEQUENCE ... RESTART) in the same transaction, last of all, and read back by
    the verification. Where it fails they go back with the rows. Foreign keys of the written tables
    are dropped and added again, with their names, definitions and comments, in the same
    transaction.
  - The clients of a target that is copied back to should be stopped. Tables are locked against
    readers too until the end, and a client that holds one of them for longer than 60 seconds makes
    the module fail.
seealso:
  - module: llmops.litellm.database_fingerprint_info
  - module: llmops.litellm.database_backup
"""

EXAMPLES = r"""
- name: Copy the native database into the container
  llmops.litellm.database:
    state: copied
    source:
      env_file: /var/lib/llmops-litellm/legacy.env
    target: &new
      container: litellm-postgres
      database: litellm
      user: litellm

- name: Copy back what was written since the cutover
  llmops.litellm.database:
    state: copied_back
    source: *new
    target:
      env_file: /var/lib/llmops-litellm/legacy.env
    expect: "{{ stopped.fingerprint.hash }}"

- name: Restore a backup beside the database that serves
  llmops.litellm.database:
    state: restored
    path: /var/backups/llmops-litellm/before-migration-20261123t210000z-1a2b
    target: &restored
      container: litellm-postgres
      database: inspect
      user: litellm

- name: Drop the restored database
  llmops.litellm.database:
    state: absent
    target: *restored
"""

RETURN = r"""
action:
  description:
    - What was done, or would be in check mode.
    - V(create), V(replace) (V(copied), V(restored)), V(refresh) (V(copied)), V(copy_back), V(drop)
      or V(none).
  returned: success
  type: str
  sample: create
equal:
  description: Whether both sides were verified to be equal. Not known in check mode.
  returned: always, except in check mode and with V(absent)
  type: bool
differences:
  description:
    - Every difference, in words. The module fails when there is one; the target is then as it was.
  returned: always, except in check mode and with V(absent)
  type: list
  elements: str
  sample: ["table LiteLLM_UserTable has 3 rows in the source, 2 in the target"]
source:
  description:
    - Fingerprint of the source, or of the backup's database, as
      M(llmops.litellm.database_fingerprint_info) returns it.
  returned: always, except in check mode and with V(absent)
  type: dict
target:
  description:
    - The target's fingerprint. With V(copied_back) taken before the transaction was committed.
  returned: always, except in check mode and with V(absent)
  type: dict
readers:
  description:
    - Roles of O(readers) in the container, each C(name), whether it has a C(password), C(why) it
      has none, and its number of C(rights).
  returned: success, with V(copied), except in check mode
  type: list
  elements: dict
  sample: [{"name": "grafana", "password": true, "why": "", "rights": 47}]
tables:
  description: The target's tables that changed, or would, with their rows before and after.
  returned: success, with V(copied_back)
  type: list
  elements: dict
  sample: [{name: LiteLLM_SpendLogs, before: 20025, after: 20837}]
created:
  description: When the backup was made.
  returned: success, with V(restored)
  type: str
  sample: "2026-11-23T21:00:00+00:00"
bytes:
  description: Bytes that crossed, uncompressed.
  returned: always with V(copied) and V(copied_back), except in check mode
  type: int
  sample: 24117248
seconds:
  description: Seconds of all of it.
  returned: always, except in check mode and with V(absent)
  type: float
  sample: 3.2
phases:
  description:
    - Seconds of each phase.
    - V(prepare), V(load), V(analyze), V(verify), V(rename); with V(copied_back) V(inspect),
      V(copy), V(verify), V(analyze).
  returned: always, except in check mode and with V(absent)
  type: dict
  sample: {"prepare": 0.2, "load": 2.1, "analyze": 0.3, "verify": 0.5, "rename": 0.1}
"""

from datetime import datetime, timezone
from typing import Any, Optional

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._backup import backup as _backup
from ansible_collections.llmops.litellm.plugins.module_utils._host import display as _display
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import copy as _copy
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    copy_back as _copy_back,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import database as _database
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import readers as _readers
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import session as _session
from ansible_collections.llmops.litellm.plugins.module_utils._restore import database as _restore

Endpoint = _session.Endpoint
Result = dict[str, Any]


def _outcome(done: Any, source: Result, target: Result, **more: Any) -> Result:
    return {
        "changed": done.action != "none" and not done.differences,
        "action": done.action,
        "equal": not done.differences,
        "differences": done.differences,
        "source": source,
        "target": target,
        "seconds": round(sum(done.seconds.values()), 3),
        "phases": done.seconds,
        **more,
    }


def copied(params: dict[str, Any], check: bool, source: Endpoint, target: Endpoint) -> Result:
    """A verified copy of ``source`` under the target's name."""
    if check:
        action = _copy.dry_run(source, target, params["replace"])
        _readers.check(source, target, params["readers"])
        lacks = action == "none" and _readers.lacking(source, target, params["readers"])
        return {"action": action, "changed": action != "none" or lacks}
    done = _copy.copy(
        source,
        target,
        params["replace"],
        datetime.now(timezone.utc),
        params["readers"],
        params["server"],
    )
    came = [
        {"name": item.name, "password": item.password, "why": item.why, "rights": item.rights}
        for item in done.readers
    ]
    result = _outcome(done, done.source, done.target, bytes=done.bytes, readers=came)
    result["changed"] = result["changed"] or any(item.changed for item in done.readers)
    return result


def copied_back(params: dict[str, Any], check: bool, source: Endpoint, target: Endpoint) -> Result:
    """The rows of ``source`` in a database that stays what it is otherwise."""
    if check:
        action, tables = _copy_back.dry_run(source, target, params["expect"])
        return {"action": action, "tables": tables}
    done = _copy_back.copy_back(source, target, params["expect"])
    return _outcome(done, done.source, done.target, tables=done.tables, bytes=done.bytes)


def restored(params: dict[str, Any], check: bool, _source: None, target: Endpoint) -> Result:
    """A backup's database, verified, under the target's name."""
    if check:
        action, manifest = _restore.dry_run(params["path"], target)
        return {"action": action, "created": manifest["created"]}
    done = _restore.restore(params["path"], target, datetime.now(timezone.utc))
    return _outcome(done, done.expected, done.found, created=done.manifest["created"])


def absent(params: dict[str, Any], check: bool, _source: None, target: Endpoint) -> Result:
    """No database of the target's name."""
    return {"action": "drop" if _database.drop(target, params["expect"], check) else "none"}


def main() -> None:
    """Entry point."""
    endpoint = {
        "type": "dict",
        "options": _session.ENDPOINT_OPTIONS,
        **_session.ENDPOINT_RULES,
    }
    states = {function.__name__: function for function in (copied, copied_back, restored, absent)}
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": list(states), "required": True},
            "source": endpoint,
            "target": {**endpoint, "required": True},
            "path": {"type": "path"},
            "readers": {"type": "list", "elements": "str", "default": []},
            "server": {"type": "dict"},
            "replace": {"type": "str", "choices": ["unchanged", "ours"], "default": "unchanged"},
            "expect": {"type": "str"},
        },
        required_if=[
            ("state", "copied", ["source"]),
            ("state", "copied_back", ["source"]),
            ("state", "restored", ["path"]),
        ],
        supports_check_mode=True,
    )
    params = module.params
    if params["readers"] and params["state"] != "copied":
        module.fail_json(msg="readers is for state copied only")
    if params["expect"] and params["state"] in ("copied", "restored"):
        module.fail_json(msg="expect is for state copied_back and absent only")
    source: Optional[Endpoint] = None
    try:
        if params["source"]:
            source = Endpoint.from_params(params["source"])
        target = Endpoint.from_params(params["target"])
        result = states[params["state"]](params, module.check_mode, source, target)
    except (_session.PostgresError, _backup.BackupError) as error:
        module.fail_json(msg=str(error))
    result.setdefault("changed", result["action"] != "none")
    if result.get("differences"):
        module.fail_json(
            msg="%s is not equal to what it was %s from, and is as it was before: %s"
            % (
                target,
                params["state"].replace("_", " "),
                _display.plain("; ".join(result["differences"])),
            ),
            **result,
        )
    module.exit_json(**result)


if __name__ == "__main__":
    main()
