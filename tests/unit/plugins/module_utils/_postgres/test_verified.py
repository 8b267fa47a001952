"""Decisions of a verified load."""

from __future__ import annotations

from typing import Optional

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._postgres.database import (
    Occupancy,
    growing,
    parse_mark,
    refusals,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.endpoint import Endpoint
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.verified import settle

TARGET = Endpoint("litellm", "litellm", container="litellm-postgres")
OURS = {"made_by": "llmops.litellm"}


@pytest.mark.parametrize(
    "comment, ours",
    [
        (None, False),
        ("", False),
        ("a note", False),
        ("[]", False),
        ("{}", False),
        ('{"made_by": "somebody"}', False),
        ('{"made_by": "llmops.litellm"}', True),
    ],
)
def test_marks(comment: Optional[str], ours: bool) -> None:
    assert (parse_mark(comment) is not None) == ours


@pytest.mark.parametrize(
    "found, words",
    [
        (Occupancy(False, None, [], []), []),
        (Occupancy(True, None, [], []), []),
        (Occupancy(True, OURS, ["table a"], []), []),
        (Occupancy(True, None, ["table a"], []), ["did not put there: table a"]),
        (Occupancy(True, None, ["table %d" % n for n in range(7)], []), ["table 4 and 2 more"]),
        (
            Occupancy(True, OURS, ["table a"], ["1 of psql as me"]),
            ["while clients are connected: 1 of psql as me"],
        ),
        (Occupancy(True, None, ["table a"], ["1 of psql as me"]), ["did not put there", "clients"]),
    ],
)
def test_refusals(found: Occupancy, words: list[str]) -> None:
    reasons = refusals(TARGET, found)
    assert len(reasons) == len(words) and all(
        word in reason for word, reason in zip(words, reasons)
    )


def test_the_working_name_fits_and_differs() -> None:
    assert growing("litellm") == "litellm__copying"
    assert len(growing("ü" * 31 + "x").encode()) <= 63
    assert growing("x" * 63) != "x" * 63


def stand(value: int, called: bool = True, name: str = "s") -> list[dict[str, object]]:
    return [{"schema": "public", "name": name, "last_value": value, "is_called": called}]


@pytest.mark.parametrize(
    "before, after, reached, taken",
    [
        (stand(5), stand(5), stand(5), stand(5)),
        (stand(5), stand(9), stand(7), stand(7)),
        (stand(5), stand(9), stand(9), stand(9)),
        (stand(5), stand(9), stand(10), stand(5)),
        (stand(5), stand(9), stand(4), stand(5)),
        (stand(5), stand(5), stand(6), stand(5)),
        (stand(1, False), stand(1), stand(1), stand(1)),
        (stand(1, False), stand(1, False), stand(1), stand(1, False)),
        (stand(-1), stand(-5), stand(-3), stand(-3)),
        (stand(5), [], stand(5), stand(5)),
    ],
)
def test_sequences_that_move_meanwhile(
    before: list[dict[str, object]],
    after: list[dict[str, object]],
    reached: list[dict[str, object]],
    taken: list[dict[str, object]],
) -> None:
    assert settle(before, after, reached) == taken
