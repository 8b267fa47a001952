# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An HTTP client for the LiteLLM proxy.

The face of this package: :class:`Client`. It ignores the host's proxy settings, follows no
redirect, and puts no secret into a message.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
import time
import urllib.error
import urllib.request
from typing import Any, Callable, NamedTuple, Optional
from urllib.parse import urlsplit

from .._config import envfile as _envfile
from .._host import files as _files
from .._host import listeners as _listeners
from .._host import marked as _marked
from .._host import tls as _tls
from .._host.problem import OperatorError

LARGEST = 64 * 1024 * 1024  # bytes of an answer
MASTER_KEY = "LITELLM_MASTER_KEY"


class ProxyError(OperatorError):
    """A request to the proxy failed; the message is plain and holds no secret."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Return redirects as answers: following one would send the key to another server."""

    def redirect_request(self, *_request: Any, **_more: Any) -> None:
        return None


class _Marked(http.client.HTTPConnection):
    """A connection that is let through where clients are held."""

    def __init__(self, *words: Any, **more: Any) -> None:
        super().__init__(*words, **more)
        self._create_connection = _marked.connect


class _MarkedTLS(_Marked, http.client.HTTPSConnection):
    """The same by TLS."""


class _HTTP(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_Marked, req)


class _HTTPS(urllib.request.HTTPSHandler):
    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(context=context)
        self._ours = context

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_MarkedTLS, req, context=self._ours)


class Client:
    """Requests to one proxy.

    :param url: ``http://127.0.0.1:4000``; a path is kept as a prefix.
    :param key: sent as a bearer token. ``None``: no key.
    :param timeout: seconds for one whole answer.
    :param until: when, by the monotonic clock, the last answer must be there. ``None``: there is no
        such time.
    :raises ProxyError: not an HTTP address.
    """

    def __init__(
        self,
        url: str,
        key: Optional[str] = None,
        timeout: float = 30,
        until: Optional[float] = None,
    ) -> None:
        try:
            parts = urlsplit(url)
            self.port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            parts = urlsplit("")
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise ProxyError(
                "the proxy's address is not of the form http://HOST:PORT, without user and password"
            )
        self.url = "%s://%s%s" % (parts.scheme, parts.netloc, parts.path.rstrip("/"))
        self.timeout = timeout
        self.until = until
        self._key = key
        handlers: list[urllib.request.BaseHandler] = [
            urllib.request.ProxyHandler({}),
            _NoRedirects(),
            _HTTP(),
        ]
        if parts.scheme == "https":
            here = _listeners.is_here(parts.hostname)
            handlers.append(_HTTPS(_tls.unverified() if here else ssl.create_default_context()))
        self._opener = urllib.request.build_opener(*handlers)

    def with_key(self, key: str) -> "Client":
        """The same proxy with another key."""
        return Client(self.url, key, self.timeout, self.until)

    def get(self, path: str) -> Answer:
        """``GET``: the answer, with its body as text."""
        return self.request("GET", path)

    def request(
        self,
        method: str,
        path: str,
        payload: Any = None,
        watch: Optional[Callable[[bytes], None]] = None,
    ) -> Answer:
        """Any answer, whatever its status; ``Answer(None, reason)`` where none came.

        Never raises. ``watch`` gets each piece of a body as it comes.
        """
        headers = {"Accept": "application/json", "User-Agent": "llmops.litellm"}
        if self._key is not None:
            headers["Authorization"] = "Bearer " + self._key
        if not all(" " <= character <= "\xff" for text in headers.values() for character in text):
            return Answer(None, "the key has characters that no HTTP header can hold")
        data = None
        if payload is not None:
            data = json.dumps(payload).encode()
            headers["Content-Type"] = "application/json"
        deadline = time.monotonic() + self.timeout
        if self.until is not None:
            deadline = min(deadline, self.until)
        seconds = deadline - time.monotonic()
        if seconds <= 0:
            return Answer(None, "it took too long")
        try:
            request = urllib.request.Request(
                self.url + path, data=data, headers=headers, method=method
            )
            try:
                with self._opener.open(request, timeout=seconds) as answer:
                    return Answer(answer.status, _read(answer, deadline, watch))
            except urllib.error.HTTPError as error:
                with error:
                    return Answer(error.code, _read(error, deadline))
        except Exception as error:
            # A broken server can provoke any exception, and its text may hold the key.
            return Answer(None, reason_of(error))

    def json(self, method: str, path: str, payload: Any = None) -> Any:
        """The JSON of a 200.

        :raises ProxyError: any other answer.
        """
        answer = self.request(method, path, payload)
        shown = "%s %s" % (method, re.sub(r"\?.*", "", path))
        if answer.status is None:
            raise ProxyError("%s: no answer from the proxy: %s" % (shown, answer.body))
        if answer.status != 200:
            hint = ": the key is not the proxy's master key" if answer.status in (401, 403) else ""
            raise ProxyError("%s: HTTP %d%s" % (shown, answer.status, hint))
        try:
            return json.loads(answer.body)
        except (ValueError, RecursionError):
            raise ProxyError("%s: the answer is not JSON" % shown) from None


def _read(answer: Any, deadline: float, watch: Optional[Callable[[bytes], None]] = None) -> str:
    """The body as text, however slowly it comes."""
    pieces, size = [], 0
    while True:
        piece = answer.read1(65536)
        size += len(piece)
        pieces.append(piece)
        if watch:
            watch(piece)
        if not piece:
            if getattr(answer, "length", None):  # what was promised and never came
                raise http.client.IncompleteRead(b"")
            return b"".join(pieces).decode("utf-8", "replace")
        if size > LARGEST:
            raise ValueError("too large")
        if time.monotonic() > deadline:
            raise socket.timeout()


def reason_of(error: BaseException) -> str:
    """Why no answer came; not in the exception's own words, which may hold headers."""
    inner = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(inner, (socket.timeout, TimeoutError)) or "timed out" in str(inner):
        return "it took too long"
    if isinstance(inner, ConnectionRefusedError):
        return "connection refused"
    if isinstance(inner, ssl.SSLCertVerificationError):
        return "its TLS certificate is not trusted"
    if isinstance(inner, ssl.SSLError):
        return "TLS failed"
    if isinstance(inner, socket.gaierror):
        return "its name is not known"
    if isinstance(inner, (ConnectionError, http.client.HTTPException)):
        return "the connection broke, or it does not speak HTTP"
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror
    return "it cannot be read"


def key_from_file(path: str, variable: str = MASTER_KEY) -> str:
    """A key from an env file as Compose reads it.

    :raises ProxyError: no such file, variable or value.
    """
    try:
        value = _envfile.loads(_files.read(path), "compose").get(variable)
    except OSError as error:
        raise ProxyError("%s: %s" % (path, error.strerror)) from None
    except _envfile.EnvError as error:
        raise ProxyError("%s, line %d: %s" % (path, error.line, error.message)) from None
    if not value:
        raise ProxyError("%s has no %s" % (path, variable))
    return value


class Answer(NamedTuple):
    """An HTTP answer: ``body`` is text, bytes, parsed JSON or ``None``.

    Without an answer ``status`` is ``None`` and ``body`` says why.
    """

    status: Optional[int]
    body: Any


def whole(value: Any) -> Optional[int]:
    """A whole number, ``None`` for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def parse(answer: Optional[Answer]) -> Optional[dict[str, Any]]:
    """The JSON object of an answer, or of its ``detail`` where an error wraps it; else ``None``."""
    if answer is None or not whole(answer.status):
        return None
    body = answer.body
    if isinstance(body, (bytes, bytearray)):
        body = bytes(body).decode("utf-8", "replace")
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except (ValueError, RecursionError):
            return None
    if isinstance(body, dict) and isinstance(body.get("detail"), dict):
        body = body["detail"]
    return body if isinstance(body, dict) else None


def word(body: Optional[dict[str, Any]], name: str) -> str:
    """A string of a JSON object; empty where there is none."""
    value = (body or {}).get(name)
    return value if isinstance(value, str) else ""
