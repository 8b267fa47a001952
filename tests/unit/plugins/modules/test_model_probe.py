"""The module model_probe: what it asks, keeps and refuses."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Callable

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.llmops.litellm.plugins.modules import (
    model_probe,
)

KEY = "sk-hunter2-4f9c0b7ad2e15386"


Run = Callable[..., dict[str, Any]]


@pytest.fixture
def proxy() -> Iterator[Any]:
    """A proxy with one model of this host, which repeats itself."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            row = {
                "model_name": "here",
                "litellm_params": {"model": "openai/here", "api_base": "http://127.0.0.1:9"},
                "model_info": {"mode": "completion"},
            }
            known = self.headers.get("Authorization") == "Bearer " + KEY
            self.reply({"data": [{**row, "id": "here"}]} if known else {}, 200 if known else 401)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            server.asked += 1
            self.reply({"choices": [{"text": "Hello"}]}, server.status)

        def reply(self, body: Any, status: int) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_words: Any) -> None:
            pass

    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.status = 0, 200
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def run(proxy: Any, bare_host: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a module with settings of its own and returns what it printed."""
    (tmp_path / "state").mkdir()
    (tmp_path / "env").write_text("LITELLM_MASTER_KEY=%s\n" % KEY)
    (tmp_path / "config.yaml").write_text(
        "model_list:\n- {model_name: here, litellm_params: {model: openai/here, api_base: http://127.0.0.1:9}}\n"
    )
    (tmp_path / "settings.json").write_text(
        json.dumps(
            {
                "format": 1,
                "state_dir": str(tmp_path / "state"),
                "project": {"name": "litellm", "folder": str(tmp_path / "project")},
                "legacy": {"unit": "no-such-unit.service"},
                "deployments": {
                    "legacy": {
                        "url": "http://127.0.0.1:%d" % proxy.server_port,
                        "key_file": str(tmp_path / "env"),
                        "units": [],
                        "config": str(tmp_path / "config.yaml"),
                    }
                },
            }
        )
    )
    (tmp_path / "settings.json").chmod(0o600)

    def call(module: Any, check: bool = False, **params: Any) -> dict[str, Any]:
        with (
            patch_module_args(
                {
                    "settings": str(tmp_path / "settings.json"),
                    **params,
                    "_ansible_check_mode": check,
                }
            ),
            pytest.raises(SystemExit),
        ):
            module.main()
        shown = capsys.readouterr().out
        assert "hunter2" not in shown
        return json.loads(shown)

    return call


def test_probe_in_check_mode_says_what_it_would_ask(run: Run, proxy: Any, tmp_path: Path) -> None:
    told = run(model_probe, check=True)
    assert (told["changed"], told["plan"], proxy.asked) == (
        True,
        [{"model": "here", "capability": "completion"}],
        0,
    )
    assert (
        told["screen"] == ["would ask here: completion"]
        and list((tmp_path / "state").iterdir()) == []
    )
    assert not run(model_probe, check=True, names=["other"])["changed"]


def test_probe_keeps_its_report(run: Run, proxy: Any, tmp_path: Path) -> None:
    told = run(model_probe)
    assert (told["changed"], told["outcome"], proxy.asked) == (True, "healthy", 1)
    assert told["page"] == (tmp_path / "state/probe.html").read_text() and told["paths"][
        "json"
    ] == str(tmp_path / "state/probe.json")
    assert told["findings"] == [
        "unreachable: here (config, line 2): the server at http://127.0.0.1:9 refuses connections"
    ]
    proxy.status = 500
    assert run(model_probe, requests=5)["outcome"] == "failed"


def test_settings_that_are_wrong_are_said(run: Run, tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text("{}")
    told = run(model_probe)
    assert told["failed"] and "format is missing" in told["msg"]


def test_proxy_that_does_not_answer_is_said(run: Run) -> None:
    told = run(model_probe, url="http://127.0.0.1:9")
    assert told["failed"] and "no answer from the proxy" in told["msg"]
