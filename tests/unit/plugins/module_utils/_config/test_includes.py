"""What a config.yaml includes, and by which names it goes into a backup."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.llmops.litellm.plugins.module_utils._config import includes as _includes


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("model_list: []\n", []),
        (
            "include:\n  - a.yaml\n  - 'it''s.yaml'\n  - \"b\\u00fc.yaml\" # why\n",
            ["a.yaml", "it's.yaml", "bü.yaml"],
        ),
        ("include: [a.yaml, 'b.yaml']\nx: {include: [c.yaml]}\n", ["a.yaml", "b.yaml"]),
        ("# include: [a.yaml]\n", []),
        ("include: a.yaml\n", []),
        ("include: []\n", []),
        ("{include: [a.yaml]}\n", ["a.yaml"]),
    ],
)
def test_entries(text: str, names: list[str]) -> None:
    assert [name for name, _value in _includes.entries(text)] == names


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "llm/sub").mkdir(parents=True)
    for name, text in {
        "llm/config.yaml": (
            "include: [models.yaml, sub/more.yaml, ../shared.yaml, gone.yaml, models.yaml]\n"
        ),
        "llm/models.yaml": "model_list: []\n",
        # beside the one that names it, beside the first one, and itself again
        "llm/sub/more.yaml": "include:\n- deep.yaml\n- root.yaml\n- more.yaml\n- ../config.yaml\n",
        "llm/sub/deep.yaml": "x: 1\n",
        "llm/root.yaml": "x: 1\n",
        "shared.yaml": "x: 1\n",
    }.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_files_are_found_as_litellm_finds_them(tree: Path) -> None:
    found, missing = _includes.find(str(tree / "llm/config.yaml"))
    assert [os.path.relpath(path, tree) for path in found] == [
        "llm/models.yaml",
        "llm/sub/more.yaml",
        "shared.yaml",
        "llm/sub/deep.yaml",
        "llm/root.yaml",
    ]
    assert missing == [str(tree / "llm/gone.yaml")]


def test_they_go_into_the_backup_by_names_of_their_own(tree: Path) -> None:
    (tree / "llm/compose.yaml").write_text("include: [models.yaml, root.yaml]\n")
    config = str(tree / "llm/config.yaml")
    found = _includes.with_included(
        {
            "config.yaml": config,
            "compose.yaml": str(tree / "llm/compose.yaml"),
            "models.yaml": "/elsewhere/models.yaml",
            "env": "/nosuch.yaml",
        }
    )
    assert {
        name: os.path.relpath(path, tree)
        for name, path in found.files.items()
        if path.startswith(str(tree))
    } == {
        "config.yaml": "llm/config.yaml",
        "compose.yaml": "llm/compose.yaml",
        "2-models.yaml": "llm/models.yaml",
        "sub--more.yaml": "llm/sub/more.yaml",
        "shared.yaml": "shared.yaml",
        "sub--deep.yaml": "llm/sub/deep.yaml",
        "root.yaml": "llm/root.yaml",
    }
    assert found.files["env"] == "/nosuch.yaml"
    assert found.absent == (
        "%s includes %s, which is not there" % (config, tree / "llm/gone.yaml"),
    )


def test_one_that_is_named_already_is_not_copied_twice(tree: Path) -> None:
    files = {
        "config.yaml": str(tree / "llm/config.yaml"),
        "mine": str(tree / "llm/models.yaml"),
        "other.yaml": str(tree / "llm/config.yaml"),
    }
    found = _includes.with_included(files)
    assert sorted(found.files) == [
        "config.yaml",
        "mine",
        "other.yaml",
        "root.yaml",
        "shared.yaml",
        "sub--deep.yaml",
        "sub--more.yaml",
    ]


CHARACTERS = st.characters(
    codec="utf-8", exclude_characters="\x85\u2028\u2029"
)  # line ends that nobody writes


@given(
    names=st.lists(st.text(CHARACTERS, min_size=1, max_size=60), min_size=1, max_size=3),
    style=st.sampled_from([None, "'", '"']),
    flow=st.booleans(),
    width=st.sampled_from([10, 1000]),
    ascii_only=st.booleans(),
)
def test_entries_are_what_yaml_reads(
    names: list[str], style: str | None, flow: bool, width: int, ascii_only: bool
) -> None:
    text = yaml.safe_dump(
        {"include": names},
        default_style=style,
        default_flow_style=flow,
        width=width,
        allow_unicode=not ascii_only,
    )
    wanted = yaml.safe_load(text)["include"]
    assert [name for name, _value in _includes.entries(text)] == wanted
