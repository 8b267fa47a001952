# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program of this package as a transient unit: it outlives the run that has started it, says in
its status how it stands, and is gone after a reboot."""

from __future__ import annotations

import json
import os
import re
import time
from typing import Any, Callable, NamedTuple, Optional, Sequence

from .._host import files as _files
from .._host import process as _process
from .._host import sources as _sources
from .._host import systemd as _systemd
from .._host.problem import OperatorError

# What its code is in for the moment in which it starts.
RUN = "/run"
_CODE = """import sys
sys.path.insert(0, "%s")
from %s._hold.%s import main
sys.exit(main())"""
_PROPERTIES = (
    "Type=notify",
    "NoNewPrivileges=yes",
    "ProtectSystem=strict",
    "ProtectHome=yes",
    "PrivateTmp=yes",
    "LimitNOFILE=65536",
    "TimeoutStopSec=10",
)
_MANAGER = _systemd.Manager(None)
PATIENCE = 10.0  # seconds for an answer to a signal
_SIGNALLED = 0.02


class HoldError(OperatorError):
    """Clients are not held, not let through, or not watched."""


class Program(NamedTuple):
    """A program of this package: its ``module``, the ``unit`` with a number in its name, and what
    the unit has besides."""

    module: str
    unit: str
    properties: Sequence[str] = ()

    def units(self) -> list[str]:
        """Those that are there."""
        return _systemd.list_units(_MANAGER, self.unit.replace("%d", "*"))

    def standing(self) -> dict[str, dict[str, Any]]:
        """What those say that have not ended, by their names."""
        found = {}
        for name in self.units():
            answer = _MANAGER.systemctl("show", "--property=StatusText", "--value", "--", name)
            told = status_of(answer.out.strip())
            if told:
                found[name] = told
        return found

    def next_number(self) -> int:
        """A number that no unit has."""
        return 1 + max((int(re.sub(r"\D", "", name)) for name in self.units()), default=0)

    def start(
        self, number: int, words: Sequence[str], description: str, more: Sequence[str] = ()
    ) -> str:
        """Start it, and wait until it is ready; the unit's name.

        :param more: properties of this unit alone.
        :raises HoldError: it has ended; what it said.
        """
        unit = self.unit % number
        folder = _files.temporary_folder("llmops-litellm-hold-", RUN)
        try:
            _write(folder)
            argv = ["systemd-run", "--quiet", "--collect", "--unit=" + unit]
            argv += ["--property=" + each for each in (*_PROPERTIES, *self.properties, *more)]
            argv += ["--description=" + description]
            code = _CODE % (folder, _sources.PACKAGE, self.module)
            argv += ["--", _sources.PYTHON, "-IB", "-c", code, *words]
            answer = _process.run(argv, timeout=PATIENCE * 3)
        finally:
            _files.remove_tree(folder)  # it has read what it needs
        if answer.rc:
            raise HoldError(_said(unit) or answer.err.strip())
        if unit not in self.standing():
            raise HoldError(_said(unit) or "%s has ended" % unit)
        return unit

    def wait(self, unit: str, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """What a unit says once that is what is wanted.

        :raises HoldError: it does not come to that.
        """
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            told = self.standing().get(unit)
            if told is not None and wanted(told):
                return told
            time.sleep(_SIGNALLED)
        raise HoldError("%s does not answer; systemctl stop %s ends it" % (unit, unit))


def signal(unit: str, name: str) -> None:
    """Send a signal to a unit's process.

    :raises HoldError: it has none.
    """
    answer = _MANAGER.systemctl("kill", "--kill-who=main", "--signal=" + name, "--", unit)
    if answer.rc:
        raise HoldError("%s gets no signal: %s" % (unit, answer.err.strip()))


def stop(unit: str) -> None:
    """End a unit.

    :raises HoldError: it goes on.
    """
    answer = _MANAGER.systemctl("stop", "--", unit)
    if answer.rc:
        raise HoldError("%s does not end: %s" % (unit, answer.err.strip()))


def _write(folder: str) -> None:
    for path, text in _sources.loaded(("_hold", "_host")).items():
        place = os.path.join(folder, _sources.PACKAGE, path)
        _files.make_folder(os.path.join(folder, _sources.PACKAGE), 0o700)
        _files.make_folder(os.path.dirname(place), 0o700)
        _files.write_atomically(place, text.decode())


def _said(unit: str) -> str:
    """The last words of a unit."""
    answer = _process.run(["journalctl", "--unit=" + unit, "--output=cat", "--lines=20", "--quiet"])
    lines = [line for line in answer.out.strip().splitlines() if not line.startswith(unit)]
    return lines[-1] if lines else ""


def status_of(text: str) -> Optional[dict[str, Any]]:
    """What a unit's status says; ``None`` where it says nothing of the kind."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) and "state" in found else None
