#!/usr/bin/python
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: model_adoption
short_description: Existing units of model servers are recorded as they were found
version_added: 0.1.0
description:
  - Adopts units that run model servers. Their name, enabled and active state and the hashes of
    their files are recorded; nothing of them is changed, now or later. A unit that was stopped on
    purpose stays so.
  - What is recorded once stays as it is, so that it goes on saying how the unit was found.
author: llmops.litellm contributors (@llmops)
options:
  units:
    description: Units by name, or by the port that they serve.
    type: list
    elements: str
    default: []
  state_dir:
    description: State folder of the deployment, which has the record.
    type: path
    required: true
  project_name:
    description: First part of the names of units that are managed, and never adopted.
    type: str
    default: litellm
  account:
    description: Account whose user manager may have them too. Empty for any that runs.
    type: str
    default: ''
  state:
    description: V(absent) drops the whole record; the units stay as they are.
    type: str
    choices: [present, absent]
    default: present
attributes:
  check_mode:
    description: Says what would be recorded.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
"""

EXAMPLES = r"""
- name: Record the model servers as they are
  llmops.litellm.model_adoption:
    units: [llama-embeddings.service, "8079"]
    state_dir: /var/lib/llmops-litellm
"""

RETURN = r"""
adopted:
  description:
    - Every unit of the record, with its port, enabled and active state and the hashes of its files.
  returned: success
  type: list
  elements: dict
differs:
  description: In words, what of the named units is not as it was recorded.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._host import display as _display
from ansible_collections.llmops.litellm.plugins.module_utils._host.problem import OperatorError
from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    adoption as _adoption,
)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "units": {"type": "list", "elements": "str", "default": []},
            "state_dir": {"type": "path", "required": True},
            "project_name": {"type": "str", "default": "litellm"},
            "account": {"type": "str", "default": ""},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        supports_check_mode=True,
    )
    folder = module.params["state_dir"]
    try:
        if module.params["state"] == "absent":
            module.exit_json(
                changed=_adoption.forget(folder, module.check_mode), adopted=[], differs=[]
            )
        found, problems = _adoption.find(
            module.params["units"],
            module.params["project_name"] + "-model-",
            module.params["account"],
        )
        if problems:
            module.fail_json(
                msg="Model servers can't be adopted:\n- %s" % "\n- ".join(_display.each(problems))
            )
        module.exit_json(**_adoption.adopt(found, folder, module.check_mode))
    except (OperatorError, OSError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
