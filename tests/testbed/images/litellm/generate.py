# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generate LiteLLM's Prisma client without Prisma's native binaries.

Run once with the environment's own Python (`VENV/bin/python generate.py --engine DIR`) after `pip install
litellm[proxy] prisma` and `npm ci` in DIR. The path of the engine is written into the generated client, so nothing has
to be set when the proxy starts. Needs no network and no home directory.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ENGINE_VERSION = "393aa359c9ad4a4bb28630fb5613f9c281cde053"  # the engines of Prisma 5.17.0


def package_folder(name: str) -> Path:
    """Folder of an installed package, found without importing it.

    Raises SystemExit when it is not installed.
    """
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{name} is not installed in {sys.prefix}")
    return Path(next(iter(spec.submodule_search_locations)))


def prepared(schema: str, python: str) -> str:
    """LiteLLM's schema, ready for a generation here.

    The `binaryTargets` line goes, since it makes Prisma download native engines. The generator is named by its
    interpreter, since the `prisma-client-py` script's first line is wrong in an environment that was moved.
    """
    schema = re.sub(r"^\s*binaryTargets\s*=.*\n", "", schema, flags=re.MULTILINE)
    return schema.replace('provider = "prisma-client-py"', f'provider = "{python} -m prisma"')


def link_engines(engine: Path) -> None:
    """Put the stand-ins where Prisma's command line looks for native engines, so that it downloads none."""
    for target in ("debian-openssl-3.0.x", "linux-arm64-openssl-3.0.x"):
        for name in ("query-engine", "schema-engine"):
            link = engine / "node_modules" / "@prisma" / "engines" / f"{name}-{target}"
            link.unlink(missing_ok=True)
            link.symlink_to(engine / name)


def link_cache(engine: Path, home: Path) -> None:
    """Make the Python wrapper find the command line under a home directory, where it would install it with npm."""
    version = json.loads((engine / "node_modules" / "prisma" / "package.json").read_text(encoding="utf-8"))["version"]
    link = home / ".cache" / "prisma-python" / "binaries" / version / ENGINE_VERSION
    if link.is_symlink() or link.exists():
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(engine)


def generate(engine: Path, schema: Path) -> None:
    """Run `prisma generate` of the engine folder on a schema file. Raises CalledProcessError."""
    environment = {
        **os.environ,
        "PRISMA_QUERY_ENGINE_BINARY": str(engine / "query-engine"),
        "PRISMA_SCHEMA_ENGINE_BINARY": str(engine / "schema-engine"),
        "PRISMA_CLI_QUERY_ENGINE_TYPE": "binary",
        "PRISMA_HIDE_UPDATE_MESSAGE": "true",
        "CHECKPOINT_DISABLE": "1",
    }
    environment.setdefault("HOME", str(schema.parent))
    node = shutil.which("node")
    if node is None:
        raise SystemExit("node is not on PATH")
    cli = engine / "node_modules" / "prisma" / "build" / "index.js"
    subprocess.run([node, str(cli), "generate", f"--schema={schema}"], env=environment, check=True)


LAZY = '''"""The generated types, read once somebody asks for one: they only describe arguments, and take 3.5 s of processor."""

from ._types import *


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    from . import every_type

    return getattr(every_type, name)
'''


def defer_types(client: Path) -> None:
    """Let the generated client read its 7 MB of type descriptions only when one is asked for.

    Type checkers want them. The proxy and Prisma's command line, which both start with every proxy, never do.
    """
    (client / "types.py").rename(client / "every_type.py")
    (client / "types.py").write_text(LAZY, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", type=Path, default=Path(__file__).resolve().parent / "query-engine",
                        help="folder of the engine stand-in, where it will stay")
    parser.add_argument("--home", type=Path, action="append", default=[],
                        help="home directory of an account that runs the proxy (again for each; owner stays to be set)")
    arguments = parser.parse_args()
    engine = arguments.engine.resolve()
    source = package_folder("litellm") / "proxy" / "schema.prisma"
    with tempfile.TemporaryDirectory() as folder:
        schema = Path(folder) / "schema.prisma"
        schema.write_text(prepared(source.read_text(encoding="utf-8"), sys.executable), encoding="utf-8")
        link_engines(engine)
        generate(engine, schema)
    defer_types(package_folder("prisma"))
    for home in arguments.home:
        link_cache(engine, home)
    return 0


if __name__ == "__main__":
    sys.exit(main())
