"""URLs of the host itself: found wherever they stand, moved, and shown without what is secret."""

from __future__ import annotations

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._config import loopback as _loopback


def found(text: str) -> list[tuple[int, int, str, str]]:
    return [
        (item.line, item.port, item.kind, item.old) for item in _loopback.urls(text, 0, len(text))
    ]


@pytest.mark.parametrize(
    ("text", "port", "kind", "old"),
    [
        ("http://localhost:8082/v1", 8082, "model", "http://localhost:8082"),
        ("https://127.0.0.1", 443, "model", "https://127.0.0.1"),
        ("WSS://[::1]/x", 443, "model", "WSS://[::1]"),
        ("redis://:hunter2@127.0.0.1/0", 6379, "redis", "redis://127.0.0.1"),
        ("valkeys://localhost:6380", 6380, "redis", "valkeys://localhost:6380"),
        ("redis://:hunter's@localhost:6379/0", 6379, "redis", "redis://localhost:6379"),
        ("postgres://u:hunter@2@127.0.0.1/d", 5432, "database", "postgres://127.0.0.1"),
        (
            "postgresql://u:hunter2@localhost/db?sslkey=hunter2",
            5432,
            "database",
            "postgresql://localhost",
        ),
    ],
)
def test_address_is_known_by_scheme_and_port_and_shown_without_secrets(
    text: str, port: int, kind: str, old: str
) -> None:
    assert found(text) == [(1, port, kind, old)]


@pytest.mark.parametrize(
    "text",
    [
        "file://localhost/x",
        "http://localhost.example.org/",
        "http://127.0.0.1.example.org/",
        "http://example.org/?to=localhost:80",
        "localhost:8082",
        "redis://:it's@cache.example.org/localhost",
    ],
)
def test_what_is_no_address_of_the_host(text: str) -> None:
    assert found(text) == []


def test_each_is_found_with_its_line_and_place() -> None:
    text = "a: http://localhost:1/\nb: x\nc: 'http://127.0.0.1:2'\n"
    items = _loopback.urls(text, 0, len(text))
    assert [(item.line, text[item.start : item.end]) for item in items] == [
        (1, "http://localhost:1"),
        (3, "http://127.0.0.1:2"),
    ]
    assert _loopback.urls(text, text.index("b:"), len(text)) == items[1:]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("http://user:pw@localhost:8082", "http://user:pw@bridge:8082"),
        ("https://127.0.0.1", "https://bridge"),
    ],
)
def test_only_the_host_of_a_url_is_moved(old: str, new: str) -> None:
    match = _loopback.URL.match(old)
    assert match
    assert _loopback.moved(match, "bridge") == new
    assert "pw" not in _loopback.shown(match, "bridge")


@pytest.mark.parametrize(("offset", "line"), [(0, 1), (1, 1), (2, 2), (4, 3)])
def test_line_of_an_offset(offset: int, line: int) -> None:
    assert _loopback.line_of("a\nb\nc", offset) == line
