"""Refusals are true: none on a host on which it would be wrong, and none that advises to take away
what is not proved to be nobody's.

The hosts are those of people who run LiteLLM; what each check finds wrong is tested beside it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._host.images import Image
from ansible_collections.llmops.litellm.plugins.module_utils._migration import finalize as _finalize
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    neighbours as _neighbours,
)
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    requirements as _requirements,
)

ROOT = Path(__file__).resolve().parents[2]
STRONG = "sk-9f3Kq7Lz2Xw8Vb4N"
AMD64 = Image("r", True, ("linux/arm64", "linux/amd64"), {}, {}, 0, "")
CHECKS: dict[str, Callable[[], list[Any]]] = {
    "master key in the configuration alone": lambda: _requirements.check_keys(
        {}, ["LITELLM_MASTER_KEY"], []
    ),
    "key with a word of a placeholder inside": lambda: _requirements.check_keys(
        {"LITELLM_MASTER_KEY": STRONG, "LITELLM_SALT_KEY": STRONG}, [], []
    ),
    "salt key that is weak and accepted": lambda: _requirements.check_keys(
        {"LITELLM_MASTER_KEY": STRONG, "LITELLM_SALT_KEY": "salt"}, [], ["LITELLM_SALT_KEY"]
    ),
    "no stored model that could prove a salt key": lambda: _requirements.check_salt(None, 3),
    "variable of the operator's that is no secret": lambda: _requirements.check_overrides(
        {"LITELLM_LOG": "admin"}
    ),
    "port that nobody holds": lambda: _requirements.check_ports(
        [_requirements.Port("redis", 6379, "the legacy redis-server", "", False)]
    ),
    "image for several platforms": lambda: _requirements.check_image("x", AMD64, "linux/amd64"),
    "release with another spelling": lambda: _requirements.check_release("x", "v1.98.0", "1.98.0"),
    "release that is not known on the host": lambda: _requirements.check_release(
        "x", "1.98.0", None
    ),
    "release that the image does not say": lambda: _requirements.check_release("x", None, "1.98.0"),
    "schema without a ledger": lambda: _requirements.check_migrations("x", ["a"], None),
    "database that is ahead of the image": lambda: _requirements.check_migrations(
        "x", ["a"], ["a", "b"]
    ),
    "sitecustomize of the operator's": lambda: _requirements.check_traces(
        "1.98.0", ["/v/sitecustomize.py"]
    ),
    "disk with exactly enough": lambda: _requirements.check_disk(
        [("/a", 1, 5, 10), ("/b", 1, 5, 10)]
    ),
    "volume and container of our own": lambda: _requirements.check_names({"v": True}, {"c": True}),
    "network beside ours": lambda: _requirements.check_subnet(
        "x", "172.30.40.0/24", [("172.30.41.0/24", "network other"), ("172.30.0.0/19", "vpn")]
    ),
    "neighbour that is accepted": lambda: _neighbours.check(
        [_neighbours.Use("database reports", "is there")], ["reports"]
    ),
    "nobody beside the proxy": lambda: _neighbours.check([], []),
    "legacy unit that is down": lambda: _finalize.check_units(
        [{"name": "redis-server.service", "active": state} for state in ("inactive", "failed")]
    ),
    "room for the last backup": lambda: _finalize.check_room("/b", 10, 10),
}
# Advice to take something away, by a piece of it, and whose that is.
TAKES = re.compile(r"\b(stop|drop|kill|end them|remove|rm|restart|disable|uninstall)\b", re.I)
OWN = {
    "restart the proxy": "the proxy that is migrated",
    "restart the unit": "the proxy's own",
    "EnvironmentFile= of the unit, restart it": "the same",
    "give the proxy a login that works, which may read all keys, and restart it": "the same",
    "as at every restart so far": "no advice",
    "git rm --cached": "a file of our own project folder, which stays on the disk",
    "docker volume rm %s": "our own volume, whose rows the journal names",
    "remove its files by hand": "a unit of the legacy deployment, once that is finalized",
    "drop what is not needed": "what only the database's owner knows the need of",
    "drop it where it is not needed": "an extension of LiteLLM's own database",
}


@pytest.mark.parametrize("name", CHECKS)
def test_nothing_is_refused_where_nothing_is_wrong(name: str) -> None:
    assert CHECKS[name]() == []


def advice(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """What problems of a module say that there is to do: line and words."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and len(node.args) == 3:
            called = node.func
            name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
            if name in ("Problem", "refuse", "warn", "Use"):
                texts = [part for part in ast.walk(node.args[2]) if isinstance(part, ast.Constant)]
                yield node.lineno, " ".join(str(part.value) for part in texts)


def test_advice_takes_nothing_away_that_may_be_somebodys() -> None:
    found = []
    for path in sorted((ROOT / "plugins/module_utils").rglob("*.py")):
        for line, text in advice(ast.parse(path.read_text(encoding="utf-8"))):
            if TAKES.search(text) and not any(piece in text for piece in OWN):
                found.append("%s:%d: %s" % (path.relative_to(ROOT), line, text))
    assert found == []


def test_advice_is_found_in_every_way_in_which_it_is_given() -> None:
    text = (
        'Problem("a", "b", "stop it" if x else "see")\n'
        'found.refuse("a", "b", "drop %s" % name)\nfound.warn("a", f"stop {x}", "wait")\n'
    )
    told = [(line, bool(TAKES.search(words))) for line, words in advice(ast.parse(text))]
    assert told == [(1, True), (2, True), (3, False)]
