# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL's client programs from an image, for a server on another host, and the certificate by
which they know it.

Each program is a container of its own, which is removed when it ends. It has the host's network,
nobody's account, nothing of the host but the certificate, and the password by its environment.
"""

from __future__ import annotations

import os
from typing import Mapping, Sequence

from .._host.account import NOBODY
from .._host.paths import weakness
from .programs import PostgresError

INSIDE = "/run/server-ca.pem"  # where the container has the certificate
VERIFYING = ("verify-ca", "verify-full")
# Where distributions have the certificates that they trust, as LiteLLM's own client finds them.
SYSTEM = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
# What a program prints is rows of the database: none of it goes into a log of the engine's.
_RUN = (
    *("run", "--rm", "--interactive", "--pull", "never", "--log-driver", "none"),
    *("--network", "host", "--userns", "host", "--read-only", "--cap-drop", "ALL"),
    *("--security-opt", "no-new-privileges:true", "--label", "llmops.litellm.client"),
)


def command(
    engine: Sequence[str], image: str, program: str, environment: Sequence[str], rootcert: str
) -> list[str]:
    """The command line up to a program's arguments.

    :param environment: ``NAME=value``, or ``NAME`` alone for one of the caller's.
    :param rootcert: the certificate's file on the host, empty for none.
    """
    group, mount = NOBODY, []
    if rootcert:
        try:
            group = os.stat(rootcert).st_gid
        except OSError as error:
            raise PostgresError("%s: %s" % (rootcert, error.strerror)) from None
        quoted = '"source=%s"' % rootcert.replace('"', '""')
        mount = ["--mount", "type=bind,%s,target=%s,readonly" % (quoted, INSIDE)]
    given = [word for value in environment for word in ("--env", value)]
    account = ["--user", "%d:%d" % (NOBODY, group)]
    return [*engine, *_RUN, *account, *mount, *given, "--entrypoint", program, image]


def verification(query: Mapping[str, str], mode: str) -> tuple[str, str]:
    """How a client is to know its server, by the query of a URL in the words of libpq or of
    Prisma: ``sslmode``, and the file with the certificates to trust (empty: it is not verified).

    :param mode: ``sslmode``, as far as libpq knows it.
    """
    if query.get("sslaccept") == "strict" and mode != "disable":
        mode = "verify-full"
    if mode not in VERIFYING:
        return mode, ""
    named = query.get("sslrootcert") or query.get("sslcert") or "system"
    if named != "system":
        return mode, named
    return mode, next((path for path in SYSTEM if os.path.exists(path)), SYSTEM[0])


def check(rootcert: str) -> None:
    """:raises PostgresError: a certificate's file is not one that root alone has chosen."""
    if not os.path.isabs(rootcert):
        raise PostgresError(
            "the database URL names the certificate %s, by no absolute path" % rootcert
        )
    try:
        weak = weakness(rootcert)
    except OSError as error:
        weak = "%s: %s" % (rootcert, error.strerror)
    if weak:
        raise PostgresError(
            "the database URL names the certificate %s, which root does not take (%s): copy it to"
            " where only root can write, such as /etc/litellm/database-ca.pem (mode 0644), and name"
            " it there" % (rootcert, weak)
        )
