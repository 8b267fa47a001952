# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""With what a proxy's process runs: its arguments, its environment, the files that it loads by
itself, its configuration and its Python. Files are read as the process' account.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Optional

from .._config import includes as _includes
from .._host import process as _process
from .._host.account import Account
from .._host.files import read
from .._host.problem import Problem
from .._host.systemd import Unit, parse_exec
from .._litellm import effective_environment as _effective_environment
from . import gunicorn_settings as _gunicorn_settings
from . import proxy_command as _proxy_command
from . import python_environment as _python_environment
from . import server_options as _server_options
from .proxy_process import LegacyError, Proxy
from .server_options import Served

CONFIG_PATH, WORKER = "CONFIG_FILE_PATH", "WORKER_CONFIG"
_SPAWNED = "multiprocessing.spawn"
_DELETED = " (deleted)"
# Python environments that uvx and `pipx run` make for one run, and clean up by themselves.
_CACHES = re.compile(r"/uv/(archive|environments)-v\d+/|/pipx/\.cache/|/\.cache/(pipx|uv)/")


class Settings(NamedTuple):
    """``served``: what its command line says, in LiteLLM's words. ``dotenv``: files that LiteLLM
    loads by itself. ``unread``: why the configuration can't be read, empty where it can.
    ``python``: the interpreter, ``release`` what it has."""

    folder: str
    served: Served
    effective: _effective_environment.Effective
    dotenv: tuple[_effective_environment.Dotenv, ...]
    config: Optional[str]
    tree: _includes.Tree
    unread: str
    python: Optional[str]
    release: _python_environment.Installed
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


def served(
    unit: Unit, proxy: Proxy, environment: Mapping[str, str], settings: Sequence[str] = ()
) -> Served:
    """What the command line of a proxy says.

    :param settings: options that its server's file has.
    :raises LegacyError: the process shows a title in its place, and its unit does not say it.
    """
    program = proxy.program
    if program.titled:
        told = parse_exec(unit.properties.get("ExecStart", ""))
        known = None if proxy.wrapped else _proxy_command.program(told)
        if known is None:
            raise LegacyError(
                "Process %d of %s shows a title instead of its arguments (%s)."
                % (proxy.pid, unit.name, " ".join(proxy.argv).strip()),
                "Uninstall setproctitle from its Python environment, or let the unit run gunicorn"
                " itself (ExecStart=); restart it, and run again.",
            )
        program = known
    if program.name == _proxy_command.LITELLM:
        return Served(_proxy_command.parse_words(list(program.words)))
    return _server_options.translated(program, environment, settings)


class _File(NamedTuple):
    """What a server's file has besides: options, what is left behind of it, and what stands against
    taking it along."""

    words: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


def _gunicorn_file(proxy: Proxy, said: Served, folder: str, who: Account) -> _File:
    """The file that gunicorn reads, as the proxy's account sees it."""
    if proxy.program.name != "gunicorn":
        return _File()
    path = _gunicorn_settings.place(said.settings or _gunicorn_settings.DEFAULT, folder)
    try:
        if not said.settings and not who.is_file(path):
            return _File()
        if not path:
            raise ValueError("is a module of its Python environment, which is not looked into")
        found = _gunicorn_settings.parse(who.text(path))
    except (OSError, ValueError) as error:
        why = who.cannot(error) if isinstance(error, OSError) else str(error)
        return _File(
            problems=(
                Problem(
                    path or said.settings,
                    "gunicorn has more of its options there, and %s" % why,
                    "give it those on its command line (bind, workers, certfile, keyfile), restart"
                    " the proxy, and run again",
                ),
            )
        )
    problems = [
        Problem(
            path,
            "sets %s for LiteLLM (raw_env), which nothing but gunicorn reads there"
            % ", ".join(found.variables),
            "move it into an EnvironmentFile= of the unit, restart it, and run again",
        )
    ] * bool(found.variables)
    problems += [
        Problem(
            path,
            "computes %s, which only gunicorn itself knows then" % ", ".join(found.computed),
            "write there what it is, restart the proxy, and run again",
        )
    ] * bool(found.computed)
    left = tuple("%s (%s)" % (name, os.path.basename(path)) for name in found.left)
    return _File(found.words, left, tuple(problems))


def named(unit: Unit, proxy: Proxy, proc: str = "/proc") -> Optional[str]:
    """The configuration that a proxy's command line or its own environment names.

    :raises LegacyError: see :func:`served`. :raises OSError: it has ended.
    """
    own = _process.process_environment(proxy.pid, proc)
    folder = os.readlink("%s/%d/cwd" % (proc, proxy.pid))
    return configuration(served(unit, proxy, own), own, folder)[0]


def inspect(unit: Unit, proxy: Proxy, who: Account, proc: str = "/proc") -> Settings:
    """Everything that a proxy runs with.

    :raises LegacyError: it shows no arguments or no environment. :raises OSError: it has ended.
    """
    own = _process.process_environment(proxy.pid, proc)
    if proxy.program.titled and not own:
        raise LegacyError(
            "Process %d of %s shows a title instead of its environment." % (proxy.pid, unit.name),
            "Uninstall setproctitle from its Python environment, restart the unit, and run again.",
        )
    folder = os.path.realpath(os.readlink("%s/%d/cwd" % (proc, proxy.pid)))
    said = served(unit, proxy, own)
    file = _gunicorn_file(proxy, said, folder, who)
    said = served(unit, proxy, own, file.words) if file.words else said
    said = said._replace(left=said.left + file.left)
    problems, warnings = _left_behind(proxy, said)
    problems += file.problems
    python, release, lacking = _python(proxy, own, folder, who, proc)
    warnings += lacking
    early, unread_files = _dotenv(proxy, said, own, release, folder, who)
    started = _effective_environment.effective(own, early).started
    config, unsure = configuration(said, started, folder)
    tree, unread = follow(config, who)
    late: list[_effective_environment.Dotenv] = []
    if uses_database(started, tree):
        all_files, unread_files = _dotenv(proxy, said, own, release, folder, who, True)
        late = [file for file in all_files if file.late]
    dotenv = tuple(early + late)
    effective = _effective_environment.effective(own, dotenv, tree)
    problems += unsure + unread_files
    return Settings(
        folder,
        said,
        effective,
        dotenv,
        config,
        tree,
        unread,
        python,
        release,
        tuple(problems),
        tuple(warnings + _carried(dotenv, effective)),
    )


def _left_behind(proxy: Proxy, said: Served) -> tuple[list[Problem], list[Problem]]:
    """What of a server's command line the container's does not have."""
    subject = "process %d (%s)" % (proxy.pid, proxy.program.name)
    problems = [
        Problem(
            subject,
            "sets %s on its command line, which every account can read"
            % ", ".join(sorted(said.variables)),
            "move it into an EnvironmentFile= of the unit, restart it, and run again",
        )
    ]
    warnings = [
        Problem(
            subject,
            "is given %s, which LiteLLM's own command in the container does not have"
            % ", ".join(said.left),
            "if clients need it, let a server in front of the proxy do it",
        )
    ]
    return problems * bool(said.variables), warnings * bool(said.left)


def _python(
    proxy: Proxy, environment: Mapping[str, str], folder: str, who: Account, proc: str
) -> tuple[Optional[str], _python_environment.Installed, list[Problem]]:
    """The interpreter of a proxy, what it has, and what could not be known of it."""
    place = os.path.join(proc, str(proxy.pid))
    program = os.readlink(os.path.join(place, "exe"))
    program = program[: -len(_DELETED)] if program.endswith(_DELETED) else program
    extra = _python_environment.mapped(read(os.path.join(place, "maps")))
    extra += _python_environment.extra(environment, folder, who.home, proxy.program.script)
    release: _python_environment.Installed = {
        "version": None,
        "traces": [],
        "site": None,
        "package": None,
        "editable": None,
    }
    python, why = None, "LiteLLM is not installed there"
    try:
        python = _python_environment.interpreter(proxy.argv, program, environment, folder, who)
        release = _python_environment.installed(python or program, who, extra)
    except OSError as error:
        why = who.cannot(error)
    cached = [_cached(python)] if python and _CACHES.search(python) else []
    if release["editable"]:
        return python, release, [*cached, _editable(release)]
    if release["version"]:
        return python, release, cached
    told = Problem(
        python or program,
        "does not tell which release of LiteLLM runs: %s" % why,
        "what is known of releases (bad ones, and that the image must not be older) could not be"
        " checked: compare litellm --version of process %d with the image yourself" % proxy.pid,
    )
    return python, release, [*cached, told]


def _cached(python: str) -> Problem:
    return Problem(
        python,
        "is an environment in a cache (of uvx or pipx run): once that is cleaned, or another"
        " release is out, the way back has no LiteLLM of this release",
        "let the unit run one that is installed (uv tool install, pipx install, a venv) and name"
        " its release; or keep that cache until finalize.yml",
    )


def _editable(release: _python_environment.Installed) -> Problem:
    return Problem(
        str(release["editable"]),
        "is a source folder that the proxy runs from (an editable installation of LiteLLM %s)"
        % release["version"],
        "the image has the release as it was published: what was changed in that folder does not"
        " come along",
    )


def _dotenv(
    proxy: Proxy,
    said: Served,
    own: Mapping[str, str],
    release: _python_environment.Installed,
    folder: str,
    who: Account,
    has_database: bool = False,
) -> tuple[list[_effective_environment.Dotenv], list[Problem]]:
    """The files that a proxy loads by itself, and those of them that can't be read any more."""
    found = [(os.path.join(folder, name), False) for name in said.files]
    found += _effective_environment.find(
        own, release["package"] or "", folder, is_anonymous(proxy), has_database, who
    )
    files, problems = [], []
    for path, late in found:
        try:
            files.append(_effective_environment.Dotenv(path, who.text(path, _includes.LIMIT), late))
        except OSError as error:
            problems.append(
                Problem(
                    path,
                    "LiteLLM loads it by itself, and %s" % who.cannot(error),
                    "let that account read it, or move what it has into an EnvironmentFile= of"
                    " the unit",
                )
            )
    return files, problems


def is_anonymous(proxy: Proxy) -> bool:
    """Whether no script runs LiteLLM, or workers of it that were started anew."""
    if proxy.program.name != _proxy_command.LITELLM:
        return False  # a server's script runs when its workers load the application
    spawned = (_process.command_line(pid) for pid in proxy.below)
    return proxy.program.anonymous or any(_SPAWNED in " ".join(argv) for argv in spawned)


def configuration(
    said: Served, started: Mapping[str, str], folder: str
) -> tuple[Optional[str], list[Problem]]:
    """The configuration's path: LiteLLM's application takes that of its environment before that of
    its command line."""
    command = said.command["config"]
    named = started.get(CONFIG_PATH)
    paths = [os.path.join(folder, path) for path in (named, command or _worker(started)) if path]
    if named and command and os.path.realpath(paths[0]) != os.path.realpath(paths[1]):
        told = Problem(
            CONFIG_PATH,
            "names %s, from which the proxy takes its models, and --config names %s"
            % (paths[0], paths[1]),
            "name one and the same in both, restart the unit, and run again",
        )
        return paths[0], [told]
    return (paths[0] if paths else None), []


def _worker(started: Mapping[str, str]) -> Optional[str]:
    """The path in ``WORKER_CONFIG``, which is one or has one as JSON."""
    told: Any = started.get(WORKER)
    try:
        told = json.loads(told or "null")
    except ValueError:
        return str(told)
    path = told.get("config") if isinstance(told, dict) else None
    return path if isinstance(path, str) else None


def follow(config: Optional[str], account: Account) -> tuple[_includes.Tree, str]:
    """The configuration with all that it includes, and why it can't be read; empty where it can, or
    where there is none."""
    if config is None:
        return _includes.Tree(), ""
    try:
        return _includes.follow(config, account), ""
    except FileNotFoundError:
        return _includes.Tree(), "does not exist any more"
    except OSError as error:
        return _includes.Tree(), account.cannot(error)


def uses_database(started: Mapping[str, str], tree: _includes.Tree) -> bool:
    """Whether LiteLLM has a database, whose client then loads files of its own."""
    return any(name in started for name in ("DATABASE_URL", "DATABASE_HOST")) or any(
        "database_url" in text for text in tree.texts
    )


def _carried(
    dotenv: tuple[_effective_environment.Dotenv, ...], found: _effective_environment.Effective
) -> list[Problem]:
    """What is known of the variables that LiteLLM's own files give it."""
    told = []
    for file in dotenv:
        names = sorted(
            name
            for name, place in found.origins.items()
            if place == file.path and name in found.carried
        )
        if names:
            told.append(
                Problem(
                    file.path,
                    "LiteLLM loads it by itself: %s comes from it" % ", ".join(names),
                    "it comes along as the file is now; if it has changed since the proxy started,"
                    " restart the proxy first",
                )
            )
    return told
