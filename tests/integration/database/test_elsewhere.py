"""A server on another host: verified by a certificate of its own CA, asked by the client programs
of an image, backed up, and restored into.

The engine is a script that runs the programs of its only image natively.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._backup import backup as _backup
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    image_client as _image_client,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import (
    Endpoint,
    PostgresError,
    Session,
    client_version,
    query,
)
from ansible_collections.llmops.litellm.plugins.module_utils._restore import database as _database
from ansible_collections.llmops.litellm.plugins.module_utils._restore import swap as _swap

from . import conftest as servers

NOW = datetime(2026, 11, 30, tzinfo=timezone.utc)
ENGINE = """#!/bin/bash
[ "$1" = run ] || exit 64
while [ "$1" != --entrypoint ]; do
  case "$1 $2" in
    --env\\ *=*) export "${2?}" ;;
    --mount\\ *) source=${2#*\\"source=}; source=${source%%%%\\"*} ;;
    --log-driver\\ none) quiet=yes ;;
  esac
  shift
done
[ "$quiet" = yes ] && [ "$3" = image:17 ] || exit 65
program=%s/$2
shift 3
exec "$program" "${@//\\/run\\/server-ca.pem/$source}"
"""


def openssl(*words: str) -> None:
    subprocess.run(("openssl", *words), check=True, capture_output=True)


def certificate(folder: Path, name: str) -> Path:
    """Key and certificate of a server at 127.0.0.1, by a CA of their own; the CA's certificate."""
    folder.mkdir()
    key, ca, request = str(folder / "ca.key"), str(folder / "ca.pem"), str(folder / "s.csr")
    new = ("req", "-newkey", "rsa:2048", "-nodes", "-days", "3")
    openssl(*new, "-x509", "-subj", "/CN=" + name, "-keyout", key, "-out", ca)
    openssl(*new, "-subj", "/CN=s", "-keyout", str(folder / "server.key"), "-out", request)
    (folder / "ext").write_text("subjectAltName=IP:127.0.0.1\n")
    signed = ("-CA", ca, "-CAkey", key, "-CAcreateserial", "-extfile", str(folder / "ext"))
    made = str(folder / "server.crt")
    openssl("x509", "-req", "-in", request, "-days", "3", *signed, "-out", made)
    return folder / "ca.pem"


@pytest.fixture(scope="module")
def away(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Endpoint]]:
    """The URL of a database of a server with TLS, up to its certificate; and an endpoint with the
    engine."""
    folder = tmp_path_factory.mktemp("away")
    ca = certificate(folder / "tls", "own CA")
    with servers.started() as admin:
        data = Path(str(query(admin, "SHOW data_directory")[0][0]))
        for name in ("server.key", "server.crt"):
            (data / name).write_bytes((folder / "tls" / name).read_bytes())
            os.chmod(data / name, 0o600)
            os.chown(data / name, data.stat().st_uid, data.stat().st_gid)
        with Session(admin) as session:
            session.execute("ALTER SYSTEM SET ssl = on")
            session.execute("SELECT pg_reload_conf()")
            session.execute("CREATE ROLE gateway LOGIN CREATEDB PASSWORD 'p@ss'")
            session.execute("CREATE DATABASE gateway OWNER gateway")
        engine = folder / "engine"
        engine.write_text(ENGINE % admin.bindir)
        engine.chmod(0o755)
        url = "postgresql://gateway:p%%40ss@127.0.0.1:%d/gateway?sslmode=verify-full" % admin.port
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_image_client, "weakness", lambda path: "")
            found = Endpoint.from_url("%s&sslrootcert=%s" % (url, ca), image="image:17")
            yield url, replace(found, engine=(str(engine),))


def test_server_is_known_by_its_certificate(away: tuple[str, Endpoint], tmp_path: Path) -> None:
    url, endpoint = away
    sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    assert query(endpoint, sql) == [["t"]]
    assert client_version(endpoint, "pg_dump") >= 13
    other = replace(endpoint, rootcert=str(certificate(tmp_path / "other", "another CA")))
    with pytest.raises(PostgresError, match="certificate verify failed"):
        query(other, sql)


def test_backup_goes_there_and_back(away: tuple[str, Endpoint], tmp_path: Path) -> None:
    _url, endpoint = away
    with Session(endpoint) as session:
        session.execute('CREATE TABLE "LiteLLM_SpendLogs" (id int PRIMARY KEY, what text)')
        session.execute(
            "INSERT INTO \"LiteLLM_SpendLogs\" SELECT n, 'x' FROM generate_series(1, 500) n"
        )
    how = _backup.How(jobs=2, parallel_from=1)  # of a container it would be a folder
    made = _backup.backup(_backup.Order(endpoint, str(tmp_path / "b"), "compose", how=how), NOW)
    assert made["manifest"]["rows_total"] == 500
    assert made["manifest"]["database"]["dump"] == "database.dump"
    with Session(endpoint) as session:
        session.execute('DELETE FROM "LiteLLM_SpendLogs" WHERE id > 3')
    _swap.check_rights(endpoint)
    fresh = _swap.fresh_name("gateway")
    done = _database.restore(made["path"], endpoint.on(fresh), NOW)
    assert (done.action, done.differences, done.found["rows_total"]) == ("create", [], 500)
    assert _swap.swap(endpoint, fresh, "gateway_before", NOW)
    count = 'SELECT count(*) FROM "LiteLLM_SpendLogs"'
    assert query(endpoint, count) == [["500"]]
    assert query(endpoint.on("gateway_before"), count) == [["3"]]
