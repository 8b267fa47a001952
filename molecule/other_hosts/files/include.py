"""Moves the model of llama-embeddings from config.yaml, in this folder, into a file of its own.

config.yaml includes that file.
"""

from __future__ import annotations

import os
from pathlib import Path

ENTRY = "  - model_name: embed\n"
config, included = Path("config.yaml"), Path("local-models.yaml")
if not included.exists():
    text = config.read_text(encoding="utf-8")
    begin = text.index(ENTRY)
    end = text.index("\n\n", begin) + 1
    included.write_text(
        "# models of this machine; restart after every change\nmodel_list:\n" + text[begin:end],
        encoding="utf-8",
    )
    config.write_text(
        f"include:\n  - {included}  # of this machine\n{text[:begin]}{text[end + 1 :]}",
        encoding="utf-8",
    )
    owner = config.stat()
    os.chown(included, owner.st_uid, owner.st_gid)
    included.chmod(owner.st_mode & 0o777)
