# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The chat provider's stand-in, over a real socket."""

from __future__ import annotations

import http.client
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any, Iterator

import pytest

KEY = "sk-stand-in-é"
QUESTION = {
    "model": "stand-in-chat",
    "messages": [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "grüße 你好 and more"},
    ],
}
WORDS = "stand-in stand-in-chat heard 2 messages; last: grüße 你好 and more"


@pytest.fixture
def port(chat: ModuleType) -> Iterator[int]:
    with chat.StandIn("127.0.0.1", 0, KEY) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def ask(port: int, path: str, body: Any = None, key: str | None = KEY) -> tuple[int, str, str]:
    """Status, content type and text of one request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {} if key is None else {"Authorization": f"Bearer {key}".encode()}
    data = (
        None if body is None else (body if isinstance(body, bytes) else json.dumps(body).encode())
    )
    connection.request("GET" if body is None else "POST", path, data, headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, answer.getheader("Content-Type", ""), text


def events(text: str) -> list[str]:
    """The data of each server-sent event; each must end with an empty line."""
    parts = text.split("\n\n")
    assert parts.pop() == ""
    assert all(part.startswith("data: ") for part in parts)
    return [part[len("data: ") :] for part in parts]


def test_whole_answer_repeats_the_question_and_counts_its_tokens(port: int) -> None:
    status, kind, text = ask(port, "/v1/chat/completions", QUESTION)
    answer = json.loads(text)
    assert (status, kind) == (200, "application/json")
    assert answer["object"] == "chat.completion"
    assert answer["choices"] == [
        {"index": 0, "message": {"role": "assistant", "content": WORDS}, "finish_reason": "stop"}
    ]
    assert answer["usage"] == {"prompt_tokens": 6, "completion_tokens": 10, "total_tokens": 16}


def test_same_question_same_answer(port: int) -> None:
    assert ask(port, "/v1/chat/completions", QUESTION) == ask(
        port, "/v1/chat/completions", QUESTION
    )


def test_streamed_answer_has_the_words_one_finish_and_usage_only_when_asked(port: int) -> None:
    status, kind, text = ask(port, "/v1/chat/completions", {**QUESTION, "stream": True})
    data = events(text)
    assert (status, kind, data[-1]) == (200, "text/event-stream", "[DONE]")
    chunks = [json.loads(item) for item in data[:-1]]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks) == WORDS
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks].count("stop") == 1
    assert not any("usage" in chunk for chunk in chunks)
    text = ask(
        port,
        "/v1/chat/completions",
        {**QUESTION, "stream": True, "stream_options": {"include_usage": True}},
    )[2]
    last = json.loads(events(text)[-2])
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] == 16


@pytest.mark.parametrize("path, body", [("/v1/models", None), ("/v1/chat/completions", QUESTION)])
@pytest.mark.parametrize("key", [None, "", "sk-other", KEY + "x"])
def test_wrong_key_is_refused(port: int, path: str, body: Any, key: str | None) -> None:
    status, kind, text = ask(port, path, body, key)
    assert status == 401
    assert KEY not in text
    assert json.loads(text)["error"]["message"] == "Incorrect API key provided."


def test_models_are_listed_and_health_needs_no_key(port: int) -> None:
    status, kind, text = ask(port, "/v1/models")
    assert status == 200
    assert "stand-in-chat" in [item["id"] for item in json.loads(text)["data"]]
    assert ask(port, "/healthz", key=None)[0] == 200


@pytest.mark.parametrize(
    "body", [b"{", b"[]", {"model": "m"}, {"messages": []}, {"messages": ["x"]}]
)
def test_bad_request_is_refused_and_the_server_lives_on(port: int, body: Any) -> None:
    assert ask(port, "/v1/chat/completions", body)[0] == 400
    assert ask(port, "/healthz")[0] == 200


def test_failing_model_and_unknown_path(port: int) -> None:
    assert ask(port, "/v1/chat/completions", {**QUESTION, "model": "stand-in-error"})[0] == 500
    assert ask(port, "/v1/other", QUESTION)[0] == 404
    assert ask(port, "/other")[0] == 404


def test_one_connection_serves_several_requests_after_a_refusal(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    for key, status in [("no", 401), (KEY, 200), ("no", 401), (KEY, 200)]:
        headers = {"Authorization": f"Bearer {key}".encode()}
        connection.request("POST", "/v1/chat/completions", json.dumps(QUESTION).encode(), headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status
    connection.close()


def test_many_at_once(port: int) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(
            pool.map(
                lambda number: ask(
                    port,
                    "/v1/chat/completions",
                    {"messages": [{"role": "user", "content": f"n{number}"}]},
                ),
                range(64),
            )
        )
    assert all(
        status == 200 and f'last: n{number}"' in text
        for number, (status, kind, text) in enumerate(answers)
    )


def test_parts_of_a_message_are_read(chat: ModuleType) -> None:
    content = [
        {"type": "text", "text": "one"},
        {"type": "image_url", "image_url": {}},
        {"type": "text", "text": "two"},
    ]
    assert chat.answer({"model": "m", "messages": [{"role": "user", "content": content}]}).endswith(
        "last: one two"
    )


def test_key_comes_from_a_file_or_the_environment(
    chat: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "key"
    file.write_text("from-file\n")
    monkeypatch.setenv("STANDIN_API_KEY", "from-environment")
    assert chat.read_key(str(file)) == "from-file"
    assert chat.read_key(None) == "from-environment"
    monkeypatch.delenv("STANDIN_API_KEY")
    with pytest.raises(SystemExit):
        chat.read_key(None)
    with pytest.raises(ValueError, match="needs a key"):
        chat.StandIn("127.0.0.1", 0, "")
