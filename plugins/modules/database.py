#!/usr/bin/python
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: database_copy
short_description: Copy a PostgreSQL database to another server and prove it
version_added: 0.1.0
description:
  - Streams C(pg_dump) into C(pg_restore) (no file, memory stays flat), without owners and rights, then runs C(ANALYZE).
  - Proves the copy by comparing exact row counts, content hashes, sequences and schemas of both sides. The source's are taken in
    the snapshot that is dumped, so that writers may be running.
  - The copy grows under a name of its own (C(NAME__copying)) and takes the target's name when it is proved. A run that fails, or
    is killed, leaves what was there before; leftovers are removed by the next run.
  - Refuses a target that holds anything that this module did not put there, that has clients connected, or whose PostgreSQL is
    older than the source's; and a source with extensions or large objects, which LiteLLM does not have.
  - Where an earlier copy already equals the source, nothing is done.
  - O(source) is only read. The role of O(target) must be allowed to create databases and to connect to database V(postgres).
author: llmops.litellm contributors (@llmops)
extends_documentation_fragment:
  - llmops.litellm.database.source
  - llmops.litellm.database.target
options:
  replace:
    description:
      - Which earlier copy, made by this module, may be replaced.
      - V(unchanged) replaces it only while it still holds what was copied. A copy that was put into service is thus refused, with
        the number of rows that would be lost.
      - V(ours) replaces it whatever was written into it since; right for a rehearsal's database.
    type: str
    choices: [unchanged, ours]
    default: unchanged
attributes:
  check_mode:
    description: Looks at both sides, refuses what a run would refuse, and says what it would do.
    support: full
  diff_mode:
    description: Rows are not shown.
    support: none
seealso:
  - module: llmops.litellm.database_fingerprint_info
  - module: llmops.litellm.database_backup
"""

EXAMPLES = r"""
- name: The container's database is a proved copy of the native one
  llmops.litellm.database_copy:
    source:
      env_file: /var/lib/llmops-litellm/legacy.env
    target:
      container: litellm-postgres
      database: litellm
      user: litellm
"""

RETURN = r"""
action:
  description: What was done, or would be in check mode, V(create), V(replace) or V(none).
  returned: success
  type: str
  sample: create
equal:
  description: Whether both sides were proved equal. Not known in check mode.
  returned: always, except in check mode
  type: bool
differences:
  description: Every difference, in words. The module fails when there is one.
  returned: always, except in check mode
  type: list
  elements: str
  sample: ["table LiteLLM_UserTable has 3 rows in the source, 2 in the target"]
source:
  description: The source's fingerprint, as M(llmops.litellm.database_fingerprint_info) returns it.
  returned: always, except in check mode
  type: dict
target:
  description: The target's fingerprint.
  returned: always, except in check mode
  type: dict
bytes:
  description: Bytes that crossed, uncompressed.
  returned: always, except in check mode
  type: int
  sample: 24117248
seconds:
  description: Seconds of all of it.
  returned: always, except in check mode
  type: float
  sample: 3.2
phases:
  description: Seconds of each phase, V(prepare), V(stream), V(analyze), V(prove), V(swap).
  returned: always, except in check mode
  type: dict
  sample: {"prepare": 0.2, "stream": 2.1, "analyze": 0.3, "prove": 0.5, "swap": 0.1}
"""

from datetime import datetime, timezone

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._postgres import copy as _copy
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
        argument_spec={
            "source": endpoint,
            "target": endpoint,
            "replace": {"type": "str", "choices": ["unchanged", "ours"], "default": "unchanged"},
        },
        supports_check_mode=True,
    )
    try:
        source, target = (
            _session.Endpoint.from_params(module.params[side]) for side in ("source", "target")
        )
        if module.check_mode:
            action = _copy.foresee(source, target, module.params["replace"])
            module.exit_json(changed=action != "none", action=action)
        done = _copy.copy(source, target, module.params["replace"], datetime.now(timezone.utc))
    except _session.PostgresError as error:
        module.fail_json(msg=str(error))
    result = {
        "changed": done.action != "none",
        "action": done.action,
        "equal": not done.differences,
        "differences": done.differences,
        "source": done.source,
        "target": done.target,
        "bytes": done.bytes,
        "seconds": round(sum(done.seconds.values()), 3),
        "phases": done.seconds,
    }
    if done.differences:
        result["changed"] = False  # the copy that differs was removed
        module.fail_json(
            msg="the copy is not equal to the source and was removed: %s"
            % "; ".join(done.differences),
            **result,
        )
    module.exit_json(**result)


if __name__ == "__main__":
    main()
