"""Each refusal: something is wrong on the host, ``migrate.yml`` says what and what to do, and the host is as it was before the run."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

SCENARIO = Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"])
ROOT = SCENARIO.parent.parent
TESTBED = json.loads((ROOT / ".cache/testbed/testbed.json").read_text())
PROJECT = "/home/litellm/llm@team"
USER = "systemctl --user --machine=litellm@"
# Programs of the host that stand in for releases which Debian does not have any more.
OLD_ENGINE = r"""#!/bin/sh
# stands in for an engine that is too old: the real one, with another version in its answers
exec_real() { /usr/bin/docker.real "$@"; }
case "$1" in version) exec_real "$@" | sed 's/"Version":"26[^"]*"/"Version":"18.09.1"/g' ;; *) exec /usr/bin/docker.real "$@" ;; esac
"""
ONLY_COMPOSE_V1 = (
    "#!/bin/sh\n# stands in for Compose v1, which no distribution has any more\necho 1.29.2\n"
)


def migrate(**variables: Any) -> subprocess.CompletedProcess[str]:
    """The operator's own command."""
    return subprocess.run(
        [
            "ansible-playbook",
            "-i",
            str(SCENARIO / "inventory.yml"),
            "playbooks/migrate.yml",
            "-e",
            json.dumps(variables),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def state(host: Any) -> dict[str, Any]:
    """The state of the host."""
    return json.loads(host.check_output("python3 -B /root/observer/host_state.py"))


def refused(host: Any, *wanted: str, **variables: Any) -> None:
    """A run is refused in one message with everything that is wanted in it, and changes nothing."""
    before = state(host)
    run = migrate(**variables)
    assert run.returncode != 0
    message = " ".join(run.stdout.split())
    assert (
        "cannot be migrated. Nothing was touched." in message
        or "Nothing was touched. Wait" in message
    ), run.stdout[-3000:]
    assert [text for text in wanted if text not in message] == [], run.stdout[-3000:]
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
    probe = "import urllib.request; urllib.request.urlopen('http://127.0.0.1:4000/health/liveliness', timeout=5)"
    host.check_output(
        "timeout 120 sh -c 'until python3 -c \"$0\" 2> /dev/null; do :; done' %s", probe
    )


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


def test_weak_master_key_and_wrong_salt_key(host: Any) -> None:
    drop_in = "/home/litellm/.config/systemd/user/litellm.service.d"
    with changed(
        host,
        f"install -d -o litellm {drop_in} && printf '[Service]\\nEnvironmentFile={drop_in}/wrong\\n' > {drop_in}/wrong.conf && "
        f"printf 'LITELLM_MASTER_KEY=sk-short\\nLITELLM_SALT_KEY=another-salt-key-than-the-one-of-the-rows\\n' > {drop_in}/wrong && "
        f"{USER} daemon-reload && {USER} restart litellm.service",
        f"rm -r {drop_in} && {USER} daemon-reload && {USER} restart litellm.service",
    ):
        refused(
            host,
            "LITELLM_MASTER_KEY: the value that the running proxy has has 5 characters; at least 16 are needed",
            "LITELLM_SALT_KEY: the key that the proxy runs with cannot decrypt the credentials of the 1 model(s) stored in the database",
        )
    serving(host)


@pytest.mark.parametrize(
    ("value", "fault"),
    [("", "is empty"), ("CHANGE_ME", "is a placeholder"), ("sk-1234", "is publicly known")],
)
def test_passwords_that_the_operator_gives_must_be_strong(
    host: Any, value: str, fault: str
) -> None:
    refused(
        host,
        f"env_file_overrides.POSTGRES_PASSWORD: the value given {fault}",
        env_file_overrides={"POSTGRES_PASSWORD": value},
    )


def test_environment_file_is_missing(host: Any) -> None:
    with changed(
        host,
        f"mv {PROJECT}/env.litellm /root/env.litellm",
        f"mv /root/env.litellm {PROJECT}/env.litellm",
    ):
        refused(host, f"{PROJECT}/env.litellm: is missing; the unit could not start again")


def test_environment_file_is_broken(host: Any) -> None:
    with changed(
        host,
        f"cp -p {PROJECT}/env.litellm /root/env.litellm && printf 'UI_TITLE=\"never ends\\n' >> {PROJECT}/env.litellm",
        f"mv /root/env.litellm {PROJECT}/env.litellm",
    ):
        line = int(host.check_output(f"grep -n 'never ends' {PROJECT}/env.litellm").split(":")[0])
        refused(host, f"{PROJECT}/env.litellm:{line}")


def test_included_file_is_missing(host: Any) -> None:
    with changed(
        host,
        f"cp -p {PROJECT}/config.yaml /root/config.yaml && sed -i '1i include: [gone.yaml]' {PROJECT}/config.yaml",
        f"mv /root/config.yaml {PROJECT}/config.yaml",
    ):
        refused(
            host,
            f"{PROJECT}/config.yaml:1: includes gone.yaml, and {PROJECT}/gone.yaml is not there",
        )


def test_stranger_on_a_port_is_named(host: Any) -> None:
    with changed(
        host,
        "systemctl stop redis-server && systemd-run --unit=stranger python3 -m http.server --bind 127.0.0.1 6379 && "
        "systemd-run --unit=stranger2 python3 -m http.server --bind 127.0.0.1 14000 && "
        "timeout 20 sh -c 'until ss -Hltn sport = :6379 | grep -q . && ss -Hltn sport = :14000 | grep -q .; do :; done'",
        "systemctl stop stranger stranger2 && systemctl start redis-server",
    ):
        refused(
            host,
            "port 6379 (redis): is held by python3",
            "port 14000 (staging): is held by python3",
        )


def test_docker_is_missing(host: Any) -> None:
    with changed(
        host, "mv /usr/bin/docker /usr/bin/docker.real", "mv /usr/bin/docker.real /usr/bin/docker"
    ):
        # the state is looked at with the real client again, before and after
        run = migrate()
        assert run.returncode != 0
        assert "Docker: no docker command on this host -> install Docker Engine" in " ".join(
            run.stdout.split()
        )


def test_engine_is_too_old(host: Any) -> None:
    with changed(
        host,
        f"mv /usr/bin/docker /usr/bin/docker.real && cat > /usr/bin/docker <<'X'\n{OLD_ENGINE}X\nchmod 755 /usr/bin/docker",
        "mv /usr/bin/docker.real /usr/bin/docker",
    ):
        refused(host, "Docker: engine 18.09.1 is too old")


def test_only_compose_v1(host: Any) -> None:
    plugin = host.check_output(
        "ls /usr/libexec/docker/cli-plugins/docker-compose /usr/lib/docker/cli-plugins/docker-compose 2>/dev/null | head -1"
    )
    alone = host.run("command -v docker-compose").stdout.strip() or "/usr/bin/docker-compose"
    with changed(
        host,
        f"mv {plugin} /root/plugin && {{ [ ! -e {alone} ] || mv {alone} /root/alone; }} && "
        f"cat > {alone} <<'X'\n{ONLY_COMPOSE_V1}X\nchmod 755 {alone}",
        f"rm {alone}; {{ [ ! -e /root/alone ] || mv /root/alone {alone}; }}; mv /root/plugin {plugin}",
    ):
        refused(host, "Docker Compose: only Compose v1 (1.29.2) is installed")


def images(**others: str) -> dict[str, str]:
    """The images of the inventory, some of them others."""
    return {**TESTBED["images"], **others}


def test_image_is_missing(host: Any) -> None:
    gone = re.sub(r"@sha256:.*", "@sha256:" + "0" * 64, TESTBED["images"]["litellm"])
    refused(
        host,
        f"litellm_images.litellm: image {gone}: the registry answered 404",
        "litellm_images.redis: '' is not an image reference",
        litellm_images={**images(litellm=gone), "redis": ""},
    )


def test_image_is_for_another_platform(host: Any) -> None:
    with changed(
        host,
        "tar -cf - -T /dev/null | docker import --platform linux/s390x - elsewhere:1.102.4",
        "docker rmi elsewhere:1.102.4",
    ):
        refused(
            host,
            "image elsewhere:1.102.4 is for linux/s390x; this host is linux/",
            litellm_images=images(litellm="elsewhere:1.102.4"),
        )


@pytest.mark.parametrize("release", ["1.82.8", "1.107.3"])
def test_image_is_of_a_bad_release(host: Any, release: str) -> None:
    with changed(
        host,
        f"tar -cf - -T /dev/null | docker import --change 'LABEL org.opencontainers.image.version={release}' - bad:local",
        "docker rmi bad:local",
    ):
        refused(
            host,
            f"LiteLLM {release} is on the list of known-bad releases",
            litellm_images=images(litellm="bad:local"),
        )


def test_image_is_of_another_release(host: Any) -> None:
    with changed(
        host,
        "tar -cf - -T /dev/null | docker import --change 'LABEL org.opencontainers.image.version=1.104.0' - other:local",
        "docker rmi other:local",
    ):
        refused(
            host,
            "the image holds LiteLLM 1.104.0, the legacy deployment runs 1.102.4",
            litellm_images=images(litellm="other:local"),
        )


def test_postgresql_of_a_lower_major(host: Any) -> None:
    refused(
        host,
        "is PostgreSQL 13, the native server is 15: data never go to a lower major",
        litellm_images=images(postgres=TESTBED["refused_image"]),
    )


def test_too_little_disk_is_said_with_numbers(host: Any) -> None:
    with changed(
        host,
        "mkdir /mnt/small && mount -t tmpfs -o size=4m none /mnt/small",
        "umount /mnt/small && rmdir /mnt/small",
    ):
        refused(
            host,
            "disk space: /mnt/small/backups needs 0.1 GiB together, 0.0 GiB are free",
            litellm_backup_dir="/mnt/small/backups",
        )


def test_volume_of_somebody_else(host: Any) -> None:
    with changed(
        host, "docker volume create litellm_postgres", "docker volume rm litellm_postgres"
    ):
        refused(
            host,
            "volume litellm_postgres: exists and was not made by this collection for this host",
        )


def test_subnet_is_taken(host: Any) -> None:
    with changed(
        host, "docker network create --subnet 172.30.0.0/16 taken", "docker network rm taken"
    ):
        refused(host, "172.30.40.0/24 overlaps with 172.30.0.0/16 (network taken)")


def test_env_file_is_tracked_by_git(host: Any) -> None:
    git = f"runuser -u litellm -- git -C '{PROJECT}'"
    with changed(
        host,
        f"runuser -u litellm -- sh -c \"mkdir '{PROJECT}/compose' && touch '{PROJECT}/compose/.env'\" && "
        f"{git} add -f compose/.env && {git} commit -qm secrets",
        f"{git} reset -q --hard HEAD^",
    ):
        refused(
            host,
            f"{PROJECT}/compose/.env: is tracked by git, so its secrets would be in every clone",
            "git rm --cached .env",
            litellm_project_dir=f"{PROJECT}/compose",
        )


def test_what_would_go_down_along_is_named(host: Any) -> None:
    with changed(
        host,
        "runuser -u postgres -- createdb -p 5434 reports && systemd-run --quiet --unit=reporting --property=Requires=redis-server.service "
        "--property=After=redis-server.service sleep infinity",
        "systemctl stop reporting && runuser -u postgres -- dropdb -p 5434 reports",
    ):
        refused(
            host,
            "unit reporting.service: needs redis-server.service and goes down with it at the cutover",
            "database reports: is on the native PostgreSQL that is stopped at the cutover",
        )
        refused(host, "1. unit reporting.service", preflight_accept_down=["reports"])


def test_project_folder_is_the_legacy_proxys_own(host: Any) -> None:
    refused(
        host,
        f"litellm_project_dir: {PROJECT} is the folder that the legacy proxy runs in",
        litellm_project_dir=PROJECT,
    )


def test_env_file_of_somebody_else(host: Any) -> None:
    with changed(host, "mkdir /opt/litellm && echo A=1 > /opt/litellm/.env", "rm -r /opt/litellm"):
        refused(host, "/opt/litellm/.env: was not written by this collection and is not replaced")


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
    """The proof that the refusals above are the only ones: the same run, with nothing wrong, is not refused."""
    before = state(host)
    run = subprocess.run(
        [
            "ansible-playbook",
            "-i",
            str(SCENARIO / "inventory.yml"),
            "playbooks/migrate.yml",
            "--check",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-3000:]
    assert state(host) == before
