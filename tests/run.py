"""Run the project's tests.

``tests/run.py [--jobs N] [--scenario NAME] [STEP ...]``; all steps without any named.

Steps run side by side, each with its own log in test-output/. Tests are counted from what the tools
report (JUnit files, ansible-test's lines); the last line is ``N passed, N failed``, and nothing run
is a failure. A test that was skipped proves nothing, so it counts as failed. Whatever was started
is taken down again, on SIGINT and SIGTERM too.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "test-output"
BIN = Path(sys.executable).parent
STEPS = ("lint", "sanity", "unit", "integration", "molecule")
HEARTBEAT = 20.0  # seconds between signs of life
TAIL = 60  # lines shown of a failed task's log
SECONDS = ROOT / ".cache" / "seconds.json"
# What took longest on a machine with two processors, 2026-11-30, and 2026-12-01 for those of
# deploy.yml; only the order counts.
USUAL = {
    "integration": 895,
    "molecule failed_cutover": 626,
    "molecule backup": 596,
    "molecule change": 587,
    "molecule operations": 540,
    "molecule hostile": 516,
    "molecule model_host": 485,
    "molecule other_hosts": 454,
    "molecule faults": 427,
    "molecule migrate": 379,
    "molecule preflight": 360,
    "molecule elsewhere": 343,
    "molecule deploy": 330,
    "unit": 304,
    "sanity": 276,
    "molecule rollback": 250,
}
TESTBED = [sys.executable, "tests/testbed/testbed.py"]
CACHE = os.environ.get("LLMOPS_CACHE") or Path.home() / ".cache" / "llmops-litellm"
# Runs of playbooks share what Ansible builds of modules.
BUILT_MODULES = {
    "ANSIBLE_CALLBACK_PLUGINS": str(ROOT / "tests" / "callbacks"),
    "ANSIBLE_CALLBACKS_ENABLED": "built_modules",
    "LLMOPS_BUILT_MODULES": str(Path(CACHE).absolute() / "built-modules"),
}

# Debian packages by step: (a file that shows the package is there, the package). The test bed
# installs its own.
PACKAGES = {
    "sanity": [("/usr/bin/git", "git"), ("/usr/bin/shellcheck", "shellcheck")],
    "integration": [
        ("/usr/lib/postgresql/*/bin/postgres", "postgresql"),
        ("/usr/bin/redis-check-rdb", "redis-tools"),
        ("/usr/sbin/nft", "nftables"),
        *((f"/usr/bin/{program}", program) for program in ("age", "restic", "rclone")),
    ],
}


@dataclasses.dataclass
class Task:
    """A command with a log: its exit code and, where it has one, its report are what is counted."""

    name: str
    command: list[str]
    minutes: float
    after: str = ""  # this task must have succeeded before
    report: str = ""  # "junit", "sanity", "none" (no test) or "": the command is one test
    counts_itself: bool = False  # beside its report
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    cleanup: list[str] = dataclasses.field(
        default_factory=list
    )  # run if the command did not end well
    started: float = 0.0
    seconds: float = 0.0
    hosts: bool = False  # works on hosts: what does not only fills the pauses
    migrations: int = 0
    rollbacks: int = 0
    code: int | None = None
    process: subprocess.Popen[bytes] | None = None
    passed: list[str] = dataclasses.field(default_factory=list)
    failed: list[str] = dataclasses.field(default_factory=list)

    @property
    def log(self) -> Path:
        """Where the command's output goes."""
        return OUTPUT / f"{self.name.replace(' ', '-')}.log"

    @property
    def evidence(self) -> Path:
        """Where a scenario's hosts leave what they were when they were taken down."""
        return OUTPUT / self.name.removeprefix("molecule ")

    @property
    def junit(self) -> Path:
        """Where pytest writes its report."""
        return self.log.with_suffix(".xml")


def tasks_of(steps: list[str], scenarios: list[str]) -> list[Task]:
    """The tasks of these steps, in the order in which they are started.

    What others wait for comes first, then what took longest the last time, so that nothing is left
    alone at the end.
    """
    python, pytest = sys.executable, [sys.executable, "-m", "pytest", "-q", "--durations=20"]
    first: list[Task] = []
    tasks: list[Task] = []
    hosts = scenarios if "molecule" in steps else []
    if hosts or "integration" in steps:
        # images are built here, once: scenarios run side by side and only start hosts from them;
        # drills of the integration tests start containers
        first.append(Task("testbed", [*TESTBED, "up"], 40, report="none", hosts=True))
    if any(group_in(scenario, "migrated") for scenario in hosts):
        kept = [*TESTBED, "kept", "migrated"]
        first.append(Task("migrated host", kept, 30, after="testbed", report="none", hosts=True))
    if "lint" in steps:
        tasks += [
            Task("lint ruff", ["ruff", "check", "."], 5),
            Task("lint format", ["ruff", "format", "--check", "."], 5),
            Task("lint mypy", ["mypy"], 10),
            Task("lint structure", [python, "tests/structure.py"], 5),
            Task("lint ansible-lint", ["ansible-lint", "--strict"], 30),
            Task("lint changelog", ["antsibull-changelog", "lint"], 5),
            Task("lint docs", [python, "tests/docs_lint.py"], 15),
        ]
    if "unit" in steps:
        tasks.append(Task("unit", [*pytest, "tests/unit"], 30, report="junit"))
    if "sanity" in steps:
        tasks.append(Task("sanity", [python, "tests/sanity.py"], 40, report="sanity"))
    if "integration" in steps:
        # with the test bed's PostgreSQL image the tests also cross major versions
        tasks.append(
            Task("integration", [*pytest, "tests/integration"], 40, after="testbed", report="junit")
        )
    for scenario in hosts:
        name = f"molecule {scenario}"
        task = Task(
            name,
            ["molecule", "test", "-s", scenario],
            45,
            after="migrated host" if group_in(scenario, "migrated") else "testbed",
            report="junit",
            counts_itself=True,
            hosts=True,
            cleanup=["molecule", "destroy", "-s", scenario],
        )
        task.environment = {
            "MOLECULE_EPHEMERAL_DIRECTORY": str(OUTPUT / f"ephemeral-{scenario}"),
            "LLMOPS_EVIDENCE": str(task.evidence),
        }
        tasks.append(task)
    last = seconds_of_last_run()
    return [*first, *sorted(tasks, key=lambda task: -last.get(task.name, guess(task.name)))]


def hosts_of(scenario: str) -> list[str]:
    """The hosts in a scenario's inventories, also in those that its tests use."""
    folder = ROOT / "molecule" / scenario
    texts = [path.read_text() for path in (folder / "inventory.yml", *folder.glob("files/*.yml"))]
    return sorted(set(re.findall(r"^ *(llmops-[\w-]+):", "\n".join(texts), re.MULTILINE)))


def group_in(scenario: str, group: str) -> bool:
    """Whether a host of a scenario is in a group."""
    inventory = (ROOT / "molecule" / scenario / "inventory.yml").read_text(encoding="utf-8")
    return re.search(rf"^ *{group}:", inventory, re.MULTILINE) is not None


def seconds_of_last_run() -> dict[str, float]:
    """What each task took the last time."""
    try:
        return dict(json.loads(SECONDS.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def guess(name: str) -> float:
    """Seconds of a task that never ran here: as on another machine, or what most take."""
    return USUAL.get(name, 5 if name.startswith("lint") else 300)


def count(task: Task) -> None:
    """Fill in the task's passed and failed tests from its exit code and report."""
    log = task.log.read_text(encoding="utf-8", errors="replace") if task.log.exists() else ""
    if task.report == "junit" and task.junit.exists():
        for case in ElementTree.parse(task.junit).iter("testcase"):
            bad = any(case.find(kind) is not None for kind in ("failure", "error", "skipped"))
            (task.failed if bad else task.passed).append(
                f"{task.name}: {case.get('classname')}::{case.get('name')}"
            )
    if task.report == "sanity":
        # the list at the end has lines such as "pep8" and "import --python 3.11"
        _before, _found, listed = log.partition("listed below (out of")
        bad_tests = {line.split()[0] for line in listed.splitlines()[1:] if line.strip()}
        for test in dict.fromkeys(re.findall(r'^Running sanity test "([^"]+)"', log, re.MULTILINE)):
            (task.failed if test in bad_tests else task.passed).append(f"{task.name}: {test}")
    if task.report == "none":
        task.failed += [f"{task.name}: the command failed"] if task.code else []
    elif task.report and not task.passed and not task.failed:
        task.failed.append(f"{task.name}: no test ran")
    elif task.code != 0 and not task.failed:
        task.failed.append(f"{task.name}: the command failed")
    elif task.counts_itself or not task.report:
        (task.failed if task.code else task.passed).append(task.name)


def look_at_hosts(task: Task) -> None:
    """Fill in how often the task's hosts were migrated and brought back.

    What else they have left is kept of a task that failed.
    """
    # the test bed says what it has made, of which every host that starts from it has the journal
    if task.name == "migrated host":
        task.migrations = len(re.findall(r" built \S+/migrated-host:", task.log.read_text()))
        return
    for path in sorted(task.evidence.glob("*/runs.json")):
        runs = json.loads(path.read_text(encoding="utf-8"))
        kept = min(runs["migrations"], int(task.after == "migrated host"))
        task.migrations += runs["migrations"] - kept
        task.rollbacks += runs["rollbacks"]
    if not task.failed and task.name.startswith("molecule "):
        shutil.rmtree(task.evidence, ignore_errors=True)


def give_way(pid: int) -> None:
    """Let a command's whole session have less of the processors than what works on hosts.

    Linux shares processors out between sessions, and niceness counts within one alone; all hosts
    together get what one session gets.
    """
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text("10", encoding="ascii")


def end_group(process: subprocess.Popen[bytes], patience: float = 20.0) -> None:
    """End a command and its children: politely, then not."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(timeout=patience)
            return
        except subprocess.TimeoutExpired:
            continue
        except ProcessLookupError:
            return


class Run:
    """All tasks of one run."""

    def __init__(self, tasks: list[Task], jobs: int) -> None:
        self.tasks, self.jobs = tasks, jobs
        self.waiting = list(tasks)
        self.stopped = 0  # the signal that ended the run
        self.environment = dict(
            os.environ,
            PATH=f"{BIN}:{os.environ['PATH']}",
            PYTHONUNBUFFERED="1",
            MOLECULE_GLOB="molecule/*/molecule.yml",
            ANSIBLE_NOCOLOR="1",
            NO_COLOR="1",
            **BUILT_MODULES,
        )
        self.engine_ran = True  # before this run
        self.begun = time.monotonic()

    def say(self, text: str) -> None:
        """One line of progress with the time of day."""
        print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)

    def start(self, task: Task) -> None:
        """Start the task's command, its output into its log."""
        environment = {**self.environment, **task.environment}
        if task.report == "junit":
            environment["PYTEST_ADDOPTS"] = f"--junitxml={task.junit}"
        task.started = time.monotonic()
        with task.log.open("wb") as log:
            task.process = subprocess.Popen(
                task.command,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        if not task.hosts:
            give_way(task.process.pid)
        self.say(f"start  {task.name}")

    def finish(self, task: Task) -> None:
        """Count a task that ended, say how it went, show the log's end if it failed."""
        task.seconds = time.monotonic() - task.started if task.started else 0.0
        if task.code != 0 and task.cleanup and task.process:
            with task.log.open("ab") as log:
                environment = {**self.environment, **task.environment}
                subprocess.run(
                    task.cleanup,
                    cwd=ROOT,
                    env=environment,
                    stdout=log,
                    stderr=log,
                    timeout=300,
                    check=False,
                )
        count(task)
        look_at_hosts(task)
        verdict = "ok    " if not task.failed else "FAILED"
        self.say(
            f"{verdict} {task.name}: {len(task.passed)} passed, {len(task.failed)} failed"
            f" in {task.seconds:.0f} s"
        )
        if task.failed and task.log.exists() and not self.stopped:
            lines = task.log.read_text(encoding="utf-8", errors="replace").splitlines()
            print(f"----- the end of {task.log.relative_to(ROOT)}")
            print("\n".join(f"    {line}" for line in lines[-TAIL:]))
            print("-----", flush=True)

    def has_turn(self, task: Task, running: list[Task]) -> bool:
        """Whether a task may start beside those that run.

        As long as tasks of both kinds wait, one place is for those that do not work on hosts, which
        have what processor time the hosts leave, and all the others are for hosts.
        """
        alike = sum(other.hosts == task.hosts for other in running)
        places = max(1, self.jobs - 1) if task.hosts else 1
        return alike < places or not any(other.hosts != task.hosts for other in self.waiting)

    def step(self) -> None:
        """Start what may start, finish what ended or took too long."""
        by_name = {task.name: task for task in self.tasks}
        for task in [task for task in self.waiting if task.after]:
            needed = by_name[task.after]
            if needed.code not in (None, 0):
                task.code = 1
                task.failed.append(f"{task.name}: not run, since {task.after} failed")
                self.waiting.remove(task)
        running = [task for task in self.tasks if task.process and task.code is None]
        for task in list(self.waiting):
            ready = not task.after or by_name[task.after].code == 0
            if len(running) < self.jobs and ready and self.has_turn(task, running):
                self.waiting.remove(task)
                self.start(task)
                running.append(task)
        for task in running:
            assert task.process
            code = task.process.poll()
            if code is None and time.monotonic() - task.started > task.minutes * 60:
                self.say(f"{task.name} took longer than {task.minutes:.0f} minutes")
                end_group(task.process)
                code = 1
            if code is not None:
                task.code = code
                self.finish(task)
                if task.name == "testbed" and code == 0:
                    self.use_testbed()

    def look_for_engine(self) -> None:
        """Remember whether an engine answers already.

        Only one that this run starts is stopped at its end.
        """
        asked = subprocess.run(
            [*TESTBED, "engine", "env"],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            check=False,
        )
        self.engine_ran = asked.returncode == 0

    def use_testbed(self) -> None:
        """Let the tasks that come after it find the test bed's engine and its servers' images."""
        facts = json.loads((ROOT / ".cache/testbed/testbed.json").read_text(encoding="utf-8"))
        self.environment["DOCKER_HOST"] = facts["docker_host"]
        self.environment["LLMOPS_BUILT_MODULES_IMAGE"] = facts["bare_host_image"]
        for server in ("litellm", "postgres", "redis", "pgbouncer"):
            ask = [sys.executable, "-c", f"import images; print(images.tag('{server}'))"]
            answer = subprocess.run(
                ask, cwd=ROOT / "tests/testbed", check=True, capture_output=True, text=True
            )
            self.environment[f"LITELLM_TEST_{server.upper()}_IMAGES"] = answer.stdout.strip()
        self.remove_hosts()

    def remove_hosts(self) -> None:
        """Remove hosts that a run has left which was killed: no scenario may start with one.

        A run of `molecule destroy` for each scenario takes longer than some tests.
        """
        names = [task.name.removeprefix("molecule ") for task in self.tasks if task.cleanup]
        hosts = [host for name in names for host in hosts_of(name)]
        if hosts:
            volumes = [f"{host}-docker" for host in hosts]
            for words in (["rm", "--force", "--volumes", *hosts], ["volume", "rm", "-f", *volumes]):
                subprocess.run(
                    ["docker", *words], env=self.environment, capture_output=True, check=False
                )

    def heartbeat(self) -> None:
        """Say what is running and the last thing it said."""
        for task in self.tasks:
            if task.process and task.code is None:
                with task.log.open("rb") as log:
                    log.seek(max(0, log.seek(0, os.SEEK_END) - 4000))
                    lines = [
                        line.strip()
                        for line in log.read().decode(errors="replace").splitlines()
                        if line.strip()
                    ]
                self.say(
                    f"...    {task.name} ({time.monotonic() - task.started:.0f} s): "
                    f"{(lines or [''])[-1][:110]}"
                )

    def all(self) -> int:
        """Run everything; the exit code."""
        wake = threading.Event()

        def stop(number: int, frame: object) -> None:
            self.stopped = number
            wake.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        spoke = time.monotonic()
        has_testbed = any(task.name == "testbed" for task in self.tasks)
        if has_testbed:
            self.look_for_engine()
        while not self.stopped and any(task.code is None for task in self.tasks):
            self.step()
            if time.monotonic() - spoke > HEARTBEAT:
                self.heartbeat()
                spoke = time.monotonic()
            wake.wait(0.2)
        if self.stopped:
            self.say(f"stopped by {signal.Signals(self.stopped).name}: cleaning up")
            for task in [task for task in self.tasks if task.process and task.code is None]:
                assert task.process
                end_group(task.process)
                task.code = 1
                self.finish(task)
        if has_testbed and not self.engine_ran:
            self.say("taking the test bed down")
            subprocess.run(
                [*TESTBED, "down"], cwd=ROOT, env=self.environment, timeout=300, check=False
            )
        return self.close()

    def table(self) -> None:
        """Say where the time went, and keep it for the order of the next run."""
        took = seconds_of_last_run()
        took.update({task.name: task.seconds for task in self.tasks if task.code == 0})
        SECONDS.write_text(json.dumps(took, indent=1) + "\n", encoding="utf-8")
        rows = [
            (
                task.name,
                f"{task.seconds:.0f}",
                str(task.migrations or ""),
                str(task.rollbacks or ""),
            )
            for task in sorted(self.tasks, key=lambda task: -task.seconds)
        ]
        seconds = f"{time.monotonic() - self.begun:.0f}"
        sums = (
            sum(task.migrations for task in self.tasks),
            sum(task.rollbacks for task in self.tasks),
        )
        rows.append(("all, side by side", seconds, str(sums[0]), str(sums[1])))
        print()
        for name, *numbers in [("step", "seconds", "migrations", "rollbacks"), *rows]:
            print(f"{name:<26}" + "".join(f"{number:>12}" for number in numbers))

    def close(self) -> int:
        """Say what failed and, last and alone on its line, how many."""
        self.table()
        passed = sum(len(task.passed) for task in self.tasks)
        failed = [name for task in self.tasks for name in task.failed]
        if self.stopped:
            failed.append(f"stopped by {signal.Signals(self.stopped).name}")
        print("\n".join(["", *(f"FAILED {name}" for name in failed)]))
        if not passed and not failed:
            print("no test ran")
        print(f"\n{passed} passed, {len(failed)} failed", flush=True)
        return 1 if failed or not passed else 0


def install_packages(steps: list[str]) -> None:
    """Install the Debian packages that are missing for these steps."""
    missing = [
        package
        for step in steps
        for shown_by, package in PACKAGES.get(step, [])
        if not any(Path("/").glob(shown_by[1:]))
    ]
    if not missing:
        return
    print(f"installing {', '.join(missing)}", flush=True)
    sudo = [] if os.geteuid() == 0 else ["sudo"]
    apt = [
        *sudo,
        "env",
        "DEBIAN_FRONTEND=noninteractive",
        "NEEDRESTART_SUSPEND=1",
        "apt-get",
        "-qq",
        "-o",
        "DPkg::Lock::Timeout=300",
    ]
    for arguments in (["update"], ["install", "-y", *missing]):
        done = subprocess.run(
            [*apt, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(f"{done.stdout}\napt-get {' '.join(arguments)} failed")


def main() -> int:
    """Read the command line, run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument(
        "steps", nargs="*", metavar="STEP", help=f"of {', '.join(STEPS)}; all without any"
    )
    parser.add_argument(
        "--jobs",
        type=int,
        # two scenarios side by side leave a quarter of two processors idle (vmstat, 2026-11-29)
        default=1 + max(2, os.cpu_count() or 2),
        help="how many tasks at a time (%(default)s)",
    )
    parser.add_argument(
        "--scenario",
        action="append",
        help="only this Molecule scenario; may be given more than once",
    )
    options = parser.parse_args()
    steps = options.steps or list(STEPS)
    if unknown := set(steps) - set(STEPS):
        parser.error(f"unknown step: {', '.join(sorted(unknown))}")
    scenarios = options.scenario or sorted(
        path.parent.name for path in ROOT.glob("molecule/*/molecule.yml")
    )
    (ROOT / ".cache").mkdir(exist_ok=True)
    with (ROOT / ".cache/tests.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit("the tests of this checkout are running already")
        return run(steps, scenarios, options.jobs)


def run(steps: list[str], scenarios: list[str], jobs: int) -> int:
    """Everything, once nobody else writes into test-output/."""
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir()
    install_packages(steps)
    return Run(tasks_of(steps, scenarios), jobs).all()


if __name__ == "__main__":
    sys.exit(main())
