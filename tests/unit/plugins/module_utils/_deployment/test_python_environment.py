"""The Python environment of a process, and LiteLLM in it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    python_environment as _python_environment,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import reader as _reader

DIST = "litellm-1.102.4.dist-info/METADATA"


def put(folder: Path, *names: str) -> None:
    """Empty files."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")


@pytest.mark.parametrize(
    ("files", "version", "traces"),
    [
        ([DIST], "1.102.4", []),
        (["litellm-1.82.8.dist-info/METADATA", "litellm_init.pth"], "1.82.8", ["litellm_init.pth"]),
        (["litellm_proxy_extras-0.4.1.dist-info/METADATA"], None, []),
    ],
    ids=["plain", "with a trace", "only extras"],
)
def test_release_is_read_without_running_it(
    tmp_path: Path, files: list[str], version: Any, traces: list[str]
) -> None:
    site = tmp_path / "lib/python3.13/site-packages"
    put(site, *files)
    found = _python_environment.installed(str(tmp_path / "bin/python3"))
    assert (found["version"], found["traces"]) == (version, [str(site / name) for name in traces])
    assert found["site"] == (str(site) if version else None)
    assert found["package"] == (str(site / "litellm") if version else None)


@pytest.mark.parametrize(
    "place",
    [
        "lib/python3.11/site-packages",
        "lib64/python3.9/site-packages",
        "lib/python3/dist-packages",
        "lib/python3.10/dist-packages",
    ],
)
def test_folders_of_every_distribution_are_searched(tmp_path: Path, place: str) -> None:
    put(tmp_path / place, DIST)
    found = _python_environment.installed(str(tmp_path / "bin/python3"))
    assert (found["version"], found["site"]) == ("1.102.4", str(tmp_path / place))


@pytest.mark.parametrize(("setting", "version"), [("true", "1.102.4"), ("false", None)])
def test_venv_has_what_is_below_it_only_where_it_says_so(
    tmp_path: Path, setting: str, version: Any
) -> None:
    put(tmp_path / "base/lib/python3.11/site-packages", DIST)
    put(tmp_path / "venv/lib/python3.11/site-packages", "other")
    put(tmp_path / "base", "bin/python3")
    (tmp_path / "venv/bin").mkdir()
    (tmp_path / "venv/bin/python3").symlink_to(tmp_path / "base/bin/python3")
    (tmp_path / "venv/pyvenv.cfg").write_text(
        "home = %s\ninclude-system-site-packages = %s\n" % (tmp_path / "base/bin", setting)
    )
    found = _python_environment.installed(str(tmp_path / "venv/bin/python3"))
    assert found["version"] == version


def test_interpreter_that_is_a_link_has_what_it_links_to(tmp_path: Path) -> None:
    put(tmp_path / "conda/lib/python3.11/site-packages", DIST)
    put(tmp_path / "conda", "bin/python3.11")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python3").symlink_to(tmp_path / "conda/bin/python3.11")
    assert _python_environment.installed(str(tmp_path / "bin/python3"))["version"] == "1.102.4"


def test_folders_of_the_environment_come_first(tmp_path: Path) -> None:
    put(tmp_path / "lib/python3.11/site-packages", "litellm-1.0.0.dist-info/METADATA")
    put(tmp_path / "work/mine", DIST, "sitecustomize.py")
    extra = _python_environment.extra({"PYTHONPATH": "mine:"}, str(tmp_path / "work"), "/h")
    assert extra == [str(tmp_path / "work/mine"), "/h/.local/lib/python3*/site-packages"]
    found = _python_environment.installed(str(tmp_path / "bin/python"), None, extra)
    # of ddtrace and others, which put a sitecustomize.py there
    assert (found["version"], found["traces"]) == ("1.102.4", [])


def test_a_script_brings_the_packages_of_its_own_prefix(tmp_path: Path) -> None:
    """As Nix has it, whose interpreter has none."""
    put(tmp_path / "python", "bin/python3.12")
    site = tmp_path / "litellm/lib/python3.12/site-packages"
    put(site, DIST)
    script = str(tmp_path / "litellm/bin/.litellm-wrapped")
    for words in ((script, "/x"), ("bin/.litellm-wrapped", str(tmp_path / "litellm"))):
        extra = _python_environment.extra({}, words[1], "/h", words[0])
        found = _python_environment.installed(str(tmp_path / "python/bin/python3.12"), None, extra)
        assert (found["version"], found["site"]) == ("1.102.4", str(site))
    extra = _python_environment.extra({"NIX_PYTHONPATH": str(site)}, "/x", "/h")
    found = _python_environment.installed(str(tmp_path / "python/bin/python3.12"), None, extra)
    assert found["package"] == str(site / "litellm")


def test_home_of_user_packages_can_be_named() -> None:
    assert _python_environment.extra({"PYTHONUSERBASE": "/b", "HOME": "/x"}, "/", "/h") == [
        "/b/lib/python3*/site-packages"
    ]
    assert _python_environment.extra({"HOME": "/x"}, "/", "/h")[0].startswith("/x/.local/")


@pytest.mark.parametrize(
    ("told", "editable"),
    [
        ('{"url": "file:///src/my%20litellm", "dir_info": {"editable": true}}', "/src/my litellm"),
        ('{"url": "file:///src/litellm", "dir_info": {}}', None),
        ('{"url": "https://x/litellm.whl", "archive_info": {}}', None),
        ("[1]", None),
        ("no JSON", None),
    ],
)
def test_editable_installation_is_known(tmp_path: Path, told: str, editable: Any) -> None:
    site = tmp_path / "lib/python3.11/site-packages"
    put(site, DIST)
    (site / "litellm-1.102.4.dist-info/direct_url.json").write_text(told)
    found = _python_environment.installed(str(tmp_path / "bin/python"))
    assert found["editable"] == editable
    assert found["package"] == "%s/litellm" % (editable or site)


def test_code_that_is_not_installed_is_found_where_it_is(tmp_path: Path) -> None:
    put(tmp_path / "lib/python3.11/site-packages", "x")
    put(tmp_path / "src", "litellm/__init__.py")
    python = str(tmp_path / "bin/python")
    found = _python_environment.installed(python, None, [str(tmp_path / "src")])
    assert (found["version"], found["package"]) == (None, str(tmp_path / "src/litellm"))


def test_folders_that_a_process_has_loaded_from_are_seen() -> None:
    maps = (
        "7f r--p 00000000 00:2f 1   /v/lib/python3.11/site-packages/uvloop/loop.so\n"
        "7f r-xp 00000000 00:2f 1   /v/lib/python3.11/site-packages/uvloop/loop.so\n"
        "7f r-xp 00000000 00:2f 1   /usr/lib/python3/dist-packages/a b/c.so\n"
        "7f r-xp 00000000 00:2f 1   /usr/lib/libc.so.6\n7f rw-p 0 00:00 0   [heap]\n"
    )
    assert _python_environment.mapped(maps) == [
        "/v/lib/python3.11/site-packages",
        "/usr/lib/python3/dist-packages",
    ]
    assert json.dumps(_python_environment.mapped("")) == "[]"


@pytest.mark.parametrize(
    ("argv", "program", "path", "found"),
    [
        (["/v/bin/python3.13", "/v/bin/litellm"], "/usr/bin/python3.13", "", "/v/bin/python3.13"),
        (["bin/python3", "bin/litellm"], "/usr/bin/python3", "", "FOLDER/bin/python3"),
        (
            ["python3", "-m", "litellm"],
            "/usr/bin/python3.11",
            "FOLDER/bin:/x",
            "FOLDER/bin/python3",
        ),
        (["python3", "-m", "litellm"], "/usr/bin/python3.11", "/x", "/usr/bin/python3.11"),
        (["FOLDER/bin/litellm"], "/x/litellm", "", "FOLDER/bin/python"),
        (["gunicorn: master [x]"], "/usr/bin/python3.11", "", "/usr/bin/python3.11"),
        (["/usr/bin/nginx"], "/usr/bin/nginx", "", None),
        ([], "/usr/bin/nginx", "", None),
    ],
)
def test_interpreter_is_the_one_whose_packages_count(
    tmp_path: Path, argv: list[str], program: str, path: str, found: Any
) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("python", "python3"):
        (tmp_path / "bin" / name).symlink_to(sys.executable)
    here = str(tmp_path)
    assert _python_environment.interpreter(
        [word.replace("FOLDER", here) for word in argv],
        program,
        {"PATH": path.replace("FOLDER", here)},
        here,
        _reader.ours(),
    ) == (found and found.replace("FOLDER", here))
