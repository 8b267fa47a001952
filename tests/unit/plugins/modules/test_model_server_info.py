"""The module model_server_info: declarations are checked before the host."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    checks as _checks,
)
from ansible_collections.llmops.litellm.plugins.modules import (
    model_server_info,
)

Run = Callable[..., dict[str, Any]]


EMBED = {
    "name": "embed",
    "server": "llama_cpp",
    "task": "embedding",
    "model": "/srv/embed.gguf",
    "port": 8082,
}


def test_declarations_are_checked_before_the_host(
    monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    told = run(model_server_info, servers=[{**EMBED, "port": 0}, {**EMBED, "boot": "never"}])
    assert told["failed"]
    assert [words in told["msg"] for words in ("embed: port", "embed: boot")] == [True, True]
    monkeypatch.setattr(
        _checks, "check", lambda *_words: (["embed: port 8082 is taken by x"], ["note"], {})
    )
    assert run(model_server_info, servers=[EMBED])["problems"] == ["embed: port 8082 is taken by x"]
    monkeypatch.setattr(_checks, "check", lambda *_words: ([], ["note"], {}))
    told = run(model_server_info, servers=[EMBED], project_name="two")
    assert (told["servers"][0]["units"], told["notes"]) == (
        {"service": "two-model-embed.service"},
        ["note"],
    )
    assert json.loads(told["servers"][0]["file"])["unit"] == "two-model-embed.service"
