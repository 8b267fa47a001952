"""The modules as Ansible runs them: arguments, check mode, results, and no secret in the most
verbose output.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._config import envfile as _envfile
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import Session, query

from .conftest import PASSWORD, Native


@pytest.fixture
def env_file(native: Native, tmp_path: Path) -> Path:
    """An env file as the product writes it, with the URLs of a source and a target."""
    source = native.new("CREATE TABLE t AS SELECT n FROM generate_series(1, 100) n")
    path = tmp_path / "legacy.env"
    path.write_text(
        _envfile.dumps(
            {
                "DATABASE_URL": native.url(source.database),
                "TARGET": native.url(native.name()),
                "LITELLM_SALT_KEY": "sk-salt-of-this-test",
            }
        )
    )
    path.chmod(0o600)
    return path


def run(module: str, arguments: dict[str, Any], *options: str) -> tuple[dict[str, Any], str]:
    """A module's result and everything that Ansible printed."""
    command = [
        os.path.join(os.path.dirname(sys.executable), "ansible"),
        "localhost",
        "--connection",
        "local",
        "--module-name",
        "llmops.litellm.%s" % module,
        "--args",
        json.dumps(arguments),
        "-vvv",
        *options,
    ]
    environment = {
        **os.environ,
        "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.minimal",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        # an installed copy in the home folder would be taken before the checkout
        "ANSIBLE_COLLECTIONS_PATH": sysconfig.get_path("purelib"),
    }
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    text = done.stdout[done.stdout.index("=> {") + 3 :] if "=> {" in done.stdout else "{}"
    return json.JSONDecoder().raw_decode(text)[0], done.stdout + done.stderr


def test_fingerprint(env_file: Path) -> None:
    result, said = run("database_fingerprint_info", {"endpoint": {"env_file": str(env_file)}})
    assert result["fingerprint"]["rows_total"] == 100 and result["changed"] is False, said
    assert PASSWORD not in said and "p%40ss" not in said and "p@ss" not in said


def test_copy(native: Native, env_file: Path) -> None:
    arguments = {
        "state": "copied",
        "source": {"env_file": str(env_file)},
        "target": {"env_file": str(env_file), "variable": "TARGET"},
    }
    databases = native.databases()
    result, said = run("database", arguments, "--check")
    assert (result["changed"], result["action"]) == (True, "create"), said
    assert native.databases() == databases
    result, more = run("database", arguments)
    assert (
        result["changed"]
        and result["equal"]
        and result["differences"] == []
        and result["source"]["hash"] == result["target"]["hash"]
    ), more
    assert set(result) >= {"bytes", "seconds", "phases", "action"}
    again, still = run("database", arguments)
    assert (again["changed"], again["action"], again["equal"]) == (False, "none", True)
    assert "p%40ss" not in said + more + still and "p@ss" not in said + more + still


def test_a_refusal_is_a_failure(native: Native, env_file: Path) -> None:
    with Session(native.endpoint) as session:
        name = native.name()
        session.execute('CREATE DATABASE "%s"' % name)
    native.run(native.endpoint.on(name), "CREATE TABLE theirs ()")
    result, said = run(
        "database",
        {
            "state": "copied",
            "source": {"env_file": str(env_file)},
            "target": {"env_file": str(env_file), "database": name},
        },
    )
    assert "table theirs" in result["msg"], said
    result, _said = run(
        "database",
        {
            "state": "copied",
            "source": {"env_file": "/nowhere"},
            "target": {"env_file": str(env_file), "database": name},
        },
    )
    assert result["msg"] == "/nowhere cannot be read: No such file or directory"
    assert query(native.endpoint.on(name), "SELECT count(*) FROM theirs") == [["0"]]


def test_backup(env_file: Path, tmp_path: Path) -> None:
    arguments = {
        "source": {"env_file": str(env_file)},
        "path": str(tmp_path / "b"),
        "name": "before",
        "kind": "legacy",
        "pinned": True,
        "files": [{"src": str(env_file)}],
        "salt_key_file": str(env_file),
        "facts": {"litellm_version": "1.102.4"},
    }
    result, said = run("database_backup", arguments, "--check")
    assert (
        result["changed"]
        and result["free_bytes"] > result["needed_bytes"]
        and not (tmp_path / "b").exists()
    ), said
    result, more = run("database_backup", arguments)
    assert (
        result["changed"]
        and result["manifest"]["rows"] == {"t": 100}
        and result["path"] == str(tmp_path / "b" / "before")
    ), more
    again, still = run("database_backup", arguments)
    assert not again["changed"] and again["manifest"] == result["manifest"]
    for output in (said, more, still):
        assert "p%40ss" not in output and "sk-salt-of-this-test" not in output
