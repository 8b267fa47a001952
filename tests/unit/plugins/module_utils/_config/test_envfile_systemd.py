"""Env files as systemd reads them: what it drops, and where."""

from __future__ import annotations

from ansible_collections.llmops.litellm.plugins.module_utils._config import envfile as _envfile


def test_what_systemd_drops() -> None:
    text = "A=1\nexport B=hunter2\nMY-C=x\n2D=x\nBARE\nE: x\nexport F\n# c\n\nG='1\n2'\nhunter2/+x==\n=x\n"
    found = _envfile.dropped(text)
    assert [(item.line, item.name) for item in found] == [
        (2, "B"),
        (3, "MY-C"),
        (4, "2D"),
        (5, ""),
        (6, "E"),
        (7, "F"),
        (12, ""),
        (13, ""),
    ]
    assert "`export`" in found[0].reason
    assert "hunter2" not in str(found)


def test_a_byte_order_mark_costs_the_first_variable() -> None:
    found = _envfile.dropped("\ufeffA=1\nB=2\n")
    assert [(item.line, item.name) for item in found] == [(1, "A")]
    assert "byte order mark" in found[0].reason
