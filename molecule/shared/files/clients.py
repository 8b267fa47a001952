# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients of the proxy as people have them, each asking on and on and none asking twice.

``clients.py FILE [KIND]...`` keeps in FILE, a JSON object a line, what became of each request:
``kind`` of the client, ``begun`` (seconds since the epoch), ``seconds``, ``failed`` (why; empty
where it was answered), ``made`` (the hash of a key that was made and used; else nothing). Run by
the Python that has LiteLLM, and with it httpx, requests and OpenAI's client. It ends with SIGTERM,
after the requests that are under way.
"""

from __future__ import annotations

import hashlib
import http.client
import itertools
import json
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import openai
import requests

URL = "http://127.0.0.1:4000"
# Longer than nobody serves: who gives up earlier would only tell of his own patience.
PATIENCE = 150.0
# Between two requests of a kind, shorter than a proxy keeps a connection that is idle, and not the
# second that the relay waits for the next one on a connection whose server has closed it: whoever
# asks in the very moment in which a connection ends is refused by every proxy.
PAUSE = 1.3
CHAT: dict[str, Any] = {"model": "chat", "messages": [{"role": "user", "content": "once"}]}
ENDED = threading.Event()


KEY = json.loads(Path("/root/testbed/secrets.json").read_text())["LITELLM_MASTER_KEY"]
HEADERS = {"Authorization": "Bearer " + KEY, "Content-Type": "application/json"}


def checked(status: int, text: str) -> None:
    """Fail unless it is a whole answer."""
    if status != 200 or "choices" not in text:
        raise ValueError(f"HTTP {status}: {text[:200]}")


def fresh() -> Callable[[], None]:
    """A new connection for each request."""

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", 4000, timeout=PATIENCE)
        try:
            connection.request("POST", "/v1/chat/completions", json.dumps(CHAT), HEADERS)
            answer = connection.getresponse()
            checked(answer.status, answer.read().decode())
        finally:
            connection.close()

    return ask


def pooled() -> Callable[[], None]:
    """httpx, with connections that it keeps."""
    client = httpx.Client(base_url=URL, headers=HEADERS, timeout=PATIENCE)

    def ask() -> None:
        answer = client.post("/v1/chat/completions", json=CHAT)
        checked(answer.status_code, answer.text)

    return ask


def faithful() -> Callable[[], None]:
    """Asks on its connection until an answer says that it is the last one, and never looks whether
    it was closed: what others notice in time fails here."""
    connection = http.client.HTTPConnection("127.0.0.1", 4000, timeout=PATIENCE)

    def ask() -> None:
        try:
            connection.request("POST", "/v1/chat/completions", json.dumps(CHAT), HEADERS)
            answer = connection.getresponse()  # closes the connection where the answer says so
            checked(answer.status, answer.read().decode())
        except BaseException:
            connection.close()
            raise

    return ask


def session() -> Callable[[], None]:
    """A session of requests."""
    client = requests.Session()
    client.headers.update(HEADERS)

    def ask() -> None:
        answer = client.post(URL + "/v1/chat/completions", json=CHAT, timeout=PATIENCE)
        checked(answer.status_code, answer.text)

    return ask


def official() -> Callable[[], None]:
    """OpenAI's own client, whose answers come as a stream."""
    client = openai.OpenAI(base_url=URL + "/v1", api_key=KEY, max_retries=0, timeout=PATIENCE)

    def ask() -> None:
        stream = client.chat.completions.create(**CHAT, stream=True)
        reasons = [choice.finish_reason for part in stream for choice in part.choices]
        if not reasons or reasons[-1] != "stop":
            raise ValueError("the stream did not come to its end")

    return ask


def stream(words: int) -> Callable[[], None]:
    """A streamed answer that takes some 50 ms for each of as many words."""
    client = httpx.Client(base_url=URL, headers=HEADERS, timeout=PATIENCE)
    asked = {
        "model": "chat-slow",
        "stream": True,
        # LiteLLM ends a stream that repeats itself
        "messages": [{"role": "user", "content": " ".join(map(str, range(words)))}],
    }

    def ask() -> None:
        with client.stream("POST", "/v1/chat/completions", json=asked) as answer:
            text = "".join(answer.iter_text())
        if answer.status_code != 200 or not text.rstrip().endswith("data: [DONE]"):
            raise ValueError(f"HTTP {answer.status_code}: it ended with {text[-200:]}")

    return ask


def streams() -> Callable[[], None]:
    """Answers of some five seconds."""
    return stream(100)


def long_streams() -> Callable[[], None]:
    """Answers of a minute."""
    return stream(1200)


def embeddings() -> Callable[[], None]:
    """Of a model from the configuration and of one from the database, in turn."""
    client = httpx.Client(base_url=URL, headers=HEADERS, timeout=PATIENCE)
    models = itertools.cycle(("embed", "embed-stored"))

    def ask() -> None:
        answer = client.post("/v1/embeddings", json={"model": next(models), "input": "a text"})
        if answer.status_code != 200 or len(answer.json()["data"][0]["embedding"]) < 10:
            raise ValueError(f"HTTP {answer.status_code}: {answer.text[:200]}")

    return ask


def keys() -> Callable[[], str]:
    """A new key, which is used at once: it is in the database alone. Returns its hash, as the
    database has it."""
    client = httpx.Client(base_url=URL, headers=HEADERS, timeout=PATIENCE)

    def ask() -> str:
        made = client.post(
            "/key/generate", json={"models": ["chat"], "metadata": {"made_by": "clients.py"}}
        )
        if made.status_code != 200:
            raise ValueError(f"HTTP {made.status_code}: {made.text[:200]}")
        key = {"Authorization": "Bearer " + made.json()["key"]}
        # The stand-in gives the same question the same number, of which one spend row is kept.
        asked = {"model": "chat", "messages": [{"role": "user", "content": secrets.token_hex(8)}]}
        answer = client.post("/v1/chat/completions", json=asked, headers=key)
        checked(answer.status_code, answer.text)
        return hashlib.sha256(made.json()["key"].encode()).hexdigest()

    return ask


# Those that need the database wait where it moves.
KINDS = (fresh, pooled, faithful, session, official, streams, long_streams, embeddings, keys)
# Shorter than the relay waits for a client whose server went right after an answer.
PAUSES = {"faithful": 0.2}


def run(kind: str, ask: Callable[[], Any], tell: Callable[[dict[str, Any]], None]) -> None:
    """Ask until the end."""
    while not ENDED.is_set():
        begun, failed, made = time.time(), "", None
        try:
            made = ask()
        except Exception as error:
            failed = repr(error)[:300]
        tell(
            {
                "kind": kind,
                "begun": begun,
                "seconds": round(time.time() - begun, 3),
                "failed": failed,
                "made": made,
            }
        )
        ENDED.wait(PAUSES.get(kind, PAUSE))


def main() -> None:
    lock = threading.Lock()
    with open(sys.argv[1], "a", encoding="utf-8", buffering=1) as out:

        def tell(what: dict[str, Any]) -> None:
            with lock:
                out.write(json.dumps(what) + "\n")

        signal.signal(signal.SIGTERM, lambda *_: ENDED.set())
        threads = [
            threading.Thread(target=run, args=(made.__name__, made(), tell))
            for made in KINDS
            if made.__name__ in (sys.argv[2:] or [made.__name__])
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    main()
