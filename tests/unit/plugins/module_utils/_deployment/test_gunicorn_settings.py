"""What gunicorn reads beside its command line is read, and nothing of it run."""

from __future__ import annotations

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    gunicorn_settings as _gunicorn_settings,
)
from ansible_collections.llmops.litellm.plugins.module_utils._deployment.gunicorn_settings import (
    Read,
)

# As gunicorn's documentation and LiteLLM's users have it.
TYPICAL = '''"""Gunicorn."""
import multiprocessing
import os

bind = ["0.0.0.0:4000", "[::]:4000"]
worker_class = "uvicorn.workers.UvicornWorker"
workers: int = 4
timeout = 120
certfile, = ("x",)
certfile = "/etc/ssl/proxy.pem"
keyfile = '/etc/ssl/proxy.key'
keepalive = 5
preload_app = True
accesslog = errorlog = "-"
helper = multiprocessing.cpu_count()
raw_env = ["LITELLM_MODE=PRODUCTION", "A=b=c"]


def on_starting(server):
    timeout = 1
'''


def test_file_is_read_as_options() -> None:
    found = _gunicorn_settings.parse(TYPICAL)
    assert dict(zip(found.words[::2], found.words[1::2])) == {
        "--bind": "0.0.0.0:4000",
        "--workers": "4",
        "--certfile": "/etc/ssl/proxy.pem",
        "--keyfile": "/etc/ssl/proxy.key",
        "--keep-alive": "5",
    }
    assert found.left == ("timeout", "on_starting")
    assert found.variables == ("LITELLM_MODE", "A")
    assert found.computed == ()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", Read()),
        ("workers = 2 * 8 + 1", Read(left=("workers",))),
        ("workers = 2\nif x:\n    workers = 3", Read(left=("workers",))),
        ("if x:\n    workers = 3\nworkers = 2", Read(("--workers", "2"))),
        ("keyfile = os.environ['KEY']", Read(computed=("keyfile",))),
        ("certfile = None\nkeyfile = ''", Read()),
        ("raw_env = ['A=' + secret()]", Read(computed=("raw_env",))),
        ("raw_env = 'A=1'", Read(computed=("raw_env",))),
        ("workers = True", Read()),
        ("bind = []", Read()),
        ("workers += 1", Read(left=("workers",))),
        ("def post_fork(server, worker): pass", Read(left=("post_fork",))),
        ("class workers: pass\nimport timeout", Read()),
        ("open('/tmp/ran', 'w')", Read()),
    ],
)
def test_what_is_not_written_there_is_known_as_such(text: str, found: Read) -> None:
    assert _gunicorn_settings.parse(text) == found


@pytest.mark.parametrize("text", ["bind = ", "(" * 5000, "\0"])
def test_what_is_no_python_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="is no Python"):
        _gunicorn_settings.parse(text)


@pytest.mark.parametrize(
    ("named", "path"),
    [
        ("gunicorn.conf.py", "/srv/litellm/gunicorn.conf.py"),
        ("/etc/gunicorn.py", "/etc/gunicorn.py"),
        ("file:conf/g.py", "/srv/litellm/conf/g.py"),
        ("python:litellm_conf", ""),
    ],
)
def test_file_is_found_as_gunicorn_finds_it(named: str, path: str) -> None:
    assert _gunicorn_settings.place(named, "/srv/litellm") == path
