#!/usr/bin/python
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: model_inventory_info
short_description: Show every model as configuration, database, proxy and model servers have it
version_added: 0.1.0
description:
  - Puts side by side what C(config.yaml), the database, the proxy's list and the model servers of the host say, and tells what does not fit - what is
    missing, orphaned or there twice, fallbacks and aliases that point nowhere, addresses that a container can't reach.
  - Model servers are asked from where the proxy is. No model is asked anything, so nothing costs money.
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
  - module: llmops.litellm.model_probe
"""

EXAMPLES = r"""
- name: Models are compared
  llmops.litellm.model_inventory_info:
  register: inventory
"""

RETURN = r"""
outcome:
  description: V(healthy), V(degraded) where something does not fit, V(unknown) where something could not be asked.
  returned: success
  type: str
  sample: healthy
kind:
  description: The deployment.
  returned: success
  type: str
rows:
  description: Each name with C(config) and C(database) (how often it is there, null where that is not known), C(listed) and C(addresses).
  returned: success
  type: list
  elements: dict
aliases:
  description: Other names of models, and what they stand for.
  returned: success
  type: dict
servers:
  description: Each model server of the host with C(address), C(answers), C(models) (null where it does not tell) and C(problem).
  returned: success
  type: list
  elements: dict
model_hosts:
  description: The model servers of this host, as M(llmops.litellm.model_host_info) returns C(hosts), C(gpus) and C(problems).
  returned: success
  type: dict
findings:
  description: What does not fit, with C(what), C(name), C(words) and C(problem), which is false for what is only worth knowing.
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
from ansible_collections.llmops.litellm.plugins.module_utils._health import probe_run as _probe_run
from ansible_collections.llmops.litellm.plugins.module_utils._health import (
    settings as _settings,
)
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
    told = _probe_run.with_model_hosts(
        settings, _locate.find(settings.where, module.params["kind"] or "")
    )
    module.exit_json(changed=False, screen=_probe_run.inventory_screen(told), **told)


if __name__ == "__main__":
    main()
