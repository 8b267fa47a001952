"""Options of uvicorn, gunicorn, hypercorn and granian in LiteLLM's words."""

from __future__ import annotations

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    server_options as _server_options,
)
from ansible_collections.llmops.litellm.plugins.module_utils._deployment.proxy_command import (
    Program,
)

APP = "litellm.proxy.proxy_server:app"


@pytest.mark.parametrize(
    ("server", "words", "host", "port", "options", "left"),
    [
        ("uvicorn", "", None, None, "", ""),
        (
            "uvicorn",
            "--host 0.0.0.0 --port=4000 --workers 4 --loop uvloop",
            "0.0.0.0",
            4000,
            "--num_workers 4",
            "",
        ),
        (
            "uvicorn",
            "--ssl-keyfile /k --ssl-certfile /c --timeout-keep-alive 75 --log-config l.json",
            None,
            None,
            "--ssl_keyfile_path /k --ssl_certfile_path /c --keepalive_timeout 75 "
            "--log_config l.json",
            "",
        ),
        (
            "uvicorn",
            "--proxy-headers --forwarded-allow-ips * --root-path /llm --reload --port 1",
            None,
            1,
            "",
            "--proxy-headers --forwarded-allow-ips --root-path --reload",
        ),
        (
            "gunicorn",
            "-k uvicorn.workers.UvicornWorker -w2 -b 127.0.0.1:4000 --timeout 600 --preload",
            "127.0.0.1",
            4000,
            "--num_workers 2",
            "--timeout",
        ),
        (
            "gunicorn",
            "--bind [::1]:4000 --certfile /c --keyfile /k --max-requests 9 -c conf.py",
            "::1",
            4000,
            "--ssl_certfile_path /c --ssl_keyfile_path /k --max_requests_before_restart 9",
            "",
        ),
        ("gunicorn", "-b :4000 --capture-output", None, 4000, "", ""),
        ("gunicorn", "-b unix:/run/a.sock", None, None, "", ""),
        ("hypercorn", "-b 10.0.0.7:80 -w 3 --http2", "10.0.0.7", 80, "--num_workers 3", "--http2"),
        (
            "granian",
            "--interface asgi --host 0.0.0.0 --port 4000 --workers 2 --ssl-certificate /c",
            "0.0.0.0",
            4000,
            "--num_workers 2 --ssl_certfile_path /c",
            "",
        ),
    ],
)
def test_what_litellm_has_is_said_in_its_words(
    server: str, words: str, host: str, port: int, options: str, left: str
) -> None:
    for line in (APP + " " + words, words + " " + APP):
        if line.endswith(("--reload " + APP, "--http2 " + APP)):
            continue  # what follows a switch that is not known here is taken for its value
        found = _server_options.translated(Program(server, tuple(line.split())), {})
        assert found.command == {
            "host": host,
            "port": port,
            "config": None,
            "options": options.split(),
        }
        assert found.left == tuple(left.split())


def test_options_of_a_file_come_before_those_of_the_command_line() -> None:
    started = Program("gunicorn", ("-c", "conf.py", "-w", "2", APP))
    found = _server_options.translated(started, {}, ("--workers", "4", "--bind", ":4000"))
    assert found.settings == "conf.py"
    assert (found.command["port"], found.command["options"]) == (4000, ["--num_workers", "2"])


def test_files_and_variables_of_a_server_are_known() -> None:
    found = _server_options.translated(
        Program("uvicorn", (APP, "--env-file", "a.env", "--port", "1")), {}
    )
    assert (found.files, found.left) == (("a.env",), ())
    found = _server_options.translated(
        Program("gunicorn", (APP, "-e", "A=b=c", "--env=C=d", "-w", "2")), {}
    )
    assert (dict(found.variables), found.command["options"]) == (
        {"A": "b=c", "C": "d"},
        ["--num_workers", "2"],
    )


@pytest.mark.parametrize(
    ("server", "words", "environment", "options", "port"),
    [
        ("uvicorn", "", {"WEB_CONCURRENCY": "3"}, "--num_workers 3", None),
        ("uvicorn", "--workers 2", {"WEB_CONCURRENCY": "3"}, "--num_workers 2", None),
        ("uvicorn", "", {"UVICORN_PORT": "4000", "UVICORN_WORKERS": "2"}, "--num_workers 2", 4000),
        ("uvicorn", "--port 1", {"UVICORN_PORT": "4000"}, "", 1),
        ("gunicorn", "-w 2", {"GUNICORN_CMD_ARGS": "-b :4000 -w 9"}, "--num_workers 2", 4000),
        ("gunicorn", "-w 2", {"GUNICORN_CMD_ARGS": "'never closed"}, "--num_workers 2", None),
        ("hypercorn", "", {"WEB_CONCURRENCY": "3"}, "", None),
        ("granian", "", {"GRANIAN_WORKERS": "3"}, "--num_workers 3", None),
    ],
)
def test_command_line_counts_before_the_environment(
    server: str, words: str, environment: dict[str, str], options: str, port: int
) -> None:
    found = _server_options.translated(Program(server, tuple(words.split())), environment)
    assert (found.command["options"], found.command["port"]) == (options.split(), port)
