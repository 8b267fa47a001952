"""The module docker_containers_info: containers, and what is wrong with them."""

from __future__ import annotations

from typing import Any, Callable

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._host import docker as _docker
from ansible_collections.llmops.litellm.plugins.modules import (
    docker_containers_info,
)

Run = Callable[..., dict[str, Any]]


def test_containers_are_told_with_what_is_wrong(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_docker, "container", lambda name: None)
    result = run(docker_containers_info, containers=["litellm-proxy"])
    assert result == {
        "changed": False,
        "containers": {"litellm-proxy": None},
        "problems": ["container litellm-proxy does not exist"],
        "invocation": result["invocation"],
    }
