# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on the host: choose the legacy deployment's secrets and write the files that hold them.

    provision.py TEMPLATES PROJECT

Every secret is random and has in it what breaks careless tools: `$`, `${`, `#`, quotes, blanks,
`=`. All of them are kept in /root/testbed/secrets.json (0600), so that a test can look for them
where none may be. A second run keeps what is there. The database's role gets its password through
psql's standard input.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
import urllib.parse
from pathlib import Path

STORE = Path("/root/testbed/secrets.json")
STANDIN_KEY = Path("/etc/chat-standin.key")


def choose() -> dict[str, str]:
    """New secrets as the process shall see them, by the name of their variable."""

    def token(length: int = 18) -> str:
        return secrets.token_urlsafe(length)

    return {
        "LITELLM_MASTER_KEY": f"sk-{token()}$team${{x:-y}}#{token()}",
        "LITELLM_SALT_KEY": f"salt {token()}$HOME${{PATH}}'#\"\\{token()}=",
        "DATABASE_PASSWORD": f"p@ss:w/{token()}#$d${{e}}'\"%",
        "UI_PASSWORD": f'{token()} $1 # "{token(6)}"',
        "OPENAI_API_KEY": f"sk-standin-{token()}",
        "DEEPSEEK_API_KEY": f"sk-{secrets.token_hex(16)}",
        "GEMINI_API_KEY": f"AIza{token()}",
        "MISTRAL_API_KEY": f"{token()}$$={token()}",
        "ANTHROPIC_API_KEY": f"sk-ant-{token()}",
        "HF_TOKEN": f"hf_{secrets.token_hex(17)}",
    }


def write(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file that nobody else may read while it is written."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    path.chmod(mode)


def fill(template: str, values: dict[str, str]) -> str:
    """Replace `@{NAME}` by the value's text. Raises KeyError."""
    return re.sub(r"@\{(\w+)\}", lambda match: values[match.group(1)], template)


def double_quoted(value: str) -> str:
    """A value as systemd reads it between double quotes."""
    return re.sub(r'(["\\$`])', r"\\\1", value)


def main() -> None:
    templates, project = Path(sys.argv[1]), Path(sys.argv[2])
    STORE.parent.mkdir(mode=0o700, exist_ok=True)
    if not STORE.exists():
        write(STORE, json.dumps(choose(), indent=2) + "\n")
    values = json.loads(STORE.read_text(encoding="utf-8"))
    password = values["DATABASE_PASSWORD"]
    values["DATABASE_PASSWORD_ENCODED"] = urllib.parse.quote(password, safe="")
    values["LITELLM_SALT_KEY_QUOTED"] = double_quoted(values["LITELLM_SALT_KEY"])
    for name, mode in (("env.litellm", 0o640), ("secrets.env", 0o600)):
        write(
            project / name,
            fill((templates / f"{name}.in").read_text(encoding="utf-8"), values),
            mode,
        )
    write(STANDIN_KEY, values["OPENAI_API_KEY"] + "\n")
    literal = "'" + password.replace("'", "''") + "'"
    statement = f"""
        SELECT 'CREATE ROLE gateway LOGIN'
          WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'gateway') \\gexec
        SELECT 'CREATE DATABASE llm_gateway OWNER gateway'
          WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'llm_gateway') \\gexec
        SET log_statement = 'none';
        ALTER ROLE gateway PASSWORD {literal};
    """
    psql = [
        "setpriv",
        "--reuid=postgres",
        "--regid=postgres",
        "--init-groups",
        "psql",
        "--no-psqlrc",
        "--quiet",
        "--set=ON_ERROR_STOP=1",
        "--port=5434",
    ]
    subprocess.run(psql, input=statement, text=True, check=True, cwd="/")


if __name__ == "__main__":
    main()
