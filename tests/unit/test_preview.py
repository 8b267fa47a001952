"""What ``migrate.yml --check`` says of a real run, as the playbook's own template has it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

PREVIEW = Path(__file__).resolve().parents[2] / "playbooks/tasks/preview/migrate.yml"
PULL = Path(__file__).resolve().parents[2] / "roles/compose/tasks/pull.yml"
DATABASE = {"name": "llm", "bytes": 1 << 30, "host": "db.example.com", "port": 5432}


def told(
    place: str, rehearses: bool = True, way: str = "stop", hold: int = 120, **database: Any
) -> str:
    """What it shows, in one text."""
    tasks = yaml.safe_load(PREVIEW.read_text(encoding="utf-8"))
    lines = next(task["ansible.builtin.debug"]["msg"] for task in tasks if "msg" in str(task))
    known = {
        "inventory_hostname": "host",
        "compose_images": {"litellm": "l:1"},
        "deployment_containers": ["proxy"],
        "deployment_bridge_ports": [],
        "deployment_found": {
            "database": {**DATABASE, **database},
            "legacy": {"units": []},
            "cutover": {"way": way},
        },
        "litellm_max_hold": hold,
        "deployment_places": {"database": place},
        "deployment_readers": ["grafana"],
        "deployment_rehearses": rehearses,
        "deployment_stage_url": "http://127.0.0.1:14000",
        "legacy_servers": [],
        "deployment_url": "http://127.0.0.1:4000",
        "deployment_address": {"publish": ["127.0.0.1"]},
        "compose_needed_files": [],
    }
    templar = Templar(loader=DataLoader(), variables=known)
    return "\n".join(templar.template(trust_as_template(line)).strip() for line in lines)


@pytest.mark.parametrize(
    ("place", "rehearses", "said", "unsaid"),
    [
        ("here", True, "try the new proxy with the copy at http://127.0.0.1:14000", "stays"),
        ("here", True, "copy llm (1.00 GB) into the container", "copy no database"),
        ("elsewhere", True, "try the new proxy without a database at", "with the copy"),
        ("elsewhere", True, "copy no database: it stays at db.example.com:5432", "into the"),
        ("elsewhere", False, "not try the new proxy before the cutover", "127.0.0.1:14000"),
        ("nowhere", True, "make no backup: there is no database", "pinned"),
    ],
)
def test_preview_says_what_a_run_does(place: str, rehearses: bool, said: str, unsaid: str) -> None:
    found = told(place, rehearses)
    assert said in found
    assert unsaid not in found


@pytest.mark.parametrize(
    ("way", "hold", "said"),
    [
        ("live", 0, "lead clients to a transitional proxy until the new one serves"),
        ("stop", 120, "let clients wait until the new one serves"),
        ("stop", 0, "refuse clients until the new one serves"),
    ],
)
def test_preview_says_what_becomes_of_clients(way: str, hold: int, said: str) -> None:
    assert said in told("here", way=way, hold=hold)


def test_address_of_version_6_is_written_as_people_do() -> None:
    assert "it stays at [fd00::5]:5432" in told("elsewhere", host="fd00::5")


@pytest.mark.parametrize(
    ("check", "codes", "inspected"),
    [
        (False, [1, 0], True),  # pulled by then
        (True, [1, 0], False),
        (True, [0, 0], True),
    ],
)
def test_an_image_that_a_real_run_would_pull_is_not_inspected(
    check: bool, codes: list[int], inspected: bool
) -> None:
    tasks = yaml.safe_load(PULL.read_text(encoding="utf-8"))
    (task,) = [task for task in tasks if "llmops.litellm.docker_images_info" in task]
    known = {
        "ansible_check_mode": check,
        "__compose_present": {"results": [{"rc": code} for code in codes]},
    }
    templar = Templar(loader=DataLoader(), variables=known)
    assert templar.template(trust_as_template("{{ %s }}" % task["when"])) is inspected
