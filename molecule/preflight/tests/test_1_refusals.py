"""Each refusal: something is wrong on the host.

``migrate.yml`` says what and what to do, and the host is as it was before the run.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from play import ROOT, SCENARIO, USER, Run, bring, play, status, words
from play import whole_state as state

TESTBED = json.loads((ROOT / ".cache/testbed/testbed.json").read_text())
PROJECT = "/home/litellm/llm@team"
# Programs of the host that stand in for releases which Debian does not have any more.
OLD_ENGINE = r"""#!/bin/sh
# stands in for an engine that is too old: the real one, with another version in its answers
exec_real() { /usr/bin/docker.real "$@"; }
case "$1" in
version) exec_real "$@" | sed 's/"Version":"26[^"]*"/"Version":"18.09.1"/g' ;;
*) exec /usr/bin/docker.real "$@" ;;
esac
"""
ONLY_COMPOSE_V1 = (
    "#!/bin/sh\n# stands in for Compose v1, which no distribution has any more\necho 1.29.2\n"
)
# Where Debian has Compose, and how it can be called without Docker's client.
PLUGIN, COMPOSE = "/usr/libexec/docker/cli-plugins/docker-compose", "/usr/bin/docker-compose"

# until the proxy is back at its port
LISTENS = "timeout 240 sh -c 'until ss -Hltn sport = :4000 | grep -q .; do sleep 0.3; done'"


@pytest.fixture(scope="module", autouse=True)
def scripts(host: Any) -> None:
    """What the tests run on the host."""
    bring(host, "../shared/files/host_state.py")


def migrate(**variables: Any) -> Run:
    """The operator's own command."""
    return play("migrate", **variables)


def refused(host: Any, *wanted: str, **variables: Any) -> None:
    """A run is refused in one message with everything that is wanted in it, and changes nothing."""
    before = state(host)
    run = migrate(**variables)
    assert run.returncode != 0
    message = words(run)
    assert (
        "cannot be migrated. Nothing was touched." in message
        or "Nothing was touched. Wait" in message
    ), run.stdout[-3000:]
    printed = " ".join(run.stdout.split())  # with every apostrophe that a message has
    missing = [text for text in wanted if text not in message and text not in printed]
    assert missing == [], run.stdout[-3000:]
    assert re.search(r"changed=0 .*failed=1", run.stdout)
    assert state(host) == before


@contextmanager
def changed(host: Any, wrong: str, right: str) -> Iterator[None]:
    """Something is wrong on the host for a while."""
    host.check_output(wrong)
    try:
        yield
    finally:
        host.check_output(right)


def serving(host: Any) -> None:
    """Waits until the legacy proxy serves again."""
    probe = (
        "import urllib.request; "
        "urllib.request.urlopen('http://127.0.0.1:4000/health/liveliness', timeout=5)"
    )
    host.check_output(
        "timeout 240 sh -c 'until python3 -c \"$0\" 2> /dev/null; do sleep 0.5; done' %s", probe
    )


# What is asked of a host that was never migrated, and on which nothing of ours is.


def test_legacy_deployment_is_looked_at_and_nothing_is_left(host: Any) -> None:
    before = state(host)
    run = play("health")
    assert run.returncode == 0, run.stdout
    assert re.search(r"healthy +the legacy deployment", words(run)), run.stdout
    assert "changed=0" in run.stdout
    assert state(host) == before


def test_host_without_a_migration_has_no_way_back_to_take(host: Any, tmp_path: Path) -> None:
    before, seen = state(host), status(tmp_path)
    assert (seen["journal"]["state"], seen["proxy"]["kind"], seen["proxy"]["ready"]) == (
        "none",
        "legacy",
        True,
    )
    assert (seen["next"]["migrate.yml"], seen["next"]["rollback.yml"]) == (
        "looks at everything, then migrates, or says why not before anything is touched",
        "changes nothing: no migration was ever begun",
    )
    run = play("rollback")
    assert run.returncode == 0, run.stdout
    assert "is not migrated (no migration was ever begun). Nothing was changed." in words(run)
    assert state(host) == before


# What is refused


def test_several_problems_come_in_one_message(host: Any) -> None:
    with changed(
        host,
        "systemctl stop docker.socket docker.service",
        "systemctl start docker.service docker.socket",
    ):
        refused(
            host,
            "1. Docker: the engine does not answer",
            "systemctl enable --now docker",
            "2. legacy_unit: no systemd unit named nosuch.service",
            "litellm.service (litellm)",
            legacy_unit="nosuch",
        )


DROP_IN = "/home/litellm/.config/systemd/user/litellm.service.d"
GONE = re.sub(r"@sha256:.*", "@sha256:" + "0" * 64, TESTBED["images"]["litellm"])
BLANK = "tar -cf - -T /dev/null | docker import"
RELEASE = BLANK + " --change 'LABEL org.opencontainers.image.version=%s' - %s:local"


class Fault(NamedTuple):
    """Something that is wrong: how it comes and goes, what a run is given, and what it says."""

    wrong: str
    right: str
    said: tuple[str, ...]
    given: dict[str, Any] = {}


def image(name: str, wrong: str, said: str) -> Fault:
    """A fault of LiteLLM's image."""
    return Fault(wrong, f"docker rmi {name}", (said,), {"litellm_images": {"litellm": name}})


def password(name: str, value: str, fault: str) -> Fault:
    """A password that the operator gives and that is none."""
    said = f"env_file_overrides.{name}: the value given {fault}"
    return Fault("true", "true", (said,), {"env_file_overrides": {name: value}})


FAULTS = {
    "weak keys": Fault(
        f"install -d -o litellm {DROP_IN} && "
        f"printf '[Service]\\nEnvironmentFile={DROP_IN}/wrong\\n' > {DROP_IN}/wrong.conf && "
        "printf 'LITELLM_MASTER_KEY=sk-short\\n"
        f"LITELLM_SALT_KEY=another-salt-key-than-the-one-of-the-rows\\n' > {DROP_IN}/wrong && "
        # the state that is compared has its listener
        f"{USER} daemon-reload && {USER} restart litellm.service && {LISTENS}",
        f"rm -r {DROP_IN} && {USER} daemon-reload && {USER} restart litellm.service",
        (
            "LITELLM_MASTER_KEY: the value that the running proxy has has 5 characters; "
            "at least 16 are needed",
            "LITELLM_SALT_KEY: the key that the proxy runs with cannot decrypt the credentials "
            "of the 1 model(s) stored in the database",
        ),
    ),
    "empty password": password("POSTGRES_PASSWORD", "", "is empty"),
    "placeholder": password("POSTGRES_PASSWORD", "CHANGE_ME", "is a placeholder"),
    "known password": password("POSTGRES_PASSWORD", "sk-1234", "is publicly known"),
    "environment file is missing": Fault(
        f"mv {PROJECT}/env.litellm /root/env.litellm",
        f"mv /root/env.litellm {PROJECT}/env.litellm",
        (f"{PROJECT}/env.litellm: is missing; the unit could not start again",),
    ),
    # its second line, so that the message has a number to name
    "environment file is broken": Fault(
        f"cp -p {PROJECT}/env.litellm /root/env.litellm && "
        f"printf '# nothing\\nUI_TITLE=\"never ends\\n' > {PROJECT}/env.litellm",
        f"mv /root/env.litellm {PROJECT}/env.litellm",
        (f"{PROJECT}/env.litellm:2",),
    ),
    "included file is missing": Fault(
        f"cp -p {PROJECT}/config.yaml /root/config.yaml && "
        f"sed -i '1i include: [gone.yaml]' {PROJECT}/config.yaml",
        f"mv /root/config.yaml {PROJECT}/config.yaml",
        (f"{PROJECT}/config.yaml:1: includes gone.yaml, and {PROJECT}/gone.yaml is not there",),
    ),
    "strangers on ports": Fault(
        "systemctl stop redis-server && "
        "systemd-run --unit=stranger python3 -m http.server --bind 127.0.0.1 6379 && "
        "systemd-run --unit=stranger2 python3 -m http.server --bind 127.0.0.1 14000 && "
        "timeout 20 sh -c 'until ss -Hltn sport = :6379 | grep -q . && "
        "ss -Hltn sport = :14000 | grep -q .; do sleep 0.1; done'",
        "systemctl stop stranger stranger2 && systemctl start redis-server",
        ("leads to port 6379, where python3 (process ", "port 14000 (staging): is held by python3"),
    ),
    "images are missing": Fault(
        "true",
        "true",
        (
            f"litellm_images.litellm: image {GONE}: the engine can't get it (",
            "litellm_images.redis: '' is not an image reference",
        ),
        {"litellm_images": {"litellm": GONE, "redis": ""}},
    ),
    "another platform": image(
        "elsewhere:1.102.4",
        f"{BLANK} --platform linux/s390x - elsewhere:1.102.4",
        "image elsewhere:1.102.4 is for linux/s390x; this host is linux/",
    ),
    "bad release": image(
        "bad:local",
        RELEASE % ("1.82.8", "bad"),
        "LiteLLM 1.82.8 is on the list of known-bad releases",
    ),
    "another bad release": image(
        "worse:local",
        RELEASE % ("1.107.3", "worse"),
        "LiteLLM 1.107.3 is on the list of known-bad releases",
    ),
    "another release": image(
        "other:local",
        RELEASE % ("1.104.0", "other"),
        "the image holds LiteLLM 1.104.0, the legacy deployment runs 1.102.4",
    ),
    "lower major": Fault(
        "true",
        "true",
        ("is PostgreSQL 13, the native server is 15: data never go to a lower major",),
        {"litellm_images": {"postgres": TESTBED["refused_image"]}},
    ),
    "little disk": Fault(
        "mkdir /mnt/small && mount -t tmpfs -o size=4m,mode=0755 none /mnt/small",
        "umount /mnt/small && rmdir /mnt/small",
        ("disk space: /mnt/small/backups needs ", "MiB together, 4.0 MiB are free"),
        {"litellm_backup_dir": "/mnt/small/backups"},
    ),
    "volume of somebody else": Fault(
        "docker volume create litellm_postgres",
        "docker volume rm litellm_postgres",
        ("volume litellm_postgres: exists and was not made by this collection for this host",),
    ),
    "subnet is taken": Fault(
        "docker network create --subnet 172.30.0.0/16 taken",
        "docker network rm taken",
        ("172.30.40.0/24 overlaps with 172.30.0.0/16 (network taken)",),
    ),
    ".env is tracked": Fault(
        "git init -q /srv/team && install -d /srv/team/compose && touch /srv/team/compose/.env && "
        "git -C /srv/team add -f compose/.env",
        "rm -r /srv/team",
        (
            "/srv/team/compose/.env: is tracked by git, so its secrets would be in every clone",
            "git rm --cached .env",
        ),
        {"litellm_project_dir": "/srv/team/compose"},
    ),
    "included file is root's": Fault(
        f"cp -p {PROJECT}/config.yaml /root/config.yaml && "
        f"sed -i '1i include: [/etc/shadow, bin]' {PROJECT}/config.yaml",
        f"mv /root/config.yaml {PROJECT}/config.yaml",
        (
            f"{PROJECT}/config.yaml:1: includes /etc/shadow: account litellm can't read it: "
            "Permission denied. Make it a file that LiteLLM can read, or take it out of include:",
            f"includes {PROJECT}/bin: account litellm can't read it: not a regular file",
        ),
    ),
    "folder of an account": Fault(
        "true",
        "true",
        (
            "litellm_project_dir: /home/litellm/new: /home/litellm belongs to account litellm, and "
            "root starts at boot what lies there -> let only root write there",
        ),
        {"litellm_project_dir": "/home/litellm/new"},
    ),
    "legacy folder": Fault(
        "true",
        "true",
        (f"litellm_project_dir: {PROJECT} is the folder that the legacy proxy runs in",),
        {"litellm_project_dir": PROJECT},
    ),
    ".env of somebody else": Fault(
        "mkdir /opt/litellm && echo A=1 > /opt/litellm/.env",
        "rm -r /opt/litellm",
        ("/opt/litellm/.env: was not written by this collection and is not replaced",),
    ),
    "engine is too old": Fault(
        "mv /usr/bin/docker /usr/bin/docker.real && "
        f"cat > /usr/bin/docker <<'X'\n{OLD_ENGINE}X\nchmod 755 /usr/bin/docker",
        "mv /usr/bin/docker.real /usr/bin/docker",
        ("Docker: engine 18.09.1 is too old",),
    ),
    "only Compose v1": Fault(
        f"mv {PLUGIN} /root/plugin && {{ [ ! -L {COMPOSE} ] || mv {COMPOSE} /root/alone; }} && "
        f"cat > {COMPOSE} <<'X'\n{ONLY_COMPOSE_V1}X\nchmod 755 {COMPOSE}",
        f"rm {COMPOSE}; {{ [ ! -L /root/alone ] || mv /root/alone {COMPOSE}; }}; "
        f"mv /root/plugin {PLUGIN}",
        ("Docker Compose: only Compose v1 (1.29.2) is installed",),
    ),
    "what goes down along": Fault(
        "runuser -u postgres -- createdb -p 5434 reports && "
        "systemd-run --quiet --unit=reporting --property=Requires=redis-server.service "
        "--property=After=redis-server.service sleep infinity",
        "systemctl stop reporting && runuser -u postgres -- dropdb -p 5434 reports",
        (
            "unit reporting.service: needs redis-server.service "
            "and goes down with it at the cutover",
            "database reports: is on the native PostgreSQL that is stopped at the cutover",
        ),
    ),
}
# All reasons come at once: those that have nothing to do with each other share a run.
TOGETHER = (
    ("weak keys", "images are missing", "lower major", "legacy folder"),
    (
        *("environment file is missing", "another platform", "volume of somebody else"),
        *("placeholder", "folder of an account", "what goes down along"),
    ),
    (
        *("environment file is broken", "bad release", "subnet is taken"),
        *(".env of somebody else", "engine is too old"),
    ),
    ("included file is missing", "another bad release", "empty password", "only Compose v1"),
    (
        *("strangers on ports", "another release", "little disk", ".env is tracked"),
        *("known password", "included file is root's"),
    ),
)


def test_every_fault_is_tried() -> None:
    assert sorted(name for names in TOGETHER for name in names) == sorted(FAULTS)


@pytest.mark.parametrize("names", TOGETHER, ids=", ".join)
def test_what_is_wrong_is_named(host: Any, names: tuple[str, ...]) -> None:
    given: dict[str, Any] = {}
    with ExitStack() as mended:
        for fault in map(FAULTS.__getitem__, names):
            mended.enter_context(changed(host, fault.wrong, fault.right))
            for name, value in fault.given.items():
                both = isinstance(value, dict)
                given[name] = {**given.get(name, {}), **value} if both else value
        if "litellm_images" in given:
            given["litellm_images"] = {**TESTBED["images"], **given["litellm_images"]}
        refused(host, *(text for name in names for text in FAULTS[name].said), **given)
    serving(host)


def test_python_of_the_host_is_too_old(host: Any) -> None:
    """Before any module of ours is loaded. The host has no other one: the limit is what moves."""
    run = play("migrate", deployment_least_python=9900)
    assert run.returncode
    assert "and this collection needs 3.9 or newer. Nothing was touched." in words(run)


def test_docker_is_missing(host: Any) -> None:
    with changed(
        host, "mv /usr/bin/docker /usr/bin/docker.real", "mv /usr/bin/docker.real /usr/bin/docker"
    ):
        # the state is looked at with the real client again, before and after
        run = migrate()
        assert run.returncode != 0
        assert "Docker: no docker command on this host -> install Docker Engine" in words(run)


def test_what_is_named_can_be_accepted(host: Any) -> None:
    fault = FAULTS["what goes down along"]
    with changed(host, fault.wrong, fault.right):
        refused(host, "1. unit reporting.service", preflight_accept_down=["reports"])


def test_somebody_else_is_at_work(host: Any) -> None:
    opened = subprocess.run(
        [
            "ansible",
            "-i",
            str(SCENARIO / "inventory.yml"),
            "litellm",
            "-m",
            "llmops.litellm.journal",
            "-a",
            json.dumps(
                {
                    "folder": "/var/lib/llmops-litellm",
                    "operation": "open",
                    "run": {"controller": "elsewhere", "run": "1:1", "alive": []},
                }
            ),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert opened.returncode == 0, opened.stdout
    try:
        refused(host, "run 1:1 of controller elsewhere is at work on this host")
    finally:
        host.check_output("rm -r /var/lib/llmops-litellm")


def test_nothing_stands_against_this_host(host: Any) -> None:
    """The proof that the refusals above are the only ones.

    The same run, with nothing wrong, is not refused.
    """
    before = state(host)
    run = play("migrate", "--check")
    assert run.returncode == 0, run.stdout[-3000:]
    assert state(host) == before
