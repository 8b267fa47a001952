"""TLS with a server whose certificate nobody has signed."""

from __future__ import annotations

import socket
import ssl
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ansible_collections.llmops.litellm.plugins.module_utils._host import tls as _tls

PATIENCE = 10.0  # seconds until a test that waits for nothing fails


def test_a_certificate_of_another_name_that_nobody_has_signed_will_do(tmp_path: Path) -> None:
    files = tmp_path / "key", tmp_path / "certificate"
    words = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=gateway.lan -keyout".split()
    subprocess.run([*words, files[0], "-out", files[1]], check=True, capture_output=True)
    serves = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serves.load_cert_chain(files[1], files[0])
    theirs, ours = socket.socketpair()
    for each in (theirs, ours):
        each.settimeout(PATIENCE)
    with ours, theirs, ThreadPoolExecutor(1) as pool:
        served = pool.submit(serves.wrap_socket, theirs, server_side=True)
        with _tls.unverified().wrap_socket(ours, server_hostname="127.0.0.1") as client:
            with served.result(PATIENCE) as server:
                client.sendall(b"x")
                assert server.recv(1) == b"x"
