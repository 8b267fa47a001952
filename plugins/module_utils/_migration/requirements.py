# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The requirements of a migration: pure checks of what was found on a host.

Each check returns every :class:`Problem` that it finds; none raises, changes anything or repeats a
secret. Sizes are bytes. The source of a rule is named where the rule is not obvious.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Iterable, Mapping, NamedTuple, Optional

from .._host.files import size
from .._host.image_reference import is_id
from .._host.images import Image, major
from .._host.problem import Problem, numbers
from .._redis import formats as _formats

# Released with malware, per the project's own advisories (March and October 2026).
BAD_RELEASES = (r"1\.82\.7", r"1\.82\.8", r"1\.107\.\d+")
# Fixed there: CVE-2026-42208 and CVE-2026-49468.
LEAST_SAFE_RELEASE = (1, 84, 0)
# A flush of spend at shutdown exists from here on; before, even a clean stop loses up to one
# interval.
FIRST_FLUSHING_RELEASE = (1, 98, 0)
PUBLIC_KEYS = {
    "sk-1234",
    "sk-12345",
    "sk-123456",
    "sk-1234567890",
    "sk-litellm",
    "sk-master",
    "sk-test",
    "sk-litellm-master-key",
    "password",
    "secret",
    "admin",
    "litellm",
    "master-key",
    "salt-key",
    "sk-salt",
    "sk-xxxx",
    "test",
    "dbpassword9090",
}
PLACEHOLDER = re.compile(
    r"change[-_ ]?me|replace[-_ ]?(me|this|with)|your[-_ ]|placeholder|example|dummy|xxxx|\.\.\."
    r"|^<.*>$|^\$\{\w+\}$",
    re.I,
)
LEAST_LENGTH = 16
# What the port of the rehearsal is called.
STAGING = "staging"
# What the port of the pooler is called.
POOLING = "pooler"
# Seconds: nobody's client waits longer, and a run that was killed lets go then.
LONGEST_HOLD = 600
# Who should hold a port that the legacy deployment does not use.
NOBODY = "nobody"
# How another port is chosen, by what the port is called.
_CHOOSE = {
    STAGING: "litellm_stage_port",
    POOLING: "litellm_pooler_port",
    "proxy": "litellm_port",
    "database": "litellm_postgres_port",
    "redis": "litellm_redis_port",
}
LEAST_DIFFERENT = 8


class Port(NamedTuple):
    """A port that the compose deployment takes over: who may hold it now (``owner`` in words), who
    does.
    """

    name: str
    number: int
    expected: str
    holder: str
    ours: bool


def weakness(value: str) -> Optional[str]:
    """Why a key or password must not be trusted, in words that do not show it; ``None`` where it
    looks strong.
    """
    if value == "":
        return "is empty"
    if value.lower() in PUBLIC_KEYS:
        return "is publicly known (from documentation)"
    if PLACEHOLDER.search(value):
        return "is a placeholder"
    core = value[3:] if value.startswith("sk-") else value
    if len(core) < LEAST_LENGTH:
        return "has %d characters; at least %d are needed" % (len(core), LEAST_LENGTH)
    if len(set(core)) < LEAST_DIFFERENT:
        return "has only %d different characters" % len(set(core))
    return None


_SALT = (
    "a salt key cannot be changed without losing what it encrypts; accept it with"
    " preflight_accept_weak: [LITELLM_SALT_KEY]"
)
_MASTER = (
    "%sset a strong one (openssl rand -hex 24) where the legacy proxy has it (its environment, or"
    " general_settings.master_key), restart the proxy, and run again"
)


def _before(environment: dict[str, str]) -> str:
    """What has to be done before a master key is changed: without a salt key, it is the one with
    which LiteLLM has encrypted what is stored."""
    if "LITELLM_SALT_KEY" in environment:
        return ""
    return (
        "name the key that it has now as LITELLM_SALT_KEY first, since stored credentials are"
        " encrypted with it (and accept that: preflight_accept_weak: [LITELLM_SALT_KEY]), then "
    )


def check_keys(
    environment: dict[str, str], configured: Iterable[str], accepted: Iterable[str]
) -> list[Problem]:
    """The keys that guard everything.

    :param configured: names of keys that ``config.yaml`` sets itself (``LITELLM_MASTER_KEY`` for
        general_settings.master_key).
    :param accepted: variables whose weakness the operator has accepted (a salt key cannot be
        changed).
    """
    found, accepted = [], set(accepted)
    if "LITELLM_MASTER_KEY" not in environment and "LITELLM_MASTER_KEY" not in configured:
        found.append(
            Problem(
                "LITELLM_MASTER_KEY",
                "the running proxy has none, so it is open to everybody",
                "set one in the legacy environment, restart the proxy, and run again",
            )
        )
    for name in ("LITELLM_MASTER_KEY", "LITELLM_SALT_KEY"):
        fault = weakness(environment[name]) if name in environment else None
        if fault and name not in accepted:
            remedy = _SALT if name == "LITELLM_SALT_KEY" else _MASTER % _before(environment)
            found.append(Problem(name, "the value that the running proxy has %s" % fault, remedy))
    return found


def check_overrides(overrides: Mapping[str, Optional[str]]) -> list[Problem]:
    """Secrets that the operator gives must be better than ``changeme``; ``None`` is none."""
    found = []
    for name, value in sorted(overrides.items()):
        secret = value is not None and re.search(r"PASSWORD|MASTER_KEY|SALT_KEY", name)
        fault = weakness(str(value)) if secret else None
        if fault:
            found.append(
                Problem(
                    "env_file_overrides.%s" % name,
                    "the value given %s" % fault,
                    "give a strong one, or leave the variable out: passwords are then generated",
                )
            )
    return found


def check_salt(outcome: Optional[bool], rows: int) -> list[Problem]:
    """The only proof that a salt key is right is a stored row that it decrypts (``None``: there is
    no row to try, or its format is unknown).
    """
    if outcome is False:
        return [
            Problem(
                "LITELLM_SALT_KEY",
                "the key that the proxy runs with cannot decrypt the credentials of the %d "
                "model(s) stored in the database" % rows,
                "find the key that they were stored with; with this one those models are "
                "lost already, and would be after the migration",
            )
        ]
    return []


def check_ports(ports: Iterable[Port]) -> list[Problem]:
    """A port must be free or held by the legacy deployment."""
    return [
        Problem(
            "port %d (%s)" % (port.number, port.name),
            "is held by %s, not by %s" % (port.holder, port.expected)
            if port.expected != NOBODY
            else "is held by %s, and is to be the new deployment's" % port.holder,
            "it stays as it is: set another %s" % _CHOOSE[port.name]
            if port.expected == NOBODY and port.name in _CHOOSE
            else "it stays as it is: see whose it is, and run again once it has another port",
        )
        for port in ports
        if port.holder and not port.ours
    ]


def check_downtime(seconds: int) -> list[Problem]:
    """How long clients may be refused is some time, or no limit."""
    if seconds >= 0:
        return []
    return [
        Problem(
            "litellm_max_downtime",
            "%d is less than no time" % seconds,
            "give the seconds for which clients may be refused, or 0 for no limit",
        )
    ]


def check_hold(seconds: int) -> list[Problem]:
    """How long clients may wait is some time, or none, and no longer than a run may take."""
    if 0 <= seconds <= LONGEST_HOLD:
        return []
    return [
        Problem(
            "litellm_max_hold",
            "%d is no time from 0 to %d seconds" % (seconds, LONGEST_HOLD),
            "give the seconds for which clients may wait while nobody serves, or 0 to have them"
            " refused at once",
        )
    ]


def check_chosen(chosen: Mapping[str, int], taken: Iterable[int]) -> list[Problem]:
    """The ports for the time of a migration are some, and each another than the others and those
    that the deployment itself serves.

    :param chosen: by the variables that choose them.
    """
    found, used = [], dict.fromkeys(taken, "a port of the deployment itself")
    for variable, number in chosen.items():
        wrong = used.get(number, "" if 0 < number < 65536 else "not a port")
        if wrong:
            found.append(
                Problem(variable, "%d is %s" % (number, wrong), "choose a free one below 65536")
            )
        used[number] = "that of %s" % variable
    return found


def check_image(variable: str, image: Image, platform: str) -> list[Problem]:
    """An image must be there or such that the engine can get it, for this platform. What nobody
    tells is no reason to refuse."""
    if image.error:
        return [
            Problem(
                variable,
                "image %s: %s" % (image.reference, image.error),
                "bring it with `docker load`, or give a name that can be pulled"
                if is_id(image.reference)
                else "`docker pull %s` as root says more: check the reference and `docker login`;"
                " or bring it with `docker load` and give the name that it has here"
                % image.reference,
            )
        ]
    if image.platforms and platform not in image.platforms:
        return [
            Problem(
                variable,
                "image %s is for %s; this host is %s"
                % (image.reference, ", ".join(image.platforms), platform),
                "use an image for this platform",
            )
        ]
    return []


def check_release(variable: str, wanted: Optional[str], legacy: Optional[str]) -> list[Problem]:
    """The LiteLLM release of the image (``None``: it does not say; staging asks it) against the
    list of bad ones and the legacy one.
    """
    found = []
    if wanted and any(re.fullmatch(bad, wanted) for bad in BAD_RELEASES):
        found.append(
            Problem(
                variable,
                "LiteLLM %s is on the list of known-bad releases: it was published with malware"
                % wanted,
                "choose another release and never deploy this one",
            )
        )
    elif wanted and legacy and numbers(wanted) != numbers(legacy):
        found.append(
            Problem(
                variable,
                "the image holds LiteLLM %s, the legacy deployment runs %s" % (wanted, legacy),
                "move with the same release first and upgrade afterwards: schema changes "
                "have no way back",
            )
        )
    return found


def check_migrations(
    variable: str, offered: Optional[Iterable[str]], applied: Optional[Iterable[str]]
) -> list[Problem]:
    """The schema migrations that the image brings against the database's ledger; ``None`` where one
    of them has none.

    With the same LiteLLM release on both sides nothing is pending; a database that is behind was
    not kept up by its own proxy.
    """
    pending = (
        sorted(set(offered) - set(applied)) if offered is not None and applied is not None else []
    )
    if not pending:
        return []
    return [
        Problem(
            variable,
            "brings %d schema migrations that the legacy database does not have (the first is %s)"
            % (len(pending), pending[0]),
            "start the legacy proxy once with DISABLE_SCHEMA_UPDATE=false, so that it brings "
            "its own database up to date, and run again",
        )
    ]


def check_traces(legacy: Optional[str], traces: Iterable[str]) -> list[Problem]:
    """Signs that the environment that is being left is not to be trusted."""
    found = [
        Problem(
            path,
            "is a trace of a malicious release in the legacy environment",
            "treat every secret of this host as known to others: investigate before anything else",
        )
        for path in traces
        if not path.endswith("sitecustomize.py")
    ]
    if legacy and any(re.fullmatch(bad, legacy) for bad in BAD_RELEASES):
        found.append(
            Problem(
                "legacy environment",
                "LiteLLM %s was published with malware" % legacy,
                "treat every secret of this host as known to others: investigate before "
                "anything else",
            )
        )
    return found


def check_majors(
    variable: str, what: str, image: Image, declared: str, native: Optional[int]
) -> list[Problem]:
    """A container of a lower major cannot take the native server's data."""
    offered = major(image, declared)
    if not image.error and offered is not None and native is not None and offered < native:
        return [
            Problem(
                variable,
                "image %s is %s %d, the native server is %d: data never go to a lower major"
                % (image.reference, what, offered, native),
                "use %s %d or newer" % (what, native),
            )
        ]
    return []


def check_formats(
    variable: str,
    target: Optional[_formats.Release],
    native: Optional[_formats.Release],
    holds_spend: bool,
) -> tuple[list[Problem], list[Problem]]:
    """Whether keys can be carried to the image's Redis and back, by what both write and read:
    problems and warnings.

    :param holds_spend: whether there may be spend in Redis that no database has.
    """
    if target is None or native is None:
        return [], []
    if _formats.carried(native, target) is False:
        return [
            Problem(
                variable,
                "the image has %s, which does not read what the native %s writes (format %s)"
                % (target, native, native.writes),
                "use an image of %s or newer, or start empty with litellm_carry_redis: false"
                % native,
            )
        ], []
    if _formats.carried(target, native):
        return [], []
    seen = "the image has %s, whose snapshots the native %s need not read" % (target, native)
    if target.writes is not None and native.writes is not None:
        seen = "the image has %s, whose snapshots (format %d) the native %s does not read" % (
            target,
            target.writes,
            native,
        )
    if holds_spend:
        said = "%s: spend that waits in Redis for the database could not come back" % seen
        remedy = "use an image of %s, or switch use_redis_transaction_buffer off first" % native
        return [Problem(variable, said, remedy)], []
    said = "%s: a rollback leaves the keys in the container's volume" % seen
    remedy = "cached answers and counters then begin anew; with an image of %s they come back"
    return [], [Problem(variable, said, remedy % native)]


def check_disk(needs: Iterable[tuple[str, int, int, int]]) -> list[Problem]:
    """Free space.

    ``needs``: (path, device, bytes needed, bytes free); what shares a device is added up.
    """
    found = []
    devices: dict[int, list[tuple[str, int, int]]] = {}
    for path, device, needed, free in needs:
        devices.setdefault(device, []).append((path, needed, free))
    for entries in devices.values():
        needed, free = sum(entry[1] for entry in entries), entries[0][2]
        if needed > free:
            found.append(
                Problem(
                    "disk space",
                    "%s need%s %s together, %s are free"
                    % (
                        " and ".join(entry[0] for entry in entries),
                        "s" if len(entries) == 1 else "",
                        size(needed),
                        size(free),
                    ),
                    "free at least %s there, or set other folders" % size(needed - free),
                )
            )
    return found


def check_names(volumes: dict[str, bool], containers: dict[str, bool]) -> list[Problem]:
    """Volumes and containers that have our names: name to whether it is ours."""
    found = [
        Problem(
            "volume %s" % name,
            "exists and was not made by this collection for this host",
            "it stays as it is: set another litellm_project_name",
        )
        for name, ours in sorted(volumes.items())
        if not ours
    ]
    return found + [
        Problem(
            "container %s" % name,
            "exists and was not made by this collection for this host",
            "it stays as it is: set another litellm_project_name",
        )
        for name, ours in sorted(containers.items())
        if not ours
    ]


def check_subnet(variable: str, subnet: str, taken: Iterable[tuple[str, str]]) -> list[Problem]:
    """The compose network's subnet against (subnet, name) of other networks and routes."""
    try:
        wanted = ipaddress.ip_network(subnet)
    except ValueError as error:
        return [
            Problem(
                variable,
                "%s (%s)" % (subnet, error),
                "give a private IPv4 subnet such as 172.30.40.0/24",
            )
        ]
    if (
        wanted.version != 4
        or not wanted.is_private
        or wanted.is_loopback
        or wanted.is_link_local
        or wanted.prefixlen > 28
    ):
        return [
            Problem(
                variable,
                "%s is not a private IPv4 subnet of at least 16 addresses" % subnet,
                "give one such as 172.30.40.0/24",
            )
        ]
    return [
        Problem(
            variable,
            "%s overlaps with %s (%s)" % (subnet, other, name),
            "choose a subnet that is free",
        )
        for other, name in taken
        if wanted.overlaps(ipaddress.ip_network(other))
    ]


def warn(legacy: Optional[str], unreachable: Iterable[str], traces: Iterable[str]) -> list[Problem]:
    """What the operator should know and what does not stop a migration."""
    found = []
    if legacy and numbers(legacy) < LEAST_SAFE_RELEASE:
        found.append(
            Problem(
                "LiteLLM %s" % legacy,
                "has known holes (CVE-2026-42208, CVE-2026-49468)",
                "upgrade soon after the migration",
            )
        )
    if legacy and numbers(legacy) < FIRST_FLUSHING_RELEASE:
        found.append(
            Problem(
                "LiteLLM %s" % legacy,
                "does not write its last spend when it stops",
                "the last seconds of spend before the cutover can be missing, as at every "
                "restart so far",
            )
        )
    for name in unreachable:
        found.append(
            Problem(
                "model server %s" % name,
                "does not answer now",
                "if it was stopped on purpose, nothing needs to be done",
            )
        )
    for path in traces:
        if path.endswith("sitecustomize.py"):
            found.append(
                Problem(
                    path,
                    "runs at every start of the legacy Python",
                    "make sure that it is yours: malicious releases left such files",
                )
            )
    return found
