# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings as JSON that only root can have written, read key by key, with every problem at once."""

from __future__ import annotations

import json
import os
import stat
from typing import Any, Callable, Optional

FORMAT = 1
KINDS = ("compose", "legacy")


class SettingsError(Exception):
    """The settings can't be used; the message has every reason, a line each, with the file and the key."""


def read(path: str, owner: int, role: str) -> Any:
    """The JSON of a file of settings, if nobody but its owner could have written it.

    :param role: the one that writes it.
    :raises SettingsError: it can't be read or believed.
    """
    try:
        with open(path, encoding="utf-8") as handle:
            about = os.fstat(handle.fileno())
            text = handle.read()
    except OSError as error:
        raise SettingsError(
            "%s cannot be read (%s): the role llmops.litellm.%s writes it"
            % (path, error.strerror, role)
        ) from None
    except UnicodeDecodeError:
        raise SettingsError("%s is not JSON: it is no text" % path) from None
    if about.st_uid != owner or about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise SettingsError(
            "%s must belong to %s and be writable for nobody else: what it says is done with root's rights"
            % (path, "root" if owner == 0 else "account %d" % owner)
        )
    try:
        return json.loads(text)
    except RecursionError:
        raise SettingsError("%s is not JSON: it is nested too deeply" % path) from None
    except ValueError as error:
        raise SettingsError("%s is not JSON: %s" % (path, error)) from None


class _Reader:
    """An object of the settings, read key by key; what is wrong is collected, with the key's whole name."""

    def __init__(self, told: dict[str, Any], prefix: str, problems: list[str]) -> None:
        self.told, self.prefix, self.problems = told, prefix, problems
        self.known: set[str] = set()

    def wrong(self, name: str, why: str) -> None:
        self.problems.append("%s%s %s" % (self.prefix, name, why))

    def get(
        self,
        name: str,
        kind: type,
        default: Any = None,
        fits: Callable[[Any], bool] = lambda value: True,
        form: str = "",
    ) -> Any:
        """A value; where it is missing or no good, the default (``None``: there must be one)."""
        self.known.add(name)
        value = self.told.get(name, default)
        if value is None:
            self.wrong(name, "is missing")
        elif (
            not isinstance(value, kind)
            or (kind is int and isinstance(value, bool))
            or not fits(value)
        ):
            self.wrong(
                name,
                "must be %s"
                % (
                    form
                    or {str: "a text", int: "a whole number", dict: "an object", list: "a list"}[
                        kind
                    ]
                ),
            )
        else:
            return value
        return kind() if default is None else default

    def path(self, name: str, default: Optional[str] = None) -> str:
        return str(
            self.get(
                name,
                str,
                default,
                lambda value: value == default or os.path.isabs(value),
                "an absolute path",
            )
        )

    def inner(self, name: str) -> _Reader:
        return _Reader(self.get(name, dict), "%s%s." % (self.prefix, name), self.problems)

    def end(self) -> None:
        """Refuse what nobody has asked for: it would be believed to do something."""
        for name in sorted(set(self.told) - self.known):
            self.wrong(name, "is not known")
