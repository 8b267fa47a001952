# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that are killed at every task, and hosts that fail, under a client that never stops writing. See README.md."""

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
# For the representative part: where a run is killed, and what is run then, in an order in which each case begins where the one before ended.
STEPS = {"rehearse": "rollback", "cutover": "migrate", "carry": "rollback", "serve": "rollback"}
FAULT = "wrong salt key"
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


class Host:
    """A test host with a client on it, made from an inventory of its own."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.folder = Path(tempfile.mkdtemp(prefix="llmops-faults-"))
        self.inventory = self.folder / "inventory.yml"
        images = json.loads((ROOT / ".cache/testbed/testbed.json").read_text(encoding="utf-8"))
        os.environ["DOCKER_HOST"] = images["docker_host"]
        variables = {"ansible_connection": "community.docker.docker", "ansible_python_interpreter": "/usr/bin/python3",
                     "litellm_images": images["images"], "litellm_keys_file": "/root/testbed/keys.json", "litellm_wait": 150}
        self.inventory.write_text(json.dumps({"litellm": {"hosts": {name: {}}, "vars": variables}}), encoding="utf-8")
        self.runs = 0
        self.built = False

    def start(self, playbook: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a playbook; its log is in OUTPUT."""
        self.runs += 1
        tag = "LLMOPS_FAULTS_RUN=%s" % uuid.uuid4()
        path = ROOT / (playbook if "/" in playbook else "playbooks/%s.yml" % playbook)
        told = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "ANSIBLE_NOCOLOR": "1", "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback"),
                "ANSIBLE_CALLBACKS_ENABLED": "killer", "LLMOPS_FAULTS_RUN": tag.partition("=")[2], **environment}
        log = OUTPUT / ("%s-%03d-%s.log" % (self.name, self.runs, Path(playbook).stem))
        with log.open("wb") as output:
            process = subprocess.Popen([BIN / "ansible-playbook", "-i", self.inventory, path], cwd=ROOT, env=told, stdin=subprocess.DEVNULL,
                                       stdout=output, stderr=output, start_new_session=True)
        process.tag, process.log = tag, log  # type: ignore[attr-defined]
        return process

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
        done = subprocess.run(["docker", "exec", self.name, "sh", "-c", command], capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise RuntimeError("%s: %s" % (command, done.stderr.strip()))
        return done.stdout.strip()

    def build(self) -> None:
        """A fresh host, with the client at work."""
        say("building host %s" % self.name)
        for name in ("destroy", "create", "prepare"):
            if self.play("molecule/shared/%s.yml" % name):
                raise RuntimeError("molecule/shared/%s.yml failed, see %s" % (name, OUTPUT))
        self.built = True
        self.begin()

    def adopt(self) -> bool:
        """Take a host that runs already, where there is one."""
        told = subprocess.run(["docker", "inspect", "--format", "{{.State.Running}}", self.name], capture_output=True, text=True, check=False)
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
                subprocess.run(["docker", "cp", "--quiet", path, f"{self.name}:/root/faults/{path.name}"], check=True, stdout=subprocess.DEVNULL)
        self.sh(f"systemctl stop writer 2> /dev/null; systemctl reset-failed writer 2> /dev/null; systemd-run --quiet --unit=writer --property=Restart=always "
                f"python3 -B /root/faults/writer.py {WRITTEN}")

    def look(self) -> dict[str, Any]:
        """What is true now."""
        told: dict[str, Any] = json.loads(self.sh(f"python3 -B /root/faults/look.py {WRITTEN}"))
        return told

    def settled(self, code: Optional[int], spend: bool) -> dict[str, Any]:
        """What is true when LiteLLM has had time to write what it acknowledged until now, and its client to see it again."""
        self.sh(f"cp {WRITTEN} {WRITTEN}.now")
        limit = time.monotonic() + FLUSH
        while True:
            seen: dict[str, Any] = json.loads(self.sh(f"python3 -B /root/faults/look.py {WRITTEN}.now"))
            if not verdict.end(seen, code, spend) or time.monotonic() > limit:
                return seen
            time.sleep(1)

    def refused(self, since: float) -> float:
        """The longest time in which the client was refused."""
        spans = [json.loads(line) for line in self.sh(f"grep refused {WRITTEN} || true").splitlines()]
        return max((span["end"] - span["begin"] for span in spans if span["end"] > since), default=0.0)

    def now(self) -> float:
        """The host's clock."""
        return float(self.sh("date +%s.%N"))

    def phase(self) -> tuple[str, str]:
        """The journal's state and phase, without Python."""
        text = self.sh(f"grep -E '^ \"(state|phase)\"' {JOURNAL} || true", check=False)
        told = dict(re.findall(r'"(state|phase)": "([^"]*)"', text))
        return told.get("state", ""), told.get("phase", "")

    def destroy(self) -> None:
        """Remove the host and what was made for it."""
        if self.built:
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
        if seen["state"] not in verdict.FINAL or (there != state and self.host.play("migrate" if state == "migrated" else "rollback")):
            say("host %s is not where it should be (%s): a fresh one" % (self.host.name, describe(seen)))
            self.host.build()
            if state == "migrated" and self.host.play("migrate"):
                raise RuntimeError("migrate.yml fails on a fresh host, see %s" % OUTPUT)

    def record(self, playbook: str) -> list[dict[str, Any]]:
        """The tasks of a whole run of a playbook."""
        path = OUTPUT / ("%s-%s.jsonl" % (playbook, version()))
        if not path.exists():
            self.at("legacy" if playbook == "migrate" else "migrated")
            say("recording %s.yml" % playbook)
            growing = path.with_suffix(".growing")
            growing.unlink(missing_ok=True)
            if self.host.play(playbook, LLMOPS_FAULTS_RECORD=str(growing)):
                raise RuntimeError("%s.yml fails without any fault, see %s" % (playbook, OUTPUT))
            growing.rename(path)
        return load(path)

    def every(self) -> list[Case]:
        """All kills of both playbooks."""
        return [case for playbook in ("migrate", "rollback") for case in verdict.cases(playbook, self.record(playbook))]

    def close(self, case: Case, begun: float, first: dict[str, Any], wrong: list[str], code: Optional[int], spend: bool,
              label: str = "") -> bool:
        """Judge a case that is over, and keep its result."""
        seen = self.host.settled(code, spend)
        wrong = wrong + verdict.end(seen, code, spend)
        rows = seen["rows"].get("compose" if seen["state"] == "migrated" else "legacy") or {"acknowledged": 0, "missing": 0, "keys_missing": 0}
        told = {"name": case.name, **case._asdict(), "fault": label or case.fault, "moment": describe(first),
                "state": seen["state"], "acknowledged": rows["acknowledged"],
                "present": rows["acknowledged"] - rows["missing"], "lost": rows["missing" if spend else "keys_missing"],
                "refused": round(self.host.refused(begun), 1), "verdict": "; ".join(wrong) or "good", "time": time.strftime("%Y-%m-%dT%H:%M:%S")}
        with self.results.open("a", encoding="utf-8") as log:
            log.write(json.dumps(told) + "\n")
        say("%-5s %s -> %s%s" % ("good" if not wrong else "BAD", case.name, seen["state"], "" if not wrong else ": " + "; ".join(wrong)))
        if wrong:
            self.host.built = False  # nobody knows what the next case would show on it
        return not wrong

    def kill(self, case: Case) -> bool:
        """Kill a run at one point, then run the next command once."""
        self.at("legacy" if case.playbook == "migrate" else "migrated")
        begun = self.host.now()
        code = self.host.play(case.playbook, LLMOPS_FAULTS_KILL=json.dumps({"point": case.point, "after": case.after}))
        first = self.host.look()
        wrong = verdict.moment(first)
        label = "not killed: it was quicker" if code == 0 and case.after else case.fault
        if label == case.fault and code != -signal.SIGKILL:
            wrong.append("the run ended with %d before it could be killed" % code)
        return self.close(case, begun, first, wrong, self.host.play(case.then), spend=True, label=label)

    def strike(self, fault: strikes.Strike) -> bool:
        """Let the host fail under a migration, undo the fault, and run the next command where the run left work."""
        case = Case(fault.name, "migrate", "", fault.phase, "migrate")
        self.at("legacy")
        begun = self.host.now()
        run = self.host.start("migrate")
        wrong: list[str] = []
        limit = time.monotonic() + 300
        while self.host.phase() != ("running", fault.phase):
            if run.poll() is not None or time.monotonic() > limit:
                wrong.append("the run never came to %s" % fault.phase)
                break
            time.sleep(0.1)
        if fault.outside == "restart":
            subprocess.run(["docker", "restart", "--time", "120", self.host.name], check=True, stdout=subprocess.DEVNULL)
            self.host.sh("timeout 240 sh -c 'until [ -S /run/systemd/private ]; do sleep 0.1; done; systemctl is-system-running --wait' || true")
            self.host.begin()
        elif fault.outside == "cut":
            cut(run)
        elif fault.outside == "second":
            if self.host.play("migrate") == 0:
                wrong.append("the second run was not refused")
        else:
            self.host.sh(fault.strike)
        code = self.host.wait(run)
        first = self.host.look()
        wrong += verdict.moment(first)
        self.host.sh(fault.undo or "true", check=False)
        if fault.outside == "second" and code:
            wrong.append("the first run ended with %d" % code)
        again = self.host.play("migrate") if first["state"] == "running" else None
        return self.close(case, begun, first, wrong, again, fault.spend)

    def damage(self, name: str, command: str, number: int) -> bool:
        """Spoil the journal of a migrated host: every playbook must refuse, name the file and touch nothing."""
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
        first = self.host.look()
        return self.close(case, begun, first, wrong + verdict.moment(first), None, spend=True)

    def backwards(self) -> bool:
        """A run is killed in the cutover, and then the clock is an hour earlier than the journal says."""
        case = Case("clock an hour back", "migrate", "", "cutover", "migrate")
        self.at("legacy")
        begun = self.host.now()
        point = next(item for item in verdict.cases("migrate", self.record("migrate")) if item.step == "cutover" and item.after)
        self.host.play("migrate", LLMOPS_FAULTS_KILL=json.dumps({"point": point.point, "after": point.after}))
        later = "import json, re, datetime as d; p = '%s'; t = open(p).read(); f = lambda m: (d.datetime.fromisoformat(m[0]) + d.timedelta(hours=1))" \
                ".isoformat(timespec='microseconds'); open(p, 'w').write(re.sub(r'20\\d\\d-\\d\\d-\\d\\dT[0-9:.]+\\+00:00', f, t))" % JOURNAL
        self.host.sh('python3 -c "%s"' % later)
        first = self.host.look()
        return self.close(case, begun, first, verdict.moment(first), self.host.play("migrate"), spend=True)

    def faults(self, only: str) -> list[bool]:
        """Every fault of the host."""
        todo = [(Case(fault.name, "migrate", "", fault.phase, "migrate").name, self.strike, (fault,)) for fault in strikes.STRIKES]
        todo += [(Case(name, "migrate", "(%d)" % number, "", "migrate").name, self.damage, (name, command, number))  # type: ignore[list-item]
                 for number, (name, command) in enumerate(strikes.damaged(JOURNAL), 1)]
        todo.append((Case("clock an hour back", "migrate", "", "cutover", "migrate").name, self.backwards, ()))  # type: ignore[arg-type]
        done = self.done()
        return [act(*words) for name, act, words in todo if name not in done and re.search(only, name)]

    def kills(self, every: list[Case]) -> list[bool]:
        """Kills, each taken when the host stands where it begins, so that one case's end is another's beginning."""
        done, good = self.done(), []
        left = [case for case in every if case.name not in done]
        while left:
            playbook = "rollback" if self.host.built and self.host.look()["state"] == "migrated" else "migrate"
            case = next((item for item in left if item.playbook == playbook), left[0])
            left.remove(case)
            good.append(self.kill(case))
        return good


def cut(run: subprocess.Popen[bytes]) -> None:
    """Kill the client of every connection that a run has open now."""
    tag = run.tag.encode()  # type: ignore[attr-defined]
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and tag in (folder / "environ").read_bytes() and (folder / "cmdline").read_bytes().split(b"\0")[0].endswith(b"docker"):
                os.kill(int(folder.name), signal.SIGKILL)
        except OSError:
            continue


def version() -> str:
    """A name for the playbooks and roles as they are: what was recorded with others names other lines."""
    digest = hashlib.sha256()
    for path in sorted(path for folder in ("playbooks", "roles") for path in (ROOT / folder).rglob("*.yml")):
        digest.update(b"%s\0%s\0" % (str(path.relative_to(ROOT)).encode(), path.read_bytes()))
    return digest.hexdigest()[:12]


def load(path: Path) -> list[dict[str, Any]]:
    """The lines of a file of JSON lines; nothing where there is none."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def main() -> int:
    """Read the command line, run."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("run", "table", "steps"):
        one = commands.add_parser(name)
        one.add_argument("--results", type=Path, action="append", help="file of results (test-output/faults/results.jsonl)")
        if name != "table":
            one.add_argument("--host", default="llmops-faults", help="name of the test host (%(default)s)")
        if name == "run":
            one.add_argument("--only", default="", metavar="REGEX", help="cases whose name matches")
            one.add_argument("--kind", choices=("kills", "faults", "all"), default="all", help="which of the two parts (%(default)s)")
            one.add_argument("--representative", action="store_true", help="one kill in each of %s, and a new proxy with the %s" % (", ".join(STEPS), FAULT))
            one.add_argument("--shard", default="1/1", metavar="I/N", help="every N-th case, beginning with the I-th")
            one.add_argument("--keep", action="store_true", help="leave the host up")
    options = parser.parse_args()
    OUTPUT.mkdir(parents=True, exist_ok=True)
    results = options.results or [OUTPUT / "results.jsonl"]
    if options.command == "table":
        told = [entry for path in results for entry in load(path)]
        print(verdict.table(told))
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
        if options.command == "steps" or not options.keep:
            host.destroy()


def run(matrix: Matrix, options: argparse.Namespace) -> int:
    """The cases that were asked for."""
    part, parts = (int(word) for word in options.shard.split("/"))
    every = matrix.every()
    if options.representative:
        good = matrix.kills(verdict.representative(every, STEPS))
        good += matrix.faults(FAULT)
    else:
        chosen = [case for case in every if re.search(options.only, case.name)][part - 1::parts]
        good = matrix.kills(chosen) if options.kind != "faults" else []
        good += matrix.faults(options.only) if options.kind != "kills" and part == 1 else []
    print("\n%s" % verdict.table(load(matrix.results)))
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
