"""What the units of model servers say."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    declaration as _declaration,
)
from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    unit as _unit,
)


def server(**change: Any) -> _declaration.Server:
    found, problems = _declaration.read(
        [{"name": "one", "server": "llama_cpp", "model": "/srv/one.gguf", "port": 8001, **change}]
    )
    assert problems == []
    return found[0]


VLLM = {"server": "vllm", "venv": "/opt/vllm", "gpus": [1], "vram": "20G"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "/usr/bin/llama-server -m /srv/one.gguf --alias one --host 127.0.0.1 --port 8001"),
        (
            {"task": "embedding", "arguments": ["--threads", 2]},
            "-m /srv/one.gguf --alias one --embedding --host 127.0.0.1 --port 8001 --threads 2",
        ),
        ({"server": "rerank"}, "--reranking"),
        (
            VLLM,
            (
                "/opt/vllm/bin/vllm serve /srv/one.gguf --host 127.0.0.1 --port 8001 "
                "--served-model-name one"
            ),
        ),
        (
            {"server": "command", "command": ["/bin/x", "--at", ":{port}", "{model}", "{alias}"]},
            "/bin/x --at :8001 /srv/one.gguf one",
        ),
        ({"boot": "on_demand"}, "--port 18001"),
    ],
)
def test_command_line(change: dict[str, Any], words: str) -> None:
    assert words in " ".join(_unit.command(server(**change)))


def test_a_server_sees_its_own_gpus_only() -> None:
    assert _unit.environment(server(gpus=[1, 0]), "/h")["CUDA_VISIBLE_DEVICES"] == "1,0"
    assert _unit.environment(server(), "/h")["CUDA_VISIBLE_DEVICES"] == ""
    assert _unit.environment(server(**VLLM), "/h")["HF_HUB_OFFLINE"] == "1"
    assert _unit.environment(server(environment={"HOME": "/x"}), "/h")["HOME"] == "/x"


def test_a_start_may_take_as_long_as_its_weights_need() -> None:
    assert _unit.start_timeout(server(), 0) == 120
    assert _unit.start_timeout(server(), (50 << 20) + 1) == 122
    assert _unit.start_timeout(server(**VLLM), 0) == 600
    assert _unit.start_timeout(server(start_timeout=7), 1 << 40) == 7
    assert (_unit.hold(server(), 120), _unit.hold(server(wait=5), 120)) == (120, 5)


@pytest.mark.parametrize("timeout", [1, 120, 7200])
@pytest.mark.parametrize("systemd", [252, 254])
def test_ten_failures_in_sequence_fall_into_the_interval(timeout: int, systemd: int) -> None:
    told = _unit.limits(timeout, systemd)
    longest = max(told["delay"], told["longest"] if told["steps"] else 0)
    assert told["starts"] == 10
    unit = _unit.describe(server(start_timeout=timeout), "litellm", 0, [], systemd)
    # the longest that a start can be: it times out, is told to stop, and is killed
    assert (
        told["starts"] * (unit["timeout_start"] + unit["timeout_stop"] + longest)
        <= unit["limits"]["interval"]
    )
    assert bool(told["steps"]) == (systemd >= 254)


def test_nothing_is_expanded_by_systemd() -> None:
    assert (
        _unit.quoted(["/bin/x", "50%", "$HOME", 'a "b" \\', "ü"])
        == '"/bin/x" "50%%" "$$HOME" "a \\"b\\" \\\\" "ü"'
    )
    assert _unit.assignments({"B": "5%", "A": "$x y"}) == ['"A=$x y"', '"B=5%%"']


@pytest.mark.parametrize(
    ("boot", "entry", "count"),
    [
        ("always", "litellm-model-one.service", 1),
        ("on_demand", "litellm-model-one.socket", 3),
        ("manual", "", 1),
    ],
)
def test_units(boot: str, entry: str, count: int) -> None:
    assert _unit.entry(server(boot=boot), "litellm") == entry
    assert len(_unit.names(server(boot=boot), "litellm")) == count


def test_what_the_templates_need() -> None:
    told = _unit.describe(
        server(**VLLM, environment_file="/etc/x%y"), "litellm", 0, ["/dev/nvidia0"], 252
    )
    assert (told["devices"], told["writes_code"], told["environment_file"], told["state"]) == (
        ["/dev/nvidia0"],
        True,
        "/etc/x%%y",
        "litellm-model/one",
    )
    chosen = server(settings={"Nice": 5, "LimitCORE": 0})
    told = _unit.describe(chosen, "litellm", 0, [], 252)
    assert told["settings"] == ["LimitCORE=0", "Nice=5"]
    plain = _unit.describe(server(), "litellm", 0, ["/dev/nvidia0"], 252)
    assert (plain["devices"], plain["writes_code"]) == ([], False)
