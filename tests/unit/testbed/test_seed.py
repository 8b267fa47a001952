# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the legacy deployment's seed decides by itself; its effect on a real proxy is seen by the
molecule scenarios.
"""

from __future__ import annotations

import hashlib
import json
import stat
from argparse import Namespace
from pathlib import Path
from types import ModuleType

import pytest


def test_plan_holds_what_the_test_bed_promises(seed: ModuleType) -> None:
    expected = [entry["expect"] for entry in seed.KEYS]
    assert len(expected) >= 5
    assert expected.count("blocked") == 1
    assert any(entry["body"].get("team_id") == seed.TEAM["team_id"] for entry in seed.KEYS)
    assert any("duration" in entry["body"] for entry in seed.KEYS)
    assert any(not entry["alias"].isascii() for entry in seed.KEYS)
    assert any(entry["expect"] == "ok" and entry["body"].get("max_budget") for entry in seed.KEYS)
    assert len({entry["alias"] for entry in seed.KEYS}) == len(seed.KEYS)


def test_bulk_rows_stay_below_the_budgets(seed: ModuleType) -> None:
    assert seed.BULK_TOTAL_SPEND * 1.5 < seed.TEAM["max_budget"]
    assert not any(entry["bulk"] and entry["body"].get("max_budget") for entry in seed.KEYS)


def test_secrets_are_made_once_and_kept_private(seed: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    first = seed.load_secrets(path, "http://p", "chat", "http://e/v1")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert seed.load_secrets(path, "http://p", "chat", "http://e/v1") == first
    assert list(tmp_path.iterdir()) == [path]
    keys = [entry["key"] for entry in first["keys"]] + [first["bogus"]]
    assert len(set(keys)) == len(keys)
    assert all(key.startswith("sk-") and len(key) > 30 for key in keys)
    assert all(
        entry["hash"] == hashlib.sha256(entry["key"].encode()).hexdigest()
        for entry in first["keys"]
    )
    assert [entry["alias"] for entry in first["keys"]] == [entry["alias"] for entry in seed.KEYS]


def test_private_file_replaces_a_readable_one(seed: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("old")
    path.chmod(0o644)
    seed.write_private(path, "new")
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("new", 0o600)


def test_master_key_from_a_file_and_from_an_environment(seed: ModuleType, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("sk-$x #y\n")
    environ = tmp_path / "environ"
    environ.write_bytes(b"A=1\0NOT_LITELLM_MASTER_KEY=no\0LITELLM_MASTER_KEY=sk-a=b #c'\0Z=\xff\0")
    assert seed.read_master_key(Namespace(master_key_file=str(file), environ=None)) == "sk-$x #y"
    assert (
        seed.read_master_key(Namespace(master_key_file=None, environ=str(environ))) == "sk-a=b #c'"
    )
    environ.write_bytes(b"A=1\0")
    with pytest.raises(seed.SeedError, match="no LITELLM_MASTER_KEY"):
        seed.read_master_key(Namespace(master_key_file=None, environ=str(environ)))


def test_bulk_statement_is_one_transaction_and_names_its_rows(seed: ModuleType) -> None:
    statement = seed.bulk_statement(101, 200, 20_000, ["a'b", "c"])
    assert statement.count("BEGIN;") == statement.count("COMMIT;") == 1
    assert "generate_series(101::bigint, 200::bigint)" in statement
    assert "api_key IN ('a''b', 'c')" in statement
    assert "'{model_map_information,model_map_value}'" in statement
    assert "{{" not in statement and "}}" not in statement
    for table in ("LiteLLM_SpendLogs", "LiteLLM_DailyUserSpend", "LiteLLM_DailyTeamSpend"):
        assert f'INSERT INTO "{table}"' in statement
    for table in ("LiteLLM_VerificationToken", "LiteLLM_UserTable", "LiteLLM_TeamTable"):
        assert f'UPDATE "{table}"' in statement


def test_bulk_rows_are_batched_and_only_the_missing_ones(
    seed: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {"keys": [{"hash": f"h{index}"} for index in range(len(seed.KEYS))]}
    ran: list[str] = []
    monkeypatch.setattr(seed, "number", lambda statement: 19 if "max(" in statement else 40)
    monkeypatch.setattr(seed, "sql", lambda statement: ran.append(statement) or "")
    monkeypatch.setattr(seed, "BATCH_ROWS", 25)
    assert seed.load_bulk(known, 100, lambda text: None) == 60
    spans = [
        line.split("FROM generate_series(")[1].split(")")[0]
        for text in ran
        for line in text.splitlines()
        if "FROM generate_series(" in line
    ]
    assert spans == ["20::bigint, 44::bigint", "45::bigint, 69::bigint", "70::bigint, 79::bigint"]
    ran.clear()
    assert seed.load_bulk(known, 40, lambda text: None) == 0
    assert seed.load_bulk(known, 10, lambda text: None) == 0
    assert ran == []


def test_streamed_text(seed: ModuleType) -> None:
    chunks = [
        {"choices": [{"delta": {"role": "assistant"}}]},
        {"choices": [{"delta": {"content": "ä "}}]},
        {"choices": [{"delta": {"content": "b"}}]},
        {"choices": [{"delta": {"content": None}}]},
        {"choices": []},
    ]
    raw = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
    assert seed.streamed_text(raw) == "ä b"


def test_waiting_ends_with_what_was_waited_for(seed: ModuleType) -> None:
    answers = iter([False, False, True])
    seed.wait_for("it", lambda: next(answers), 5, pause=0.001)
    with pytest.raises(seed.SeedError, match="the moon: not true after 0 s"):
        seed.wait_for("the moon", lambda: False, 0.01, pause=0.001)
