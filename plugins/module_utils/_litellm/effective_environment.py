# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment that LiteLLM really works with: what its process was started with, what it loads
by itself, and what its configuration sets. Read in LiteLLM 1.102.4, python-dotenv 1.2 and Prisma's
client 0.15.

1. The process' own environment.
2. A ``.env``, unless ``LITELLM_MODE`` says something other than ``DEV``: the first one from the
   folder of its own package upwards; where no script runs it (``python -m``, ``-c``, workers that
   were started anew), first from the working folder upwards. It sets only what is not set.
3. ``environment_variables:`` of the configuration, which replace what is there. References
   (``os.environ/NAME``) in the configuration are resolved before that.
4. ``.env`` and ``prisma/.env`` in the working folder, which the database's client loads when
   LiteLLM has read its settings: too late for those that it reads at its start.

Pure, but for :func:`find`, which looks as the proxy's account.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Optional

from .._config import envfile_dotenv as _envfile_dotenv
from .._config import includes as _includes
from .._config.configured import Configured
from .._config.environment_files import DOTENV, LegacyFile
from .._host.account import Account

NAME = ".env"
MODE, LOADS = "LITELLM_MODE", "DEV"
VARIABLES = "environment_variables"
# LiteLLM takes these from no configuration.
_BLOCKED = re.compile(
    r"(PATH|LD_PRELOAD|LD_LIBRARY_PATH|DYLD_LIBRARY_PATH|DYLD_INSERT_LIBRARIES|PYTHONPATH"
    r"|PYTHONSTARTUP|PYTHONHOME|HOME|USER|SHELL|LOGNAME|NO_PROXY|no_proxy)\Z"
)
# Read before the database's client loads its files.
_EARLY = re.compile(
    r"(LITELLM_MASTER_KEY|LITELLM_MODE|DATABASE_[A-Z_]+|DIRECT_URL|REDIS_[A-Z_]+|HOST|PORT"
    r"|NUM_WORKERS|CONFIG_FILE_PATH|WORKER_CONFIG|LITELLM_CONFIG_BUCKET_[A-Z_]+)\Z"
)


class Dotenv(NamedTuple):
    """A file that LiteLLM loads by itself. ``late``: its database's client does, at the end."""

    path: str
    text: str
    late: bool = False


class Effective(NamedTuple):
    """All of it is secret, but for ``origins``: where a variable that is not the process' own comes
    from, as a place to show.

    - ``started``: what references in the configuration mean, and what the command line's options
      and the database's URL are taken from.
    - ``carried``: what a process that loads nothing by itself needs in its environment, beside the
      same configuration.
    """

    started: dict[str, str]
    carried: dict[str, str]
    origins: dict[str, str]


def of(files: Sequence[LegacyFile]) -> list[Dotenv]:
    """Those among env files that LiteLLM loads by itself."""
    return [Dotenv(file.path, file.text, file.late) for file in files if file.dialect == DOTENV]


def effective(
    process: Mapping[str, str],
    files: Sequence[Dotenv] = (),
    configuration: Optional[_includes.Tree] = None,
) -> Effective:
    """The environment of a proxy.

    :param files: those of :func:`find` with their text, in its order.
    """
    origins: dict[str, str] = {}
    started = _with(process, [file for file in files if not file.late], origins)
    late = [file for file in files if file.late]
    carried = _with(started, late, origins)
    given = Configured(configuration, started).at(VARIABLES) if configuration else {}
    origins.update({name: VARIABLES for name in given if not _BLOCKED.match(name)})
    return Effective(started, carried, origins)


def _with(
    before: Mapping[str, str], files: Sequence[Dotenv], origins: dict[str, str]
) -> dict[str, str]:
    """What files add to an environment; ``origins`` learns where from."""
    values = dict(before)
    for file in files:
        for name, value in _envfile_dotenv.loads(file.text, values).items():
            if name not in values and not (file.late and _EARLY.match(name)):
                values[name] = value
                origins[name] = file.path
    return values


def is_disabled(environment: Mapping[str, str]) -> bool:
    """Whether python-dotenv was told to load nothing."""
    told = environment.get("PYTHON_DOTENV_DISABLED", "")
    return told.casefold() in ("1", "true", "t", "yes", "y")


def searches(
    environment: Mapping[str, str], package: str, folder: str, anonymous: bool
) -> list[list[str]]:
    """The paths at which LiteLLM looks for a ``.env`` before it begins, for each search in order.

    :param package: the folder of its Python package, empty where it is not known.
    :param folder: its working folder. :param anonymous: whether no script runs it, or workers of
        it, so that python-dotenv takes it for a prompt.
    """
    if environment.get(MODE, LOADS) != LOADS:
        return []
    starts = [folder] * anonymous + [package, os.path.join(package, "proxy")] * bool(package)
    return [[os.path.join(place, NAME) for place in _upwards(start)] for start in starts]


def _upwards(folder: str) -> list[str]:
    places = [os.path.abspath(folder)]
    while places[-1] != os.path.dirname(places[-1]):
        places.append(os.path.dirname(places[-1]))
    return places


def find(
    environment: Mapping[str, str],
    package: str,
    folder: str,
    anonymous: bool,
    has_database: bool,
    account: Account,
) -> list[tuple[str, bool]]:
    """The files that LiteLLM loads by itself, in its order: path, and whether late.

    :raises OSError: the account can't look.
    """
    if is_disabled(environment):
        return []
    early = searches(environment, package, folder, anonymous)
    late = [[os.path.join(folder, name)] for name in (NAME, "prisma/" + NAME) if has_database]
    there = set(account.ask(lambda: _present([*early, *late]), folder))
    found: dict[str, bool] = {}
    for places, is_late in [(each, False) for each in early] + [(each, True) for each in late]:
        first = next((place for place in places if place in there), None)
        if first is not None:
            found.setdefault(first, is_late)
    return list(found.items())


def _present(searched: Sequence[Sequence[str]]) -> list[str]:
    """Those of the paths that python-dotenv would open."""
    found = []
    for place in {place for places in searched for place in places}:
        try:
            mode = os.stat(place).st_mode
        except OSError:
            continue
        if stat.S_ISREG(mode) or stat.S_ISFIFO(mode):
            found.append(place)
    return found
