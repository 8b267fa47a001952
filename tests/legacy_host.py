"""A host with a legacy deployment: what the tests of preflight look at."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible_collections.llmops.litellm.plugins.module_utils._config import includes as _includes
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import legacy as _legacy
from ansible_collections.llmops.litellm.plugins.module_utils._host.problem import Problem
from ansible_collections.llmops.litellm.plugins.module_utils._host.systemd import Manager, Unit
from ansible_collections.llmops.litellm.plugins.modules import preflight_info

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=timezone.utc)
SECRET = "hunter2-4f9c0b7ad2e15386"
CONFIG = """\
model_list:
- model_name: embed
  litellm_params: {model: openai/embed, api_base: 'http://127.0.0.1:8082/v1'}
general_settings: {database_connection_pool_limit: 5}
"""
UNIT = Unit("litellm.service", Manager("litellm"), "enabled", "active", {"MainPID": "271"})


def texts(problems: list[Problem]) -> str:
    """All problems as an operator reads them."""
    return "\n".join(str(item) for item in problems)


def deployment(environment: Any = None, text: str = CONFIG, **facts: Any) -> _legacy.Running:
    """A legacy deployment with which nothing is wrong."""
    told = {
        "unit": UNIT.record(),
        "units": [UNIT.record()],
        "pid": 271,
        "port": 4000,
        "folder": "/nosuch/legacy",
        "config": None,
        "environment_files": [],
        "optional_files": [],
        "dotenv_files": [],
        "litellm_version": "1.102.4",
        "litellm_traces": [],
        **facts,
    }
    tree = _includes.Tree((_includes.Part(told["config"] or "/nosuch/config.yaml", text),))
    return _legacy.Running(
        UNIT, {"LITELLM_MASTER_KEY": "sk-" + SECRET, **(environment or {})}, tree, told
    )


def settings(tmp_path: Path, **others: Any) -> dict[str, Any]:
    """The parameters of preflight_info with their defaults."""
    defaults = {
        name: argument.get("default") for name, argument in preflight_info.ARGUMENTS.items()
    }
    return {
        **defaults,
        "state_dir": str(tmp_path / "state"),
        "backup_dir": str(tmp_path / "backup"),
        "project_dir": str(tmp_path / "llm"),
        "images": {},
        "run": {"controller": "desk", "run": "7:100", "alive": ["7:100"]},
        **others,
    }


URL = "postgresql://gateway:%s@127.0.0.1:5434/llm_gateway" % SECRET
STORED = json.dumps({"model": "gAAA", "rpm": 5, "api_base": "bBBB"})


def read(path: Path, environment: Any = None) -> _legacy.Running:
    """A legacy deployment with this configuration, as it is found."""
    return deployment(environment, "", config=str(path))._replace(
        configuration=_includes.follow(str(path))
    )
