# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a database holds: LiteLLM's own, which is taken, and what is somebody else's, which stays.

LiteLLM's own are its tables (``LiteLLM_…``, their partitions, Prisma's ledger), the views and the
trigger that its releases make, and what these need: indexes, sequences, types, functions. Read in
its release 1.102.4: ``litellm_proxy_extras/migrations``, ``litellm/proxy/db/create_views.py``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Optional

from .archive import Entry
from .programs import PostgresError
from .role import SETTINGS, contained
from .session import Endpoint, Session, identifier, literal

# A name with this in front is a table of LiteLLM's; the second is Prisma's.
PREFIX, LEDGER = "LiteLLM_", "_prisma_migrations"
VIEWS = (
    "LiteLLM_VerificationTokenView",
    "MonthlyGlobalSpend",
    "Last30dKeysBySpend",
    "Last30dModelsBySpend",
    "MonthlyGlobalSpendPerKey",
    "MonthlyGlobalSpendPerUserPerKey",
    "DailyTagSpend",
    "Last30dTopEndUsersSpend",
)
TRIGGERS = ("litellm_mcp_catalog_revision",)
# Ours, while changes are followed: nothing that the database holds.
FOLLOWED = "llmops_litellm_follow"
# Of a dump's entries; the role of a policy is not in another server.
NOT_KEPT = ("POLICY", "ROW SECURITY", "SUBSCRIPTION", "PUBLICATION", "PUBLICATION TABLE")
FIRST_WITH_EXTENSIONS = 14  # whose pg_dump knows --extension
_ROUTINES = ("function", "procedure", "aggregate")
_USERS = 16384  # below are the server's own objects

_SCHEMAS = """SELECT DISTINCT n.nspname, n.nspname <> 'public'
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND pg_catalog.starts_with(c.relname, %s) ORDER BY 2, 1"""
# Down: what an object needs, relations aside, each of which is LiteLLM's by name or not at all. Up:
# the parts of one. Triggers, rules and policies are somebody's decision, not a part. The server
# records no function that a function's body calls, so one whose name stands there is needed.
_OWN = """WITH RECURSIVE member AS (
  SELECT classid, objid FROM pg_catalog.pg_depend WHERE deptype = 'e'
), edge AS MATERIALIZED (
  SELECT d.classid, d.objid, d.refclassid AS toclass, d.refobjid AS toid
  FROM pg_catalog.pg_depend d LEFT JOIN pg_catalog.pg_class r
    ON d.refclassid = 'pg_catalog.pg_class'::regclass AND r.oid = d.refobjid
  WHERE d.objid >= %(users)d AND d.refobjid >= %(users)d
    AND d.refclassid NOT IN ('pg_catalog.pg_namespace'::regclass,
      'pg_catalog.pg_trigger'::regclass)
    AND (r.oid IS NULL OR r.relkind NOT IN ('r', 'p', 'v', 'm', 'f'))
  UNION ALL SELECT refclassid, refobjid, classid, objid FROM pg_catalog.pg_depend d
  WHERE objid >= %(users)d AND refobjid >= %(users)d AND deptype IN ('a', 'i', 'P', 'S')
    AND classid IN ('pg_catalog.pg_class'::regclass, 'pg_catalog.pg_attrdef'::regclass,
      'pg_catalog.pg_constraint'::regclass, 'pg_catalog.pg_type'::regclass,
      'pg_catalog.pg_statistic_ext'::regclass, 'pg_catalog.pg_rewrite'::regclass)
    AND (classid <> 'pg_catalog.pg_rewrite'::regclass OR deptype = 'i')
  UNION ALL SELECT 'pg_catalog.pg_class'::regclass, i.inhparent, 'pg_catalog.pg_class'::regclass,
    i.inhrelid FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
  WHERE c.relispartition
), own(class, id) AS (
  SELECT 'pg_catalog.pg_class'::regclass::oid, c.oid FROM pg_catalog.pg_class c
  WHERE c.relnamespace = %(schema)s::regnamespace
    AND (c.relkind IN ('r', 'p')
        AND (pg_catalog.starts_with(c.relname, %(prefix)s) OR c.relname = %(ledger)s)
      OR c.relkind = 'v' AND c.relname IN (%(views)s))
  UNION SELECT 'pg_catalog.pg_trigger'::regclass::oid, g.oid
  FROM pg_catalog.pg_trigger g JOIN pg_catalog.pg_class c ON c.oid = g.tgrelid
  WHERE NOT g.tgisinternal AND g.tgname IN (%(triggers)s)
    AND c.relnamespace = %(schema)s::regnamespace
    AND pg_catalog.starts_with(c.relname, %(prefix)s)
  UNION SELECT needed.class, needed.id FROM own CROSS JOIN LATERAL (
    SELECT edge.toclass, edge.toid FROM edge
    WHERE edge.classid = own.class AND edge.objid = own.id
    UNION ALL SELECT 'pg_catalog.pg_proc'::regclass::oid, q.oid
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_proc q ON p.prosrc ~*
      ('(^|\\W)' || pg_catalog.regexp_replace(q.proname, '(\\W)', '\\\\\\1', 'g') || '(\\W|$)')
    WHERE own.class = 'pg_catalog.pg_proc'::regclass AND p.oid = own.id
      AND q.oid >= %(users)d AND q.oid <> p.oid
      AND ('pg_catalog.pg_proc'::regclass, q.oid) NOT IN (SELECT classid, objid FROM member)
  ) needed(class, id)
  WHERE (own.class, own.id) NOT IN (SELECT classid, objid FROM member)
    OR needed.class = 'pg_catalog.pg_extension'::regclass
)
SELECT c.relname, own.class, own.id FROM own JOIN pg_catalog.pg_class c ON c.oid = own.class"""

# Whatever is in a schema, extensions' own parts and the parts of others aside. A partitioned table
# depends on columns of its own.
_IN_SCHEMAS = """SELECT d.classid, d.objid, n.nspname, i.type,
  CASE WHEN d.classid = 'pg_catalog.pg_proc'::regclass THEN i.identity ELSE i.name END
FROM pg_catalog.pg_depend d
JOIN pg_catalog.pg_namespace n ON n.oid = d.refobjid
  AND d.refclassid = 'pg_catalog.pg_namespace'::regclass
CROSS JOIN LATERAL pg_catalog.pg_identify_object(d.classid, d.objid, 0) i
WHERE d.deptype = 'n' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND d.classid NOT IN ('pg_catalog.pg_extension'::regclass, 'pg_catalog.pg_default_acl'::regclass)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = d.classid
    AND e.objid = d.objid AND e.deptype IN ('e', 'a', 'i')
    AND (e.refclassid, e.refobjid) <> (e.classid, e.objid))
ORDER BY n.nspname, i.type, 5"""
_NO_MEMBER = """NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.deptype = 'e'
  AND e.classid = 'pg_catalog.%s'::regclass AND e.objid = %s.oid)"""
# What pg_dump would take besides: its tables, with views and sequences. Partitions and a column's
# sequence are parts of something, and no less read.
_RELATIONS = """SELECT n.nspname, c.relname FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND n.nspname IN (%%s)
  AND c.oid NOT IN (%%s) AND %s ORDER BY 1, 2""" % (_NO_MEMBER % ("pg_class", "c"))
_ANYWHERE = (
    ("pg_extension", "extension", "extname", "extname <> 'plpgsql'"),
    # Each database has a schema public, the server's own or one that was made again: what somebody
    # has in it is told, not itself.
    (
        "pg_namespace",
        "schema",
        "nspname",
        "nspname !~ '^pg_' AND nspname <> 'public' AND oid >= %d" % _USERS,
    ),
    ("pg_event_trigger", "event trigger", "evtname", "true"),
    ("pg_publication", "publication", "pubname", "pubname <> '%s'" % FOLLOWED),
    ("pg_foreign_data_wrapper", "foreign data wrapper", "fdwname", "true"),
    ("pg_foreign_server", "foreign server", "srvname", "true"),
    ("pg_language", "language", "lanname", "oid >= %d" % _USERS),
    (
        "pg_cast",
        "cast",
        "castsource::regtype || ' as ' || casttarget::regtype",
        "oid >= %d" % _USERS,
    ),
    (
        "pg_subscription",
        "subscription",
        "subname",
        "subdbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())",
    ),
)
_EXTENSIONS = """SELECT e.oid, extname, nspname
FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = extnamespace ORDER BY 2"""
_LARGE_OBJECTS = "SELECT count(*) FROM pg_catalog.pg_largeobject_metadata"
# What others have hung on LiteLLM's tables: words, table, its own name, whether the role that asks
# may change it, its table's owner, whether that is a superuser.
_ATTACHED = """SELECT 'trigger', '', c.relname, g.tgname, g.tgenabled <> 'D', '', false
FROM pg_catalog.pg_trigger g JOIN pg_catalog.pg_class c ON c.oid = g.tgrelid
WHERE NOT g.tgisinternal AND g.tgparentid = 0 AND g.oid NOT IN (%(triggers)s)
  AND g.tgrelid IN (%(tables)s)
UNION ALL SELECT 'rule', '', c.relname, r.rulename, r.ev_enabled <> 'D', '', false
FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
WHERE r.rulename <> '_RETURN' AND r.ev_class IN (%(tables)s)
UNION ALL SELECT 'policy', '', c.relname, p.polname, c.relrowsecurity, '', false
FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_class c ON c.oid = p.polrelid
WHERE p.polrelid IN (%(tables)s)
UNION ALL SELECT 'row security', '', c.relname, '', c.relforcerowsecurity
  OR NOT pg_catalog.pg_has_role(c.relowner, 'USAGE'), '', false
FROM pg_catalog.pg_class c WHERE c.relrowsecurity AND c.oid IN (%(tables)s)
UNION ALL SELECT 'foreign key', n.nspname, c.relname, k.conname,
  pg_catalog.pg_has_role(c.relowner, 'USAGE'), o.rolname, o.rolsuper
FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
JOIN pg_catalog.pg_roles o ON o.oid = c.relowner
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'f' AND k.conparentid = 0 AND k.confrelid IN (%(tables)s)
  AND k.conrelid NOT IN (%(tables)s)
UNION ALL SELECT 'child', '', c.relname, '', true, '', false
FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent IN (%(tables)s) AND i.inhrelid NOT IN (%(tables)s)
UNION ALL SELECT 'owner', n.nspname, c.relname, '', false, o.rolname, o.rolsuper
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_roles o ON o.oid = c.relowner
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid IN (%(tables)s) AND c.relkind IN ('r', 'p', 'S')
  AND NOT pg_catalog.pg_has_role(c.relowner, 'USAGE')
UNION ALL SELECT 'tablespace', '', c.relname, t.spcname, true, '', false
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_tablespace t ON t.oid = c.reltablespace
WHERE c.oid IN (%(tables)s)
UNION ALL SELECT 'reader', '', pg_catalog.string_agg(DISTINCT a.privilege_type, ', '), o.rolname,
  o.rolcanlogin, '', false
FROM pg_catalog.pg_class c CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) a
JOIN pg_catalog.pg_roles o ON o.oid = a.grantee
WHERE c.oid IN (%(tables)s) AND a.grantee <> c.relowner AND o.rolname <> current_user
GROUP BY o.rolname, o.rolcanlogin
UNION ALL SELECT DISTINCT 'needs', '', pg_catalog.pg_describe_object(r.classid, r.objid, 0),
  pg_catalog.pg_describe_object(r.refclassid, r.refobjid, 0), true, '', false
FROM pg_catalog.pg_depend r JOIN pg_catalog.pg_class c
  ON r.refclassid = 'pg_catalog.pg_class'::regclass AND c.oid = r.refobjid
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND r.refobjid >= %(users)d
  AND (r.classid, r.objid) IN (%(own)s) AND r.refobjid NOT IN (%(tables)s)
ORDER BY 1, 3, 4"""
_BYPASSES = "SELECT rolsuper OR rolbypassrls FROM pg_catalog.pg_roles WHERE rolname = current_user"


class Attached(NamedTuple):
    """What somebody else has hung on a table of LiteLLM's, or has of it.

    ``kind``: ``trigger``, ``rule``, ``policy``, ``row security``, ``foreign key`` (``table`` is
    the one that refers to LiteLLM's), ``child``, ``owner``, ``tablespace``, ``reader`` (``table``
    has the privileges), ``needs`` (``table`` in words needs ``name`` in words). ``counts``:
    whether it is enabled, stands against reading, logs in, or may be changed by the role that asks.
    ``schema``: the table's, where its ``owner`` is said.
    """

    kind: str
    table: str
    name: str
    counts: bool
    owner: str
    superuser: bool
    schema: str = ""

    @property
    def label(self) -> str:
        """Table and name, as an operator accepts it."""
        return ".".join(filter(None, (self.table, self.name)))


class Scope(NamedTuple):
    """LiteLLM's part of a database: ``schema`` has its tables; ``schemas``: that one, and those of
    what they need; ``objects``: numbers of what is its own, by catalog; ``classes``: the catalogs'
    own numbers; ``excluded``: relations of others in these schemas; ``extensions``: those needed.
    """

    schema: str
    schemas: tuple[str, ...]
    objects: dict[str, frozenset[str]]
    classes: dict[str, str]
    excluded: tuple[tuple[str, str], ...]
    extensions: tuple[str, ...]

    def numbers(self, catalog: str) -> str:
        """The numbers of LiteLLM's objects of a catalog, as SQL has them between parentheses."""
        return ", ".join(sorted(self.objects.get(catalog, ()), key=int)) or "0"

    def options(self, client: int) -> list[str]:
        """What pg_dump is told, so that it reads and locks nothing of others.

        :param client: its major.
        :raises PostgresError: it is too old for that.
        """
        if self.extensions and client < FIRST_WITH_EXTENSIONS:
            raise PostgresError(
                "pg_dump of PostgreSQL %d can't take extension %s without all others: install"
                " postgresql-client-%d or newer"
                % (client, ", ".join(self.extensions), FIRST_WITH_EXTENSIONS)
            )
        return [
            *("--schema=" + identifier(schema) for schema in self.schemas),
            *("--exclude-table=" + identifier(*relation) for relation in self.excluded),
            *("--extension=" + identifier(name) for name in self.extensions),
        ]

    def keeps(self, entry: Entry) -> bool:
        """Whether an entry of the dump that these options make is LiteLLM's."""
        if entry.kind in NOT_KEPT:
            return False
        if entry.catalog == "0":
            return True
        if self.classes.get(entry.catalog) is None and entry.kind == "SCHEMA":
            return entry.name in self.schemas and entry.name != "public"
        return self.has(entry.catalog, entry.oid)

    def has(self, catalog: str, number: str) -> bool:
        """Whether an object is LiteLLM's.

        :param catalog: the number of its catalog.
        """
        return number in self.objects.get(self.classes.get(catalog, ""), ())


class _Found(NamedTuple):
    """An object of a schema: numbers of its catalog and of itself, and what PostgreSQL calls it."""

    catalog: str
    oid: str
    schema: str
    type: str
    name: str


class Contents(NamedTuple):
    """What a database with LiteLLM's tables holds: ``scope`` is taken; ``behind``, in words, and
    what is ``attached`` stay.
    """

    scope: Scope
    behind: list[str]
    attached: list[Attached]

    def of(self, *kinds: str) -> list[Attached]:
        """What is attached, of these kinds."""
        return [item for item in self.attached if item.kind in kinds]

    @property
    def besides(self) -> list[str]:
        """All that stays, in words."""
        acting = self.of("trigger", "rule", "policy", "child")
        return self.behind + ["%s %s" % (item.kind, item.label) for item in acting]

    @property
    def alone(self) -> bool:
        """Whether all of it is LiteLLM's, so that all of it can be taken as it is."""
        return not self.behind and not self.of("trigger", "rule", "policy", "row security", "child")

    @property
    def part(self) -> Optional[Scope]:
        """What of it is to be taken, ``None``: all."""
        return None if self.alone else self.scope


def read(session: Session, schema: str = "") -> Optional[Contents]:
    """What a session's database holds, ``None`` where LiteLLM has no tables in it.

    :param schema: of LiteLLM's tables; empty for the one that has them, ``public`` before others.
    """
    schema = schema or home(session)
    if not schema:
        return None
    rows = session.query(
        _OWN
        % {
            "users": _USERS,
            "schema": literal(identifier(schema)),
            "prefix": literal(PREFIX),
            "ledger": literal(LEDGER),
            "views": _listed(VIEWS),
            "triggers": _listed(TRIGGERS),
        }
    )
    objects: dict[str, set[str]] = {}
    classes = {}
    for catalog, number, oid in rows:
        classes[str(number)] = str(catalog)
        objects.setdefault(str(catalog), set()).add(str(oid))
    own = {catalog: frozenset(oids) for catalog, oids in objects.items()}
    return _sorted(session, Scope(schema, (schema,), own, classes, (), ())) if own else None


def home(session: Session) -> str:
    """The schema that has LiteLLM's tables, ``public`` before others; empty for none."""
    schemas = session.query(_SCHEMAS % literal(PREFIX))
    return str(schemas[0][0]) if schemas else ""


def bypasses(session: Session) -> bool:
    """Whether row security does not apply to a session's role."""
    return session.query(_BYPASSES) == [["t"]]


def besides(endpoint: Endpoint) -> list[str]:
    """What a native database holds beside LiteLLM's own, in words; nothing of one in a container of
    ours, or that has no table of LiteLLM's.

    :raises PostgresError: it can't be read.
    """
    if contained(endpoint):
        return []
    with Session(endpoint, SETTINGS) as session:
        found = read(session, endpoint.schema)
    return found.besides if found else []


def scope(session: Session) -> Optional[Scope]:
    """LiteLLM's part of a session's database; ``None`` where all of it is to be taken: nothing else
    is in it, no table is LiteLLM's, or it is in a container of ours.
    """
    found = native(session)
    return found.part if found else None


def native(session: Session) -> Optional[Contents]:
    """What a session's database holds; ``None`` for one in a container of ours, or where no table
    is LiteLLM's."""
    return None if contained(session.endpoint) else read(session, session.endpoint.schema)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(literal(name) for name in names)


def _sorted(session: Session, own: Scope) -> Contents:
    """Everything in the database, LiteLLM's own beside the rest."""
    found = [_Found(*map(str, row)) for row in session.query(_IN_SCHEMAS)]
    needed = [
        (str(name), str(schema))
        for oid, name, schema in session.query(_EXTENSIONS)
        if str(oid) in own.objects.get("pg_extension", ())
    ]
    schemas = {own.schema} | {item.schema for item in found if own.has(item.catalog, item.oid)}
    schemas |= {schema for _name, schema in needed if schema != "pg_catalog"}
    others = [item for item in found if not own.has(item.catalog, item.oid)]
    relations = session.query(_RELATIONS % (_listed(sorted(schemas)), own.numbers("pg_class")))
    taken = own._replace(
        schemas=tuple(sorted(schemas)),
        excluded=tuple((str(schema), str(name)) for schema, name in relations),
        extensions=tuple(name for name, _schema in needed),
    )
    return Contents(taken, _behind(session, taken, others), _attached(session, taken))


def _behind(session: Session, own: Scope, others: Iterable[_Found]) -> list[str]:
    """What is not LiteLLM's, in words."""
    words = []
    for catalog, kind, name, condition in _ANYWHERE:
        rows = session.query(
            "SELECT o.oid, %s FROM pg_catalog.%s o WHERE %s AND %s ORDER BY 2"
            % (name, catalog, condition, _NO_MEMBER % (catalog, "o"))
        )
        words += [
            "%s %s" % (kind, name)
            for oid, name in rows
            if str(oid) not in own.objects.get(catalog, ())
            and not (catalog == "pg_namespace" and name in own.schemas)
        ]
    for item in others:
        # a function's identity has its schema
        named = item.type in _ROUTINES or item.schema in ("public", own.schema)
        place = "" if named else item.schema + "."
        words.append("%s %s%s" % (item.type, place, item.name))
    large = int(session.query(_LARGE_OBJECTS)[0][0] or 0)
    return words + (["%d large object%s" % (large, "s"[large == 1 :])] if large else [])


def _attached(session: Session, own: Scope) -> list[Attached]:
    pairs = (
        "(%s::oid, %s::oid)" % (number, oid)
        for number, catalog in own.classes.items()
        for oid in own.objects[catalog]
    )
    rows = session.query(
        _ATTACHED
        % {
            "tables": own.numbers("pg_class"),
            "triggers": own.numbers("pg_trigger"),
            "users": _USERS,
            "own": ", ".join(pairs),
        }
    )
    return [
        Attached(
            str(kind),
            str(table),
            str(name),
            counts == "t",
            str(owner),
            superuser == "t",
            str(schema),
        )
        for kind, schema, table, name, counts, owner, superuser in rows
    ]
