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
    description:
      - Images of the services V(litellm), V(postgres), V(redis) and V(pgbouncer), as they are named
        on this host.
    type: dict
    required: true
  services:
    description: The servers that need an image beside LiteLLM. Of others one may be given.
    type: list
    elements: str
    choices: [postgres, redis]
    default: [postgres, redis]
  postgres_volume:
    description:
      - Volume of PostgreSQL's data. Data that it has already stay where they are in it.
    type: str
    default: ''
  native_postgres:
    description: Major version of the native PostgreSQL, which the image's must not be below.
    type: int
  native_redis:
    description:
      - Product and release of the native Redis whose keys will be carried, as
        M(llmops.litellm.preflight_info) returns them.
    type: str
    default: ''
  holds_spend:
    description: Whether there may be spend in the native Redis that no database has.
    type: bool
    default: false
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
  description:
    - Of each service the image as it can be had again (C(reference), by digest), its C(name) as it
      was given, its C(id), and whether it is C(local), which no registry ever had; then its
      reference is its id.
    - The C(user) that the service runs as, and its C(uid) and C(gid) as the host has them.
    - Where it is in the group of nobody, which others on the host are in, C(gid) is a group that
      nobody else has, and C(group) is that group's number in the container, which is to have it
      besides.
    - Of V(postgres), under C(data), where its volume is mounted and its data are (C(mount),
      C(folder)).
  returned: success
  type: dict
  sample:
    redis:
      reference: redis@sha256:…
      name: redis:8
      id: sha256:…
      local: false
      user: redis
      uid: 999
      gid: 999
refused:
  description: Why what the image holds must not be deployed; empty where nothing stands against it.
  returned: success
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._host import docker as _docker
from ansible_collections.llmops.litellm.plugins.module_utils._host import images as _images
from ansible_collections.llmops.litellm.plugins.module_utils._host.problem import Problem
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    requirements as _requirements,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    image_layout as _image_layout,
)
from ansible_collections.llmops.litellm.plugins.module_utils._redis import formats as _formats

# The proxy runs as its image says, the servers never as root. Images of Valkey have their own name
# for the user.
USERS = {"litellm": "", "postgres": "postgres", "redis": "redis valkey", "pgbouncer": ""}


def inspected(params: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What each image is.

    :raises ValueError: one is not present, cannot say, or has another place for data than a volume.
    """
    found = {
        service: _docker.identity(params["images"][service], user, python=service == "litellm")
        for service, user in USERS.items()
        if service in params["images"]
    }
    if "postgres" not in found:
        return found
    postgres = found["postgres"]
    volume = params["postgres_volume"]
    there = (
        _image_layout.data_in(volume, postgres["reference"], postgres["user"]) if volume else None
    )
    place = _image_layout.layout(
        postgres["environment"].get("PGDATA", ""), postgres["volumes"], there
    )
    postgres["data"] = place._asdict()
    return found


def refusals(params: dict[str, Any], found: dict[str, dict[str, Any]]) -> list[Any]:
    """Why what the images hold must not be deployed: preflight has asked what their registries
    tell, and here they are themselves."""
    litellm, postgres, redis = (
        "litellm_images.%s" % service for service in ("litellm", "postgres", "redis")
    )
    images = {
        service: _images.Image(each["name"], True, (), each["environment"], {}, 0, "")
        for service, each in found.items()
    }
    native = _formats.release(params["native_redis"])
    refused = [
        *_requirements.check_release(
            litellm, found["litellm"]["litellm_version"], params["legacy_release"] or None
        ),
        *_requirements.check_migrations(
            litellm, found["litellm"].pop("migrations"), params["applied_migrations"]
        ),
    ]
    if "postgres" in images:
        refused += _requirements.check_majors(
            postgres, "PostgreSQL", images["postgres"], "PG_MAJOR", params["native_postgres"]
        )
    if "redis" in images:
        target = _formats.of_image(
            images["redis"].environment, found["redis"]["name"], _images.tag(images["redis"])
        )
        refused += _requirements.check_formats(redis, target, native, params["holds_spend"])[0]
    if found.get("pgbouncer", {}).get("uid") == 0:
        refused.append(
            Problem(
                "litellm_images.pgbouncer",
                "runs as root, which PgBouncer refuses",
                "take an image with a user of its own",
            )
        )
    return refused


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "images": {"type": "dict", "required": True},
            "services": {
                "type": "list",
                "elements": "str",
                "choices": ["postgres", "redis"],
                "default": ["postgres", "redis"],
            },
            "postgres_volume": {"type": "str", "default": ""},
            "native_postgres": {"type": "int"},
            "native_redis": {"type": "str", "default": ""},
            "holds_spend": {"type": "bool", "default": False},
            "legacy_release": {"type": "str", "default": ""},
            "applied_migrations": {"type": "list", "elements": "str"},
        },
        supports_check_mode=True,
    )
    missing = sorted({"litellm", *module.params["services"]} - set(module.params["images"]))
    if missing:
        module.fail_json(msg="images: no image is given for %s." % ", ".join(missing))
    try:
        found = inspected(module.params)
    except ValueError as error:
        module.fail_json(msg=str(error))
    refused = refusals(module.params, found)
    module.exit_json(changed=False, images=found, refused=[str(item) for item in refused])


if __name__ == "__main__":
    main()
