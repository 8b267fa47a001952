# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings as JSON that only root can have written, read key by key, with every problem at once."""

from __future__ import annotations

import json
import os
import stat
from typing import Any, Callable, Iterator, Optional, TypeVar

from . import files as _files
from .problem import OperatorError

FORMAT = 1
KINDS = ("compose", "legacy")
OTHER = "%d; it was written by another release of this collection" % FORMAT
DATABASE = ("container", "env_file", "variable", "database", "user", "image", "rootcert")
FORMS = {str: "a text", int: "a whole number", dict: "an object", list: "a list"}
Settings = TypeVar("Settings")


class SettingsError(OperatorError):
    """The settings can't be used; the message has every reason, a line each, with the file and the
    key."""


def read(path: str, owner: int, role: str) -> Any:
    """The JSON of a file of settings, if nobody but its owner could have written it.

    :param role: the one that writes it.
    :raises SettingsError: it can't be read or believed.
    """
    try:
        with _files.reading(path) as handle:
            about = os.fstat(handle.fileno())
            text = handle.read().decode("utf-8")
    except OSError as error:
        raise SettingsError(
            "%s cannot be read (%s): the role llmops.litellm.%s writes it"
            % (path, error.strerror, role)
        ) from None
    except UnicodeDecodeError:
        raise SettingsError("%s is not JSON: it is no text" % path) from None
    if about.st_uid != owner or about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise SettingsError(
            "%s must belong to %s and be writable for nobody else: what it says is done "
            "with root's rights" % (path, "root" if owner == 0 else "account %d" % owner)
        )
    try:
        return json.loads(text)
    except RecursionError:
        raise SettingsError("%s is not JSON: it is nested too deeply" % path) from None
    except ValueError as error:
        raise SettingsError("%s is not JSON: %s" % (path, error)) from None


class Reader:
    """An object of the settings, read key by key; what is wrong is collected, with the key's whole
    name, and a default taken in its place."""

    def __init__(self, values: dict[str, Any], prefix: str, problems: list[str]) -> None:
        self.values, self.prefix, self.problems = values, prefix, problems
        self.known: set[str] = set()

    def wrong(self, name: str, why: str) -> None:
        self.problems.append("%s%s %s" % (self.prefix, name, why))

    def wrong_whole(self, why: str) -> None:
        """Something is wrong with the object itself."""
        self.problems.append("%s %s" % (self.prefix.rstrip("."), why))

    def has(self, name: str) -> bool:
        return name in self.values

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
        value = self.values.get(name, default)
        if value is None:
            self.wrong(name, "is missing")
        elif (
            not isinstance(value, kind)
            or (kind is int and isinstance(value, bool))
            or not fits(value)
        ):
            self.wrong(name, "must be %s" % (form or FORMS[kind]))
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

    def number(
        self, name: str, default: float, least: float = 0.0, most: Optional[float] = None
    ) -> float:
        """A number, whole or not."""
        value = self.values.get(name, default)
        self.known.add(name)
        if (
            isinstance(value, bool)
            or not isinstance(value, (int, float))
            or not least <= value <= (most or 1e9)
        ):
            form = "a number from %g%s" % (least, " to %g" % most if most else " on")
            self.wrong(name, "must be %s" % form)
            return default
        return float(value)

    def count(self, name: str, default: int, least: int = 0) -> int:
        form = "a whole number from %d on" % least
        return int(self.get(name, int, default, lambda value: value >= least, form))

    def texts(self, name: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        found = self.get(
            name,
            list,
            list(default),
            lambda value: all(isinstance(item, str) and item for item in value),
            "a list of texts",
        )
        return tuple(found)

    def inner(self, name: str, default: Optional[dict[str, Any]] = None) -> Reader:
        """An object; without a default it must be there."""
        values = self.get(name, dict, default)
        return Reader(values, "%s%s." % (self.prefix, name), self.problems)

    def objects(self, name: str) -> Iterator[Reader]:
        """The objects of a list, which need not be there; what is none is read as an empty one."""
        for number, entry in enumerate(self.get(name, list, [])):
            values = entry if isinstance(entry, dict) else {}
            yield Reader(values, "%s%s[%d]." % (self.prefix, name, number), self.problems)

    def database(self) -> dict[str, Optional[str]]:
        """Where a database is, as the modules' argument of that name: in a container, or where an
        env file says."""
        fields = {name: self.get(name, str, "") or None for name in DATABASE}
        if bool(fields["container"]) == bool(fields["env_file"]):
            self.wrong_whole("must have either container or env_file")
        elif fields["container"] and not (fields["database"] and fields["user"]):
            self.wrong_whole("needs database and user beside container")
        self.end()
        return fields

    def end(self) -> None:
        """Refuse what nobody has asked for: it would be believed to do something."""
        for name in sorted(set(self.values) - self.known):
            self.wrong(name, "is not known")


def load(path: str, owner: int, role: str, build: Callable[[Reader], Settings]) -> Settings:
    """The settings of a file, made by ``build`` from its keys.

    :param role: the one that writes it.
    :raises SettingsError: with every reason at once.
    """
    values = read(path, owner, role)
    problems: list[str] = []
    if not isinstance(values, dict):
        raise SettingsError("%s: it holds no object" % path)
    reader = Reader(values, "", problems)
    reader.get("format", int, None, lambda value: value == FORMAT, OTHER)
    settings = build(reader)
    if problems:
        raise SettingsError(*("%s: %s" % (path, problem) for problem in problems))
    return settings
