# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies where in a journal, and what of one is no such thing.

Code asks a journal's facts for records, lists and names without looking at each again; so that it
may, they are compared with these shapes once, where a journal is read. What nothing asks for may be
anything.
"""

from __future__ import annotations

import json
from typing import Any, Iterator, NamedTuple, Optional

# Of a snapshot with ten thousand keys, twice, many times over.
LARGEST = 64 << 20
# Journals have 9 levels.
DEEPEST = 60
_WORDS = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "yes or no",
    dict: "a record",
    list: "a list",
    type(None): "nothing",
}


class Need(NamedTuple):
    """Something that has to be there, of this shape."""

    shape: Any


class Each(NamedTuple):
    """A record with whatever names; what they name has this shape."""

    shape: Any


# A type; a list with the shape of its members; a record with those of some of its entries; a tuple:
# one of these.
_PLAIN = (str, int, float, bool, None)
_MAYBE = (str, None)
_SAID = (*_PLAIN, [str])  # by Ansible, when a task failed
_UNIT = {
    "name": Need(str),
    "account": _MAYBE,
    "scope": _MAYBE,
    "path": _MAYBE,
    "enabled": _MAYBE,
    "active": _MAYBE,
    "hash": _MAYBE,
}
_SERVER = {
    "account": _MAYBE,
    "folder": _MAYBE,
    "program": _MAYBE,
    "argv": ([str], None),
}
_LEGACY = {
    "unit": Need(_UNIT),
    "units": [_UNIT],
    "port": Need(int),
    "pid": (int, None),
    "config": _MAYBE,
    "folder": _MAYBE,
    "environment_files": ([{"path": str}], None),
    "files": [{"src": str, "name": str}],
    "hashes": Each(_MAYBE),
    "included": ([str], None),
    "optional_files": ([str], None),
    "dotenv_files": (
        [{"path": str, "dialect": _MAYBE, "account": _MAYBE, "late": (bool, None)}],
        None,
    ),
    "host": _MAYBE,
    "python": _MAYBE,
    "reader": _MAYBE,
    "environment": _MAYBE,
    "site": _MAYBE,
    "options": ([str], None),
    "variables": ([str], None),
    "litellm_version": _MAYBE,
}
_DATABASE = {
    "where": _MAYBE,
    "variable": _MAYBE,
    "rootcert": _MAYBE,
    "image": _MAYBE,
    "rehearse_without": ([str], None),
    "unit": (_UNIT, None),
    "server": (_SERVER, None),
    "port": (int, None),
    "host": _MAYBE,
    "name": _MAYBE,
    "bytes": (int, None),
    "max_connections": (int, None),
    "migrations": ([str], None),
    "origin": _MAYBE,
    "variables": ([str], None),
    "neighbours": ([str], None),
    "schema": _MAYBE,
    "left_behind": ([str], None),
    "readers": ([str], None),
}
_REDIS = {
    "where": _MAYBE,
    "unit": (_UNIT, None),
    "port": (int, None),
    "data": ({"folder": _MAYBE, "file": _MAYBE}, None),
    "host": _MAYBE,
    "origin": _MAYBE,
    "login": (bool, None),
    "variables": ([str], None),
    "major": (int, None),
    "release": _MAYBE,
}
_NEEDS = {
    "files": Need([{"source": Need(str), "target": Need(str), "name": Need(str)}]),
    "mounts": ([{"source": Need(str), "target": Need(str)}], None),
    "environment": Each(str),
    "addresses": Each(str),
    "modules": [str],
    "programs": [str],
    "hosts": [str],
    "servers": ([str], None),
}
_IMAGE = {
    "reference": str,
    "name": _MAYBE,
    "id": _MAYBE,
    "local": (bool, None),
    "user": _MAYBE,
    "uid": (int, None),
    "gid": (int, None),
    "group": (int, None),
    "entrypoint": ([str], None),
    "data": ({"mount": str, "folder": str}, None),
}
_ADDRESS = {
    "legacy": [str],
    "publish": Need([str]),
    "listen": Need(str),
    "tls": bool,
    "legacy_url": Need(str),
    "url": Need(str),
    "proofs": [str],
}
_CUTOVER = {"way": Need(str), "reasons": Need([str])}
_FOUND = {
    "project_dir": str,
    "legacy": (_LEGACY, None),
    "database": (_DATABASE, None),
    "redis": (_REDIS, None),
    "model_hosts": ([{"port": Need(int), "unit": (_UNIT, None)}], None),
    "engine": ({"server": _MAYBE}, None),
    "address": (_ADDRESS, None),
    "needs": (_NEEDS, None),
    "images": (dict, None),
    "space": ([{"path": str, "needed": float, "free": float}], None),
    "host": _MAYBE,
    "places": ({"database": str, "redis": str}, None),
    "cutover": (_CUTOVER, None),
}
_NAMED = [dict]
_SNAPSHOT = (
    {
        "bogus": (int, None),
        "capabilities": (_NAMED, None),
        "client_keys": ([{"name": str}], None),
        "exercised": ([{"model": str}], None),
        "keys": ({"count": (int, None), "listed": (_NAMED, None)}, None),
        "models": ([{"name": str}], None),
        "teams": (_NAMED, None),
        "users": ({"count": (int, None)}, None),
    },
    None,
)
_REDIS_BACK = {"keys": (int, None), "reason": _MAYBE}
_FACTS = {
    "found": (_FOUND, None),
    "warnings": ([str], None),
    "images": (Each(_IMAGE), None),
    "snapshot_before": _SNAPSHOT,
    "snapshot_after": _SNAPSHOT,
    "cutover": ({"way": _MAYBE, "reasons": ([str], None), "waits": _SAID}, None),
    "legacy_hash": _MAYBE,
    "legacy_schema": _MAYBE,
    "switched": _MAYBE,
    "switched_back": _MAYBE,
    "redis_back": (_REDIS_BACK, None),
    "rollback_data": _MAYBE,
    "since": (dict, None),
    "failure": _SAID,
    "stuck": _SAID,
    "kept_database": _MAYBE,
    "not_kept": _SAID,
}
_CONTENTS = (
    {
        "hash": str,
        "rows_total": int,
        "server_major": int,
        "tables": [{"schema": str, "name": str, "rows": int, "hash": str}],
        "sequences": [dict],
    },
    None,
)
_REWRITTEN = ([{"name": str, "old": str, "new": str}], None)
_READER = {"name": Need(str), "password": (bool, None), "why": _MAYBE, "rights": (int, None)}
_COPY = {"source": _CONTENTS, "target": _CONTENTS, "bytes": (int, None), "seconds": (float, None)}
_STEP_FACTS: dict[str, Any] = {
    "environment": {"comparison": ([{"name": str, "status": str}], None), "findings": [dict]},
    "stage": {
        "rewritten": ([{"line": int, "old": str, "new": str, "view": str}], None),
        "included": ([{"view": str}], None),
        "bridges": ([int], None),
    },
    "rehearse": {
        "models": _REWRITTEN,
        "capabilities": ({"before": (_NAMED, None), "after": (_NAMED, None)}, None),
    },
    "backup": {"name": str, "path": str},
    "cutover": {
        **_COPY,
        "readers": ([_READER], None),
        "redis": (Each({"target": {"keys": int}}), None),
    },
    "serve": {"models": _REWRITTEN},
    "verify": {
        "after": _SNAPSHOT,
        "containers": (list, dict, None),
        "answers": ([str], None),
        "bridges": ({"proved": (list, None), "notes": (list, None)}, None),
    },
    "hand_over": {"backups": (Each(_PLAIN), None), "health": (Each(_PLAIN), None)},
    "copy_back": {
        **_COPY,
        "data": _MAYBE,
        "tables": ([{"name": str, "before": int, "after": int}], None),
        "redis": (_REDIS_BACK, None),
    },
    "start_legacy": {"models": _REWRITTEN, "notes": ([str], None)},
    "verify_legacy": {"after": _SNAPSHOT, "accepted": ([str], None)},
    "last_backup": {"name": str, "path": str, "hash": str, "rows": int, "tables": int},
    "remove_units": {"removed": ([str], None), "stays": ([{"path": str, "reason": str}], None)},
    "drop_databases": {"dropped": ([str], None)},
}


def parsed(text: bytes) -> Any:
    """The value of a journal's text.

    :raises ValueError: it is no JSON, too large, nested too deeply, or has text that no name or
        path of a host can be.
    """
    if len(text) > LARGEST:
        raise ValueError("larger than %d MiB" % (LARGEST >> 20))
    try:
        value = json.loads(text.decode("utf-8"))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    _check_texts(value)
    return value


def _check_texts(value: Any) -> None:
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > DEEPEST:
            raise ValueError("nested more than %d levels deep" % DEEPEST)
        for text in filter(lambda item: isinstance(item, str), _flat(level)):
            if "\0" in text:
                raise ValueError("it has a null character")
            text.encode("utf-8", "surrogateescape")  # names of files can be any bytes
        level = [item for each in level if isinstance(each, (dict, list)) for item in _items(each)]


def _flat(level: list[Any]) -> Iterator[Any]:
    for item in level:
        yield item
        if isinstance(item, dict):
            yield from item


def _items(value: Any) -> Iterator[Any]:
    return iter(value.values() if isinstance(value, dict) else value)


def odd_facts(facts: dict[str, Any]) -> list[str]:
    """What of a run's facts is not what it should be, in words."""
    return _odd(facts, _FACTS, "facts")


def odd_step(number: int, name: str, facts: dict[str, Any]) -> list[str]:
    """The same of a step's; one of a name that this release does not have may have any."""
    return _odd(facts, _STEP_FACTS.get(name, {}), "facts of step %d" % number)


def _odd(value: Any, shape: Any, place: str) -> list[str]:
    if isinstance(shape, tuple) and not isinstance(shape, (Need, Each)):
        return _none_of(value, shape, place)
    if isinstance(shape, Each):
        shape = dict.fromkeys(value, shape.shape) if isinstance(value, dict) else {}
    kind = shape if isinstance(shape, type) else type(shape)
    if not _is_a(value, kind):
        return ["%s should be %s" % (place, _WORDS[kind])]
    if isinstance(shape, list):
        members = enumerate(value, 1)
        return [odd for n, item in members for odd in _odd(item, shape[0], "%s, %d" % (place, n))]
    if isinstance(shape, dict):
        return _odd_entries(value, shape, place)
    return []


def _odd_entries(value: dict[str, Any], shape: dict[str, Any], place: str) -> list[str]:
    found = []
    for name, inner in shape.items():
        where = "%s, %s" % (place, name)
        needed = isinstance(inner, Need)
        if name in value:
            found += _odd(value[name], inner.shape if needed else inner, where)
        elif needed:
            found.append("%s is not there" % where)
    return found


def _none_of(value: Any, shapes: tuple[Any, ...], place: str) -> list[str]:
    """Nothing where a value has one of some shapes, else what keeps it from the one that comes
    nearest: the first of its kind."""
    nearest: Optional[list[str]] = None
    for shape in shapes:
        odd = _odd(value, shape, place)
        if not odd:
            return []
        if nearest is None or (isinstance(shape, dict) and isinstance(value, dict)):
            nearest = nearest or odd
    return nearest or []


def _is_a(value: Any, kind: type) -> bool:
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind)
