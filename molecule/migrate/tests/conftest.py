"""What the tests of a migrated host share."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

STATE = "/var/lib/llmops-litellm"


def load(host: Any, path: str) -> Any:
    """A JSON file of the host."""
    return json.loads(host.check_output("cat %s", path))


def environment(told: dict[str, Any]) -> dict[str, str]:
    """A process's environment as before.py recorded it."""
    text = base64.b64decode(told["environment"]).decode()
    return {
        name: value
        for name, _equals, value in (item.partition("=") for item in text.split("\0") if item)
    }


@pytest.fixture(scope="module")
def before(host: Any) -> dict[str, Any]:
    """The content of the legacy deployment, from before the migration."""
    return load(host, "/root/observer/before.json")


@pytest.fixture(scope="module")
def after(host: Any) -> dict[str, Any]:
    """The content of the compose deployment."""
    return json.loads(host.check_output("python3 -B /root/observer/before.py litellm-postgres"))


@pytest.fixture(scope="module")
def old(before: dict[str, Any]) -> dict[str, str]:
    """The environment of the legacy process."""
    return environment(before)


@pytest.fixture(scope="module")
def new(after: dict[str, Any]) -> dict[str, str]:
    """The environment of the proxy's container."""
    return environment(after)


@pytest.fixture(scope="module")
def prepared(host: Any) -> dict[str, Any]:
    """The state of the host before the run in check mode."""
    return load(host, "/root/observer/prepared.json")


@pytest.fixture(scope="module")
def containers(host: Any) -> dict[str, dict[str, Any]]:
    """What the engine itself says of the three containers."""
    return {
        item["Name"].lstrip("/"): item
        for item in json.loads(
            host.check_output("docker inspect litellm-proxy litellm-postgres litellm-redis")
        )
    }


@pytest.fixture(scope="module")
def journal(host: Any) -> dict[str, Any]:
    """The journal of the migration."""
    return load(host, f"{STATE}/journal.json")


@pytest.fixture(scope="module")
def report(host: Any) -> dict[str, Any]:
    """The report of the migration."""
    return load(host, f"{STATE}/report.json")


@pytest.fixture(scope="module")
def keys(host: Any) -> dict[str, Any]:
    """The virtual keys that the test bed made, and what each may do."""
    return load(host, "/root/testbed/keys.json")


@pytest.fixture(scope="module")
def secrets(host: Any, keys: dict[str, Any], new: dict[str, str]) -> dict[str, str]:
    """Everything that must not be seen anywhere, by name."""
    found = dict(load(host, "/root/testbed/secrets.json"))
    found.update({"virtual key " + item["alias"]: item["key"] for item in keys["keys"]})
    found["credential of the stored model"] = keys["stored_model"]["api_key"]
    found.update(
        {"new " + name: new[name] for name in ("REDIS_PASSWORD", "DATABASE_URL", "GATEWAY_TOKEN")}
    )
    found["new POSTGRES_PASSWORD"] = host.check_output(
        "docker exec litellm-proxy printenv POSTGRES_PASSWORD"
    )
    return found
