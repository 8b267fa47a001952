# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command lines that run LiteLLM: its own command, and the servers (uvicorn, gunicorn, hypercorn,
granian) that can be given its application. A wrapper (a shell, ``conda run``, ``uv run``) runs
another process that has such a line, and is none.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple, Optional, TypedDict

from .python_environment import PYTHON

LITELLM = "litellm"
# Options of LiteLLM's command line that belong to the address or the file, which the compose
# deployment decides itself.
OWN_OPTIONS = {"--host", "--port", "-p", "--config", "-c"}
# How LiteLLM's command is called: its script, or ``python -m``, or ``python FILE``.
PROGRAM = re.compile(r"(^|/)(litellm|litellm\.proxy\.proxy_cli|proxy_cli\.py)$")
SERVERS = ("uvicorn", "gunicorn", "hypercorn", "granian")
_SERVER = re.compile(r"(?:^|/)(%s)(?:\.app\.wsgiapp|\.__main__)?$" % "|".join(SERVERS))
# What Nix and Guix call the script itself, where their wrapper has its name.
_HIDDEN = re.compile(r"(^|/)\.([^/]+)-(?:wrapped_*|real)$")
_APPLICATION = re.compile(r"litellm\.proxy\.proxy_server(:|$)")
_CODE = re.compile(r"\blitellm\b.*\brun_server\b", re.S)
# What gunicorn calls itself where the package setproctitle is installed.
_TITLE = re.compile(r"gunicorn: (master|worker) \[litellm\.proxy\.proxy_server")
# Of the interpreter's own options, those with a value; the last two end them.
_VALUED, _LAST = "WX", "cm"


class Command(TypedDict):
    """What a LiteLLM command line says; ``None`` where it says nothing. ``options``: every other
    option with its values, in order, as the container's command has to repeat them."""

    host: Optional[str]
    port: Optional[int]
    config: Optional[str]
    options: list[str]


class Program(NamedTuple):
    """What a process runs LiteLLM with: its own command or one of the servers. ``words``: what
    follows on the command line. ``anonymous``: no ``script`` runs it (``-m``, ``-c``).
    ``titled``: a title stands where the command line was."""

    name: str
    words: tuple[str, ...]
    anonymous: bool = False
    titled: bool = False
    script: str = ""


def program(argv: list[str]) -> Optional[Program]:
    """What a process runs LiteLLM with, ``None`` for a process that is not LiteLLM itself."""
    if not argv:
        return None
    if _TITLE.match(" ".join(argv)):
        return Program("gunicorn", (), titled=True)
    if not PYTHON.match(os.path.basename(argv[0])):
        return _named(argv[0], argv[1:], False)
    argv = list(argv)
    position, option = _first(argv)
    words = argv[position + 1 :]
    if option == "c":
        runs = position < len(argv) and _CODE.search(argv[position])
        return Program(LITELLM, tuple(words), anonymous=True) if runs else None
    return _named(argv[position], words, option == "m") if position < len(argv) else None


def _named(name: str, words: list[str], anonymous: bool) -> Optional[Program]:
    script = "" if anonymous else name
    name = _HIDDEN.sub(r"\1\2", name)
    if PROGRAM.search(name):
        return Program(LITELLM, tuple(words), anonymous, script=script)
    server = _SERVER.search(name)
    if server and any(_APPLICATION.match(word) for word in words):
        return Program(server[1], tuple(words), anonymous, script=script)
    return None


def _first(argv: list[str]) -> tuple[int, str]:
    """Where the program of an interpreter's command line stands, and which option names it; empty
    for a script. ``-mNAME`` is made two words."""
    position = 1
    while position < len(argv) and argv[position].startswith("-") and argv[position] != "-":
        word = argv[position]
        if word == "--check-hash-based-pycs":
            position += 1
        elif not word.startswith("--"):
            letter = next((each for each in word[1:] if each in _VALUED + _LAST), "")
            joined = bool(letter) and word.index(letter) < len(word) - 1
            if letter and letter in _LAST:
                if joined:
                    argv[position : position + 1] = word.split(letter, 1)
                return position + 1, letter
            position += bool(letter) and not joined
        position += 1
    return position, ""


def is_proxy(argv: list[str]) -> bool:
    """Whether a process is LiteLLM itself, and not a wrapper (a shell, ``conda run``) that has
    started it."""
    return program(argv) is not None


def parse_command(argv: list[str]) -> Command:
    """What a LiteLLM command line says."""
    start = next((i for i, word in enumerate(argv) if PROGRAM.search(word)), 0) + 1
    return parse_words(argv[start:])


def parse_words(words: list[str]) -> Command:
    """What follows LiteLLM's name on a command line."""
    own: dict[str, Optional[str]] = {}
    options: list[str] = []
    for word, values in split(words):
        if word in OWN_OPTIONS:
            key = {"-p": "port", "-c": "config"}.get(word, word.lstrip("-"))
            own[key] = values[0] if values else None
        else:
            options += [word, *values]
    port = own.get("port")
    return {
        "host": own.get("host"),
        "port": int(port) if port and port.isdigit() else None,
        "config": own.get("config"),
        "options": options,
    }


def split(words: list[str]) -> list[tuple[str, list[str]]]:
    """The options of a command line with the words that follow each; ``--name=value`` is
    ``--name value``. What stands before the first one is an option too."""
    parts = [
        part
        for word in words
        for part in (word.split("=", 1) if word.startswith("--") and "=" in word else [word])
    ]
    found: list[tuple[str, list[str]]] = []
    position = 0
    while position < len(parts):
        end = position + 1
        while end < len(parts) and not parts[end].startswith("-"):
            end += 1
        found.append((parts[position], parts[position + 1 : end]))
        position = end
    return found
