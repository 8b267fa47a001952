"""Who else uses what a migration takes down: hosts as people have them."""

from __future__ import annotations

from typing import Any, Iterable, Optional

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    unit_processes as _unit_processes,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import clients as _clients
from ansible_collections.llmops.litellm.plugins.module_utils._host import (
    connections as _connections,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import docker as _docker
from ansible_collections.llmops.litellm.plugins.module_utils._host import listeners as _listeners
from ansible_collections.llmops.litellm.plugins.module_utils._host import (
    unit_relations as _unit_relations,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host.connections import Connection
from ansible_collections.llmops.litellm.plugins.module_utils._host.listeners import Listener
from ansible_collections.llmops.litellm.plugins.module_utils._host.systemd import Manager, Unit
from ansible_collections.llmops.litellm.plugins.module_utils._host.unit_relations import (
    AFTER,
    NEEDS,
    WANTS,
    Relation,
)
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    neighbours as _neighbours,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import others as _others
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import session as _session
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.endpoint import Endpoint
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.programs import PostgresError
from ansible_collections.llmops.litellm.plugins.module_utils._redis import clients as _redis_clients
from ansible_collections.llmops.litellm.plugins.module_utils._redis import redis as _redis

SECRET = "geheim-7f3a"
ENVIRONMENT = {
    "DATABASE_URL": "postgresql://gateway:%s@127.0.0.1:5434/llm" % SECRET,
    "REDIS_PASSWORD": SECRET,
}
PROXY, POSTGRES, REDIS = "litellm.service", "postgresql@15-main.service", "redis-server.service"
LISTENS = [Listener("127.0.0.1", 5434, 15, "postgres"), Listener("127.0.0.1", 6379, 16, "redis")]


def record(name: str, account: str = "") -> dict[str, str]:
    return {"name": name, "account": account}


def relation(name: str, verb: str, needed: str, through: str = "", account: str = "") -> Relation:
    unit = Unit(name, Manager(account or None), "enabled", "active", {})
    return Relation(unit, verb, needed, through)


class Host:
    """A host with the proxy, its PostgreSQL and its Redis, and what else is there."""

    def __init__(self) -> None:
        self.relations: list[Relation] = []
        self.clients: list[Connection] = []
        self.names: dict[Optional[int], str] = {}
        self.others = _others.Others([], [], [], [])
        self.redis: list[_redis_clients.Client] = []
        self.listens = list(LISTENS)
        self.own: Any = None
        self.beside: list[_unit_processes.Beside] = []
        self.found: dict[str, Any] = {
            "legacy": {
                "pid": 70,
                "unit": record(PROXY),
                "units": [record("litellm-backup.timer"), record(PROXY)],
            },
            "database": {
                "name": "llm",
                "user": "gateway",
                "host": "127.0.0.1",
                "port": 5434,
                "major": 15,
                "unit": record(POSTGRES),
            },
            "redis": {"port": 6379, "unit": record(REDIS)},
        }

    def said(self, *accepted: str) -> list[str]:
        """What is refused."""
        return [
            str(problem)
            for problem in _neighbours.of_legacy(self.found, ENVIRONMENT, list(accepted))
        ]


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host()

    def relations(
        records: Iterable[dict[str, str]], verbs: Iterable[str], own: Iterable[dict[str, str]]
    ) -> list[Relation]:
        names = {each["name"] for each in records}
        assert {each["name"] for each in own} | names >= {PROXY, "litellm-backup.timer"}
        return [each for each in made.relations if each.needed in names and each.verb in verbs]

    def beside(unit: dict[str, str], pid: int) -> list[_unit_processes.Beside]:
        assert (unit["name"], pid) == (PROXY, 70)
        return made.beside

    def who(each: Connection, own: _clients.Own) -> Optional[_clients.Who]:
        made.own = own
        name = made.names.get(each.client)
        return _clients.Who(name, "psql (process 9) of account bob") if name else None

    def clients(native: _redis.Native) -> list[_redis_clients.Client]:
        assert (native.port, native.password) == (6379, SECRET)
        if not made.redis:
            raise _redis.RedisError("NOPERM")
        return made.redis

    def look(endpoint: Endpoint) -> _others.Others:
        assert (endpoint.database, endpoint.port) == ("llm", 5434)
        return support.answered(made.others)

    monkeypatch.setattr(_unit_relations, "relations", relations)
    monkeypatch.setattr(_unit_processes, "beside", beside)
    monkeypatch.setattr(_listeners, "listeners", lambda: made.listens)
    monkeypatch.setattr(
        _connections,
        "connections",
        lambda pid, _found: [each for each in made.clients if each.server // 10 == pid],
    )
    monkeypatch.setattr(_clients, "who", who)
    monkeypatch.setattr(_others, "look", look)
    monkeypatch.setattr(_session, "from_url", lambda url, account: Endpoint("llm", port=5434))
    monkeypatch.setattr(_redis_clients, "clients", clients)
    return made


def test_host_of_nobody_else_is_not_refused(host: Host) -> None:
    host.clients = [Connection("127.0.0.1", 40000, 71, 150), Connection("", 0, 71, 160)]
    assert host.said() == []
    assert host.own.pids == [70]
    assert host.own.units == {
        ("", name) for name in (PROXY, "litellm-backup.timer", POSTGRES, REDIS)
    }


def test_programs_in_the_proxys_own_unit_are_named(host: Host) -> None:
    """What its start script starts besides, or all that a supervisor has."""
    host.beside = [
        _unit_processes.Beside("ollama", "ollama (process 31)"),
        _unit_processes.Beside("n8n", "n8n (process 32)"),
        _unit_processes.Beside("n8n", "n8n (process 33)"),
    ]
    (n8n, ollama) = host.said()
    assert n8n == (
        "process n8n of litellm.service: runs in the proxy's unit beside it (n8n (process 32), n8n "
        "(process 33)), and ends when that is stopped at the cutover -> give it a unit of its own, "
        "or accept it with preflight_accept_down: [process n8n of litellm.service]"
    )
    assert host.said("process n8n of litellm.service") == [ollama]


def test_application_on_the_same_redis_is_named(host: Host) -> None:
    """By the kernel, and with what Redis says of it where that tells."""
    host.clients = [
        Connection("127.0.0.1", 40000, 80, 160),
        Connection("127.0.0.1", 40001, 80, 160),
        Connection("10.0.0.5", 40002, None, 160),
    ]
    host.names = {80: "unit shop.service", None: "client 10.0.0.5"}
    assert host.said() == [
        "client 10.0.0.5: has 1 connection to Redis on port 6379 (psql (process 9) of account bob),"
        " which is stopped at the cutover -> give it a server of its own, or accept it with"
        " preflight_accept_down: [client 10.0.0.5]",
        "unit shop.service: has 2 connections to Redis on port 6379 (psql (process 9) of account"
        " bob), which is stopped at the cutover -> give it a server of its own, or accept it with"
        " preflight_accept_down: [unit shop.service]",
    ]
    host.redis = [_redis_clients.Client("127.0.0.1:40000", "cart", "shop")]
    assert "(user shop, name cart, psql (process 9) of account bob; psql" in host.said()[1]
    assert host.said("unit shop.service", "client 10.0.0.5") == []


def test_application_on_the_same_postgresql_is_named(host: Host) -> None:
    session = _others.Session(151, "reports", "app", "metabase", "127.0.0.1")
    host.others = _others.Others(
        [session],
        [
            _others.Database("reports", "app"),
            _others.Database("postgres", "", "holds public.orders"),
        ],
        ["app", "gateway", "grafana"],
        ["standby"],
    )
    host.clients = [Connection("127.0.0.1", 40000, 80, 151)]
    host.names = {80: "process java"}
    said = "\n".join(host.said())
    for text in (
        "database reports: is on the native PostgreSQL that is stopped at the cutover, and is not"
        " moved -> give it a server of its own, or accept it with preflight_accept_down:"
        " [database reports]",
        "database postgres: holds public.orders; it is on the native PostgreSQL that is stopped",
        "role grafana: can log in to the native PostgreSQL that is stopped at the cutover",
        "replication slot standby: of the native PostgreSQL that is stopped at the cutover keeps",
        "process java: has 1 connection to PostgreSQL on port 5434 (role app, database reports,"
        " application metabase, psql (process 9) of account bob), which is stopped",
    ):
        assert text in said
    assert len(host.said()) == 5
    assert (
        host.said(
            "reports",
            "database postgres",
            "role grafana",
            "replication slot standby",
            "process java",
        )
        == []
    )


def test_role_that_is_carried_is_served_where_it_was_by_loopback_alone(host: Host) -> None:
    session = _others.Session(151, "llm", "grafana", "", "127.0.0.1")
    socket = _others.Session(152, "llm", "grafana", "", "")
    remote = _others.Session(153, "llm", "grafana", "", "10.0.0.5")
    other = _others.Session(154, "other", "grafana", "", "127.0.0.1")
    host.clients = [
        Connection("127.0.0.1", 40000, 80, 151),
        Connection("", 0, 81, 152),
        Connection("10.0.0.5", 40001, None, 153),
        Connection("127.0.0.1", 40002, 82, 154),
    ]
    host.names = {80: "a", 81: "b", None: "c", 82: "d"}
    host.others = _others.Others([session, socket, remote, other], [], ["grafana", "bi"], [])
    assert [text.split(":")[0] for text in host.said()] == ["role bi", "a", "b", "c", "d"]
    host.found["database"]["readers"] = ["grafana"]
    assert [text.split(":")[0] for text in host.said()] == ["role bi", "b", "c", "d"]
    host.others = _others.Others([], [], ["grafana", "bi"], [])
    host.clients = []
    assert [text.split(":")[0] for text in host.said()] == ["role bi"]


def test_what_others_keep_in_litellms_own_database_is_named(host: Host) -> None:
    host.found["database"]["left_behind"] = ["extension pg_trgm", "trigger watch on x"]
    assert host.said() == []
    host.found["database"]["left_behind"] += ["table public.orders"] * 7
    (said,) = host.said()
    assert said.startswith(
        "contents of database llm: that are not LiteLLM's (table public.orders, "
    )
    assert "and 2 more) stay on the native PostgreSQL that is stopped at the cutover -> " in said
    assert host.said("contents of database llm") == []
    host.found["database"]["unit"] = None
    assert host.said() == []


def test_sessions_of_this_collection_and_those_that_only_the_proxy_can_have_are_none(
    host: Host,
) -> None:
    ours = _others.Session(151, "llm", "gateway", "llmops.litellm", "")
    proxys = _others.Session(152, "llm", "gateway", "", "")
    theirs = _others.Session(153, "llm", "reader", "llmops.litellm", "")
    second = _others.Session(154, "other", "gateway", "", "")
    host.others = _others.Others([ours, proxys, theirs, second], [], [], [])
    host.clients = [
        Connection("127.0.0.1", 40000, 80, 151),
        Connection("", 0, None, 152),
        Connection("", 0, None, 153),
        Connection("", 0, None, 154),
    ]
    host.names = {80: "process psql", None: _clients.BY_SOCKET}
    assert [text.split(":")[0] for text in host.said()] == [_clients.BY_SOCKET]
    assert "2 connections to PostgreSQL on port 5434 (role reader" in host.said()[0]
    assert "role gateway, database other" in host.said()[0]


def test_units_that_need_want_or_follow_a_server_are_named_and_those_that_need_the_proxy(
    host: Host,
) -> None:
    host.relations = [
        relation("a.service", NEEDS, REDIS),
        relation("b.service", WANTS, REDIS),
        relation("c.service", AFTER, POSTGRES, "postgresql.service"),
        relation("d.service", NEEDS, PROXY, account="bob"),
        relation("e.service", WANTS, PROXY),
    ]
    assert [text.split(" -> ")[0] for text in host.said()] == [
        "unit d.service of account bob: needs litellm.service and goes down with it at the cutover",
        "unit a.service: needs redis-server.service and goes down with it at the cutover",
        "unit b.service: wants redis-server.service (Wants=), which is stopped at the cutover",
        "unit c.service: is ordered after postgresql.service, whose postgresql@15-main.service is"
        " stopped at the cutover",
    ]
    assert host.said("a.service", "unit b.service", "c.service", "d.service") == []
    assert len(host.said("d.service of account bob", "unit d.service")) == 3


def test_our_own_processes_are_nobody_else(host: Host) -> None:
    host.clients = [Connection("127.0.0.1", 40000, 80, 150)]
    assert _neighbours.of_legacy(host.found, ENVIRONMENT, [], ours=[8, 9]) == []
    assert list(host.own.pids) == [70, 8, 9]


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", ""])
def test_who_uses_the_containers_is_named_before_a_rollback(
    host: Host, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """Those in the network that is removed, those that are connected, those that need the unit;
    not our own containers, and not the clients of the proxy, whose address stays."""
    ports = {"5432/tcp": [{"HostIp": address, "HostPort": "5434"}], "1/tcp": None}
    asked: list[Any] = []

    def relations(records: Any, verbs: Any, _own: Any) -> list[Relation]:
        assert (records, verbs) == ([record("gw-compose.service")], [NEEDS])
        return [relation("chat.service", NEEDS, "gw-compose.service")]

    def connected_to(places: set[tuple[str, int]]) -> list[Connection]:
        asked.append(places)
        return [Connection("127.0.0.1", 40000, 80, 0)] if places else []

    monkeypatch.setattr(_unit_relations, "relations", relations)
    monkeypatch.setattr(
        _docker,
        "members",
        lambda network: (
            {"172.30.40.2": "gw-proxy", "172.30.40.9": "grafana"} if network == "gw" else {}
        ),
    )
    monkeypatch.setattr(
        _docker, "container", lambda name: {"ports": ports} if name == "gw-postgres" else None
    )
    monkeypatch.setattr(_connections, "connected_to", connected_to)
    transition = {("gw-transition-proxy", "gw-transition-pooler"): [8, 9]}
    monkeypatch.setattr(_docker, "pids", lambda names: transition[tuple(names)])
    host.names = {80: "process psql"}
    found = [str(each) for each in _neighbours.of_compose("gw", [])]
    assert [text.split(" -> ")[0] for text in found] == [
        "unit chat.service: needs gw-compose.service and goes down with it by the rollback",
        "container grafana: is in the network gw, which is removed by the rollback",
        "process psql: has 1 connection to container gw-postgres (psql (process 9) of account bob),"
        " which is stopped by the rollback",
    ]
    assert asked == [{("127.0.0.1", 5434)}, set()]
    assert list(host.own.pids) == [8, 9]
    names = ["chat.service", "container grafana", "process psql"]
    assert _neighbours.of_compose("gw", names) == []


def test_unit_that_needs_one_that_is_removed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def relations(records: Any, verbs: Any) -> list[Relation]:
        assert verbs == [NEEDS]
        needs = relation("chat.service", NEEDS, PROXY, account="bob")
        return [needs] if record(PROXY) in records else []

    monkeypatch.setattr(_unit_relations, "relations", relations)
    (use,) = _neighbours.of_removed([record(PROXY)])
    assert use.name == "unit chat.service of account bob"
    assert use.seen == "needs litellm.service, whose files are removed: it could not start any more"
    assert _neighbours.of_removed([record("backup.timer")]) == []


def test_use_that_is_seen_in_several_ways_is_one(host: Host) -> None:
    host.relations = [relation("shop.service", NEEDS, REDIS)]
    host.clients = [Connection("127.0.0.1", 40000, 80, 160)]
    host.names = {80: "unit shop.service"}
    assert len(host.said()) == 1
    assert (
        "needs redis-server.service and goes down with it at the cutover; has 1" in host.said()[0]
    )


@pytest.mark.parametrize(
    ("address", "named"),
    [
        ("0.0.0.0", True),
        ("10.0.0.1", True),
        ("::", True),
        ("127.0.0.2", False),
        ("::1", False),
        ("::ffff:127.0.0.1", False),
    ],
)
def test_address_at_which_others_can_come_is_named(host: Host, address: str, named: bool) -> None:
    host.listens = [*LISTENS, Listener(address, 6379, 16, "redis-server")]
    name = "address %s:6379" % address
    assert bool(host.said()) is named
    assert not named or host.said()[0].startswith(name + ": of Redis on port 6379 is reached from")
    assert host.said(name) == []


def test_server_that_is_not_stopped_has_no_neighbours(host: Host) -> None:
    """One on another host, one without a unit, and where there is no Redis at all."""
    host.others = _others.Others([], [_others.Database("reports", "app")], [], [])
    host.found["database"]["unit"] = None
    host.found["redis"] = None
    assert host.said() == []


def test_server_that_can_not_be_asked_is_refused(host: Host) -> None:
    host.others = PostgresError("permission denied for view pg_roles")  # type: ignore[assignment]
    assert host.said()[0].startswith("database llm: permission denied for view pg_roles -> ")
    host.found["database"].pop("major")  # it has not answered, which is said elsewhere
    assert host.said() == []


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("process node index.js", "[process node index.js]"),
        ("database a, b", "['database a, b']"),
        ("database it's", "['database it''s']"),
        ("address ::1:6379", "['address ::1:6379']"),
        (r"unit a\x2db.service", r"[unit a\x2db.service]"),
    ],
)
def test_name_can_be_taken_from_the_message_as_it_is(name: str, shown: str) -> None:
    import yaml

    (problem,) = _neighbours.check([_neighbours.Use(name, "is here")], [])
    assert problem.remedy.endswith("preflight_accept_down: " + shown)
    assert yaml.safe_load(shown) == [name]
    assert _neighbours.check([_neighbours.Use(name, "is here")], yaml.safe_load(shown)) == []


@pytest.mark.parametrize(
    ("name", "accepted", "fits"),
    [
        ("database reports", "reports", True),
        ("database reports", "database reports", True),
        ("unit a.service", "a.service", True),
        ("unit a.service of account bob", "a.service", True),
        ("role reports", "reports", False),
        ("process psql", "psql", False),
        ("database reports", "report", False),
        ("database reports", "role reports", False),
    ],
)
def test_names_that_accept(name: str, accepted: str, fits: bool) -> None:
    assert _neighbours.accepts(name, [accepted]) is fits
