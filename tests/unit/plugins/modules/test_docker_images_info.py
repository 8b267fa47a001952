"""The module docker_images_info: what images hold, and which are refused."""

from __future__ import annotations

from typing import Any, Callable

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._host import docker as _docker
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    image_layout as _image_layout,
)
from ansible_collections.llmops.litellm.plugins.modules import (
    docker_images_info,
)

Run = Callable[..., dict[str, Any]]
IMAGES = {"litellm": "l", "postgres": "p", "redis": "r"}
ENVIRONMENTS = {
    "l": {},
    "p": {"PG_MAJOR": "18", "PGDATA": "/var/lib/postgresql/18/docker"},
    "r": {"REDIS_VERSION": "7.4.2"},
    "b": {},
    "root": {},
}


@pytest.fixture(autouse=True)
def identities(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What is asked of images that are of one kind each."""
    asked: list[tuple[str, str]] = []

    def identity(image: str, user: str, python: bool) -> dict[str, Any]:
        asked.append((image, user))
        told: dict[str, Any] = {
            "reference": image + "@sha256:1",
            "name": image,
            "id": "sha256:2",
            "local": False,
            "user": user.split(" ")[0],
            "volumes": ["/var/lib/postgresql"],
            "environment": ENVIRONMENTS[image],
            "uid": 0 if image == "root" else 1,
            "gid": 1,
        }
        return {**told, "litellm_version": "1.103.0", "migrations": ["a", "b"]} if python else told

    monkeypatch.setattr(_docker, "identity", identity)
    monkeypatch.setattr(_image_layout, "data_in", lambda volume, image, user: None)
    return asked


def test_images_are_told_and_refused(run: Run, identities: list[tuple[str, str]]) -> None:
    result = run(
        docker_images_info, images=IMAGES, legacy_release="1.102.4", applied_migrations=["a"]
    )
    assert result["images"]["litellm"]["litellm_version"] == "1.103.0"
    assert "migrations" not in result["images"]["litellm"]
    assert result["images"]["redis"]["name"] == "r"
    assert result["images"]["redis"]["reference"] == "r@sha256:1"
    assert identities == [("l", ""), ("p", "postgres"), ("r", "redis valkey")]
    assert len(result["refused"]) == 2
    assert run(docker_images_info, images=IMAGES)["refused"] == []
    assert (
        "no image is given for postgres, redis"
        in run(docker_images_info, images={"litellm": "l"})["msg"]
    )


def test_images_of_what_is_elsewhere_need_not_be_given(run: Run) -> None:
    result = run(docker_images_info, images={"litellm": "l"}, services=[])
    assert set(result["images"]) == {"litellm"}
    # of a database elsewhere the client programs are used
    images = {"litellm": "l", "postgres": "p"}
    result = run(docker_images_info, images=images, services=[], native_postgres=19)
    assert "image p is PostgreSQL 18, the native server is 19" in result["refused"][0]


def test_pooler_must_not_run_as_root(run: Run, identities: list[tuple[str, str]]) -> None:
    """PgBouncer refuses to, after the container has started."""
    result = run(docker_images_info, images={**IMAGES, "pgbouncer": "b"})
    assert (result["refused"], result["images"]["pgbouncer"]["uid"]) == ([], 1)
    assert identities[-1] == ("b", "")
    (said,) = run(docker_images_info, images={**IMAGES, "pgbouncer": "root"})["refused"]
    assert said.startswith("litellm_images.pgbouncer: runs as root")
    # others may, as LiteLLM's official image does
    assert run(docker_images_info, images={**IMAGES, "litellm": "root"})["refused"] == []


@pytest.mark.parametrize(
    ("native", "said"),
    [
        ({}, ""),
        ({"native_postgres": 18, "native_redis": "Redis 7.4"}, ""),
        ({"native_postgres": 19}, "image p is PostgreSQL 18, the native server is 19"),
        ({"native_redis": "Redis 8.6"}, "does not read what the native Redis 8.6 writes"),
        ({"native_redis": "Redis 7.2"}, ""),
        (
            {"native_redis": "Redis 7.2", "holds_spend": True},
            "spend that waits in Redis for the database could not come back",
        ),
    ],
)
def test_images_that_were_pulled_are_held_against_the_native_servers(
    run: Run, native: dict[str, Any], said: str
) -> None:
    """Of an image by digest alone on a host with a mirror nobody could tell before."""
    refused = run(docker_images_info, images=IMAGES, **native)["refused"]
    assert len(refused) == bool(said)
    assert said in " ".join(refused)


@pytest.mark.parametrize(
    ("volume", "there", "data"),
    [
        ("", None, "/var/lib/postgresql/18/docker"),
        ("litellm_postgres", None, "/var/lib/postgresql/18/docker"),
        ("litellm_postgres", "", "/var/lib/postgresql"),
    ],
    ids=["no volume", "a new one", "data of release 0.1.0"],
)
def test_data_of_postgresql_stay_where_they_are(
    run: Run, monkeypatch: pytest.MonkeyPatch, volume: str, there: Any, data: str
) -> None:
    asked = []

    def data_in(*words: str) -> Any:
        asked.append(words)
        return there

    monkeypatch.setattr(_image_layout, "data_in", data_in)
    result = run(docker_images_info, images=IMAGES, postgres_volume=volume)
    assert result["images"]["postgres"]["data"] == {"mount": "/var/lib/postgresql", "folder": data}
    assert asked == ([(volume, "p@sha256:1", "postgres")] if volume else [])


def test_what_an_image_cannot_say_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def data_in(*_words: str) -> None:
        raise ValueError("volume v has data of PostgreSQL in several folders")

    monkeypatch.setattr(_image_layout, "data_in", data_in)
    result = run(docker_images_info, images=IMAGES, postgres_volume="v")
    assert result["msg"] == "volume v has data of PostgreSQL in several folders"
