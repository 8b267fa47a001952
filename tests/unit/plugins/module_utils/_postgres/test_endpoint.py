"""Endpoints: URLs, command lines, what is shown of errors."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.llmops.litellm.plugins.module_utils._postgres.endpoint import (
    Endpoint,
    PostgresError,
    clean,
    conninfo,
    find_bindir,
    parse_url,
    read_env,
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
        "postgresql://u:sesame@[::1/d",
        "postgresql://u:sesame@h:1:2/d",
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


def test_the_newest_installed_programs_are_taken(tmp_path: Path) -> None:
    for major in ("9.6", "13", "17"):
        folder = tmp_path / major / "bin"
        folder.mkdir(parents=True)
        for program in ("psql", "pg_dump", "pg_restore"):
            (folder / program).touch(mode=0o755)
    (tmp_path / "18" / "bin").mkdir(parents=True)
    assert find_bindir("db.example.test", 5432, installed=str(tmp_path / "*" / "bin")) == str(
        tmp_path / "17" / "bin"
    )


def test_an_env_file_is_named_not_quoted(tmp_path: Path) -> None:
    path = tmp_path / "x.env"
    path.write_text("DATABASE_URL='sesame\n")
    with pytest.raises(PostgresError, match="x.env is not an env file: line 1") as caught:
        read_env(str(path))
    assert "sesame" not in str(caught.value)
    path.write_text("OTHER=1\n")
    with pytest.raises(PostgresError, match="x.env does not set DATABASE_URL"):
        Endpoint.from_params({"env_file": str(path), "variable": "DATABASE_URL"})


def test_parameters_of_a_container() -> None:
    assert Endpoint.from_params({"container": "c", "database": "d", "user": "u"}) == Endpoint(
        "d", "u", container="c"
    )
