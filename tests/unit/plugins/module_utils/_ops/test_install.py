"""The command on a host: the code of this package, run by a Python that knows nothing of
Ansible.
"""

from __future__ import annotations

import itertools
import json
import os
import pwd
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest
from unit.support import reachable

from ansible_collections.llmops.litellm.plugins.module_utils._host import paths as _paths
from ansible_collections.llmops.litellm.plugins.module_utils._ops import install as _install

FILES = {
    "__init__.py": b"",
    "_ops/__init__.py": b"",
    "_ops/cli.py": b"def main():\n    print('one')\n    return 3\n",
}
Put = Callable[..., dict[str, Any]]


@pytest.fixture
def put(tmp_path: Path) -> Put:
    """Installs files below a folder of the test's own."""
    (tmp_path / "sbin").mkdir()
    (tmp_path / "sbin").chmod(0o755)
    return lambda files=FILES, check=False: _install.install(
        files, str(tmp_path / "lib"), str(tmp_path / "sbin" / "litellm-ops"), check
    )


def call(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [tmp_path / "sbin" / "litellm-ops", *words],
        capture_output=True,
        text=True,
        check=False,
        env={},
        cwd="/",
    )


def test_command_runs_what_was_installed(tmp_path: Path, put: Put) -> None:
    assert put(check=True)["changed"] and not (tmp_path / "lib").exists()
    told = put()
    assert told["changed"] and told["before"] == "" and told["folder"] in told["after"]
    done = call(tmp_path)
    assert (done.returncode, done.stdout) == (3, "one\n")
    assert (tmp_path / "sbin" / "litellm-ops").stat().st_mode & 0o777 == 0o755
    assert list((Path(told["folder"]) / _install.PACKAGE / "_ops/__pycache__").glob("cli.*.pyc"))
    assert not put()["changed"]


def test_other_release_takes_its_place_and_leaves_nothing(tmp_path: Path, put: Put) -> None:
    first = put()["folder"]
    (tmp_path / "lib" / ".growing-x").mkdir()
    (tmp_path / "lib" / "0123456789abcdef").mkdir()  # of the same form, and not ours
    (tmp_path / "lib" / "notes.txt").write_text("mine")
    second = put({**FILES, "_ops/cli.py": b"def main():\n    print('two')\n"})
    assert second["changed"] and first in second["before"]
    assert call(tmp_path).stdout == "two\n"
    assert sorted(path.name for path in (tmp_path / "lib").iterdir()) == sorted(
        [Path(second["folder"]).name, "0123456789abcdef", "notes.txt"]
    )


@pytest.fixture(params=[0o000, 0o027, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """Root's umask, for the duration of a test."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def all_below(folder: Path) -> list[Path]:
    return [folder, *folder.rglob("*")]


@pytest.mark.usefixtures("umask")
def test_everyone_reads_and_only_root_writes_whatever_the_umask_is(
    tmp_path: Path, put: Put
) -> None:
    put()
    reachable(tmp_path / "sbin")
    places = all_below(tmp_path / "lib")
    assert [path for path in places if path.suffix == ".pyc"]
    for path in places:
        about = path.stat()
        wanted = 0o755 if path.is_dir() else 0o644
        assert (path, stat.S_IMODE(about.st_mode), about.st_uid) == (path, wanted, os.geteuid())
    assert stat.S_IMODE((tmp_path / "sbin/litellm-ops").stat().st_mode) == 0o755
    before = set(places)
    assert call(tmp_path).returncode == 3
    assert set(all_below(tmp_path / "lib")) == before
    assert not put()["changed"]


@pytest.mark.usefixtures("umask")
def test_a_run_writes_no_bytecode(tmp_path: Path, put: Put) -> None:
    package = Path(put()["folder"]) / _install.PACKAGE
    for path in list(package.rglob("*.pyc")):
        path.unlink()
    assert call(tmp_path).returncode == 3
    assert not list(package.rglob("*.pyc"))


@pytest.mark.parametrize(
    ("place", "mode"),
    [
        *itertools.product(["_ops/__pycache__", "_ops"], [0o777, 0o700, 0o2755]),
        *itertools.product(["_ops/__pycache__/cli.*.pyc", "_ops/cli.py"], [0o666, 0o600]),
    ],
)
def test_what_others_could_change_is_replaced(
    tmp_path: Path, put: Put, place: str, mode: int
) -> None:
    package = Path(put()["folder"]) / _install.PACKAGE
    (path,) = package.glob(place)
    inode = next((package / "_ops").glob("cli.py")).stat().st_ino
    path.chmod(mode)
    with open(package / "_ops/cli.py", "ab") as held_open:  # as an account could keep it
        assert put(check=True)["changed"] and put()["changed"] and not put()["changed"]
        held_open.write(b"evil = 1\n")
    assert stat.S_IMODE(path.stat().st_mode) & 0o7022 == 0
    assert next((package / "_ops").glob("cli.py")).stat().st_ino != inode
    assert call(tmp_path).stdout == "one\n"


@pytest.mark.parametrize("owner", ["bytecode", "link", "command", "library"])
def test_what_is_not_ours_is_replaced_or_refused(tmp_path: Path, put: Put, owner: str) -> None:
    package = Path(put()["folder"]) / _install.PACKAGE
    if owner == "bytecode":
        os.chown(next(package.rglob("cli.*.pyc")), 65534, 65534)
    elif owner == "link":
        (package / "_ops/__pycache__/more.pyc").symlink_to("/etc/passwd")
    elif owner == "command":
        os.chown(tmp_path / "sbin/litellm-ops", 65534, 65534)
    else:
        os.chown(tmp_path / "lib", 65534, 65534)
        with pytest.raises(_paths.UntrustedPath, match="lib belongs to account nobody"):
            put()
        return
    assert put()["changed"] and not put()["changed"]
    assert not list(package.rglob("more.pyc"))


@pytest.mark.parametrize("mode", [0o700, 0o777])
def test_the_librarys_mode_is_mended(tmp_path: Path, put: Put, mode: int) -> None:
    put()
    (tmp_path / "lib").chmod(mode)
    assert put(check=True)["changed"]
    assert stat.S_IMODE((tmp_path / "lib").stat().st_mode) == mode
    assert put()["changed"] and not put()["changed"]
    assert stat.S_IMODE((tmp_path / "lib").stat().st_mode) == 0o755


def test_a_folder_for_the_command_that_others_write_to_is_refused(tmp_path: Path, put: Put) -> None:
    (tmp_path / "sbin").chmod(0o777)
    with pytest.raises(_paths.UntrustedPath, match="every account can write to .*sbin"):
        put()
    assert not (tmp_path / "sbin/litellm-ops").exists()


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        ("sbin", "sbin (mode 0700) is closed to it"),
        ("lib", "lib (mode 0700) is closed to it"),
        ("code", "it ended with 3"),
    ],
)
def test_accounts_of_units_execute_the_command(
    tmp_path: Path, put: Put, spoilt: str, said: str
) -> None:
    command = str(tmp_path / "sbin/litellm-ops")
    reachable(tmp_path / "sbin")
    tmp_path.chmod(0o755)
    put({**FILES, "_ops/cli.py": b"def main():\n    return 0\n"})
    _install.prove(command)
    if spoilt == "code":
        put()
    else:
        (tmp_path / spoilt).chmod(0o700)
    with pytest.raises(_install.CannotRun) as caught:
        _install.prove(command)
    assert said in str(caught.value) and "account nobody can't execute" in str(caught.value)


@pytest.mark.parametrize("spoil", ["changed", "gone", "more", "mode", "command"])
def test_what_somebody_has_spoilt_is_mended(tmp_path: Path, put: Put, spoil: str) -> None:
    package = Path(put()["folder"]) / _install.PACKAGE
    command = tmp_path / "sbin" / "litellm-ops"
    if spoil == "changed":
        (package / "_ops/cli.py").write_text("x")
    elif spoil == "gone":
        (package / "_ops/cli.py").unlink()
    elif spoil == "more":
        (package / "_ops/evil.py").write_text("x")
    elif spoil == "mode":
        command.chmod(0o644)
    else:
        command.write_text("#!/bin/sh\n")
    assert put()["changed"]
    assert call(tmp_path).stdout == "one\n"
    assert not (package / "_ops/evil.py").exists()
    assert not put()["changed"]


def interrupt(*_words: Any) -> None:
    raise KeyboardInterrupt


def test_interrupted_installation_leaves_the_earlier_command(
    tmp_path: Path, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    put()
    other = {**FILES, "_ops/cli.py": b"def main():\n    print('two')\n"}
    for name in ("_put", "write_atomically"):
        with monkeypatch.context() as patched:
            patched.setattr(_install, name, interrupt)
            with pytest.raises(KeyboardInterrupt):
                put(other)
        assert call(tmp_path).stdout == "one\n"
    put(other)
    assert call(tmp_path).stdout == "two\n"


def test_removal_takes_only_what_is_ours(tmp_path: Path, put: Put) -> None:
    put()
    (tmp_path / "lib" / "notes.txt").write_text("mine")
    words = (str(tmp_path / "lib"), str(tmp_path / "sbin" / "litellm-ops"))
    assert _install.remove(*words, check=True)["changed"] and call(tmp_path).returncode == 3
    assert _install.remove(*words)["changed"]
    assert [path.name for path in (tmp_path / "lib").iterdir()] == ["notes.txt"]
    assert list((tmp_path / "sbin").iterdir()) == []
    assert not _install.remove(*words)["changed"]
    (tmp_path / "lib" / "notes.txt").unlink()
    put()
    _install.remove(*words)
    assert not (tmp_path / "lib").exists()


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("ops.json", "{}"),
        ("health.json", "{}"),
        ("system/other-bridge-1.service", "[Service]\nExecStart=COMMAND bridge 127.0.0.1:1\n"),
        ("system/m.service", "[Service]\nExecStart=/x\nExecStopPost=+COMMAND model-ended m\n"),
        ("system/m.service.d/own.conf", "[Service]\nExecStartPre=-COMMAND model-check m\n"),
        ("system/long.service", "[Service]\nExecStart=/bin/nice \\\n  COMMAND backup\n"),
        ("user/mine.service", '[Service]\nExecStart="COMMAND" health\n'),
    ],
)
def test_command_is_needed_by_settings_and_units_of_anybody(
    tmp_path: Path, path: str, text: str
) -> None:
    command = str(tmp_path / "sbin/litellm-ops")
    for folder in ("system/m.service.d", "user"):
        (tmp_path / folder).mkdir(parents=True)
    settings = [str(tmp_path / name) for name in ("ops.json", "health.json")]
    folders = [str(tmp_path / name) for name in ("system", "user", "missing")]
    (tmp_path / "system/masked.service").symlink_to("/dev/null")
    (tmp_path / "system/stale.service").symlink_to("/nowhere")
    (tmp_path / "system/other.service").write_text(
        f"[Service]\n# {command}\nExecStart={command}-two\nExecStop=/opt{command}\n"
    )
    assert _install.needed_by(command, settings, folders) == []
    (tmp_path / path).write_text(text.replace("COMMAND", command))
    assert _install.needed_by(command, settings, folders) == [str(tmp_path / path)]


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize("mode", [0o700, 0o755])
def test_folders_have_their_modes_whatever_the_umask_is(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "a/b"
    assert _install.own_folder(str(folder), mode, check=True) and not folder.parent.exists()
    assert _install.own_folder(str(folder), mode)
    assert stat.S_IMODE(folder.stat().st_mode) == mode
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o755
    folder.chmod(0o711)
    assert _install.own_folder(str(folder), mode) and not _install.own_folder(str(folder), mode)


def test_folder_of_the_settings_goes_when_it_is_empty(tmp_path: Path) -> None:
    folder = tmp_path / "llmops-litellm"
    assert not _install.remove_settings_folder(str(folder))
    folder.mkdir()
    (folder / "copy.env").write_text("mine")
    assert not _install.remove_settings_folder(str(folder))
    (folder / "copy.env").unlink()
    assert _install.remove_settings_folder(str(folder), check=True) and folder.is_dir()
    assert _install.remove_settings_folder(str(folder)) and not folder.exists()


def test_units_of_every_account_are_looked_at_as_that_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = pwd.struct_passwd(("ann", "x", 65534, 65534, "", str(tmp_path), "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwall", lambda: [account])
    unit = tmp_path / ".config/systemd/user/mine.service"
    unit.parent.mkdir(parents=True)
    reachable(unit)
    calls = "[Service]\nExecStart=/nowhere/litellm-ops health\n"
    (tmp_path / "roots").write_text(calls)
    (tmp_path / "roots").chmod(0o600)
    unit.symlink_to(tmp_path / "roots")
    (unit.parent / "large.service").write_text(calls + "#" * _install.LARGEST)
    os.mkfifo(unit.parent / "pipe.service")
    assert _install.needed_by("/nowhere/litellm-ops", []) == []
    unit.unlink()
    unit.write_text(calls)
    assert _install.needed_by("/nowhere/litellm-ops", []) == [str(unit)]


def test_everything_that_the_command_needs_is_installed() -> None:
    """Only what it imports, and all of that: asked of a Python that has imported nothing else."""
    script = (
        "import json; from ansible_collections.llmops.litellm.plugins.module_utils._ops "
        "import cli, install; "
        "print(json.dumps(sorted(install.sources())))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    names = json.loads(done.stdout)
    needed = {
        "_ops/__init__.py",
        "_ops/cli.py",
        "_backup/backup.py",
        "_restore/database.py",
        "_backup/retention.py",
    }
    assert needed <= set(names)
    assert "_migration/finalize.py" not in names
