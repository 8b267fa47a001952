"""Command lines that run LiteLLM, and those of wrappers, which do not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    proxy_command as _proxy_command,
)

WORD = st.text("abcdefgh-/_.@0123456789", min_size=1, max_size=8).filter(
    lambda word: not word.startswith("-")
)
NAMES = st.sampled_from(["--num_workers", "--request_timeout", "--detailed_debug", "--telemetry"])
OPTIONS = st.lists(st.tuples(NAMES, st.lists(WORD, max_size=2)), max_size=5)


@pytest.mark.parametrize(
    ("argv", "host", "port", "config", "options"),
    [
        (
            "litellm --config /a/c.yaml --host 127.0.0.1 --port 4000",
            "127.0.0.1",
            4000,
            "/a/c.yaml",
            [],
        ),
        (
            "/v/bin/litellm -c c.yaml -p 4000 --num_workers 1",
            None,
            4000,
            "c.yaml",
            ["--num_workers", "1"],
        ),
        (
            "/v/bin/python3 /v/bin/litellm --port=4001 --config=c.yaml --telemetry=False",
            None,
            4001,
            "c.yaml",
            ["--telemetry", "False"],
        ),
        ("litellm --detailed_debug --config c.yaml", None, None, "c.yaml", ["--detailed_debug"]),
        ("litellm", None, None, None, []),
        ("/v/bin/python -m litellm.proxy.proxy_cli --port 4000", None, 4000, None, []),
        ("/v/bin/python /v/lib/litellm/proxy/proxy_cli.py --port 4000", None, 4000, None, []),
        ("litellm --port x", None, None, None, []),
    ],
    ids=[
        "plain",
        "short",
        "with equals signs",
        "a switch",
        "nothing",
        "as a module",
        "as a file",
        "no number",
    ],
)
def test_command_line_is_read(
    argv: str, host: Any, port: Any, config: Any, options: list[str]
) -> None:
    assert _proxy_command.parse_command(argv.split()) == {
        "host": host,
        "port": port,
        "config": config,
        "options": options,
    }


@given(OPTIONS)
def test_other_options_come_along_as_they_are(options: list[tuple[str, list[str]]]) -> None:
    words = [part for name, values in options for part in (name, *values)]
    assert (
        _proxy_command.parse_command(["litellm", "--port", "4000", *words, "--config", "c.yaml"])[
            "options"
        ]
        == words
    )


@given(NAMES, st.text("ab=-/.1 ", max_size=8))
def test_equals_sign_is_a_space_once(name: str, value: str) -> None:
    assert _proxy_command.parse_command(
        ["litellm", "--port=4000", "%s=%s" % (name, value), "--config=c=d.yaml"]
    ) == {"host": None, "port": 4000, "config": "c=d.yaml", "options": [name, value]}


APP = "litellm.proxy.proxy_server:app"


@pytest.mark.parametrize(
    ("argv", "name", "words", "anonymous"),
    [
        ("/v/bin/python3 /v/bin/litellm --port 4000", "litellm", "--port 4000", False),
        ("/v/bin/python -u -X dev /v/bin/litellm -c a", "litellm", "-c a", False),
        ("/v/bin/python -Xdev -W ignore -m litellm.proxy.proxy_cli -c a", "litellm", "-c a", True),
        ("python3.12 -Bm litellm.proxy.proxy_cli", "litellm", "", True),
        ("python3 -mlitellm.proxy.proxy_cli -c a", "litellm", "-c a", True),
        ("python3 --check-hash-based-pycs never /v/bin/litellm", "litellm", "", False),
        ("python3 /src/litellm/proxy/proxy_cli.py --port 1", "litellm", "--port 1", False),
        ("/opt/litellm --config x", "litellm", "--config x", False),
        ("/v/bin/python /v/bin/uvicorn %s --port 1" % APP, "uvicorn", APP + " --port 1", False),
        ("/v/bin/python -m uvicorn %s" % APP, "uvicorn", APP, True),
        ("python -m gunicorn.app.wsgiapp -w 2 " + APP, "gunicorn", "-w 2 " + APP, True),
        ("/v/bin/python /v/bin/hypercorn " + APP, "hypercorn", APP, False),
        ("/v/bin/python /v/bin/granian --interface asgi " + APP, "granian", None, False),
        ("/nix/store/x/bin/python3.12 /nix/store/y/bin/.litellm-wrapped", "litellm", "", False),
        ("/nix/store/x/bin/python3.12 /nix/store/y/bin/.litellm-wrapped_", "litellm", "", False),
        ("/gnu/store/x/bin/python3 /gnu/store/y/bin/.litellm-real -c a", "litellm", "-c a", False),
        ("/x/bin/python3.12 /y/bin/.uvicorn-wrapped " + APP, "uvicorn", APP, False),
    ],
)
def test_program_is_known(argv: str, name: str, words: Any, anonymous: bool) -> None:
    found = _proxy_command.program(argv.split())
    assert found
    assert (found.name, found.anonymous, found.titled) == (name, anonymous, False)
    assert words is None or found.words == tuple(words.split())


def test_code_that_starts_it_is_known() -> None:
    argv = ["python", "-c", "from litellm import run_server; run_server()", "--port", "4000"]
    joined = ["python", "-mlitellm.proxy.proxy_cli"]
    assert _proxy_command.is_proxy(joined)
    assert joined == ["python", "-mlitellm.proxy.proxy_cli"]
    found = _proxy_command.program(argv)
    assert found
    assert (found.words, found.anonymous) == (("--port", "4000"), True)


@pytest.mark.parametrize("role", ["master", "worker"])
def test_title_of_gunicorn_is_known(role: str) -> None:
    found = _proxy_command.program(["gunicorn: %s [%s]" % (role, APP), "", ""])
    assert found
    assert (found.name, found.titled) == ("gunicorn", True)


@pytest.mark.parametrize(
    "argv",
    [
        "/bin/bash -c exec_litellm",
        "/bin/bash /opt/litellm/start.sh",
        "/c/bin/python /c/bin/conda run -n litellm --no-capture-output litellm --port 4000",
        "micromamba run -n litellm litellm",
        "/usr/bin/uv run --env-file .env litellm --port 4000",
        "uv tool uvx --from litellm[proxy] litellm",
        "/usr/bin/python3 /usr/bin/pipx run litellm",
        "/usr/bin/python3 /usr/bin/poetry run litellm",
        "/usr/bin/tini -- litellm",
        "/v/bin/python /v/bin/uvicorn other:app",
        "/v/bin/python /v/bin/litellm-proxy keys list",
        "/v/bin/python -c from_multiprocessing.spawn_import_spawn_main",
        "/v/bin/python -B",
        "/nix/store/x/bin/bash -e /nix/store/y/bin/litellm --port 4000",
        "/x/bin/python3 /y/bin/.litellm-proxy-wrapped",
        "python3 -",
        "python3",
        "",
    ],
)
def test_wrapper_is_none(argv: str) -> None:
    assert _proxy_command.program(argv.split()) is None
    assert not _proxy_command.is_proxy(argv.split())


@pytest.mark.parametrize(
    "argv",
    [
        "python -mlitellm --config c",
        "python -Bumlitellm --config c",
        "python -Wignore -m litellm --config c",
        "python -X dev -mlitellm --config c",
        "/v/bin/python3.13t /v/bin/litellm --config c",
    ],
)
def test_litellm_is_found_behind_every_option_of_the_interpreter(argv: str) -> None:
    """Its name ends like the option -m; Python without its lock has another name."""
    found = _proxy_command.program(argv.split())
    assert found and (found.name, found.words) == ("litellm", ("--config", "c"))
