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
  - Copies the legacy deployment's C(config.yaml) and changes in the copy the addresses that mean something else in a container.
    Model servers on loopback addresses are reached at O(gateway_name), Redis is the service O(redis_host), a database URL becomes
    C(os.environ/DATABASE_URL).
  - Every other byte stays, comments, quotes, anchors and order among them, below a first line that says where the file comes from.
  - The legacy file is never changed.
  - The configuration may hold secrets, so O(dest) is not readable for all, and neither results nor diffs show more than lines,
    and schemes, hosts and ports of addresses.
attributes:
  check_mode:
    support: full
    description: Says what would change and changes nothing.
  diff_mode:
    support: full
    description: Shows the addresses that are rewritten, with their lines, and nothing else of the file.
  idempotent:
    support: full
    description: A second run changes nothing.
options:
  src:
    description: The legacy deployment's configuration, on the host.
    type: path
    required: true
  dest:
    description:
      - The file to write. Its folder must be there, except in check mode.
      - A file that this module did not write is not replaced.
    type: path
    required: true
  gateway_name:
    description: Name by which containers reach servers that stay on the host.
    type: str
    default: host.docker.internal
  own_ports:
    description: Loopback ports of the proxy itself, which are the same afterwards; URLs with them stay as they are.
    type: list
    elements: int
    default: [4000]
  ports:
    description:
      - Loopback ports that containers reach at O(gateway_name). URLs with other ports stay as they are, with a warning.
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
  owner:
    description: Name or number of the user who owns O(dest). If it is not given, who runs the module.
    type: str
  group:
    description:
      - Name or number of the group of O(dest). If it is not given, that of who runs the module.
      - The user in the container must be able to read the file, for example by this group.
    type: str
  mode:
    description: Permissions of O(dest), as an octal number in quotes.
    type: str
    default: "0640"
"""

EXAMPLES = r"""
- name: The container's configuration is in place
  llmops.litellm.config_file:
    src: /home/litellm/litellm/config.yaml
    dest: /home/litellm/litellm/config.compose.yaml
    ports: [8079, 8082]
    group: "65532"
"""

RETURN = r"""
endpoints:
  description: The loopback addresses in O(src), by line. A C(kind) is V(model) (any server that stays on the host), V(redis) or V(database).
  returned: success
  type: list
  elements: dict
  sample: [{line: 36, kind: model, port: 8082}]
rewritten:
  description: What is another address in O(dest), by lines of O(src).
  returned: success
  type: list
  elements: dict
  sample: [{line: 36, old: "http://127.0.0.1:8082", new: "http://host.docker.internal:8082"}]
unreachable:
  description: Loopback addresses that stay as they are and that a container does not reach, by lines of O(src). Port 0 where none is named.
  returned: success
  type: list
  elements: dict
  sample: [{line: 12, kind: model, port: 9999}]
"""

import grp
import os
import pwd
import re
import stat
from typing import Any, Callable, Optional

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils import _endpoints, _host

ARGUMENTS: dict[str, Any] = {
    "src": {"type": "path", "required": True},
    "dest": {"type": "path", "required": True},
    "gateway_name": {"type": "str", "default": "host.docker.internal"},
    "own_ports": {"type": "list", "elements": "int", "default": [4000]},
    "ports": {"type": "list", "elements": "int"},
    "redis_host": {"type": "str", "default": "redis"},
    "redis_port": {"type": "int", "default": 6379},
    "owner": {"type": "str"},
    "group": {"type": "str"},
    "mode": {"type": "str", "default": "0640"},
}
MARK = "# Written by llmops.litellm, module config_file"


class Refusal(Exception):
    """What stands in the way, where, and what to do."""


def read(path: str) -> str:
    """A configuration with its line ends as they are.

    :raises Refusal: it is not there, not a file, or not text.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise Refusal("%s is not a regular file." % path)
        with open(path, encoding="utf-8", newline="") as stream:
            text = stream.read()
    except OSError as error:
        raise Refusal("%s: %s." % (path, error.strerror)) from None
    except UnicodeDecodeError as error:
        raise Refusal("%s, line %d: not UTF-8, which is all that LiteLLM reads. Write the file as UTF-8." %
                      (path, error.object.count(b"\n", 0, error.start) + 1)) from None
    if "\0" in text:
        raise Refusal("%s, line %d: holds a NUL byte, so it is no YAML." % (path, text[:text.index("\0")].count("\n") + 1))
    return text


def read_own(path: str, src: str, check: bool) -> Optional[str]:
    """What an earlier run wrote, ``None`` if there is nothing."""
    if os.path.realpath(path) == os.path.realpath(src):
        raise Refusal("dest: %s is the legacy deployment's own configuration, which it needs for the way back. Name another file." % path)
    if not os.path.lexists(path):
        if not check and not os.path.isdir(os.path.dirname(path)):
            raise Refusal("dest: the folder %s does not exist." % os.path.dirname(path))
        return None
    if os.path.islink(path) or not os.path.isfile(path) or not _host.read(path).startswith(MARK):
        raise Refusal("dest: %s was not written by this module and is not replaced. Move it away, or name another file." % path)
    return read(path)


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


def run(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    src, dest = params["src"], params["dest"]
    mode = permissions(params["mode"])
    owner = (number(params["owner"], "owner", os.geteuid(), lambda name: pwd.getpwnam(name).pw_uid),
             number(params["group"], "group", os.getegid(), lambda name: grp.getgrnam(name).gr_gid))
    before, text = read_own(dest, src, module.check_mode), read(src)
    problems = _endpoints.problems(text)
    if problems:
        raise Refusal(" ".join("%s, line %d: %s." % (src, item.line, item.message) for item in problems))
    after, rewritten = _endpoints.rewrite(text, params["gateway_name"], params["own_ports"], params["ports"], params["redis_host"], params["redis_port"])
    after = "%s, from %s: change that file and run again.\n%s" % (MARK, src.replace("\n", " "), after.lstrip("\ufeff"))
    left = _endpoints.unreachable(text, params["own_ports"], params["ports"])
    for item in left:
        module.warn("%s, line %d: %s is a loopback address of the host that containers cannot reach." % (src, item.line, item.old))
    found = os.lstat(dest) if before is not None else None
    changed = found is None or before != after or (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid) != (mode, *owner)
    if changed and not module.check_mode:
        _host.write_atomically(dest, after, mode, owner)
    diff = {"before_header": src, "after_header": dest, **{
        side: "".join("line %d: %s\n" % (item.line, getattr(item, name)) for item in rewritten) for side, name in (("before", "old"), ("after", "new"))}}
    return {"changed": changed, "diff": [diff] if changed else [], "rewritten": [item._asdict() for item in rewritten],
            "endpoints": [shown(item) for item in _endpoints.find(text)], "unreachable": [shown(item) for item in left]}


def shown(item: Any) -> dict[str, Any]:
    """What of an address goes into the result."""
    return {"line": item.line, "kind": item.kind, "port": item.port}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        result = run(module)
    except Refusal as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg="%s: %s." % (error.filename or module.params["dest"], error.strerror))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
