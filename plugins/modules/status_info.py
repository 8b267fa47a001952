# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: status_info
short_description: Tell where a host stands
version_added: 0.1.0
description:
  - The journal, both deployments, who answers at the proxy's port, the last backup, and what each
    playbook would do next.
  - Whatever is missing or broken on the host is reported and is no failure. No secret is returned.
author: llmops.litellm contributors (@llmops)
options:
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
  project_dir:
    description: Folder of the compose deployment, where the journal does not say.
    type: path
    default: /opt/litellm
  legacy_unit:
    description: The legacy proxy's systemd unit, where the journal does not say.
    type: str
    default: litellm.service
  legacy_account:
    description: Account whose user manager has it, where the journal does not say.
    type: str
    default: ''
  run:
    description:
      - This run, as the lookup P(llmops.litellm.controller_run#lookup) gives it, to see whether
        another one is at work.
    type: dict
  patience:
    description:
      - Seconds without a sign of life after which a run of another controller is taken for dead.
    type: int
    default: 7200
  timeout:
    description: Seconds to wait for an answer of the proxy.
    type: float
    default: 10
attributes:
  check_mode:
    description: Only looks.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
seealso:
  - module: llmops.litellm.journal_info
  - module: llmops.litellm.readiness_info
"""

EXAMPLES = r"""
- name: Read the status of this host
  llmops.litellm.status_info:
    state_dir: /var/lib/llmops-litellm
    backup_dir: /var/backups/llmops-litellm
  register: found
"""

RETURN = r"""
status:
  description: Where the host stands.
  returned: success
  type: dict
  contains:
    host:
      description: Name of the host.
      type: str
    time:
      description: When it was looked at.
      type: str
      sample: "2026-11-23T22:10:00+00:00"
    journal:
      description: >-
        State (also V(none), and V(unreadable)), phase, since when, in words, whether a run is at
        work (V(yes), V(no), V(unknown)), and the database with rows of a stopped proxy.
      type: dict
    legacy:
      description:
        - The proxy's port, and each unit and native server with its recorded and present state, and
          whether its process has the port.
      type: dict
    compose:
      description:
        - The engine, the containers (state, health, image, ports; null where there is none),
          volumes, and the unit that starts them at boot.
      type: dict
    proxy:
      description:
        - Who has the proxy's port (V(nobody), V(legacy), V(compose) or V(other), and its name), and
          what its readiness proves.
      type: dict
    restore:
      description: A restore that has not ended, in words; null where there is none.
      type: str
    backup:
      description:
        - The newest backup with a sound manifest, by its manifest alone, and how many folders have
          none.
      type: dict
    next:
      description: What each playbook would do, by its file name.
      type: dict
screen:
  description: The same for a terminal, at most 40 lines of at most 100 columns.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._migration import status as _status
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    status_text as _status_text,
)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "state_dir": {"type": "path", "required": True},
            "backup_dir": {"type": "path", "required": True},
            "project_name": {"type": "str", "default": "litellm"},
            "project_dir": {"type": "path", "default": "/opt/litellm"},
            "legacy_unit": {"type": "str", "default": "litellm.service"},
            "legacy_account": {"type": "str", "default": ""},
            "run": {"type": "dict"},
            "patience": {"type": "int", "default": 7200},
            "timeout": {"type": "float", "default": 10},
        },
        supports_check_mode=True,
    )
    status = _status.inspect(module.params)
    module.exit_json(changed=False, status=status, screen=_status_text.text_lines(status))


if __name__ == "__main__":
    main()
