# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: docker_images_info
short_description: Ask the images of the services who they are
version_added: 0.1.0
description:
  - Tells the digest of each image, the user that its service runs as, and the LiteLLM release that
    the proxy's image really holds.
  - The images must be present. Each is asked in a short-lived container without network,
    capabilities or environment.
author: llmops.litellm contributors (@llmops)
options:
  images:
    description: Images of the services V(litellm), V(postgres) and V(redis).
    type: dict
    required: true
  legacy_release:
    description: The LiteLLM release that the legacy deployment runs; empty for none.
    type: str
    default: ''
  applied_migrations:
    description:
      - Names of the schema migrations that the legacy database has. Not given where it keeps no
        ledger of them.
    type: list
    elements: str
attributes:
  check_mode:
    description: Only looks.
    support: full
  diff_mode:
    description: Only looks.
    support: none
"""

EXAMPLES = r"""
- name: Inspect the images
  llmops.litellm.docker_images_info:
    images: "{{ litellm_images }}"
    legacy_release: 1.102.4
  register: found
"""

RETURN = r"""
images:
  description: Of each service the image by digest, and the numeric user and group that it runs as.
  returned: success
  type: dict
  sample: {redis: {reference: "redis@sha256:…", uid: 999, gid: 999}}
refused:
  description: Why what the image holds must not be deployed; empty where nothing stands against it.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._host import docker as _docker
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    requirements as _requirements,
)

# The proxy runs as its image says, the servers never as root.
USERS = {"litellm": "", "postgres": "postgres", "redis": "redis"}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "images": {"type": "dict", "required": True},
            "legacy_release": {"type": "str", "default": ""},
            "applied_migrations": {"type": "list", "elements": "str"},
        },
        supports_check_mode=True,
    )
    missing = sorted(set(USERS) - set(module.params["images"]))
    if missing:
        module.fail_json(msg="images: no image is given for %s." % ", ".join(missing))
    try:
        found = {
            service: _docker.identity(
                module.params["images"][service], user, python=service == "litellm"
            )
            for service, user in USERS.items()
        }
    except ValueError as error:
        module.fail_json(msg=str(error))
    refused = _requirements.check_release(
        "litellm_images.litellm",
        found["litellm"]["litellm_version"],
        module.params["legacy_release"] or None,
    )
    refused += _requirements.check_migrations(
        "litellm_images.litellm",
        found["litellm"].pop("migrations"),
        module.params["applied_migrations"],
    )
    module.exit_json(changed=False, images=found, refused=[str(item) for item in refused])


if __name__ == "__main__":
    main()
