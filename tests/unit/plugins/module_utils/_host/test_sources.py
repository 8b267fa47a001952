"""This collection's code as files, and that a Python without Ansible can run them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from ansible_collections.llmops.litellm.plugins.module_utils._host import sources as _sources
from ansible_collections.llmops.litellm.plugins.module_utils._host import systemd as _systemd

UTILS = "ansible_collections.llmops.litellm.plugins.module_utils"


def test_what_is_loaded_is_found_word_for_word() -> None:
    found = _sources.loaded()
    assert found["_host/sources.py"] == Path(_sources.__file__).read_bytes()
    assert found["_host/systemd.py"] == Path(_systemd.__file__).read_bytes()
    assert found["__init__.py"] == found["_host/__init__.py"] == b""


def test_only_these_packages_are_taken() -> None:
    """And what is not loaded is not."""
    code = (
        f"import json; from {UTILS}._hold import program; from {UTILS}._config import envfile\n"
        f"from {UTILS}._host import sources\n"
        "print(json.dumps([sorted(sources.loaded()), sorted(sources.loaded(['_hold', '_host']))]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    every, some = json.loads(done.stdout)
    assert "_config/envfile.py" in every
    assert [name for name in every if not name.startswith("_config/")] == some
    assert {"__init__.py", "_hold/__init__.py", "_hold/relay.py", "_host/process.py"} <= set(some)
    assert "_hold/hold.py" not in some


def test_files_of_a_program_are_all_that_it_needs(tmp_path: Path) -> None:
    code = (
        f"import json; from {UTILS}._hold import program; from {UTILS}._host import sources\n"
        "files = sources.loaded(['_hold', '_host'])\n"
        "print(json.dumps({name: text.decode() for name, text in files.items()}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    for name, text in json.loads(done.stdout).items():
        path = tmp_path / _sources.PACKAGE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    runs = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n" + (
        f"from {_sources.PACKAGE}._hold.program import main; main(['--help'])"
    )
    done = subprocess.run([_sources.PYTHON, "-IBc", runs], capture_output=True, check=True)
    assert b"--limit" in done.stdout
