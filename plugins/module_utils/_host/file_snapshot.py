# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of the host as they were before something else takes their place, so that they can come
back exactly.

A folder (0700) holds ``manifest.json`` and a numbered copy of each file. It appears whole or not at
all, and is made once: what was kept first is what was there before.
"""

from __future__ import annotations

import glob
import json
import os
import shutil
import tempfile
from typing import Any, Sequence

from .files import sync_folder

FORMAT = 1
MANIFEST = "manifest.json"


def found(patterns: Sequence[str]) -> list[str]:
    """The files and symbolic links that there are now, sorted."""
    return sorted(
        {
            path
            for pattern in patterns
            for path in glob.glob(pattern)
            if os.path.islink(path) or os.path.isfile(path)
        }
    )


def keep(folder: str, patterns: Sequence[str]) -> bool:
    """Keep what there is; whether anything was written."""
    if os.path.isdir(folder):
        return False
    above = os.path.dirname(folder)
    os.makedirs(above, mode=0o700, exist_ok=True)
    growing = tempfile.mkdtemp(prefix=".%s-" % os.path.basename(folder), dir=above)
    try:
        entries = []
        for number, path in enumerate(found(patterns)):
            about = os.lstat(path)
            entry: dict[str, Any] = {
                "path": path,
                "mode": about.st_mode & 0o7777,
                "uid": about.st_uid,
                "gid": about.st_gid,
                "link": None,
                "copy": None,
            }
            if os.path.islink(path):
                entry["link"] = os.readlink(path)
            else:
                entry["copy"] = str(number)
                _write(os.path.join(growing, str(number)), _read(path))
            entries.append(entry)
        text = (
            json.dumps(
                {"format": FORMAT, "patterns": list(patterns), "files": entries},
                indent=1,
                sort_keys=True,
            )
            + "\n"
        )
        _write(os.path.join(growing, MANIFEST), text.encode("utf-8", "surrogateescape"))
        sync_folder(growing)
        os.rename(growing, folder)
    except BaseException:
        shutil.rmtree(growing)
        raise
    sync_folder(above)
    return True


def kept(folder: str) -> list[dict[str, Any]]:
    """What was kept: ``path``, ``mode``, ``uid``, ``gid``, and ``link`` (its target) or ``copy`` (a
    file's name in the folder).

    :raises ValueError: it can't be understood. :raises FileNotFoundError: nothing was ever kept.
    """
    path = os.path.join(folder, MANIFEST)
    result = json.loads(_read(path).decode("utf-8", "surrogateescape"))
    if not isinstance(result, dict) or result.get("format") != FORMAT:
        raise ValueError("%s is not of format %d" % (path, FORMAT))
    return list(result["files"])


def put_back(folder: str, patterns: Sequence[str], check: bool = False) -> dict[str, list[str]]:
    """Let there be what was kept, and nothing else by these patterns. Each file is whole at every
    moment.

    :returns: paths of files that came back (``restored``) and of those that went (``removed``).
    """
    entries = {str(entry["path"]): entry for entry in kept(folder)}
    removed = [path for path in found(patterns) if path not in entries]
    restored = [path for path, entry in entries.items() if not _same(folder, entry)]
    if not check:
        for path in restored:
            _restore(folder, entries[path])
        for path in removed:
            os.unlink(path)
        for above in sorted({os.path.dirname(path) for path in (*restored, *removed)}):
            sync_folder(above)
    return {"restored": sorted(restored), "removed": removed}


def _same(folder: str, entry: dict[str, Any]) -> bool:
    path = entry["path"]
    if not os.path.lexists(path):
        return False
    about = os.lstat(path)
    if (about.st_uid, about.st_gid) != (entry["uid"], entry["gid"]):
        return False
    if entry["link"] is not None:
        return os.path.islink(path) and os.readlink(path) == entry["link"]
    return (
        not os.path.islink(path)
        and about.st_mode & 0o7777 == entry["mode"]
        and _read(path) == _read(os.path.join(folder, entry["copy"]))
    )


def _restore(folder: str, entry: dict[str, Any]) -> None:
    path = entry["path"]
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    growing = tempfile.mkdtemp(prefix=".kept-", dir=os.path.dirname(path))
    try:
        fresh = os.path.join(growing, "file")
        if entry["link"] is not None:
            os.symlink(entry["link"], fresh)
        else:
            _write(fresh, _read(os.path.join(folder, entry["copy"])))
            os.chmod(fresh, entry["mode"])
        os.chown(fresh, entry["uid"], entry["gid"], follow_symlinks=False)
        os.replace(fresh, path)
    finally:
        shutil.rmtree(growing)


def _read(path: str) -> bytes:
    with open(path, "rb") as handle:
        return handle.read()


def _write(path: str, data: bytes) -> None:
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())
