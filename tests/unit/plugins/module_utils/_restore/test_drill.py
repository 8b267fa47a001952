"""A drill on an engine that is none: the throwaway container, and that it goes whatever happens."""

from __future__ import annotations

from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._backup.folder import BackupError
from ansible_collections.llmops.litellm.plugins.module_utils._host.process import Result
from ansible_collections.llmops.litellm.plugins.module_utils._restore import drill as _drill

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=timezone.utc)
MANIFEST = {"name": "x", "database": {"bytes": 2 << 30}}
ENGINE = ("docker",)


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> support.Programs:
    """An engine whose containers come up at once."""
    programs = support.Programs({"ps --all": "", "inspect": "running\n", "info": "/srv/docker\n"})
    monkeypatch.setattr(_drill._process, "run", programs)
    monkeypatch.setattr(_drill.time, "sleep", lambda _seconds: None)
    return programs


@pytest.fixture
def restored(programs: support.Programs, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A backup that can be restored; the endpoints that it was restored to."""
    seen: list[Any] = []

    def restore(_folder: str, target: Any, *_words: Any) -> Any:
        seen.append(target)
        return SimpleNamespace(found={"rows_total": 7, "tables": [1, 2]}, differences=["table x"])

    monkeypatch.setattr(_drill._backup, "manifest", lambda _folder: MANIFEST)
    monkeypatch.setattr(_drill._load, "find", lambda *_words: None)
    monkeypatch.setattr(_drill._files, "free_bytes", lambda _root: 3 << 30)
    monkeypatch.setattr(_drill._database, "restore", restore)
    return seen


def test_backup_is_restored_into_a_container_of_its_own(
    programs: support.Programs, restored: list[Any]
) -> None:
    told = _drill.drill("/b/x", "postgres@sha256:1", NOW)
    assert {name: told[name] for name in ("rows", "tables", "differences")} == {
        "rows": 7,
        "tables": 2,
        "differences": ["table x"],
    }
    assert programs.seen[0].startswith("docker ps --all"), "a killed one's is not removed first"
    (target,) = restored
    assert target.container.startswith("llmops-litellm-drill-")
    assert programs.seen[-1] == f"docker rm --force --volumes {target.container}"


def test_container_is_reached_by_nobody_and_pulls_nothing(
    programs: support.Programs, restored: list[Any]
) -> None:
    _drill.drill("/b/x", "postgres@sha256:1", NOW)
    (line,) = programs.called("docker run")
    for words in (
        "--network none",
        "--cap-drop ALL",
        "--user postgres",
        "--security-opt no-new-privileges:true",
        "--memory 2g",
        "--pull never",
        "--env POSTGRES_USER=postgres",
        "postgres@sha256:1 postgres -c fsync=off",
    ):
        assert words in line
    assert "--publish" not in line


def test_what_a_killed_drill_has_left_goes_first(programs: support.Programs) -> None:
    programs.answers["ps --all"] = "aaa\nbbb\n"
    _drill.sweep(ENGINE)
    assert programs.seen == [
        "docker ps --all --quiet --filter label=llmops.litellm.drill",
        "docker rm --force --volumes aaa bbb",
    ]


def test_nothing_is_removed_where_nothing_was_left(programs: support.Programs) -> None:
    _drill.sweep(ENGINE)
    assert programs.called("docker rm") == []


@pytest.mark.parametrize(("free", "fits"), [(3 << 30, True), ((3 << 30) - 1, False)])
def test_room_is_half_as_much_again_as_the_database(
    monkeypatch: pytest.MonkeyPatch, free: int, fits: bool
) -> None:
    monkeypatch.setattr(_drill._files, "free_bytes", lambda _root: free)
    if fits:
        _drill.check_space(MANIFEST, "/srv")
    else:
        with pytest.raises(BackupError, match="/srv has 3.0 GiB free, the drill may need 3.0 GiB"):
            _drill.check_space(MANIFEST, "/srv")


def test_no_container_is_made_without_room(
    programs: support.Programs, restored: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_drill._files, "free_bytes", lambda _root: 0)
    with pytest.raises(BackupError, match="/srv/docker has 0.0 GiB free"):
        _drill.drill("/b/x", "postgres@sha256:1", NOW)
    assert programs.called("docker run") == []


def test_server_that_takes_its_time_is_waited_for(programs: support.Programs) -> None:
    ready = iter([1, 1, 0])
    programs.answers["pg_isready"] = lambda: next(ready)
    with _drill.server("image", ENGINE) as name:
        assert len(programs.called("pg_isready")) == 3
        assert programs.called("docker rm") == []
    assert programs.called("docker rm") == [f"docker rm --force --volumes {name}"]


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (
            {"docker run": Result(125, "", "No such image: x\n\nRun 'docker run --help'\n")},
            "a container for the drill does not start: No such image: x",
        ),
        (
            {"pg_isready": 1, "inspect": "exited\n", "logs": Result(0, "", "FATAL: no room\n")},
            "the drill's PostgreSQL does not start: FATAL: no room",
        ),
        (
            {"pg_isready": 1, "inspect": "exited\n"},
            "the drill's PostgreSQL does not start: it said nothing",
        ),
    ],
    ids=["no image", "ends", "ends silently"],
)
def test_container_that_does_not_come_up_is_said_and_removed(
    programs: support.Programs, answers: dict[str, Any], said: str
) -> None:
    programs.answers = {
        **answers,
        **{k: v for k, v in programs.answers.items() if k not in answers},
    }
    with pytest.raises(BackupError, match=said), _drill.server("image", ENGINE):
        raise AssertionError("it came up")
    assert programs.seen[-1].startswith("docker rm --force --volumes llmops-litellm-drill-")


def test_server_that_never_answers_is_given_up(
    programs: support.Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.answers["pg_isready"] = 1
    monkeypatch.setattr(_drill, "START_TIMEOUT", -1.0)
    with pytest.raises(BackupError, match="does not start"), _drill.server("image", ENGINE):
        raise AssertionError("it came up")


def test_container_goes_when_the_restore_fails(programs: support.Programs) -> None:
    with pytest.raises(ValueError, match="mine"), _drill.server("image", ENGINE):
        raise ValueError("mine")
    assert len(programs.called("docker rm")) == 1


@pytest.mark.parametrize(
    ("facts", "fallback", "image"),
    [
        ({"images": {"postgres": "p@sha256:1"}}, "mine:1", "p@sha256:1"),
        ({"images": {}}, "mine:1", "mine:1"),
        ({"images": "nonsense"}, "mine:1", "mine:1"),
        (None, "mine:1", "mine:1"),
    ],
)
def test_image_is_that_of_the_backup_or_else_that_of_the_settings(
    facts: Any, fallback: str, image: str
) -> None:
    assert _drill.image_of({"name": "x", "facts": facts}, fallback) == image


@pytest.mark.parametrize(
    "facts", [{}, {"images": {"postgres": 7}}, {"images": {"postgres": "--privileged"}}]
)
def test_backup_without_an_image_is_refused(facts: Any) -> None:
    with pytest.raises(BackupError, match=r"x/manifest\.json names no image of PostgreSQL"):
        _drill.image_of({"name": "x", "facts": facts})
