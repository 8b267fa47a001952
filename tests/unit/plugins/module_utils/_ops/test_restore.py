"""The command: a restore says as it goes what it does and what was lost."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from small_archive import NOW, Run

from ansible_collections.llmops.litellm.plugins.module_utils._host.systemd import SystemdError
from ansible_collections.llmops.litellm.plugins.module_utils._ops import restore as _command
from ansible_collections.llmops.litellm.plugins.module_utils._restore import plan as _plan
from ansible_collections.llmops.litellm.plugins.module_utils._restore import (
    rebuild as _rebuild,
)
from ansible_collections.llmops.litellm.plugins.module_utils._restore import (
    restore as _restore,
)
from ansible_collections.llmops.litellm.plugins.module_utils._restore.state import (
    RefusedError,
    RestoreError,
)


@pytest.fixture
def ordered(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was ordered. The restore itself is another one's test."""
    seen: list[Any] = []
    monkeypatch.setattr(_plan, "order", lambda *words: seen.append(words) or ORDER)

    def restore(order: Any, time: datetime, tell: Any) -> dict[str, Any]:
        tell("the proxy\nis stopped")
        return {
            "name": "x",
            "path": "/b/x",
            "loses": ["a: 1 row"],
            "notes": ["a note"],
            "point": "/b/point",
            "stopped": 1.25,
            "seconds": 20.0,
        }

    monkeypatch.setattr(_restore, "restore", restore)
    return seen


ORDER = _restore.Order(None, "/b/x", "/b", "/s")  # type: ignore[arg-type]


def test_restore_tells_as_it_goes_and_what_was_lost(
    run: Run, ordered: list[Any], tmp_path: Path
) -> None:
    keys = tmp_path / "keys.pub"
    keys.write_text("# the operator's\nssh-ed25519 AAAA me\n")
    code, out, _err = run(
        "restore",
        "x",
        "--from",
        "/else",
        "--into",
        "legacy",
        "--identity",
        "/key",
        "--no-restore-point",
        "--wait",
        "9",
    )
    assert code == 0
    assert ordered[0][1:] == (NOW, "x", "legacy", "/else", "/key", False, 9, (), ())
    assert out.splitlines() == [
        "the proxy is stopped",
        "lost with it: a: 1 row",
        "a note",
        "restore point: /b/point",
        "it took 20.0 s, 1.2 s of them without a proxy",
    ]
    words = ("--signed-by", str(keys), "--accept", "ab", "--accept", "cd")
    code, out, err = run("restore", "--json", *words)
    assert ordered[1][1:] == (
        *(NOW, "latest", "", "", "", True, 240),
        ("ssh-ed25519 AAAA me",),
        ("ab", "cd"),
    )
    assert (code, err, json.loads(out)["point"]) == (0, "the proxy is stopped\n", "/b/point")


def test_new_host_is_built_by_the_same_command(
    run: Run, ordered: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_plan, "order", lambda *words: _rebuild.Order("/b/x", "/opt/litellm", "/s"))
    monkeypatch.setattr(
        _rebuild,
        "rebuild",
        lambda order, time, tell: tell("the proxy starts") or {"notes": ["a note"], "seconds": 3.0},
    )
    assert run("restore") == (0, "the proxy starts\na note\nit took 3.0 s\n", "")


def test_dry_run_of_a_restore_says_what_would_be_lost(
    run: Run, ordered: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {
        "name": "x",
        "path": "/b/x",
        "created": "t",
        "source": "compose",
        "rows_total": 7,
        "problems": [],
        "notes": ["a note"],
        "loses": ["a: 1 row"],
        "interrupted": "swapping",
    }
    monkeypatch.setattr(_restore, "dry_run", lambda order: told)
    code, out, _err = run("restore", "--dry-run")
    assert (code, out.splitlines()) == (
        0,
        [
            "/b/x, made t of the compose deployment, 7 rows",
            "an earlier restore was killed in its stage swapping; a run ends that first",
            "would be lost: a: 1 row",
            "a note",
        ],
    )
    told.update(problems=["too full"], loses=[], interrupted="")
    code, _out, err = run("restore", "--dry-run")
    assert (code, err.splitlines()[1:]) == (
        3,
        ["nothing is there now that the backup does not have", "a note", "REFUSED   too full"],
    )


@pytest.mark.parametrize(
    ("error", "code"),
    [(RefusedError("refused"), 3), (RestoreError("failed"), 1), (SystemdError("no bus"), 1)],
)
def test_restore_that_does_not_go_well(
    run: Run, ordered: list[Any], monkeypatch: pytest.MonkeyPatch, error: Exception, code: int
) -> None:
    def restore(*_words: Any) -> Any:
        raise error

    monkeypatch.setattr(_restore, "restore", restore)
    assert run("restore")[::2] == (code, "%s\n" % error)


TOLD = {
    "path": "/b/x",
    "created": "2026",
    "source": "legacy",
    "rows_total": 7,
    "interrupted": "",
    "loses": [],
    "notes": [],
    "problems": [],
}


@pytest.mark.parametrize(
    ("more", "lines"),
    [
        ({}, ["nothing is there now that the backup does not have"]),
        (
            {"loses": ["a: 1 row"], "notes": ["a note"], "problems": ["too full"]},
            ["would be lost: a: 1 row", "a note", "REFUSED   too full"],
        ),
        (
            {"interrupted": "swapping", "loses": ["b"]},
            [
                "an earlier restore was killed in its stage swapping; a run ends that first",
                "would be lost: b",
            ],
        ),
    ],
)
def test_dry_run_in_lines(more: dict[str, Any], lines: list[str]) -> None:
    first = "/b/x, made 2026 of the legacy deployment, 7 rows"
    assert _command.foreseen({**TOLD, **more}) == [first, *lines]


def test_dry_run_of_what_cannot_be_trusted_says_only_why() -> None:
    told = {**TOLD, "created": None, "problems": ["it is not sound"]}
    assert _command.foreseen(told) == ["REFUSED   it is not sound"]
