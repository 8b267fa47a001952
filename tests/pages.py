"""Links and headings of Markdown pages."""

from __future__ import annotations

import re
from pathlib import Path

LINK = re.compile(r"\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def dead_links(page: Path) -> list[str]:
    """Relative links of a page that lead to no file, or to no heading of it."""
    found = []
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        path, _hash, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        if "://" not in link and (
            not target.exists() or (anchor and anchor not in anchors(target))
        ):
            found.append(link)
    return found
