# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is checked of a deployment and its host, from where its parts are."""

from __future__ import annotations

import os
from datetime import datetime, timezone

from .._backup import history as _history
from .._deployment.locate import Deployed
from .._deployment.steps import COMPOSE
from .checks import Target
from .settings import Settings


def target(settings: Settings, deployed: Deployed) -> Target:
    """What there is to check."""
    compose = deployed.kind == COMPOSE
    own = [
        settings.state_dir,
        settings.project_dir if compose else os.path.dirname(deployed.config),
    ]
    outcomes = _history.path_of(settings.state_dir)
    since = None
    try:
        since = datetime.fromtimestamp(os.stat(settings.backup_settings).st_mtime, timezone.utc)
    except OSError:
        # nobody has set backups up, and none was ever made
        outcomes = outcomes if os.path.exists(outcomes) else ""
    return Target(
        deployed,
        tuple(folder for folder in (*own, *settings.folders) if folder),
        outcomes,
        settings.limits,
        since,
    )
