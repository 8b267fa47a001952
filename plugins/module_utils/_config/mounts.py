# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the operator lets the proxy's container have of the host (``litellm_mounts``), read-only.

Docker follows whatever lies at a source, with root's rights. So one is mounted itself only where
nobody but root could have chosen it, and everybody may read it; any other is copied.
"""

from __future__ import annotations

import os
import re
import stat
from typing import Any, Iterable, NamedTuple

from .._host import paths as _paths

_UNSAFE = re.compile(r"[$\x00-\x1f\x7f]")
# The container's own, which the deployment mounts or Linux provides.
_TAKEN = re.compile(r"/|/app(?:/config[^/]*\.yaml)?|/(?:proc|sys|dev)(?:/.*)?")
FORM = "write it as {source: /etc/litellm/ca.pem, target: /etc/litellm/ca.pem}"


class Mount(NamedTuple):
    """A file, folder or socket of the host (``source``), and where the container has it."""

    source: str
    target: str


def parse(given: Iterable[Any]) -> list[Mount]:
    """The mounts of the inventory: ``{source, target}`` or ``source:target[:ro]``.

    :raises ValueError: one is none, in words that name it.
    """
    found = [_parsed(item) for item in given]
    targets = [item.target for item in found]
    for target in targets:
        if targets.count(target) > 1:
            raise ValueError("%s is the target of more than one. Leave one of them" % target)
    return found


def _parsed(item: Any) -> Mount:
    if isinstance(item, str):
        words = item.split(":")
        if len(words) == 3 and words[2] == "ro":
            words.pop()
        made = dict(zip(("source", "target"), words)) if len(words) == 2 else {}
    else:
        made = item if isinstance(item, dict) else {}
    if set(made) != {"source", "target"}:
        raise ValueError("%r is no mount: %s" % (item, FORM))
    for name, path in sorted(made.items()):
        if not isinstance(path, str) or not path.startswith("/") or _UNSAFE.search(path):
            raise ValueError(
                "%s %r is no absolute path without control characters and $" % (name, path)
            )
    source, target = (os.path.normpath(made[name]) for name in ("source", "target"))
    if _TAKEN.fullmatch(target):
        raise ValueError("target %s is the container's own. Name another place" % target)
    return Mount(source, target)


def obstacle(source: str) -> str:
    """Why a source is copied and not mounted itself, in words; empty where it can be mounted.

    :raises OSError: it is not there, or can't be looked at.
    """
    about = os.stat(source)
    weakness = _paths.weakness(source)
    if weakness:
        return weakness
    needed = 0o005 if stat.S_ISDIR(about.st_mode) else 0o004
    if stat.S_ISSOCK(about.st_mode) or about.st_mode & needed == needed:
        return ""
    return "not everybody may read it, and the container's user is nobody of this host"
