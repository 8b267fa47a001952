# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Try the keys of the proxy's clients, to prove that those that worked before work now.

Only names and HTTP statuses are returned.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple, Optional

from .._health import sample_request as _sample_request
from .._litellm.client import Client, ProxyError


class ClientKey(NamedTuple):
    """A client's key and the name under which it is reported."""

    name: str
    key: str

    def __repr__(self) -> str:
        """Without the key."""
        return "ClientKey(%r)" % self.name


def loads(text: str) -> tuple[list[ClientKey], Optional[str]]:
    """The keys of a file, and the model to try them with, if it names one.

    JSON ``{"keys": [{"name" or "alias": ..., "key": ...}], "chat_model": ...}``, JSON with that
    list alone, or one key per line (empty lines and lines that begin with ``#`` are left out). Keys
    without a name are called by their number, from 1.

    :raises ProxyError: neither of these; two keys of one name; no key at all.
    """
    chat_model = None
    if text.lstrip()[:1] in ("{", "["):
        try:
            body = json.loads(text)
        except (ValueError, RecursionError):
            raise ProxyError("the file begins like JSON and is none") from None
        if isinstance(body, dict):
            chat_model = body.get("chat_model") or None
        rows = body.get("keys") if isinstance(body, dict) else body
        rows = (
            [{"key": row} if isinstance(row, str) else row for row in rows]
            if isinstance(rows, list)
            else []
        )
    else:
        rows = [
            {"key": line.strip()}
            for line in text.splitlines()
            if line.strip() and not line.lstrip().startswith("#")
        ]
    found = []
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict) or not isinstance(row.get("key"), str) or not row["key"]:
            raise ProxyError("entry %d has no key" % number)
        found.append(
            ClientKey(str(row.get("name") or row.get("alias") or "number %d" % number), row["key"])
        )
    names = [item.name for item in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ProxyError("two keys have the same name: %s" % ", ".join(twice))
    if not found or not isinstance(chat_model, (str, type(None))):
        raise ProxyError("no key is in it" if not found else "chat_model is not a name")
    return found, chat_model


def attempt(client: Client, item: ClientKey, chat_model: Optional[str]) -> dict[str, Any]:
    """``{name, models, chat}``: the statuses of a list of models and of a small chat request;
    ``None`` without an answer or a request.
    """
    own = client.with_key(item.key)
    payload = {"model": chat_model, **_sample_request.chat()}
    return {
        "name": item.name,
        "models": own.get("/v1/models").status,
        "chat": own.request("POST", "/v1/chat/completions", payload).status if chat_model else None,
    }


def differences(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[str]:
    """Keys that get another answer than before, in words."""
    there = {result["name"]: result for result in new}
    found = []
    for result in old:
        later = there.get(result["name"])
        if later is None:
            found.append("client key %s: it was not tried again" % result["name"])
            continue
        found += [
            "client key %s, %s: HTTP %s became %s"
            % (result["name"], what, result[what], later[what])
            for what in ("models", "chat")
            if result[what] != later[what]
        ]
    return found
