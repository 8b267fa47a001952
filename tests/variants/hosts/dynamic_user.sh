#!/usr/bin/env bash
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# A template of the system's manager, under an account that is there only while it runs.
set -euo pipefail
user() { systemctl --user --machine=litellm@ "$@"; }
user disable --quiet --now litellm.service
rm /home/litellm/.config/systemd/user/litellm.service
user daemon-reload
chmod a+rx /home/litellm
chmod -R a+rX /home/litellm/venv /home/litellm/.cache
install -d /etc/litellm
cd '/home/litellm/llm@team'
install -m 0644 config.yaml /etc/litellm/team.yaml
cat env.litellm > /etc/litellm/team.env
grep -v '^export' secrets.env >> /etc/litellm/team.env
chmod 0600 /etc/litellm/team.env
cat > /etc/systemd/system/litellm@.service <<'U'
[Unit]
Description=LiteLLM gateway %i
After=network-online.target postgresql.service redis-server.service
[Service]
DynamicUser=yes
StateDirectory=litellm-%i
WorkingDirectory=/var/lib/litellm-%i
Environment=HOME=/home/litellm
EnvironmentFile=/etc/litellm/%i.env
ExecStart=/home/litellm/venv/bin/litellm --config /etc/litellm/%i.yaml --host 127.0.0.1 --port 4000
Restart=on-failure
TimeoutStopSec=90
[Install]
WantedBy=multi-user.target
U
systemctl daemon-reload
systemctl enable --quiet --now litellm@team.service
