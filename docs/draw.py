# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draw a migration's report: ``docs/draw.py REPORT.json PICTURE.svg``.

The README's picture is the demo's, of a real run.
"""

from __future__ import annotations

import json
import sys
import textwrap
from html import escape
from pathlib import Path
from typing import Any

WIDTH, LEFT, BAR_LEFT, BAR_RIGHT, LINE = 960, 28, 140, 470, 24
# Steps in which nobody serves, unless a transitional proxy does: clients wait, or are refused.
STALLED = ("cutover", "serve")
STYLE = """
  .sheet { fill: #ffffff; stroke: #d0d7de }
  text { fill: #1f2328; font: 14px ui-sans-serif, system-ui, sans-serif }
  .dim { fill: #59636e } .title { font-size: 19px; font-weight: 600 }
  .big { font-size: 15px; font-weight: 600 } .bar { fill: #54aeff } .refused { fill: #d1242f }
  .waited { fill: #bf8700 }
  .ok { fill: #1a7f37; font-weight: 700 } .bad { fill: #d1242f; font-weight: 700 }
  @media (prefers-color-scheme: dark) {
    .sheet { fill: #0d1117; stroke: #3d444d } text { fill: #f0f6fc } .dim { fill: #9198a1 }
    .bar { fill: #1f6feb } .refused { fill: #f85149 }
    .waited { fill: #d29922 } .ok { fill: #3fb950 } .bad { fill: #f85149 } }
"""


def text(x: float, y: float, words: str, kind: str = "") -> str:
    """One line of text."""
    style = f' class="{kind}"' if kind else ""
    return f'<text x="{x}" y="{y}"{style}>{escape(words)}</text>'


def _stall(report: dict[str, Any], total: float) -> list[str]:
    """What clients noticed, as lines; ``total``: seconds of the whole run."""
    waited, seen, lines = report.get("waited"), report.get("watched"), []
    if report.get("led"):
        lines.append(
            "Nobody waited but who needed the database, for at most"
            f" {report['led']['seconds']:.1f} s of {total:.0f} s."
        )
    elif waited:
        lines.append(f"Clients waited for at most {waited['seconds']:.1f} s of {total:.0f} s.")
    elif report["refused_seconds"] is not None:
        refused = f"{report['refused_seconds']:.1f} s of {total:.0f} s"
        lines.append(f"Clients were refused for at most {refused}.")
    if seen:
        since = seen["since"]
        lines.append(
            f"A client that asked ten times a second saw {since['failed']} of {since['asked']}"
            " requests fail."
        )
    return lines


def draw(report: dict[str, Any]) -> str:
    """The picture as SVG: the steps on a time axis, how long nobody served, the proofs."""
    parts = [text(LEFT, 44, report["outcome"], "title")]
    phases = [phase for phase in report["phases"] if phase["seconds"] is not None]
    total = sum(phase["seconds"] for phase in phases) or 1.0
    scale = (BAR_RIGHT - BAR_LEFT) / total
    y, begun = 80, 0.0
    stall = "bar" if report.get("led") else "waited" if report.get("waited") else "refused"
    for phase in phases:
        kind = stall if phase["name"] in STALLED else "bar"
        width = max(2.0, phase["seconds"] * scale)
        parts.append(text(LEFT, y, phase["name"]))
        parts.append(
            f'<rect x="{BAR_LEFT + begun * scale:.1f}" y="{y - 12}" width="{width:.1f}" '
            f'height="14" rx="2" class="{kind}"/>'
        )
        parts.append(text(BAR_RIGHT + 12, y, f"{phase['seconds']:.1f} s", "dim"))
        parts.append(text(BAR_RIGHT + 72, y, phase["meaning"], "dim"))
        begun += phase["seconds"]
        y += LINE
    for line in _stall(report, total):
        parts.append(text(LEFT, y + 8, line, "big"))
        y += LINE
    y += 8
    for proof in report["proofs"]:
        parts.append(text(LEFT, y, "✔" if proof["ok"] else "✘", "ok" if proof["ok"] else "bad"))
        parts.append(text(LEFT + 22, y, proof["name"], "big"))
        for line in textwrap.wrap(proof["figures"], 112):
            y += LINE - 4
            parts.append(text(LEFT + 22, y, line, "dim"))
        y += LINE + 2
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" '
        f'viewBox="0 0 {WIDTH} {y}" role="img">\n'
        f"<title>{escape(report['outcome'])}</title>\n<style>{STYLE}</style>\n"
        f'<rect class="sheet" x="0.5" y="0.5" width="{WIDTH - 1}" height="{y - 1}" rx="10"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def main() -> None:
    source, target = (Path(name) for name in sys.argv[1:3])
    target.write_text(draw(json.loads(source.read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    main()
