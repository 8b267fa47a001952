"""Extensions by name: what a dump's statements say, and what is refused.

tests/integration/database/test_extensions.py makes them on real servers.
"""

from __future__ import annotations

from typing import Any

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    extensions as _extensions,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.extensions import Extension
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import (
    Endpoint,
    PostgresError,
)

TARGET = Endpoint("litellm", "litellm", "litellm-postgres")
THERE = {"pg_trgm": True, "pg_buffercache": False}
DUMP = '''--
-- Name: pg_trgm; Type: EXTENSION; Schema: -; Owner: -
--
CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;
CREATE EXTENSION IF NOT EXISTS "uuid-ossp" WITH SCHEMA "my ""own""";
  CREATE EXTENSION IF NOT EXISTS indented WITH SCHEMA public;
COMMENT ON EXTENSION pg_trgm IS 'CREATE EXTENSION IF NOT EXISTS said WITH SCHEMA public;';
'''


def test_dump_says_which_it_makes() -> None:
    assert _extensions.parse(DUMP) == [
        Extension("pg_trgm", "public"),
        Extension("uuid-ossp", 'my "own"'),
    ]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ([], []),
        ([Extension("pg_trgm", "public"), Extension("pg_trgm", "apart")], []),
        ([Extension("pg_buffercache", "public")], []),
        ([Extension("pg_buffercache", "apart")], ["is in schema apart and needs a superuser"]),
        ([Extension("vector", "public")], ["extension vector is not in the image of PostgreSQL"]),
    ],
)
def test_what_a_server_can_not_make_is_named(wanted: Any, said: list[str]) -> None:
    reasons = _extensions.refusals(wanted, THERE)
    assert len(reasons) == len(said)
    assert all(part in reason for part, reason in zip(said, reasons))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> support.Database:
    """A server that has two extensions, one of which needs its superuser."""
    server = support.Database()
    monkeypatch.setattr(_extensions, "Session", server)
    monkeypatch.setattr(_extensions, "available", lambda _target: THERE)
    monkeypatch.setattr(_extensions, "administrator", lambda target: target.on("postgres"))
    return server


def test_superuser_makes_what_needs_one(server: support.Database) -> None:
    wanted = [Extension("pg_trgm", "public"), Extension("pg_buffercache", "public")]
    assert _extensions.make(TARGET, wanted) == ("--no-comments",)
    assert server.done == ['CREATE EXTENSION IF NOT EXISTS "pg_buffercache" SCHEMA "public"']
    assert server.places == ["litellm"]


@pytest.mark.parametrize(
    ("place", "wanted"),
    [
        (TARGET, []),
        (TARGET, [Extension("pg_trgm", "public")]),
        (Endpoint("a", host="/run"), [Extension("pg_buffercache", "public")]),
    ],
    ids=["none", "the role's own", "no container"],
)
def test_rest_comes_with_the_dump(server: support.Database, place: Endpoint, wanted: Any) -> None:
    assert _extensions.make(place, wanted) == ()
    assert server.places == []


def test_what_is_not_there_is_refused(server: support.Database) -> None:
    with pytest.raises(PostgresError, match="extension vector is not in the image"):
        _extensions.make(TARGET, [Extension("vector", "public")])
    assert server.places == []
