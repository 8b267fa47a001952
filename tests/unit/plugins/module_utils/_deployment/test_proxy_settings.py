"""With what a proxy's process runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from unit.support import listening

from ansible_collections.llmops.litellm.plugins.module_utils._config import includes as _includes
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    proxy_command as _proxy_command,
)
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    proxy_process as _proxy_process,
)
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    proxy_settings as _proxy_settings,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import reader as _reader
from ansible_collections.llmops.litellm.plugins.module_utils._host.systemd import Manager, Unit

APP = "litellm.proxy.proxy_server:app"
TITLE = ["gunicorn: master [%s]" % APP, "", ""]


def unit(main: int = 10, command: str = "") -> Unit:
    """A unit of the system."""
    told = "{ path=/x ; argv[]=%s ; ignore_errors=no }" % command
    properties = {"MainPID": str(main), "ExecStart": told}
    return Unit("litellm.service", Manager(None), "enabled", "active", properties)


def proxy(argv: list[str], below: tuple[int, ...] = (), wrapped: bool = False) -> Any:
    """A proxy that was started like this."""
    program = _proxy_command.program(argv)
    assert program
    return _proxy_process.Proxy(10, argv, program, (), below, wrapped)


def seen(folder: Path, words: list[str], environment: dict[str, str]) -> Any:
    """What is known of a process that runs."""
    with listening(words, environment, folder) as child:
        found = _proxy_process.find(unit(child.pid))
        return _proxy_settings.inspect(unit(child.pid), found, _reader.ours())


def test_arguments_of_a_title_are_those_of_its_unit() -> None:
    told = "/v/bin/gunicorn %s -w 2 -b :4000" % APP
    found = _proxy_settings.served(unit(10, told), proxy(TITLE), {})
    assert (found.command["port"], found.command["options"]) == (4000, ["--num_workers", "2"])


@pytest.mark.parametrize(("told", "wrapped"), [("/opt/start.sh", False), ("/v/gunicorn", True)])
def test_title_that_nothing_explains_is_refused(told: str, wrapped: bool) -> None:
    with pytest.raises(_proxy_process.LegacyError) as refused:
        _proxy_settings.served(unit(10, told), proxy(TITLE, wrapped=wrapped), {})
    assert "shows a title instead of its arguments (gunicorn: master [" in refused.value.problem
    assert "Uninstall setproctitle" in refused.value.remedy


@pytest.mark.parametrize(("argv", "refused"), [(TITLE, True), (["litellm"], False)])
def test_title_without_an_environment_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argv: list[str], refused: bool
) -> None:
    """A process may have none, which the title has not written over."""
    monkeypatch.setattr(_proxy_settings._process, "process_environment", lambda *_words: {})
    started = proxy(argv)._replace(pid=os.getpid())
    told = ""
    try:
        _proxy_settings.inspect(unit(), started, _reader.ours())
    except _proxy_process.LegacyError as error:
        told = error.problem
    assert ("shows a title instead of its environment" in told) is refused


@pytest.mark.parametrize(
    ("words", "environment", "config", "problems"),
    [
        ("--config a.yaml", {}, "a.yaml", 0),
        ("", {"CONFIG_FILE_PATH": "a.yaml"}, "a.yaml", 0),
        ("--config a.yaml", {"CONFIG_FILE_PATH": "FOLDER/a.yaml"}, "a.yaml", 0),
        ("--config a.yaml", {"CONFIG_FILE_PATH": "b.yaml"}, "b.yaml", 1),
        ("", {"WORKER_CONFIG": "a.yaml"}, "a.yaml", 0),
        ("", {"WORKER_CONFIG": '{"config": "a.yaml", "model": null}'}, "a.yaml", 0),
        ("", {"WORKER_CONFIG": '{"config": null}'}, None, 0),
        ("", {"WORKER_CONFIG": "[]"}, None, 0),
        ("", {}, None, 0),
    ],
)
def test_configuration_is_the_one_that_the_application_loads(
    tmp_path: Path, words: str, environment: dict[str, str], config: Any, problems: int
) -> None:
    started = {name: value.replace("FOLDER", str(tmp_path)) for name, value in environment.items()}
    said = _proxy_settings.served(unit(), proxy(["litellm", *words.split()]), {})
    path, told = _proxy_settings.configuration(said, started, str(tmp_path))
    assert path == (config and str(tmp_path / config))
    assert len(told) == problems


@pytest.mark.parametrize(
    ("argv", "workers", "anonymous"),
    [
        (["python", "/v/bin/litellm"], False, False),
        (["python", "/v/bin/litellm", "--num_workers", "2"], True, True),
        (["python", "-m", "litellm.proxy.proxy_cli"], False, True),
        (["python", "/v/bin/uvicorn", APP, "--workers", "2"], True, False),
    ],
)
def test_dotenv_takes_for_a_prompt_what_no_script_runs(
    monkeypatch: pytest.MonkeyPatch, argv: list[str], workers: bool, anonymous: bool
) -> None:
    spawned = ["python", "-c", "from multiprocessing.spawn import spawn_main; spawn_main()"]
    monkeypatch.setattr(_proxy_settings._process, "command_line", lambda pid: spawned)
    assert _proxy_settings.is_anonymous(proxy(argv, (11,) * workers)) is anonymous


def test_release_that_is_not_known_is_said(tmp_path: Path) -> None:
    found = seen(tmp_path, [], {})
    assert (found.python, found.release["version"]) == (sys.executable, None)
    (told,) = found.warnings
    assert told.problem.startswith("does not tell which release of LiteLLM runs")
    assert "could not be checked" in told.remedy


@pytest.mark.parametrize(
    ("python", "cached"),
    [
        ("/home/a/.cache/uv/archive-v0/Xy/bin/python", True),
        ("/var/cache/uv/environments-v2/litellm-12ab/bin/python", True),
        ("/home/a/.local/pipx/.cache/12ab/bin/python", True),
        ("/home/a/.cache/pipx/12ab/bin/python3", True),
        ("/home/a/.local/share/uv/tools/litellm/bin/python", False),
        ("/home/a/.local/share/pipx/venvs/litellm/bin/python", False),
        ("/srv/gateway/.venv/bin/python", False),
        ("/opt/miniconda3/envs/litellm/bin/python3.11", False),
    ],
)
def test_environment_of_one_run_is_said_to_be_no_way_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, python: str, cached: bool
) -> None:
    known = {"version": "1.102.4", "traces": [], "site": None, "package": None, "editable": None}
    monkeypatch.setattr(_proxy_settings._python_environment, "interpreter", lambda *_args: python)
    monkeypatch.setattr(_proxy_settings._python_environment, "installed", lambda *_args: known)
    said = [item.problem for item in seen(tmp_path, [], {}).warnings]
    assert any("is an environment in a cache" in words for words in said) is cached


def test_release_of_an_editable_installation_is_known_and_said(tmp_path: Path) -> None:
    place = tmp_path / "lib/litellm-1.102.4.dist-info"
    place.mkdir(parents=True)
    (place / "direct_url.json").write_text(
        '{"url": "file://%s/src", "dir_info": {"editable": true}}' % tmp_path
    )
    (tmp_path / "src/litellm").mkdir(parents=True)
    (tmp_path / "src/.env").write_text("A_KEY=1\n")
    found = seen(tmp_path, [], {"PYTHONPATH": "lib"})
    assert found.release["version"] == "1.102.4"
    assert [item.subject for item in found.warnings] == [
        str(tmp_path / "src"),
        str(tmp_path / "src/.env"),
    ]


@pytest.mark.parametrize("mode", [None, "PRODUCTION"])
def test_files_that_litellm_loads_are_named_and_read(tmp_path: Path, mode: Any) -> None:
    (tmp_path / ".env").write_text("A_KEY=hunter2\nDATABASE_URL=postgresql://x/y\n")
    (tmp_path / "prisma").mkdir()
    (tmp_path / "prisma/.env").write_text("B_KEY=hunter2\n")
    found = seen(tmp_path, [], {"LITELLM_MODE": mode} if mode else {})
    read = [(os.path.relpath(file.path, tmp_path), file.late) for file in found.dotenv]
    # without a database nothing of its client's is loaded
    assert read == ([] if mode else [(".env", False), ("prisma/.env", True)])
    assert ("B_KEY" in found.effective.carried) is (mode is None)
    assert found.problems == ()
    assert "hunter2" not in str(found.warnings)


def test_file_that_cannot_be_read_any_more_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".env")
    found = seen(tmp_path, [], {})
    (problem,) = found.problems
    assert problem.subject == str(tmp_path / ".env")
    assert "root can't read it: not a regular file" in problem.problem


def test_what_a_server_is_given_beside_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    argv = ["python", "/v/bin/gunicorn", APP, "-e", "A_KEY=hunter2", "--timeout", "600"]
    started = proxy(argv)
    said = _proxy_settings.served(unit(), started, {})
    problems, warnings = _proxy_settings._left_behind(started, said)
    assert [item.problem for item in problems] == [
        "sets A_KEY on its command line, which every account can read"
    ]
    assert [item.problem for item in warnings] == [
        "is given --timeout, which LiteLLM's own command in the container does not have"
    ]
    assert "hunter2" not in str(problems)
    started = proxy(["python", "/v/bin/uvicorn", APP, "--port", "4000"])
    assert _proxy_settings._left_behind(started, _proxy_settings.served(unit(), started, {})) == (
        [],
        [],
    )


def test_configuration_that_is_gone_is_said(tmp_path: Path) -> None:
    found = seen(tmp_path, ["--config", "gone.yaml"], {})
    assert (found.config, found.unread) == (str(tmp_path / "gone.yaml"), "does not exist any more")
    assert found.tree == _includes.Tree()


def gunicorn(folder: Path, words: str = "") -> Any:
    """What is known of gunicorn's file, by the options of its command line."""
    started = proxy(["python", "/v/bin/gunicorn", APP, *words.split()])
    said = _proxy_settings.served(unit(), started, {})
    return _proxy_settings._gunicorn_file(started, said, str(folder), _reader.ours())


def test_file_of_gunicorn_counts_before_its_command_line(tmp_path: Path) -> None:
    (tmp_path / "gunicorn.conf.py").write_text(
        "bind = '0.0.0.0:4000'\nworkers = 4\nkeyfile = '/k'\ntimeout = 9"
    )
    found = gunicorn(tmp_path)
    assert found.problems == ()
    assert found.left == ("timeout (gunicorn.conf.py)",)
    started = proxy(["python", "/v/bin/gunicorn", APP, "-w", "2"])
    said = _proxy_settings.served(unit(), started, {}, found.words)
    assert said.command["port"] == 4000
    assert said.command["options"] == ["--num_workers", "2", "--ssl_keyfile_path", "/k"]


def test_without_a_file_gunicorn_has_its_command_line(tmp_path: Path) -> None:
    assert gunicorn(tmp_path) == _proxy_settings._File()
    started = proxy(["python", "/v/bin/uvicorn", APP])
    (tmp_path / "gunicorn.conf.py").write_text("workers = 4")
    said = _proxy_settings.served(unit(), started, {})
    found = _proxy_settings._gunicorn_file(started, said, str(tmp_path), _reader.ours())
    assert found == _proxy_settings._File()


@pytest.mark.parametrize(
    ("words", "text", "said"),
    [
        ("-c conf.py", "raw_env = ['KEY=hunter2', 'B=1']", "sets KEY, B for LiteLLM (raw_env)"),
        ("--config=conf.py", "keyfile = path()", "computes keyfile, which only gunicorn itself"),
        ("-c file:conf.py", "bind =", "more of its options there, and is no Python"),
        ("-c nosuch.py", "", "root can't read it: No such file"),
        ("-c python:conf", "", "is a module of its Python environment"),
    ],
)
def test_file_of_gunicorn_that_has_what_nobody_sees_is_refused(
    tmp_path: Path, words: str, text: str, said: str
) -> None:
    (tmp_path / "conf.py").write_text(text)
    (problem,) = map(str, gunicorn(tmp_path, words).problems)
    assert said in problem
    assert "hunter2" not in problem
