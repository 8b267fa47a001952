#!/usr/bin/env bash
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# gunicorn starts LiteLLM's application, with two workers; the configuration is named by a variable.
set -euo pipefail
unit=/home/litellm/.config/systemd/user/litellm.service
python3 - "$unit" <<'P'
import re, sys
text = open(sys.argv[1]).read()
start = ("ExecStart=/home/litellm/venv/bin/gunicorn litellm.proxy.proxy_server:app --workers 2"
         " --worker-class uvicorn.workers.UvicornWorker --bind 127.0.0.1:4000 --timeout 600")
text = re.sub(r"(?m)^ExecStart=(.*\\\n)*.*$", lambda found: start, text)
text = text.replace("[Service]\n", "[Service]\nEnvironment=\"CONFIG_FILE_PATH=/home/litellm/llm@team/config.yaml\"\n")
open(sys.argv[1], "w").write(text)
P
systemctl --user --machine=litellm@ daemon-reload
systemctl --user --machine=litellm@ restart litellm.service
