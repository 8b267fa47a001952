# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Let the runs of playbooks in our tests share the archives that Ansible builds of modules.

Ansible parses a module and all that it imports, and packs it, once in every run; that was a third
of what ansible-playbook itself needed of the processor in the scenarios (py-spy, 2026-11-30). Here
the folder in which a run looks for what it has built is one for all runs of the same code.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from importlib import metadata
from pathlib import Path

from ansible import constants
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: built_modules
type: aggregate
short_description: Share built modules between runs
description: Runs of the same code find the modules that others have built.
options: {}
"""

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
KEPT = 86400.0  # seconds for which code that nobody runs any more stays
PACKAGES = ("ansible", "ansible-core")  # where all other modules come from


def key(plugins: Path, packages: tuple[str, ...] = PACKAGES) -> str:
    """What decides on the content of a built module: our plugins' text, releases of the others."""
    digest = hashlib.sha256()
    for package in packages:
        digest.update(f"{package} {metadata.version(package)}\n".encode())
    for path in sorted(plugins.rglob("*.py")):
        data = path.read_bytes()
        digest.update(f"{path.relative_to(plugins)} {len(data)}\n".encode())
        digest.update(data)
    return digest.hexdigest()[:16]


def folder(store: Path, plugins: Path = PLUGINS) -> Path:
    """The folder for this code, made where it is not there; those of older code go."""
    found = store / key(plugins)
    found.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.utime(found)
    for other in store.iterdir():
        if other.stat().st_mtime < time.time() - KEPT:
            shutil.rmtree(other, ignore_errors=True)
    return found


class CallbackModule(CallbackBase):
    """Nothing is called back: the folder is in place before the first task."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "built_modules"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        # the archives hold code alone, and are put there by renaming: a killed run leaves no half
        store = Path(os.environ["LLMOPS_BUILT_MODULES"])
        (Path(constants.DEFAULT_LOCAL_TMP) / "ansiballz_cache").symlink_to(folder(store))
