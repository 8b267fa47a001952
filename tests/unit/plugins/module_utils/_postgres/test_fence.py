"""The fence around a database that does not count: what its server is told. Real ones are in
tests/integration/database/test_fence.py."""

from __future__ import annotations

from typing import Any

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._postgres import fence as _fence
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import Endpoint

TARGET = Endpoint("litellm", 'o"dd', "litellm-postgres", settings=("work_mem=1MB",))


def server(monkeypatch: pytest.MonkeyPatch, answers: dict[str, Any]) -> support.Database:
    made = support.Database(answers)
    monkeypatch.setattr(_fence, "administering", made)
    return made


@pytest.mark.parametrize(("rows", "told"), [([["1"]], True), ([], False)])
def test_whether_it_is_up_is_asked(monkeypatch: pytest.MonkeyPatch, rows: Any, told: bool) -> None:
    server(monkeypatch, {"pg_db_role_setting": rows})
    with _fence.Fence(TARGET) as fence:
        assert fence.is_up is told


def test_who_is_connected_goes_after_nobody_else_can_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = server(monkeypatch, {"pg_terminate_backend": [["2"]]})
    with _fence.Fence(TARGET) as fence:
        fence.put_up()
        fence.take_down()
    first, then, last = made.done
    assert first == 'ALTER ROLE "o""dd" SET default_transaction_read_only = on'
    assert "usename = 'o\"dd' AND client_addr IS NOT NULL" in then
    assert last == 'ALTER ROLE "o""dd" RESET default_transaction_read_only'


def test_ours_write_all_the_same() -> None:
    assert _fence.writer(TARGET).settings == ("work_mem=1MB", "default_transaction_read_only=off")
    assert _fence.writer(TARGET).user == TARGET.user
