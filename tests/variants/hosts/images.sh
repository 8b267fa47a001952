#!/usr/bin/env bash
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# The host is as it is; its images were loaded from files: PostgreSQL 18's layout, LiteLLM as nobody.
set -euo pipefail
docker image ls > /dev/null
