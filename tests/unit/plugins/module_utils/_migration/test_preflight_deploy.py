"""Preflight of deploy.yml: what a host has, what the inventory wishes, and what stands against it.
Files, the journal and the record are real; Docker, images and listeners are not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from legacy_host import NOW, SECRET, texts

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import facts as _facts
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import journal as _journal
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    journal_shape as _shape,
)
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import record as _record
from ansible_collections.llmops.litellm.plugins.module_utils._host import docker as _docker
from ansible_collections.llmops.litellm.plugins.module_utils._host import files as _files
from ansible_collections.llmops.litellm.plugins.module_utils._host import (
    image_reference as _image_reference,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import images as _images
from ansible_collections.llmops.litellm.plugins.module_utils._host import listeners as _listeners
from ansible_collections.llmops.litellm.plugins.module_utils._host import packages as _packages
from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process
from ansible_collections.llmops.litellm.plugins.module_utils._host.images import Image
from ansible_collections.llmops.litellm.plugins.module_utils._host.listeners import Listener
from ansible_collections.llmops.litellm.plugins.module_utils._host.process import Result
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    preflight_deploy as _preflight_deploy,
)
from ansible_collections.llmops.litellm.plugins.modules import deployment_facts_info

IMAGES = {"litellm": "l", "postgres": "p", "redis": "r", "pgbouncer": "b"}
CONFIG = """\
model_list:
- model_name: embed
  litellm_params: {model: openai/embed, api_base: 'http://127.0.0.1:8082/v1'}
- model_name: chat
  litellm_params: {model: openai/chat, api_key: os.environ/CHAT_KEY}
"""
ENGINE: dict[str, Any] = {
    "client": True,
    "server": "26.1.5",
    "error": "",
    "compose": "2.26.1",
    "compose_v1": "",
    "platform": "linux/amd64",
    "insecure": [],
}
HERE = {"controller": "desk", "run": "7:100", "alive": ["7:100"]}
NGINX = Listener("0.0.0.0", 4000, 812, "nginx (process 812)")
PROXY = Listener("127.0.0.1", 4000, 90, "docker-proxy (process 90)")

Look = Callable[..., _preflight_deploy.Host]


class There:
    """What of the host is not real."""

    def __init__(self, tmp_path: Path) -> None:
        self.engine = {**ENGINE, "root": str(tmp_path), "images_root": str(tmp_path)}
        self.listeners: list[Listener] = [Listener("127.0.0.1", 8082, None, "llama-server")]
        self.containers: dict[str, Any] = {}
        self.volumes: dict[str, Any] = {}
        self.pids: dict[str, int] = {}
        self.commands: dict[int, list[str]] = {}
        self.answers: dict[str, Result] = {}
        self.free = 1 << 40


def image(name: str, engine: Any) -> Image:
    """An image that is here."""
    _image_reference.parse_reference(name)
    return Image(name, True, ("linux/amd64",), {}, {}, 0, "")


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> There:
    host = There(tmp_path)
    monkeypatch.setattr(_docker, "describe", lambda: host.engine)
    monkeypatch.setattr(_docker, "container", host.containers.get)
    monkeypatch.setattr(
        _docker, "containers", lambda names: {name: host.containers.get(name) for name in names}
    )
    monkeypatch.setattr(_docker, "volume_labels", host.volumes.get)
    monkeypatch.setattr(
        _docker, "pids", lambda names: [host.pids[name] for name in names if name in host.pids]
    )
    for name in ("subnets", "routes"):
        monkeypatch.setattr(_docker, name, list)
    monkeypatch.setattr(_listeners, "listeners", lambda: host.listeners)
    monkeypatch.setattr(_files, "free_bytes", lambda path: host.free)
    monkeypatch.setattr(_images, "look", image)
    monkeypatch.setattr(_process, "ancestors", lambda pid: [pid])
    monkeypatch.setattr(_process, "command_line", lambda pid: host.commands.get(pid, []))
    monkeypatch.setattr(
        _process,
        "run",
        lambda words, **more: host.answers.get(words[0], Result(127, "", "")),
    )
    return host


@pytest.fixture
def look(tmp_path: Path, there: There) -> Look:
    defaults = {
        name: argument.get("default") for name, argument in deployment_facts_info.ARGUMENTS.items()
    }
    settings = {
        **defaults,
        "state_dir": str(tmp_path / "state"),
        "backup_dir": str(tmp_path / "backup"),
        "project_dir": str(tmp_path / "llm"),
        "images": IMAGES,
        "run": HERE,
    }

    def look(**others: Any) -> _preflight_deploy.Host:
        return _preflight_deploy.preflight({**settings, **others}, NOW)

    return look


def said(host: _preflight_deploy.Host) -> str:
    return texts(host.findings.problems)


def remember(tmp_path: Path, state: str = "deployed", step: str = "prepare", **facts: Any) -> None:
    (tmp_path / "state").mkdir(exist_ok=True)
    made = _record.begin(None, {"controller": "desk", "run": "1:1"}, NOW)
    made.update(state=state, step=step)
    made["facts"].update(facts)  # type: ignore[typeddict-item]
    _record.save(str(tmp_path / "state"), made, NOW)


def test_bare_host_with_which_nothing_is_wrong(look: Look, tmp_path: Path) -> None:
    host = look(config=CONFIG, overrides={"CHAT_KEY": "sk-" + SECRET})
    assert said(host) == ""
    assert "CHAT_KEY" not in texts(host.findings.warnings)
    assert (host.known.origin, host.packages) == ("new", ())
    facts = json.loads(json.dumps(host.findings.facts))
    assert _shape.odd_facts({"found": facts}) == []
    assert SECRET not in json.dumps(facts)
    assert facts["project_dir"] == str(tmp_path / "llm")
    assert facts["legacy"]["config"] == str(tmp_path / "llm/config.yaml")
    assert facts["address"]["url"] == "http://127.0.0.1:4000"
    assert facts["places"] == {"database": "here", "redis": "here"}
    assert [item["port"] for item in facts["model_hosts"]] == [8082]
    assert sorted(facts["images"]) == sorted(IMAGES)
    assert facts["needs"]["files"] == []


def test_bare_host_without_a_configuration_gets_one(look: Look) -> None:
    host = look()
    assert said(host) == ""
    assert host.findings.facts["model_hosts"] == []


def test_wishes_are_in_the_facts(look: Look) -> None:
    host = look(
        proxy_port=4100,
        database_port=5500,
        redis_port=6400,
        options=["--num_workers", "2"],
        overrides={"OWN_BASE": "http://localhost:8079/v1"},
    )
    facts = host.findings.facts
    assert said(host) == ""
    assert facts["legacy"]["port"] == 4100
    assert facts["address"]["url"] == "http://127.0.0.1:4100"
    assert facts["legacy"]["options"] == ["--num_workers", "2"]
    assert ((facts["database"] or {})["port"], (facts["redis"] or {})["port"]) == (5500, 6400)
    assert [item["port"] for item in facts["model_hosts"]] == [8079]


def test_proxy_that_serves_https_is_asked_by_it(look: Look, tmp_path: Path) -> None:
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text(name)
    given = ["--ssl_certfile_path", str(tmp_path / "cert.pem")]
    given += ["--ssl_keyfile_path", str(tmp_path / "key.pem")]
    facts = look(options=given).findings.facts
    assert facts["address"]["url"] == "https://127.0.0.1:4000"
    assert len(facts["needs"]["files"]) == 2


@pytest.mark.parametrize(
    ("wishes", "problem"),
    [
        ({"proxy_port": 0}, "litellm_port: 0 is not a port"),
        ({"database_port": 70000}, "litellm_postgres_port: 70000 is not a port"),
        ({"redis_port": 5434}, "litellm_redis_port: 5434 is that of litellm_postgres_port"),
        ({"stage_port": 4000}, "litellm_stage_port: 4000 is that of litellm_port"),
        ({"pooler_port": 4000}, "litellm_pooler_port: 4000 is that of litellm_port"),
        ({"publish": ["localhost"]}, "litellm_publish: localhost is no address of this host"),
        ({"publish": ["203.0.113.9"]}, "litellm_publish: 203.0.113.9 is no address of this host"),
        (
            {"options": ["--port", "5000"]},
            "litellm_options: names --port, which the compose deployment decides itself",
        ),
        ({"options": ["--config=/x"]}, "litellm_options: names --config"),
        ({"options": ["workers"]}, "litellm_options: begins with 'workers', which is no option"),
        ({"config": " \n"}, "litellm_config: is empty"),
        ({"config": "model_list: [\n"}, "litellm_config:1: "),
        ({"config": "a: b\nc: 'd\n"}, "litellm_config:2: "),
        ({"config": "include: [more.yaml]\n"}, "litellm_config:1:"),
        (
            {"config": "litellm_settings: {cache_params: {host: 127.0.0.1, port: 70}}\n\0"},
            "litellm_config:2: holds a NUL byte",
        ),
        (
            {"config": "general_settings: {database_url: 'postgresql://a:b@db.example.com/c'}\n"},
            "litellm_config: names a database on another host",
        ),
        (
            {"overrides": {"DATABASE_URL": "postgresql://a:b@db/c"}},
            "env_file_overrides.DATABASE_URL: names a server, and a new deployment has its own",
        ),
        ({"overrides": {"REDIS_HOST": "cache"}}, "env_file_overrides.REDIS_HOST: names a server"),
        (
            {"overrides": {"LITELLM_MASTER_KEY": "sk-1234"}},
            "env_file_overrides.LITELLM_MASTER_KEY: the value given is publicly known",
        ),
        ({"max_hold": 601}, "litellm_max_hold: 601 is no time"),
        ({"max_downtime": -1}, "litellm_max_downtime: -1 is less than no time"),
        ({"mounts": ["/etc"]}, "litellm_mounts: "),
        ({"extra_hosts": {"gpu": "here"}}, "litellm_extra_hosts: "),
        ({"subnet": "172.30.40.0/30"}, "litellm_subnet: "),
        ({"images": {}}, "litellm_images.litellm: "),
    ],
)
def test_value_that_is_none_is_refused(look: Look, wishes: Any, problem: str) -> None:
    assert problem in said(look(**wishes))


def test_all_is_said_at_once(look: Look, there: There) -> None:
    there.free = 0
    there.listeners.append(NGINX)
    host = look(images={}, options=["--host"], redis_port=-1)
    subjects = [item.subject for item in host.findings.problems]
    assert subjects == [
        "litellm_redis_port",
        "litellm_options",
        "port 4000 (proxy)",
        "litellm_images.litellm",
        "litellm_images.postgres",
        "litellm_images.redis",
        "disk space",
    ]


def test_variable_that_nobody_gives_is_said(look: Look) -> None:
    host = look(config=CONFIG)
    assert said(host) == ""
    assert (
        "refers to CHAT_KEY, which .env would not have -> if it is used, give it:"
        " env_file_overrides: {CHAT_KEY: …}"
    ) in texts(host.findings.warnings)


def test_port_of_others_is_refused_by_their_names(look: Look, there: There) -> None:
    there.listeners = [NGINX, Listener("127.0.0.1", 5434, 15, "postgres (process 15)")]
    told = said(look())
    assert (
        "port 4000 (proxy): is held by nginx (process 812), and is to be the new deployment's ->"
        " it stays as it is: set another litellm_port"
    ) in told
    assert "port 5434 (database): is held by postgres (process 15)" in told
    assert "set another litellm_postgres_port" in told


def test_port_of_another_container_is_refused_by_its_name(look: Look, there: There) -> None:
    there.listeners = [PROXY]
    there.answers["docker"] = Result(0, "grafana\n", "")
    assert "port 4000 (proxy): is held by container grafana" in said(look())
    there.answers["docker"] = Result(1, "", "no")
    assert "port 4000 (proxy): is held by docker-proxy (process 90)" in said(look())


def test_port_of_the_projects_own_container_is_free(
    look: Look, there: There, tmp_path: Path
) -> None:
    remember(tmp_path, found=_facts.bare(str(tmp_path / "llm")))
    (tmp_path / "llm").mkdir()
    (tmp_path / "llm/config.yaml").write_text("# Written by llmops.litellm\n")
    there.listeners = [PROXY]
    there.containers["litellm-proxy"] = {
        "labels": {_docker.FOLDER_LABEL: str(tmp_path / "llm")},
        "ports": {"4000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "4000"}], "1/tcp": None},
    }
    host = look()
    assert (host.known.origin, said(host)) == ("deployed", "")


def test_proxy_that_a_killed_run_has_left_beside_is_its_own(
    look: Look, there: There, tmp_path: Path
) -> None:
    remember(tmp_path, "running", "swap", found=_facts.bare(str(tmp_path / "llm")))
    (tmp_path / "llm").mkdir()
    (tmp_path / "llm/config.yaml").write_text("# Written by llmops.litellm\n")
    there.listeners = [
        Listener("127.0.0.1", 14000, 70, "python3 litellm (process 70)"),
        Listener("127.0.0.1", 16432, 71, "pgbouncer (process 71)"),
    ]
    assert "port 14000 (staging): is held by python3 litellm" in said(look())
    there.pids = {"litellm-transition-proxy": 70, "litellm-transition-pooler": 71}
    assert said(look()) == ""


def test_native_litellm_is_for_migrate(look: Look, there: There) -> None:
    there.listeners = [Listener("127.0.0.1", 4000, 271, "python3 litellm (process 271)")]
    there.commands[271] = ["/v/bin/python", "/v/bin/litellm", "--port", "4000"]
    told = said(look())
    assert "a LiteLLM of this host's own serves there (python3 litellm (process 271))" in told
    assert "move it with migrate.yml" in told


@pytest.mark.parametrize(
    ("engine", "problem"),
    [
        ({"client": False, "server": "", "compose": ""}, "Docker: no docker command on this host"),
        ({"compose": ""}, "Docker Compose: `docker compose` is missing"),
        (
            {"compose": "", "compose_v1": "1.29.2"},
            "Docker Compose: only Compose v1 (1.29.2) is installed",
        ),
    ],
)
def test_missing_docker_is_refused_or_installed(
    look: Look, there: There, monkeypatch: pytest.MonkeyPatch, engine: Any, problem: str
) -> None:
    there.engine.update(engine)
    told = said(look())
    assert problem in told
    assert "or set litellm_install_docker: true" in told
    offered = _packages.Offered(("docker.io", "docker-compose"))
    monkeypatch.setattr(_packages, "docker", lambda: offered)
    host = look(install_docker=True)
    assert (said(host), host.packages) == ("", ("docker.io", "docker-compose"))
    offered = _packages.Offered((), "apt knows no package docker.io", "run apt-get update")
    monkeypatch.setattr(_packages, "docker", lambda: offered)
    host = look(install_docker=True)
    assert said(host) == (
        "litellm_install_docker: apt knows no package docker.io -> run apt-get update"
    )


@pytest.mark.parametrize("version", ["19.03.1", "2.20.0"])
def test_old_docker_is_not_replaced(look: Look, there: There, version: str) -> None:
    there.engine["server" if version[0] == "1" else "compose"] = version
    host = look(install_docker=True)
    assert "%s is too old" % version in said(host)
    assert host.packages == ()
    assert "litellm_install_docker" not in said(host)


def test_run_at_work_locks_the_host(look: Look, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    made = _record.begin(None, {"controller": "elsewhere", "run": "1:1"}, NOW)
    _record.save(str(tmp_path / "state"), made, NOW)
    assert "lock: run 1:1 of controller elsewhere deploys on this host" in said(look())
    assert said(look(patience=-1)) == ""  # it was killed


def test_migration_under_way_is_ended_first(look: Look, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    journal = _journal.create("x", {"controller": "desk", "run": "1:1"}, NOW)
    _journal.save(str(tmp_path / "state"), journal, NOW)
    told = said(look())
    assert "migration: a migration or a rollback of this host is under way, or was killed" in told
    assert "migrate.yml or rollback.yml ends it" in told


@pytest.mark.parametrize("name", ["journal.json", "deployment.json", "restore.json"])
def test_nothing_is_guessed_from_what_is_damaged(look: Look, tmp_path: Path, name: str) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / name).write_text("{")
    assert "litellm_state_dir: %s" % (tmp_path / "state" / name) in said(look())


def test_restore_that_was_killed_is_ended_first(
    look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_preflight_deploy._restore_state, "unfinished", lambda folder: "half done")
    assert "restore: half done -> restore.yml ends it" in said(look())


def test_what_is_there_and_not_ours_is_refused(look: Look, there: There, tmp_path: Path) -> None:
    there.volumes["litellm_postgres"] = {_docker.OWN_LABEL: "managed"}
    there.containers["litellm-proxy"] = {"labels": {_docker.FOLDER_LABEL: str(tmp_path / "llm")}}
    (tmp_path / "llm").mkdir()
    for name in ("compose.yaml", ".env", "config.yaml"):
        (tmp_path / "llm" / name).write_text("mine: true\n")
    told = said(look())
    for subject in ("volume litellm_postgres", "container litellm-proxy"):
        assert "%s: exists and was not made by this collection for this host" % subject in told
    for name in ("compose.yaml", ".env", "config.yaml"):
        assert "%s: was not written by this collection" % (tmp_path / "llm" / name) in told


def test_run_that_was_killed_owns_what_it_has_made(
    look: Look, there: There, tmp_path: Path
) -> None:
    remember(tmp_path, "running")
    there.volumes["litellm_postgres"] = {_docker.OWN_LABEL: "managed"}
    (tmp_path / "llm").mkdir()
    env = tmp_path / "llm/.env"
    told = said(look())
    assert told.startswith("volume litellm_postgres: is there, and %s is not" % env)
    env.write_text("# Written by llmops.litellm, module env_file\n")
    host = look()
    assert (said(host), host.known.origin, host.known.served) == ("", "new", False)
    remember(tmp_path, "failed", "swap")
    assert look().known.served is True


def test_migrated_host_keeps_what_it_has(look: Look, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "own.yaml").write_text(CONFIG)
    found = _facts.bare(str(tmp_path / "llm"))
    found["legacy"].update(unit={"name": "litellm.service"}, config=str(tmp_path / "own.yaml"))
    needs = {"files": [], "mounts": [], "environment": {}, "addresses": {}, "servers": ["db:1"]}
    found.update(needs=needs, model_hosts=[{"port": 9000, "loopback": True, "unit": None}])
    journal = _journal.create("x", {"controller": "desk", "run": "1:1"}, NOW)
    journal.update(state="migrated")
    journal["facts"]["found"] = found
    _journal.save(str(tmp_path / "state"), journal, NOW)
    host = look()
    facts = host.findings.facts
    assert (said(host), host.known.origin) == ("", "migrated")
    assert facts["legacy"]["unit"] == {"name": "litellm.service"}
    assert facts["legacy"]["config"] == str(tmp_path / "own.yaml")
    assert facts["needs"] == needs
    # what the configuration has got since, beside what was known
    assert [item["port"] for item in facts["model_hosts"]] == [8082, 9000]
    facts = look(config="model_list: []\n").findings.facts
    assert facts["legacy"]["config"] == str(tmp_path / "llm/config.yaml")
    assert (facts["model_hosts"], facts["needs"]["servers"]) == ([], ["db:1"])
    (tmp_path / "own.yaml").unlink()
    assert "give LiteLLM's configuration in litellm_config, or restore the file" in said(look())


def test_redis_that_the_configuration_names_elsewhere_stays_there(look: Look) -> None:
    text = "litellm_settings: {cache: true, cache_params: {type: redis, host: r.example.com}}\n"
    host = look(config=text)
    assert said(host) == ""
    assert host.findings.facts["places"] == {"database": "here", "redis": "elsewhere"}
    assert "redis" not in host.findings.facts["images"]


def test_address_beyond_the_host_is_said(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    host = look(publish=["0.0.0.0"])
    assert said(host) == ""
    assert "is PUBLISHED BEYOND THIS HOST, at 0.0.0.0, as litellm_publish says" in texts(
        host.findings.warnings
    )
    assert host.findings.facts["address"]["publish"] == ["0.0.0.0"]


def test_one_address_in_the_hosts_network(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_listeners, "is_here", lambda address: True)
    host = look(publish=["10.0.0.5", "10.0.0.6"], network="host")
    assert "litellm_publish: names 10.0.0.5, 10.0.0.6, and a proxy in the host's" in said(host)
    assert said(look(publish=["10.0.0.5"], network="host")) == ""


def test_what_a_restore_has_made_is_taken_up(look: Look, there: There, tmp_path: Path) -> None:
    folder = tmp_path / "llm"
    folder.mkdir()
    mark = "# Written by llmops.litellm\n"
    (folder / "compose.yaml").write_text(
        mark + 'services:\n  litellm:\n    ports:\n      - "127.0.0.1:4100:4000"\n'
        '  postgres:\n    ports: ["127.0.0.1:5434:5432"]\n'
        '  redis:\n    ports: ["127.0.0.1:6379:6379"]\n'
    )
    (folder / "config.compose.yaml").write_text(
        mark + CONFIG.replace("127.0.0.1", "host.docker.internal")
    )
    (folder / "config.yaml").write_text(CONFIG)
    (folder / ".env").write_text(mark + "CHAT_KEY=x\n")
    host = look()
    assert (said(host), host.known.origin) == ("", "restored")
    assert host.findings.facts["legacy"]["port"] == 4100
    assert [item["port"] for item in host.findings.facts["model_hosts"]] == [8082]
    # of somebody else's project nothing is taken up
    (folder / "compose.yaml").write_text("services: {}\n")
    host = look()
    assert host.known.origin == "new"
    assert "compose.yaml: was not written by this collection" in said(host)
