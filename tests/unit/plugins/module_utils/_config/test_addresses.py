"""The host's own addresses in a configuration, and what a container has to write instead."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.llmops.litellm.plugins.module_utils._config import addresses as _addresses
from ansible_collections.llmops.litellm.plugins.module_utils._config import (
    environment as _environment,
)

DEMO = Path(__file__).parents[4] / "testbed/legacy/files/project/config.yaml"
HOST = "host.docker.internal"


def rewrite(text: str, **options: Any) -> str:
    """The rewritten text, which a second run leaves as it is."""
    made = _addresses.rewrite(text, HOST, **options)[0]
    assert _addresses.rewrite(made, HOST, **options) == (made, [])
    return made


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
    text = (
        "a: http://localhost:1\nb: http://localhost:2\nc: localhost:3\nd: '::1'\ne: "
        "redis://localhost\nf: http://localhost:4000\ng: localhost:4000\n"
    )
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
        (
            "http://u:secret@localhost:8082/v1?k=secret, redis://:secret@127.0.0.1, "
            "postgresql://g:secret@localhost:5434/x"
        )
    )
    assert [(item.kind, item.port, item.old) for item in found] == [
        ("model", 8082, "http://localhost:8082"),
        ("redis", 6379, "redis://127.0.0.1"),
        ("database", 5434, "postgresql://localhost:5434"),
    ]
    assert _addresses.find_value("localhost:8082 https://example.com") == []


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
    "anchors": (
        "x: &x {u}\na: *x # {c}\nb: &y\n  <<: [*z]\n  c: !!str {u}\n  d: ! '# {u}'\n*x : {u}\n"
    ),
    "documents": "%YAML 1.1\n--- # {c}\na: {u}\n...\n---\n- {u}\n--- {u}\n",
    "complex keys": "? a\n: {u}\n? [b]\n: - {u} # {c}\n",
    "windows": 'a: {u} # {c}\r\nb: |\r\n  # {u}\r\n  x\r\n\r\nc: "{u}"\r\n# {c}\r\n',
    "mark and spaces": "\ufeffa:  {u}   \n\n   \nb: {u}  # {c}\n\nc :  '{u}'",
    "tabs": "a:\t{u}\t# {c}\n \t\nb: '{u}'\n",
    "colon inside": "a: x:{u}\nb:c: {u}\nd: ::# {u}\n",
    "key that is a url": "{c}: 1\n'{c}': {u}\n{{\"{c}\": {u}}}: 2\n",
}


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


CACHE = "litellm_settings:\n  cache_params:\n"


def test_nothing_that_is_shown_is_secret() -> None:
    text = (
        CACHE + "    url: redis://u:hunter2@localhost/1\n    password: hunter2\n"
        "environment_variables: {REDIS_PASSWORD: hunter2, REDIS_URL: "
        "'redis://:hunter2@localhost'}\n"
        "general_settings: {database_url: 'postgres://u:hunter2@localhost/x', "
        "a: 'http://u:hunter2@localhost:1/?k=hunter2', b: 'redis://:hunter2@localhost'}\n"
    )
    made, rewritten = _addresses.rewrite(text, HOST)
    assert len(rewritten) == 6
    assert "hunter2" not in str(
        [rewritten, _addresses.find(text), _addresses.unreachable(text), _addresses.problems(text)]
    )
    assert made.count("hunter2") == 3


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
            "general_settings:\n  database_url: postgresql://127.0.0.1/x?host=db.example.com\n",
            2,
            "DATABASE_URL",
        ),
        (
            CACHE + "    redis_startup_nodes: [{host: 127.0.0.1, port: 7001}]\n",
            3,
            "redis_startup_nodes",
        ),
        (
            (
                'environment_variables:\n\n  REDIS_CLUSTER_NODES: \'[{"host": "localhost", '
                '"port": 7001}]\'\n'
            ),
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
    assert found[0].path == ""
    assert _addresses.problems(text, "/etc/config.yaml")[0].path == "/etc/config.yaml"


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


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("postgresql://u@localhost/d", True),
        ("postgres://u:p@[::1]:5433/d?schema=x", True),
        ("postgresql://u@/d?host=/run/postgresql", True),
        ("postgresql://u@localhost/d?host=/run/postgresql", True),
        ("postgresql://u@%2Frun%2Fpostgresql/d", True),
        ("postgresql:///d", True),
        ("postgresql://u:it''s@localhost:5434/d", True),
        ("postgresql://u:p@w@127.0.0.1/d", True),
        ("postgresql://u@localhost/d?host=db.example.com", False),
        ("postgresql://u@db.example.com/d", False),
        ("redis://localhost", False),
        ("postgresql://[", False),
    ],
)
def test_database_is_here_by_address_or_socket(url: str, here: bool) -> None:
    assert _addresses.is_database_here(url) == here
    text = "general_settings:\n  database_url: '%s'\n" % url
    moved = "general_settings:\n  database_url: 'os.environ/DATABASE_URL'\n"
    assert (_addresses.rewrite(text, "host.docker.internal")[0] == moved) == here


def test_what_names_a_store_elsewhere_stays_as_it_is() -> None:
    text = (
        "general_settings: {database_url: 'postgresql://u:p@db.example.com/x'}\n"
        "litellm_settings:\n  cache: true\n  cache_params:\n    type: redis\n"
        "    host: os.environ/REDIS_HOST\n    port: 6390\n    password: os.environ/OTHER\n"
    )
    elsewhere = {"database": "elsewhere", "redis": "elsewhere"}
    assert rewrite(text, where=elsewhere) == text
    assert _addresses.problems(text, where=elsewhere) == []
    # of this host it is moved, and a literal that names another database wins over its URL
    assert "port: 6379" in rewrite(text)
    assert [item.line for item in _addresses.problems(text)] == [1]
