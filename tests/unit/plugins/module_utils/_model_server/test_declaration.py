"""Declarations of model servers: what is taken, what is refused, and what the host is told."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    declaration as _declaration,
)

EMBED = {
    "name": "embed",
    "server": "llama_cpp",
    "task": "embedding",
    "model": "/srv/embed.gguf",
    "port": 8082,
}


def read(*told: Any) -> tuple[list[_declaration.Server], list[str]]:
    return _declaration.read(told)


def test_a_declaration_gets_its_defaults() -> None:
    (server,), problems = read(EMBED)
    assert problems == []
    assert (server.binary, server.alias, server.boot, server.listens, server.health) == (
        "/usr/bin/llama-server",
        "embed",
        "always",
        8082,
        "/health",
    )
    assert read({**EMBED, "server": "rerank", "task": None})[0][0].task == "rerank"


def test_a_server_on_demand_listens_elsewhere() -> None:
    (server,), problems = read({**EMBED, "boot": "on_demand"})
    assert (problems, server.port, server.listens) == ([], 8082, 18082)
    assert read({**EMBED, "boot": "on_demand", "port": 60000})[1] == [
        "embed: backend_port must be another free port for a server on demand"
    ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "Embed!"}, "name"),
        ({"server": "ollama"}, "server"),
        ({"port": 0}, "port"),
        ({"model": "weights.gguf"}, "model"),
        ({"boot": "never"}, "boot"),
        ({"gpus": ["first"]}, "neither an index nor a UUID"),
        ({"gpus": [0, 0]}, "twice"),
        ({"vram": "12 apples", "gpus": [0]}, "vram"),
        ({"vram": "12G"}, "gpus names none"),
        ({"arguments": ["--host", "0.0.0.0"]}, "127.0.0.1 alone"),
        ({"arguments": ["--api-key=x"]}, "environment_file"),
        ({"environment": {"HF_TOKEN": "x"}}, "environment_file"),
        ({"environment": {"CUDA_VISIBLE_DEVICES": "0"}}, "`gpus`"),
        ({"settings": {"Nice": "1\nExecStart=/bin/sh"}}, "no directive"),
        ({"backend_port": 9000}, "boot: on_demand"),
        ({"task": "other"}, "warm_up"),
        ({"venv": "/opt/vllm"}, "server: vllm"),
        ({"command": ["/bin/true"]}, "server: command"),
        ({"modle": "/x"}, "modle"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_fault_is_named(change: dict[str, Any], words: str) -> None:
    _servers, problems = read({**EMBED, **change})
    assert problems and words in "\n".join(problems)


def test_every_fault_is_told_at_once() -> None:
    _servers, problems = read({**EMBED, "port": "x"}, EMBED, EMBED, 7)
    text = "\n".join(problems)
    assert all(
        words in text
        for words in (
            "embed: port",
            "name embed is declared",
            "port 8082 is declared 2 times",
            "declaration 4: must be a dictionary",
        )
    )


def test_a_backend_port_that_another_server_has_is_refused() -> None:
    assert (
        "is the port of two"
        in read(
            {**EMBED, "boot": "on_demand", "backend_port": 8001},
            {**EMBED, "name": "two", "port": 8001},
        )[1][0]
    )


@pytest.mark.parametrize(
    ("command", "words"),
    [([], "is missing"), (["serve", "{port}"], "absolute path"), (["/usr/bin/serve"], "{port}")],
)
def test_a_program_must_be_told_where_to_listen(command: list[str], words: str) -> None:
    assert words in "\n".join(
        read({"name": "x", "server": "command", "command": command, "port": 9000})[1]
    )


@pytest.mark.parametrize(
    ("told", "number"), [("800M", 800 << 20), ("1.5 GiB", 3 << 29), (7, 7), ("2k", 2048)]
)
def test_sizes(told: Any, number: int) -> None:
    assert _declaration.size(told) == number


@pytest.mark.parametrize("told", ["", "12X", "-1G", True])
def test_what_is_no_size(told: Any) -> None:
    with pytest.raises(ValueError, match=".*"):
        _declaration.size(told)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1 KiB"),
        (12 << 30, "12 GiB"),
        (3 << 29, "1.5 GiB"),
    ],
)
def test_sizes_for_people(number: int, words: str) -> None:
    assert _declaration.human(number) == words


def installed() -> _declaration.Installed:
    told = {
        **EMBED,
        "gpus": [0],
        "environment": {"A": "b"},
        "warm_up": {"path": "/v1/x", "body": {"a": 1}},
    }
    return _declaration.Installed(read(told)[0][0], "litellm-model-embed.service", "litellm-model")


def test_what_the_host_is_told_comes_back_without_environment(tmp_path: Path) -> None:
    (tmp_path / "embed.json").write_text(_declaration.dump(installed()), encoding="utf-8")
    back = _declaration.load("embed", str(tmp_path), os.geteuid())
    assert back == installed()._replace(server=installed().server._replace(environment={}))


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        (None, 0o644, "cannot be read"),
        ("{", 0o644, "is not what the role"),
        ('{"format": 9}', 0o644, "another release"),
        ("", 0o666, "is not what"),
        ('{"format": 1, "server": {}}', 0o644, "is not what the role"),
    ],
)
def test_a_file_that_cannot_be_trusted_or_read(
    tmp_path: Path, text: Any, mode: int, words: str
) -> None:
    if text is not None:
        (tmp_path / "embed.json").write_text(text, encoding="utf-8")
        (tmp_path / "embed.json").chmod(mode)
    with pytest.raises(_declaration.DeclarationError, match=words):
        _declaration.load("embed", str(tmp_path), os.geteuid())


def test_a_link_or_a_pipe_in_place_of_a_declaration_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text(_declaration.dump(installed()), encoding="utf-8")
    (tmp_path / "embed.json").symlink_to(tmp_path / "other.json")
    os.mkfifo(tmp_path / "chat.json")
    for name in ("embed", "chat"):
        with pytest.raises(_declaration.DeclarationError, match="cannot be read"):
            _declaration.load(name, str(tmp_path), os.geteuid())


def test_a_file_that_others_can_write_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "embed.json"
    path.write_text(_declaration.dump(installed()), encoding="utf-8")
    path.chmod(0o666)
    with pytest.raises(_declaration.DeclarationError, match="writable for nobody else"):
        _declaration.load("embed", str(tmp_path), os.geteuid())
    path.chmod(0o644)
    with pytest.raises(_declaration.DeclarationError, match="must belong to"):
        _declaration.load("embed", str(tmp_path), os.geteuid() + 1)
    with pytest.raises(_declaration.DeclarationError, match="no name"):
        _declaration.load("../embed", str(tmp_path))
