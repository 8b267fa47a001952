"""Where the parts of a deployment are: which one serves, and what the journal, the project's
folder and the settings say of it.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from legacy_host import deployment

from ansible_collections.llmops.litellm.plugins.module_utils._config import includes as _includes
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    compose_project as _compose_project,
)
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import journal as _journal
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import legacy as _legacy
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import locate as _locate
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    position as _position,
)
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import record as _record
from ansible_collections.llmops.litellm.plugins.module_utils._health import checks as _checks
from ansible_collections.llmops.litellm.plugins.module_utils._health import (
    host_checks as _host_checks,
)
from ansible_collections.llmops.litellm.plugins.module_utils._health import target as _target
from ansible_collections.llmops.litellm.plugins.module_utils._health.settings import Settings
from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import endpoint as _endpoint
from ansible_collections.llmops.litellm.plugins.module_utils._redis import redis as _redis

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=timezone.utc)
PASSWORD = "hunter2-4f9c0b7ad2e15386"
UNIT = {"name": "litellm.service", "account": "litellm", "active": "active"}
FOUND = {
    "legacy": {"unit": UNIT, "port": 4000, "config": "/home/litellm/config.yaml"},
    "database": {"port": 5434, "unit": {**UNIT, "name": "postgresql.service"}},
    "redis": {"port": 6379, "unit": None},
    "model_hosts": [{"port": 8082, "unit": {**UNIT, "name": "embed.service"}}],
}
CAPTURED = Path(__file__).parent.parent / "captured"
# What docker compose config prints for the template.
BRIDGE = (CAPTURED / "compose-2.26.1-bridge.json").read_text()
HOST = (CAPTURED / "compose-2.26.1-host.json").read_text()
ENV = (
    "LITELLM_MASTER_KEY=sk-master\n"
    "DATABASE_URL=postgresql://litellm:%s@postgres:5432/litellm\nREDIS_PASSWORD=%s\n"
) % (PASSWORD, PASSWORD)


def journal(folder: Path, state: str, *steps: str, found: Any = None) -> None:
    deployed = _journal.create("20261124T120000Z", {"controller": "desk", "run": "1:1"}, NOW)
    deployed["facts"]["found"] = found or FOUND
    for name in steps or ("record",):
        _journal.begin(deployed, name, NOW)
    _journal.save(str(folder), {**deployed, "state": state}, NOW)


class Compose:
    """docker compose, and what it answers."""

    def __init__(self) -> None:
        self.seen: list[list[str]] = []
        self.answer = _process.Result(0, BRIDGE, "")

    def __call__(self, argv: list[str], timeout: float = 60) -> _process.Result:
        self.seen.append(argv)
        return self.answer


@pytest.fixture(autouse=True)
def compose(monkeypatch: pytest.MonkeyPatch) -> Compose:
    fake = Compose()
    monkeypatch.setattr(_compose_project, "run", fake)
    return fake


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "project").mkdir()
    (tmp_path / "project/.env").write_text(ENV)
    (tmp_path / "project/compose.yaml").write_text("what Compose reads\n")
    (tmp_path / "project/config.compose.yaml").write_text(
        "a: http://host.docker.internal:8079/v1\nb: https://api.example.com:8443\n"
    )
    (tmp_path / "legacy.env").write_text(ENV.replace("postgres:5432", "127.0.0.1:5434"))
    return Settings(str(tmp_path), project_dir=str(tmp_path / "project"))


@pytest.mark.parametrize(
    ("state", "steps", "kind"),
    [
        ("migrated", (), "compose"),
        ("finalized", (), "compose"),
        ("rolled back", (), "legacy"),
        ("untouched", (), "legacy"),
        ("running", ("record", "cutover"), "legacy"),
        ("running", ("cutover", "serve"), "compose"),
        ("running", ("serve", "stop_new", "start_legacy"), "legacy"),
    ],
)
def test_deployment_that_serves_is_meant(
    settings: Settings, tmp_path: Path, state: str, steps: Any, kind: str
) -> None:
    journal(tmp_path, state, *steps)
    assert _locate.find(settings.where).kind == kind


def test_host_without_a_journal_is_what_its_folder_says(settings: Settings, tmp_path: Path) -> None:
    assert _position.serving(None, settings.project_dir) == "compose"
    assert _position.serving(None, str(tmp_path / "nosuch")) == "legacy"
    deployed = _locate.find(settings.where)
    assert (deployed.kind, deployed.url, deployed.lacking) == (
        "compose",
        "http://127.0.0.1:4001",
        (),
    )


def test_compose_deployment_is_looked_at_as_its_proxy_sees_it(
    settings: Settings, tmp_path: Path
) -> None:
    needs = {"files": [{"source": "/k.pem", "target": "/k.pem", "name": "needed.001-k.pem"}]}
    found = {**FOUND, "project_dir": settings.project_dir, "needs": needs}
    journal(tmp_path, "migrated", found=found)
    deployed = _locate.find(settings.where)
    assert [copy.source for copy in deployed.copies.files] == ["/k.pem"]
    assert deployed.published == (
        ("litellm-proxy", 4001),
        ("litellm-postgres", 5434),
        ("litellm-redis", 6380),
    )
    assert [(model.name, model.address) for model in deployed.models] == [
        ("port 8079", "host.docker.internal:8079"),
        ("embed.service", "host.docker.internal:8082"),
    ]
    assert (
        deployed.redis == _redis.Container("litellm-redis") and deployed.master_key() == "sk-master"
    )
    assert deployed.database is not None
    words = deployed.database.argv("psql")
    # by network and password: a wrong one must show, and nobody may read it in a list of processes
    assert (
        "host='postgres'" in " ".join(words)
        and "PGPASSWORD" in words
        and PASSWORD not in " ".join(words)
    )
    assert deployed.database.environment()["PGPASSWORD"] == PASSWORD


def test_project_is_read_once(settings: Settings, compose: Compose) -> None:
    _locate.find(settings.where)
    assert [argv[-3:] for argv in compose.seen] == [["config", "--format", "json"]]


def test_proxy_in_the_hosts_network_is_where_its_command_says(
    settings: Settings, compose: Compose
) -> None:
    compose.answer = _process.Result(0, HOST.replace('"4001"', '"4002"'), "")
    deployed = _locate.find(settings.where)
    assert deployed.url == "http://127.0.0.1:4002"
    assert deployed.published[0] == ("litellm-proxy", 4002)


def test_project_that_compose_cannot_read_hides_nothing_else(
    settings: Settings, tmp_path: Path, compose: Compose
) -> None:
    compose.answer = _process.Result(127, "", "docker: not found")
    journal(tmp_path, "migrated", found={**FOUND, "legacy": {**FOUND["legacy"], "port": 4321}})  # type: ignore[dict-item]
    deployed = _locate.find(settings.where)
    # health has to say that the engine is gone, and asks all that it knows by name
    assert deployed.containers == ("litellm-proxy", "litellm-postgres", "litellm-redis")
    assert deployed.proxy == "litellm-proxy"
    assert deployed.database is not None and deployed.master_key() == "sk-master"
    # nobody knows at which port they should be, so none is held against them
    assert deployed.published == ()
    assert deployed.url == "http://127.0.0.1:4321"
    lacking = dict(deployed.lacking)
    assert list(lacking) == ["compose project", "proxy address"]
    assert "there is no docker here" in lacking["compose project"]
    assert "it is asked at http://127.0.0.1:4321" in lacking["proxy address"]
    checks = _checks.checks(_target.target(settings, deployed), NOW)
    assert {"engine", "containers", "liveness", "compose project", "proxy address"} <= set(checks)
    assert checks["compose project"]()[0] == _host_checks.UNKNOWN


def test_port_that_docker_chooses_is_said(settings: Settings, compose: Compose) -> None:
    compose.answer = _process.Result(0, BRIDGE.replace('"published": "4001",', ""), "")
    deployed = _locate.find(settings.where)
    assert dict(deployed.published) == {"litellm-postgres": 5434, "litellm-redis": 6380}
    assert [part for part, _why in deployed.lacking] == ["proxy address"]
    assert "port 4000 is published at no port" in deployed.lacking[0][1]
    given = settings._replace(deployments={"compose": {"url": "http://127.0.0.1:9"}})
    assert _locate.find(given.where).lacking == ()


def test_legacy_deployment_is_known_without_its_process(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_endpoint, "find_bindir", lambda host, port: "/usr/bin")
    journal(
        tmp_path,
        "migrated",
        found={**FOUND, "legacy": {**FOUND["legacy"], "unit": {**UNIT, "active": "inactive"}}},
    )  # type: ignore[dict-item]
    deployed = _locate.find(settings.where, "legacy")
    assert [(unit["name"], unit["active"]) for unit in deployed.units] == [
        ("litellm.service", "active"),
        ("postgresql.service", "active"),
    ]
    assert deployed.database is not None and (
        deployed.database.port,
        deployed.database.password,
    ) == (
        5434,
        PASSWORD,
    )
    assert deployed.redis == _redis.Native("127.0.0.1", 6379, "", PASSWORD)
    assert (deployed.models[0].address, deployed.config) == (
        "127.0.0.1:8082",
        "/home/litellm/config.yaml",
    )


def test_units_of_a_running_deployment_are_those_at_the_addresses_that_it_uses(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "postgresql://u:p@localhost:5434/d"
    running = deployment({"DATABASE_URL": url, "REDIS_HOST": "localhost"})
    asked: list[Any] = []
    monkeypatch.setattr(_legacy, "discover", lambda name, account, alone: running)
    monkeypatch.setattr(
        _legacy, "service_behind", lambda port, _found, host="": asked.append((port, host))
    )
    _locate.find(settings.where, "legacy")
    assert asked[:2] == [(5434, "localhost"), (6379, "localhost")]


def test_what_is_not_found_is_said_and_hides_nothing(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "journal.json").write_text("{")
    (tmp_path / "project/.env").unlink()
    deployed = _locate.find(settings.where)
    assert (deployed.kind, deployed.database, [part for part, _why in deployed.lacking]) == (
        "compose",
        None,
        ["journal", "postgresql"],
    )

    def discover(name: str, account: str, alone: bool) -> Any:
        raise _legacy.LegacyError("no such unit.", "Set legacy_unit.")

    monkeypatch.setattr(_legacy, "discover", discover)
    deployed = _locate.find(settings.where, "legacy")
    assert deployed.lacking[-1] == ("legacy unit", "no such unit. Set legacy_unit.")
    checks = _target.target(settings, deployed)
    assert ("legacy unit", "no such unit. Set legacy_unit.") in checks.deployed.lacking


def test_settings_come_first(settings: Settings, tmp_path: Path) -> None:
    other = {
        "url": "https://llm.example.com",
        "containers": ("litellm-proxy",),
        "database": {"container": "other", "database": "d", "user": "u"},
        "units": [{"name": "a.service", "account": ""}],
        "models": [{"name": "m", "address": "h:1", "unit": "m.service", "account": ""}],
    }
    deployed = _locate.find(settings._replace(deployments={"compose": other}).where)
    assert (deployed.url, deployed.containers, deployed.redis, deployed.published) == (
        "https://llm.example.com",
        ("litellm-proxy",),
        None,
        (("litellm-proxy", 4001),),
    )
    assert deployed.database is not None and deployed.database.container == "other"
    assert deployed.units == ({"name": "a.service", "account": "", "active": "active"},)
    assert deployed.models[0].unit == {"name": "m.service", "account": ""}


def test_backups_are_looked_at_where_somebody_makes_them(
    settings: Settings, tmp_path: Path
) -> None:
    deployed = _locate.find(settings.where)
    assert (
        _target.target(
            settings._replace(backup_settings=str(tmp_path / "nosuch")), deployed
        ).outcomes
        == ""
    )
    (tmp_path / "ops.json").write_text("{}")
    target = _target.target(settings._replace(backup_settings=str(tmp_path / "ops.json")), deployed)
    assert target.outcomes == str(tmp_path / "backup.json") and target.since is not None
    (tmp_path / "backup.json").write_text(json.dumps({}))
    assert _target.target(
        settings._replace(backup_settings=str(tmp_path / "nosuch")), deployed
    ).outcomes


def test_included_files_are_read_with_the_configuration(settings: Settings, tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "config.compose.yaml").write_text(
        _includes.MARK
        + (
            "\ninclude: [config.compose.1-more.yaml, gone.yaml]\ngeneral_settings: "
            "{master_key: sk-old}\n"
        )
    )
    (project / "config.compose.1-more.yaml").write_text(
        "include: [config.yaml]\nx: http://host.docker.internal:8077/v1\n"
    )
    assert [model.address for model in _locate.find(settings.where).models] == [
        "host.docker.internal:8077"
    ]
    configuration = _locate._configuration(str(project / "config.compose.yaml"))
    assert _locate._client_key({}, configuration) == "sk-old"
    # a section of an included file takes the place of the whole one
    (project / "config.compose.1-more.yaml").write_text("general_settings: {a: 1}\n")
    configuration = _locate._configuration(str(project / "config.compose.yaml"))
    assert _locate._client_key({"LITELLM_MASTER_KEY": "sk-env"}, configuration) == "sk-env"


AWAY = {"where": "elsewhere", "host": "db.example.com", "port": 5433, "image": "pg:17"}


def test_stores_elsewhere_are_asked_by_an_image_and_by_the_proxy(
    settings: Settings, tmp_path: Path, compose: Compose
) -> None:
    only = json.loads(BRIDGE)
    del only["services"]["postgres"], only["services"]["redis"]
    compose.answer = _process.Result(0, json.dumps(only), "")
    (tmp_path / "project/.env").write_text(ENV.replace("postgres:5432", "db.example.com:5433"))
    found = {**FOUND, "database": AWAY, "redis": {**AWAY, "host": "cache.example.com"}}
    journal(tmp_path, "migrated", found=found)
    deployed = _locate.find(settings.where)
    assert deployed.containers == ("litellm-proxy",)
    assert deployed.database is not None and deployed.redis is None
    assert (deployed.database.image, deployed.database.host) == ("pg:17", "db.example.com")
    assert deployed.places == ("elsewhere", "elsewhere")
    assert deployed.lacking == ()


def test_legacy_deployment_with_stores_elsewhere(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "legacy.env").write_text(ENV.replace("postgres:5432", "db.example.com:5433"))
    journal(tmp_path, "rolled back", found={**FOUND, "database": AWAY, "redis": AWAY})
    deployed = _locate.find(settings.where)
    assert deployed.database is not None and deployed.redis is None
    assert deployed.database.image == "pg:17"


def test_deployment_without_a_database_lacks_nothing(
    settings: Settings, tmp_path: Path, compose: Compose
) -> None:
    only = json.loads(BRIDGE)
    del only["services"]["postgres"]
    compose.answer = _process.Result(0, json.dumps(only), "")
    (tmp_path / "project/.env").write_text("LITELLM_MASTER_KEY=sk-master\n")
    journal(tmp_path, "migrated", found={**FOUND, "database": None})
    deployed = _locate.find(settings.where)
    assert (deployed.database, deployed.lacking) == (None, ())
    assert deployed.places.database == "nowhere"


def deployed(folder: Path, **found: Any) -> None:
    """The record of a deployment that deploy.yml has made."""
    made = _record.begin(None, {"controller": "desk", "run": "1:1"}, NOW)
    made.update(state="deployed")
    made["facts"]["found"] = {**FOUND, **found}
    _record.save(str(folder), made, NOW)


def test_deployment_that_was_never_migrated_is_found_by_its_record(
    settings: Settings, tmp_path: Path
) -> None:
    needs = {"files": [{"source": "/k.pem", "target": "/k.pem", "name": "needed.001-k.pem"}]}
    address = {"publish": ["10.0.0.5"], "listen": "10.0.0.5", "legacy_url": "u", "url": "u"}
    deployed(tmp_path, project_dir=settings.project_dir, needs=needs, address=address)
    found = _locate.find(settings.where)
    assert (found.kind, found.lacking) == ("compose", ())
    assert [copy.source for copy in found.copies.files] == ["/k.pem"]
    assert found.exposed == ("10.0.0.5",)
    assert [model.name for model in found.models] == ["port 8079", "embed.service"]


def test_deployment_that_was_made_after_a_way_back_serves(
    settings: Settings, tmp_path: Path
) -> None:
    journal(tmp_path, "rolled back")
    assert _locate.find(settings.where).kind == "legacy"
    deployed(tmp_path, project_dir=settings.project_dir)
    assert _locate.find(settings.where).kind == "compose"


def test_damaged_record_is_said(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "deployment.json").write_text("{")
    found = _locate.find(settings.where)
    assert [part for part, _why in found.lacking] == ["record of deploy.yml"]
