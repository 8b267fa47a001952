"""The modules that look at a host and record it: what they return, refuse, and never show."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.llmops.litellm.plugins.module_utils._config import envfile as _envfile
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import legacy as _legacy
from ansible_collections.llmops.litellm.plugins.module_utils._host import docker as _docker
from ansible_collections.llmops.litellm.plugins.module_utils._host import listeners as _listeners
from ansible_collections.llmops.litellm.plugins.module_utils._redis import redis as _redis
from ansible_collections.llmops.litellm.plugins.module_utils._redis import transfer as _transfer
from ansible_collections.llmops.litellm.plugins.modules import (
    compose_info,
    image_info,
    journal,
    journal_info,
    legacy_info,
    legacy_record,
    legacy_units,
    migration_report,
    redis_copy,
)

Run = Callable[..., dict[str, Any]]
RUN = {"controller": "desk", "run": "7:100", "alive": []}
SECRET = "hunter2 '$\"\\\n#x"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a module and returns what it printed."""

    def call(module: Any, check: bool = False, **params: Any) -> dict[str, Any]:
        with patch_module_args({**params, "_ansible_check_mode": check}), pytest.raises(SystemExit):
            module.main()
        shown = capsys.readouterr().out
        assert "hunter2" not in shown
        return json.loads(shown)

    return call


@pytest.fixture
def process() -> Iterator[int]:
    """A process with a secret, and with a variable that no env file can hold."""
    environment = {"LITELLM_SALT_KEY": SECRET, "A": "1", "BASH_FUNC_x%%": "() { :; }"}
    # its first line says that /proc tells of it
    command = [sys.executable, "-c", "print(flush=True); input()"]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout
        assert child.stdout.readline()
        yield child.pid
        child.terminate()


def test_environment_of_a_process_is_recorded_byte_for_byte(
    run: Run, process: int, tmp_path: Path
) -> None:
    dest = tmp_path / "state" / "legacy.env"
    assert run(legacy_record, check=True, pid=process, dest=str(dest))["changed"]
    assert not dest.exists()
    result = run(legacy_record, pid=process, dest=str(dest))
    assert result["changed"]
    assert {"A", "LITELLM_SALT_KEY"} <= set(result["variables"])
    assert list(result["left_out"]) == ["BASH_FUNC_x%%"]
    assert (dest.stat().st_mode & 0o777, dest.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    for dialect in ("compose", "systemd"):
        assert _envfile.loads(dest.read_text(), dialect)["LITELLM_SALT_KEY"] == SECRET
    assert not run(legacy_record, pid=process, dest=str(dest))["changed"]
    dest.chmod(0o644)
    assert run(legacy_record, pid=process, dest=str(dest))["changed"]
    assert dest.stat().st_mode & 0o777 == 0o600


def test_process_that_is_gone_is_said(run: Run, tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as child:
        child.wait()
    assert "Run again" in run(legacy_record, pid=child.pid, dest=str(tmp_path / "x"))["msg"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("listener", "reason"),
    [
        (_listeners.Listener("127.0.0.1", 4000, os.getpid(), "litellm"), ""),
        (None, "nobody listens on port 4000"),
        (
            _listeners.Listener("127.0.0.1", 4000, 1, "docker-proxy (process 1)"),
            "port 4000 is held by docker-proxy (process 1)",
        ),
        (
            _listeners.Listener("127.0.0.1", 4000, None, "a process that cannot be seen from here"),
            "port 4000 is held by a process that cannot be seen from here",
        ),
    ],
    ids=["its own", "nobody", "another", "unknown"],
)
def test_serving_means_that_the_units_process_holds_the_port(
    run: Run, monkeypatch: pytest.MonkeyPatch, listener: Any, reason: str
) -> None:
    deployment = type("Deployment", (), {"facts": {"pid": os.getpid(), "port": 4000}})
    monkeypatch.setattr(_legacy, "discover", lambda unit, account: deployment)
    monkeypatch.setattr(_listeners, "listeners", lambda: [listener] if listener else [])
    result = run(legacy_info, unit="litellm.service")
    assert (result["serves"], result["reason"], result["legacy"]) == (
        not reason,
        reason,
        deployment.facts,
    )  # type: ignore[attr-defined]


def test_unit_that_does_not_run_does_not_serve(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def discover(unit: str, account: str) -> Any:
        raise _legacy.LegacyError("%s is inactive" % unit, "Start it")

    monkeypatch.setattr(_legacy, "discover", discover)
    told = run(legacy_info, unit="litellm.service")
    assert (told["reason"], told["legacy"]) == ("litellm.service is inactive Start it", {})


def test_units_are_handled_in_order_and_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def retire(unit: dict[str, str], check: bool) -> list[str]:
        seen.append((unit["name"], check))
        return ["stopped"] if unit["name"] == "b.service" else []

    monkeypatch.setattr(legacy_units._systemd, "retire", retire)
    units = [
        {"name": name, "enabled": "enabled", "active": "active"}
        for name in ("a.timer", "b.service")
    ]
    assert run(legacy_units, check=True, units=units, state="retired")["actions"] == {
        "b.service": ["stopped"]
    }
    assert seen == [("a.timer", True), ("b.service", True)]


def test_journal_and_its_reader_agree(run: Run, tmp_path: Path) -> None:
    folder = str(tmp_path / "state")
    assert run(journal_info, folder=folder)["state"] == "none"
    assert run(journal, check=True, folder=folder, operation="open", run=RUN)["changed"]
    assert not (tmp_path / "state").exists()
    run(journal, folder=folder, operation="open", run={**RUN, "controller": "elsewhere"})
    run_now = run(journal_info, folder=folder, run=RUN)
    assert (run_now["state"], run_now["phase"]) == ("running", "preflight")
    assert "controller elsewhere is at work" in run_now["busy"]
    assert run(journal_info, folder=folder)["busy"] == ""
    assert "is at work" in run(journal, folder=folder, operation="open", run=RUN)["msg"]
    (tmp_path / "state/journal.json").write_text("{")
    assert "cannot be read" in run(journal_info, folder=folder)["msg"]


def test_report_needs_a_journal_and_is_written_once(run: Run, tmp_path: Path) -> None:
    folder = str(tmp_path / "state")
    assert "there was no migration" in run(migration_report, folder=folder)["msg"]
    run(journal, folder=folder, operation="open", run=RUN)
    run(
        journal, folder=folder, operation="close", state="untouched", facts={"failure": "it rained"}
    )
    assert run(migration_report, check=True, folder=folder)["changed"]
    assert not (tmp_path / "state/report.md").exists()
    result = run(migration_report, folder=folder)
    assert "reason: it rained" in result["summary"]
    assert "it rained" in Path(result["path"]).read_text()
    assert json.loads((tmp_path / "state/report.json").read_text())["failure"] == "it rained"
    assert not run(migration_report, folder=folder)["changed"]


def test_images_are_told_and_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def identity(image: str, user: str, python: bool) -> dict[str, Any]:
        told: dict[str, Any] = {"reference": image, "uid": 1, "gid": 1}
        return {**told, "litellm_version": "1.103.0", "migrations": ["a", "b"]} if python else told

    monkeypatch.setattr(_docker, "identity", identity)
    images = {"litellm": "l", "postgres": "p", "redis": "r"}
    result = run(image_info, images=images, legacy_release="1.102.4", applied_migrations=["a"])
    assert result["images"]["litellm"] == {
        "reference": "l",
        "uid": 1,
        "gid": 1,
        "litellm_version": "1.103.0",
    }
    assert len(result["refused"]) == 2
    assert run(image_info, images=images)["refused"] == []
    assert (
        "no image is given for postgres, redis" in run(image_info, images={"litellm": "l"})["msg"]
    )


def test_containers_are_told_with_what_is_wrong(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_docker, "container", lambda name: None)
    result = run(compose_info, containers=["litellm-proxy"])
    assert result == {
        "changed": False,
        "containers": {"litellm-proxy": None},
        "problems": ["container litellm-proxy does not exist"],
        "invocation": result["invocation"],
    }


@pytest.mark.parametrize(
    ("held", "replace", "differences", "said"),
    [
        ("", False, [], None),
        ("db0:keys=2,expires=0\r\n", False, [], "holds keys already (db0: 2)"),
        ("db0:keys=2,expires=0\r\n", True, [], None),
        ("", False, ["db0: 1 keys"], "does not hold what the native Redis held: db0: 1 keys"),
    ],
    ids=["empty", "not empty", "may be replaced", "differs"],
)
def test_redis_is_carried_or_refused(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    held: str,
    replace: bool,
    differences: list[str],
    said: Any,
) -> None:
    (tmp_path / "env").write_text("REDIS_PASSWORD=hunter2\nREDIS_USERNAME=gateway\n")
    seen: list[Any] = []

    def carry(source: Any, target: Any, folder: str, timeout: float) -> dict[str, Any]:
        seen.append(source)
        return {"databases": {}, "bytes": 1, "differences": differences}

    monkeypatch.setattr(_transfer, "carry", carry)
    monkeypatch.setattr(_redis.Container, "state", lambda self: "running")
    monkeypatch.setattr(_redis.Container, "ask", lambda self, *words: held)
    result = run(
        redis_copy, container="litellm-redis", env_file=str(tmp_path / "env"), replace=replace
    )
    if said is None:
        assert result["changed"]
        assert seen == [_redis.Native("127.0.0.1", 6379, "gateway", "hunter2")]
    else:
        assert said in result["msg"]
        assert bool(seen) == bool(differences)
