"""The callback of the fault tests: which step a recorded task was in."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

PATH = Path(__file__).resolve().parents[2] / "faults/callback/killer.py"


def run(plugin: Any, action: str, result: dict[str, Any], **args: Any) -> None:
    """One task of a recorded run, from its start to its end."""
    task = SimpleNamespace(
        action="llmops.litellm." + action,
        args=args,
        get_path=lambda: str(PATH) + ":1",
        get_name=lambda: "Do it",
    )
    plugin.v2_playbook_on_task_start(task, False)
    plugin.v2_runner_on_ok(SimpleNamespace(task=task, result=result, is_changed=lambda: True))


def test_step_is_what_the_journal_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMOPS_FAULTS_RECORD", str(tmp_path / "record"))
    spec = importlib.util.spec_from_file_location("killer", PATH)
    assert spec is not None and spec.loader is not None
    killer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(killer)
    plugin = killer.CallbackModule()
    run(plugin, "journal", {"phase": "preflight"}, operation="open")
    run(plugin, "journal", {"phase": "cutover"}, operation="begin", name="{{ step }}")
    run(plugin, "database", {})
    run(plugin, "journal", {"phase": "serve"}, operation="done", name="{{ step }}")
    run(plugin, "stored_models", {})
    seen = [json.loads(line)["step"] for line in (tmp_path / "record").read_text().splitlines()]
    # a task by which a step begins is still in the one before: that is where a kill finds the host
    assert seen == ["", "", "cutover", "cutover", "serve"]
