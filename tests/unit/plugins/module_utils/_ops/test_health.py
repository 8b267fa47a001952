"""litellm-ops health, probe and inventory, against a small proxy that answers over HTTP: what they
say, keep and exit with.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Callable

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._health import checks as _checks
from ansible_collections.llmops.litellm.plugins.module_utils._health import probe as _probe
from ansible_collections.llmops.litellm.plugins.module_utils._health.checks import Check
from ansible_collections.llmops.litellm.plugins.module_utils._ops import cli as _cli
from ansible_collections.llmops.litellm.plugins.module_utils._ops import health as _health

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=timezone.utc)
KEY = "sk-hunter2-4f9c0b7ad2e15386"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def proxy() -> Iterator[Any]:
    """A proxy with a local model ``here`` that claims tools and has none, and one elsewhere that
    would cost money.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers.get("Authorization") != "Bearer " + KEY:
                return self.reply({}, 401)
            server.got.append(self.path)
            return self.reply(
                server.told.get(self.path, {}), 200 if self.path in server.told else 404
            )

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.asked.append(asked["model"])
            if asked.get("stream"):
                events = (
                    "".join(
                        "data: %s\n\n" % json.dumps({"choices": [{"delta": {"content": word}}]})
                        for word in ("one", "two")
                    )
                    + "data: [DONE]\n\n"
                )
                return self.reply(events, 200)
            return self.reply(
                {"choices": [{"message": {"content": "PELICAN"}}], "usage": {"total_tokens": 5}},
                200,
            )

        def reply(self, body: Any, status: int) -> None:
            data = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_words: Any) -> None:
            pass

    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    models = [
        {
            "model_name": "here",
            "litellm_params": {"model": "openai/here", "api_base": "http://127.0.0.1:9/v1"},
            "model_info": {"mode": "chat", "supports_function_calling": True},
        },
        {
            "model_name": "best",
            "litellm_params": {"api_base": "http://127.0.0.1:9/v1"},
            "model_info": {"mode": "chat"},
        },  # as it lists an alias
        {
            "model_name": "paid",
            "litellm_params": {"model": "openai/paid", "api_key": "sk-hunter2"},
            "model_info": {"mode": "chat"},
        },
    ]
    server.told = {
        "/model/info": {"data": models},
        "/v1/models": {"data": [{"id": "here"}, {"id": "paid"}, {"id": "best"}]},
        "/get/config/callbacks": {
            "router_settings": {
                "model_group_alias": {"best": "here"},
                "fallbacks": [{"here": ["lost"]}],
            }
        },
    }
    server.asked, server.got = [], []
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def run(
    proxy: Any,
    bare_host: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Run]:
    """Run the command; its exit code and what it printed."""
    (tmp_path / "env").write_text("LITELLM_MASTER_KEY=%s\n" % KEY)
    (tmp_path / "config.yaml").write_text(
        "model_list:\n- model_name: here\n  litellm_params: {model: openai/here, "
        "api_base: http://127.0.0.1:9/v1}\n"
        "- {model_name: paid, litellm_params: {model: openai/paid}}\n"
    )
    (tmp_path / "settings.json").write_text(
        json.dumps(
            {
                "format": 1,
                "state_dir": str(tmp_path),
                "project": {"name": "litellm", "folder": str(tmp_path / "project")},
                "legacy": {"unit": "no-such-unit.service"},
                "health": {
                    "metrics": str(tmp_path / "litellm.prom"),
                    "alarm_after": 2,
                    "all_clear_after": 1,
                },
                "deployments": {
                    "legacy": {
                        "url": "http://127.0.0.1:%d" % proxy.server_port,
                        "key_file": str(tmp_path / "env"),
                        "config": str(tmp_path / "config.yaml"),
                        "units": [],
                    }
                },
            }
        )
    )
    (tmp_path / "settings.json").chmod(0o600)
    monkeypatch.setattr(_health, "now", lambda: NOW)
    before = signal.getsignal(signal.SIGTERM)

    def call(*words: str) -> tuple[int, str, str]:
        code = _cli.main([words[0], "--settings", str(tmp_path / "settings.json"), *words[1:]])
        told = capsys.readouterr()
        assert "hunter2" not in told.out + told.err
        return code, told.out, told.err

    yield call
    signal.signal(signal.SIGTERM, before)
    for path in tmp_path.glob("probe*"):
        assert "hunter2" not in path.read_text()


def looks(monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    monkeypatch.setattr(
        _checks,
        "run",
        lambda target, now: [
            Check("redis", "ok", "answers", 0.01),
            Check("liveness", state, "as it is", 0.5),
        ],
    )


@pytest.mark.parametrize(
    ("state", "code", "word"),
    [
        ("ok", 0, "healthy"),
        ("degraded", 1, "degraded"),
        ("failed", 2, "failed"),
        ("unknown", 3, "unknown"),
    ],
)
def test_exit_code_is_the_outcome(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, state: str, code: int, word: str
) -> None:
    looks(monkeypatch, state)
    told = run("health")
    assert told[0] == code and told[1].splitlines()[-1] == "%s  the legacy deployment" % word.ljust(
        8
    )
    assert json.loads(run("health", "--json")[1]) == {
        "outcome": word,
        "kind": "legacy",
        "checks": [
            {"name": "redis", "state": "ok", "detail": "answers", "seconds": 0.01},
            {"name": "liveness", "state": state, "detail": "as it is", "seconds": 0.5},
        ],
    }
    assert not (tmp_path / "health.jsonl").exists()  # who only looks leaves nothing


def test_unit_fails_only_when_an_alarm_begins(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    codes, events = [], []
    for state in ("degraded", "failed", "unknown", "failed", "failed", "ok"):
        looks(monkeypatch, state)
        code, out, _err = run("health", "--watch", "--json")
        codes.append(code)
        events.append(json.loads(out)["event"])
    assert codes == [0, 0, 0, 2, 0, 0] and events == [None, None, None, "alarm", None, "all-clear"]
    assert (tmp_path / "litellm.prom").stat().st_mode & 0o777 == 0o644 and "litellm_health 0\n" in (
        tmp_path / "litellm.prom"
    ).read_text()
    assert len((tmp_path / "health.jsonl").read_text().splitlines()) == 6
    assert json.loads((tmp_path / "health.json").read_text())["outcome"] == "healthy"


def test_real_look_at_a_proxy_without_anything_else(run: Run) -> None:
    code, out, _err = run("health", "--json")
    checks = {check["name"]: check["state"] for check in json.loads(out)["checks"]}
    # it answers 401 to a key that nobody has, and has no /health
    assert (checks["bogus key"], checks["liveness"], code) == ("ok", "failed", 2)


def test_wrong_settings_and_words_are_no_failed_deployment(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("health", "--check-settings")[0] == 0
    for words in (
        ["health", "--nosuch"],
        ["probe", "--requests", "-1"],
        ["probe", "--scope", "paid"],
    ):
        with pytest.raises(SystemExit) as ended:
            _cli.main(words)
        assert ended.value.code == 3
    assert "error:" in capsys.readouterr().err
    (tmp_path / "settings.json").write_text("{}")
    code, out, _err = run("health")
    assert code == 3 and "format is missing" in out


def test_probe_tells_keeps_and_compares(run: Run, proxy: Any, tmp_path: Path) -> None:
    code, out, err = run("probe", "--page", str(tmp_path / "page.html"))
    assert code == 1 and set(proxy.asked) == {"here"}
    assert (
        "here, tools: no" in err
        and "differs    here, tools: declared, not seen (no tool was called)" in out
    )
    assert "inventory  fallback: fallbacks: here falls back to lost, which is no model" in out
    assert (tmp_path / "page.html").read_text() == (tmp_path / "probe.html").read_text()
    assert (tmp_path / "page.html").stat().st_mode & 0o777 == 0o644 and (
        tmp_path / "probe.json"
    ).stat().st_mode & 0o777 == 0o600
    told = json.loads((tmp_path / "probe.json").read_text())
    told["memory"] = [{**entry, "shown": "yes"} for entry in told["memory"]]
    (tmp_path / "probe.json").write_text(json.dumps(told))
    again = json.loads(run("probe", "--json")[1])
    assert "here, tools: yes became no" in again["drift"] and again["before"] == told["time"]


def test_only_what_was_named_is_asked_and_within_the_budget(run: Run, proxy: Any) -> None:
    code, out, _err = run("probe", "--scope", "all", "--requests", "1", "--json", "pa*")
    told = json.loads(out)
    assert (code, told["outcome"], proxy.asked) == (3, "unknown", ["paid"])
    assert {row["why"] for row in told["rows"][1:]} == {"the budget is used up"}
    assert {model["name"]: model["left_out"] for model in told["models"]} == {
        "best": "another name for here",
        "here": "not named",
        "paid": None,
    }


def test_probe_that_is_ended_goes_on_the_next_time(
    run: Run, proxy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, count = _probe.ask, []

    def ask(client: Any, task: Any) -> dict[str, Any]:
        count.append(task.capability.name)
        if len(count) == 3:
            os.kill(os.getpid(), signal.SIGTERM)  # as systemd does
        return real(client, task)

    monkeypatch.setattr(_probe, "ask", ask)
    code, out, _err = run("probe")
    assert code == 130 and "the next run goes on from there" in out
    asked = len(proxy.asked)
    code, _out, err = run("probe")
    assert code == 1 and "2 of" in err.splitlines()[0] and "interrupted" in err.splitlines()[0]
    assert len(set(count)) == len(count) - 1 and len(proxy.asked) > asked


def test_proxy_that_is_gone_or_refuses_the_key_is_said(
    run: Run, proxy: Any, tmp_path: Path
) -> None:
    code, out, _err = run("probe", "--url", "http://127.0.0.1:9")
    assert code == 2 and "no answer from the proxy" in out
    (tmp_path / "env").write_text("LITELLM_MASTER_KEY=sk-other\n")
    code, out, _err = run("probe")
    assert code == 2 and "the key is not the proxy's master key" in out


def test_inventory_puts_everything_side_by_side(run: Run, proxy: Any, tmp_path: Path) -> None:
    code, out, _err = run("inventory", "--json")
    told = json.loads(out)
    assert code == 1 and [(finding["what"], finding["name"]) for finding in told["findings"]] == [
        ("fallback", "lost"),
        ("unreachable", "here"),
    ]
    assert (
        told["aliases"] == {"best": "here"}
        and [row["name"] for row in told["rows"]] == ["here", "paid"]
        and proxy.asked == []
    )
    assert told["model_hosts"]["hosts"] == []
    assert (tmp_path / "model_answers.json").is_file()  # when each answered last
    screen = run("inventory")[1]
    assert "alias best: here" in screen
    assert "none on this host is known" in screen
    unit = {
        "name": "llama-embed.service",
        "account": "",
        "port": 9,
        "enabled": "enabled",
        "active": "active",
        "hashes": {},
    }
    (tmp_path / "model_hosts.json").write_text(json.dumps({"format": 1, "adopted": [unit]}))
    assert (
        "llama-embed 9: no unit, NOT as intended (enabled, active as it was found)"
        in run("inventory")[1]
    )
    (tmp_path / "config.yaml").unlink()
    code, out, _err = run("inventory")
    assert code == 3 and "unknown" in out and "No such file" in out


def test_progress_is_one_line_for_each_model(capsys: pytest.CaptureFixture[str]) -> None:
    _health._progress(support.HOSTILE)
    support.assert_on_lines(capsys.readouterr().err.split("\n")[:-1], 1)
