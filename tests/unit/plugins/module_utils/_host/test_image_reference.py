"""Names of images as people write them, and which digest belongs to each."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._host import (
    image_reference as _image_reference,
)

OLD, NEW = ("sha256:" + letter * 64 for letter in "ab")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("redis", ("", "redis", "", "")),
        ("postgres:17", ("", "postgres", "17", "")),
        ("litellm/litellm:1.102.4@" + OLD, ("", "litellm/litellm", "1.102.4", OLD)),
        ("registry.test:5000/team/redis@" + OLD, ("registry.test:5000", "team/redis", "", OLD)),
        ("localhost/x", ("localhost", "x", "", "")),
    ],
)
def test_references_are_taken_apart(text: str, parts: tuple[str, ...]) -> None:
    assert _image_reference.parse_reference(text) == parts


@pytest.mark.parametrize(
    "text", ["", "Redis", "redis@sha256:abc", "redis:17:18", "redis latest", "http://x/redis"]
)
def test_what_is_no_reference_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is not an image reference"):
        _image_reference.parse_reference(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("ghcr.io/BerriAI/litellm:main-v1.98.0", "ghcr.io/berriai/litellm:main-v1.98.0"),
        ("https://ghcr.io/berriai/litellm", "ghcr.io/berriai/litellm"),
        ("docker://postgres:17", "postgres:17"),
        (" redis:8", "redis:8"),
        ("postgres:17\n", "postgres:17"),
    ],
)
def test_name_that_was_copied_from_a_page_is_understood_and_not_taken(
    text: str, meant: str
) -> None:
    with pytest.raises(ValueError, match="did you mean %s[?]$" % meant):
        _image_reference.parse_reference(text)


def test_of_what_is_no_name_at_all_nothing_is_guessed() -> None:
    with pytest.raises(ValueError, match=r"digest\)$"):
        _image_reference.parse_reference("redis:17:18")


@pytest.mark.parametrize(
    ("text", "host", "path"),
    [
        ("postgres:17", "docker.io", "library/postgres"),
        ("docker.io/postgres", "docker.io", "library/postgres"),
        ("docker.io/library/postgres:17", "docker.io", "library/postgres"),
        ("index.docker.io/litellm/litellm", "docker.io", "litellm/litellm"),
        ("ghcr.io/berriai/litellm:main", "ghcr.io", "berriai/litellm"),
        ("registry.test:5000/redis", "registry.test:5000", "redis"),
    ],
)
def test_one_image_has_one_name(text: str, host: str, path: str) -> None:
    parts = _image_reference.parse_reference(text)
    assert (parts.host, parts.path) == (host, path)
    assert _image_reference.repository(text) == "%s/%s" % (host, path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (OLD, True),
        ("a" * 64, True),
        ("a" * 12, True),
        ("a" * 11, False),
        ("redis", False),
        ("redis@" + OLD, False),
    ],
)
def test_ids_are_told_from_names(text: str, told: bool) -> None:
    assert _image_reference.is_id(text) is told


@pytest.mark.parametrize(
    ("name", "digests", "preferred", "reference"),
    [
        ("postgres:17", ["postgres@" + OLD], "", "postgres@" + OLD),
        ("docker.io/library/postgres:17", ["postgres@" + OLD], "", "postgres@" + OLD),
        ("docker.io/postgres:17", ["postgres@" + OLD], "", "postgres@" + OLD),
        ("redis:8", ["a/redis@" + OLD, "redis@" + NEW], "", "redis@" + NEW),
        ("redis:8", ["redis@" + OLD, "redis@" + NEW], NEW, "redis@" + NEW),
        ("redis:8", ["redis@" + OLD, "redis@" + NEW], "sha256:gone", "redis@" + OLD),
        ("redis:8@" + NEW, ["redis@" + OLD, "redis@" + NEW], OLD, "redis:8@" + NEW),
        ("redis:8", ["mirror.test/redis@" + OLD], "", "mirror.test/redis@" + OLD),
        (OLD, ["redis@" + NEW], "", "redis@" + NEW),
        ("built:here", [], "", ""),
        (OLD, [], "", ""),
    ],
    ids=[
        "tag",
        "with the default registry's name",
        "without its library",
        "of the named repository",
        "what the tag means now",
        "nobody knows it any more",
        "the digest that was given",
        "retagged here",
        "by its id",
        "never in a registry",
        "loaded, by its id",
    ],
)
def test_recorded_is_what_can_be_pulled_again(
    name: str, digests: list[str], preferred: str, reference: Any
) -> None:
    assert _image_reference.recorded(name, digests, preferred) == reference
