# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Managed model servers on this host: their units and records are put in place, or go.

All servers are one set. What changes is stopped before the first one starts, so that a server finds
the GPU's memory that another one gives back.
"""

from __future__ import annotations

import contextlib
import os
import re
from typing import Mapping, NamedTuple, Sequence

from .._host import files as _files
from .._host import unit_files as _unit_files
from .._host.problem import OperatorError
from .._host.process import run
from . import declaration as _declaration

# Of 0.1.0, beside the unit: what a declaration's `settings` are now part of.
DROP_IN = "%s.service.d/50-declaration.conf"
STATE = "/var/lib"
SLACK = 30
# What a person asks for, and what is said of it at the start of a line: `/x/y.service:12: ...`
_AT_LINE = re.compile(r"^(\S+/)?(?P<unit>[^/\s:]+):(?P<line>[0-9]+): (?P<what>.+)$", re.MULTILINE)


class Planned(NamedTuple):
    """A server as it is to be: its record for the commands on the host, the texts of its units by
    name, the one that starts at boot and now (empty: none does), the seconds that a start may take,
    and the lines of the units that the operator chose."""

    name: str
    record: str
    units: Mapping[str, str]
    entry: str
    timeout: int
    settings: Sequence[str] = ()


class UnitError(OperatorError):
    """systemd does not accept a unit; every reason on a line of its own."""


class Places(NamedTuple):
    """Where units, records and the servers' own files are."""

    units: str = _unit_files.FOLDER
    records: str = _declaration.FOLDER
    state: str = STATE


HERE = Places()


def install(
    servers: Sequence[Planned],
    project: str,
    shared: Mapping[str, str],
    check: bool = False,
    places: Places = HERE,
) -> _unit_files.Result:
    """Bring the host to these servers: others that this project has put there go, with their cache.

    :param project: first part of the units' names.
    :param shared: units that servers have in common, by name; gone with the last server.
    :raises UnitError: systemd does not accept a unit; nothing was changed.
    :raises SystemdError: a server did not start.
    """
    gone = sorted(set(recorded(places.records)).difference(server.name for server in servers))
    if not check:
        for folder in (os.path.dirname(places.records), places.records) if servers else ():
            _files.make_folder(folder, 0o755)
        _verify(servers, shared)
    records = {
        server.name: os.path.join(places.records, server.name + ".json") for server in servers
    }
    result = _unit_files.install(
        {
            **(shared if servers else {}),
            **{name: text for server in servers for name, text in server.units.items()},
            **{records[server.name]: server.record for server in servers},
        },
        [
            *shared,
            *(
                pattern
                for name in [*records, *gone]
                for pattern in _names("%s-model-%s" % (project, name))
            ),
        ],
        enabled=[server.entry for server in servers if server.entry],
        together=[
            [
                *_names("%s-model-%s" % (project, server.name)),
                records[server.name],
                _drop_in(server.name, project, places),
            ]
            for server in servers
        ],
        obsolete=[_drop_in(name, project, places) for name in [*records, *gone]],
        # systemd is the one that ends a start which takes too long
        in_turn=max((server.timeout for server in servers), default=0) + SLACK,
        check=check,
        folder=places.units,
    )
    return result._replace(done=result.done + _clear(gone, servers, project, check, places))


def recorded(folder: str = _declaration.FOLDER) -> list[str]:
    """The names of the servers that this host has."""
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return sorted(name[: -len(".json")] for name in names if name.endswith(".json"))


def _names(stem: str) -> list[str]:
    """The units that a server may have; clients come to the socket first, and its gate next."""
    return [stem + ".socket", stem + "-door.service", stem + ".service"]


def _drop_in(name: str, project: str, places: Places) -> str:
    return os.path.join(places.units, DROP_IN % ("%s-model-%s" % (project, name)))


def _clear(
    gone: Sequence[str], servers: Sequence[Planned], project: str, check: bool, places: Places
) -> list[str]:
    """Remove what servers that are gone had for themselves, and folders that are left empty.

    Their records go last: by them the next run finds what one that was killed has left.
    """
    above = os.path.join(places.state, "%s-model" % project)
    caches = [
        path for path in (os.path.join(above, name) for name in gone) if os.path.lexists(path)
    ]
    records = [os.path.join(places.records, name + ".json") for name in gone]
    if not check:
        for path in caches:
            _files.remove_tree(path)
        for path in records:
            os.unlink(path)
        left = [
            os.path.dirname(_drop_in(name, project, places))
            for name in [*gone, *(server.name for server in servers)]
        ]
        for path in [*left, *([above, places.records] if not servers else [])]:
            with contextlib.suppress(OSError):  # not there, or somebody's
                os.rmdir(path)
    return ["%s: removed" % path for path in [*caches, *records]]


def _verify(servers: Sequence[Planned], shared: Mapping[str, str]) -> None:
    """Ask systemd about the units before one of them is in place.

    What it only warns of is an error in a line that the operator chose: systemd would ignore it.
    """
    if not servers:
        return
    folder = _files.temporary_folder("llmops-litellm-units-", "/run")
    try:
        units = {**shared, **{k: text for server in servers for k, text in server.units.items()}}
        for name, text in units.items():
            with _files.creating(os.path.join(folder, name), 0o644) as file:
                file.write(text.encode(errors="surrogateescape"))
        answer = run(
            [
                *("systemd-analyze", "verify", "--man=no"),
                *(os.path.join(folder, name) for server in servers for name in server.units),
            ],
            # its own folders too: what a unit refers to must be there
            env={"SYSTEMD_UNIT_PATH": folder + ":"},
            timeout=_unit_files.TIMEOUT,
        )
    finally:
        _files.remove_tree(folder)
    said = (answer.err + answer.out).replace(folder + "/", "")
    chosen = {
        (name, number): line
        for server in servers
        for name, text in server.units.items()
        for number, line in enumerate(text.splitlines(), 1)
        if line in server.settings
    }
    wrong = [
        "%s: settings: %s: %s" % (found["unit"], line, found["what"])
        for found in _AT_LINE.finditer(said)
        if (line := chosen.get((found["unit"], int(found["line"]))))
    ]
    if wrong or answer.rc != 0:
        raise UnitError(
            "systemd does not accept the units of the model servers. Nothing was changed:",
            *("- %s" % line for line in wrong or said.strip().splitlines()),
        )
