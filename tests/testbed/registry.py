# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A registry on the test network, and in it the images that hosts pull by digest."""

from __future__ import annotations

import time
import urllib.error
import urllib.request

from common import TestbedError, run, say, wait_for
from images import PREFIX, tag

NETWORK = PREFIX
CONTAINER = f"{PREFIX}-registry"
# How the hosts call it; their engine's daemon.json names it as one without TLS.
ADDRESS = "registry.test:5000"
SERVED = ("litellm", "postgres", "postgres13", "redis", "pgbouncer")
# Images with the contract of the official ones, under names as people have them. Docker Hub's are
# in `library/`, for hosts whose mirror of Docker Hub this registry is; one tag has moved on since.
OFFICIAL = {
    "litellm-root": "litellm:1.102.4",
    "postgres-alpine": "library/postgres:17-alpine",
}
MOVED_ON = {"litellm": "litellm:main-stable"}
MANIFESTS = (
    "application/vnd.docker.distribution.manifest.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"
)
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def inspect(kind: str, name: str, template: str) -> str | None:
    """One field of an object of the engine, None when there is no such object."""
    done = run(["docker", kind, "inspect", "--format", template, name], capture=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def up() -> None:
    """Have the network and the running registry, of the current image."""
    if inspect("network", NETWORK, "{{.Id}}") is None:
        run(["docker", "network", "create", "--label", f"{PREFIX}=network", NETWORK], capture=True)
    image = inspect("image", tag("registry"), "{{.Id}}")
    if inspect("container", CONTAINER, "{{.Image}} {{.State.Running}}") != f"{image} true":
        run(["docker", "rm", "--force", CONTAINER], capture=True, check=False)
        run([
            "docker", "run", "--detach", "--name", CONTAINER,
            "--label", f"{PREFIX}=registry", "--network", NETWORK,
            "--network-alias", ADDRESS.split(":", maxsplit=1)[0], "--publish", "127.0.0.1::5000",
            "--volume", f"{CONTAINER}:/var/lib/docker-registry", tag("registry"),
        ], capture=True)  # fmt: skip
    wait_for("registry answers", answers, 30)


def port() -> str:
    """Where the registry listens on this machine's loopback."""
    text = inspect(
        "container", CONTAINER, '{{(index (index .NetworkSettings.Ports "5000/tcp") 0).HostPort}}'
    )
    if not text:
        raise TestbedError("the registry does not run: run 'testbed.py up'")
    return text


def answers() -> bool:
    """Whether the registry answers."""
    try:
        with OPENER.open(f"http://127.0.0.1:{port()}/v2/", timeout=5) as response:
            return int(response.status) == 200
    except OSError:
        return False


def digest(name: str) -> str | None:
    """The digest under which the registry has the current image of this name."""
    return manifest(f"{name}:{tag(name).rsplit(':', maxsplit=1)[1]}")


def manifest(reference: str) -> str | None:
    """The digest that the registry has for a repository's tag."""
    name, _colon, version = reference.partition(":")
    request = urllib.request.Request(
        f"http://127.0.0.1:{port()}/v2/{name}/manifests/{version}", method="HEAD"
    )
    request.add_header("Accept", MANIFESTS)
    try:
        with OPENER.open(request, timeout=30) as response:
            return str(response.headers["Docker-Content-Digest"])
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise TestbedError(f"the registry answered {error.code} for {reference}") from error


def push() -> None:
    """Push what the registry does not have yet."""
    for name in SERVED:
        if digest(name) is None:
            push_as(name, f"{name}:{tag(name).rsplit(':', maxsplit=1)[1]}")


def push_as(name: str, reference: str) -> None:
    """Push an image under a name of the registry's."""
    started = time.monotonic()
    target = f"127.0.0.1:{port()}/{reference}"
    run(["docker", "tag", tag(name), target])
    run(["docker", "push", "--quiet", target], capture=True)
    # the registry holds it now; the name of its port is good for nothing else
    run(["docker", "rmi", "--no-prune", target], capture=True)
    say(f"pushed {name} as {reference} in {time.monotonic() - started:.0f} s")


def official() -> dict[str, str]:
    """Have the images with the contract of the official ones under their names: their digests."""
    for name, reference in {**OFFICIAL, **MOVED_ON}.items():
        # a push of what is there moves the tag, if it is another image's, and nothing else
        push_as(name, reference)
    return {name: str(manifest(reference)) for name, reference in OFFICIAL.items()}


def references() -> dict[str, str]:
    """The images as a host names them: `{name: registry/name@digest}`.

    Raises TestbedError when one was not pushed.
    """
    found = {name: digest(name) for name in SERVED}
    missing = [name for name, value in found.items() if value is None]
    if missing:
        raise TestbedError(f"not in the registry: {', '.join(missing)}; run 'testbed.py up'")
    return {name: f"{ADDRESS}/{name}@{value}" for name, value in found.items()}
