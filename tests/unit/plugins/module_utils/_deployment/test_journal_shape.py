"""Whatever a journal's file holds, it is understood or refused with the file's name: nothing that
asks one that was read fails."""

from __future__ import annotations

import copy
import json
import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import journal as _journal
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    journal_shape as _shape,
)
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import locate as _locate
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    position as _position,
)
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    next_command as _next_command,
)
from ansible_collections.llmops.litellm.plugins.module_utils._migration import status as _status

REAL = json.loads((Path(__file__).parent / "journal-0.1.0.json").read_text(encoding="utf-8"))
# What later releases remember as well.
REAL["facts"].update(
    cutover={"way": "live", "reasons": ["x"], "waits": "x"},
    legacy_schema="s",
    switched="t",
    switched_back="u",
    redis_back={"keys": 1, "reason": "x", "carried": False},
)
NOW = datetime(2026, 11, 29, 16, 0, tzinfo=timezone.utc)
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(
        ["/", "migrated", "stage", "\ud800", "\0", "2026-11-29T15:44:54+00:00", 10**30]
    ),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)


def places(value: Any) -> list[tuple[Any, ...]]:
    """The way to everything in a value, itself included."""
    named = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else []
    )
    return [(), *((name, *way) for name, inner in named for way in places(inner))]


def put(value: Any, way: tuple[Any, ...], odd: Any) -> Any:
    """The value with something else in one place."""
    if not way:
        return odd
    changed = copy.copy(value)
    changed[way[0]] = put(value[way[0]], way[1:], odd)
    return changed


def without(value: Any, way: tuple[Any, ...]) -> Any:
    if len(way) > 1:
        return put(value, way[:1], without(value[way[0]], way[1:]))
    changed = copy.copy(value)
    del changed[way[0]]
    return changed


WAYS = places(REAL)


def ask_everything(folder: Path) -> None:
    """Whatever is asked of a host with this journal."""
    found, problem = _locate.journal_of(str(folder))
    assert (found is None) == (str(folder / "journal.json") in problem)
    if found is None:
        with pytest.raises(_journal.JournalError, match=r"(cannot be read|not a journal|damaged)"):
            _journal.load(str(folder))
        return
    for kind in ("compose", "legacy"):
        _locate.find(_locate.Where(str(folder), "x", str(folder)), kind)
    _position.serving(found, "/nowhere")
    _position.describe(found, str(folder))
    _position.comparable(found)
    _next_command.next_commands(found)
    _status.position_in_words(found, {"controller": "vm", "run": "1:1", "alive": []}, NOW, 7200)
    _journal.save(str(folder), found, NOW)
    json.dumps(found).encode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@given(way=st.sampled_from(WAYS), odd=ANYTHING)
def test_any_value_in_any_place(folder: Path, way: tuple[Any, ...], odd: Any) -> None:
    (folder / "journal.json").write_text(json.dumps(put(REAL, way, odd)))
    ask_everything(folder)


@given(way=st.sampled_from(WAYS[1:]))
def test_anything_may_be_missing(folder: Path, way: tuple[Any, ...]) -> None:
    (folder / "journal.json").write_text(json.dumps(without(REAL, way)))
    ask_everything(folder)


@given(
    data=st.binary() | st.text().map(str.encode) | ANYTHING.map(lambda v: json.dumps(v).encode())
)
def test_any_bytes(folder: Path, data: bytes) -> None:
    (folder / "journal.json").write_bytes(data)
    ask_everything(folder)


@pytest.mark.parametrize(
    ("way", "odd", "said"),
    [
        (("facts", "found"), 3, "facts, found should be a record"),
        (("facts", "found", "legacy"), [], "facts, found, legacy should be a record"),
        (("facts", "found", "legacy", "port"), "x", "found, legacy, port should be a whole number"),
        (("facts", "found", "legacy", "port"), True, "legacy, port should be a whole number"),
        (("facts", "found", "legacy", "unit"), {}, "found, legacy, unit, name is not there"),
        (("facts", "found", "legacy", "units", 0), 7, "legacy, units, 1 should be a record"),
        (("facts", "found", "redis", "unit"), "x", "found, redis, unit should be a record"),
        (("facts", "before", "models", 0, "name"), None, "models, 1, name should be a text"),
        (("steps", 6, "facts", "source"), "x", "facts of step 7, source should be a record"),
        (("facts", "cutover"), {"reasons": "x"}, "facts, cutover, reasons should be a list"),
        (("facts", "cutover"), {"waits": {}}, "facts, cutover, waits should be a text"),
        (("facts", "legacy_schema"), 7, "facts, legacy_schema should be a text"),
        (("facts", "switched"), 7, "facts, switched should be a text"),
        (("facts", "switched_back"), True, "facts, switched_back should be a text"),
        (("facts", "redis_back"), "x", "facts, redis_back should be a record"),
        (("facts", "redis_back"), {"keys": "x"}, "redis_back, keys should be a whole number"),
        (("id",), "../../etc/x", "the id '../../etc/x' is none"),
        (("ended",), 3, "3 is no time"),
        (("updated",), "0001-01-01T00:00:00+14:00", "is no time"),
        (("facts", "found", "project_dir"), "/opt\0", "null character"),
        (("facts", "found", "project_dir"), "\ud800", "surrogates not allowed"),
    ],
)
def test_what_is_wrong_is_said(folder: Path, way: tuple[Any, ...], odd: Any, said: str) -> None:
    path = folder / "journal.json"
    path.write_text(json.dumps(put(REAL, way, odd)))
    with pytest.raises(_journal.JournalError) as caught:
        _journal.load(str(folder))
    assert str(path) in str(caught.value)
    assert said in str(caught.value)


def test_of_many_wrong_things_a_few_are_said(folder: Path) -> None:
    units = [0] * 100_000
    (folder / "journal.json").write_text(
        json.dumps(put(REAL, ("facts", "found", "legacy", "units"), units))
    )
    with pytest.raises(_journal.JournalError, match="99995 more") as caught:
        _journal.load(str(folder))
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 200_000, "nested too deeply"),
        ('{"a":' * 200_000, "nested too deeply"),
        ("[" * 61 + "]" * 61, "nested more than 60 levels deep"),
        ("1" * 5000, "integer string conversion"),
    ],
    ids=["lists", "records", "deeper than any", "a long number"],
)
def test_what_json_itself_stumbles_over_is_refused(folder: Path, text: str, said: str) -> None:
    (folder / "journal.json").write_text(text)
    with pytest.raises(_journal.JournalError, match=said):
        _journal.load(str(folder))
    ask_everything(folder)


def test_size_is_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_shape, "LARGEST", 1 << 20)
    with open(folder / "journal.json", "wb") as sparse:
        sparse.truncate(1 << 40)
    with pytest.raises(_journal.JournalError, match="larger than 1 MiB"):
        _journal.load(str(folder))


@pytest.mark.parametrize("kind", ["link", "fifo", "folder"])
def test_only_a_plain_file_is_a_journal(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "journal.json"
    if kind == "link":
        (tmp_path / "other").write_text(json.dumps(REAL))
        path.symlink_to("other")
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.mkdir()
    with pytest.raises(_journal.JournalError, match=r"journal\.json cannot be read"):
        _journal.load(str(tmp_path))


def test_bytes_of_file_names_are_kept(folder: Path) -> None:
    odd = put(REAL, ("facts", "found", "project_dir"), "/opt/\udcff")
    (folder / "journal.json").write_text(json.dumps(odd))
    assert _journal.found_in(_journal.load(str(folder)))["project_dir"] == "/opt/\udcff"
