# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people write for a container image, taken apart as the engine does it, and which of its
digests belongs to that name."""

from __future__ import annotations

import re
from typing import NamedTuple, Sequence

HUB = "docker.io"
_ALIASES = ("", HUB, "index." + HUB)
_REFERENCE = re.compile(
    r"^(?:(?P<registry>[^/]*[.:][^/]*|localhost)/)?(?P<repository>[a-z0-9][a-z0-9._/-]*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]*))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?\Z"
)
_ID = re.compile(r"(?:sha256:)?[0-9a-f]{12,64}")


class Reference(NamedTuple):
    """An image reference taken apart as it was written; ``registry`` is empty for the engine's
    default one."""

    registry: str
    repository: str
    tag: str
    digest: str

    @property
    def host(self) -> str:
        """The registry, by the one name that the engine has for it."""
        return HUB if self.registry in _ALIASES else self.registry

    @property
    def path(self) -> str:
        """The repository as its registry has it."""
        official = self.host == HUB and "/" not in self.repository
        return "library/" + self.repository if official else self.repository


def parse_reference(text: str) -> Reference:
    """Take ``[registry/]repository[:tag][@digest]`` apart.

    :raises ValueError: it is none.
    """
    match = _REFERENCE.match(text)
    if match is None:
        raise ValueError(
            "%r is not an image reference ([registry/]name[:tag]@sha256:digest)%s"
            % (text, _meant(text))
        )
    return Reference(
        *(match.group(name) or "" for name in ("registry", "repository", "tag", "digest"))
    )


def _meant(text: str) -> str:
    """What people mean who copy a name from a web page: a repository's address, or its name as its
    owner writes it, in words; empty where nobody can tell."""
    bare = re.sub(r"^[a-z]+://", "", text.strip(), flags=re.I)
    found = next((each for each in (bare, bare.lower()) if _REFERENCE.match(each)), "")
    return ": did you mean %s?" % found if found else ""


def is_id(text: str) -> bool:
    """Whether a text names an image by its id: only an engine that has the image knows it."""
    return bool(_ID.fullmatch(text))


def repository(text: str) -> str:
    """Registry and repository by their one name: ``postgres:17`` and ``docker.io/library/postgres``
    are the same.

    :raises ValueError: it is no reference.
    """
    parts = parse_reference(text)
    return "%s/%s" % (parts.host, parts.path)


def of_repository(name: str, digests: Sequence[str]) -> list[str]:
    """Those of ``repository@digest`` that are of a name's own repository.

    :raises ValueError: one is no reference.
    """
    if is_id(name):
        return []
    return [item for item in digests if repository(item) == repository(name)]


def recorded(name: str, digests: Sequence[str], preferred: str = "") -> str:
    """Under which reference an image can be had again elsewhere, by its digest; empty where it was
    never in a registry.

    :param name: what the operator gave. A digest in it counts before all others.
    :param digests: ``repository@digest`` as the engine lists them, which sorts them by name.
    :param preferred: the digest that the name's tag has now in its registry, if anybody knows.
    """
    if is_id(name):
        return next(iter(digests), "")
    if parse_reference(name).digest:
        return name
    own = of_repository(name, digests)
    named = [item for item in own if preferred and item.endswith("@" + preferred)]
    # one of another repository is the same image, which was given this name here (docker tag)
    return next(iter([*named, *own, *digests]), "")
