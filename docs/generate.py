# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write what is generated: the tables of variables in the roles' READMEs, and docs/steps.md.

Called as ``docs/generate.py [--check]``; with ``--check`` it only names what is outdated.
"""

from __future__ import annotations

import importlib
import itertools
import sys
import textwrap
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
BEGIN = "<!-- begin: made by docs/generate.py from meta/argument_specs.yml -->"
END = "<!-- end -->"
WIDTH = 100
DEPLOYMENT = "ansible_collections.llmops.litellm.plugins.module_utils._deployment"
# The groups of steps: the playbook that begins them, and what a run killed there means.
GROUPS = {
    "prepare": ("migrate.yml", "the legacy deployment serves and is not touched"),
    "cutover": (
        "migrate.yml",
        "the legacy proxy stops; no proxy has written to the new database yet",
    ),
    "serve": (
        "migrate.yml",
        "the new database is written to: no way back without copying rows back",
    ),
    "pause": ("rollback.yml", "the new proxy still serves"),
    "stop": (
        "rollback.yml",
        "the new proxy stops; no proxy has written to the legacy database yet",
    ),
    "revert": (
        "rollback.yml",
        "the legacy database may have been written to: only back from here on",
    ),
    "finalize": ("finalize.yml", "the legacy deployment is decommissioned"),
}


def cell(text: str) -> str:
    """A text for a cell of a Markdown table, Ansible's own markup turned into Markdown's."""
    for markup in ("C(", "V(", "O(", "E("):
        head, *parts = text.split(markup)
        text = head + "".join("`{}`{}".format(*part.split(")", maxsplit=1)) for part in parts)
    return " ".join(text.split()).replace("|", "\\|")


def literal(value: Any) -> str:
    """A default as it would be written in YAML, on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10**6, allow_unicode=True)
    return cell(f"`{text.removesuffix('...' + chr(10)).strip()}`")


def rows(options: dict[str, Any], indent: str = "") -> list[str]:
    """The table's rows, those of nested options below their parent's."""
    lines = []
    for name, option in options.items():
        description = option["description"]
        sentences = [description] if isinstance(description, str) else list(description)
        if option.get("choices"):
            sentences.append(
                f"One of {', '.join(literal(choice) for choice in option['choices'])}."
            )
        kind = option.get("type", "str") + (
            f" of {option['elements']}" if option.get("elements") else ""
        )
        default = (
            "**required**"
            if option.get("required")
            else literal(option["default"])
            if "default" in option
            else ""
        )
        lines.append(f"| {indent}`{name}` | {kind} | {default} | {cell(' '.join(sentences))} |")
        lines += rows(option.get("options", {}), indent + "&nbsp;&nbsp;")
    return lines


def table(specs: dict[str, Any]) -> str:
    """The generated part of a role's README."""
    options = specs["argument_specs"]["main"].get("options", {})
    body = (
        ["| variable | type | default | meaning |", "|---|---|---|---|", *rows(options)]
        if options
        else ["None."]
    )
    return "\n".join([BEGIN, "## Variables", "", *body, END])


def updated(readme: str, specs: dict[str, Any]) -> str:
    """A README with its generated part as it should be; without one it is added at the end."""
    head, _begin, rest = readme.partition(BEGIN)
    tail = rest.partition(END)[2].strip()
    return "\n\n".join(part for part in (head.strip(), table(specs), tail) if part) + "\n"


def drawing(groups: list[tuple[str, list[Any]]]) -> list[str]:
    """The steps as a picture in text: one line for each group, below what a kill in it means."""
    lines, last = [], ""
    for group, steps in groups:
        playbook, meaning = GROUPS[group]
        lines.append(f"{'' if playbook == last else playbook:14}─── {meaning}")
        lines += textwrap.wrap(
            " → ".join(step.name for step in steps),
            width=WIDTH,
            initial_indent=f"{'':14}{group:10}",
            subsequent_indent=" " * 24,
        )
        last = playbook
    return lines


def after_a_kill(steps: list[Any], number: int) -> tuple[str, str]:
    """How ``migrate.yml`` and ``rollback.yml`` end a run that was killed in a step."""
    position = importlib.import_module(f"{DEPLOYMENT}.position")
    entries = [{"name": step.name, "state": "done", "facts": {}} for step in steps[: number + 1]]
    entries[-1]["state"] = "begun"
    phase = steps[number].name
    journal = {"state": "running", "phase": phase, "facts": {}, "steps": entries}
    ahead, back = position.steps_on(journal), position.steps_back(journal)
    forward = "rolls back" if ahead is None else f"from `{ahead[0]}`" if ahead else "starts again"
    return forward, f"from `{back[0]}`" if back else "ends untouched"


def steps_page(steps: Any) -> str:
    """docs/steps.md, from the table that playbooks, journal, report and tests read."""
    groups = [(name, list(of)) for name, of in itertools.groupby(steps, lambda step: step.group)]
    lines = [
        "# Steps",
        "",
        "<!-- made by docs/generate.py from plugins/module_utils/_deployment/steps.py -->",
        "",
        "In this order. The journal names the step that a run is in; its group decides what a run",
        "that was killed there needs. Each is a file in `playbooks/tasks/steps/`. The last two",
        "columns say from which step `migrate.yml` and `rollback.yml` end a run that was killed.",
        "",
        "```text",
        *drawing(groups),
        "```",
        "",
        "| step | group | does | undone by | killed: `migrate.yml` | killed: `rollback.yml` |",
        "|---|---|---|---|---|---|",
    ]
    for number, step in enumerate(steps):
        undo = f"`{step.undo}`" if step.undo else ""
        killed = after_a_kill(steps, number) if step.group != "finalize" else ("", "")
        cells = (f"`{step.name}`", step.group, cell(step.meaning), undo, *killed)
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "After a kill in finalize: [operations](operations.md#finalize)."]
    return "\n".join(lines) + "\n"


def outdated() -> dict[Path, str]:
    """The generated files that are not what they should be, with what they should be."""
    found = {}
    page = ROOT / "docs/steps.md"
    text = steps_page(importlib.import_module(f"{DEPLOYMENT}.steps").STEPS)
    if not page.exists() or page.read_text(encoding="utf-8") != text:
        found[page] = text
    for path in sorted(ROOT.glob("roles/*/meta/argument_specs.yml")):
        readme = path.parent.parent / "README.md"
        if readme.exists():
            old = readme.read_text(encoding="utf-8")
            new = updated(old, yaml.safe_load(path.read_text(encoding="utf-8")))
            if new != old:
                found[readme] = new
    return found


def main(arguments: list[str]) -> int:
    """Write what is outdated, or only name it."""
    found = outdated()
    for path, text in found.items():
        print(path.relative_to(ROOT))
        if "--check" not in arguments:
            path.write_text(text, encoding="utf-8")
    return 1 if found and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
