# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The test bed's images, each tagged with the hash of all that it is made from: unchanged inputs
build nothing.

A hash covers the files in `images/FOLDER`, the arguments, and the hashes of the images it builds
upon.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from common import CACHE, HERE, TestbedError, as_root, install, run, say

PREFIX = "llmops-testbed"
# What tools leave behind in a folder is no input.
IGNORED = {"node_modules", "__pycache__"}
LOGS = CACHE / "logs"


@dataclasses.dataclass(frozen=True)
class Image:
    """An image: a Debian root file system (`suite`) or a Dockerfile's folder with its arguments.

    A `spare` one is built only where it is asked for by its name.
    """

    name: str
    suite: str = ""
    folder: str = ""
    arguments: tuple[tuple[str, str], ...] = ()
    upon: tuple[tuple[str, str], ...] = ()  # argument of the Dockerfile, name of an image
    spare: bool = False


IMAGES = {
    image.name: image
    for image in (
        Image("base", suite="trixie"),
        Image("litellm", folder="litellm", upon=(("BASE", "base"),)),
        Image(
            "postgres", folder="postgres", arguments=(("MAJOR", "17"),), upon=(("BASE", "base"),)
        ),
        Image("base-bullseye", suite="bullseye"),
        # only for a refusal: its major is lower than the legacy server's
        Image(
            "postgres13",
            folder="postgres",
            arguments=(("MAJOR", "13"),),
            upon=(("BASE", "base-bullseye"),),
        ),
        Image("redis", folder="redis", upon=(("BASE", "base"),)),
        Image("pgbouncer", folder="pgbouncer", upon=(("BASE", "base"),)),
        Image("registry", folder="registry", upon=(("BASE", "base"),)),
        # with the contract of the official images
        Image(
            "postgres-alpine",
            folder="postgres-alpine",
            arguments=(("MAJOR", "17"),),
            upon=(("BASE", "base"),),
            spare=True,
        ),
        # the layout of 18 and later, which Debian has no packages of
        Image(
            "postgres-alpine-18",
            folder="postgres-alpine",
            arguments=(
                ("MAJOR", "17"),
                ("VOLUME", "/var/lib/postgresql"),
                ("PGDATA", "/var/lib/postgresql/17/docker"),
            ),
            upon=(("BASE", "base"),),
            spare=True,
        ),
        Image("redis-alpine", folder="redis-alpine", upon=(("BASE", "base"),), spare=True),
        Image(
            "litellm-root",
            folder="litellm-official",
            arguments=(("ACCOUNT", "0:0"),),
            upon=(("BASE", "litellm"),),
            spare=True,
        ),
        Image(
            "litellm-nobody",
            folder="litellm-official",
            arguments=(("ACCOUNT", "65534:65534"),),
            upon=(("BASE", "litellm"),),
            spare=True,
        ),
        # last, since it waits for litellm's environment while the others are built
        Image("host", folder="host", upon=(("BASE", "base"), ("LITELLM", "litellm"))),
    )
}
USUAL = tuple(name for name, image in IMAGES.items() if not image.spare)
# Debian's own mirror as mmdebstrap knows it. No documentation, no recommended packages; a suite
# that is no longer updated has a Release file past its date.
MMDEBSTRAP = [
    "mmdebstrap",
    "--variant=minbase",
    '--aptopt=Acquire::Check-Valid-Until "false"',
    '--aptopt=APT::Install-Recommends "false"',
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    "--dpkgopt=path-exclude=/usr/share/locale/*/LC_MESSAGES/*",
]


def inputs(folder: Path) -> list[Path]:
    """Every file and link below a folder that is an input, in a fixed order."""
    found = []
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(set(folders) - IGNORED)
        found += [Path(parent) / name for name in files if not name.endswith(".pyc")]
    return sorted(found)


def hash_files(folder: Path, files: Iterable[Path]) -> str:
    """A hash of files: their paths below `folder`, whether they can be executed, their content."""
    total = hashlib.sha256()
    for path in files:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{path.relative_to(folder)} {os.access(path, os.X_OK)} {content}\n".encode())
    return total.hexdigest()


def tag(name: str) -> str:
    """The full name of an image, with the hash of its inputs."""
    image = IMAGES[name]
    folder = HERE / "images" / image.folder
    parts = [repr(image.arguments), *(tag(upon) for _argument, upon in image.upon)]
    parts += [image.suite, *MMDEBSTRAP] if image.suite else [hash_files(folder, inputs(folder))]
    return f"{PREFIX}/{name}:{hashlib.sha256(repr(parts).encode()).hexdigest()[:12]}"


def present(reference: str) -> bool:
    """Whether the engine has an image."""
    return run(["docker", "image", "inspect", reference], capture=True, check=False).returncode == 0


def context(folder: Path) -> bytes:
    """A build context with exactly the inputs: the same bytes wherever and whenever the checkout
    was made.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in inputs(folder):
            entry = tarfile.TarInfo(str(path.relative_to(folder)))
            content = path.read_bytes()
            entry.size, entry.mode = len(content), 0o755 if os.access(path, os.X_OK) else 0o644
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def clients() -> Iterator[str]:
    """Every docker client on PATH, each once."""
    seen = set()
    for folder in os.environ.get("PATH", "").split(":"):
        client = Path(folder) / "docker"
        if os.access(client, os.X_OK) and client.resolve() not in seen:
            seen.add(client.resolve())
            yield str(client)


def builder() -> list[str]:
    """A command that builds with BuildKit: a client with the buildx plugin, or one from before 23
    that needs none.
    """
    for client in clients():
        if run([client, "buildx", "version"], capture=True, check=False).returncode == 0:
            return [client, "buildx", "build", "--load"]
    for client in clients():
        answer = run(
            [client, "version", "--format", "{{.Client.Version}}"], capture=True, check=False
        ).stdout
        if int((answer or "99").split(".", maxsplit=1)[0]) < 23:
            return [client, "build"]
    install("docker-buildx")
    return ["docker", "buildx", "build", "--load"]


def ca_bundle() -> Path | None:
    """The machine's trust store: where it holds a private CA, a build needs it to reach PyPI and
    npm.
    """
    candidates = [
        os.environ.get("PIP_CERT"),
        os.environ.get("SSL_CERT_FILE"),
        "/etc/ssl/certs/ca-certificates.crt",
    ]
    return next((Path(name) for name in candidates if name and Path(name).is_file()), None)


def bootstrap(image: Image, log: Path) -> None:
    """Make a Debian root file system and import it."""
    with log.open("wb") as output:
        maker = subprocess.Popen(
            as_root([*MMDEBSTRAP, image.suite, "-"]), stdout=subprocess.PIPE, stderr=output
        )
        imported = subprocess.run(
            [
                "docker",
                "import",
                "--change",
                'CMD ["bash"]',
                "--change",
                f"LABEL {PREFIX}=image",
                "-",
                tag(image.name),
            ],
            stdin=maker.stdout,
            stdout=output,
            stderr=output,
            check=False,
        )
    if maker.wait() or imported.returncode:
        raise TestbedError(f"mmdebstrap {image.suite} failed:\n{tail(log)}")


def build_one(image: Image, command: list[str]) -> None:
    """Build one image, unless it is there. Its output goes to a log."""
    reference = tag(image.name)
    if present(reference):
        return
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"build-{image.name}.log"
    say(f"building {reference}")
    started = time.monotonic()
    if image.suite:
        bootstrap(image, log)
    else:
        arguments = [f"{name}={value}" for name, value in image.arguments]
        arguments += [f"{name}={tag(upon)}" for name, upon in image.upon]
        options = [word for argument in arguments for word in ("--build-arg", argument)]
        bundle = ca_bundle()
        if bundle:
            options += ["--secret", f"id=ca,src={bundle}"]
        with log.open("wb") as output:
            done = subprocess.run(
                [
                    *command,
                    "--progress=plain",
                    "--label",
                    f"{PREFIX}=image",
                    "--tag",
                    reference,
                    *options,
                    "-",
                ],
                input=context(HERE / "images" / image.folder),
                stdout=output,
                stderr=output,
                check=False,
                env={**os.environ, "DOCKER_BUILDKIT": "1"},
            )
        if done.returncode:
            raise TestbedError(
                f"building {image.name} failed, the whole log is {log}:\n{tail(log)}"
            )
    say(f"built {reference} in {time.monotonic() - started:.0f} s")


def tail(path: Path, lines: int = 25) -> str:
    """The end of a log."""
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def build(names: Iterable[str]) -> None:
    """Build what is missing of these images and of what they build upon, two at a time.

    Raises TestbedError.
    """
    wanted: dict[str, Image] = {}

    def add(name: str) -> None:
        for _argument, upon in IMAGES[name].upon:
            add(upon)
        wanted.setdefault(name, IMAGES[name])

    for name in names:
        if name not in IMAGES:
            raise TestbedError(f"no image {name}; there are {', '.join(IMAGES)}")
        add(name)
    if all(present(tag(name)) for name in wanted):
        return
    if shutil.which("mmdebstrap") is None:
        install("mmdebstrap", "debian-archive-keyring")
    command = builder()
    ready = {name: threading.Event() for name in wanted}
    failed = threading.Event()

    def work(name: str) -> None:
        # what an image builds upon was handed to the workers before it, so this never waits for its
        # own worker
        for _argument, upon in IMAGES[name].upon:
            ready[upon].wait()
        try:
            if not failed.is_set():
                build_one(IMAGES[name], command)
        except BaseException:
            failed.set()
            raise
        finally:
            ready[name].set()

    with ThreadPoolExecutor(max_workers=2) as workers:
        results = [workers.submit(work, name) for name in wanted]
    for result in results:
        result.result()
