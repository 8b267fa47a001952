# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the proxy's container has what the proxy needs, asked of itself before the cutover.

One container of the project's service, with its files, network and user, is run for the question
and removed after it; nothing of LiteLLM starts.
"""

from __future__ import annotations

import ipaddress
import json
import os
import socket
from typing import Any, Mapping, NamedTuple, Sequence

from . import compose_project as _compose_project
from .compose_project import DeploymentError

SECONDS = 120.0
_ITSELF = (
    "it knows %s as itself (%s): write 127.0.0.1 instead of the name, which is rewritten for the"
    " container, restart the proxy, and run again"
)
# As LiteLLM's own process looks for modules: beside its program, and where it works.
_INSIDE = """import importlib.util, json, os, shutil, socket, sys, threading
wanted = json.loads(sys.argv[1])
sys.path.append(os.getcwd())
lost = {"files": {}, "modules": {}, "programs": {}, "hosts": {}, "servers": {}}
for path in wanted["files"]:
    try:
        os.listdir(path) if os.path.isdir(path) else open(path, "rb").close()
    except OSError as error:
        lost["files"][path] = error.strerror
for name in wanted["modules"]:
    try:
        there = importlib.util.find_spec(name.split(".")[0]) is not None
    except (ImportError, ValueError):
        there = False
    if not there:
        lost["modules"][name] = "no module of that name"
for name in wanted["programs"]:
    if shutil.which(name) is None:
        lost["programs"][name] = "no program of that name"
def ask(name):
    try:
        socket.getaddrinfo(name, None)
        lost["hosts"].pop(name)
    except OSError:
        pass
def connect(name):
    host, port = name.rsplit(":", 1)
    try:
        socket.create_connection((host.strip("[]"), int(port)), 15).close()
        lost["servers"].pop(name)
    except OSError as error:
        lost["servers"][name] = str(error)
lost["hosts"] = dict.fromkeys(wanted["hosts"], "not known")
lost["servers"] = dict.fromkeys(wanted["servers"], "no answer")
jobs = [(ask, name) for name in wanted["hosts"]]
jobs += [(connect, name) for name in wanted["servers"]]
threads = [threading.Thread(target=job, args=(name,), daemon=True) for job, name in jobs]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join(20)
print(json.dumps(lost), flush=True)
os._exit(0)
"""


class Verdict(NamedTuple):
    """What is missing, in words with what to do, and what is only to be known; both empty where the
    container has everything."""

    problems: list[str]
    notes: list[str]


def ask(folder: str, files: Sequence[str], wanted: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """What the container lacks: for each kind, names with the reason.

    :param files: of Compose, in the project's folder. ``wanted``: ``files`` (places in the
        container), ``modules``, ``programs``, ``hosts`` and ``servers`` (``host:port``).
    :raises DeploymentError: it can't be asked.
    """
    # Compose takes a name that it is given from where it works, not from the project's folder
    words = [word for name in files for word in ("--file", os.path.join(folder, name))]
    words += ["run", "--rm", "--no-deps", "--no-TTY", "--entrypoint", "python3", "litellm"]
    kinds = ("files", "modules", "programs", "hosts", "servers")
    asked = {kind: list(wanted.get(kind, ())) for kind in kinds}
    answer = _compose_project.compose(
        folder, [*words, "-c", _INSIDE, json.dumps(asked)], timeout=SECONDS
    )
    try:
        found = json.loads(answer.out.strip().splitlines()[-1]) if answer.rc == 0 else None
    except (ValueError, IndexError):
        found = None
    if not isinstance(found, dict):
        lines = answer.err.strip().splitlines() or ["exit code %d" % answer.rc]
        raise DeploymentError("the container can't be asked for what it needs: %s" % lines[-1])
    return found


def check(lost: Mapping[str, Mapping[str, str]], known: Mapping[str, str]) -> Verdict:
    """What of that is missing.

    :param known: addresses of hosts as this host knows them; a name that nobody knows is no fault
        of the container.
    """
    problems = [
        "%s: LiteLLM can't read it in its container (%s); mount it with litellm_mounts" % item
        for item in sorted(lost.get("files", {}).items())
    ]
    problems += [
        "Python module %s: the image has none; take an image that has it, or mount it with"
        " litellm_mounts" % name
        for name in sorted(lost.get("modules", {}))
    ]
    problems += [
        "program %s: the image has none; take an image that has it, or take what names it out of"
        " the configuration" % name
        for name in sorted(lost.get("programs", {}))
    ]
    hosts = sorted(lost.get("hosts", {}))
    problems += [
        "host %s: the container does not know it, and this host does; " % name
        + (_ITSELF if _is_itself(known[name]) else "litellm_extra_hosts: {%s: %s}")
        % (name, known[name])
        for name in hosts
        if name in known
    ]
    problems += [
        "server %s: the container does not reach it (%s); let its firewall, and this host's, take"
        " connections from the containers' subnet" % item
        for item in sorted(lost.get("servers", {}).items())
    ]
    notes = ["host %s is known to nobody here" % name for name in hosts if name not in known]
    return Verdict(problems, notes)


def _is_itself(address: str) -> bool:
    """Whether an address means another machine to whoever asks."""
    found = ipaddress.ip_address(address.partition("%")[0])
    return found.is_loopback or found.is_link_local


def addresses(names: Sequence[str]) -> dict[str, str]:
    """The addresses of hosts as this host knows them, of those that it knows."""
    found = {}
    for name in names:
        try:
            told = [str(item[4][0]) for item in socket.getaddrinfo(name, None)]
        except (OSError, UnicodeError):  # the latter of what is no host's name
            continue
        # a name of the host's own may be known by its loopback address too
        found[name] = min(told, key=lambda address: (_is_itself(address), ":" in address))
    return found
