# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Preflight checks of the compose deployment: ports, images, names, subnet, disk space."""

from __future__ import annotations

import os
from typing import Any

from .._deployment import compose_project as _compose_project
from .._deployment import journal as _journal
from .._host import docker as _docker
from .._host import files as _files
from .._host import images as _images
from .._host import listeners as _listeners
from .._host import process as _process
from .._host.problem import Problem
from . import requirements as _requirements

# A copy is about as large as its source; a compressed backup is smaller, but nobody knows by how much beforehand.
RESERVE = 1 << 30


def _ports(settings: dict, facts: dict, found: list[_listeners.Listener]) -> list[Problem]:
    """Each port that will be taken over belongs to the legacy deployment; the one for staging is free."""
    wanted = []
    legacy = facts.get("legacy")

    def add(name: str, number: int, expected: str, ours: Any) -> None:
        listener = _listeners.holder(found, number)
        wanted.append(
            _requirements.Port(
                name,
                number,
                expected,
                listener.command if listener else "",
                bool(listener and ours(listener)),
            )
        )

    if legacy:
        add(
            "proxy",
            legacy["port"],
            legacy["unit"]["name"],
            lambda item: item.pid and legacy["pid"] in _process.ancestors(item.pid),
        )
    for name, program in (("database", "postgres"), ("redis", "redis-server")):
        told = facts.get(name)
        add(
            name,
            told["port"] if told else settings[name + "_port"],
            "the legacy %s" % program,
            lambda item, told=told, program=program: (
                told is not None
                and os.path.basename(
                    ((_process.command_line(item.pid) if item.pid else []) or [""])[0].split(" ")[0]
                )
                == program
            ),
        )
    serving = [port.number for port in wanted]
    add(
        _requirements.STAGING,
        settings["stage_port"],
        "nobody",
        lambda item: "docker-proxy" in item.command,
    )
    return _requirements.check_ports(wanted) + _requirements.check_stage_port(
        settings["stage_port"], serving
    )


def _images_of(settings: dict, facts: dict, engine: dict, warnings: list[Problem]) -> list[Problem]:
    """The three images: there, for this platform, new enough, and not of a bad release."""
    problems = []
    legacy = (facts.get("legacy") or {}).get("litellm_version")
    facts["images"] = {}
    for service in _compose_project.SERVICES:
        variable = "litellm_images.%s" % service
        reference = settings["images"].get(service) or ""
        try:
            image = _images.look(reference, engine["platform"], engine["insecure"])
        except ValueError as error:
            problems.append(Problem(variable, str(error), "give the image, best by digest"))
            continue
        problems += _requirements.check_image(variable, image, engine["platform"])
        facts["images"][service] = {
            "reference": reference,
            "present": image.present,
            "bytes": image.size,
        }
        if service == "litellm":
            problems += _requirements.check_release(variable, _images.version(image), legacy)
        elif service == "postgres":
            problems += _requirements.check_majors(
                variable,
                "PostgreSQL",
                image,
                "PG_MAJOR",
                (facts.get("database") or {}).get("major"),
            )
        elif settings["carry_redis"]:
            problems += _requirements.check_majors(
                variable, "Redis", image, "REDIS_VERSION", (facts.get("redis") or {}).get("major")
            )
    return problems


def _names(settings: dict, facts: dict) -> list[Problem]:
    """Volumes, containers and the subnet: free, or ours from an earlier run that this host's journal knows."""
    project = settings["project_name"]
    known = os.path.exists(_journal.path_of(settings["state_dir"]))
    volumes = {}
    for name in _compose_project.volume_names(project).values():
        labels = _docker.volume_labels(name)
        if labels is not None:
            volumes[name] = known and _docker.OWN_LABEL in labels
    containers = {}
    for name in _compose_project.container_names(project).values():
        told = _docker.container(name)
        if told is not None:
            containers[name] = known and told["labels"].get(_docker.FOLDER_LABEL) == facts.get(
                "project_dir"
            )
    own = {network for _subnet, network in _docker.subnets() if network == "network " + project}
    taken = [(subnet, name) for subnet, name in _docker.subnets() if name not in own]
    if not own:
        taken += [(subnet, name) for subnet, name, _device in _docker.routes()]
    return _requirements.check_names(volumes, containers) + _requirements.check_subnet(
        "litellm_subnet", settings["subnet"], taken
    )


def _space(settings: dict, facts: dict, engine: dict) -> list[Problem]:
    """Room for the images, the copy and the backup, with numbers."""
    size = (facts.get("database") or {}).get("bytes", 0)
    # A layer takes about three times its compressed size once it is unpacked.
    images = (
        sum(image["bytes"] for image in facts.get("images", {}).values() if not image["present"])
        * 4
    )
    needs = []
    for path, needed in ((engine["root"], images + size + RESERVE), (settings["backup_dir"], size)):
        needs.append((path, _files.device_of(path), needed, _files.free_bytes(path)))
    facts["space"] = [
        {"path": path, "needed": needed, "free": free} for path, _device, needed, free in needs
    ]
    return _requirements.check_disk(needs)
