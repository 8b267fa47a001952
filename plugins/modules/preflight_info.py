# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: preflight_info
short_description: Look at a host before a migration, and tell every reason against it at once
version_added: 0.1.0
description:
  - Finds the legacy deployment as it runs now, and holds the host against what the compose
    deployment will need.
  - Changes nothing and pulls nothing. What has to be judged with a secret is judged on the host;
    nothing secret is returned.
author: llmops.litellm contributors (@llmops)
options:
  legacy_unit:
    description: The systemd unit of the running proxy, of the system or of an account.
    type: str
    default: litellm.service
  legacy_account:
    description:
      - Account whose user manager has the unit. Needed only where several have one of that name.
    type: str
    default: ''
  project_dir:
    description:
      - Folder of the compose deployment. Not the one that the legacy proxy runs in, whose C(.env)
        it would read at its next start.
    type: path
    default: /opt/litellm
  state_dir:
    description: State folder of the deployment.
    type: path
    required: true
  backup_dir:
    description: Folder of the backups.
    type: path
    required: true
  project_name:
    description: Name of the Compose project.
    type: str
    default: litellm
  subnet:
    description: Subnet of the project's network.
    type: str
    default: 172.30.40.0/24
  network:
    description: Network of the proxy's container, the project's own or the host's.
    type: str
    choices: [bridge, host]
    default: bridge
  stage_port:
    description: Loopback port at which the proxy is rehearsed.
    type: int
    default: 14000
  database_port:
    description:
      - Has no effect any more. A proxy without a database gets none.
    type: int
    default: 5434
  pooler_port:
    description: Loopback port of the pooler that a live cutover needs for its time.
    type: int
    default: 16432
  redis_port:
    description: Loopback port of the Redis container where the legacy deployment has no Redis.
    type: int
    default: 6379
  images:
    description:
      - The images of the services V(litellm), V(postgres) and V(redis), and of V(pgbouncer), which
        a live cutover needs.
    type: dict
    required: true
  carry_redis:
    description: Whether the keys of the native Redis will be carried over.
    type: bool
    default: true
  overrides:
    description: Variables that the operator sets in the new environment.
    type: dict
    default: {}
  adopt:
    description: Variables to take from lines of the legacy env files that systemd drops.
    type: list
    elements: str
    default: []
  accept_weak:
    description: Variables whose weakness the operator accepts.
    type: list
    elements: str
    default: []
  accept_down:
    description:
      - Names of those beside the proxy who use what is stopped at the cutover, and may lose it, as
        RV(problems) has them.
    type: list
    elements: str
    default: []
  database_readers:
    description:
      - Names of roles of the native PostgreSQL, beside LiteLLM's own, that read its tables and
        shall read them in the container as well.
    type: list
    elements: str
    default: []
  database_role:
    description: Name of LiteLLM's own role in the container.
    type: str
    default: litellm
  mounts:
    description:
      - What of the host the proxy's container gets besides, read-only, each C(source) with its
        C(target), or V(source:target).
    type: list
    elements: raw
    default: []
  extra_hosts:
    description: Names of hosts that the proxy's container shall know, with their addresses.
    type: dict
    default: {}
  publish:
    description:
      - Addresses of this host at which the new proxy serves. If none is given, those at which the
        legacy one listens.
    type: list
    elements: str
    default: []
  run:
    description: This run, as the lookup P(llmops.litellm.controller_run#lookup) gives it.
    type: dict
    required: true
  max_downtime:
    description:
      - Seconds for which clients may be refused, 0 for no limit.
    type: int
    default: 0
  max_hold:
    description:
      - Seconds for which clients may wait while nobody serves, instead of being refused; at most
        600, 0 for none.
    type: int
    default: 120
  cutover:
    description:
      - Which way clients are moved. With V(live) a transitional proxy serves while the database
        moves; with V(stop) nobody does, and they wait. V(auto) takes V(live) where the host can,
        and warns of what stands against it.
    type: str
    choices: [auto, live, stop]
    default: auto
  patience:
    description:
      - Seconds without a sign of life after which another controller's run is taken for dead.
    type: int
    default: 7200
attributes:
  check_mode:
    description: Only looks.
    support: full
  diff_mode:
    description: Only looks.
    support: none
"""

EXAMPLES = r"""
- name: Check the host
  llmops.litellm.preflight_info:
    state_dir: /var/lib/llmops-litellm
    backup_dir: /var/backups/llmops-litellm
    images: "{{ litellm_images }}"
    run: "{{ lookup('llmops.litellm.controller_run') }}"
"""

RETURN = r"""
problems:
  description: Every reason against a migration, each with what to do.
  returned: always
  type: list
  elements: str
  sample:
    - "port 4000 (proxy): is held by nginx (process 812), not by litellm.service -> it stays as it
      is: see whose it is, and run again once it has another port"
warnings_found:
  description: What does not stop a migration but should be known.
  returned: always
  type: list
  elements: str
facts:
  description: What was found, without any secret.
  returned: always
  type: dict
  contains:
    engine:
      description: Docker's and Compose's versions, platform and data folder.
      type: dict
    legacy:
      description:
        - Unit, process, folder, configuration, port, options, names of the variables, hashes of the
          files.
      type: dict
    database:
      description:
        - The native database, with its unit, version, size and whether a stored row proves the salt
          key.
      type: dict
    redis:
      description: The native Redis with its unit, empty where there is none.
      type: dict
    model_hosts:
      description:
        - Loopback ports of model servers that the configuration, the environment or the database
          name.
      type: list
      elements: dict
    address:
      description:
        - Addresses at which the legacy proxy listens (C(legacy)) and the new one is published
          (C(publish)), the URLs for the host itself (C(legacy_url), C(url)), and those at which
          the new one must answer besides (C(proofs)).
      type: dict
    needs:
      description:
        - Files that the proxy needs besides its configuration, each C(source) with its C(target) in
          the container and the C(name) of its copy in the project folder; variables that name
          another place there (C(environment)); C(modules), C(programs) and C(hosts) that the
          container is asked for before the cutover; C(addresses) of hosts that only this host
          knows.
      type: dict
    images:
      description: What is known of the images.
      type: dict
    cutover:
      description:
        - The C(way) clients are moved, C(live) or C(stop), and C(reasons) against the first.
      type: dict
    project_dir:
      description: Folder of the compose deployment.
      type: str
    space:
      description: Bytes needed and free.
      type: list
      elements: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._host import problem as _problem
from ansible_collections.llmops.litellm.plugins.module_utils._host.problem import OperatorError
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    preflight as _preflight,
)

ARGUMENTS: dict[str, Any] = {
    "legacy_unit": {"type": "str", "default": "litellm.service"},
    "legacy_account": {"type": "str", "default": ""},
    "project_dir": {"type": "path", "default": "/opt/litellm"},
    "state_dir": {"type": "path", "required": True},
    "backup_dir": {"type": "path", "required": True},
    "project_name": {"type": "str", "default": "litellm"},
    "subnet": {"type": "str", "default": "172.30.40.0/24"},
    "network": {"type": "str", "choices": ["bridge", "host"], "default": "bridge"},
    "stage_port": {"type": "int", "default": 14000},
    "database_port": {"type": "int", "default": 5434},
    "pooler_port": {"type": "int", "default": 16432},
    "redis_port": {"type": "int", "default": 6379},
    "images": {"type": "dict", "required": True},
    "carry_redis": {"type": "bool", "default": True},
    "overrides": {"type": "dict", "default": {}, "no_log": True},
    "adopt": {"type": "list", "elements": "str", "default": []},
    "accept_weak": {"type": "list", "elements": "str", "default": []},
    "accept_down": {"type": "list", "elements": "str", "default": []},
    "database_readers": {"type": "list", "elements": "str", "default": []},
    "database_role": {"type": "str", "default": "litellm"},
    "mounts": {"type": "list", "elements": "raw", "default": []},
    "extra_hosts": {"type": "dict", "default": {}},
    "publish": {"type": "list", "elements": "str", "default": []},
    "run": {"type": "dict", "required": True},
    "max_downtime": {"type": "int", "default": 0},
    "max_hold": {"type": "int", "default": 120},
    "cutover": {"type": "str", "choices": ["auto", "live", "stop"], "default": "auto"},
    "patience": {"type": "int", "default": 7200},
}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        found = _preflight.preflight(module.params)
    except (OperatorError, OSError) as error:  # no check has said more of it
        module.fail_json(msg=_problem.words(error))
    module.exit_json(
        changed=False,
        facts=found.facts,
        problems=[str(item) for item in found.problems],
        warnings_found=[str(item) for item in found.warnings],
    )


if __name__ == "__main__":
    main()
