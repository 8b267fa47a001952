# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a configuration, an environment, a command line and a stored model name that is not in them:
files, Python modules, programs, hosts, sockets, variables (as LiteLLM 1.102.4 reads them).

Pure: whether something is there, and what becomes of it, is :mod:`_config.needs_files`' matter.
Much looks like a path and is none: a URL's path (``/v1``), a Bedrock ARN, a model with slashes, a
secret in base64. So a setting that is known to name a file counts as it is written
(:data:`SURE`), another one only where a file is there (:data:`LIKELY`, :data:`GUESS`).
"""

from __future__ import annotations

import ipaddress
import json
import re
from typing import Any, Iterable, Iterator, Mapping, NamedTuple, Optional, Sequence
from urllib.parse import parse_qsl

from . import includes as _includes
from . import yaml_values as _yaml_values
from .environment_rules import is_loopback, why_dropped
from .loopback import LOGIN, line_of
from .loopback import REFERENCE as MARK

FILE, MODULE, PROGRAM, SOCKET = "file", "module", "program", "socket"
HOST, REFERENCE, PLACE = "host", "reference", "place"
# A path whatever it is; one where something is there; an absolute one where something is there that
# no image has of its own.
SURE, LIKELY, GUESS = 3, 2, 1

_MODULES = re.compile(
    r"callbacks|success_callback|failure_callback|audit_log_callbacks|post_call_rules"
    r"|custom_handler|custom_auth|custom_key_generate|custom_key_update|custom_validate"
    r"|custom_team_metadata_validate|custom_sso|custom_ui_sso_sign_in_handler|guardrail|handler"
    r"|custom_secret_manager|routing_plugins|classifier_plugin|target"
)
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
_HOOK = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):\w+")
# Keys and variables whose value is a path and nothing else.
_FILES = re.compile(
    r"(?:.*_)?(?:keyfile|certfile)(?:_path)?|(?:.*_)?(?:file|filepath|file_path|ca_certs?|ca_bundle"
    r"|cert_path|key_path|ca_path|certificate_path|prompt_directory|cert_dir|path_service_account)"
    r"|spec_path|auto_router_config_path|presidio_ad_hoc_recognizers|log_config|kubeconfig"
    r"|google_application_credentials|requests_ca_bundle|node_extra_ca_certs",
    re.I,
)
_MAYBE = re.compile(
    r"(?:.*_)?(?:credentials|ssl_verify|ssl_certificate|client_cert|client_key|logo_path"
    r"|logo_path_dark|identity_token)",
    re.I,
)
# Folders that LiteLLM or its libraries write to, by their variable or key.
_PLACES = re.compile(
    r"prometheus_multiproc_dir|(?:custom_)?tiktoken_cache_dir|disk_cache_dir|hf_home|xdg_cache_home"
    r"|transformers_cache|mcp_npm_cache_dir|litellm_ui_path|litellm_assets_path"
    r"|(?:xai_oauth|chatgpt|github_copilot)_token_dir",
    re.I,
)
# What holds a URL's path, a route, a name with slashes or an identifier.
_NO_PATHS = re.compile(
    r"(?:.*_)?(?:path|route|routes|endpoint|endpoints|prefix|prefixes|root_path|s3_path|model"
    r"|model_name|models|arn|id|url|uri|base|description|mount_path|inspect_path)",
    re.I,
)
_HOSTS = re.compile(r"(?:.*_)?(?:host|hostname)|(?:.*_)?host_name", re.I)
_NAME = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9])?"
    r"(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*\.?"
)
_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{0,31})://%s"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s/@?#'\":,\[\]]*)" % LOGIN
)
_STORE = re.compile(r"(?:postgres(?:ql)?|rediss?)://[^?\s]*\?(?P<query>\S*)\Z", re.I)
_CERTIFICATES = {
    *("sslrootcert", "sslcert", "sslkey", "sslidentity"),
    *("ssl_ca_certs", "ssl_certfile", "ssl_keyfile"),
}
# Their "host" is a bucket, or nothing.
_NO_HOSTS = {"s3", "gs", "gcs", "os", "file", "unix", "data"}
_UNIX = re.compile(r"(?:[a-z]+\+)?unix://(?P<path>/[^?#\s]*)|unix:(?P<bare>/[^?#\s]*)", re.I)
_ABSOLUTE = re.compile(r"/[^\0\n\r:;,|<>*\"'`{}]+")
_TEXT = re.compile(r"\s*(?:[{\[]|-----)")
_WORDS = {"true", "false", "none", "null", "yes", "no", "on", "off", ""}
# Below these the image has its own.
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/proc", "/sys", "/dev", "/tmp")
_LONGEST = 4096


class Named(NamedTuple):
    """Something that is needed: its kind, its name as written, and where, for an operator.

    ``weight`` of a file: :data:`SURE`, :data:`LIKELY` or :data:`GUESS`. ``variable``: the
    environment's name of it, empty where it has none.
    """

    kind: str
    name: str
    where: str
    weight: int = SURE
    variable: str = ""


def of_config(path: str, text: str) -> list[Named]:
    """What a config.yaml, or a file that it includes, names."""
    found: list[Named] = []
    for value in _yaml_values.scan(text).values:
        if value.path[:1] == _includes.INCLUDE:
            continue
        where = "%s:%d" % (path, line_of(text, value.start))
        keys = tuple(key.strip("\"'") for key in value.path if key != "-")
        found += _of_value(keys, _includes.decoded(text, value).strip(), where)
    return list(dict.fromkeys(found))


def of_environment(environment: Mapping[str, str], elsewhere: Iterable[str] = ()) -> list[Named]:
    """What variables name; those that no container gets are left out.

    :param elsewhere: stores that stay where they are.
    """
    found: list[Named] = []
    for name, value in environment.items():
        if why_dropped(name, elsewhere):
            continue
        where = "%s of the environment" % name
        if name == "LITELLM_WORKER_STARTUP_HOOKS":
            found += [Named(MODULE, item, where) for item in _HOOK.findall(value)]
            continue
        found += [
            item._replace(variable=name)
            if item.kind in (FILE, PLACE) and item.where == where
            else item
            for item in _of_value((name,), value, where)
        ]
    return found


def of_options(options: Sequence[str]) -> list[Named]:
    """What LiteLLM's command line names beyond address and configuration."""
    found: list[Named] = []
    key = ""
    for word in options:
        if word.startswith("-"):
            key = word.lstrip("-")
        else:
            found += _of_value((key,), word, "--%s of the command line" % key)
    return found


def of_stored(name: str, values: Mapping[str, Any]) -> list[Named]:
    """What a model that is stored in the database names; values as they are decrypted."""
    where = "model %s of the database" % name
    return [
        item
        for key, value in values.items()
        if isinstance(value, str)
        for item in _of_value(("litellm_params", key), value, where)
    ]


def _of_value(keys: tuple[str, ...], value: str, where: str) -> Iterator[Named]:
    key = keys[-1] if keys else ""
    if value.lower() in _WORDS or len(value) > _LONGEST or _TEXT.match(value):
        return
    reference = _reference(value)
    if reference:
        yield Named(REFERENCE, reference, where)
    elif value.startswith("oidc/file/"):
        yield Named(FILE, value[len("oidc/file/") :], where)
    elif _UNIX.match(value):
        match = _UNIX.match(value)
        yield Named(SOCKET, (match["path"] or match["bare"]) if match else "", where)
    elif _is_module(keys, value):
        yield Named(MODULE, value.rpartition(".")[0], where)
    elif key == "command" and "mcp_servers" in keys:
        yield Named(PROGRAM, value, where)
    else:
        yield from _hosts(key, value, where)
        yield from _files(key, value, where)
        yield from _of_store(value, where)


def _of_store(value: str, where: str) -> Iterator[Named]:
    """Files that the URL of a database or a Redis names, whose client looks for them there."""
    match = _STORE.match(value)
    for name, path in parse_qsl(match["query"]) if match else ():
        if name in _CERTIFICATES and path != "system":
            yield Named(FILE, path, "%s, %s" % (where, name))


def _reference(value: str) -> str:
    for head in (MARK, "oidc/env/", "oidc/env_path/"):
        if value.startswith(head):
            return value[len(head) :]
    return ""


def _is_module(keys: tuple[str, ...], value: str) -> bool:
    """Whether a value is the path of something in Python. LiteLLM has callbacks, guardrails and
    targets of other kinds too, which have no dot or are URLs."""
    if not keys or not _MODULES.fullmatch(keys[-1]) or not _DOTTED.fullmatch(value):
        return False
    if keys[-1] in ("target", "handler") and not {"pass_through_endpoints", "mcp_tools"} & {*keys}:
        return False
    return value.split(".")[0] != "litellm"


def _hosts(key: str, value: str, where: str) -> Iterator[Named]:
    names = [
        match["host"] for match in _URL.finditer(value) if match["scheme"].lower() not in _NO_HOSTS
    ]
    if not names and _HOSTS.fullmatch(key):
        names = [value.rpartition(":")[0] or value]
    for name in names:
        if is_name(name):
            yield Named(HOST, name.rstrip(".").lower(), where)


def is_name(host: str) -> bool:
    """Whether a host has to be looked up, and is not this one by its usual name."""
    if not _NAME.fullmatch(host) or is_loopback(host):
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return not re.fullmatch(r"[0-9.]+", host)
    return False


def _files(key: str, value: str, where: str) -> Iterator[Named]:
    if value.startswith("file:///"):
        yield Named(FILE, value[len("file://") :], where)
    elif "://" in value or "\n" in value:
        return
    elif _PLACES.fullmatch(key):
        yield Named(PLACE, value, where)
    elif _FILES.fullmatch(key):
        yield Named(FILE, value, where)
    elif _MAYBE.fullmatch(key):
        yield Named(FILE, value, where, LIKELY)
    elif not _NO_PATHS.fullmatch(key) and _ABSOLUTE.fullmatch(value) and not _own(value):
        yield Named(FILE, value, where, GUESS)


def _own(path: str) -> bool:
    """Whether an image has its own of it, or it is no more than a folder of the first level."""
    return path.rstrip("/").count("/") < 2 or path.startswith(tuple(top + "/" for top in SYSTEM))


class Home(NamedTuple):
    """Files below the account's home that a library reads without being told.

    ``variable``: tells it where they are (a folder's, where it ends with ``_DIR``). ``wanted``:
    what names it in the configuration or the environment.
    """

    variable: str
    path: str
    wanted: "re.Pattern[str]"


_AWS = re.compile(r"aws_profile_name|\bAWS_(?:DEFAULT_)?PROFILE\b|\b(?:bedrock|sagemaker)[a-z_]*/")
HOMES = (
    Home("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials", _AWS),
    Home("AWS_CONFIG_FILE", ".aws/config", _AWS),
    Home(
        "GOOGLE_APPLICATION_CREDENTIALS",
        ".config/gcloud/application_default_credentials.json",
        re.compile(r"\bvertex_ai(?:_beta)?/"),
    ),
    Home(
        "GITHUB_COPILOT_TOKEN_DIR",
        ".config/litellm/github_copilot",
        re.compile(r"\bgithub_copilot/"),
    ),
    Home("CHATGPT_TOKEN_DIR", ".config/litellm/chatgpt", re.compile(r"\bchatgpt/")),
)


def of_home(home: str, environment: Mapping[str, str], texts: Iterable[str]) -> list[Named]:
    """Files below the account's home that LiteLLM's libraries look for, each with the variable that
    names it.

    :param texts: of the configuration, what it includes, and stored models.
    """
    said = [*texts, *environment]
    return [
        Named(
            FILE, "%s/%s" % (home.rstrip("/"), item.path), "~/%s" % item.path, LIKELY, item.variable
        )
        for item in HOMES
        if item.variable not in environment and any(item.wanted.search(text) for text in said)
    ]


def host_names(text: str) -> dict[str, str]:
    """The names of an ``/etc/hosts``, with their first address."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        for name in words[1:]:
            found.setdefault(name.lower(), words[0])
    return found


def odd_hosts(given: Mapping[str, Any]) -> list[str]:
    """Names, of an operator's, that can't be a host's, or whose address is none."""
    found = []
    for name, address in given.items():
        try:
            ipaddress.ip_address(address if isinstance(address, str) else "")
        except ValueError:
            found.append(str(name))
            continue
        if not is_name(str(name)):
            found.append(str(name))
    return found


def missing(
    named: Iterable[Named], environment: Mapping[str, str], configured: Iterable[str]
) -> list[Named]:
    """References to variables that an environment has not, each name once.

    :param configured: names that the configuration sets itself (``environment_variables:``).
    """
    there = {*environment, *configured}
    gone = {
        item.name: item
        for item in reversed(list(named))
        if item.kind == REFERENCE and item.name not in there
    }
    return sorted(gone.values(), key=lambda item: item.name)


def configured(text: str) -> list[str]:
    """The variables that a config.yaml sets itself, other than by another variable."""
    scan = _yaml_values.scan(text)
    return [
        value.path[1].strip("\"'")
        for value in scan.values
        if len(value.path) == 2
        and value.path[0] == "environment_variables"
        and not text[value.start : value.end].startswith(MARK)
    ]


def parameters(text: Optional[str]) -> dict[str, Any]:
    """A stored model's parameters; empty where they are none."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
