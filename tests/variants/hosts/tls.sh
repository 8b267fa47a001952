#!/usr/bin/env bash
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# LiteLLM serves HTTPS itself, with a key that only its account reads.
set -euo pipefail
cd '/home/litellm/llm@team'
openssl req -quiet -x509 -newkey rsa:2048 -noenc -days 90 -subj /CN=gateway.test \
  -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout tls.key -out tls.crt
chown litellm:litellm tls.key tls.crt
chmod 0600 tls.key
cp tls.crt /root/observer/ca.crt
sed -i 's|--telemetry False|--telemetry False --ssl_keyfile_path tls.key --ssl_certfile_path tls.crt|' \
  /home/litellm/.config/systemd/user/litellm.service
systemctl --user --machine=litellm@ daemon-reload
systemctl --user --machine=litellm@ restart litellm.service
