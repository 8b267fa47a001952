# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The login of a native Redis, which a container's Redis takes beside its own for a while.

Redis is given hashes, so no password leaves the place where it is. They are not saved: a Redis that
starts again has its own login alone.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from .redis import Container, RedisError

DEFAULT = "default"  # who a client is that gives a password only, or nothing
ANY = "nopass"
_NO_PASSWORD = hashlib.sha256(b"").hexdigest()
# In which an engine keeps what Redis has in memory.
_ALIVE = ("running", "paused")
# Of each user what Redis says of it: whether it is on, its secrets and its rights.
Users = dict[str, list[str]]


class Login(NamedTuple):
    """What a client gives to a native Redis; both empty if it asks for nothing."""

    user: str
    password: str

    @property
    def name(self) -> str:
        """Whom Redis takes the client for."""
        return self.user or DEFAULT

    @property
    def secret(self) -> str:
        """What lets this client in, as Redis takes and shows it."""
        if not self.password:
            return ANY
        return _hashed(hashlib.sha256(self.password.encode("utf-8", "surrogateescape")).hexdigest())


def take(container: Container, login: Login, check: bool = False) -> bool:
    """Let a container take this login beside its own; whether that changes anything.

    :param check: only look.
    :raises RedisError: the container does not run, or its Redis knows no users (before 6).
    """
    users, own = _users(container), _own(container)
    commands = for_default(users, secrets(own, login))
    if login.name != DEFAULT:
        commands += for_other(users, login)
    if not check:
        _tell(container, commands)
    return bool(commands)


def forget(container: Container, login: Login, check: bool = False) -> bool:
    """Leave a container its own login alone, and end the connections of the other user, if it has
    one of its own; whether that changes anything.

    :param check: only look.
    :raises RedisError: Redis does not answer, or refuses.
    """
    if container.state() not in _ALIVE:
        return False
    users, own = _users(container), _own(container)
    commands = for_default(users, {own})
    if login.name != DEFAULT and login.name in users:
        commands.append(["ACL", "DELUSER", login.name])
    if not check:
        _tell(container, commands)
    return bool(commands)


def parse_users(text: str) -> Users:
    """What ``ACL LIST`` says."""
    # Redis has blanks in no name and no secret; what Python takes for one may be in a name
    lines = (line.rstrip("\r").split(" ") for line in text.split("\n"))
    return {words[1]: words[2:] for words in lines if words[0] == "user" and len(words) > 2}


def secrets(own: str, login: Login) -> set[str]:
    """What lets the user ``default`` in, beside another login."""
    if login.name != DEFAULT:
        return {own}
    return {ANY} if login.secret == ANY else {own, login.secret}


def for_default(users: Users, wanted: set[str]) -> list[list[str]]:
    """The command that gives the user ``default`` these secrets and no other; none if it has
    them."""
    if {word for word in users[DEFAULT] if _is_secret(word)} == wanted:
        return []
    return [["ACL", "SETUSER", DEFAULT, "resetpass", *sorted(wanted)]]


def for_other(users: Users, login: Login) -> list[list[str]]:
    """The command that makes a user with this login who may do what ``default`` may, which is all;
    none if there is one.

    Its rights are copied since releases write them differently: those before 6.2 have no channels.
    """
    rights = [word for word in users[DEFAULT] if not _is_secret(word)]
    if set(users.get(login.name, [])) == {*rights, login.secret}:
        return []
    return [["ACL", "SETUSER", login.name, "reset", *rights, login.secret]]


def quoted(word: str) -> str:
    """A word as redis-cli's own parser takes it."""
    data = word.encode("utf-8", "surrogateescape")
    return '"%s"' % "".join("\\x%02x" % byte for byte in data)


def _users(container: Container) -> Users:
    users = parse_users(container.ask("ACL", "LIST"))
    if DEFAULT not in users:
        raise RedisError("Redis in container %s does not tell its users." % container.name)
    return users


def _own(container: Container) -> str:
    """The secret of a container's own password."""
    digest = container.password_hash()
    if digest == _NO_PASSWORD:
        raise RedisError("container %s has no password of its own." % container.name)
    return _hashed(digest)


def _hashed(digest: str) -> str:
    return "#" + digest


def _is_secret(word: str) -> bool:
    return word == ANY or word.startswith("#")


def _tell(container: Container, commands: list[list[str]]) -> None:
    for words in commands:
        # redis-cli ends well whatever Redis answers
        said = container.ask(stdin=" ".join(map(quoted, words)) + "\n").strip()
        if said not in ("OK", "1"):
            raise RedisError("Redis in container %s: %s" % (container.name, said or "no answer"))
