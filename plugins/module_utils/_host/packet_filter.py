# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the host's packet filter lets in what arrives at any port, or only at some."""

from __future__ import annotations

import re

from . import files as _files
from . import process as _process

# Tables of the old packet filter, which nft does not show.
OLD_TABLES = ("/proc/net/ip_tables_names", "/proc/net/ip6_tables_names")
_CHAIN = re.compile(r"^\s*chain (\S+) \{$(.*?)^\s*\}$", re.MULTILINE | re.DOTALL)
_INPUT = re.compile(r"type filter hook input\b")
_REFUSES = re.compile(r"\b(drop|reject)\b")
_GOES_ON = re.compile(r"\b(?:jump|goto) (\S+)")


def refuses_some() -> bool:
    """Whether something may be refused on its way in; what can't be known may be."""
    if _old_filter():
        return True
    answer = _process.run(["nft", "list", "ruleset"])
    return answer.rc != 0 or parse(answer.out)


def parse(ruleset: str) -> bool:
    """The same of what ``nft list ruleset`` prints. A chain that another one goes on to counts as
    part of it, by its name alone."""
    chains = _CHAIN.findall(ruleset)
    reached = {name for name, body in chains if _INPUT.search(body)}
    known: set[str] = set()
    while reached - known:
        known |= reached
        reached |= {
            target for name, body in chains if name in known for target in _GOES_ON.findall(body)
        }
    return any(name in reached and _REFUSES.search(body) for name, body in chains)


def _old_filter() -> bool:
    for path in OLD_TABLES:
        try:
            if "filter" in _files.read(path).split():
                return True
        except OSError:
            continue  # a kernel without it
    return False
