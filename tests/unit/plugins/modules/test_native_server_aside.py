"""The module native_server_aside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from unit.support import fails

from ansible_collections.llmops.litellm.plugins.module_utils._pooler import (
    native_aside as _native_aside,
)
from ansible_collections.llmops.litellm.plugins.module_utils._pooler.folder import Folder
from ansible_collections.llmops.litellm.plugins.module_utils._pooler.pooler import Outcome
from ansible_collections.llmops.litellm.plugins.module_utils._pooler.target import (
    PoolerError,
    Target,
)
from ansible_collections.llmops.litellm.plugins.modules import native_server_aside

Run = Callable[..., dict[str, Any]]
SERVER = {"argv": ["postgres"], "program": "/p/postgres", "account": "postgres", "folder": "/data"}
UNIT = {"name": "postgresql@15-main.service", "account": ""}
PLACE = ("127.0.0.2", "/run/litellm-legacy-aside.env")
OWN = Target("localhost", 5434, "llm", "gateway", "hunter2", "prefer")


@pytest.fixture
def words(tmp_path: Path) -> dict[str, Any]:
    path = tmp_path / "legacy.env"
    path.write_text("DATABASE_URL=postgresql://gateway:hunter2@localhost:5434/llm\n")
    return {
        "server": SERVER,
        "unit": UNIT,
        "env_file": str(path),
        "folder": "/run/pooler",
        "container": "pooler",
    }


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was asked for."""
    made: list[Any] = []

    def note(name: str, outcome: Outcome) -> None:
        def act(*words: Any) -> Outcome:
            made.append((name, *words))
            return outcome

        monkeypatch.setattr(_native_aside, name, act)

    note("aside", Outcome(True, 0.41234))
    note("back", Outcome(False))
    return made


@pytest.mark.parametrize(
    ("state", "name", "told"), [("aside", "aside", (True, 0.412)), ("own", "back", (False, 0))]
)
def test_it_moves(
    run: Run, done: list[Any], words: dict[str, Any], state: str, name: str, told: Any
) -> None:
    found = run(native_server_aside, state=state, **words)
    assert (found["changed"], found["seconds"]) == told
    assert (found["address"], found["env_file"]) == PLACE
    run(native_server_aside, state=state, **words, limit=9, patience=0.25, timeout=7)
    moving = _native_aside.Moving(
        Folder("/run/pooler"), "pooler", SERVER, UNIT, words["env_file"], 30, 0.5, 60
    )
    other = moving._replace(limit=9, patience=0.25, timeout=7)
    assert done == [(name, moving, OWN), (name, other, OWN)]


@pytest.mark.parametrize(
    ("state", "is_aside", "changed"),
    [("aside", False, True), ("aside", True, False), ("own", False, False), ("own", True, True)],
)
def test_check_mode_moves_nothing(
    run: Run,
    done: list[Any],
    words: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    state: str,
    is_aside: bool,
    changed: bool,
) -> None:
    monkeypatch.setattr(_native_aside, "is_aside", lambda: is_aside)
    found = run(native_server_aside, check=True, state=state, **words)
    assert (found["changed"], found["seconds"]) == (changed, 0)
    assert (found["address"], found["env_file"]) == PLACE
    assert done == []


@pytest.mark.parametrize(("state", "name"), [("aside", "aside"), ("own", "back")])
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PoolerError("1 transactions are open"), "1 transactions are open"),
        (OSError(28, "No space left on device", "/run/x"), "/run/x: No space left on device"),
    ],
)
def test_a_failure_is_told(
    run: Run,
    words: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    state: str,
    name: str,
    error: Exception,
    said: str,
) -> None:
    monkeypatch.setattr(_native_aside, name, fails(error))
    found = run(native_server_aside, state=state, **words)
    assert (found["failed"], found["msg"]) == (True, said)


def test_socket_is_no_place_to_leave(run: Run, done: list[Any], words: dict[str, Any]) -> None:
    Path(words["env_file"]).write_text("DATABASE_URL=postgresql://a:hunter2@/x?host=/run\n")
    found = run(native_server_aside, state="aside", **words)
    assert found["failed"] and "leads to a Unix socket" in found["msg"]
    assert done == []
