# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A probe's report as one page of HTML: nothing is fetched, nothing runs, light and dark as the
reader has it."""

from __future__ import annotations

from typing import Any, Optional, Sequence

from .._host.display import html as escape
from . import capabilities as _capabilities
from . import probe_report as _probe_report
from .probe import BROKEN, NO, SKIPPED, YES

_STYLE = """
:root { color-scheme: light dark; --page: #f6f8fa; --sheet: #ffffff; --text: #1f2328;
  --dim: #59636e; --line: #d1d9e0;
  --yes: #1a7f37; --yes-back: #dafbe1; --no: #7d4e00; --no-back: #fff8c5; --bad: #b31d28;
    --bad-back: #ffebe9; --mark: #0969da }
@media (prefers-color-scheme: dark) { :root { --page: #010409; --sheet: #0d1117; --text: #f0f6fc;
  --dim: #9198a1; --line: #3d444d;
  --yes: #56d364; --yes-back: #12361f; --no: #e3b341; --no-back: #3a2d08; --bad: #ff8b80;
    --bad-back: #4c1518; --mark: #58a6ff } }
* { box-sizing: border-box }
body { margin: 0; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif }
main { max-width: 68rem; margin: 0 auto; padding: 1.5rem 1rem 3rem }
h1 { font-size: 1.6rem; margin: 0 } h2 { font-size: 1.1rem; margin: 2rem 0 .6rem }
p { margin: .2rem 0 } .dim { color: var(--dim) } .scroll { overflow-x: auto }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(6.5rem, 1fr));
  gap: .6rem; margin: 1.2rem 0 0 }
.figures div { background: var(--sheet); border: 1px solid var(--line); border-radius: .5rem;
  padding: .5rem .8rem }
.figures b { display: block; font-size: 1.5rem; line-height: 1.2 }
ul { margin: 0; padding: .7rem 1rem .7rem 2rem; background: var(--sheet);
  border: 1px solid var(--line); border-left: 4px solid var(--bad);
  border-radius: .4rem; overflow-wrap: anywhere }
ul.drift { border-left-color: var(--mark) } ul.quiet { border-left-color: var(--line) }
table { border-collapse: collapse; background: var(--sheet); width: 100%;
  border: 1px solid var(--line) }
table.narrow { width: auto; min-width: 24rem }
th, td { border: 1px solid var(--line); padding: .35rem .6rem; text-align: left;
  vertical-align: top }
thead th { color: var(--dim); font-weight: 600; white-space: nowrap }
tbody th { font-weight: 600; min-width: 6rem }
td.yes { background: var(--yes-back); color: var(--yes) } td.no { background: var(--no-back);
  color: var(--no) }
td.failed { background: var(--bad-back); color: var(--bad) } td.skipped { color: var(--dim) }
td.differs { outline: 2px solid var(--bad); outline-offset: -2px }
small { display: block; font-size: .78rem; font-weight: 400 } td small { color: var(--text);
  opacity: .8 } td b { font-weight: 700; white-space: nowrap }
"""


def page(report: dict[str, Any], findings: Optional[Sequence[str]] = None) -> str:
    """The page.

    :param findings: of the inventory, in words; ``None`` where none was made.
    """
    parts = [
        "<h1>What the models can do</h1>",
        '<p class="dim">%s deployment at %s, looked at %s%s</p>'
        % tuple(
            map(
                escape,
                (
                    report["kind"].capitalize(),
                    report["url"],
                    report["time"],
                    ", compared with %s" % report["before"] if report["before"] else "",
                ),
            )
        ),
        _figures(report),
        _list(
            "Otherwise than declared",
            report["differences"],
            "",
            "Everything that was asked is as declared.",
        ),
        _list("Otherwise than in the run before", report["drift"], "drift", ""),
        _list(
            "Inventory",
            list(findings),
            "",
            "Configuration, database, proxy and model servers agree.",
        )
        if findings is not None
        else "",
    ]
    parts += [
        _matrix(report["rows"], mode)
        for mode in dict.fromkeys(row["mode"] for row in report["rows"])
    ]
    parts.append(_details(report["rows"]))
    parts.append(
        _list(
            "Not asked",
            [
                "%s: %s" % (model["name"], model["left_out"])
                for model in report["models"]
                if model["left_out"]
            ],
            "quiet",
            "",
        )
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta '
        'name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        "<title>What the models can "
        "do</title>\n<style>%s</style></head>\n<body><main>\n%s\n</main></body></html>\n"
        % (_STYLE, "\n".join(filter(None, parts)))
    )


def _figures(report: dict[str, Any]) -> str:
    states = [row["state"] for row in report["rows"]]
    asked = len({row["model"] for row in report["rows"] if row["state"] != SKIPPED})
    shown = [
        ("%d of %d" % (asked, len(report["models"])), "models asked"),
        (states.count(YES), "seen"),
        (states.count(NO), "not seen"),
        (states.count(BROKEN), "failed"),
        (len(report["differences"]), "otherwise than declared"),
        (len(report["drift"]), "changed since"),
        (report["requests"], "requests"),
        (report["tokens"], "tokens"),
    ]
    return '<div class="figures">%s</div>' % "".join(
        '<div><b>%s</b><span class="dim">%s</span></div>' % item for item in shown
    )


def _list(title: str, lines: list[str], kind: str, otherwise: str) -> str:
    if not lines:
        return '<h2>%s</h2>\n<p class="dim">%s</p>' % (title, otherwise) if otherwise else ""
    items = "".join("<li>%s</li>" % escape(line) for line in lines)
    return "<h2>%s</h2>\n<ul%s>%s</ul>" % (title, ' class="%s"' % kind if kind else "", items)


def _matrix(rows: list[dict[str, Any]], mode: str) -> str:
    """Models of one mode against its capabilities."""
    columns = [capability.name for capability in _capabilities.BY_MODE.get(mode, ())]
    by_model: dict[str, dict[str, dict[str, Any]]] = {}
    for row in rows:
        if row["mode"] == mode:
            by_model.setdefault(row["model"], {})[row["capability"]] = row
    head = "".join("<th>%s</th>" % escape(name) for name in columns)
    body = "".join(
        '<tr><th>%s<small class="dim">%s</small></th>%s</tr>'
        % (
            escape(name),
            "" if any(row["local"] for row in cells.values()) else " elsewhere",
            "".join(_cell(cells[column]) if column in cells else "<td></td>" for column in columns),
        )
        for name, cells in by_model.items()
    )
    narrow = ' class="narrow"' if len(columns) == 1 else ""
    return (
        "<h2>%s</h2>\n<div "
        'class="scroll"><table%s><thead><tr><th>model</th>%s</tr></thead><tbody>%s</tbody></table></div>'
        % (escape(mode), narrow, head, body)
    )


def _cell(row: dict[str, Any]) -> str:
    kind = row["state"] + (" differs" if row["differs"] else "")
    notes = [
        escape(note)
        for note in (
            row["differs"],
            row["why"] if row["state"] != SKIPPED else "",
            "was %s" % row["drift"] if row["drift"] else "",
        )
        if note
    ]
    if row["state"] != SKIPPED:
        notes.append(
            "%.2f s" % row["seconds"]
            + (", first words %.2f s" % row["first"] if row["first"] is not None else "")
        )
    return '<td class="%s"><b>%s %s</b>%s</td>' % (
        kind,
        _probe_report.SIGNS[row["state"]],
        _probe_report.MARKS[row["state"]].lower(),
        "".join("<small>%s</small>" % note for note in notes),
    )


def _details(rows: list[dict[str, Any]]) -> str:
    """Everything, a line each."""
    if not rows:
        return ""
    body = "".join(
        '<tr><th>%s</th><td>%s</td><td>%s</td><td class="%s">%s</td><td>%s</td><td>%s</td></tr>'
        % (
            escape(row["model"]),
            escape(row["capability"]),
            _probe_report.declared(row),
            row["state"],
            _probe_report.MARKS[row["state"]].lower(),
            escape("; ".join(filter(None, (row["differs"], row["why"])))),
            _probe_report.seconds(row),
        )
        for row in rows
    )
    return (
        "<h2>Declared against observed</h2>\n<div "
        'class="scroll"><table><thead><tr><th>model</th><th>capability</th><th>declared</th><th>observed</th>'
        "<th>why</th><th>time</th></tr></thead><tbody>%s</tbody></table></div>" % body
    )
