"""Client programs from an image, and the certificates by which they know their server."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    image_client as _image_client,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.endpoint import (
    Endpoint,
    PostgresError,
    parse_url,
)

REMOTE = "postgresql://u:p%40ss@db.example.com:5433/d"


def test_program_of_an_image_has_the_certificate(tmp_path: Path) -> None:
    file = tmp_path / "a,b.pem"
    file.write_text("x")
    argv = Endpoint("d", host="h", sslmode="verify-full", image="pg", rootcert=str(file)).argv(
        "psql"
    )
    assert argv[argv.index("--mount") + 1] == (
        'type=bind,"source=%s",target=/run/server-ca.pem,readonly' % file
    )
    assert argv[argv.index("--user") + 1] == "65534:%d" % file.stat().st_gid
    assert "sslrootcert='/run/server-ca.pem'" in argv[-2]
    file.unlink()
    with pytest.raises(PostgresError, match="a,b.pem: No such file"):
        Endpoint("d", host="h", image="pg", rootcert=str(file)).argv("psql")


@pytest.mark.parametrize(
    ("query", "sslmode", "rootcert"),
    [
        ("", "", ""),
        ("?sslmode=require&sslrootcert=/x.pem", "require", ""),
        ("?sslmode=verify-full&sslrootcert=/x.pem", "verify-full", "/x.pem"),
        # Prisma's words
        ("?sslmode=require&sslcert=/x.pem&sslaccept=strict", "verify-full", "/x.pem"),
        ("?sslmode=require&sslcert=/x.pem&sslaccept=accept_invalid_certs", "require", ""),
        ("?sslmode=disable&sslaccept=strict", "disable", ""),
        ("?sslmode=verify-ca", "verify-ca", "/system.pem"),
        ("?sslmode=verify-full&sslrootcert=system", "verify-full", "/system.pem"),
    ],
)
def test_server_is_verified_as_its_url_says(
    query: str, sslmode: str, rootcert: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_image_client, "SYSTEM", ("/system.pem",))
    found = parse_url(REMOTE + query)
    assert (found["sslmode"], found["rootcert"]) == (sslmode, rootcert)


def test_certificate_that_another_account_may_replace_is_not_taken(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("x")
    file.chmod(0o666)
    with pytest.raises(PostgresError, match="which root does not take"):
        _image_client.check(str(file))
    with pytest.raises(PostgresError, match="by no absolute path"):
        _image_client.check("ca.pem")
