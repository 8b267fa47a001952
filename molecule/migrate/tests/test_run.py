"""What the runs themselves did.

Check mode nothing, the second one nothing, and the way back is on record.
"""

from __future__ import annotations

import json
from typing import Any

from play import FORWARD, states


def test_check_mode_changed_nothing(host: Any, prepared: dict[str, Any]) -> None:
    checked = json.loads(host.check_output("cat /root/observer/checked.json"))
    assert checked == prepared


def test_host_is_migrated(journal: dict[str, Any]) -> None:
    assert journal["state"] == "migrated"
    assert states(journal, FORWARD) == dict.fromkeys(FORWARD, "done")


def test_backup_is_whole_and_pinned(host: Any, journal: dict[str, Any]) -> None:
    path = next(step["facts"]["path"] for step in journal["steps"] if step["name"] == "backup")
    host.check_output("cd %s && sha256sum --quiet -c SHA256SUMS", path)
    manifest = json.loads(host.file(f"{path}/manifest.json").content_string)
    assert manifest["pinned"]


def test_report_tells_what_a_person_wants_to_know(host: Any, report: dict[str, Any]) -> None:
    text = host.file("/var/lib/llmops-litellm/report.md").content_string
    for wanted in (
        "keys that worked before work now",
        "equal fingerprints",
        "A transitional proxy served meanwhile",
        "How to undo it",
        "litellm-healthcheck.timer",
        "config.compose.yaml line",
    ):
        assert wanted in text
    assert all(proof["ok"] for proof in report["proofs"])
