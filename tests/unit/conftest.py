"""What every unit test has: how long properties are searched, and a host that has no programs."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# A pass before every commit looks at few examples; `HYPOTHESIS_PROFILE=thorough` looks for longer,
# after a change to a parser or a rule. A loaded machine is no fault of a test: no deadlines.
CALM = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("quick", max_examples=30, **CALM)
settings.register_profile("thorough", max_examples=400, **CALM)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.fixture
def bare_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host with Python and no other program, whatever the machine has that runs the test."""
    real = subprocess.run

    def run(argv: list[str], check: bool = False, **options: Any) -> Any:
        if argv[0] in ("python3", "/usr/bin/python3", sys.executable):
            return real(argv, check=check, **options)
        raise FileNotFoundError(2, "No such file or directory", argv[0])

    monkeypatch.setattr(subprocess, "run", run)


@pytest.fixture(autouse=True, scope="session")
def _folder_of_this_run() -> Iterator[None]:
    """Every run begins by closing pytest's common folder to other accounts, with all that a test of
    another run has opened to them."""
    with tempfile.TemporaryDirectory(prefix="llmops-unit-") as folder:
        os.chmod(folder, 0o711)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PYTEST_DEBUG_TEMPROOT", folder)
            yield


@pytest.fixture(autouse=True, scope="session")
def _no_waiting_for_the_disk() -> Iterator[None]:
    """No test cuts the power: what one writes need not be on the disk before the next begins."""
    real = os.fsync
    os.fsync = lambda descriptor: os.fstat(descriptor) and None  # a closed one still fails
    yield
    os.fsync = real
