"""The command: files that LiteLLM needs are copied anew, and LiteLLM restarted with them."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from small_archive import Run

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    compose_project as _compose_project,
)
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import journal as _journal
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import record as _record
from ansible_collections.llmops.litellm.plugins.module_utils._deployment.compose_project import (
    DeploymentError,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import paths as _paths
from ansible_collections.llmops.litellm.plugins.module_utils._ops import refresh as _refresh
from ansible_collections.llmops.litellm.plugins.module_utils._restore import state as _state

NAME = "needed.001-cert.pem"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A migrated host whose certificate was renewed after it was copied; ``done``: what happened to
    the proxy, and which certificate it had then."""
    project, cert = tmp_path / "project", tmp_path / "cert.pem"
    project.mkdir()
    (project / NAME).write_text("old")
    os.utime(project / NAME, (1, 1))
    cert.write_text("new")
    files = [{"source": str(cert), "target": "/srv/cert.pem", "name": NAME}]
    found = {"project_dir": str(project), "legacy": {"reader": "root"}, "needs": {"files": files}}
    host: dict[str, Any] = {
        "journal": {"state": "migrated", "facts": {"found": found}},
        "cert": str(cert),
        "copy": project / NAME,
        "done": [],
        "starts": [True, True],
        "started": time.time() + 60,
    }

    def start(folder: str, engine: Any, wait: float) -> None:
        host["done"].append(("start", folder, wait, host["copy"].read_text()))
        if not host["starts"].pop(0):
            raise DeploymentError("the proxy does not start: unhealthy")

    monkeypatch.setattr(_paths, "require", lambda *_words: None)
    monkeypatch.setattr(_journal, "load", lambda folder: host["journal"])
    monkeypatch.setattr(_compose_project, "start_proxy", start)
    monkeypatch.setattr(_compose_project, "proxy_started", lambda folder, engine: host["started"])
    monkeypatch.setattr(
        _compose_project, "stop_proxy", lambda folder, engine: host["done"].append(("stop", folder))
    )
    return host


def test_what_has_changed_is_copied_and_read(host: dict[str, Any], run: Run) -> None:
    folder = str(host["copy"].parent)
    code, out, _err = run("refresh", "--dry-run", "--json")
    assert (code, json.loads(out)["changed"]) == (0, [host["cert"]])
    assert (host["done"], host["copy"].read_text()) == ([], "old")
    code, out, _err = run("refresh", "--wait", "9")
    assert (code, out.splitlines()) == (
        0,
        [
            "%s has changed since it was copied" % host["cert"],
            "copied anew, and LiteLLM runs with it",
        ],
    )
    assert host["done"] == [("stop", folder), ("start", folder, 9, "new")]
    code, out, _err = run("refresh")
    assert (code, out.strip()) == (0, "no original of 1 copies has changed")
    assert len(host["done"]) == 2


def test_copy_that_a_killed_run_left_unread_is_read(host: dict[str, Any], run: Run) -> None:
    host["copy"].write_text("new")
    host["started"] = host["copy"].stat().st_mtime - 1
    line = "%s was copied after LiteLLM's start" % host["cert"]
    code, out, _err = run("refresh", "--dry-run")
    assert (code, out.strip(), host["done"]) == (0, line, [])
    code, out, _err = run("refresh")
    assert (code, out.splitlines()) == (0, [line, "LiteLLM runs with it"])
    assert [each[0] for each in host["done"]] == ["stop", "start"]
    host["started"] += 2
    assert run("refresh")[1].strip() == "no original of 1 copies has changed"


@pytest.mark.parametrize("again", [True, False])
def test_proxy_that_does_not_start_has_its_former_copies_again(
    host: dict[str, Any], run: Run, again: bool
) -> None:
    host["starts"] = [False, again]
    code, _out, err = run("refresh")
    assert (code, host["copy"].read_text()) == (1, "old")
    starts = [each[2:] for each in host["done"] if each[0] == "start"]
    assert starts == [(_refresh.WAIT, "new"), (_refresh.WAIT, "old")]
    assert "the proxy does not start: unhealthy; its former copies come back" in err
    assert ("It serves with its former copies again" in err) == again


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"journal": None}, "no migration and no deployment is on record in"),
        ({"journal": {"state": "running", "facts": {}}}, "the migration is running"),
        ({"journal": {"state": "rolled back", "facts": {}}}, "the migration is rolled back"),
        ({"unfinished": "a restore of x was killed"}, "a restore of x was killed"),
    ],
)
def test_nothing_is_copied_where_the_compose_deployment_does_not_serve(
    host: dict[str, Any],
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, Any],
    said: str,
) -> None:
    host.update(change)
    monkeypatch.setattr(_state, "unfinished", lambda folder: host.get("unfinished", ""))
    code, _out, err = run("refresh")
    assert code == 3 and said in err
    assert (host["done"], host["copy"].read_text()) == ([], "old")


def test_copies_of_a_deployment_that_was_never_migrated(
    host: dict[str, Any], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts, host["journal"] = host["journal"]["facts"], None
    record: dict[str, Any] = {"state": "deployed", "begun": "t", "facts": facts}
    monkeypatch.setattr(_record, "load", lambda folder: record)
    code, out, _err = run("refresh", "--dry-run")
    assert (code, out.strip()) == (0, "%s has changed since it was copied" % host["cert"])
    record["state"] = "running"
    code, _out, err = run("refresh")
    assert code == 3 and "a run of deploy.yml is under way, or was killed" in err
    assert host["done"] == []
