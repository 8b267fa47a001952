# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the tables of variables in the roles' READMEs from their argument specs: ``docs/generate.py [--check]``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
BEGIN = "<!-- begin: made by docs/generate.py from meta/argument_specs.yml -->"
END = "<!-- end -->"


def cell(text: str) -> str:
    """A text as it can stand in a cell of a Markdown table, Ansible's own markup turned into Markdown's."""
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


def outdated() -> dict[Path, str]:
    """The READMEs that are not what they should be, with what they should be."""
    found = {}
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
