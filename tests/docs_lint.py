"""Run antsibull-docs' linter on what this checkout ships: ``tests/docs_lint.py``.

It copies the folder that it looks at, so it gets one with what git knows or would add, without the
environments and caches beside. References to other collections may lead to dependencies only: the
linter is shown no others. With all that PyPI's ansible brings it would take minutes, too.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import sanity
import yaml

INSTALLED = Path(sysconfig.get_path("purelib")) / "ansible_collections"
COMMAND = [
    str(Path(sys.executable).parent / "antsibull-docs"),
    "lint-collection-docs",
    "--plugin-docs",
    "--validate-collection-refs=all",
    ".",
]


def main() -> int:
    """Copy, run, clean up; the linter's exit code."""
    galaxy = yaml.safe_load((sanity.ROOT / "galaxy.yml").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory(prefix="llmops-litellm-docs-") as top:
        collections = Path(top) / "ansible_collections"
        for name in galaxy["dependencies"]:
            link = collections.joinpath(*name.split("."))
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(INSTALLED.joinpath(*name.split(".")))
        target = Path(top) / "checkout"
        for name in sanity.project_files():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(sanity.ROOT / name, target / name)
        environment = dict(
            os.environ,
            # it calls ansible-doc by name
            PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            ANSIBLE_COLLECTIONS_PATH=top,
            ANSIBLE_COLLECTIONS_SCAN_SYS_PATH="false",
        )
        return subprocess.run(COMMAND, cwd=target, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
