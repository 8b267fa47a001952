# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: ignore_files
short_description: Keep a project folder's secrets out of git and out of build contexts
version_added: 0.1.0
author: llmops.litellm contributors (@llmops)
description:
  - Makes sure that git ignores the named files, by a marked block in C(.gitignore) where it does
    not yet. Outside a git work tree it leaves C(.gitignore) alone.
  - Fails, before it writes anything, if git tracks one of them already, and says how to mend it.
  - Keeps a marked block in C(.dockerignore). What else is in both files stays as it is.
attributes:
  check_mode:
    support: full
    description: Says what would change and changes nothing.
  diff_mode:
    support: full
    description: Shows both files.
  idempotent:
    support: full
    description: A second run changes nothing.
options:
  path:
    description: The project folder.
    type: path
    required: true
  git:
    description: Names of files in the folder that git must ignore.
    type: list
    elements: str
    required: true
  docker:
    description: Patterns for C(.dockerignore).
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Keep secrets out of git and of build contexts
  llmops.litellm.ignore_files:
    path: /home/litellm/litellm
    git: [.env, redis.conf]
    docker: [.git, .env, redis.conf]
"""

RETURN = r"""
files:
  description: The files that were, or would be, written.
  returned: always
  type: list
  elements: str
  sample: [/home/litellm/litellm/.dockerignore]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._host import display as _display
from ansible_collections.llmops.litellm.plugins.module_utils._host import git as _git
from ansible_collections.llmops.litellm.plugins.module_utils._host import problem as _problem
from ansible_collections.llmops.litellm.plugins.module_utils._host.problem import OperatorError

ARGUMENTS: dict[str, Any] = {
    "path": {"type": "path", "required": True},
    "git": {"type": "list", "elements": "str", "required": True},
    "docker": {"type": "list", "elements": "str", "required": True},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    folder = module.params["path"]
    try:
        found = (
            _git.gitignore(folder, module.params["git"]),
            _git.dockerignore(folder, module.params["docker"]),
        )
        changed = [item for item in found if item is not None and item.changed]
        for item in [] if module.check_mode else changed:
            _git.write(item)
        if not module.check_mode and _git.in_work_tree(folder):
            left = _git.not_ignored(folder, module.params["git"])
            if left:
                raise _git.IgnoreError(
                    "git still does not ignore %s in %s. Take the pattern that brings it back out"
                    " of the repository's ignore files." % (" ".join(left), folder)
                )
    except OperatorError as error:
        module.fail_json(msg=_problem.words(error))
    except OSError as error:
        error.filename = error.filename or folder
        module.fail_json(msg=_problem.words(error) + ".")
    diff = [
        {
            "before_header": item.path,
            "after_header": item.path,
            "before": _display.block(item.before or ""),
            "after": _display.block(item.after),
        }
        for item in changed
    ]
    module.exit_json(changed=bool(changed), files=[item.path for item in changed], diff=diff)


if __name__ == "__main__":
    main()
