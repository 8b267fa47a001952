# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``archive.py FOLDER COUNT``: small sound backups, and somebody's own things beside them.

One backup for each day, made at noon UTC, up to yesterday.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from datetime import datetime, timedelta, timezone

folder, count = sys.argv[1], int(sys.argv[2])
os.makedirs(folder, mode=0o700)
noon = datetime.now(timezone.utc).replace(hour=12, minute=0, second=0, microsecond=0)
for days in range(1, count + 1):
    time = noon - timedelta(days=days)
    name = time.strftime("%Y%m%dT%H%M%SZ")
    path = os.path.join(folder, name)
    os.mkdir(path, 0o700)
    texts = {
        "database.dump": os.urandom(4096),
        "manifest.json": json.dumps(
            {
                "format": 1,
                "name": name,
                "created": time.isoformat(timespec="seconds"),
                "source": "compose",
                "pinned": False,
                "rows_total": 1,
            }
        ).encode(),
    }
    texts["SHA256SUMS"] = "".join(
        "%s  %s\n" % (hashlib.sha256(text).hexdigest(), entry)
        for entry, text in sorted(texts.items())
    ).encode()
    for entry, text in texts.items():
        with open(os.path.join(path, entry), "wb") as handle:
            handle.write(text)
os.mkdir(os.path.join(folder, "photos"))
with open(os.path.join(folder, "notes.txt"), "w", encoding="utf-8") as handle:
    handle.write("mine\n")
