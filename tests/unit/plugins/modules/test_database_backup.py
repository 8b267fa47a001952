"""The module database_backup: the order that it makes of its arguments, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._backup import backup as _backup
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import PostgresError
from ansible_collections.llmops.litellm.plugins.modules import database_backup

Run = Callable[..., dict[str, Any]]
SOURCE = {"container": "litellm-postgres", "database": "litellm", "user": "litellm"}


@pytest.fixture
def orders(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was ordered."""
    orders: list[Any] = []
    monkeypatch.setattr(
        _backup, "backup", lambda order, now: orders.append(order) or {"changed": True, "name": "x"}
    )
    monkeypatch.setattr(
        _backup, "foresee", lambda order, now: {"changed": True, "name": "foreseen"}
    )
    return orders


def back_up(run: Run, check: bool = False, **params: Any) -> dict[str, Any]:
    return run(database_backup, check, source=SOURCE, path="/b", kind="compose", **params)


def test_order_is_what_the_arguments_say(run: Run, orders: list[Any], tmp_path: Path) -> None:
    (tmp_path / "env").write_text("LITELLM_SALT_KEY=sk-hunter2\n")
    told = back_up(
        run,
        name="before",
        pinned=True,
        files=[{"src": str(tmp_path / "env")}, {"src": "/etc/hostname", "name": "host"}],
        salt_key_file=str(tmp_path / "env"),
        facts={"images": {}},
        compression=3,
        jobs=2,
        parallel_from=5,
        encrypt_to=["age1x"],
    )
    assert told["name"] == "x"
    (order,) = orders
    assert str(order.source) == "database litellm (container litellm-postgres)"
    assert order.folder == "/b"
    assert order.name == "before"
    assert order.pinned
    assert order.files == {"env": str(tmp_path / "env"), "host": "/etc/hostname"}
    assert order.salt_key == "sk-hunter2"
    assert order.how == _backup.How(3, 2, 5 << 20, ("age1x",))


def test_check_mode_makes_none(run: Run, orders: list[Any]) -> None:
    assert back_up(run, check=True)["name"] == "foreseen"
    assert orders == []


@pytest.mark.parametrize(
    ("params", "said"),
    [
        (
            {"files": [{"src": "/a/x"}, {"src": "/b/x"}]},
            "two of the files would have the same name",
        ),
        ({"compression": 10}, "compression must be a number from 0 to 9"),
        ({"compression": -1}, "compression must be a number from 0 to 9"),
        ({"jobs": 0}, "jobs one from 1 on"),
        ({"parallel_from": -1}, "parallel_from one from 0 on"),
        ({"salt_key_file": "/etc/hostname"}, ""),
        ({"salt_key_file": "/nosuch/env"}, "/nosuch/env"),
    ],
)
def test_wrong_arguments_are_said(
    run: Run, orders: list[Any], params: dict[str, Any], said: str
) -> None:
    told = back_up(run, **params)
    assert told["failed"]
    assert said in told["msg"]
    assert orders == []


def test_env_file_without_a_key_is_said(run: Run, orders: list[Any], tmp_path: Path) -> None:
    (tmp_path / "env").write_text("OTHER=hunter2\n")
    told = back_up(run, salt_key_file=str(tmp_path / "env"))
    assert "sets neither LITELLM_SALT_KEY nor LITELLM_MASTER_KEY" in told["msg"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (_backup.BackupError("too full"), "too full"),
        (PostgresError("refused"), "refused"),
        (OSError(28, "No space left on device", "/b/x"), "/b/x: No space left on device"),
    ],
)
def test_backup_that_fails_is_said(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    monkeypatch.setattr(_backup, "backup", support.fails(error))
    told = back_up(run)
    assert told["failed"]
    assert told["msg"] == said
