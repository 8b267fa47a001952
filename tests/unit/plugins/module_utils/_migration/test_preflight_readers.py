"""What preflight says of roles beside LiteLLM's own that read its tables."""

from __future__ import annotations

from typing import Any

import pytest
from legacy_host import URL, deployment, texts

from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    preflight_readers as _preflight_readers,
)
from ansible_collections.llmops.litellm.plugins.module_utils._migration.preflight_findings import (
    Findings,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import readers as _readers
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import PostgresError

STORED = _readers.Known("SCRAM-SHA-256$verifier")


class Server:
    """A native server's roles."""

    def __init__(self) -> None:
        self.roles = {name: role(name) for name in ("grafana", "bi")}
        self.reading = {"grafana": 12, "bi": 3}
        self.members: list[str] = []
        self.writing: dict[str, list[str]] = {}
        self.hidden: dict[str, list[str]] = {}
        self.rights = [_readers.Right(name, "TABLE", "public", "x") for name in ("grafana", "bi")]
        self.passwords = {"grafana": STORED, "bi": STORED}
        self.asked: Any = None

    def known(self, _endpoint: Any, server: Any, _names: Any) -> dict[str, _readers.Known]:
        self.asked = server
        return self.passwords


def role(name: str, **more: Any) -> _readers.Role:
    return _readers.Role(name, True, False, "infinity", -1, False)._replace(**more)


@pytest.fixture
def server(database: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server()
    monkeypatch.setattr(
        _readers,
        "roles",
        lambda _session, names: {name: made.roles[name] for name in names if name in made.roles},
    )
    for name in ("reading", "writing", "hidden", "members", "rights"):
        monkeypatch.setattr(_readers, name, lambda *_all, name=name: getattr(made, name))
    monkeypatch.setattr(_readers, "passwords", made.known)
    return made


def check(*names: str, facts: Any = None) -> Findings:
    if facts is None:
        facts = {"database": {"major": 15, "schema": "public", "port": 5434, "server": {"a": 1}}}
    settings = {"database_readers": list(names), "database_role": "litellm"}
    return _preflight_readers.check_readers(deployment({"DATABASE_URL": URL}), facts, settings)


def test_each_role_that_reads_and_is_not_named_is_a_warning(server: Server) -> None:
    found = check()
    assert found.problems == []
    assert texts(found.warnings) == "\n".join(
        "role %s: reads %d of LiteLLM's tables and views, and will not be in the container: what it"
        " sees here stays as it was at the cutover -> to carry it there, with its password and"
        " nothing but what it reads, add it to litellm_database_readers" % item
        for item in (("bi", 3), ("grafana", 12))
    )
    assert server.asked is None  # nobody's password is looked at who is not named


def test_named_role_is_carried_and_where_it_finds_the_container_is_said(server: Server) -> None:
    facts: Any = {"database": {"major": 15, "schema": "public", "port": 5434, "server": {"a": 1}}}
    found = check("grafana", "bi", "grafana", facts=facts)
    assert found.problems == []
    assert facts["database"]["readers"] == ["grafana", "bi"]
    (said,) = map(str, found.warnings)
    assert said.startswith(
        "roles grafana, bi: will find the container's PostgreSQL at 127.0.0.1:5434 of this host"
    )
    assert server.asked == {"a": 1}


def test_all_that_can_not_be_carried_is_refused_at_once(server: Server) -> None:
    server.roles["team"] = role("team", login=False)
    server.roles["postgres"] = role("postgres", superuser=True)
    server.roles["litellm"] = role("litellm")
    server.members = ["ana", "bob"]
    user = deployment({"DATABASE_URL": URL}).effective["DATABASE_URL"].split("//")[1].split(":")[0]
    found = check("grafna", "team", "postgres", "litellm", user)
    assert [str(problem).split(" -> ") for problem in found.problems] == [
        [
            "litellm_database_readers: grafna: the native PostgreSQL has no role of this name",
            "take it out of litellm_database_readers, or correct it: those that read LiteLLM's"
            " tables are bi, grafana",
        ],
        [
            "role team: can't log in: it is a group, and no membership is carried",
            "name its members instead (ana, bob), each with the rights that it has by it",
        ],
        *[
            [
                "role %s: has a name that the container's PostgreSQL has for a role of its own"
                % name,
                "take it out of litellm_database_readers; give its clients a role of another name"
                " there, and name that",
            ]
            for name in ("postgres", "litellm")
        ],
        [
            "role %s: is LiteLLM's own role, which the container has anyway" % user,
            "take it out of litellm_database_readers",
        ],
    ]


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (
            {"passwords": {"grafana": _readers.Known(None, "it has none")}},
            "role grafana: gets no password in the container: it has none -> after the migration:",
        ),
        (
            {"roles": {"grafana": role("grafana", superuser=True)}},
            "may do more here than read (is a superuser): in the container it only reads",
        ),
        ({"writing": {"grafana": ["DELETE", "INSERT"]}}, "more here than read (DELETE, INSERT)"),
        ({"hidden": {"grafana": ["a", "b"]}}, "row security may hide from it here: a, b -> no pol"),
        ({"rights": []}, "reads nothing of LiteLLM's here, and will not in the container"),
    ],
)
def test_what_will_not_be_as_it_is_here_is_said(
    server: Server, seen: dict[str, Any], said: str
) -> None:
    vars(server).update({"reading": {}, **seen})
    found = check("grafana")
    assert found.problems == [] and len(found.warnings) == 2
    assert said in texts(found.warnings)


@pytest.mark.parametrize("where", ["elsewhere", None])
def test_database_that_is_not_moved_carries_nobody(server: Server, where: Any) -> None:
    facts: Any = {"database": {"where": where, "major": 15, "schema": "public"} if where else None}
    assert check(facts=facts) == Findings()
    (said,) = map(str, check("grafana", facts=facts).warnings)
    assert said.startswith("litellm_database_readers: names grafana, and no database is moved")


def test_server_that_has_not_answered_is_not_asked_again(server: Server) -> None:
    assert check("grafana", facts={"database": {"port": 5434}}) == Findings()
    assert check("grafana", facts={}) == Findings()


def test_database_without_litellms_tables_has_nothing_to_say(
    server: Server, database: dict[str, Any]
) -> None:
    database["contents"] = None
    assert check("grafana") == Findings()


def test_server_that_does_not_answer_is_a_problem(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_all: Any) -> Any:
        raise PostgresError("is down")

    monkeypatch.setattr(_readers, "reading", fails)
    assert "is down -> let the proxy's role read" in texts(check("grafana").problems)
