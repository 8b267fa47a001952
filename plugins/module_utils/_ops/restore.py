# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``litellm-ops restore``: what ``restore.yml`` does, by hand on the host."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime
from typing import Any

from .._backup import settings as _settings
from .._backup import signature as _signature
from .._backup.folder import BackupError
from .._host import display as _display
from .._host import settings_file as _settings_file
from .._restore import plan as _plan
from .._restore import rebuild as _rebuild
from .._restore import restore as _restore
from .answer import DONE, REFUSED, Answer


def options_of(made: argparse.ArgumentParser) -> None:
    """The command's own words."""
    made.add_argument("name", nargs="?", default="latest", help="backup (%(default)s)")
    made.add_argument(
        "--from",
        dest="path",
        default="",
        metavar="FOLDER",
        help="folder of the backups (that of the settings)",
    )
    made.add_argument(
        "--into",
        dest="kind",
        choices=_settings_file.KINDS,
        default="",
        help="deployment (the one that serves)",
    )
    made.add_argument(
        "--identity", default="", metavar="FILE", help="age identity that opens an encrypted backup"
    )
    signers_of(made)
    made.add_argument(
        "--accept",
        action="append",
        default=[],
        metavar="SHA256",
        help="use a file that differs from what this collection writes (a new host only)",
    )
    made.add_argument(
        "--no-restore-point",
        dest="point",
        action="store_false",
        help="make no backup of what is there first",
    )
    made.add_argument(
        "--wait",
        type=int,
        default=int(_restore.START_TIMEOUT),
        metavar="SECONDS",
        help="that the proxy may take to serve (%(default)s)",
    )
    made.add_argument(
        "--dry-run",
        action="store_true",
        help="only say what would be lost, and what stands against it",
    )


def signers_of(made: argparse.ArgumentParser) -> None:
    """The words of each command that can insist on a signature."""
    made.add_argument(
        "--signed-by",
        type=_keys,
        default=(),
        metavar="FILE",
        help="public keys, one of which must have signed the backup",
    )


def _keys(path: str) -> tuple[str, ...]:
    try:
        return _signature.read_keys(path)
    except BackupError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def run(settings: _settings.Settings, options: Any, now: datetime) -> Answer:
    """Restore, or only a dry run of it. Lines come as it goes, on standard error where the answer
    is JSON.

    :returns: lines that were not printed yet.
    :raises RefusedError: nothing was touched.
    :raises RestoreError, BackupError, PostgresError: see :mod:`_restore.restore`.
    """
    order = _plan.order(
        settings,
        now,
        options.name,
        options.kind,
        options.path,
        options.identity,
        options.point,
        options.wait,
        options.signed_by,
        tuple(options.accept),
    )
    builds = isinstance(order, _rebuild.Order)
    if options.dry_run:
        result = (
            _rebuild.dry_run(order)
            if isinstance(order, _rebuild.Order)
            else _restore.dry_run(order)
        )
        return Answer(REFUSED if result["problems"] else DONE, foreseen(result), result)

    def tell(line: str) -> None:
        out = sys.stderr if options.json else sys.stdout
        out.write(_display.line(line) + "\n")
        out.flush()

    if isinstance(order, _rebuild.Order):
        done = _rebuild.rebuild(order, now, tell)
    else:
        done = _restore.restore(order, now, tell)
    lines = ["lost with it: %s" % line for line in done.get("loses", [])] + list(done["notes"])
    lines += ["restore point: %s" % done["point"]] if done.get("point") else []
    lines.append(
        "it took %.1f s" % done["seconds"]
        + ("" if builds else ", %.1f s of them without a proxy" % done["stopped"])
    )
    return Answer(DONE, lines, done)


def foreseen(result: dict[str, Any]) -> list[str]:
    """What a restore would do, in lines."""
    lines = (
        [
            "%s, made %s of the %s deployment, %s rows"
            % (result["path"], result["created"], result["source"], result["rows_total"])
        ]
        if result["created"]
        else []
    )
    if result["interrupted"]:
        lines.append(
            "an earlier restore was killed in its stage %s; a run ends that first"
            % result["interrupted"]
        )
    lines += ["would be lost: %s" % line for line in result["loses"]] or [
        "nothing is there now that the backup does not have"
    ] * bool(result["created"])
    return (
        lines + list(result["notes"]) + ["REFUSED   %s" % problem for problem in result["problems"]]
    )
