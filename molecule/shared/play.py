# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of scenarios share: the operator's own commands, and what a host is.

``host`` is testinfra's: ``check_output`` runs a command there and fails the test if that fails.
"""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import tarfile
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import steps as _steps
from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process

SCENARIO = Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"])
ROOT = SCENARIO.parent.parent
STATE, BACKUPS = "/var/lib/llmops-litellm", "/var/backups/llmops-litellm"
# What a migration leaves on purpose: journal and report, backups, the project folder.
OURS = (STATE, BACKUPS, "/opt/litellm")
# The steps by which a deployment's rows and then the host come back.
BACK = _steps.of(_steps.STOP, _steps.REVERT)
# The first step after which the legacy proxy may write.
SERVES_AGAIN = _steps.of(_steps.REVERT)[0]
FINALIZE = _steps.of(_steps.FINALIZE)
# The steps in which the legacy deployment serves as if nothing happened.
PREPARE = _steps.of(_steps.PREPARE)
FORWARD = _steps.of(_steps.PREPARE, _steps.CUTOVER, _steps.SERVE)
PSQL = "docker exec litellm-postgres psql -U litellm -d litellm -XAtc"
# Within single quotes of a shell in Redis' container.
REDIS_AUTH = 'REDISCLI_AUTH="$(printf "$(sed -n "s/^#auth //p" /etc/redis.conf)")"'
NATIVE = "runuser -u postgres -- psql -p 5434 -d llm_gateway -XAtc"
USER = "systemctl --user --machine=litellm@"

Run = subprocess.CompletedProcess[str]


def command(name: str, *options: str, inventory: str = "inventory.yml") -> list[str]:
    """The operator's command for a playbook of ours, or for one of a scenario's by its path."""
    path = name if "/" in name else f"playbooks/{name}"
    return [
        *("ansible-playbook", "-i", str(SCENARIO / inventory), f"{path}.yml"),
        *options,
    ]


def play(name: str, *options: str, inventory: str = "inventory.yml", **variables: Any) -> Run:
    """Run a playbook to its end, with extra variables."""
    extra = ["-e", json.dumps(variables)] if variables else []
    return subprocess.run(
        command(name, *options, *extra, inventory=inventory),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def kill_in(host: Any, phase: str, name: str, *options: str, seconds: float = 300) -> None:
    """Run a playbook and kill it, with its workers, when the journal names this step."""
    with tempfile.TemporaryFile() as output:
        victim = subprocess.Popen(
            command(name, *options),
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            until(host, f'grep -qs \'"phase": "{phase}"\' {STATE}/journal.json', seconds)
            assert victim.poll() is None
        except AssertionError as error:
            output.seek(0)
            printed = output.read().decode(errors="replace")[-3000:]
            raise AssertionError(f"{name} did not come to {phase}: {printed}") from error
        kill(victim.pid)
        victim.wait()


def kill(pid: int) -> None:
    """Kill a process and all that it has started: Ansible's workers are in sessions of their own.

    They are stopped first: what is stopped starts nothing, and keeps its number.
    """
    stopped: set[int] = set()
    while found := {each for each in processes() if pid in _process.ancestors(each)} - stopped:
        for each in found:
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGSTOP)
        stopped |= found
    for each in stopped:
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)


def processes() -> list[int]:
    """Every process of this machine."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def bring(host: Any, *paths: str, folder: str = "/root/observer", mode: int = 0o600) -> None:
    """Copy files of the scenario's folder to the host.

    A play that copies them takes twenty times as much of the processors.
    """
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path in paths:
            file = SCENARIO / path
            entry = tarfile.TarInfo(file.name)
            entry.size, entry.mode, entry.mtime = file.stat().st_size, mode, file.stat().st_mtime
            archive.addfile(entry, io.BytesIO(file.read_bytes()))
    umask = "077" if mode == 0o600 else "022"
    unpack = f"umask {umask} && mkdir -p {folder} && tar -C {folder} -x"
    subprocess.run(
        ["docker", "exec", "-i", host.backend.host, "sh", "-c", unpack],
        input=packed.getvalue(),
        check=True,
    )


def words(run: Run) -> str:
    """What a run printed, without its line breaks."""
    return " ".join(run.stdout.split()).replace("''", "'")  # as YAML writes an apostrophe


def told(host: Any, name: str) -> Any:
    """A JSON file of the state folder."""
    return json.loads(host.check_output(f"cat {STATE}/{name}.json"))


def journal(host: Any) -> dict[str, Any]:
    """Where the host stands."""
    return dict(told(host, "journal"))


def states(found: dict[str, Any], names: tuple[str, ...]) -> dict[str, str]:
    """Of a journal's newest steps with these names: how each ended."""
    ended = {step["name"]: step["state"] for step in found["steps"]}
    return {name: ended[name] for name in names if name in ended}


def status(tmp_path: Path) -> dict[str, Any]:
    """What status.yml says of the scenario's host."""
    path = tmp_path / "status.json"
    run = play("status", status_file=str(path))
    assert run.returncode == 0, run.stdout
    (found,) = json.loads(path.read_text()).values()
    return dict(found)


def stand(tmp_path: Path) -> tuple[str, str, str, str]:
    """What status.yml tells: the state, who serves, and what the next commands would do."""
    seen = status(tmp_path)
    assert seen["proxy"]["kind"] == "nobody" or seen["proxy"]["ready"]
    following = seen["next"]
    return (
        seen["journal"]["state"],
        seen["proxy"]["kind"],
        following["migrate.yml"],
        following["rollback.yml"],
    )


def spend_rows(host: Any, query: str, made: dict[str, Any]) -> int:
    """The rows of one request in a database."""
    where = f"WHERE request_id = '{made['request']}'"
    return int(host.check_output(f'{query} "SELECT count(*) FROM \\"LiteLLM_SpendLogs\\" {where}"'))


def wait_for_spend(host: Any, made: dict[str, Any], query: str = PSQL) -> None:
    """LiteLLM writes its spend some seconds after the request."""
    where = f"WHERE request_id = '{made['request']}'"
    until(host, f'{query} "SELECT 1 FROM \\"LiteLLM_SpendLogs\\" {where}" | grep -q 1')


def without_ours(seen: dict[str, Any]) -> dict[str, Any]:
    """A host's state without what a migration leaves on purpose."""
    files = seen["files"].items()
    seen["files"] = {path: text for path, text in files if not path.startswith(OURS)}
    del seen["docker"]["volume"], seen["docker"]["image"]
    return seen


def whole_state(host: Any) -> dict[str, Any]:
    """Files, units, listeners and what Docker has."""
    return dict(json.loads(host.check_output("python3 -B /root/observer/host_state.py")))


def state(host: Any) -> dict[str, Any]:
    """The host's state, without what a migration leaves on purpose."""
    return without_ours(whole_state(host))


def legacy_state(host: Any) -> dict[str, Any]:
    """The state of a migrated host before its migration, as the test bed has recorded it."""
    return without_ours(json.loads(host.check_output("cat /root/observer/legacy.json")))


def client(host: Any, action: str, name: str) -> Any:
    """What the client did or sees."""
    script = "python3 -B /root/observer/client.py"
    printed = host.check_output(f"{script} {action} /root/observer/{name}.json")
    return json.loads(printed) if printed else None


# Asked on the host: from outside each time costs more than a proxy that starts has to spare.
UNTIL = """look() {
%s
}
limit=$(( $(date +%%s) + %d ))
until seen=$(look 2>&1); do
  if [ "$(date +%%s)" -ge "$limit" ]; then printf '%%s' "$seen"; exit 1; fi
  sleep 0.2
done
printf '%%s' "$seen"
"""


def until(host: Any, shell: str, seconds: float = 90) -> str:
    """Wait until a command succeeds on the host; what it prints."""
    done = host.run("sh -c %s", UNTIL % (shell, seconds))
    assert done.rc == 0, f"{shell}: {done.stdout}{done.stderr}"
    return str(done.stdout)
