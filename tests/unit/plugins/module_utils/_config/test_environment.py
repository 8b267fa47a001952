"""What becomes of each variable of the legacy process."""

from __future__ import annotations

from itertools import count
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.llmops.litellm.plugins.module_utils._config import (
    environment as _environment,
)
from ansible_collections.llmops.litellm.plugins.module_utils._config.environment_files import (
    LegacyFile,
)
from ansible_collections.llmops.litellm.tests import env_cases

PROCESS = {
    "DATABASE_URL": "postgresql://gateway:p%40ss@127.0.0.1:5434/llm_gateway?connection_limit=10&pool_timeout=60",
    "LITELLM_MASTER_KEY": "sk-m$1",
    "LITELLM_SALT_KEY": "salt'\"\\",
    "OPENAI_API_KEY": "sk-o",
}
WANTED = {
    "POSTGRES_USER",
    "POSTGRES_PASSWORD",
    "POSTGRES_DB",
    "REDIS_PASSWORD",
    "LITELLM_MODE",
    "LITELLM_LOG",
    "JSON_LOGS",
    "DISABLE_SCHEMA_UPDATE",
    "USE_PRISMA_MIGRATE",
    "LITELLM_KEY_INFO_ADMIN_ONLY",
    "UI_USERNAME",
    "UI_PASSWORD",
    "LITELLM_PUBLIC_PASSTHROUGH_PREFIXES",
    "LITELLM_MASTER_KEY",
    "LITELLM_SALT_KEY",
    "OPENAI_API_KEY",
    "DATABASE_URL",
    "REDIS_HOST",
    "REDIS_PORT",
}
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


def plan(
    process: dict[str, str] | None = None, files: list[LegacyFile] | None = None, **settings: Any
) -> _environment.EnvironmentPlan:
    numbers = count(1)
    settings.setdefault("generate", lambda: "generated-%d" % next(numbers))
    return _environment.plan(
        PROCESS if process is None else process, files or [], _environment.Settings(**settings)
    )


def entry(found: _environment.EnvironmentPlan, name: str) -> _environment.Entry:
    return next(item for item in found.entries if item.name == name)


def status(found: _environment.EnvironmentPlan, name: str) -> str:
    return entry(found, name).status


def test_everything_that_is_needed_is_there() -> None:
    found = plan()
    assert set(found.values) >= WANTED
    assert found.problems == found.warnings == []
    assert {item.name for item in found.entries} == set(found.values)
    assert [item.name for item in found.entries] == sorted(found.values)


def test_keys_are_kept_as_they_are() -> None:
    found = plan()
    for name in ("LITELLM_MASTER_KEY", "LITELLM_SALT_KEY", "OPENAI_API_KEY"):
        assert found.values[name] == PROCESS[name]
        assert entry(found, name) == (name, "kept", "legacy process", "")


@given(TEXT)
def test_any_value_of_the_process_arrives(value: str) -> None:
    found = plan({**PROCESS, "SOME_TEXT": value, "OPENAI_API_KEY": "sk-" + value}, bridged_ports=[])
    assert found.values["SOME_TEXT"] == value
    assert found.values["OPENAI_API_KEY"] == "sk-" + value


@pytest.mark.parametrize(
    "name",
    [
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "SHELL",
        "PWD",
        "OLDPWD",
        "SHLVL",
        "_",
        "LANG",
        "LC_ALL",
        "TERM",
        "INVOCATION_ID",
        "JOURNAL_STREAM",
        "SYSTEMD_EXEC_PID",
        "MEMORY_PRESSURE_WATCH",
        "MANAGERPID",
        "NOTIFY_SOCKET",
        "LISTEN_FDS",
        "MAINPID",
        "XDG_RUNTIME_DIR",
        "DBUS_SESSION_BUS_ADDRESS",
        "VIRTUAL_ENV",
        "CONDA_PREFIX",
        "PYTHONPATH",
        "NIX_PYTHONPATH",
        "PYTHONUNBUFFERED",
        "PRISMA_QUERY_ENGINE_BINARY",
        "PRISMA_SCHEMA_ENGINE_BINARY",
        "LD_LIBRARY_PATH",
        "PGHOST",
        "PGPASSWORD",
        "PGSSLMODE",
        "HOST",
        "PORT",
        "COMPOSE_FILE",
        "DOCKER_HOST",
        "DATABASE_HOST",
        "DATABASE_PASSWORD",
        "DATABASE_URL_READ_REPLICA",
        "REDIS_SSL",
        "REDIS_USERNAME",
    ],
)
def test_what_belongs_to_the_native_process_stays_behind(name: str) -> None:
    found = plan({**PROCESS, name: "x"})
    assert name not in found.values
    assert status(found, name) == "dropped"
    assert entry(found, name).reason


@pytest.mark.parametrize(
    "name",
    [
        "LD_SDK_KEY",
        "PG_VECTOR_API_BASE",
        "DOCKER_MODEL_RUNNER_API_KEY",
        "HOSTED_VLLM_API_KEY",
        "USERNAME",
        "PATHS",
        "LANGFUSE_SECRET_KEY",
        "LANGUAGE_MODEL",
        "TERMINAL",
        "TZ",
        "HTTP_PROXY",
        "REDIS_DB",
        "XAI_API_KEY",
        "HOMEPAGE",
        "PROMETHEUS_MULTIPROC_DIR",
    ],
)
def test_what_only_looks_like_it_is_carried_over(name: str) -> None:
    assert plan({**PROCESS, name: "x"}).values[name] == "x"


@given(TEXT, TEXT, TEXT)
def test_the_database_url_says_what_was_meant(user: str, password: str, database: str) -> None:
    url = urlsplit(_environment.database_url(user, password, "postgres", 5432, database))
    assert (unquote(url.username or ""), unquote(url.password or ""), unquote(url.path[1:])) == (
        user,
        password,
        database,
    )
    assert (url.hostname, url.port, url.query) == ("postgres", 5432, "")


@pytest.mark.parametrize(
    "old, query",
    [
        (
            "postgresql://h/d?connection_limit=10&pool_timeout=60",
            "?connection_limit=10&pool_timeout=60",
        ),
        (
            "postgresql://h/d?host=/run/postgresql&sslmode=require&sslcert=/x&schema=public",
            "?schema=public",
        ),
        ("postgresql://h/d?options=-c%20search_path%3Da&user=u#x", "?options=-c%20search_path%3Da"),
        ("postgresql://h/d?pgbouncer=true", ""),
        ("postgresql://h/d", ""),
        ("", ""),
    ],
)
def test_parameters_of_the_database_url(old: str, query: str) -> None:
    assert (
        _environment.database_url("u", "p", "postgres", 5432, "d", old)
        == "postgresql://u:p@postgres:5432/d" + query
    )


def test_database_names_are_the_new_ones() -> None:
    found = plan(
        {
            **PROCESS,
            "POSTGRES_USER": "gateway",
            "POSTGRES_PASSWORD": "old",
            "DIRECT_URL": PROCESS["DATABASE_URL"],
        },
        database="d",
        user="u",
    )
    assert [found.values["POSTGRES_" + name] for name in ("USER", "PASSWORD", "DB")] == [
        "u",
        "generated-1",
        "d",
    ]
    assert (
        found.values["DATABASE_URL"]
        == "postgresql://u:generated-1@postgres:5432/d?connection_limit=10&pool_timeout=60"
    )
    assert found.values["DIRECT_URL"] == found.values["DATABASE_URL"]
    assert [
        status(found, name)
        for name in ("POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB", "DATABASE_URL")
    ] == ["replaced", "generated", "added", "replaced"]


def test_a_password_that_the_operator_gives_is_in_the_url_too() -> None:
    found = plan(
        overrides={"POSTGRES_PASSWORD": "p@/:%", "POSTGRES_USER": "a b", "REDIS_PASSWORD": "#"},
        process={**PROCESS, "REDIS_URL": "redis://localhost"},
    )
    assert found.values["DATABASE_URL"].startswith(
        "postgresql://a%20b:p%40%2F%3A%25@postgres:5432/litellm"
    )
    assert found.values["REDIS_URL"] == "redis://:%23@redis:6379"


def test_without_a_salt_key_the_master_key_is_written_out() -> None:
    found = plan({"LITELLM_MASTER_KEY": "sk-m"})
    assert found.values["LITELLM_SALT_KEY"] == "sk-m"
    assert status(found, "LITELLM_SALT_KEY") == "added"


def test_the_salt_key_stays_the_old_master_key_when_the_operator_changes_that() -> None:
    found = plan({"LITELLM_MASTER_KEY": "sk-old"}, overrides={"LITELLM_MASTER_KEY": "sk-new"})
    assert (found.values["LITELLM_MASTER_KEY"], found.values["LITELLM_SALT_KEY"]) == (
        "sk-new",
        "sk-old",
    )
    assert found.warnings == []


def test_an_empty_salt_key_is_a_key() -> None:
    found = plan({**PROCESS, "LITELLM_SALT_KEY": ""})
    assert found.values["LITELLM_SALT_KEY"] == ""
    assert status(found, "LITELLM_SALT_KEY") == "kept"


@pytest.mark.parametrize("process", [{}, {"LITELLM_MASTER_KEY": "sk-not-used"}])
def test_a_master_key_in_the_configuration_is_left_to_it(process: dict[str, str]) -> None:
    found = plan(process, master_key_in_config=True)
    assert "LITELLM_SALT_KEY" not in found.values
    assert entry(found, "LITELLM_SALT_KEY")[1:3] == ("absent", "config.yaml")
    assert found.values.get("LITELLM_MASTER_KEY") == process.get("LITELLM_MASTER_KEY")


def test_keys_are_never_invented() -> None:
    found = plan({})
    assert not {"LITELLM_MASTER_KEY", "LITELLM_SALT_KEY"} & set(found.values)
    assert status(found, "LITELLM_MASTER_KEY") == status(found, "LITELLM_SALT_KEY") == "absent"


@pytest.mark.parametrize(
    "process, given_key, warns",
    [
        (PROCESS, "other", True),
        (PROCESS, PROCESS["LITELLM_SALT_KEY"], False),
        (PROCESS, None, True),
        ({"LITELLM_MASTER_KEY": "m"}, "other", True),
        ({"LITELLM_MASTER_KEY": "m"}, "m", False),
        ({"LITELLM_MASTER_KEY": "m"}, None, False),
    ],
)
def test_another_salt_key_is_warned_about(
    process: dict[str, str], given_key: str | None, warns: bool
) -> None:
    found = plan(process, overrides={"LITELLM_SALT_KEY": given_key})
    assert bool(found.warnings) == warns
    assert found.values.get("LITELLM_SALT_KEY") == given_key


def test_a_salt_key_that_the_proxy_never_had_is_not_adopted() -> None:
    found = plan(
        {"LITELLM_MASTER_KEY": "m"},
        [LegacyFile("/e", "systemd", "export LITELLM_SALT_KEY=s\n")],
        adopt=["LITELLM_SALT_KEY"],
    )
    assert "could not be read" in found.problems[0]


def test_passwords_are_drawn_once_and_stay() -> None:
    first = plan(generate=_environment.Settings().generate)
    assert all(
        len(first.values[name]) >= 40
        for name in ("POSTGRES_PASSWORD", "REDIS_PASSWORD", "UI_PASSWORD")
    )
    assert (
        len({first.values[name] for name in ("POSTGRES_PASSWORD", "REDIS_PASSWORD", "UI_PASSWORD")})
        == 3
    )
    second = plan(existing=first.values)
    assert second.values == first.values
    assert [entry(item, "REDIS_PASSWORD").origin for item in (first, second)] == [
        "new",
        "earlier run",
    ]


def test_a_password_of_the_ui_is_kept() -> None:
    assert plan({**PROCESS, "UI_PASSWORD": "mine"}).values["UI_PASSWORD"] == "mine"


def test_a_lost_value_is_not_taken_from_an_earlier_run() -> None:
    assert plan(existing={"OPENAI_API_KEY": "stale", "GONE": "x"}).values.keys() & {"GONE"} == set()


@pytest.mark.parametrize(
    "old, new",
    [
        ("redis://127.0.0.1:6379/3", "redis://:generated-2@redis:6379/3"),
        ("rediss://u:p@localhost", "redis://:generated-2@redis:6379"),
        ("redis://:p%40@[::1]:6380/0?x=1", "redis://:generated-2@redis:6379/0"),
        ("", "redis://:generated-2@redis:6379"),
    ],
)
def test_redis_urls(old: str, new: str) -> None:
    found = plan(
        {
            **PROCESS,
            "REDIS_URL": old,
            "REDIS_HOST": "127.0.0.1",
            "REDIS_PORT": "6379",
            "REDIS_PASSWORD": "weak",
        }
    )
    assert found.values["REDIS_URL"] == new
    assert (
        found.values["REDIS_HOST"],
        found.values["REDIS_PORT"],
        found.values["REDIS_PASSWORD"],
    ) == ("redis", "6379", "generated-2")
    assert found.problems == []


@pytest.mark.parametrize(
    "process", [{"REDIS_HOST": "cache.example.com"}, {"REDIS_URL": "redis://cache.example.com/1"}]
)
def test_a_redis_elsewhere_is_refused_unless_the_operator_decides(process: dict[str, str]) -> None:
    name = next(iter(process))
    assert name in plan(process).problems[0]
    assert plan(process, overrides={name: None if name == "REDIS_URL" else "redis"}).problems == []
    found = plan(process, redis_is_here=True)  # the configuration names another, which is used
    assert (found.problems, found.values["REDIS_HOST"]) == ([], "redis")


@pytest.mark.parametrize(
    "old, new",
    [
        ("http://127.0.0.1:8082/v1", "http://host.docker.internal:8082/v1"),
        ("http://localhost:8082", "http://host.docker.internal:8082"),
        ("HTTP://LocalHost:8082", "HTTP://host.docker.internal:8082"),
        ("http://[::1]:8082/", "http://host.docker.internal:8082/"),
        ("http://0.0.0.0:8082/", "http://host.docker.internal:8082/"),
        (
            "https://u:p@127.0.0.1:8082/x?y=http://localhost:8079",
            "https://u:p@host.docker.internal:8082/x?y=http://host.docker.internal:8079",
        ),
        ("http://127.0.0.1", "http://host.docker.internal"),
        ('{"a": "http://127.0.0.1:8082"}', '{"a": "http://host.docker.internal:8082"}'),
    ],
)
def test_loopback_urls_of_bridged_ports_are_moved(old: str, new: str) -> None:
    found = plan({**PROCESS, "API_BASE": old}, bridged_ports=[80, 8079, 8082])
    assert found.values["API_BASE"] == new
    assert status(found, "API_BASE") == "replaced"
    assert found.warnings == []


@pytest.mark.parametrize(
    "value, warns",
    [
        ("http://127.0.0.1:4000/", False),
        ("http://localhost:4000/ui", False),
        ("http://127.0.0.1:9999/", True),
        ("redis://127.0.0.1:6379/1", True),
        ("127.0.0.1", True),
        ("localhost:11434", True),
        ("http://localhost.example.com:8082", False),
        ("http://127.0.0.1.nip.io:8082", False),
        ("http://10.0.0.1:8082", False),
        ("http://example.com/?x=127.0.0.1:8082", False),
        ("http://localhost:8082x", False),
        ("http://localhost-2:8082", False),
    ],
)
def test_other_addresses_stay_as_they_are(value: str, warns: bool) -> None:
    found = plan({**PROCESS, "SOME_URL": value}, bridged_ports=[8082])
    assert found.values["SOME_URL"] == value
    assert bool(found.warnings) == warns
    assert all("SOME_URL" in text and "env_file_overrides" in text for text in found.warnings)


def test_without_a_list_every_other_port_is_bridged() -> None:
    found = plan({**PROCESS, "A": "http://localhost:1234", "B": "http://localhost:5434"})
    assert (found.values["A"], found.values["B"]) == (
        "http://host.docker.internal:1234",
        "http://localhost:5434",
    )


@pytest.mark.parametrize(
    "old, new",
    [
        ("localhost,127.0.0.1", "localhost,127.0.0.1,host.docker.internal,redis"),
        ("example.com", "example.com"),
        ("", ""),
        ("127.0.0.1,redis,host.docker.internal", "127.0.0.1,redis,host.docker.internal"),
    ],
)
def test_an_outgoing_proxy_does_not_get_what_was_local(old: str, new: str) -> None:
    found = plan({**PROCESS, "no_proxy": old, "NO_PROXY": old}, overrides={"NO_PROXY": old})
    assert (found.values["no_proxy"], found.values["NO_PROXY"]) == (new, old)


@pytest.mark.parametrize(
    "name, old, new",
    [
        ("LITELLM_MODE", "DEV", "PRODUCTION"),
        ("DISABLE_SCHEMA_UPDATE", "false", "true"),
        ("LITELLM_LOG", "ERROR", "ERROR"),
        ("JSON_LOGS", "", ""),
        ("UI_USERNAME", "me", "me"),
        ("LITELLM_PUBLIC_PASSTHROUGH_PREFIXES", "/a", "/a"),
    ],
)
def test_defaults_yield_to_the_process_unless_they_must_not(name: str, old: str, new: str) -> None:
    found = plan({**PROCESS, name: old})
    assert found.values[name] == new
    assert status(found, name) == ("kept" if old == new else "replaced")
    assert status(plan(), name) == "added"


def test_debug_logs_are_warned_about() -> None:
    assert "prompts and keys" in plan({**PROCESS, "LITELLM_LOG": "debug"}).warnings[0]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("USE_DDTRACE", "true", "below ddtrace-run"),
        ("USE_DDTRACE", "false", ""),
        ("USE_NEWRELIC", "true", "below newrelic-admin"),
    ],
)
def test_what_diverts_the_start_script_of_the_image_is_named(
    name: str, value: str, said: str
) -> None:
    found = plan({**PROCESS, name: value})
    assert found.values[name] == value
    assert [said in each for each in found.warnings if name in each] == [True] * bool(said)


def test_second_server_of_the_start_script_stays_behind_unless_it_is_wanted() -> None:
    native = {**PROCESS, "SEPARATE_HEALTH_APP": "1", "SEPARATE_HEALTH_PORT": "8001"}
    found = plan(native)
    assert status(found, "SEPARATE_HEALTH_APP") == "dropped"
    assert status(found, "SEPARATE_HEALTH_PORT") == "dropped"
    assert not any("SEPARATE_HEALTH_APP" in each for each in found.warnings)
    found = plan(native, overrides={"SEPARATE_HEALTH_APP": "1"})
    assert any("SEPARATE_HEALTH_APP is 1: " in each for each in found.warnings)


def test_overrides_win() -> None:
    found = plan(
        {**PROCESS, "PATH": "/bin", "A": "1", "B": "2"},
        overrides={
            "PATH": "/x",
            "A": None,
            "B": "2",
            "LITELLM_MODE": "DEV",
            "DATABASE_URL": "postgresql://elsewhere/d",
            "NEW": "n",
        },
    )
    assert {
        name: found.values.get(name)
        for name in ("PATH", "A", "B", "LITELLM_MODE", "DATABASE_URL", "NEW")
    } == {
        "PATH": "/x",
        "A": None,
        "B": "2",
        "LITELLM_MODE": "DEV",
        "DATABASE_URL": "postgresql://elsewhere/d",
        "NEW": "n",
    }
    assert [
        status(found, name) for name in ("PATH", "A", "B", "LITELLM_MODE", "DATABASE_URL", "NEW")
    ] == ["replaced", "dropped", "kept", "added", "replaced", "added"]


@pytest.mark.parametrize(
    "overrides, word",
    [
        ({"A": 5}, "A: the value is not text but int"),
        ({"A-B": "x"}, "A-B: the name"),
        ({"A": "x\0"}, "NUL"),
        ({"POSTGRES_PASSWORD": ""}, "POSTGRES_PASSWORD must not be empty"),
        ({"REDIS_PASSWORD": None}, "REDIS_PASSWORD must not be empty"),
    ],
)
def test_overrides_that_cannot_be(overrides: dict[str, Any], word: str) -> None:
    assert word in plan(overrides=overrides).problems[0]


def test_what_cannot_be_written_is_a_problem_with_a_way_out() -> None:
    found = plan({**PROCESS, "A": "x\udcff"})
    assert "A of the legacy process cannot be written: the value is not UTF-8" in found.problems[0]
    assert plan({**PROCESS, "A": "x\udcff"}, overrides={"A": None}).problems == []


@given(st.lists(st.sampled_from(env_cases.PIECES), max_size=14).map("".join))
def test_nothing_that_can_be_shown_holds_a_value(text: str) -> None:
    secret = "hunter2"
    text = text.replace("A=", "A=" + secret)
    found = plan(
        {**PROCESS, "A": secret, "PATH": secret, "URL": "http://%s@localhost:1/" % secret},
        [LegacyFile("/p/env", "systemd", text)],
        overrides={"O": secret},
        adopt=["C"],
    )
    assert secret not in repr(found[1:])


def test_database_elsewhere_keeps_its_url_and_nothing_of_the_container_is_named() -> None:
    url = "postgresql://u:p@db.example.com/x?sslmode=verify-full&sslrootcert=/etc/ca.pem"
    process = {**PROCESS, "DATABASE_URL": url, "DIRECT_URL": url}
    found = plan(process, where={"database": "elsewhere"})
    assert found.values["DATABASE_URL"] == found.values["DIRECT_URL"] == url
    assert entry(found, "DATABASE_URL").reason == "names a server that stays where it is"
    assert status(found, "DATABASE_URL") == "kept"
    assert not {name for name in found.values if name.startswith("POSTGRES_")}
    assert found.problems == found.warnings == []


def test_proxy_without_a_database_gets_none() -> None:
    process = {name: value for name, value in PROCESS.items() if name != "DATABASE_URL"}
    found = plan(process, where={"database": "nowhere"})
    assert not {"DATABASE_URL", "POSTGRES_USER", "POSTGRES_PASSWORD"} & set(found.values)
    assert found.values["REDIS_HOST"] == "redis"


def test_redis_elsewhere_is_named_as_it_was() -> None:
    process = {
        **PROCESS,
        "REDIS_HOST": "cache.example.com",
        "REDIS_PORT": "6380",
        "REDIS_PASSWORD": "secret",
        "REDIS_SSL": "true",
    }
    found = plan(process, where={"database": "here", "redis": "elsewhere"})
    assert {name: found.values[name] for name in process if name.startswith("REDIS_")} == {
        name: value for name, value in process.items() if name.startswith("REDIS_")
    }
    assert found.problems == []
    wrong = plan(process, where={"redis": "elsewhere"}, overrides={"REDIS_HOST": "redis"})
    assert "env_file_overrides: REDIS_HOST: there is no Redis" in wrong.problems[0]


MASTER, SALT = "LITELLM_MASTER_KEY", "LITELLM_SALT_KEY"


def fresh(**settings: Any) -> _environment.EnvironmentPlan:
    """The plan of a deployment that had no legacy process."""
    given = {"native": False, "generate": lambda: "drawn", **settings}
    return _environment.plan({}, [], _environment.Settings(**given))


def test_new_deployment_gets_all_that_it_needs() -> None:
    found = fresh(keys=True)
    assert found.problems == []
    assert (found.values[MASTER], found.values[SALT]) == ("sk-drawn", "sk-drawn")
    assert (found.values["UI_USERNAME"], found.values["UI_PASSWORD"]) == ("admin", "drawn")
    assert found.values["DATABASE_URL"] == "postgresql://litellm:drawn@postgres:5432/litellm"
    assert (found.values["REDIS_HOST"], found.values["REDIS_PASSWORD"]) == ("redis", "drawn")
    assert {status(found, name) for name in (MASTER, SALT, "UI_PASSWORD")} == {"generated"}


def test_keys_of_a_new_deployment_are_drawn_once() -> None:
    first = fresh(keys=True).values
    for keys in (True, False):
        again = fresh(keys=keys, existing=first, generate=lambda: "another")
        assert again.problems == []
        assert again.values == first


def test_given_keys_win() -> None:
    found = fresh(keys=True, overrides={MASTER: "sk-given", SALT: "own"}, existing={SALT: "old"})
    assert (found.values[MASTER], found.values[SALT]) == ("sk-given", "own")


def test_no_key_is_drawn_where_something_is_stored() -> None:
    found = fresh()
    assert [problem.split(" ")[0] for problem in found.problems] == [MASTER, SALT]
    assert "Bring .env back, or give it in env_file_overrides." in found.problems[0]
    assert not {MASTER, SALT} & set(found.values)
    # without a salt key LiteLLM encrypts with the master key
    found = fresh(existing={MASTER: "sk-old"})
    assert (found.problems, status(found, SALT)) == ([], "absent")


def test_master_key_that_only_the_configuration_has_is_left_to_it() -> None:
    found = fresh(keys=True, master_key_in_config=True)
    assert (status(found, MASTER), status(found, SALT)) == ("absent", "generated")
