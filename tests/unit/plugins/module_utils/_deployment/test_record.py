"""The record of a deploy: what it holds, whose it is, and what it adds to a journal."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import journal as _journal
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import record as _record
from ansible_collections.llmops.litellm.plugins.module_utils._deployment.journal import JournalError

NOW = datetime(2026, 12, 1, 3, 0, tzinfo=timezone.utc)
OWNER = {"controller": "desk", "run": "7:100"}
HERE = {**OWNER, "alive": ["7:100"]}
IMAGES = {"litellm": {"reference": "litellm@sha256:1"}}


def test_a_record_is_whole_and_roots_alone(tmp_path: Path) -> None:
    record = _record.begin(None, OWNER, NOW)
    _record.save(str(tmp_path), record, NOW)
    assert _record.load(str(tmp_path)) == record
    assert (tmp_path / "deployment.json").stat().st_mode & 0o777 == 0o600
    assert (record["state"], record["step"], record["ended"]) == ("running", "prepare", None)


def test_without_one(tmp_path: Path) -> None:
    assert _record.load(str(tmp_path)) is None
    assert _record.unfinished(str(tmp_path)) == ""


@pytest.mark.parametrize(
    "wrong",
    [
        {"format": 2},
        {"state": "odd"},
        {"step": "odd"},
        {"owner": []},
        {"facts": None},
        {"begun": 1},
        {"ended": 1},
    ],
)
def test_nothing_is_guessed_from_a_damaged_one(tmp_path: Path, wrong: dict[str, Any]) -> None:
    record = {**_record.begin(None, OWNER, NOW), **wrong}
    (tmp_path / "deployment.json").write_text(json.dumps(record))
    with pytest.raises(JournalError, match="is not what this release writes"):
        _record.load(str(tmp_path))


@pytest.mark.parametrize("text", ["", "{", "[" * 100000])
def test_one_that_is_no_json(tmp_path: Path, text: str) -> None:
    (tmp_path / "deployment.json").write_text(text)
    with pytest.raises(JournalError):
        _record.load(str(tmp_path))


def test_a_run_that_was_killed_is_gone_on_with() -> None:
    first = _record.begin(None, OWNER, NOW)
    first["step"], first["facts"] = _record.SWAP, {"images": IMAGES}
    other = {"controller": "desk", "run": "8:200"}
    second = _record.begin(first, other, NOW)
    assert (second["step"], second["owner"]) == (_record.SWAP, other)
    assert second["facts"] == {"images": IMAGES}
    second["state"] = _record.DEPLOYED
    third = _record.begin(second, other, NOW)
    assert third["step"] == _record.PREPARE and third["facts"] == {"images": IMAGES}


@pytest.mark.parametrize(
    ("owner", "state", "silent", "refused"),
    [
        (OWNER, "running", 0, False),  # our own
        ({**OWNER, "run": "9:9"}, "running", 0, False),  # dead: not among those alive
        ({"controller": "other", "run": "1:1"}, "running", 10, True),
        ({"controller": "other", "run": "1:1"}, "running", 8000, False),
        ({"controller": "other", "run": "1:1"}, "deployed", 10, False),
    ],
)
def test_who_else_is_at_work(owner: dict[str, str], state: str, silent: int, refused: bool) -> None:
    record = _record.begin(None, owner, NOW)
    record["state"] = state
    told = _record.refusal(record, HERE, NOW + timedelta(seconds=silent), 7200)
    assert bool(told) == refused
    assert not refused or "controller other deploys on this host" in told
    assert _record.refusal(None, HERE, NOW, 7200) == ""


def test_one_that_was_killed_has_to_be_ended(tmp_path: Path) -> None:
    record = _record.begin(None, OWNER, NOW)
    _record.save(str(tmp_path), record, NOW)
    assert "deploy.yml ends it" in _record.unfinished(str(tmp_path))
    record["state"] = _record.FAILED
    _record.save(str(tmp_path), record, NOW)
    assert _record.unfinished(str(tmp_path)) == ""


def told(state: str, **facts: Any) -> dict[str, Any]:
    journal = {"created": "2026-11-01T00:00:00.000000+00:00", "facts": facts}
    return {"state": state, "journal": {} if state == "none" else journal}


def test_images_are_those_that_were_deployed_last() -> None:
    before = told("migrated", images={"litellm": {"reference": "old"}})
    assert _record.described(before, None)["images"] == {"litellm": {"reference": "old"}}
    record = _record.begin(None, OWNER, NOW)
    assert _record.described(before, record)["images"] == {"litellm": {"reference": "old"}}
    record["facts"] = {"images": IMAGES}
    found = _record.described(before, record)
    assert (found["images"], found["state"]) == (IMAGES, "migrated")
    assert found["deployment"]["owner"] == OWNER
    # of a deployment that was rolled back, and migrated anew since
    record["begun"] = "2026-10-01T00:00:00.000000+00:00"
    found = _record.described(before, record)
    assert found["images"] == {"litellm": {"reference": "old"}} and found["deployment"] == {}


def test_a_host_on_which_nothing_is_migrated_is_deployed() -> None:
    record = _record.begin(None, OWNER, NOW)
    assert _record.described(told("none"), record)["state"] == "none"
    record["facts"] = {"found": {"project_dir": "/opt/litellm"}}
    found = _record.described(told("none"), record)
    assert found["state"] == "deployed"
    assert found["journal"]["facts"]["found"] == {"project_dir": "/opt/litellm"}
    assert _record.described(told("finalized"), record)["state"] == "finalized"


FOUND = {"project_dir": "/opt/litellm", "legacy": {"unit": {"name": ""}, "port": 4000}}


def ended(state: str, created: datetime = NOW) -> Any:
    return {"state": state, "created": _journal.stamp(created), "facts": {"found": {"of": "it"}}}


@pytest.mark.parametrize(
    ("journal", "found", "made"),
    [
        (None, FOUND, True),
        (None, None, False),
        (ended("rolled back", NOW - timedelta(hours=1)), FOUND, True),
        (ended("untouched", NOW - timedelta(hours=1)), FOUND, True),
        (ended("migrated", NOW - timedelta(hours=1)), FOUND, False),
        (ended("running", NOW - timedelta(hours=1)), FOUND, False),
        # it is from before that migration
        (ended("rolled back", NOW + timedelta(hours=1)), FOUND, False),
    ],
)
def test_whose_deployment_serves(tmp_path: Path, journal: Any, found: Any, made: bool) -> None:
    record = _record.begin(None, OWNER, NOW)
    record["facts"] = {"found": found} if found else {}
    assert bool(_record.made(journal, record)) is made
    told = _record.remembered(journal, record)
    assert told.get("found") == (
        found if made else (journal or {"facts": {}})["facts"].get("found")
    )
    if made:
        assert _record.serving(journal, record, str(tmp_path)) == "compose"


def test_host_without_a_record(tmp_path: Path) -> None:
    assert _record.made(None, None) == {}
    assert _record.remembered(None, None) == {}
    assert _record.serving(None, None, str(tmp_path)) == "legacy"
    (tmp_path / "compose.yaml").touch()
    assert _record.serving(None, None, str(tmp_path)) == "compose"


def test_legacy_deployment_serves_where_a_migration_was_rolled_back(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").touch()
    before = _record.begin(None, OWNER, NOW)
    before["facts"] = {"found": FOUND}  # type: ignore[typeddict-item]
    journal = {**ended("rolled back", NOW + timedelta(hours=1)), "steps": [], "phase": "x"}
    assert _record.serving(journal, before, str(tmp_path)) == "legacy"  # type: ignore[arg-type]
