# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The deployment's files as other people have them.

The master key is in ``config.yaml`` alone, Redis is named by a variable, the provider's key is in a
``.env`` that LiteLLM finds by itself, the database is at a socket and asks for no password.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

PROJECT, HOME = Path("/home/litellm/llm@team"), Path("/home/litellm")
URL = "postgresql://litellm@localhost:5434/llm_gateway?host=/var/run/postgresql&connection_limit=10"
CACHE = """    type: redis
    url: os.environ/REDIS_URL
"""
CALLBACKS = """litellm_settings:
  callbacks: callbacks.notes
"""
# A model of another machine, by a name that only this host's /etc/hosts has, and one whose
# credentials are a file.
MODELS = """  - model_name: gpu
    litellm_params:
      model: openai/gpu
      api_base: http://gpu1.lab:8000/v1
      api_key: none

  - model_name: vertex
    litellm_params:
      model: vertex_ai/gemini-2.5-flash
      vertex_project: team
      vertex_credentials: /home/litellm/keys/vertex.json

litellm_settings:
"""


def replaced(path: Path, *pairs: tuple[str, str]) -> None:
    """Replace patterns in a file, each of which is there once; mode and owner stay."""
    text = path.read_text(encoding="utf-8")
    for pattern, new in pairs:
        text, count = re.subn(pattern, lambda _match, new=new: new, text, flags=re.M)
        if count != 1:
            raise SystemExit(f"{path}: {pattern} is there {count} times")
    path.write_text(text, encoding="utf-8")


def own(path: Path, mode: int) -> None:
    """Give a file to the account."""
    shutil.chown(path, "litellm", "litellm")
    path.chmod(mode)


def main() -> None:
    secrets = json.loads(Path("/root/testbed/secrets.json").read_text(encoding="utf-8"))
    quoted = "'" + secrets["LITELLM_MASTER_KEY"].replace("'", "''") + "'"
    replaced(
        PROJECT / "config.yaml",
        ("^litellm_settings:\n", MODELS),
        ("^litellm_settings:\n", CALLBACKS),
        (r"^    type: redis\n    host: .*\n    port: .*\n", CACHE),
        ("os.environ/LITELLM_MASTER_KEY", quoted),
    )
    (PROJECT / "config.yaml").chmod(0o640)
    password = Path("/root/observer/redis-password").read_text(encoding="utf-8").strip()
    replaced(
        PROJECT / "env.litellm",
        ("^LITELLM_MODE=.*\n", ""),
        (
            "^DATABASE_URL=.*$",
            f"DATABASE_URL={URL}\nREDIS_URL=redis://:{password}@127.0.0.1:6390/0\n"
            "GOOGLE_APPLICATION_CREDENTIALS=/home/litellm/keys/vertex.json",
        ),
    )
    replaced(
        PROJECT / "secrets.env", ("^LITELLM_MASTER_KEY=.*\n", ""), ("^OPENAI_API_KEY=.*\n", "")
    )
    found = HOME / ".env"
    found.touch(0o600)
    found.write_text(
        f"# found by LiteLLM itself\nexport OPENAI_API_KEY='{secrets['OPENAI_API_KEY']}'\n",
        encoding="utf-8",
    )
    own(found, 0o600)
    keys = HOME / "keys"
    keys.mkdir()
    own(keys, 0o700)
    account = {"type": "service_account", "project_id": "team", "client_email": "t@example.org"}
    (keys / "vertex.json").write_text(json.dumps(account) + "\n", encoding="utf-8")
    own(keys / "vertex.json", 0o600)
    for name, target in (
        ("callbacks.py", "callbacks.py"),
        ("price_words.py", "price_words.py"),
        ("start.sh", "bin/start.sh"),
    ):
        shutil.copyfile(Path("/root/observer") / name, PROJECT / target)
        own(PROJECT / target, 0o755 if target.endswith(".sh") else 0o644)
    unit = HOME / ".config/systemd/user/litellm.service"
    replaced(unit, (r"^ExecStart=(.*\\\n)*.*$", f"ExecStart={PROJECT}/bin/start.sh"))
    with open("/etc/hosts", "a", encoding="utf-8") as hosts:
        hosts.write("10.255.0.7 gpu1.lab\n")
    os.sync()


if __name__ == "__main__":
    main()
