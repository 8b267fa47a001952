#!/usr/bin/python
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: health_info
short_description: Look whether a host's LiteLLM deployment is well
version_added: 0.1.0
description:
  - Looks at everything at once, each with its own limit of time - containers or units, PostgreSQL,
    Redis, the proxy's liveness and readiness, whether a key that nobody has is refused, model
    servers, certificate, disks, and how old the last backup and drill are.
  - Changes nothing and costs nothing. LiteLLM's own C(/health), which makes paid requests, is never
    called.
  - Works on a host that was never migrated, and where the role C(health) was never run.
  - Does not fail for what it finds; RV(outcome) is what a playbook decides by.
author: llmops.litellm contributors (@llmops)
extends_documentation_fragment:
  - llmops.litellm.deployment
attributes:
  check_mode:
    description: Only looks.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
seealso:
  - module: llmops.litellm.readiness_info
  - module: llmops.litellm.model_probe
"""

EXAMPLES = r"""
- name: Check the deployment
  llmops.litellm.health_info:
  register: health

- name: Fail if the deployment is not healthy
  ansible.builtin.assert:
    that: health.outcome != 'failed'
    fail_msg: "{{ health.screen | join('; ') }}"
"""

RETURN = r"""
outcome:
  description: V(healthy), V(degraded), V(failed) or V(unknown).
  returned: success
  type: str
  sample: healthy
kind:
  description: The deployment that was looked at.
  returned: success
  type: str
  sample: compose
checks:
  description:
    - Each part with C(name), C(state) (V(ok), V(degraded), V(failed), V(unknown)), C(detail) in
      words and C(seconds).
  returned: success
  type: list
  elements: dict
screen:
  description: The same as lines to be read.
  returned: success
  type: list
  elements: str
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import locate as _locate
from ansible_collections.llmops.litellm.plugins.module_utils._health import checks as _checks
from ansible_collections.llmops.litellm.plugins.module_utils._health import (
    settings as _settings,
)
from ansible_collections.llmops.litellm.plugins.module_utils._health import target as _target
from ansible_collections.llmops.litellm.plugins.module_utils._health import watch as _watch
from ansible_collections.llmops.litellm.plugins.module_utils._host import (
    settings_file as _settings_file,
)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=dict(_settings.OPTIONS), supports_check_mode=True)
    try:
        settings = _settings.from_params(module.params, os.geteuid())
    except _settings_file.SettingsError as error:
        module.fail_json(msg=str(error))
    target = _target.target(settings, _locate.find(settings.where, module.params["kind"] or ""))
    checks = _checks.run(target)
    outcome = _checks.outcome(checks)
    module.exit_json(
        changed=False,
        outcome=outcome,
        kind=target.deployed.kind,
        checks=[check._asdict() for check in checks],
        screen=_watch.screen(target.deployed.kind, outcome, checks),
    )


if __name__ == "__main__":
    main()
