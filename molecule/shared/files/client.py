# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client of the proxy, whichever serves.

``client.py write FILE`` makes a key, a request with it and a stored model with an address as the
container sees it, and keeps in FILE (0600) what it was told. ``client.py read FILE`` prints what
has become of them, without the key.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import urllib.error
import urllib.request
from typing import Any

URL = os.environ.get("PROXY_URL", "http://127.0.0.1:4000")
MASTER = json.load(open("/root/testbed/secrets.json", encoding="utf-8"))["LITELLM_MASTER_KEY"]


def ask(key: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Status and JSON of one request."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        URL + path, data, {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, None


def chat(key: str, said: str) -> tuple[int, Any]:
    """One request to the stand-in's model, whose answer has the same id for the same words."""
    return ask(
        key,
        "/v1/chat/completions",
        {"model": "chat", "messages": [{"role": "user", "content": said}]},
    )


def write(path: str) -> None:
    made = ask(
        MASTER,
        "/key/generate",
        {
            "key_alias": os.path.basename(path),
            "max_budget": 7.5,
            "metadata": {"note": "Grüße\\\t'\""},
        },
    )[1]
    model = ask(
        MASTER,
        "/model/new",
        {
            "model_name": "late",
            "litellm_params": {
                "model": "openai/embed",
                "api_base": "http://host.docker.internal:8082/v1",
                "api_key": "sk-none",
            },
            "model_info": {"mode": "embedding"},
        },
    )[1]
    with open(
        path, "x", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)
    ) as kept:
        json.dump(
            {
                "key": made["key"],
                "request": chat(made["key"], path)[1]["id"],
                "model": model["model_id"],
            },
            kept,
        )


def read(path: str) -> None:
    told = json.load(open(path, encoding="utf-8"))
    key = told.pop("key")
    info = ask(MASTER, "/key/info?key=" + key)[1]["info"]
    models = {
        item["model_info"]["id"]: item["litellm_params"].get("api_base")
        for item in ask(MASTER, "/model/info")[1]["data"]
    }
    json.dump(
        {
            **told,
            "hash": hashlib.sha256(key.encode()).hexdigest(),
            "budget": info["max_budget"],
            "note": info["metadata"].get("note"),
            "chat": chat(key, "read")[0],
            "api_base": models.get(told["model"]),
            "embedding": ask(MASTER, "/v1/embeddings", {"model": "late", "input": "x"})[0],
        },
        sys.stdout,
    )


if __name__ == "__main__":
    {"write": write, "read": read}[sys.argv[1]](sys.argv[2])
