"""The table at the end."""

from __future__ import annotations

from typing import Any

from attempts import TABLE
from play import ROOT

HEAD = ("attempt", "playbook", "canary", "verdict")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what was tried and what came of it, and keep it."""
    widths = [max(map(len, column)) for column in zip(HEAD, *TABLE, strict=True)]
    lines = [
        "  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip()
        for line in (HEAD, *TABLE)
    ]
    terminalreporter.section("attempts")
    for line in lines:
        terminalreporter.write_line(line)
    (ROOT / "test-output").mkdir(exist_ok=True)
    (ROOT / "test-output/hostile.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
