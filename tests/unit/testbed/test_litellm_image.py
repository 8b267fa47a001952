# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pure parts of what builds the test bed's LiteLLM image."""

from __future__ import annotations

import hashlib
import importlib
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCHEMA = """datasource client {
  provider = "postgresql"
  url      = env("DATABASE_URL")
}

generator client {
  provider = "prisma-client-py"
  recursive_type_depth = -1
  binaryTargets = ["native", "linux-musl"]
}

model A { id String @id }
"""


def test_schema_loses_its_binary_targets_and_names_its_interpreter(generate: ModuleType) -> None:
    prepared = generate.prepared(SCHEMA, "/opt/x/bin/python")
    assert "binaryTargets" not in prepared
    assert '  provider = "/opt/x/bin/python -m prisma"\n  recursive_type_depth = -1\n}' in prepared
    assert prepared.count("postgresql") == 1
    assert prepared.endswith("model A { id String @id }\n")


def test_types_are_read_when_one_is_asked_for(
    generate: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = tmp_path / "client_of_test"
    client.mkdir()
    (client / "__init__.py").touch()
    (client / "_types.py").write_text("SortOrder = str\n")
    (client / "types.py").write_text("from ._types import *\nWhere = dict\n")
    generate.defer_types(client)
    monkeypatch.syspath_prepend(tmp_path)
    types = importlib.import_module("client_of_test.types")
    assert types.SortOrder is str
    assert not hasattr(types, "__path__")
    assert "client_of_test.every_type" not in sys.modules
    assert types.Where is dict
    assert "client_of_test.every_type" in sys.modules
    with pytest.raises(AttributeError, match="Nothing"):
        _missing = types.Nothing


@pytest.fixture
def engine(tmp_path: Path) -> Path:
    folder = tmp_path / "engine"
    (folder / "node_modules" / "prisma").mkdir(parents=True)
    (folder / "node_modules" / "@prisma" / "engines").mkdir(parents=True)
    (folder / "node_modules" / "prisma" / "package.json").write_text('{"version": "5.17.0"}')
    (folder / "query-engine").touch()
    (folder / "schema-engine").touch()
    return folder


def test_engines_and_cache_are_linked_again_without_harm(
    generate: ModuleType, engine: Path, tmp_path: Path
) -> None:
    for _attempt in range(2):
        generate.link_engines(engine)
        generate.link_cache(engine, tmp_path / "home")
    cache = (
        tmp_path
        / "home"
        / ".cache"
        / "prisma-python"
        / "binaries"
        / "5.17.0"
        / generate.ENGINE_VERSION
    )
    assert cache.resolve() == engine
    native = engine / "node_modules" / "@prisma" / "engines" / "schema-engine-debian-openssl-3.0.x"
    assert native.resolve() == engine / "schema-engine"


def test_engine_version_is_the_one_that_the_engine_tells(generate: ModuleType) -> None:
    folder = Path(generate.__file__).parent / "query-engine"
    for name in ("query-engine.js", "schema-engine.js"):
        assert generate.ENGINE_VERSION in (folder / name).read_text(encoding="utf-8")


def test_engine_packages_are_pinned_and_locked_without_an_address(generate: ModuleType) -> None:
    folder = Path(generate.__file__).parent / "query-engine"
    package = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    lock = json.loads((folder / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    for name, version in {**package["dependencies"], **package["devDependencies"]}.items():
        assert lock[f"node_modules/{name}"]["version"] == version
    assert not any("resolved" in entry for entry in lock.values())


def test_migrations_are_recorded_around_their_statements(migrate: ModuleType) -> None:
    content = b"CREATE TABLE a();\n-- the end"
    script = migrate.script([("20260101_it's", content), ("20260102_b", b"SELECT 1;")])
    assert (
        script.index("'20260101_it''s'")
        < script.index("CREATE TABLE a()")
        < script.index("UPDATE")
        < script.index("'20260102_b'")
    )
    assert hashlib.sha256(content).hexdigest() in script
    # a file that ends in a comment must not swallow what follows
    assert "-- the end\n;\n" in script
    assert script.count("finished_at = clock_timestamp()") == 2
