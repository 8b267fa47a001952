"""A server that is no PostgreSQL has the psql that talks to it read commands of psql's own: nothing
of root's is run or read by that.
"""

from __future__ import annotations

import io
import os
import socketserver
import stat
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import (
    Endpoint,
    PostgresError,
    Session,
)

from .conftest import free_port

Answer = Callable[[str], "bytes | None"]
PARAMETERS = {"server_version": "15.1", "standard_conforming_strings": "on"}


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def parameter(name: str, value: str) -> bytes:
    return message(b"S", f"{name}\0{value}\0".encode())


@contextmanager
def serving(encoding: str, answer: Answer) -> Iterator[Endpoint]:
    """As much of the protocol as psql needs: every statement gets the rows that ``answer`` returns
    as COPY's, or, for ``None``, is done."""

    class Client(socketserver.StreamRequestHandler):
        def body(self) -> bytes:
            return self.rfile.read(struct.unpack("!I", self.rfile.read(4))[0] - 4)

        def handle(self) -> None:
            while len(self.body()) == 4:  # asks for encryption
                self.wfile.write(b"N")
            greeting = [parameter(*item) for item in PARAMETERS.items()]
            self.wfile.write(
                message(b"R", bytes(4))
                + b"".join(greeting)
                + parameter("client_encoding", encoding)
                + message(b"K", bytes(8))
                + message(b"Z", b"I")
            )
            while self.rfile.read(1) == b"Q":
                rows = answer(self.body()[:-1].decode())
                copied = (
                    message(b"H", struct.pack("!bhh", 0, 1, 0))
                    + message(b"d", rows)
                    + message(b"c", b"")
                    if rows is not None
                    else b""
                )
                self.wfile.write(copied + message(b"C", b"DONE\0") + message(b"Z", b"I"))

    with socketserver.ThreadingTCPServer(("127.0.0.1", free_port()), Client) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield Endpoint.from_url(f"postgresql://u:p@127.0.0.1:{server.server_address[1]}/d")
        finally:
            server.shutdown()


@pytest.fixture
def canaries(tmp_path: Path) -> tuple[Path, Path]:
    """A file of root's own, and a place where anybody can write."""
    for folder in (tmp_path, *tmp_path.parents):
        if not folder.stat().st_mode & stat.S_IXOTH:
            folder.chmod(0o711)
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o1777)
    secret = tmp_path / "secret"
    secret.write_text("root's own")
    secret.chmod(0o600)
    return secret, tmp_path / "open" / "run"


def test_encoding_that_would_hide_the_end_of_a_name_is_refused(canaries: tuple[Path, Path]) -> None:
    _secret, run = canaries
    # the last byte of the schema's name and the quote behind it are one character in SJIS
    with serving(
        "SJIS", lambda _text: b"s\xc2\x81\t\\n\\\\! id > %s\\n\\\\q\\n\n" % os.fsencode(run)
    ) as place:
        with pytest.raises(PostgresError, match="its answers are SJIS"), Session(place) as session:
            (schema, table), *_more = session.query("TABLE names")
            session.query(f'TABLE "{schema}"."{table}"')
    assert not run.exists()


def test_rows_that_are_taken_for_commands_are_run_by_nobody(canaries: tuple[Path, Path]) -> None:
    secret, run = canaries
    rows = f"\\f `(id -u; cat {secret}) > {run} 2>&1`\n".encode()
    with serving("UTF8", lambda _text: None) as place, suppress(PostgresError):
        with Session(place) as session, session.loading("COPY t FROM STDIN") as load:
            load(io.BytesIO(rows))
    uid, said = run.read_text().splitlines()
    as_root = os.geteuid() == 0
    assert int(uid) in (range(65520, 65534) if as_root else [os.geteuid()])
    assert ("Permission denied" in said) is as_root
