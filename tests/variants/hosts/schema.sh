#!/usr/bin/env bash
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# LiteLLM's tables are in a schema of their own, as the URL says.
set -euo pipefail
user() { systemctl --user --machine=litellm@ "$@"; }
user stop litellm.service
runuser -u postgres -- psql -XAtq -p 5434 -d llm_gateway \
  -c 'ALTER SCHEMA public RENAME TO gateway' -c 'CREATE SCHEMA public'
sed -i 's|connection_limit=10&|connection_limit=10\&schema=gateway\&|' '/home/litellm/llm@team/env.litellm'
user start litellm.service
