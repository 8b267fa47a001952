"""A database that moves while it is used: in which order, where clients are when something fails,
and how long one tries. The follower has tests of its own, with real servers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.support import Clock, answered

from ansible_collections.llmops.litellm.plugins.module_utils._pooler import pooler as _pooler
from ansible_collections.llmops.litellm.plugins.module_utils._pooler import switch as _switch
from ansible_collections.llmops.litellm.plugins.module_utils._pooler.folder import Folder
from ansible_collections.llmops.litellm.plugins.module_utils._pooler.pooler import Outcome
from ansible_collections.llmops.litellm.plugins.module_utils._pooler.target import (
    PoolerError,
    Target,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import fence as _fence
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import (
    Endpoint,
    PostgresError,
)

NATIVE = Endpoint("llm", "gateway", host="/run/aside")
ADMIN = Endpoint("llm", "postgres", host="/run/aside")
INSIDE = Endpoint("litellm", "litellm", "litellm-postgres")
THERE = _switch.Sides(NATIVE, ADMIN, INSIDE)
HOME = _switch.Sides(INSIDE, INSIDE, NATIVE)
LEAD = Target("172.30.40.2", 5432, "litellm", "litellm", "hunter2")
FOLDER = Folder("/run/pooler")
# What is done, in its order; the copy counts from "mark" on.
BEFORE = ["follow", "copy", "apply", "identity", "pause", "finish", "settle"]
AFTER = ["serve", "prove", "end"]


class World:
    """A follower, fences and a pooler. ``done`` is what was done; ``fails`` what each does instead,
    where it is there: an error, or as many of them as there are, one at a time."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.fails: dict[str, Any] = {}
        self.counts: list[int] = []
        self.clock = Clock()
        self.waiting, self.led, self.marked = False, False, False
        self.sides: tuple[Endpoint, ...] = ()

    def do(self, what: str) -> None:
        self.done.append(what)
        told = self.fails.get(what)
        if isinstance(told, list):
            told = told.pop(0) if told else None
        answered(told)

    def follower(self, *sides: Endpoint) -> World:
        self.sides = sides
        return self

    def __enter__(self) -> World:
        self.do("follow")
        return self

    def __exit__(self, *_error: object) -> None:
        self.done.append("end")

    def apply(self) -> int:
        self.do("apply")
        return self.counts.pop(0) if self.counts else 0

    def finish(self) -> None:
        assert self.waiting
        self.do("finish")

    def prove(self) -> Any:
        assert self.led
        self.do("prove")
        return {"hash": "s"}, {"hash": "t"}

    def copy(self) -> str:
        self.do("copy")
        return "copied"

    def mark(self) -> None:
        assert self.waiting and not self.led
        self.do("mark")
        self.marked = True

    def identity(self, endpoint: Endpoint, seconds: float) -> tuple[str, ...]:
        assert (endpoint.host, seconds) == (LEAD.host, _switch.ANSWERS)
        self.do("identity")
        return ("2", "1")

    def pause(self, *words: Any) -> Outcome:
        assert words == (FOLDER, "pooler", 30, 0.5)
        self.do("pause")
        self.waiting = True
        return Outcome(True)

    def settle(self, *words: Any) -> Outcome:
        assert words == (FOLDER, "pooler")
        self.do("settle")
        return Outcome(True)

    def go_on(self, *words: Any) -> None:
        assert words == (FOLDER, "pooler")
        self.do("go on")
        self.waiting = False

    def serve(self, *words: Any) -> Outcome:
        # its identity is known, so that nobody waits for it
        assert words == (FOLDER, "pooler", LEAD, ("2", "1"))
        self.do("serve")
        self.waiting, self.led = False, True
        return Outcome(True, 0.25)


class Fence:
    """A fence around one of the sides."""

    def __init__(self, world: World, side: Endpoint) -> None:
        assert side == INSIDE
        self.world = world

    def __enter__(self) -> Fence:
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def put_up(self) -> None:
        self.world.do("up")

    def take_down(self) -> None:
        self.world.do("down")


def made(patch: pytest.MonkeyPatch) -> World:
    """The fake, in the place of all."""
    world = World()
    patch.setattr(_switch, "Follower", world.follower)
    patch.setattr(_switch, "Fence", lambda side: Fence(world, side))
    patch.setattr(_switch, "identity", world.identity)
    patch.setattr(_switch, "time", world.clock)
    for name in ("pause", "settle", "go_on", "serve"):
        patch.setattr(_pooler, name, getattr(world, name))
    return world


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return made(monkeypatch)


def switch(world: World, sides: _switch.Sides = THERE) -> _switch.Switched:
    wait = _switch.Wait(30, 0.5)
    return _switch.switch(FOLDER, "pooler", sides, LEAD, world.copy, world.mark, wait)


def test_clients_are_led_to_the_copy(world: World) -> None:
    done = switch(world)
    assert done == ("copied", {"hash": "s"}, {"hash": "t"}, 0, 0.25)
    # ours write although it is fenced until then, and it may be written to before clients come
    assert world.done == [*BEFORE, "mark", "down", *AFTER]
    assert world.sides == (NATIVE, ADMIN, _fence.writer(INSIDE))


def test_what_they_are_led_away_from_is_fenced_for_the_last_rows(world: World) -> None:
    switch(world, HOME)
    before = [*BEFORE[:5], "up", *BEFORE[5:]]
    assert world.done == [*before, "mark", *AFTER]
    assert world.sides == (INSIDE, INSIDE, _fence.writer(NATIVE))


@pytest.mark.parametrize("what", BEFORE[:5])
def test_what_fails_before_a_pause_lets_nobody_wait(world: World, what: str) -> None:
    world.fails[what] = PostgresError("no")
    with pytest.raises(PostgresError, match="^no$"):
        switch(world)
    assert (world.waiting, world.led, world.marked) == (False, False, False)
    assert "go on" not in world.done and "finish" not in world.done
    assert world.done[-1] == ("follow" if what == "follow" else "end")


@pytest.mark.parametrize("what", ["up", "finish", "settle", "mark"])
@pytest.mark.parametrize("error", [PostgresError("no"), OSError("no"), RuntimeError("no")])
def test_what_fails_before_the_switch_lets_clients_go_on(
    world: World, what: str, error: Exception
) -> None:
    world.fails[what] = error
    with pytest.raises(type(error), match="^no$"):
        switch(world, HOME)
    assert (world.waiting, world.led, world.marked) == (False, False, False)
    # they may write again where they were
    assert world.done[-3:] == ["down", "go on", "end"]


def test_clients_go_on_although_the_fence_stays(world: World) -> None:
    world.fails.update(finish=PostgresError("no"), down=PostgresError("gone"))
    with pytest.raises(PostgresError, match="gone"):
        switch(world, HOME)
    assert (world.waiting, world.done[-2:]) == (False, ["go on", "end"])


@pytest.mark.parametrize("what", ["down", "serve", "prove"])
def test_what_fails_after_the_switch_leads_nobody_back(world: World, what: str) -> None:
    world.fails[what] = PoolerError("no")
    with pytest.raises(PoolerError, match="^no$"):
        switch(world)
    assert world.marked and world.done.count("mark") == 1
    assert "go on" not in world.done
    assert world.done[-2:] == [what, "end"]
    # until they can be led there they wait
    assert (world.waiting, world.led) == ((False, True) if what == "prove" else (True, False))


@pytest.mark.parametrize(
    ("counts", "rounds", "followed"),
    [
        ([0], 1, 0),
        ([_switch.FEW], 1, _switch.FEW),
        ([_switch.FEW + 1, 0], 2, _switch.FEW + 1),
        ([900, 80, 51, 50, 49], 4, 1081),
        ([51] * 199 + [3], 200, 51 * 199 + 3),
    ],
)
def test_copy_catches_up_until_little_is_left(
    world: World, counts: list[int], rounds: int, followed: int
) -> None:
    world.counts = list(counts)
    assert switch(world).followed == followed
    assert world.done.count("apply") == rounds


def test_clients_that_write_faster_do_not_wait(world: World) -> None:
    world.counts = [_switch.FEW + 1] * (_switch.ROUNDS + 9)
    with pytest.raises(PoolerError, match="clients write faster than their changes can be carried"):
        switch(world)
    assert world.done.count("apply") == _switch.ROUNDS
    assert "pause" not in world.done and world.done[-1] == "end"


def test_pause_is_tried_again_after_the_last_changes(world: World) -> None:
    world.fails["pause"] = [PoolerError("1 transactions are open")] * (_switch.TRIES - 1)
    switch(world)
    tried = world.done[world.done.index("pause") : world.done.index("finish")]
    assert tried == [*["pause", "apply"] * (_switch.TRIES - 1), "pause"]
    assert world.clock.time == 100 + (_switch.TRIES - 1) * _switch.BETWEEN


def test_pause_that_never_comes_is_given_up(world: World) -> None:
    world.fails["pause"] = PoolerError("1 transactions are open")
    with pytest.raises(PoolerError, match="^1 transactions are open$"):
        switch(world)
    assert world.done.count("pause") == _switch.TRIES
    assert world.done[-2:] == ["pause", "end"] and not world.marked


def test_server_that_fails_while_a_pause_is_tried_lets_nobody_wait(world: World) -> None:
    world.fails.update(pause=PoolerError("open"), apply=[None, PostgresError("gone")])
    with pytest.raises(PostgresError, match="gone"):
        switch(world)
    assert world.done[-3:] == ["pause", "apply", "end"] and not world.waiting


STEPS = ["follow", "copy", "apply", "identity", "pause", "up", "finish", "settle", "mark"]


@given(
    failing=st.sets(st.sampled_from([*STEPS, "down", "serve", "prove"])),
    sides=st.sampled_from([THERE, HOME]),
)
def test_whatever_fails_the_mark_says_where_clients_are(
    failing: set[str], sides: _switch.Sides
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        world = made(patch)
        world.fails.update({what: PostgresError("no") for what in failing})
        if "pause" in failing:
            world.fails["pause"] = PoolerError("no")
        failed = False
        try:
            switch(world, sides)
        except (PostgresError, PoolerError):
            failed = True
    assert world.done.count("mark") <= 1
    assert not world.led or world.marked
    # whoever waits does so for the copy, which they are led to by the next run
    assert not world.waiting or world.marked
    assert failed or (world.led and world.done[-1] == "end")
