# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The test bed: a Docker engine, images from Debian's packages, PyPI and npm, a registry, a legacy
host.

testbed.py up               all of it; quick when it is there
testbed.py down             remove hosts, registry and network, stop the engine if it is ours;
                            images stay
testbed.py engine up|down   the engine alone
testbed.py engine env       shell line for eval, so that docker and Ansible find the engine
testbed.py build [NAME…]    images alone, all without a name
testbed.py kept KIND [VOLUME]
                            a host that was migrated, or an engine that has pulled: have it, print
                            its image, and give a new host's volume a copy of its engine's data
testbed.py official HOST    images with the contract of official ones, under names as people have
                            them: two in the registry, whose digests are kept for the inventory,
                            one loaded on the host
testbed.py images           the images that hosts pull, as JSON
testbed.py clean            remove images of earlier inputs
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import engine
import images
import legacy
import migrated
import registry
from common import CACHE, TestbedError, run, say

# Came to the host as a file: no registry has it.
LOADED, LOADED_AS = "redis-alpine", "redis:8-alpine"
# Digests of those in the registry, where an inventory looks.
OFFICIAL = legacy.STATE.with_name("official.json")


def lock() -> object:
    """Hold the test bed for this process: two runs must not build the same image at once."""
    CACHE.mkdir(parents=True, exist_ok=True)
    handle = (CACHE / "lock").open("w", encoding="ascii")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("another run is at work on the test bed, waiting for it")
        fcntl.flock(handle, fcntl.LOCK_EX)
    return handle


def up() -> None:
    """Have everything that a host needs."""
    engine.up()
    engine.select()
    images.build(images.USUAL)
    registry.up()
    facts = legacy.facts()
    # the registry compresses while the legacy host mostly waits for its proxy
    with ThreadPoolExecutor(max_workers=1) as worker:
        pushed = worker.submit(registry.push)
        legacy.snapshot(facts)
        pushed.result()
    served = registry.references()
    # the one that only a refusal needs stands apart: `images` is what an inventory gives to the
    # playbook
    legacy.write_state({**facts, "refused_image": served.pop("postgres13"), "images": served})


def objects(kind: str, value: str) -> list[str]:
    """Identifiers of what carries our label with this value."""
    listing = {
        "container": ["ps", "--all"],
        "volume": ["volume", "ls"],
        "network": ["network", "ls"],
    }[kind]
    return run(
        ["docker", *listing, "--quiet", "--filter", f"label={images.PREFIX}={value}"], capture=True
    ).stdout.split()


def down() -> None:
    """Remove what runs, keep what was built."""
    if engine.running_pid() is None and not engine.answers(None):
        return
    engine.select()
    for value in ("host", "registry"):
        for container in objects("container", value):
            run(["docker", "rm", "--force", "--volumes", container], capture=True)
    for volume in objects("volume", "host"):
        run(["docker", "volume", "rm", volume], capture=True)
    for network in objects("network", "network"):
        run(["docker", "network", "rm", network], capture=True)
    engine.down()


def clean() -> None:
    """Remove images that the current inputs do not make and no container uses."""
    engine.select()
    current = {images.tag(name) for name in images.IMAGES} | {legacy.legacy_tag()}
    kept = migrated.versions()
    current |= {migrated.image_of(kind, version) for kind, version in kept.items()}
    current |= set(
        run(["docker", "ps", "--all", "--format", "{{.Image}}"], capture=True).stdout.split()
    )
    listed = run(
        ["docker", "images", "--format", "{{.Repository}}:{{.Tag}}", f"{images.PREFIX}/*"],
        capture=True,
    ).stdout.split()
    for reference in sorted(set(listed) - current):
        name, _colon, version = reference.removeprefix(f"{images.PREFIX}/").partition(":")
        if name.removesuffix("-host") in migrated.KINDS:
            migrated.remove(name.removesuffix("-host"), version)
        else:
            run(["docker", "rmi", reference], capture=True)
        print(reference)
    run(["docker", "builder", "prune", "--force"], capture=True, check=False)


def kept(kind: str, volume: str) -> None:
    """Have what hosts of this kind start from, and a copy of its engine's data for one of them."""
    if not legacy.STATE.exists():
        raise TestbedError("the test bed is not up: run 'testbed.py up'")
    engine.select()
    if not migrated.ready(kind):
        held = lock()
        migrated.up(kind, json.loads(legacy.STATE.read_text(encoding="utf-8")))
        del held
    if volume:
        migrated.clone(kind, volume)
    print(migrated.image(kind))


def official(host: str) -> None:
    """Have the images with the contract of the official ones where a host finds them."""
    engine.select()
    names = (*registry.OFFICIAL, LOADED)
    if not all(images.present(images.tag(name)) for name in names):
        held = lock()
        images.build(names)
        del held
    digests = registry.official()
    inside, ours = ["docker", "exec", "--interactive", host, "docker"], images.tag(LOADED)
    with subprocess.Popen(["docker", "save", ours], stdout=subprocess.PIPE) as saved:
        run([*inside, "load", "--quiet"], capture=True, stdin=saved.stdout)
    run([*inside, "tag", ours, LOADED_AS])
    run([*inside, "rmi", ours], capture=True)
    OFFICIAL.write_text(json.dumps(digests) + "\n", encoding="utf-8")


def environment() -> None:
    """Print what makes docker find the engine."""
    engine.select()
    address = os.environ.get("DOCKER_HOST")
    print(f"export DOCKER_HOST={shlex.quote(address)}" if address else "unset DOCKER_HOST")


def main() -> int:
    """Read the command line, do it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("up", "down", "images", "clean"):
        commands.add_parser(name)
    commands.add_parser("engine").add_argument("action", choices=("up", "down", "env"))
    commands.add_parser("build").add_argument("names", nargs="*", metavar="NAME")
    keeping = commands.add_parser("kept")
    keeping.add_argument("kind", choices=migrated.KINDS)
    keeping.add_argument("volume", nargs="?", default="")
    commands.add_parser("official").add_argument("host")
    options = parser.parse_args()
    try:
        if options.command == "engine" and options.action == "env":
            environment()
            return 0
        if options.command == "images":
            engine.select()
            print(json.dumps(registry.references(), indent=2))
            return 0
        if options.command == "official":
            official(options.host)
            return 0
        if options.command == "kept":
            kept(options.kind, options.volume)
            return 0
        held = lock()
        if options.command == "engine":
            {"up": engine.up, "down": engine.down}[options.action]()
        elif options.command == "build":
            engine.select()
            images.build(options.names or images.USUAL)
        else:
            {"up": up, "down": down, "clean": clean}[options.command]()
        del held
    except TestbedError as error:
        print(f"testbed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
