# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare the legacy deployment's env files, line by line, with its process's environment.

No value appears in a result that is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from . import envfile as _envfile
from . import envfile_dotenv as _envfile_dotenv
from . import envfile_systemd as _envfile_systemd
from .envfile_common import NAME, decode

DOTENV = "dotenv"  # the dialect of what LiteLLM loads by itself


class LegacyFile(NamedTuple):
    """An env file of the legacy unit; ``text`` and ``dialect`` as in :func:`_config.envfile.loads`;
    or one that LiteLLM loads by itself (``dotenv``), for what is not set yet. ``late``: see
    :class:`_litellm.effective_environment.Dotenv`.

    Sequences of them are in the order in which systemd, and then LiteLLM, reads the files.
    """

    path: str
    dialect: str
    text: str
    late: bool = False


class Finding(NamedTuple):
    """A line of an env file that did not reach the process.

    ``line`` is 0 where no line can be named.
    """

    path: str
    line: int
    name: str
    reason: str


class _Statement(NamedTuple):
    path: str
    line: int
    name: str
    value: str

    @property
    def place(self) -> str:
        return "%s:%d" % (self.path, self.line) if self.line else self.path


class Comparison(NamedTuple):
    """``findings`` in the order of the files; ``origins``: where a variable of the process comes
    from; ``adoptable``: (origin, value) of variables in lines that systemd drops, which the process
    does not have.
    """

    findings: list[Finding]
    origins: dict[str, str]
    adoptable: dict[str, tuple[str, str]]


def _statements(file: LegacyFile) -> list[_Statement]:
    if file.dialect != "systemd":
        return [
            _Statement(file.path, 0, name, value)
            for name, value in _envfile.loads(file.text, file.dialect).items()
        ]
    plain = decode(file.text)
    return [
        _Statement(file.path, plain.count("\n", 0, item.start) + 1, item.key, item.value)
        for item in _envfile_systemd.assignments(plain)
        if NAME.match(item.key)
    ]


def compare(process: Mapping[str, str], files: Sequence[LegacyFile]) -> Comparison:
    """Read every file in its dialect and compare it with the process.

    :param process: with what LiteLLM has loaded by itself.
    """
    loaded = [file for file in files if file.dialect == DOTENV]
    files = [file for file in files if file.dialect != DOTENV]
    findings: list[Finding] = []
    statements: list[_Statement] = []
    adoptable: dict[str, tuple[str, str]] = {}
    for file in files:
        try:
            statements += _statements(file)
            if file.dialect == "systemd":
                values = _envfile.adoptable(file.text)
                for item in _envfile.dropped(file.text):
                    if item.name in process and loaded:
                        continue  # LiteLLM has read the line itself
                    findings.append(Finding(file.path, item.line, item.name, item.reason))
                    if item.name in values and item.name not in process:
                        place = "%s:%d" % (file.path, item.line)
                        adoptable[item.name] = (place, values[item.name])
        except _envfile.EnvError as error:
            findings.append(Finding(file.path, error.line, "", error.message))
    last = {statement.name: statement for statement in statements}
    origins: dict[str, str] = {}
    for statement in statements:
        final = last[statement.name]
        reason = _difference(process, statement, final)
        if reason:
            findings.append(Finding(statement.path, statement.line, statement.name, reason))
        elif statement is final:
            origins[statement.name] = statement.place
    for file in loaded:
        for name, place in _loaded(process, file).items():
            origins.setdefault(name, place)
    places = {file.path: index for index, file in enumerate(files)}
    findings.sort(key=lambda item: (places[item.path], item.line))
    return Comparison(findings, origins, adoptable)


def _loaded(process: Mapping[str, str], file: LegacyFile) -> dict[str, str]:
    """Where a file that LiteLLM loads has what the process has: place by name."""
    text = decode(file.text)
    values = _envfile_dotenv.loads(text, process)
    return {
        line.name: "%s:%d" % (file.path, text.count("\n", 0, line.start) + 1)
        for line in _envfile_dotenv.assignments(text)
        if line.name in values and process.get(line.name) == values[line.name]
    }


def _difference(process: Mapping[str, str], statement: _Statement, final: _Statement) -> str:
    """Why the process does not have a statement's value, empty if it has.

    :param final: the last statement of the same name, which counts.
    """
    if statement is not final:
        overridden = statement.value != final.value
        return "overridden later, by %s" % final.place if overridden else ""
    if statement.name not in process:
        return (
            "the process does not have it: the line is newer than its start, or the unit unsets it"
        )
    if process[statement.name] != statement.value:
        return (
            "the process has another value: the file has changed since its start, or something "
            "else sets it"
        )
    return ""
