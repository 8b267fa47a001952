# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Env files: read one as Compose, systemd or bash would, write one that all three read alike.

The face of this package: ``loads`` and ``dumps``. Text may come as bytes, or as a string in which
bytes that are not UTF-8 are surrogates (``errors="surrogateescape"``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Optional, Union

from . import envfile_compose as _envfile_compose
from . import envfile_shell as _envfile_shell
from . import envfile_systemd as _envfile_systemd
from .envfile_common import NAME, STRAY_BYTE, Dropped, EnvError, decode

DIALECTS = ("compose", "systemd", "shell")
BARE = re.compile(r"[A-Za-z0-9_./:@%+,-]*\Z")

__all__ = [
    "DIALECTS",
    "Dropped",
    "EnvError",
    "adoptable",
    "dropped",
    "dumps",
    "fault",
    "loads",
    "unclosed_quote",
]


def loads(
    text: Union[str, bytes], dialect: str, environment: Optional[Mapping[str, str]] = None
) -> dict[str, str]:
    """The variables of an env file.

    :param dialect: ``compose``, ``systemd`` (``EnvironmentFile=``) or ``shell`` (``source`` in
        bash, assignments only).
    :param environment: for ``compose`` and ``shell``, which replace ``$NAME``: the variables that
        the reader has already. The environment of this process is never used.
    :raises EnvError: the reader refuses the file; for ``shell`` also where it would do more than
        assign.
    """
    plain = decode(text)
    if dialect == "compose":
        return _envfile_compose.loads(plain, environment or {})
    if dialect == "systemd":
        return _envfile_systemd.loads(plain)
    if dialect == "shell":
        return _envfile_shell.loads(plain, environment or {})
    raise ValueError("unknown dialect %r: one of %s" % (dialect, ", ".join(DIALECTS)))


def unclosed_quote(text: Union[str, bytes]) -> Optional[int]:
    """The line of an unclosed quote, after which systemd silently takes the rest of the file for
    the value; ``None`` without one.

    :raises EnvError: systemd refuses the file.
    """
    return _envfile_systemd.unclosed_quote(decode(text))


def dropped(text: Union[str, bytes]) -> list[Dropped]:
    """The lines of an ``EnvironmentFile=`` that systemd drops: numbers and reasons, no values.

    :raises EnvError: systemd refuses the whole file.
    """
    return _envfile_systemd.dropped(decode(text))


def adoptable(text: Union[str, bytes]) -> dict[str, str]:
    """The values of ``export NAME=value`` lines, which systemd drops, as a shell would read them.

    Lines that need a shell, or another line, are not among them. The last one counts.

    :raises EnvError: systemd refuses the whole file.
    """
    plain = decode(text)
    found: dict[str, str] = {}
    for item in _envfile_systemd.assignments(plain):
        name = _envfile_systemd.exported_name(item.key)
        if name:
            found.pop(name, None)
            try:
                found.update(_envfile_shell.loads(plain[item.start : item.end], {}))
            except EnvError:
                continue
    return found


def fault(name: str, value: object) -> str:
    """Why a variable cannot be written, empty if it can."""
    if not NAME.match(name):
        return "the name is not made of letters, digits and _ (and no digit at its start)"
    if not isinstance(value, str):
        return "the value is not text but %s: put it in quotes" % type(value).__name__
    if "\0" in value:
        return "the value has a NUL character, which no variable can hold"
    if STRAY_BYTE.search(value):
        return "the value is not UTF-8, which systemd refuses"
    return ""


def _encode(value: str) -> str:
    """Bare where every reader takes it literally, else in single quotes, else in double quotes."""
    if BARE.match(value):
        return value
    if "'" not in value and not value.endswith("\\"):
        return "'%s'" % value
    return '"%s"' % value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")


def dumps(mapping: Mapping[str, str]) -> str:
    """An env file with these variables, in their order, that Compose and systemd read alike.

    A shell does too, but for a value with a backtick and a single quote, or a backtick and a
    backslash at its end: it would run what is in the backticks (``loads`` with ``shell`` refuses
    it). ``docker run --env-file`` keeps the quotes: not for it.

    :raises EnvError: a name or value that cannot be written; ``line`` is where it would be.
    """
    lines: list[str] = []
    for name, value in mapping.items():
        reason = fault(name, value)
        if reason:
            line = 1 + sum(item.count("\n") + 1 for item in lines)
            shown = name if NAME.match(name) else "a variable"
            raise EnvError(line, 1, "%s: %s" % (shown, reason))
        lines.append("%s=%s" % (name, _encode(value)))
    return "".join(line + "\n" for line in lines)
