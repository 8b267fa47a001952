"""What psql is told and what it answers."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.support import reachable

from ansible_collections.llmops.litellm.plugins.module_utils._postgres import session as _session
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import (
    identifier,
    literal,
    parse_rows,
)


@pytest.mark.parametrize(
    "line, row",
    [
        ("a\tb", ["a", "b"]),
        ("\\N\t", [None, ""]),
        ("\\\\N", ["\\N"]),
        ("a\\tb\\nc\\rd", ["a\tb\nc\rd"]),
        ("\\\\t", ["\\t"]),
        ("ü\x01", ["ü\x01"]),
    ],
)
def test_rows(line: str, row: list[str]) -> None:
    assert parse_rows([line]) == [row]


@given(st.lists(st.one_of(st.none(), st.text()), min_size=1))
def test_what_copy_writes_is_read_back(row: list[str]) -> None:
    table = str.maketrans(
        {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\b": "\\b", "\f": "\\f", "\v": "\\v"}
    )
    line = "\t".join("\\N" if value is None else value.translate(table) for value in row)
    assert parse_rows([line]) == [row]


def test_quoting() -> None:
    assert (literal("it's"), literal("a\\b'")) == ("'it''s'", "E'a\\\\b'''")
    assert identifier("Other Schema", 'a"b') == '"Other Schema"."a""b"'


def server(folder: Path, answer: str, speaks: str = "UTF8") -> _session.Endpoint:
    """One whose psql is a script: ``answer`` is run for each statement, with its words in $line,
    and a line ``\\echo`` is echoed with the encoding that psql took over from the server."""
    psql = reachable(folder / "bin") / "psql"
    psql.parent.mkdir(exist_ok=True)
    psql.parent.chmod(0o755)
    psql.write_text(
        "#!/bin/bash\nwhile IFS= read -r line; do case $line in"
        ' ("\\\\echo "*) line=${line#* }; echo "${line/:ENCODING/%s}";;'
        " (?*) %s;; esac; done\n" % (speaks, answer)
    )
    psql.chmod(0o755)
    return _session.Endpoint("d", "u", host="127.0.0.1", bindir=str(psql.parent))


def test_answer_is_held_up_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_session, "ANSWER", 1000)
    lines = server(tmp_path, "for i in {1..40}; do echo 0123456789; done")
    assert len(_session.query(lines, "SELECT 1")) == 80  # "COPY (" and ") TO STDOUT;"
    for endless in ("yes", "exec tr '\\0' x < /dev/zero"):
        with pytest.raises(_session.PostgresError, match=r"answer is longer than 1000 B"):
            _session.query(server(tmp_path, endless), "SELECT 1")


def test_rows_are_read_as_they_come_however_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_session, "ANSWER", 1000)
    script = 'if [ "${line:0:4}" = COPY ]; then for i in {1..400}; do echo 01234567; done; fi'
    with _session.Session(server(tmp_path, script)) as session:
        assert list(session.copied("SELECT 1")) == [b"01234567\n"] * 400
        assert list(session.copied("SELECT 1")) == [b"01234567\n"] * 400
    with pytest.raises(_session.PostgresError, match=r"answer is longer than 1000 B"):
        with _session.Session(server(tmp_path, "exec tr '\\0' x < /dev/zero")) as session:
            list(session.copied("SELECT 1"))


def test_rows_that_nobody_reads_to_their_end_answer_nothing_else(tmp_path: Path) -> None:
    with _session.Session(server(tmp_path, 'echo "$line"')) as session:
        rows = session.copied("SELECT 1")
        assert next(rows) == b"COPY (SELECT 1\n"
        time.sleep(0.2)  # the rest of it has come
        rows.close()  # type: ignore[attr-defined]
        with pytest.raises(_session.PostgresError, match="ended with exit code -9"):
            session.query("SELECT 2")


def test_rows_that_do_not_come_are_not_waited_for(tmp_path: Path) -> None:
    silent = server(tmp_path, '[ "${line:0:4}" != COPY ] || exec sleep 20')
    begun = time.monotonic()
    with pytest.raises(_session.PostgresError, match=r"no answer within 0\.5 seconds"):
        with _session.Session(silent, seconds=0.5) as session:
            list(session.copied("SELECT 1"))
    assert time.monotonic() - begun < 15


def test_name_that_is_no_text_goes_back_as_it_came(tmp_path: Path) -> None:
    echo = server(tmp_path, 'echo "$line"')
    with _session.Session(echo) as session:
        assert session._run("SELECT '\udcff\u00fc'") == ["SELECT '\udcff\u00fc'"]


def test_server_of_another_encoding_than_was_asked_for_is_none(tmp_path: Path) -> None:
    with pytest.raises(_session.PostgresError, match="its answers are SJIS"):
        _session.Session(server(tmp_path, ":", "SJIS"))


def test_answer_that_does_not_come_is_not_waited_for(tmp_path: Path) -> None:
    silent = server(tmp_path, "exec sleep 20")
    begun = time.monotonic()
    with pytest.raises(_session.PostgresError, match=r"no answer within 0\.3 seconds"):
        _session.query(silent, "SELECT 1", 0.3)
    assert time.monotonic() - begun < 15


def test_version_is_no_longer_than_one(tmp_path: Path) -> None:
    psql = Path(server(tmp_path, "").bindir, "psql")
    psql.write_text("#!/bin/sh\nhead -c 100000 /dev/zero | tr '\\0' x\n")
    assert len(_session.answers(server_at(psql), 30)) == _session.VERSION


def server_at(psql: Path) -> _session.Endpoint:
    return _session.Endpoint("d", "u", host="127.0.0.1", bindir=str(psql.parent))
