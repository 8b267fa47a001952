#!/usr/bin/python
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: spend_flush
short_description: Wait until a LiteLLM proxy has written its spend
version_added: 0.1.0
description:
  - A proxy that is stopped while it writes what its last requests have cost loses that batch. In
    the seconds after such a write it can be stopped without loss. This waits for one, while clients
    are served.
  - Where nothing can be seen, because no proxy is connected or the database does not answer, it
    says so and does not fail.
  - O(source) is the proxy's database, with the proxy's own role.
author: llmops.litellm contributors (@llmops)
extends_documentation_fragment:
  - llmops.litellm.database.source
options:
  limit:
    description:
      - Seconds to wait at most. LiteLLM writes every 10 to 15 seconds, unless
        C(proxy_batch_write_at) says otherwise.
    type: float
    default: 18
  pooler:
    description:
      - Container of the pooler through which the proxy, and nobody else, reaches the database.
        Where another proxy writes to it as well, this one's writes alone count.
    type: str
  address:
    description:
      - Address from which the proxy, and nobody else, has its connections to the database, as
        O(pooler).
    type: str
attributes:
  check_mode:
    description: Only looks.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
"""

EXAMPLES = r"""
- name: Wait until the proxy has written its spend
  llmops.litellm.spend_flush:
    source:
      env_file: /var/lib/llmops-litellm/legacy.env
"""

RETURN = r"""
seen:
  description: Whether it has just written.
  returned: success
  type: bool
reason:
  description: Why nobody knows, in words; empty where it was seen.
  returned: success
  type: str
seconds:
  description: How long it took.
  returned: success
  type: float
"""

from typing import Optional

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._litellm import (
    spend_flush as _spend_flush,
)
from ansible_collections.llmops.litellm.plugins.module_utils._pooler import container as _container
from ansible_collections.llmops.litellm.plugins.module_utils._pooler.target import PoolerError
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import session as _session


def only(pooler: Optional[str], address: Optional[str]) -> Optional[_spend_flush.Sessions]:
    """Which sessions are the proxy's; ``None`` where all of them are."""
    if address:
        return lambda: _spend_flush.at(address)
    return through(pooler) if pooler else None


def through(name: str) -> _spend_flush.Sessions:
    """The sessions that come through a pooler.

    :raises PoolerError: it does not run.
    """
    running = _container.find(name)
    pids = _container.processes(running)
    return lambda: _spend_flush.from_ports(
        row.here[1] for row in _container.to_servers(running, pids, 0)
    )


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "source": {
                "type": "dict",
                "required": True,
                "options": _session.ENDPOINT_OPTIONS,
                **_session.ENDPOINT_RULES,
            },
            "limit": {"type": "float", "default": _spend_flush.LIMIT},
            "pooler": {"type": "str"},
            "address": {"type": "str"},
        },
        mutually_exclusive=[("pooler", "address")],
        supports_check_mode=True,
    )
    try:
        result = _spend_flush.wait(
            _session.Endpoint.from_params(module.params["source"]),
            module.params["limit"],
            only(module.params["pooler"], module.params["address"]),
        )
    except (_session.PostgresError, PoolerError) as error:
        result = _spend_flush.Flush(False, str(error), 0.0)
    module.exit_json(changed=False, **result._asdict())


if __name__ == "__main__":
    main()
