# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan the compose deployment's ``.env`` from the environment of the running legacy process.

Pure: new passwords come from a function in the settings.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Optional
from urllib.parse import quote, urlsplit

from . import environment_rules as rules
from .envfile import fault
from .environment_files import Finding, LegacyFile, compare
from .environment_rules import ELSEWHERE, HERE
from .loopback import BARE_ADDRESS, URL, moved, port_of

PROCESS = "legacy process"
KEYS = ("LITELLM_MASTER_KEY", "LITELLM_SALT_KEY")
OVERRIDES = "env_file_overrides"


class Settings(NamedTuple):
    """The input of the operator and the playbook.

    - ``own_ports``: the proxy's own ports, the same before and after; a URL that names one is for
      its clients.
    - ``native_ports``: the legacy database's and Redis', which no container reaches.
    - ``bridged_ports``: loopback ports that containers reach at ``gateway_name``; ``None``: all
      others.
    - ``overrides``: final values by name, ``None`` to leave a variable out.
    - ``adopt``: names from lines that systemd dropped.
    - ``existing``: the ``.env`` of an earlier run, whose passwords stay.
    - ``stores``: other variables by which the configuration names them (see
      :func:`_config.stores.variables`).
    - ``redis_is_here``: whether every Redis that the proxy uses is this host's, whatever REDIS_HOST
      and REDIS_URL name: its configuration comes before them.
    - ``where``: where ``database`` and ``redis`` are (see :func:`_config.stores.where`); one that
      is elsewhere stays there.
    - ``native``: whether there was a legacy process, whose keys are the only right ones.
    - ``keys``: without one, whether a master key and a salt key that nobody gave are generated:
      nothing is encrypted yet.
    """

    database: str = "litellm"
    user: str = "litellm"
    postgres_host: str = "postgres"
    postgres_port: int = 5432
    redis_host: str = "redis"
    redis_port: int = 6379
    gateway_name: str = "host.docker.internal"
    own_ports: Sequence[int] = (4000,)
    native_ports: Sequence[int] = (5434, 6379)
    bridged_ports: Optional[Sequence[int]] = None
    master_key_in_config: bool = False
    overrides: Mapping[str, Optional[str]] = {}
    adopt: Sequence[str] = ()
    existing: Mapping[str, str] = {}
    stores: Mapping[str, str] = {}
    redis_is_here: bool = False
    where: Mapping[str, str] = {}
    native: bool = True
    keys: bool = False
    generate: Callable[[], str] = lambda: secrets.token_urlsafe(32)


class Entry(NamedTuple):
    """What becomes of a variable.

    ``status``: kept, replaced, dropped, added, generated, absent or ignored (named by a file, never
    in the process). No value in it.
    """

    name: str
    status: str
    origin: str
    reason: str


class EnvironmentPlan(NamedTuple):
    """``values`` are secret, the rest can be shown.

    With a ``problem`` nothing should be written.
    """

    values: dict[str, str]
    entries: list[Entry]
    findings: list[Finding]
    warnings: list[str]
    problems: list[str]


def plan(
    process_env: Mapping[str, str], files: Sequence[LegacyFile], settings: Settings
) -> EnvironmentPlan:
    """Decide every variable of the new ``.env``."""
    return _Planner(process_env, files, settings).run()


def database_url(
    user: str, password: str, host: str, port: int, database: str, old: str = ""
) -> str:
    """A PostgreSQL URL, percent-encoded; parameters of the old one that still apply are kept."""
    wanted = [
        item
        for item in old.partition("?")[2].partition("#")[0].split("&")
        if item.partition("=")[0] in rules.URL_PARAMETERS
    ]
    made = "postgresql://%s:%s@%s:%d/%s" % (
        quote(user, safe=""),
        quote(password, safe=""),
        host,
        port,
        quote(database, safe=""),
    )
    return made + ("?" + "&".join(wanted) if wanted else "")


class _Planner:
    def __init__(
        self, process: Mapping[str, str], files: Sequence[LegacyFile], settings: Settings
    ) -> None:
        self.process, self.settings = process, settings
        self.compared = compare(process, files)
        self.values: dict[str, str] = {}
        self.entries: dict[str, Entry] = {}
        self.warnings: list[str] = []
        self.problems: list[str] = []

    def run(self) -> EnvironmentPlan:
        self._overrides()
        self._keys()
        self._postgres()
        self._redis()
        for name, default in rules.DEFAULTS.items():
            if default.forced or name not in self.process:
                self._replace(name, default.value, default.reason)
        self._generated("UI_PASSWORD", "without one, the UI took the master key for its password")
        self._carry_over()
        self._adopt()
        self._no_proxy()
        self._check()
        for name, (origin, _value) in self.compared.adoptable.items():
            self._note(
                name,
                "ignored",
                origin,
                "systemd dropped the line, so the proxy never had it; if it is wanted: "
                "env_file_adopt: [%s]" % name,
            )
        order = {name: index for index, name in enumerate(rules.ORDER)}
        names = sorted(self.values, key=lambda name: (order.get(name, len(rules.ORDER)), name))
        return EnvironmentPlan(
            {name: self.values[name] for name in names},
            sorted(self.entries.values()),
            self.compared.findings,
            self.warnings,
            self.problems,
        )

    # What the steps are made of: the first one to decide on a name has it.

    def _note(self, name: str, status: str, origin: str, reason: str) -> None:
        if name not in self.entries:
            self.entries[name] = Entry(name, status, origin, reason)

    def _set(self, name: str, value: str, status: str, origin: str, reason: str) -> None:
        if name not in self.entries:
            self.values[name] = value
            self._note(name, status, origin, reason)

    def _origin(self, name: str) -> str:
        return self.compared.origins.get(name, PROCESS)

    def _replace(self, name: str, value: str, reason: str) -> None:
        """A value that is decided here: kept, replaced or added, depending on the process."""
        if self.process.get(name) == value:
            self._set(name, value, "kept", self._origin(name), "")
        else:
            status = "replaced" if name in self.process else "added"
            self._set(name, value, status, "default", reason)

    def _generated(self, name: str, reason: str, keep: bool = True, prefix: str = "") -> None:
        """A password: of the process (``keep``), of an earlier run, or a new one."""
        if name in self.entries or (keep and name in self.process):
            return
        earlier = self.settings.existing.get(name)
        self._set(
            name,
            earlier or prefix + self.settings.generate(),
            "generated",
            "earlier run" if earlier else "new",
            reason,
        )

    # The steps.

    def _overrides(self) -> None:
        for name, value in self.settings.overrides.items():
            if value is None:
                self._note(name, "dropped", OVERRIDES, "the operator left it out")
                continue
            wrong = fault(name, value)
            if wrong:
                self.problems.append("%s: %s: %s." % (OVERRIDES, name, wrong))
                continue
            if self.process.get(name) == value:
                self._set(name, value, "kept", OVERRIDES, "")
            else:
                status = "replaced" if name in self.process else "added"
                self._set(name, value, status, OVERRIDES, "the operator's value")

    def _keys(self) -> None:
        """Master key and salt key: of a legacy process never generated.

        Without a salt key LiteLLM encrypts stored credentials with the master key.
        """
        if not self.settings.native:
            self._own_keys()
            return
        master = self.process.get("LITELLM_MASTER_KEY")
        in_config = self.settings.master_key_in_config
        if master is None:
            self._note(
                "LITELLM_MASTER_KEY",
                "absent",
                "config.yaml" if in_config else "",
                "general_settings.master_key has it" if in_config else "the process had none",
            )
        salt = self.process.get("LITELLM_SALT_KEY")
        if salt is None and "LITELLM_SALT_KEY" in self.settings.adopt:
            self.problems.append(
                "env_file_adopt: LITELLM_SALT_KEY: the proxy never had it, so what is stored "
                "was encrypted without it and could not be read any more. Take it off the "
                "list."
            )
        if salt is None and "LITELLM_SALT_KEY" not in self.entries:
            if master and not in_config:
                self._set(
                    "LITELLM_SALT_KEY",
                    master,
                    "added",
                    "LITELLM_MASTER_KEY of the " + PROCESS,
                    "without a salt key the proxy encrypted with its master key; written "
                    "out, so that the master key can change",
                )
            else:
                self._note(
                    "LITELLM_SALT_KEY",
                    "absent",
                    "config.yaml" if in_config else "",
                    "the process had none and encrypts with its master key; a new one would "
                    "make stored credentials unreadable",
                )
        if self.entries.get("LITELLM_SALT_KEY", Entry("", "", "", "")).origin == OVERRIDES:
            old = master if salt is None else salt
            new = self.values.get(
                "LITELLM_SALT_KEY", self.settings.overrides.get("LITELLM_MASTER_KEY", master)
            )
            if old is not None and new != old:
                self.warnings.append(
                    "%s: LITELLM_SALT_KEY: the legacy proxy encrypts with another key, so "
                    "credentials of models that are stored in the database cannot be read. "
                    "Take it off the list unless none are stored." % OVERRIDES
                )

    def _own_keys(self) -> None:
        """Both keys of a deployment that had no legacy process: what .env has stays."""
        for name in KEYS:
            if name in self.entries or name in self.process:
                continue
            if name == KEYS[0] and self.settings.master_key_in_config:
                self._note(name, "absent", "config.yaml", "general_settings.master_key has it")
            elif self.settings.keys or self.settings.existing.get(name):
                self._generated(name, "nobody gave one", prefix="sk-")
            elif name == KEYS[1] and KEYS[0] in self.values:
                self._note(name, "absent", "", "what is stored is encrypted with the master key")
            else:
                self.problems.append(
                    "%s is neither in .env nor in %s, and the database is not new: what is stored"
                    " was encrypted with the one that it had. Bring .env back, or give it in %s."
                    % (name, OVERRIDES, OVERRIDES)
                )

    def _stays(self, name: str) -> None:
        """What names a server that stays where it is: it may have been made of other variables, or
        be the configuration's."""
        if name in self.process:
            reason = "names a server that stays where it is"
            self._set(name, self.process[name], "kept", self._origin(name), reason)

    def _postgres(self) -> None:
        given = self.settings
        if given.where.get("database", HERE) != HERE:
            self._stays("DATABASE_URL")
            return
        self._replace("POSTGRES_USER", given.user, "the role in the container")
        self._replace("POSTGRES_DB", given.database, "the database in the container")
        self._generated(
            "POSTGRES_PASSWORD", "the container's database has a password of its own", keep=False
        )
        others = [name for name, what in given.stores.items() if what == "database"]
        for name in ("DATABASE_URL", "DIRECT_URL", *others):
            if name == "DATABASE_URL" or name in self.process:
                part = [
                    self.values.get("POSTGRES_" + key, "") for key in ("USER", "PASSWORD", "DB")
                ]
                url = database_url(
                    part[0],
                    part[1],
                    given.postgres_host,
                    given.postgres_port,
                    part[2],
                    self.process.get(name, ""),
                )
                self._replace(name, url, "names the database in the container")

    def _redis(self) -> None:
        given, process = self.settings, self.process
        if given.where.get("redis") == ELSEWHERE:
            if self.values.get("REDIS_HOST") == given.redis_host:
                self.problems.append(
                    "%s: REDIS_HOST: there is no Redis in a container, since the proxy's is on "
                    "another host and stays there. Take it off the list." % OVERRIDES
                )
            return
        url = process.get("REDIS_URL")
        host = process.get("REDIS_HOST")
        try:
            url_host = urlsplit(url).hostname if url else None
        except ValueError:
            url_host = ""
        for name, named in (("REDIS_HOST", host), ("REDIS_URL", url_host)):
            if name in self.entries or not named or rules.is_loopback(named):
                continue
            if given.redis_is_here:
                continue
            self.problems.append(
                "%s: names a Redis on another host, which this release does not copy. "
                "To start with the container's instead: %s: {%s: %s}."
                % (name, OVERRIDES, name, "null" if name == "REDIS_URL" else given.redis_host)
            )
        self._replace("REDIS_HOST", given.redis_host, "the Redis in the container")
        self._replace("REDIS_PORT", str(given.redis_port), "the Redis in the container")
        self._generated(
            "REDIS_PASSWORD", "the container's Redis has a password of its own", keep=False
        )
        if url is not None:
            self._replace("REDIS_URL", self._redis_url(url), "the Redis in the container")
        values = {
            "host": given.redis_host,
            "port": str(given.redis_port),
            "password": self.values.get("REDIS_PASSWORD", ""),
            "username": "default",
            "ssl": "false",
        }
        for name, what in given.stores.items():
            value = self._redis_url(process.get(name, "")) if what == "url" else values.get(what)
            if value is not None:
                self._replace(name, value, "the Redis in the container")

    def _redis_url(self, old: str) -> str:
        """A URL of the Redis in the container, with the number of the same database."""
        number = re.search(r"[^/]/([0-9]+)(?:[?#]|\Z)|[?&]db=([0-9]+)", old)
        return "redis://:%s@%s:%d%s" % (
            quote(self.values.get("REDIS_PASSWORD", ""), safe=""),
            self.settings.redis_host,
            self.settings.redis_port,
            "/" + (number[2] or number[1]) if number else "",
        )

    def _carry_over(self) -> None:
        elsewhere = [store for store, place in self.settings.where.items() if place == ELSEWHERE]
        for name, value in self.process.items():
            if name in self.entries:
                continue
            why = rules.why_dropped(name, elsewhere)
            wrong = fault(name, value)
            if why:
                self._note(name, "dropped", self._origin(name), why)
            elif wrong:
                self.problems.append(
                    "%s of the legacy process cannot be written: %s. Give it, or null, in %s."
                    % (name, wrong, OVERRIDES)
                )
            else:
                self._carry(name, value, "kept", self._origin(name), "")

    def _carry(self, name: str, value: str, status: str, origin: str, reason: str) -> None:
        moved = self._rewrite(name, value)
        if moved != value:
            self._set(
                name,
                moved,
                "replaced" if status == "kept" else status,
                origin,
                "a container reaches the host's loopback address as %s"
                % self.settings.gateway_name,
            )
        else:
            self._set(name, value, status, origin, reason)

    def _rewrite(self, name: str, value: str) -> str:
        """Rewrite loopback URLs of servers that stay on the host for the container."""

        def replace(match: "re.Match[str]") -> str:
            port = port_of(match)
            if not port or port in self.settings.own_ports:
                return match.group()
            bridged = self.settings.bridged_ports
            if port in self.settings.native_ports or (bridged is not None and port not in bridged):
                self._unreachable(name)
                return match.group()
            return moved(match, self.settings.gateway_name)

        if BARE_ADDRESS.match(value):
            self._unreachable(name)
        return URL.sub(replace, value)

    def _unreachable(self, name: str) -> None:
        self.warnings.append(
            "%s names a loopback address of the host that containers cannot reach. If the "
            "proxy needs it, set what it shall be in %s." % (name, OVERRIDES)
        )

    def _adopt(self) -> None:
        for name in self.settings.adopt:
            if name in self.process:
                self.warnings.append(
                    "env_file_adopt: the process has %s already, and its value is kept." % name
                )
            elif name not in self.compared.adoptable:
                self.problems.append(
                    "env_file_adopt: no legacy file has a line for %s that systemd drops and "
                    "that can be read without a shell. Give its value in %s." % (name, OVERRIDES)
                )
            else:
                origin, value = self.compared.adoptable[name]
                self._carry(
                    name, value, "added", origin, "systemd dropped the line; the operator wants it"
                )

    def _no_proxy(self) -> None:
        """Keep requests that went to the loopback address away from an outgoing proxy."""
        for name in ("NO_PROXY", "no_proxy"):
            listed = [item.strip() for item in self.values.get(name, "").split(",")]
            if self.entries.get(name, Entry("", "", OVERRIDES, "")).origin == OVERRIDES or not any(
                map(rules.is_loopback, listed)
            ):
                continue
            wanted = [
                host
                for host in (self.settings.gateway_name, self.settings.redis_host)
                if host not in listed
            ]
            self.values[name] = ",".join([self.values[name], *wanted])
            if wanted:
                self.entries[name] = Entry(
                    name,
                    "replaced",
                    self.entries[name].origin,
                    "with the names of what was on the loopback address",
                )

    def _check(self) -> None:
        """Report what cannot work, and warn of what would surprise after the migration."""
        for name in ("POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB", "REDIS_PASSWORD"):
            if not self.values.get(name) and name in self.settings.overrides:
                self.problems.append(
                    "%s: %s must not be empty: the containers do not start without it."
                    % (OVERRIDES, name)
                )
        for name, (value, said) in rules.STEERING.items():
            if self.values.get(name) == value:
                self.warnings.append("%s is %s: %s." % (name, value, said))
        if self.values.get("LITELLM_LOG", "").upper() == "DEBUG":
            self.warnings.append(
                "LITELLM_LOG is DEBUG: LiteLLM writes prompts and keys into its log."
            )
