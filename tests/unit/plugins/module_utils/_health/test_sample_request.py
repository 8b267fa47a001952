"""Small requests that show whether a model answers, and what is kept of an answer."""

from __future__ import annotations

from collections.abc import Iterator

import fake_proxy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.llmops.litellm.plugins.module_utils._health import (
    sample_request as _sample_request,
)
from ansible_collections.llmops.litellm.plugins.module_utils._litellm.client import (
    Client,
)


@pytest.fixture
def proxy() -> Iterator[fake_proxy.FakeProxy]:
    with fake_proxy.serve() as running:
        yield running


@pytest.mark.parametrize(
    "body",
    [
        'data: {"choices": [{"delta": {"content": "x"}}]}\n\n',
        (
            'data: {"choices": [{"delta": {"content": "x"}}]}\n\ndata: {"error": {"message": '
            '"x"}}\n\ndata: [DONE]\n\n'
        ),
        "data: {\n\ndata: [DONE]\n\n",
    ],
    ids=["not done", "error", "broken"],
)
def test_a_stream_must_come_to_its_end(proxy: fake_proxy.FakeProxy, body: str) -> None:
    proxy.replies["/v1/chat/completions"] = (200, body)
    results = _sample_request.exercise(Client(proxy.url, fake_proxy.MASTER), "chat", "chat")
    assert [result["ok"] for result in results] == [False, False]


def test_a_mode_without_a_request_is_said_so(proxy: fake_proxy.FakeProxy) -> None:
    (result,) = _sample_request.exercise(
        Client(proxy.url, fake_proxy.MASTER), "chat", "image_generation"
    )
    assert not result["ok"] and "no request" in result["detail"]["reason"]


@given(
    st.lists(
        st.floats(-1e6, 1e6).filter(lambda value: abs(value) > 1e-3), min_size=1, max_size=300
    ),
    st.floats(1e-3, 1e3),
)
def test_sketches_do_not_depend_on_scale_and_tell_the_opposite(
    vector: list[float], scale: float
) -> None:
    here, scaled = (
        _sample_request.sketch(vector),
        _sample_request.sketch([value * scale for value in vector]),
    )
    assert max(abs(a - b) for a, b in zip(here, scaled)) < _sample_request.NEAR / 10
    assert len(here) == _sample_request.SKETCH
