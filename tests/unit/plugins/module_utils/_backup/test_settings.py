"""The settings of litellm-ops: everything that is wrong comes at once, with file and key."""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._backup import settings as _settings
from ansible_collections.llmops.litellm.plugins.module_utils._backup.backup import How
from ansible_collections.llmops.litellm.plugins.module_utils._backup.retention import Policy
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import journal as _journal
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import legacy as _legacy
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import locate as _locate
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import steps as _steps
from ansible_collections.llmops.litellm.plugins.module_utils._health import (
    settings as _health_settings,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import (
    settings_file as _settings_file,
)

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=timezone.utc)


def good(tmp_path: Path) -> dict[str, Any]:
    """Settings with which nothing is wrong."""
    (tmp_path / "env").write_text("LITELLM_SALT_KEY=salt\n")
    database = {"container": "litellm-postgres", "database": "litellm", "user": "litellm"}
    return {
        "format": 1,
        "state_dir": str(tmp_path),
        "project": {"name": "litellm", "folder": "/opt/litellm"},
        "deployments": {
            "compose": {
                "database": database,
                "files": [
                    {"src": str(tmp_path / "env")},
                    {"src": "/nosuch/schema.prisma", "name": "schema", "optional": True},
                ],
                "salt_key_file": str(tmp_path / "env"),
                "facts": {"litellm_version": "1.102.4"},
            },
            "legacy": {"database": {"env_file": str(tmp_path / "env")}},
        },
        "backup": {"folder": "/var/backups/llmops-litellm"},
    }


def load(tmp_path: Path, told: Any, mode: int = 0o600) -> _settings.Settings:
    path = tmp_path / "ops.json"
    path.write_text(told if isinstance(told, str) else json.dumps(told))
    path.chmod(mode)
    return _settings.load(str(path), os.geteuid())


def test_defaults_are_the_documented_ones(tmp_path: Path) -> None:
    told = load(tmp_path, good(tmp_path))
    assert (told.policy, told.how, told.metrics, told.backup_dir, told.copy) == (
        Policy(1, 7, 4, 3, 0, ""),
        How(6, 2, 10 << 30, ()),
        "",
        "/var/backups/llmops-litellm",
        None,
    )
    order = told.order("compose")
    assert (order.kind, order.files, order.salt_key, order.facts) == (
        "compose",
        {"env": str(tmp_path / "env")},
        "salt",
        {"litellm_version": "1.102.4"},
    )
    assert order.source.container == "litellm-postgres"


def test_file_that_must_be_there_is_ordered_whether_it_is_or_not(tmp_path: Path) -> None:
    told = good(tmp_path)
    del told["deployments"]["compose"]["files"][1]["optional"]
    assert load(tmp_path, told).order("compose").files["schema"] == "/nosuch/schema.prisma"
    told["deployments"]["compose"]["files"][1]["optional"] = "no"
    with pytest.raises(
        _settings_file.SettingsError,
        match=r"deployments.compose.files\[1\].optional must be true or false",
    ):
        load(tmp_path, told)


def test_everything_wrong_comes_at_once_with_file_and_key(tmp_path: Path) -> None:
    told = good(tmp_path)
    told.update(format=2, colour="red", state_dir="var")
    told["project"]["name"] = 5
    told["deployments"]["compose"]["database"] = {"container": "a", "env_file": "/b"}
    told["deployments"]["compose"]["files"] = [
        {"src": "relative"},
        {"src": "/a/x"},
        {"src": "/b/x"},
        "y",
    ]
    told["deployments"]["legacy"]["database"] = {"container": "a", "host": "x"}
    told["backup"].update(keep_daily=-1, compression=True, timezone="Mars", metrics="x")
    with pytest.raises(_settings_file.SettingsError) as refused:
        load(tmp_path, told)
    path = tmp_path / "ops.json"
    assert str(refused.value).splitlines() == [
        "%s: %s" % (path, line)
        for line in (
            "format must be 1; it was written by another release of this collection",
            "deployments.compose.database must have either container or env_file",
            "deployments.compose.files[0].src must be an absolute path",
            "deployments.compose.files[2].name x stands twice",
            "deployments.compose.files[3].src is missing",
            "deployments.legacy.database needs database and user beside container",
            "deployments.legacy.database.host is not known",
            "backup.keep_daily must be a number from 0 on",
            (
                "backup: 'Mars' is no time zone that this host knows (one is written like "
                "Europe/Berlin; Debian: tzdata)"
            ),
            "state_dir must be an absolute path",
            "project.name must be a name",
            "backup.compression must be a number from 0 to 9",
            "backup.metrics must be an absolute path",
            "colour is not known",
        )
    ]


def test_how_backups_are_made_and_copied(tmp_path: Path) -> None:
    told = good(tmp_path)
    (tmp_path / "config.yaml").write_text("include: [models.yaml, gone.yaml]\n")
    (tmp_path / "models.yaml").write_text("model_list: []\n")
    told["deployments"]["compose"]["files"].append({"src": str(tmp_path / "config.yaml")})
    told["backup"].update(
        jobs=4,
        parallel_from=100,
        encrypt_to=["age1abc", "ssh-ed25519 AAAA me@desk"],
        signing_key="/etc/k",
        copy={"tool": "rclone", "to": "vault:litellm", "environment_file": "/x", "prune": True},
    )
    found = load(tmp_path, told)
    assert found.how == How(6, 4, 100 << 20, ("age1abc", "ssh-ed25519 AAAA me@desk"), "/etc/k")
    assert found.copy == ("rclone", "vault:litellm", "/x", True)
    order = found.order("compose", "release", True)
    assert (order.name, order.pinned, order.how, order.folder) == (
        "release",
        True,
        found.how,
        "/var/backups/llmops-litellm",
    )
    assert order.files == {
        "env": str(tmp_path / "env"),
        "config.yaml": str(tmp_path / "config.yaml"),
        "models.yaml": str(tmp_path / "models.yaml"),
    }
    assert order.absent == (
        "%s includes %s, which is not there" % (tmp_path / "config.yaml", tmp_path / "gone.yaml"),
    )


def test_keys_and_places_that_are_wrong_are_said_and_not_shown(tmp_path: Path) -> None:
    told = good(tmp_path)
    secret = "AGE-SECRET-KEY-1HUNTER2"
    told["backup"].update(
        jobs=0,
        parallel_from=-1,
        encrypt_to=[secret, "x", 5],
        signing_key="key",
        copy={"tool": "tar", "to": "x", "environment_file": "copy.env", "prune": 1, "keep": 3},
    )
    with pytest.raises(_settings_file.SettingsError) as refused:
        load(tmp_path, told)
    assert [
        line.partition(": ")[2].replace("backup.", "") for line in str(refused.value).splitlines()
    ] == [
        (
            "encrypt_to[0] is a secret key: whoever reads it can read the backups. Give its "
            "public half (age-keygen -y FILE), and make a new key"
        ),
        "encrypt_to[1] is no public key: age1…, ssh-ed25519 … or ssh-rsa …",
        "encrypt_to[2] must be a text",
        "jobs must be a number from 1 on",
        "parallel_from must be a number from 0 on, in MiB",
        "signing_key must be an absolute path",
        "copy.tool must be restic or rclone",
        "copy.environment_file must be an absolute path",
        "copy.prune must be true or false",
        "copy.keep is not known",
    ]
    assert secret not in str(refused.value)
    told["backup"] = {
        **good(tmp_path)["backup"],
        "copy": {"tool": "restic", "to": "rest:https://a:hunter2@v/"},
    }
    with pytest.raises(
        _settings_file.SettingsError,
        match="(?s)copy.environment_file is missing.*copy.to has a password",
    ) as refused:
        load(tmp_path, told)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("told", "said"),
    [("{", "is not JSON"), ("[]", "it holds no object"), ("{}", "state_dir is missing")],
)
def test_file_that_is_none(tmp_path: Path, told: str, said: str) -> None:
    with pytest.raises(_settings_file.SettingsError, match=said):
        load(tmp_path, told)
    with pytest.raises(
        _settings_file.SettingsError, match="the role llmops.litellm.backup writes it"
    ):
        _settings.load(str(tmp_path / "nosuch"), os.geteuid())


def test_policy_that_keeps_nothing_and_no_deployment(tmp_path: Path) -> None:
    told = good(tmp_path)
    told["deployments"] = {}
    told["backup"].update(dict.fromkeys(_settings.RULES, 0))
    with pytest.raises(
        _settings_file.SettingsError,
        match="(?s)deployments must have compose.*backup: a policy of zeros keeps nothing",
    ):
        load(tmp_path, told)


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_file_that_others_can_write_is_not_believed(tmp_path: Path, mode: int) -> None:
    with pytest.raises(_settings_file.SettingsError, match="writable for nobody else"):
        load(tmp_path, good(tmp_path), mode)
    load(tmp_path, good(tmp_path))
    with pytest.raises(_settings_file.SettingsError, match="must belong to account 1234567"):
        _settings.load(str(tmp_path / "ops.json"), 1234567)


def killed(folder: Path, state: str, *steps: str) -> None:
    """A journal of this state, with these steps begun."""
    journal = _journal.create("20261124T120000Z", {"controller": "desk", "run": "1:1"}, NOW)
    for name in steps:
        _journal.begin(journal, name, NOW)
    _journal.save(str(folder), {**journal, "state": state}, NOW)


def both(tmp_path: Path) -> tuple[_settings.Settings, _health_settings.Settings]:
    """The two settings files of a host: what backups and what health checks are made of."""
    told = good(tmp_path)
    project = tmp_path / "project"
    project.mkdir(exist_ok=True)
    (project / "compose.yaml").write_text("services: {}\n")
    told["project"]["folder"] = str(project)
    health = {name: told[name] for name in ("format", "state_dir", "project")}
    path = tmp_path / "health.json"
    path.write_text(json.dumps(health))
    path.chmod(0o600)
    return load(tmp_path, told), _health_settings.load(str(path), os.geteuid())


# The kind that has the newest rows, where a run was killed in this step.
SERVES = {step.name: "legacy" for step in _steps.STEPS}
SERVES.update(
    dict.fromkeys(
        _steps.of(_steps.SERVE, _steps.PAUSE, _steps.STOP, _steps.FINALIZE),
        "compose",
    )
)
BACK = (_steps.PAUSE, _steps.STOP, _steps.REVERT)


@pytest.mark.parametrize("state", _journal.STATES)
@pytest.mark.parametrize("name", [step.name for step in _steps.STEPS])
def test_backup_takes_the_deployment_that_health_checks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str, name: str
) -> None:
    def discover(unit: str, account: str, alone: bool) -> Any:
        raise _legacy.LegacyError("no such unit.", "Set legacy_unit.")

    monkeypatch.setattr(_legacy, "discover", discover)
    order = [step.name for step in _steps.STEPS]
    begun = order[: order.index(name) + 1]
    if SERVES[name] == "compose" and name in _steps.of(_steps.FINALIZE):
        begun = [step for step in begun if step not in _steps.of(*BACK)]
    killed(tmp_path, state, *begun)
    backup, health = both(tmp_path)
    ended = {"migrated": "compose", "finalized": "compose"}.get(state, "legacy")
    expected = SERVES[name] if state == "running" else ended
    assert _locate.find(health.where).kind == expected
    assert backup.deployment().kind == expected


def test_host_without_a_journal_is_backed_up_as_its_project_folder_says(tmp_path: Path) -> None:
    backup, health = both(tmp_path)
    assert (backup.deployment().kind, _locate.find(health.where).kind) == ("compose", "compose")
    (tmp_path / "project/compose.yaml").unlink()
    assert backup.deployment().kind == "legacy"


def test_nothing_is_guessed_from_a_journal_that_cannot_be_read(tmp_path: Path) -> None:
    backup, health = both(tmp_path)
    (tmp_path / "journal.json").write_text("{")
    with pytest.raises(_journal.JournalError, match="cannot be read"):
        backup.deployment()
    assert backup.deployment("legacy").kind == "legacy"
    # health says so, and checks what it finds
    assert [part for part, _why in _locate.find(health.where).lacking][:1] == ["journal"]


@pytest.mark.parametrize("kind", ["compose", "legacy"])
@pytest.mark.parametrize("state", ["rolled back", "migrated", "unreadable"])
def test_only_deployment_is_backed_up_whatever_the_journal_says(
    tmp_path: Path, kind: str, state: str
) -> None:
    told = good(tmp_path)
    told["deployments"] = {kind: told["deployments"][kind]}
    if state == "unreadable":
        (tmp_path / "journal.json").write_text("{")
    else:
        killed(tmp_path, state, "record")
    found = load(tmp_path, told)
    assert found.deployment().kind == kind
    with pytest.raises(_settings_file.SettingsError, match="there is none in the settings"):
        found.deployment({"compose": "legacy", "legacy": "compose"}[kind])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    (
                        "format",
                        "project",
                        "deployments",
                        "compose",
                        "database",
                        "files",
                        "backup",
                        "keep_daily",
                        "folder",
                    )
                ),
                inner,
            )
        ),
    )
)
def test_nothing_but_settings_errors_is_raised(tmp_path: Path, told: Any) -> None:
    with pytest.raises(_settings_file.SettingsError):
        load(tmp_path, told)


@pytest.mark.parametrize("kind", ["link", "fifo", "gone"])
def test_account_that_takes_its_file_away_does_not_stop_backups(tmp_path: Path, kind: str) -> None:
    """Its config.yaml need not be there; what is there instead is not read."""
    told = good(tmp_path)
    config = support.reachable(tmp_path / "config.yaml")
    entry = {"src": str(config), "optional": True, "account": "nobody"}
    told["deployments"]["compose"]["files"].append(entry)
    if kind == "link":
        (tmp_path / "env").chmod(0o600)
        config.symlink_to(tmp_path / "env")
    elif kind == "fifo":
        os.mkfifo(config, 0o666)
    order = load(tmp_path, told).order("compose")
    assert order.files == {"env": str(tmp_path / "env")}
    why = {"link": "Permission denied", "fifo": "not a regular file"}
    said = [f"{config}: account nobody can't read it: {why[kind]}"] if kind in why else []
    assert list(order.absent) == said
    entry["account"] = 7  # type: ignore[assignment]
    with pytest.raises(_settings_file.SettingsError, match=r"files\[2\].account must be"):
        load(tmp_path, told)
