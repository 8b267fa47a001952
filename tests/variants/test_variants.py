# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts as other people have them, each made, migrated and brought back. See README.md."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
os.environ.setdefault("MOLECULE_SCENARIO_DIRECTORY", str(ROOT / "molecule" / "migrate"))

import images  # noqa: E402
import play  # noqa: E402
import testinfra  # noqa: E402

HTTP, HTTPS = "http://127.0.0.1:4000", "https://127.0.0.1:4000"
SCRIPTS = ("client.py", "host_state.py", "wait.py")


class Variant(NamedTuple):
    """What differs from the scenarios' hosts: what a script of its name in ``hosts/`` makes of the
    legacy deployment, and what its operator has beside it.

    ``url``: where clients ask; ``variables``: more of the operator's; ``loaded``: images of the
    test bed by the names under which they are loaded on the host; ``elsewhere``: what is on another
    host, of ``database`` and ``cache``; ``keys``: whether there is a database for them.
    """

    name: str
    url: str = HTTP
    variables: dict[str, Any] = {}
    loaded: dict[str, tuple[str, str]] = {}
    elsewhere: tuple[str, ...] = ()
    keys: bool = True


VARIANTS = (
    Variant("tls", HTTPS),
    Variant("gunicorn"),
    Variant("dynamic_user", variables={"legacy_unit": "litellm@team.service"}),
    Variant("configuration"),
    Variant("schema"),
    Variant("no_database", keys=False),
    Variant("engine"),
    Variant("database_elsewhere", elsewhere=("database",)),
    Variant("cache_elsewhere", elsewhere=("cache",)),
    Variant(
        "images",
        loaded={
            "litellm": ("litellm-nobody", "ghcr.io/berriai/litellm-non_root:main-v1.102.4"),
            "postgres": ("postgres-alpine-18", "postgres:18-alpine"),
        },
    ),
)


class Site:
    """A host, and the operator's inventory of it."""

    def __init__(self, variant: Variant, folder: Path) -> None:
        self.variant = variant
        self.name = "llmops-variant-" + variant.name.replace("_", "-")
        self.folder = folder
        facts = json.loads((ROOT / ".cache/testbed/testbed.json").read_text(encoding="utf-8"))
        os.environ["DOCKER_HOST"] = facts["docker_host"]
        self.network = facts["network"]
        given = {service: name for service, (_image, name) in variant.loaded.items()}
        variables = {
            "ansible_connection": "community.docker.docker",
            "ansible_python_interpreter": "/usr/bin/python3",
            "litellm_images": {**facts["images"], **given},
            "litellm_wait": 240,
            **({"litellm_keys_file": "/root/testbed/keys.json"} if variant.keys else {}),
            **variant.variables,
        }
        self.inventory = folder / "inventory.yml"
        self.inventory.write_text(
            # the engine has the images already, but where the variant gives it another store
            json.dumps({"litellm": {"children": {"pulled": {"hosts": {self.name: variables}}}}}),
            encoding="utf-8",
        )
        self.host = testinfra.get_host("docker://" + self.name)

    def run(self, playbook: str) -> play.Run:
        """A playbook of the product, which ends well."""
        done = play.play(playbook, inventory=str(self.inventory))
        assert done.returncode == 0, done.stdout[-6000:]
        return done

    def make(self, *playbooks: str) -> None:
        """Playbooks of the test bed."""
        for name in playbooks:
            path = str(ROOT / "molecule/shared" / f"{name}.yml")
            command = ["ansible-playbook", "-i", str(self.inventory), path]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout[-3000:]

    def prepare(self) -> None:
        """The legacy deployment becomes the variant's, and the images are on the host under the
        names that the operator gives them."""
        self.host.check_output("install -d -m 0700 /root/observer")
        files = [ROOT / "molecule/shared/files" / name for name in SCRIPTS]
        files.append(HERE / "ask.py")
        script = HERE / "hosts" / f"{self.variant.name}.sh"
        files += [script] if script.exists() else []
        for path in files:
            copy = ["docker", "cp", "--quiet", str(path), f"{self.name}:/root/observer/"]
            subprocess.run(copy, check=True, capture_output=True)
        for image, name in self.variant.loaded.values():
            inside = ["docker", "exec", "--interactive", self.name, "docker"]
            with subprocess.Popen(
                ["docker", "save", images.tag(image)], stdout=subprocess.PIPE
            ) as saved:
                subprocess.run([*inside, "load", "--quiet"], check=True, stdin=saved.stdout)
            subprocess.run([*inside, "tag", images.tag(image), name], check=True)
        if script.exists():
            self.host.check_output(f"bash /root/observer/{script.name}")
        if self.variant.elsewhere:
            self.move()
        self.serves()

    def move(self) -> None:
        """What is elsewhere moves there, as in the scenario of that name."""
        files = ROOT / "molecule/elsewhere/files"
        command = [sys.executable, str(files / "servers.py"), os.environ["DOCKER_HOST"]]
        told = subprocess.run(
            [*command, self.network, str(self.folder), self.name], check=True, capture_output=True
        )
        inside = ["docker", "exec", "--interactive", self.name, "python3", "-c"]
        script = (files / "move.py").read_text(encoding="utf-8")
        subprocess.run([*inside, script, *self.variant.elsewhere], check=True, input=told.stdout)

    def remove(self) -> None:
        """The host is gone, and what runs beside it."""
        self.make("destroy")
        beside = [f"{self.name}-{part}" for part in ("database", "cache")]
        command = ["docker", "rm", "--force", "--volumes", *beside]
        subprocess.run(command, check=True, capture_output=True)

    def serves(self) -> None:
        """Wait until the proxy is ready, as its clients reach it."""
        look = f"python3 /root/observer/ask.py {self.variant.url} ready"
        wanted = "connected" if self.variant.keys else "200"
        play.until(self.host, f"{look} | grep -q {wanted}", 240)

    def client(self, action: str, name: str) -> Any:
        """What the scenarios' client did or sees."""
        trusted = "SSL_CERT_FILE=/root/observer/ca.crt" if self.variant.url == HTTPS else ""
        printed = self.host.check_output(
            f"{trusted} PROXY_URL={self.variant.url} python3 -B /root/observer/client.py {action}"
            f" /root/observer/{name}.json"
        )
        return json.loads(printed) if printed else None

    def answered(self) -> str:
        """The HTTP status of a request to the model with the master key."""
        asked = f"python3 /root/observer/ask.py {self.variant.url} chat"
        return str(self.host.check_output(asked)).strip()


@pytest.fixture(params=VARIANTS, ids=lambda variant: variant.name)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """A host, which stays where its test fails and a variable asks for it."""
    made = Site(request.param, tmp_path)
    made.remove()
    made.make("create", "prepare")
    made.prepare()
    yield made
    if "LLMOPS_KEEP" not in os.environ:
        made.remove()


def test_host_moves_and_comes_back(site: Site) -> None:
    legacy = play.state(site.host)
    before = seen(site, "before")
    assert site.answered() == "200"

    site.run("migrate")
    assert play.journal(site.host)["state"] == "migrated"
    site.serves()
    now = site.client("read", "before") if site.variant.keys else {}
    assert now.get("embedding", 200) == 200
    moved = {"api_base", "embedding"}  # the stored model has the container's address
    assert {name: now[name] for name in now if name not in moved} == {
        name: before[name] for name in before if name not in moved
    }
    since = seen(site, "since")
    if site.variant.keys:
        assert site.host.run("litellm-ops backup --name since").rc == 0
        assert site.host.run("litellm-ops drill since").rc == 0
    assert site.answered() == "200"
    assert re.search(r"changed=0 .*failed=0", site.run("migrate").stdout)
    site.run("health")

    site.run("rollback")
    assert play.journal(site.host)["state"] == "rolled back"
    site.serves()
    if site.variant.keys:
        assert site.client("read", "before")["chat"] == 200
        home = site.client("read", "since")
        assert (home["hash"], home["budget"], home["chat"]) == (since["hash"], since["budget"], 200)
    assert site.answered() == "200"
    assert play.state(site.host) == legacy


def seen(site: Site, name: str) -> dict[str, Any]:
    """What the client has written under a name, as the proxy shows it; nothing without keys."""
    if not site.variant.keys:
        return {}
    site.client("write", name)
    found: dict[str, Any] = site.client("read", name)
    assert found["chat"] == 200
    return found
