"""Whether something is refused on its way in."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._host import (
    packet_filter as _packet_filter,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process
from ansible_collections.llmops.litellm.plugins.module_utils._host.process import Result

DOCKER = """table ip filter {
    chain DOCKER {
        ip daddr != 172.17.0.2 iifname != "docker0" drop
    }

    chain FORWARD {
        type filter hook forward priority filter; policy drop;
        jump DOCKER
    }
}
"""
OPEN = """table inet filter {
    chain input {
        type filter hook input priority filter; policy accept;
        tcp dport 22 accept
    }
}
"""
NAT = """table ip nat {
    chain PREROUTING {
        type nat hook prerouting priority dstnat; policy accept;
    }
}
"""
FURTHER = """table ip filter {
    chain ufw-reject {
        meta l4proto tcp counter packets 0 bytes 0 reject
    }
    chain INPUT {
        type filter hook input priority filter; policy accept;
        counter packets 9 bytes 700 jump ufw-before
    }
    chain ufw-before {
        goto ufw-reject
    }
}
"""


@pytest.mark.parametrize(
    ("ruleset", "refuses"),
    [
        ("", False),
        (DOCKER + OPEN + NAT, False),
        (OPEN.replace("policy accept", "policy drop"), True),
        (OPEN.replace("tcp dport 22 accept", 'iifname "eth0" reject with tcp reset'), True),
        (FURTHER, True),
        (FURTHER.replace("goto ufw-reject", "accept"), False),
    ],
)
def test_refuses_what_arrives_and_not_what_passes(ruleset: str, refuses: bool) -> None:
    assert _packet_filter.parse(ruleset) is refuses


@pytest.mark.parametrize(
    ("old", "answer", "refuses"),
    [
        (None, Result(0, OPEN, ""), False),
        ("nat\nmangle\n", Result(0, OPEN, ""), False),
        ("nat\nfilter\n", Result(0, OPEN, ""), True),
        (None, Result(127, "", "not found"), True),
    ],
)
def test_what_nobody_tells_may_refuse(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    old: "str | None",
    answer: Result,
    refuses: bool,
) -> None:
    if old is not None:
        (tmp_path / "names").write_text(old)
    monkeypatch.setattr(_packet_filter, "OLD_TABLES", (str(tmp_path / "names"),))
    monkeypatch.setattr(_process, "run", lambda words: answer)
    assert _packet_filter.refuses_some() is refuses
