"""The text of PgBouncer's own files."""

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._pooler import settings as _settings
from ansible_collections.llmops.litellm.plugins.module_utils._pooler.client import Client
from ansible_collections.llmops.litellm.plugins.module_utils._pooler.target import (
    PoolerError,
    Target,
)

CLIENT = Client('us"er', "litellm", 6433, "own")
TARGET = Target("127.0.0.1", 5434, "data base", 'us"er', "it's # ; hunter2 %", "require")
INI = """[databases]
litellm = host='127.0.0.1' port=5434 dbname='data base' user='us"er' password='it''s # ; hunter2 %'

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = 6433
unix_socket_dir =
auth_type = scram-sha-256
auth_file = /etc/pgbouncer/users.txt
pool_mode = transaction
default_pool_size = 7
max_client_conn = 500
max_prepared_statements = 200
ignore_startup_parameters = extra_float_digits,options,search_path
query_wait_timeout = 3600
client_login_timeout = 3600
server_login_retry = 0.2
server_connect_timeout = 5
client_tls_sslmode = disable
server_tls_sslmode = require
log_connections = 0
log_disconnections = 0
log_stats = 0
"""


def test_settings_of_a_pooler() -> None:
    assert _settings.ini(CLIENT, TARGET, 7) == INI
    assert _settings.pool_size(INI) == 7


def test_an_account_has_its_own_password() -> None:
    assert _settings.users(CLIENT) == '"us""er" "own"\n'


def test_without_a_password_there_is_none() -> None:
    made = _settings.ini(CLIENT, dataclasses.replace(TARGET, password=""), 7)
    assert "password=" not in made and "auth_file" in made


@pytest.mark.parametrize("name", ["host", "database", "user", "password"])
@pytest.mark.parametrize("value", ["hunter2\nx", "hunter2\r", "hunter2\0", "hunter2" * 300])
def test_what_pgbouncer_cannot_express_is_refused(name: str, value: str) -> None:
    with pytest.raises(PoolerError) as raised:
        _settings.ini(CLIENT, dataclasses.replace(TARGET, **{name: value}), 7)
    assert f"the database's {name} " in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_length_is_counted_in_bytes() -> None:
    long = dataclasses.replace(TARGET, database="ü" * 32)
    with pytest.raises(PoolerError, match="longer"):
        _settings.ini(CLIENT, long, 7)
    _settings.ini(CLIENT, dataclasses.replace(TARGET, database="u" * 63), 7)


def test_a_user_of_several_lines_is_refused() -> None:
    with pytest.raises(PoolerError):
        _settings.users(dataclasses.replace(CLIENT, user="a\nb"))


def test_settings_of_somebody_else() -> None:
    with pytest.raises(PoolerError, match="none|not one of ours"):
        _settings.pool_size("[pgbouncer]\n;default_pool_size = 20\n")
