"""The module config_file, on real files."""

from __future__ import annotations

import grp
import json
import os
import pwd
import stat
from pathlib import Path
from typing import Any, Callable

import pytest
from ansible.module_utils.testing import patch_module_args
from unit.support import reachable

from ansible_collections.llmops.litellm.plugins.module_utils._config import includes as _includes
from ansible_collections.llmops.litellm.plugins.module_utils._host import files as _files
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    preflight_source as _preflight_source,
)
from ansible_collections.llmops.litellm.plugins.modules import config_file

CONFIG = """\
# team's — not http://localhost:9
model_list:
- litellm_params: {api_base: 'http://u:hunter2@localhost:8082/?k=hunter2', api_key: sk-hunter2}  # x\r
general_settings: {master_key: sk-hunter2}
litellm_settings:
  cache_params: {host: localhost, password: hunter2}
"""  # noqa: E501
MOVED = CONFIG.replace("hunter2@localhost", "hunter2@host.docker.internal").replace(
    "host: localhost, password: hunter2", "host: redis, password: os.environ/REDIS_PASSWORD"
)
Run = Callable[..., dict[str, Any]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.yaml").write_text(CONFIG, encoding="utf-8", newline="")
    return tmp_path


@pytest.fixture
def run(folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(check: bool = False, **params: Any) -> dict[str, Any]:
        given = {
            "src": str(folder / "config.yaml"),
            "dest": str(folder / "config.compose.yaml"),
            "_ansible_check_mode": check,
            "_ansible_diff": True,
            **params,
        }
        with patch_module_args(given), pytest.raises(SystemExit):
            config_file.main()
        out = capsys.readouterr().out
        assert "hunter2" not in out.replace("config.yaml", "")
        return json.loads(out)

    return call


def test_the_containers_view(folder: Path, run: Run) -> None:
    found = run()
    dest = folder / "config.compose.yaml"
    header, _newline, rest = dest.read_bytes().decode().partition("\n")
    assert rest == MOVED
    assert header.startswith("# Written by llmops.litellm")
    assert str(folder / "config.yaml") in header
    assert (folder / "config.yaml").read_bytes().decode() == CONFIG
    assert (stat.S_IMODE(dest.stat().st_mode), dest.stat().st_uid, dest.stat().st_gid) == (
        0o640,
        os.geteuid(),
        os.getegid(),
    )
    assert found["changed"]
    at = {"file": str(folder / "config.yaml")}
    view = {**at, "view": "config.compose.yaml"}
    assert found["endpoints"] == [
        {**at, "line": 3, "kind": "model", "port": 8082},
        {**at, "line": 6, "kind": "redis", "port": 6379},
    ]
    assert found["rewritten"] == [
        {
            **view,
            "line": 3,
            "old": "http://localhost:8082",
            "new": "http://host.docker.internal:8082",
        },
        {**view, "line": 6, "old": "localhost", "new": "redis"},
        {**view, "line": 6, "old": "(a password)", "new": "os.environ/REDIS_PASSWORD"},
    ]
    assert (found["included"], found["removed"]) == ([], [])
    assert found["diff"][0]["before"].splitlines()[0] == "line 3: http://localhost:8082"
    assert found["diff"][0]["after"].splitlines()[0] == "line 3: http://host.docker.internal:8082"
    assert found["unreachable"] == []
    assert os.listdir(folder) != []
    assert sorted(os.listdir(folder)) == ["config.compose.yaml", "config.yaml"]


def test_the_preflight_knows_the_file_for_ours(folder: Path, run: Run) -> None:
    run()
    assert _preflight_source.is_ours((folder / "config.compose.yaml").read_text())


def test_a_second_run_changes_nothing(folder: Path, run: Run) -> None:
    run()
    before = (folder / "config.compose.yaml").stat()
    found = run()
    assert not found["changed"]
    assert found["diff"] == []
    assert (folder / "config.compose.yaml").stat().st_ino == before.st_ino


def test_check_mode_says_so_and_writes_nothing(folder: Path, run: Run) -> None:
    assert run(check=True) == run()
    (folder / "config.compose.yaml").chmod(0o600)
    assert run(check=True)["changed"]
    assert stat.S_IMODE((folder / "config.compose.yaml").stat().st_mode) == 0o600


def test_what_has_changed_is_written_again(folder: Path, run: Run) -> None:
    run()
    dest = folder / "config.compose.yaml"
    for change in (
        lambda: dest.chmod(0o600),
        lambda: dest.write_text(config_file.MARK),
        lambda: (folder / "config.yaml").write_text("a: 1\n"),
    ):
        change()
        assert run()["changed"]
        assert not run()["changed"]
    assert dest.read_text().endswith("\na: 1\n")
    assert stat.S_IMODE(dest.stat().st_mode) == 0o640


def test_owner_and_group(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Any] = []
    monkeypatch.setattr(
        _files,
        "write_atomically",
        lambda path, text, mode, owner: written.append((path, mode, owner)),
    )
    run(owner="daemon", group="65532", mode="440")
    run(owner=7, group="daemon")
    dest = str(folder / "config.compose.yaml")
    assert written == [
        (dest, 0o440, (pwd.getpwnam("daemon").pw_uid, 65532)),
        (dest, 0o640, (7, grp.getgrnam("daemon").gr_gid)),
    ]


def test_another_owner_is_a_change(folder: Path, run: Run) -> None:
    run()
    own = (folder / "config.compose.yaml").stat()
    assert not run(owner=str(own.st_uid), group=own.st_gid)["changed"]
    assert run(check=True, owner=str(own.st_uid + 1))["changed"]
    assert run(check=True, group=own.st_gid + 1)["changed"]


def test_only_some_ports(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    warned: list[str] = []
    monkeypatch.setattr(config_file.AnsibleModule, "warn", lambda module, text: warned.append(text))
    found = run(ports=[1], gateway_name="gate", redis_host="cache", redis_port=7)
    assert found["unreachable"] == [
        {"file": str(folder / "config.yaml"), "line": 3, "kind": "model", "port": 8082}
    ]
    assert any("line 3: http://localhost:8082" in text for text in warned)
    assert "{host: cache," in (folder / "config.compose.yaml").read_text()
    assert "@gate:8082" in (
        run(gateway_name="gate") and (folder / "config.compose.yaml").read_text()
    )
    assert run(own_ports=[8082])["unreachable"] == []
    assert "@localhost:8082" in (folder / "config.compose.yaml").read_text()


def test_a_byte_order_mark_does_not_end_up_in_the_middle(folder: Path, run: Run) -> None:
    (folder / "config.yaml").write_bytes(b"\xef\xbb\xbfa: 1\n")
    run()
    assert b"\xef\xbb\xbf" not in (folder / "config.compose.yaml").read_bytes()


@pytest.mark.parametrize(
    "content, words",
    [
        (b"a: 1\ninclude: [x.yaml]\n", ["config.yaml, line 2:", "x.yaml is not there"]),
        (b"a: 1\nb: '2\n", ["config.yaml, line 2:", "quote"]),
        (b"a: 1\nb: \xff\n", ["config.yaml, line 2:", "UTF-8"]),
        (b"a: 1\nb: \0\n", ["config.yaml, line 2:", "NUL"]),
        (
            b"general_settings: {database_url: 'postgresql://u:hunter2@db/x'}\n",
            ["config.yaml, line 1:", "DATABASE_URL"],
        ),
    ],
)
def test_a_source_that_is_refused(folder: Path, run: Run, content: bytes, words: list[str]) -> None:
    (folder / "config.yaml").write_bytes(content)
    found = run()
    assert found["failed"]
    assert [word for word in words if word not in found["msg"]] == []
    assert not (folder / "config.compose.yaml").exists()


@pytest.mark.parametrize(
    "params, word",
    [
        ({"src": "/nowhere/config.yaml"}, "/nowhere/config.yaml: No such file"),
        ({"src": "/dev/null"}, "every account can write to /dev/null"),
        ({"dest": "/nowhere/config.yaml"}, "folder /nowhere does not exist"),
        ({"dest": "{src}"}, "own configuration"),
        ({"dest": "{link}"}, "own configuration"),
        ({"dest": "{theirs}"}, "not written by this module"),
        ({"dest": "{folder}"}, "not written by this module"),
        ({"owner": "nobody-knows-me"}, "no nobody-knows-me"),
        ({"group": "nobody-knows-me"}, "group: "),
        ({"mode": "u=rw"}, "not an octal mode"),
        ({"mode": "0642"}, "anyone could change"),
    ],
)
def test_parameters_that_are_refused(
    folder: Path, run: Run, params: dict[str, str], word: str
) -> None:
    (folder / "theirs.yaml").write_text("a: 1\n")
    (folder / "link.yaml").symlink_to("config.yaml")
    places = {
        "src": folder / "config.yaml",
        "theirs": folder / "theirs.yaml",
        "link": folder / "link.yaml",
        "folder": folder,
    }
    found = run(**{name: value.format(**places) for name, value in params.items()})
    assert found["failed"]
    assert word in found["msg"]
    assert (folder / "theirs.yaml").read_text() == "a: 1\n"
    assert not (folder / "config.compose.yaml").exists()


def test_a_folder_of_another_account_is_refused(folder: Path, run: Run) -> None:
    place = folder / "theirs"
    place.mkdir()
    os.chown(place, 65534, 65534)
    for below in (place, place / "deeper"):
        found = run(dest=str(below / "config.compose.yaml"))
        assert f"{place} belongs to account nobody, and root writes there" in found["msg"]
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("kind", ["link", "fifo", "folder", "include"])
@pytest.mark.parametrize("account", ["nobody", ""])
def test_a_source_is_read_as_its_account(folder: Path, run: Run, kind: str, account: str) -> None:
    source, secret = reachable(folder / "config.yaml"), folder / "secret.yaml"
    secret.write_text("a: hunter2\n")
    secret.chmod(0o600)
    source.unlink()
    if kind == "link":
        source.symlink_to(secret)
    elif kind == "fifo":
        os.mkfifo(source)
    elif kind == "folder":
        source.mkdir()
    else:
        source.write_text("a: 1\ninclude: [secret.yaml]\n")
    os.chown(source, 65534, 65534, follow_symlinks=False)
    found = run(account=account)
    place = f"{source}, line 2: includes {secret}" if kind == "include" else f"src: {source}"
    why = "not a regular file" if kind in ("fifo", "folder") else "Permission denied"
    assert f"{place}: account nobody can't read it: {why}. " in found["msg"]
    assert not (folder / "config.compose.yaml").exists()


# Included files


@pytest.fixture
def including(folder: Path) -> Path:
    """A configuration that includes a file beside it, which includes one in another folder."""
    (folder / "llm/sub").mkdir(parents=True)
    (folder / "llm/config.yaml").write_text(
        "include: [models.yaml]  # more\ngeneral_settings: {master_key: sk-hunter2}\n"
    )
    (folder / "llm/models.yaml").write_text(
        "# http://localhost:9\nmodel_list:\n- litellm_params: {api_base: "
        "'http://u:hunter2@localhost:8082/v1'} # x\n"
        "include:\n- sub/more.yaml\n"
    )
    (folder / "llm/sub/more.yaml").write_text(
        "model_list:\n- litellm_params: {api_base: 'http://127.0.0.1:9999'}\n"
    )
    (folder / "project").mkdir()
    return folder


def including_run(run: Run, including: Path, check: bool = False, **params: Any) -> dict[str, Any]:
    return run(
        check,
        src=str(including / "llm/config.yaml"),
        dest=str(including / "project/config.compose.yaml"),
        **params,
    )


def held(folder: Path) -> dict[str, tuple[str, int, int]]:
    """Every file below a folder: what it holds, its permissions and its inode."""
    return {
        str(path.relative_to(folder)): (
            path.read_bytes().decode(),
            stat.S_IMODE(path.stat().st_mode),
            path.stat().st_ino,
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_included_files_have_views_of_their_own(including: Path, run: Run) -> None:
    before = held(including / "llm")
    found = including_run(run, including, ports=[8082])
    assert held(including / "llm") == before
    project = held(including / "project")
    assert {name: mode for name, (_text, mode, _inode) in project.items()} == {
        "config.compose.yaml": 0o640,
        "config.compose.1-models.yaml": 0o640,
        "config.compose.2-more.yaml": 0o640,
    }
    assert project["config.compose.yaml"][0].endswith(
        (
            "\ninclude: [config.compose.1-models.yaml]  # more\ngeneral_settings: "
            "{master_key: sk-hunter2}\n"
        )
    )
    assert project["config.compose.1-models.yaml"][0].partition("\n")[2] == before["models.yaml"][
        0
    ].replace("hunter2@localhost", ("hunter2@host.docker.internal")).replace(
        "sub/more.yaml", "config.compose.2-more.yaml"
    )
    models, more = str(including / "llm/models.yaml"), str(including / "llm/sub/more.yaml")
    assert found["included"] == [
        {"file": models, "view": "config.compose.1-models.yaml"},
        {"file": more, "view": "config.compose.2-more.yaml"},
    ]
    assert [
        (os.path.basename(item["file"]), item["view"], item["line"], item["new"])
        for item in found["rewritten"]
    ] == [
        ("config.yaml", "config.compose.yaml", 1, "config.compose.1-models.yaml"),
        ("models.yaml", "config.compose.1-models.yaml", 3, "http://host.docker.internal:8082"),
        ("models.yaml", "config.compose.1-models.yaml", 5, "config.compose.2-more.yaml"),
    ]
    assert found["endpoints"] == [
        {"file": models, "line": 3, "kind": "model", "port": 8082},
        {"file": more, "line": 2, "kind": "model", "port": 9999},
    ]
    assert found["unreachable"] == [{"file": more, "line": 2, "kind": "model", "port": 9999}]
    assert [item["after_header"] for item in found["diff"]] == [
        str(including / "project" / name)
        for name in (
            "config.compose.yaml",
            "config.compose.1-models.yaml",
            "config.compose.2-more.yaml",
        )
    ]
    assert all(_preflight_source.is_ours(text) for text, _mode, _inode in project.values())


def test_a_second_run_leaves_the_views_alone(including: Path, run: Run) -> None:
    assert including_run(run, including, check=True) == including_run(run, including)
    before = held(including)
    found = including_run(run, including)
    assert (found["changed"], found["diff"], held(including)) == (False, [], before)


def test_a_change_of_an_included_file_changes_its_view_alone(including: Path, run: Run) -> None:
    including_run(run, including)
    before = held(including / "project")
    (including / "llm/sub/more.yaml").write_text("model_list: []\n")
    assert [
        os.path.basename(item["after_header"]) for item in including_run(run, including)["diff"]
    ] == ["config.compose.2-more.yaml"]
    after = held(including / "project")
    assert {name for name in after if after[name] != before[name]} == {"config.compose.2-more.yaml"}
    (including / "project/config.compose.2-more.yaml").chmod(0o600)
    assert including_run(run, including)["changed"]


def test_a_file_that_is_not_included_any_more_loses_its_view(including: Path, run: Run) -> None:
    including_run(run, including)
    theirs = including / "project/config.compose.9-theirs.yaml"
    theirs.write_text("a: 1\n")
    (including / "project/config.compose.notes.yaml").write_text(_includes.MARK)
    (including / "llm/models.yaml").write_text("model_list: []\n")
    gone = str(including / "project/config.compose.2-more.yaml")
    planned = including_run(run, including, check=True)
    assert os.path.exists(gone)
    found = including_run(run, including)
    assert planned == found
    assert (found["changed"], found["removed"]) == (True, [gone])
    assert found["diff"][-1] == {
        "before_header": gone,
        "after_header": gone,
        "before": "a copy of a file that is not included any more\n",
        "after": "",
    }
    assert sorted(os.listdir(including / "project")) == [
        "config.compose.1-models.yaml",
        "config.compose.9-theirs.yaml",
        "config.compose.notes.yaml",
        "config.compose.yaml",
    ]
    assert not including_run(run, including)["changed"]


@pytest.mark.parametrize(
    "change, words",
    [
        ({"llm/models.yaml": None}, ["llm/config.yaml, line 1:", "is not there"]),
        ({"llm/sub/more.yaml": "- hunter2\n"}, ["llm/sub/more.yaml, line 1:", "is not a mapping"]),
        (
            {
                "llm/models.yaml": "a: 'hunter2\n",
                "llm/config.yaml": "b: 1\ninclude: [gone.yaml, models.yaml]\n",
            },
            ["llm/config.yaml, line 2:", "llm/models.yaml, line 1:"],
        ),
        (
            {"project/config.compose.1-models.yaml": "a: hunter2\n"},
            ["config.compose.1-models.yaml was not written by this module"],
        ),
    ],
)
def test_nothing_is_written_where_one_file_is_refused(
    including: Path, run: Run, change: dict[str, str | None], words: list[str]
) -> None:
    for name, text in change.items():
        if text is None:
            (including / name).unlink()
        else:
            (including / name).write_text(text)
    before = held(including)
    found = including_run(run, including)
    assert found["failed"]
    assert [word for word in words if word not in found["msg"]] == []
    assert held(including) == before


def test_an_included_file_is_never_replaced_by_its_view(including: Path, run: Run) -> None:
    (including / "llm/config.yaml").write_text("include: [x.yaml, config.compose.1-x.yaml]\n")
    (including / "llm/config.compose.1-x.yaml").symlink_to("x.yaml")
    (including / "llm/x.yaml").write_text(_includes.MARK + "\na: 1\n")
    assert (
        "own configuration"
        in run(
            src=str(including / "llm/config.yaml"), dest=str(including / "llm/config.compose.yaml")
        )["msg"]
    )


def test_links_are_read_by_the_name_they_are_included_by(including: Path, run: Run) -> None:
    (including / "llm/link.yaml").symlink_to("sub/more.yaml")
    (including / "llm/config.yaml").write_text("include: [link.yaml]\n")
    assert including_run(run, including)["included"] == [
        {"file": str(including / "llm/link.yaml"), "view": "config.compose.1-link.yaml"}
    ]
