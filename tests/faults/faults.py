# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that are killed at every task, and hosts that fail, under a client that never stops writing.
See README.md."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional

import strikes
import verdict
from verdict import Case

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
OUTPUT = ROOT / "test-output" / "faults"
BIN = Path(sys.executable).parent
WRITTEN = "/root/faults/written.jsonl"
JOURNAL = "/var/lib/llmops-litellm/journal.json"
# The representative part, in an order in which each case begins where the one before ended: before
# and after the copy that decides. The scenarios `failed_cutover` and `backup` kill and fail others.
KILLS = [
    Case(
        "killed within",
        "migrate",
        "playbooks/tasks/parts/switch_database.yml parts | switch_database | "
        "Copy the database and lead its clients to the copy",
        "cutover",
        "migrate",
        1.0,
    ),
    Case(
        "killed within",
        "rollback",
        "playbooks/tasks/parts/switch_database_back.yml parts | switch_database_back | "
        "Copy the rows and lead clients to the copy",
        "copy_back",
        "rollback",
        2.0,
    ),
]
EVIDENCE = {
    "journal.json": f"cat {JOURNAL}",
    "report.md": "cat /var/lib/llmops-litellm/report.md",
    "written.jsonl": f"cat {WRITTEN}",
    "containers.txt": "docker ps --all --no-trunc",
    "postgres.log": "docker logs --timestamps --tail 300 litellm-postgres 2>&1",
    "proxy.log": "docker logs --timestamps --tail 1000 litellm-proxy 2>&1",
    "journal.log": "journalctl --no-pager --lines 3000 --output short-precise",
    "processes.txt": "ps -eo pid,ppid,lstart,args --forest",
}
FLUSH = 120.0  # seconds in which LiteLLM has to write what it acknowledged


def say(text: str) -> None:
    """One line of progress."""
    print("%s  %s" % (time.strftime("%H:%M:%S"), text), flush=True)


def sweep(tag: str) -> None:
    """End what is left of a run: Ansible's workers are in sessions of their own."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                if tag.encode() in (folder / "environ").read_bytes():
                    os.kill(int(folder.name), signal.SIGKILL)
            except OSError:
                continue


def joined(separator: str, variable: str, more: object) -> str:
    """What a variable lists, and one more."""
    return separator.join(filter(None, [os.environ.get(variable), str(more)]))


class Host:
    """A test host with a client on it, made from an inventory of its own."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.folder = Path(tempfile.mkdtemp(prefix="llmops-faults-"))
        self.inventory = self.folder / "inventory.yml"
        images = json.loads((ROOT / ".cache/testbed/testbed.json").read_text(encoding="utf-8"))
        os.environ["DOCKER_HOST"] = images["docker_host"]
        variables = {
            "ansible_connection": "community.docker.docker",
            "ansible_python_interpreter": "/usr/bin/python3",
            "litellm_images": images["images"],
            "litellm_keys_file": "/root/testbed/keys.json",
            "litellm_wait": 150,
        }
        self.inventory.write_text(
            json.dumps({"litellm": {"hosts": {name: {}}, "vars": variables}}), encoding="utf-8"
        )
        self.runs = 0
        self.built = False
        self.fresh = False
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, playbook: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a playbook; its log is in OUTPUT."""
        self.runs += 1
        tag = "LLMOPS_FAULTS_RUN=%s" % uuid.uuid4()
        path = ROOT / (playbook if "/" in playbook else "playbooks/%s.yml" % playbook)
        told = {
            **os.environ,
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_CALLBACK_PLUGINS": joined(":", "ANSIBLE_CALLBACK_PLUGINS", HERE / "callback"),
            "ANSIBLE_CALLBACKS_ENABLED": joined(",", "ANSIBLE_CALLBACKS_ENABLED", "killer"),
            "LLMOPS_FAULTS_RUN": tag.partition("=")[2],
            **environment,
        }
        log = OUTPUT / ("%s-%03d-%s.log" % (self.name, self.runs, Path(playbook).stem))
        with log.open("wb") as output:
            process = subprocess.Popen(
                [BIN / "ansible-playbook", "-i", self.inventory, path],
                cwd=ROOT,
                env=told,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        process.tag, process.log = tag, log  # type: ignore[attr-defined]
        self.running.append(process)
        self.fresh = self.fresh and "/" in playbook
        return process

    def end(self) -> None:
        """End what still runs, on this machine."""
        for process in self.running:
            if process.poll() is None:
                process.kill()
                process.wait()
            sweep(process.tag)  # type: ignore[attr-defined]
        self.running = []

    def wait(self, process: subprocess.Popen[bytes], minutes: float = 15) -> int:
        """A run's exit code."""
        try:
            code = process.wait(minutes * 60)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        if code:
            sweep(process.tag)  # type: ignore[attr-defined]
        return code

    def play(self, playbook: str, **environment: str) -> int:
        """Run a playbook to its end."""
        return self.wait(self.start(playbook, **environment))

    def sh(self, command: str, check: bool = True) -> str:
        """What a command on the host prints."""
        done = subprocess.run(
            ["docker", "exec", self.name, "sh", "-c", command],
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode:
            raise RuntimeError("%s: %s" % (command, done.stderr.strip()))
        return done.stdout.strip()

    def build(self) -> None:
        """A fresh host, with the client at work."""
        say("building host %s" % self.name)
        for name in ("destroy", "create", "prepare"):
            if self.play("molecule/shared/%s.yml" % name):
                raise RuntimeError("molecule/shared/%s.yml failed, see %s" % (name, OUTPUT))
        self.built = self.fresh = True
        self.begin()

    def adopt(self) -> bool:
        """Take a host that runs already, where there is one."""
        told = subprocess.run(
            ["docker", "inspect", "--format", "{{.State.Running}}", self.name],
            capture_output=True,
            text=True,
            check=False,
        )
        if told.stdout.strip() != "true":
            return False
        self.built = True
        self.begin()
        return True

    def begin(self) -> None:
        """Put the client to work."""
        self.sh("mkdir -p -m 700 /root/faults")
        for path in (HERE / "host").iterdir():
            if path.suffix == ".py":
                subprocess.run(
                    ["docker", "cp", "--quiet", path, f"{self.name}:/root/faults/{path.name}"],
                    check=True,
                    stdout=subprocess.DEVNULL,
                )
        self.sh(
            "systemctl stop writer 2> /dev/null; systemctl reset-failed writer 2> /dev/null; "
            "systemd-run --quiet --unit=writer --property=Restart=always "
            f"python3 -B /root/faults/writer.py {WRITTEN}"
        )

    def look(self) -> dict[str, Any]:
        """What is true now."""
        seen: dict[str, Any] = json.loads(self.sh(f"python3 -B /root/faults/look.py {WRITTEN}"))
        return seen

    def blow(self) -> dict[str, Any]:
        """What is true right after the blow; who holds the rows is asked again until some database
        answers."""
        first = self.look()
        limit = time.monotonic() + 30
        latest = first
        while not latest["rows"] and time.monotonic() < limit:
            time.sleep(0.5)
            latest = self.look()
        return {**first, "rows": latest["rows"]}

    def forget(self) -> None:
        """Begin a new list of rows: what this case was allowed to lose is not asked of the next
        one."""
        self.sh(
            f"systemctl stop writer; mv {WRITTEN} {WRITTEN}.$(date +%s); "
            "systemctl reset-failed writer 2> /dev/null",
            check=False,
        )
        self.begin()

    def settled(self, code: Optional[int], spend: bool, states: tuple[str, ...]) -> dict[str, Any]:
        """What is true when LiteLLM has had time to write what it acknowledged until now, and its
        client to see it again."""
        self.sh(f"cp {WRITTEN} {WRITTEN}.now")
        limit = time.monotonic() + FLUSH
        while True:
            seen: dict[str, Any] = json.loads(
                self.sh(f"python3 -B /root/faults/look.py {WRITTEN}.now")
            )
            if not verdict.end(seen, code, spend, states) or time.monotonic() > limit:
                return seen
            time.sleep(1)

    def refused(self, since: float) -> float:
        """The longest time in which the client was refused."""
        spans = [
            json.loads(line) for line in self.sh(f"grep refused {WRITTEN} || true").splitlines()
        ]
        return max(
            (span["end"] - span["begin"] for span in spans if span["end"] > since), default=0.0
        )

    def now(self) -> float:
        """The host's clock."""
        return float(self.sh("date +%s.%N"))

    def reaches(self, phase: str, run: subprocess.Popen[bytes], then: str = "") -> bool:
        """Wait, on the host, until the journal of a run that goes on names this phase; then do
        something there at once."""
        at = (
            f'grep -qs \'"state": "running"\' {JOURNAL} && '
            f'grep -qs \'"phase": "{phase}"\' {JOURNAL}'
        )
        watcher = subprocess.Popen(
            [
                "docker",
                "exec",
                self.name,
                "timeout",
                "900",
                "sh",
                "-c",
                f"until {at}; do sleep 0.05; done; {then or 'true'}",
            ]
        )
        while watcher.poll() is None and run.poll() is None:
            time.sleep(0.05)
        try:
            return watcher.wait(150 if then else 5) == 0
        except subprocess.TimeoutExpired:
            watcher.kill()
            return False

    def destroy(self) -> None:
        """Remove the host and what was made for it."""
        self.end()
        if self.runs:  # after a bad case it is not fit for another one, but it is still there
            self.play("molecule/shared/destroy.yml")
        shutil.rmtree(self.folder)


def describe(seen: dict[str, Any]) -> str:
    """A moment in a few words."""
    return "%s/%s, %s serves" % (seen["state"], seen["phase"] or "-", seen["serves"])


class Matrix:
    """All cases on one host, and their results in a file."""

    def __init__(self, host: Host, results: Path) -> None:
        self.host, self.results = host, results
        self.fresh = True  # no case has been on the host yet

    def done(self) -> set[str]:
        """The names of cases that have a result."""
        return {told["name"] for told in load(self.results)}

    def at(self, state: str) -> None:
        """Bring the host to ``legacy`` or ``migrated``."""
        if not self.host.built and not (self.fresh and self.host.adopt()):
            self.host.build()
        self.fresh = False
        seen = self.host.look()
        there = "migrated" if seen["state"] == "migrated" else "legacy"
        if seen["state"] not in verdict.FINAL or (
            there != state and self.host.play("migrate" if state == "migrated" else "rollback")
        ):
            say(
                "host %s is not where it should be (%s): a fresh one"
                % (self.host.name, describe(seen))
            )
            self.host.build()
            if state == "migrated" and self.host.play("migrate"):
                raise RuntimeError("migrate.yml fails on a fresh host, see %s" % OUTPUT)

    def record(self, playbook: str) -> list[dict[str, Any]]:
        """The tasks of a whole run of a playbook."""
        path = OUTPUT / ("%s-%s.jsonl" % (playbook, version()))
        if not path.exists():
            self.at("legacy" if playbook == "migrate" else "migrated")
            say("recording %s.yml" % playbook)
            growing = path.with_suffix(".growing-%s" % self.host.name)
            growing.unlink(missing_ok=True)
            if self.host.play(playbook, LLMOPS_FAULTS_RECORD=str(growing)):
                raise RuntimeError("%s.yml fails without any fault, see %s" % (playbook, OUTPUT))
            growing.rename(path)
        return load(path)

    def every(self) -> list[Case]:
        """All kills of both playbooks, each with one way to go on; then those that have another."""
        return [
            case
            for other in (False, True)
            for playbook in verdict.WAYS
            for case in verdict.cases(playbook, self.record(playbook), other)
        ]

    def close(
        self,
        case: Case,
        begun: float,
        first: dict[str, Any],
        wrong: list[str],
        code: Optional[int],
        spend: bool,
        states: tuple[str, ...] = verdict.FINAL,
    ) -> bool:
        """Judge a case that is over, and keep its result."""
        seen = self.host.settled(code, spend, states)
        wrong = wrong + verdict.end(seen, code, spend, states)
        rows = seen["rows"].get("compose" if seen["state"] == "migrated" else "legacy") or {
            "acknowledged": 0,
            "missing": 0,
            "keys_missing": 0,
        }
        told = {
            "name": case.name,
            **case._asdict(),
            "moment": describe(first),
            "state": seen["state"],
            "acknowledged": rows["acknowledged"],
            "present": rows["acknowledged"] - rows["missing"],
            "lost": rows["missing" if spend else "keys_missing"],
            "refused": round(self.host.refused(begun), 1),
            "verdict": "; ".join(wrong) or "good",
            "time": time.strftime("%Y-%m-%dT%H:%M:%S"),
        }
        with self.results.open("a", encoding="utf-8") as log:
            log.write(json.dumps(told) + "\n")
        say(
            "%-5s %s -> %s%s"
            % (
                "good" if not wrong else "BAD",
                case.name,
                seen["state"],
                "" if not wrong else ": " + "; ".join(wrong),
            )
        )
        if wrong:
            self.keep(case, seen)
            self.host.built = False  # nobody knows what the next case would show on it
        elif rows["missing"]:
            self.host.forget()
        return not wrong

    def keep(self, case: Case, seen: dict[str, Any]) -> None:
        """What a bad case left on its host, before that is thrown away: the missing rows with their
        times, journal, report, logs."""
        folder = OUTPUT / "bad" / re.sub(r"[^A-Za-z0-9.]+", "-", case.name)[-150:]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "seen.json").write_text(json.dumps(seen, indent=1), encoding="utf-8")
        for name, command in EVIDENCE.items():
            (folder / name).write_text(self.host.sh(command, check=False), encoding="utf-8")

    def kill(self, case: Case) -> bool:
        """Kill a run at one point, then run the next command once."""
        self.at("legacy" if case.playbook == "migrate" else "migrated")
        begun = self.host.now()
        code = self.host.play(
            case.playbook, LLMOPS_FAULTS_KILL=json.dumps({"point": case.point, "after": case.after})
        )
        first = self.host.blow()
        wrong = verdict.moment(first)
        if code != -signal.SIGKILL:
            wrong.append("the run ended with %d before it could be killed" % code)
        return self.close(
            case,
            begun,
            first,
            wrong,
            self.host.play(case.then),
            True,
            verdict.expected(case.then, first),
        )

    def strike(self, fault: strikes.Strike) -> bool:
        """Let the host fail under a migration, undo the fault, and run the next command where the
        run left work."""
        case = Case(fault.name, "migrate", "", fault.phase, "migrate")
        if fault.fresh and not self.host.fresh:
            self.host.build()
        self.at("legacy")
        if fault.before:
            if self.host.fresh:
                self.at("migrated")
                self.at("legacy")
            self.host.sh(fault.before)
        begun = self.host.now()
        run = self.host.start("migrate")
        wrong: list[str] = []
        if not self.host.reaches(fault.phase, run, fault.strike):
            wrong.append("the run never came to %s, or the fault could not strike" % fault.phase)
        if fault.outside == "restart":
            subprocess.run(
                ["docker", "restart", "--time", "120", self.host.name],
                check=True,
                stdout=subprocess.DEVNULL,
            )
            self.host.sh(
                "timeout 240 sh -c 'until [ -S /run/systemd/private ]; do sleep 0.1; done; "
                "systemctl is-system-running --wait' || true"
            )
            self.host.begin()
        elif fault.outside == "cut":
            # a client that has just brought its answer is cut in vain
            while run.poll() is None and "fatal: [" not in run.log.read_text():  # type: ignore[attr-defined]
                cut(run)
                time.sleep(0.05)
        elif fault.outside == "second":
            if self.host.play("migrate") == 0:
                wrong.append("the second run was not refused")
        code = self.host.wait(run)
        first = self.host.blow()
        self.host.sh(fault.undo or "true", check=False)
        if not first["rows"]:  # the fault itself keeps every database from answering
            first = {**first, "rows": self.host.blow()["rows"]}
        wrong += verdict.moment(first)
        if first["state"] not in fault.ends:
            wrong.append(
                "the run left the host %s, and %s was to be expected"
                % (first["state"], " or ".join(fault.ends))
            )
        if (code == 0) is not (first["state"] == "migrated"):
            wrong.append("the run ended with %d and left the host %s" % (code, first["state"]))
        again = self.host.play("migrate") if first["state"] != "migrated" else None
        good = self.close(case, begun, first, wrong, again, fault.spend, ("migrated",))
        if fault.after and good:
            self.at("legacy")
            self.host.sh(fault.after)
        return good

    def damage(self, name: str, command: str, number: int) -> bool:
        """Spoil the journal of a migrated host: every playbook must refuse, name the file and touch
        nothing."""
        case = Case(name, "migrate", "(%d)" % number, "", "migrate")
        self.at("migrated")
        begun = self.host.now()
        self.host.sh(f"cp -p {JOURNAL} {JOURNAL}.kept && {command}")
        wrong = []
        for playbook in ("migrate", "rollback"):
            run = self.host.start(playbook)
            if self.host.wait(run) == 0 or JOURNAL not in run.log.read_text():  # type: ignore[attr-defined]
                wrong.append("%s.yml did not refuse by the file's name" % playbook)
        self.host.sh(f"mv {JOURNAL}.kept {JOURNAL}")
        first = self.host.blow()
        return self.close(
            case, begun, first, wrong + verdict.moment(first), None, True, ("migrated",)
        )

    def backwards(self) -> bool:
        """A run is killed in the cutover, and then the clock is an hour earlier than the journal
        says."""
        case = Case("clock an hour back", "migrate", "", "cutover", "migrate")
        self.at("legacy")
        begun = self.host.now()
        point = next(
            item
            for item in verdict.cases("migrate", self.record("migrate"))
            if item.step == "cutover" and item.after
        )
        self.host.play(
            "migrate", LLMOPS_FAULTS_KILL=json.dumps({"point": point.point, "after": point.after})
        )
        later = (
            "import json, re, datetime as d; p = '%s'; t = open(p).read(); "
            "f = lambda m: (d.datetime.fromisoformat(m[0]) + d.timedelta(hours=1))"
            ".isoformat(timespec='microseconds'); "
            "times = r'20\\d\\d-\\d\\d-\\d\\dT[0-9:.]+\\+00:00'; "
            "open(p, 'w').write(re.sub(times, f, t))" % JOURNAL
        )
        self.host.sh('python3 -c "%s"' % later)
        first = self.host.blow()
        return self.close(
            case,
            begun,
            first,
            verdict.moment(first),
            self.host.play("migrate"),
            True,
            ("migrated",),
        )

    def faults(self, only: str) -> list[bool]:
        """Every fault of the host."""
        todo: list[tuple[str, Callable[..., bool], tuple[Any, ...]]] = [
            (Case(fault.name, "migrate", "", fault.phase, "migrate").name, self.strike, (fault,))
            for fault in strikes.STRIKES
        ]
        todo += [
            (
                Case(name, "migrate", "(%d)" % number, "", "migrate").name,
                self.damage,
                (name, command, number),
            )
            for number, (name, command) in enumerate(strikes.damaged(JOURNAL), 1)
        ]
        todo.append(
            (
                Case("clock an hour back", "migrate", "", "cutover", "migrate").name,
                self.backwards,
                (),
            )
        )
        done = self.done()
        return [
            self.guarded(name, act, *words)
            for name, act, words in todo
            if name not in done and re.search(only, name)
        ]

    def kills(self, every: list[Case]) -> list[bool]:
        """Kills, each taken when the host stands where it begins, so that one case's end is
        another's beginning."""
        done, good = self.done(), []
        left = [case for case in every if case.name not in done]
        while left:
            playbook = (
                "rollback"
                if self.host.built and self.host.look()["state"] == "migrated"
                else "migrate"
            )
            case = next((item for item in left if item.playbook == playbook), left[0])
            left.remove(case)
            good.append(self.guarded(case.name, self.kill, case))
        return good

    def guarded(self, name: str, act: Callable[..., bool], *words: Any) -> bool:
        """A case that can't be carried out is a bad one, and the others go on."""
        try:
            return act(*words)
        except (RuntimeError, ValueError, subprocess.SubprocessError) as error:
            self.host.end()
            self.host.built = False
            say("BAD   %s: %s" % (name, error))
            return False


def cut(run: subprocess.Popen[bytes]) -> None:
    """Kill the client of every connection that a run has open now."""
    tag = run.tag.encode()  # type: ignore[attr-defined]
    for folder in Path("/proc").iterdir():
        try:
            if (
                folder.name.isdigit()
                and tag in (folder / "environ").read_bytes()
                and (folder / "cmdline").read_bytes().split(b"\0")[0].endswith(b"docker")
            ):
                os.kill(int(folder.name), signal.SIGKILL)
        except OSError:
            continue


def version() -> str:
    """A name for the playbooks and roles as they are: what was recorded with others names other
    lines."""
    digest = hashlib.sha256()
    for path in sorted(
        path for folder in ("playbooks", "roles") for path in (ROOT / folder).rglob("*.yml")
    ):
        digest.update(b"%s\0%s\0" % (str(path.relative_to(ROOT)).encode(), path.read_bytes()))
    return digest.hexdigest()[:12]


def load(path: Path) -> list[dict[str, Any]]:
    """The lines of a file of JSON lines; nothing where there is none."""
    return (
        [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        if path.exists()
        else []
    )


def publish(results: list[dict[str, Any]]) -> None:
    """Print the summary that docs/faults.md has; every case is a line of
    test-output/faults/table.md."""
    (OUTPUT / "table.md").write_text(verdict.table(results) + "\n", encoding="utf-8")
    print("\n%s\n\n%s" % (verdict.summary(results), verdict.table(results).splitlines()[-1]))


def main() -> int:
    """Read the command line, run."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("run", "table", "steps"):
        one = commands.add_parser(name)
        one.add_argument(
            "--results",
            type=Path,
            action="append",
            help="file of results (test-output/faults/results.jsonl)",
        )
        if name != "table":
            one.add_argument(
                "--host", default="llmops-faults", help="name of the test host (%(default)s)"
            )
        if name == "run":
            one.add_argument("--only", default="", metavar="REGEX", help="cases whose name matches")
            one.add_argument(
                "--kind",
                choices=("kills", "faults", "all"),
                default="all",
                help="which of the two parts (%(default)s)",
            )
            one.add_argument(
                "--representative",
                action="store_true",
                help="one kill in each of %s" % ", ".join(case.step for case in KILLS),
            )
            one.add_argument("--shard", default="1/1", metavar="I/N", help="the I-th of N parts")
            one.add_argument("--keep", action="store_true", help="leave the host up")
    options = parser.parse_args()
    OUTPUT.mkdir(parents=True, exist_ok=True)
    results = options.results or [OUTPUT / "results.jsonl"]
    if options.command == "table":
        told = [entry for path in results for entry in load(path)]
        publish(told)
        return 0 if told and all(entry["verdict"] == "good" for entry in told) else 1
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
    host = Host(options.host)
    try:
        matrix = Matrix(host, results[0])
        if options.command == "steps":
            print("\n".join(case.name for case in matrix.every()))
            return 0
        return run(matrix, options)
    finally:
        host.end()
        if options.command == "steps" or not options.keep:
            host.destroy()


def run(matrix: Matrix, options: argparse.Namespace) -> int:
    """The cases that were asked for."""
    part, parts = (int(word) for word in options.shard.split("/"))
    if options.representative:
        good = matrix.kills(KILLS)
    else:
        every = matrix.every() if options.kind != "faults" else []
        # in pairs, so that both ways to go on fall to each host
        chosen = [
            case
            for number, case in enumerate(
                case for case in every if re.search(options.only, case.name)
            )
            if number // 2 % parts == part - 1
        ]
        good = matrix.kills(chosen) if options.kind != "faults" else []
        good += matrix.faults(options.only) if options.kind != "kills" and part == 1 else []
    publish(load(matrix.results))
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
