"""Which way the cutover goes, and what stands against a live one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from legacy_host import SECRET, URL, deployment, settings, texts

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    journal_shape as _journal_shape,
)
from ansible_collections.llmops.litellm.plugins.module_utils._hold import hold as _hold
from ansible_collections.llmops.litellm.plugins.module_utils._host import (
    packet_filter as _packet_filter,
)
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    preflight_cutover as _preflight_cutover,
)
from ansible_collections.llmops.litellm.plugins.module_utils._migration.preflight_findings import (
    Findings,
)

IMAGES = {"pgbouncer": "pgbouncer@sha256:1"}


class Host:
    """A host on which nothing stands against a live cutover."""

    def __init__(self) -> None:
        self.obstacles = ("", "")
        self.filtered = False
        self.free = 4 << 30
        self.url = URL
        self.facts: dict[str, Any] = {
            "places": {"database": "here", "redis": "here"},
            "redis": {"holds_spend": False},
            "address": {"legacy": ["127.0.0.1"], "tls": False},
        }

    def check(self, tmp_path: Path, **given: Any) -> Findings:
        legacy = deployment({"DATABASE_URL": self.url})
        facts: Any = {"legacy": legacy.facts, **self.facts}
        chosen = settings(tmp_path, **{"images": IMAGES, **given})
        return _preflight_cutover.check_cutover(legacy, chosen, facts)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host()
    monkeypatch.setattr(_hold, "obstacles", lambda port, addresses: made.obstacles)
    monkeypatch.setattr(_packet_filter, "refuses_some", lambda: made.filtered)
    monkeypatch.setattr(_preflight_cutover, "available", lambda: made.free)
    monkeypatch.setattr(_preflight_cutover, "resident", lambda pid: 1 << 30 if pid == 271 else 0)
    return made


def test_goes_live_where_nothing_stands_against_it(host: Host, tmp_path: Path) -> None:
    for chosen in ("auto", "live"):
        found = host.check(tmp_path, cutover=chosen)
        assert found == Findings({"cutover": {"way": "live", "reasons": []}})
        assert _journal_shape.odd_facts({"found": found.facts}) == []


def test_nothing_is_looked_at_where_the_operator_wants_a_stop(host: Host, tmp_path: Path) -> None:
    host.obstacles = ("no nft", "")
    found = host.check(tmp_path, cutover="stop")
    assert found == Findings({"cutover": {"way": "stop", "reasons": []}})


def facts(**others: Any) -> Any:
    """A host with other facts."""

    def change(host: Host) -> None:
        host.facts.update(others)

    return change


def has(**others: Any) -> Any:
    """A host of which something is otherwise."""
    return lambda host: vars(host).update(others)


MANY = {"legacy": ["127.0.0.1", "10.0.0.5"], "tls": False}
OUTSIDE = {"legacy": ["0.0.0.0"], "tls": False}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (facts(places={"database": "elsewhere", "redis": "here"}), "database is not moved"),
        (facts(places={"database": "nowhere", "redis": "here"}), "database is not moved"),
        (facts(redis={"holds_spend": True}), "use_redis_transaction_buffer keeps spend in Redis"),
        (has(obstacles=("nft is not installed", "")), "another proxy: nft is not installed"),
        (has(obstacles=("", "an old kernel")), "another proxy: an old kernel"),
        (facts(address={"legacy": ["127.0.0.1"], "tls": True}), "LiteLLM itself encrypts"),
        (facts(address=MANY), "--host names 127.0.0.1, 10.0.0.5"),
        (has(free=1 << 30), "memory 1.0 GiB are free, and another proxy takes about 1.2 GiB"),
        (has(url=URL.replace("127.0.0.1", "10.0.0.9")), "by a loopback address"),
        (has(url=URL.replace(":" + SECRET, "")), "with a role and its password"),
        (has(url=URL + "?host=/run/postgresql"), "by a loopback address"),
        (has(url=URL + "?sslmode=verify-full"), "asks for a certificate"),
    ],
)
def test_says_what_stands_against_it(host: Host, tmp_path: Path, change: Any, said: str) -> None:
    change(host)
    found = host.check(tmp_path)
    assert found.facts["cutover"]["way"] == "stop"
    [reason] = found.facts["cutover"]["reasons"]
    assert said in reason and found.problems == []
    assert "litellm_cutover: stop takes the way" in texts(found.warnings)
    assert SECRET not in texts(found.warnings)
    refused = host.check(tmp_path, cutover="live")
    assert refused.problems == found.warnings and refused.warnings == []


def test_needs_an_image_of_the_pooler(host: Host, tmp_path: Path) -> None:
    found = host.check(tmp_path, images={"litellm": "x"})
    assert "litellm_images.pgbouncer is not given" in found.facts["cutover"]["reasons"][0]


def test_filter_matters_only_to_those_who_come_from_outside(host: Host, tmp_path: Path) -> None:
    host.filtered = True
    assert host.check(tmp_path).facts["cutover"]["way"] == "live"
    host.facts["address"] = OUTSIDE
    assert "packet filter" in host.check(tmp_path).facts["cutover"]["reasons"][0]
    host.filtered = False
    assert host.check(tmp_path).facts["cutover"]["way"] == "live"


def process(proc: Path, pid: int, parent: int, kilobytes: int) -> None:
    folder = proc / str(pid)
    folder.mkdir(parents=True)
    (folder / "status").write_text(f"Name:\tx\nPPid:\t{parent}\nVmRSS:\t{kilobytes} kB\n")


def test_memory_is_that_of_the_proxy_and_what_it_has_started(tmp_path: Path) -> None:
    for pid, parent, kilobytes in ((271, 1, 100), (280, 271, 20), (281, 280, 3), (300, 1, 999)):
        process(tmp_path, pid, parent, kilobytes)
    (tmp_path / "self").mkdir()
    assert _preflight_cutover.resident(271, str(tmp_path)) == 123 * 1024


@pytest.mark.parametrize(
    ("text", "free"),
    [("MemFree: 1 kB\nMemAvailable:    2048 kB\n", 2 << 20), ("MemFree: 1 kB", None)],
)
def test_free_memory_is_what_programs_may_take(
    tmp_path: Path, text: str, free: "int | None"
) -> None:
    (tmp_path / "meminfo").write_text(text)
    assert _preflight_cutover.available(str(tmp_path / "meminfo")) == free


def test_host_that_does_not_say_has_enough(host: Host, tmp_path: Path) -> None:
    host.free = None  # type: ignore[assignment]
    assert host.check(tmp_path).facts["cutover"]["way"] == "live"
