"""The module that makes LiteLLM's role: what it passes on, refuses and says."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._postgres import fence as _fence
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import follow as _follow
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import role as _role
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import PostgresError
from ansible_collections.llmops.litellm.plugins.modules import database_role

ENV = "POSTGRES_USER=litellm\nPOSTGRES_PASSWORD='hunter2'\nPOSTGRES_DB=gateway\n"


class Server:
    """What the server was told."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, role: bool, database: bool, fenced: bool = False
    ) -> None:
        self.told: list[Any] = []
        self.is_up, self.fence = fenced, list[str]()
        monkeypatch.setattr(_fence, "Fence", lambda _target: nullcontext(self))
        self.followed = False
        monkeypatch.setattr(_follow, "forget", self.forget)
        monkeypatch.setattr(_role, "secure", lambda *words: self.told.append(words) or role)
        monkeypatch.setattr(_role, "provide", lambda *words: self.told.append(words) or database)
        monkeypatch.setattr(_role, "administrator", lambda target: target.on("postgres"))

    def forget(self, admin: Any) -> bool:
        self.fence.append(f"forgotten by {admin.user} in {admin.database}")
        return self.followed

    def put_up(self) -> None:
        self.fence.append("up")

    def take_down(self) -> None:
        self.fence.append("down")


def run(
    capsys: pytest.CaptureFixture[str],
    path: Path,
    text: str = ENV,
    check: bool = False,
    **words: Any,
) -> dict[str, Any]:
    (path / "env").write_text(text)
    params = {"container": "litellm-postgres", "env_file": str(path / "env"), **words}
    return support.run_module(database_role.main, params, capsys, check)


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(
    ("role", "database"), [(False, False), (True, False), (False, True), (True, True)]
)
def test_role_and_database_are_what_the_environment_says(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    role: bool,
    database: bool,
    check: bool,
) -> None:
    server = Server(monkeypatch, role, database)
    done = run(capsys, tmp_path, check=check)
    (target, password, checked), (provided, checked_too) = server.told
    assert (target.database, target.user, target.container) == (
        "gateway",
        "litellm",
        "litellm-postgres",
    )
    assert (provided, password, checked, checked_too) == (target, "hunter2", check, check)
    assert done["changed"] is (role or database)
    assert (done["role"], done["superuser"]) == ("litellm", "litellm")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("POSTGRES_USER=litellm\n", "does not set POSTGRES_PASSWORD, POSTGRES_DB"),
        (ENV + "POSTGRES_PASSWORD=\n", "does not set POSTGRES_PASSWORD"),
        ("A='hunter2\n", "is not an env file: line 1"),
    ],
)
def test_environment_that_names_no_role_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    text: str,
    said: str,
) -> None:
    server = Server(monkeypatch, True, True)
    assert said in run(capsys, tmp_path, text)["msg"]
    assert server.told == []


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(
    ("fenced", "writes", "told"),
    [(False, True, []), (True, False, []), (True, True, ["down"]), (False, False, ["up"])],
)
def test_it_may_write_or_not(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fenced: bool,
    writes: bool,
    told: list[str],
    check: bool,
) -> None:
    server = Server(monkeypatch, False, False, fenced)
    assert run(capsys, tmp_path, check=check, writes=writes)["changed"] is bool(told)
    told = told + (["forgotten by litellm in gateway"] if writes else [])
    assert server.fence == ([] if check else told)


def test_what_a_switch_has_left_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server = Server(monkeypatch, False, False)
    server.followed = True
    assert run(capsys, tmp_path)["changed"]


def test_server_that_does_not_take_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_role, "secure", support.fails(PostgresError("is down")))
    assert run(capsys, tmp_path)["msg"] == "is down"
