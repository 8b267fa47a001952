# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``litellm-ops``: backups, health and models of a host's LiteLLM deployment from a timer or by
hand, without Ansible.

Exit codes: :mod:`_ops.answer`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any, Callable, Optional, Sequence

from .._backup import settings as _settings
from .._host import display as _display
from .._host import settings_file as _settings_file
from .._host.problem import OperatorError
from .._restore.state import RefusedError
from . import health as _health
from . import models as _models
from . import refresh as _refresh
from . import restore as _restore
from .answer import DONE, FAILED, REFUSED, USAGE, Answer, failure
from .backup import backup, check, copy, drill, listing, pin, prune, restore, status, verify


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run one command."""
    options, unknown = parser().parse_known_args(argv)
    if unknown:  # said by the command, since what its exit codes mean is its own
        options.refuse("unrecognized arguments: %s" % " ".join(unknown))
    if options.command in _health.COMMANDS:
        return _health.run(options)
    try:
        # Commands for model servers need none.
        settings = (
            _settings.load(options.settings, options.owner) if options.needs_settings else None
        )
        answer: Answer = options.act(settings, options)
    except _settings_file.SettingsError as error:
        answer = failure(USAGE, error)
    except RefusedError as error:
        answer = failure(REFUSED, error)
    except (OperatorError, OSError) as error:
        answer = failure(FAILED, error)
    text = (
        json.dumps({"ok": answer.code == DONE, **answer.result}, indent=1, sort_keys=True)
        if options.json
        else "\n".join(map(_display.line, answer.lines))
    )
    (sys.stderr if answer.code and not options.json else sys.stdout).write(text + "\n")
    return answer.code


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(
        prog="litellm-ops",
        description="Backups, health and models of this host's LiteLLM deployment.",
        epilog="Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 3 refused before "
        "anything was touched; those of "
        "health, probe and inventory are in their own help.",
    )
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--json", action="store_true", help="answer as JSON")
    shared.add_argument(
        "--settings", default=_settings.PATH, metavar="FILE", help="settings (%(default)s)"
    )
    shared.set_defaults(owner=os.geteuid(), needs_settings=True)
    commands = found.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(
        name: str, act: Callable[[_settings.Settings, Any], Answer], words: str
    ) -> argparse.ArgumentParser:
        made = commands.add_parser(
            name, parents=[shared], help=words, description=words[0].upper() + words[1:] + "."
        )
        made.set_defaults(act=act, refuse=made.error)
        return made

    made = command("backup", backup, "make a backup, then remove what retention does not keep")
    made.add_argument(
        "--source",
        choices=_settings_file.KINDS,
        default="",
        help="deployment to back up (the one that serves)",
    )
    made.add_argument(
        "--name", help="name of the backup (the time); one that is there is verified instead"
    )
    made.add_argument("--pin", action="store_true", help="retention leaves it alone for good")
    made.add_argument("--no-prune", action="store_true", help="remove nothing afterwards")
    made = command("prune", prune, "remove what retention does not keep")
    made.add_argument("--dry-run", action="store_true", help="only say what would go, and why")
    made = command("verify", verify, "read backups and compare every byte with its checksum")
    made.add_argument("name", nargs="*", help="backups (the latest)")
    made.add_argument("--all", action="store_true", help="every backup")
    _restore.signers_of(made)
    made = command("drill", drill, "restore a backup into a throwaway container and compare")
    made.add_argument("name", nargs="?", default="latest", help="backup (%(default)s)")
    made.add_argument(
        "--identity", default="", metavar="FILE", help="the age key that opens an encrypted backup"
    )
    _restore.signers_of(made)
    made = command("copy", copy, "copy a backup off this host, as the settings say")
    made.add_argument("name", nargs="?", default="latest", help="backup (%(default)s)")
    command("check", check, "look whether this host has what the settings ask for")
    _restore.options_of(
        command("restore", restore, "restore a backup into the deployment, or leave that as it was")
    )
    command("list", listing, "show the backups")
    for name, words in (
        ("pin", "keep a backup whatever retention says"),
        ("unpin", "let retention decide over a backup again"),
    ):
        command(name, pin, words).add_argument("name", help="backup")
    command("status", status, "show how backups and drills went last")
    _refresh.add(command)
    _health.register(commands)
    _models.add(command)
    return found
