# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies in the project folder whose originals go on changing: a certificate that is renewed, a
token that is written anew. LiteLLM has what they were when they were copied.
"""

from __future__ import annotations

import functools
import os
from typing import Any, Mapping, NamedTuple, Optional, Sequence

from .._config import needs_copies as _needs_copies
from .._config.needs_files import LIMIT, Copy
from .._host import reader as _reader
from .._host.account import Account
from .._host.problem import OperatorError


class Copies(NamedTuple):
    """The copies of a deployment: its folder, the proxy's ``account`` in the word of
    :mod:`_host.reader`, the number of its container's group."""

    folder: str = ""
    account: str = ""
    gid: int = 0
    files: tuple[Copy, ...] = ()


def of(facts: Mapping[str, Any]) -> Copies:
    """The copies that a journal's facts have on record."""
    found = facts.get("found") or {}
    files = (found.get("needs") or {}).get("files") or []
    return Copies(
        str(found.get("project_dir") or ""),
        str((found.get("legacy") or {}).get("reader") or ""),
        int(((facts.get("images") or {}).get("litellm") or {}).get("gid") or 0),
        tuple(
            Copy(item["source"], item["target"], item["name"], item.get("account") or "")
            for item in files
        ),
    )


def outdated(copies: Copies) -> list[Copy]:
    """The copies whose originals have changed since, and are others. One whose original is gone or
    closed is what there is; one that was edited itself later counts as meant."""
    changed = _changed(copies)
    newer = [
        copy
        for copy in copies.files
        if changed.get(copy.source, -1) > _written(os.path.join(copies.folder, copy.name))
    ]
    return [copy for copy in newer if _is_another(copy, copies)]


def unread(copies: Copies, started: float) -> list[Copy]:
    """The copies that were written after the proxy's start, so that it has what they were before.

    :param started: in seconds since 1970; 0 for a proxy that never was.
    """
    written = {copy: _written(os.path.join(copies.folder, copy.name)) for copy in copies.files}
    return [copy for copy, at in written.items() if started and at > started * 10**9]


def _changed(copies: Copies) -> dict[str, int]:
    """When each original was changed or put there, in nanoseconds."""
    readers: dict[Account, list[str]] = {}
    for copy in copies.files:
        try:
            reader = _reader.one(copy.account or copies.account, copy.source)
        except (OSError, OperatorError):
            continue  # gone, or anybody's
        readers.setdefault(reader, []).append(copy.source)
    found: dict[str, int] = {}
    for reader, paths in readers.items():
        try:
            times = reader.ask(functools.partial(_times, paths), "/")
        except OSError:
            continue  # said by who needs that account
        found.update({path: at for path, at in zip(paths, times) if at is not None})
    return found


def _times(paths: Sequence[str]) -> list[Optional[int]]:
    found: list[Optional[int]] = []
    for path in paths:
        try:
            found.append(os.stat(path).st_ctime_ns)
        except OSError:
            found.append(None)
    return found


def _written(path: str) -> int:
    """When a copy was written; before everything where there is none."""
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return -1


def _is_another(copy: Copy, copies: Copies) -> bool:
    try:
        text = _needs_copies.read(copy, copies.account)
    except OperatorError:
        return False
    return text != _kept(copies, copy.name)


def _kept(copies: Copies, name: str) -> Optional[str]:
    try:
        return _reader.ours().text(os.path.join(copies.folder, name), LIMIT)
    except OSError:
        return None


def renew(copies: Copies, some: Sequence[Copy]) -> dict[str, str]:
    """Copy some of them anew.

    :returns: what the former copies had, by name, for :func:`_config.needs_copies.write`.
    :raises OperatorError: an original can't be read; nothing is written then.
    """
    texts = {copy.name: _needs_copies.read(copy, copies.account) for copy in some}
    former = {name: text for name in texts if (text := _kept(copies, name)) is not None}
    _needs_copies.write(copies.folder, texts, copies.gid)
    return former
