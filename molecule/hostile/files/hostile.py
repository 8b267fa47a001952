# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What attackers run: ``hostile.py ACTION ARGUMENT...``, each action a function below."""

from __future__ import annotations

import ctypes
import json
import os
import socket
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

AT_FDCWD, RENAME_EXCHANGE = -100, 2
# A line of its own, a colour, a heading, a link and an element, if nothing keeps them from it.
FORGED = "x\x1b[31m\n2. FORGED\n# FORGED [all is well](http://127.0.0.9/)<img src=http://127.0.0.9>"


def listen(address: str, port: str) -> None:
    """Take connections and say nothing."""
    server = socket.create_server((address, int(port)))
    while True:
        server.accept()[0].close()


def local(path: str) -> None:
    """The same on a Unix socket; a file says that somebody has told something."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        os.chmod(path, 0o777)
        server.listen()
        while True:
            with server.accept()[0] as near:
                if near.recv(1):
                    os.close(os.open("told", os.O_CREAT))


def forward(port: str, target: str) -> None:
    """Take connections, and hand everything on to another port."""
    server = socket.create_server(("127.0.0.1", int(port)))
    while True:
        near = server.accept()[0]
        far = socket.create_connection(("127.0.0.1", int(target)))
        for pair in ((near, far), (far, near)):
            threading.Thread(target=_pump, args=pair, daemon=True).start()


def _pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        source.close()


def proxy(port: str) -> None:
    """A proxy that is always well."""

    class Well(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"status": "healthy", "db": "connected"}')

        def log_message(self, *words: object) -> None:
            del words

    HTTPServer(("127.0.0.1", int(port)), Well).serve_forever()


def swap(one: str, other: str) -> None:
    """Exchange two files for ever: whoever looks first and opens then gets the other."""
    rename = ctypes.CDLL(None, use_errno=True).renameat2
    names = (AT_FDCWD, one.encode(), AT_FDCWD, other.encode(), RENAME_EXCHANGE)
    while rename(*names) == 0:
        pass
    raise OSError(ctypes.get_errno(), "renameat2")


def files(folder: str) -> None:
    """Files that are read for ever, or for long."""
    os.mkfifo(os.path.join(folder, "fifo.yaml"))
    os.truncate(os.open(os.path.join(folder, "sparse.yaml"), os.O_CREAT | os.O_RDWR), 20 << 30)
    texts = {
        "deep.yaml": "model_list: " + "[" * 8000 + "]" * 8000,
        "aliases.yaml": "a: &a [x]\nb:\n" + "  - *a\n" * 12000,
        "racy.yaml": "model_list: []\n",
    }
    for name, text in texts.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as stream:
            stream.write(text)


def names(key: str) -> None:
    """Give a model and a team names that are more than names."""
    parameters = {"model": "openai/stand-in-chat", "api_base": "http://127.0.0.1:8081/v1"}
    for path, body in (
        ("/model/new", {"model_name": FORGED, "litellm_params": {**parameters, "api_key": "x"}}),
        ("/team/new", {"team_alias": FORGED, "models": [FORGED]}),
    ):
        headers = {"Authorization": "Bearer " + key, "Content-Type": "application/json"}
        data = json.dumps(body).encode()
        request = urllib.request.Request("http://127.0.0.1:4000" + path, data, headers)
        urllib.request.urlopen(request, timeout=60).close()


if __name__ == "__main__":
    if os.path.basename(sys.argv[0]) == "litellm":
        proxy(sys.argv[sys.argv.index("--port") + 1])
    globals()[sys.argv[1]](*sys.argv[2:])
