# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks the proxy on this host: ``ask.py URL ready`` prints the HTTP status and what it says of its
database, ``ask.py URL chat`` the status of a request to a model with the master key."""

from __future__ import annotations

import json
import ssl
import sys
import urllib.error
import urllib.request

SECRETS = "/root/testbed/secrets.json"


def main(url: str, what: str) -> None:
    request = urllib.request.Request(url + "/health/readiness")
    if what == "chat":
        key = json.load(open(SECRETS, encoding="utf-8"))["LITELLM_MASTER_KEY"]
        body = {"model": "chat", "messages": [{"role": "user", "content": "x"}]}
        headers = {"Authorization": "Bearer " + key, "Content-Type": "application/json"}
        path = url + "/v1/chat/completions"
        request = urllib.request.Request(path, json.dumps(body).encode(), headers)
    # whose certificate it is, is the client's matter
    context = ssl._create_unverified_context()
    try:
        with urllib.request.urlopen(request, timeout=30, context=context) as answer:
            said = json.load(answer)
            print(answer.status, said.get("db", "") if what == "ready" else "")
    except urllib.error.HTTPError as error:
        print(error.code)


if __name__ == "__main__":
    main(*sys.argv[1:])
