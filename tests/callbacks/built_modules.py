# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Let the runs of playbooks in our tests share the archives that Ansible builds of modules.

Ansible parses a module and all that it imports, and packs it, once in every run; that was a third
of what ansible-playbook itself needed of the processor in the scenarios (py-spy, 2026-11-30). Here
the folder in which a run looks for what it has built is one for all runs of the same code.

Python keeps no bytecode of what it imports from an archive: each module compiles Ansible's and our
sources on the host anew, half of what it takes there. At the end of a run bytecode is put beside
the sources in the archives that it has built, by the Python of the test bed's hosts; another Python
passes over it.
"""

from __future__ import annotations

import base64
import dataclasses
import fcntl
import hashlib
import io
import os
import shutil
import subprocess
import time
import zipfile
from importlib import metadata
from pathlib import Path

from ansible import constants
from ansible.executor.module_common import _CachedModule
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
# Reads an archive of sources, writes one of bytecode that is not checked against its source.
COMPILE = """
import importlib._bootstrap_external as bootstrap, importlib.util, io, sys, zipfile
sources = zipfile.ZipFile(io.BytesIO(sys.stdin.buffer.read()))
written = io.BytesIO()
with zipfile.ZipFile(written, "w") as archive:
    for name in sources.namelist():
        text = sources.read(name)
        code = compile(text, name, "exec", dont_inherit=True)
        digest = importlib.util.source_hash(text)
        archive.writestr(name, bootstrap._code_to_hash_pyc(code, digest, False))
sys.stdout.buffer.write(written.getvalue())
"""


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


def packed(files: dict[str, bytes]) -> bytes:
    """An archive of files."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return written.getvalue()


def unpacked(data: bytes) -> dict[str, bytes]:
    """The files of an archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _done(archive: Path) -> Path:
    return archive.with_name(f"{archive.name}.compiled")


def _without_bytecode(built: Path) -> list[Path]:
    return [path for path in built.glob("*-none") if not _done(path).exists()]


def add_bytecode(built: Path, python: list[str]) -> list[str]:
    """Put bytecode into the archives of a folder that have none; the names of these.

    ``python``: the command of the interpreter that is to run it. Nothing is done while another run
    is at it. An empty file beside it says that an archive is done: a look into all of them took
    0.7 s of processor at the end of each run.
    """
    if not _without_bytecode(built):
        return []
    with (built / ".compiling").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return []
        archives = {path: _CachedModule.load(str(path)) for path in _without_bytecode(built)}
        new = {path: unpacked(base64.b64decode(archives[path].zip_data)) for path in archives}
        # most sources are in all of them
        sources = {
            f"{name}/{hashlib.sha256(text).hexdigest()}": text
            for each in new.values()
            for name, text in each.items()
        }
        compiled = unpacked(
            subprocess.run(
                [*python, "-c", COMPILE], input=packed(sources), capture_output=True, check=True
            ).stdout
        )
        for path, each in new.items():
            code = {
                f"{name}c": compiled[f"{name}/{hashlib.sha256(text).hexdigest()}"]
                for name, text in each.items()
            }
            whole = base64.b64encode(packed({**each, **code}))
            growing = f"{path}.{os.getpid()}"
            dataclasses.replace(archives[path], zip_data=whole).dump(growing)
            os.replace(growing, path)
            _done(path).touch()
        return sorted(path.name for path in new)


class CallbackModule(CallbackBase):
    """The folder is in place before the first task; bytecode comes after the last."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "built_modules"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        # the archives hold code alone, and are put there by renaming: a killed run leaves no half
        self.built = folder(Path(os.environ["LLMOPS_BUILT_MODULES"]))
        (Path(constants.DEFAULT_LOCAL_TMP) / "ansiballz_cache").symlink_to(self.built)

    def v2_playbook_on_stats(self, stats: object) -> None:
        """Compile what this run was the first to need."""
        if image := os.environ.get("LLMOPS_BUILT_MODULES_IMAGE"):
            run = ["docker", "run", "--rm", "--interactive", "--network=none", image, "python3"]
            add_bytecode(self.built, run)
