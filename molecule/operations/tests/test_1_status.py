"""What status.yml tells of a host right after its migration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from play import journal, status


def test_status_tells_both_deployments(host: Any, tmp_path: Path) -> None:
    told = status(tmp_path)
    assert (told["journal"]["state"], told["journal"]["working"], told["journal"]["problem"]) == (
        "migrated",
        "no",
        None,
    )
    assert (
        told["proxy"]["kind"],
        told["proxy"]["name"],
        told["proxy"]["ready"],
        told["proxy"]["database"],
    ) == ("compose", "container litellm-proxy", True, "connected")
    units = {unit["name"]: unit for unit in told["legacy"]["units"] + told["legacy"]["servers"]}
    assert (units["litellm.service"]["recorded_enabled"], units["litellm.service"]["enabled"]) == (
        "enabled",
        "disabled",
    )
    assert units["postgresql@15-main.service"]["enabled"] == "masked"
    assert {
        name: found["state"] for name, found in told["compose"]["containers"].items()
    } == dict.fromkeys(["litellm-proxy", "litellm-postgres", "litellm-redis"], "running")
    assert told["compose"]["unit"] == {
        "name": "litellm-compose.service",
        "enabled": "enabled",
        "active": "active",
    }
    assert told["backup"]["last"]["name"] == "before-migration-" + journal(host)["id"]
    assert told["backup"]["last"]["pinned"]
