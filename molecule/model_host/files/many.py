"""Connections to a model server, many at once, from wherever Python is.

``many.py ADDRESS PORT IDLE BUSY PATH BODY``. One line of JSON says what came of them.
"""

import json
import socket
import sys
from concurrent.futures import ThreadPoolExecutor

address, port, idle, busy, path, body = (
    sys.argv[1],
    int(sys.argv[2]),
    int(sys.argv[3]),
    int(sys.argv[4]),
    sys.argv[5],
    sys.argv[6],
)


def ask(_number):
    """One request; the status, or the error's name."""
    try:
        with socket.create_connection((address, port), timeout=120) as client:
            client.sendall(
                (
                    "POST %s HTTP/1.0\r\nContent-Type: application/json\r\n"
                    "Content-Length: %d\r\n\r\n%s" % (path, len(body), body)
                ).encode()
            )
            return client.recv(12).decode().split()[1]
    except (OSError, IndexError) as error:
        return type(error).__name__


held = [socket.create_connection((address, port), timeout=60) for _number in range(idle)]
with ThreadPoolExecutor(max(busy, 1)) as pool:
    answers = list(pool.map(ask, range(busy)))
print(
    json.dumps({"held": len(held), "answers": {word: answers.count(word) for word in set(answers)}})
)
