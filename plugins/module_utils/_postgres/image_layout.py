# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an image of PostgreSQL keeps its data: up to PostgreSQL 17 the official one declares
``/var/lib/postgresql/data`` as its volume, from 18 on the folder above, with the data in
``18/docker`` of it."""

from __future__ import annotations

import posixpath
from typing import NamedTuple, Optional, Sequence

from .._host.process import run

CLASSIC = "/var/lib/postgresql/data"
# Folders of a volume in which data have been seen: of every major before 18, of 18 and later. Each
# database has such a file too, below the data folder.
_SOUGHT = (
    "for each in PG_VERSION */PG_VERSION */*/PG_VERSION; do"
    ' case "$each" in base/*/PG_VERSION) continue ;; esac;'
    ' if [ -f "$each" ]; then echo "$each"; fi; done'
)


class Layout(NamedTuple):
    """``mount``: where the volume is; ``folder``: the data's, at it or below it (``PGDATA``)."""

    mount: str
    folder: str


def layout(pgdata: str, volumes: Sequence[str], there: Optional[str] = None) -> Layout:
    """Where the volume is mounted and the data are, so that the image's own user may make them.

    A new volume gets its owner from the image's folder, so it is mounted at one that the image has.

    :param pgdata: the image's own, empty where it declares none. ``volumes``: the folders that it
        declares. ``there``: where in the volume data are already, which stay there (empty: at its
        root); ``None`` where there are none.
    """
    wanted = posixpath.normpath(pgdata or CLASSIC)
    above = [
        place
        for place in map(posixpath.normpath, volumes)
        if wanted == place or wanted.startswith(place.rstrip("/") + "/")
    ]
    mount = max(above, key=len) if above else wanted
    return Layout(mount, wanted if there is None else posixpath.join(mount, there).rstrip("/"))


def data_in(volume: str, image: str, user: str) -> Optional[str]:
    """Where in a volume PostgreSQL's data are: relative to its root, which is empty; ``None`` where
    there is no such volume, or nothing in it.

    :param image: one that has a shell. ``user``: whose the data are.
    :raises ValueError: it can't be looked at, or has data in several places.
    """
    if run(["docker", "volume", "inspect", "--format", "{{.Name}}", volume]).rc:
        return None  # to mount it would make it
    asked = run(
        ["docker", "run", "--rm", "--network", "none", "--cap-drop", "ALL", "--user", user]
        + ["--volume", volume + ":/volume:ro,nocopy", "--workdir", "/volume"]
        + ["--entrypoint", "sh", image, "-c", _SOUGHT]
    )
    if asked.rc:
        raise ValueError("volume %s can't be looked at: %s" % (volume, asked.err.strip()[-300:]))
    found = [posixpath.dirname(line) for line in asked.out.split()]
    if len(found) > 1:
        raise ValueError(
            "volume %s has data of PostgreSQL in several folders (%s): keep one of them"
            % (volume, ", ".join(each or "its root" for each in found))
        )
    return found[0] if found else None
