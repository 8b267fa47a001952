# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python environment of a process, and LiteLLM in it: a venv (pip, uv, pipx, poetry), a conda
environment, the system's Python, a folder of ``PYTHONPATH``. Nothing of it is run.
"""

from __future__ import annotations

import glob
import json
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, Optional, TypedDict
from urllib.parse import unquote, urlsplit

from .._host import reader as _reader
from .._host.account import Account, open_regular

PYTHON = re.compile(r"python[0-9.]*t?$")  # t: without its global lock
TRACES = ("litellm_init.pth", "cook.pth", "sitecustomize.py")
_MOST = 1 << 16  # bytes of what is read
_PACKAGES = re.compile(r"\s(/[^\n]*?/(?:site|dist)-packages)/")
_HOME = re.compile(r"^home\s*=\s*(.+?)\s*$", re.M)
_SYSTEM = re.compile(r"^include-system-site-packages\s*=\s*true\s*$", re.M | re.I)


class Installed(TypedDict):
    """LiteLLM in a Python environment: its version, and traces (paths) of the known malicious
    releases. ``site``: the folder in which it is installed; ``package``: that of its code;
    ``editable``: the source folder of an editable installation."""

    version: Optional[str]
    traces: list[str]
    site: Optional[str]
    package: Optional[str]
    editable: Optional[str]


def interpreter(
    argv: Sequence[str], program: str, environment: Mapping[str, str], folder: str, account: Account
) -> Optional[str]:
    """The interpreter of a process, by the name that decides where its packages are: that of a venv
    is a link to another one.

    :param program: what the process runs, links resolved. :param folder: where it was started.
    """
    name = argv[0] if argv else ""
    if PYTHON.match(os.path.basename(name)):
        if "/" in name:
            return os.path.normpath(os.path.join(folder, name))
        places = [place for place in environment.get("PATH", "").split(":") if place]
        named = [os.path.join(folder, place, name) for place in places]
        there = account.ask(lambda: [path for path in named if os.access(path, os.X_OK)], folder)
        if there:
            return str(there[0])
    beside = os.path.join(os.path.dirname(name), "python")
    if "/" in name and account.exists(beside):
        return beside
    return program if PYTHON.match(os.path.basename(program)) else None


def mapped(maps: str) -> list[str]:
    """The folders of packages from which a process has loaded something, by
    ``/proc/PID/maps``."""
    return list(dict.fromkeys(match[1] for match in _PACKAGES.finditer(maps)))


def extra(environment: Mapping[str, str], folder: str, home: str, script: str = "") -> list[str]:
    """The folders that the environment and the script's own prefix add to those of the interpreter:
    Nix, Guix and ``pip install --prefix`` have each program in one of its own."""
    variables = (environment.get(name, "") for name in ("PYTHONPATH", "NIX_PYTHONPATH"))
    places = [place for said in variables for place in said.split(":") if place]
    base = environment.get("PYTHONUSERBASE") or os.path.join(
        environment.get("HOME") or home, ".local"
    )
    found = [os.path.normpath(os.path.join(folder, place)) for place in places]
    found.append(os.path.join(base, "lib", "python3*", "site-packages"))
    if script:
        prefix = os.path.dirname(os.path.dirname(os.path.join(folder, script)))
        found += _patterns(os.path.normpath(prefix))
    return found


def installed(
    python: str, account: Optional[Account] = None, extra: Sequence[str] = ()
) -> Installed:
    """LiteLLM in a Python environment, without running any of it.

    :param account: who looks at it; without one, who could have chosen it (see
        :func:`_host.reader.of`).
    :param extra: folders that come before the interpreter's own, patterns allowed.
    :raises OSError, UntrustedPath: it can't be looked at.
    """
    who = account or _reader.of("", python)
    found: Installed = who.ask(lambda: _installed(python, extra), python)
    return found


def _installed(python: str, extra: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = dict.fromkeys(("version", "site", "package", "editable"))
    own = _sites(python)
    places = list(dict.fromkeys([*_there(extra), *own]))
    for site in places:
        path = next(iter(sorted(glob.glob(os.path.join(site, "litellm-[0-9]*.dist-info")))), "")
        if path and not found["site"]:
            editable = _editable(path)
            found.update(
                version=os.path.basename(path)[len("litellm-") : -len(".dist-info")],
                site=site,
                package=os.path.join(editable or site, "litellm"),
                editable=editable,
            )
    if not found["package"]:
        code = (os.path.join(site, "litellm") for site in places)
        found["package"] = next((path for path in code if os.path.isdir(path)), None)
    traces = [os.path.join(site, name) for site in own for name in TRACES]
    return {**found, "traces": [path for path in traces if os.path.exists(path)]}


def _there(patterns: Sequence[str]) -> list[str]:
    return [path for pattern in patterns for path in sorted(glob.glob(pattern))]


def _sites(python: str) -> list[str]:
    """The folders of packages of an interpreter, those of the same folder once."""
    prefix = os.path.dirname(os.path.dirname(python))
    settings = _venv(prefix)
    prefixes = [prefix]
    if settings is None:
        prefixes.append(os.path.dirname(os.path.dirname(os.path.realpath(python))))
    elif _SYSTEM.search(settings):
        home = _HOME.search(settings)
        prefixes += [os.path.dirname(home[1])] if home else []
    found = _there([pattern for each in prefixes for pattern in _patterns(each)])
    return list({os.path.realpath(path): path for path in reversed(found)}.values())[::-1]


def _patterns(prefix: str) -> list[str]:
    usual = [
        os.path.join(prefix, lib, "python3*", packages)
        for packages in ("site-packages", "dist-packages")
        for lib in ("lib", "lib64")
    ]
    system = ["/usr/local/lib/python3*/dist-packages"] if prefix == "/usr" else []
    return system + usual


def _venv(prefix: str) -> Optional[str]:
    """The settings of a venv, ``None`` where there is none."""
    try:
        return _text(os.path.join(prefix, "pyvenv.cfg"))
    except OSError:
        return None


def _text(path: str) -> str:
    """A small file's, as whoever we are."""
    handle = open_regular(path)
    try:
        return os.read(handle, _MOST).decode("utf-8", "replace")
    finally:
        os.close(handle)


def _editable(path: str) -> Optional[str]:
    """The source folder of an editable installation."""
    try:
        told = json.loads(_text(os.path.join(path, "direct_url.json")))
        if (told.get("dir_info") or {}).get("editable") is True:
            return unquote(urlsplit(told["url"]).path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass  # not there, or nothing that says so
    return None
