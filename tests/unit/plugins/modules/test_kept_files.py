"""The module kept_files: what it keeps, returns and takes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.modules import kept_files


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A folder of units: a file, an odd one, a link, and a folder that matches too."""
    units = tmp_path / "units"
    units.mkdir()
    (units / "ops-backup.timer").write_text("[Timer]\n")
    (units / "ops-odd.service").write_bytes(b"\xff\n")
    (units / "ops-odd.service").chmod(0o640)
    (units / "ops-link.timer").symlink_to("ops-backup.timer")
    (units / "ops-folder").mkdir()
    (units / "other.timer").write_text("theirs")
    return units


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    """Runs the module and returns what it printed."""

    def call(check: bool = False, **params: Any) -> dict[str, Any]:
        return support.run_module(kept_files.main, {**params, "_ansible_check_mode": check}, capsys)

    return call


def test_module_says_the_truth(
    host: Path, tmp_path: Path, run: Callable[..., dict[str, Any]]
) -> None:
    words = {"folder": str(tmp_path / "kept"), "paths": [str(host / "ops-backup*")]}
    names = [str(host / "ops-backup.timer")]
    told = run(check=True, **words)
    assert (told["changed"], told["files"], (tmp_path / "kept").exists()) == (True, names, False)
    assert [run(**words)["changed"] for _time in range(2)] == [True, False]
    assert run(check=True, **words)["changed"] is False
    (host / "ops-backup.timer").write_text("ours")
    (host / "ops-backup.service").write_text("ours")
    told = run(check=True, state="restored", **words)
    assert (told["changed"], told["restored"], told["removed"]) == (
        True,
        names,
        [str(host / "ops-backup.service")],
    )
    assert (host / "ops-backup.timer").read_text() == "ours"
    assert run(state="restored", **words)["changed"] is True
    assert (host / "ops-backup.timer").read_text() == "[Timer]\n"
    assert run(state="restored", **words)["changed"] is False
    failed = run(state="restored", folder=str(tmp_path / "none"), paths=["/none"])
    assert failed["failed"] and "none/manifest.json" in failed["msg"]
