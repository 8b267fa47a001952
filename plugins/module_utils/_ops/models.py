# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``litellm-ops`` does for model servers. Their units call it; a person can as well.

These commands need no settings of the deployment, and most run without root's rights.
"""

from __future__ import annotations

import os
import socket
import sys
from typing import Any, Callable

from .._host import systemd as _systemd
from .._host.problem import OperatorError
from .._model_server import bridge as _bridge
from .._model_server import checks as _checks
from .._model_server import declaration as _declaration
from .._model_server import firewall as _firewall
from .._model_server import gate as _gate
from .._model_server import ready as _ready
from .answer import DONE, FAILED, REFUSED, USAGE, Answer, failure


def add(command: Callable[[str, Callable[[Any, Any], Answer], str], Any]) -> None:
    """Add the commands to the command line.

    :param command: adds one: name, what it does, in words.
    """
    for name, act, words in (
        (
            "model-check",
            check,
            "tell whether a model server can start: weights, program, port, GPU and its memory",
        ),
        (
            "model-ready",
            ready,
            "wait until a model server is ready: its health endpoint, and one real request",
        ),
        (
            "model-door",
            door,
            "hold a model server's clients until it is ready (called by its socket)",
        ),
        (
            "model-ended",
            ended,
            "forget earlier starts of a model server that was stopped in order (called by "
            "its unit)",
        ),
        (
            "model-failed",
            failed,
            "say that a model server is not started any more, and what to do (called by its unit)",
        ),
    ):
        made = command(name, _guarded(act), words)
        made.add_argument("name", help="name of the model server")
        made.add_argument(
            "--models",
            default=_declaration.FOLDER,
            metavar="FOLDER",
            help="what is known of model servers (%(default)s)",
        )
        made.add_argument(
            "--timeout",
            type=int,
            default=0,
            metavar="SECONDS",
            help="how long to wait (by the server's settings)",
        )
        made.set_defaults(needs_settings=False)
    made = command(
        "firewall",
        _guarded(firewall),
        "make the bridges' firewall rules again that the firewall has lost (called by a unit)",
    )
    made.add_argument(
        "--state-dir", required=True, metavar="FOLDER", help="state folder, with the record"
    )
    made.set_defaults(needs_settings=False)
    made = command(
        "bridge",
        _guarded(bridge),
        "hand connections of containers on to a port of this host (called by its socket)",
    )
    made.add_argument("target", metavar="ADDRESS:PORT", help="where to")
    made.add_argument(
        "--admit", required=True, metavar="NETWORK", help="network whose peers are heard"
    )
    made.set_defaults(needs_settings=False)


def _guarded(act: Callable[[Any], Answer]) -> Callable[[Any, Any], Answer]:
    def run(_settings: Any, options: Any) -> Answer:
        try:
            return act(options)
        except _declaration.DeclarationError as error:
            return failure(USAGE, error)
        except (ValueError, OperatorError) as error:
            return failure(FAILED, error)

    return run


def _installed(options: Any) -> _declaration.Installed:
    # A unit's own account can't write there, so what root has written is as good for it.
    return _declaration.load(
        options.name, options.models, 0 if options.models == _declaration.FOLDER else os.geteuid()
    )


def check(options: Any) -> Answer:
    """Before a start."""
    installed = _installed(options)
    problems = _checks.before_start(installed.server, installed.unit, installed.account)
    return Answer(
        REFUSED if problems else DONE,
        problems or ["%s can start" % options.name],
        {"problems": problems},
    )


def ready(options: Any) -> Answer:
    """After a start."""
    installed = _installed(options)
    main = os.environ.get("MAINPID", "")
    looked = _ready.wait(
        installed.server,
        options.timeout or 60,
        os.environ,
        lambda: not main or os.path.exists("/proc/" + main),
    )
    words = (
        "%s is ready: it answered in %.2f s" % (options.name, looked.seconds)
        if looked.ready
        else "%s is not ready: %s" % (options.name, looked.reason)
    )
    return Answer(DONE if looked.ready else FAILED, [words], looked._asdict())


def door(options: Any) -> Answer:
    """Before the server, for as long as it is in use."""
    installed = _installed(options)
    listening = _gate.inherited(dict(os.environ))

    def say(words: str) -> None:
        sys.stdout.write(words + "\n")
        sys.stdout.flush()

    code = _gate.serve(
        installed,
        options.timeout or installed.server.wait or 60,
        listening,
        lambda: _gate.unit_state(installed.unit),
        say,
    )
    return Answer(
        FAILED if code else DONE, ["the door of %s is closed" % options.name], {"code": code}
    )


def ended(options: Any) -> Answer:
    """After a stop. systemd counts every start, those in order too, such as of a server on demand;
    only what follows a failure shall count."""
    installed = _installed(options)
    result = os.environ.get("SERVICE_RESULT", "")
    if result != "success":
        return Answer(
            DONE, ["%s has ended: %s" % (options.name, result or "unknown")], {"result": result}
        )
    answer = _systemd.Manager(None).systemctl("reset-failed", "--", installed.unit)
    if answer.rc != 0:
        raise _systemd.SystemdError(
            "systemctl reset-failed %s: %s" % (installed.unit, (answer.err or answer.out).strip())
        )
    return Answer(DONE, ["%s was stopped in order" % options.name], {"result": result})


def failed(options: Any) -> Answer:
    """Where systemd has given up. Some releases also call this between two restarts: then the
    answer is no, and nobody is told."""
    installed = _installed(options)
    state = _gate.unit_state(installed.unit)
    if state.active != "failed":
        return Answer(
            FAILED, ["%s failed and is started again" % options.name], {"state": state.active}
        )
    words = (
        "model server %s was started %d times and failed (%s); it is not started any more. "
        "Look why: journalctl -u %s. "
        "Then: systemctl reset-failed %s && systemctl start %s"
        % (
            options.name,
            _declaration.STARTS,
            state.result,
            installed.unit,
            installed.unit,
            installed.unit,
        )
    )
    return Answer(DONE, [words], {"state": state.active, "result": state.result})


def firewall(options: Any) -> Answer:
    """After the firewall's service has begun anew."""
    added = _firewall.reapply(options.state_dir)
    return Answer(DONE, added or ["all rules are there"], {"added": added})


def bridge(options: Any) -> Answer:
    """Becomes the proxy, so there is nothing to tell unless it fails."""
    listening: socket.socket = _gate.inherited(dict(os.environ))
    _bridge.serve(listening, options.admit, options.target)
    raise ValueError("systemd-socket-proxyd could not be started")
