"""LiteLLM's tables in a new database: how they are made, and how that is judged."""

from __future__ import annotations

from typing import Any, Optional

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    first_schema as _first_schema,
)
from ansible_collections.llmops.litellm.plugins.module_utils._deployment.compose_project import (
    DeploymentError,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host.process import Result
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import role as _role
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.endpoint import Endpoint

TARGET = Endpoint("gateway", "litellm", "litellm-postgres")
OWN = "hunter2-own-password"
THERE = {"_prisma_migrations')": [["_prisma_migrations"]], "count(*)": [["40", "0", "t"]]}


class Host:
    """The server and the image; ``told``: what each was told, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.told: list[Any] = []
        self.answer = Result(0, "done\n", "")
        self.failure: Optional[OSError] = None
        self.database = support.Database(THERE)
        monkeypatch.setattr(_first_schema, "Session", self.database)
        monkeypatch.setattr(_first_schema, "run", self.run)
        monkeypatch.setattr(_role, "administrator", lambda target: target.on("postgres"))
        monkeypatch.setattr(_role, "secure", lambda _target, word: self.told.append(word))

    def run(self, words: list[str], env: Any = None, timeout: float = 0) -> Result:
        self.told.append((words, env))
        if words[1:3] == ["container", "rm"]:
            return Result(1, "", "no such container")
        return support.fails(self.failure)() if self.failure else self.answer


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(monkeypatch)


def make() -> None:
    _first_schema.make("/opt/litellm", "litellm", TARGET, OWN, "postgres")


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (THERE, ""),
        ({"_prisma_migrations')": [[None]]}, "it has no tables of LiteLLM's"),
        ({**THERE, "count(*)": [["40", "1", "t"]]}, "1 of its 40 migrations did not end"),
        ({**THERE, "count(*)": [["0", "0", "f"]]}, "it has no table for keys"),
    ],
)
def test_what_is_missing(host: Host, answers: dict[str, Any], said: str) -> None:
    host.database.answers = answers
    assert _first_schema.missing(TARGET) == said
    assert host.database.places == ["gateway"]


def test_own_password_is_never_on_a_command_line(host: Host) -> None:
    make()
    gone, void, (words, environment), gone_too, own = host.told
    assert gone == gone_too
    assert gone[0] == ["docker", "container", "rm", "--force", "litellm-schema"]
    assert (own, void != OWN, len(void) > 30) == (OWN, True, True)
    assert environment == {"DATABASE_URL": "postgresql://litellm:%s@postgres:5432/gateway" % void}
    assert not [word for word in words if void in word or OWN in word]
    assert "DISABLE_SCHEMA_UPDATE=false" in words
    assert words[-4:] == ["litellm", "--config", "/app/config.yaml", "--skip_server_startup"]


@pytest.mark.parametrize("rc", [0, 1, 124])
def test_failure_is_judged_by_what_is_there(host: Host, rc: int) -> None:
    host.answer = Result(rc, "", "\n".join("line %d" % n for n in range(40)))
    if rc == 0:
        host.database.answers = {"_prisma_migrations')": [[None]]}
    with pytest.raises(DeploymentError, match="does not make its tables") as caught:
        make()
    assert ("it has no tables" in str(caught.value)) is (rc == 0)
    assert "It said: line 28; " in str(caught.value)
    assert str(caught.value).endswith("line 39")
    assert host.told[-1] == OWN


def test_nothing_of_the_environment_is_shown(host: Host) -> None:
    def run(words: list[str], env: Any = None, timeout: float = 0) -> Result:
        return Result(1, "", "can't reach %s" % env["DATABASE_URL"]) if env else Result(0, "", "")

    _first_schema.run, before = run, _first_schema.run  # type: ignore[assignment]
    try:
        with pytest.raises(DeploymentError) as caught:
            make()
    finally:
        _first_schema.run = before
    assert "can't reach postgresql://litellm:***@postgres:5432/gateway" in str(caught.value)


def test_role_gets_its_password_back_whatever_happens(host: Host) -> None:
    host.failure = OSError("gone")
    with pytest.raises(OSError, match="gone"):
        make()
    assert host.told[-1] == OWN
    assert host.told[-2][0][1:3] == ["container", "rm"]
