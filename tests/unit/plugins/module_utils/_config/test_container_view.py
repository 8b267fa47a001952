"""The container's views of a config.yaml and of all that it includes: LiteLLM makes of them what it
makes of the originals, but for addresses.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import jinja2
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.llmops.litellm.plugins.module_utils._config import (
    container_view as _container_view,
)
from ansible_collections.llmops.litellm.plugins.module_utils._config import includes as _includes
from ansible_collections.llmops.litellm.plugins.module_utils._config.container_view import Addresses
from ansible_collections.llmops.litellm.plugins.module_utils._host import reader as _reader
from ansible_collections.llmops.litellm.plugins.module_utils._host.account import Account

ROOT = Path(__file__).parents[5]


class Here(Account):
    """Ourselves, without a process for each file: there are thousands."""

    def text(self, path: str, _limit: int = 0, _seconds: float = 0) -> str:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as stream:
            return stream.read()

    def ask(self, question: Callable[[], Any], _place: str, _seconds: float = 0) -> Any:
        return question()


HERE = Here(*_reader.ours())


def litellm(path: str) -> dict[str, Any]:
    """What LiteLLM 1.102.4 makes of a configuration (config_includes.py), in few lines."""

    def resolve(name: str, by: str) -> str:
        beside, first = (
            os.path.abspath(os.path.join(os.path.dirname(each), name)) for each in (by, path)
        )
        return first if not os.path.exists(beside) and os.path.exists(first) else beside

    merged: dict[str, Any] = yaml.safe_load(Path(path).read_text())
    loaded, pending = {path}, [(name, path) for name in merged.pop("include", [])]
    while pending:
        place = resolve(*pending.pop(0))
        if place in loaded:
            continue
        loaded.add(place)
        included = yaml.safe_load(Path(place).read_text()) or {}
        pending += [(name, place) for name in included.pop("include", [])]
        for key, value in included.items():
            merged[key] = (
                merged[key] + value
                if isinstance(value, list) and isinstance(merged.get(key), list)
                else value
            )
    return merged


def contained(node: Any) -> Any:
    """A configuration with the container's addresses."""
    if isinstance(node, dict):
        return {key: contained(value) for key, value in node.items()}
    if isinstance(node, list):
        return [contained(value) for value in node]
    return (
        node.replace("http://127.0.0.1:", "http://host.docker.internal:")
        if isinstance(node, str)
        else node
    )


PLACES = (
    "config.yaml",
    "models.yaml",
    "sub/models.yaml",
    "sub/deep/it's.yaml",
    "../shared.yml",
    "ü b.yaml",
    "sub/plain",
    "config.compose.1-models.yaml",
)


class File(NamedTuple):
    """A file of a configuration: what it names, and how."""

    includes: list[tuple[str, str]]
    ports: list[int]
    settings: bool
    flow: bool


FILES = st.builds(
    File,
    st.lists(
        st.tuples(st.sampled_from(PLACES), st.sampled_from(["beside", "first", "absolute"])),
        max_size=4,
    ),
    st.lists(st.integers(8000, 8003), max_size=2),
    st.booleans(),
    st.booleans(),
)


def write(folder: Path, files: list[File], width: int = 40) -> Path:
    """A configuration and its neighbours. One that is named from the first file's folder may be
    another there, as with LiteLLM.
    """
    base = folder / "llm"
    for place, file in zip(PLACES, files):
        path = base / place
        path.parent.mkdir(parents=True, exist_ok=True)
        told: dict[str, Any] = {}
        if file.includes:
            ways = {
                "beside": lambda target, path=path: os.path.relpath(base / target, path.parent),
                "first": lambda target: target,
                "absolute": lambda target: os.path.abspath(base / target),
            }
            told["include"] = [ways[how](target) for target, how in file.includes]
        told["model_list"] = [
            {
                "model_name": f"{place} {port}",
                "litellm_params": {"api_base": f"http://127.0.0.1:{port}/v1"},
            }
            for port in file.ports
        ]
        if file.settings:
            told["router_settings"] = {"from": place, "at": "http://127.0.0.1:8009"}
        text = yaml.safe_dump(
            told, sort_keys=False, default_flow_style=file.flow, allow_unicode=True, width=width
        )
        path.write_text(
            f"# {place} http://127.0.0.1:1\n{text}# end: 'http://127.0.0.1:2\n", encoding="utf-8"
        )
    return base / "config.yaml"


@given(files=st.lists(FILES, min_size=len(PLACES), max_size=len(PLACES)))
def test_litellm_makes_the_same_of_the_views(files: list[File]) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = write(Path(name), files)
        tree = _includes.follow(str(path), HERE)
        assert _container_view.problems(tree) == []
        views = _container_view.views(tree, "/opt/litellm/config.compose.yaml", Addresses())
        assert len({view.name for view in views}) == len(views)
        inside, project = Path(name, "app"), Path(name, "opt")
        for folder, first in ((inside, "config.yaml"), (project, "config.compose.yaml")):
            folder.mkdir()
            for view in views:
                (folder / (first if view is views[0] else view.name)).write_text(
                    view.text, encoding="utf-8"
                )
        assert litellm(str(inside / "config.yaml")) == contained(litellm(str(path)))
        # On the host the same files are found, by backups and by whoever reads the configuration.
        rendered = str(project / "config.compose.yaml")
        with patch.object(_includes._reader, "of", lambda *_words: HERE):
            found = _includes.find(rendered)
            kept = _includes.with_included({"config.compose.yaml": rendered}).files
        assert found == ([str(project / view.name) for view in views[1:]], [])
        assert list(kept) == [view.name for view in views]


@given(files=st.lists(FILES, min_size=len(PLACES), max_size=len(PLACES)))
def test_every_other_byte_stays(files: list[File]) -> None:
    with tempfile.TemporaryDirectory() as name:
        tree = _includes.follow(str(write(Path(name), files, 10000)), HERE)
        for part, view in zip(
            tree.parts, _container_view.views(tree, "config.compose.yaml", Addresses())
        ):
            head, _newline, rest = view.text.partition("\n")
            assert head == f"{_includes.MARK}, from {part.path}: change that file and run again."
            old, new = part.text.split("\n"), rest.split("\n")
            assert len(old) == len(new)
            changed = {number for number, pair in enumerate(zip(old, new), 1) if pair[0] != pair[1]}
            assert changed <= {item.line for item in view.rewritten}
            assert old[0] == new[0] and old[-2] == new[-2]


def test_names_are_rewritten_whichever_way_they_are_written(tmp_path: Path) -> None:
    for name in ("a.yaml", "it's.yaml", "b ü.yaml"):
        (tmp_path / name).write_text("model_list: []\n")
    text = (
        "include:  # which\n- a.yaml # first\n- 'it''s.yaml'\r\n- \"b "
        '\\u00fc.yaml"\n- &x ./a.yaml\nx: {include: [a.yaml], y: *x}\n'
    )
    (tmp_path / "config.yaml").write_text(text, newline="")
    first = _container_view.views(
        _includes.follow(str(tmp_path / "config.yaml")), "config.compose.yaml", Addresses()
    )[0]
    assert first.text.partition("\n")[2] == (
        "include:  # which\n- config.compose.1-a.yaml # first\n- "
        "config.compose.2-it_s.yaml\r\n- config.compose.3-b__.yaml\n"
        "- &x config.compose.1-a.yaml\nx: {include: [a.yaml], y: *x}\n"
    )
    assert [tuple(item) for item in first.rewritten][:2] == [
        (2, "a.yaml", "config.compose.1-a.yaml"),
        (3, "it''s.yaml", "config.compose.2-it_s.yaml"),
    ]


@pytest.mark.parametrize(
    "content, where, words",
    [
        (
            {"config.yaml": "a: 1\ninclude:\n- gone.yaml\n"},
            "config.yaml:3",
            "gone.yaml is not there, so LiteLLM would not start again",
        ),
        (
            {"config.yaml": "include: [m.yaml]\n", "m.yaml": "\n# x\ninclude: [gone.yaml]\n"},
            "m.yaml:3",
            "gone.yaml is not there",
        ),
        (
            {"config.yaml": "include: [sub]\n", "sub/x": ""},
            "config.yaml:1",
            "sub: root can't read it: not a regular file",
        ),
        (
            {"config.yaml": "include: ['']\n"},
            "config.yaml:1",
            "can't read it: not a regular file",
        ),
        ({"config.yaml": 'include: ["a\\0b"]\n'}, "config.yaml:1", "is not there"),
        (
            {"config.yaml": "a: 1\ninclude: m.yaml\n", "m.yaml": ""},
            "config.yaml:2",
            "is not a list of file names",
        ),
        ({"config.yaml": "a: 1\ninclude:\n"}, "config.yaml:2", "is not a list of file names"),
        (
            {"config.yaml": "include: [{a: m.yaml}]\n", "m.yaml": ""},
            "config.yaml:1",
            "is not a list of file names",
        ),
        (
            {"config.yaml": "include: [[m.yaml]]\n", "m.yaml": ""},
            "config.yaml:1",
            "is not a list of file names",
        ),
        (
            {
                "config.yaml": "a: 1\ninclude:\n- >-\n  m.yaml\n- a.yaml\n",
                "m.yaml": "",
                "a.yaml": "",
            },
            "config.yaml:2",
            "as a block",
        ),
        (
            {"config.yaml": "a: 1\ninclude:\n- |\n  m.yaml", "m.yaml": ""},
            "config.yaml:2",
            "as a block",
        ),
        (
            {"config.yaml": "x: &x [m.yaml]\ninclude: *x\n", "m.yaml": ""},
            "config.yaml:2",
            "holds an alias",
        ),
        (
            {"config.yaml": "x: &x m.yaml\ninclude:\n- *x\n", "m.yaml": ""},
            "config.yaml:2",
            "holds an alias",
        ),
        (
            {"config.yaml": "a: 1\ninclude: ['s3://u:hunter2@bucket/models.yaml?k=hunter2']\n"},
            "config.yaml:2",
            "includes an address (s3://…)",
        ),
        (
            {"config.yaml": "include: [m.yaml]\n", "m.yaml": "# x\n- a: 1\n"},
            "m.yaml:2",
            "is not a mapping",
        ),
        (
            {"config.yaml": "include: [m.yaml]\n", "m.yaml": "[a, b]\n"},
            "m.yaml:1",
            "is not a mapping",
        ),
        (
            {"config.yaml": "include: [m.yaml]\n", "m.yaml": "a: 1\nhunter2\n"},
            "m.yaml:2",
            "is not a mapping",
        ),
        (
            {"config.yaml": "include: [m.yaml]\n", "m.yaml": "a: 1\nb: 'hunter2\n"},
            "m.yaml:2",
            "never closed",
        ),
        (
            {"config.yaml": "include: [m.yaml]\n", "m.yaml": "a: 1\nb: [hunter2\n"},
            "m.yaml:2",
            "never closed",
        ),
        (
            {"config.yaml": "include: [m.yaml]\n", "m.yaml": b"a: 1\nb: hunter2\xff\n"},
            "m.yaml:2",
            "not UTF-8",
        ),
        (
            {"config.yaml": "include: [m.yaml]\n", "m.yaml": b"a: 1\nb: hunter2\0\n"},
            "m.yaml:2",
            "NUL",
        ),
        (
            {
                "config.yaml": "include: [m.yaml]\n",
                "m.yaml": "general_settings:\n  database_url: postgresql://u:hunter2@db/x\n",
            },
            "m.yaml:2",
            "DATABASE_URL",
        ),
    ],
)
def test_what_is_refused_is_told_with_its_file_and_line(
    tmp_path: Path, content: dict[str, Any], where: str, words: str
) -> None:
    for name, text in content.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(text.encode() if isinstance(text, str) else text)
    found = _container_view.problems(_includes.follow(str(tmp_path / "config.yaml")))
    assert [f"{os.path.relpath(item.path, tmp_path)}:{item.line}" for item in found] == [where]
    assert words in found[0].message
    assert "hunter2" not in found[0].message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        "a: 1\n",
        "{}\n",
        "---\n{a: [1]}\n",
        "include: []\n",
        "include: [config.yaml, m.yaml]\n",
    ],
)
def test_what_litellm_takes_is_not_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.yaml").write_text("include: [m.yaml]\n")
    (tmp_path / "m.yaml").write_text(text)
    assert _container_view.problems(_includes.follow(str(tmp_path / "config.yaml"))) == []


LEAVES = st.none() | st.text(max_size=12) | st.integers()
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
MAPPINGS = st.dictionaries(st.text(max_size=8), VALUES, max_size=4)


@example(document={"-": None}, flow=False, style=None)  # a key, not an item
@given(
    document=MAPPINGS,
    flow=st.sampled_from([True, False, None]),
    style=st.sampled_from([None, "'", '"', "|", ">"]),
)
def test_no_mapping_is_taken_for_something_else(
    document: Any, flow: bool | None, style: str | None
) -> None:
    text = yaml.safe_dump(
        document, default_flow_style=flow, default_style=style, allow_unicode=True, width=30
    )
    assert list(_container_view._no_mapping(text)) == []


@given(
    document=st.lists(MAPPINGS, min_size=1, max_size=2) | st.text("abc", min_size=1),
    flow=st.booleans(),
)
def test_what_is_no_mapping_is_known(document: Any, flow: bool) -> None:
    assert (
        len(
            list(
                _container_view._no_mapping(
                    yaml.safe_dump(document, default_flow_style=flow, allow_unicode=True)
                )
            )
        )
        == 1
    )


def compose(included: list[dict[str, str]], text: str = "") -> str:
    """The role's compose.yaml, with variables that stand for any."""
    path = ROOT / "roles/compose/templates/compose.yaml.j2"
    environment = jinja2.Environment(
        trim_blocks=True, keep_trailing_newline=True, undefined=jinja2.ChainableUndefined
    )
    environment.filters["to_json"] = repr
    return environment.from_string(text or path.read_text()).render(
        __compose_config={"included": included},
        __compose_command=[],
        __compose_options=[],
        __compose_health=[],
        compose_engine_major=25,
        compose_images={},
        compose_extra_hosts={},
    )


def test_compose_file_mounts_each_view_and_is_the_old_one_without_any() -> None:
    text = (ROOT / "roles/compose/templates/compose.yaml.j2").read_text()
    begin = text.index("{% for item in __compose_config.included %}")
    end = text.index("{% endfor %}\n", begin) + len("{% endfor %}\n")
    assert compose([]) == compose([], text[:begin] + text[end:])
    told = yaml.safe_load(
        compose([{"file": "/l/models.yaml", "view": "config.compose.1-models.yaml"}])
    )
    assert told["services"]["litellm"]["volumes"] == [
        {
            "type": "bind",
            "source": "./config.compose.yaml",
            "target": "/app/config.yaml",
            "read_only": True,
        },
        {
            "type": "bind",
            "source": "./config.compose.1-models.yaml",
            "target": "/app/config.compose.1-models.yaml",
            "read_only": True,
        },
    ]
