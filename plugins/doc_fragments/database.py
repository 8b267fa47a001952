# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How modules name a database: :data:`_postgres.endpoint.ENDPOINT_OPTIONS`, by option."""

from __future__ import annotations


class ModuleDocFragment:
    """Parts ``database.endpoint``, ``database.source`` and ``database.target``.

    Written out, since ansible-test reads literals only.
    """

    ENDPOINT = r"""
options:
  endpoint:
    description:
      - The database, as the module's own description says.
      - With O(endpoint.env_file) the server is reached as its URL says, by client programs of the
        host that only root can have put there; with O(endpoint.container) by the container's own
        client programs on its local socket.
    type: dict
    required: true
    suboptions:
      env_file:
        description:
          - Env file on the host (0600) that holds the database's URL. The URL never leaves the
            host.
        type: path
      variable:
        description: Name of the variable in O(endpoint.env_file).
        type: str
        default: DATABASE_URL
      container:
        description: Name of a running container with a PostgreSQL server.
        type: str
      database:
        description:
          - Name of the database. Needed with O(endpoint.container); otherwise it takes the place of
            the URL's.
        type: str
      user:
        description: Role to connect as. Needed with O(endpoint.container).
        type: str
      image:
        description:
          - Image of PostgreSQL, of its server's major version or newer, which is on the host. With
            it the client programs run in containers of their own. For a server on another host.
        type: str
      rootcert:
        description:
          - File of the host with the certificates by which the URL has the server verified, where
            it is at another place than the URL says.
        type: path
"""

    SOURCE = r"""
options:
  source:
    description:
      - The database, as the module's own description says.
      - With O(source.env_file) the server is reached as its URL says, by client programs of the
        host; with O(source.container) by the container's own client programs on its local socket.
    type: dict
    required: true
    suboptions:
      env_file:
        description:
          - Env file on the host (0600) that holds the database's URL. The URL never leaves the
            host.
        type: path
      variable:
        description: Name of the variable in O(source.env_file).
        type: str
        default: DATABASE_URL
      container:
        description: Name of a running container with a PostgreSQL server.
        type: str
      database:
        description:
          - Name of the database. Needed with O(source.container); otherwise it takes the place of
            the URL's.
        type: str
      user:
        description: Role to connect as. Needed with O(source.container).
        type: str
      image:
        description:
          - Image of PostgreSQL, of its server's major version or newer, which is on the host. With
            it the client programs run in containers of their own. For a server on another host.
        type: str
      rootcert:
        description:
          - File of the host with the certificates by which the URL has the server verified, where
            it is at another place than the URL says.
        type: path
"""

    TARGET = r"""
options:
  target:
    description:
      - The database, as the module's own description says.
      - With O(target.env_file) the server is reached as its URL says, by client programs of the
        host; with O(target.container) by the container's own client programs on its local socket.
    type: dict
    required: true
    suboptions:
      env_file:
        description:
          - Env file on the host (0600) that holds the database's URL. The URL never leaves the
            host.
        type: path
      variable:
        description: Name of the variable in O(target.env_file).
        type: str
        default: DATABASE_URL
      container:
        description: Name of a running container with a PostgreSQL server.
        type: str
      database:
        description:
          - Name of the database. Needed with O(target.container); otherwise it takes the place of
            the URL's.
        type: str
      user:
        description: Role to connect as. Needed with O(target.container).
        type: str
      image:
        description:
          - Image of PostgreSQL, of its server's major version or newer, which is on the host. With
            it the client programs run in containers of their own. For a server on another host.
        type: str
      rootcert:
        description:
          - File of the host with the certificates by which the URL has the server verified, where
            it is at another place than the URL says.
        type: path
"""
