# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which engine answers to ``docker``, told from its own words: this collection knows how Docker
Engine of the system works, and refuses others by their names."""

from __future__ import annotations

import glob
import os
import pwd
import re
from typing import Any, Mapping, Optional

from . import files as _files
from .problem import Problem

SNAP_CLIENT = "/snap/bin/docker"
ROOTLESS_SOCKETS = "/run/user/*/docker.sock"
# What all remedies lead to.
INSTALL = "Docker Engine with the Compose plugin (Debian and Ubuntu: docker.io docker-compose-v2 or\
 docker-compose; or docker-ce from download.docker.com)"
SNAPSHOTTER = "io.containerd.snapshotter.v1"
# Where containerd keeps images unless its own configuration says otherwise.
CONTAINERD_ROOT = "/var/lib/containerd"
CONTAINERD_CONFIG = "/etc/containerd/config.toml"


def podman(server: Mapping[str, Any], info: Mapping[str, Any], said: str) -> bool:
    """Whether Podman answers: by its command under Docker's name, or at Docker's socket.

    :param server: the server's part of ``docker version``; ``info``: ``docker info``; ``said``:
        standard error of either.
    """
    parts = [str(part.get("Name", "")) for part in server.get("Components") or []]
    return (
        any("podman" in part.lower() for part in parts)
        or "using podman" in said
        or ("store" in info and "host" in info)
    )


def names(info: Mapping[str, Any]) -> set[str]:
    """What security options of ``docker info`` are called (``rootless``, ``userns``)."""
    found = (str(option).partition(",")[0] for option in info.get("SecurityOptions") or [])
    return {option.partition("name=")[2] for option in found}


def kind(server: Mapping[str, Any], info: Mapping[str, Any], said: str, address: str) -> str:
    """``docker``, or what answers instead: ``podman``, ``snap``, ``rootless``, ``desktop``,
    ``remote``.

    :param address: where root's client reaches it, empty where that is not known. See
        :func:`podman`.
    """
    if podman(server, info, said):
        return "podman"
    if str(info.get("DockerRootDir", "")).startswith("/var/snap/"):
        return "snap"
    if "rootless" in names(info):
        return "rootless"
    if info.get("OperatingSystem") == "Docker Desktop":
        return "desktop"
    return "remote" if address and not address.startswith("unix://") else "docker"


def check_kind(engine: Mapping[str, Any]) -> Optional[Problem]:
    """Refuse another engine than Docker Engine of this host's system.

    :param engine: ``kind``, ``root`` and ``address`` as described.
    """
    said = {
        "podman": (
            "`docker` is Podman here",
            "its networks, restarts and Compose differ from what is proved; install %s" % INSTALL,
        ),
        "snap": (
            "the engine is the snap's (its data are in %s)" % engine.get("root"),
            "the snap sees only a part of this host's files; install %s. Both want the same socket,"
            " so whoever uses the snap's containers has to move them first" % INSTALL,
        ),
        "rootless": (
            "the engine is rootless (its data are in %s)" % engine.get("root"),
            "it ends with its account's session and can't take fixed addresses; let root's client"
            " use the system's engine (docker context use default; systemctl enable --now docker);"
            " the rootless one may go on beside it",
        ),
        "desktop": (
            "the engine is Docker Desktop, whose containers run in a virtual machine",
            "they don't reach this host's loopback addresses; let root's client use the system's"
            " engine (docker context use default), or install %s" % INSTALL,
        ),
        "remote": (
            "root's client uses the engine at %s, not this host's" % engine.get("address"),
            "docker context use default",
        ),
    }.get(str(engine.get("kind", "docker")))
    return Problem("Docker", *said) if said else None


def absent() -> Problem:
    """There is no ``docker`` among the system's programs."""
    if os.path.lexists(SNAP_CLIENT):
        return Problem(
            "Docker",
            "only the snap of Docker is on this host (%s)" % SNAP_CLIENT,
            "the snap sees only a part of this host's files; install %s. Both want the same socket,"
            " so whoever uses the snap's containers has to move them first" % INSTALL,
        )
    return Problem("Docker", "no docker command on this host", "install %s" % INSTALL)


def silent(error: str) -> Problem:
    """The system's engine does not answer."""
    remedy = "systemctl enable --now docker"
    others = sorted(glob.glob(ROOTLESS_SOCKETS))
    if not others:
        return Problem("Docker", "the engine does not answer (%s)" % error, remedy)
    return Problem(
        "Docker",
        "the system's engine does not answer (%s); what is here is a rootless one of %s"
        % (error, ", ".join(_owner(path) for path in others)),
        remedy + " (the rootless one may go on beside it)",
    )


def _owner(path: str) -> str:
    uid = int(path.split("/")[3])
    try:
        return "account %s (%s)" % (pwd.getpwuid(uid).pw_name, path)
    except KeyError:
        return "account number %d (%s)" % (uid, path)


def images_root(info: Mapping[str, Any]) -> str:
    """The folder that images take room in: the engine's own, or with the containerd image store
    that of the containerd which the engine uses."""
    root = str(info.get("DockerRootDir") or "/var/lib/docker")
    status = [tuple(pair) for pair in info.get("DriverStatus") or []]
    if ("driver-type", SNAPSHOTTER) not in status:
        return root
    address = str((info.get("Containerd") or {}).get("Address", ""))
    # One that the engine has started itself keeps its images with the engine's.
    own = address.startswith(("/run/docker/", "/var/run/docker/"))
    return os.path.join(root, "containerd/daemon") if own else _containerd_root()


def _containerd_root() -> str:
    try:
        text = _files.read(CONTAINERD_CONFIG)
    except OSError:
        return CONTAINERD_ROOT
    # the file's own settings come before its first table
    found = re.search(r"""^root\s*=\s*["'](/[^"']+)["']""", text.partition("\n[")[0], re.M)
    return found[1] if found else CONTAINERD_ROOT


def remapped(info: Mapping[str, Any]) -> tuple[int, int]:
    """With ``userns-remap``, which account and group of the host root of containers is; else 0. The
    engine then keeps its data in a folder of that name."""
    folder = os.path.basename(str(info.get("DockerRootDir", "")))
    found = re.fullmatch(r"(\d+)\.(\d+)", folder) if "userns" in names(info) else None
    return (int(found[1]), int(found[2])) if found else (0, 0)


def proxies(info: Mapping[str, Any]) -> dict[str, str]:
    """The engine's proxies by scheme, and what goes past them as ``no``. One with a login is left
    out: the engine does not tell it."""
    told = {"http": "HttpProxy", "https": "HttpsProxy", "no": "NoProxy"}
    found = {scheme: str(info.get(key) or "") for scheme, key in told.items()}
    return {scheme: text for scheme, text in found.items() if text and "@" not in text}


def mirrors(info: Mapping[str, Any]) -> list[str]:
    """Mirrors of the default registry, as addresses."""
    return [str(each) for each in (info.get("RegistryConfig") or {}).get("Mirrors") or []]
