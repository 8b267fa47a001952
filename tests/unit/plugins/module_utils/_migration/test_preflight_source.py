"""What preflight finds wrong with the legacy deployment, its files and the project folder."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from legacy_host import CONFIG, SECRET, deployment, read, settings, texts
from unit.support import reachable

from ansible_collections.llmops.litellm.plugins.module_utils._config import (
    environment_text as _environment_text,
)
from ansible_collections.llmops.litellm.plugins.module_utils._config import includes as _includes
from ansible_collections.llmops.litellm.plugins.module_utils._deployment.legacy_reader import (
    Reader,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import reader as _reader
from ansible_collections.llmops.litellm.plugins.module_utils._host.account import Account
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    preflight_source as _preflight_source,
)

HERE = Reader(_reader.ours())
NOBODY = Reader(Account.numbered(65534))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty project folder."""
    made = tmp_path / "llm@team"
    made.mkdir()
    return made


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that another account can reach: pytest's own is closed to all but its owner."""
    with tempfile.TemporaryDirectory(prefix="llm@") as made:
        os.chmod(made, 0o755)
        yield Path(made)


def git(folder: Path, *words: str) -> None:
    subprocess.run(
        ["git", "-C", str(folder), "-c", "user.name=x", "-c", "user.email=x@example.com", *words],
        check=True,
        capture_output=True,
    )


def look(folder: Path, legacy: str = "/nosuch/legacy") -> tuple[list[str], list[str]]:
    """Subjects of the problems and of the warnings."""
    found = _preflight_source.check_project_folder(str(folder), legacy)
    return [item.subject for item in found.problems], [item.subject for item in found.warnings]


def test_free_folder_is_fine_whether_it_exists_or_not(folder: Path) -> None:
    assert look(folder)[0] == []
    assert look(folder / "new")[0] == []


def test_folder_of_the_legacy_proxy_is_refused_by_whatever_name(folder: Path) -> None:
    (folder.parent / "alias").symlink_to(folder)
    assert look(folder, str(folder))[0] == ["litellm_project_dir"]
    assert look(folder.parent / "alias", str(folder))[0] == ["litellm_project_dir"]
    assert look(folder / "compose", str(folder))[0] == []


def test_folder_without_a_parent_is_named(folder: Path) -> None:
    problems = _preflight_source.check_project_folder(
        str(folder / "a" / "b"), "/nosuch/legacy"
    ).problems
    assert texts(problems).startswith("litellm_project_dir: %s does not exist" % (folder / "a"))


def test_what_lies_in_a_folder_of_another_account_is_not_read(folder: Path) -> None:
    os.mkfifo(folder / ".env")
    assert look(folder) == ([str(folder / ".env")], [])
    os.chown(folder, 65534, 65534)
    assert look(folder) == ([], [])  # refused by itself, see test_preflight_target


@pytest.mark.parametrize("owner", [0, 65534], ids=["root's", "another account's"])
def test_tracked_secret_is_refused(open_folder: Path, owner: int) -> None:
    folder = open_folder
    git(folder, "init")
    (folder / ".env").write_text("")
    (folder / "needed.001-key.pem").write_text("")
    (folder / "compose.yaml").write_text(_preflight_source.OWN_MARK)
    assert look(folder)[0] == []
    git(folder, "add", "--all")
    git(folder, "commit", "-m", "oops")
    for path in (folder, *folder.rglob("*")):
        os.chown(path, owner, owner)
    problems = _preflight_source.check_project_folder(str(folder), "/nosuch/legacy").problems
    assert [item.subject for item in problems] == [
        str(folder / ".env"),
        str(folder / "needed.001-key.pem"),
    ]  # compose.yaml may be tracked
    assert "git rm --cached .env" in problems[0].remedy


def test_secret_tracked_in_a_folder_that_is_gone_is_refused(folder: Path) -> None:
    git(folder, "init")
    (folder / "compose").mkdir()
    (folder / "compose/redis.conf").write_text("")
    git(folder, "add", "--all")
    (folder / "compose/redis.conf").unlink()
    (folder / "compose").rmdir()
    assert look(folder / "compose")[0] == [str(folder / "compose/redis.conf")]


def test_repository_that_git_cannot_read_is_a_problem(folder: Path) -> None:
    (folder / ".git").mkdir()
    problems = _preflight_source.check_project_folder(str(folder), "/nosuch/legacy").problems
    assert "git cannot say what it tracks" in texts(problems)


@pytest.mark.parametrize("name", _preflight_source.OWN_FILES)
@pytest.mark.parametrize(
    ("text", "ours"),
    [
        ("services: {}\n", False),
        ("# mine\n" + _preflight_source.OWN_MARK, False),
        ("", True),
        (_preflight_source.OWN_MARK + ", role compose.\n", True),
        (_environment_text.env_text({"A": "1"}), True),
    ],
    ids=["a stranger's", "marked later", "empty", "ours", "our env file"],
)
def test_only_our_own_files_are_replaced(folder: Path, name: str, text: str, ours: bool) -> None:
    (folder / name).write_text(text)
    assert look(folder)[0] == ([] if ours else [str(folder / name)])


def test_folder_or_dangling_link_of_our_name_is_not_replaced(folder: Path) -> None:
    (folder / "compose.yaml").mkdir()
    (folder / ".env").symlink_to("nosuch")
    assert look(folder)[0] == [str(folder / ".env"), str(folder / "compose.yaml")]


def files(path: Path, optional: bool = False) -> tuple[str, str]:
    """Problems and warnings of an EnvironmentFile."""
    found = _preflight_source.check_environment_file(str(path), optional, HERE)
    return texts(found.problems), texts(found.warnings)


def test_missing_environment_file_counts_only_where_it_is_needed(tmp_path: Path) -> None:
    assert files(tmp_path / "a", optional=True) == ("", "")
    assert files(tmp_path / "a")[0].startswith(str(tmp_path / "a") + ": is missing")


def test_readable_environment_file_is_fine(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("# note\nKEY='%s'\n" % SECRET)
    assert files(tmp_path / "a") == ("", "")


@pytest.mark.parametrize("kind", ["link", "fifo", "folder", "large"])
@pytest.mark.parametrize("optional", [False, True])
def test_what_the_account_cannot_read_of_an_environment_file_is_said(
    tmp_path: Path, kind: str, optional: bool
) -> None:
    path = reachable(tmp_path / "a")
    if kind == "link":
        (tmp_path / "secret").write_text("KEY=%s\n" % SECRET)
        (tmp_path / "secret").chmod(0o600)
        path.symlink_to(tmp_path / "secret")
    elif kind == "fifo":
        os.mkfifo(path, 0o666)
    elif kind == "folder":
        path.mkdir()
    else:
        path.touch()
        os.truncate(path, 20 << 30)
    why = {"link": "Permission denied", "large": "larger than 4194304 bytes"}
    found = _preflight_source.check_environment_file(str(path), optional, NOBODY)
    assert texts(found.problems).startswith(
        "%s: account nobody can't read it: %s" % (path, why.get(kind, "not a regular file"))
    )
    planned = _preflight_source.check_environment(
        _preflight_source.plan_environment(
            deployment(environment_files=[{"path": str(path)}])._replace(reader=NOBODY),
            settings(tmp_path),
            {},
        )
    )
    assert SECRET not in texts(planned.problems + planned.warnings + found.problems)


@pytest.mark.parametrize(
    ("text", "warned", "adopt"),
    [
        ("A=1\nexport KEY=%s\n", ":2: KEY never reached the proxy", "env_file_adopt: [KEY]"),
        ("KEY: %s\n", ":1: KEY never reached the proxy", "env_file_adopt: [KEY]"),
        ("A=1\n\n%s\n", ":3: the line never reached the proxy", "mend it if it is wanted"),
    ],
    ids=["export", "colon", "no name"],
)
def test_lines_that_never_reached_the_proxy_are_told_without_their_values(
    tmp_path: Path, text: str, warned: str, adopt: str
) -> None:
    (tmp_path / "a").write_text(text % SECRET)
    problems, warnings = files(tmp_path / "a")
    assert problems == ""
    assert str(tmp_path / "a") + warned in warnings
    assert adopt in warnings
    assert SECRET not in warnings


def test_quote_that_never_ends_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("A=1\nKEY='%s\nB=2\n" % SECRET)
    problems, warnings = files(tmp_path / "a")
    assert problems.startswith("%s:2: has a quote that never ends" % (tmp_path / "a"))
    assert warnings == ""
    assert SECRET not in problems


def test_file_that_systemd_refuses_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"A=1\nKEY=\xff%s\n" % SECRET.encode())
    assert files(tmp_path / "a")[0].startswith("%s:2: " % (tmp_path / "a"))
    assert SECRET not in files(tmp_path / "a")[0]


@pytest.mark.parametrize(
    ("config", "there", "said"),
    [
        (CONFIG, True, ""),
        (None, True, "config.yaml: process 271 was started without --config and CONFIG_FILE_PATH"),
        (CONFIG, False, "does not exist any more"),
        ("environment_variables:\n  LITELLM_SALT_KEY: %s\n" % SECRET, True, ""),
        (
            "environment_variables:\n  LITELLM_SALT_KEY: short\n",
            True,
            "LITELLM_SALT_KEY: the value that the running proxy has has 5 characters",
        ),
    ],
    ids=["fine", "none", "gone", "salt key", "weak salt key"],
)
def test_configuration_is_judged(tmp_path: Path, config: Any, there: bool, said: str) -> None:
    path = tmp_path / "config.yaml"
    if there and config:
        path.write_text(config)
    legacy = deployment({}, config or "", config=str(path) if config else None)
    if not there:
        legacy = legacy._replace(unread=said, configuration=_includes.Tree())
    found = texts(_preflight_source.check_legacy(legacy, settings(tmp_path)).problems)
    assert bool(found) == bool(said), found
    assert said in found
    assert SECRET not in found


@pytest.mark.parametrize(
    ("config", "environment", "said"),
    [
        ("", {}, "the running proxy has none"),
        ("general_settings:\n  master_key: os.environ/KEY\n", {"KEY": "sk-" + SECRET}, ""),
        ("general_settings:\n  master_key: sk-%s\n" % SECRET, {}, ""),
        ("general_settings:\n  master_key: sk-1234\n", {}, "the value that the running proxy has"),
        (
            "general_settings:\n  master_key: os.environ/KEY\n",
            {"LITELLM_MASTER_KEY": "sk-" + SECRET},
            "the running proxy has none",
        ),
        (
            "litellm_settings:\n  master_key: sk-%s\n" % SECRET,
            {},
            "the running proxy has none",
        ),
        (
            "general_settings:\n  master_key: os.environ/KEY\n"
            "  key_management_system: aws_secret_manager\n",
            {},
            "",
        ),
    ],
    ids=[
        "none",
        "by reference",
        "in plain text",
        "weak in plain text",
        "reference to nothing, which wins",
        "where LiteLLM ignores it",
        "in a secret manager",
    ],
)
def test_master_key_may_be_in_the_configuration(
    tmp_path: Path, config: str, environment: dict[str, str], said: str
) -> None:
    (tmp_path / "config.yaml").write_text(config)
    legacy = deployment({}, config, config=str(tmp_path / "config.yaml"))
    legacy = legacy._replace(environment=environment)
    found = texts(_preflight_source.check_legacy(legacy, settings(tmp_path)).problems)
    assert ("LITELLM_MASTER_KEY" in found) == bool(said)
    assert said in found
    assert SECRET not in found


def test_of_a_configuration_that_cannot_be_read_nothing_is_concluded(tmp_path: Path) -> None:
    legacy = deployment({}, "", config=str(tmp_path / "config.yaml"))
    legacy = legacy._replace(environment={}, unread="does not exist any more")
    found = texts(_preflight_source.check_legacy(legacy, settings(tmp_path)).problems)
    assert "LITELLM_MASTER_KEY" not in found


def test_project_folder_is_told_without_a_slash_at_its_end(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG)
    legacy = deployment(config=str(tmp_path / "config.yaml"))
    found = _preflight_source.check_legacy(
        legacy, settings(tmp_path, project_dir=str(tmp_path / "llm") + "/")
    )
    assert found.problems == []
    assert found.facts == {"project_dir": str(tmp_path / "llm")}


@given(
    st.dictionaries(
        st.sampled_from(["database", "redis", "legacy"]),
        st.none() | st.integers(1, 65535).map(lambda port: {"port": port}),
    )
)
def test_native_ports_are_those_of_what_moves(facts: dict[str, Any]) -> None:
    assert _preflight_source.native_ports(facts) == [
        facts[name]["port"] for name in ("database", "redis") if facts.get(name)
    ]


def test_included_file_is_no_problem(including: Path, tmp_path: Path) -> None:
    assert _preflight_source.check_legacy(read(including), settings(tmp_path)).problems == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "config.yaml:1: includes models.yaml, and "),
        ("- %s\n" % SECRET, "models.yaml:1: is included and is not a mapping"),
        ("a: '%s\n" % SECRET, "models.yaml:1: a quote or a bracket is opened and never closed"),
        ("include: more.yaml\n", "models.yaml:1: include: is not a list of file names"),
    ],
    ids=["gone", "a list", "a quote", "its own include"],
)
def test_included_file_is_judged(including: Path, tmp_path: Path, text: Any, said: str) -> None:
    (tmp_path / "models.yaml").unlink()
    if text is not None:
        (tmp_path / "models.yaml").write_text(text)
    found = texts(_preflight_source.check_legacy(read(including), settings(tmp_path)).problems)
    assert found.startswith("%s/%s" % (tmp_path, said))
    assert len(found.splitlines()) == 1
    assert SECRET not in found


def test_included_file_may_have_the_master_key(including: Path, tmp_path: Path) -> None:
    (tmp_path / "models.yaml").write_text("general_settings:\n  master_key: os.environ/KEY\n")
    assert (
        _preflight_source.check_legacy(
            read(including)._replace(environment={"KEY": "sk-" + SECRET}), settings(tmp_path)
        ).problems
        == []
    )


def test_view_of_an_included_file_replaces_nobodys_file(including: Path, tmp_path: Path) -> None:
    (tmp_path / "llm").mkdir()
    (tmp_path / "llm/config.compose.1-models.yaml").write_text(
        "# Written by llmops.litellm, module config_file, from x\n"
    )
    assert _preflight_source.check_legacy(read(including), settings(tmp_path)).problems == []
    (tmp_path / "llm/config.compose.1-models.yaml").write_text("a: 1\n")
    found = texts(_preflight_source.check_legacy(read(including), settings(tmp_path)).problems)
    assert "config.compose.1-models.yaml: was not written by this collection" in found


def test_configuration_in_a_bucket_is_refused(including: Path, tmp_path: Path) -> None:
    found = texts(
        _preflight_source.check_legacy(
            read(including, {"LITELLM_CONFIG_BUCKET_NAME": SECRET}), settings(tmp_path)
        ).problems
    )
    assert found.startswith("LITELLM_CONFIG_BUCKET_NAME: is set") and SECRET not in found
