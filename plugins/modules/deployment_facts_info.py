#!/usr/bin/python
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: deployment_facts_info
short_description: What a deployment is made from, and every reason against it at once
version_added: 1.0.0
description:
  - What the host remembers of its deployment (a migration's journal, the record of C(deploy.yml),
    the C(compose.yaml) that a restore has made, or nothing), with what the inventory wishes, in the
    shape of the facts of M(llmops.litellm.preflight_info).
  - Changes nothing and pulls nothing; nothing secret is returned.
author: llmops.litellm contributors (@llmops)
options:
  project_dir:
    description: Folder of the compose deployment.
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
  proxy_port:
    description:
      - Port of the proxy. If it is not given, the one that it has; of a new one 4000.
    type: int
  database_port:
    description:
      - Loopback port of PostgreSQL. If it is not given, the one that it has; of a new one 5434.
    type: int
  redis_port:
    description:
      - Loopback port of Redis. If it is not given, the one that it has; of a new one 6379.
    type: int
  stage_port:
    description: Loopback port at which a proxy is tried that is to take the place of another.
    type: int
    default: 14000
  pooler_port:
    description: Loopback port of the pooler that a change of the database's server needs.
    type: int
    default: 16432
  publish:
    description:
      - Addresses of this host at which the proxy serves. If none is given, those that it has; of a
        new one 127.0.0.1.
    type: list
    elements: str
    default: []
  options:
    description:
      - Options of LiteLLM's command line. If they are not given, those that it has.
    type: list
    elements: str
  config:
    description:
      - Text of LiteLLM's C(config.yaml). If it is not given, the file that it has.
    type: str
  images:
    description: The images of the services V(litellm), V(postgres), V(redis) and V(pgbouncer).
    type: dict
    required: true
  install_docker:
    description:
      - Whether Docker's engine and Compose are installed from the distribution's packages where
        they are missing, so that this is no reason against a deployment.
    type: bool
    default: false
  overrides:
    description: Variables that the operator sets in the environment.
    type: dict
    default: {}
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
  run:
    description: This run, as the lookup P(llmops.litellm.controller_run#lookup) gives it.
    type: dict
    required: true
  max_downtime:
    description: Seconds for which clients may be refused, 0 for no limit.
    type: int
    default: 0
  max_hold:
    description: Seconds for which clients may wait while nobody serves; at most 600, 0 for none.
    type: int
    default: 120
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
  llmops.litellm.deployment_facts_info:
    state_dir: /var/lib/llmops-litellm
    backup_dir: /var/backups/llmops-litellm
    images: "{{ litellm_images }}"
    run: "{{ lookup('llmops.litellm.controller_run') }}"
"""

RETURN = r"""
origin:
  description:
    - Where the deployment comes from, V(new) (there is none yet, or none that was made to its end),
      V(deployed) (by C(deploy.yml)), V(migrated) or V(restored) (from a backup).
  returned: always
  type: str
  sample: new
served:
  description: Whether a new deployment, whose first run was killed or failed, has served already.
  returned: always
  type: bool
packages:
  description:
    - Packages that bring Docker's engine and Compose, where O(install_docker) asks for them and
      they are missing.
  returned: always
  type: list
  elements: str
  sample: [docker.io, docker-cli, docker-compose]
problems:
  description: Every reason against a deployment, each with what to do.
  returned: always
  type: list
  elements: str
  sample:
    - "port 4000 (proxy): is held by nginx (process 812), and is to be the new deployment's -> it
      stays as it is: set another litellm_port"
warnings_found:
  description: What does not stop a deployment but should be known.
  returned: always
  type: list
  elements: str
facts:
  description: As RV(llmops.litellm.preflight_info#module:facts), without what only a legacy
    deployment has.
  returned: always
  type: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._host import problem as _problem
from ansible_collections.llmops.litellm.plugins.module_utils._host.problem import OperatorError
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    preflight_deploy as _preflight_deploy,
)

ARGUMENTS: dict[str, Any] = {
    "project_dir": {"type": "path", "default": "/opt/litellm"},
    "state_dir": {"type": "path", "required": True},
    "backup_dir": {"type": "path", "required": True},
    "project_name": {"type": "str", "default": "litellm"},
    "subnet": {"type": "str", "default": "172.30.40.0/24"},
    "network": {"type": "str", "choices": ["bridge", "host"], "default": "bridge"},
    "proxy_port": {"type": "int"},
    "database_port": {"type": "int"},
    "redis_port": {"type": "int"},
    "stage_port": {"type": "int", "default": 14000},
    "pooler_port": {"type": "int", "default": 16432},
    "publish": {"type": "list", "elements": "str", "default": []},
    "options": {"type": "list", "elements": "str"},
    "config": {"type": "str", "no_log": True},
    "images": {"type": "dict", "required": True},
    "install_docker": {"type": "bool", "default": False},
    "overrides": {"type": "dict", "default": {}, "no_log": True},
    "mounts": {"type": "list", "elements": "raw", "default": []},
    "extra_hosts": {"type": "dict", "default": {}},
    "run": {"type": "dict", "required": True},
    "max_downtime": {"type": "int", "default": 0},
    "max_hold": {"type": "int", "default": 120},
    "patience": {"type": "int", "default": 7200},
}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        host = _preflight_deploy.preflight(module.params)
    except (OperatorError, OSError) as error:  # no check has said more of it
        module.fail_json(msg=_problem.words(error))
    module.exit_json(
        changed=False,
        origin=host.known.origin,
        served=host.known.served,
        packages=list(host.packages),
        facts=host.findings.facts,
        problems=[str(item) for item in host.findings.problems],
        warnings_found=[str(item) for item in host.findings.warnings],
    )


if __name__ == "__main__":
    main()
