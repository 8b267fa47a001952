# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units of the system's manager and of the user managers that are running, looked at and brought to
a state.

A user manager is spoken to as its own account with its own runtime folder: that needs neither a
login session nor ``machinectl``, and works the same over SSH, in a container and from a timer.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import re
import time
from typing import Any, Callable, NamedTuple, Optional

from . import paths as _paths
from .account import Account, AccountError
from .problem import OperatorError, Problem
from .process import Result, end, run

# Conditions add up, so one that never holds keeps a unit down whatever wants it. Last in order: an
# empty one resets those before it.
BLOCK = "zz-llmops-litellm-retired.conf"
BLOCK_TEXT = (
    "# Written by llmops.litellm: this unit is retired. Its rollback removes this file.\n"
    "[Unit]\nConditionPathExists=!/\n"
)
# While a unit stops one of whose processes needs its children for what it does last. One that a
# killed stop has left goes before the unit is started again.
STOP = "50-llmops-litellm-stop.conf"
STOP_TEXT = (
    "# Written by llmops.litellm for one stop; gone with it, the next start, or the next boot.\n"
    "[Service]\n"
)
STOP_MIXED = "KillMode=mixed\n"
# Of one that is not the main process: it is told first, and the unit must not start it again.
STOP_WRAPPED = STOP_MIXED + "Restart=no\n"
STOP_SECONDS = 90.0  # systemd's own default
KILLED = "killed"
SHOWN = (
    "Id",
    "LoadState",
    "LoadError",
    "ActiveState",
    "SubState",
    "UnitFileState",
    "FragmentPath",
    "DropInPaths",
    "MainPID",
    "WorkingDirectory",
    "EnvironmentFiles",
    "Environment",
    "User",
    "DynamicUser",
    "ExecStart",
    "KillMode",
    "ControlGroup",
    "TriggeredBy",
    "Triggers",
    "Type",
)


# Seconds for an answer: an account can have anything answer for its manager, or nothing.
TIMEOUT = 30.0
LONGEST = 180.0  # of what starts and stops units
_LOOKS = 0.1  # between two looks at one
RUNS = ("active", "activating", "reloading", "deactivating")
# What a manager can be asked to start: the file of a masked unit is hidden, not bad.
USABLE = ("loaded", "masked")


class SystemdError(OperatorError):
    """A manager refused; the message names the unit and says what it answered."""


def _account(name: str) -> Account:
    try:
        return Account.named(name)
    except AccountError as error:
        raise SystemdError(str(error)) from None


class Manager(NamedTuple):
    """A running systemd: ``account`` is ``None`` for the system's, else the name of the user
    manager's account."""

    account: Optional[str]

    @property
    def scope(self) -> str:
        """``system`` or ``user``, as systemctl calls it."""
        return "system" if self.account is None else "user"

    @property
    def folder(self) -> str:
        """Where units and masks of this manager's owner are, which come before all others."""
        return (
            "/etc/systemd/system"
            if self.account is None
            else os.path.join(_account(self.account).home, ".config/systemd/user")
        )

    @property
    def runtime(self) -> str:
        """Where units of this manager are that a reboot forgets."""
        return (
            "/run/systemd/system"
            if self.account is None
            else "/run/user/%d/systemd/user" % _account(self.account).uid
        )

    @property
    def shown(self) -> str:
        """Whose it is, in words."""
        return "the manager of account %s" % self.account if self.account else "the system"

    @property
    def is_running(self) -> bool:
        """Whether it runs, as the system's manager says: an account can take its socket away while
        its units go on."""
        if self.account is None:
            return True
        unit = "user@%d.service" % _account(self.account).uid
        found = look(Manager(None), [unit])[0]
        return found.active not in ("inactive", "failed")

    def ask(self, question: Callable[[], Any], place: str) -> Any:
        """What a function finds that only looks at this manager's owner's files: it is that
        account's process that looks.

        :param place: the path that it is about. :raises OSError: it failed.
        """
        if self.account is None:
            return question()
        return _account(self.account).ask(question, place)

    def systemctl(self, *words: str, timeout: float = LONGEST) -> Result:
        """Run systemctl against this manager."""
        return self.run(
            ["systemctl", *words] if self.account is None else ["systemctl", "--user", *words],
            timeout=timeout,
        )

    def run(self, argv: list[str], stdin: Optional[str] = None, timeout: float = 60) -> Result:
        """Run a program as this manager's owner."""
        if self.account is None:
            return run(argv, stdin=stdin, timeout=timeout)
        account = _account(self.account)
        runtime = "/run/user/%d" % account.uid
        return run(
            argv,
            stdin=stdin,
            timeout=timeout,
            account=account,
            env={
                "XDG_RUNTIME_DIR": runtime,
                "DBUS_SESSION_BUS_ADDRESS": "unix:path=%s/bus" % runtime,
                "HOME": account.home,
                "USER": account.name,
            },
        )


class Unit(NamedTuple):
    """A unit as its manager sees it. ``enabled`` is systemd's UnitFileState, ``active`` its
    ActiveState."""

    name: str
    manager: Manager
    enabled: str
    active: str
    properties: dict[str, str]

    @property
    def pid(self) -> Optional[int]:
        """The main process, ``None`` where none runs."""
        told = self.properties.get("MainPID", "")
        return int(told) or None if re.fullmatch(r"[0-9]{1,9}", told) else None

    @property
    def path(self) -> str:
        """The file itself, not a link to it; empty where there is none."""
        path = self.properties.get("FragmentPath", "")
        if not path:
            return ""
        try:
            return str(self.manager.ask(lambda: os.path.realpath(path), path))
        except OSError:
            return path  # its owner does not get through its own folders

    @property
    def fault(self) -> str:
        """Why it can't be started, as a sentence goes on after its name; empty where it can."""
        state = self.properties.get("LoadState", "")
        if state in USABLE:
            return ""
        if state == "not-found":
            return "is not there any more: %s has no such unit" % self.manager.shown
        # of an error of D-Bus, what it says
        said = re.sub(r'^\S+ "(.*)"$', r"\1", self.properties.get("LoadError", ""), flags=re.S)
        told = "%s, %s" % (state, said) if said else state
        return "can't be loaded by %s (%s)" % (self.manager.shown, told)

    def record(self) -> dict[str, str]:
        """What has to be known to bring the unit back exactly; ``path`` is the file itself, not a
        link to it, ``hash`` the SHA-256 of it, empty where only its owner may vouch for it."""
        return {
            "name": self.name,
            "scope": self.manager.scope,
            "account": self.manager.account or "",
            "enabled": self.enabled,
            "active": "active" if self.active == "reloading" else self.active,
            "path": self.path,
            "hash": file_hash(self.manager, self.path),
        }

    @property
    def block(self) -> str:
        """The drop-in that keeps this unit down where it cannot be masked."""
        return os.path.join(self.manager.folder, self.name + ".d", BLOCK)

    @property
    def blocked(self) -> bool:
        """Whether that drop-in is there."""
        return bool(self.manager.ask(lambda: os.path.exists(self.block), self.block))


# Which of a unit's processes.
First = Callable[[Unit], Optional[int]]


def file_hash(manager: Manager, path: str) -> str:
    """SHA-256 of a unit's file as its manager's owner reads it; empty where it can't be read, or
    somebody who is not root could change what the system's manager reads."""
    if not path or (manager.account is None and _paths.weakness(path)):
        return ""
    reader = _account(manager.account or "root")
    try:
        return hashlib.sha256(reader.read(path)).hexdigest()
    except OSError:
        return ""


def managers(account: str = "", runtime: str = "/run/user") -> list[Manager]:
    """The system's manager and every user manager that runs, or the one of ``account`` alone beside
    the system's."""
    found = [Manager(None)]
    for name in sorted(os.listdir(runtime)) if os.path.isdir(runtime) else []:
        try:
            entry = pwd.getpwuid(int(name))
        except (KeyError, ValueError):
            continue
        private = os.path.join(runtime, name, "systemd", "private")
        if account in ("", entry.pw_name) and _sees(entry.pw_uid, private):
            found.append(Manager(entry.pw_name))
    return found


def _sees(uid: int, path: str) -> bool:
    try:
        return Account.numbered(uid).exists(path)
    except OSError:
        return False


def parse_show(text: str) -> list[dict[str, str]]:
    """``systemctl show`` of one or several units; a property that is printed twice
    (EnvironmentFiles) is joined by newlines."""
    blocks = []
    for block in re.split(r"\n\n+", text.strip()):
        properties: dict[str, str] = {}
        for line in block.splitlines():
            name, equals, value = line.partition("=")
            if equals:
                properties[name] = properties[name] + "\n" + value if name in properties else value
        if properties:
            blocks.append(properties)
    return blocks


def look(manager: Manager, names: list[str]) -> list[Unit]:
    """The units of these names as this manager has them, one for each, also those that it does not
    know or can't load.

    :raises SystemdError: it does not answer.
    """
    if not names:
        return []
    words = ("show", "--property", ",".join(SHOWN), "--", *names)
    answer = manager.systemctl(*words, timeout=TIMEOUT)
    blocks = parse_show(answer.out)
    if len(blocks) != len(names):
        raise SystemdError(
            "%s does not say how %s is: %s. Is it running (loginctl enable-linger ACCOUNT)?"
            % (manager.shown, ", ".join(names), (answer.err or answer.out).strip()[:500])
        )
    return [
        Unit(
            properties.get("Id", name),
            manager,
            properties.get("UnitFileState", ""),
            properties.get("ActiveState", ""),
            properties,
        )
        for name, properties in zip(names, blocks)
    ]


def show(manager: Manager, names: list[str]) -> list[Unit]:
    """The named units that this manager has and can load, in the order asked; none where it does
    not answer."""
    try:
        found = look(manager, names)
    except SystemdError:
        return []
    return [unit for unit in found if unit.properties.get("LoadState") in USABLE]


def unloadable(manager: Manager, names: list[str]) -> list[Unit]:
    """Those of the named units that this manager knows and can't load; none where it does not
    answer."""
    try:
        found = look(manager, names)
    except SystemdError:
        return []
    return [unit for unit in found if unit.fault and (unit.active in RUNS or unit.enabled)]


def list_unit_files(manager: Manager, *patterns: str) -> list[str]:
    """Names of the installed unit files that match, templates left out."""
    answer = manager.systemctl(
        "list-unit-files", "--no-legend", "--no-pager", "--plain", "--", *patterns, timeout=TIMEOUT
    )
    names = [line.split()[0] for line in answer.out.splitlines() if line.split()]
    return [name for name in names if not re.search(r"@\.[a-z]+$", name)]


def list_units(manager: Manager, *patterns: str) -> list[str]:
    """Names of the units that match and that the manager has loaded, whether they run or not."""
    answer = manager.systemctl(
        "list-units",
        "--all",
        "--no-legend",
        "--no-pager",
        "--plain",
        "--",
        *patterns,
        timeout=TIMEOUT,
    )
    return [line.split()[0] for line in answer.out.splitlines() if line.split()]


def release() -> int:
    """The release of systemd on this host; 0 where it does not tell."""
    match = re.match(r"systemd (\d+)", run(["systemctl", "--version"]).out)
    return int(match.group(1)) if match else 0


def parse_environment_files(value: str) -> list[tuple[str, bool]]:
    """The property EnvironmentFiles as (path, optional), in the order in which systemd reads
    them."""
    found = []
    for line in value.splitlines():
        match = re.match(r"(.*) \(ignore_errors=(yes|no)\)$", line)
        if match:
            found.append((match.group(1), match.group(2) == "yes"))
    return found


def parse_exec(value: str) -> list[str]:
    """The arguments of the property ExecStart (its first command). systemd joins them by spaces,
    quotes nothing and leaves variables as they are, so what a process was started with is better
    asked of the process."""
    match = re.search(r"argv\[\]=(.*?) ; ignore_errors=", value, re.S)
    return match.group(1).split() if match else []


def _must(manager: Manager, unit: str, *words: str, timeout: float = LONGEST) -> None:
    answer = manager.systemctl(*words, "--", unit, timeout=timeout)
    _checked(manager, answer, "systemctl %s %s" % (" ".join(words), unit))


def _checked(manager: Manager, answer: Result, what: str) -> None:
    if answer.rc != 0:
        raise SystemdError(
            "%s (%s manager): %s"
            % (what, manager.account or "system", (answer.err or answer.out).strip())
        )


def _block(unit: Unit) -> None:
    """Keep a unit down that cannot be masked, because its own file is where the mask would be."""
    _put(unit.manager, unit.block, BLOCK_TEXT)


def _put(manager: Manager, path: str, text: str) -> None:
    """Put a drop-in in place, as the manager's owner: root must not write where an account could
    have put a link."""
    folder = os.path.dirname(path)
    for argv, stdin in (
        (["mkdir", "-p", folder], None),
        (["dd", "of=" + path, "conv=fsync", "status=none"], text),
        (["sync", folder], None),
    ):
        _checked(manager, manager.run(argv, stdin=stdin), " ".join(argv))
    _checked(manager, manager.systemctl("daemon-reload"), "systemctl daemon-reload")


def _remove(manager: Manager, path: str) -> None:
    for argv in (
        ["rm", "-f", path],
        ["rmdir", "--ignore-fail-on-non-empty", os.path.dirname(path)],
    ):
        _checked(manager, manager.run(argv), " ".join(argv))
    _checked(manager, manager.systemctl("daemon-reload"), "systemctl daemon-reload")


def stop(unit: Unit, first: First = lambda unit: None, patience: int = 0) -> bool:
    """Stop a unit.

    systemd tells all processes of a service at once. LiteLLM's database client is one of them, and
    does not wait: what LiteLLM has not written by then is lost, and while it drains its requests
    that is a lot. A wrapper as main process ends before LiteLLM does.

    :param first: which of its processes is told first and alone, ``None`` for none; its children,
        which it may still need, end after it.
    :param patience: seconds that it may take; 0 for the unit's own time.
    :returns: whether it came to its end; ``False``: it was killed with the rest.
    """
    path = _stop_path(unit.manager, unit.name)
    told = first(unit)
    wrapped = told is not None and told != unit.pid
    at_once = told and unit.properties.get("KillMode") == "control-group"
    settings = STOP_WRAPPED if wrapped else STOP_MIXED if at_once else ""
    settings += "TimeoutStopSec=%d\n" % patience if told and patience else ""
    if settings:
        _put(unit.manager, path, STOP_TEXT + settings)
    ended = True
    try:
        if told is not None and wrapped:
            seconds = patience or STOP_SECONDS
            ended = end(told, lambda: first(unit) == told, seconds) or first(unit) is None
        _must(unit.manager, unit.name, "stop", timeout=LONGEST + patience)
    finally:
        forget_stop(unit.manager, unit.name)
    return ended


def _stop_path(manager: Manager, name: str) -> str:
    return os.path.join(manager.runtime, name + ".d", STOP)


def prepare_stop(unit: Unit, settings: str) -> None:
    """Have a unit's next stop go by other settings, until :func:`forget_stop`."""
    _put(unit.manager, _stop_path(unit.manager, unit.name), STOP_TEXT + settings)


def stop_prepared(unit: Unit) -> None:
    """Stop it.

    :raises SystemdError: it does not.
    """
    _must(unit.manager, unit.name, "stop")


def start_beside(manager: Manager, name: str) -> None:
    """Have a unit started, and don't wait for that.

    :raises SystemdError: its manager refuses.
    """
    manager.systemctl("reset-failed", "--", name)
    _must(manager, name, "start", "--no-block")


def await_start(manager: Manager, name: str, seconds: float) -> None:
    """Wait until a unit that is being started has been.

    :raises SystemdError: it has failed, or takes longer.
    """
    deadline = time.monotonic() + seconds
    while True:
        unit = look(manager, [name])[0]
        if unit.active == "active":
            return
        if unit.active != "activating" or time.monotonic() > deadline:
            raise SystemdError("%s is %s, and should be active" % (name, unit.active))
        time.sleep(_LOOKS)


def forget_stop(manager: Manager, name: str, check: bool = False) -> bool:
    """Take away what :func:`stop` puts in place for its own time: whether it is, or with ``check``
    would be, there to take."""
    path = _stop_path(manager, name)
    there = bool(manager.ask(lambda: os.path.lexists(path), path))
    if there and not check:
        _remove(manager, path)
    return there


def retire(
    record: dict[str, str],
    check: bool = False,
    first: First = lambda unit: None,
    patience: int = 0,
) -> list[str]:
    """Stop a unit and keep it from starting at the next boot, without deleting anything of it.

    :param first, patience: see :func:`stop`.
    :returns: what was done or, with ``check``, would be; empty when the unit was retired already;
        :data:`KILLED` beside it where what is told first did not end by itself.
    """
    manager = Manager(record["account"] or None)
    if not manager.is_running:
        return []  # and nothing of it runs
    unit, done = _of(record), []
    if unit.active in RUNS:
        done.append("stopped")
        if not check and not stop(unit, first, patience):
            done.append(KILLED)
    if unit.enabled in ("enabled", "alias"):
        done.append("disabled")
        if not check:
            path = unit.path
            _must(manager, unit.name, "disable")
            unit = _of(record)
            if path and unit.properties.get("LoadState") == "not-found":
                # Enabled from a file of another folder (a repository): the link to it went with the
                # rest.
                _must(manager, path, "link")
                unit = _of(record)
    if unit.fault:
        return done
    # A generator or another unit may pull it in at boot; disabling alone does not keep it down.
    # What only is to be disabled cannot tell yet.
    down = unit.properties["LoadState"] == "masked" or unit.blocked
    if (
        not (check and "disabled" in done)
        and not down
        and (unit.enabled == "enabled-runtime" or _is_pulled_in(unit))
    ):
        own = os.path.join(manager.folder, unit.name)
        masks = not manager.ask(lambda: os.path.lexists(own), own)
        done.append("masked" if masks else "blocked")
        if not check and masks:
            _must(manager, unit.name, "mask")
        elif not check:
            _block(unit)
    return done


def _of(record: dict[str, str]) -> Unit:
    return look(Manager(record["account"] or None), [record["name"]])[0]


def _is_pulled_in(unit: Unit) -> bool:
    answer = unit.manager.systemctl("show", "--property", "WantedBy,RequiredBy", "--", unit.name)
    return any(value.strip() for block in parse_show(answer.out) for value in block.values())


def restore(record: dict[str, str], check: bool = False) -> list[str]:
    """Bring a unit back to exactly the recorded enabled and active state.

    :returns: what was done or, with ``check``, would be; empty when nothing differed.
    :raises SystemdError: it can't be brought back; the message names it, why, and what to do.
    """
    manager, done = Manager(record["account"] or None), []
    unit = _of(record)
    if unit.properties.get("LoadState") == "not-found" and _is_file(manager, record["path"]):
        # Retiring it was interrupted between disabling and linking.
        done.append("linked")
        if check:
            return done
        _must(manager, record["path"], "link")
        unit = _of(record)
    if forget_stop(manager, unit.name, check):
        done.append("cleaned")
    if unit.blocked:
        done.append("unblocked")
        if not check:
            _remove(unit.manager, unit.block)
    if unit.properties.get("LoadState") == "masked" and record["enabled"] != "masked":
        done.append("unmasked")
        if not check:
            _must(manager, unit.name, "unmask")
            unit = _of(record)
    if record["enabled"] == "enabled" and unit.enabled != "enabled":
        done.append("enabled")
        _require(unit, record)
        if not check:
            _must(manager, unit.name, "enable")
    if record["active"] == "active" and unit.active != "active":
        done.append("started")
        _require(unit, record)
        if not check:
            manager.systemctl("reset-failed", "--", unit.name)
            _must(manager, unit.name, "start")
    elif record["active"] == "inactive" and unit.active in ("active", "activating"):
        done.append("stopped")
        if not check:
            _must(manager, unit.name, "stop")
    return done


def obstacle(record: dict[str, str], check: bool = False) -> Optional[Problem]:
    """Why a recorded unit could not be brought back to its state once it were stopped; ``None``
    where it could.

    Its manager reads its files again for that, as it does whenever a unit is disabled.

    :param check: its manager does not.
    """
    subject, manager = "unit %s" % record["name"], Manager(record["account"] or None)
    if record["enabled"].startswith("masked"):
        return None  # its file counts for nothing
    try:
        if not check:
            _checked(manager, manager.systemctl("daemon-reload"), "systemctl daemon-reload")
        unit = _of(record)
        loaded = unit.properties.get("LoadState") == "loaded"
        path = (unit.path if loaded else "") or record["path"]
        if path and not _is_file(manager, path):
            return Problem(
                subject,
                "its file %s is gone" % path,
                "restore it from the backup that the journal names",
            )
        # one that is not found and has its file elsewhere is linked again
        is_linkable = bool(path) and unit.properties.get("LoadState") == "not-found"
        return None if is_linkable or not unit.fault else _problem(unit, record)
    except (SystemdError, OSError) as error:
        return Problem(subject, str(error), "its manager must be able to bring it back")


def replaced(record: dict[str, str]) -> str:
    """What about a unit's file is not as it was recorded, in words; empty where it is, and where
    the unit is masked or not there."""
    manager = Manager(record["account"] or None)
    try:
        unit = _of(record)
        path = unit.path
        if unit.properties.get("LoadState") == "masked" or not path:
            return ""
        if record["path"] and path != record["path"]:
            return "%s is read from %s now; it was recorded as %s" % (
                unit.name,
                path,
                record["path"],
            )
        known, now = record.get("hash", ""), file_hash(manager, path)
    except (SystemdError, OSError) as error:
        return str(error)
    changed = known and known != now
    return "%s: %s was changed since it was recorded" % (unit.name, path) if changed else ""


def _is_file(manager: Manager, path: str) -> bool:
    return bool(path and manager.ask(lambda: os.path.isfile(path), path))


def _require(unit: Unit, record: dict[str, str]) -> None:
    if unit.fault:
        raise SystemdError(str(_problem(unit, record)))


def _problem(unit: Unit, record: dict[str, str]) -> Problem:
    return Problem(
        "unit %s" % record["name"],
        unit.fault,
        "put %s right, then systemctl%s daemon-reload"
        % (
            record["path"] or "its file",
            " --user --machine=%s@" % record["account"] if record["account"] else "",
        ),
    )
