#!/usr/bin/python
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: database_switch
short_description: Move a database to another server while its clients are served
version_added: 1.0.0
description:
  - Clients are behind a pooler (M(llmops.litellm.database_pooler)). An earlier copy in O(target) is
    made equal while they write, what they change is carried over after it, and they wait in the
    pooler for the last of that alone, whatever the size of the database.
  - What is changed is read from the source's write-ahead log (logical decoding, C(pgoutput)) by a
    slot that ends with this module, also where that is killed. There is no subscription, no role
    for it, and nothing that could fill the source's disk later.
  - Both sides are compared as they were in the moment of the switch, while clients are served
    again.
  - Where O(target) is in a container, its role is kept from writing until the switch
    (O(llmops.litellm.database_role#module:writes)), and that of a O(source) in a container from
    then on.
  - Whatever is in the way is found before clients wait, and fails; they go on where they were.
author: llmops.litellm contributors (@llmops)
extends_documentation_fragment:
  - llmops.litellm.database.source
  - llmops.litellm.database.target
options:
  state:
    description: How the earlier copy is made equal, see M(llmops.litellm.database).
    type: str
    choices: [copied, copied_back]
    required: true
  source:
    description:
      - The database that clients use now, on its container's local socket, or on the private one
        of M(llmops.litellm.native_server_aside).
      - Its server has C(wal_level) C(logical), and each of LiteLLM's tables a primary key.
  folder:
    description: Folder of the pooler.
    type: path
    required: true
  container:
    description: The pooler's container. It runs.
    type: str
    required: true
  lead:
    description:
      - The target as the pooler reaches it, see O(llmops.litellm.database_pooler#module:target).
    type: dict
    required: true
    suboptions:
      env_file:
        description: File on the host with the database's URL, which has user and password.
        type: path
        required: true
      variable:
        description: Name of the variable in the file.
        type: str
        default: DATABASE_URL
      host:
        description: Where the host reaches the server, if the URL says it otherwise.
        type: str
      port:
        description: At which port.
        type: int
  readers:
    description: With V(copied), see O(llmops.litellm.database#module:readers).
    type: list
    elements: str
    default: []
  server:
    description: With V(copied), see O(llmops.litellm.database#module:server).
    type: dict
  expect:
    description: With V(copied_back), see O(llmops.litellm.database#module:expect).
    type: str
  journal:
    description:
      - State folder of a run. In the moment of the switch its journal remembers it, as C(switched)
        or, with V(copied_back), C(switched_back), and the source's rows count as old from then on.
    type: path
    required: true
  limit:
    description: Seconds after which clients go on where they were, whatever becomes of this task.
    type: int
    default: 30
  patience:
    description:
      - Seconds for the transactions that are open when the pause begins. Where one takes longer,
        clients go on, and it is tried again, up to 20 times.
    type: float
    default: 0.5
attributes:
  check_mode:
    description: Nothing is copied or moved.
    support: full
  diff_mode:
    description: Rows are not shown.
    support: none
seealso:
  - module: llmops.litellm.database
  - module: llmops.litellm.database_pooler
  - module: llmops.litellm.native_server_aside
"""

EXAMPLES = r"""
- name: Move the database into the container
  llmops.litellm.database_switch:
    state: copied
    source:
      env_file: /run/litellm-legacy-aside.env
    target:
      container: litellm-postgres
      database: litellm
      user: litellm
    lead:
      env_file: /opt/litellm/.env
      host: 172.30.40.2
      port: 5432
    folder: /run/litellm-transition
    container: litellm-transition-pooler
    journal: /var/lib/llmops-litellm
"""

RETURN = r"""
switched:
  description: Whether clients are in the target now. Said by a failure as well.
  returned: always, except in check mode
  type: bool
action:
  description: What was done to make the earlier copy equal.
  returned: success
  type: str
  sample: refresh
equal:
  description: Whether both sides were equal in the moment of the switch.
  returned: success
  type: bool
differences:
  description: Every difference, in words. The module fails when there is one.
  returned: success
  type: list
  elements: str
source:
  description:
    - Fingerprint of the source in that moment, as M(llmops.litellm.database_fingerprint_info)
      returns it.
  returned: success
  type: dict
target:
  description: The target's.
  returned: success
  type: dict
tables:
  description: With V(copied_back), tables that changed, with their rows before and after.
  returned: success
  type: list
  elements: dict
readers:
  description: With V(copied), as of M(llmops.litellm.database).
  returned: success
  type: list
  elements: dict
followed:
  description: Rows that clients changed since the copy, and that were carried over.
  returned: success
  type: int
  sample: 37
bytes:
  description: Bytes that crossed for the copy, uncompressed.
  returned: success
  type: int
seconds:
  description: Seconds of all of it.
  returned: success
  type: float
  sample: 12.1
waited:
  description: Seconds for which clients waited.
  returned: success
  type: float
  sample: 0.2
"""

import time
from datetime import datetime, timezone
from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import journal as _journal
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    position as _position,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import display as _display
from ansible_collections.llmops.litellm.plugins.module_utils._host import problem as _problem
from ansible_collections.llmops.litellm.plugins.module_utils._host.problem import OperatorError
from ansible_collections.llmops.litellm.plugins.module_utils._pooler import switch as _switch
from ansible_collections.llmops.litellm.plugins.module_utils._pooler import target as _target
from ansible_collections.llmops.litellm.plugins.module_utils._pooler.folder import Folder
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import copy as _copy
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    copy_back as _copy_back,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import fence as _fence
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    fingerprint as _fingerprint,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    native_server as _native_server,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import role as _role
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import session as _session

Endpoint = _session.Endpoint


def administrator(source: Endpoint) -> Endpoint:
    """The source's database as a superuser of its server.

    :raises PostgresError: none may log in.
    """
    if _role.contained(source):
        return _role.administrator(source).on(source.database)
    return _native_server.administrator(source)


def copying(params: dict[str, Any], source: Endpoint, target: Endpoint) -> Callable[[], Any]:
    """What makes the earlier copy equal."""
    if params["state"] == "copied_back":
        return lambda: _copy_back.copy_back(source, target, params["expect"])
    return lambda: _copy.copy(
        source,
        _fence.writer(target),
        "ours",
        datetime.now(timezone.utc),
        params["readers"],
        params["server"],
    )


def told(copied: Any) -> dict[str, Any]:
    """What is said of the copy, whichever it was."""
    return {
        "action": copied.action,
        "bytes": copied.bytes,
        "tables": getattr(copied, "tables", []),
        "readers": [
            {"name": item.name, "password": item.password, "why": item.why, "rights": item.rights}
            for item in getattr(copied, "readers", ())
        ],
    }


def main() -> None:
    """Entry point."""
    endpoint = {"type": "dict", "options": _session.ENDPOINT_OPTIONS, **_session.ENDPOINT_RULES}
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["copied", "copied_back"], "required": True},
            "source": {**endpoint, "required": True},
            "target": {**endpoint, "required": True},
            "folder": {"type": "path", "required": True},
            "container": {"type": "str", "required": True},
            "lead": {
                "type": "dict",
                "required": True,
                "options": {
                    "env_file": {"type": "path", "required": True},
                    "variable": {"type": "str", "default": "DATABASE_URL"},
                    "host": {"type": "str"},
                    "port": {"type": "int"},
                },
            },
            "readers": {"type": "list", "elements": "str", "default": []},
            "server": {"type": "dict"},
            "expect": {"type": "str"},
            "journal": {"type": "path", "required": True},
            "limit": {"type": "int", "default": 30},
            "patience": {"type": "float", "default": 0.5},
        },
        supports_check_mode=True,
    )
    params = module.params
    if module.check_mode:
        module.exit_json(changed=True)
    began, marked = time.monotonic(), False
    owner: dict[str, str] = {}

    def mark() -> None:
        nonlocal marked
        now = datetime.now(timezone.utc)
        fact = "switched" if params["state"] == "copied" else "switched_back"
        _journal.remember(params["journal"], {fact: _journal.stamp(now)}, now, owner)
        marked = True

    try:
        told_of = _journal.load(params["journal"])
        owner.update(told_of["owner"] if told_of else {})
        source, target = (Endpoint.from_params(params[name]) for name in ("source", "target"))
        done = _switch.switch(
            Folder(params["folder"]),
            params["container"],
            _switch.Sides(source, administrator(source), target),
            _target.from_params(params["lead"]),
            copying(params, source, target),
            mark,
            _switch.Wait(params["limit"], params["patience"]),
        )
        differences = _fingerprint.compare(done.source, done.target)
        if differences and params["state"] == "copied":
            now = datetime.now(timezone.utc)
            _journal.remember(params["journal"], {"legacy_hash": _position.UNEQUAL}, now)
    except OperatorError as error:
        module.fail_json(msg=str(error), switched=marked)
    except OSError as error:
        module.fail_json(msg=_problem.words(error), switched=marked)
    result = {
        "changed": True,
        "switched": True,
        "equal": not differences,
        "differences": differences,
        "source": done.source,
        "target": done.target,
        "followed": done.followed,
        "waited": round(done.seconds, 3),
        "seconds": round(time.monotonic() - began, 3),
        **told(done.copied),
    }
    if differences:
        module.fail_json(
            msg="%s was not equal to %s when clients were led there. Nothing is copied back over"
            " the latter: %s" % (target, source, _display.plain("; ".join(differences))),
            **result,
        )
    module.exit_json(**result)


if __name__ == "__main__":
    main()
