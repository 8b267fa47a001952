"""Which engine answers to ``docker``: told from what engines answer, and refused by what was seen.

The answers are written after the engines' own sources (moby, Podman), cut to what is read.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._host import docker as _docker
from ansible_collections.llmops.litellm.plugins.module_utils._host import (
    engine_kind as _engine_kind,
)

SOCKET = "unix:///var/run/docker.sock"
SERVER = {
    "Platform": {"Name": ""},
    "Components": [{"Name": "Engine", "Version": "26.1.5+dfsg1"}, {"Name": "containerd"}],
    "Version": "26.1.5+dfsg1",
}
INFO = {
    "Driver": "overlay2",
    "DriverStatus": [["Backing Filesystem", "extfs"], ["Supports d_type", "true"]],
    "SecurityOptions": ["name=apparmor", "name=seccomp,profile=builtin", "name=cgroupns"],
    "DockerRootDir": "/var/lib/docker",
    "OperatingSystem": "Debian GNU/Linux 13 (trixie)",
    "HttpProxy": "",
    "HttpsProxy": "",
    "NoProxy": "",
    "LiveRestoreEnabled": False,
    "RegistryConfig": {"IndexConfigs": {"docker.io": {"Secure": True}}, "Mirrors": None},
    "Containerd": {"Address": "/run/containerd/containerd.sock"},
}
CE = {**SERVER, "Platform": {"Name": "Docker Engine - Community"}, "Version": "29.1.0"}
CONTAINERD = {
    **INFO,
    "Driver": "overlayfs",
    "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]],
}
PODMAN_INFO = {
    "host": {"arch": "amd64", "security": {"rootless": False}},
    "store": {"graphRoot": "/var/lib/containers/storage"},
    "version": {"Version": "4.3.1"},
}
PODMAN_SAID = "Emulate Docker CLI using podman. Create /etc/containers/nodocker to quiet msg.\n"
PODMAN_SERVER = {"Components": [{"Name": "Podman Engine", "Version": "5.4.2"}], "Version": "5.4.2"}
ROOTLESS = {
    **INFO,
    "SecurityOptions": ["name=seccomp,profile=builtin", "name=rootless", "name=cgroupns"],
    "DockerRootDir": "/home/anna/.local/share/docker",
}
SNAP = {**INFO, "DockerRootDir": "/var/snap/docker/common/var-lib-docker"}


@pytest.mark.parametrize(
    ("server", "info", "said", "address", "kind"),
    [
        (SERVER, INFO, "", SOCKET, "docker"),
        (CE, CONTAINERD, "", SOCKET, "docker"),
        (SERVER, {**INFO, "LiveRestoreEnabled": True}, "", SOCKET, "docker"),
        (SERVER, {**INFO, "DockerRootDir": "/srv/docker"}, "", "", "docker"),
        (
            SERVER,
            {**INFO, "DefaultAddressPools": [{"Base": "10.0.0.0/8", "Size": 24}]},
            "",
            SOCKET,
            "docker",
        ),
        (SERVER, {**INFO, "SecurityOptions": ["name=userns"]}, "", SOCKET, "docker"),
        ({}, {}, "", SOCKET, "docker"),
        ({}, {}, PODMAN_SAID, "", "podman"),
        ({}, PODMAN_INFO, "", "", "podman"),
        (
            PODMAN_SERVER,
            {**INFO, "DockerRootDir": "/var/lib/containers/storage"},
            "",
            SOCKET,
            "podman",
        ),
        (SERVER, SNAP, "", SOCKET, "snap"),
        (SERVER, ROOTLESS, "", "unix:///run/user/1000/docker.sock", "rootless"),
        (
            SERVER,
            {**INFO, "OperatingSystem": "Docker Desktop"},
            "",
            "unix:///home/anna/.docker/desktop/docker.sock",
            "desktop",
        ),
        (SERVER, INFO, "", "ssh://root@build.test", "remote"),
        (SERVER, INFO, "", "tcp://10.0.0.7:2376", "remote"),
    ],
    ids=[
        "docker.io",
        "Docker CE with the containerd image store",
        "live-restore",
        "own data-root",
        "default-address-pools",
        "userns-remap",
        "silent",
        "podman-docker",
        "podman-docker without its message",
        "Podman at Docker's socket",
        "snap",
        "rootless",
        "Docker Desktop",
        "another host by SSH",
        "another host by TCP",
    ],
)
def test_engine_is_told_by_its_own_words(
    server: Any, info: Any, said: str, address: str, kind: str
) -> None:
    assert _engine_kind.kind(server, info, said, address) == kind


def described(**others: Any) -> dict[str, Any]:
    """An engine with which nothing is wrong."""
    return {
        "client": True,
        "server": "26.1.5",
        "error": "",
        "compose": "2.26.1",
        "compose_v1": "",
        "kind": "docker",
        "root": "/var/lib/docker",
        "address": SOCKET,
        **others,
    }


@pytest.mark.parametrize(
    ("kind", "seen", "remedy"),
    [
        ("podman", "`docker` is Podman here", "install Docker Engine"),
        ("snap", "the snap's (its data are in /there)", "has to move them first"),
        ("rootless", "is rootless (its data are in /there)", "docker context use default"),
        ("desktop", "Docker Desktop", "docker context use default"),
        ("remote", "the engine at tcp://h:1", "docker context use default"),
    ],
)
def test_other_engines_are_refused_by_their_names(kind: str, seen: str, remedy: str) -> None:
    engine = described(kind=kind, root="/there", address="tcp://h:1", compose="")
    (problem,) = _docker.check_engine(engine)
    assert seen in problem.problem
    assert remedy in problem.remedy
    assert "disable" not in problem.remedy and "remove" not in problem.remedy


def test_engine_of_the_system_is_taken() -> None:
    assert _docker.check_engine(described()) == []


def test_snap_alone_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(_engine_kind, "SNAP_CLIENT", str(tmp_path / "docker"))
    assert _docker.check_engine({"client": False})[0].problem == "no docker command on this host"
    os.symlink("/usr/bin/snap", tmp_path / "docker")
    assert (
        "only the snap of Docker is on this host"
        in _docker.check_engine({"client": False})[0].problem
    )


@pytest.mark.parametrize(
    ("socket", "seen"),
    [
        ("", "the engine does not answer (refused)"),
        ("0/docker.sock", "what is here is a rootless one of account root ("),
        ("4242424/docker.sock", "what is here is a rootless one of account number 4242424 ("),
    ],
)
def test_rootless_engine_of_an_account_is_named(
    monkeypatch: pytest.MonkeyPatch, socket: str, seen: str
) -> None:
    monkeypatch.setattr(
        _engine_kind.glob, "glob", lambda pattern: ["/run/user/" + socket] if socket else []
    )
    (problem,) = _docker.check_engine(described(server="", error="refused"))
    assert seen in problem.problem
    assert problem.remedy.startswith("systemctl enable --now docker")


@pytest.mark.parametrize(
    ("info", "root"),
    [
        ({}, "/var/lib/docker"),
        (INFO, "/var/lib/docker"),
        ({**INFO, "DockerRootDir": "/srv/docker"}, "/srv/docker"),
        (CONTAINERD, "/var/lib/containerd"),
        ({**CONTAINERD, "DockerRootDir": "/srv/docker"}, "/var/lib/containerd"),
        (
            {**CONTAINERD, "Containerd": {"Address": "/run/docker/containerd/containerd.sock"}},
            "/var/lib/docker/containerd/daemon",
        ),
    ],
    ids=["silent", "plain", "own data-root", "containerd", "both", "a containerd of the engine's"],
)
def test_images_take_room_where_the_engine_keeps_them(
    monkeypatch: pytest.MonkeyPatch, info: Any, root: str
) -> None:
    monkeypatch.setattr(_engine_kind, "CONTAINERD_CONFIG", "/nosuch")
    assert _engine_kind.images_root(info) == root


@pytest.mark.parametrize(
    ("text", "root"),
    [
        ('version = 2\nroot = "/data/containerd"\n[grpc]\n', "/data/containerd"),
        ("version = 3\nroot='/data/containerd'\n", "/data/containerd"),
        ('#root = "/data"\n[plugins]\nroot = "/plugins"\n', "/var/lib/containerd"),
        ("", "/var/lib/containerd"),
    ],
)
def test_containerd_says_where_it_keeps_images(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, root: str
) -> None:
    (tmp_path / "config.toml").write_text(text)
    monkeypatch.setattr(_engine_kind, "CONTAINERD_CONFIG", str(tmp_path / "config.toml"))
    assert _engine_kind.images_root(CONTAINERD) == root


@pytest.mark.parametrize(
    ("options", "root", "first"),
    [
        (["name=userns"], "/var/lib/docker/231072.231072", (231072, 231072)),
        (["name=userns"], "/srv/docker/100000.165536", (100000, 165536)),
        (["name=seccomp,profile=builtin"], "/var/lib/docker/231072.231072", (0, 0)),
        (["name=userns"], "/var/lib/docker", (0, 0)),
        (None, "/var/lib/docker", (0, 0)),
    ],
)
def test_remapped_accounts_are_found(options: Any, root: str, first: tuple[int, int]) -> None:
    info = {"SecurityOptions": options, "DockerRootDir": root}
    assert _engine_kind.remapped(info) == first


def test_proxies_and_mirrors_are_the_engines_own() -> None:
    info = {
        "HttpProxy": "http://xxxxx:xxxxx@proxy.test:3128",
        "HttpsProxy": "http://proxy.test:3128",
        "NoProxy": "localhost,.internal",
        "RegistryConfig": {"Mirrors": ["https://mirror.test/"]},
    }
    assert _engine_kind.proxies(info) == {
        "https": "http://proxy.test:3128",
        "no": "localhost,.internal",
    }
    assert _engine_kind.mirrors(info) == ["https://mirror.test/"]
    assert (_engine_kind.proxies(INFO), _engine_kind.mirrors(INFO)) == ({}, [])
