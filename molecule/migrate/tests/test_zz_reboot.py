"""The stack comes back after the host's reboot. The last test: it restarts the host."""

from __future__ import annotations

import json
import subprocess
import time
from typing import Any

NAME = "llmops-migrate"


def test_stack_comes_back_after_a_reboot(host: Any, before: dict[str, Any]) -> None:
    boot = host.check_output("systemctl show --property UserspaceTimestamp --value")
    subprocess.run(["docker", "restart", "--time", "120", NAME], check=True, capture_output=True)
    limit = time.monotonic() + 240
    probe = (
        "import json, urllib.request as r; "
        "print(json.load(r.urlopen('http://127.0.0.1:4000/health/readiness', timeout=5)).get('db'))"
    )
    while host.run("python3 -c %s", probe).stdout.strip() != "connected":
        assert time.monotonic() < limit, host.run(
            "systemctl status litellm-compose.service; docker ps -a"
        ).stdout
    assert host.check_output("systemctl show --property UserspaceTimestamp --value") != boot
    assert host.check_output("systemctl is-active litellm-compose.service; true") in (
        "active",
        "activating",
    )
    told = json.loads(host.check_output("python3 -B /root/observer/before.py litellm-postgres"))
    assert told["tables"] == before["tables"]
    holders = host.check_output("ss -Hltnp sport = :4000 or sport = :5434 or sport = :6379")
    assert holders.count("docker-proxy") == 3
    assert (
        host.check_output("systemctl --user --machine=litellm@ is-active litellm.service ; true")
        == "inactive"
    )
