"""What the legacy proxy needs besides: found on a host, and what preflight says of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from legacy_host import URL, read, settings, texts

from ansible_collections.llmops.litellm.plugins.module_utils._config import includes as _includes
from ansible_collections.llmops.litellm.plugins.module_utils._config import needs as _needs
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    journal_shape as _journal_shape,
)
from ansible_collections.llmops.litellm.plugins.module_utils._litellm import salt_key as _salt_key
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    preflight_needs as _preflight_needs,
)
from ansible_collections.llmops.litellm.plugins.module_utils._migration.preflight_findings import (
    Findings,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import session as _session


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder of a proxy with a key and a module beside its configuration."""
    (tmp_path / "sa.json").write_text("{}")
    (tmp_path / "hooks.py").write_text("")
    return tmp_path


def check(
    home: Path, config: str, environment: Any = None, planned: Any = None, **more: Any
) -> Findings:
    (home / "config.yaml").write_text(config)
    legacy = read(home / "config.yaml", {"HOME": str(home), **(environment or {})})
    legacy.facts["folder"] = str(home)
    legacy.facts.update(more.pop("facts", {}))
    planned = environment or {} if planned is None else planned
    return _preflight_needs.check_needs(
        legacy, settings(home, **more), more.pop("found", {}), planned
    )


def targets(found: Findings, home: Path) -> list[str]:
    return [item["target"].replace(str(home), "HOME") for item in found.facts["needs"]["files"]]


def test_what_configuration_environment_and_command_line_name_comes_along(home: Path) -> None:
    found = check(
        home,
        "litellm_settings: {callbacks: [hooks.one]}\n",
        {"GOOGLE_APPLICATION_CREDENTIALS": str(home / "sa.json")},
        facts={"options": ["--ssl_keyfile_path", "sa.json"]},
    )
    assert targets(found, home) == ["/app/hooks.py", "/app/sa.json", "HOME/sa.json"]
    assert found.problems == found.warnings == []
    assert _journal_shape.odd_facts({"found": {"needs": found.facts["needs"]}}) == []


def test_what_the_operator_sets_is_his(home: Path) -> None:
    given = {"KEY_FILE": str(home / "sa.json")}
    assert targets(check(home, "", given, overrides=given), home) == []


REFERENCES: list[tuple[str, Any, Any, str, str]] = [
    ("a: os.environ/KEY\n", {"KEY": "1"}, {"KEY": "1"}, "", ""),
    ("a: os.environ/KEY\n", {"KEY": "1"}, {}, "the legacy proxy has", ""),
    ("a: os.environ/KEY\n", {}, {}, "", "which is not in the legacy proxy's environment"),
    ("a: os.environ/KEY\nenvironment_variables: {KEY: x}\n", {}, {}, "", ""),
    ("a: os.environ/KEY\ngeneral_settings: {key_management_system: x}\n", {}, {}, "", ""),
    ("# a: os.environ/KEY\n", {"KEY": "1"}, {}, "", ""),
    # rewritten for the container, so nothing asks for it any more
    (
        "litellm_settings: {cache_params: {type: redis, host: 127.0.0.1, port: 6379,"
        " password: os.environ/REDIS_SECRET}}\n",
        {"REDIS_SECRET": "1"},
        {"REDIS_PASSWORD": "2"},
        "",
        "",
    ),
]


@pytest.mark.parametrize(("config", "environment", "planned", "problem", "warning"), REFERENCES)
def test_references(
    home: Path, config: str, environment: Any, planned: Any, problem: str, warning: str
) -> None:
    found = check(home, config, environment, planned)
    for said, wanted in ((found.problems, problem), (found.warnings, warning)):
        assert wanted in texts(said) if wanted else said == []
    if problem or warning:
        said = texts(found.problems + found.warnings)
        assert "config.yaml:1: refers to KEY" in said and "env_file_overrides: {KEY: …}" in said


@pytest.mark.parametrize("schema", ["", "proxy"])
def test_stored_models_are_read_where_the_key_is_at_hand(
    home: Path, monkeypatch: pytest.MonkeyPatch, schema: str
) -> None:
    values = {"model": "vertex_ai/x", "vertex_credentials": "box", "api_key": "os.environ/K"}
    asked: list[str] = []
    monkeypatch.setattr(
        _session,
        "query",
        lambda _endpoint, words: asked.append(words) or [[json.dumps(values), "mine"]],
    )
    monkeypatch.setattr(
        _salt_key,
        "decrypted",
        lambda value, key: str(home / "sa.json") if (value, key) == ("box", "salt") else None,
    )
    url = URL + ("?schema=%s" % schema if schema else "")
    environment = {"DATABASE_URL": url, "LITELLM_SALT_KEY": "salt"}
    found = check(home, "", environment, found={"database": {"stored_models": 1}})
    assert targets(found, home) == ["HOME/sa.json"]
    assert "model mine of the database: refers to K" in texts(found.warnings)
    # in the very schema, whatever the role's own search path says
    assert '"%s"."LiteLLM_ProxyModelTable"' % (schema or "public") in asked[0]


def test_a_database_that_does_not_answer_is_said_elsewhere(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_words: Any) -> Any:
        raise _session.PostgresError("gone")

    monkeypatch.setattr(_session, "query", fails)
    found = check(home, "", {"DATABASE_URL": URL}, found={"database": {"stored_models": 1}})
    assert found.problems == []


def test_names_of_etc_hosts_are_carried(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("10.0.0.7 gpu1\n127.0.1.1 me\n")
    monkeypatch.setattr(_preflight_needs, "HOSTS", str(hosts))
    config = "a: {api_base: 'http://gpu1/v1'}\nb: {api_base: 'http://me/v1'}\n"
    found = check(home, config, {"DATABASE_URL": "postgresql://x:y@postgres:5432/z"})
    assert found.facts["needs"]["addresses"] == {"gpu1": "10.0.0.7"}
    assert found.facts["needs"]["hosts"] == ["gpu1"]
    assert "me is 127.0.1.1 in this host's /etc/hosts" in texts(found.problems)
    monkeypatch.setattr(_preflight_needs, "HOSTS", str(tmp_path / "nosuch"))
    assert check(home, config).facts["needs"]["addresses"] == {}


def test_mounts_of_the_operator(home: Path) -> None:
    found = check(home, "", mounts=["/etc/hostname:/srv/name:ro"])
    assert found.facts["needs"]["mounts"] == [{"source": "/etc/hostname", "target": "/srv/name"}]
    assert "litellm_mounts: 'x' is no mount" in texts(check(home, "", mounts=["x"]).problems)


def test_hosts_of_the_operator_go_before_those_of_the_file(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hosts").write_text("127.0.1.1 me\n")
    monkeypatch.setattr(_preflight_needs, "HOSTS", str(tmp_path / "hosts"))
    config = "a: {api_base: 'http://me/v1'}\n"
    found = check(home, config, extra_hosts={"me": "10.0.0.7"})
    assert (found.problems, found.facts["needs"]["addresses"]) == ([], {"me": "10.0.0.7"})
    said = texts(check(home, "", extra_hosts={"gpu1": "gpu2", "a:b": "10.0.0.7"}).problems)
    assert "litellm_extra_hosts: gpu1, a:b: not a host's name" in said


def test_a_configuration_that_cannot_be_rendered_names_nothing(home: Path) -> None:
    assert check(home, "a: 'never closed\nb: os.environ/KEY\n").warnings == []


def test_a_configuration_that_could_not_be_read_names_nothing(home: Path) -> None:
    (home / "config.yaml").write_text("")
    legacy = read(home / "config.yaml")._replace(configuration=_includes.Tree())
    legacy.facts["folder"] = str(home)
    found = _preflight_needs.check_needs(legacy, settings(home), {}, {})
    assert found.facts["needs"]["files"] == []


def test_places_are_those_of_the_process(home: Path) -> None:
    legacy = read(home / "config.yaml") if (home / "config.yaml").exists() else None
    assert legacy is None
    (home / "lib").mkdir()
    (home / "lib/inner.py").write_text("")
    config = "litellm_settings: {callbacks: [inner.one]}\n"
    assert targets(check(home, config, {"PYTHONPATH": "lib:"}, {}), home) == ["/app/inner.py"]


def test_every_fact_is_of_a_kind_that_the_journal_takes(home: Path) -> None:
    needs = check(home, "").facts["needs"]
    assert set(needs) == {
        "files",
        "mounts",
        "environment",
        "modules",
        "programs",
        "hosts",
        "addresses",
        "servers",
    }
    assert _needs.SURE > _needs.LIKELY > _needs.GUESS
