#!/usr/bin/python
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: ops_program
short_description: Install or remove the command litellm-ops
version_added: 0.1.0
description:
  - Installs the command C(litellm-ops), which makes, verifies, lists, pins, prunes and tries out
    backups, looks at the deployment's health and asks its models what they can do, from a timer or
    by hand. It is the same code that the modules of this collection run, and needs Python 3 and
    nothing of Ansible on the host.
  - Another release takes the place of an earlier one at once; a run that is under way ends with
    what it began with.
  - Its files belong to root, are readable by everyone and writable by root alone, whatever root's
    umask is. Once they are in place, an account without rights of its own executes the command, as
    units without an account do, and the module fails if it can't.
  - With O(state=absent) the command stays while anything on the host still needs it. That is the
    settings of backups or health checks, or a systemd service of any manager that calls it, such as
    a bridge or a model server. C(/etc/llmops-litellm) goes too where nothing is in it.
author: llmops.litellm contributors (@llmops)
options:
  state:
    description: Whether the command is there.
    type: str
    choices: [present, absent]
    default: present
  library:
    description:
      - Folder in which the folder of the code is. Those of earlier releases are removed from it.
    type: path
    default: /usr/local/lib/llmops-litellm
  folders:
    description:
      - Folders of its settings and of what it keeps, which are made, root's alone, with these
        modes.
      - One that another account can write to, or that is below one of its, is refused.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Path of the folder.
        type: path
        required: true
      mode:
        description: Its mode.
        type: str
        choices: ["0700", "0755"]
        required: true
  command:
    description: Path of the command.
    type: path
    default: /usr/local/sbin/litellm-ops
attributes:
  check_mode:
    description: Says whether something would change.
    support: full
  diff_mode:
    description: Shows the command itself, which names the folder of its code by its content.
    support: full
"""

EXAMPLES = r"""
- name: Install the command litellm-ops
  llmops.litellm.ops_program:

- name: Install it with the folder of its settings
  llmops.litellm.ops_program:
    folders:
      - {path: /etc/llmops-litellm, mode: "0755"}

- name: Remove the command unless something still needs it
  llmops.litellm.ops_program:
    state: absent
"""

RETURN = r"""
folder:
  description: Folder of the code.
  returned: success
  type: str
  sample: /usr/local/lib/llmops-litellm/5f1d7a84c3a0b6b2
needed_by:
  description: Settings and units because of which the command stays.
  returned: O(state=absent)
  type: list
  elements: str
  sample: [/etc/systemd/system/litellm-bridge-8082.service]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._host import problem as _problem
from ansible_collections.llmops.litellm.plugins.module_utils._ops import cli as _cli
from ansible_collections.llmops.litellm.plugins.module_utils._ops import install as _install


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "library": {"type": "path", "default": _install.LIBRARY},
            "command": {"type": "path", "default": _install.COMMAND},
            "folders": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "path": {"type": "path", "required": True},
                    "mode": {"type": "str", "required": True, "choices": ["0700", "0755"]},
                },
            },
        },
        supports_check_mode=True,
    )
    library, command = module.params["library"], module.params["command"]
    _cli.parser()  # what it needs is loaded with it, and what is loaded is installed
    try:
        if module.params["state"] == "present":
            result = _install.install(_install.sources(), library, command, module.check_mode)
            if not (module.check_mode and result["changed"]):
                _install.prove(command)
            made = [
                _install.own_folder(each["path"], int(each["mode"], 8), module.check_mode)
                for each in module.params["folders"]
            ]
            result["changed"] = result["changed"] or any(made)
        else:
            emptied = _install.remove_settings_folder(check=module.check_mode)
            needed_by = _install.needed_by(command)
            if needed_by:
                module.exit_json(changed=emptied, folder=library, needed_by=needed_by)
            result = _install.remove(library, command, module.check_mode)
            result["changed"] = result["changed"] or emptied
    except OSError as error:
        module.fail_json(msg=_problem.words(error))
    except _problem.OperatorError as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=result["changed"],
        folder=result["folder"],
        needed_by=[],
        diff={
            "before": result["before"],
            "after": result["after"],
            "before_header": command,
            "after_header": command,
        },
    )


if __name__ == "__main__":
    main()
