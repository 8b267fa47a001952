"""What a configuration says at a place: files, anchors, references, and what is no text."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._config.configured import (
    NESTED,
    Configured,
)
from ansible_collections.llmops.litellm.plugins.module_utils._config.includes import Part, Tree


def configured(*texts: str, **environment: str) -> Configured:
    parts = (Part("/etc/%d.yaml" % number, text) for number, text in enumerate(texts))
    return Configured(Tree(tuple(parts)), environment)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("x", "x"),
        ("6379", "6379"),
        ('"a\\x41"', "aA"),
        ("'it''s'", "it's"),
        ('"true"', "true"),
        ("True", True),
        ("on", True),
        ("NO", False),
        ("~", None),
        ("", None),
        ("os.environ/NAME", "value"),
        ('"os.environ/NAME"', "value"),
        ("os.environ/NO_SUCH", None),
        ("|\n    redis://x\n", "redis://x"),
        ("[1, 2]", NESTED),
        ("{a: 1}", NESTED),
        ("\n  - 1", NESTED),
    ],
)
def test_setting_is_what_python_reads(written: str, value: Any) -> None:
    entry = configured("top:\n  key: %s\n  other: 1\n" % written, NAME="value").one("top", "key")
    assert entry is not None
    assert entry.value == value
    assert entry.text == ("" if value in (None, NESTED) else str(value))


def test_entry_says_where_it_is_written_and_by_which_variable() -> None:
    found = configured("a: {b: os.environ/NAME}", NAME="value").at("a")
    assert found["b"] == ("value", "NAME", "a.b of /etc/0.yaml")


def test_later_file_counts_as_a_whole_for_each_top_level_key() -> None:
    found = configured("a: {x: 1, y: 1}\nb: {z: 1}\n", "a: {x: 2}\n")
    assert {key: entry.value for key, entry in found.at("a").items()} == {"x": "2"}
    assert found.one("a", "y") is None
    assert found.at("b")["z"].place == "b.z of /etc/0.yaml"


def test_later_file_that_says_nothing_leaves_nothing() -> None:
    assert configured("a: {x: 1}\n", "a:\n").at("a") == {}


def test_anchors_are_followed_and_own_keys_come_first() -> None:
    found = configured(
        "x: &one {host: a, port: 1}\ny: &two\n  <<: *one\n  db: 3\n"
        "z: {<<: *two, port: 2}\nw: *two\n"
    )
    assert {key: entry.value for key, entry in found.at("z").items()} == {
        "port": "2",
        "db": "3",
        "host": "a",
    }
    assert found.one("w", "host") is not None
    assert found.one("z", "<<") is None


def test_anchor_of_a_text_is_the_text() -> None:
    entry = configured("a: &url redis://x\nb: {url: *url}\n").one("b", "url")
    assert entry is not None
    assert entry.value == "redis://x"


def test_anchors_in_a_circle_come_to_an_end() -> None:
    assert configured("a: &a\n  <<: *b\nb: &b\n  <<: *a\n  x: 1\n").at("a").keys() == {"x"}
