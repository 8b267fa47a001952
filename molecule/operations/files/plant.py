# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A model in the database that claims tools and has none.

``plant.py add`` prints its id, ``plant.py remove ID`` takes it away.
"""

from __future__ import annotations

import json
import sys
import urllib.request
from typing import Any

URL = "http://127.0.0.1:4000"
with open("/root/testbed/secrets.json", encoding="utf-8") as handle:
    MASTER = json.load(handle)["LITELLM_MASTER_KEY"]


def ask(path: str, body: Any) -> Any:
    """The JSON that the proxy answers."""
    request = urllib.request.Request(
        URL + path,
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {MASTER}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def add() -> str:
    """The model's id."""
    with open("/etc/chat-standin.key", encoding="utf-8") as handle:
        key = handle.read().strip()
    made = ask(
        "/model/new",
        {
            "model_name": "claims",
            "model_info": {"mode": "chat", "supports_function_calling": True},
            "litellm_params": {
                "model": "openai/stand-in-chat",
                "api_base": "http://host.docker.internal:8081/v1",
                "api_key": key,
            },
        },
    )
    return str(made["model_id"])


if __name__ == "__main__":
    if sys.argv[1] == "add":
        print(add())
    else:
        ask("/model/delete", {"id": sys.argv[2]})
