# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Preflight checks of the compose deployment: ports, images, names, subnet, disk space."""

from __future__ import annotations

import os
from typing import Any, Callable, Optional, Sequence

from .._deployment import compose_project as _compose_project
from .._deployment import journal as _journal
from .._deployment import places as _places
from .._host import docker as _docker
from .._host import files as _files
from .._host import images as _images
from .._host import listeners as _listeners
from .._host import paths as _paths
from .._host import process as _process
from .._host.problem import Problem
from .._postgres import image_layout as _image_layout
from .._redis import formats as _formats
from . import preflight_cutover as _cutover
from . import preflight_programs as _programs
from . import requirements as _requirements
from .preflight_findings import Facts, Findings

# A copy is about as large as its source; a compressed backup is smaller, but it is not known
# beforehand by how much.
RESERVE = 1 << 30
# Bytes to fetch of an image whose registry does not tell: somewhat more than the official ones'.
ESTIMATES = {
    "litellm": 900 << 20,
    "postgres": 180 << 20,
    "redis": 60 << 20,
    "pgbouncer": 10 << 20,
}


def check_ports(
    settings: dict, facts: Facts, listeners: list[_listeners.Listener]
) -> list[Problem]:
    """Each port to take over belongs to the legacy deployment; the one for staging is free.

    Of a server that is not known, nothing is concluded: where there is no such legacy unit, or
    DATABASE_URL can't be read, whoever listens may well be the deployment's own.
    """
    ports = []
    legacy = facts.get("legacy")

    def add(
        name: str,
        number: int,
        expected: str,
        ours: Callable[[_listeners.Listener], Any],
        host: str = _listeners.LOOPBACK,
    ) -> None:
        listener = (
            _listeners.holder(listeners, number, host)
            if host
            else _listeners.anywhere(listeners, number)
        )
        command = listener.command if listener else ""
        is_ours = bool(listener and ours(listener))
        ports.append(_requirements.Port(name, number, expected, command, is_ours))

    if legacy:
        add(
            "proxy",
            legacy["port"],
            legacy["unit"]["name"],
            lambda item: item.pid and legacy["pid"] in _process.ancestors(item.pid),
            "",
        )
    for name, service, kind in (
        ("database", "postgres", _programs.DATABASE),
        ("redis", "redis", _programs.REDIS),
    ):
        if name not in facts or service not in _places.services(facts):
            continue
        store = _places.here(facts, name)
        add(
            name,
            store["port"] if store else settings[name + "_port"],
            "the legacy %s" % kind if store else _requirements.NOBODY,
            _runs(kind) if store else lambda _item: False,
            store.get("host") or _listeners.LOOPBACK,
        )
    serving = [port.number for port in ports]
    add(
        _requirements.STAGING,
        settings["stage_port"],
        _requirements.NOBODY,
        lambda item: "docker-proxy" in item.command and _is_staged(settings),
    )
    chosen = {"litellm_stage_port": settings["stage_port"]}
    if _cutover.POOLER in _wanted(settings, facts):
        # what a run that was killed has left is removed before
        number = settings["pooler_port"]
        add(_requirements.POOLING, number, _requirements.NOBODY, lambda _item: False)
        chosen["litellm_pooler_port"] = number
    return _requirements.check_ports(ports) + _requirements.check_chosen(chosen, serving)


def _is_staged(settings: dict) -> bool:
    """Whether the port of the rehearsal is our own container's, left by an earlier run."""
    name = _compose_project.container_names(settings["project_name"])["litellm"]
    container = _docker.container(name)
    ports = ((container or {}).get("ports") or {}).values()
    return any(
        place["HostPort"] == str(settings["stage_port"])
        for places in ports
        for place in places or []
    )


def _runs(kind: str) -> Callable[[_listeners.Listener], bool]:
    return lambda item: _programs.is_server(kind, item.pid)


def check_images(settings: dict, facts: Facts, engine: dict) -> Findings:
    """Check the images: there or to be had, for this platform, new enough, not of a bad
    release.

    Facts: ``images``, by service.
    """
    images: dict[str, dict[str, Any]] = {}
    found = Findings({"images": images})
    for service in _wanted(settings, facts):
        variable = "litellm_images.%s" % service
        reference = settings["images"].get(service) or ""
        try:
            image = _images.look(reference, engine)
        except ValueError as error:
            found.refuse(variable, str(error), "give the image, best by digest")
            continue
        guessed = not (image.present or image.size or image.error)
        images[service] = {
            "reference": reference,
            "present": image.present,
            "bytes": ESTIMATES[service] if guessed else image.size,
            "digest": image.digest,
        }
        found.problems += _requirements.check_image(variable, image, engine["platform"])
        _tell_unknown(found, variable, image, images[service]["bytes"] if guessed else 0)
        _CHECKS.get(service, _any)(found, variable, image, settings, facts)
    return found


def _wanted(settings: dict, facts: Facts) -> list[str]:
    """The services whose images are looked at: a pooler is there only for a live cutover."""
    moved = bool(_places.here(facts, "database"))
    live = moved and settings["cutover"] != _cutover.STOP
    pooler = [_cutover.POOLER] if live and settings["images"].get(_cutover.POOLER) else []
    return [*_places.images(facts), *pooler]


def _any(
    _found: Findings, _variable: str, _image: _images.Image, _settings: dict, _facts: Facts
) -> None:
    """Nothing more is asked of an image."""


def _tell_unknown(found: Findings, variable: str, image: _images.Image, guessed: int) -> None:
    """What nobody tells of an image that is yet to be pulled is no reason to refuse it."""
    said = [image.note] * bool(image.note)
    said += ["its size is not known, and counted as %s" % _files.size(guessed)] * bool(guessed)
    if said and not image.error:
        found.warn(
            variable,
            "image %s: %s" % (image.reference, "; ".join(said)),
            "the pull will tell, before anything of the legacy deployment is touched",
        )


def _check_litellm(
    found: Findings, variable: str, image: _images.Image, _settings: dict, facts: Facts
) -> None:
    found.problems += _requirements.check_release(
        variable, _images.version(image), facts.get("legacy", {}).get("litellm_version")
    )


def _check_postgres(
    found: Findings, variable: str, image: _images.Image, _settings: dict, facts: Facts
) -> None:
    postgres = facts.get("database") or {}
    found.problems += _requirements.check_majors(
        variable, "PostgreSQL", image, "PG_MAJOR", postgres.get("major")
    )
    if image.volumes:  # for the preview; the image itself is asked once it is here
        place = _image_layout.layout(image.environment.get("PGDATA", ""), image.volumes)
        found.facts["images"]["postgres"]["data"] = place._asdict()
    if image.present:
        found.problems += _check_extensions(
            variable, image.reference, postgres.get("extensions") or []
        )


def _check_redis(
    found: Findings, variable: str, image: _images.Image, settings: dict, facts: Facts
) -> None:
    redis = facts.get("redis") or {}
    if image.environment.get("VALKEY_VERSION"):
        found.facts["images"]["redis"]["user"] = "valkey"
    if not settings["carry_redis"] or not redis:
        return
    native = _formats.release(redis.get("release") or "")
    target = _redis_release(image)
    if native is None or target is None:
        found.problems += _requirements.check_majors(
            variable, "Redis", image, "REDIS_VERSION", redis.get("major")
        )
        return
    problems, warnings = _requirements.check_formats(
        variable, target, native, bool(redis.get("holds_spend"))
    )
    found.problems += problems
    found.warnings += warnings


def _redis_release(image: _images.Image) -> Optional[_formats.Release]:
    return _formats.of_image(image.environment, image.reference, _images.tag(image))


_CHECKS = {"litellm": _check_litellm, "postgres": _check_postgres, "redis": _check_redis}


def _check_extensions(variable: str, reference: str, names: Sequence[str]) -> list[Problem]:
    """Check that an image which is here has the extensions of the native database. One that is yet
    to be pulled is asked by the first copy, which is the rehearsal's."""
    if not names:
        return []
    answer = _process.run(
        ["docker", "run", "--rm", "--network", "none", "--cap-drop", "ALL", "--read-only"]
        + ["--entrypoint", "find", reference, "/usr", "-name", "*.control"]
    )
    there = {os.path.basename(line).rsplit(".", 1)[0] for line in answer.out.splitlines()}
    return [
        Problem(
            variable,
            "has no extension %s, which LiteLLM's tables in the native database use" % name,
            "take an image of PostgreSQL that has it",
        )
        for name in names
        if there and name not in there
    ]


def check_names(settings: dict, facts: Facts, known: Optional[bool] = None) -> list[Problem]:
    """Volumes, containers and the subnet are free, or ours from an earlier run.

    :param known: whether there was one; if it is not given, this host's journal proves it.
    """
    project = settings["project_name"]
    if known is None:
        known = os.path.exists(_journal.path_of(settings["state_dir"]))
    volumes = {}
    for service, name in _compose_project.volume_names(project).items():
        if service not in _places.services(facts):
            continue
        labels = _docker.volume_labels(name)
        if labels is not None:
            volumes[name] = known and _docker.OWN_LABEL in labels
    containers = {}
    for name in _compose_project.container_names(project).values():
        container = _docker.container(name)
        if container is not None:
            folder = container["labels"].get(_docker.FOLDER_LABEL)
            containers[name] = known and folder == facts.get("project_dir")
    own = {network for _subnet, network in _docker.subnets() if network == "network " + project}
    taken = [(subnet, name) for subnet, name in _docker.subnets() if name not in own]
    # our own network's route is in the main table
    taken += [
        (subnet, name)
        for subnet, name, table in _docker.routes()
        if not own or table != _docker.MAIN
    ]
    return _requirements.check_names(volumes, containers) + _requirements.check_subnet(
        "litellm_subnet", settings["subnet"], taken
    )


# By their variables, and what root does there.
FOLDERS = {
    "litellm_project_dir": ("project_dir", "starts at boot what lies there"),
    "litellm_state_dir": ("state_dir", "does what the journal in it says"),
    "litellm_backup_dir": ("backup_dir", "restores what lies there"),
}


def check_folders(settings: dict) -> list[Problem]:
    """Refuse a folder of ours that another account can write to, or put another one in place of."""
    found = []
    for variable, (name, purpose) in FOLDERS.items():
        weakness = _paths.weakness(settings[name])
        if weakness:
            found.append(
                Problem(
                    variable,
                    "%s: %s, and root %s" % (settings[name], weakness, purpose),
                    "let only root write there (chown root: and chmod go-w, every folder above it"
                    " as well), or choose another folder",
                )
            )
    return found


def check_space(settings: dict, facts: Facts, engine: dict) -> Findings:
    """Check the free space for the images, the copy and the backup. Facts: ``space``."""
    database = (facts.get("database") or {}).get("bytes", 0)
    copied = database if _places.here(facts, "database") else 0
    missing = [image["bytes"] for image in facts.get("images", {}).values() if not image["present"]]
    # A layer takes about three times its compressed size once it is unpacked.
    wanted = {engine["images_root"]: sum(missing) * 4}
    wanted[engine["root"]] = wanted.get(engine["root"], 0) + copied + RESERVE
    wanted[settings["backup_dir"]] = wanted.get(settings["backup_dir"], 0) + database
    needs = [
        (path, _files.device_of(path), needed, _files.free_bytes(path))
        for path, needed in wanted.items()
        if needed or path != engine["images_root"]
    ]
    space = [
        {"path": path, "needed": needed, "free": free} for path, _device, needed, free in needs
    ]
    return Findings({"space": space}, _requirements.check_disk(needs))
