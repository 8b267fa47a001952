"""No secret is where it can be read."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def test_log_of_the_run_holds_none(secrets: dict[str, str]) -> None:
    log = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], "ansible.log").read_text(
        encoding="utf-8", errors="replace"
    )
    assert "TASK [" in log
    assert "EXEC" in log or "ESTABLISH" in log  # it is the log of a run with -vvv
    assert [
        name for name, value in secrets.items() if value in log or json.dumps(value)[1:-1] in log
    ] == []


def test_command_lines_held_none(host: Any) -> None:
    leaks = set(json.loads(host.check_output("cat /root/observer/watch.json"))["leaks"])
    # LiteLLM starts Prisma's CLI with the database's URL, in its container as in the legacy
    # deployment (docs/operations.md)
    litellms_own = {
        "POSTGRES_PASSWORD in python3 in a container",
        "POSTGRES_PASSWORD in node in a container",
    }
    assert leaks - litellms_own == set()


def test_report_and_journal_hold_none(host: Any, secrets: dict[str, str]) -> None:
    text = host.check_output(
        "cat /var/lib/llmops-litellm/journal.json /var/lib/llmops-litellm/report.md "
        "/var/lib/llmops-litellm/report.json"
    )
    assert "fingerprints" in text
    assert [
        name for name, value in secrets.items() if value in text or json.dumps(value)[1:-1] in text
    ] == []


def test_what_holds_them_is_private(host: Any, secrets: dict[str, str]) -> None:
    folders = (
        "/var/lib/llmops-litellm /var/backups/llmops-litellm /srv/llm@team/compose "
        "/etc/systemd/system"
    )
    readable = host.check_output(
        f"find {folders} -not -path '*/.git/*' -type f -perm /o=r -readable"
    ).split()
    assert readable
    for path in readable:
        text = host.file(path).content_string
        assert [name for name, value in secrets.items() if value in text] == [], path
    for folder in ("/var/lib/llmops-litellm", "/var/backups/llmops-litellm"):
        assert host.file(folder).mode == 0o700


def test_containers_logs_hold_none(host: Any, secrets: dict[str, str]) -> None:
    for name in ("litellm-proxy", "litellm-postgres", "litellm-redis"):
        log = host.run(f"docker logs {name} 2>&1").stdout
        assert [key for key, value in secrets.items() if value in log] == [], name
