"""The file of client keys: every form of it, and what is none."""

from __future__ import annotations

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._litellm.client import (
    ProxyError,
)
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    client_keys as _client_keys,
)


@pytest.mark.parametrize(
    ("text", "expected", "chat_model"),
    [
        pytest.param(
            (
                '{"keys": [{"alias": "ci", "key": "sk-1", "hash": "x"}, {"key": "sk-2"}], '
                '"chat_model": "chat"}'
            ),
            [("ci", "sk-1"), ("number 2", "sk-2")],
            "chat",
            id="the demo's",
        ),
        pytest.param(
            '[{"name": "ci", "alias": "x", "key": "sk-1"}, "sk-2"]',
            [("ci", "sk-1"), ("number 2", "sk-2")],
            None,
            id="list",
        ),
        pytest.param(
            "# of the team\n\n sk-1 \r\nsk-2",
            [("number 1", "sk-1"), ("number 2", "sk-2")],
            None,
            id="lines",
        ),
    ],
)
def test_client_keys(text: str, expected: list[tuple[str, str]], chat_model: str | None) -> None:
    found = _client_keys.loads(text)
    assert found == (expected, chat_model)
    assert "sk-" not in repr(found)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no key is in it"),
        ('{"keys": []}', "no key"),
        ('{"sk-secret', "begins like JSON"),
        ('{"keys": [{"name": "sk-secret"}]}', "entry 1 has no key"),
        ('{"keys": "sk-secret"}', "no key"),
        ('["sk-secret", 5]', "entry 2 has no key"),
        ('{"keys": ["sk-secret"], "chat_model": 5}', "chat_model"),
        ('[{"name": "a", "key": "sk-secret"}, {"name": "a", "key": "sk-2"}]', "same name: a"),
    ],
)
def test_files_that_hold_no_keys(text: str, words: str) -> None:
    with pytest.raises(ProxyError, match=words) as caught:
        _client_keys.loads(text)
    assert "sk-secret" not in str(caught.value)
