"""Model servers of a migrated host, in the order of the file.

Adopted and managed, on demand, killed, refused, bridged, restarted and rolled back.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from typing import Any

from play import ROOT, SCENARIO, play, until, words

NAME = "llmops-model-host"
GATEWAY = "172.30.40.1"
EMBED = ("/v1/embeddings", json.dumps({"model": "steady", "input": "word"}))
RERANK = ("/v1/rerank", json.dumps({"model": "waking", "query": "a", "documents": ["a", "b"]}))
STEADY = {
    "name": "steady",
    "server": "llama_cpp",
    "task": "embedding",
    "model": "/srv/models/embed.gguf",
    "port": 8091,
    "arguments": ["--threads", "1"],
}
WAKING = {
    "name": "waking",
    "server": "rerank",
    "model": "/srv/models/rerank.gguf",
    "port": 8092,
    "boot": "on_demand",
    "idle": 5,
    "wait": 20,
    "arguments": ["--threads", "1"],
}
CHAT = (
    "/v1/chat/completions",
    json.dumps({"messages": [{"role": "user", "content": "word"}], "max_tokens": 8}),
)
TALKING = {
    "name": "talking",
    "server": "llama_cpp",
    "model": "/srv/models/chat.gguf",
    "port": 8096,
    "arguments": ["--threads", "1"],
}
PLAIN = {
    "name": "plain",
    "server": "command",
    "task": "other",
    "command": ["/usr/bin/python3", "/srv/plain.py", "{port}"],
    "port": 8095,
    "health": "",
    "warm_up": {"path": "/", "body": {}},
}
UNIT = "litellm-model-%s.service"


def state(host: Any, unit: str, field: str = "ActiveState") -> str:
    """A property of a unit."""
    return str(host.check_output(f"systemctl show --property={field} --value {unit}"))


def many(
    host: Any,
    port: int,
    idle: int,
    busy: int,
    request: tuple[str, str],
    address: str = "127.0.0.1",
    where: str = "",
) -> Any:
    """What many connections saw, from the host or from a container."""
    if where:
        return json.loads(
            host.check_output(
                f"docker exec -i {where} python3 - %s %s %s %s %s %s < /root/observer/many.py",
                address,
                str(port),
                str(idle),
                str(busy),
                *request,
            )
        )
    return json.loads(
        host.check_output(
            "python3 /root/observer/many.py %s %s %s %s %s %s",
            address,
            str(port),
            str(idle),
            str(busy),
            *request,
        )
    )


def test_adopted_servers_are_untouched(host: Any) -> None:
    host.check_output("sha256sum --quiet -c /root/observer/units")
    host.check_output(
        "systemctl show --property=Id,ActiveState,UnitFileState,MainPID "
        "llama-embeddings llama-rerank | cmp - /root/observer/states"
    )
    adopted = {
        entry["name"]: entry
        for entry in json.loads(host.check_output("cat /var/lib/llmops-litellm/model_hosts.json"))[
            "adopted"
        ]
    }
    assert {name: entry["port"] for name, entry in adopted.items()} == {
        "llama-embeddings.service": 8082,
        "llama-rerank.service": 8079,
    }


def test_managed_servers_are_as_declared(host: Any) -> None:
    assert (state(host, UNIT % "steady"), state(host, UNIT % "steady", "UnitFileState")) == (
        "active",
        "enabled",
    )
    assert state(host, "litellm-model-waking.socket") == "active"
    assert state(host, UNIT % "byhand") == "inactive"
    assert many(host, 8096, 0, 1, CHAT)["answers"] == {"200": 1}
    assert many(host, 8091, 0, 1, EMBED)["answers"] == {"200": 1}
    assert state(host, UNIT % "steady", "User") == "litellm-model"
    for port in (8091, 8092):
        assert {
            line.split()[3] for line in host.check_output(f"ss -Hltn sport = :{port}").splitlines()
        } == {f"127.0.0.1:{port}", f"{GATEWAY}:{port}"}


def test_twenty_first_clients_start_it_and_none_is_lost(host: Any) -> None:
    until(host, "! systemctl is-active --quiet litellm-model-waking.service")
    assert many(host, 8092, 0, 20, RERANK)["answers"] == {"200": 20}
    assert state(host, UNIT % "waking") == "active"
    until(host, "! systemctl is-active --quiet litellm-model-waking.service")  # idle
    assert state(host, UNIT % "waking", "Result") == "success"


def test_twelve_ordinary_cycles_end_nothing(host: Any) -> None:
    for _cycle in range(12):
        assert many(host, 8092, 0, 1, RERANK)["answers"] == {"200": 1}
        host.check_output("systemctl stop litellm-model-waking-door.service")
        until(
            host,
            "test $(systemctl show --property=ActiveState --value "
            "litellm-model-waking.service) = inactive",
        )
    assert many(host, 8092, 0, 1, RERANK)["answers"] == {"200": 1}


def test_ten_kills_end_it_with_a_message_after_ever_longer_pauses(host: Any) -> None:
    unit = UNIT % "fragile"
    pauses: list[float] = []
    limit = time.monotonic() + 300
    while state(host, unit) != "failed":
        assert time.monotonic() < limit, host.run(
            f"journalctl -u {unit} --no-pager | tail -50"
        ).stdout
        if state(host, unit) == "active":
            pauses.append(float(state(host, unit, "RestartUSecNext").removesuffix("s")))
            host.check_output(f"systemctl kill --kill-whom=main --signal=KILL {unit}")
            until(host, f"test $(systemctl show --property=ActiveState --value {unit}) != active")
        until(host, f"systemctl is-active -q {unit} || systemctl is-failed -q {unit}")
    assert len(pauses) == 10, pauses
    assert (pauses[0], pauses[-1]) == (1, 3) and pauses == sorted(pauses), pauses
    assert f"journalctl -u {unit}" in until(
        host, "journalctl --no-pager -u litellm-model-failed@fragile | grep 'not started any more'"
    )
    # the operator hears of the end, and of none of the restarts
    heard = until(host, "journalctl --identifier operator --output cat | grep litellm-model-")
    assert heard.split() == [unit]
    host.check_output(f"systemctl reset-failed {unit} && systemctl start {unit}")


def test_clients_of_a_server_that_cannot_start_get_a_503(host: Any) -> None:
    until(
        host,
        "! systemctl is-active --quiet litellm-model-waking.service "
        "litellm-model-waking-door.service",
    )
    host.check_output("mv /srv/models/rerank.gguf /srv/models/away")
    try:
        assert many(host, 8092, 0, 3, RERANK)["answers"] == {"503": 3}
    finally:
        host.check_output("mv /srv/models/away /srv/models/rerank.gguf")
        host.check_output(
            "systemctl stop litellm-model-waking-door.service litellm-model-waking.service && "
            "systemctl reset-failed 'litellm-model-waking*'"
        )
    assert many(host, 8092, 0, 1, RERANK)["answers"] == {"200": 1}


# What is declared of a further server, and what is said of it.
FAULTS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"model": "/srv/models/none.gguf"}, "model /srv/models/none.gguf does not exist"),
    ({"model": "/etc/hostname"}, "is not a GGUF file"),
    ({"port": 4000}, "port 4000 is taken by"),
    ({"gpus": [0], "vram": "1G"}, "GPU 0 is declared and not there"),
    ({"gpus": ["GPU-0123abcd"]}, "GPU GPU-0123abcd is declared and not there"),
)


def test_what_cannot_work_is_refused_at_once_before_anything_changes(host: Any) -> None:
    before = host.check_output(
        "find /etc/systemd/system /etc/llmops-litellm -type f | sort | xargs sha256sum"
    )
    more = [
        {**STEADY, "name": f"more{number}", "port": 8101 + number, **change}
        for number, (change, _fault) in enumerate(FAULTS)
    ]
    run = play("model_hosts", model_host_servers=[STEADY, WAKING, TALKING, PLAIN, *more])
    assert run.returncode != 0
    said = words(run)
    for number, (_change, fault) in enumerate(FAULTS):
        assert re.search(rf"more{number}: (?:(?!more\d: ).)*{re.escape(fault)}", said), said
    assert (
        host.check_output(
            "find /etc/systemd/system /etc/llmops-litellm -type f | sort | xargs sha256sum"
        )
        == before
    )


def test_declarations_change_and_go(host: Any) -> None:
    nice = state(host, UNIT % "steady", "Nice")  # of this host's services
    assert nice != "5"
    run = play(
        "model_hosts",
        model_host_servers=[
            {**STEADY, "alias": "renamed", "settings": {"Nice": 5}},
            WAKING,
            TALKING,
            PLAIN,
        ],
    )
    assert run.returncode == 0, run.stdout
    assert "renamed" in state(host, UNIT % "steady", "ExecStart")
    assert state(host, UNIT % "steady", "Nice") == "5"
    assert not host.file("/etc/systemd/system/litellm-model-byhand.service").exists
    # as a run leaves it that was killed when it had written the unit
    served = state(host, UNIT % "talking", "MainPID")
    host.check_output(f"touch /etc/systemd/system/{UNIT % 'talking'}")
    assert play("model_hosts").returncode == 0
    assert state(host, UNIT % "steady", "Nice") == nice
    assert state(host, UNIT % "talking", "MainPID") not in (served, "0")


# llama-server has a thread for each connection, and few of them; the bridge is measured before a
# server that has no such limit.
def test_bridges_carry_many_and_hear_the_project_only(host: Any) -> None:
    assert many(host, 8095, 1000, 200, ("/", "{}"), "host.docker.internal", "litellm-proxy") == {
        "held": 1000,
        "answers": {"200": 200},
    }
    image = host.check_output("docker inspect --format '{{.Image}}' litellm-proxy")
    probe = f"import socket; socket.create_connection(('{GATEWAY}', 8091), timeout=3)"
    assert (
        host.run("docker run --rm --network bridge --entrypoint python3 %s -c %s", image, probe).rc
        != 0
    )


# A firewall as people have it: nothing comes in but answers and what is local. How it is switched
# on, and off, and what it says. firewalld that starts after Docker knows nothing of Docker's
# networks.
FIREWALLS = {
    "ufw": ("ufw --force enable", "ufw --force disable", "ufw show added"),
    "firewalld": (
        "systemctl start firewalld",
        "systemctl stop firewalld",
        "firewall-cmd --list-all; firewall-cmd --permanent --list-all",
    ),
    "nftables": (
        "nft 'table inet guard { chain input { type filter hook input priority 0; policy drop; "
        "ct state established,related accept; iifname lo accept; }; }'",
        "nft delete table inet guard",
        "nft list table inet guard",
    ),
}


def reachable(host: Any) -> bool:
    """Whether a container of the project gets to a bridge."""
    probe = f"import socket; socket.create_connection(('{GATEWAY}', 8091), timeout=2)"
    return bool(host.run("docker exec litellm-proxy python3 -c %s", probe).rc == 0)


def module(name: str, **arguments: Any) -> str:
    """A module alone, as the role calls it: what it says."""
    run = subprocess.run(
        [
            *("ansible", "-i", str(SCENARIO / "inventory.yml"), NAME),
            *("-m", f"llmops.litellm.{name}", "-a", json.dumps(arguments)),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    return run.stdout


def rules_for(ports: list[int]) -> str:
    """Rules for these ports, or none: what the module says."""
    return module(
        "bridge_firewall",
        subnet=GATEWAY.rpartition(".")[0] + ".0/24",
        gateway=GATEWAY,
        ports=ports,
        state_dir="/var/lib/llmops-litellm",
    )


def test_firewalls_let_containers_through_and_their_rules_go_with_them(host: Any) -> None:
    for kind, (on, off, rules) in FIREWALLS.items():
        host.check_output(on)
        try:
            earlier = host.check_output(rules)
            assert not reachable(host), kind
            if kind == "nftables":
                run = play("model_hosts")
                assert run.returncode == 0, run.stdout
            else:
                assert "CHANGED" in rules_for([8091])
                assert "SUCCESS" in rules_for([8091])
            assert GATEWAY in host.check_output(rules)
            assert reachable(host), kind
            if kind == "nftables":  # forgotten, as by a restart of its service
                host.check_output(f"{off} && {on} && systemctl restart litellm-bridge-firewall")
                assert reachable(host)
            assert "all rules are there" in host.check_output(
                "litellm-ops firewall --state-dir /var/lib/llmops-litellm"
            )
        finally:
            host.check_output(off)
        # off is no reason to leave a rule behind that comes back with it
        assert "CHANGED" in rules_for([])
        host.check_output(on)
        try:
            assert host.check_output(rules) == earlier
        finally:
            host.check_output(off)
    assert not host.file("/var/lib/llmops-litellm/firewall.json").exists


HEALTHY = "test $(docker inspect --format '{{.State.Health.Status}}' litellm-proxy) = healthy"


def test_bridges_survive_docker_and_their_network(host: Any) -> None:
    host.check_output("systemctl restart docker.service")
    until(host, HEALTHY, 300)
    host.check_output(
        "docker compose --project-directory /opt/litellm down && "
        "! docker network inspect litellm && systemctl restart litellm-compose.service"
    )
    until(host, HEALTHY, 300)
    ports = [8079, 8081, 8082, 8091, 8092, 8095, 8096]
    seen = module("bridge_proof", ports=ports, gateway=GATEWAY, container="litellm-proxy")
    assert "SUCCESS" in seen


def test_status_shows_each_server(host: Any) -> None:
    seen = words(play("status"))
    for wanted in (
        "steady 8091: active, as intended",
        "waking 8092:",
        "llama-embeddings 8082: active, as intended",
        "also to containers",
    ):
        assert wanted in seen


def test_host_comes_back_after_a_reboot(host: Any) -> None:
    subprocess.run(["docker", "restart", "--time", "120", NAME], check=True, capture_output=True)
    until(
        host,
        "systemctl is-active --quiet litellm-model-steady.service litellm-model-waking.socket "
        "litellm-bridge-8082.socket",
        240,
    )
    until(host, HEALTHY, 300)
    run = play("model_hosts")
    assert run.returncode == 0, run.stdout
    assert "changed=0" in run.stdout


def role(name: str, entry: str) -> subprocess.CompletedProcess[str]:
    """An entry point of a role alone: what it says."""
    return subprocess.run(
        [
            *("ansible", "litellm", "-i", str(SCENARIO / "inventory.yml"), "--become"),
            *("-m", "ansible.builtin.include_role"),
            *("-a", f"name=llmops.litellm.{name} tasks_from={entry}"),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def test_command_stays_with_bridges_and_model_servers_when_the_timers_go(host: Any) -> None:
    for name in ("backup", "health"):
        done = role(name, "remove")
        assert done.returncode == 0, done.stdout
    assert host.run("ls /etc/systemd/system/litellm-ops-* /etc/llmops-litellm/*.json").stdout == ""
    assert host.file("/usr/local/sbin/litellm-ops").exists
    units = f"litellm-bridge-8082.service {UNIT % 'steady'}"
    host.check_output(f"systemctl restart {units} && systemctl is-active {units}")


def test_managed_servers_stay_when_the_bridges_go(host: Any) -> None:
    """As a rollback removes them, which the scenario rollback makes."""
    done = role("model_host", "unbridge")
    assert done.returncode == 0, done.stdout
    assert host.run("ls /etc/systemd/system/litellm-bridge-*").stdout == ""
    assert host.check_output("ss -Hltn").count(GATEWAY) == 0
    host.check_output("sha256sum --quiet -c /root/observer/units")
    # managed servers are none of a migration's affair, and their command stays with them
    assert state(host, UNIT % "steady") == "active"
    assert host.file("/usr/local/sbin/litellm-ops").exists
