"""Whatever opens, runs or writes a file goes through the few modules of ``_host`` that know whom
root may trust; each call outside them stands in a list with its reason.

Read from the syntax trees, so that an alias of a module or an import within a function counts as
well.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PIECE = {
    f"plugins/module_utils/_host/{name}.py" for name in ("account", "files", "paths", "process")
}
MODULES = ("os", "shutil", "subprocess", "tempfile", "tarfile")
CALLS = {
    "open",
    "io.open",
    *(f"os.{name}" for name in ("open", "chmod", "chown", "lchown", "fchmod", "fchown", "replace")),
    *(f"os.{name}" for name in ("rename", "renames", "link", "symlink", "mkdir", "makedirs")),
    *(f"os.{name}" for name in ("truncate", "mkfifo", "mknod", "setxattr", "system", "popen")),
    *(f"os.{name}" for name in ("execv", "execve", "execvp", "execvpe", "posix_spawn", "fork")),
    *(f"subprocess.{name}" for name in ("run", "Popen", "call", "check_call", "check_output")),
    *(f"shutil.{name}" for name in ("copy", "copy2", "copyfile", "copytree", "move", "rmtree")),
    *(f"shutil.{name}" for name in ("chown", "copymode", "copystat", "unpack_archive", "which")),
    *(f"tempfile.{name}" for name in ("mkstemp", "mkdtemp", "NamedTemporaryFile")),
    "tempfile.TemporaryDirectory",
}
# What may stand elsewhere, by file, and why no account can have a hand in it.
ELSEWHERE: dict[str, tuple[str, set[str]]] = {
    "plugins/module_utils/_model_server/bridge.py": (
        "a unit without root's rights becomes systemd's own proxy, by its path below /usr",
        {"os.execv"},
    ),
    "plugins/module_utils/_model_server/gate.py": (
        "a unit without root's rights starts the same proxy on the socket that it was handed",
        {"os.execve", "os.fork"},
    ),
}


def calls(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The calls of a syntax tree that open, run or write a file: line and name."""
    known = {name: name for name in MODULES}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            known |= {item.asname or item.name: item.name for item in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            known |= {item.asname or item.name: f"{node.module}.{item.name}" for item in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            function, words = node.func, []
            while isinstance(function, ast.Attribute):
                words.insert(0, function.attr)
                function = function.value
            if isinstance(function, ast.Name):
                name = ".".join([known.get(function.id, function.id), *words])
                if name in CALLS:
                    yield node.lineno, name


def found() -> dict[str, set[str]]:
    """The names called, by file, outside the piece."""
    result: dict[str, set[str]] = {}
    for path in sorted((ROOT / "plugins").rglob("*.py")):
        name = str(path.relative_to(ROOT))
        if name not in PIECE:
            seen = {call for _line, call in calls(ast.parse(path.read_text(encoding="utf-8")))}
            if seen:
                result[name] = seen
    return result


def test_nothing_opens_runs_or_writes_past_the_piece() -> None:
    assert found() == {name: names for name, (_reason, names) in ELSEWHERE.items()}


@pytest.mark.parametrize(
    "source",
    [
        "open('x')",
        "import os\nos.chmod('x', 1)",
        "import os as system\nsystem.replace('x', 'y')",
        "from subprocess import run as go\ngo(['x'])",
        "def late():\n    import shutil\n    shutil.rmtree('x')",
    ],
)
def test_a_call_is_found_under_any_name(source: str) -> None:
    assert len(list(calls(ast.parse(source)))) == 1


@pytest.mark.parametrize("source", ["files.open('x')", "self.run(['x'])", "os.path.join('x')"])
def test_other_calls_are_none(source: str) -> None:
    assert list(calls(ast.parse(source))) == []
