"""The engine: what is wrong with containers, and who an image is. Docker's answers here were
captured from 26.1.5.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._host import docker as _docker
from ansible_collections.llmops.litellm.plugins.module_utils._host import (
    engine_socket as _engine_socket,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import (
    registry_login as _registry_login,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host.listeners import parse_listeners
from ansible_collections.llmops.litellm.plugins.module_utils._host.process import Result

DIGEST = "sha256:" + "a" * 64


def told(**others: Any) -> dict[str, Any]:
    """A container with which nothing is wrong."""
    return {
        "state": "running",
        "health": "healthy",
        "ports": {"4000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "4000"}]},
        **others,
    }


@pytest.mark.parametrize(
    ("container", "said"),
    [
        (told(), []),
        (told(health=None), []),
        (told(ports={"6379/tcp": None}), []),
        (told(ports={"4000/tcp": [{"HostIp": "::1", "HostPort": "4000"}]}), []),
        (None, ["container x does not exist"]),
        (told(state="exited", health="unhealthy"), ["container x is exited, unhealthy"]),
        (told(health="starting"), ["container x is running, starting"]),
        (
            told(ports={"4000/tcp": [{"HostIp": "0.0.0.0", "HostPort": "4000"}]}),
            ["container x publishes 4000/tcp on 0.0.0.0:4000, not on the loopback address alone"],
        ),
        (
            told(ports={"4000/tcp": [{"HostIp": "::", "HostPort": "4000"}]}),
            ["container x publishes 4000/tcp on :::4000, not on the loopback address alone"],
        ),
    ],
    ids=[
        "fine",
        "no health check",
        "not published",
        "loopback of IPv6",
        "gone",
        "exited",
        "starting",
        "everywhere",
        "everywhere by IPv6",
    ],
)
def test_faults_are_told(container: Any, said: list[str]) -> None:
    assert _docker.faults({"x": container}) == said


@pytest.mark.parametrize(
    ("address", "exposed", "said"),
    [
        ("0.0.0.0", ["0.0.0.0"], ""),
        ("::", ["0.0.0.0", "::"], ""),
        ("0.0.0.0", ["10.0.0.5"], "publishes 4000/tcp on 0.0.0.0:4000, not at 10.0.0.5 alone"),
        ("0.0.0.0", [], "publishes 4000/tcp on 0.0.0.0:4000, not on the loopback address alone"),
    ],
)
def test_a_port_may_be_where_it_was_asked_to_be(
    address: str, exposed: list[str], said: str
) -> None:
    ports = {"4000/tcp": [{"HostIp": address, "HostPort": "4000"}]}
    found = {"state": "running", "health": "healthy", "ports": ports}
    told = _docker.faults({"x": found, "y": dict(found, ports={})}, {"x": exposed})
    assert told == (["container x " + said] if said else [])


def test_container_in_the_hosts_network_publishes_what_it_listens_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []
    lines = [
        "",
        *(
            "   0: %s 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 77 1" % address
            for address in ("0100007F:0FA0", "00000000:1F90")
        ),
    ]

    def run(argv: list[str], **_more: Any) -> Result:
        asked.append(argv[1:3])
        inspected = {"name": "/x", "network": "host", **told(ports={})}
        return Result(0, json.dumps(inspected) if argv[1] == "container" else "\n".join(lines), "")

    monkeypatch.setattr(_docker, "run", run)
    found = _docker.container("x")
    assert found is not None and "network" not in found
    assert found["ports"] == {
        "4000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "4000"}],
        "8080/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}],
    }
    assert asked == [["container", "inspect"], ["exec", "x"]]
    assert _docker.faults({"x": found}) == [
        "container x publishes 8080/tcp on 0.0.0.0:8080, not on the loopback address alone"
    ]


def test_only_what_runs_in_the_hosts_network_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for network, state in (("litellm", "running"), ("host", "exited")):
        inspected = {"name": "/x", "network": network, **told(state=state)}
        asked: list[str] = []
        told_so = Result(0, json.dumps(inspected), "")
        monkeypatch.setattr(
            _docker,
            "run",
            lambda argv, asked=asked, told_so=told_so, **_more: asked.append(argv[1]) or told_so,
        )
        assert _docker.container("x") == {"name": "/x", **told(state=state)}
        assert asked == ["container"]


def test_a_process_tells_what_it_listens_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                (
                    "import socket; s = socket.create_server(('127.0.0.1', 0)); "
                    "print(s.getsockname()[1], flush=True)\n"
                )
                + _docker._LISTENING,
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        port, _newline, rest = done.stdout.partition("\n")
        found = [(address, number) for address, number, _uid, _inode in parse_listeners(rest)]
        assert ("127.0.0.1", int(port)) in found
        assert (
            "127.0.0.1",
            listening.getsockname()[1],
        ) in found  # this process is one of its own, as those of a container are


def test_first_processes_are_those_of_containers_that_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Docker prints what it has, and fails for the one that is not there."""
    monkeypatch.setattr(_docker, "run", lambda words: Result(1, "0\n4711\n", "no such object: c"))
    assert _docker.pids(["a", "b", "c"]) == [4711]


def test_container_is_told_without_its_environment() -> None:
    assert "Env" not in _docker._CONTAINER


class Docker:
    """Docker's client with one image; records how it was called."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, digests: list[str], python: str = ""
    ) -> None:
        self.calls: list[list[str]] = []
        self.digests, self.python = digests, python
        self.config: dict[str, Any] = {}
        self.info: dict[str, Any] = {}
        self.strangers: list[str] = []
        self.account = "uid=999(redis) gid=1000(redis) groups=1000(redis)"
        monkeypatch.setattr(_docker, "run", self.run)
        monkeypatch.setattr(_engine_socket, "run", self.run)

    def run(self, argv: list[str]) -> Result:
        self.calls.append(argv)
        if argv[1:3] == ["image", "inspect"]:
            told = {"Id": "sha256:local", "RepoDigests": self.digests, "Config": self.config}
            return Result(0, json.dumps(told), "")
        if argv[1] in ("info", "context"):
            return Result(0, json.dumps(self.info) if argv[1] == "info" else "unix:///s\n", "")
        if argv[-1] in self.strangers:
            return Result(1, "", "id: unknown user %s" % argv[-1])
        if argv[argv.index("--entrypoint") + 1] == "id":
            return Result(0, self.account + "\n", "")
        return (
            Result(0, self.python, "")
            if self.python
            else Result(1, "", "No module named 'litellm'")
        )


@pytest.mark.parametrize(
    ("image", "digests", "reference"),
    [
        (
            "registry.test:5000/redis:8",
            ["other/redis@" + DIGEST, "registry.test:5000/redis@" + DIGEST],
            "registry.test:5000/redis@" + DIGEST,
        ),
        ("redis@" + DIGEST, ["redis@" + DIGEST], "redis@" + DIGEST),
        ("redis", ["redis@" + DIGEST], "redis@" + DIGEST),
        ("docker.io/library/redis:8", ["redis@" + DIGEST], "redis@" + DIGEST),
        ("built:here", [], ""),
        ("sha256:" + "b" * 64, [], ""),
    ],
    ids=["tag", "digest", "bare name", "the registry's name", "built on the host", "loaded, by id"],
)
def test_image_is_known_by_digest(
    monkeypatch: pytest.MonkeyPatch, image: str, digests: list[str], reference: str
) -> None:
    docker = Docker(monkeypatch, digests)
    assert _docker.identity(image, "redis") == {
        "reference": reference or "sha256:local",
        "name": image,
        "id": "sha256:local",
        "local": not reference,
        "user": "redis",
        "volumes": [],
        "environment": {},
        "uid": 999,
        "gid": 1000,
    }
    asked = docker.calls[1]
    assert asked[asked.index("--network") + 1] == "none"
    assert asked[asked.index("--cap-drop") + 1] == "ALL"


def test_release_and_migrations_are_asked_of_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    Docker(monkeypatch, [], '["1.102.4", ["20250326162113_baseline"]]\n')
    found = _docker.identity("x:1", "", python=True)
    assert (found["litellm_version"], found["migrations"]) == (
        "1.102.4",
        ["20250326162113_baseline"],
    )
    assert found["entrypoint"] == []


def test_of_two_digests_the_one_that_the_tag_means_now_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The engine sorts them; the older one need not stay in the registry."""
    current = "sha256:" + "c" * 64
    seen: list[Any] = []

    def distribution(*words: Any) -> _engine_socket.Answer:
        seen.append(words)
        return _engine_socket.Answer(200, current)

    monkeypatch.setattr(_engine_socket, "distribution", distribution)
    monkeypatch.setattr(_registry_login, "login", lambda registry: None)
    digests = ["redis@" + DIGEST, "redis@" + current]
    for known in (digests, digests[:1]):
        Docker(monkeypatch, known)
        assert _docker.identity("redis:8", "redis")["reference"] == known[-1]
    assert seen == [("redis:8", None, "docker.io", "/s")]


def test_image_of_valkey_has_its_own_user(monkeypatch: pytest.MonkeyPatch) -> None:
    docker = Docker(monkeypatch, [])
    assert _docker.identity("redis:8", "redis valkey")["user"] == "redis"
    docker.strangers = ["redis"]
    assert _docker.identity("valkey:8", "redis valkey")["user"] == "valkey"
    docker.strangers = ["redis", "valkey"]
    with pytest.raises(ValueError, match="cannot say who redis is: id: unknown user redis"):
        _docker.identity("other:8", "redis valkey")


def test_account_is_the_one_that_the_host_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    """With userns-remap files of a container's account belong to another one outside."""
    docker = Docker(monkeypatch, [])
    docker.info = {
        "SecurityOptions": ["name=apparmor", "name=seccomp,profile=builtin", "name=userns"],
        "DockerRootDir": "/var/lib/docker/231072.231072",
    }
    found = _docker.identity("redis:8", "redis")
    assert (found["uid"], found["gid"]) == (232071, 232072)


@pytest.mark.parametrize("first", [0, 231072], ids=["as they are", "userns-remap"])
def test_files_of_a_container_of_nobody_are_for_a_group_of_their_own(
    monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    """Others on the host are in the group of nobody."""
    docker = Docker(monkeypatch, [])
    docker.account = "uid=65534(nobody) gid=65534(nogroup) groups=65534(nogroup)"
    docker.info = {
        "SecurityOptions": ["name=userns"] if first else [],
        "DockerRootDir": "/var/lib/docker/%d.%d" % (first, first),
    }
    found = _docker.identity("litellm:non_root", "")
    assert (found["uid"], found["gid"]) == (65534 + first, 65519 + first)
    assert found["group"] == 65519


def test_image_tells_its_volumes_and_of_its_environment_what_is_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    docker = Docker(monkeypatch, [])
    docker.config = {
        "Env": ["PGDATA=/var/lib/postgresql/18/docker", "PG_MAJOR=18", "TOKEN=hunter2"],
        "Volumes": {"/var/lib/postgresql": {}},
    }
    found = _docker.identity("postgres:18", "postgres")
    assert found["volumes"] == ["/var/lib/postgresql"]
    assert found["environment"] == {
        "PGDATA": "/var/lib/postgresql/18/docker",
        "PG_MAJOR": "18",
    }


def test_image_without_litellm_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    Docker(monkeypatch, [])
    with pytest.raises(
        ValueError, match="image x:1 holds no LiteLLM that python3 can find: No module named"
    ):
        _docker.identity("x:1", "", python=True)


def test_absent_image_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_docker, "run", lambda argv: Result(1, "", "Error: No such image: x:1"))
    with pytest.raises(ValueError, match="image x:1 is not present"):
        _docker.identity("x:1", "")


PLAIN = """\
default via 10.0.0.1 dev eth0
10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.5
blackhole 10.9.0.0/16
local 127.0.0.0/8 dev lo table local proto kernel scope host src 127.0.0.1
local 10.0.0.5 dev eth0 table local proto kernel scope host src 10.0.0.5
broadcast 10.0.0.255 dev eth0 table local proto kernel scope link src 10.0.0.5
"""
# wg-quick with AllowedIPs = 0.0.0.0/0 and with a subnet of its own table
WIREGUARD = """\
default dev wg0 table 51820 scope link
172.30.0.0/16 dev wg1 table 51821 scope link
10.6.0.0/24 dev wg0 proto kernel scope link src 10.6.0.2
"""
TAILSCALE = """\
100.78.14.3 dev tailscale0 table 52
100.100.100.100 dev tailscale0 table 52
172.30.40.0/22 dev tailscale0 table 52
throw 127.0.0.0/8 table 52
throw 172.31.0.0/16 table 52
"""
# OpenVPN's redirect-gateway, a route over two lines, and rules that drop private addresses
POLICY = """\
0.0.0.0/1 via 10.8.0.5 dev tun0
128.0.0.0/1 via 10.8.0.5 dev tun0
10.44.0.0/16 proto bird metric 32
\tnexthop via 192.0.2.1 dev eth1 weight 1
\tnexthop via 192.0.2.2 dev eth2 weight 1
unreachable default table vrf-red metric 4278198272
prohibit 172.16.0.0/12 table isp2
unicast 192.168.7.0/24 via 192.0.2.9 dev eth3 table isp2 onlink
"""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (PLAIN, [("10.0.0.0/24", "route by eth0", "main")]),
        (
            WIREGUARD,
            [
                ("172.30.0.0/16", "route by wg1 in table 51821", "51821"),
                ("10.6.0.0/24", "route by wg0", "main"),
            ],
        ),
        (
            TAILSCALE,
            [
                (subnet, "route by tailscale0 in table 52", "52")
                for subnet in ("100.78.14.3", "100.100.100.100", "172.30.40.0/22")
            ],
        ),
        (
            POLICY,
            [
                ("10.44.0.0/16", "route by eth1", "main"),
                ("172.16.0.0/12", "prohibit in table isp2", "isp2"),
                ("192.168.7.0/24", "route by eth3 in table isp2", "isp2"),
            ],
        ),
        ("", []),
    ],
    ids=["plain", "WireGuard", "Tailscale", "policy routing", "nothing"],
)
def test_routes_of_all_tables_are_read(
    monkeypatch: pytest.MonkeyPatch, text: str, found: list[tuple[str, str, str]]
) -> None:
    asked: list[str] = []

    def ip(argv: list[str]) -> Result:
        asked.append(" ".join(argv))
        return Result(0, text, "")

    monkeypatch.setattr(_docker, "run", ip)
    assert _docker.routes() == found
    assert asked == ["ip -4 route show table all"]


def test_routes_of_an_ip_that_knows_no_tables_are_those_of_the_main_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        _docker, "run", lambda argv: Result(255, "", "") if "all" in argv else Result(0, PLAIN, "")
    )
    assert _docker.routes() == [("10.0.0.0/24", "route by eth0", "main")]


def test_engine_that_does_not_answer_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, {"docker ": Result(1, "", "Cannot connect to the Docker daemon")})
    described = _docker.describe()
    assert (described["client"], described["server"], described["compose"]) == (True, "", "")
    assert described["error"] == "Cannot connect to the Docker daemon"


@pytest.mark.parametrize(
    ("answer", "at"),
    [
        (Result(0, "1970-01-02T00:00:01.500000000Z\n", ""), 86401.5),
        (Result(0, "2026-11-30T11:48:40Z\n", ""), 1796039320.0),
        (Result(0, "0001-01-01T00:00:00Z\n", ""), 0.0),
        (Result(1, "", "Error: No such container: x"), 0.0),
    ],
)
def test_start_of_a_container_is_told_in_seconds(
    monkeypatch: pytest.MonkeyPatch, answer: Result, at: float
) -> None:
    monkeypatch.setattr(_docker, "run", lambda argv: answer)
    assert _docker.started("x") == at


def answers(monkeypatch: pytest.MonkeyPatch, told: dict[str, Result]) -> None:
    """Programs that answer by the beginning of their command line."""

    def run(argv: list[str]) -> Result:
        return next(
            (answer for start, answer in told.items() if " ".join(argv).startswith(start)),
            Result(127, "", ""),
        )

    monkeypatch.setattr(_docker, "run", run)
    monkeypatch.setattr(_engine_socket, "run", run)


def test_engine_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    info = {
        "DockerRootDir": "/data",
        "HttpsProxy": "http://proxy.test:3128",
        "RegistryConfig": {
            "IndexConfigs": {
                "docker.io": {"Secure": True},
                "registry.test:5000": {"Secure": False},
            },
            "Mirrors": ["https://mirror.test/"],
        },
    }
    answers(
        monkeypatch,
        {
            "docker version": Result(
                0, '{"Version":"26.1.5+dfsg1","Os":"linux","Arch":"arm64"}', ""
            ),
            "docker info": Result(0, json.dumps(info), ""),
            "docker context": Result(0, "unix:///var/run/docker.sock\n", ""),
            "docker compose": Result(0, "2.26.1-4\n", ""),
            "docker-compose": Result(0, "1.29.2\n", ""),
        },
    )
    assert _docker.describe() == {
        "client": True,
        "server": "26.1.5+dfsg1",
        "error": "",
        "compose": "2.26.1-4",
        "compose_v1": "1.29.2",
        "platform": "linux/arm64",
        "root": "/data",
        "images_root": "/data",
        "insecure": ["registry.test:5000"],
        "mirrors": ["https://mirror.test/"],
        "proxies": {"https": "http://proxy.test:3128"},
        "kind": "docker",
        "remapped": 0,
        "address": "unix:///var/run/docker.sock",
        "socket": "/var/run/docker.sock",
    }


def test_host_without_docker_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, {})
    assert _docker.describe() == {
        "client": False,
        "server": "",
        "error": "",
        "compose": "",
        "compose_v1": "",
        "platform": "linux/unknown",
        "root": "/var/lib/docker",
        "images_root": "/var/lib/docker",
        "insecure": [],
        "mirrors": [],
        "proxies": {},
        "kind": "docker",
        "remapped": 0,
        "address": "",
        "socket": "",
    }


@pytest.mark.parametrize(
    ("remapped", "network", "refused"),
    [(100000, "host", True), (100000, "bridge", False), (0, "host", False), (0, "bridge", False)],
)
def test_remapped_accounts_have_no_way_into_the_hosts_network(
    remapped: int, network: str, refused: bool
) -> None:
    found = _docker.check_network({"remapped": remapped}, network)
    assert [item.subject for item in found] == ["litellm_network"] * refused


@pytest.mark.parametrize(
    ("answer", "labels"),
    [
        (Result(0, '{"llmops.litellm":"x"}\n', ""), {"llmops.litellm": "x"}),
        (Result(0, "null\n", ""), {}),
        (Result(1, "\n", "no such volume"), None),
    ],
    ids=["labels", "no labels", "no volume"],
)
def test_volume_is_known_by_its_labels(
    monkeypatch: pytest.MonkeyPatch, answer: Result, labels: Any
) -> None:
    answers(monkeypatch, {"docker volume inspect": answer})
    assert _docker.volume_labels("x") == labels


def test_members_of_networks_are_known_by_their_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    one = {"Name": "n8n", "IPv4Address": "172.17.0.3/16", "IPv6Address": "fd00::3/64"}
    two = {"Name": "gw-proxy", "IPv4Address": "172.30.40.2/24", "IPv6Address": ""}
    bridge = {"Name": "bridge", "Containers": {"ab": one}}
    gw = {"Name": "gw", "Containers": {"cd": two}}
    answers(
        monkeypatch,
        {
            "docker network ls": Result(0, "bridge\ngw\nhost\n", ""),
            "docker network inspect bridge gw host": Result(
                0, json.dumps([bridge, gw, {"Name": "host", "Containers": None}]), ""
            ),
            "docker network inspect gw": Result(0, json.dumps([gw]), ""),
        },
    )
    assert _docker.members() == {"172.17.0.3": "n8n", "fd00::3": "n8n", "172.30.40.2": "gw-proxy"}
    assert _docker.members("gw") == {"172.30.40.2": "gw-proxy"}
    assert _docker.members("nosuch") == {}
    answers(monkeypatch, {})
    assert _docker.members() == {}


def test_subnets_are_those_of_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    networks = [
        {
            "Name": "bridge",
            "IPAM": {
                "Config": [
                    {"Subnet": "172.17.0.0/16", "Gateway": "172.17.0.1"},
                    {"Subnet": "fd00::/64"},
                ]
            },
        },
        {"Name": "host", "IPAM": {"Config": None}},
        {"Name": "none", "IPAM": {"Config": []}},
        {"Name": "odd", "IPAM": {"Config": [{}]}},
    ]
    answers(
        monkeypatch,
        {
            "docker network ls": Result(0, "bridge\nhost\n", ""),
            "docker network inspect bridge host": Result(0, json.dumps(networks), ""),
        },
    )
    assert _docker.subnets() == [("172.17.0.0/16", "network bridge")]
    answers(monkeypatch, {})
    assert _docker.subnets() == []


@pytest.mark.parametrize(
    "answer",
    [Result(1, "", "permission denied"), Result(0, "what?\n", "")],
    ids=["refused", "garbage"],
)
def test_image_that_cannot_say_its_user_is_an_error(
    monkeypatch: pytest.MonkeyPatch, answer: Result
) -> None:
    answers(
        monkeypatch,
        {"docker image inspect": Result(0, '{"Id":"sha256:x"}', ""), "docker run": answer},
    )
    with pytest.raises(ValueError, match="image x:1 cannot say who postgres is"):
        _docker.identity("x:1", "postgres")
    with pytest.raises(ValueError, match="who its user is"):
        _docker.identity("x:1", "")


@pytest.mark.parametrize("image", ["--volume=/:/host", "-v/:/h", "", "a b", "a\n-v"])
def test_what_is_no_image_never_gets_to_docker(monkeypatch: pytest.MonkeyPatch, image: str) -> None:
    monkeypatch.setattr(_docker, "run", lambda *_words, **_more: pytest.fail("was run"))
    with pytest.raises(ValueError, match="is no name of an image"):
        _docker.identity(image, "evil/image")


@pytest.mark.parametrize("image", ["redis:7", "h.example:5000/a/B@sha256:1f", "sha256:1f", "1f"])
def test_names_and_ids_of_images_are_taken(image: str) -> None:
    assert _docker.is_reference(image)
