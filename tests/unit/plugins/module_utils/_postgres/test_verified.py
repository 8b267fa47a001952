"""Decisions of a verified load."""

from __future__ import annotations

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._postgres.verified import settle


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
