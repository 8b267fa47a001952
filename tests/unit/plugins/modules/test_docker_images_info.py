"""The module docker_images_info: what images hold, and which are refused."""

from __future__ import annotations

from typing import Any, Callable

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._host import docker as _docker
from ansible_collections.llmops.litellm.plugins.modules import (
    docker_images_info,
)

Run = Callable[..., dict[str, Any]]


def test_images_are_told_and_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def identity(image: str, user: str, python: bool) -> dict[str, Any]:
        told: dict[str, Any] = {"reference": image, "uid": 1, "gid": 1}
        return {**told, "litellm_version": "1.103.0", "migrations": ["a", "b"]} if python else told

    monkeypatch.setattr(_docker, "identity", identity)
    images = {"litellm": "l", "postgres": "p", "redis": "r"}
    result = run(
        docker_images_info, images=images, legacy_release="1.102.4", applied_migrations=["a"]
    )
    assert result["images"]["litellm"] == {
        "reference": "l",
        "uid": 1,
        "gid": 1,
        "litellm_version": "1.103.0",
    }
    assert len(result["refused"]) == 2
    assert run(docker_images_info, images=images)["refused"] == []
    assert (
        "no image is given for postgres, redis"
        in run(docker_images_info, images={"litellm": "l"})["msg"]
    )
