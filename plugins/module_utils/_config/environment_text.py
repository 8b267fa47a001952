# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render ``.env`` and Redis' configuration from an environment, and a diff without values."""

from __future__ import annotations

from collections.abc import Mapping

from . import envfile as _envfile

MARK = "# Written by llmops.litellm, role env_file."
HEADER = (
    MARK
    + """ Change the inventory's variables (env_file_overrides), not this file:
# the next run writes it again. Compose and systemd read it as the same values; do not source it,
# do not cut it at =.
"""
)
REDIS_HEADER = (
    "# Written by llmops.litellm, role env_file: the password is REDIS_PASSWORD in .env.\n"
)


def env_text(values: Mapping[str, str]) -> str:
    """The text of ``.env``, verified by reading it back in both dialects.

    :raises EnvError: a variable cannot be written.
    :raises ValueError: the two dialects do not read what was meant: a fault of this program.
    """
    text = HEADER + _envfile.dumps(values)
    for dialect in ("compose", "systemd"):
        found = _envfile.loads(text, dialect)
        if found != dict(values):
            names = sorted(
                name for name in {*found, *values} if found.get(name) != values.get(name)
            )
            raise ValueError(
                "%s would read other values than were meant: %s" % (dialect, ", ".join(names))
            )
    return text


def is_ours(text: str) -> bool:
    """Whether a ``.env`` was written here, or holds nothing at all."""
    return text.startswith(MARK) or not text.strip()


def redis_text(password: str) -> str:
    """Redis' configuration with a password.

    Redis reads ``\\xHH`` in double quotes, so the password may hold any byte. It saves a snapshot a
    minute after a change and keeps no append-only file: it holds a cache, and counters that may be
    a minute old. The comment is for what the container's shell runs: its ``printf`` knows octal
    numbers everywhere, and ``\\xHH`` only in some shells.
    """
    safe = "".join(
        chr(byte) if 0x20 < byte < 0x7F and byte not in b'"\\' else "\\x%02x" % byte
        for byte in password.encode()
    )
    octal = "".join("\\%03o" % byte for byte in password.encode())
    return (
        REDIS_HEADER
        + "#auth %s\n" % octal
        + 'bind * -::*\nport 6379\nprotected-mode yes\nrequirepass "%s"\ndir /data\n' % safe
        + "save 60 1\nappendonly no\n"
    )


def shown(before: str, after: str) -> tuple[str, str]:
    """Two states of a ``.env`` for a diff: names only.

    Where a value is another one it says so, and does not say which.
    """
    try:
        old, new = _envfile.loads(before, "systemd"), _envfile.loads(after, "systemd")
    except _envfile.EnvError:
        return "(cannot be read)\n", "(readable)\n"
    changed = {
        name for name in {*old, *new} if name in old and name in new and old[name] != new[name]
    }

    def lines(values: Mapping[str, str], word: str) -> str:
        return "".join(
            "%s=(secret%s)\n" % (name, word if name in changed else "") for name in values
        )

    return lines(old, ", the old value"), lines(new, ", the new value")
