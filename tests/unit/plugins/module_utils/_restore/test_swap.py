"""Databases change places: names of what is put aside."""

from __future__ import annotations

from ansible_collections.llmops.litellm.plugins.module_utils._restore import swap as _swap


def test_names_stay_within_postgresqls_limit() -> None:
    long = "ü" * 40
    for name in (
        _swap.fresh_name(long),
        _swap.kept_name(long, "20261124T120000Z-2"),
    ):
        assert len(name.encode()) <= 63
    assert _swap.fresh_name("litellm") == "litellm_restored"
    assert _swap.kept_name("litellm", "20261124T120000Z") == "litellm_before_20261124t120000z"
