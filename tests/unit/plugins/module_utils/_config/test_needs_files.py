"""What the container gets of what is named: copied to where LiteLLM looks, or refused."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._config import mounts as _mounts
from ansible_collections.llmops.litellm.plugins.module_utils._config import (
    needs_files as _needs_files,
)
from ansible_collections.llmops.litellm.plugins.module_utils._config.mounts import Mount
from ansible_collections.llmops.litellm.plugins.module_utils._config.needs import (
    FILE,
    GUESS,
    HOST,
    LIKELY,
    MODULE,
    PLACE,
    PROGRAM,
    SOCKET,
    SURE,
    Named,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import reader as _reader
from ansible_collections.llmops.litellm.plugins.module_utils._host.account import Account


def resolve(
    home: Path, *named: Named, hosts: Any = None, taken: Any = (), account: Any = None
) -> _needs_files.Resolved:
    place = _needs_files.Place(str(home), str(home / "conf"))
    given = [Mount(path, path) for path in taken]
    return _needs_files.resolve(named, place, account or _reader.ours(), hosts or {}, given)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where the proxy runs: a key, a folder of prompts, a socket, a module."""
    (tmp_path / "sa.json").write_text("{}")
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/cb.py").write_text("import helper\nimport needs_it\n")
    (tmp_path / "helper.py").write_text("")
    (tmp_path / "prompts/deep").mkdir(parents=True)
    (tmp_path / "prompts/a.prompt").write_text("")
    (tmp_path / "prompts/deep/b.prompt").write_text("")
    (tmp_path / "prompts/.git").mkdir()
    (tmp_path / "prompts/.git/config").write_text("")
    return tmp_path


def targets(found: _needs_files.Resolved, home: Path) -> dict[str, str]:
    """Places in the container, with those on the host, the home left out."""
    return {
        item.target.replace(str(home), "HOME"): item.source.replace(str(home), "HOME")
        for item in found.files
    }


FILES: list[tuple[str, int, dict[str, str]]] = [
    ("HOME/sa.json", SURE, {"HOME/sa.json": "HOME/sa.json"}),
    ("HOME/sa.json", GUESS, {"HOME/sa.json": "HOME/sa.json"}),
    ("sa.json", LIKELY, {"/app/sa.json": "HOME/sa.json"}),
    ("./conf/../sa.json", SURE, {"/app/sa.json": "HOME/sa.json"}),
    (
        "prompts",
        SURE,
        {
            "/app/prompts/a.prompt": "HOME/prompts/a.prompt",
            "/app/prompts/deep/b.prompt": "HOME/prompts/deep/b.prompt",
        },
    ),
    ("nosuch.json", LIKELY, {}),
    ("/srv/nosuch", GUESS, {}),
]


@pytest.mark.parametrize(("name", "weight", "wanted"), FILES)
def test_a_file_comes_along(home: Path, name: str, weight: int, wanted: dict[str, str]) -> None:
    found = resolve(home, Named(FILE, name.replace("HOME", str(home)), "x", weight))
    assert targets(found, home) == wanted
    assert (found.problems, found.warnings) == ([], [])
    assert all(_needs_files.OWN.fullmatch(item.name) for item in found.files)


def test_one_that_is_not_there_is_said(home: Path) -> None:
    found = resolve(home, Named(FILE, "/nosuch/key.json", "KEY_FILE of the environment"))
    assert found.problems == []
    assert "names /nosuch/key.json, which account" in str(found.warnings[0])


def test_one_that_the_account_cannot_read_is_refused(home: Path) -> None:
    home.joinpath("sa.json").chmod(0o600)
    for folder in (home, *home.parents):
        folder.chmod(folder.stat().st_mode | 0o055)
    nobody = Account.numbered(65534)
    found = resolve(home, Named(FILE, str(home / "sa.json"), "x"), account=nobody)
    assert "is closed to account nobody now" in str(found.problems[0])
    assert resolve(home, Named(FILE, str(home / "sa.json"), "x", GUESS), account=nobody) == (
        [],
        {},
        [],
        [],
        [],
        {},
        [],
        [],
        [],
    )


def test_a_socket_is_refused_unless_the_operator_mounts_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(home / "s")
    monkeypatch.setattr(_mounts, "obstacle", lambda source: "")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        for item in (Named(SOCKET, path, "x"), Named(FILE, path, "x", GUESS)):
            assert "a unix socket of this host" in str(resolve(home, item).problems[0])
            assert resolve(home, item, taken=[path]).problems == []


def test_what_the_operator_mounts_is_left_to_him(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_mounts, "obstacle", lambda source: "")
    found = resolve(home, Named(FILE, str(home / "sa.json"), "x"), taken=[str(home)])
    assert (found.files, found.mounts) == ([], [Mount(str(home), str(home))])


@pytest.mark.parametrize(("settled", "account"), [(True, "root"), (False, "")])
def test_what_must_not_be_mounted_itself_is_copied(
    home: Path, monkeypatch: pytest.MonkeyPatch, settled: bool, account: str
) -> None:
    monkeypatch.setattr(_mounts, "obstacle", lambda source: "account x can write there")
    monkeypatch.setattr(_reader, "settled", lambda path: settled)
    found = resolve(home, taken=[str(home / "prompts"), str(home / "sa.json")])
    assert (found.mounts, found.problems) == ([], [])
    assert sorted(targets(found, home)) == [
        "HOME/prompts/a.prompt",
        "HOME/prompts/deep/b.prompt",
        "HOME/sa.json",
    ]
    assert {item.account for item in found.files} == {account}


@pytest.fixture
def theirs(home: Path) -> Account:
    """An account whose folder the prompts are, with a link to a secret of root's among them."""
    (home / "secret").write_text("hunter2")
    (home / "secret").chmod(0o600)
    (home / "prompts/link").symlink_to(home / "secret")
    for folder in (home, *home.parents):
        folder.chmod(folder.stat().st_mode | 0o055)
    os.chown(home / "prompts", 65534, 65534)
    return Account.numbered(65534)


def test_root_reads_nothing_that_an_account_has_chosen(home: Path, theirs: Account) -> None:
    found = resolve(home, taken=[str(home / "prompts")], account=theirs)
    assert [item.account for item in found.files] == ["", ""]
    assert "prompts/link is closed to account nobody" in str(found.problems[0])


def test_what_is_closed_in_a_folder_is_said_before(home: Path, theirs: Account) -> None:
    sure = resolve(home, Named(FILE, "prompts", "x"), account=theirs)
    assert "a folder with link, which is closed to account nobody now" in str(sure.problems[0])
    guess = resolve(home, Named(FILE, "prompts", "x", GUESS), account=theirs)
    assert guess.problems == []
    assert sorted(targets(guess, home)) == sorted(FILES[4][2])


def test_links_to_folders_are_followed_and_circles_are_not(home: Path) -> None:
    (home / "live").mkdir()
    (home / "live/cert.pem").write_text("")
    (home / "prompts/live").symlink_to(home / "live")
    (home / "prompts/deep/up").symlink_to(home / "prompts")
    found = resolve(home, Named(FILE, "prompts", "x"))
    assert "HOME/prompts/live/cert.pem" in targets(found, home).values()
    assert (len(found.files), found.problems) == (3, [])


def test_a_mount_that_cannot_be_made_is_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "/nosuch/x: No such file" in str(resolve(home, taken=["/nosuch/x"]).problems[0])
    monkeypatch.setattr(_mounts, "obstacle", lambda source: "account x can write there")
    assert resolve(home, taken=[str(home / "sa.json")]).problems == []
    os.mkfifo(home / "pipe")
    said = str(resolve(home, taken=[str(home / "pipe")]).problems[0])
    assert "can't be mounted (account x can write there), and can't be copied" in said


@pytest.mark.parametrize(("name", "refused"), [("a$b", True), ("a\nb", True), ("ä 'b' #c", False)])
def test_a_name_that_compose_cannot_carry_is_refused(home: Path, name: str, refused: bool) -> None:
    (home / name).write_text("")
    found = resolve(home, Named(FILE, name, "x")).problems
    assert ["Compose can't carry" in str(item) for item in found] == [True] * refused


def test_a_name_in_a_folder_that_compose_cannot_carry_is_left_out(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_mounts, "obstacle", lambda source: "account x can write there")
    (home / "given").mkdir()
    for name in ("a$b.json", "c.json"):
        (home / "given" / name).write_text("")
    found = resolve(home, taken=[str(home / "given")])
    assert [item.target for item in found.files] == [str(home / "given/c.json")]
    assert "'a$b.json' in %s/given has a name that Compose" % home in str(found.warnings[0])


def test_modules_with_what_they_import(home: Path) -> None:
    found = resolve(home, Named(MODULE, "cb", "x"), Named(MODULE, "bought", "y"))
    assert targets(found, home) == {
        "/app/cb.py": "HOME/conf/cb.py",
        "/app/helper.py": "HOME/helper.py",
    }
    assert (found.modules, found.problems) == (["bought", "needs_it"], [])


def test_a_broken_module_is_refused(home: Path) -> None:
    (home / "conf/cb.py").write_text("def (:")
    assert "SyntaxError" in str(resolve(home, Named(MODULE, "cb", "x")).problems[0])


HOSTS: list[tuple[str, list[str], dict[str, str], str]] = [
    ("gpu1", ["gpu1"], {"gpu1": "10.0.0.7"}, ""),
    ("api.openai.com", ["api.openai.com"], {}, ""),
    ("myself", [], {}, "write 127.0.0.1"),
]


@pytest.mark.parametrize(("name", "asked", "addresses", "refused"), HOSTS)
def test_names_of_hosts(
    home: Path, name: str, asked: list[str], addresses: dict[str, str], refused: str
) -> None:
    known = {"gpu1": "10.0.0.7", "myself": "127.0.1.1"}
    found = resolve(home, Named(HOST, name, "x"), Named(HOST, name, "y"), hosts=known)
    assert (found.hosts, found.addresses) == (asked, addresses)
    assert (refused in str(found.problems[0])) if refused else found.problems == []


def test_a_folder_to_write_to_is_another(home: Path) -> None:
    found = resolve(home, Named(PLACE, "/srv/prom", "x", SURE, "PROMETHEUS_MULTIPROC_DIR"))
    assert found.environment == {"PROMETHEUS_MULTIPROC_DIR": "/tmp/prom"}
    odd = resolve(home, Named(PLACE, "/srv/a$b", "x", SURE, "PROMETHEUS_MULTIPROC_DIR"))
    assert odd.environment == {"PROMETHEUS_MULTIPROC_DIR": "/tmp/a_b"}
    assert "begins empty" in str(found.warnings[0])
    assert "can't write to" in str(resolve(home, Named(PLACE, "/srv/c", "x")).problems[0])
    assert resolve(home, Named(PLACE, "/tmp/c", "x")).problems == []


def test_files_of_the_home_are_named_by_a_variable(home: Path) -> None:
    (home / ".aws").mkdir()
    (home / ".aws/config").write_text("[profile a]\ncredential_process = /opt/x\n")
    (home / ".copilot").mkdir()
    (home / ".copilot/token").write_text("x")
    found = resolve(
        home,
        Named(FILE, str(home / ".aws/config"), "~/.aws/config", LIKELY, "AWS_CONFIG_FILE"),
        Named(FILE, str(home / ".aws/none"), "~/.aws/none", LIKELY, "AWS_SHARED_CREDENTIALS_FILE"),
        Named(FILE, str(home / ".copilot"), "~/.copilot", LIKELY, "GITHUB_COPILOT_TOKEN_DIR"),
    )
    assert found.environment == {
        "AWS_CONFIG_FILE": str(home / ".aws/config"),
        "GITHUB_COPILOT_TOKEN_DIR": str(home / ".copilot"),
    }
    assert "has credential_process" in str(found.warnings[0])


def test_a_relative_path_of_a_variable_is_said_anew(home: Path) -> None:
    found = resolve(home, Named(FILE, "sa.json", "x", SURE, "KEY_FILE"))
    assert found.environment == {"KEY_FILE": "/app/sa.json"}


def test_a_log_file_is_warned_about(home: Path) -> None:
    (home / "log.ini").write_text("[handler_a]\nclass=handlers.RotatingFileHandler\n")
    found = resolve(home, Named(FILE, "log.ini", "--log_config of the command line"))
    assert "has a FileHandler" in str(found.warnings[0])


def test_what_is_too_much_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.truncate(home / "sa.json", _needs_files.LIMIT + 1)
    assert "is larger than 8.0 MiB" in str(resolve(home, Named(FILE, "sa.json", "x")).problems[0])
    monkeypatch.setattr(_needs_files, "MOST", 1)
    item = Named(FILE, "prompts", "x")
    assert "a folder of more than 1 files" in str(resolve(home, item).problems[0])
    assert resolve(home, item._replace(weight=GUESS)).problems == []
    two = [Named(FILE, "prompts/" + name, "x") for name in ("a.prompt", "deep/b.prompt")]
    assert "are 2 of 0 B together; 1 of 32.0 MiB are copied at the most" in str(
        resolve(home, *two).problems[0]
    )


def test_programs_are_asked_for(home: Path) -> None:
    assert resolve(home, *[Named(PROGRAM, "npx", "x")] * 2).programs == ["npx"]


@pytest.mark.parametrize(
    ("name", "weight", "refused"),
    [
        ("pipe", SURE, True),
        ("pipe", LIKELY, True),
        ("pipe", GUESS, False),
        ("sa.json", SURE, False),
    ],
)
def test_what_is_no_file_is_refused_where_one_is_due(
    home: Path, name: str, weight: int, refused: bool
) -> None:
    os.mkfifo(home / "pipe")
    found = resolve(home, Named(FILE, str(home / name), "KEY_FILE", weight)).problems
    assert ["is no regular file" in str(item) for item in found] == [True] * refused
