"""The end of a pause that nobody else ends."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from unit.support import Programs, system_programs

from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process
from ansible_collections.llmops.litellm.plugins.module_utils._host.process import Result
from ansible_collections.llmops.litellm.plugins.module_utils._pooler import limit as _limit
from ansible_collections.llmops.litellm.plugins.module_utils._pooler.target import PoolerError


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> Programs:
    made = Programs()
    monkeypatch.setattr(_process, "run", made)
    monkeypatch.setattr(_limit._systemd, "run", made)
    return made


def docker(folder: Path, code: str) -> None:
    """A client of an engine that writes down how it is called."""
    path = folder / "docker"
    path.write_text(f'#!/bin/sh\necho "$@" >>{folder}/called\n{code}\n')
    path.chmod(0o755)


def run(folder: Path) -> int:
    """What a timer runs, on this folder."""
    record, over = folder / "pause", folder / "pause-over"
    words = _limit.command(str(record), str(over), "pooler")
    return subprocess.run(words, check=False, stderr=subprocess.DEVNULL).returncode


def test_the_record_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system_programs(monkeypatch, tmp_path)
    docker(tmp_path, f"[ -d {tmp_path}/pause-over ]")
    (tmp_path / "pause").mkdir()
    assert run(tmp_path) == 0
    assert (tmp_path / "called").read_text() == "kill --signal USR2 -- pooler\n"
    assert not (tmp_path / "pause").exists()


def test_a_pause_that_was_taken_does_not_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system_programs(monkeypatch, tmp_path)
    docker(tmp_path, "")
    assert run(tmp_path) != 0
    assert not (tmp_path / "called").exists()


def test_an_engine_that_does_not_answer_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system_programs(monkeypatch, tmp_path)
    docker(tmp_path, f"[ $(wc -l <{tmp_path}/called) -gt 1 ]")
    (tmp_path / "pause").mkdir()
    assert run(tmp_path) == 0
    assert len((tmp_path / "called").read_text().splitlines()) == 2


def test_a_timer_is_exact_and_knows_the_same_engine(programs: Programs) -> None:
    _limit.arm(90, ["/bin/true", "x y"])
    (line,) = programs.seen
    assert line.startswith("systemd-run --quiet --collect --unit=llmops-litellm-pooler-resume ")
    assert "--on-active=90s --timer-property=AccuracySec=50ms --setenv=PATH=" in line
    assert line.endswith(" -- /bin/true x y")


def test_without_a_timer_there_is_no_pause(programs: Programs) -> None:
    programs.answers["systemd-run"] = Result(1, "", "System has not been booted\n")
    with pytest.raises(PoolerError, match="so there is none: System has not been booted"):
        _limit.arm(90, ["/bin/true"])
    with pytest.raises(PoolerError, match="for a variable"):
        _limit.arm(90, ["/bin/true", "$x"])


UNITS = "llmops-litellm-pooler-resume.timer loaded\nllmops-litellm-pooler-resume.service loaded\n"


def test_timer_and_what_it_has_started_are_stopped(programs: Programs) -> None:
    _limit.disarm()
    assert programs.called("stop") == []
    programs.answers["list-units"] = UNITS
    _limit.disarm()
    (line,) = programs.called("stop")
    assert line.endswith(
        " -- llmops-litellm-pooler-resume.timer llmops-litellm-pooler-resume.service"
    )


def test_one_that_goes_on_is_an_error(programs: Programs) -> None:
    programs.answers.update({"list-units": UNITS, "stop": Result(1, "", "no\n")})
    with pytest.raises(PoolerError, match="does not stop: no"):
        _limit.disarm()


def test_one_that_ends_by_itself_is_none(programs: Programs) -> None:
    told = iter([UNITS, ""])
    programs.answers.update({"list-units": lambda: next(told), "stop": Result(5, "", "not loaded")})
    _limit.disarm()
    assert len(programs.seen) == 3
