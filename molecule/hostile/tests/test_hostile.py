"""Accounts attack every run; none of them gains anything, and the host is served as before.

The attempts are in attempts.py, in the order in which the runs are made.
"""

from __future__ import annotations

import json
import re
import shlex
from typing import Any, NamedTuple

import pytest
from attempts import NAMED, STAGES, STANDING, TABLE, Row, Stage
from attempts import ROOT as THE_HOST
from play import Run, client, play, words

# Lines that begin with a blank are Ansible's own way to show what a task has returned.
FORGED = re.compile(r"\x1b|^(\d+\.|#)\s*FORGED", re.M)


class Outcome(NamedTuple):
    """What a run printed and returned, what the canaries are after it, and, where that is asked,
    what a client sees.
    """

    run: Run
    seen: dict[str, list[str]]
    client: dict[str, Any]


DONE: dict[str, Outcome] = {}


def shell_of(row: Row, what: str) -> str:
    """An attempt's shell, for root."""
    if row.who == THE_HOST:
        return f"bash -euc {shlex.quote(what)}"
    inside = f". /srv/hostile/lib.sh\n{what}"
    return f"runuser -u {row.who} -- env -i HOME=/home/{row.who} PATH=/usr/bin:/usr/sbin:/bin " + (
        f"LC_ALL=C.UTF-8 bash -euc {shlex.quote(inside)}"
    )


def plant(host: Any, rows: tuple[Row, ...]) -> None:
    """The accounts do what they do, one after the other."""
    steps = [f"{shell_of(row, row.plant)} || {{ echo {row.name!r} >&2; exit 1; }}" for row in rows]
    host.check_output("bash -euc %s", "cd /\n" + "\n".join(steps))


def take_away(host: Any, rows: tuple[Row, ...]) -> None:
    """And take it back, last made first."""
    host.check_output(
        "bash -euc %s", "cd /\n" + "\n".join(shell_of(row, row.away) for row in reversed(rows))
    )


def look(host: Any, run: Run) -> dict[str, list[str]]:
    """The canaries, after a run."""
    seen = dict(json.loads(host.check_output("python3 -B /root/observer/canaries.py look")))
    if any(word in run.stdout for word in seen.pop("words")):
        seen["read"].append("what the run has printed")
    return seen


def made(host: Any, stage: Stage) -> Run:
    """One run."""
    if stage.playbook:
        interpreter = f"/usr/local/sbin/python-{stage.mask}"
        return play(
            stage.playbook,
            *stage.options,
            **{"ansible_python_interpreter": interpreter, **stage.variables},
        )
    done = host.run(stage.command)
    return Run(stage.command, done.rc, done.stdout + done.stderr)


def outcome(host: Any, stage: Stage) -> Outcome:
    """A stage's run, made when it is asked for first, and its attempts taken back."""
    if stage.name not in DONE:
        plant(host, stage.rows)
        try:
            run = made(host, stage)
            seen = look(host, run)
            served = client(host, "read", "first") if stage.serves else {}
            DONE[stage.name] = Outcome(run, seen, served)
        finally:
            take_away(host, stage.rows)
    return DONE[stage.name]


@pytest.fixture(scope="module", autouse=True)
def honest(host: Any) -> dict[str, Any]:
    """All that is harmless is in place, the proxy has read it, and serves: what a client sees."""
    plant(host, STANDING)
    host.check_output(
        "systemctl --user --machine=litellm@ restart litellm.service && "
        "python3 -B /root/observer/wait.py 240 http://127.0.0.1:4000/health/readiness"
    )
    plant(host, (NAMED,))
    client(host, "write", "first")
    return dict(client(host, "read", "first"))


def note(row: Row, where: str) -> None:
    """A line of the table at the end, of an attempt that has gained nothing."""
    verdict = "named to the operator" if row.said else "harmless"
    canaries = "%s not run" % ", ".join(row.traps) if row.traps else "untouched, unread"
    TABLE.append((row.name, where, canaries, verdict))


def id_of(value: Stage | Row) -> str:
    """A test's name."""
    return value.name


@pytest.mark.parametrize("stage", STAGES, ids=id_of)
def test_run_ends_as_it_has_to_and_no_account_has_gained(
    host: Any, honest: dict[str, Any], stage: Stage
) -> None:
    run, seen, served = outcome(host, stage)
    assert (run.returncode != 0) == stage.refused, run.stdout[-6000:]
    given_way = {kind: found for kind, found in seen.items() if found and kind != "fired"}
    assert given_way == {}, run.stdout[-3000:]
    assert not FORGED.search(run.stdout), run.stdout[-6000:]
    if stage.serves:
        # from inside a container the stored model's address can be reached
        kept = {name: served[name] for name in ("hash", "budget", "note", "chat", "request")}
        assert kept == {name: honest[name] for name in kept}


@pytest.mark.parametrize(
    ("stage", "row"), [(stage, row) for stage in STAGES for row in stage.rows], ids=id_of
)
def test_attempt_is_named_where_it_matters(host: Any, stage: Stage, row: Row) -> None:
    run, seen, _served = outcome(host, stage)
    printed = words(run)
    assert re.search(row.said, printed), run.stdout[-6000:]
    assert not (row.unsaid and re.search(row.unsaid, printed)), run.stdout[-6000:]
    assert set(row.traps) <= set(seen["fired"])  # by the account itself, else it is none
    note(row, stage.label)


@pytest.mark.parametrize("row", [*STANDING, NAMED], ids=id_of)
def test_attempt_that_stands_all_the_time_is_harmless(host: Any, row: Row) -> None:
    for stage in STAGES:
        _run, seen, _served = outcome(host, stage)
        assert set(row.traps) <= set(seen["fired"])
        assert not set(row.traps) & set(seen["run"])
    note(row, "each of %d runs" % len(STAGES))
