# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: config_file
short_description: Write LiteLLM's configuration as its container has to read it
version_added: 0.1.0
author: llmops.litellm contributors (@llmops)
description:
  - Copies the legacy deployment's C(config.yaml) and changes in the copy the addresses that mean
    something else in a container. Model servers on loopback addresses are reached at
    O(gateway_name), Redis is the service O(redis_host), a database URL becomes
    C(os.environ/DATABASE_URL).
  - Every other byte stays, comments, quotes, anchors and order among them, below a first line that
    says where the file comes from.
  - Files that O(src) names under C(include), and those that they name, are found as LiteLLM finds
    them. Each gets a copy of its own beside O(dest), under the name of O(dest) with a number and
    its own name in it (C(config.compose.1-models.yaml)). The copies name each other without a
    folder, so they belong into one folder of the container.
  - Copies of files that are not included any more are removed.
  - The legacy files are never changed.
  - The configuration may hold secrets, so no copy is readable for all, and neither results nor
    diffs show more than lines, names of included files, and schemes, hosts and ports of addresses.
attributes:
  check_mode:
    support: full
    description: Says what would change and changes nothing.
  diff_mode:
    support: full
    description:
      - Shows the addresses and the names of included files that are rewritten, with their lines,
        and nothing else of the files.
  idempotent:
    support: full
    description: A second run changes nothing.
options:
  src:
    description: The legacy deployment's configuration, on the host.
    type: path
    required: true
  named:
    description:
      - Path that O(dest) names in its first line as the file to change, where that is not O(src).
    type: path
  account:
    description:
      - Account that reads O(src) and what it includes, as C(legacy.reader) of
        M(llmops.litellm.legacy_info) names it.
      - If it is not given, or V(root), whoever could have chosen what lies at O(src), which root is
        where only root can write.
    type: str
    default: ''
  dest:
    description:
      - The file to write. Its folder must be there, except in check mode.
      - The container reads it by the name C(config.yaml).
      - A file that this module did not write is not replaced.
    type: path
    required: true
  gateway_name:
    description: Name by which containers reach servers that stay on the host.
    type: str
    default: host.docker.internal
  own_ports:
    description:
      - Loopback ports of the proxy itself, which are the same afterwards; URLs with them stay as
        they are.
    type: list
    elements: int
    default: [4000]
  ports:
    description:
      - Loopback ports that containers reach at O(gateway_name). URLs with other ports stay as they
        are, with a warning.
      - All, if it is not given.
    type: list
    elements: int
  redis_host:
    description: Name of the Redis service on the compose network.
    type: str
    default: redis
  redis_port:
    description: Port of the Redis service.
    type: int
    default: 6379
  redis_variables:
    description:
      - Names of variables by which the configuration names the host's Redis, beside C(REDIS_HOST)
        and C(REDIS_URL). What else stands there becomes the Redis service's.
    type: list
    elements: str
    default: []
  elsewhere:
    description: Of PostgreSQL and Redis, what is on another host. What names it stays as it is.
    type: list
    elements: str
    choices: [database, redis]
    default: []
  owner:
    description:
      - Name or number of the user who owns O(dest) and the copies beside it. If it is not given,
        who runs the module.
    type: str
  group:
    description:
      - Name or number of the group of O(dest) and the copies beside it. If it is not given, that of
        who runs the module.
      - The user in the container must be able to read the file, for example by this group.
    type: str
  mode:
    description: Permissions of O(dest) and the copies beside it, as an octal number in quotes.
    type: str
    default: "0640"
"""

EXAMPLES = r"""
- name: Write the container's configuration
  llmops.litellm.config_file:
    src: /home/litellm/litellm/config.yaml
    dest: /home/litellm/litellm/config.compose.yaml
    ports: [8079, 8082]
    group: "65532"
"""

RETURN = r"""
endpoints:
  description:
    - The loopback addresses in O(src) and what it includes, by file and line.
    - A C(kind) is V(model) (any server that stays on the host), V(redis) or V(database).
  returned: success
  type: list
  elements: dict
  sample: [{file: /home/litellm/litellm/config.yaml, line: 36, kind: model, port: 8082}]
rewritten:
  description:
    - What is another address, or another name of an included file, in a copy (C(view)), by file and
      line of the original.
  returned: success
  type: list
  elements: dict
  sample:
    - file: /home/litellm/litellm/config.yaml
      view: config.compose.yaml
      line: 36
      old: "http://127.0.0.1:8082"
      new: "http://host.docker.internal:8082"
unreachable:
  description:
    - Loopback addresses that stay as they are and that a container does not reach, by file and
      line. Port 0 where none is named.
  returned: success
  type: list
  elements: dict
  sample: [{file: /home/litellm/litellm/config.yaml, line: 12, kind: model, port: 9999}]
included:
  description:
    - The files that O(src) includes, in the order in which LiteLLM reads them, with the names of
      their copies.
  returned: success
  type: list
  elements: dict
  sample: [{file: /home/litellm/litellm/models.yaml, view: config.compose.1-models.yaml}]
removed:
  description: Copies of files that are not included any more, and that are gone.
  returned: success
  type: list
  elements: str
"""

import grp
import os
import pwd
import re
import stat
from typing import Any, Callable, Mapping, Optional

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._config import (
    container_view as _container_view,
)
from ansible_collections.llmops.litellm.plugins.module_utils._config import includes as _includes
from ansible_collections.llmops.litellm.plugins.module_utils._config.environment_rules import (
    ELSEWHERE,
)
from ansible_collections.llmops.litellm.plugins.module_utils._config.includes import MARK
from ansible_collections.llmops.litellm.plugins.module_utils._host import display as _display
from ansible_collections.llmops.litellm.plugins.module_utils._host import files as _files
from ansible_collections.llmops.litellm.plugins.module_utils._host import paths as _paths
from ansible_collections.llmops.litellm.plugins.module_utils._host import problem as _problem
from ansible_collections.llmops.litellm.plugins.module_utils._host import reader as _reader
from ansible_collections.llmops.litellm.plugins.module_utils._host.problem import OperatorError

ARGUMENTS: dict[str, Any] = {
    "src": {"type": "path", "required": True},
    "named": {"type": "path"},
    "account": {"type": "str", "default": ""},
    "dest": {"type": "path", "required": True},
    "gateway_name": {"type": "str", "default": "host.docker.internal"},
    "own_ports": {"type": "list", "elements": "int", "default": [4000]},
    "ports": {"type": "list", "elements": "int"},
    "redis_host": {"type": "str", "default": "redis"},
    "redis_port": {"type": "int", "default": 6379},
    "redis_variables": {"type": "list", "elements": "str", "default": []},
    "elsewhere": {
        "type": "list",
        "elements": "str",
        "choices": ["database", "redis"],
        "default": [],
    },
    "owner": {"type": "str"},
    "group": {"type": "str"},
    "mode": {"type": "str", "default": "0640"},
}


class Refusal(Exception):
    """What stands in the way, where, and what to do."""


def read_own(path: str, sources: list[str], check: bool) -> Optional[str]:
    """What an earlier run wrote, ``None`` if there is nothing."""
    if os.path.realpath(path) in {os.path.realpath(source) for source in sources}:
        raise Refusal(
            "dest: %s is the legacy deployment's own configuration, which it needs for a rollback."
            " Name another file." % path
        )
    if not os.path.lexists(path):
        if not check and not os.path.isdir(os.path.dirname(path)):
            raise Refusal("dest: the folder %s does not exist." % os.path.dirname(path))
        return None
    if os.path.islink(path) or not os.path.isfile(path):
        text = ""
    else:
        text = _includes.exact(path)
    if not text.startswith(MARK):
        raise Refusal(
            "dest: %s was not written by this module and is not replaced."
            " Move it away, or name another file." % path
        )
    return text


def number(given: Optional[str], what: str, own: int, look_up: Callable[[str], int]) -> int:
    """The number of an account or a group."""
    if given is None:
        return own
    try:
        return int(given) if given.isdigit() else look_up(given)
    except KeyError:
        raise Refusal("%s: this host knows no %s." % (what, given)) from None


def permissions(mode: str) -> int:
    """A mode as a number."""
    if not re.match(r"0?[0-7]{3}\Z", mode):
        raise Refusal("mode: %s is not an octal mode such as '0640'." % mode)
    if int(mode, 8) & 0o002:
        raise Refusal("mode: with %s, anyone could change the proxy's configuration." % mode)
    return int(mode, 8)


def tree_of(src: str, account: str, where: Mapping[str, str]) -> _includes.Tree:
    """The configuration with all that it includes.

    :param where: where the stores are (see :func:`_config.stores.where`).
    :raises Refusal: something of it can't be read or rewritten.
    """
    who = _reader.of(account, src)
    try:
        tree = _includes.follow(src, who)
    except FileNotFoundError as error:
        raise Refusal("src: %s: %s." % (src, error.strerror)) from None
    except OSError as error:
        raise Refusal(
            "src: %s: %s. Let it be a file that LiteLLM can read." % (src, who.cannot(error))
        ) from None
    problems = _container_view.problems(tree, where)
    if problems:
        raise Refusal(" ".join("%s, line %d: %s." % item for item in problems))
    return tree


def run(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    src, dest = params["src"], params["dest"]
    folder, mode = os.path.dirname(dest), permissions(params["mode"])
    owner = (
        number(params["owner"], "owner", os.geteuid(), lambda name: pwd.getpwnam(name).pw_uid),
        number(params["group"], "group", os.getegid(), lambda name: grp.getgrnam(name).gr_gid),
    )
    _paths.require(folder, "writes there")
    where = dict.fromkeys(params["elsewhere"], ELSEWHERE)
    tree = tree_of(src, params["account"], where)
    views = _container_view.views(
        tree,
        dest,
        _container_view.Addresses(
            params["gateway_name"],
            params["own_ports"],
            params["ports"],
            params["redis_host"],
            params["redis_port"],
            params["redis_variables"],
            where,
        ),
        params["named"] or "",
    )
    sources = [view.source for view in views]
    before = {
        view.name: read_own(os.path.join(folder, view.name), sources, module.check_mode)
        for view in views
    }
    for view in views:
        for item in view.unreachable:
            said = "%s, line %d: %s is a loopback address of the host that containers cannot reach."
            module.warn(_display.plain(said % (view.source, item.line, item.old)))
    changed = [
        view
        for view in views
        if differs(os.path.join(folder, view.name), before[view.name], view.text, mode, owner)
    ]
    gone = _container_view.stale(folder, dest, [view.name for view in views])
    if not module.check_mode:
        # The first one last: it never names a view that is not there yet.
        for view in reversed(changed):
            _files.write_atomically(os.path.join(folder, view.name), view.text, mode, owner)
        for path in gone:
            os.unlink(path)
    return {
        "changed": bool(changed or gone),
        "diff": [diff(view, folder) for view in changed] + [removal(path) for path in gone],
        "rewritten": [
            {"file": view.source, "view": view.name, **item._asdict()}
            for view in views
            for item in view.rewritten
        ],
        "endpoints": [shown(view, item) for view in views for item in view.endpoints],
        "unreachable": [shown(view, item) for view in views for item in view.unreachable],
        "included": [{"file": view.source, "view": view.name} for view in views[1:]],
        "removed": gone,
    }


def differs(
    path: str, before: Optional[str], after: str, mode: int, owner: tuple[int, int]
) -> bool:
    """Whether a file has another content, mode or owner than it should."""
    found = os.lstat(path) if before is not None else None
    return (
        found is None
        or before != after
        or (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid) != (mode, *owner)
    )


def diff(view: _container_view.View, folder: str) -> dict[str, str]:
    """What is other in a view than in its source, without a secret."""
    return {
        "before_header": view.source,
        "after_header": os.path.join(folder, view.name),
        **{
            side: "".join(
                "line %d: %s\n" % (item.line, _display.line(getattr(item, name)))
                for item in view.rewritten
            )
            for side, name in (("before", "old"), ("after", "new"))
        },
    }


def removal(path: str) -> dict[str, str]:
    """A view that goes, for showing."""
    return {
        "before_header": path,
        "after_header": path,
        "before": "a copy of a file that is not included any more\n",
        "after": "",
    }


def shown(view: _container_view.View, item: Any) -> dict[str, Any]:
    """What of an address goes into the result."""
    return {"file": view.source, "line": item.line, "kind": item.kind, "port": item.port}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        result = run(module)
    except (Refusal, OperatorError) as error:
        module.fail_json(msg=_problem.words(error))
    except OSError as error:
        error.filename = error.filename or module.params["dest"]
        module.fail_json(msg=_problem.words(error) + ".")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
