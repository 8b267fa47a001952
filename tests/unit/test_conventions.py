# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every role, module, playbook and file of the collection, and no linter looks
at.
"""

from __future__ import annotations

import ast
import pkgutil
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attempts
import generate
import pytest
import sanity
import yaml
from jinja2 import StrictUndefined
from jinja2.nativetypes import NativeEnvironment

ROOT = sanity.ROOT
TESTS = ROOT / "tests/unit/plugins"
FILES = [Path(name) for name in sanity.project_files()]
ROLES = sorted(path.parent.parent for path in ROOT.glob("roles/*/tasks/main.yml"))
UTILITIES = sorted(ROOT.glob("plugins/module_utils/**/*.py"))
PLUGINS = sorted(ROOT.glob("plugins/**/*.py"))
PLAYBOOKS = sorted(ROOT.glob("playbooks/*.y*ml"))
SCENARIOS = sorted(path.parent for path in ROOT.glob("molecule/*/molecule.yml"))


def name_of(path: Path) -> str:
    """A test's id."""
    return path.name


def load(path: Path) -> Any:
    """What a YAML file holds."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def tasks(value: Any) -> Iterator[dict[str, Any]]:
    """Every mapping in a file of tasks or plays, so also the tasks in blocks."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, (dict, list)):
            yield from tasks(inner)


def offending(pattern: str, *folders: str) -> list[str]:
    """Where a pattern occurs in the project's files, of these top-level folders or of all."""
    found = []
    for path in FILES:
        if path.name == "LICENSE" or (folders and path.parts[0] not in folders):
            continue
        try:
            lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        found += [
            f"{path}:{number}: {line.strip()}"
            for number, line in enumerate(lines, 1)
            if re.search(pattern, line)
        ]
    return found


@pytest.mark.parametrize("role", ROLES, ids=name_of)
def test_role_has_its_shape(role: Path) -> None:
    wanted = (
        "README.md",
        "defaults/main.yml",
        "meta/main.yml",
        "meta/argument_specs.yml",
        "tasks/main.yml",
    )
    assert [name for name in wanted if not (role / name).is_file()] == []


TEMPLATES = NativeEnvironment(undefined=StrictUndefined)
TEMPLATES.filters["combine"] = lambda first, second: {**first, **second}


def rendered(default: Any) -> Any:
    """A default where nothing else is set."""
    if isinstance(default, dict):
        return {key: rendered(value) for key, value in default.items()}
    if isinstance(default, list):
        return [rendered(value) for value in default]
    if isinstance(default, str) and "{{" in default:
        return TEMPLATES.from_string(default).render()
    return default


def shared_variables(default: Any) -> set[str]:
    """The variables of the whole collection, or of another role, that a default follows."""
    text = yaml.safe_dump(default, width=10**6)
    return set(re.findall(r"\b([a-z]\w*_\w+) \| default\(", text))


@pytest.mark.parametrize("role", ROLES, ids=name_of)
def test_defaults_and_specs_hold_the_same(role: Path) -> None:
    defaults = load(role / "defaults/main.yml") or {}
    options = load(role / "meta/argument_specs.yml")["argument_specs"]["main"].get("options", {})
    optional = {name for name, option in options.items() if not option.get("required")}
    assert optional <= set(defaults) <= set(options)
    # tools that make documentation show a template as it stands, and take it for a string
    made_of_others = re.compile(rf"{{{{.*\b{role.name}_\w")
    fixed = {
        name: rendered(defaults[name])
        for name in optional
        if not made_of_others.search(str(defaults[name]))
    }
    assert {name: value for name, value in fixed.items() if value is not None} == {
        name: option["default"] for name, option in options.items() if "default" in option
    }
    assert [
        (name, shared)
        for name in optional
        for shared in shared_variables(defaults[name])
        if f"C({shared})" not in str(options[name])
    ] == []
    assert [name for name in options if not name.startswith(f"{role.name}_")] == []


def undocumented(options: dict[str, Any], above: str = "") -> list[str]:
    """Options without a description, those within options too."""
    found = []
    for name, option in options.items():
        found += [above + name] if not option.get("description") else []
        found += undocumented(option.get("options", {}), f"{above}{name}.")
    return found


@pytest.mark.parametrize("role", ROLES, ids=name_of)
def test_every_variable_is_documented(role: Path) -> None:
    specs = load(role / "meta/argument_specs.yml")["argument_specs"]
    for entry, spec in specs.items():
        # without a description of the entry point antsibull-docs shows nothing of the role
        assert spec.get("short_description") and spec.get("description"), entry
    assert undocumented(specs["main"].get("options", {})) == []


ROLE_TASKS = ("import_role", "include_role")
FILE_TASKS = ("import_tasks", "include_tasks")


def parts(role: Path, entry: str) -> set[str]:
    """The tasks files that an entry point consists of, itself among them."""
    found, waiting = set(), [entry]
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting += [
            Path(task[f"ansible.builtin.{word}"]).stem
            for task in tasks(load(role / f"tasks/{name}.yml") or [])
            for word in FILE_TASKS
            if f"ansible.builtin.{word}" in task
        ]
    return found


def entry_points_in(found: Any) -> set[tuple[str, str]]:
    """The role and entry point of each include or import with C(tasks_from)."""
    return {
        (task[module]["name"].rpartition(".")[2], Path(task[module]["tasks_from"]).stem)
        for task in tasks(found)
        for module in (f"ansible.builtin.{word}" for word in ROLE_TASKS)
        if module in task and "tasks_from" in task[module]
    }


def called_entry_points() -> set[tuple[str, str]]:
    """All that others call, and C(main)."""
    found = {(role.name, "main") for role in ROLES}
    for folder in ("roles", "playbooks", "molecule"):
        for path in sorted((ROOT / folder).rglob("*.yml")):
            text = path.read_text(encoding="utf-8")
            found |= entry_points_in(load(path)) if "tasks_from" in text else set()
    return found


def test_a_called_entry_point_is_found_however_it_is_written() -> None:
    text = (
        "- block:\n  - ansible.builtin.include_role: {tasks_from: a.yml, name: llmops.litellm.x}\n"
        "- ansible.builtin.import_role:\n    public: true\n    name: y\n    tasks_from: b\n"
    )
    assert entry_points_in(yaml.safe_load(text)) == {("x", "a"), ("y", "b")}


@pytest.mark.parametrize(("role", "entry"), sorted(called_entry_points()))
def test_entry_points_have_specs(role: str, entry: str) -> None:
    specs = load(ROOT / "roles" / role / "meta/argument_specs.yml")["argument_specs"]
    assert (ROOT / "roles" / role / f"tasks/{entry}.yml").is_file()
    # one meaning and one default, whichever entry point is taken
    options, main = specs[entry].get("options", {}), specs["main"].get("options", {})
    assert {name: main.get(name) for name in options} == options


@pytest.mark.parametrize("role", ROLES, ids=name_of)
def test_a_tasks_file_is_an_entry_point_or_part_of_one(role: Path) -> None:
    # a user may call any file: one without a spec must be there for another one's sake
    specs = load(role / "meta/argument_specs.yml")["argument_specs"]
    named = set().union(*(parts(role, entry) for entry in specs))
    assert sorted({path.stem for path in role.glob("tasks/*.yml")} - named) == []


@pytest.mark.parametrize("role", ROLES, ids=name_of)
def test_entry_points_name_the_variables_that_they_read(role: Path) -> None:
    missing = {}
    for entry, spec in load(role / "meta/argument_specs.yml")["argument_specs"].items():
        text = "".join(
            (role / f"tasks/{name}.yml").read_text(encoding="utf-8") for name in parts(role, entry)
        )
        text = re.sub(r"^ *#.*$|llmops\.litellm\.\w+", "", text, flags=re.MULTILINE)
        read = set(re.findall(rf"(?<![\w.]){role.name}_\w+\b(?!:)", text))
        if unnamed := sorted(read - set(spec.get("options", {}))):
            missing[entry] = unnamed
    assert missing == {}


@pytest.mark.parametrize("role", ROLES, ids=name_of)
def test_specs_are_of_entry_points_that_there_are(role: Path) -> None:
    specs = load(role / "meta/argument_specs.yml")["argument_specs"]
    assert [name for name in specs if not (role / f"tasks/{name}.yml").is_file()] == []


@pytest.mark.parametrize("role", ROLES, ids=name_of)
def test_roles_do_not_read_each_others_variables(role: Path) -> None:
    others = "|".join(other.name for other in ROLES if other != role)
    strange = []
    for path in sorted((role / "tasks").rglob("*.yml")) + sorted(
        (role / "templates").rglob("*.j2")
    ):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if "llmops.litellm." not in line and re.search(
                rf"(?:{{{{|when: |that:).*\b(?:__)?(?:{others})_[a-z]", line
            ):
                strange.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
    assert strange == []


def test_readmes_are_current() -> None:
    assert [str(path.relative_to(ROOT)) for path in generate.outdated()] == [], "run: make docs"


@pytest.mark.parametrize("path", UTILITIES, ids=name_of)
def test_utilities_need_only_the_standard_library_and_each_other(path: Path) -> None:
    assert path.relative_to(ROOT / "plugins/module_utils").parts[0].startswith("_")
    strange = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            strange += [
                alias.name
                for alias in node.names
                if alias.name.split(".")[0] not in sys.stdlib_module_names
            ]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            strange += (
                [node.module]
                if (node.module or "").split(".")[0] not in sys.stdlib_module_names
                else []
            )
        elif isinstance(node, ast.ImportFrom) and node.level > 2:
            strange.append("." * node.level + (node.module or ""))
    assert strange == []


@pytest.mark.parametrize("path", PLUGINS, ids=name_of)
def test_plugins_are_python_3_9_and_name_their_licence(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    ast.parse(text, feature_version=(3, 9))
    assert "GNU General Public License v3.0+" in "\n".join(text.splitlines()[:20])


# A fragment is documentation itself, of what others give examples of.
@pytest.mark.parametrize(
    "path",
    [
        path
        for path in PLUGINS
        if path.relative_to(ROOT).parts[1] not in ("module_utils", "doc_fragments")
    ],
    ids=name_of,
)
def test_plugins_are_documented(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    beside = list(path.parent.glob("*.yml"))
    if path.parent.name in ("filter", "test") and beside:
        text += "".join(f"{key} = " for file in beside for key in (load(file) or {}))
    assert [key for key in ("DOCUMENTATION", "EXAMPLES", "RETURN") if f"{key} = " not in text] == []


@pytest.mark.parametrize("path", PLAYBOOKS, ids=name_of)
def test_playbooks_can_be_called_by_name(path: Path) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*\.yml", path.name)


@pytest.mark.parametrize("path", SCENARIOS, ids=name_of)
def test_scenarios_test_something(path: Path) -> None:
    # molecule's verify step only warns when it finds no test
    assert list(path.glob("tests/**/test_*.py"))


HOSTILE = [*attempts.STANDING, attempts.NAMED, *(row for s in attempts.STAGES for row in s.rows)]


@pytest.mark.parametrize("row", HOSTILE, ids=lambda row: row.name)
def test_defences_of_attempts_are_there(row: attempts.Row) -> None:
    for name in row.defence.split("; "):
        pkgutil.resolve_name("ansible_collections.llmops.litellm.plugins.module_utils." + name)


def test_each_attempt_was_seen_to_succeed_without_its_defence() -> None:
    page = (ROOT / "molecule/hostile/README.md").read_text(encoding="utf-8")
    seen = re.findall(r"^\| ([^|]+) \|", page, re.M)[1:]
    assert seen == [row.name for row in HOSTILE]


def test_dependencies_are_those_that_are_used() -> None:
    used = set()
    for path in FILES:
        if path.parts[0] in ("roles", "playbooks", "plugins") and path.suffix in (".yml", ".py"):
            text = (ROOT / path).read_text(encoding="utf-8")
            used |= set(
                re.findall(
                    r"\b((?:community|ansible)\.(?!builtin\b|module_utils\b|plugins\b)[a-z0-9_]+)\.[a-z]",
                    text,
                )
            )
    assert used == set(load(ROOT / "galaxy.yml")["dependencies"])


PACKAGE = "ansible_collections.llmops.litellm.plugins"
FUTURE = "from __future__ import annotations\n"
MIRROR = ("module_utils", "modules", "filter", "lookup")


def mirrored(kind: str) -> list[Path]:
    """The test files of a kind of plugin, as its files ask for them."""
    return [
        TESTS / path.relative_to(ROOT / "plugins").parent / f"test_{path.name}"
        for path in sorted(ROOT.glob(f"plugins/{kind}/**/*.py"))
    ]


@pytest.mark.parametrize("kind", MIRROR)
def test_tests_mirror_the_tree(kind: str) -> None:
    wanted, there = mirrored(kind), sorted(TESTS.glob(f"{kind}/**/test_*.py"))
    assert [str(path.relative_to(TESTS)) for path in wanted if path not in there] == [], "missing"
    assert [str(path.relative_to(TESTS)) for path in there if path not in wanted] == [], "orphans"


@pytest.mark.parametrize(
    "path", [path for kind in MIRROR for path in mirrored(kind) if path.exists()], ids=name_of
)
def test_a_test_file_tests_its_module(path: Path) -> None:
    folders = path.relative_to(TESTS).parent.parts
    module = ".".join([PACKAGE, *folders, path.stem[len("test_") :]])
    text = path.read_text(encoding="utf-8")
    beside = path.parent / "conftest.py"
    if beside.exists():  # a test may reach its module through a fixture of its folder
        text = beside.read_text(encoding="utf-8").replace(FUTURE, "") + text.replace(FUTURE, "")
    assert referring(ast.parse(text), module)


def referring(tree: ast.Module, module: str) -> list[str]:
    """The tests that refer to a module, by themselves or through a helper or fixture of their
    file.
    """
    ours = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if module in (node.module, f"{node.module}.{alias.name}")
    }
    used = {
        node: {
            inner.id if isinstance(inner, ast.Name) else inner.arg
            for inner in ast.walk(node)
            if isinstance(inner, (ast.Name, ast.arg))
        }
        for node in tree.body
        if defined(node)
    }
    before = 0
    while before < len(ours):  # whatever uses what is ours is ours as well
        before = len(ours)
        for node, names in used.items():
            if ours & names:
                ours |= defined(node)
    return sorted(name for name in ours if name.startswith("test_"))


def defined(node: ast.stmt) -> set[str]:
    """The names that a statement of a file defines."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}


def test_a_test_file_of_another_module_is_noticed() -> None:
    host = f"{PACKAGE}.module_utils._host"
    text = (
        f"from {host} import git as _git\n"
        "def helper(): return _git.tracked()\n"
        "def test_one(): helper()\n"
        "def test_two(): pass\n"
    )
    assert referring(ast.parse(text), f"{host}.git") == ["test_one"]
    assert referring(ast.parse(text), f"{PACKAGE}.modules.git") == []


def test_there_is_something_to_look_at() -> None:
    # a folder that moves must not leave the tests above with nothing to do
    assert len(UTILITIES) > 50
    assert len(PLUGINS) - len(UTILITIES) > 30
    assert len(called_entry_points()) > 25
    assert len(ROLES) > 5 and len(PLAYBOOKS) > 5 and len(SCENARIOS) > 5
    assert all(mirrored(kind) for kind in MIRROR)


def test_versions_agree() -> None:
    version = load(ROOT / "galaxy.yml")["version"]
    assert version in load(ROOT / "changelogs/changelog.yaml")["releases"]
    assert re.search(
        rf"^## v{re.escape(re.escape(version))}$",
        (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )


# One letter of each word is in brackets, so that this file does not match itself.
@pytest.mark.parametrize(
    ("pattern", "folders"),
    [
        (r"\b(?:TOD[O]|FIXM[E]|TO BE WRITTE[N])\b", ()),
        (r"ignore_error[s]:|\|\| tru[e]\b", ("roles", "playbooks", "molecule", ".ci", "Makefile")),
        (r"builtin\.paus[e]:|(?:^|[^_a-z])slee[p] +[0-9]", ("roles", "playbooks")),
        (r"mark\.(?:ski[p]|xfai[l])|pytest\.(?:ski[p]|xfai[l])\(", ("tests", "molecule")),
        (r"(?<![\w.])/wor[k]/(?:main|shared)|/farm[/]|/tmp/(?:tea[m]|bash_job[s])", ()),
        (r"changem[e]", ("roles", "playbooks")),
    ],
    ids=[
        "left for later",
        "waved through",
        "waits by the clock",
        "does not run",
        "paths of one machine",
        "weak default",
    ],
)
def test_nothing_of_the_kind(pattern: str, folders: tuple[str, ...]) -> None:
    assert offending(pattern, *folders) == []


WRITING = ("file", "copy", "template", "assemble", "get_url", "unarchive", "lineinfile")


def without_a_mode(found: Any) -> list[str]:
    """Names of tasks that write a file or folder whose mode root's umask would decide."""
    return [
        f"{task.get('name')} ({module})"
        for task in tasks(found)
        for module in (f"ansible.builtin.{name}" for name in WRITING)
        if module in task
        and task[module].get("state") != "absent"
        and not re.fullmatch(r"0[0-7]{3}|{{.*}}", str(task[module].get("mode")))
    ]


def test_everything_that_is_installed_has_an_explicit_mode() -> None:
    places = [*ROOT.glob("roles/*/tasks/*.yml"), *ROOT.glob("playbooks/**/*.yml")]
    assert {str(path): told for path in places if (told := without_a_mode(load(path) or []))} == {}


@pytest.mark.parametrize("mode", ["", "mode: 0644", 'mode: "preserve"'])
def test_a_task_without_an_explicit_mode_is_noticed(mode: str) -> None:
    text = (
        "- name: x\n  block:\n    - name: y\n      ansible.builtin.copy:\n        dest: /x\n"
        f"        {mode}\n"
    )
    assert without_a_mode(yaml.safe_load(text)) == ["y (ansible.builtin.copy)"]


def test_sanity_has_no_ignore_files() -> None:
    assert list(ROOT.glob("tests/sanity/ignore*")) == []
