"""Values of a YAML file and where they stand, against what PyYAML reads."""

from __future__ import annotations

import re
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
