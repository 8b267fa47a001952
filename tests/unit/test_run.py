"""The runner of the tests: its order, what waits for what, and how migrations are counted."""

from __future__ import annotations

import json
from pathlib import Path

import evidence
import pytest
import run

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import steps as _steps


def journal(*names: str, state: str = "done") -> str:
    """A journal in which these steps ended so."""
    return json.dumps({"steps": [{"name": name, "state": state} for name in names]})


FORWARD = _steps.of(_steps.PREPARE, _steps.CUTOVER, _steps.SERVE)
BACK = _steps.of(_steps.STOP, _steps.REVERT)


def test_migrations_are_counted_by_their_last_step() -> None:
    journals = [journal(*FORWARD), journal(*FORWARD, *BACK), journal(*FORWARD[:-1], *BACK), "{}"]
    assert evidence.runs(journals) == {"migrations": 2, "rollbacks": 2}
    assert evidence.runs([journal(*FORWARD, state="begun")]) == {"migrations": 0, "rollbacks": 0}


def test_secrets_are_hidden_in_what_a_host_leaves() -> None:
    known = {"KEY": "sk-a$b'c", "QUOTED": 'p"q\\r'}
    text = "export KEY=sk-a$b'c; " + json.dumps({"it": 'p"q\\r'})
    assert evidence.hide(text, known) == 'export KEY=<KEY>; {"it": "<QUOTED>"}'


def test_what_took_longest_is_started_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "SECONDS", tmp_path / "seconds.json")
    run.SECONDS.write_text(json.dumps({"unit": 1, "sanity": 9, "molecule migrate": 5}))
    names = [task.name for task in run.tasks_of(["unit", "sanity", "molecule"], ["migrate"])]
    assert names == ["testbed", "sanity", "molecule migrate", "unit"]
    run.SECONDS.write_text("broken")
    assert run.seconds_of_last_run() == {}


def test_order_of_a_first_run_knows_every_long_step() -> None:
    scenarios = [path.parent.name for path in run.ROOT.glob("molecule/*/molecule.yml")]
    names = {task.name for task in run.tasks_of(list(run.STEPS), scenarios)}
    built = {"testbed", "migrated host"}  # others wait for them, so they come first
    assert set(run.USUAL) == {name for name in names - built if not name.startswith("lint ")}


def test_every_host_that_a_scenario_makes_is_known_before() -> None:
    assert run.hosts_of("rollback") == ["llmops-rollback", "llmops-rollback-none"]
    scenarios = [path.parent.name for path in run.ROOT.glob("molecule/*/molecule.yml")]
    hosts = [host for scenario in scenarios for host in run.hosts_of(scenario)]
    assert all(map(run.hosts_of, scenarios))
    assert len(hosts) == len(set(hosts))  # scenarios run side by side


def test_only_scenarios_of_a_migrated_host_wait_for_it() -> None:
    tasks = {task.name: task for task in run.tasks_of(["molecule"], ["migrate", "operations"])}
    assert tasks["migrated host"].after == tasks["molecule migrate"].after == "testbed"
    assert tasks["molecule operations"].after == "migrated host"
    assert "migrated host" not in {task.name for task in run.tasks_of(["molecule"], ["migrate"])}
    assert [task.name for task in run.tasks_of(["unit"], ["operations"])] == ["unit"]


def test_migrations_of_a_scenario_are_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "OUTPUT", tmp_path)
    task = run.Task("molecule operations", [], 1, after="migrated host")
    folder = task.evidence / "llmops-operations"
    folder.mkdir(parents=True)
    (folder / "runs.json").write_text(json.dumps({"migrations": 3, "rollbacks": 2}))
    task.failed = ["something"]
    run.look_at_hosts(task)
    assert (task.migrations, task.rollbacks) == (2, 2)  # it was migrated once before
    assert folder.exists()
    task.failed = []
    run.look_at_hosts(task)
    assert not task.evidence.exists()


def test_all_but_what_works_on_hosts_gives_way() -> None:
    tasks = run.tasks_of(["lint", "unit", "sanity", "integration", "molecule"], ["operations"])
    hosts = {task.name for task in tasks if task.hosts}
    assert hosts == {"testbed", "migrated host", "molecule operations"}


def test_one_place_is_for_what_needs_no_host_as_long_as_both_wait() -> None:
    tasks = run.tasks_of(
        ["lint", "unit", "sanity", "molecule"], ["operations", "backup", "migrate"]
    )
    by_name = {task.name: task for task in tasks}
    health, backup, migrate, unit, sanity = (
        by_name[name]
        for name in (
            *map("molecule {}".format, ("operations", "backup", "migrate")),
            "unit",
            "sanity",
        )
    )
    whole = run.Run(tasks, 3)
    whole.waiting = [migrate, sanity]
    assert whole.has_turn(migrate, [unit, health])
    assert not whole.has_turn(migrate, [health, backup])
    assert whole.has_turn(sanity, [health, backup])
    assert not whole.has_turn(sanity, [unit, health])
    whole.waiting = [migrate]
    assert whole.has_turn(migrate, [health, backup])
    whole.waiting = [sanity]
    assert whole.has_turn(sanity, [unit, health])
    alone = run.Run(tasks, 1)
    alone.waiting = tasks
    assert alone.has_turn(health, []) and alone.has_turn(unit, [])
