# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who reads the legacy deployment's files: the account that its proxy runs as.

Units, and env files that their lines name, are read by the manager instead. Where that is the
system's, root has chosen their paths; so root reads them if nobody else can have chosen which file
lies there.
"""

from __future__ import annotations

import hashlib
from typing import Any, Mapping, NamedTuple, Optional

from .._config import includes as _includes
from .._host import reader as _reader
from .._host import systemd as _systemd
from .._host.account import Account


class Reader(NamedTuple):
    """``account``: who the proxy is. ``system``: paths that the system's manager reads."""

    account: Account
    system: frozenset[str] = frozenset()

    def of(self, path: str) -> Account:
        """Who reads this file.

        :raises OSError: a folder above it can't be looked at.
        """
        ours = path in self.system and _reader.settled(path)
        return _reader.ours() if ours else self.account

    def text(self, path: str) -> str:
        """A text file with its line ends as they are.

        :raises OSError: who reads it can't.
        """
        return self.of(path).text(path, _includes.LIMIT)

    def is_file(self, path: str) -> bool:
        """Whether who reads it sees a regular file there."""
        return self.of(path).is_file(path)

    def exists(self, path: str) -> bool:
        """Whether who reads it sees anything there."""
        return self.of(path).exists(path)

    def digest(self, path: str) -> Optional[str]:
        """SHA-256 of a file, to tell whether it changed; ``None`` where it can't be read."""
        try:
            return hashlib.sha256(self.of(path).read(path)).hexdigest()
        except OSError:
            return None

    def refusal(self, path: str, error: OSError) -> str:
        """Why a file can't be read, in words that follow its path."""
        return self.of(path).cannot(error)


def recorded(facts: Mapping[str, Any]) -> Reader:
    """Who reads the files of a legacy deployment that a journal has on record.

    :param facts: :class:`_deployment.legacy.Facts`; those of release 0.1.0 don't say who.
    :raises AccountError, UntrustedPath, OSError: nobody knows.
    """
    account = _reader.of(facts.get("reader") or _derived(facts), facts.get("config") or "/")
    return Reader(account, system_paths(facts))


def system_paths(facts: Mapping[str, Any]) -> frozenset[str]:
    """The paths that the system's manager reads."""
    if (facts.get("unit") or {}).get("account"):
        return frozenset()
    units = (unit["path"] for unit in facts.get("units", ()))
    files = (entry["path"] for entry in facts.get("environment_files", ()))
    return frozenset(path for path in (*units, *files) if path)


def files(facts: Mapping[str, Any]) -> list[dict[str, str]]:
    """The files of a legacy deployment as a backup takes them, each with who reads it.

    :raises AccountError, UntrustedPath, OSError: nobody knows.
    """
    reader = recorded(facts)
    return [{"account": _reader.word(reader.of(entry["src"])), **entry} for entry in facts["files"]]


def _derived(facts: Mapping[str, Any]) -> str:
    """The account of a unit, empty where nobody says so."""
    unit = facts.get("unit") or {}
    if unit.get("account"):
        return str(unit["account"])
    shown = _systemd.show(_systemd.Manager(None), [unit["name"]]) if unit.get("name") else []
    return shown[0].properties.get("User", "") if shown else ""
