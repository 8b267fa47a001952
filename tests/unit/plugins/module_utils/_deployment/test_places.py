"""Where the stores of a deployment are, by preflight's facts."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import places as _places

HERE = {"host": "127.0.0.1", "port": 5432}
AWAY = {"where": "elsewhere", "host": "db.example.com", "port": 5433}
CACHE = {"where": "elsewhere", "host": "fd00::7", "port": 6380}


@pytest.mark.parametrize(
    ("found", "places", "services", "said"),
    [
        # a journal of 0.1.0 says nothing of it
        ({}, ("here", "here"), ["litellm", "postgres", "redis"], []),
        (
            {"database": HERE, "redis": None},
            ("here", "nowhere"),
            ["litellm", "postgres", "redis"],
            [],
        ),
        (
            {"database": AWAY, "redis": HERE},
            ("elsewhere", "here"),
            ["litellm", "redis"],
            ["database: stays at db.example.com:5433, nothing copied"],
        ),
        (
            {"database": HERE, "redis": CACHE},
            ("here", "elsewhere"),
            ["litellm", "postgres"],
            ["Redis: stays at [fd00::7]:6380, nothing copied"],
        ),
        (
            {"database": AWAY, "redis": CACHE},
            ("elsewhere", "elsewhere"),
            ["litellm"],
            [
                "database: stays at db.example.com:5433, nothing copied",
                "Redis: stays at [fd00::7]:6380, nothing copied",
            ],
        ),
        (
            {"database": None, "redis": HERE},
            ("nowhere", "here"),
            ["litellm", "redis"],
            [],
        ),
    ],
)
def test_places(
    found: dict[str, Any], places: tuple[str, str], services: list[str], said: list[str]
) -> None:
    assert _places.of(found) == places
    assert _places.services(found) == services
    assert _places.stay(found) == said


def test_only_a_store_of_this_host_is_one_to_be_moved() -> None:
    found = {"database": AWAY, "redis": HERE}
    assert _places.here(found, "database") == {}
    assert _places.here(found, "redis") == HERE
    assert _places.here({"database": None}, "database") == {}
    assert _places.elsewhere(found) == ["database"]


def test_clients_of_a_database_elsewhere_need_an_image() -> None:
    assert _places.images({"database": AWAY, "redis": CACHE}) == ["litellm", "postgres"]
    assert _places.images({"database": None, "redis": CACHE}) == ["litellm"]
    assert _places.images({}) == ["litellm", "postgres", "redis"]


def test_database_elsewhere_as_modules_name_it() -> None:
    found: dict[str, Any] = {
        "project_dir": "/opt/litellm",
        "database": {**AWAY, "variable": "DIRECT_URL", "rootcert": "/etc/ca.pem", "image": "pg:17"},
        "needs": {"files": [{"target": "/etc/ca.pem", "name": "needed.001-ca.pem"}]},
    }
    told = _places.database({"found": found}, "/opt/litellm/.env")
    assert told == {
        "env_file": "/opt/litellm/.env",
        "variable": "DIRECT_URL",
        "image": "pg:17",
        "rootcert": "/opt/litellm/needed.001-ca.pem",
    }
    found["needs"] = {"files": []}
    images = {"postgres": {"reference": "pg@sha256:1"}}
    told = _places.database({"found": found, "images": images}, "/x")
    assert (told["image"], told["rootcert"]) == ("pg@sha256:1", None)
