#!/usr/bin/python
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: database_carry
short_description: Carry rows home into a database that exists, and prove it
version_added: 0.1.0
description:
  - Makes a database hold what another one holds, of the same schema, on a server that may be of an older major. Only rows and the
    positions of sequences are carried; the target's schema, owners, rights and settings stay.
  - Only tables that differ are written, all of them in one transaction, which is committed when the target's fingerprint equals the
    source's. A run that fails, or is killed, leaves what was there before. Rows are streamed, memory stays flat.
  - The foreign keys of these tables are taken away and added again, with their names, definitions and comments, in the same transaction.
  - Refuses where the schemas differ, where the target was written to since it was left (O(expect)) or while it was looked at, where a
    table that would be written has triggers or another owner, and while another carry into the same database is under way.
  - Where the two are equal already, nothing is done.
  - O(source) is only read. The role of O(target) must own the tables; it needs no other rights.
author: llmops.litellm contributors (@llmops)
extends_documentation_fragment:
  - llmops.litellm.database.source
  - llmops.litellm.database.target
options:
  expect:
    description:
      - Content hash that the target had when it was left, as M(llmops.litellm.database_fingerprint_info) returns it. A target that holds
        anything else, and is not equal to the source either, is not written to. Without it, whatever it holds is replaced.
    type: str
attributes:
  check_mode:
    description: Looks at both sides, refuses what a run would refuse, and says what it would do.
    support: full
  diff_mode:
    description: Rows are not shown.
    support: none
notes:
  - C(setval) alone is outside of transactions. Sequences are therefore set behind an C(ALTER SEQUENCE ... RESTART) in the same transaction,
    last of all, and read back by the proof. Where it fails they go back with the rows.
  - The target's clients should be stopped. Tables are locked against readers too until the end, and a client that holds one of them for
    longer than 60 seconds makes the carry fail.
seealso:
  - module: llmops.litellm.database_copy
  - module: llmops.litellm.database_fingerprint_info
"""

EXAMPLES = r"""
- name: What was written since the cutover is in the native database
  llmops.litellm.database_carry:
    source:
      container: litellm-postgres
      database: litellm
      user: litellm
    target:
      env_file: /var/lib/llmops-litellm/legacy.env
    expect: "{{ left.fingerprint.hash }}"
"""

RETURN = r"""
action:
  description: What was done, or would be in check mode, V(carry) or V(none).
  returned: success
  type: str
  sample: carry
equal:
  description: Whether both sides were proved equal. Not known in check mode.
  returned: always, except in check mode
  type: bool
differences:
  description: Every difference, in words. The module fails when there is one; the target is then as it was.
  returned: always, except in check mode
  type: list
  elements: str
  sample: ["table LiteLLM_UserTable has 3 rows in the source, 2 in the target"]
tables:
  description: The target's tables that changed, or would, with their rows before and after.
  returned: success
  type: list
  elements: dict
  sample: [{name: LiteLLM_SpendLogs, before: 20025, after: 20837}]
source:
  description: The source's fingerprint, as M(llmops.litellm.database_fingerprint_info) returns it.
  returned: always, except in check mode
  type: dict
target:
  description: The target's fingerprint, taken before the transaction was committed.
  returned: always, except in check mode
  type: dict
bytes:
  description: Bytes that crossed.
  returned: always, except in check mode
  type: int
  sample: 24117248
seconds:
  description: Seconds of all of it.
  returned: always, except in check mode
  type: float
  sample: 3.2
phases:
  description: Seconds of each phase, V(look), V(carry), V(prove), V(settle).
  returned: always, except in check mode
  type: dict
  sample: {"look": 0.9, "carry": 1.3, "prove": 0.5, "settle": 0.1}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    copy_back as _copy_back,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import session as _session


def main() -> None:
    """Entry point."""
    endpoint = {
        "type": "dict",
        "required": True,
        "options": _session.ENDPOINT_OPTIONS,
        **_session.ENDPOINT_RULES,
    }
    module = AnsibleModule(
        argument_spec={"source": endpoint, "target": endpoint, "expect": {"type": "str"}},
        supports_check_mode=True,
    )
    try:
        source, target = (
            _session.Endpoint.from_params(module.params[side]) for side in ("source", "target")
        )
        if module.check_mode:
            action, tables = _copy_back.foresee(source, target, module.params["expect"])
            module.exit_json(changed=action != "none", action=action, tables=tables)
        done = _copy_back.carry(source, target, module.params["expect"])
    except _session.PostgresError as error:
        module.fail_json(msg=str(error))
    result = {
        "changed": done.action != "none" and not done.differences,
        "action": done.action,
        "equal": not done.differences,
        "differences": done.differences,
        "source": done.source,
        "target": done.target,
        "tables": done.tables,
        "bytes": done.bytes,
        "seconds": round(sum(done.seconds.values()), 3),
        "phases": done.seconds,
    }
    if done.differences:
        module.fail_json(
            msg="the rows that were carried are not equal to the source's, and were taken back: %s"
            % "; ".join(done.differences),
            **result,
        )
    module.exit_json(**result)


if __name__ == "__main__":
    main()
