# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What gunicorn reads beside its command line: ``gunicorn.conf.py`` of the folder that it runs in,
or the file that ``-c`` names. It is a program; what it sets plainly is read, and nothing of it run.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

DEFAULT = "gunicorn.conf.py"
_FILE, _MODULE = "file:", "python:"
# Settings by their options.
_WORDS = {
    "bind": "--bind",
    "workers": "--workers",
    "keyfile": "--keyfile",
    "certfile": "--certfile",
    "ciphers": "--ciphers",
    "keepalive": "--keep-alive",
    "max_requests": "--max-requests",
    "max_requests_jitter": "--max-requests-jitter",
}
# Those that only somebody who runs the file could tell, and that have to be known.
_TLS, _VARIABLES = ("certfile", "keyfile"), "raw_env"
# What the container has not, by whatever it is set; a name that is in neither list is the file's
# own, or of no effect on what clients or LiteLLM see.
_LEFT = frozenset(
    """timeout graceful_timeout threads worker_connections limit_request_line limit_request_fields
    limit_request_field_size forwarded_allow_ips secure_scheme_headers proxy_protocol
    proxy_allow_ips ssl_version cert_reqs ca_certs statsd_host statsd_prefix logconfig
    logconfig_dict pythonpath on_starting on_reload when_ready pre_fork post_fork post_worker_init
    worker_int worker_abort pre_exec pre_request post_request child_exit worker_exit
    nworkers_changed on_exit ssl_context""".split()
)


class Read(NamedTuple):
    """A file's settings: ``words`` as on a command line; ``left``: names of what the container has
    not; ``variables`` that it sets in LiteLLM's environment, ``computed``: names of what has to be
    known and is not written there."""

    words: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    computed: tuple[str, ...] = ()


def place(named: str, folder: str) -> str:
    """The path of the file, by what ``-c`` names; empty for a module.

    :param folder: in which gunicorn runs.
    """
    if named.startswith(_MODULE):
        return ""
    return os.path.join(folder, named[len(_FILE) :] if named.startswith(_FILE) else named)


def parse(text: str) -> Read:
    """The settings of a file.

    :raises ValueError: it is no Python.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError("is no Python") from None
    known: dict[str, Any] = {}
    for name, value in _assigned(tree.body):
        known.pop(name, None)
        known[name] = value
    words: list[str] = []
    computed = []
    for name, value in known.items():
        plain = _plain(value)
        if name in _WORDS and plain:
            words += [_WORDS[name], plain]
        elif name in _TLS and value is _UNKNOWN:
            computed.append(name)
    raw = known.get(_VARIABLES, [])
    if not (isinstance(raw, (list, tuple)) and all(isinstance(each, str) for each in raw)):
        computed.append(_VARIABLES)
        raw = []
    left = [
        name
        for name, value in known.items()
        if name in _LEFT or (value is _UNKNOWN and name in _WORDS and name not in _TLS)
    ]
    return Read(
        tuple(words),
        tuple(left),
        tuple(each.partition("=")[0] for each in raw),
        tuple(computed),
    )


_UNKNOWN = object()


def _assigned(body: list[ast.stmt]) -> Iterator[tuple[str, Any]]:
    """Names of a module with their values, in order; :data:`_UNKNOWN` for what only a run tells."""
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, _UNKNOWN
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if all(isinstance(target, ast.Name) for target in targets):
                value = _literal(node.value)
                yield from ((target.id, value) for target in targets)  # type: ignore[attr-defined]
            else:
                yield from _stored(node)
        elif not isinstance(node, (ast.Import, ast.ImportFrom, ast.ClassDef)):
            yield from _stored(node)


def _stored(node: ast.AST) -> Iterator[tuple[str, Any]]:
    for each in ast.walk(node):
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
            yield each.id, _UNKNOWN


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return _UNKNOWN


def _plain(value: Any) -> str:
    """A value as a word of a command line, of several addresses the first; empty without one."""
    if isinstance(value, (list, tuple)):
        value = value[0] if value else ""
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
