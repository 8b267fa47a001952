"""A run that was interrupted goes on; what was found is remembered."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from probe_results import ABOUT, NASTY, NOW, RESULTS, result

from ansible_collections.llmops.litellm.plugins.module_utils._health import (
    probe_store as _probe_store,
)
from ansible_collections.llmops.litellm.plugins.module_utils._health.probe_store import Keeper


def test_interrupted_run_is_taken_up_to_the_last_whole_line(tmp_path: Path) -> None:
    keeper = Keeper(str(tmp_path), ABOUT, NOW)
    assert keeper.begin() == []
    for item in RESULTS[:2]:
        keeper.keep(item)
    with open(keeper.partial, "a", encoding="utf-8") as handle:
        handle.write('{"model": "embed", "capab')
    assert keeper.begin() == RESULTS[:2]
    with open(keeper.partial, "a", encoding="utf-8") as handle:
        handle.write('ility": 1}\n')
    assert os.stat(keeper.partial).st_mode & 0o777 == 0o600
    assert Keeper(str(tmp_path), ABOUT, NOW + timedelta(hours=1)).begin() == RESULTS[:2]
    paths = keeper.end({"format": 1}, {"md": "# x\n", "html": "<p>"})
    assert (
        sorted(os.listdir(tmp_path))
        == ["probe.html", "probe.json", "probe.md"]
        == sorted(map(os.path.basename, paths.values()))
    )
    assert {os.stat(path).st_mode & 0o777 for path in paths.values()} == {0o600}
    assert keeper.earlier() == {"format": 1}


@pytest.mark.parametrize(
    ("about", "later", "fresh"),
    [
        ({**ABOUT, "scope": "all"}, 0, False),
        (ABOUT, 25, False),
        (ABOUT, -1, False),
        (ABOUT, 0, True),
    ],
)
def test_other_run_an_old_one_or_an_unwanted_one_is_not_taken_up(
    tmp_path: Path, about: Any, later: float, fresh: bool
) -> None:
    keeper = Keeper(str(tmp_path), ABOUT, NOW)
    keeper.begin()
    keeper.keep(RESULTS[0])
    other = Keeper(str(tmp_path), about, NOW + timedelta(hours=later))
    assert other.begin(fresh) == []
    assert len(Path(other.partial).read_text().splitlines()) == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(max_size=80)
    | st.lists(
        st.sampled_from(['{"about": 1}', '{"begun": "x"}', "[]", "null", '{"model": 1}', "{"]),
        max_size=4,
    ).map("\n".join)
)
def test_files_that_are_damaged_count_as_none(tmp_path: Path, text: str) -> None:
    keeper = Keeper(str(tmp_path), ABOUT, NOW)
    for name in ("probe.partial.jsonl", "probe.json"):
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert (keeper.begin(), keeper.earlier()) == ([], {})


def test_without_a_folder_nothing_is_kept(tmp_path: Path) -> None:
    keeper = Keeper(str(tmp_path / "nosuch"), ABOUT, NOW)
    assert keeper.begin() == [] and keeper.earlier() == {}
    keeper.keep(RESULTS[0])
    assert keeper.end({}, {}) == {} and list(tmp_path.iterdir()) == []


def test_memory_outlives_runs_that_asked_less() -> None:
    told = _probe_store.remembered({}, RESULTS, {NASTY, "embed"}, NOW)
    assert ("JSON schema" in [item["capability"] for item in told], len(told)) == (False, 6)
    memory = _probe_store.memory({"memory": [*told, "x", {"model": 1}]})
    assert memory[("embed", "embedding")]["shown"] == "yes (768 dimensions)"
    # a model that is gone is forgotten, one that was not asked is not
    again = _probe_store.remembered(memory, [result(NASTY, "chat", "no")], {NASTY}, NOW)
    assert [
        (item["capability"], item["shown"])
        for item in again
        if item["capability"] in ("chat", "tools")
    ] == [("chat", "no"), ("tools", "no")]
    assert {item["model"] for item in again} == {NASTY}
