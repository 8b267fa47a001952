# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The test bed's programs are no packages: they are loaded from their files."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

TESTBED = Path(__file__).resolve().parents[2] / "testbed"


def load(relative: str) -> ModuleType:
    """The module in a file below tests/testbed."""
    path = TESTBED / relative
    name = "testbed_" + path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def chat() -> ModuleType:
    return load("standin/chat.py")


@pytest.fixture(scope="session")
def seed() -> ModuleType:
    return load("legacy/seed.py")


@pytest.fixture(scope="session")
def migrate() -> ModuleType:
    return load("images/litellm/migrate.py")


@pytest.fixture(scope="session")
def generate() -> ModuleType:
    return load("images/litellm/generate.py")


@pytest.fixture(scope="session")
def images() -> Iterator[ModuleType]:
    """images.py, which finds the test bed's other files beside it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TESTBED))
        yield load("images.py")


@pytest.fixture(scope="session")
def migrated() -> Iterator[ModuleType]:
    """migrated.py, which finds the test bed's other files beside it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TESTBED))
        yield load("migrated.py")
