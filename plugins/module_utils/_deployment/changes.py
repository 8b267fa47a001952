# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between the Compose project of a host and the one that it is to be, and between that
project and its containers.

Compose itself says what both mean, so that a port which is written in another way is none. What it
prints holds secrets: values of environments are compared and never shown.
"""

from __future__ import annotations

import json
import os
import re
from typing import Any, Iterator, NamedTuple, Optional

from .._host.process import run
from . import compose_project as _compose_project
from .compose_project import CONFIG, DeploymentError

# What a container that runs is asked. Its environment is never read.
_ASKED = (
    '{"state":{{json .State.Status}},'
    '"health":{{if .State.Health}}{{json .State.Health.Status}}{{else}}null{{end}}}'
)
_SECRET = frozenset({"environment", "env_file"})


class Found(NamedTuple):
    """What differs. ``services``: those whose containers have to be made anew, ``network`` and
    ``volumes``: whether the project's differ, in which case every service has to be; ``changes``:
    each difference in words, ``drift``: what of the containers is not what ``compose.yaml`` and
    ``.env`` say; ``serves``: whether every container runs and is not unhealthy; ``port`` and
    ``addresses``: where clients ask the proxy that is there now (0 and none: there is none)."""

    services: list[str]
    network: bool
    volumes: bool
    changes: list[str]
    drift: list[str]
    serves: bool
    port: int
    addresses: list[str]


def look(folder: str, wanted: str) -> Found:
    """Compare the project in a folder with the text of the compose file that it is to have.

    :raises DeploymentError: Compose can't read one of them; its own words, which may quote a
        secret, are not shown.
    """
    new = _read(folder, wanted)
    if not os.path.exists(os.path.join(folder, "compose.yaml")):
        return Found(sorted(new["services"]), True, True, [], [], False, 0, [])
    old = _read(folder)
    network, volumes = (old.get(part) != new.get(part) for part in ("networks", "volumes"))
    names = sorted({*old["services"], *new["services"]})
    changed = [name for name in names if old["services"].get(name) != new["services"].get(name)]
    changes = [
        line for part in ("services", "networks", "volumes") for line in _told(old, new, part)
    ]
    port, addresses = _published(old["services"].get("litellm") or {})
    standing = _standing(old)
    return Found(
        names if network or volumes else changed,
        network,
        volumes,
        changes,
        _drift(folder, standing, old),
        all(_serves(there) for there in standing.values()),
        port,
        addresses,
    )


def _read(folder: str, text: Optional[str] = None) -> dict[str, Any]:
    """A project as Compose understands it; of the file in the folder, or of this text there."""
    words = _words(folder, "" if text is None else "-")
    result = run([*words, "config", "--format", "json"], stdin=text, timeout=CONFIG)
    try:
        found = json.loads(result.out) if result.rc == 0 else None
    except ValueError:
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("services"), dict):
        raise DeploymentError(
            "docker compose can't read %s; to see why, run"
            " docker compose --project-directory %s config --quiet"
            % (words[-1] if text is None else "the new compose.yaml", folder)
        )
    return found


def _told(old: dict[str, Any], new: dict[str, Any], part: str) -> Iterator[str]:
    """The differences of a part of the project, in words."""
    before, after = (dict(_leaves(each.get(part) or {}, (part,))) for each in (old, new))
    for path in sorted({*before, *after}):
        if before.get(path) != after.get(path):
            name = ".".join(path)
            if _SECRET & set(path):
                yield name
            else:
                yield "%s: %s -> %s" % (name, _shown(before.get(path)), _shown(after.get(path)))


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _leaves(inner, (*path, str(name)))
    else:
        yield path, value


def _shown(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _published(proxy: dict[str, Any]) -> tuple[int, list[str]]:
    """Where the host's clients ask the proxy of a project."""
    if proxy.get("network_mode") == "host":
        command = _compose_project.command_of(proxy)
        host = str(command["host"] or "0.0.0.0")
        return int(command["port"] or _compose_project.INSIDE["litellm"]), [host]
    found = [
        (int(entry["published"]), str(entry.get("host_ip") or "0.0.0.0"))
        for entry in proxy.get("ports") or []
        if str(entry.get("published") or "").isdigit()
    ]
    return (found[0][0], [address for _port, address in found]) if found else (0, [])


def _name(service: str, project: dict[str, Any]) -> str:
    return str(project["services"][service].get("container_name") or service)


def _standing(project: dict[str, Any]) -> dict[str, Optional[dict[str, Any]]]:
    """The ``state`` and ``health`` of each service's container; ``None`` where it has none."""
    found: dict[str, Optional[dict[str, Any]]] = {}
    for service in project["services"]:
        words = ["docker", "container", "inspect", "--format", _ASKED, _name(service, project)]
        asked = run(words)
        found[service] = json.loads(asked.out) if asked.rc == 0 else None
    return found


def _serves(there: Optional[dict[str, Any]]) -> bool:
    return there is not None and there["state"] == "running" and there["health"] != "unhealthy"


def _drift(
    folder: str, standing: dict[str, Optional[dict[str, Any]]], project: dict[str, Any]
) -> list[str]:
    """What of the containers is not as the project has them."""
    other, found = _made_anew(folder), []
    for service, there in standing.items():
        name = _name(service, project)
        if there is None:
            found.append("%s is not there" % name)
        elif there["state"] != "running":
            found.append("%s does not run: it is %s" % (name, there["state"]))
        elif name in other:
            found.append(
                "%s was started with other settings than compose.yaml and .env have" % name
            )
        elif there["health"] == "unhealthy":
            found.append("%s is unhealthy" % name)
    return found


def _made_anew(folder: str) -> set[str]:
    """The containers that Compose would make anew. It computes the hash that it keeps of each from
    more than ``config --hash`` shows, so it is asked what it would do."""
    words = [*_words(folder), "create", "--dry-run", "--no-build", "--pull", "never"]
    result = run(words, timeout=CONFIG)
    return set(re.findall(r"Container (\S+)\s+Recreate\b", result.out + result.err))


def _words(folder: str, file: str = "") -> list[str]:
    file = file or os.path.join(folder, "compose.yaml")
    return ["docker", "compose", "--project-directory", folder, "--file", file]
