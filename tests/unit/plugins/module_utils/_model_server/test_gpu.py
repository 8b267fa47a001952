"""GPUs: nvidia-smi's answers in the form that its manual documents, since no test host has one; and
the sums.
"""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process
from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    declaration as _declaration,
)
from ansible_collections.llmops.litellm.plugins.module_utils._model_server import gpu as _gpu

GIB = 1 << 30
TEXT = (
    "0, GPU-aaaaaaaa-1111, NVIDIA L4, 24576, 20480\n1, GPU-bbbbbbbb-2222, NVIDIA L4, 24576, 1024\n"
)
USERS = "4711, GPU-bbbbbbbb-2222, 22528\n"
FOUND = _gpu.Gpus(_gpu.parse(TEXT, USERS), "")


def server(name: str = "chat", **change: Any) -> _declaration.Server:
    told = {
        "name": name,
        "server": "llama_cpp",
        "model": "/srv/x.gguf",
        "port": 8001,
        "gpus": [0],
        "vram": "12G",
        **change,
    }
    found, problems = _declaration.read([told])
    assert problems == []
    return found[0]


def test_what_nvidia_smi_tells() -> None:
    first, second = FOUND.found
    assert (first.number, first.total, first.free, first.users) == (0, 24 * GIB, 20 * GIB, {})
    assert second.users == {4711: 22 * GIB}
    assert _gpu.parse("No devices were found\n") == []
    assert _gpu.parse("0, GPU-x, Thor, [N/A], [N/A]\n")[0].total == 0


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (_process.Result(127, "", ""), "this host has no nvidia-smi"),
        (_process.Result(9, "", "driver\nNot loaded"), "nvidia-smi: Not loaded"),
        (_process.Result(0, "", ""), "nvidia-smi names no GPU"),
    ],
)
def test_a_host_without_gpus_says_why(
    monkeypatch: pytest.MonkeyPatch, result: _process.Result, reason: str
) -> None:
    monkeypatch.setattr(_process, "run", lambda *_words, **_more: result)
    assert _gpu.inspect() == _gpu.Gpus([], reason)


@pytest.mark.parametrize(
    ("word", "number"),
    [("1", 1), ("GPU-bbbbbbbb", 1), ("gpu-AAAAAAAA-1111", 0), ("2", None), ("GPU-", None)],
)
def test_by_index_and_uuid(word: str, number: Any) -> None:
    found = _gpu.gpu_of(word, FOUND.found)
    assert (found and found.number) == number


def test_a_gpu_that_is_not_there_is_refused() -> None:
    assert _gpu.missing([server()], FOUND) == []
    assert _gpu.missing([server(gpus=[7])], FOUND)[0].startswith(
        "chat: GPU 7 is declared and not there: this host has 0 (GPU-"
    )
    assert (
        "no nvidia-smi" in _gpu.missing([server()], _gpu.Gpus([], "this host has no nvidia-smi"))[0]
    )


def test_the_sum_of_declarations_fits() -> None:
    two = [server(), server("other", gpus=["GPU-aaaaaaaa-1111"], vram="12G")]
    assert _gpu.overcommitted(two, FOUND) == []
    three = [*two, server("third", vram="1M")]
    assert _gpu.overcommitted(three, FOUND) == [
        (
            "GPU 0 (NVIDIA L4) has 24 GiB, and 24 GiB are declared for it: chat 12 GiB, "
            "other 12 GiB, third 1 MiB"
        )
    ]
    assert _gpu.overcommitted([*two, server("third", boot="manual")], FOUND) == []


def test_memory_must_be_free_and_its_own_counts() -> None:
    assert _gpu.full(server(), FOUND, {}, "own.service") == []
    assert _gpu.full(server(gpus=[1]), FOUND, {4711: "other.service"}, "own.service") == [
        (
            "chat: needs 12 GiB on GPU 1 (NVIDIA L4), of which 1 GiB are free (held: 22 GiB "
            "by other.service)"
        )
    ]
    assert _gpu.full(server(gpus=[1]), FOUND, {4711: "own.service"}, "own.service") == []
