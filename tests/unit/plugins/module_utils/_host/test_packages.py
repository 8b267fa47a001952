"""Which packages bring Docker, by what apt says on the distributions that people have."""

from __future__ import annotations

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._host import packages as _packages
from ansible_collections.llmops.litellm.plugins.module_utils._host.process import Result

TRIXIE = """\
docker.io:
  Installed: (none)
  Candidate: 26.1.5+dfsg1-9+b9
  Version table:
     26.1.5+dfsg1-9+b9 500
        500 http://deb.debian.org/debian trixie/main amd64 Packages
docker-cli:
  Installed: (none)
  Candidate: 26.1.5+dfsg1-9+b9
  Version table:
     26.1.5+dfsg1-9+b9 500
        500 http://deb.debian.org/debian trixie/main amd64 Packages
docker-compose:
  Installed: (none)
  Candidate: 2.26.1-4
  Version table:
     2.26.1-4 500
        500 http://deb.debian.org/debian trixie/main amd64 Packages
"""


@pytest.mark.parametrize(
    ("offered", "names"),
    [
        # Debian 13
        (
            {
                "docker.io": "26.1.5+dfsg1-9+b9",
                "docker-cli": "26.1.5",
                "docker-compose": "2.26.1-4",
            },
            ("docker.io", "docker-cli", "docker-compose"),
        ),
        # Ubuntu 24.04, which has Compose v1 beside it
        (
            {
                "docker.io": "26.1.3-0ubuntu1~24.04.1",
                "docker-compose-v2": "2.27.1+ds1-0ubuntu1~24.04.1",
                "docker-compose": "1.29.2-6",
            },
            ("docker.io", "docker-compose-v2"),
        ),
    ],
)
def test_packages_are_the_distributions_own(
    offered: dict[str, str], names: tuple[str, ...]
) -> None:
    assert _packages.choose(offered) == _packages.Offered(names)


@pytest.mark.parametrize(
    ("offered", "problem", "remedy"),
    [
        # Debian 12
        (
            {"docker.io": "20.10.24+dfsg1-1", "docker-compose": "1.29.2-3"},
            "the distribution has no Compose 2.24.4 or newer (it has docker-compose 1.29.2-3)",
            "docs.docker.com",
        ),
        ({"docker.io": "26.1.5"}, "the distribution has no Compose 2.24.4 or newer", "docs.docker"),
        (
            {"docker.io": "19.03.1"},
            "the distribution's docker.io 19.03.1 is too old",
            "docs.docker",
        ),
        ({}, "apt knows no package docker.io", "apt-get update"),
    ],
)
def test_what_is_missing_is_said(offered: dict[str, str], problem: str, remedy: str) -> None:
    told = _packages.choose(offered)
    assert (told.names, told.problem) == ((), problem)
    assert remedy in told.remedy


def test_answer_of_apt_is_read() -> None:
    assert _packages.candidates(TRIXIE) == {
        "docker.io": "26.1.5+dfsg1-9+b9",
        "docker-cli": "26.1.5+dfsg1-9+b9",
        "docker-compose": "2.26.1-4",
    }
    assert _packages.candidates(TRIXIE.replace("26.1.5+dfsg1-9+b9", "(none)")) == {
        "docker-compose": "2.26.1-4"
    }


def test_host_without_apt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_packages, "run", lambda words: Result(127, "", "apt-cache: not found"))
    assert "has no apt" in _packages.docker().problem
    monkeypatch.setattr(_packages, "run", lambda words: Result(0, TRIXIE, ""))
    assert _packages.docker().names == ("docker.io", "docker-cli", "docker-compose")
