"""Changes of a served database carried over into its copy: whatever clients write meanwhile, both
are equal at the end, and nothing is left behind.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any, NamedTuple

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    contents as _contents,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import copy as _copy
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    copy_back as _copy_back,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import follow as _follow
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.fingerprint import (
    SETTINGS,
    compare,
    fingerprint,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.follow import Follower
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import (
    Endpoint,
    PostgresError,
    Session,
    identifier,
    literal,
    query,
    server_version,
)

from . import busy
from .conftest import PASSWORD, Native, Server, started
from .litellm import LITELLM, OTHERS

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=timezone.utc)
ROLE = 'gate"way ü'
SLOTS = "SELECT count(*) FROM pg_replication_slots"
PUBLICATIONS = "SELECT pubname FROM pg_publication ORDER BY 1"


@pytest.fixture(scope="module")
def logical() -> Iterator[Native]:
    """A server of its own that writes to its disk what nobody waits for only after ten seconds."""
    settings = ("wal_level=logical", "max_replication_slots=3", "wal_writer_delay=10s")
    with started("postgres", *settings, "deadlock_timeout=20ms") as admin:
        with Session(admin) as session:
            session.execute(
                "CREATE ROLE %s LOGIN CREATEDB PASSWORD %s" % (identifier(ROLE), literal(PASSWORD))
            )
        yield Native(admin, ROLE)


@pytest.fixture
def origin(logical: Native) -> Iterator[Native]:
    """That server, cleaned after the test."""
    yield logical
    logical.clean()


class Way(NamedTuple):
    """From where to where: servers, and a database with its copy."""

    server: Server
    source: Endpoint
    other: Server
    target: Endpoint

    @property
    def admin(self) -> Endpoint:
        return self.server.endpoint.on(self.source.database)

    def run(self, sql: str) -> None:
        """A client of the source."""
        self.server.run(self.source, sql)

    def follower(self) -> Follower:
        return Follower(self.source, self.admin, self.target)

    def left(self) -> tuple[Any, Any]:
        """Slots and publications of the source."""
        return query(self.admin, SLOTS)[0][0], [row[0] for row in query(self.admin, PUBLICATIONS)]


def way(server: Server, other: Server, sql: str) -> Way:
    source, target = server.new(sql), other.at(other.name())
    _copy.copy(source, target, "unchanged", NOW)
    return Way(server, source, other, target)


def finished(follower: Follower) -> list[str]:
    """The last changes carried over; the differences."""
    follower.finish()
    return compare(*follower.prove())


@pytest.mark.parametrize("back", [False, True], ids=["forth", "back"])
@pytest.mark.parametrize("hostile", [False, True], ids=["calm", "hostile"])
def test_busy_database_arrives(origin: Native, target: Server, back: bool, hostile: bool) -> None:
    # a copy goes from the older server to the newer one; rows then go either way
    older = server_version(target.endpoint)[1] < server_version(origin.endpoint)[1]
    here, there = (target, origin) if older else (origin, target)
    one = way(here, there, busy.TABLES)
    if back:
        one = Way(one.other, one.target, one.server, one.source)
    with busy.writing(one.source, hostile, 1) as end, one.follower() as follower:
        time.sleep(0.3)
        assert _copy_back.copy_back(one.source, one.target).differences == []
        begun, carried = time.monotonic(), 0
        while time.monotonic() < begun + 1:
            carried += follower.apply()
        written = end()
        while follower.apply() > 50:
            pass
        follower.finish()
        held, reached = follower.prove()
    assert compare(held, reached) == []
    assert written > 100 and carried > 100 and held["rows_total"] > 50
    assert held == fingerprint(one.source)
    assert reached == fingerprint(one.target)
    assert one.left() == ("0", [])


def test_litellms_part_arrives_and_its_trigger_acts_once(origin: Native, native: Native) -> None:
    one = way(origin, native, LITELLM)
    with Session(one.admin) as session:
        session.execute(OTHERS["a table in partitions"][0])
    with one.follower() as follower:
        one.run("INSERT INTO \"LiteLLM_MCPServerTable\" VALUES ('a')")
        assert follower.apply() == 2  # the trigger's row as well
        one.run(
            "INSERT INTO \"LiteLLM_MCPServerTable\" VALUES ('b');"
            'INSERT INTO "LiteLLM_Numbered" DEFAULT VALUES; DELETE FROM "LiteLLM_TeamTable";'
            "INSERT INTO \"LiteLLM_TeamTable\" VALUES ('t2')"
        )
        with Session(one.admin) as session:
            session.execute("INSERT INTO events VALUES (1, 'of others')")
        assert follower.apply() == 6
        assert finished(follower) == []
    revision = 'SELECT reload_revision FROM "LiteLLM_Config"'
    assert query(one.target, revision) == query(one.source, revision) == [["2"]]
    assert query(one.target, "SELECT tgenabled FROM pg_trigger WHERE NOT tgisinternal") == [["O"]]


SMALL = """
CREATE TABLE parents (id int PRIMARY KEY, name text UNIQUE);
CREATE TABLE children (id int PRIMARY KEY, parent int NOT NULL REFERENCES parents ON DELETE CASCADE,
  said text);
CREATE TABLE numbered (id text PRIMARY KEY, number int GENERATED ALWAYS AS IDENTITY);
CREATE TABLE named (first text, last text NOT NULL, told text, UNIQUE (told));
CREATE UNIQUE INDEX "by name" ON named (last, first);
ALTER TABLE named ALTER first SET NOT NULL, REPLICA IDENTITY USING INDEX "by name";
COMMENT ON CONSTRAINT children_parent_fkey ON children IS 'it''s a note';
INSERT INTO parents VALUES (1, 'a'), (2, 'b'); INSERT INTO children VALUES (1, 1), (2, 2);
INSERT INTO numbered VALUES ('x'), ('y'); INSERT INTO named VALUES ('A', 'B', 'x'), ('C', 'D', 'y')
"""


@pytest.fixture
def small(origin: Native, native: Native) -> Way:
    return Way(origin, origin.new(SMALL), native, native.new(SMALL))


@pytest.mark.parametrize(
    ("sql", "count"),
    [
        ("UPDATE children SET said = 'x'", 2),
        ("INSERT INTO children VALUES (3, 1); DELETE FROM children WHERE id = 3", 1),
        ("UPDATE children SET id = 7 WHERE id = 1", 2),
        ("DELETE FROM parents WHERE id = 1", 2),
        ("UPDATE children SET parent = 2; DELETE FROM parents WHERE id = 1", 3),
        (
            "UPDATE parents SET name = 'c' WHERE id = 1;"
            "UPDATE parents SET name = 'a' WHERE id = 2;"
            "UPDATE parents SET name = 'b' WHERE id = 1",
            2,
        ),
        (
            "INSERT INTO parents VALUES (3, 'c'); UPDATE children SET parent = 3;"
            "DELETE FROM parents WHERE id < 3; UPDATE parents SET name = 'a'",
            5,
        ),
        ("UPDATE numbered SET number = DEFAULT WHERE id = 'x'", 1),
        ("UPDATE named SET told = 'z' WHERE last = 'B'", 1),
        ("UPDATE named SET first = last, last = first", 4),
        ("DELETE FROM named", 2),
        (
            "UPDATE named SET told = NULL; UPDATE named SET told = 'y' WHERE first = 'A';"
            " UPDATE named SET told = 'x' WHERE first = 'C'",
            2,
        ),
    ],
)
def test_change_arrives_whatever_order_it_needs(small: Way, sql: str, count: int) -> None:
    with small.follower() as follower:
        small.run(sql)
        assert follower.apply() == count
        assert fingerprint(small.source)["tables"] == fingerprint(small.target)["tables"]
        assert follower.apply() == 0
        assert finished(follower) == []
    note = "SELECT obj_description(oid, 'pg_constraint') FROM pg_constraint WHERE contype = 'f'"
    assert query(small.target, note) == [["it's a note"]]


def test_row_that_is_newer_than_the_changes_takes_those_that_it_needs(
    small: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_follow, "CHUNK", 1)
    with small.follower() as follower:
        with Session(small.source) as session:
            session.execute("UPDATE children SET said = 'first' WHERE id = 1")
            session.execute("INSERT INTO parents VALUES (9, 'i')")
            session.execute("UPDATE children SET parent = 9 WHERE id = 1")
            session.execute("INSERT INTO parents VALUES (10, 'j')")
        assert follower.apply() == 1
        assert query(small.target, "SELECT said, parent FROM children WHERE id = 1") == [
            ["first", "9"]
        ]
        assert finished(follower) == []


def test_commit_that_is_on_no_disk_yet_is_among_the_last(small: Way) -> None:
    with Session(small.source, {"synchronous_commit": "off"}) as client:
        with small.follower() as follower:
            follower.apply()
            client.execute("INSERT INTO parents VALUES (3, 'c')")
            assert finished(follower) == []
    assert query(small.target, "SELECT name FROM parents WHERE id = 3") == [["c"]]


@pytest.fixture
def standby(origin: Native) -> Iterator[Callable[[str], None]]:
    """Names the standby that clients wait for, empty for none; a server of the test's alone."""

    def wait(name: str) -> None:
        with Session(origin.endpoint) as session:
            session.execute("ALTER SYSTEM SET synchronous_standby_names = %s" % literal(name))
            session.query("SELECT pg_reload_conf()")
        awaited = [[name]]
        while query(origin.endpoint, "SHOW synchronous_standby_names") != awaited:
            time.sleep(0.01)

    yield wait
    wait("")


def test_commit_that_is_told_before_it_is_seen_is_waited_for(
    small: Way, standby: Callable[[str], None]
) -> None:
    with small.follower() as follower:
        follower.apply()
        standby("nobody")
        client = threading.Thread(target=small.run, args=("INSERT INTO parents VALUES (3, 'c')",))
        client.start()
        waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        while query(small.admin, waits) == [["0"]]:
            time.sleep(0.01)
        count = threading.Timer(0.5, standby, args=("",))
        count.start()
        assert follower.apply() == 1
        count.join()
        client.join()
        assert query(small.target, "SELECT name FROM parents WHERE id = 3") == [["c"]]
        assert finished(follower) == []


def test_commit_that_is_never_seen_is_told(
    small: Way, standby: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_follow, "VISIBLE", 0.2)
    with small.follower() as follower:
        follower.apply()
        standby("nobody")
        client = threading.Thread(target=small.run, args=("DELETE FROM children",))
        client.start()
        waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        while query(small.admin, waits) == [["0"]]:
            time.sleep(0.01)
        with pytest.raises(PostgresError, match="a commit takes more than 0.2 s to be seen"):
            follower.finish()
        standby("")
        client.join()


def test_clients_that_go_on_do_not_change_what_is_proved(small: Way) -> None:
    for endpoint in (small.source, small.target):
        Server.run(endpoint, "CREATE SEQUENCE s")
    with small.follower() as follower:
        small.run("SELECT setval('s', 41); INSERT INTO numbered VALUES ('z')")
        follower.apply()
        follower.finish()
        small.run("DELETE FROM children; SELECT nextval('s')")
        small.other.run(small.target, "DELETE FROM numbered; SELECT nextval('s')")
        held, reached = follower.prove()
    assert compare(held, reached) == []
    assert held["hash"] == reached["hash"] != fingerprint(small.target)["hash"]
    numbers = {item["name"]: item["last_value"] for item in reached["sequences"]}
    assert numbers == {"numbered_number_seq": 3, "s": 41}
    assert query(small.target, "SELECT nextval('s')") == [["43"]]


def test_what_is_not_equal_is_not_proved(small: Way) -> None:
    with small.follower() as follower:
        follower.apply()
        small.other.run(small.target, "DELETE FROM numbered WHERE id = 'x'")
        assert finished(follower) == ["table numbered has 2 rows in the source, 1 in the target"]


def test_nothing_is_proved_before_the_end(small: Way) -> None:
    with small.follower() as follower:
        follower.apply()
        with pytest.raises(PostgresError, match="its last changes were not carried over"):
            follower.prove()


def test_last_changes_need_no_process_of_their_own(
    small: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    with small.follower() as follower:
        follower.apply()
        small.run("UPDATE children SET said = 'y'; SELECT nextval('numbered_number_seq')")
        with monkeypatch.context() as patch:
            patch.setattr(Endpoint, "start", support.fails(OSError("a process was started")))
            follower.finish()
        assert compare(*follower.prove()) == []


def test_somebody_who_still_writes_is_noticed(origin: Native, native: Native) -> None:
    one = way(origin, native, busy.TABLES)
    with busy.writing(one.source, False, 3), one.follower() as follower:
        follower.apply()
        with pytest.raises(PostgresError, match="somebody still writes to it"):
            follower.finish()


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE children ADD COLUMN later text",
        "ALTER TABLE children DROP COLUMN said",
        "ALTER TABLE children ALTER said SET DEFAULT 'x'",
        "ALTER TABLE children ALTER said SET NOT NULL",
        "ALTER TABLE children ALTER said TYPE varchar(9)",
        "ALTER TABLE children RENAME TO kids",
        "ALTER TABLE children RENAME said TO told",
        "ALTER TABLE parents DROP CONSTRAINT parents_name_key",
        "CREATE TABLE later (id int PRIMARY KEY)",
        "CREATE INDEX ON children (said)",
        "CREATE VIEW v AS SELECT 1 AS one",
        "DROP TABLE named",
    ],
)
def test_changed_schema_is_told_before_anything_moves(small: Way, sql: str) -> None:
    for endpoint in (small.source, small.target):
        Server.run(endpoint, "UPDATE children SET said = ''")
    small.run("SELECT nextval('numbered_number_seq')")
    before = fingerprint(small.target)["sequences"]
    with small.follower() as follower:
        small.run("UPDATE children SET parent = 2 WHERE id = 1")
        small.run(sql)
        small.run(
            "UPDATE %s SET parent = 1 WHERE id = 2" % ("kids" if "kids" in sql else "children")
        )
        with pytest.raises(PostgresError, match="somebody changed the schema of .* (differs|was)"):
            follower.finish()
    assert fingerprint(small.target)["sequences"] == before
    assert small.left() == ("0", [])


def test_changed_schema_is_why_rows_can_not_be_read(small: Way) -> None:
    with small.follower() as follower:
        small.run("UPDATE children SET parent = 2; ALTER TABLE children DROP COLUMN said")
        with pytest.raises(PostgresError, match="somebody changed the schema of") as told:
            follower.apply()
    assert "said does not exist" in str(told.value.__cause__)


def test_row_that_others_refer_to_in_the_target_is_told(small: Way) -> None:
    small.other.run(
        small.target,
        "CREATE TABLE theirs (p int REFERENCES parents); INSERT INTO theirs VALUES (1)",
    )
    before = fingerprint(small.target)
    with small.follower() as follower:
        small.run("DELETE FROM parents WHERE id = 1")
        with pytest.raises(
            PostgresError, match="changed in children, parents do not fit the target.*theirs_p_fkey"
        ):
            follower.apply()
    assert fingerprint(small.target) == before


def test_vacuum_rights_and_rows_are_no_change_of_the_schema(small: Way) -> None:
    with small.follower() as follower:
        small.run("INSERT INTO parents SELECT n, 'n' || n FROM generate_series(10, 500) n")
        small.run("VACUUM FULL parents; REINDEX TABLE parents; VACUUM (ANALYZE, FREEZE) children")
        small.run("GRANT SELECT ON parents TO PUBLIC; ALTER TABLE parents SET (fillfactor = 50)")
        assert finished(follower) == []


def test_emptied_table_is_told(small: Way) -> None:
    with small.follower() as follower:
        small.run("TRUNCATE named, children")
        with pytest.raises(PostgresError, match="emptied tables at once .*: (named|children), "):
            follower.apply()
    assert query(small.target, "SELECT count(*) FROM named") == [["2"]]


def test_all_that_stands_against_it_is_told_at_once(origin: Native, native: Native) -> None:
    one = way(
        origin,
        native,
        """CREATE TABLE "no Key" (a text); CREATE UNLOGGED TABLE "un logged" (id int PRIMARY KEY);
        CREATE TABLE "full" (id int PRIMARY KEY); ALTER TABLE "full" REPLICA IDENTITY FULL;
        CREATE TABLE nothing (id int PRIMARY KEY); ALTER TABLE nothing REPLICA IDENTITY NOTHING;
        CREATE TABLE late (id int PRIMARY KEY DEFERRABLE);
        CREATE TABLE made (id int GENERATED ALWAYS AS (1) STORED PRIMARY KEY);
        CREATE TABLE parent (id int PRIMARY KEY);
        CREATE TABLE child (PRIMARY KEY (id)) INHERITS (parent);
        CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY LIST (id);
        CREATE TABLE part PARTITION OF parts FOR VALUES IN (1);
        CREATE TABLE fine (id int PRIMARY KEY)""",
    )
    with Session(one.other.endpoint.on(one.target.database)) as session:
        session.execute("CREATE RULE r AS ON UPDATE TO fine DO ALSO NOTHING")
        session.execute("ALTER TABLE late ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
        session.execute('ALTER TABLE "full" OWNER TO postgres')
        session.execute("REVOKE TEMP ON DATABASE %s FROM PUBLIC" % identifier(one.target.database))
        session.execute(
            "ALTER DATABASE %s OWNER TO postgres; GRANT CONNECT ON DATABASE %s TO PUBLIC"
            % ((identifier(one.target.database),) * 2)
        )
    with Session(one.admin) as session:
        for number in range(3):
            session.query(
                "SELECT pg_create_logical_replication_slot('taken%d', 'pgoutput', true)" % number
            )
        with pytest.raises(PostgresError) as refused, one.follower():
            pass
    assert str(refused.value) == (
        "changes can't be followed. %s: all of its 3 max_replication_slots are taken;"
        " tables that are partitions, inherit or are inherited from: child, parent, part;"
        " tables whose key is computed: made; tables with REPLICA IDENTITY FULL: full;"
        " tables with REPLICA IDENTITY NOTHING: nothing;"
        " tables without a primary key, or whose one is deferrable: late, no Key;"
        " unlogged tables: un logged"
        " | %s: tables that its role does not own: full; tables with rules: fine;"
        " tables whose row security is forced: late;"
        " its role may make no temporary tables" % (one.source, one.target)
    )
    assert one.left() == ("0", [])


def test_server_that_writes_too_little_down_is_told(native: Native) -> None:
    with started("postgres") as admin:
        with Session(admin) as session:
            session.execute("CREATE TABLE t (id int PRIMARY KEY)")
        with (
            pytest.raises(PostgresError, match="its wal_level is replica, not logical"),
            Follower(admin, admin, native.new()),
        ):
            pass
        assert query(admin, PUBLICATIONS) == []


def test_database_without_tables_is_told(origin: Native, native: Native) -> None:
    one = way(origin, native, "")
    with pytest.raises(PostgresError, match="there is no table to follow"), one.follower():
        pass


def test_target_that_is_no_copy_is_told(small: Way) -> None:
    small.other.run(small.target, "ALTER TABLE children ALTER said TYPE varchar(9)")
    with small.follower() as follower:
        with pytest.raises(PostgresError, match="is no copy of .*: columns of its tables differ"):
            follower.apply()


def test_one_follower_at_a_time(small: Way) -> None:
    with small.follower() as follower:
        with pytest.raises(PostgresError, match="another run follows its changes"):
            small.follower().__enter__()
        small.run("UPDATE children SET said = 'x'")
        assert follower.apply() == 2  # the publication is still there


def test_only_what_a_killed_run_left_is_removed(small: Way) -> None:
    with Session(small.admin) as session:
        session.execute("CREATE PUBLICATION llmops_litellm_follow FOR TABLE parents")
        session.execute("CREATE PUBLICATION theirs FOR TABLE parents")
    with Session(small.source, SETTINGS) as session:
        assert [word for word in _contents_of(session) if "publication" in word] == []
    with small.follower() as follower:
        assert small.left() == ("1", ["llmops_litellm_follow", "theirs"])
        small.run("UPDATE children SET said = 'x'")
        assert follower.apply() == 2
    assert small.left() == ("0", ["theirs"])


def _contents_of(session: Session) -> list[str]:
    found = _contents.native(session)
    return found.behind if found else []


def test_our_publication_is_nothing_that_the_database_holds(origin: Native, native: Native) -> None:
    one = way(origin, native, LITELLM)
    with one.follower(), Session(one.source, SETTINGS) as session:
        assert one.left()[1] == ["llmops_litellm_follow"]
        assert _contents_of(session) == [] and _contents.scope(session) is None
        # large values are not told of, where a server can leave them out
        whole = "SELECT count(*) FROM pg_publication_rel WHERE prattrs IS NULL"
        assert query(one.admin, whole) == [["0"]]


@pytest.mark.parametrize("ended", [False, True])
def test_failure_within_is_what_is_told(small: Way, ended: bool) -> None:
    follower = small.follower()
    with pytest.raises(ZeroDivisionError), follower:
        follower.apply()
        if ended:
            with Session(small.server.endpoint) as session:
                session.query(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                    " WHERE datname = %s" % literal(small.source.database)
                )
        raise ZeroDivisionError
    assert follower.left == ""
    assert small.left() == ("0", [])


def test_publication_that_stays_is_told_apart(small: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_follow, "_DROP", "DROP PUBLICATION no_such")
    with Session(small.admin) as session:
        session.execute("CREATE PUBLICATION no_such")
    follower = small.follower()
    with follower, pytest.raises(PostgresError, match="does not exist"):
        with Session(small.admin) as session:
            session.execute("DROP PUBLICATION no_such")
    assert "no_such" in follower.left
    assert small.left() == ("0", ["llmops_litellm_follow"])


def test_transaction_that_does_not_end_is_told(small: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_follow, "WAIT", "200ms")
    with Session(small.source) as client:
        client.execute("BEGIN; UPDATE children SET said = 'x'")
        with pytest.raises(PostgresError, match="has not ended for 200ms"), small.follower():
            pass
    assert small.left() == ("0", [])


def test_transaction_that_is_open_all_the_time_stops_nothing(small: Way) -> None:
    with small.follower() as follower, Session(small.source) as client:
        client.execute("BEGIN; UPDATE children SET said = 'x' WHERE id = 1")
        small.run("UPDATE children SET said = 'y' WHERE id = 2")
        assert (follower.apply(), follower.apply()) == (1, 0)
        client.execute("COMMIT")
        assert (follower.apply(), follower.apply()) == (1, 0)
        assert finished(follower) == []


def test_decoding_begins_where_little_is_left(small: Way) -> None:
    begins = "SELECT restart_lsn >= %s FROM pg_replication_slots WHERE active_pid IS NOT NULL"
    with small.follower() as follower:
        small.run("UPDATE parents SET name = name || 'x'")
        position = str(query(small.admin, "SELECT pg_current_wal_lsn()")[0][0])
        follower.apply()
        follower.apply()
        assert query(small.admin, begins % literal(position)) == [["t"]]


KILLED = """
import sys
from dataclasses import replace
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.follow import Follower
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import Endpoint
source, target, host, database = sys.stdin.read().splitlines()
source, target = map(Endpoint.from_url, (source, target))
admin = replace(source, user="postgres", password=None, host=host)
with Follower(source, admin, target) as follower:
    follower.apply()
    print("follows", flush=True)
    sys.stdin = open("/dev/stdin"); import time; time.sleep(60)
"""


def test_killed_run_leaves_no_slot(small: Way) -> None:
    assert isinstance(small.server, Native) and isinstance(small.other, Native)
    given = (
        small.server.url(small.source.database),
        small.other.url(small.target.database),
        small.server.endpoint.host,
        "",
    )
    with subprocess.Popen(
        [sys.executable, "-c", KILLED], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as run:
        assert run.stdin and run.stdout
        run.stdin.write("\n".join(given).encode() + b"\n")
        run.stdin.close()
        assert run.stdout.readline() == b"follows\n"
        assert small.left()[0] == "1"
        run.send_signal(signal.SIGKILL)
        run.wait()
    deadline = time.monotonic() + 10
    while small.left()[0] != "0" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert small.left() == ("0", ["llmops_litellm_follow"])
    with small.follower() as follower:
        assert finished(follower) == []
    assert small.left() == ("0", [])


MEMORY = """
import re, sys
from dataclasses import replace
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.follow import Follower
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.fingerprint import compare
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import *
source, target, host = sys.stdin.read().splitlines()
source, target = map(Endpoint.from_url, (source, target))
admin = replace(source, user="postgres", password=None, host=host)
with Follower(source, admin, target) as follower:
    with Session(source) as session:
        session.execute("INSERT INTO children SELECT n, 1, repeat(md5(n::text), 100)"
                        " FROM generate_series(10, 40000) n")
    print(follower.apply(), end=" ")
    follower.finish()
    print(compare(*follower.prove()) == [], end=" ")
print(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read()).group(1))
"""


def test_one_large_transaction_takes_memory_for_its_keys_alone(small: Way) -> None:
    assert isinstance(small.server, Native) and isinstance(small.other, Native)
    given = (
        small.server.url(small.source.database),
        small.other.url(small.target.database),
        small.server.endpoint.host,
    )
    out = subprocess.run(
        [sys.executable, "-c", MEMORY],
        input="\n".join(given),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert out[:2] == ["39991", "True"]
    assert int(out[2]) < 64 << 10, "%s KiB" % out[2]
