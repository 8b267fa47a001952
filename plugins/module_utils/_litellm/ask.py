# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy asked whether it is ready. What its answers prove is judged by :mod:`_readiness`."""
from __future__ import annotations

from datetime import datetime
from typing import Optional

from . import client as _client
from . import readiness as _readiness


def readiness(public: _client.Client, key: Optional[str] = None) -> _readiness.Verdict:
    """What a proxy's answers prove now.

    :param public: a client without a key.
    :param key: the master key; without it only the public answer is asked for, which may be of 15 seconds ago.
    """
    answer = public.get("/health/readiness")
    if answer.status not in (200, 503) or key is None:
        return _readiness.judge(answer, now=datetime.now().astimezone())
    private = public.with_key(key)
    answers = (answer, private.get("/health/readiness/details"), private.get("/cache/ping"), datetime.now().astimezone())
    verdict = _readiness.judge(*answers)
    # what says "connected" may be of 15 seconds ago; a request that reads the database is of now
    if verdict.database in (_readiness.UNKNOWN, _readiness.CONNECTED):
        verdict = _readiness.judge(*answers, database_read=private.get("/key/list?size=1"))
    return verdict
