"""Every refusal with a host on which it is right, and one on which it would be wrong.

``ROWS`` holds those that a pure function decides. The hosts of the others take more than a line:
``TESTED`` names the tests that have them. A key is ``module.function: words of the refusal``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from any_host import NOW
from migrated_host import finalized

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    unit_processes as _unit_processes,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import docker as _docker
from ansible_collections.llmops.litellm.plugins.module_utils._host import (
    engine_kind as _engine_kind,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host.images import Image
from ansible_collections.llmops.litellm.plugins.module_utils._host.listeners import Listener
from ansible_collections.llmops.litellm.plugins.module_utils._migration import finalize as _finalize
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    neighbours as _neighbours,
)
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    preflight_connections as _connections,
)
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    preflight_contents as _contents,
)
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    requirements as _requirements,
)
from ansible_collections.llmops.litellm.plugins.module_utils._migration import rollback as _rollback
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import endpoint as _endpoint
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import others as _others
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.contents import Attached
from ansible_collections.llmops.litellm.plugins.module_utils._redis.formats import Release
from ansible_collections.llmops.litellm.plugins.module_utils._restore import checks as _checks

Says = Callable[[], Iterable[Any]]


class Row(NamedTuple):
    """A refusal by its key; what is said of a host that it fits, and of one that it does not."""

    key: str
    shown: str
    right: Says
    wrong: Says


STRONG = "sk-9f3Kq7Lz2Xw8Vb4N"
AMD64 = Image("r", True, ("linux/arm64", "linux/amd64"), {}, {}, 0, "")
ENGINE = {"client": True, "server": "20.10.24", "compose": "2.24.4", "compose_v1": "", "error": ""}
UNIT = {"name": "postgresql@15-main.service", "account": ""}
SERVER = _neighbours.Server("PostgreSQL on port 5432", 15, UNIT)
NOBODY = _others.Others([], [], [], [])
NATIVE = Release("Redis", (7, 0))
SERVES = {
    "port": 4000,
    "kind": "compose",
    "name": "",
    "ready": True,
    "database": "connected",
    "reasons": [],
}
HELD = {"hash": "h1", "schema_hash": "s", "tables": []}
LEFT = {"source": {"hash": "h1"}, "target": {"schema_hash": "s"}}


def keys(environment: dict[str, str], *configured: str) -> Says:
    return lambda: _requirements.check_keys(environment, configured, [])


def port(holder: str, ours: bool, expected: str = "the legacy Redis") -> Says:
    named = _requirements.Port("redis", 6379, expected, holder, ours)
    return lambda: _requirements.check_ports([named])


def image(**others: Any) -> Says:
    return lambda: _requirements.check_image("x", AMD64._replace(**others), "linux/amd64")


def release(wanted: Any, legacy: Any) -> Says:
    return lambda: _requirements.check_release("x", wanted, legacy)


def major(offered: str, native: Any) -> Says:
    made = AMD64._replace(environment={"PG_MAJOR": offered})
    return lambda: _requirements.check_majors("x", "PostgreSQL", made, "PG_MAJOR", native)


def formats(*target: Any) -> Says:
    return lambda: _requirements.check_formats("x", Release(*target), NATIVE, False)[0]


def subnet(text: str, *taken: str) -> Says:
    return lambda: _requirements.check_subnet("x", text, [(each, "vpn") for each in taken])


def engine(**others: Any) -> Says:
    return lambda: _docker.check_engine({**ENGINE, **others})


def journal(**others: Any) -> Says:
    told: dict[str, Any] = {**finalized(), **others}
    return lambda: _finalize.check_journal(told, 0, NOW)


def without_server() -> Says:
    told: Any = finalized()
    del told["facts"]["found"]["database"]["server"]
    return lambda: _finalize.check_journal(told, 0, NOW)


def compose(**others: Any) -> Says:
    return lambda: _finalize.check_proxy({**SERVES, **others})


def way_back(unread: str = "", choice: str = "carry", **others: Any) -> Says:
    given = {"held": HELD, "left": LEFT, **others}
    return lambda: _rollback.check(choice, unread, given["held"], given["left"], {})


def attached(kind: str, name: str = "x", counts: bool = True, **others: Any) -> Says:
    made = Attached(kind, "t", name, counts, "dba", False)._replace(**others)
    there: Any = _Contents([made])
    return lambda: (
        _contents.unread(there, "database", "gateway", False)
        + _contents.obstacles(there, "database", "gateway")
    )


class _Contents:
    """What is attached to LiteLLM's tables, by kind."""

    def __init__(self, attached: list[Attached]) -> None:
        self.attached = attached

    def of(self, *kinds: str) -> list[Attached]:
        return [item for item in self.attached if item.kind in kinds]


def connected(named: str, *seen: str) -> Says:
    """A proxy whose settings name one server, by number of its port."""
    found = [
        _connections.Connection("127.0.0.1", int(each), "", 9, "redis-server") for each in seen
    ]
    meant = [_connections.Named("REDIS_URL", "localhost", int(named))]
    return lambda: _connections.check(_connections.REDIS, meant, found).problems


def databases(**others: Any) -> Says:
    return lambda: _neighbours.of_databases(NOBODY._replace(**others), "gateway")


def listens(address: str, pid: int = 15) -> Says:
    return lambda: _neighbours.of_listeners(SERVER, [Listener(address, 5432, pid, "postgres")])


def url(text: str) -> Says:
    def said() -> Iterable[Any]:
        try:
            _endpoint.parse_url(text)
        except _endpoint.PostgresError as error:
            return [error]
        return []

    return said


ROWS = [
    Row(
        "requirements.check_keys: so it is open to everybody",
        "so it is open to everybody",
        keys({}),
        keys({}, "LITELLM_MASTER_KEY"),
    ),
    Row(
        "requirements.check_keys: the value that the running proxy has",
        "is a placeholder",
        keys({"LITELLM_MASTER_KEY": "sk-change-me-9f3Kq7Lz2Xw8Vb4N"}),
        keys({"LITELLM_MASTER_KEY": "sk-Latest-9f3Kq7Lz2Xw8", "LITELLM_SALT_KEY": STRONG}),
    ),
    Row(
        "requirements.check_overrides: the value given",
        "the value given",
        lambda: _requirements.check_overrides({"UI_PASSWORD": "changeme"}),
        # null leaves the variable out
        lambda: _requirements.check_overrides({"LITELLM_LOG": "admin", "UI_PASSWORD": None}),
    ),
    Row(
        "requirements.check_salt: cannot decrypt the credentials",
        "cannot decrypt the credentials of the 3",
        lambda: _requirements.check_salt(False, 3),
        lambda: _requirements.check_salt(None, 3),
    ),
    Row(
        "requirements.check_ports: is held by %s, not by %s",
        "is held by nginx",
        port("nginx", False),
        port("redis-server", True),
    ),
    Row(
        "requirements.check_ports: and is to be the new deployment's",
        "and is to be the new deployment's",
        port("nginx", False, _requirements.NOBODY),
        port("", False, _requirements.NOBODY),
    ),
    Row(
        "requirements.check_downtime: is less than no time",
        "litellm_max_downtime: -1 is less than no time",
        lambda: _requirements.check_downtime(-1),
        lambda: [*_requirements.check_downtime(0), *_requirements.check_downtime(30)],
    ),
    Row(
        "requirements.check_hold: is no time from 0 to %d seconds",
        "litellm_max_hold: 601 is no time from 0 to 600 seconds",
        lambda: _requirements.check_hold(601),
        lambda: [*_requirements.check_hold(0), *_requirements.check_hold(600)],
    ),
    Row(
        "requirements.check_chosen: %d is %s",
        "4000 is a port of the deployment itself",
        lambda: _requirements.check_chosen({"litellm_stage_port": 4000}, [4000]),
        lambda: _requirements.check_chosen(
            {"litellm_stage_port": 14000, "litellm_pooler_port": 16432}, [4000]
        ),
    ),
    Row(
        "requirements.check_image: image %s: %s",
        "image r: gone",
        image(error="gone"),
        image(present=False, note="nobody tells"),
    ),
    Row(
        "requirements.check_image: image %s is for %s; this host is %s",
        "is for linux/arm64; this host is linux/amd64",
        image(platforms=("linux/arm64",)),
        image(),
    ),
    Row(
        "requirements.check_release: is on the list of known-bad releases",
        "is on the list of known-bad releases",
        release("1.82.7", "1.82.7"),
        release("1.82.9", "1.82.9"),
    ),
    Row(
        "requirements.check_release: the image holds LiteLLM %s, the legacy deployment runs %s",
        "the image holds LiteLLM 1.99.0",
        release("1.99.0", "1.98.0"),
        release("v1.98.0", "1.98.0"),
    ),
    Row(
        "requirements.check_migrations: that the legacy database does not have",
        "brings 1 schema migrations",
        lambda: _requirements.check_migrations("x", ["a", "b"], ["a"]),
        lambda: _requirements.check_migrations("x", ["a"], ["a", "b"]),
    ),
    Row(
        "requirements.check_traces: is a trace of a malicious release",
        "is a trace of a malicious release",
        lambda: _requirements.check_traces("1.98.0", ["/v/litellm_init.pth"]),
        lambda: _requirements.check_traces("1.98.0", ["/v/sitecustomize.py"]),
    ),
    Row(
        "requirements.check_traces: LiteLLM %s was published with malware",
        "was published with malware",
        lambda: _requirements.check_traces("1.82.8", []),
        lambda: _requirements.check_traces("1.82.80", []),
    ),
    Row(
        "requirements.check_majors: data never go to a lower major",
        "the native server is 16",
        major("15", 16),
        major("16", 16),
    ),
    Row(
        "requirements.check_formats: which does not read what the native %s writes",
        "does not read what the native Redis 7.0 writes",
        formats("Redis", (6, 2)),
        formats("Redis", (7, 4)),
    ),
    Row(
        "requirements.check_disk: together, %s are free",
        "are free",
        lambda: _requirements.check_disk([("/a", 1, 5, 9), ("/b", 1, 5, 9)]),
        lambda: _requirements.check_disk([("/a", 1, 5, 10), ("/b", 1, 5, 10)]),
    ),
    Row(
        "requirements.check_names: exists and was not made by this collection for this host",
        "volume v",
        lambda: _requirements.check_names({"v": False}, {"c": False}),
        lambda: _requirements.check_names({"v": True}, {"c": True}),
    ),
    Row(
        "requirements.check_subnet: overlaps with",
        "overlaps with 172.30.0.0/16 (vpn)",
        subnet("172.30.40.0/24", "172.30.0.0/16"),
        subnet("172.30.40.0/24", "172.30.41.0/24", "172.30.0.0/19"),
    ),
    Row(
        "requirements.check_subnet: is not a private IPv4 subnet",
        "is not a private IPv4 subnet",
        subnet("8.8.8.0/24"),
        subnet("192.168.7.16/28"),
    ),
    Row(
        "requirements.check_subnet: %s (%s)",
        "has host bits set",
        subnet("172.30.40.1/24"),
        subnet("172.30.40.0/24"),
    ),
    Row(
        "docker.check_network: the engine remaps accounts",
        "the engine remaps accounts",
        lambda: _docker.check_network({"remapped": True}, "host"),
        lambda: _docker.check_network({"remapped": True}, "bridge"),
    ),
    Row(
        "docker.check_engine: engine %s is too old",
        "engine 20.9.0 is too old",
        engine(server="20.9.0"),
        engine(server="20.10.0+dfsg1"),
    ),
    Row(
        "docker.check_engine: version %s is too old",
        "version 2.24.3 is too old",
        engine(compose="2.24.3"),
        engine(compose="v2.40.1-desktop.1"),
    ),
    Row(
        "engine_kind.absent: no docker command on this host",
        "Docker: no docker command",
        lambda: [_engine_kind.absent()],
        engine(),
    ),
    Row(
        "engine_kind.silent: the engine does not answer",
        "the engine does not answer (refused)",
        engine(server="", error="refused"),
        engine(error="a warning"),
    ),
    Row(
        "preflight_connections.check: the proxy is connected to %s; its settings name %s",
        "its settings name localhost:6390",
        connected("6390", "6379"),
        connected("6390", "6390"),
    ),
    Row(
        "preflight_contents.obstacles: which is not LiteLLM's and is not taken along",
        "t needs x, which is not LiteLLM's",
        attached("needs"),
        attached("trigger"),
    ),
    Row(
        "preflight_contents.unread: by row security",
        "hides rows of t from role gateway",
        attached("row security"),
        attached("row security", counts=False),
    ),
    Row(
        "preflight_contents._owned: which role %s can't write rows back to",
        "has tables of role dba",
        attached("owner", counts=False),
        attached("foreign key", counts=True),
    ),
    Row(
        "neighbours.of_listeners: is reached from elsewhere",
        "is reached from elsewhere",
        listens("0.0.0.0"),
        listens("127.0.0.1"),
    ),
    Row(
        "neighbours.of_databases: is on the native PostgreSQL that is stopped",
        "is on the native PostgreSQL",
        databases(databases=[_others.Database("reports", "bob")]),
        databases(),
    ),
    Row(
        "neighbours.of_databases: can log in to the native PostgreSQL",
        "can log in to",
        databases(roles=["bob"]),
        databases(roles=["gateway"]),
    ),
    Row(
        "neighbours.of_databases: keeps changes for somebody else",
        "keeps changes for somebody else",
        databases(slots=["standby"]),
        databases(),
    ),
    Row(
        "neighbours.of_contents: stay on the native PostgreSQL that is stopped",
        "that are not LiteLLM's (table shop)",
        lambda: _neighbours.of_contents({"name": "l", "unit": UNIT, "left_behind": ["table shop"]}),
        lambda: _neighbours.of_contents(
            {"name": "l", "unit": UNIT, "left_behind": ["extension x"]}
        ),
    ),
    Row(
        "neighbours.of_processes: runs in the proxy's unit beside it",
        "runs in the proxy's unit beside it (n8n (process 9))",
        lambda: _neighbours.of_processes(UNIT, [_unit_processes.Beside("n8n", "n8n (process 9)")]),
        lambda: _neighbours.of_processes(UNIT, []),
    ),
    Row(
        "finalize.check_journal: does not say when the migration ended",
        "when the migration ended",
        journal(ended=None),
        journal(),
    ),
    Row(
        "finalize.check_journal: has no proof that the copy at the cutover was equal",
        "no proof that the copy",
        journal(steps=[]),
        journal(),
    ),
    Row(
        "finalize.check_journal: does not say what the legacy deployment was",
        "what the legacy deployment was",
        journal(facts={}),
        journal(),
    ),
    Row(
        "finalize.check_journal: does not say how the native PostgreSQL is started",
        "how the native PostgreSQL is started",
        without_server(),
        journal(),
    ),
    Row(
        "finalize.check_proxy: is not the compose deployment's",
        "is not the compose deployment's: nobody",
        compose(kind="nobody", name="nobody"),
        compose(),
    ),
    Row(
        "finalize.check_proxy: is not ready with its database",
        "is not ready with its database: HTTP 503",
        compose(ready=False, reasons=["HTTP 503"]),
        compose(reasons=["a slow model"]),
    ),
    Row(
        "finalize.check_units: so somebody has started it",
        "is active, so somebody has started it",
        lambda: _finalize.check_units([{"name": "a.timer", "active": "active"}]),
        lambda: _finalize.check_units(
            [{"name": "a", "active": state} for state in ("inactive", "failed", None)]
        ),
    ),
    Row(
        "finalize.check_others: would drop what is not LiteLLM's",
        "would drop what is not LiteLLM's: table shop",
        lambda: _finalize.check_others(["table shop"]),
        lambda: _finalize.check_others([]),
    ),
    Row(
        "finalize.check_room: the last backup may need",
        "the last backup may need",
        lambda: _finalize.check_room("/b", 11, 10),
        lambda: _finalize.check_room("/b", 10, 10),
    ),
    Row(
        "rollback.check: of the compose deployment can't be read",
        "can't be read (gone)",
        way_back(unread="gone", held=None),
        way_back(unread="gone", held=None, choice="none"),
    ),
    Row(
        "rollback.check: has no proof of the copy at the cutover",
        "has no proof of the copy",
        way_back(left={}),
        way_back(),
    ),
    Row(
        "rollback.check: has another schema than at the cutover",
        "has another schema than",
        way_back(held={**HELD, "schema_hash": "other"}),
        way_back(held={**HELD, "hash": "rows since then"}),
    ),
    Row(
        "rollback.check: of the legacy deployment is not sound",
        "there is none",
        way_back(choice="backup"),
        way_back(choice="carry"),
    ),
    Row(
        "checks.newer: schema migrations that LiteLLM %s does not know",
        "1 schema migrations that LiteLLM 1.98.0 does not know",
        lambda: [_checks.newer(["20260101000000_a"], [], "", "1.98.0")],
        lambda: [_checks.newer(["20260101000000_a"], ["20260101000000_a"], "1.99.0", "1.98.0")],
    ),
    Row(
        "checks.newer: the backup was made with LiteLLM %s, the deployment has %s",
        "the backup was made with LiteLLM 1.99.0",
        lambda: [_checks.newer(None, None, "1.99.0", "1.98.0")],
        lambda: [_checks.newer(None, None, "1.98.0", "1.98.0")],
    ),
    *(
        Row("endpoint.parse_url: " + words, words, url(bad), url(good))
        for words, bad, good in (
            ("is malformed", "postgresql://u:p@[::1/l", "postgresql://u:p@[::1]/l"),
            ("does not begin with postgresql://", "mysql://u@h/l", "postgres://u@h/l"),
            ("names several servers", "postgresql://u@a,b/l", "postgresql://u:a,b@h/l"),
            ("must be percent-encoded", "postgresql://u:p#x@h/l", "postgresql://u:p%23x@h/l"),
            ("names no database", "postgresql://u@h/", "postgresql:///l?host=/run/postgresql"),
            ("has a port that is none", "postgresql://u@/l?port=x", "postgresql://u@/l?port=5433"),
        )
    ),
]

# Tests of a refusal, by their file: between them they have a host on which it is right, and one on
# which it would be wrong.
_TESTS: dict[str, dict[str, tuple[str, ...]]] = {
    "_config/test_needs_files.py": {
        "needs_files.give: %s: %s": ("test_a_mount_that_cannot_be_made_is_refused",),
        "needs_files.give: is closed to account": (
            "test_root_reads_nothing_that_an_account_has_chosen",
            "test_what_must_not_be_mounted_itself_is_copied",
        ),
        "needs_files.give: can't be mounted": ("test_a_mount_that_cannot_be_made_is_refused",),
        "needs_files.run: a unix socket of this host": (
            "test_a_socket_is_refused_unless_the_operator_mounts_it",
        ),
        "needs_files._file: closed to account": (
            "test_one_that_the_account_cannot_read_is_refused",
            "test_a_file_comes_along",
        ),
        "needs_files._file: a unix socket of this host": (
            "test_a_socket_is_refused_unless_the_operator_mounts_it",
            "test_a_file_comes_along",
        ),
        "needs_files._file: a path that Compose can't carry": (
            "test_a_name_that_compose_cannot_carry_is_refused",
        ),
        "needs_files._file: no regular file": ("test_what_is_no_file_is_refused_where_one_is_due",),
        "needs_files._folder: a folder of more than": (
            "test_what_is_too_much_is_refused",
            "test_a_file_comes_along",
        ),
        "needs_files._host: the host itself": ("test_names_of_hosts",),
        "needs_files._place: can't write to": ("test_a_folder_to_write_to_is_another",),
        "needs_files._modules: in need of a file": (
            "test_a_broken_module_is_refused",
            "test_modules_with_what_they_import",
        ),
        "needs_files._count: is larger than": (
            "test_what_is_too_much_is_refused",
            "test_a_file_comes_along",
        ),
        "needs_files._count: are copied at the most": (
            "test_what_is_too_much_is_refused",
            "test_a_file_comes_along",
        ),
    },
    "_deployment/test_legacy.py": {
        "legacy.find_unit: exists more than once": (
            "test_two_units_of_one_name_need_the_account",
            "test_unknown_unit_comes_with_the_candidates",
        ),
        "legacy.find_unit: %s %s.": (
            "test_unit_that_cannot_be_loaded_says_so",
            "test_unknown_unit_comes_with_the_candidates",
        ),
        "legacy.find_unit: no systemd unit named": (
            "test_unknown_unit_comes_with_the_candidates",
            "test_two_units_of_one_name_need_the_account",
        ),
        "legacy.account_of: %s: %s.": (
            "test_a_process_of_somebody_else_is_not_the_units",
            "test_address_is_where_it_listens",
        ),
        "legacy.discover: ended while it was inspected": (
            "test_process_that_ends_meanwhile_is_refused",
            "test_address_is_where_it_listens",
        ),
        "legacy._misplaced: by chance": ("test_address_is_where_it_listens",),
    },
    "_deployment/test_proxy_process.py": {
        "proxy_process.find: can only be read while it runs": (
            "test_unit_that_does_not_run_comes_with_the_command_to_start_it",
            "test_proxy_is_the_process_that_is_litellm_and_listens",
        ),
        "proxy_process._several: runs more than one proxy": (
            "test_refusal_says_what_was_seen",
            "test_proxy_is_the_process_that_is_litellm_and_listens",
        ),
        "proxy_process._none: no process of it is left": ("test_refusal_says_what_was_seen",),
        "proxy_process._none: at the unix socket": (
            "test_unix_socket_is_named",
            "test_refusal_says_what_was_seen",
        ),
        "proxy_process._none: does not listen at any port": (
            "test_refusal_says_what_was_seen",
            "test_unix_socket_is_named",
        ),
        "proxy_process._stranger: None of them is known as LiteLLM": (
            "test_refusal_says_what_was_seen",
        ),
        "proxy_process.address: its command line names": (
            "test_several_ports_of_which_none_is_named_are_refused",
            "test_socket_is_the_truth_about_the_address",
        ),
    },
    "_deployment/test_proxy_settings.py": {
        "proxy_settings._gunicorn_file: more of its options there": (
            "test_file_of_gunicorn_that_has_what_nobody_sees_is_refused",
            "test_file_of_gunicorn_counts_before_its_command_line",
        ),
        "proxy_settings._gunicorn_file: (raw_env)": (
            "test_file_of_gunicorn_that_has_what_nobody_sees_is_refused",
            "test_file_of_gunicorn_counts_before_its_command_line",
        ),
        "proxy_settings._gunicorn_file: computes %s": (
            "test_file_of_gunicorn_that_has_what_nobody_sees_is_refused",
            "test_file_of_gunicorn_counts_before_its_command_line",
        ),
        "proxy_settings.served: instead of its arguments": (
            "test_title_that_nothing_explains_is_refused",
            "test_arguments_of_a_title_are_those_of_its_unit",
        ),
        "proxy_settings.inspect: instead of its environment": (
            "test_title_without_an_environment_is_refused",
        ),
        "proxy_settings._left_behind: which every account can read": (
            "test_what_a_server_is_given_beside_is_said",
        ),
        "proxy_settings._dotenv: LiteLLM loads it by itself": (
            "test_file_that_cannot_be_read_any_more_is_refused",
            "test_files_that_litellm_loads_are_named_and_read",
        ),
        "proxy_settings.configuration: from which the proxy takes its models": (
            "test_configuration_is_the_one_that_the_application_loads",
        ),
    },
    "_host/test_engine_kind.py": {
        "engine_kind.absent: only the snap of Docker": ("test_snap_alone_is_named",),
        "engine_kind.silent: what is here is a rootless one": (
            "test_rootless_engine_of_an_account_is_named",
        ),
    },
    "_host/test_systemd.py": {
        "systemd.obstacle: its file %s is gone": (
            "test_what_could_not_come_back_is_known_before_anything_stops",
        ),
    },
    "_migration/test_finalize.py": {
        "finalize.check_journal: is watched for": ("test_host_is_watched_for_as_long_as_was_said",),
        "finalize.check_backup: is not named in the journal": (
            "test_backup_from_before_is_looked_at",
        ),
        "finalize.check_backup: is not sound": ("test_backup_from_before_is_looked_at",),
        "finalize.check_contents: is not what it was at the cutover": (
            "test_rows_that_somebody_wrote_are_named",
        ),
        "finalize.check_dump: holds something else": (
            "test_last_backup_of_another_state_is_not_taken",
        ),
        "finalize._contents: can't be looked at": (
            "test_database_that_cannot_be_read_is_a_reason",
            "test_host_with_nothing_against_it",
        ),
    },
    "_migration/test_neighbours.py": {
        "neighbours.of_removed: it could not start any more": (
            "test_unit_that_needs_one_that_is_removed_is_named",
        ),
        "neighbours.of_clients: which is stopped": (
            "test_sessions_of_this_collection_and_those_that_only_the_proxy_can_have_are_none",
        ),
        "neighbours.of_compose: is in the network": (
            "test_who_uses_the_containers_is_named_before_a_rollback",
        ),
    },
    "_migration/test_preflight.py": {
        "preflight.check_lock: may hold rows of the failed migration": (
            "test_rows_that_are_nowhere_else_lock_the_host",
        ),
    },
    "_migration/test_preflight_address.py": {
        "preflight_address.check_address: is no address of this host": (
            "test_an_address_that_is_none_of_this_host_is_refused",
            "test_the_address_is_kept_and_proved",
        ),
        "preflight_address.check_address: listens at one address": (
            "test_two_addresses_are_too_many_in_the_hosts_network",
            "test_the_address_is_kept_and_proved",
        ),
        "preflight_address.say_exposed: does not hold what Docker publishes": (
            "test_a_firewall_that_docker_passes_by",
            "test_without_ufw_there_is_none",
        ),
    },
    "_migration/test_preflight_contents.py": {
        "preflight_contents.check_contents: has no tables of LiteLLM's": (
            "test_database_without_litellms_tables_is_refused",
            "test_database_of_litellms_alone_has_nothing_to_say",
        ),
        "preflight_contents.check_contents: only a superuser can make": (
            "test_what_only_a_superuser_can_make_is_refused_where_litellm_needs_it",
            "test_database_of_litellms_alone_has_nothing_to_say",
        ),
        "preflight_contents.unread: does not let role %s read": (
            "test_tables_that_the_role_may_not_read_are_refused",
        ),
    },
    "_migration/test_preflight_readers.py": {
        "preflight_readers.refusals: %s" % words: (
            "test_all_that_can_not_be_carried_is_refused_at_once",
            "test_named_role_is_carried_and_where_it_finds_the_container_is_said",
        )
        for words in (
            "is LiteLLM's own role",
            "has no role of this name",
            "has a name that the container's PostgreSQL has",
            "can't log in",
        )
    },
    "_migration/test_preflight_deploy.py": {
        "preflight_deploy.%s" % key: (name, "test_bare_host_with_which_nothing_is_wrong")
        for name, keys in {
            "test_migration_under_way_is_ended_first": ("_known: was killed (phase",),
            "test_value_that_is_none_is_refused": (
                "check_wishes: is no address of this host",
                "check_wishes: which the compose deployment decides itself",
                "check_wishes: which is no option",
                "_check_config: is empty",
                "_check_new: names a server",
                "_place_stores: names a database on another host",
            ),
            "test_what_is_there_and_not_ours_is_refused": (
                "_check_config: was not written by this collection",
            ),
            "test_run_that_was_killed_owns_what_it_has_made": ("_check_new: is there, and",),
            "test_one_address_in_the_hosts_network": ("_check_address: listens at one address",),
            "test_native_litellm_is_for_migrate": ("_native: own serves there",),
        }.items()
        for key in keys
    },
    "_migration/test_preflight_needs.py": {
        "preflight_needs.check_named: not a host's name": (
            "test_hosts_of_the_operator_go_before_those_of_the_file",
        ),
        "preflight_needs._check_references: which the legacy proxy has": ("test_references",),
    },
    "_migration/test_preflight_source.py": {
        "preflight_source.check_legacy: from an object store": (
            "test_configuration_in_a_bucket_is_refused",
            "test_configuration_is_judged",
        ),
        "preflight_source._check_config: was started without --config": (
            "test_configuration_is_judged",
        ),
        "preflight_source.check_environment_file: is missing": (
            "test_missing_environment_file_counts_only_where_it_is_needed",
        ),
        "preflight_source.check_environment_file: has a quote that never ends": (
            "test_quote_that_never_ends_is_refused_with_its_line",
            "test_readable_environment_file_is_fine",
        ),
        "preflight_source.check_project_folder: is the folder that the legacy proxy runs in": (
            "test_folder_of_the_legacy_proxy_is_refused_by_whatever_name",
            "test_free_folder_is_fine_whether_it_exists_or_not",
        ),
        "preflight_source.check_project_folder: does not exist": (
            "test_folder_without_a_parent_is_named",
            "test_free_folder_is_fine_whether_it_exists_or_not",
        ),
        "preflight_source.check_project_folder: was not written by this collection": (
            "test_only_our_own_files_are_replaced",
        ),
        "preflight_source._check_tracked: is tracked by git": ("test_tracked_secret_is_refused",),
    },
    "_migration/test_preflight_stores.py": {
        "preflight_stores._native: PostgreSQL (%s) %s": (
            "test_servers_that_systemd_does_not_know_are_refused",
            "test_database_is_told_without_its_password",
        ),
        "preflight_stores._look: can't read a server of": (
            "test_client_programs_older_than_the_server_are_refused",
            "test_database_is_told_without_its_password",
        ),
        "preflight_stores._away: is a token, which expires": (
            "test_database_elsewhere_is_refused_for_what_was_seen",
            "test_database_elsewhere_stays_there",
        ),
        "preflight_stores._away: goes through PgBouncer": (
            "test_database_elsewhere_is_refused_for_what_was_seen",
            "test_server_behind_a_pooler_is_asked_itself",
        ),
        "preflight_stores._elsewhere: where nobody answers": (
            "test_database_is_refused_for_what_was_seen",
            "test_database_at_a_socket_is_found_by_it",
        ),
        "preflight_stores._elsewhere: which is this host itself": (
            "test_database_is_refused_for_what_was_seen",
            "test_name_of_this_host_has_no_case",
        ),
        "preflight_stores._silent: where no %s of this host listens": (
            "test_port_that_no_process_has_is_told_by_whether_it_answers",
            "test_database_is_told_without_its_password",
        ),
        "preflight_programs.instead: where %s listens": (
            "test_what_is_before_a_store_is_no_store",
            "test_database_is_told_without_its_password",
        ),
        "preflight_stores.check_redis: Redis (%s) %s": (
            "test_servers_that_systemd_does_not_know_are_refused",
            "test_redis_is_found_where_the_proxy_finds_it",
        ),
        "preflight_stores.check_redis: %s (%s)": ("test_redis_is_asked_with_the_proxys_password",),
        "preflight_stores.check_redis: is false, and the proxy keeps spend in Redis": (
            "test_spend_that_only_redis_has_is_not_left_behind",
            "test_servers_and_redis_of_an_included_file_are_found",
        ),
        "preflight_stores._redis_faults: by TLS": (
            "test_redis_that_is_not_moved_is_named",
            "test_redis_elsewhere_may_be_what_none_of_this_host_may",
        ),
        "preflight_stores._redis_faults: uses more than one": (
            "test_redis_that_is_not_moved_is_named",
            "test_redis_elsewhere_may_be_what_none_of_this_host_may",
        ),
        "preflight_stores._redis_place: where nobody answers": (
            "test_redis_that_is_not_moved_is_named",
            "test_redis_at_a_socket_is_the_one_of_its_port",
        ),
        "preflight_stores._redis_place: which listens on no port": (
            "test_redis_at_a_socket_is_the_one_of_its_port",
        ),
        "preflight_stores._external: which is this host itself": (
            "test_redis_that_is_not_moved_is_named",
            "test_redis_elsewhere_stays_there",
        ),
        "preflight_stores._external: keeps spend in a Redis that stays where it is": (
            "test_spend_in_a_redis_elsewhere_is_not_written_into_a_copy",
        ),
        "preflight_stores.check_model_ports: is not installed": (
            "test_bridges_need_their_program",
        ),
    },
    "_migration/test_preflight_target.py": {
        "preflight_target._check_extensions: has no extension": (
            "test_image_that_lacks_an_extension_is_refused",
        ),
        "preflight_target.check_folders: %s: %s, and root %s": (
            "test_folder_of_another_account_is_refused",
        ),
    },
    "_migration/test_rollback.py": {
        "rollback._legacy_problems: does not say what the legacy deployment was": (
            "test_journal_without_the_legacy_deployment_is_refused",
            "test_everything_is_there_and_comes_along",
        ),
        "rollback._legacy_problems: is gone": (
            "test_everything_that_is_gone_is_named_at_once",
            "test_everything_is_there_and_comes_along",
        ),
        "rollback._legacy_problems: the legacy proxy cannot start": (
            "test_everything_that_is_gone_is_named_at_once",
            "test_everything_is_there_and_comes_along",
        ),
        "rollback._legacy_problems: has LiteLLM %s now": (
            "test_everything_that_is_gone_is_named_at_once",
            "test_everything_is_there_and_comes_along",
        ),
        "rollback._room: the rows may need": ("test_room_for_the_rows_is_looked_at_with_numbers",),
    },
    "_restore/test_checks.py": {
        "checks.check_clients: is still in use by others": (
            "test_who_else_is_connected_is_told_before_anything_stops",
        ),
        "checks.check_others: holds what is not LiteLLM's": (
            "test_database_that_others_use_too_keeps_its_name",
        ),
        "checks.check_journal: a migration is under way": (
            "test_only_a_migration_that_runs_stands_against_it",
        ),
        "checks.check_salt: could not be read": ("test_salt_key_is_compared_by_its_fingerprint",),
        "checks.check_server: a dump does not load into an older server": (
            "test_server_must_not_be_older_than_the_dump",
        ),
        "checks.check_schema: must not work on a newer schema": (
            "test_schema_that_cannot_be_compared_is_a_note",
        ),
        "checks.check_space: the restore needs": ("test_room_for_two_databases",),
    },
    "_restore/test_rebuild.py": {
        "rebuild._unaccepted: root would run what it says": (
            "test_what_root_would_run_is_named_and_must_be_ours_or_accepted",
            "test_accepted_file_is_used",
        ),
        "rebuild._without_database: a new host for it is no restore": (
            "test_deployment_whose_database_is_elsewhere_is_not_built_anew",
            "test_host_is_built_from_the_backup_alone",
        ),
        "rebuild._lost_mounts: which this host does not have": (
            "test_what_the_container_gets_of_the_host_must_be_here",
        ),
        "rebuild._untrusted: and root would run what lies there": (
            "test_nothing_is_built_where_another_account_can_write",
            "test_host_is_built_from_the_backup_alone",
        ),
        "rebuild.examine: a host is built anew": (
            "test_everything_that_is_missing_is_told_at_once",
            "test_host_is_built_from_the_backup_alone",
        ),
        "rebuild.examine: is there and not empty": (
            "test_everything_that_is_missing_is_told_at_once",
            "test_host_is_built_from_the_backup_alone",
        ),
    },
}
TESTED: dict[str, tuple[str, ...]] = {
    key: tuple("plugins/module_utils/%s::%s" % (path, name) for name in names)
    for path, refused in _TESTS.items()
    for key, names in refused.items()
}
# What only passes on what is said elsewhere, and where that is.
RELAYED = {
    "preflight_cutover._problem": "its callers",
    "needs_files._refuse_given": "needs_files.give",
    "needs_files.give": "a warning, in words that stand once",
    "needs_files._refuse": "its callers",
    "needs_files._folder": "_host.account.Account.cannot",
    "needs_files._modules": "the same",
    "docker.check_engine": "the lines above it",
    "engine_kind.check_kind": "the table above it",
    "systemd.obstacle": "_host.systemd",
    "systemd._problem": "systemd itself",
    "finalize.check_dump": "_backup.manifest",
    "finalize.inspect": "_backup.verify, and units that 0.1.0 took for their names",
    "neighbours.of_units": "the table above it",
    "neighbours.merged": "uses that are made here",
    "neighbours.check": "the same",
    "neighbours.of_legacy": "PostgreSQL",
    "preflight.preflight": "_deployment.proxy_process and its like",
    "preflight.check_lock": "_deployment.journal",
    "preflight_contents.acting": "the table above it",
    "preflight_contents.check_contents": "PostgreSQL",
    "preflight_findings.refuse": "its callers",
    "preflight_readers.check_readers": "PostgreSQL",
    "preflight_needs.check_named": "_config.mounts",
    "preflight_deploy._known": "the journal, the record, and a restore's state",
    "preflight_deploy._engine": "_host.packages",
    "preflight_deploy._check_config": "_config.container_view, and the reader",
    "preflight_source._check_config": "_config.container_view, and the account's reader",
    "preflight_source.check_environment_file": "the account's reader, and _config.envfile",
    "preflight_source._check_tracked": "_host.git",
    "preflight_source.check_environment": "_config.environment",
    "preflight_stores.check_database": "_config.database_settings, and functions below it",
    "preflight_stores._native": "functions below it",
    "preflight_stores._look": "PostgreSQL",
    "preflight_stores.check_redis": "functions below it",
    "preflight_stores._redis_faults": "_config.redis_settings",
    "preflight_target.check_images": "_host.image_reference",
    "requirements.check_formats": "the lines above it",
    "rollback._legacy_problems": "_deployment.legacy_reader",
}
# Functions whose problems are warnings, or whose words are no more than what joins others.
WARNINGS = {
    "finalize.inspect: is not looked at in check mode",
    "needs_files._refuse: %s is %s",
    "proxy_settings._left_behind: is given %s, which LiteLLM's own command",
    "preflight_contents.stays",
    "preflight_readers.unlisted",
    "preflight_readers.remarks",
    "preflight_readers.reached",
    "proxy_settings._cached",
    "proxy_settings._editable",
    "proxy_settings._python",
    "proxy_settings._carried",
    "requirements.warn",
    "needs_files._warn",
    "preflight_findings.warn",
    "rollback._changed_files",
}
