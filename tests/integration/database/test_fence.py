"""Who comes to a database that does not count fails at once, and we do not, on a real server.

The container is a cluster of Debian's; its engine, a script, runs the programs on its socket.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._postgres import role as _role
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.fence import Fence, writer
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import (
    Endpoint,
    PostgresError,
    Session,
    query,
)

from .conftest import contained

PASSWORD = "p@ss'w\\ord$ ü"
ADD = "INSERT INTO rows VALUES (1)"


@pytest.fixture
def database() -> Iterator[Endpoint]:
    """LiteLLM's database in a container."""
    for target in contained("postgres"):
        _role.secure(target, PASSWORD)
        _role.provide(target)
        with Session(target) as session:
            session.execute("CREATE TABLE rows (number int)")
        yield target


@pytest.fixture
def stranger(database: Endpoint) -> Endpoint:
    """The same for whoever has the password and comes to the server's address."""
    port = query(database, "SHOW port")[0][0]
    return Endpoint(
        database.database,
        database.user,
        host="127.0.0.1",
        port=int(port or 0),
        password=PASSWORD,
        bindir="/usr/lib/postgresql/15/bin",
    )


def count(database: Endpoint) -> int:
    return int(query(database, "SELECT count(*) FROM rows")[0][0] or 0)


def test_a_stranger_reads_and_we_write(database: Endpoint, stranger: Endpoint) -> None:
    with Session(stranger) as connected, Fence(database) as fence:
        connected.execute(ADD)
        assert not fence.is_up
        fence.put_up()
        assert fence.is_up
        with pytest.raises(PostgresError, match="terminating connection|closed"):
            connected.execute(ADD)
        assert count(stranger) == 1
        with Session(stranger) as session, pytest.raises(PostgresError, match="read-only"):
            session.execute(ADD)
        with Session(writer(database)) as session:
            session.execute(ADD)
            session.execute("CREATE TEMP TABLE own (number int)")
        assert count(database) == 2
        fence.take_down()
        assert not fence.is_up
    with Session(stranger) as session:
        session.execute(ADD)
    assert count(database) == 3


def test_what_else_is_set_for_the_role_stays(database: Endpoint) -> None:
    with _role.administering(database) as session:
        session.execute("ALTER ROLE litellm SET work_mem = '1MB'")
    with Fence(database) as fence:
        fence.put_up()
        assert fence.is_up
        fence.take_down()
    assert query(database, "SHOW work_mem") == [["1MB"]]
