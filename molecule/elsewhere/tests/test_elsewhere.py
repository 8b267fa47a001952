"""PostgreSQL and Redis on another host stay there, whatever is done with the proxy."""

from __future__ import annotations

import json
from typing import Any

import pytest
from play import STATE, USER, bring, client, journal, play, status, words

OTHER = "database.elsewhere.test:5432"
# As LiteLLM's role, from the host, by its own client programs.
ASK = """
import subprocess, sys
from urllib.parse import urlsplit, unquote
line = next(l for l in open("/var/lib/llmops-litellm/legacy.env") if l.startswith("DATABASE_URL"))
url = urlsplit(line.partition("=")[2].strip().strip("'"))
place = "host=%s port=5432 user=gateway dbname=gateway sslmode=require" % url.hostname
print(subprocess.run(["psql", "-XAtc", sys.argv[1], place], check=True, text=True,
    stdout=subprocess.PIPE, env={"PGPASSWORD": unquote(url.password), "PATH": "/usr/bin"}).stdout)
"""
NATIVE = "systemctl show --property MainPID --value postgresql@15-main.service redis-server.service"


@pytest.fixture(scope="module", autouse=True)
def scripts(host: Any) -> None:
    """What the tests run on the host."""
    bring(host, "../shared/files/client.py", "../shared/files/host_state.py")


def ask(host: Any, query: str) -> str:
    """What the database on the other host says."""
    return str(host.check_output("python3 -c %s %s", ASK, query)).strip()


@pytest.fixture(scope="module")
def before(host: Any) -> dict[str, Any]:
    """A key, a stored model and a request by the legacy proxy, and who else runs."""
    client(host, "write", "first")
    return {"native": host.check_output(NATIVE)}


@pytest.fixture(scope="module")
def migrated(host: Any, before: dict[str, Any]) -> str:
    """What the migration printed."""
    run = play("migrate")
    assert run.returncode == 0, run.stdout[-6000:]
    return words(run)


def containers(host: Any) -> list[str]:
    """Containers of the host."""
    return sorted(host.check_output("docker ps --all --format '{{.Names}}'").split())


def test_only_the_proxy_is_moved(host: Any, migrated: str, before: dict[str, Any]) -> None:
    assert containers(host) == ["litellm-proxy"]
    assert f"database: stays at {OTHER}, nothing copied" in migrated
    assert "Redis: stays at cache.elsewhere.test:6379, nothing copied" in migrated
    assert "saw 0 of " in migrated  # a client that asked all the time
    assert host.check_output(NATIVE) == before["native"]
    assert "0" not in before["native"].split()
    found = journal(host)
    assert found["state"] == "migrated"
    assert found["facts"]["found"]["places"] == {"database": "elsewhere", "redis": "elsewhere"}
    assert host.run(f"{USER} is-active litellm.service").stdout.strip() == "inactive"


def test_clients_have_what_they_had(host: Any, migrated: str) -> None:
    seen = client(host, "read", "first")
    assert seen["chat"] == 200
    client(host, "write", "second")
    assert client(host, "read", "second")["chat"] == 200
    # all of LiteLLM's own connections are by TLS
    query = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) "
    assert ask(host, query + "WHERE usename = 'gateway' AND pid <> pg_backend_pid()") == "t"


def test_health_status_and_probe_know_it(host: Any, migrated: str, tmp_path: Any) -> None:
    told = json.loads(host.check_output("litellm-ops health --json"))
    checks = {check["name"]: check["state"] for check in told["checks"]}
    assert checks["postgresql"] == checks["readiness"] == checks["containers"] == "ok"
    assert "redis" not in checks  # asked by the proxy itself
    seen = status(tmp_path)
    assert (seen["proxy"]["kind"], seen["proxy"]["database"]) == ("compose", "connected")


def test_backup_is_made_drilled_and_restored(host: Any, migrated: str) -> None:
    made = json.loads(host.check_output("litellm-ops backup --json"))
    assert made["rows_total"] > 1000
    drilled = json.loads(host.check_output("litellm-ops drill --json"))
    assert drilled["differences"] == [] and drilled["rows"] == made["rows_total"]
    client(host, "write", "lost")
    assert client(host, "read", "lost")["chat"] == 200
    run = play("restore")
    assert run.returncode == 0, run.stdout[-6000:]
    assert "the Redis is on another host and is not emptied" in words(run)
    assert client(host, "read", "second")["chat"] == 200
    gone = ask(
        host, "SELECT count(*) FROM \"LiteLLM_VerificationToken\" WHERE key_alias = 'lost.json'"
    )
    assert gone == "0"
    assert containers(host) == ["litellm-proxy"]


def test_proxy_alone_comes_back(host: Any, migrated: str, before: dict[str, Any]) -> None:
    foreseen = play("rollback", "--check")
    assert foreseen.returncode == 0, foreseen.stdout[-3000:]
    run = play("rollback")
    assert run.returncode == 0, run.stdout[-6000:]
    assert containers(host) == []
    assert host.check_output(f"{USER} is-active litellm.service") == "active"
    assert host.check_output(NATIVE) == before["native"]
    for name in ("first", "second"):
        assert client(host, "read", name)["chat"] == 200
    assert host.file(f"{STATE}/report.md").contains("no rows were copied back")
