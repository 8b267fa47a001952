# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of a pause that nobody else ends: a transient timer, beside the run that pauses, lets the
pooler go on as it was.

First of all it takes the record of the pause away. A run that wants the pause to stay takes it too,
and only one of them can.
"""

from __future__ import annotations

from .._host import process as _process
from .._host import systemd as _systemd
from .._host.sources import PYTHON
from .container import RESUME
from .target import PoolerError

UNIT = "llmops-litellm-pooler-resume"
_MANAGER = _systemd.Manager(None)
# Where the record is no longer there, the pause is no longer ours to end. An engine that does not
# answer is asked again.
_CODE = """import os, subprocess, sys, time
os.rename(sys.argv[1], sys.argv[2])
for _try in range(30):
    if subprocess.call(sys.argv[3:]) == 0:
        sys.exit(0)
    time.sleep(1)
sys.exit(1)"""


def command(record: str, over: str, container: str) -> list[str]:
    """What is run when the time is up: the record moves, the pooler goes on."""
    docker = _process.program("docker")
    resume = [docker, "kill", "--signal", RESUME, "--", container]
    return [PYTHON, "-IB", "-c", _CODE, record, over, *resume]


def arm(seconds: float, what: list[str]) -> None:
    """Run a command once the seconds are over, whatever becomes of this process.

    :raises PoolerError: systemd does not.
    """
    if any("$" in word for word in what):
        raise PoolerError("systemd would take the $ of %s for a variable" % what[-1])
    argv = ["systemd-run", "--quiet", "--collect", "--unit=" + UNIT, "--on-active=%gs" % seconds]
    # by default it may come a minute late
    argv += ["--timer-property=AccuracySec=50ms"]
    argv += ["--setenv=%s=%s" % item for item in _process.ENVIRONMENT.items()]
    argv += ["--description=Clients of the database pooler wait no longer", "--", *what]
    answer = _process.run(argv)
    if answer.rc:
        raise PoolerError("a pause can't be limited, so there is none: %s" % answer.err.strip())


def disarm() -> None:
    """Nothing ends the pause by itself any more, and what has begun to has ended.

    :raises PoolerError: systemd does not stop it.
    """
    names = _systemd.list_units(_MANAGER, UNIT + ".*")
    if not names:
        return
    answer = _MANAGER.systemctl("stop", "--", *names)
    # one that ends by itself meanwhile is no longer known
    if answer.rc and _systemd.list_units(_MANAGER, UNIT + ".*"):
        raise PoolerError("%s does not stop: %s" % (" ".join(names), answer.err.strip()))
