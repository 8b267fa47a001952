"""Extensions of a database that a container's server takes over, on real servers."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._backup import backup as _backup
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import copy as _copy
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    extensions as _extensions,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import role as _role
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import (
    Endpoint,
    PostgresError,
    Session,
    query,
)
from ansible_collections.llmops.litellm.plugins.module_utils._restore import database as _restore

from .conftest import Native
from .content import NASTY

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=timezone.utc)
OWNERS = """SELECT extname, extowner::regrole FROM pg_extension WHERE extname <> 'plpgsql'
ORDER BY 1"""


def as_superuser(native: Native, place: Endpoint, sql: str) -> None:
    with Session(native.endpoint.on(place.database)) as session:
        session.execute(sql)


@pytest.fixture
def source(native: Native) -> Endpoint:
    """A database with an extension that any owner may make, and one that a superuser made."""
    place = native.new(NASTY + "; CREATE EXTENSION pg_trgm")
    as_superuser(native, place, "CREATE EXTENSION pg_buffercache")
    return place


@pytest.mark.parametrize("way", ["copy", "file", "folder"])
def test_each_extension_is_made_by_who_may(
    container: Endpoint, source: Endpoint, tmp_path: Path, way: str
) -> None:
    if way == "copy":
        assert _copy.copy(source, container, "unchanged", NOW).differences == []
    else:
        order = _backup.Order(source, str(tmp_path), "legacy")
        if way == "folder":
            order = order._replace(how=order.how._replace(jobs=2, parallel_from=1))
        path = str(_backup.backup(order, NOW)["path"])
        assert _restore.restore(path, container, NOW).differences == []
    assert query(container, OWNERS) == [["pg_buffercache", "postgres"], ["pg_trgm", "litellm"]]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (
            "CREATE FUNCTION f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';"
            "CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION f()",
            "it has event trigger watch",
        ),
        (
            "CREATE FUNCTION raw(float8) RETURNS float8 LANGUAGE internal AS 'dsin'",
            "it has function raw",
        ),
        (
            "CREATE SCHEMA apart; CREATE EXTENSION pg_buffercache SCHEMA apart",
            "extension pg_buffercache is in schema apart and needs a superuser",
        ),
        ("SELECT lo_create(0)", "it has 1 large objects"),
    ],
)
def test_what_no_plain_role_can_make_is_named_before(
    native: Native, container: Endpoint, sql: str, said: str
) -> None:
    place = native.new(NASTY)
    as_superuser(native, place, sql)
    with pytest.raises(PostgresError, match=said):
        _copy.dry_run(place, container, "unchanged")
    with Session(place) as session:
        assert isinstance(_extensions.beyond(session), list)


def test_extension_that_the_image_lacks_is_named(
    container: Endpoint, source: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_extensions, "available", lambda target: {"pg_trgm": True})
    with pytest.raises(PostgresError, match="extension pg_buffercache is not in the image"):
        _copy.dry_run(source, container, "unchanged")
    _role.secure(container)
    with pytest.raises(PostgresError, match="extension pg_buffercache is not in the image"):
        _extensions.make(container, [_extensions.Extension("pg_buffercache", "public")])


def test_database_of_litellms_kind_has_nothing_of_this(native: Native) -> None:
    with Session(native.new(NASTY)) as session:
        assert _extensions.beyond(session) == []
        assert _extensions.installed(session) == []
