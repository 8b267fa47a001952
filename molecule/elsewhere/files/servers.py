# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL with TLS by a CA of its own, and Redis with a password, as another host has them.

``servers.py ENGINE NETWORK FOLDER HOST`` starts both, as HOST-database and HOST-cache, beside the
test bed's hosts and prints how they are reached: addresses, passwords, the CA's certificate. Keys
are made in FOLDER.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/testbed"))
import images  # noqa: E402

NAME = "database.elsewhere.test"
# As the official image is started, but with the key that its account alone may read; who speaks no
# TLS is not let in.
START = """umask 077
printf '%s' "$KEY" >/tmp/key.pem; printf '%s' "$CERTIFICATE" >/tmp/certificate.pem
unset KEY CERTIFICATE
docker-entrypoint.sh postgres -c ssl=on -c ssl_key_file=/tmp/key.pem \
  -c ssl_cert_file=/tmp/certificate.pem -c hba_file=/tmp/hba.conf
"""
ACCESS = "local all all trust\nhostssl all all all scram-sha-256\n"


def run(*words: str, **environment: str) -> str:
    """What a command prints."""
    return subprocess.run(
        words,
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    ).stdout.strip()


def certificates(folder: Path) -> tuple[str, str, str]:
    """Key and certificate of the server, and the CA's certificate."""
    key, ca_key, ca, request, made = (
        str(folder / name) for name in ("s.key", "ca.key", "ca.pem", "s.csr", "s.pem")
    )
    new = ("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-days", "3")
    run(*new, "-x509", "-subj", "/CN=elsewhere", "-keyout", ca_key, "-out", ca)
    run(*new, "-subj", "/CN=" + NAME, "-keyout", key, "-out", request)
    (folder / "s.ext").write_text("subjectAltName=DNS:%s\n" % NAME)
    run(
        *("openssl", "x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key),
        *("-CAcreateserial", "-days", "3", "-extfile", str(folder / "s.ext"), "-out", made),
    )
    return Path(key).read_text(), Path(made).read_text(), Path(ca).read_text()


def main(engine: str, network: str, folder: str, host: str) -> None:
    """Start both."""
    key, certificate, ca = certificates(Path(folder))
    docker = ("docker", "--host=" + engine)
    # a run that was killed may have left them
    left = (f"{host}-database", f"{host}-cache")
    subprocess.run((*docker, "rm", "--force", "--volumes", *left), capture_output=True, check=False)
    start = (*docker, "run", "--detach", "--label=llmops-testbed=host", "--network=" + network)
    told = {"ca": ca, "database_password": "p@ss:" + secrets.token_hex(8)}
    told["cache_password"] = secrets.token_hex(16)
    run(
        *(*start, f"--name={host}-database", "--user=postgres", "--env=KEY"),
        *("--env=CERTIFICATE", "--env=POSTGRES_PASSWORD", "--env=ACCESS", "--entrypoint=bash"),
        *(images.tag("postgres"), "-c", 'printf "%s" "$ACCESS" >/tmp/hba.conf\n' + START),
        KEY=key,
        CERTIFICATE=certificate,
        ACCESS=ACCESS,
        POSTGRES_PASSWORD=secrets.token_hex(16),
    )
    run(
        *(*start, f"--name={host}-cache", "--env=WORD", "--entrypoint=sh"),
        *(images.tag("redis"), "-c", 'exec redis-server --requirepass "$WORD" --bind 0.0.0.0'),
        WORD=told["cache_password"],
    )
    for part in ("database", "cache"):
        form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        told[part] = run(*docker, "inspect", "--format", form, f"{host}-{part}")
    inside = (*docker, "exec", "--interactive", f"{host}-database")
    # the server that the image starts first, to make its database, listens on no port
    ready = 'for i in $(seq 300); do "$@" && exit; sleep 0.2; done; exit 1'
    run("sh", "-c", ready, "sh", *inside, "pg_isready", "--quiet", "--host=127.0.0.1")
    psql = (*inside, "psql", "-X", "-q")
    made = "CREATE ROLE gateway LOGIN CREATEDB PASSWORD '%s';\n" % told["database_password"]
    made += "CREATE DATABASE gateway OWNER gateway;\n"
    subprocess.run(psql, input=made, text=True, check=True, stdout=subprocess.DEVNULL)
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
