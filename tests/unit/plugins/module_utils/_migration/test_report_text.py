"""Reports in words, for a screen and for a file."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from markdown_it import MarkdownIt
from migrated_host import BACK, STEPS, entry, finalized, journal, rolled_back
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._migration import report as _report
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    report_text as _report_text,
)


@pytest.mark.parametrize("state", ["migrated", "rolled back", "untouched", "finalized", "running"])
@pytest.mark.parametrize("until", STEPS)
def test_every_journal_has_a_report(state: str, until: str) -> None:
    made = journal(state, until)
    made["steps"][-1].update(state="begun", ended=None)
    report = _report.build(made, "/var/lib/llmops-litellm")
    assert report["outcome"] in _report_text.markdown(report)
    assert _report_text.summary(report)[0] == report["outcome"]
    assert "(not ended)" in "\n".join(_report_text.summary(report))
    made["steps"][-1].update(state="failed", ended=made["steps"][-1]["begun"])
    assert "(failed)" in _report_text.markdown(_report.build(made, "/var/lib/llmops-litellm"))


def test_what_clients_noticed_is_one_sentence() -> None:
    report = _report.build(journal(), "/state")
    assert "Clients were refused for at most 70.0 s." in _report_text.summary(report)
    assert "\nClients were refused for at most **70.0 s**.\n" in _report_text.markdown(report)
    report.update(refused_seconds=None, waited={"seconds": 7.52, "held": 3, "carried": 2})
    rest = "3 new connections were held, 2 kept ones went on."
    assert f"Clients waited for at most 7.5 s: {rest}" in _report_text.summary(report)
    text = _report_text.markdown(report)
    assert f"\nClients waited for at most **7.5 s**: {rest}\n" in text
    report["watched"] = {
        "before": {"asked": 90, "failed": 1, "longest": 0.21},
        "since": {"asked": 120, "failed": 2, "longest": 7.61},
    }
    saw = "saw 2 of 120 requests fail; the longest took 7.6 s (0.21 s before)."
    assert f"A client that asked ten times a second {saw}" in _report_text.summary(report)
    assert f"{rest} A client that asked ten times a second {saw}\n" in _report_text.markdown(report)
    report["waited"] = None
    for told in (_report_text.markdown(report), "\n".join(_report_text.summary(report))):
        assert "Clients" not in told
    del report["waited"]  # as reports of earlier releases
    report["refused_seconds"] = 0.0
    assert "Clients were refused for at most 0.0 s." in _report_text.summary(report)


def test_transitional_proxy_that_served_is_told() -> None:
    report = _report.build(journal(), "/state")
    report.update(refused_seconds=None, led={"seconds": 3.26, "carried": 2}, not_led=["x"])
    said = "A transitional proxy served meanwhile: nobody waited but who needed the database, for"
    rest = "2 kept connections went on."
    assert f"{said} at most 3.3 s; {rest}" in _report_text.summary(report)
    text = _report_text.markdown(report)
    assert f"\n{said} at most **3.3 s**; {rest}\n" in text
    assert "There was no" not in text and "Clients" not in text
    report["watched"] = {
        "before": {"asked": 90, "failed": 0, "longest": 0.21},
        "since": {"asked": 120, "failed": 0, "longest": 0.25},
    }
    assert f"{rest} A client that asked ten times" in _report_text.markdown(report)


def test_why_the_database_waited_for_its_copy_is_told() -> None:
    report = _report.build(journal(), "/state")
    led = {"seconds": 3.26, "carried": 2, "waits": "no slot is free"}
    report.update(refused_seconds=None, led=led)
    said = "went on. The database could not be moved while it was used: no slot is free."
    assert any(line.endswith(said) for line in _report_text.summary(report))
    assert f"{said}\n" in _report_text.markdown(report)
    for waits in (None, ""):
        report["led"]["waits"] = waits
        assert "could not be moved" not in _report_text.markdown(report)


def test_why_there_was_no_transitional_proxy_is_told() -> None:
    report = _report.build(journal(), "/state")
    report["not_led"] = ["memory is short", "no image is given"]
    said = "There was no transitional proxy: memory is short; no image is given."
    refused = f"Clients were refused for at most 70.0 s. {said}"
    assert refused in _report_text.summary(report)
    report.update(refused_seconds=None, waited={"seconds": 7.52, "held": 3, "carried": 2})
    assert f"2 kept ones went on. {said}\n" in _report_text.markdown(report)
    # before anybody was led or waited there is nothing to explain
    report["waited"] = None
    assert said not in _report_text.markdown(report)
    # as reports of earlier releases
    del report["not_led"], report["led"]
    report["waited"] = {"seconds": 7.52, "held": 3, "carried": 2}
    assert "There was no transitional proxy" not in _report_text.markdown(report)


def test_journal_without_anything_found_has_a_report() -> None:
    report = _report.build(
        {
            "id": "x",
            "state": "untouched",
            "phase": "preflight",
            "created": "2026-11-23T15:00:00+00:00",
            "facts": {},
            "steps": [],
        },
        "/state",
    )
    assert "was not touched" in _report_text.markdown(report)


def test_migrated_host_can_be_undone_by_what_is_said() -> None:
    text = _report_text.markdown(_report.build(journal(), "/state"))
    assert "## How to undo it" in text
    assert "rollback.yml brings the legacy deployment back" in text
    assert "-e rollback_data=backup restores before-x instead" in text
    assert "disabled on purpose, and known as such: litellm-healthcheck.timer" in text
    assert "a\\|b" in text  # a cell of the table


def test_timers_of_the_hand_over_are_told() -> None:
    made = journal()
    assert "litellm-ops" not in _report_text.markdown(
        _report.build(made, "/var/lib/llmops-litellm")
    )
    made["steps"][-1]["facts"] = {
        "backups": {"on_calendar": "daily", "folder": "/b", "drill_on_calendar": "weekly"},
        "health": {"on_calendar": "minutely", "probe_on_calendar": "noon"},
    }
    told = _report_text.markdown(_report.build(made, "/var/lib/llmops-litellm"))
    assert (
        "backups by litellm-ops: daily, into /b; the newest is restored and compared: weekly"
        in told
    )
    assert "looked at by litellm-ops: minutely; models are asked what they can do: noon" in told


def test_kept_rows_are_named() -> None:
    made = journal("rolled back", "serve")
    made["facts"].update(kept_database="litellm_x", failure="it was frozen")
    text = _report_text.markdown(_report.build(made, "/state"))
    assert "litellm_x" in text
    assert "Reason: it was frozen" in text


def test_rollback_tells_what_came_home() -> None:
    report = _report.build(rolled_back(), "/state")
    text = _report_text.markdown(report)
    assert (
        report["outcome"]
        == "The host is rolled back: the legacy deployment serves again, as it was."
    )
    assert (
        report["refused_seconds"] == 130.0
    )  # from the begin of stop_new to the end of start_legacy
    assert all(proof["ok"] for proof in report["proofs"])
    assert "rows came home, with equal fingerprints" in text
    assert "PostgreSQL 17 to 15" in text
    assert "LiteLLM_SpendLogs 3 to 5" in text
    assert "keys that worked before work now" in text
    assert (
        "model embed-stored in the database: http\\://host.docker.internal:8082/v1 is http\\://127.0.0.1:8082/v1"
        in text
    )
    assert "migrate.yml goes forward again" in text
    assert "published on loopback" not in text  # that was the migration's


def test_rollback_to_the_backup_is_not_called_complete() -> None:
    made = rolled_back(data="backup")
    made["facts"]["kept_database"] = "litellm_x"
    text = _report_text.markdown(_report.build(made, "/state"))
    assert "legacy database is as in the backup" in text
    assert "in database litellm_x" in text


def test_rollback_that_differs_says_so() -> None:
    made = rolled_back(equal=False)
    assert not _report.build(made, "/state")["proofs"][0]["ok"]
    made["steps"][-2]["facts"]["accepted"] = ["key ci: spend 2 became 1"]
    assert (
        "✘ differences that the operator took as they are: key ci: spend 2 became 1"
        in _report_text.markdown(_report.build(made, "/state"))
    )


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (1, "Nobody serves now"),
        (3, "Look at the legacy proxy: systemctl --user --machine=litellm@ status litellm.service"),
    ],
)
def test_host_between_the_states_is_told_exactly(steps: int, said: str) -> None:
    made = rolled_back()
    made.update(state="running", steps=made["steps"][: len(STEPS) + steps], phase=BACK[steps - 1])
    made["facts"]["stuck"] = "engine gone"
    report = _report.build(made, "/state")
    assert said in " ".join(report["stuck"])
    assert said in _report_text.markdown(report)
    assert report["outcome"] == "The run has not ended."


def test_way_back_that_could_not_begin_leaves_the_new_proxy_serving() -> None:
    made = rolled_back()
    made.update(state="running", phase="pause_timers")
    made["facts"]["stuck"] = "unit litellm.service: can't be loaded"
    told = _report.build(made, "/state")["stuck"]
    assert told[0].startswith("The compose deployment was not stopped: it serves")


def test_units_that_did_not_come_back_as_recorded_should_be_known() -> None:
    made = rolled_back()
    entry = next(step for step in made["steps"] if step["name"] == "start_legacy")
    entry["facts"]["notes"] = ["unit litellm-backup.timer: can't be loaded"]
    text = _report_text.markdown(_report.build(made, "/state"))
    assert "## What should be known" in text
    assert "- unit litellm-backup.timer: can't be loaded" in text


def test_report_says_what_went_what_stays_and_that_there_is_no_way_back() -> None:
    told = finalized(
        entry(
            "last_backup", path="/b/legacy-final", rows=20025, tables=77, hash="abcdef0123456789"
        ),
        entry(
            "remove_units",
            removed=["/u/litellm.service.d/own.conf"],
            stays=[{"path": "/repo/x.service", "reason": "elsewhere"}],
        ),
        entry("drop_databases", dropped=["llm"]),
        state="finalized",
    )
    text = "\n".join(_report_text.retirement(told))
    for words in (
        "no way back from here except to restore a backup",
        "`/b/legacy-final`, pinned: 20,025 rows in 77 tables, content hash abcdef012345",
        "- /nosuch/litellm.service",
        "- /u/litellm.service.d/own.conf",
        "- database llm",
        "- /repo/x.service (elsewhere)",
        "- /l/my config.yaml: configuration",
        "- /l/models.yaml: configuration",
        "- /l/venv: Python environment",
        "/data: data folder of the native PostgreSQL, without the database llm",
        "- /var/lib/redis: data folder",
        "- rm '/l/my config.yaml'",
        "- rm -r /l/venv",
    ):
        assert words in text
    told = finalized(entry("last_backup", path="/b/legacy-final"), entry("remove_units"))
    told["facts"]["found"].update(redis=None, database={"name": "llm"})
    told["facts"]["found"]["legacy"]["python"] = None
    text = "\n".join(_report_text.retirement(told))
    assert "Redis" not in text
    assert "Python" not in text


@pytest.mark.parametrize(
    ("python", "site", "folder"),
    [
        ("/l/venv/bin/python", "/l/venv/lib/python3.11/site-packages", "/l/venv"),
        ("/l/venv/bin/python", None, "/l/venv"),  # of release 0.1.0
        ("/usr/bin/python3", "/usr/lib/python3/dist-packages", ""),
        ("/usr/bin/python3", "/l/.local/lib/python3.11/site-packages", ""),
        ("/usr/local/bin/python3.12", "/usr/local/lib/python3.12/site-packages", ""),
        ("/l/pyenv/bin/python", "/l/.local/lib/python3.11/site-packages", ""),
        ("/nix/store/x-python/bin/python3", "/nix/store/y-litellm/lib/site-packages", ""),
        ("/bin/python3", None, ""),
    ],
)
def test_only_an_environment_of_litellms_own_is_said_to_go(
    python: str, site: Any, folder: str
) -> None:
    told = finalized(entry("last_backup", path="/b/legacy-final"), entry("remove_units"))
    told["facts"]["found"]["legacy"].update(python=python, site=site)
    text = "\n".join(_report_text.retirement(told))
    assert re.findall("rm -r (.*)", text) == ([folder] if folder else [])
    assert ("%s: Python packages, LiteLLM among them" % site in text) == (not folder and bool(site))


def lines_of(text: str) -> list[str]:
    """The lines of a document, which ends with one."""
    assert text.endswith("\n")
    return text[:-1].split("\n")


def test_what_others_chose_forges_nothing() -> None:
    """The same lines as with an honest name, and in Markdown no link, image, tag or emphasis."""
    report = _report.build(journal("rolled back", "serve"), "/state")
    foreign = {name: ["NAME", "NAME"] for name in ("warnings", "found", "changes", "stuck")}
    report.update(foreign, failure="NAME", proofs=[{"name": "p", "ok": True, "figures": "NAME"}])
    report.update(refused_seconds=None, led={"seconds": 3.26, "carried": 2, "waits": "NAME"})
    report["environment"] = {
        "counts": {"kept": 1},
        "variables": [dict.fromkeys(("name", "status", "origin", "reason"), "NAME")],
    }
    forged = json.loads(json.dumps(report).replace("NAME", json.dumps(support.HOSTILE)[1:-1]))
    support.assert_on_lines(_report_text.summary(forged), len(_report_text.summary(report)))
    text = _report_text.markdown(forged)
    support.assert_on_lines(lines_of(text), len(lines_of(_report_text.markdown(report))))
    html = MarkdownIt().enable("table").render(text)
    assert not re.search("<(a|img|em|code)[ >]", html)
    assert html.count("<li>") == MarkdownIt().render(_report_text.markdown(report)).count("<li>")


def test_retired_deployment_forges_nothing() -> None:
    made = finalized()
    honest = _report_text.retirement(made)
    made["facts"]["found"]["legacy"]["config"] = "/etc/" + support.HOSTILE
    made["facts"]["found"]["database"]["name"] = support.HOSTILE
    support.assert_on_lines(_report_text.retirement(made), len(honest))
