"""The host's own addresses in a configuration, and what a container has to write instead."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.llmops.litellm.plugins.module_utils._config import addresses as _addresses
from ansible_collections.llmops.litellm.plugins.module_utils._config import (
    environment as _environment,
)
from ansible_collections.llmops.litellm.plugins.module_utils._config import (
    yaml_values as _yaml_values,
)

DEMO = Path(__file__).parents[4] / "testbed/legacy/files/project/config.yaml"
HOST = "host.docker.internal"
FOUND = "http://127.0.0.1:8082/v1"
MOVED = "http://host.docker.internal:8082/v1"


def rewrite(text: str, **options: Any) -> str:
    """The rewritten text, which a second run leaves as it is."""
    made = _addresses.rewrite(text, HOST, **options)[0]
    assert _addresses.rewrite(made, HOST, **options) == (made, [])
    return made


# The demo's configuration


def test_the_demo() -> None:
    text = DEMO.read_text(encoding="utf-8")
    found = [(item.line, item.kind, item.port) for item in _addresses.find(text)]
    assert found == [
        (10, "model", 8081),
        (36, "model", 8082),
        (42, "model", 8079),
        (58, "redis", 6379),
    ]
    expected = text
    for old, new in (
        ("http://127.0.0.1:8081/v1      #", f"http://{HOST}:8081/v1      #"),
        ('"http://localhost:8082/v1"', f'"http://{HOST}:8082/v1"'),
        ("'http://127.0.0.1:8079/v1/rerank'", f"'http://{HOST}:8079/v1/rerank'"),
        ("    host: 127.0.0.1\n", "    host: redis\n"),
    ):
        assert expected.count(old) == 1
        expected = expected.replace(old, new)
    made, rewritten = _addresses.rewrite(text, HOST)
    assert made == expected
    assert [item.line for item in rewritten] == [10, 36, 42, 58]
    assert rewritten[1] == (36, "http://localhost:8082", f"http://{HOST}:8082")
    assert _addresses.problems(text) == []
    assert _addresses.unreachable(text) == []
    assert "http://127.0.0.1:8090/v1" in made


# URLs


@pytest.mark.parametrize(
    "old, new",
    [
        ("http://127.0.0.1:8082/v1", f"http://{HOST}:8082/v1"),
        ("https://localhost", f"https://{HOST}"),
        ("HTTP://LocalHost:1/", f"HTTP://{HOST}:1/"),
        ('"http://[::1]:8082/"', f'"http://{HOST}:8082/"'),
        ("http://0.0.0.0:8082", f"http://{HOST}:8082"),
        ("http://127.8.9.1:8082", f"http://{HOST}:8082"),
        (
            "'https://u:p%40@127.0.0.1:8082/x?y=http://localhost:8079#z'",
            f"'https://u:p%40@{HOST}:8082/x?y=http://{HOST}:8079#z'",
        ),
        ("ws://localhost:81,http://localhost:82", f"ws://{HOST}:81,http://{HOST}:82"),
        ("grpc://localhost:4317", f"grpc://{HOST}:4317"),
        *(
            (same, same)
            for same in (
                "http://localhost:4000/v1",
                "http://localhost.example.com:8082",
                "http://127.0.0.1.nip.io:8082",
                "http://10.0.0.1:8082",
                "http://localhost-2:1",
                "http://example.com/?x=127.0.0.1:8082",
                "os.environ/API_BASE",
                "file://localhost/etc/x",
                "unix://localhost",
                "redis://localhost:6379/0",
                "postgresql://u:p@127.0.0.1:5434/other",
            )
        ),
    ],
)
def test_urls(old: str, new: str) -> None:
    assert (
        rewrite(f"model_list:\n- litellm_params: {{x: 1}}\n  api_base: {old}\n")
        == f"model_list:\n- litellm_params: {{x: 1}}\n  api_base: {new}\n"
    )


@pytest.mark.parametrize(
    "value",
    [
        "http://127.0.0.1:8082/v1",
        "https://u:p@localhost:1/?x=http://127.0.0.1:3",
        "http://localhost",
        "http://localhost:4000",
        "http://localhost-2:1",
        "redis://127.0.0.1:6379/1",
        "postgres://127.0.0.1",
        "file://localhost/x",
        "qdrant://localhost",
        '{"a": "http://[::1]:8082"}',
        "127.0.0.1",
        "localhost:11434",
    ],
)
def test_configuration_and_environment_agree(value: str) -> None:
    settings_ = _environment.Settings(native_ports=(5432, 6379))
    environment = _environment.plan({"LITELLM_MASTER_KEY": "sk-x", "SOME": value}, [], settings_)
    text = "general_settings:\n  some: '%s'\n" % value
    assert yaml.safe_load(rewrite(text))["general_settings"]["some"] == environment.values["SOME"]
    assert bool(_addresses.unreachable(text)) == any(
        "SOME" in warning for warning in environment.warnings
    )


def test_only_ports_with_a_bridge() -> None:
    text = "a: http://localhost:1\nb: http://localhost:2\nc: localhost:3\nd: '::1'\ne: redis://localhost\nf: http://localhost:4000\ng: localhost:4000\n"
    assert rewrite(text, ports=[1]) == text.replace("localhost:1", HOST + ":1")
    assert rewrite(text, own_ports=[1]) == text.replace("localhost:2", HOST + ":2").replace(
        "http://localhost:4000", f"http://{HOST}:4000"
    )
    assert [
        (item.line, item.port, item.old) for item in _addresses.unreachable(text, ports=[1])
    ] == [
        (2, 2, "http://localhost:2"),
        (3, 3, "localhost:3"),
        (4, 0, "::1"),
        (5, 6379, "redis://localhost"),
    ]
    assert [item.line for item in _addresses.unreachable(text)] == [3, 4, 5]


def test_values_of_the_environment() -> None:
    found = _addresses.find_value(
        "http://u:secret@localhost:8082/v1?k=secret, redis://:secret@127.0.0.1, postgresql://g:secret@localhost:5434/x"
    )
    assert [(item.kind, item.port, item.old) for item in found] == [
        ("model", 8082, "http://localhost:8082"),
        ("redis", 6379, "redis://127.0.0.1"),
        ("database", 5434, "postgresql://localhost:5434"),
    ]
    assert _addresses.find_value("localhost:8082 https://example.com") == []


# YAML: {u} is moved, {c} is left alone

YAML = {
    "comment": "# {c}\na: {u} # {c}\n  # {c}\nb: {u}#x\n",
    "comment in quotes": "a: '# {u}'\nb: \"x # {u}\" # {c}\n",
    "escapes": "a: \"\\\" # {u}\"\nb: 'it''s # {u}' # {c}\n",
    "quote inside plain": "a: it's {u} # {c}'\nb: \"x\"\n",
    "literal": "a: |\n  # {u}\n\n   x {u}\nb: 1 # {c}\n",
    "folded": "a:\n- >-2\n    # {u}\n  # {u}\n- b: |+  # {c}\n    # {u}\n\n- x # {c}\n",
    "literal at the end": "a: |\n  # {u}",
    "literal in a list as deep as its key": "a:\n- |\n # {u}\nb: {u}\n",
    "empty literal": "a: |\nb: {u} # {c}\n",
    "flow": "{{a: {u}, 'b': [{u} , \"{u}\",# {c}\n {u}], \"c\":{u}, d: {{e: '# {u}'}}}} # {c}\n",
    "flow over lines": "a: [x\n  'y # {c}\n  , {u}]\nb: {u}\n",
    "lists": "- {u}\n- - {u}\n  - b: {u}\n    c:\n    - {u} # {c}\n-\n  {u}\n",
    "long plain": "a: x\n  'y {u}\n  \"z\n  - {u} # {c}\nb: '{u}'\n",
    "long quoted": "a: 'x\n  # {u}\n\n  y'\nb: \"x \\\n  # {u}\" # {c}\n",
    "anchors": "x: &x {u}\na: *x # {c}\nb: &y\n  <<: [*z]\n  c: !!str {u}\n  d: ! '# {u}'\n*x : {u}\n",
    "documents": "%YAML 1.1\n--- # {c}\na: {u}\n...\n---\n- {u}\n--- {u}\n",
    "complex keys": "? a\n: {u}\n? [b]\n: - {u} # {c}\n",
    "windows": 'a: {u} # {c}\r\nb: |\r\n  # {u}\r\n  x\r\n\r\nc: "{u}"\r\n# {c}\r\n',
    "mark and spaces": "\ufeffa:  {u}   \n\n   \nb: {u}  # {c}\n\nc :  '{u}'",
    "tabs": "a:\t{u}\t# {c}\n \t\nb: '{u}'\n",
    "colon inside": "a: x:{u}\nb:c: {u}\nd: ::# {u}\n",
    "key that is a url": "{c}: 1\n'{c}': {u}\n{{\"{c}\": {u}}}: 2\n",
}


@pytest.mark.parametrize("name", YAML)
def test_yaml(name: str) -> None:
    text = YAML[name]
    assert rewrite(text.format(u=FOUND, c=FOUND)) == text.format(u=MOVED, c=FOUND)
    assert _yaml_values.scan(text.format(u=FOUND, c=FOUND)).faults == []


@pytest.mark.parametrize(
    "name",
    sorted(
        YAML.keys()
        - {"documents", "flow over lines", "tabs", "anchors", "complex keys", "key that is a url"}
    ),
)
def test_the_table_is_right_about_yaml(name: str) -> None:
    """What the table calls a comment is one for PyYAML, and what it calls a value is one."""
    loaded = str(yaml.safe_load(YAML[name].format(u="UUUU", c="CCCC")))
    assert "CCCC" not in loaded
    assert loaded.count("UUUU") == YAML[name].count("{u}")


URLS = st.sampled_from(
    [
        FOUND,
        "http://localhost",
        "https://u:p@[::1]:1/x?a=b#c",
        "http://localhost:4000/own",
        "http://example.com:8082",
        "os.environ/X",
    ]
)
TEXTS = st.text(st.sampled_from("ab 01#:'\"-?,[]{}&*!|>%@`\\\n\té~=./"), max_size=12)
MIXED = st.one_of(
    URLS,
    TEXTS,
    st.tuples(TEXTS, URLS, TEXTS).map(" ".join),
    st.integers(),
    st.booleans(),
    st.none(),
)
KEYS = st.one_of(
    st.sampled_from(
        [
            "api_base",
            "litellm_params",
            "cache_params",
            "host",
            "x y",
            "a#b",
            "#",
            "'",
            "http://localhost:1",
        ]
    ),
    TEXTS,
)
DOCUMENTS = st.recursive(
    MIXED,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def expected(node: Any) -> Any:
    """A document with its loopback URLs moved, as one writes it with a YAML library at hand."""
    if isinstance(node, dict):
        return {key: expected(value) for key, value in node.items()}
    if isinstance(node, list):
        return [expected(value) for value in node]
    if not isinstance(node, str):
        return node
    return re.sub(
        r"(?<=http://)(127\.0\.0\.1|localhost)(?=:8082|[/\s]|$)|(?<=https://u:p@)\[::1\](?=:1/x)",
        HOST,
        node,
    )


@settings(max_examples=400, deadline=None)
@given(
    document=DOCUMENTS,
    flow=st.sampled_from([True, False, None]),
    style=st.sampled_from([None, "'", '"', "|", ">"]),
    indent=st.sampled_from([2, 4, 7]),
    width=st.sampled_from([20, 10000]),
)
def test_any_document_is_the_same_but_for_its_urls(
    document: Any, flow: bool | None, style: str | None, indent: int, width: int
) -> None:
    text = yaml.safe_dump(
        document,
        default_flow_style=flow,
        default_style=style,
        indent=indent,
        width=width,
        allow_unicode=True,
        sort_keys=False,
    )
    assert _yaml_values.scan(text).faults == []
    made = rewrite(text)
    loaded = yaml.safe_load(
        text
    )  # not the document: PyYAML does not always write what it can read back
    assert yaml.safe_load(made) == expected(loaded)
    if expected(loaded) == loaded:
        assert made == text


@settings(max_examples=300, deadline=None)
@given(text=st.text(st.sampled_from("ab:# \n\t-?,[]{}&*!|>%'\"\\\r\ud800é0"), max_size=60))
def test_any_text_is_read_and_without_an_address_kept(text: str) -> None:
    assert rewrite(text) == text
    assert _addresses.find(text) == _addresses.unreachable(text) == []


def test_a_long_text_takes_no_long_time() -> None:
    rewrite(
        "a: "
        + "x " * 200_000
        + "\nb: "
        + "http://u" * 20_000
        + "\nc: '"
        + "''" * 100_000
        + "'\nd: ["
        + "a, " * 10_000
        + "]\n"
        + "#" * 100_000
    )


# Redis

CACHE = "litellm_settings:\n  cache_params:\n"
REDIS = {
    "host and port": (
        CACHE + '    type: redis\n    host: localhost  # x\n    port: "6380"\n    db: 2\n',
        CACHE + '    type: redis\n    host: redis  # x\n    port: "6379"\n    db: 2\n',
        6380,
    ),
    "password": (
        CACHE
        + "    host: '127.0.0.1'\n    password: 'hunter''2'\n    username: cache\n    ssl: True\n",
        CACHE
        + "    host: 'redis'\n    password: 'os.environ/REDIS_PASSWORD'\n    username: default\n    ssl: false\n",
        6379,
    ),
    "empty password": (
        CACHE + "    host: localhost\n    password: ''\n",
        CACHE + "    host: redis\n    password: 'os.environ/REDIS_PASSWORD'\n",
        6379,
    ),
    "password by another name": (
        CACHE + "    host: localhost\n    password: os.environ/CACHE_PASSWORD\n",
        CACHE + "    host: redis\n    password: os.environ/REDIS_PASSWORD\n",
        6379,
    ),
    "host by reference": (
        CACHE + "    host: os.environ/REDIS_HOST\n    port: 6380\n    password: x\n",
        CACHE
        + "    host: os.environ/REDIS_HOST\n    port: 6379\n    password: os.environ/REDIS_PASSWORD\n",
        6380,
    ),
    "all by reference": (
        CACHE
        + "    host: os.environ/REDIS_HOST\n    port: os.environ/REDIS_PORT\n    password: os.environ/REDIS_PASSWORD\n",
        None,
        6379,
    ),
    "url by reference": (CACHE + "    url: os.environ/REDIS_URL\n", None, 6379),
    "url": (
        CACHE
        + '    namespace: x\n    url: "rediss://:hunter2@localhost:6380/3"  # x\n    ttl: 1\n',
        CACHE + "    namespace: x\n    host: redis\n    port: 6379\n    db: 3  # x\n    ttl: 1\n",
        6380,
    ),
    "url in flow": (
        "litellm_settings: {cache_params: {redis_url: redis://127.0.0.1, ttl: 1}}\n",
        "litellm_settings: {cache_params: {host: redis, port: 6379, ttl: 1}}\n",
        6379,
    ),
    "url beside host and port": (
        CACHE + "    url: redis://localhost/0\n    host: localhost\n    port: 1\n",
        CACHE + "    url: null\n    host: redis\n    port: 6379\n",
        6379,
    ),
    "router": (
        "router_settings:\n  redis_host: 127.0.0.1\n  redis_port: 6380\n  redis_password: p\n  num_retries: 2\n",
        "router_settings:\n  redis_host: redis\n  redis_port: 6379\n  redis_password: os.environ/REDIS_PASSWORD\n  num_retries: 2\n",
        6380,
    ),
    "router's url": (
        "router_settings:\n    redis_url: redis://localhost:6380/1\n",
        "router_settings:\n    redis_host: redis\n    redis_port: 6379\n    redis_db: 1\n",
        6380,
    ),
    "coordination": (
        "general_settings:\n  coordination_redis: {host: localhost, port: 1}\n",
        "general_settings:\n  coordination_redis: {host: redis, port: 6379}\n",
        1,
    ),
    "anchored": (
        "x: &r {host: localhost, port: 6380}\n"
        + CACHE
        + "    <<: *r\n    ttl: 1\nrouter_settings: {num_retries: 1}\n",
        "x: &r {host: redis, port: 6379}\n"
        + CACHE
        + "    <<: *r\n    ttl: 1\nrouter_settings: {num_retries: 1}\n",
        6380,
    ),
    "alias of an alias": (
        "y: &s\n  port: 6380\nx: &r\n  <<: [*s]\n  host: localhost\nlitellm_settings:\n  cache_params: *r\n",
        "y: &s\n  port: 6379\nx: &r\n  <<: [*s]\n  host: redis\nlitellm_settings:\n  cache_params: *r\n",
        6380,
    ),
    "variables": (
        "environment_variables:\n  REDIS_HOST: localhost\n  REDIS_PORT: '6380'\n  REDIS_PASSWORD: hunter2\n",
        "environment_variables:\n  REDIS_HOST: os.environ/REDIS_HOST\n  REDIS_PORT: 'os.environ/REDIS_PORT'\n"
        "  REDIS_PASSWORD: os.environ/REDIS_PASSWORD\n",
        6380,
    ),
    "variable with a url": (
        "environment_variables: {REDIS_URL: 'redis://:hunter2@localhost'}\n",
        "environment_variables: {REDIS_URL: 'os.environ/REDIS_URL'}\n",
        6379,
    ),
    "elsewhere": (
        CACHE + "    host: cache.example.com\n    port: 1\n    password: x\n",
        None,
        None,
    ),
    "url elsewhere": (
        CACHE + "    url: redis://:x@cache.example.com\n    host: localhost\n",
        None,
        None,
    ),
    "another variable": (CACHE + "    host: os.environ/CACHE_HOST\n    password: x\n", None, None),
    "not redis": (CACHE + "    type: local\n    port: 1\n", None, None),
    "not ours": (
        "other_settings:\n  redis_port: 1\n  cache_params: {host: h, port: 2}\n",
        None,
        None,
    ),
}


@pytest.mark.parametrize("name", REDIS)
def test_redis(name: str) -> None:
    old, new, port = REDIS[name]
    assert rewrite(old) == (new or old)
    assert [item.port for item in _addresses.find(old) if item.kind == "redis"] == (
        [] if port is None else [port]
    )
    assert _addresses.problems(old) == []


def test_redis_of_another_name() -> None:
    assert (
        rewrite(
            CACHE + "    host: localhost\n    port: 6379\n", redis_host="cache", redis_port=7000
        )
        == CACHE + "    host: cache\n    port: 7000\n"
    )


def test_nothing_that_is_shown_is_secret() -> None:
    text = (
        CACHE + "    url: redis://u:hunter2@localhost/1\n    password: hunter2\n"
        "environment_variables: {REDIS_PASSWORD: hunter2, REDIS_URL: 'redis://:hunter2@localhost'}\n"
        "general_settings: {database_url: 'postgres://u:hunter2@localhost/x', "
        "a: 'http://u:hunter2@localhost:1/?k=hunter2', b: 'redis://:hunter2@localhost'}\n"
    )
    made, rewritten = _addresses.rewrite(text, HOST)
    assert len(rewritten) == 6
    assert "hunter2" not in str(
        [rewritten, _addresses.find(text), _addresses.unreachable(text), _addresses.problems(text)]
    )
    assert made.count("hunter2") == 3


# The database


@pytest.mark.parametrize(
    "old, new",
    [
        (
            'general_settings:\n  database_url: "postgresql://g:p@127.0.0.1:5434/x"  # x\n',
            'general_settings:\n  database_url: "os.environ/DATABASE_URL"  # x\n',
        ),
        (
            "environment_variables: {DATABASE_URL: postgresql://localhost:5434/x, DIRECT_URL: postgresql://localhost:5434/x}\n",
            "environment_variables: {DATABASE_URL: os.environ/DATABASE_URL, DIRECT_URL: os.environ/DIRECT_URL}\n",
        ),
    ],
)
def test_a_database_url_becomes_the_environments(old: str, new: str) -> None:
    assert {(item.kind, item.port) for item in _addresses.find(old)} == {("database", 5434)}
    assert rewrite(old) == new
    assert _addresses.problems(old) == []


def test_another_reference() -> None:
    made = rewrite(
        "general_settings: {database_url: postgres://localhost/x}\n", database_url="os.environ/D"
    )
    assert made == "general_settings: {database_url: os.environ/D}\n"


# Problems


@pytest.mark.parametrize(
    "text, line, word",
    [
        ("a: 1\nb: [x,\n", 2, "bracket"),
        ("a:\n- {x: 1\n---\nb: 1\n", 2, "bracket"),
        ("a: 1\nb: 'x\nc: 2\n", 2, "quote"),
        (
            "general_settings:\n  database_url: postgresql://u:hunter2@db.example.com/x\n",
            2,
            "general_settings.database_url",
        ),
        (
            "general_settings:\n  database_url: postgresql:///x?host=/run/postgresql\n",
            2,
            "DATABASE_URL",
        ),
        (
            CACHE + "    redis_startup_nodes: [{host: 127.0.0.1, port: 7001}]\n",
            3,
            "redis_startup_nodes",
        ),
        (
            'environment_variables:\n\n  REDIS_CLUSTER_NODES: \'[{"host": "localhost", "port": 7001}]\'\n',
            3,
            "REDIS_CLUSTER_NODES",
        ),
    ],
)
def test_problems(text: str, line: int, word: str) -> None:
    found = _addresses.problems(text)
    assert [item.line for item in found] == [line]
    assert word in found[0].message
    assert "hunter2" not in found[0].message


@pytest.mark.parametrize(
    "text",
    [
        "litellm_settings: {include: x}\n",
        "include:\n- models.yaml\n",
        "# include: x\n",
        CACHE + "    redis_startup_nodes: [{host: 10.0.0.1, port: 7001}]\n",
        "general_settings: {database_url: os.environ/DATABASE_URL}\n",
        "general_settings:\n  database_url:\n",
    ],
)
def test_no_problems(text: str) -> None:
    assert _addresses.problems(text) == []
