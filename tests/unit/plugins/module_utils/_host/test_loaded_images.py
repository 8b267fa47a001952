"""Images that a host has by another reference than the recorded one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._host import (
    loaded_images as _loaded_images,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host.loaded_images import Recorded
from ansible_collections.llmops.litellm.plugins.module_utils._host.process import Result

ID, OTHER = ("sha256:" + letter * 64 for letter in "ab")
PULLED = "postgres@sha256:" + "c" * 64
LOADED = {"Id": ID, "RepoTags": ["postgres:17"], "RepoDigests": []}


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The images of an engine by what they are asked for with."""
    images: dict[str, Any] = {}

    def run(argv: list[str]) -> Result:
        assert argv[:3] == ["docker", "image", "inspect"]
        told = images.get(argv[-1])
        return Result(0, json.dumps(told), "") if told else Result(1, "", "No such image")

    monkeypatch.setattr(_loaded_images, "run", run)
    return images


@pytest.mark.parametrize(
    ("image", "there", "reference"),
    [
        (Recorded(PULLED, ID, "postgres:17"), {PULLED: LOADED}, PULLED),
        (Recorded(PULLED, ID, "postgres:17"), {ID: LOADED}, ID),
        (Recorded(PULLED, ID), {ID: LOADED}, ID),
        (Recorded("m.test/pg@" + OTHER, ID, "postgres:17"), {ID: LOADED}, ID),
        (
            Recorded(PULLED, ID, "postgres:17"),
            {ID: {"Id": ID, "RepoDigests": ["docker.io/library/postgres@" + OTHER]}},
            ID,
        ),
        (Recorded(PULLED, ID, "postgres:17"), {ID: {**LOADED, "RepoTags": ["mine:1"]}}, ""),
        (Recorded(PULLED, ID, "postgres:17"), {ID: {**LOADED, "RepoTags": None}}, ""),
        (Recorded("p@sha256:1", ID, "NO NAME"), {ID: LOADED}, ""),
        (Recorded(PULLED, "", "postgres:17"), {"postgres:17": LOADED}, ""),
        (Recorded(PULLED, ID, "postgres:17"), {}, ""),
        (Recorded(ID, ID, "postgres:17"), {ID: LOADED}, ID),
    ],
    ids=[
        "pulled",
        "loaded",
        "loaded, of a backup that has no name",
        "recorded under another name",
        "under the named repository's digest",
        "somebody else's of that id",
        "nameless",
        "names that are none",
        "no id in the backup",
        "not here",
        "an id from the beginning",
    ],
)
def test_image_is_here_by_its_reference_or_by_name_and_id(
    engine: dict[str, Any], image: Recorded, there: dict[str, Any], reference: str
) -> None:
    engine.update(there)
    assert _loaded_images.here(image) == reference


@pytest.mark.parametrize(
    ("image", "there", "said"),
    [
        (Recorded(PULLED, ID, "postgres:17"), {}, ""),
        (Recorded(ID, ID, "postgres:17"), {ID: LOADED}, ""),
        (Recorded(ID, ID, ID), {}, "image %s is not on this host, and no registry ever" % ID),
        (Recorded(ID, ID, "postgres:17"), {}, "image %s (postgres:17) is not on this host" % ID),
        (
            Recorded(ID, ID, "postgres:17"),
            {"postgres:17": {"Id": OTHER}},
            "; what is named postgres:17 here is another one, " + OTHER,
        ),
    ],
    ids=["a registry may have it", "here", "an id alone", "nowhere", "another of that name"],
)
def test_what_no_registry_has_is_named(
    engine: dict[str, Any], image: Recorded, there: dict[str, Any], said: str
) -> None:
    engine.update(there)
    found = _loaded_images.missing(image)
    assert bool(found) == bool(said)
    assert said in found


@pytest.mark.parametrize(
    ("facts", "known"),
    [
        (
            {"image_ids": {"redis": ID}, "image_names": {"redis": "redis:8"}},
            Recorded("r", ID, "redis:8"),
        ),
        ({"image_ids": {"redis": "--volume=/:/x"}}, Recorded("r")),
        ({"image_ids": {"redis": 7}, "image_names": []}, Recorded("r")),
        ({"image_ids": {"postgres": ID}}, Recorded("r")),
        ({}, Recorded("r")),
        (None, Recorded("r")),
        ([], Recorded("r")),
    ],
)
def test_backup_says_what_its_images_were(facts: Any, known: Recorded) -> None:
    assert _loaded_images.recorded(facts, "redis", "r") == known


@pytest.mark.parametrize(
    ("name", "there", "said"),
    [
        (
            "postgres:17",
            {"postgres:17": {"Id": OTHER}},
            "named postgres:17 here has the id " + OTHER,
        ),
        ("postgres:17@sha256:" + "0" * 64, {"postgres:17": {"Id": OTHER}}, "postgres:17 here has"),
        ("postgres:17", {}, ""),
        (ID, {ID: {"Id": ID}}, ""),
        ("", {}, ""),
    ],
    ids=["another store's", "with a digest", "nothing", "an id", "of release 0.1.0"],
)
def test_what_another_image_store_has_by_that_name_is_told(
    engine: dict[str, Any], name: str, there: dict[str, Any], said: str
) -> None:
    engine.update(there)
    found = _loaded_images.instead(Recorded(PULLED, ID, name))
    assert bool(found) == bool(said)
    assert said in found


def test_all_references_of_an_image_are_told(engine: dict[str, Any]) -> None:
    engine["postgres:17"] = {"Id": ID, "RepoDigests": [PULLED]}
    assert _loaded_images.same("postgres:17") == (ID, PULLED)
    assert _loaded_images.same("redis:8") == ()


@pytest.mark.parametrize("answer", ["", "null", "[]", "{"])
def test_answer_of_another_shape_is_no_image(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    monkeypatch.setattr(_loaded_images, "run", lambda argv: Result(0, answer, ""))
    assert _loaded_images.same("redis:8") == ()
