# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which packages of the distribution bring Docker's engine and Compose: Debian has Compose v2 as
``docker-compose`` from 13 on, Ubuntu as ``docker-compose-v2``. Nothing is installed here."""

from __future__ import annotations

import re
from typing import NamedTuple

from .docker import LEAST_COMPOSE, LEAST_ENGINE
from .problem import numbers
from .process import run

ENGINE, CLIENT = "docker.io", "docker-cli"
# The first that is new enough is taken.
COMPOSE = ("docker-compose-v2", "docker-compose")
OTHER = "install Docker's own packages (docs.docker.com/engine/install)"


class Offered(NamedTuple):
    """The packages to install, or why there are none, and what to do."""

    names: tuple[str, ...] = ()
    problem: str = ""
    remedy: str = ""


def docker() -> Offered:
    """What apt would install. It is asked as root reads its lists; nothing is downloaded."""
    told = run(["apt-cache", "policy", ENGINE, CLIENT, *COMPOSE])
    if told.rc == 127:
        return Offered((), "this host has no apt, and only its packages are known here", OTHER)
    return choose(candidates(told.out))


def candidates(text: str) -> dict[str, str]:
    """The versions that apt would install, by package, of what ``apt-cache policy`` says."""
    found = re.findall(r"^(\S+):\n(?:  .*\n)*?  Candidate: (\S+)", text, re.M)
    return {name: version for name, version in found if version != "(none)"}


def choose(offered: dict[str, str]) -> Offered:
    """The packages to install, of those that are offered (versions by name)."""
    engine = offered.get(ENGINE)
    if engine is None:
        return Offered(
            (),
            "apt knows no package %s" % ENGINE,
            "run apt-get update if its lists are empty, else %s" % OTHER,
        )
    if numbers(engine) < LEAST_ENGINE:
        return Offered((), "the distribution's %s %s is too old" % (ENGINE, engine), OTHER)
    fitting = [name for name in COMPOSE if numbers(offered.get(name, "")) >= LEAST_COMPOSE]
    if not fitting:
        seen = ["%s %s" % (name, offered[name]) for name in COMPOSE if name in offered]
        return Offered(
            (),
            "the distribution has no Compose %d.%d.%d or newer%s"
            % (*LEAST_COMPOSE, " (it has %s)" % ", ".join(seen) if seen else ""),
            OTHER,
        )
    client = [CLIENT] if CLIENT in offered else []
    return Offered((ENGINE, *client, fitting[0]))
