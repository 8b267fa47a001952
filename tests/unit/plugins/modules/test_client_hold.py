"""The module client_hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule
from unit.support import answered, fails

from ansible_collections.llmops.litellm.plugins.module_utils._hold import hold as _hold
from ansible_collections.llmops.litellm.plugins.module_utils._hold.hold import HoldError, Standing
from ansible_collections.llmops.litellm.plugins.modules import client_hold

Run = Callable[..., dict[str, Any]]
WHERE = {"port": 4000, "addresses": ["127.0.0.1"]}
HELD = Standing("u", "holding", 0, 2, 0, 0.0, False)
ENDED = HELD._replace(state="carrying", held=3, seconds=1.5)


class Holds:
    """What is held, what was done and warned of; ``fails`` is what the next does instead."""

    def __init__(self) -> None:
        self.there: Standing | None = None
        self.done: list[Any] = []
        self.said: list[str] = []  # warnings
        self.fails: Exception | None = None

    def _do(self, name: str, *words: Any) -> None:
        self.done.append((name, *words))
        failure, self.fails = self.fails, None
        answered(failure)

    def held(self) -> Standing | None:
        return self.there

    def begin(self, wanted: Any) -> Standing:
        self._do("begin", wanted)
        state = {"state": "leading", "to": wanted.to} if wanted.to else {"state": "holding"}
        self.there = (self.there or HELD)._replace(**state)
        return self.there

    def spare(self, there: Standing) -> Standing:
        self._do("spare", there)
        return there._replace(spared=True)

    def end(self, there: Standing) -> None:
        self._do("end", there)

    def let_through(self, kept: bool) -> Standing | None:
        self._do("let_through", kept)
        return ENDED if self.there else None


@pytest.fixture
def holds(monkeypatch: pytest.MonkeyPatch) -> Holds:
    made = Holds()
    for name in ("held", "begin", "spare", "end", "let_through"):
        monkeypatch.setattr(_hold, name, getattr(made, name))
    # what Ansible makes of it depends on what else this process has loaded
    monkeypatch.setattr(AnsibleModule, "warn", lambda _module, text: made.said.append(text))
    return made


def test_clients_are_held_once(holds: Holds, run: Run) -> None:
    more: dict[str, Any] = {"limit": 90, "kept": False, "accounts": ["1:2:", "7"]}
    found = run(client_hold, state="held", url="http://x", **more, **WHERE)
    assert (found["changed"], found["hold"], found["reason"]) == (True, HELD._asdict(), "")
    wanted = _hold.Wanted(4000, ["127.0.0.1"], 90, False, (1, 7), 0, "http://x")
    assert holds.done == [("begin", wanted)]
    found = run(client_hold, state="held", **WHERE)
    assert (found["changed"], found["hold"]) == (False, HELD._asdict())
    assert holds.done[1][1] == wanted._replace(limit=120, kept=True, accounts=(0,), url="")
    assert holds.said == []


def test_clients_are_led_once(holds: Holds, run: Run) -> None:
    found = run(client_hold, state="led", to=14000, **WHERE)
    led = HELD._replace(state="leading", to=14000)
    assert (found["changed"], found["hold"], found["reason"]) == (True, led._asdict(), "")
    wanted = _hold.Wanted(4000, ["127.0.0.1"], 120, True, (0,), 14000)
    assert holds.done[0][1] == wanted
    assert run(client_hold, state="led", to=14000, **WHERE)["changed"] is False
    found = run(client_hold, state="held", to=14000, **WHERE)  # which has no meaning then
    assert (found["changed"], found["hold"]["state"]) == (True, "holding")
    assert holds.done[-1][1].to == 0
    found = run(client_hold, state="led", to=14000, **WHERE)
    assert (found["changed"], found["hold"]) == (True, led._asdict())
    run(client_hold, state="led", to=14000, container="c", **WHERE)
    assert holds.done[-1][1] == wanted._replace(container="c")


def test_an_account_is_spared_and_clients_stay_led(holds: Holds, run: Run) -> None:
    holds.there = HELD._replace(state="leading", to=14000)
    found = run(client_hold, state="starting", **WHERE)
    assert (found["changed"], found["hold"]["state"]) == (False, "leading")
    assert holds.done == [("spare", holds.there)]


@pytest.mark.parametrize("there", [None, HELD])
def test_why_clients_are_not_led_is_a_warning(
    holds: Holds, run: Run, there: Standing | None
) -> None:
    holds.there, holds.fails = there, HoldError("nobody serves there")
    found = run(client_hold, state="led", to=14000, **WHERE)
    assert (found["changed"], found["reason"]) == (False, "nobody serves there")
    assert found["hold"] == (there._asdict() if there else {})  # which still holds
    assert holds.said == ["Clients are not led: nobody serves there"]


def test_nobody_is_led_to_where_they_are(holds: Holds, run: Run) -> None:
    found = run(client_hold, state="led", to=4000, **WHERE)
    assert (found["failed"], found["msg"]) == (True, "to: 4000 is the port at which clients ask")
    assert holds.done == []


def test_whom_the_servers_keep_is_not_taken_along(holds: Holds, run: Run) -> None:
    holds.there = HELD
    run(client_hold, state="released", kept=False)
    assert holds.done == [("let_through", False)]


def test_an_account_that_starts_a_server_is_spared(holds: Holds, run: Run) -> None:
    found = run(client_hold, state="starting", accounts=["root"], **WHERE)
    assert (found["changed"], found["hold"]["spared"]) == (True, True)
    assert [name for name, *_words in holds.done] == ["begin", "spare"]


@pytest.mark.parametrize("account", ["nobody-of-this-name", "x:y:z"])
def test_without_such_an_account_nobody_is_held_any_more(
    holds: Holds, run: Run, account: str
) -> None:
    reason = f"there is no account {account} on this host"
    holds.there = HELD
    found = run(client_hold, check=True, state="starting", accounts=["root", account], **WHERE)
    assert (found["changed"], found["reason"], holds.done) == (True, reason, [])
    found = run(client_hold, state="starting", accounts=["root", account], **WHERE)
    assert (found["changed"], found["hold"], found["reason"]) == (True, {}, reason)
    assert holds.done == [("end", HELD)]
    assert holds.said[-1:] == [f"Clients are refused: {reason}"]
    holds.there = None
    found = run(client_hold, state="starting", accounts=["root", account], **WHERE)
    assert (found["changed"], len(holds.done)) == (False, 1)
    # before one is needed, none need be there
    run(client_hold, state="held", accounts=["root", account], **WHERE)
    assert holds.done[-1][1].accounts == (0,)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (HoldError("clients can't be held: nft refused"), "clients can't be held: nft refused"),
        (OSError(28, "No space left on device", "/run/x"), "/run/x: No space left on device"),
    ],
)
def test_why_clients_are_not_held_is_a_warning(
    holds: Holds, run: Run, error: Exception, reason: str
) -> None:
    holds.fails = error
    found = run(client_hold, state="held", **WHERE)
    assert (found["changed"], found["hold"], found["reason"]) == (False, {}, reason)
    assert holds.said == [f"Clients are refused: {reason}"]


def test_clients_that_are_not_let_through_are_refused(holds: Holds, run: Run) -> None:
    holds.there, holds.fails = HELD, HoldError("u does not answer")
    found = run(client_hold, state="released")
    assert (found["changed"], found["hold"], found["reason"]) == (True, {}, "u does not answer")
    assert holds.done == [("let_through", True), ("end", HELD)]
    assert holds.said == ["Clients are refused: u does not answer"]


@pytest.mark.parametrize("error", [HoldError("u does not end"), OSError("u does not end")])
def test_clients_that_still_wait_are_an_error(
    holds: Holds, run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    holds.there, holds.fails = HELD, HoldError("u does not answer")
    monkeypatch.setattr(_hold, "end", fails(error))
    found = run(client_hold, state="released")
    assert (found["failed"], found["msg"]) == (True, "u does not end")


def test_clients_are_let_through(holds: Holds, run: Run) -> None:
    found = run(client_hold, state="released")
    assert (found["changed"], found["hold"]) == (False, {})
    holds.there = HELD
    found = run(client_hold, state="released")
    assert (found["changed"], found["hold"]) == (True, ENDED._asdict())
    assert found["reason"] == ""


@pytest.mark.parametrize("there", [None, HELD])
def test_check_mode_holds_nobody_and_lets_nobody_go(
    holds: Holds, run: Run, there: Standing | None
) -> None:
    holds.there = there
    shown = there._asdict() if there else {}
    for state in ("held", "starting"):
        found = run(client_hold, check=True, state=state, **WHERE)
        assert (found["hold"], found["reason"]) == (shown, "")
        assert found["changed"] is (there is None)
    found = run(client_hold, check=True, state="led", to=14000, **WHERE)
    assert (found["changed"], found["hold"]) == (True, shown)
    found = run(client_hold, check=True, state="released")
    assert (found["changed"], found["hold"]) == (there is not None, shown)
    holds.there = HELD._replace(state="leading", to=14000)
    for state, changes in (("led", False), ("held", True), ("starting", False)):
        assert run(client_hold, check=True, state=state, to=14000, **WHERE)["changed"] is changes
    assert run(client_hold, check=True, state="led", to=1, **WHERE)["changed"] is True
    assert holds.done == []


@pytest.mark.parametrize("state", ["held", "starting", "led"])
def test_where_clients_ask_must_be_said(holds: Holds, run: Run, state: str) -> None:
    found = run(client_hold, state=state, addresses=["127.0.0.1"])
    assert found["failed"] and "port" in found["msg"]
    assert holds.done == []
