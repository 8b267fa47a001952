"""The module env_file: what it writes, says and refuses."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Callable

import pytest
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args
from unit.support import reachable

from ansible_collections.llmops.litellm.plugins.module_utils._config import envfile as _envfile
from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process
from ansible_collections.llmops.litellm.plugins.modules import env_file

SECRETS = {
    "LITELLM_MASTER_KEY": "sk-hunter2$x",
    "LITELLM_SALT_KEY": "hunter2 '\"\\",
    "UI_PASSWORD": "hunter2#1",
}
Run = Callable[..., dict[str, Any]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "legacy.env").write_text(
        _envfile.dumps({**SECRETS, "A": "1", "DATABASE_URL": "postgresql://u:hunter2@127.0.0.1/d"})
    )
    (tmp_path / "old.env").write_text("A=hunter2\nA=1\nexport B=hunter2\n")
    (tmp_path / "config.yaml").write_text(
        "general_settings:\n  master_key: os.environ/LITELLM_MASTER_KEY # c\n"
    )
    return tmp_path


@pytest.fixture
def run(folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(check: bool = False, **changes: Any) -> dict[str, Any]:
        params = {
            "legacy_env": str(folder / "legacy.env"),
            "legacy_files": [{"path": str(folder / "old.env")}],
            "config": str(folder / "config.yaml"),
            "dest": str(folder / ".env"),
            "redis_conf": str(folder / "redis.conf"),
            "redis_uid": os.getuid(),
            "redis_gid": os.getgid(),
            **changes,
        }
        params = {name: value for name, value in params.items() if value is not None}
        with (
            patch_module_args({**params, "_ansible_check_mode": check, "_ansible_diff": True}),
            pytest.raises(SystemExit),
        ):
            env_file.main()
        shown = capsys.readouterr().out
        given = json.dumps(params["overrides"]) if "overrides" in params else ""
        assert "hunter2" not in shown.replace(given, "")
        return json.loads(shown)

    return call


def values(folder: Path) -> dict[str, str]:
    return _envfile.loads((folder / ".env").read_bytes(), "compose")


def test_it_writes_both_files(folder: Path, run: Run) -> None:
    result = run()
    assert result["changed"]
    found = values(folder)
    assert {name: found[name] for name in SECRETS} == SECRETS
    assert (
        found["DATABASE_URL"]
        == "postgresql://litellm:%s@postgres:5432/litellm" % found["POSTGRES_PASSWORD"]
    )
    assert (folder / ".env").stat().st_mode & 0o777 == 0o600
    assert (folder / "redis.conf").stat().st_mode & 0o777 == 0o400
    assert 'requirepass "%s"' % found["REDIS_PASSWORD"] in (folder / "redis.conf").read_text()
    assert sorted(path.name for path in folder.iterdir()) == [
        ".env",
        "config.yaml",
        "legacy.env",
        "old.env",
        "redis.conf",
    ]


def test_a_second_run_changes_nothing(folder: Path, run: Run) -> None:
    run()
    before = [
        (path, path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino)
        for path in sorted(folder.iterdir())
    ]
    assert not run()["changed"]
    assert [
        (path, path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino)
        for path in sorted(folder.iterdir())
    ] == before


def test_check_mode_says_so_and_writes_nothing(folder: Path, run: Run) -> None:
    assert run(check=True)["changed"]
    assert not (folder / ".env").exists()
    assert not (folder / "redis.conf").exists()
    run()
    assert not run(check=True)["changed"]
    assert run(check=True, overrides={"A": "2"})["changed"]
    assert values(folder)["A"] == "1"


def test_what_it_tells(folder: Path, run: Run) -> None:
    result = run()
    told = {item["name"]: item for item in result["comparison"]}
    assert told["LITELLM_MASTER_KEY"]["status"] == "kept"
    assert told["REDIS_PASSWORD"]["status"] == "generated"
    assert told["A"]["origin"] == "%s:2" % (folder / "old.env")
    assert told["B"]["status"] == "ignored"
    assert [(item["line"], item["name"]) for item in result["findings"]] == [(1, "A"), (3, "B")]
    assert "LITELLM_MASTER_KEY=(secret)\n" in result["diff"][0]["after"]
    assert result["diff"][0]["before"] == ""


def test_a_changed_value_shows_as_such_in_the_diff(run: Run) -> None:
    run()
    diff = run(overrides={"A": "2"})["diff"][0]
    assert "A=(secret, the old value)\n" in diff["before"]
    assert "A=(secret, the new value)\n" in diff["after"]


def test_overrides_and_adoption(folder: Path, run: Run) -> None:
    run(overrides={"UI_PASSWORD": "given", "A": None}, adopt=["B"])
    found = values(folder)
    assert (found["UI_PASSWORD"], found.get("A"), found["B"]) == ("given", None, "hunter2")


@pytest.mark.parametrize("mode", [0o644, 0o640])
def test_a_mode_that_others_could_read_is_mended(folder: Path, run: Run, mode: int) -> None:
    run()
    (folder / ".env").chmod(mode)
    assert run()["changed"]
    assert (folder / ".env").stat().st_mode & 0o777 == 0o600


def test_a_lost_redis_conf_comes_back_with_the_same_password(folder: Path, run: Run) -> None:
    run()
    text = (folder / "redis.conf").read_text()
    (folder / "redis.conf").unlink()
    assert run()["changed"]
    assert (folder / "redis.conf").read_text() == text


def test_without_redis_conf_there_is_none(folder: Path, run: Run) -> None:
    run(redis_conf=None)
    assert not (folder / "redis.conf").exists()


@pytest.mark.parametrize(
    "text, absent",
    [
        ("general_settings:\n  master_key: sk-hunter2\n", False),
        ('general_settings:\n  "master_key": os.environ/OTHER\n', True),
        ("general_settings:\n  master_key: 'os.environ/LITELLM_MASTER_KEY'\n", False),
        ("general_settings:\n  # master_key: sk-hunter2\n", False),
        ("", False),
    ],
)
def test_a_master_key_of_the_configurations_own(
    folder: Path, run: Run, text: str, absent: bool
) -> None:
    (folder / "config.yaml").write_text(text)
    (folder / "legacy.env").write_text("LITELLM_MASTER_KEY=sk-hunter2\n")
    told = {item["name"]: item["status"] for item in run()["comparison"]}
    assert told["LITELLM_SALT_KEY"] == ("absent" if absent else "added")


def refusal(result: dict[str, Any]) -> str:
    assert result["failed"]
    return str(result["msg"])


def test_somebody_elses_env_file_is_not_replaced(folder: Path, run: Run) -> None:
    (folder / ".env").write_text("A=hunter2\n")
    assert "was not written by this collection" in refusal(run())
    assert (folder / ".env").read_text() == "A=hunter2\n"


def test_an_env_file_of_the_legacy_deployment_is_not_replaced(folder: Path, run: Run) -> None:
    (folder / ".env").symlink_to(folder / "old.env")
    assert "needs it for the way back" in refusal(run())
    assert "not a regular file" in refusal(run(legacy_files=[]))
    assert (folder / "old.env").read_text().startswith("A=hunter2")


def test_a_damaged_env_file_is_named_with_its_line(folder: Path, run: Run) -> None:
    run()
    with (folder / ".env").open("ab") as stream:
        stream.write(b"X=hunter2\xff\n")
    lines = (folder / ".env").read_bytes().count(b"\n")
    assert "line %d: not UTF-8" % lines in refusal(run())


def test_missing_files(folder: Path, run: Run) -> None:
    assert "No such file" in refusal(run(legacy_env=str(folder / "nowhere")))
    assert "No such file" in refusal(run(config=str(folder / "nowhere")))
    found = run(
        legacy_files=[{"path": str(folder / "nowhere")}, {"path": str(folder / "old.env")}]
    )["findings"]
    assert (found[0]["path"], found[0]["reason"]) == (
        str(folder / "nowhere"),
        "cannot be read: No such file or directory",
    )


def test_problems_are_told_together_and_nothing_is_written(folder: Path, run: Run) -> None:
    # Ansible takes the values of a secret option out of all that is said, so short ones would hide
    # words
    message = refusal(run(overrides={"A": 55555, "B-C": "quite long"}, adopt=["NOWHERE"]))
    assert all(
        word in message for word in ("A: the value is not text but int", "B-C: the name", "NOWHERE")
    )
    assert not (folder / ".env").exists()


def test_a_failed_write_leaves_the_old_file(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run()
    before = (folder / ".env").read_bytes()

    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_process.os, "rename", full)
    with pytest.raises(OSError):
        run(overrides={"A": "2"})
    assert (folder / ".env").read_bytes() == before
    assert sorted(path.name for path in folder.iterdir()) == [
        ".env",
        "config.yaml",
        "legacy.env",
        "old.env",
        "redis.conf",
    ]


def test_overrides_are_secret() -> None:
    assert env_file.ARGUMENTS["overrides"]["no_log"] is True
    assert basic.AnsibleModule is not None


def test_master_key_of_an_included_file_is_written_for_the_containers(
    folder: Path, run: Run
) -> None:
    (folder / "config.yaml").write_text("include: [sub.yaml]\n")
    (folder / "sub.yaml").write_text("general_settings:\n  master_key: os.environ/OTHER\r\n")
    (folder / "legacy.env").write_text("OTHER=sk-hunter2\n")
    run()
    made = _envfile.loads((folder / ".env").read_text(), "compose")
    assert made["LITELLM_MASTER_KEY"] == made["LITELLM_SALT_KEY"] == "sk-hunter2"


def test_every_variable_that_names_a_store_names_the_containers(folder: Path, run: Run) -> None:
    (folder / "config.yaml").write_text(
        "general_settings: {database_url: os.environ/MY_DB}\n"
        "router_settings: {redis_host: os.environ/RH, redis_port: os.environ/RP}\n"
        "litellm_settings: {cache: true, cache_params: {type: redis, url: os.environ/CACHE}}\n"
    )
    (folder / "legacy.env").write_text(
        "MY_DB=postgresql://u:hunter2@localhost/x?host=/run/postgresql&schema=llm\n"
        "CACHE=redis://:hunter2@127.0.0.1:6390/3\nRH=localhost\nRP=6390\n"
    )
    run()
    made = _envfile.loads((folder / ".env").read_text(), "compose")
    assert made["MY_DB"] == made["DATABASE_URL"]
    assert made["MY_DB"].endswith("@postgres:5432/litellm?schema=llm")
    assert made["CACHE"] == "redis://:%s@redis:6379/3" % made["REDIS_PASSWORD"]
    assert (made["RH"], made["RP"]) == ("redis", "6379")


STORES = {
    "DATABASE_URL": "postgresql://u:hunter2@127.0.0.1:5434/x?schema=llm",
    "MY_DB": "postgresql://u:hunter2@127.0.0.1:5434/x?schema=llm",
    "REDIS_HOST": "127.0.0.1",
    "REDIS_PORT": "6379",
    "REDIS_PASSWORD": "hunter2",
    "CACHE": "redis://:hunter2@127.0.0.1:6379/3",
}


@pytest.mark.parametrize(
    ("elsewhere", "stays"),
    [
        (["database", "redis"], set(STORES)),
        (["database"], {"DATABASE_URL", "MY_DB"}),
        (["redis"], set(STORES) - {"DATABASE_URL", "MY_DB"}),
        ([], set()),
    ],
)
def test_what_is_to_stay_where_it_is_does(
    folder: Path, run: Run, elsewhere: list[str], stays: set[str]
) -> None:
    """As for a proxy that serves while the servers move: it is where they are."""
    (folder / "config.yaml").write_text(
        "general_settings: {database_url: os.environ/MY_DB}\n"
        "litellm_settings: {cache: true, cache_params: {type: redis, url: os.environ/CACHE}}\n"
    )
    (folder / "legacy.env").write_text(_envfile.dumps({**SECRETS, **STORES}))
    run(elsewhere=elsewhere)
    made = values(folder)
    same = {name for name, value in STORES.items() if made[name] == value}
    assert same - {"REDIS_PORT"} == stays - {"REDIS_PORT"}  # the container's has the same port
    assert made["LITELLM_MASTER_KEY"] == SECRETS["LITELLM_MASTER_KEY"]


def test_overrides_of_what_stays_are_for_another_deployment(folder: Path, run: Run) -> None:
    (folder / "legacy.env").write_text(_envfile.dumps({**SECRETS, **STORES}))
    overrides = {
        "REDIS_HOST": "redis",
        "REDIS_PASSWORD": "x" * 30,
        "DATABASE_URL": None,
        "LITELLM_LOG": "ERROR",
    }
    run(elsewhere=["database", "redis"], overrides=overrides)
    made = values(folder)
    assert made["LITELLM_LOG"] == "ERROR"
    assert {name: made[name] for name in ("REDIS_HOST", "DATABASE_URL")} == {
        name: STORES[name] for name in ("REDIS_HOST", "DATABASE_URL")
    }
    run(elsewhere=["redis"], overrides={"DATABASE_URL": "postgresql://u:p@elsewhere:1/x"})
    assert values(folder)["DATABASE_URL"] == "postgresql://u:p@elsewhere:1/x"


def test_a_folder_of_another_account_is_refused(folder: Path, run: Run) -> None:
    place = folder / "theirs"
    place.mkdir()
    os.chown(place, 65534, 65534)
    for name in ("dest", "redis_conf"):
        said = run(**{name: str(place / "x")})["msg"]
        assert f"{place} belongs to account nobody, and root writes secrets there" in said
    assert list(place.iterdir()) == []
    assert not (folder / ".env").exists()


@pytest.mark.parametrize("account", ["nobody", ""])
def test_legacy_files_are_read_as_their_account(folder: Path, run: Run, account: str) -> None:
    secret, theirs = folder / "secret", reachable(folder / "theirs.env")
    secret.write_text("A=hunter2\n")
    secret.chmod(0o600)
    theirs.symlink_to(secret)
    os.chown(theirs, 65534, 65534, follow_symlinks=False)
    result = run(legacy_files=[{"path": str(theirs), "account": account}])
    assert [(item["path"], item["reason"]) for item in result["findings"]] == [
        (str(theirs), "cannot be read: account nobody can't read it: Permission denied")
    ]
    result = run(config=str(theirs), account=account)
    assert "Permission denied" in result["msg"]


def test_what_litellm_loads_by_itself_comes_along(folder: Path, run: Run) -> None:
    (folder / "loaded.env").write_text("A=hunter2\nexport PROVIDER_KEY=hunter2-${A}\n")
    loaded = {"path": str(folder / "loaded.env"), "dialect": "dotenv"}
    result = run(legacy_files=[{"path": str(folder / "old.env")}, loaded])
    written = _envfile.loads((folder / ".env").read_text(), "systemd")
    assert (written["A"], written["PROVIDER_KEY"]) == ("1", "hunter2-1")
    (entry,) = [item for item in result["comparison"] if item["name"] == "PROVIDER_KEY"]
    assert (entry["status"], entry["origin"]) == ("kept", "%s:2" % (folder / "loaded.env"))
    late = {**loaded, "late": True}
    (folder / "loaded.env").write_text("REDIS_SSL=hunter2\nPROVIDER_KEY=hunter2\n")
    result = run(legacy_files=[late], check=True)
    names = {item["name"] for item in result["comparison"]}
    assert ("PROVIDER_KEY" in names, "REDIS_SSL" in names) == (True, False)


def test_deployment_without_a_legacy_process(folder: Path, run: Run) -> None:
    new: dict[str, Any] = {"legacy_env": None, "legacy_files": None, "config": None}
    refused = run(**new)
    assert "LITELLM_MASTER_KEY is neither in .env nor in env_file_overrides" in refusal(refused)
    assert not (folder / ".env").exists()
    made = run(**new, new_keys=True)
    assert made["changed"] is True
    first = values(folder)
    assert first["LITELLM_MASTER_KEY"].startswith("sk-")
    assert first["DATABASE_URL"].endswith("@postgres:5432/litellm")
    assert (folder / "redis.conf").exists()
    for keys in (True, False):
        assert run(**new, new_keys=keys)["changed"] is False
    run(**new, overrides={"OWN": "1"})
    assert values(folder) == {**first, "OWN": "1"}
    run(**new)
    assert values(folder) == first


def test_configuration_of_a_new_deployment_may_name_its_stores(folder: Path, run: Run) -> None:
    (folder / "new.yaml").write_text(
        "general_settings: {database_url: os.environ/DATABASE_URL, master_key: sk-hunter2-own}\n"
        "litellm_settings: {cache: true, cache_params: {type: redis, host: r.example.com}}\n"
    )
    run(legacy_env=None, legacy_files=None, config=str(folder / "new.yaml"), new_keys=True)
    assert values(folder)["LITELLM_MASTER_KEY"] == "sk-hunter2-own"
    assert values(folder)["POSTGRES_DB"] == "litellm"
    # a Redis that is elsewhere stays there
    assert "REDIS_PASSWORD" not in values(folder)
    assert not (folder / "redis.conf").exists()


def test_environment_of_a_restored_deployment_stays(folder: Path, run: Run) -> None:
    run()
    (folder / "restored").mkdir()
    own = folder / "restored/.env"
    own.write_bytes((folder / ".env").read_bytes())
    before = values(folder)
    new: dict[str, Any] = {"legacy_env": str(own), "legacy_files": None, "config": None}
    assert run(**new)["changed"] is False
    run(**new, overrides={"A": None, "B": "2"})
    after = values(folder)
    assert after == {**{name: value for name, value in before.items() if name != "A"}, "B": "2"}
    # the passwords of its servers are those of its containers
    run(**new, overrides={"POSTGRES_PASSWORD": "hunter2-of-the-operator"})
    assert values(folder)["DATABASE_URL"].startswith(
        "postgresql://litellm:hunter2-of-the-operator@"
    )


@pytest.mark.parametrize(
    ("url", "kept"), [("postgresql://u:hunter2@db.example.com/d", True), ("", False)]
)
def test_restored_deployment_without_a_database_of_its_own(
    folder: Path, run: Run, url: str, kept: bool
) -> None:
    lines = {"LITELLM_MASTER_KEY": "sk-hunter2", "REDIS_HOST": "redis", "REDIS_PASSWORD": "hunter2"}
    (folder / ".env").write_text(
        "# Written by llmops.litellm, role env_file.\n"
        + _envfile.dumps({**lines, **({"DATABASE_URL": url} if url else {})})
    )
    run(legacy_env=str(folder / ".env"), legacy_files=None, config=None)
    after = values(folder)
    assert after.get("DATABASE_URL", "") == url
    assert ("DATABASE_URL" in after) is kept
    assert "POSTGRES_PASSWORD" not in after
    assert (after["REDIS_HOST"], after["REDIS_PASSWORD"]) == ("redis", "hunter2")


def test_variables_that_change_are_named(run: Run) -> None:
    """Also in check mode, and by name alone: new ones, other values, and what goes."""
    names = run(check=True)["changed_names"]
    assert {"A", "LITELLM_SALT_KEY", "REDIS_PASSWORD"} <= set(names)
    assert run()["changed_names"] == names == sorted(names)
    assert run()["changed_names"] == []
    changes = {"A": "2", "UI_PASSWORD": None, "NEW": "3"}
    for check in (True, False):
        assert run(check=check, overrides=changes)["changed_names"] == ["A", "NEW", "UI_PASSWORD"]
    assert run(overrides=changes)["changed_names"] == []
