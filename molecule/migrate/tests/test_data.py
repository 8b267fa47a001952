"""What the deployment holds: nothing is lost, nothing has changed hands."""

from __future__ import annotations

from typing import Any

import pytest
from play import REDIS_AUTH

PSQL = "docker exec litellm-postgres psql -U litellm -d litellm -XAtc"


@pytest.mark.parametrize("table", ["keys", "teams", "users", "models", "migrations"])
def test_rows_are_what_they_were(before: dict[str, Any], after: dict[str, Any], table: str) -> None:
    assert before["tables"][table]
    assert after["tables"][table] == before["tables"][table]


def test_spend_is_at_least_what_it_was(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert before["numbers"]["spend rows"] >= 20000
    assert after["numbers"]["tables"] == before["numbers"]["tables"]
    assert {
        name for name, value in before["numbers"].items() if after["numbers"][name] < value
    } == set()


def test_report_proves_equal_fingerprints(journal: dict[str, Any]) -> None:
    facts = next(step["facts"] for step in journal["steps"] if step["name"] == "cutover")
    assert facts["equal"]
    assert facts["source"]["hash"] == facts["target"]["hash"]
    assert facts["target"]["rows_total"] > 20000


def test_everything_belongs_to_the_new_role(host: Any) -> None:
    owners = host.check_output(
        PSQL + ' "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class c JOIN pg_namespace n'
        " ON n.oid = relnamespace WHERE nspname = 'public'\""
    )
    assert owners.split() == ["litellm"]
    assert (
        host.check_output(
            PSQL + ' "SELECT count(*) FROM pg_class WHERE relacl IS NOT NULL '
            "AND relnamespace = 'public'::regnamespace\""
        )
        == "0"
    )
    assert (
        "gateway"
        not in host.check_output(
            "docker exec litellm-postgres psql -U litellm -d postgres -XAtc "
            "'SELECT rolname FROM pg_roles'"
        ).split()
    )


def test_litellm_is_no_superuser_and_owns_what_it_has(host: Any) -> None:
    """The server's superuser has no password: nobody is it over the network."""
    roles = host.check_output(
        "docker exec litellm-postgres psql -U postgres -d postgres -XAtc "
        '"SELECT rolname, rolsuper, rolcreatedb, rolcreaterole, rolpassword IS NULL FROM pg_authid '
        'WHERE rolcanlogin ORDER BY 1"'
    ).split()
    assert roles == ["litellm|f|f|f|f", "postgres|t|t|t|t"]
    owners = host.check_output(
        PSQL + ' "SELECT DISTINCT relowner::regrole FROM pg_class WHERE oid >= 16384"'
    ).split()
    assert owners == ["litellm"]
    tried = host.run(PSQL + " \"COPY (SELECT 1) TO PROGRAM 'true'\"")
    assert tried.rc != 0 and "permission denied" in tried.stderr


def test_tables_are_analyzed(host: Any) -> None:
    never = host.check_output(
        PSQL + ' "SELECT count(*) FROM pg_stat_user_tables '
        'WHERE last_analyze IS NULL AND last_autoanalyze IS NULL"'
    )
    assert never == "0"


def test_native_database_is_complete_and_was_stopped_cleanly(
    host: Any, before: dict[str, Any]
) -> None:
    told = host.check_output(
        "/usr/lib/postgresql/15/bin/pg_controldata /var/lib/postgresql/15/main "
        "| grep 'cluster state'"
    )
    assert told.endswith("shut down")
    # looked at on a socket of its own, then stopped again
    host.check_output(
        "systemctl unmask --runtime postgresql@15-main.service; "
        "install -d -o postgres /run/look && "
        "runuser -u postgres -- /usr/lib/postgresql/15/bin/pg_ctl -w "
        "-D /var/lib/postgresql/15/main "
        "-o '-c config_file=/etc/postgresql/15/main/postgresql.conf -p 5999 -k /run/look "
        "-c listen_addresses=' start > /dev/null"
    )
    try:
        rows = host.check_output(
            "runuser -u postgres -- psql -h /run/look -p 5999 -d llm_gateway -XAtc "
            "'SELECT count(*) FROM \"LiteLLM_SpendLogs\"'"
        )
    finally:
        host.check_output(
            "runuser -u postgres -- /usr/lib/postgresql/15/bin/pg_ctl -w "
            "-D /var/lib/postgresql/15/main stop > /dev/null"
        )
    assert int(rows) >= before["numbers"]["spend rows"]


def test_keys_of_redis_are_carried_over(host: Any) -> None:
    redis = "docker exec litellm-redis sh -c '" + REDIS_AUTH + " redis-cli -n %d GET %s'"
    assert host.check_output(redis % (0, "gateway:kept")) == "yes"
    assert host.check_output(redis % (3, "other")) == "also"
    assert "NOAUTH" in host.run("docker exec litellm-redis redis-cli GET other").stdout
