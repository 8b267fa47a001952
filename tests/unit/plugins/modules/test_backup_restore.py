"""The module backup_restore: what it passes on, returns and refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._backup import settings as _settings
from ansible_collections.llmops.litellm.plugins.module_utils._restore import plan as _plan
from ansible_collections.llmops.litellm.plugins.module_utils._restore import (
    rebuild as _rebuild,
)
from ansible_collections.llmops.litellm.plugins.module_utils._restore import (
    restore as _restore,
)
from ansible_collections.llmops.litellm.plugins.module_utils._restore.state import RefusedError
from ansible_collections.llmops.litellm.plugins.modules import backup_restore

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "backups/20261123T120000Z"
    path.mkdir(parents=True)
    (path / "manifest.json").write_text(
        json.dumps(
            {
                "format": 1,
                "name": path.name,
                "created": "2026-11-23T12:00:00+00:00",
                "facts": {"images": {"postgres": "p@sha256:1"}},
            }
        )
    )
    return path.parent


@pytest.fixture
def deployment(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Settings that a deployment is ordered from; what is ordered."""
    asked: list[Any] = []
    (tmp_path / "ops.json").write_text("{}")
    order = _restore.Order(None, "/b/x", "/b", "/s")  # type: ignore[arg-type]
    monkeypatch.setattr(_settings, "load", lambda path: path)
    monkeypatch.setattr(_plan, "order", lambda *words: asked.append(words) or order)

    def restore(order: Any, now: Any, tell: Any) -> dict[str, Any]:
        tell("the proxy is stopped")
        return {"name": "x", "loses": ["a"], "stopped": 1.5}

    monkeypatch.setattr(_restore, "restore", restore)
    monkeypatch.setattr(_restore, "dry_run", lambda order: {"name": "x", "problems": ["too full"]})
    return asked


def test_settings_of_the_host_say_what_is_restored(
    run: Run, deployment: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "ops.json")
    monkeypatch.setattr(
        backup_restore._loaded_images, "same", lambda image: ("sha256:1",) if image == "l" else ()
    )
    result = run(
        backup_restore,
        settings=path,
        name="x",
        kind="legacy",
        path="/else",
        identity="/key",
        signed_by=["ssh-ed25519 AAAA me"],
        accept_files=["ab"],
        images={"litellm": "l"},
        network="host",
        publish=["0.0.0.0"],
        mounts=["/etc/own:/srv/own"],
        restore_point=False,
        wait=5,
    )
    assert (deployment[0][0], deployment[0][2:]) == (
        path,
        (
            "x",
            "legacy",
            "/else",
            "/key",
            False,
            5,
            ("ssh-ed25519 AAAA me",),
            ("ab",),
            (
                "host",
                {"litellm": "l"},
                {"litellm": ("sha256:1",)},
                ("0.0.0.0",),
                ("/etc/own",),
            ),
        ),
    )
    assert (result["changed"], result["messages"], result["loses"], result["stopped"]) == (
        True,
        ["the proxy is stopped"],
        ["a"],
        1.5,
    )
    result = run(backup_restore, check=True, settings=path)
    given = ("bridge", {}, {}, (), ())
    assert deployment[1][2:] == ("latest", "", "", "", True, 240, (), (), given)
    assert (result["changed"], result["problems"], result["messages"]) == (True, ["too full"], [])


def test_mounts_that_are_none_are_refused(run: Run, deployment: list[Any], tmp_path: Path) -> None:
    told = run(backup_restore, settings=str(tmp_path / "ops.json"), mounts=["relative:/x"])
    assert told["msg"].startswith("litellm_mounts: source 'relative' is no absolute path")
    assert deployment == []


def test_refusal_says_what_was_done_before(
    run: Run, deployment: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(order: Any, now: Any, tell: Any) -> Any:
        tell("an earlier one is ended")
        raise RefusedError("nothing was touched: too full")

    monkeypatch.setattr(_restore, "restore", refuse)
    result = run(backup_restore, settings=str(tmp_path / "ops.json"))
    assert (result["failed"], result["msg"], result["messages"]) == (
        True,
        "nothing was touched: too full",
        ["an earlier one is ended"],
    )


def test_host_without_settings_is_built(
    run: Run, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(
        _rebuild,
        "rebuild",
        lambda order, now, tell: asked.append(order) or {"url": "http://127.0.0.1:4000"},
    )
    monkeypatch.setattr(_rebuild, "dry_run", lambda order: {"problems": []})
    params = {
        "settings": "/nosuch/ops.json",
        "path": str(archive),
        "project_dir": "/p",
        "state_dir": "/s",
        "identity": "/key",
    }
    result = run(backup_restore, **params)
    assert asked == [
        _rebuild.Order(str(archive / "20261123T120000Z"), "/p", "/s", "/key", timeout=240)
    ]
    assert (result["url"], result["loses"]) == ("http://127.0.0.1:4000", [])
    assert run(backup_restore, check=True, **params)["problems"] == []
    assert len(asked) == 1
    assert (
        "holds no backup"
        in run(backup_restore, settings="/nosuch/ops.json", path=str(tmp_path))["msg"]
    )


def test_names_in_a_backup_forge_no_line(
    run: Run, deployment: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The playbook numbers the problems."""
    lines = [support.HOSTILE]
    found = {"name": "x", "path": "/b/x", "problems": lines, "notes": lines, "loses": lines}
    monkeypatch.setattr(_restore, "dry_run", lambda _order: found)
    settings = str(tmp_path / "ops.json")
    result = run(backup_restore, check=True, settings=settings)
    support.assert_on_lines([*result["problems"], *result["notes"], *result["loses"]], 3)

    def restore(_order: Any, _now: Any, tell: Any) -> None:
        tell(support.HOSTILE)
        raise RefusedError("it says %s" % support.HOSTILE)

    monkeypatch.setattr(_restore, "restore", restore)
    result = run(backup_restore, settings=settings)
    support.assert_on_lines([result["msg"], *result["messages"]], 2)
