# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of ``litellm-ops`` that make, keep, check and restore backups."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import Any, Optional

from .._backup import archive as _archive
from .._backup import backup as _backup
from .._backup import history as _history
from .._backup import settings as _settings
from .._backup import signature as _signature
from .._host import settings_file as _settings_file
from .._host.problem import OperatorError
from .._restore import drill as _drill
from .._restore import load as _load
from .._restore import state as _state
from .._restore.state import RefusedError
from . import offsite as _offsite
from . import restore as _restore
from .answer import DONE, FAILED, REFUSED, USAGE, Answer


def now() -> datetime:
    """The time."""
    return datetime.now(timezone.utc)


def backup(settings: _settings.Settings, options: Any) -> Answer:
    """Make a backup; only where that went well, prune."""
    try:
        # One that is under way is waited for: while the databases change places it holds the
        # archive.
        stuck = "" if _state.is_held(settings.state_dir) else _state.unfinished(settings.state_dir)
        if stuck:
            raise RefusedError("no backup is made: %s" % stuck)
        order = settings.order(options.source, options.name, options.pin)
        done = _backup.backup(order, now())
    except _settings_file.SettingsError:
        raise  # it says nothing of the deployment, nor of backups
    except (OperatorError, OSError) as error:
        _history.record(settings.state_dir, "backup", now(), str(error), settings.metrics)
        raise
    _history.record(
        settings.state_dir,
        "backup",
        now(),
        None,
        settings.metrics,
        name=done["name"],
        seconds=done["seconds"],
        bytes=done["bytes"],
    )
    manifest = done["manifest"]
    how = "is made and verified" if done["changed"] else "was there and is sound"
    lines = [
        "%s %s: %d rows in %.1f MiB, %.1f s"
        % (done["path"], how, manifest["rows_total"], done["bytes"] / 2**20, done["seconds"])
    ]
    lines += ["not in it: %s" % words for words in order.absent]
    result = {
        "changed": done["changed"],
        "name": done["name"],
        "path": done["path"],
        "bytes": done["bytes"],
        "seconds": done["seconds"],
        "rows_total": manifest["rows_total"],
        "source": order.kind,
        "absent": list(order.absent),
    }
    copied = (
        _offsite.copy(settings, _archive.find(settings.backup_dir, done["name"], now()), now())
        if settings.copy
        else None
    )
    pruned = None if options.no_prune else _pruned(settings, False)
    if copied:
        lines, result = lines + copied.lines, {**result, "copy": copied.result}
    if pruned:
        lines, result = lines + pruned.lines, {**result, "prune": pruned.result}
    return Answer(
        FAILED if copied and copied.code or pruned and pruned.code else DONE, lines, result
    )


def copy(settings: _settings.Settings, options: Any) -> Answer:
    """Copy a backup off the host, if it is sound."""
    if settings.copy is None:
        return Answer(
            REFUSED,
            ["backup.copy: the settings name no place to copy backups to"],
            {"error": "backup.copy is not set"},
        )
    entry = _archive.find(settings.backup_dir, options.name, now())
    problem = (
        _archive.verify(entry)
        if entry.layout == "folder"
        else "%s was not made by this collection" % entry.path
    )
    if problem:
        return Answer(
            REFUSED,
            ["%s is not copied: %s" % (entry.name, problem)],
            {"error": problem, "name": entry.name},
        )
    done = _offsite.copy(settings, entry, now())
    return done._replace(result={"name": entry.name, **done.result})


def check(settings: _settings.Settings, options: Any) -> Answer:
    """Whether this host has what the settings ask for."""
    problems = _offsite.check(settings)
    return Answer(
        USAGE if problems else DONE,
        problems or ["this host has what the settings ask for"],
        {"problems": problems},
    )


def prune(settings: _settings.Settings, options: Any) -> Answer:
    """Remove what the policy does not keep."""
    return _pruned(settings, options.dry_run)


def _pruned(settings: _settings.Settings, check: bool) -> Answer:
    begun = time.monotonic()
    try:
        result = _archive.prune(settings.backup_dir, settings.policy, now(), check)
    except (_backup.BackupError, OSError) as error:
        if not check:
            _history.record(settings.state_dir, "prune", now(), str(error), settings.metrics)
        return Answer(FAILED, ["nothing more was removed: %s" % error], {"error": str(error)})
    problem = (
        "broken: %s" % ", ".join(entry["name"] for entry in result["broken"])
        if result["broken"]
        else None
    )
    if not check:
        _history.record(
            settings.state_dir,
            "prune",
            now(),
            problem,
            settings.metrics,
            seconds=round(time.monotonic() - begun, 3),
        )
    lines = [
        "%s  %s: %s"
        % ("would go" if check else "removed", entry["name"], ", ".join(entry["reasons"]))
        for entry in result["removed"]
    ]
    lines += (
        [
            "stays     %s: %s" % (entry["name"], ", ".join(entry["reasons"]))
            for entry in result["kept"]
        ]
        if check
        else ["%d kept, %d removed" % (len(result["kept"]), len(result["removed"]))]
    )
    lines += ["BROKEN    %s" % entry["problem"] for entry in result["broken"]]
    lines += ["foreign   %s" % name for name in result["foreign"]] if check else []
    return Answer(FAILED if result["broken"] else DONE, lines, result)


def verify(settings: _settings.Settings, options: Any) -> Answer:
    """Read backups whole."""
    time_is = now()
    entries = (
        _archive.scan(settings.backup_dir, time_is).entries
        if options.all
        else [
            _archive.find(settings.backup_dir, name, time_is) for name in options.name or ["latest"]
        ]
    )
    begun = time.monotonic()
    problems = {entry.name: _archive.verify(entry, options.signed_by) for entry in entries}
    broken = {name: problem for name, problem in problems.items() if problem}
    signed = {entry.name: _signed(entry) for entry in entries if entry.name not in broken}
    _history.record(
        settings.state_dir,
        "verify",
        now(),
        "; ".join(broken.values()) or None,
        settings.metrics,
        seconds=round(time.monotonic() - begun, 3),
        name=None if options.all else ", ".join(problems),
    )
    lines = [
        "%s  %s" % ("BROKEN" if problem else "sound ", problem or name + signed[name])
        for name, problem in problems.items()
    ]
    return Answer(
        FAILED if broken else DONE,
        lines or ["%s holds no backup" % settings.backup_dir],
        {"broken": broken, "sound": sorted(set(problems) - set(broken))},
    )


def _signed(entry: _archive.Entry) -> str:
    """Who has signed a sound backup, in words behind its name."""
    if entry.layout != "folder":
        return ""
    key = _signature.signer(entry.path, _signature.sums(entry.path))
    return ", signed by the key " + key if key else ""


def drill(settings: _settings.Settings, options: Any) -> Answer:
    """Restore a backup, and throw it away."""
    entry = None
    try:
        entry = _archive.find(settings.backup_dir, options.name, now())
        images = (
            settings.deployments["compose"].facts.get("images", {})
            if "compose" in settings.deployments
            else {}
        )
        _signature.sums(entry.path, options.signed_by)
        manifest = _backup.manifest(entry.path)
        _load.find(entry.path, manifest, options.identity)
        image = _drill.image_of(manifest, images.get("postgres", ""))
        done = _drill.drill(entry.path, image, now(), identity=options.identity)
        problem = "; ".join(done["differences"]) or None
    except _load.EncryptedError:
        return _sealed(settings, entry)
    except (OperatorError, OSError) as error:
        _history.record(
            settings.state_dir,
            "drill",
            now(),
            str(error),
            settings.metrics,
            name=entry.name if entry else None,
        )
        raise
    _history.record(
        settings.state_dir,
        "drill",
        now(),
        problem,
        settings.metrics,
        name=entry.name,
        seconds=done["seconds"],
    )
    if problem:
        return Answer(
            FAILED,
            ["%s was restored and is not what its manifest says: %s" % (entry.path, problem)],
            {"name": entry.name, **done},
        )
    words = "%s can be restored: %d rows in %d tables, equal to its manifest, %.1f s" % (
        entry.path,
        done["rows"],
        done["tables"],
        done["seconds"],
    )
    return Answer(DONE, [words], {"name": entry.name, **done})


def restore(settings: _settings.Settings, options: Any) -> Answer:
    """Restore a backup."""
    return _restore.run(settings, options, now())


def _sealed(settings: _settings.Settings, entry: Optional[_archive.Entry]) -> Answer:
    """A drill on a host that can't read its own backups: neither a success nor a failure. What can
    be seen without the key is looked at."""
    name, path = (entry.name, entry.path) if entry else ("", "")
    problem = _archive.verify(entry) if entry else ""
    words = (
        "%s is sealed: it cannot be tried here without the key (--identity); every byte is "
        "as it was written" % path
    )
    _history.record(
        settings.state_dir, "drill", now(), problem or None, settings.metrics, note=words, name=name
    )
    result = {"name": name, "sealed": True}
    return (
        Answer(FAILED, [problem], {**result, "error": problem})
        if problem
        else Answer(DONE, [words], {**result, "ok": None})
    )


def listing(settings: _settings.Settings, options: Any) -> Answer:
    """The backups, oldest first."""
    archive = _archive.scan(settings.backup_dir, now(), None)
    rows: list[dict[str, Any]] = [
        {
            "name": entry.name,
            "time": entry.time.astimezone(timezone.utc).isoformat(timespec="seconds"),
            "bytes": _backup.size(entry.path),
            "pinned": entry.pinned,
            "layout": entry.layout,
            "problem": entry.problem,
        }
        for entry in archive.entries
    ]
    lines = [
        "%s  %s  %9.1f MiB  %s"
        % (
            row["time"],
            row["name"],
            row["bytes"] / 2**20,
            row["problem"] or ("pinned" if row["pinned"] else ""),
        )
        for row in rows
    ]
    lines += ["foreign  %s" % name for name in archive.foreign] + [
        "incomplete  %s" % left.name for left in archive.incomplete
    ]
    return Answer(
        DONE,
        [line.rstrip() for line in lines] or ["%s holds no backup" % settings.backup_dir],
        {
            "backups": rows,
            "foreign": archive.foreign,
            "incomplete": [left.name for left in archive.incomplete],
        },
    )


def pin(settings: _settings.Settings, options: Any) -> Answer:
    """Pin a backup, or release it."""
    pinned = options.command == "pin"
    try:
        changed = _archive.pin(settings.backup_dir, options.name, pinned, now())
    except _backup.BackupError as error:
        return Answer(REFUSED, [str(error)], {"error": str(error)})
    return Answer(
        DONE,
        [
            "%s %s %s"
            % (
                options.name,
                "is" if changed else "was",
                "pinned" if pinned else "not pinned" + ("" if not changed else " any more"),
            )
        ],
        {"changed": changed, "name": options.name, "pinned": pinned},
    )


def _how(entry: dict[str, Any]) -> str:
    """How something went last, in words."""
    if entry["ok"] is None:
        return str(entry["note"])
    last = entry["last_success"]
    return (
        "well"
        if entry["ok"]
        else "FAILED: %s%s"
        % (entry["problem"], "; it went well last at %s" % last["time"] if last else "")
    )


def status(settings: _settings.Settings, options: Any) -> Answer:
    """How things went last."""
    result = _history.load(settings.state_dir)
    lines = []
    for kind in _history.KINDS:
        entry = result.get(kind)
        lines.append(
            "%-7s %s" % (kind, "%s  %s" % (entry["time"], _how(entry)) if entry else "never yet")
        )
    bad = any(entry["ok"] is False for entry in result.values())
    return Answer(FAILED if bad else DONE, lines, result)
