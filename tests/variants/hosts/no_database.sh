#!/usr/bin/env bash
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# A proxy that keeps nothing: models and the one key are in its files.
set -euo pipefail
cd '/home/litellm/llm@team'
sed -i '/^DATABASE_URL=/d' env.litellm
sed -i -e '/^  database_/d' -e '/^  store_model_in_db/d' config.yaml
unit=/home/litellm/.config/systemd/user/litellm.service
sed -i '/^ExecStartPre=.*pg_isready/d' "$unit"
systemctl --user --machine=litellm@ daemon-reload
systemctl --user --machine=litellm@ restart litellm.service
systemctl disable --quiet --now postgresql@15-main.service postgresql.service
