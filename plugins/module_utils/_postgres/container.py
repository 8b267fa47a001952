# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands in the container of a database, by the engine's client."""
from __future__ import annotations

import subprocess

from .endpoint import Endpoint


def command(endpoint: Endpoint, *words: str) -> list[str]:
    """The command line that runs these words in an endpoint's container, with its standard input."""
    return [*endpoint.engine, "exec", "--interactive", endpoint.container, *words]


def run(endpoint: Endpoint, *words: str) -> str:
    """What it prints.

    :raises PostgresError: it failed.
    """
    done = subprocess.run(command(endpoint, *words), env=endpoint.environment(), stdin=subprocess.DEVNULL, capture_output=True, check=False, cwd="/")
    if done.returncode:
        raise endpoint.explain(words[0], done.returncode, done.stderr.decode("utf-8", "replace"))
    return done.stdout.decode("utf-8", "replace")


def free_bytes(endpoint: Endpoint, folder: str) -> int:
    """Bytes that are free in there, 0 where the container does not tell."""
    done = subprocess.run(command(endpoint, "df", "-Pk", folder), env=endpoint.environment(), stdin=subprocess.DEVNULL, capture_output=True, check=False,
                          cwd="/")
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    words = lines[-1].split() if done.returncode == 0 and lines else []
    return int(words[3]) * 1024 if len(words) > 4 and words[3].isdigit() else 0
