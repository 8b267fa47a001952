# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Adopted model servers: existing units, recorded as they were found and never changed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any, Optional

from .._deployment import legacy as _legacy
from .._host import files as _files
from .._host import listeners as _listeners
from .._host import process as _process
from .._host import systemd as _systemd
from .._host.problem import OperatorError

RECORD = "model_hosts.json"
FORMAT = 1


class AdoptionError(OperatorError):
    """A unit can't be adopted, or the record can't be read."""


def load(folder: str) -> dict[str, dict[str, Any]]:
    """The adopted units by name: each one's record (of :mod:`_host.systemd`), ``port`` (``None`` if
    unknown) and ``hashes`` of its files.

    :raises AdoptionError: the record can't be read.
    """
    path = os.path.join(folder, RECORD)
    if not os.path.exists(path):
        return {}
    try:
        record = json.loads(_files.read(path))
        if record["format"] != FORMAT:
            raise ValueError("of another release")
        return {entry["name"]: entry for entry in record["adopted"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AdoptionError(
            "%s cannot be read (%s); move it away, and the units are recorded as they are then"
            % (path, error)
        ) from None


def find(
    words: Iterable[str], own: str, account: str = ""
) -> tuple[list[dict[str, Any]], list[str]]:
    """Find units by name or by the port that they serve; why some can't be adopted.

    :param own: the prefix of managed units' names, which are not adopted.
    """
    listeners = _listeners.listeners()
    found: list[dict[str, Any]] = []
    problems: list[str] = []
    for word in words:
        if str(word).isdigit():
            service = _legacy.service_behind(int(word), listeners)
            if service is None:
                problems.append(
                    "port %s: nobody listens there, so its unit is not known; name the unit" % word
                )
            elif service["unit"] is None:
                problems.append(
                    "port %s: %s %s; run it as a systemd unit of its own first"
                    % (word, service["process"], service["seen"])
                )
            else:
                found.append({**service["unit"], "port": int(word)})
            continue
        name = word if "." in word else word + ".service"
        units = [
            unit
            for manager in _systemd.managers(account)
            for unit in _systemd.show(manager, [name])
        ]
        if len(units) != 1:
            reason = "exists more than once; name one of the system's"
            problems.append("%s: %s" % (name, reason if units else "there is no such unit"))
        else:
            found.append({**units[0].record(), "port": _port_of(units[0], listeners)})
    problems += [
        "%s: is managed by this role already" % entry["name"]
        for entry in found
        if entry["name"].startswith(own)
    ]
    return [
        {**entry, "hashes": hashes(entry)} for entry in found if not entry["name"].startswith(own)
    ], problems


def _port_of(unit: _systemd.Unit, listeners: list[_listeners.Listener]) -> Optional[int]:
    ports = [
        item.port
        for item in listeners
        if unit.pid and item.pid and unit.pid in _process.ancestors(item.pid)
    ]
    return min(ports) if ports else None


def hashes(record: dict[str, Any]) -> dict[str, str]:
    """Hashes of the unit's files, by path."""
    manager = _systemd.Manager(record["account"] or None)
    units = _systemd.show(manager, [record["name"]])
    paths = [record["path"]] + (units[0].properties.get("DropInPaths", "").split() if units else [])
    found = {path: _systemd.file_hash(manager, path) for path in paths}
    return {path: digest for path, digest in found.items() if digest}


def adopt(found: list[dict[str, Any]], folder: str, check: bool = False) -> dict[str, Any]:
    """Record units that are not in the record yet.

    What is in it stays as it was: it says how the unit was found.

    :returns: ``changed``, ``adopted`` (the whole record) and ``differs`` (in words: what is not as
        it was recorded).
    """
    known = load(folder)
    new = {entry["name"]: entry for entry in found if entry["name"] not in known}
    adopted = {**known, **new}
    if new and not check:
        _files.make_folder(folder, 0o700)
        _files.write_atomically(
            os.path.join(folder, RECORD),
            json.dumps(
                {"format": FORMAT, "adopted": list(adopted.values())}, indent=1, sort_keys=True
            )
            + "\n",
        )
    return {
        "changed": bool(new),
        "adopted": list(adopted.values()),
        "differs": [
            words
            for entry in found
            if entry["name"] in known
            for words in difference(known[entry["name"]], entry)
        ],
    }


def difference(was: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What differs from the record, in words."""
    words = [
        "%s: was %s, is %s" % (was["name"], was[key], now[key])
        for key in ("enabled", "active")
        if was[key] != now[key]
    ]
    if was["hashes"] != now["hashes"]:
        words.append("%s: its files are not the same any more" % was["name"])
    return words


def forget(folder: str, check: bool = False) -> bool:
    """Drop the record; the units stay as they are."""
    path = os.path.join(folder, RECORD)
    there = os.path.exists(path)
    if there and not check:
        os.unlink(path)
        _files.sync_folder(folder)
    return there
