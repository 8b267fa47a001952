# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.llmops.litellm.plugins.module_utils._config import envfile as _envfile


def to_env(mapping: object) -> str:
    """An env file that Compose and systemd read alike. No message holds a value."""
    if not isinstance(mapping, Mapping):
        raise AnsibleFilterError("to_env: a dictionary is wanted, not %s." % type(mapping).__name__)
    try:
        return _envfile.dumps({str(name): value for name, value in mapping.items()})
    except _envfile.EnvError as error:
        raise AnsibleFilterError("to_env: %s." % error) from None


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"to_env": to_env}
