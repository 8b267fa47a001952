"""What every test of a module has."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fake_proxy
import pytest
from ansible.module_utils.common import warnings
from ansible.module_utils.testing import patch_module_args
from unit import support

Run = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def _own_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module has a process of its own; here one would tell the warnings of those before it."""
    monkeypatch.setattr(warnings, "_global_warnings", {})


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a module and returns what it printed, in which no secret may be."""

    def call(module: Any, check: bool = False, **params: Any) -> dict[str, Any]:
        return support.run_module(module.main, params, capsys, check)

    return call


@pytest.fixture
def proxy() -> Iterator[fake_proxy.FakeProxy]:
    with fake_proxy.serve() as running:
        yield running


@pytest.fixture
def env(tmp_path: Path) -> str:
    path = tmp_path / "key.env"
    path.write_text(f"LITELLM_MASTER_KEY='{fake_proxy.MASTER}'\nWRONG=sk-bad\n", encoding="utf-8")
    return str(path)


@pytest.fixture
def ask(proxy: fake_proxy.FakeProxy, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(module: Any, **params: Any) -> dict[str, Any]:
        with patch_module_args({"url": proxy.url, **params}), pytest.raises(SystemExit):
            module.main()
        text = capsys.readouterr().out
        for secret in ("sk-master", "sk-bad", "sk-good", fake_proxy.PASSWORD):
            assert secret not in text.split('"invocation"')[0]
        return json.loads(text)

    return call
