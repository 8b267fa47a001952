"""What preflight finds wrong with what the new deployment needs: ports, images, names, networks,
room.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from legacy_host import deployment, settings, texts
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._host import docker as _docker
from ansible_collections.llmops.litellm.plugins.module_utils._host import files as _files
from ansible_collections.llmops.litellm.plugins.module_utils._host import images as _images
from ansible_collections.llmops.litellm.plugins.module_utils._host.listeners import Listener
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    preflight_target as _preflight_target,
)


@pytest.mark.parametrize(
    ("container", "ours"),
    [
        ({"ports": {"4000/tcp": [{"HostPort": "14000"}], "1/tcp": None}}, True),
        ({"ports": {"4000/tcp": [{"HostPort": "4000"}]}}, False),
        ({"ports": None}, False),
        (None, False),
    ],
    ids=["staged", "served", "stopped", "nobody's"],
)
def test_port_of_the_rehearsal_may_be_that_of_our_own_container(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, container: Any, ours: bool
) -> None:
    """Another container on it has the same program of the engine's."""
    monkeypatch.setattr(
        _docker, "container", lambda name: container if name == "litellm-proxy" else None
    )
    staged = Listener("127.0.0.1", 14000, 9, "docker-proxy (process 9)")
    found = _preflight_target.check_ports(settings(tmp_path), {}, [staged])
    assert (found == []) is ours


def test_ports_of_the_legacy_deployment_are_its_own(
    servers: list[Listener], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = {"4000/tcp": [{"HostPort": "14000"}]}
    monkeypatch.setattr(_docker, "container", lambda name: {"ports": ports})
    facts = {"legacy": deployment().facts, "database": {"port": 5434}, "redis": {"port": 6379}}
    staged = Listener("127.0.0.1", 14000, 9, "docker-proxy (process 9)")
    assert _preflight_target.check_ports(settings(tmp_path), facts, [*servers, staged]) == []
    assert _preflight_target.check_ports(settings(tmp_path), {}, []) == []


@pytest.mark.parametrize(
    ("listener", "subject"),
    [
        (Listener("127.0.0.1", 4000, 9, "nginx (process 9)"), "port 4000 (proxy)"),
        (Listener("0.0.0.0", 5434, 9, "nginx (process 9)"), "port 5434 (database)"),
        (Listener("127.0.0.1", 6379, 9, "nginx (process 9)"), "port 6379 (redis)"),
        (
            Listener("127.0.0.1", 6379, None, "a process that cannot be seen from here"),
            "port 6379 (redis)",
        ),
        (
            Listener("127.0.0.1", 14000, 272, "python3 litellm (process 272)"),
            "port 14000 (staging)",
        ),
    ],
    ids=["proxy", "database", "redis", "redis, unseen or gone", "staging"],
)
def test_strangers_on_a_port_are_refused(
    servers: list[Listener], tmp_path: Path, listener: Listener, subject: str
) -> None:
    facts = {"legacy": deployment().facts, "database": {"port": 5434}, "redis": {"port": 6379}}
    found = _preflight_target.check_ports(settings(tmp_path), facts, [listener])
    assert [item.subject for item in found] == [subject]
    assert listener.command in found[0].problem


def test_stranger_at_another_address_of_the_loopback_network_is_nobody(
    servers: list[Listener], tmp_path: Path
) -> None:
    """A1b: any account can listen at 127.0.0.2, and must not block a migration."""
    strangers = [Listener("127.0.0.2", port, 9, "postgres") for port in (4000, 5434, 6379, 14000)]
    facts = {"legacy": deployment().facts, "database": {"port": 5434}, "redis": {"port": 6379}}
    found = _preflight_target.check_ports(settings(tmp_path), facts, [*strangers, *servers])
    assert found == []


@pytest.mark.parametrize("host", ["::1", "localhost"])
def test_server_is_looked_for_at_the_address_that_clients_use(
    servers: list[Listener], tmp_path: Path, host: str
) -> None:
    facts = {"database": {"port": 5434, "host": host}}
    stranger = Listener("::1", 5434, 9, "nginx (process 9)")
    (found,) = _preflight_target.check_ports(settings(tmp_path), facts, [stranger])
    assert found.subject == "port 5434 (database)"


def test_unused_native_server_must_not_hold_a_port_of_ours(
    servers: list[Listener], tmp_path: Path
) -> None:
    """The deployment does not use it, so nobody will stop it."""
    facts: Any = {"legacy": deployment().facts, "database": {"port": 5434}, "redis": None}
    (found,) = _preflight_target.check_ports(settings(tmp_path), facts, servers)
    assert found.subject == "port 6379 (redis)"
    assert found.problem.endswith(", and is to be the new deployment's")
    assert found.remedy == "it stays as it is: set another litellm_redis_port"
    chosen = settings(tmp_path, redis_port=6380)
    assert _preflight_target.check_ports(chosen, facts, servers) == []


def test_stores_elsewhere_take_no_port_of_this_host(
    servers: list[Listener], tmp_path: Path
) -> None:
    away = {"where": "elsewhere", "host": "x", "port": 5434}
    facts: Any = {"legacy": deployment().facts, "database": away, "redis": {**away, "port": 6379}}
    others = [Listener("127.0.0.1", port, 9, "nginx (process 9)") for port in (5434, 6379)]
    assert _preflight_target.check_ports(settings(tmp_path), facts, [*others, servers[2]]) == []
    assert (
        _preflight_target.check_ports(settings(tmp_path), {**facts, "database": None}, servers)
        == []
    )


@pytest.mark.parametrize(
    ("port", "words"),
    [
        (6379, "/usr/bin/valkey-server 127.0.0.1:6379"),
        (6379, "/opt/redis/bin/redis-server *:6379"),
        (5434, "/usr/pgsql-16/bin/postmaster"),
        (5434, "/usr/lib/edb-as/15/bin/edb-postgres"),
        (5434, "postgres: 16/main"),
    ],
)
def test_server_by_another_name_of_its_program_is_the_legacy_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port: int, words: str
) -> None:
    monkeypatch.setattr(
        _preflight_target._programs._process, "command_line", lambda pid, proc="/proc": [words]
    )
    facts: Any = {"database": {"port": 5434}, "redis": {"port": 6379}}
    there = Listener("127.0.0.1", port, 9, "a server")
    assert _preflight_target.check_ports(settings(tmp_path), facts, [there]) == []


def test_nothing_is_concluded_of_servers_that_are_not_known(
    servers: list[Listener], tmp_path: Path
) -> None:
    """The unit's name may have a typo; then the deployment's own servers hold these ports."""
    assert _preflight_target.check_ports(settings(tmp_path), {}, servers) == []
    known = {"legacy": deployment().facts, "redis": {"port": 6379}}  # DATABASE_URL can't be read
    assert _preflight_target.check_ports(settings(tmp_path), known, servers) == []
    stranger = Listener("127.0.0.1", 14000, 9, "nginx (process 9)")
    (found,) = _preflight_target.check_ports(settings(tmp_path), {}, [*servers, stranger])
    assert found.subject == "port 14000 (staging)"


HERE: Any = {"legacy": deployment().facts, "database": {"port": 5434}, "redis": {"port": 6379}}
POOLED = {"litellm": "l", "postgres": "p", "redis": "r", "pgbouncer": "b"}


@pytest.mark.parametrize("cutover", ["auto", "live"])
def test_port_of_the_pooler_must_be_free(
    servers: list[Listener], tmp_path: Path, cutover: str
) -> None:
    wanted = settings(tmp_path, images=POOLED, cutover=cutover)
    assert _preflight_target.check_ports(wanted, HERE, servers) == []
    stranger = Listener("127.0.0.1", 16432, 9, "nginx (process 9)")
    (found,) = _preflight_target.check_ports(wanted, HERE, [*servers, stranger])
    assert found.subject == "port 16432 (pooler)"
    assert "nginx (process 9)" in found.problem and "litellm_pooler_port" in found.remedy
    chosen = {**wanted, "pooler_port": 16433}
    assert _preflight_target.check_ports(chosen, HERE, [*servers, stranger]) == []


@pytest.mark.parametrize("port", [4000, 5434, 6379, 14000, 0])
def test_port_of_the_pooler_is_one_of_its_own(
    servers: list[Listener], tmp_path: Path, port: int
) -> None:
    wanted = settings(tmp_path, images=POOLED, pooler_port=port)
    found = _preflight_target.check_ports(wanted, HERE, servers)
    assert "litellm_pooler_port" in {item.subject for item in found}
    stopped = {**wanted, "cutover": "stop"}
    assert _preflight_target.check_ports(stopped, HERE, servers) == []


@pytest.mark.parametrize(
    ("changes", "facts"),
    [
        ({"cutover": "stop"}, {}),
        ({"images": {**POOLED, "pgbouncer": ""}}, {}),
        ({}, {"database": {"port": 5434, "where": "elsewhere"}}),
        ({}, {"database": None}),
    ],
    ids=["the operator wants none", "no image", "database elsewhere", "no database"],
)
def test_nothing_of_a_pooler_is_looked_at_where_there_is_none(
    monkeypatch: pytest.MonkeyPatch,
    servers: list[Listener],
    tmp_path: Path,
    changes: dict[str, Any],
    facts: dict[str, Any],
) -> None:
    monkeypatch.setattr(_images, "look", lambda reference, engine: image(reference))
    wanted = settings(tmp_path, **{"images": POOLED, **changes})
    stranger = Listener("127.0.0.1", 16432, 9, "nginx (process 9)")
    ports = [item for item in (*servers, stranger) if facts == {} or item.port != 5434]
    assert _preflight_target.check_ports(wanted, {**HERE, **facts}, ports) == []
    found = _preflight_target.check_images(wanted, {**HERE, **facts}, ENGINE)
    assert "pgbouncer" not in found.facts["images"]


@pytest.mark.parametrize("cutover", ["auto", "live"])
def test_image_of_the_pooler_is_looked_at_as_others_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cutover: str
) -> None:
    bad: dict[str, Any] = {}
    monkeypatch.setattr(
        _images, "look", lambda name, engine: image(name, **(bad if name == "b" else {}))
    )
    wanted = settings(tmp_path, images=POOLED, cutover=cutover)
    found = _preflight_target.check_images(wanted, HERE, ENGINE)
    assert (found.problems, found.facts["images"]["pgbouncer"]["reference"]) == ([], "b")
    bad.update(platforms=("linux/arm64",))
    (problem,) = _preflight_target.check_images(wanted, HERE, ENGINE).problems
    assert problem.subject == "litellm_images.pgbouncer"
    bad.update(platforms=("linux/amd64",), size=0)
    found = _preflight_target.check_images(wanted, HERE, ENGINE)
    size = _preflight_target.ESTIMATES["pgbouncer"]
    assert (found.problems, found.facts["images"]["pgbouncer"]["bytes"]) == ([], size)


ENGINE = {"platform": "linux/amd64", "insecure": []}


def image(reference: str, **others: Any) -> _images.Image:
    """An image with which nothing is wrong."""
    return _images.Image(
        reference,
        False,
        ("linux/amd64",),
        {"PG_MAJOR": "17", "REDIS_VERSION": "8.0"},
        {"version": "1.102.4"},
        50,
        "",
    )._replace(**others)


@pytest.mark.parametrize(
    ("changes", "settings_", "said"),
    [
        ({}, {}, []),
        (
            {"postgres": {"environment": {"PG_MAJOR": "13"}}},
            {},
            ["litellm_images.postgres: image p is PostgreSQL 13"],
        ),
        (
            {"redis": {"environment": {"REDIS_VERSION": "6.2"}}},
            {},
            ["litellm_images.redis: image r is Redis 6"],
        ),
        ({"redis": {"environment": {"REDIS_VERSION": "6.2"}}}, {"carry_redis": False}, []),
        (
            {"litellm": {"labels": {"version": "1.82.8"}}},
            {},
            ["litellm_images.litellm: LiteLLM 1.82.8 is on the list"],
        ),
        (
            {"litellm": {"error": "404"}, "redis": {"platforms": ("linux/arm64",)}},
            {},
            ["litellm_images.litellm: image l: 404", "litellm_images.redis"],
        ),
        (
            {},
            {"images": {"litellm": "l", "redis": "NO"}},
            [
                "litellm_images.postgres: '' is not an image",
                "litellm_images.redis: 'NO' is not an image",
            ],
        ),
    ],
    ids=[
        "fine",
        "lower PostgreSQL",
        "lower Redis",
        "lower Redis, left behind",
        "bad release",
        "every one is told",
        "no references",
    ],
)
def test_images_are_judged_together(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, changes: Any, settings_: Any, said: list[str]
) -> None:
    names = {"l": "litellm", "p": "postgres", "r": "redis"}

    def find(reference: str, engine: Any) -> _images.Image:
        _images.parse_reference(reference)
        return image(reference, **changes.get(names[reference], {}))

    monkeypatch.setattr(_images, "look", find)
    facts = {
        "legacy": {"litellm_version": "1.102.4"},
        "database": {"major": 15},
        "redis": {"major": 7},
    }
    wanted = settings(tmp_path, images={"litellm": "l", "postgres": "p", "redis": "r"})
    found = _preflight_target.check_images(
        {**wanted, **settings_}, facts, {"platform": "linux/amd64", "insecure": []}
    ).problems
    assert len(found) == len(said), texts(found)
    assert [part for part in said if part not in texts(found)] == []


@pytest.mark.parametrize(
    ("present", "names", "lacks"),
    [
        (True, ["pg_trgm", "vector"], ["vector"]),
        (True, ["pg_trgm"], []),
        (True, [], []),
        (False, ["vector"], []),
    ],
)
def test_image_that_lacks_an_extension_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, present: bool, names: Any, lacks: list[str]
) -> None:
    folder = "/usr/share/postgresql/15/extension/"
    programs = support.Programs({"docker run": f"{folder}pg_trgm.control\n{folder}plpgsql.control"})
    monkeypatch.setattr(_preflight_target._process, "run", programs)
    monkeypatch.setattr(
        _images, "look", lambda reference, *_all: image(reference)._replace(present=present)
    )
    facts: Any = {"database": {"major": 15, "extensions": names}, "redis": {"major": 7}}
    wanted = settings(tmp_path, images={"litellm": "l", "postgres": "p", "redis": "r"})
    found = _preflight_target.check_images(
        wanted, facts, {"platform": "linux/amd64", "insecure": []}
    ).problems
    assert [item.problem for item in found if "extension" in item.problem] == [
        f"has no extension {name}, which LiteLLM's tables in the native database use"
        for name in lacks
    ]
    assert len(programs.called("docker run")) == (present and names != [])


@pytest.mark.parametrize("known", [True, False], ids=["with a journal", "without a journal"])
@pytest.mark.parametrize(
    ("labels", "container", "subject"),
    [
        ({_docker.OWN_LABEL: ""}, None, "volume team_redis"),
        (None, {"labels": {_docker.FOLDER_LABEL: "here"}}, "container team-proxy"),
        ({}, None, "volume team_redis"),
        (None, {"labels": {_docker.FOLDER_LABEL: "elsewhere"}}, "container team-proxy"),
        (None, {"labels": {}}, "container team-proxy"),
    ],
    ids=[
        "our volume",
        "our container",
        "a stranger's volume",
        "a container of another folder",
        "a stranger's container",
    ],
)
def test_names_are_free_or_ours(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    known: bool,
    labels: Any,
    container: Any,
    subject: str,
) -> None:
    monkeypatch.setattr(
        _docker, "volume_labels", lambda name: labels if name == "team_redis" else None
    )
    monkeypatch.setattr(
        _docker, "container", lambda name: container if name == "team-proxy" else None
    )
    monkeypatch.setattr(_docker, "subnets", lambda: [("172.30.40.0/24", "network team")])
    monkeypatch.setattr(_docker, "routes", lambda: [("172.30.40.0/24", "route by br-1", "main")])
    if known:
        (tmp_path / "state").mkdir()
        (tmp_path / "state/journal.json").write_text("{}")
    found = _preflight_target.check_names(
        settings(tmp_path, project_name="team"), {"project_dir": "here"}
    )
    ours = known and "our" in request.node.callspec.id.split("-")[0].split()
    assert [item.subject for item in found] == ([] if ours else [subject])


@pytest.mark.parametrize(
    ("networks", "table", "said"),
    [
        ([], "main", "route by eth1"),
        ([("172.30.40.0/24", "network other")], "main", "network other"),
        ([("172.30.40.0/24", "network litellm")], "main", ""),
        ([("172.30.40.0/24", "network litellm")], "52", "route by eth1"),
    ],
    ids=["a route", "another network", "our own network", "a route that goes before our own"],
)
def test_subnet_is_free_or_ours(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, networks: Any, table: str, said: str
) -> None:
    for name in ("volume_labels", "container"):
        monkeypatch.setattr(_docker, name, lambda name: None)
    monkeypatch.setattr(_docker, "subnets", lambda: networks)
    monkeypatch.setattr(_docker, "routes", lambda: [("172.30.0.0/16", "route by eth1", table)])
    found = texts(_preflight_target.check_names(settings(tmp_path), {}))
    assert bool(found) == bool(said)
    assert said in found


@pytest.mark.parametrize("name", ["project_dir", "state_dir", "backup_dir"])
@pytest.mark.parametrize("place", ["itself", "above", "not yet"])
def test_folder_of_another_account_is_refused(tmp_path: Path, name: str, place: str) -> None:
    given = settings(tmp_path)
    assert _preflight_target.check_folders(given) == []
    folder = tmp_path / "theirs"
    folder.mkdir()
    os.chown(folder, 65534, 65534)
    below = folder / "below"
    if place == "above":
        below.mkdir()
    given[name] = str(folder if place == "itself" else below)
    (problem,) = _preflight_target.check_folders(given)
    assert problem.subject == "litellm_" + name
    assert "%s: %s belongs to account nobody, and root " % (given[name], folder) in problem.problem
    assert "chown root:" in problem.remedy


@pytest.mark.parametrize(
    ("changes", "size", "warned"),
    [
        ({}, 50, ""),
        ({"present": True, "size": 0}, 0, ""),
        ({"size": 0}, _preflight_target.ESTIMATES["postgres"], "its size is not known"),
        (
            {"size": 0, "note": "the registry cannot be asked (no)", "platforms": ()},
            _preflight_target.ESTIMATES["postgres"],
            "image p: the registry cannot be asked (no); its size is not known, and counted as 180",
        ),
        ({"note": "the engine can't say"}, 50, "image p: the engine can't say"),
    ],
    ids=["told", "present", "size unknown", "nothing known", "a note"],
)
def test_what_nobody_tells_is_a_warning_and_counts_as_an_estimate(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, changes: Any, size: int, warned: str
) -> None:
    monkeypatch.setattr(
        _images,
        "look",
        lambda reference, engine: image(reference, **(changes if reference == "p" else {})),
    )
    wanted = settings(tmp_path, images={"litellm": "l", "postgres": "p", "redis": "r"})
    found = _preflight_target.check_images(wanted, {}, {"platform": "linux/amd64"})
    assert found.problems == []
    assert found.facts["images"]["postgres"]["bytes"] == size
    assert len(found.warnings) == bool(warned)
    assert warned in texts(found.warnings)


@pytest.mark.parametrize(
    ("declared", "native", "spend", "refused", "warned"),
    [
        ("7.2.4", "Redis 7.2", True, "", ""),
        ("7.0.5", "Redis 7.4", False, "does not read what the native Redis 7.4 writes", ""),
        ("7.4.1", "Redis 8.0", False, "", ""),
        ("7.4.1", "Redis 7.0", False, "", "(format 12) the native Redis 7.0 does not read"),
        ("7.4.1", "Redis 7.0", True, "could not come back", ""),
        ("9.0.0", "Redis 8.0", False, "", "the native Redis 8.0 need not read"),
        ("8.0.1", "Valkey 8.0", False, "", "the native Valkey 8.0 does not read"),
    ],
    ids=[
        "the same",
        "older within a major",
        "another major, one format",
        "newer within a major",
        "newer, and spend in Redis",
        "newer than is known",
        "from Valkey to Redis",
    ],
)
def test_formats_of_snapshots_are_compared_both_ways(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    declared: str,
    native: str,
    spend: bool,
    refused: str,
    warned: str,
) -> None:
    monkeypatch.setattr(
        _images,
        "look",
        lambda reference, engine: image(
            reference, environment={"PG_MAJOR": "17", "REDIS_VERSION": declared}
        ),
    )
    facts: Any = {"redis": {"major": 7, "release": native, "holds_spend": spend}}
    wanted = settings(tmp_path, images={"litellm": "l", "postgres": "p", "redis": "r"})
    for carry in (True, False):
        wanted["carry_redis"] = carry
        found = _preflight_target.check_images(wanted, facts, {"platform": "linux/amd64"})
        assert len(found.problems) == (carry and bool(refused))
        assert len(found.warnings) == (carry and bool(warned))
        if carry:
            assert refused in texts(found.problems)
            assert warned in texts(found.warnings)


def test_preview_has_the_layout_and_user_that_images_declare(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(
        _images,
        "look",
        lambda reference, engine: image(
            reference,
            environment={"PGDATA": "/var/lib/postgresql/18/docker", "VALKEY_VERSION": "8.0.1"},
            volumes=("/var/lib/postgresql",),
        ),
    )
    wanted = settings(tmp_path, images={"litellm": "l", "postgres": "p", "redis": "r"})
    facts: Any = _preflight_target.check_images(wanted, {}, {"platform": "linux/amd64"}).facts
    assert facts["images"]["postgres"]["data"] == {
        "mount": "/var/lib/postgresql",
        "folder": "/var/lib/postgresql/18/docker",
    }
    assert facts["images"]["redis"]["user"] == "valkey"


def test_images_take_room_where_the_engine_keeps_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(_files, "free_bytes", lambda path: 1 << 40)
    monkeypatch.setattr(_files, "device_of", lambda path: 1)
    facts: Any = {
        "database": {"bytes": 1000},
        "images": {"a": {"bytes": 500, "present": False}},
    }
    engine = {"root": "/srv/docker", "images_root": "/var/lib/containerd"}
    found = _preflight_target.check_space(settings(tmp_path), facts, engine)
    assert {entry["path"]: entry["needed"] for entry in found.facts["space"]} == {
        "/var/lib/containerd": 2000,
        "/srv/docker": 1000 + _preflight_target.RESERVE,
        str(tmp_path / "backup"): 1000,
    }


def test_space_counts_only_what_must_be_fetched(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(_files, "free_bytes", lambda path: _preflight_target.RESERVE + 5000)
    monkeypatch.setattr(_files, "device_of", lambda path: 1)
    facts: Any = {
        "database": {"bytes": 1000},
        "images": {"a": {"bytes": 500, "present": False}, "b": {"bytes": 9 << 30, "present": True}},
    }
    found = _preflight_target.check_space(
        settings(tmp_path), facts, {"root": "/docker", "images_root": "/docker"}
    )
    assert found.problems == []
    assert [(entry["path"], entry["needed"]) for entry in found.facts["space"]] == [
        ("/docker", 3000 + _preflight_target.RESERVE),
        (str(tmp_path / "backup"), 1000),
    ]
    facts["database"]["bytes"] = 1500
    assert (
        _preflight_target.check_space(
            settings(tmp_path), facts, {"root": "/docker", "images_root": "/docker"}
        ).problems
        == []
    )
    facts["database"]["bytes"] = 1501
    found = _preflight_target.check_space(
        settings(tmp_path), facts, {"root": "/docker", "images_root": "/docker"}
    )
    assert "disk space: /docker and " in texts(found.problems)
