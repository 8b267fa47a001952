# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An HTTP answer, whatever it is, and what can be read from it without an exception."""
from __future__ import annotations

import json
from typing import Any, NamedTuple, Optional


class Answer(NamedTuple):
    """An HTTP answer: ``body`` is text, bytes, parsed JSON or ``None``. Without an answer ``status`` is ``None`` and ``body`` says why."""

    status: Optional[int]
    body: Any


def whole(value: Any) -> Optional[int]:
    """A whole number, ``None`` for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def parse(answer: Optional[Answer]) -> Optional[dict[str, Any]]:
    """The JSON object of an answer, that of ``detail`` where an error wraps it; ``None`` if there is none."""
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
