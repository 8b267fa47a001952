"""Values of a YAML file and where they stand, against what PyYAML reads."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.llmops.litellm.plugins.module_utils._config import addresses as _addresses
from ansible_collections.llmops.litellm.plugins.module_utils._config import (
    yaml_values as _yaml_values,
)

HOST = "host.docker.internal"
FOUND = "http://127.0.0.1:8082/v1"
MOVED = "http://host.docker.internal:8082/v1"


def rewrite(text: str, **options: Any) -> str:
    """The rewritten text, which a second run leaves as it is."""
    made = _addresses.rewrite(text, HOST, **options)[0]
    assert _addresses.rewrite(made, HOST, **options) == (made, [])
    return made


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


# What took a multiple of its size, or for ever, each with a size of some tenths of a second.
SHAPES: dict[str, tuple[int, Callable[[int], str]]] = {
    "brackets": (20000, lambda size: "a: " + "[" * size),
    "dashes in a line": (10000, lambda size: "- " * size + "x"),
    "deeper and deeper": (2000, lambda size: "".join(" " * k + "k:\n" for k in range(size))),
    "one long line": (4000, lambda size: "a: [" + "{b: 1}, " * size + "]"),
    "aliases": (4000, lambda size: "a: &a {b: 1}\nc:\n" + "- *a\n" * size),
    "aliases of aliases": (
        4000,
        lambda size: (
            "a: &a0 [1]\n" + "".join(f"b: &a{k} [*a{k - 1}, *a{k - 1}]\n" for k in range(1, size))
        ),
    ),
    "blank lines of Windows": (10000, lambda size: "a: b\n" + "\r\n" * size + "# c\n"),
    "quotes": (20000, lambda size: "a: '" + "''" * size + "' \nb: \"" + '\\"' * size + '"'),
    "never closed": (4000, lambda size: "a: \"b\nc: 'd\n" * size),
    "addresses": (2000, lambda size: "a:\n" + "- http://127.0.0.1:8000/v1\n" * size),
    "addresses without a scheme": (
        2000,
        lambda size: "router_settings:\n" + "  redis_host: localhost\n" * size,
    ),
    "almost schemes": (20000, lambda size: "a: " + "b." * size),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_work_grows_as_the_text_does(shape: str) -> None:
    size, make = SHAPES[shape]

    def work(text: str) -> float:
        begun = time.process_time()
        _addresses.problems(text)
        _addresses.unreachable(text)
        return time.process_time() - begun

    small, large = make(size), make(4 * size)
    # the square would be 16; what the machine does besides can only be too much
    assert any(work(large) < 9 * work(small) + 0.1 for _again in range(3))


@pytest.mark.parametrize(
    ("text", "offset", "words"),
    [
        ("a: " + "[" * 99, None, ""),
        ("a:\nb: " + "[" * 120, 106, "is nested deeper than 100 levels"),
        ("".join(" " * k + "k:\n" for k in range(101)), 5353, "is nested deeper than 100 levels"),
        ("a: &a 1\nb: [" + "*a, " * 10000 + "]", None, ""),
        ("a: [" + "b," * 50000 + "]", 100004, "holds more than 100000 values"),
        ("a: &a 1\nb: [" + "*a," * 10002 + "]", 30014, "uses more than 10000 aliases"),
    ],
)
def test_what_goes_beyond_a_limit_is_not_read_on(text: str, offset: Any, words: str) -> None:
    found = _yaml_values.scan(text)
    assert found.excess is None if offset is None else found.excess and found.excess[0] == offset
    assert words in str(found.excess)
    if offset is not None:
        (problem,) = _addresses.problems(text, "/x")
        assert (problem.line, problem.path) == (text.count("\n", 0, offset) + 1, "/x")
        assert words in problem.message


def test_blank_lines_of_windows_before_a_comment_are_read_at_once() -> None:
    text = "a: b\r\n" + "\r\n" * 200 + "# c\r\nd: e\r\n"
    assert [text[value.start : value.end] for value in _yaml_values.scan(text).values] == ["b", "e"]
