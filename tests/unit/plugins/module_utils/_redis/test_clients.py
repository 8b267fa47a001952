"""Who is connected to Redis, by its own word."""

from __future__ import annotations

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._redis import clients as _clients
from ansible_collections.llmops.litellm.plugins.module_utils._redis.redis import Native

# Of Redis 7.0 and 6.0, and of Valkey 8 with a client by its Unix socket.
TOLD = (
    "id=3 addr=127.0.0.1:40112 laddr=127.0.0.1:6379 fd=8 name=collector age=9 idle=0 flags=N db=0"
    " sub=0 cmd=get user=metrics redir=-1 resp=2\n"
    "id=4 addr=[::1]:40114 fd=9 name= age=1 idle=0 flags=N db=0 cmd=client\n"
    "id=5 addr=/run/valkey.sock:0 laddr=/run/valkey.sock:0 fd=10 name= flags=U user=default\n"
    "\n"
)


def test_clients_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []

    def ask(_self: Native, *words: str) -> str:
        asked.append(words)
        return TOLD

    monkeypatch.setattr(Native, "ask", ask)
    assert _clients.clients(Native("127.0.0.1", 6379, "", "")) == [
        ("127.0.0.1:40112", "collector", "metrics"),
        ("[::1]:40114", "", ""),
        ("/run/valkey.sock:0", "", "default"),
    ]
    assert asked == [("CLIENT", "LIST")]
