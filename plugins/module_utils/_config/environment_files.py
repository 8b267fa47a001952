# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The legacy deployment's env files against what its process really had, line by line and without a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from . import envfile as _envfile
from . import envfile_systemd as _envfile_systemd
from .envfile_common import NAME, decode


class LegacyFile(NamedTuple):
    """An env file that the legacy unit names, in the order in which systemd reads them; text as of :func:`_config.envfile.loads`."""

    path: str
    dialect: str
    text: str


class Finding(NamedTuple):
    """Something that an env file says and the process did not have. ``line`` is 0 where no line can be named."""

    path: str
    line: int
    name: str
    reason: str


class _Said(NamedTuple):
    path: str
    line: int
    name: str
    value: str

    @property
    def place(self) -> str:
        return "%s:%d" % (self.path, self.line) if self.line else self.path


class Comparison(NamedTuple):
    """``findings`` in the order of the files; ``origins``: where a variable of the process comes from; ``adoptable``: (origin,
    value) of variables in lines that systemd drops, which the process does not have."""

    findings: list[Finding]
    origins: dict[str, str]
    adoptable: dict[str, tuple[str, str]]


def _statements(file: LegacyFile) -> list[_Said]:
    if file.dialect != "systemd":
        return [
            _Said(file.path, 0, name, value)
            for name, value in _envfile.loads(file.text, file.dialect).items()
        ]
    plain = decode(file.text)
    return [
        _Said(file.path, plain.count("\n", 0, item.start) + 1, item.key, item.value)
        for item in _envfile_systemd.assignments(plain)
        if NAME.match(item.key)
    ]


def compare(process: Mapping[str, str], files: Sequence[LegacyFile]) -> Comparison:
    """Read every file as its dialect says and hold it against the process."""
    findings: list[Finding] = []
    said: list[_Said] = []
    adoptable: dict[str, tuple[str, str]] = {}
    for file in files:
        try:
            said += _statements(file)
            if file.dialect == "systemd":
                meant = _envfile.adoptable(file.text)
                for item in _envfile.dropped(file.text):
                    findings.append(Finding(file.path, item.line, item.name, item.reason))
                    if item.name in meant and item.name not in process:
                        adoptable[item.name] = ("%s:%d" % (file.path, item.line), meant[item.name])
        except _envfile.EnvError as error:
            findings.append(Finding(file.path, error.line, "", error.message))
    last = {each.name: each for each in said}
    origins: dict[str, str] = {}
    for each in said:
        final = last[each.name]
        if each is not final:
            if each.value != final.value:
                findings.append(
                    Finding(
                        each.path, each.line, each.name, "overridden later, by %s" % final.place
                    )
                )
        elif each.name not in process:
            findings.append(
                Finding(
                    each.path,
                    each.line,
                    each.name,
                    "the process does not have it: the line is newer than its start, or the unit unsets it",
                )
            )
        elif process[each.name] != each.value:
            findings.append(
                Finding(
                    each.path,
                    each.line,
                    each.name,
                    "the process has another value: the file has changed since its start, or something else sets it",
                )
            )
        else:
            origins[each.name] = each.place
    places = {file.path: index for index, file in enumerate(files)}
    return Comparison(
        sorted(findings, key=lambda item: (places[item.path], item.line)), origins, adoptable
    )
