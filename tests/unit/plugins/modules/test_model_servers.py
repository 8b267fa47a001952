"""The module model_servers: what it passes on, returns and refuses."""

from __future__ import annotations

from typing import Any

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._host.unit_files import Result
from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    installation as _installation,
)
from ansible_collections.llmops.litellm.plugins.modules import model_servers

SERVER = {
    "name": "a",
    "record": '{"x": 1}',
    "units": {"a.service": "[Service]\n"},
    "entry": "a.service",
    "timeout": 150,
}


def test_module_passes_on_and_tells(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[Any] = []

    def install(*words: Any) -> Result:
        seen.append(words)
        return Result(["a.service: created"], {"a.service": ""}, {"a.service": "[Service]\n"})

    monkeypatch.setattr(_installation, "install", install)
    params = {"servers": [SERVER], "shared": {"f@.service": "x"}}
    told = support.run_module(model_servers.main, params, capsys, check=True)
    assert seen == [
        ([_installation.Planned(**SERVER, settings=[])], "litellm", {"f@.service": "x"}, True)
    ]
    assert (told["changed"], told["done"]) == (True, ["a.service: created"])
    assert told["diff"][0]["after"] == "[Service]\n"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (_installation.UnitError("not accepted:", "- a"), "not accepted:\n- a"),
        (OSError(28, "No space left on device", "/etc/x"), "/etc/x: No space left on device"),
    ],
)
def test_failure_is_one_message(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    words: str,
) -> None:
    monkeypatch.setattr(_installation, "install", support.fails(error))
    told = support.run_module(model_servers.main, {"servers": [], "shared": {}}, capsys)
    assert (told["failed"], told["msg"]) == (True, words)
