"""The addresses at which the proxy serves: the legacy one's, and what is published for them."""

from __future__ import annotations

import os

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    addresses as _addresses,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host.listeners import Listener

ME = os.getpid()


@pytest.mark.parametrize(
    ("found", "host", "wanted"),
    [
        ([Listener("0.0.0.0", 4000, ME, "litellm")], "0.0.0.0", ["0.0.0.0"]),
        ([Listener("127.0.0.1", 4000, ME, "litellm")], "0.0.0.0", ["127.0.0.1"]),
        ([Listener("::ffff:10.0.0.5", 4000, ME, "litellm")], "x", ["10.0.0.5"]),
        # a worker's parent that was found for it, and a wrapper above it
        ([Listener("::", 4000, os.getppid(), "litellm")], "x", ["::"]),
        ([Listener("0.0.0.0", 4000, None, "?")], "127.0.0.1", ["127.0.0.1"]),
        ([Listener("0.0.0.0", 8000, ME, "other")], "localhost", ["127.0.0.1"]),
        ([], "0.0.0.0", ["0.0.0.0"]),
    ],
)
def test_where_the_legacy_proxy_listens(
    found: list[Listener], host: str, wanted: list[str]
) -> None:
    assert _addresses.of_legacy(found, ME, 4000, host) == wanted


@pytest.mark.parametrize(
    ("addresses", "published", "listened", "reached"),
    [
        (["127.0.0.1"], ["127.0.0.1"], "127.0.0.1", "127.0.0.1"),
        (["0.0.0.0"], ["0.0.0.0"], "0.0.0.0", "127.0.0.1"),
        (["::"], ["0.0.0.0", "::"], "::", "[::1]"),
        (["::", "0.0.0.0"], ["0.0.0.0", "::"], "::", "127.0.0.1"),
        (["10.0.0.5"], ["127.0.0.1", "10.0.0.5"], "10.0.0.5", "10.0.0.5"),
        (["::1"], ["127.0.0.1", "::1"], "::1", "[::1]"),
        (["127.0.0.2"], ["127.0.0.1", "127.0.0.2"], "127.0.0.2", "127.0.0.2"),
        (["fd00::5"], ["127.0.0.1", "fd00::5"], "fd00::5", "[fd00::5]"),
    ],
)
def test_addresses_are_kept(
    addresses: list[str], published: list[str], listened: str, reached: str
) -> None:
    assert _addresses.published(addresses) == published
    assert _addresses.listened(addresses) == listened
    assert _addresses.reached(addresses) == reached
    # what is published is always reached by the host's own checks
    assert _addresses.reached(_addresses.published(addresses)) == "127.0.0.1"


@pytest.mark.parametrize(
    ("options", "environment", "wanted"),
    [
        (["--ssl_certfile_path", "c", "--ssl_keyfile_path", "k"], {}, True),
        ([], {"SSL_CERTFILE_PATH": "c", "SSL_KEYFILE_PATH": "k"}, True),
        (["--ssl_certfile_path", "c"], {"SSL_KEYFILE_PATH": "k"}, True),
        (["--ssl_certfile_path", "c"], {}, False),
        ([], {"SSL_CERTFILE_PATH": "", "SSL_KEYFILE_PATH": "k"}, False),
        ([], {}, False),
    ],
)
def test_https(options: list[str], environment: dict[str, str], wanted: bool) -> None:
    assert _addresses.has_tls(options, environment) is wanted
    assert _addresses.url("https", "[::1]", 4000) == "https://[::1]:4000"


@pytest.mark.parametrize(
    ("address", "wanted"), [("127.0.0.2", True), ("::1", True), ("10.0.0.5", False)]
)
def test_loopback(address: str, wanted: bool) -> None:
    assert _addresses.is_loopback(address) is wanted
