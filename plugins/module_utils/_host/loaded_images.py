# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images that a host has by another reference than the one that was recorded: brought with
``docker load``, which knows names and ids and no digest of a registry."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Optional, Sequence

from .image_reference import is_id, repository
from .process import run


@dataclass(frozen=True)
class Recorded:
    """An image as a backup has it: ``reference`` by which it ran; ``identity``, its id there, and
    ``name``, as its operator had it (empty in backups of release 0.1.0)."""

    reference: str
    identity: str = ""
    name: str = ""

    def __str__(self) -> str:
        others = [self.name] if self.name and self.name != self.reference else []
        others += ["id " + self.identity] if self.identity not in ("", self.reference) else []
        return self.reference + (" (%s)" % ", ".join(others) if others else "")


def recorded(facts: Any, service: str, reference: str) -> Recorded:
    """What the facts of a backup's manifest say of the image of a service."""

    def said(key: str) -> str:
        values = facts.get(key) if isinstance(facts, dict) else None
        value = values.get(service) if isinstance(values, dict) else None
        return value if isinstance(value, str) else ""

    identity = said("image_ids")
    return Recorded(reference, identity if is_id(identity) else "", said("image_names"))


def _inspected(image: str, engine: Sequence[str]) -> Optional[dict]:
    answer = run([*engine, "image", "inspect", "--format", "{{json .}}", image])
    try:
        told = json.loads(answer.out) if answer.rc == 0 else None
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


def _listed(told: dict, key: str) -> list[str]:
    return [str(each) for each in told.get(key) or []]


def here(image: Recorded, engine: Sequence[str] = ("docker",)) -> str:
    """By which reference a host has an image: the recorded one, or its id, if it has the recorded
    name here as well: nobody else's image is taken for it. Empty where it has neither."""
    if run([*engine, "image", "inspect", "--format", "{{.Id}}", image.reference]).rc == 0:
        return image.reference
    told = _inspected(image.identity, engine) if image.identity else None
    if told is None:
        return ""
    named = _repositories(_listed(told, "RepoTags") + _listed(told, "RepoDigests"))
    return image.identity if named & _repositories([image.reference, image.name]) else ""


def _repositories(names: Sequence[str]) -> set[str]:
    found = set()
    for name in names:
        with suppress(ValueError):  # what names none is of no repository
            found |= set() if is_id(name) else {repository(name)}
    return found


def missing(image: Recorded, engine: Sequence[str] = ("docker",)) -> str:
    """Why an image can't be had here, with what to do: it is named by an id, which no registry
    knows. Empty where it is here, or its registry may have it."""
    if not is_id(image.reference) or here(image, engine):
        return ""
    found = "image %s is not on this host, and no registry ever had it: bring it (docker save,"
    found = (found + " docker load) from where you have it") % image
    told = _inspected(image.name, engine) if image.name and not is_id(image.name) else None
    if told is not None:
        found += "; what is named %s here is another one, %s" % (image.name, told.get("Id"))
    return found


def instead(image: Recorded, engine: Sequence[str] = ("docker",)) -> str:
    """What a host has by an image's name, where it does not know it by the recorded reference and
    id, as a sentence goes on; empty for nothing. An engine's two image stores have different ids
    for the same image."""
    name = image.name.partition("@")[0]
    told = _inspected(name, engine) if name and not is_id(name) else None
    if told is None:
        return ""
    return (
        "; what is named %s here has the id %s. If it was brought from the host of the backup, the"
        " engine there keeps images in the other store (containerd-snapshotter of features in"
        " /etc/docker/daemon.json): bring it to an engine that has the same one"
        % (name, told.get("Id"))
    )


def same(image: str, engine: Sequence[str] = ("docker",)) -> tuple[str, ...]:
    """All references by which this host has an image that it knows by a name: its id and digests.
    None where it is not here."""
    told = _inspected(image, engine)
    return (str(told.get("Id")), *_listed(told, "RepoDigests")) if told else ()
