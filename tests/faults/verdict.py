# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the fault tests decide: which moments to strike at, whether a case ended well, and the table
of all. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Optional

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import steps as _steps

# They run on the controller, or only look: to be killed there is to be killed before the next task
# that does something.
QUIET = (
    "assert",
    "debug",
    "fail",
    "include_tasks",
    "import_tasks",
    "import_role",
    "include_role",
    "meta",
    "set_fact",
    "validate_argument_spec",
)
LONG = 1.0  # seconds; a task that takes longer is also struck in its middle
FINAL = ("none", "untouched", "migrated", "rolled back")
# Before these nothing of the legacy deployment is touched, and one way to go on says as much as the
# other.
WAYS = ("migrate", "rollback")
EARLY = ("", *_steps.EARLY)


class Case(NamedTuple):
    """One test: ``fault`` at ``point`` (of ``step``) of a playbook, then the playbook ``then``.
    ``after``: seconds into the task."""

    fault: str
    playbook: str
    point: str
    step: str
    then: str
    after: float = 0.0

    @property
    def name(self) -> str:
        """What tells it from all others."""
        return "%s | %s | %s | %s" % (self.fault, self.playbook, self.point or self.step, self.then)


def points(recorded: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The tasks of a recorded run at which a kill says something."""
    return [told for told in recorded if told["action"].rpartition(".")[2] not in QUIET]


def cases(playbook: str, recorded: Iterable[dict[str, Any]], other: bool = False) -> list[Case]:
    """Every kill of a playbook, before each task and within each long one, with the ways to go on
    in turn.

    Before a task that follows one which changed nothing and was short is where that one was killed:
    no case of its own. ``other``: from the cutover on, the same kills with the other way.
    """
    found: list[Case] = []
    turn, still = 0, False
    for told in points(recorded):
        long = told["seconds"] > LONG
        moments = ([] if still else [("killed before", 0.0)]) + (
            [("killed within", round(told["seconds"] / 2, 2))] if long else []
        )
        still = not told["changed"] and not long
        for fault, after in moments:
            turn += 1
            if not other or told["step"] not in EARLY:
                found.append(
                    Case(
                        fault,
                        playbook,
                        told["point"],
                        told["step"],
                        WAYS[(turn + (not other)) % 2],
                        after,
                    )
                )
    return found


def moment(seen: dict[str, Any]) -> list[str]:
    """What is wrong right after the blow."""
    found = []
    if len(seen["writers"]) > 1:
        found.append("two proxies serve clients: %s" % ", ".join(seen["writers"]))
    if not seen["rows"]:
        found.append("no database can be read")
    held = [told["keys_missing"] for told in seen["rows"].values() if told]
    if held and min(held):
        found.append("%d acknowledged keys are in no database that can be read" % min(held))
    return found


def expected(then: str, before: dict[str, Any]) -> tuple[str, ...]:
    """The states in which a host may be when the command ``then`` has ended, from where it was
    ``before`` (as the journal told)."""
    if then == "migrate":
        return ("migrated",)
    if before["state"] in ("none", "untouched", "rolled back"):
        return (str(before["state"]),)
    return (
        ("untouched",)
        if before["state"] == "running" and before["phase"] in EARLY
        else ("rolled back",)
    )


def end(
    seen: dict[str, Any],
    code: Optional[int],
    spend: bool = True,
    wanted_states: Sequence[str] = FINAL,
) -> list[str]:
    """What is wrong when all is over. ``code``: exit code of the next command; ``spend``: whether
    spend rows count as well."""
    found = []
    if code:
        found.append("the next command ended with %d" % code)
    if seen["state"] not in FINAL:
        found.append("the host is between the states: %s in %s" % (seen["state"], seen["phase"]))
    elif seen["state"] not in wanted_states:
        found.append(
            "the host is %s, and %s was to be expected"
            % (seen["state"], " or ".join(wanted_states))
        )
    wanted = "compose" if seen["state"] == "migrated" else "legacy"
    if seen["serves"] != wanted or seen["writers"] != [wanted]:
        found.append("%s serves, and %s should alone" % (seen["serves"], wanted))
    if seen["left"]:
        found.append("is left: %s" % ", ".join(seen["left"]))
    if not seen["ready"]:
        found.append("the proxy is not ready with its database")
    told = seen["rows"].get(wanted)
    if not told:
        found.append("the database of the %s deployment can't be read" % wanted)
    elif told["missing" if spend else "keys_missing"]:
        found.append(
            "%d acknowledged rows are missing, %d of them keys"
            % (told["missing"], told["keys_missing"])
        )
    return found


def summary(results: Sequence[dict[str, Any]]) -> str:
    """The results as Markdown, one line for each step that was struck in, faults of the host
    apart."""
    lines = [
        "| struck in | cases | good | acknowledged rows lost | longest refusal |",
        "|---|---:|---:|---:|---:|",
    ]
    places: dict[str, list[dict[str, Any]]] = {}
    for result in results:
        fault = "" if result["fault"].startswith("killed ") else "faults of the host, "
        place = "%s%s: %s" % (fault, result["playbook"], result["step"] or "begin")
        places.setdefault(place, []).append(result)
    for place, there in places.items():
        good = sum(result["verdict"] == "good" for result in there)
        lost = sum(result["lost"] for result in there)
        longest = max(result["refused"] for result in there)
        lines.append("| %s | %d | %d | %d | %.0f s |" % (place, len(there), good, lost, longest))
    return "\n".join(lines)


def table(results: Sequence[dict[str, Any]]) -> str:
    """All results as Markdown, one line for each case."""
    lines = [
        "| fault | at | next | then | state after | rows acknowledged | rows present "
        "| refused | verdict |",
        "|---|---|---|---|---|---:|---:|---:|---|",
    ]
    for told in results:
        lines.append(
            "| %s | %s %s: %s | %s | %s | %s | %d | %d | %.0f s | %s |"
            % (
                told["fault"],
                told["playbook"],
                told["step"] or "begin",
                told["point"].partition(" ")[2] or told["point"],
                told["then"],
                told["moment"],
                told["state"],
                told["acknowledged"],
                told["present"],
                told["refused"],
                told["verdict"],
            )
        )
    good = sum(told["verdict"] == "good" for told in results)
    lost = sum(told["lost"] for told in results)
    return "\n".join(
        [*lines, "", "%d cases, %d good, %d acknowledged rows lost." % (len(results), good, lost)]
    )
