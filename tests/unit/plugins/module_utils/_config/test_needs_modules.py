"""A Python module's own files, those that it imports from beside it, and what it needs besides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._config import (
    needs_modules as _needs_modules,
)


def find(tmp_path: Path, files: dict[str, str], *names: str) -> dict[str, Any]:
    for place, text in files.items():
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(text)
    return _needs_modules.find(names, [str(tmp_path)], lambda path: Path(path).read_bytes())


FILES: list[tuple[dict[str, str], str, set[str], list[str]]] = [
    ({"cb.py": "import os, json\n"}, "cb", {"cb.py"}, []),
    ({"cb.py": "import helper\n", "helper.py": ""}, "cb", {"cb.py", "helper.py"}, []),
    (
        {"cb.py": "from lib import limits\n", "lib/__init__.py": "", "lib/limits.py": ""},
        "cb",
        {"cb.py", "lib/__init__.py", "lib/limits.py"},
        [],
    ),
    (
        {
            "h/__init__.py": "",
            "h/a.py": "from . import b\nfrom .c import x\n",
            "h/b.py": "",
            "h/c.py": "",
        },
        "h.a",
        {"h/__init__.py", "h/a.py", "h/b.py", "h/c.py"},
        [],
    ),
    (
        {"cb.py": "import litellm.x\nimport presidio_x\n"},
        "cb",
        {"cb.py"},
        ["litellm", "presidio_x"],
    ),
    ({"cb.py": "try:\n import maybe\nexcept ImportError: pass\n"}, "cb", {"cb.py"}, []),
    ({"a.py": "import b\n", "b.py": "import a\n"}, "a", {"a.py", "b.py"}, []),
    ({}, "installed.hooks", set(), ["installed"]),
]


@pytest.mark.parametrize(("files", "name", "wanted", "imports"), FILES)
def test_files_and_imports(
    tmp_path: Path, files: dict[str, str], name: str, wanted: set[str], imports: list[str]
) -> None:
    found = find(tmp_path, files, name)
    assert set(found["files"]) == wanted
    assert found["imports"] == imports
    assert found["broken"] == []
    assert all(path == str(tmp_path / place) for place, path in found["files"].items())


def test_what_is_no_python_is_said(tmp_path: Path) -> None:
    found = find(tmp_path, {"cb.py": "def (:\n"}, "cb")
    assert found["broken"] == ["%s: SyntaxError" % (tmp_path / "cb.py")]


def test_the_first_folder_counts(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cb.py").write_text("")
    folders = [str(tmp_path / "nosuch"), str(tmp_path / "one"), str(tmp_path / "two")]
    found = _needs_modules.find(["cb"], folders, lambda path: b"")
    assert found["files"] == {"cb.py": str(tmp_path / "one/cb.py")}


def test_more_files_than_anybody_has_end(tmp_path: Path) -> None:
    count = _needs_modules.MOST + 20
    files = {"m%d.py" % number: "import m%d\n" % (number + 1) for number in range(count)}
    assert len(find(tmp_path, files, "m0")["files"]) == _needs_modules.MOST
