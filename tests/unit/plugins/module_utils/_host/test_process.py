"""The host: what /proc says, and files that are whole or not there. Texts of /proc were captured on
kernel 6.18.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.support import HOSTILE, assert_on_lines, reachable

from ansible_collections.llmops.litellm.plugins.module_utils._host import account as _account
from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process


def test_process_is_described_without_its_arguments(tmp_path: Path) -> None:
    for pid, words in (
        ("1", "/usr/bin/python3\0/opt/chat.py\0--key\0s3cret\0"),
        ("2", "postgres: gateway llm 127.0.0.1(5) idle\0"),
        ("3", "/usr/bin/python3\0-c\0s3cret\0"),
        ("4", ""),
    ):
        (tmp_path / pid).mkdir()
        (tmp_path / pid / "cmdline").write_text(words)
    told = [_process.describe(pid, str(tmp_path)) for pid in (1, 2, 3, 4, 5, None)]
    assert told == [
        "python3 chat.py (process 1)",
        "postgres (process 2)",
        "python3 (process 3)",
        "? (process 4)",
        "? (process 5)",
        "a process that cannot be seen from here",
    ]


def test_what_a_process_calls_itself_is_one_short_line(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    title = HOSTILE.replace(" ", "").replace("/", "") + "z" * 500
    (tmp_path / "7" / "cmdline").write_text(title + "\0")
    told = _process.describe(7, str(tmp_path))
    assert_on_lines([told], 1)
    assert len(told) < 100
    assert told.endswith(" (process 7)")


def test_arguments_are_those_that_the_process_got() -> None:
    # The child speaks first: until it runs, the kernel may show no arguments.
    words = [sys.executable, "-c", "print(flush=True); input()", "", "--note", "a b's"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert _process.command_line(child.pid) == words
        child.communicate(b"\n")
    assert _process.command_line(child.pid) == []


def test_title_of_a_process_ends_where_its_padding_begins(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "cmdline").write_text("postgres: checkpointer \0\0\0\0")
    assert _process.command_line(7, str(tmp_path)) == ["postgres: checkpointer "]


NAMES = st.text("ABCXYZ_", min_size=1, max_size=8)
VALUES = st.text(
    st.characters(blacklist_characters="\0", blacklist_categories=("Cs",)), max_size=20
)


@given(st.dictionaries(NAMES, VALUES, max_size=5))
def test_environment_of_a_process_is_what_it_got(environment: dict[str, str]) -> None:
    text = "".join("%s=%s\0" % pair for pair in environment.items())

    def read(path: str) -> str:
        assert path == "/proc/7/environ"
        return text

    original, _process.read = _process.read, read
    try:
        assert _process.process_environment(7) == environment
    finally:
        _process.read = original


def test_ancestors_end_below_the_first_process() -> None:
    assert _process.ancestors(os.getpid())[:2] == [os.getpid(), os.getppid()]
    assert 1 not in _process.ancestors(os.getpid())


def test_programs_run_in_a_clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_PASSWORD", "of the caller's shell")
    found = _process.run(
        [sys.executable, "-c", "import os; print(sorted(set(os.environ) - {'LC_CTYPE'}))"],
        env={"A": "1"},
    )
    assert found == _process.Result(0, "['A', 'HOME', 'LC_ALL', 'PATH']\n", "")


def test_programs_never_raise() -> None:
    assert _process.run(["/nosuch/program"]).rc == 127
    assert _process.run([sys.executable, "-c", "import sys; sys.exit(3)"]).rc == 3
    late = _process.run([sys.executable, "-c", "import signal; signal.pause()"], timeout=0.3)
    assert late.rc == 124
    assert "did not answer within 0.3 seconds" in late.err


def test_program_runs_as_another_account() -> None:
    assert _process.run(["id", "-u"], account=_account.Account.numbered(65534)).out == "65534\n"


def test_what_an_account_runs_gains_nothing() -> None:
    lines = _process.run(
        ["cat", "/proc/self/status"], account=_account.Account.numbered(65534)
    ).out.splitlines()
    fields = dict(line.split(":\t", 1) for line in lines)
    assert fields["NoNewPrivs"] == "1"
    assert set(fields["CapEff"] + fields["CapPrm"]) == {"0"}
    assert fields["Groups"].split() in ([], ["65534"])


def test_root_runs_no_program_that_an_account_owns(tmp_path: Path) -> None:
    theirs = reachable(tmp_path / "psql")
    theirs.write_text("#!/bin/sh\necho run\n")
    theirs.chmod(0o755)
    assert _process.run([str(theirs)]).out == "run\n"
    _process.program.cache_clear()
    os.chown(tmp_path, 65534, 65534)
    answer = _process.run([str(theirs)])
    assert (answer.rc, answer.out) == (126, "")
    assert f"{tmp_path} belongs to account nobody" in answer.err
    assert _process.run([str(theirs)], account=_account.Account.numbered(65534)).out == "run\n"


@pytest.mark.parametrize(
    ("sure", "code", "ended"),
    [(True, "print(flush=True); input()", True), (False, "print(flush=True); input()", False)],
)
def test_process_that_is_meant_is_told_to_end(sure: bool, code: str, ended: bool) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout
        assert child.stdout.readline() == b"\n"
        assert _process.end(child.pid, lambda: sure, 30) is ended
        child.communicate(b"\n")
    assert child.returncode == (-15 if sure else 0)


@pytest.mark.parametrize(("sure", "patient"), [(True, True), (True, False), (False, True)])
def test_process_ends_where_the_kernel_has_no_handles(
    monkeypatch: pytest.MonkeyPatch, sure: bool, patient: bool
) -> None:
    def refuse(_pid: int) -> int:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(os, "pidfd_open", refuse)
    ignores = "" if patient else "import signal; signal.signal(15, signal.SIG_IGN); "
    with subprocess.Popen(
        [sys.executable, "-c", ignores + "print(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdout
        child.stdout.readline()
        reaper = threading.Thread(target=child.wait)
        reaper.start()
        seconds = 30 if patient else 0.3
        assert _process.end(child.pid, lambda: sure, seconds) is (sure and patient)
        if not (sure and patient):
            assert child.stdin
            child.stdin.close()
        reaper.join()
    assert (child.returncode == -15) is (sure and patient)


def test_process_that_does_not_end_is_not_waited_for_for_ever() -> None:
    code = "import signal; signal.signal(15, signal.SIG_IGN); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout
        child.stdout.readline()
        assert not _process.end(child.pid, lambda: True, 0.1)
        child.communicate(b"\n")
    assert _process.end(child.pid, lambda: True, 0.1)


def test_a_name_is_found_where_only_root_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("theirs", "ours"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "tool").write_text("#!/bin/sh\n")
        (tmp_path / folder / "tool").chmod(0o755)
    os.chown(tmp_path / "theirs" / "tool", 65534, 65534)
    monkeypatch.setattr(_process, "PATH", f"{tmp_path}/theirs:{tmp_path}/ours")
    assert _process.program("tool") == f"{tmp_path}/ours/tool"
