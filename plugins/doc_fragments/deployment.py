# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How modules are told which deployment of a host to look at."""

from __future__ import annotations


class ModuleDocFragment:
    """The settings on the host, and what counts where there are none."""

    DOCUMENTATION = r"""
options:
  settings:
    description:
      - Settings of C(litellm-ops) on the host, as the role C(health) writes them. Where there are
        none, the other options and the defaults count.
    type: path
    default: /etc/llmops-litellm/health.json
  kind:
    description: The deployment. Without it, the one that serves.
    type: str
    choices: [compose, legacy]
  state_dir:
    description: State folder of the deployment, with the journal.
    type: path
    default: /var/lib/llmops-litellm
  project_name:
    description: Name of the Compose project.
    type: str
    default: litellm
  project_dir:
    description: Folder of the Compose project.
    type: path
    default: /opt/litellm
  legacy_unit:
    description: The legacy proxy's unit, for a host that no journal tells of.
    type: str
    default: litellm.service
  legacy_account:
    description: The account whose user manager runs that unit. Empty for any.
    type: str
    default: ""
"""
