# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units that have to do with another one, by what their manager knows: they need it, want it, or
are ordered after it."""

from __future__ import annotations

from typing import Iterable, NamedTuple

from .systemd import TIMEOUT, Manager, Unit, parse_show, show

NEEDS, WANTS, AFTER = "needs", "wants", "is ordered after"
# A property of the unit that is looked at, and what the units that it names do.
_RELATIONS = {
    "RequiredBy": NEEDS,
    "RequisiteOf": NEEDS,
    "BoundBy": NEEDS,
    "ConsistsOf": NEEDS,
    "WantedBy": WANTS,
    "UpheldBy": WANTS,
    "Before": AFTER,
}
_KINDS = (".service", ".socket", ".timer", ".path")
_ACTIVE = ("active", "activating", "reloading")
# Nothing of it runs: a name for several others, as Debian's postgresql.service is.
_GROUPING = "exited"
_MEMBERS = ("Wants", "Requires", "BindsTo")


class Relation(NamedTuple):
    """What a unit does with another: ``verb`` is one of this module's. ``through``: the grouping
    that it names instead, empty where it names the unit."""

    unit: Unit
    verb: str
    needed: str
    through: str = ""


def relations(
    records: Iterable[dict[str, str]],
    verbs: Iterable[str],
    own: Iterable[dict[str, str]] = (),
) -> list[Relation]:
    """Units that do this with one of the recorded ones, and run or would be started by themselves;
    each once, by what is strongest.

    :param verbs: of this module's. :param own: records of further units that are none of them.
    """
    records, verbs = list(records), set(verbs)
    ours = [*records, *own]
    found: dict[tuple[str, Manager], Relation] = {}
    for record in records:
        manager = Manager(record["account"] or None)
        known = {other["name"] for other in ours if other["account"] == record["account"]}
        for each in _of(manager, record["name"], verbs, known):
            place = (each.unit.name, manager)
            if place not in found or _rank(each) < _rank(found[place]):
                found[place] = each
    return list(found.values())


def _rank(relation: Relation) -> int:
    return (NEEDS, WANTS, AFTER).index(relation.verb)


def _of(manager: Manager, name: str, verbs: set[str], own: set[str]) -> list[Relation]:
    """Those of one unit, and of the groupings that it is in."""
    named, found = _named(manager, name, verbs), []
    for unit in show(manager, sorted(set(named) - own)):
        if unit.properties.get("SubState") == _GROUPING:
            found += _through(manager, name, unit.name, verbs, own | {name, unit.name})
        elif starts(unit) and unit.name in named:
            found.append(Relation(unit, named[unit.name], name))
    return found


def _through(
    manager: Manager, name: str, group: str, verbs: set[str], own: set[str]
) -> list[Relation]:
    """Those of a grouping that a unit is in, but for its other members."""
    named = _named(manager, group, verbs)
    members = {word for words in _show(manager, group, _MEMBERS).values() for word in words.split()}
    return [
        Relation(unit, named[unit.name], name, group)
        for unit in show(manager, sorted(set(named) - own - members))
        if starts(unit) and unit.name in named
    ]


def _show(manager: Manager, name: str, fields: Iterable[str]) -> dict[str, str]:
    answer = manager.systemctl("show", "--property", ",".join(fields), "--", name, timeout=TIMEOUT)
    return {key: value for block in parse_show(answer.out) for key, value in block.items()}


def _named(manager: Manager, name: str, verbs: set[str]) -> dict[str, str]:
    """What its manager says of a unit: names to what they do, the strongest."""
    wanted = [field for field, verb in _RELATIONS.items() if verb in verbs]
    said = _show(manager, name, wanted)
    found: dict[str, str] = {}
    for field, verb in _RELATIONS.items():
        for word in said.get(field, "").split():
            if word.endswith(_KINDS):
                found.setdefault(word, verb)
    return found


def starts(unit: Unit) -> bool:
    """Whether a unit runs, or would be started without anybody's doing: at boot, by a timer, a
    socket or a path."""
    return (
        unit.active in _ACTIVE
        or unit.enabled.startswith("enabled")
        or bool(unit.properties.get("TriggeredBy", "").split())
    )
