"""The rules as nft reads them; tests/integration/hold has them lead real connections."""

from __future__ import annotations

from typing import Any

import pytest
from unit.support import Programs

from ansible_collections.llmops.litellm.plugins.module_utils._hold import redirect as _redirect
from ansible_collections.llmops.litellm.plugins.module_utils._hold.redirect import (
    Lead,
    RedirectError,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process
from ansible_collections.llmops.litellm.plugins.module_utils._host.process import Result

SYN = "tcp flags & (syn | ack) == syn"


@pytest.mark.parametrize(
    ("address", "rule"),
    [
        ("127.0.0.1", f"ip daddr 127.0.0.1 tcp dport 4000 {SYN} dnat ip to 127.0.0.1:9"),
        ("::1", f"ip6 daddr ::1 tcp dport 4000 {SYN} dnat ip6 to [::1]:9"),
        ("0.0.0.0", f"meta nfproto ipv4 fib daddr type local tcp dport 4000 {SYN} redirect to :9"),
        ("::", f"meta nfproto ipv6 fib daddr type local tcp dport 4000 {SYN} redirect to :9"),
    ],
)
def test_only_what_opens_a_connection_is_led(address: str, rule: str) -> None:
    text = _redirect.table("t", [Lead(address, 4000, 9)])
    assert text.count(f"    {rule}\n") == 2  # of this host, and from others


def test_the_table_takes_the_place_of_the_one_before_at_once() -> None:
    text = _redirect.table("t", [])
    assert text.startswith("table inet t {\n}\ndelete table inet t\ntable inet t {\n")
    assert text.count("priority -110") == 2 and "skuid" not in text and "dport" not in text


def test_ours_and_the_spared_come_before_those_who_are_led() -> None:
    local, others = _redirect.table("t", [Lead("::1", 4000, 9)], [0, 7]).split("chain prerouting")
    assert local.index("skuid 0 accept") < local.index("dport")
    assert local.index("skuid 7 accept") < local.index("dport")
    assert local.index("meta mark 0x6c6c6d68 accept") < local.index("dport")
    # accounts are those of this host
    assert others.index("meta mark 0x6c6c6d68 accept") < others.index("dport")
    assert "skuid" not in others


@pytest.fixture
def nft(monkeypatch: pytest.MonkeyPatch) -> Programs:
    made = Programs()
    monkeypatch.setattr(_process, "run", made)
    return made


def test_trying_changes_nothing(nft: Programs) -> None:
    assert _redirect.obstacle([Lead("::1", 4000, 9)]) == ""
    assert nft.seen == ["nft --check -f -"]


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (Result(127, "", "nft: not found"), "nft is not installed (package nftables)"),
        (Result(1, "", "\nError: Operation not permitted\nmore\n"), ""),
        (Result(1, "on its output\n", ""), "nft refused: on its output"),
        (Result(3, "", ""), "nft refused: exit code 3"),
    ],
)
def test_why_it_is_refused_is_told(nft: Programs, told: Any, reason: str) -> None:
    nft.answers["nft"] = told
    reason = reason or "nft refused: Error: Operation not permitted"
    assert _redirect.obstacle([]) == reason
    for change in (lambda: _redirect.put("t", []), lambda: _redirect.remove("t")):
        with pytest.raises(RedirectError) as error:
            change()
        assert str(error.value) == reason
    assert not _redirect.there("t")


def test_a_table_is_looked_for_by_its_name(nft: Programs) -> None:
    assert _redirect.there("t")
    assert nft.seen == ["nft list table inet t"]
