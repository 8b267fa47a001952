# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records every task that a run starts, or kills the run at one of them: with SIGKILL, it and its
children, as a power cut would.

LLMOPS_FAULTS_RECORD names a file that gets one JSON line for each task that touched a host.
LLMOPS_FAULTS_KILL is a JSON object with ``point``, and ``after``, the seconds to wait from the
task's start on.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: killer
type: aggregate
short_description: Records the tasks of a run, or kills it at one of them
description: For the fault tests of llmops.litellm.
"""

# Operations of the journal by which a step begins; its answer has the name.
STEPS = ("begin", "done")
ROOT = str(Path(__file__).resolve().parents[3]) + "/"


def kill() -> None:
    """End this run and all of its children, with no chance to tidy up."""
    os.killpg(os.getpgrp(), signal.SIGKILL)


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """One run."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "killer"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[str, int] = {}
        self.now: dict[str, Any] = {}
        self.step = ""
        self.record = os.environ.get("LLMOPS_FAULTS_RECORD", "")
        self.order = json.loads(os.environ.get("LLMOPS_FAULTS_KILL", "{}"))
        self.struck = False

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """A task is about to begin: nothing of it has reached the host yet."""
        path = os.path.realpath(task.get_path().rpartition(":")[0])
        place = "%s %s" % (
            path.removeprefix(ROOT),
            task.get_name().strip(),
        )  # without its line: an edit above it makes no new case
        self.seen[place] = self.seen.get(place, 0) + 1
        self.now = {
            "point": place if self.seen[place] == 1 else "%s #%d" % (place, self.seen[place]),
            "action": task.action,
            "step": self.step,
            "begun": time.monotonic(),
        }
        if self.order.get("point") == self.now["point"]:
            self.struck = True
            if self.order["after"]:
                threading.Timer(self.order["after"], kill).start()
            else:
                kill()

    def _ended(self, result: Any) -> None:
        if self.struck:
            # shorter than in the recording: killed at its end, and not in whatever comes next
            kill()
        if (
            self.now.get("action", "").endswith("journal")
            and result.task.args["operation"] in STEPS
        ):
            self.step = result.result.get("phase", self.step)
        if self.record and self.now:
            told = {
                **self.now,
                "seconds": round(time.monotonic() - self.now["begun"], 2),
                "changed": result.is_changed(),
            }
            with open(self.record, "a", encoding="utf-8") as log:
                log.write(json.dumps(told) + "\n")

    v2_runner_on_ok = v2_runner_on_failed = _ended

    def v2_runner_on_skipped(self, result: Any) -> None:
        """A task that is not done this time is no point of its own, but a kill ordered for its
        middle must not hit the next one."""
        if self.struck:
            kill()
