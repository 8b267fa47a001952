"""The module database_switch: what it asks of a switch, what the journal remembers, and that a
failure says where clients are."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from unit.support import answered, fails

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import journal as _journal
from ansible_collections.llmops.litellm.plugins.module_utils._pooler import switch as _switch
from ansible_collections.llmops.litellm.plugins.module_utils._pooler.folder import Folder
from ansible_collections.llmops.litellm.plugins.module_utils._pooler.target import (
    PoolerError,
    Target,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import copy as _copy
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    copy_back as _copy_back,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import endpoint as _endpoint
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import fence as _fence
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    native_server as _native_server,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import readers as _readers
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import role as _role
from ansible_collections.llmops.litellm.plugins.modules import database_switch

Run = Callable[..., dict[str, Any]]
NOW = datetime(2026, 12, 1, 15, 0, tzinfo=timezone.utc)
INSIDE = {"container": "litellm-postgres", "database": "litellm", "user": "litellm"}
SERVER = {"argv": ["postgres"], "program": "/p/postgres", "account": "postgres", "folder": "/data"}
TABLES = [{"name": "LiteLLM_SpendLogs", "before": 3, "after": 10}]
TABLE = {"schema": "public", "name": "LiteLLM_SpendLogs", "rows": 7, "hash": "a"}
SIDE = {"hash": "h", "schema_hash": "s", "sequences": [], "tables": [TABLE]}
OTHER = {**SIDE, "tables": [{**TABLE, "rows": 8}]}
DIFFERENCE = "table LiteLLM_SpendLogs has 7 rows in the source, 8 in the target"


class Acts:
    """What moves a database, in the place of all that does; it is asked with ``words``, and the
    copy with ``copied``."""

    def __init__(self) -> None:
        self.words: list[Any] = []
        self.copied: list[Any] = []
        self.target: dict[str, Any] = SIDE
        self.before: Any = None
        self.after: Any = None

    def switch(
        self,
        folder: Any,
        container: str,
        sides: Any,
        lead: Any,
        copy: Callable[[], Any],
        mark: Callable[[], None],
        wait: Any,
    ) -> _switch.Switched:
        self.words += [folder, container, sides, lead, wait]
        done = copy()
        answered(self.before)
        mark()
        answered(self.after)
        return _switch.Switched(done, SIDE, self.target, 37, 0.23456)

    def copy(self, *words: Any) -> _copy.Result:
        self.copied += words
        came = (_readers.Carried("grafana", False, "it has none", 3, True),)
        return _copy.Result("refresh", [], {}, {}, 77, {}, came)

    def copy_back(self, *words: Any) -> _copy_back.Result:
        self.copied += words
        return _copy_back.Result("copy_back", [], {}, {}, TABLES, 78, {})


@pytest.fixture
def acts(monkeypatch: pytest.MonkeyPatch) -> Acts:
    made = Acts()
    monkeypatch.setattr(_switch, "switch", made.switch)
    monkeypatch.setattr(_copy, "copy", made.copy)
    monkeypatch.setattr(_copy_back, "copy_back", made.copy_back)
    monkeypatch.setattr(_endpoint, "find_bindir", lambda host, port: "/bin")
    monkeypatch.setattr(
        _native_server, "administrator", lambda source: source.on("native as superuser")
    )
    monkeypatch.setattr(_role, "administrator", lambda source: source.on("postgres"))
    return made


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The state folder of a run."""
    folder = tmp_path / "state"
    folder.mkdir()
    owner = {"controller": "desk", "run": "7:100"}
    _journal.save(str(folder), _journal.create("x", owner, NOW), NOW)
    return folder


@pytest.fixture
def words(tmp_path: Path, state: Path) -> dict[str, dict[str, Any]]:
    """The module's arguments, by its state."""
    private, env = tmp_path / "aside.env", tmp_path / "deployment.env"
    private.write_text("DATABASE_URL=postgresql://gateway@/llm?host=/run/aside&port=5434\n")
    env.write_text("DATABASE_URL=postgresql://u:hunter2@postgres:5432/litellm\n")
    native = {"env_file": str(private)}
    given = {"folder": "/run/pooler", "container": "pooler", "journal": str(state)}
    lead = {"env_file": str(env)}
    return {
        "copied": {
            **given,
            "state": "copied",
            "source": native,
            "target": INSIDE,
            "lead": {**lead, "host": "172.30.40.2", "port": 5433},
            "readers": ["grafana"],
            "server": SERVER,
        },
        "copied_back": {
            **given,
            "state": "copied_back",
            "source": INSIDE,
            "target": native,
            "lead": lead,
            "expect": "abc",
        },
    }


def facts(state: Path) -> dict[str, Any]:
    journal = _journal.load(str(state))
    assert journal is not None
    return dict(journal["facts"])


NATIVE = _endpoint.Endpoint("llm", "gateway", host="/run/aside", port=5434, bindir="/bin")
CONTAINER = _endpoint.Endpoint("litellm", "litellm", "litellm-postgres")
SAID = {
    "changed": True,
    "switched": True,
    "equal": True,
    "differences": [],
    "source": SIDE,
    "target": SIDE,
    "followed": 37,
    "waited": 0.235,
}


def test_database_moves_into_the_container(
    run: Run, acts: Acts, words: dict[str, Any], state: Path
) -> None:
    begun = datetime.now(timezone.utc)
    told = run(database_switch, **words["copied"])
    assert {name: told[name] for name in SAID} == SAID
    reader = {"name": "grafana", "password": False, "why": "it has none", "rights": 3}
    assert (told["action"], told["bytes"], told["tables"]) == ("refresh", 77, [])
    assert told["readers"] == [reader] and 0 <= told["seconds"] < 60
    assert acts.words == [
        Folder("/run/pooler"),
        "pooler",
        (NATIVE, NATIVE.on("native as superuser"), CONTAINER),
        Target("172.30.40.2", 5433, "litellm", "u", "hunter2"),
        (30, 0.5),
    ]
    # it is fenced until then
    source, target, replace, now, readers, server = acts.copied
    assert (source, target, replace) == (NATIVE, _fence.writer(CONTAINER), "ours")
    assert (readers, server) == (["grafana"], SERVER) and now >= begun
    known = facts(state)
    assert list(known) == ["switched"]
    assert datetime.fromisoformat(known["switched"]) >= begun


def test_database_moves_back(run: Run, acts: Acts, words: dict[str, Any], state: Path) -> None:
    told = run(database_switch, **words["copied_back"], limit=9, patience=0.25)
    assert {name: told[name] for name in SAID} == SAID
    assert (told["action"], told["bytes"], told["tables"]) == ("copy_back", 78, TABLES)
    assert told["readers"] == []
    assert acts.words[2:] == [
        (CONTAINER, CONTAINER, NATIVE),
        Target("postgres", 5432, "litellm", "u", "hunter2"),
        (9, 0.25),
    ]
    assert acts.copied == [CONTAINER, NATIVE, "abc"]
    assert list(facts(state)) == ["switched_back"]


@pytest.mark.parametrize(
    ("kind", "known", "both"),
    [
        (
            "copied",
            {"switched", "legacy_hash"},
            "database litellm (container litellm-postgres) was not equal to database llm"
            " (/run/aside:5434)",
        ),
        # what it was left with was overwritten on purpose, and is no longer asked for
        (
            "copied_back",
            {"switched_back"},
            "database llm (/run/aside:5434) was not equal to database litellm"
            " (container litellm-postgres)",
        ),
    ],
)
def test_sides_that_differ_are_a_failure_that_has_happened(
    run: Run, acts: Acts, words: dict[str, Any], state: Path, kind: str, known: set[str], both: str
) -> None:
    acts.target = OTHER
    told = run(database_switch, **words[kind])
    assert (told["failed"], told["switched"], told["equal"]) == (True, True, False)
    assert told["differences"] == [DIFFERENCE]
    assert told["msg"] == (
        both + " when clients were led there. Nothing is copied back over the latter: " + DIFFERENCE
    )
    assert (told["source"], told["target"], told["followed"]) == (SIDE, OTHER, 37)
    found = facts(state)
    assert set(found) == known
    assert found.get("legacy_hash", "unequal") == "unequal"


ERRORS = [
    (PoolerError("1 transactions are open"), "1 transactions are open"),
    (_endpoint.PostgresError("gone"), "gone"),
    (OSError(28, "No space left on device", "/run/x"), "/run/x: No space left on device"),
]


@pytest.mark.parametrize("kind", ["copied", "copied_back"])
@pytest.mark.parametrize(("error", "said"), ERRORS)
@pytest.mark.parametrize("switched", [False, True])
def test_failure_says_where_clients_are(
    run: Run,
    acts: Acts,
    words: dict[str, Any],
    state: Path,
    kind: str,
    error: Exception,
    said: str,
    switched: bool,
) -> None:
    setattr(acts, "after" if switched else "before", error)
    told = run(database_switch, **words[kind])
    assert (told["failed"], told["msg"], told["switched"]) == (True, said, switched)
    assert bool(facts(state)) is switched


def test_without_a_run_nobody_is_led(
    run: Run, acts: Acts, words: dict[str, Any], state: Path
) -> None:
    os.unlink(state / "journal.json")
    told = run(database_switch, **words["copied"])
    assert told["msg"].endswith("journal.json tells of no run.")
    assert told["switched"] is False


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (_journal.JournalError("journal.json cannot be read"), "journal.json cannot be read"),
        (OSError(28, "No space left on device", "/x"), "/x: No space left on device"),
    ],
)
def test_journal_that_takes_no_more_after_the_switch_is_told_as_that(
    run: Run,
    acts: Acts,
    words: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    said: str,
) -> None:
    acts.target, remember = OTHER, _journal.remember

    def once(*given: Any) -> None:
        remember(*given)
        monkeypatch.setattr(_journal, "remember", fails(error))

    monkeypatch.setattr(_journal, "remember", once)
    told = run(database_switch, **words["copied"])
    assert (told["failed"], told["msg"], told["switched"]) == (True, said, True)


def test_check_mode_touches_nothing(
    run: Run, acts: Acts, words: dict[str, Any], state: Path
) -> None:
    before = (state / "journal.json").read_text()
    told = run(database_switch, check=True, **words["copied"])
    assert told["changed"] is True and "switched" not in told
    assert (acts.words, acts.copied) == ([], [])
    assert (state / "journal.json").read_text() == before and os.listdir(state) == ["journal.json"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A=hunter2\n", "does not set DATABASE_URL"),
        ("DATABASE_URL=postgresql://a:hunter2@/x?host=/run\n", "leads to a Unix socket"),
    ],
)
def test_target_that_the_pooler_cannot_reach_is_told_before(
    run: Run, acts: Acts, words: dict[str, Any], tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "deployment.env").write_text(text)
    told = run(database_switch, **words["copied_back"])
    assert said in told["msg"] and told["switched"] is False
    assert (acts.words, acts.copied) == ([], [])


def test_server_without_a_superuser_is_told_before(
    run: Run, acts: Acts, words: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    error = _endpoint.PostgresError("no superuser may log in")
    monkeypatch.setattr(_native_server, "administrator", fails(error))
    told = run(database_switch, **words["copied"])
    assert (told["msg"], told["switched"]) == ("no superuser may log in", False)
    assert (acts.words, acts.copied) == ([], [])


def test_clients_stay_where_another_run_has_taken_over(
    run: Run, acts: Acts, words: dict[str, Any], state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember = _journal.remember

    def taken(*given: Any) -> None:
        journal = _journal.load(str(state))
        assert journal is not None
        journal["owner"] = {"controller": "desk", "run": "8:200"}
        _journal.save(str(state), journal, NOW)
        remember(*given)

    monkeypatch.setattr(_journal, "remember", taken)
    told = run(database_switch, **words["copied"])
    assert (told["failed"], told["switched"]) == (True, False)
    assert told["msg"].endswith("was taken over by another run.")
    assert facts(state) == {}
