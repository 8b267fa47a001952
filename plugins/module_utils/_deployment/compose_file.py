# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a ``compose.yaml`` has that this collection would not have written.

Compose runs what the file says with root's rights: ``privileged``, a mount of ``/``, or an
``include:`` of somebody's repository. So one that comes from elsewhere is read here before Compose
reads it, by a reader that takes the form of the role's template and nothing else of YAML (what two
readers of YAML understand differently is refused), and each value has to be one that gives a
container no rights over the host. Ports, images, options and limits may differ.
"""

from __future__ import annotations

import json
import re
from typing import Any, Iterator, Mapping, NamedTuple, Sequence

from .._host.account import PRIVATE_GROUP
from .._host.docker import REFERENCE

# As Compose finds the files of a project by itself.
FOUND = re.compile(r"(?:docker-)?compose(?:\.override)?\.ya?ml")
SERVICES = ("litellm", "postgres", "redis")
# Variables of .env that Compose, Docker's client or what they start follow themselves.
_STEERS = re.compile(
    r"(?<![A-Za-z0-9_])((?:COMPOSE|DOCKER|BUILDKIT|BUILDX|LD|GIT|SSH)_[A-Za-z0-9_]+)\s*[=:]"
)
_LONGEST, _DEEPEST, _WIDEST = 1 << 18, 12, 200
_KEY = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]*|<<):(?: +(.*))?")
_ANCHOR, _ALIAS = re.compile(r"&([a-z]+)"), re.compile(r"\*([a-z]+)")
_PLAIN = re.compile(r"""(?:[^\s!&*{}\[\],#|>@`"'%?:-]|-(?=[^\s-]))(?:(?!: | #|:$).)*""")
_TOKEN = re.compile(
    r"""[\[\]{},]| +|"(?:[^"\\]|\\.)*"|(?P<key>[A-Za-z_][A-Za-z0-9_.-]*):(?= )"""
    r"""|(?P<plain>(?:[^\s!&*{}\[\],#|>@`"'%?:-]|-(?=[^\s,\]}]))"""
    r"""[^,\[\]{}\s#"']*(?<!:)(?=[ ,\]}]))"""
)

_NAME, _FILE = r"[A-Za-z0-9][A-Za-z0-9_.-]*", r"\./[A-Za-z0-9][A-Za-z0-9_.-]*"
_ADDRESS = r"[0-9a-fA-F.:]+(?:/\d+)?"
_INSIDE = r"/[^$]*"  # a path in the container
# ``path=value`` of all that a service may have; what says nothing of the host may be anything.
_SERVICE = (
    r"image=" + REFERENCE,
    r"container_name=" + _NAME,
    r"(?:command|user|restart|init|stop_grace_period|stop_signal|shm_size|working_dir)(?:/\d+)?=.*",
    r"(?:environment|healthcheck|depends_on|ulimits|logging/options)/.*",
    r"(?:mem_limit|memswap_limit|mem_reservation|cpus|pids_limit)=.*",
    r"read_only=(?:true|false)",
    r"tmpfs(?:/\d+)?=" + _INSIDE,
    r"group_add/0=%d" % PRIVATE_GROUP,
    r"env_file/\d+=\.?" + _NAME,
    r"logging/driver=(?:local|json-file|journald|none)",
    r"security_opt/\d+=no-new-privileges:true",
    r"cap_drop/\d+=ALL",
    r"ports/\d+=(?:127(?:\.\d+){3}|\[::1\]):\d+:\d+",
    r"extra_hosts/\d+=" + _NAME + ":" + _ADDRESS,
    r"networks/default/ipv4_address=" + _ADDRESS,
    r"volumes/\d+=(?:postgres|redis):" + _INSIDE,
    r"volumes/\d+/type=bind",
    r"volumes/\d+/source=" + _FILE,
    r"volumes/\d+/target=" + _INSIDE,
    r"volumes/\d+/read_only=true",
    r"volumes/\d+/bind/create_host_path=false",
    r"secrets/\d+=" + _NAME,
    r"secrets/\d+/(?:source|target|uid|gid|mode)=[^$]+",
)
_PROJECT = (
    r"name=" + _NAME,
    r"networks/default/name=" + _NAME,
    r"networks/default/internal=true",
    r"networks/default/ipam/config/\d+/(?:subnet|gateway)=" + _ADDRESS,
    r"volumes/(?:postgres|redis)/(?:name=" + _NAME + "|labels/.*)",
    r"secrets/" + _NAME + "/file=" + _FILE,
)
_KNOWN = re.compile(
    "|".join(
        (r"services/(?:%s)/(?:%s)" % ("|".join(SERVICES), "|".join(_SERVICE)), *_PROJECT),
    ),
    re.S,
)
# Their values say what is wrong, and are no secrets.
_TELLING = re.compile(
    r"(?:.*\.)?(?:image|volumes|ports|cap_add|network_mode|security_opt|devices)\b.*"
)
_HOST_NETWORK = "services/litellm/network_mode=host"
_MOUNTED = re.compile(r"services/litellm/volumes/\d+/source=(/[^$]+)")
_PUBLISHED = re.compile(r"services/litellm/ports/\d+=([0-9.]+|\[[0-9a-fA-F:.]+\]):\d+:\d+")
_NEEDED = {"cap_drop": ["ALL"], "security_opt": ["no-new-privileges:true"]}


class Expected(NamedTuple):
    """What the inventory says: the network of the proxy, ``bridge`` or ``host``; images by service,
    of which the repositories count; ``same``: by service, other references by which this host has
    the image that the inventory names; addresses beside loopback at which the proxy is published;
    files and folders of the host that its container gets."""

    network: str = "bridge"
    images: Mapping[str, str] = {}
    same: Mapping[str, Sequence[str]] = {}
    publish: Sequence[str] = ()
    mounts: Sequence[str] = ()


UNKNOWN = Expected()


def differences(text: str, expected: Expected = UNKNOWN) -> list[str]:
    """What of a compose file this collection would not have written: keys as Compose writes them,
    with their values where these can't be secret."""
    try:
        found = read(text)
    except ValueError as error:
        return [str(error)]
    return [*_unknown(found, expected), *_missing(found), *_others(found, expected)]


def steering(text: str) -> list[str]:
    """Names in an ``.env`` that Compose itself would follow."""
    return list(dict.fromkeys(_STEERS.findall(text)))


def images(text: str) -> dict[str, str]:
    """Images by service, as far as they can be read."""
    try:
        services = read(text).get("services")
    except ValueError:
        return {}
    named = services.items() if isinstance(services, dict) else ()
    return {
        name: _shown(str(each["image"]))
        for name, each in named
        if isinstance(each, dict) and "image" in each
    }


def mounted(text: str) -> list[str]:
    """Files and folders of the host, beside the project's, that the proxy's container gets."""
    try:
        found = read(text)
    except ValueError:
        return []
    said = ["%s=%s" % ("/".join(path), value) for path, value in _leaves(found)]
    return [match[1] for match in map(_MOUNTED.fullmatch, said) if match]


def _unknown(found: dict[str, Any], expected: Expected) -> Iterator[str]:
    for path, value in _leaves(found):
        said = "%s=%s" % ("/".join(path), value)
        # what begins with x- is for others; where a service takes it over, it is read there
        if path[0].startswith("x-") or _KNOWN.fullmatch(said):
            continue
        if expected.network == "host" and said == _HOST_NETWORK:
            continue
        address = _PUBLISHED.fullmatch(said)
        if address and address[1].strip("[]") in expected.publish:
            continue
        source = _MOUNTED.fullmatch(said)
        if source and source[1] in expected.mounts:
            continue
        if source:
            value += " (litellm_mounts does not name it)"
        if address:
            value += " (litellm_publish does not name it)"
        shown = re.sub(r"\.(\d+)(?=\.|$)", r"[\1]", ".".join(path))
        yield "%s: %s" % (shown, _shown(value)) if _TELLING.fullmatch(shown) else shown


def _missing(found: dict[str, Any]) -> Iterator[str]:
    services = found.get("services")
    named = services if isinstance(services, dict) else {}
    for name in SERVICES:
        service = named.get(name)
        if service is None and name != "litellm":
            continue  # of a store on another host
        if not isinstance(service, dict):
            yield "services.%s: is missing" % name
            continue
        for key, value in _NEEDED.items():
            if service.get(key) != value:
                yield "services.%s.%s: is not %s" % (name, key, value[0])


def _others(found: dict[str, Any], expected: Expected) -> Iterator[str]:
    """Images that are others than the inventory says."""
    services = found.get("services")
    for name, service in services.items() if isinstance(services, dict) else ():
        if not isinstance(service, dict):
            continue
        image, wanted = str(service.get("image")), expected.images.get(name)
        if image in expected.same.get(name, ()):
            continue
        if wanted and _repository(image) != _repository(wanted):
            words = "services.%s.image: %s (litellm_images names %s)"
            yield words % (name, _shown(image), wanted)


def _shown(value: str) -> str:
    """A value on one line of a message, of which somebody else has chosen it."""
    text = value if len(value) <= _WIDEST else value[:_WIDEST] + "…"
    return text if text.isprintable() else ascii(text)


def _repository(image: str) -> str:
    """An image's name without tag, digest and Docker's own registry."""
    name = re.sub(r":[^/]*$", "", image.partition("@")[0])
    return re.sub(r"^(?:(?:index\.)?docker\.io/)?(?:library/)?", "", name)


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    inner = (
        list(value.items())
        if isinstance(value, dict)
        else [(str(number), each) for number, each in enumerate(value)]
        if isinstance(value, list)
        else []
    )
    for name, each in inner:
        yield from _leaves(each, (*path, name))
    if not inner:
        yield path, value if isinstance(value, str) else json.dumps(value)


def read(text: str) -> dict[str, Any]:
    """The values of a compose file that has the form of the role's template: block mappings and
    sequences, and on one line flow ones, JSON's strings and plain scalars; aliases only where they
    merge. ``true`` and ``false`` are truth values, all else is text.

    :raises ValueError: it has another form; with the number of the line.
    """
    if len(text) > _LONGEST:
        raise ValueError("is longer than %d characters" % _LONGEST)
    lines = [
        _Line(number, len(line) - len(line.lstrip(" ")), line.strip(" "))
        for number, line in enumerate(text.split("\n"), 1)
        if line.strip(" ") and not line.lstrip(" ").startswith("#")
    ]
    for line in lines:
        if not line.text.isprintable():
            raise _odd(line)
    reader = _Reader(lines)
    found = reader.block(0, 0) if lines else None
    if not isinstance(found, dict) or reader.lines:
        raise _odd(reader.lines[0] if reader.lines else _Line(1, 0, ""))
    return found


class _Line(NamedTuple):
    number: int
    indent: int
    text: str


def _odd(line: _Line) -> ValueError:
    return ValueError("line %d: is not as this collection writes it" % line.number)


class _Reader:
    """Lines that are not read yet, and mappings by their anchors."""

    def __init__(self, lines: list[_Line]) -> None:
        self.lines = lines
        self.anchors: dict[str, dict[str, Any]] = {}

    def block(self, indent: int, depth: int) -> Any:
        """The mapping or sequence that begins here."""
        if depth > _DEEPEST or self.lines[0].indent != indent:
            raise _odd(self.lines[0])
        if self.lines[0].text.startswith("- "):
            return list(self._items(indent))
        merged: dict[str, Any] = {}
        made: dict[str, Any] = {}
        while self.lines and self.lines[0].indent == indent:
            line = self.lines.pop(0)
            match = _KEY.fullmatch(line.text)
            if not match or match[1] in made or (match[1] == "<<" and merged):
                raise _odd(line)
            if match[1] == "<<":
                merged = self._alias(line, match[2] or "")
            else:
                made[match[1]] = self._value(line, match[2] or "", depth)
        return {**merged, **made}

    def _items(self, indent: int) -> Iterator[Any]:
        while self.lines and self.lines[0].indent == indent:
            line = self.lines.pop(0)
            if not line.text.startswith("- "):
                raise _odd(line)
            yield _inline(line, line.text[2:].strip(" "))

    def _alias(self, line: _Line, text: str) -> dict[str, Any]:
        match = _ALIAS.fullmatch(text)
        if not match or match[1] not in self.anchors:
            raise _odd(line)
        return self.anchors[match[1]]

    def _value(self, line: _Line, text: str, depth: int) -> Any:
        anchor = _ANCHOR.fullmatch(text)
        if text and not anchor:
            return _inline(line, text)
        if not self.lines or self.lines[0].indent <= line.indent:
            raise _odd(line)
        found = self.block(self.lines[0].indent, depth + 1)
        if anchor:
            if not isinstance(found, dict) or anchor[1] in self.anchors:
                raise _odd(line)
            self.anchors[anchor[1]] = found
        return found


def _inline(line: _Line, text: str) -> Any:
    """A value on one line."""
    if text[0] not in '[{"':
        if not _PLAIN.fullmatch(text):
            raise _odd(line)
        return _scalar(text)
    try:
        return json.loads("".join(_as_json(text)), object_pairs_hook=_once)
    except ValueError:
        raise _odd(line) from None


def _scalar(text: str) -> Any:
    return {"true": True, "false": False}.get(text, text)


def _as_json(text: str) -> Iterator[str]:
    """A flow value as JSON, which says whether it has its form.

    :raises ValueError: it can't have.
    """
    at, opened = 0, 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        opened += text[at] in "[{"
        if not token or opened > _DEEPEST:
            raise ValueError
        at = token.end()
        if token["key"]:
            yield json.dumps(token["key"]) + ":"
        elif token["plain"]:
            yield json.dumps(_scalar(token["plain"]))
        else:
            yield token[0]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError
    return dict(pairs)
