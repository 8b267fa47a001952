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
from typing import Any, Sequence

from . import files as _files
from . import paths as _paths

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
    """Keep what there is; whether anything was written.

    :raises UntrustedPath: another account can write to the folder, or where the files are.
    """
    _require(folder, patterns)
    if os.path.isdir(folder):
        return False
    above = os.path.dirname(folder)
    _files.make_folder(above, 0o700)
    growing = _files.temporary_folder(".%s-" % os.path.basename(folder), above)
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
        _files.sync_folder(growing)
        _files.move(growing, folder)
    except BaseException:
        _files.remove_tree(growing)
        raise
    return True


def _require(folder: str, patterns: Sequence[str]) -> None:
    """Only root can have put there what is kept and what comes back."""
    _paths.require(folder, "keeps files there")
    for place in sorted({os.path.dirname(pattern) for pattern in patterns}):
        _paths.require(place, "keeps what is there, and brings it back")


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
    :raises UntrustedPath: another account can write to the folder, or where the files are.
    """
    _require(folder, patterns)
    entries = {str(entry["path"]): entry for entry in kept(folder)}
    removed = [path for path in found(patterns) if path not in entries]
    restored = [path for path, entry in entries.items() if not _same(folder, entry)]
    if not check:
        for path in restored:
            _restore(folder, entries[path])
        for path in removed:
            os.unlink(path)
        for above in sorted({os.path.dirname(path) for path in (*restored, *removed)}):
            _files.sync_folder(above)
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
    _files.make_folder(os.path.dirname(path), 0o755)
    growing = _files.temporary_folder(".kept-", os.path.dirname(path))
    try:
        fresh = os.path.join(growing, "file")
        if entry["link"] is not None:
            _files.link(entry["link"], fresh)
        else:
            _write(fresh, _read(os.path.join(folder, entry["copy"])))
            _files.set_mode(fresh, entry["mode"])
        _files.give(fresh, entry["uid"], entry["gid"])
        _files.move(fresh, path)
    finally:
        _files.remove_tree(growing)


def _read(path: str) -> bytes:
    with _files.reading(path) as handle:
        return handle.read()


def _write(path: str, data: bytes) -> None:
    with _files.creating(path) as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())
