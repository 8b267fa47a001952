"""What a config.yaml includes, and by which names it goes into a backup."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from unit.support import reachable

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


@pytest.mark.parametrize("shape", ["flat", "chain"])
def test_files_are_limited_in_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shape: str
) -> None:
    monkeypatch.setattr(_includes, "MOST", 9)
    names = [f"f{number}.yaml" for number in range(20)]
    (tmp_path / "config.yaml").write_text(
        "include:\n" + "".join(f"- {name}\n" for name in (names if shape == "flat" else names[:1]))
    )
    for name, following in zip(names, [*names[1:], "f0.yaml"]):
        (tmp_path / name).write_text(f"include: [{following}]\n" if shape == "chain" else "a: 1\n")
    tree = _includes.follow(str(tmp_path / "config.yaml"))
    assert [os.path.basename(part.path) for part in tree.parts] == ["config.yaml", *names[:8]]
    (lost,) = tree.lost
    assert lost.why == "more than 200 files, or 16 MiB, are included"
    assert (os.path.basename(lost.place), os.path.basename(lost.by), lost.line) == (
        ("f8.yaml", "config.yaml", 10) if shape == "flat" else ("f8.yaml", "f7.yaml", 1)
    )


def test_files_are_limited_in_size(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        "include: [big.yaml, " + ", ".join(f"f{number}.yaml" for number in range(6)) + "]\n"
    )
    (tmp_path / "big.yaml").write_bytes(b"#" * (_includes.LIMIT + 1))
    for number in range(6):
        (tmp_path / f"f{number}.yaml").write_bytes(b"#" * _includes.LIMIT)
    tree = _includes.follow(str(tmp_path / "config.yaml"))
    assert [item.why for item in tree.lost] == [
        "root can't read it: larger than 4194304 bytes",
        "more than 200 files, or 16 MiB, are included",
    ]
    assert len(tree.parts) == 1 + 4
    (tmp_path / "config.yaml").write_bytes(b"#" * (_includes.LIMIT + 1))
    with pytest.raises(OSError, match="larger than 4194304 bytes"):
        _includes.follow(str(tmp_path / "config.yaml"))


def test_a_name_that_no_file_can_have_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text('include: ["%s", "a\\0b"]\n' % (" " * 5000))
    tree = _includes.follow(str(tmp_path / "config.yaml"))
    assert ["name too long" in item.why for item in tree.lost] == [True, False]


@pytest.mark.parametrize("word", ["", "root", "nobody"])
def test_what_a_config_names_is_read_as_who_reads_the_config(tmp_path: Path, word: str) -> None:
    """Whoever could have chosen the config has chosen what it includes."""
    config, secret = reachable(tmp_path / "config.yaml"), tmp_path / "secret.yaml"
    config.write_text("include: [secret.yaml, gone.yaml]\n")
    secret.write_text("a: 1\n")
    secret.chmod(0o600)
    found = _includes.with_included({"config.yaml": str(config)}, {"config.yaml": word})
    assert ("secret.yaml" in found.files) == (word != "nobody")
    os.chown(config, 65534, 65534)
    found = _includes.with_included({"config.yaml": str(config)}, {"config.yaml": word})
    assert found.files == {"config.yaml": str(config)}
    assert found.absent == (
        f"{config} includes {secret}: account nobody can't read it: Permission denied",
        f"{config} includes {tmp_path / 'gone.yaml'}, which is not there",
    )
    config.unlink()
    config.symlink_to(secret)
    os.chown(config, 65534, 65534, follow_symlinks=False)
    found = _includes.with_included({"config.yaml": str(config)}, {"config.yaml": word})
    assert (found.files, found.absent) == ({"config.yaml": str(config)}, ())
    with pytest.raises(PermissionError, match="Permission denied"):
        _includes.follow(str(config))
