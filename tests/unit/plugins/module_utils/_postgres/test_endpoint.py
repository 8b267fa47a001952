"""Endpoints: URLs, command lines, what is shown of errors."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.support import reachable

from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process
from ansible_collections.llmops.litellm.plugins.module_utils._host.account import Account
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import endpoint as _endpoint
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    image_client as _image_client,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.endpoint import (
    ACCOUNT,
    Endpoint,
    PostgresError,
    clean,
    conninfo,
    parse_url,
    read_env,
    with_account,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@pytest.mark.parametrize(
    "url, expected",
    [
        ("postgresql://u:p@h:5434/d", ("u", "p", "h", 5434, "d", "")),
        ("postgres://u@h/d", ("u", None, "h", 5432, "d", "")),
        ("postgresql:///d", ("", None, "", 5432, "d", "")),
        ("postgresql://u:@h/d", ("u", "", "h", 5432, "d", "")),
        (
            "postgresql://g%40te:p%40ss%3Aw%2Fo%23r%24d%27@127.0.0.1:5434/llm_gateway",
            ("g@te", "p@ss:w/o#r$d'", "127.0.0.1", 5434, "llm_gateway", ""),
        ),
        ("postgresql://u:p$'\"ü@h/d", ("u", "p$'\"ü", "h", 5432, "d", "")),
        ("postgresql://u:p+q@h/d", ("u", "p+q", "h", 5432, "d", "")),
        ("postgresql://u:p@[::1]:5434/d", ("u", "p", "::1", 5434, "d", "")),
        (
            "postgresql://u:p@h/d?connection_limit=5&pool_timeout=60&schema=x&pgbouncer=true",
            ("u", "p", "h", 5432, "d", ""),
        ),
        ("postgresql://u:p@h/d?sslmode=require", ("u", "p", "h", 5432, "d", "require")),
        ("postgresql://u:p@h/d?sslmode=accept", ("u", "p", "h", 5432, "d", "")),
        (
            "postgresql://u:p@/d?host=/var/run/postgresql",
            ("u", "p", "/var/run/postgresql", 5432, "d", ""),
        ),
        (
            "postgresql://u@localhost/d?host=/run/postgresql",
            ("u", None, "/run/postgresql", 5432, "d", ""),
        ),
        (
            "postgres://u:p@127.0.0.1:5433/d?schema=x&host=%2Fs&sslmode=verify-full",
            ("u", "p", "/s", 5433, "d", "verify-full"),
        ),
        ("postgresql://u:p@%2Fvar%2FRun:5434/d", ("u", "p", "/var/Run", 5434, "d", "")),
        (" postgresql://u:p@h/a%20b%2Fc\n", ("u", "p", "h", 5432, "a b/c", "")),
    ],
)
def test_urls(url: str, expected: tuple[object, ...]) -> None:
    found = parse_url(url)
    assert (
        tuple(found[key] for key in ("user", "password", "host", "port", "database", "sslmode"))
        == expected
    )


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mysql://u:sesame@h/d",
        "u:sesame@h/d",
        "postgresql://u:sesame@h",
        "postgresql://u:sesame@h/",
        "postgresql://u:ses@ame@h/d",
        "postgresql://u:ses/ame@h/d",
        "postgresql://u:ses#ame@h/d",
        "postgresql://u:ses?ame@h/d",
        "postgresql://u:sesame@h:port/d",
        "postgresql://u:sesame@h1,h2/d",
        "postgresql://u:sesame@h1:1,h2:2/d",
        "postgresql://u:sesame@[::1/d",
        "postgresql://u:sesame@h:1:2/d",
        "postgresql://u:sesame@/d?host=/tmp&port=543x",
        "postgresql://u:sesame@h:543234/d",
    ],
)
def test_bad_urls_are_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(PostgresError) as caught:
        parse_url(url)
    assert "ses" not in str(caught.value) and "the database URL" in str(caught.value)


@given(TEXT, TEXT, TEXT)
def test_encoded_urls_come_back(user: str, password: str, database: str) -> None:
    found = parse_url(
        "postgresql://%s:%s@h:1/%s"
        % tuple(quote(part, safe="") for part in (user, password, database))
    )
    assert (found["user"], found["password"], found["database"]) == (user, password, database)


def test_the_password_is_in_the_environment_alone() -> None:
    native = Endpoint("d", "u", host="h", password="sesame", bindir="/bin/pg")
    contained = Endpoint("d", "u", container="c", password="sesame")
    for endpoint in (native, contained):
        assert endpoint.environment()["PGPASSWORD"] == "sesame"
        assert "sesame" not in " ".join(endpoint.argv("pg_dump", "-Fc")) + repr(endpoint) + str(
            endpoint
        )
    assert native.argv("psql", "-X") == [
        "/bin/pg/psql",
        "--dbname=dbname='d' user='u' host='h' port='5432'",
        "--no-password",
        "-X",
    ]
    words = contained.argv("psql", "-X")
    assert words[:3] == ["docker", "exec", "--interactive"] and "PGPASSWORD" in words
    assert words[words.index("c") :] == [
        "c",
        "psql",
        "--dbname=dbname='d' user='u'",
        "--no-password",
        "-X",
    ]
    assert contained.argv("pg_dump", "--version", connect=False)[-3:] == [
        "c",
        "pg_dump",
        "--version",
    ]


def within(folder: Path) -> Callable[[str], os.stat_result]:
    """``os.stat``, for which a folder of this test is not below ``/tmp``."""
    real = os.stat
    return lambda path: real(path if str(path).startswith(str(folder)) else "/")


@pytest.mark.parametrize("mode", [0o1777, 0o777])
def test_socket_where_every_account_can_put_one_is_the_servers_accounts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    def words(host: str) -> str:
        return " ".join(Endpoint("d", "u", host=host, password="sesame").argv("psql"))

    monkeypatch.setattr(os, "stat", within(tmp_path))
    assert "requirepeer" not in words(str(tmp_path)) + words("127.0.0.1") + words("/nosuch")
    tmp_path.chmod(mode)
    assert "requirepeer='postgres'" in words(str(tmp_path))
    assert "requirepeer='postgres'" in words(str(tmp_path / "nosuch"))
    assert "requirepeer='postgres'" in words("")
    assert "requirepeer" not in " ".join(Endpoint("d", "u", container="c").argv("psql"))


@pytest.fixture
def bindir(tmp_path: Path) -> str:
    """Client programs that say who they are."""
    folder = reachable(tmp_path / "bin")
    folder.mkdir()
    folder.chmod(0o755)
    for program in ("psql", "pg_dump"):
        (folder / program).write_text("#!/bin/sh\nid -u; id -G; env\n")
        (folder / program).chmod(0o755)
    return str(folder)


def told(endpoint: Endpoint, program: str = "psql") -> list[str]:
    with endpoint.start(program, "--file=-", stdout=subprocess.PIPE) as process:
        out, _err = process.communicate()
    return out.decode().splitlines()


def test_what_reads_a_servers_answers_runs_as_an_account_that_nobody_has(bindir: str) -> None:
    endpoint = Endpoint("d", "u", host="127.0.0.1", bindir=bindir)
    uid, groups, *_env = told(endpoint)
    assert int(uid) == Account.stranger().uid and groups == uid
    with pytest.raises(KeyError):
        pwd.getpwuid(int(uid))
    assert told(endpoint, "pg_dump")[0] == str(os.geteuid())
    # a command of ours is all that it has
    with endpoint.start("psql", "--command=SELECT 1", stdout=subprocess.PIPE) as process:
        assert process.communicate()[0].splitlines()[0].decode() == str(os.geteuid())


@pytest.mark.parametrize(
    ("mode", "its_own"), [(0o700, True), (0o2770, True), (0o2775, False), (0o711, False)]
)
def test_socket_that_one_account_can_reach_is_reached_as_that_one(
    bindir: str, tmp_path: Path, mode: int, its_own: bool
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    os.chown(folder, 65534, 65534)
    folder.chmod(mode)
    uid = told(Endpoint("d", "u", host=str(folder), bindir=bindir))[0]
    assert int(uid) == (65534 if its_own else Account.stranger().uid)


def test_socket_below_what_one_account_can_enter_is_reached_as_that_one(
    bindir: str, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    (home / "run").mkdir(parents=True, mode=0o755)
    os.chown(home, 65534, 65534)
    home.chmod(0o700)
    assert int(told(Endpoint("d", "u", host=str(home / "run"), bindir=bindir))[0]) == 65534


def test_folder_of_roots_own_lends_no_rights(bindir: str, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir(mode=0o700)
    endpoint = Endpoint("d", "u", host=str(tmp_path / "run"), bindir=bindir)
    assert int(told(endpoint)[0]) == Account.stranger().uid


def test_clients_have_only_this_environment(bindir: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGPASSFILE", "PGSERVICE", "PSQLRC", "LD_PRELOAD", "PGSSLCERT", "KRB5CCNAME"):
        monkeypatch.setenv(name, "/home/x/planted")
    env = dict(
        line.split("=", 1) for line in told(Endpoint("d", "u", password="p", bindir=bindir))[2:]
    )
    env.pop("_", None)  # the shell's own
    assert "/home" not in str(env)
    assert {name for name, value in env.items() if "/nonexistent" in value} == {
        "HOME",
        "PGPASSFILE",
        "PGSERVICEFILE",
        "PGSYSCONFDIR",
    }
    assert {name for name in env if name.startswith(("PG", "PS"))} <= {
        "PGPASSWORD",
        "PGPASSFILE",
        "PGSERVICEFILE",
        "PGSYSCONFDIR",
        "PGCLIENTENCODING",
        "PGAPPNAME",
        "PGCONNECT_TIMEOUT",
        "PGGSSENCMODE",
    }
    assert set(env) & {"LD_PRELOAD", "KRB5CCNAME"} == set()


@pytest.mark.parametrize(
    ("program", "change", "why"),
    [
        ("psql", lambda path: path.unlink(), "psql was not found"),
        ("psql", lambda path: path.chmod(0o700), "psql can't be run by every account"),
        ("pg_dump", lambda path: os.chown(path, 65534, 65534), "belongs to account nobody"),
    ],
)
def test_program_that_cannot_be_run_is_said(
    bindir: str, program: str, change: Callable[[Path], None], why: str
) -> None:
    change(Path(bindir, program))
    with pytest.raises(PostgresError, match=why):
        told(Endpoint("d", "u", host="127.0.0.1", bindir=bindir), program)


def test_what_a_program_says_is_read_up_to_a_limit(tmp_path: Path) -> None:
    (tmp_path / "said").write_bytes(b"x" * (_endpoint.SAID + 1))
    with open(tmp_path / "said", "rb") as errors:
        errors.read()
        assert len(_endpoint.said(errors)) == _endpoint.SAID


def test_nothing_of_the_caller_reaches_the_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    monkeypatch.setenv("PGOPTIONS", "-c x=y")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    found = Endpoint("d", "u").environment()
    assert found["LC_ALL"] == "C" and not {"PGSSLMODE", "PGOPTIONS"} & set(found)


def test_connection_strings_are_quoted() -> None:
    assert conninfo(dbname="a=b c'd\\e", user="", port=None) == "dbname='a=b c\\'d\\\\e'"


@pytest.mark.parametrize(
    "text, expected",
    [
        (
            'psql:<stdin>:3: ERROR:  relation "x" does not exist\n',
            'ERROR:  relation "x" does not exist',
        ),
        (
            "psql:<stdin>:3: FEHLER:  Relation existiert nicht\n",
            "FEHLER:  Relation existiert nicht",
        ),
        (
            (
                "pg_restore: error: could not execute query: ERROR:  no\nDETAIL:  Key "
                "(token)=(sk-1) exists.\nCommand was: INSERT 'sk-1'\n"
            ),
            "pg_restore: error: could not execute query: ERROR:  no",
        ),
        (
            "pg_dump: warning: there are circular\npg_dump: error: broken\n",
            "pg_dump: error: broken",
        ),
        ("psql: error: password sesame and s%40me\n", "psql: error: password *** and ***"),
        (
            "Error response from daemon: No such container: x\n",
            "Error response from daemon: No such container: x",
        ),
        ("psql: error: same\npsql: error: same\n", "psql: error: same"),
        ("some row's content\n", ""),
        ("", ""),
    ],
)
def test_only_the_reason_is_shown(text: str, expected: str) -> None:
    assert clean(text, ["sesame", "s%40me"]) == expected


def test_an_env_file_is_named_not_quoted(tmp_path: Path) -> None:
    path = tmp_path / "x.env"
    path.write_text("DATABASE_URL='sesame\n")
    with pytest.raises(PostgresError, match="x.env is not an env file: line 1") as caught:
        read_env(str(path))
    assert "sesame" not in str(caught.value)
    path.write_text("OTHER=1\n")
    with pytest.raises(PostgresError, match="x.env does not set DATABASE_URL"):
        Endpoint.from_params({"env_file": str(path), "variable": "DATABASE_URL"})


@pytest.mark.parametrize("way", ["link", "closed", "open to all"])
def test_env_file_that_an_account_could_have_put_there_is_read_as_that_account(
    tmp_path: Path, way: str
) -> None:
    home = reachable(tmp_path / "home")
    home.mkdir(mode=0o755)
    (home / "x.env").write_text("DATABASE_URL=postgresql://h/d\n")
    (home / "x.env").chmod(0o644)
    os.chown(home, 65534, 65534)
    assert read_env(str(home / "x.env")) == {"DATABASE_URL": "postgresql://h/d"}
    secret = tmp_path / "secret.env"
    secret.write_text("A=sesame\n")
    secret.chmod(0o600)
    if way == "link":
        (home / "x.env").unlink()
        (home / "x.env").symlink_to(secret)
        os.chown(home / "x.env", 65534, 65534, follow_symlinks=False)
    else:
        (home / "x.env").chmod(0o600)
    if way == "open to all":
        os.chown(home, 0, 0)
        home.chmod(0o777)
    why = (
        "nobody knows whose" if way == "open to all" else "nobody can't read it: Permission denied"
    )
    with pytest.raises(PostgresError, match=f"x.env.*{why}"):
        read_env(str(home / "x.env"))
    assert read_env(str(secret)) == {"A": "sesame"}


def test_parameters_of_a_container() -> None:
    assert Endpoint.from_params({"container": "c", "database": "d", "user": "u"}) == Endpoint(
        "d", "u", container="c"
    )


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("postgresql://u@/d?host=/run/postgresql", True),
        ("postgresql://u@localhost/d?host=/run/postgresql", True),
        ("postgresql://u:p@/d?host=/run/postgresql", False),
        ("postgresql://u@localhost/d", False),
        ("", False),
    ],
)
def test_account_is_noted_where_a_server_may_know_its_clients_by_it(url: str, asked: bool) -> None:
    values = with_account({"DATABASE_URL": url, "A": "1"}, "litellm")
    assert values.get(ACCOUNT) == ("litellm" if asked else None)
    assert values["A"] == "1"


def test_client_runs_as_the_account_that_the_server_knows(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[Any] = []

    def start(argv: list[str], env: Any, account: Any, **options: Any) -> None:
        seen.append(account and account.name)

    monkeypatch.setattr(_process, "start", start)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    Endpoint("d", "u", host="/run/x", bindir="/b", account="nobody").start("pg_dump")
    Endpoint("d", "u", host="/run/x", bindir="/b").start("pg_dump")
    Endpoint("d", "u", container="c", account="nobody").start("pg_dump")
    assert seen == ["nobody", None, None]
    with pytest.raises(PostgresError, match="there is no account llmops-nosuch"):
        Endpoint("d", "u", host="/run/x", account="llmops-nosuch").start("pg_dump")


def test_env_file_says_who_asks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(_endpoint, "find_bindir", lambda host, port: "/b")
    path = tmp_path / "legacy.env"
    path.write_text("DATABASE_URL=postgresql://u@/d?host=/run/x\n%s=nobody\n" % ACCOUNT)
    found = Endpoint.from_params({"env_file": str(path), "variable": None, "container": None})
    assert (found.account, found.host) == ("nobody", "/run/x")


@pytest.mark.parametrize(
    ("query", "schema", "settings"),
    [
        ("", "", ()),
        ("?schema=public", "public", ()),
        ("?schema=proxy&sslmode=disable", "proxy", ('search_path="proxy"',)),
        ("?schema=Pro%20x%22y", 'Pro x"y', ('search_path="Pro\\ x""y"',)),
    ],
)
def test_schema_of_the_url_is_where_tables_are_found(
    monkeypatch: pytest.MonkeyPatch, query: str, schema: str, settings: tuple[str, ...]
) -> None:
    monkeypatch.setattr(_endpoint, "find_bindir", lambda host, port: "/bin")
    found = Endpoint.from_url("postgresql://u@127.0.0.1:5434/d" + query)
    assert (found.schema, found.settings) == (schema, settings)


REMOTE = "postgresql://u:p%40ss@db.example.com:5433/d"


def test_program_of_an_image_is_a_container_of_its_own() -> None:
    endpoint = Endpoint("d", "u", host="db.example.com", password="secret", image="pg@sha256:0")
    argv = endpoint.argv("psql", "--quiet")
    assert argv[:2] == ["docker", "run"]
    assert argv[-5:-1] == [
        "psql",
        "pg@sha256:0",
        "--dbname=dbname='d' user='u' host='db.example.com' port='5432'",
        "--no-password",
    ]
    assert "secret" not in " ".join(argv)
    assert argv[argv.index("PGPASSWORD") - 1] == "--env"
    assert endpoint.environment()["PGPASSWORD"] == "secret"
    # rows that it prints are in no log of the engine's
    assert argv[argv.index("--log-driver") + 1] == "none"
    assert argv[argv.index("--user") + 1] == "65534:65534"
    assert "--mount" not in argv


def test_program_of_this_host_has_the_certificate_where_it_is() -> None:
    argv = Endpoint("d", host="h", sslmode="verify-ca", bindir="/b", rootcert="/ca.pem").argv(
        "psql"
    )
    assert "sslmode='verify-ca' sslrootcert='/ca.pem'" in argv[1]


def test_program_of_an_image_needs_no_account_of_this_host(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def start(_argv: Any, _env: Any, account: Account | None, **_options: Any) -> None:
        seen.append(account)

    monkeypatch.setattr(_process, "start", start)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    Endpoint("d", "u", host="h", image="pg").start("psql", _endpoint.SCRIPT)
    assert seen == [None]


def test_certificate_is_one_that_root_has_chosen(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url = REMOTE + "?sslmode=verify-full&sslrootcert="
    with pytest.raises(PostgresError, match="by no absolute path"):
        Endpoint.from_url(url + "ca.pem", image="pg")
    monkeypatch.setattr(_image_client, "weakness", lambda path: "account eve can write there")
    with pytest.raises(PostgresError, match=r"\(account eve can write there\): copy it to"):
        Endpoint.from_url(url + "/home/eve/ca.pem", image="pg")
    monkeypatch.setattr(_image_client, "weakness", lambda path: "eve" if "eve" in path else "")
    found = Endpoint.from_url(url + "/home/eve/ca.pem", image="pg", rootcert="/opt/x/needed.pem")
    assert found.rootcert == "/opt/x/needed.pem"


def test_settings_name_image_and_certificate(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(_image_client, "weakness", lambda path: "")
    path = tmp_path / "x.env"
    path.write_text("DIRECT_URL=%s?sslmode=verify-ca&sslrootcert=/app/ca.pem\n" % REMOTE)
    found = Endpoint.from_params(
        {"env_file": str(path), "variable": "DIRECT_URL", "image": "pg:17", "rootcert": "/o/ca.pem"}
    )
    assert (found.image, found.rootcert, found.port) == ("pg:17", "/o/ca.pem", 5433)
    assert found.on("other").image == "pg:17"
