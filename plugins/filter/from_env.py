# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from ansible.errors import AnsibleFilterError

from ansible_collections.llmops.litellm.plugins.module_utils._config import envfile as _envfile


def from_env(
    text: object, dialect: str = "compose", environment: Optional[Mapping[str, str]] = None
) -> dict[str, str]:
    """The variables of an env file. No message holds a value."""
    if not isinstance(text, (str, bytes)):
        raise AnsibleFilterError(
            "from_env: the text of an env file is wanted, not %s." % type(text).__name__
        )
    try:
        return _envfile.loads(text, dialect, environment)
    except _envfile.EnvError as error:
        raise AnsibleFilterError("from_env: as %s reads it: %s." % (dialect, error)) from None
    except ValueError as error:
        raise AnsibleFilterError("from_env: %s." % error) from None


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"from_env": from_env}
