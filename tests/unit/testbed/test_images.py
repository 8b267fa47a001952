"""The test bed's images: what is built without being asked for, and from what."""

from __future__ import annotations

import subprocess
from types import ModuleType

import pytest

SCRIPTS = [
    "postgres-alpine/busybox.sh",
    "postgres-alpine/docker-entrypoint.sh",
    "redis-alpine/docker-entrypoint.sh",
    "litellm-official/prod_entrypoint.sh",
]


def test_images_of_official_contracts_are_built_by_their_names_alone(images: ModuleType) -> None:
    assert set(images.IMAGES) - set(images.USUAL) == {
        "litellm-nobody",
        "litellm-root",
        "postgres-alpine",
        "postgres-alpine-18",
        "redis-alpine",
    }
    usual = [images.IMAGES[name] for name in images.USUAL]
    assert {upon for image in usual for _argument, upon in image.upon} <= set(images.USUAL)


def test_every_argument_is_one_of_the_dockerfile(images: ModuleType) -> None:
    made = [image for image in images.IMAGES.values() if image.folder]
    assert len(made) > 5
    for image in made:
        text = (images.HERE / "images" / image.folder / "Dockerfile").read_text()
        declared = {line.split("=")[0] for line in text.splitlines() if line.startswith("ARG ")}
        given = {"ARG " + argument for argument, _value in (*image.arguments, *image.upon)}
        assert given <= declared, image.name


@pytest.mark.parametrize("path", SCRIPTS)
def test_scripts_are_plain_sh(images: ModuleType, path: str) -> None:
    """There is no bash in these images."""
    script = images.HERE / "images" / path
    assert script.read_text().startswith("#!/bin/sh\n")
    subprocess.run(["sh", "-n", str(script)], check=True)
