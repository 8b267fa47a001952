"""The one table of steps, and the playbooks that read it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import steps as _steps

ROOT = Path(__file__).resolve().parents[5]
PLAYBOOKS = ROOT / "playbooks"
NAMES = [entry.name for entry in _steps.STEPS]
# Files of the playbooks that are no step's own.
OTHERS = sorted(
    path
    for path in PLAYBOOKS.rglob("*.yml")
    if path.parent.name != "steps" and PLAYBOOKS / "vars" not in path.parents
)


def tasks(told: Any) -> list[dict[str, Any]]:
    """All tasks of a file, those in blocks too."""
    found = []
    for entry in told or []:
        if "hosts" in entry:
            found += tasks(entry["tasks"])
            continue
        found.append(entry)
        for part in ("block", "rescue", "always"):
            found += tasks(entry.get(part))
    return found


def load(path: Path) -> Any:
    """What a YAML file holds."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def loops(path: Path) -> list[str]:
    """The lists from which a file takes steps, in the order in which it does."""
    return [
        task["loop"]
        for task in tasks(load(path))
        if str(task.get("ansible.builtin.include_tasks", "")).endswith("/step.yml")
    ]


def test_names_are_told_apart_and_groups_are_in_their_order() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert {entry.group for entry in _steps.STEPS} == set(_steps.GROUPS)
    order = [_steps.GROUPS.index(entry.group) for entry in _steps.STEPS]
    assert order == sorted(order)


def test_every_step_has_its_file_and_every_file_its_row() -> None:
    assert sorted(path.stem for path in (PLAYBOOKS / "tasks/steps").iterdir()) == sorted(NAMES)


def test_journal_remembers_of_steps_and_of_nothing_else() -> None:
    told = load(PLAYBOOKS / "vars/steps.yml")
    assert list(told["step_facts"]) == NAMES
    assert set(told["step_remembers"]) <= set(NAMES)


def test_playbooks_take_steps_from_the_table_only() -> None:
    found = {path.name: loops(path) for path in OTHERS if loops(path)}
    assert found == {
        "migrate.yml": [
            "{{ __state.steps_early }}",
            "{{ steps_left | default(__state.steps_late, true) }}",
        ],
        "rollback.yml": ["{{ __state.steps_back }}"],
        "finalize.yml": ["{{ __finalize.facts.steps }}"],
        "way_back.yml": ["{{ __state.steps_back }}"],
        "rollback_failed.yml": ["{{ __state.steps_on }}"],
    }


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.name)
def test_no_playbook_takes_a_step_by_its_name(path: Path) -> None:
    for task in tasks(load(path)):
        named = str(task.get("ansible.builtin.include_tasks", ""))
        assert re.search(r"steps/(?!{{ step }}[.]yml)", named) is None
        assert not set(NAMES) & set(task.get("loop") if isinstance(task.get("loop"), list) else [])
        journal = task.get("llmops.litellm.journal", {})
        assert journal.get("name", "{{ step }}") == "{{ step }}"


def test_one_file_begins_and_ends_each_step() -> None:
    found = {
        path.name
        for path in PLAYBOOKS.rglob("tasks/**/*.yml")
        for task in tasks(load(path))
        if task.get("llmops.litellm.journal", {}).get("operation") in ("begin", "done")
    }
    assert found == {"begin.yml", "step.yml"}


def test_what_undoes_a_step_is_a_step() -> None:
    assert {entry.undo for entry in _steps.STEPS} - {""} <= set(NAMES)
    assert {entry.ends for entry in _steps.STEPS} - {""} <= set(_steps.STATES)
    assert set(_steps.FORMER.values()) <= set(NAMES)
    assert not set(_steps.FORMER) & set(NAMES)


def test_each_phase_is_in_one_group() -> None:
    assert _steps.group_of(_steps.PREFLIGHT) == _steps.PREPARE
    assert _steps.EARLY == ("preflight", *NAMES[: NAMES.index("cutover")])
    with pytest.raises(KeyError):
        _steps.group_of("lift_off")
