# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts with a past, made once and then copied.

A host is an image (its file system) and a volume (its engine's data). Each new host gets a copy of
the volume: layers of images, which an engine never changes, are hard links, all else is copied.

- ``pulled``: an engine that has the four images, for a scenario that isn't about pulling them.
- ``migrated``: a legacy host after this checkout's migrate.yml, stopped cleanly. Its tag is the
  hash of all that made it, the collection's code included, so a change of the code makes a new one.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from pathlib import Path

import legacy
import registry
from common import CACHE, TestbedError, run, say
from images import LOGS, PREFIX, hash_files, inputs, present, tag

CHECKOUT, SHARED = legacy.CHECKOUT, legacy.SHARED
KINDS = ("pulled", "migrated")
# The images of a deployment; the registry has one more, which only a refusal needs.
PULLED = ("litellm", "postgres", "redis", "pgbouncer")
# What the builder's migration reads; documents beside it change nothing.
CODE = ("playbooks", "roles", "plugins")
OURS = (
    "molecule/shared/inventory.yml",
    "molecule/shared/group_vars/all.yml",
    "molecule/shared/group_vars/migrated.yml",
    "molecule/shared/record.yml",
    "molecule/shared/files/client.py",
    "molecule/shared/files/host_state.py",
)
# So many of earlier inputs stay, for other checkouts and for a change that is taken back.
KEPT = 6
# Seconds after which a migrated host is made anew: its last backup gets too old for health checks.
AGE = 12 * 3600
# ROOT SOURCE TARGET. An engine's data has devices (for removed files) and trusted attributes.
COPY = r"""
set -eu
cd "$1/$2/_data"; to="$1/$3/_data"
mkdir -p "$to/overlay2"
for cache in image/overlay2/layerdb/sha256/*/cache-id; do
  cp -al "overlay2/$(cat "$cache")" "$to/overlay2/"
done
for path in overlay2/*; do
  [ -e "$to/$path" ] || cp -a "$path" "$to/overlay2/"
done
for path in *; do
  [ "$path" = overlay2 ] || cp -a "$path" "$to/"
done
chown --reference=. "$to"; chmod --reference=. "$to"
"""


def digest(*parts: object) -> str:
    """A short hash of what something is made from."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


def versions() -> dict[str, str]:
    """Of each kind the hash of its inputs."""
    served = registry.references()
    folders = [CHECKOUT / name for name in CODE]
    files = [path for folder in folders for path in inputs(folder) if path.suffix != ".md"]
    code = hash_files(CHECKOUT, [*files, *(CHECKOUT / name for name in OURS), Path(__file__)])
    pulled = digest(tag("host"), served, COPY)
    return {
        "pulled": pulled,
        "migrated": digest(legacy.legacy_tag(), pulled, code, time.time() // AGE),
    }


def volume_of(kind: str, version: str) -> str:
    """The volume with the engine's data."""
    return f"{PREFIX}-{kind}-{version}"


def image_of(kind: str, version: str) -> str:
    """The host's image. It is made last: where it is, the volume is whole."""
    return f"{PREFIX}/{kind}-host:{version}"


def image(kind: str) -> str:
    """The image of this checkout's hosts of a kind."""
    return image_of(kind, versions()[kind])


def ready(kind: str) -> bool:
    """Whether nothing is left to be made."""
    return present(image(kind))


def copy(source: str, target: str, label: str) -> None:
    """Make a volume that holds what another one holds.

    A container does it, so that it is the same wherever the engine keeps its data.
    """
    folder = run(["docker", "info", "--format", "{{.DockerRootDir}}"], capture=True).stdout.strip()
    create = ["docker", "volume", "create", "--label", f"{PREFIX}={label}", target]
    container = [
        *("docker", "run", "--rm", "--network=none", "--security-opt=apparmor=unconfined"),
        *("--cap-add=SYS_ADMIN", "--cap-add=MKNOD", f"--volume={folder}/volumes:/volumes"),
        *(tag("base"), "sh", "-c", COPY, "sh", "/volumes", source, target),
    ]
    run(create, capture=True)
    try:
        run(container, capture=True)
    except BaseException:
        run(["docker", "volume", "rm", target], capture=True, check=False)
        raise


def clone(kind: str, target: str) -> None:
    """Give a new host its engine's data, unless it has some."""
    if registry.inspect("volume", target, "{{.Name}}") is None:
        copy(volume_of(kind, versions()[kind]), target, "host")


def up(kind: str, testbed: dict[str, object]) -> None:
    """Have what hosts of this kind start from."""
    if testbed["host_image"] != legacy.legacy_tag():
        raise TestbedError("the legacy host has changed: run 'testbed.py up'")
    version = versions()[kind]
    reference, volume, host = image_of(kind, version), volume_of(kind, version), f"{PREFIX}-{kind}"
    if present(reference):
        return
    if kind == "migrated":
        up("pulled", testbed)
    say(f"building {reference}")
    started = time.monotonic()
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"build-{kind}.log"
    log.write_text("", encoding="utf-8")
    run(["docker", "volume", "rm", volume], capture=True, check=False)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        inventory = legacy.write_inventory(Path(folder), host)
        if kind == "migrated":
            inventory = SHARED / "inventory.yml"
        legacy.playbook(SHARED / "destroy.yml", inventory, log, testbed=testbed)
        if kind == "pulled":
            bare = {**testbed, "host_image": tag("host")}
            legacy.playbook(SHARED / "create.yml", inventory, log, testbed=bare)
            for name in PULLED:
                pull = ["docker", "pull", "--quiet", registry.references()[name]]
                run(["docker", "exec", host, *pull], capture=True)
        else:
            # what it is made from is a legacy host whose engine has pulled already
            first = {"testbed": testbed, "testbed_kind": "pulled"}
            for name in ("create", "prepare", "record"):
                legacy.playbook(SHARED / f"{name}.yml", inventory, log, **first)
            legacy.playbook(CHECKOUT / "playbooks" / "migrate.yml", inventory, log)
        run(["docker", "stop", "--time", "120", host], capture=True)
        copy(f"{host}-docker", volume, "kept")
        legacy.commit(host, reference)
        legacy.playbook(SHARED / "destroy.yml", inventory, log, testbed=testbed)
    prune(kind)
    say(f"built {reference} in {time.monotonic() - started:.0f} s")


def prune(kind: str) -> None:
    """Remove all but the newest of a kind."""
    listed = run(
        ["docker", "images", "--format", "{{.Tag}}", f"{PREFIX}/{kind}-host"], capture=True
    ).stdout.split()  # newest first
    for version in listed[KEPT:]:
        remove(kind, version)


def remove(kind: str, version: str) -> None:
    """Remove one; the image stays while a host runs from it, and needs the volume no more."""
    for words in (["rmi", image_of(kind, version)], ["volume", "rm", volume_of(kind, version)]):
        run(["docker", *words], capture=True, check=False)
