# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""This very code, as files that a Python without Ansible can run."""

from __future__ import annotations

import sys
from typing import Collection, Optional

# What runs it on the host.
PYTHON = "/usr/bin/python3"
# The name of the package that these packages are below, there.
PACKAGE = "llmops_litellm"


def loaded(packages: Optional[Collection[str]] = None) -> dict[str, bytes]:
    """The files of this collection's packages that are loaded now, by their path below
    :data:`PACKAGE`: what a program needs is among them once its main module is imported.

    :param packages: names of the packages; ``None`` for all.
    """
    root = __name__.rpartition("._host.")[0]
    found = {"__init__.py": b""}
    for name in sorted(sys.modules):
        if not name.startswith(root + "._"):
            continue
        path = name[len(root) + 1 :].replace(".", "/")
        if packages is not None and path.split("/")[0] not in packages:
            continue
        if hasattr(sys.modules[name], "__path__"):
            found[path + "/__init__.py"] = b""
        else:
            # of files, of the archive in which a module comes, and of Ansible's own import of
            # collections
            found[path + ".py"] = sys.modules[name].__loader__.get_source(name).encode()  # type: ignore[union-attr]
    return found
