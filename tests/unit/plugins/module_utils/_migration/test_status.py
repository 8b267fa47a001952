"""Where a host stands, whatever is broken on it. Systemd, Docker and the proxy are fakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from any_host import FORWARD, FOUND, NOW, SECRET, THEN, fits, journal, upto
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._backup import backup as _backup
from ansible_collections.llmops.litellm.plugins.module_utils._config import includes as _includes
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    compose_project as _compose_project,
)
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import facts as _facts
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import journal as _journal
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import legacy as _legacy
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import record as _record
from ansible_collections.llmops.litellm.plugins.module_utils._host import docker as _docker
from ansible_collections.llmops.litellm.plugins.module_utils._host import listeners as _listeners
from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process
from ansible_collections.llmops.litellm.plugins.module_utils._host import systemd as _systemd
from ansible_collections.llmops.litellm.plugins.module_utils._host.listeners import Listener
from ansible_collections.llmops.litellm.plugins.module_utils._host.systemd import Manager, Unit
from ansible_collections.llmops.litellm.plugins.module_utils._migration import status as _status
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    status_text as _status_text,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import session as _session


@pytest.mark.parametrize(
    ("run", "working", "words"),
    [
        (None, "unknown", "is at work or was killed in its step serve"),
        (
            {"controller": "desk", "run": "9:1", "alive": ["7:100"]},
            "yes",
            "a run is at work in its step serve (new deployment started",
        ),
        (
            {"controller": "desk", "run": "9:1", "alive": []},
            "no",
            "a run was killed in its step serve",
        ),
        ({"controller": "other", "run": "9:1", "alive": []}, "yes", "a run is at work"),
    ],
)
def test_run_that_works_is_told_from_one_that_was_killed(
    run: Any, working: str, words: str
) -> None:
    told = _status.position_in_words(journal(*upto("serve")), run, NOW, 7200)
    assert (told["working"], told["since"], told["state"]) == (working, THEN, "running")
    assert words in told["words"]


def test_step_that_failed_is_told_as_such() -> None:
    failed = journal(*FORWARD, "drop_databases")
    failed["steps"][-1]["state"] = "failed"
    told = _status.position_in_words(
        failed, {"controller": "desk", "run": "9:1", "alive": []}, NOW, 1
    )
    assert (
        told["words"] == "a run ended in its step drop_databases, which failed (databases dropped)"
    )


def test_states_that_last() -> None:
    assert _status.position_in_words(None, None, NOW, 1)["words"] == "no migration was ever begun"
    told = _status.position_in_words(
        journal(*FORWARD, state="migrated", kept_database="litellm_x"), None, NOW, 1
    )
    assert (told["state"], told["working"], told["since"], told["kept_database"]) == (
        "migrated",
        "no",
        THEN,
        "litellm_x",
    )


def test_newest_backup_with_a_sound_manifest_is_the_last(tmp_path: Path) -> None:
    assert _status.last_backup(str(tmp_path / "nosuch")) == {"last": None, "unreadable": 0}
    for name, created, text in (
        ("a", "2026-11-20T00:00:00+00:00", None),
        ("b", "2026-11-22T00:00:00+00:00", None),
        ("c", "", "{"),
        ("d", "not a time", None),
        (".incomplete-x", "", "{"),
    ):
        (tmp_path / name).mkdir()
        manifest = {
            "format": 1,
            "name": name,
            "created": created,
            "source": "legacy",
            "rows_total": 3,
            "pinned": name == "b",
        }
        (tmp_path / name / _backup.MANIFEST).write_text(text or json.dumps(manifest))
    (tmp_path / "file").touch()
    assert _status.last_backup(str(tmp_path)) == {
        "unreadable": 2,
        "last": {
            "name": "b",
            "path": str(tmp_path / "b"),
            "created": "2026-11-22T00:00:00+00:00",
            "kind": "legacy",
            "rows": 3,
            "pinned": True,
        },
    }


PUBLISHED = {
    "litellm-proxy": {
        "ports": {"4000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "4000"}], "9/tcp": None}
    },
    "litellm-redis": None,
}


def test_backups_of_another_account_are_not_read_and_it_is_said(
    tmp_path: Path, host: dict[str, Any]
) -> None:
    folder = support.foreign(tmp_path / "theirs")
    (folder / "x").symlink_to("/root")
    told = _status.inspect({**host["settings"], "backup_dir": str(folder)}, NOW)["backup"]
    assert (told["last"], told["unreadable"]) == (None, 0)
    assert "theirs belongs to account nobody" in told["error"]


@pytest.mark.parametrize(
    ("listener", "holds", "kind", "name"),
    [
        (None, False, "nobody", "nobody"),
        (
            Listener("127.0.0.1", 4000, 7, "python3 litellm (process 7)"),
            True,
            "legacy",
            "litellm.service",
        ),
        (
            Listener("127.0.0.1", 4000, 7, "docker-proxy (process 7)"),
            False,
            "compose",
            "container litellm-proxy",
        ),
        (Listener("127.0.0.1", 4001, 7, "nginx (process 7)"), False, "other", "nginx (process 7)"),
    ],
)
def test_who_has_the_port(listener: Any, holds: bool, kind: str, name: str) -> None:
    assert _status.who_answers(
        listener, [{"name": "litellm.service", "holds_port": holds}], PUBLISHED
    ) == {"kind": kind, "name": name}


def test_key_is_the_first_that_is_there(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=1\n")
    (tmp_path / "legacy.env").write_text("LITELLM_MASTER_KEY=%s\n" % SECRET)
    assert (
        _status.key_of(
            [str(tmp_path / "nosuch"), str(tmp_path / ".env"), str(tmp_path / "legacy.env")]
        )
        == SECRET
    )
    assert _status.key_of([]) is None


@pytest.mark.parametrize(("address", "holds"), [("::1", True), ("127.0.0.1", False)])
def test_port_is_the_servers_at_the_address_that_clients_use(
    monkeypatch: pytest.MonkeyPatch, address: str, holds: bool
) -> None:
    unit = Unit("db.service", _systemd.Manager(None), "", "active", {"MainPID": "7"})
    monkeypatch.setattr(_systemd, "show", lambda *_words: [unit])
    monkeypatch.setattr(_process, "ancestors", lambda pid: [pid])
    found = [Listener(address, 5434, 7, "postgres (process 7)")]
    record = {"name": "db.service", "account": ""}
    assert _status.unit_state(record, 5434, found, "::1")["holds_port"] is holds


def test_migrated_host(host: dict[str, Any]) -> None:
    told = _status.inspect(host["settings"], NOW)
    assert told["journal"]["state"] == "migrated"
    assert told["legacy"]["units"] == [
        {
            "name": "litellm.service",
            "account": "litellm",
            "recorded_enabled": "enabled",
            "recorded_active": "active",
            "enabled": "disabled",
            "active": "inactive",
            "port": 4000,
            "holds_port": False,
        }
    ]
    assert [server["name"] for server in told["legacy"]["servers"]] == [
        "postgresql@15-main.service"
    ]
    assert (told["proxy"]["kind"], told["proxy"]["ready"]) == ("compose", True)
    assert told["compose"]["volumes"] == ["litellm_postgres"]
    assert told["compose"]["containers"]["litellm-redis"] is None
    assert host["asked"] == [SECRET]
    shown = "\n".join(_status_text.text_lines(told))
    assert SECRET not in shown + json.dumps(told)
    assert fits(shown.splitlines())
    for words in (
        "migrated since 2026-11-23 14:59:00 UTC",
        "database litellm_x of the volume",
        "port 4000 has container litellm-proxy: ready",
        "litellm.service (litellm)",
        "disabled, inactive",
        "litellm@sha256:abababababab",
        "litellm-redis            none",
        "rollback.yml",
        "a reason",
    ):
        assert words in shown
    assert "a third" not in shown


@pytest.fixture
def project(
    host: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> _compose_project.Project:
    """A Compose project at other ports and names than the usual ones, on a host that no migration
    has touched."""
    (tmp_path / "journal.json").unlink()
    (tmp_path / "compose.yaml").touch()
    host["settings"]["project_dir"] = str(tmp_path)
    names = {"litellm": "gate", "postgres": "gate-db", "redis": "gate-redis"}
    database = _session.Endpoint("litellm", "litellm", "gate-db")
    made = _compose_project.Project(
        "gate", str(tmp_path), {}, names, ["gate_data"], "http://127.0.0.1:4007", database, ""
    )
    monkeypatch.setattr(_compose_project, "read", lambda folder: made)
    monkeypatch.setattr(_docker, "volume_labels", lambda name: {} if name == "gate_data" else None)
    host["container"]["ports"] = {"4000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "4007"}]}
    monkeypatch.setattr(
        _docker, "container", lambda name: host["container"] if name == "gate" else None
    )
    listener = Listener("127.0.0.1", 4007, 9, "docker-proxy (process 9)")
    monkeypatch.setattr(_listeners, "listeners", lambda: [listener])
    return made


def test_deployment_that_serves_is_where_its_project_says(
    host: dict[str, Any], project: _compose_project.Project
) -> None:
    status = _status.inspect(host["settings"], NOW)
    assert list(status["compose"]["containers"]) == ["gate", "gate-db", "gate-redis"]
    assert status["compose"]["volumes"] == ["gate_data"]
    assert status["compose"]["error"] is None and "port" not in status["compose"]
    assert status["proxy"]["port"] == 4007
    assert (status["proxy"]["kind"], status["proxy"]["name"]) == ("compose", "container gate")


def test_legacy_deployment_that_serves_is_asked_at_its_own_port(
    host: dict[str, Any], project: _compose_project.Project, tmp_path: Path
) -> None:
    told = journal(*FORWARD[:1], state="rolled back")
    told["facts"]["found"] = {**FOUND, "project_dir": str(tmp_path)}
    _journal.save(str(tmp_path), told, NOW)
    assert _status.inspect(host["settings"], NOW)["proxy"]["port"] == 4000
    _journal.save(str(tmp_path), {**told, "state": "migrated"}, NOW)
    assert _status.inspect(host["settings"], NOW)["proxy"]["port"] == 4007


def test_project_that_compose_cannot_read_is_said_with_the_rest(
    host: dict[str, Any], project: _compose_project.Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(folder: str) -> Any:
        raise _compose_project.DeploymentError("compose.yaml cannot be read: docker has no Compose")

    monkeypatch.setattr(_compose_project, "read", read)
    status = _status.inspect(host["settings"], NOW)
    assert status["compose"]["error"] == "compose.yaml cannot be read: docker has no Compose"
    assert list(status["compose"]["containers"]) == list(
        _compose_project.container_names("litellm").values()
    )


def test_restore_that_has_not_ended_comes_before_everything(
    host: dict[str, Any], tmp_path: Path
) -> None:
    assert _status.inspect(host["settings"], NOW)["restore"] is None
    (tmp_path / "restore.json").write_text(
        json.dumps(
            {
                "id": "x",
                "backup": "/b/x",
                "name": "x",
                "database": "d",
                "fresh": "f",
                "kept": "k",
                "point": "",
                "begun": "t",
                "updated": "t",
                "format": 1,
                "stage": "swapping",
            }
        )
    )
    told = _status.inspect(host["settings"], NOW)
    assert told["restore"].startswith("a restore of x has not ended")
    assert told["next"] == dict.fromkeys(
        ("migrate.yml", "rollback.yml", "finalize.yml"), "refuses: " + told["restore"]
    )
    shown = _status_text.text_lines(told)
    assert any(line.startswith("restore  a restore of x has not ended") for line in shown)
    assert fits(shown)
    (tmp_path / "restore.json").write_text("{")
    assert "restore.json cannot be read" in _status.inspect(host["settings"], NOW)["restore"]


def test_broken_journal_is_told_with_all_the_rest(host: dict[str, Any], tmp_path: Path) -> None:
    for text in (
        "{",
        json.dumps({"format": 1}),
        json.dumps({"format": 1, "state": "running", "phase": "serve", "steps": 7}),
    ):
        (tmp_path / "journal.json").write_text(text)
        told = _status.inspect(host["settings"], NOW)
        assert all(does.startswith("refuses") for does in told["next"].values()), told["next"]
        assert told["compose"]["engine"]["version"] == "26.1"
        assert fits(_status_text.text_lines(told))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"server": "", "error": "Cannot connect"}, "the engine does not answer (Cannot connect)"),
        ({"server": "", "client": False}, "there is no docker here"),
    ],
)
def test_engine_that_is_stopped_is_told(
    host: dict[str, Any], change: dict[str, Any], said: str
) -> None:
    host["engine"].update(change)
    told = _status.inspect(host["settings"], NOW)
    assert told["compose"]["error"] == said
    assert told["compose"]["containers"] == {}
    assert said in "\n".join(_status_text.text_lines(told))
    # somebody answers, and is not known: he gets no key
    assert told["proxy"]["kind"] == "other"
    assert host["asked"] == [None]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (_systemd.SystemdError("there is no account x"), "there is no account x"),
        (OSError(2, "No such file"), "No such file"),
        (ValueError(SECRET), "could not be looked at (ValueError)"),
    ],
)
def test_whatever_breaks_is_told_in_plain_words(
    host: dict[str, Any], monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    def broken(*_words: Any, **_named: Any) -> Any:
        raise error

    for module, name in (
        (_systemd, "show"),
        (_docker, "describe"),
        (_listeners, "listeners"),
        (_status, "last_backup"),
        (_status, "who_answers"),
    ):
        monkeypatch.setattr(module, name, broken)
    told = _status.inspect(host["settings"], NOW)
    assert (
        told["legacy"]["error"],
        told["compose"]["error"],
        told["backup"]["error"],
        told["proxy"]["error"],
    ) == (said,) * 4
    assert SECRET not in json.dumps(told) + "\n".join(_status_text.text_lines(told))


def test_host_that_nobody_migrated(
    host: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "journal.json").unlink()
    unit = Unit("litellm.service", Manager("litellm"), "enabled", "active", {"MainPID": "7"})
    key = "general_settings: {master_key: '%s'}\n" % SECRET  # in the configuration alone
    files = {"SSL_CERTFILE_PATH": "/c.pem", "SSL_KEYFILE_PATH": "/k.pem"}
    deployment = _legacy.Running(
        unit,
        files,
        _includes.Tree((_includes.Part("/c/config.yaml", key),)),
        {"port": 4005, "options": [], "units": [unit.record()]},
    )
    monkeypatch.setattr(_legacy, "find_unit", lambda name, account: unit)
    monkeypatch.setattr(_legacy, "discover", lambda name, account: deployment)
    monkeypatch.setattr(_systemd, "show", lambda manager, names: [unit])
    monkeypatch.setattr(
        _listeners, "listeners", lambda: [Listener("127.0.0.1", 4005, 8, "litellm (process 8)")]
    )
    monkeypatch.setattr(_process, "ancestors", lambda pid: [8, 7])
    told = _status.inspect(host["settings"], NOW)
    assert (
        told["journal"]["state"],
        told["legacy"]["port"],
        told["proxy"]["kind"],
        host["asked"],
    ) == ("none", 4005, "legacy", [SECRET])
    assert told["legacy"]["units"][0]["recorded_enabled"] is None
    assert "has port 4005" in "\n".join(_status_text.text_lines(told))
    assert SECRET not in json.dumps(told)
    assert host["urls"] == ["https://127.0.0.1:4005"]
    monkeypatch.setattr(_legacy, "related_units", lambda found: [found])
    monkeypatch.setattr(
        _legacy, "find_unit", lambda name, account: unit._replace(active="failed", properties={})
    )
    assert _status.inspect(host["settings"], NOW)["legacy"]["error"] == "litellm.service is failed"


def test_host_with_nothing_at_all(
    host: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "journal.json").unlink()

    def find(name: str, account: str) -> Any:
        raise _legacy.LegacyError("no systemd unit named %s" % name, "Set legacy_unit.")

    monkeypatch.setattr(_legacy, "find_unit", find)
    monkeypatch.setattr(_listeners, "listeners", list)
    shown = "\n".join(_status_text.text_lines(_status.inspect(host["settings"], NOW)))
    assert "no systemd unit named litellm.service" in shown
    assert "nobody listens on port 4000" in shown


@pytest.mark.parametrize(
    ("address", "tls", "url"),
    [
        ("127.0.0.1", False, "http://127.0.0.1:4000"),
        ("0.0.0.0", True, "https://127.0.0.1:4000"),
        ("10.0.0.5", False, "http://10.0.0.5:4000"),
        ("::", False, "http://[::1]:4000"),
    ],
)
def test_who_listens_is_asked_there(address: str, tls: bool, url: str) -> None:
    assert _status._url(Listener(address, 4000, 1, "litellm"), 4000, tls) == url
    assert _status._url(None, 4000, tls).endswith("://127.0.0.1:4000")


def record(folder: Path, state: str = "deployed", **facts: Any) -> None:
    """The record of deploy.yml on a host without a journal."""
    (folder / "journal.json").unlink(missing_ok=True)
    made = _record.begin(None, {"controller": "desk", "run": "1:1"}, NOW)
    made.update(state=state, ended=None if state == "running" else THEN)
    made["facts"].update(facts)  # type: ignore[typeddict-item]
    _record.save(str(folder), made, NOW)


def test_deployment_that_was_never_migrated(host: dict[str, Any], tmp_path: Path) -> None:
    found = {**_facts.bare("/opt/litellm"), "project_dir": str(tmp_path)}
    found["legacy"]["port"] = 4000
    record(tmp_path, found=found)
    told = _status.inspect(host["settings"], NOW)
    assert (told["journal"]["state"], told["journal"]["since"]) == ("deployed", THEN)
    assert told["next"]["deploy.yml"].startswith("makes it what the inventory says")
    assert told["next"]["migrate.yml"].startswith("refuses: there is no legacy deployment")
    shown = _status_text.text_lines(told)
    assert any("deployed since" in line and "deploy.yml has made it" in line for line in shown)
    assert "legacy deployment: none" in shown
    assert fits(shown)
    record(tmp_path, "failed", found=found)
    told = _status.inspect(host["settings"], NOW)
    assert told["journal"]["words"].endswith("; its last run failed")


def test_deploy_that_made_nothing(host: dict[str, Any], tmp_path: Path) -> None:
    for state, words in (
        ("running", "a run of deploy.yml is at work, or was killed"),
        ("failed", "deploy.yml has failed, and has taken away again what did not serve"),
    ):
        record(tmp_path, state)
        told = _status.inspect(host["settings"], NOW)
        assert told["journal"]["state"] == state
        assert told["journal"]["words"].startswith(words)
        assert fits(_status_text.text_lines(told))
    (tmp_path / "deployment.json").write_text("{")
    told = _status.inspect(host["settings"], NOW)
    assert told["journal"]["state"] == "unreadable"
    assert "deployment.json cannot be read" in told["journal"]["problem"]


def test_record_changes_nothing_of_a_migrated_host(host: dict[str, Any], tmp_path: Path) -> None:
    before = _status.inspect(host["settings"], NOW)["journal"]
    made = _record.begin(None, {"controller": "desk", "run": "1:1"}, NOW)
    _record.save(str(tmp_path), {**made, "state": "deployed"}, NOW)
    assert _status.inspect(host["settings"], NOW)["journal"] == before
