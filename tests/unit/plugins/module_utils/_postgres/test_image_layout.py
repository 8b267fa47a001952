"""Where an image of PostgreSQL keeps its data, and that data which are there stay."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any, Optional

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._host.process import Result
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    image_layout as _image_layout,
)

CLASSIC, NEW = "/var/lib/postgresql/data", "/var/lib/postgresql"


@pytest.mark.parametrize(
    ("pgdata", "volumes", "there", "layout"),
    [
        (CLASSIC, [CLASSIC], None, (CLASSIC, CLASSIC)),
        (CLASSIC, [CLASSIC], "", (CLASSIC, CLASSIC)),
        (NEW + "/18/docker", [NEW], None, (NEW, NEW + "/18/docker")),
        (NEW + "/18/docker", [NEW], "18/docker", (NEW, NEW + "/18/docker")),
        (NEW + "/18/docker", [NEW], "", (NEW, NEW)),
        (CLASSIC, [CLASSIC], "18/docker", (CLASSIC, CLASSIC + "/18/docker")),
        ("", [], None, (CLASSIC, CLASSIC)),
        ("/pgdata", [], None, ("/pgdata", "/pgdata")),
        ("/srv/pg/16", ["/srv", "/srv/pg", "/srv/p"], None, ("/srv/pg", "/srv/pg/16")),
    ],
    ids=[
        "13 to 17",
        "13 to 17, of release 0.1.0",
        "18",
        "18, again",
        "18 on data of release 0.1.0's layout",
        "18's layout in another image",
        "an image that says nothing",
        "no volume",
        "the nearest volume",
    ],
)
def test_layout_is_the_images_own_and_data_stay(
    pgdata: str, volumes: list[str], there: Optional[str], layout: Any
) -> None:
    assert _image_layout.layout(pgdata, volumes, there) == layout


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ([], []),
        (["PG_VERSION"], ["PG_VERSION"]),
        (["18/docker/PG_VERSION"], ["18/docker/PG_VERSION"]),
        (["17/PG_VERSION", "x/y/z/PG_VERSION"], ["17/PG_VERSION"]),
        (["PG_VERSION", "base/1/PG_VERSION", "base/16384/PG_VERSION"], ["PG_VERSION"]),
        (["data/PG_VERSION", "data/base/1/PG_VERSION"], ["data/PG_VERSION"]),
        (["18/docker/PG_VERSION", "18/docker/base/1/PG_VERSION"], ["18/docker/PG_VERSION"]),
        (["base/PG_VERSION", "base/base/1/PG_VERSION"], ["base/PG_VERSION"]),
        (["PG_VERSION", "18/docker/PG_VERSION"], ["PG_VERSION", "18/docker/PG_VERSION"]),
    ],
)
def test_data_are_found_by_any_shell(tmp_path: Path, files: list[str], found: list[str]) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("17")
    done = subprocess.run(
        ["sh", "-c", _image_layout._SOUGHT],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == found


@pytest.mark.parametrize(
    ("volume", "said", "there"),
    [
        (1, "", None),
        (0, "", None),
        (0, "PG_VERSION\n", ""),
        (0, "18/docker/PG_VERSION\n", "18/docker"),
    ],
    ids=["no volume", "an empty one", "at its root", "18's"],
)
def test_volume_is_looked_at_without_making_it(
    monkeypatch: pytest.MonkeyPatch, volume: int, said: str, there: Optional[str]
) -> None:
    seen: list[list[str]] = []

    def run(argv: list[str]) -> Result:
        seen.append(argv)
        return Result(volume, "", "") if argv[1] == "volume" else Result(0, said, "")

    monkeypatch.setattr(_image_layout, "run", run)
    assert _image_layout.data_in("litellm_postgres", "postgres:18", "postgres") == there
    if volume:
        assert len(seen) == 1
    else:
        words = seen[1]
        assert words[words.index("--volume") + 1] == "litellm_postgres:/volume:ro,nocopy"
        assert words[words.index("--user") + 1] == "postgres"
        assert words[words.index("--network") + 1] == "none"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Result(1, "", "permission denied"), "can't be looked at: permission denied"),
        (
            Result(0, "PG_VERSION\n18/docker/PG_VERSION\n", ""),
            r"in several folders \(its root, 18/docker\)",
        ),
    ],
)
def test_volume_that_does_not_say_is_an_error(
    monkeypatch: pytest.MonkeyPatch, answer: Result, said: str
) -> None:
    monkeypatch.setattr(
        _image_layout, "run", lambda argv: Result(0, "", "") if argv[1] == "volume" else answer
    )
    with pytest.raises(ValueError, match=said):
        _image_layout.data_in("v", "postgres:18", "postgres")
