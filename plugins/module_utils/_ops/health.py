# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``litellm-ops health``, ``probe`` and ``inventory``, from a timer or by hand.

Exit codes: :mod:`_ops.answer`.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from datetime import datetime, timezone
from typing import Any, Callable, TextIO

from .._deployment import locate as _locate
from .._health import checks as _checks
from .._health import probe as _probe
from .._health import probe_run as _probe_run
from .._health import settings as _settings
from .._health import target as _target
from .._health import watch as _watch
from .._health.checks import CODES, HEALTHY
from .._health.host_checks import FAILED, UNKNOWN
from .._host import display as _display
from .._host import settings_file as _settings_file
from .._host.files import publish
from .._host.problem import OperatorError
from .._litellm import client as _client
from .answer import INTERRUPTED, Answer, checked, failure

COMMANDS = ("health", "probe", "inventory")
EPILOG = "Exit codes: 0 healthy, 1 degraded, 2 failed, 3 unknown, 130 interrupted."


def register(commands: Any) -> None:
    """Add the commands to a parser's."""
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--json", action="store_true", help="answer as JSON")
    shared.add_argument(
        "--settings", default=_settings.PATH, metavar="FILE", help="settings (%(default)s)"
    )
    shared.add_argument(
        "--kind",
        choices=_settings_file.KINDS,
        default="",
        help="deployment to look at (the one that serves)",
    )
    shared.set_defaults(owner=os.geteuid())

    def command(name: str, act: Callable[[_settings.Settings, Any], Answer], words: str) -> Any:
        made = commands.add_parser(
            name,
            parents=[shared],
            help=words,
            description=words[0].upper() + words[1:] + ".",
            epilog=EPILOG,
        )
        # 2 would say that the deployment has failed
        made.error = lambda message: made.exit(
            CODES[UNKNOWN], "%s%s: error: %s\n" % (made.format_usage(), made.prog, message)
        )
        made.set_defaults(act=act, refuse=made.error)
        return made

    made = command(
        "health",
        health,
        "look whether the deployment is well; nothing is changed, and nothing costs money",
    )
    made.add_argument(
        "--watch",
        action="store_true",
        help="remember it, write metrics, and fail only with the look with which an alarm begins",
    )
    made.add_argument("--check-settings", action="store_true", help="only read the settings")
    made = command(
        "probe", probe, "ask the models what they can do, and compare it with what is declared"
    )
    made.add_argument(
        "--scope", choices=_probe.SCOPES, help="models of this host, or all, which may cost money"
    )
    made.add_argument("--url", help="the proxy's address, if it is another one")
    made.add_argument(
        "--models", type=_whole, metavar="N", help="at most so many models (0: no limit)"
    )
    made.add_argument(
        "--requests", type=_whole, metavar="N", help="at most so many requests (0: no limit)"
    )
    made.add_argument(
        "--tokens",
        type=_whole,
        metavar="N",
        help="nothing more is asked after so many tokens (0: no limit)",
    )
    made.add_argument(
        "--fresh", action="store_true", help="begin anew, whatever an interrupted run has found"
    )
    made.add_argument("--page", metavar="FILE", help="also write the page there")
    made.add_argument(
        "name", nargs="*", help="models, or patterns such as 'gpt-*' (all of the scope)"
    )
    command(
        "inventory",
        inventory,
        "show every model as the configuration, the database, the proxy and the model "
        "servers have it",
    )


def _whole(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


def run(options: Any) -> int:
    """Run one of the commands."""
    try:
        answer: Answer = options.act(_settings.load(options.settings, options.owner), options)
    except _client.ProxyError as error:
        answer = _unable(FAILED, error)
    except (OperatorError, OSError) as error:
        answer = _unable(UNKNOWN, error)
    except KeyboardInterrupt:
        text = "interrupted; what was found is kept, and the next run goes on from there"
        answer = checked(UNKNOWN, [text], {"error": text})._replace(code=INTERRUPTED)
    text = (
        json.dumps(answer.result, indent=1, sort_keys=True)
        if options.json
        else "\n".join(answer.lines)
    )
    sys.stdout.write(text + "\n")
    return answer.code


def _unable(outcome: str, error: Exception) -> Answer:
    """A check that could not be made."""
    said = failure(CODES[outcome], error)
    return checked(outcome, said.lines, said.result)


def colours(stream: TextIO) -> bool:
    """Whether somebody wants to see colours there (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def now() -> datetime:
    """The time."""
    return datetime.now(timezone.utc)


def health(settings: _settings.Settings, options: Any) -> Answer:
    """Look at everything at once."""
    if options.check_settings:
        return checked(HEALTHY, ["the settings can be used"], {})
    target = _target.target(settings, _locate.find(settings.where, options.kind))
    checks = _checks.run(target, now())
    outcome = _checks.outcome(checks)
    lines = _watch.screen(target.deployed.kind, outcome, checks, colours(sys.stdout))
    result: dict[str, Any] = {
        "kind": target.deployed.kind,
        "checks": [check._asdict() for check in checks],
    }
    if not options.watch:
        return checked(outcome, lines, result)
    kept, event = _watch.remember(settings.state_dir, outcome, checks, now(), settings.thresholds)
    if settings.metrics:
        publish(settings.metrics, _watch.metrics(kept))
    lines += ["%s: %s" % (event, _watch.meaning(event, kept))] if event else []
    remembered = {name: kept[name] for name in ("time", "since", "alarm", "bad", "good")}
    return checked(outcome, lines, {**result, **remembered, "event": event})._replace(
        code=CODES[FAILED] if event == _watch.ALARM else 0
    )


def _end(_signal: int, _frame: Any) -> None:
    raise KeyboardInterrupt


def _progress(line: str) -> None:
    sys.stderr.write(_display.line(line) + "\n")
    sys.stderr.flush()


def probe(settings: _settings.Settings, options: Any) -> Answer:
    """Ask the models; SIGTERM ends it as SIGINT does."""
    signal.signal(signal.SIGTERM, _end)
    result = _locate.find(settings.where, options.kind)
    if options.url:
        result = result._replace(url=options.url)
    given: dict[str, Any] = {
        name: getattr(options, name)
        for name in ("scope", "models", "requests", "tokens")
        if getattr(options, name) is not None
    }
    if options.name:
        given["names"] = tuple(options.name)
    wanted = settings.probe._replace(**given)
    report, findings, texts, paths = _probe_run.probe(
        settings, result, wanted, _progress, options.fresh
    )
    if options.page:
        publish(options.page, texts["html"])
        paths["page"] = options.page
    lines = _probe_run.screen(report, findings, colours(sys.stdout))
    lines += (
        ["page: %s" % (options.page or paths["html"])] if options.page or "html" in paths else []
    )
    return checked(report["outcome"], lines, {**report, "inventory": findings, "paths": paths})


def inventory(settings: _settings.Settings, options: Any) -> Answer:
    """Everything side by side."""
    result = _probe_run.with_model_hosts(settings, _locate.find(settings.where, options.kind))
    return checked(
        result["outcome"], _probe_run.inventory_screen(result, colours(sys.stdout)), result
    )
