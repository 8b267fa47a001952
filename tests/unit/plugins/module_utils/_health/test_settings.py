"""The settings of health, probe and inventory: everything wrong at once, and no input that breaks
the reading.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.llmops.litellm.plugins.module_utils._health import (
    settings as _settings,
)
from ansible_collections.llmops.litellm.plugins.module_utils._health.settings import Settings
from ansible_collections.llmops.litellm.plugins.module_utils._host import (
    settings_file as _settings_file,
)

GOOD: dict[str, Any] = {
    "format": 1,
    "state_dir": "/var/lib/llmops-litellm",
    "project": {"name": "litellm", "folder": "/opt/litellm"},
}


def load(tmp_path: Path, told: Any) -> Settings:
    path = tmp_path / "health.json"
    path.write_text(told if isinstance(told, str) else json.dumps(told))
    path.chmod(0o600)
    return _settings.load(str(path), os.geteuid())


def test_what_is_not_said_is_the_default(tmp_path: Path) -> None:
    assert load(tmp_path, GOOD) == Settings()


def test_everything_that_is_said_counts(tmp_path: Path) -> None:
    told = load(
        tmp_path,
        {
            **GOOD,
            "gateway_name": "gw",
            "legacy": {"unit": "x.service", "account": "a"},
            "health": {
                "seconds": 2,
                "disk_degraded": 0.5,
                "alarm_after": 1,
                "history": 9,
                "metrics": "/m",
                "folders": ["/x"],
                "drill_hours": 0,
            },
            "probe": {
                "scope": "all",
                "names": ["q*"],
                "requests": 3,
                "seconds": 9,
                "local_hosts": ["gpu"],
            },
            "deployments": {
                "compose": {"url": "http://h:1", "models": [{"name": "m", "address": "h:2"}]}
            },
        },
    )
    assert (
        told.limits.seconds,
        told.limits.disk_degraded,
        told.limits.drill_hours,
        told.thresholds.bad,
        told.thresholds.history,
    ) == (2, 0.5, 0, 1, 9)
    assert (
        told.probe.scope,
        told.probe.names,
        told.probe.requests,
        told.probe_seconds,
        told.local_hosts,
    ) == ("all", ("q*",), 3, 9, ("gpu",))
    assert told.deployments == {
        "compose": {
            "url": "http://h:1",
            "models": [{"name": "m", "address": "h:2", "unit": "", "account": ""}],
        }
    }
    assert (
        told.gateway_name,
        told.legacy_unit,
        told.legacy_account,
        told.metrics,
        told.folders,
    ) == ("gw", "x.service", "a", "/m", ("/x",))


def test_everything_wrong_comes_at_once_with_file_and_key(tmp_path: Path) -> None:
    with pytest.raises(_settings_file.SettingsError) as refused:
        load(
            tmp_path,
            {
                **GOOD,
                "colour": 1,
                "health": {
                    "seconds": "x",
                    "disk_degraded": 0.99,
                    "disk_failed": 0.9,
                    "alarm_after": 0,
                },
                "probe": {"scope": "paid", "names": "x"},
                "deployments": {"compose": {"database": {}, "units": [{}]}, "swarm": {}},
            },
        )
    assert [line.partition(": ")[2] for line in str(refused.value).splitlines()] == [
        "deployments.compose.database must have either container or env_file",
        "deployments.compose.units[0].name is missing",
        "health.seconds must be a number from 0.1 to 50",
        "health.disk_degraded must not be more than disk_failed",
        "health.alarm_after must be a whole number from 1 on",
        "probe.scope must be local or all",
        "probe.names must be a list of texts",
        "colour is not known",
        "deployments.swarm is not known",
    ]


def test_host_without_settings_is_looked_at_with_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_settings, "PATH", str(tmp_path / "nosuch"))
    assert _settings.load(str(tmp_path / "nosuch"), os.geteuid()) == Settings()
    with pytest.raises(
        _settings_file.SettingsError, match="the role llmops.litellm.health writes it"
    ):
        _settings.load(str(tmp_path / "other"), os.geteuid())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
NAMES = (
    "format",
    "state_dir",
    "project",
    "health",
    "probe",
    "deployments",
    "legacy",
    "compose",
    "database",
    "units",
    "models",
    "seconds",
    "folders",
    "scope",
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from(NAMES),
        JSON
        | st.dictionaries(
            st.sampled_from(NAMES), JSON | st.dictionaries(st.sampled_from(NAMES), JSON)
        ),
    )
)
def test_no_settings_break_the_reading(tmp_path: Path, told: Any) -> None:
    try:
        assert isinstance(load(tmp_path, {**GOOD, **told}), Settings)
    except _settings_file.SettingsError as error:
        assert str(error)
