"""Units that need a server, want it, or come after it."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._host import systemd as _systemd
from ansible_collections.llmops.litellm.plugins.module_utils._host import (
    unit_relations as _unit_relations,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host.process import Result
from ansible_collections.llmops.litellm.plugins.module_utils._host.unit_relations import (
    AFTER,
    NEEDS,
    WANTS,
)

RUNS = {"ActiveState": "active", "SubState": "running"}
RESTS = {"ActiveState": "inactive", "SubState": "dead"}
ALL = (NEEDS, WANTS, AFTER)


@pytest.fixture
def units(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, str]]:
    """What the system's manager knows: properties by unit."""
    known: dict[str, dict[str, str]] = {}

    def systemctl(_manager: Any, *words: str, **_named: Any) -> Result:
        names = words[words.index("--") + 1 :]
        blocks = []
        for name in names:
            about = {"Id": name, "LoadState": "loaded", **known.get(name, RESTS)}
            fields = words[2].split(",")
            blocks.append("".join("%s=%s\n" % (one, about.get(one, "")) for one in fields))
        return Result(0, "\n".join(blocks), "")

    monkeypatch.setattr(_systemd.Manager, "systemctl", systemctl)
    return known


def records(*names: str) -> list[dict[str, str]]:
    return [{"name": name, "account": ""} for name in names]


def told(found: list[_unit_relations.Relation]) -> list[tuple[str, str, str]]:
    return [(each.unit.name, each.verb, each.needed) for each in found]


@pytest.mark.parametrize(
    ("field", "verb"),
    [
        ("RequiredBy", NEEDS),
        ("RequisiteOf", NEEDS),
        ("BoundBy", NEEDS),
        ("ConsistsOf", NEEDS),
        ("WantedBy", WANTS),
        ("UpheldBy", WANTS),
        ("Before", AFTER),
    ],
)
def test_every_relation_is_known(units: dict[str, dict[str, str]], field: str, verb: str) -> None:
    units["redis.service"] = {**RUNS, field: "multi-user.target app.service own.service"}
    units["app.service"] = RUNS
    found = _unit_relations.relations(records("redis.service"), ALL, records("own.service"))
    assert told(found) == [("app.service", verb, "redis.service")]
    others = [each for each in ALL if each != verb]
    assert _unit_relations.relations(records("redis.service"), others) == []


def test_the_strongest_relation_counts(units: dict[str, dict[str, str]]) -> None:
    units["a.service"] = {**RUNS, "WantedBy": "app.service", "Before": "app.service"}
    units["b.service"] = {**RUNS, "BoundBy": "app.service"}
    units["app.service"] = RUNS
    found = _unit_relations.relations(records("a.service", "b.service"), ALL)
    assert told(found) == [("app.service", NEEDS, "b.service")]


@pytest.mark.parametrize(
    ("about", "counts"),
    [
        (RUNS, True),
        ({"ActiveState": "activating"}, True),
        (RESTS, False),
        ({**RESTS, "UnitFileState": "enabled"}, True),
        ({**RESTS, "UnitFileState": "static", "TriggeredBy": "app.timer"}, True),
        ({**RESTS, "UnitFileState": "disabled"}, False),
        ({"ActiveState": "failed"}, False),
    ],
)
def test_unit_counts_that_runs_or_would_be_started(
    units: dict[str, dict[str, str]], about: dict[str, str], counts: bool
) -> None:
    units["redis.service"] = {**RUNS, "RequiredBy": "app.service"}
    units["app.service"] = about
    found = _unit_relations.relations(records("redis.service"), ALL)
    assert bool(found) is counts


def test_who_uses_a_name_for_several_servers_uses_the_server(
    units: dict[str, dict[str, str]],
) -> None:
    """Debian's postgresql.service runs nothing: what applications name is it, and not the cluster's
    own unit."""
    units["postgresql@15-main.service"] = {
        **RUNS,
        "WantedBy": "postgresql.service",
        "Before": "postgresql.service shutdown.target",
    }
    units["postgresql.service"] = {
        "ActiveState": "active",
        "SubState": "exited",
        "RequiredBy": "app.service",
        "Wants": "postgresql@15-main.service postgresql@16-other.service",
        "ConsistsOf": "postgresql@15-main.service postgresql@16-other.service",
        "Before": "report.service litellm.service",
    }
    for name in ("app.service", "report.service", "litellm.service", "postgresql@16-other.service"):
        units[name] = RUNS
    found = _unit_relations.relations(
        records("postgresql@15-main.service"), ALL, records("litellm.service")
    )
    assert [(each.unit.name, each.verb, each.needed, each.through) for each in found] == [
        ("app.service", NEEDS, "postgresql@15-main.service", "postgresql.service"),
        ("report.service", AFTER, "postgresql@15-main.service", "postgresql.service"),
    ]
