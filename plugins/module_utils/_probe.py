# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the models of a proxy can really do, each asked for each of its mode's capabilities, against what LiteLLM declares of them.

A result is ``{model, capability, state, why, seconds, first (seconds to the first words of a stream), tokens}``; its ``state`` is ``yes``, ``no``
(answered, but without it) or ``failed`` (no usable answer).
"""
from __future__ import annotations

import fnmatch
import json
import time
from typing import Any, Callable, Iterable, NamedTuple, Optional
from urllib.parse import urlsplit

from . import _capabilities, _exercise
from ._answer import Answer
from ._capabilities import Capability
from ._client import Client
from ._environment_rules import is_loopback

YES, NO, BROKEN = "yes", "no", "failed"
SCOPES = ("local", "all")
# As LiteLLM refuses what a model's provider does not have.
REFUSED = (400, 404, 422)


class Model(NamedTuple):
    """A name that the proxy lists. ``local``: all of its deployments are on this host, so that asking costs nothing."""

    name: str
    mode: str
    local: bool
    declared: dict[str, Optional[bool]]


class Options(NamedTuple):
    """``scope``: ``local`` models only, or ``all``; ``names``: patterns, one of which must match; most models, requests and tokens (0: no limit)."""

    scope: str = "local"
    names: tuple[str, ...] = ()
    models: int = 0
    requests: int = 200
    tokens: int = 20000


class Task(NamedTuple):
    """One question to one model."""

    model: str
    capability: Capability


def models(told: Iterable[dict[str, Any]], local_hosts: Iterable[str] = ()) -> list[Model]:
    """The models of ``GET /model/info``, each name once, local ones first, patterns left out."""
    hosts = set(local_hosts)
    found: dict[str, Model] = {}
    for item in told:
        name, info = str(item.get("model_name")), item.get("model_info") or {}
        if "*" in name:
            continue
        params = item.get("litellm_params") or {}
        local = any(_is_local(params.get(key), hosts) for key in ("api_base", "base_url"))
        declared = {field: info.get(field) if isinstance(info.get(field), bool) else None
                    for field in (capability.declared_by for capability in _capabilities.CHAT) if field}
        earlier = found.get(name)
        if earlier:  # one name for several deployments: the proxy chooses among them
            local = local and earlier.local
            declared = {field: value if value == earlier.declared.get(field) else None for field, value in declared.items()}
        found[name] = Model(name, info.get("mode") or "chat", local, declared)
    return sorted(found.values(), key=lambda model: (not model.local, model.name))


def _is_local(address: Any, hosts: set[str]) -> bool:
    try:
        host = urlsplit(address if isinstance(address, str) else "").hostname or ""
    except ValueError:
        return False
    return bool(host) and (is_loopback(host) or host in hosts)


def plan(found: list[Model], options: Options) -> list[Task]:
    """The questions, in the order in which they are asked. A model whose mode nobody can ask for has none."""
    chosen = [model for model in found if (options.scope == "all" or model.local)
              and (not options.names or any(fnmatch.fnmatchcase(model.name, pattern) for pattern in options.names))]
    chosen = chosen[:options.models] if options.models else chosen
    return [Task(model.name, capability) for model in chosen for capability in _capabilities.BY_MODE.get(model.mode, ())]


def ask(client: Client, task: Task) -> dict[str, Any]:
    """One question, and what its answer shows."""
    payload = {"model": task.model, **task.capability.payload, **_exercise.OWN}
    pieces: list[bytes] = []
    first: list[float] = []
    begun = time.monotonic()

    def watch(piece: bytes) -> None:
        """Finds the time at which the first words of a stream were there."""
        if first or not payload.get("stream"):
            return
        pieces.append(piece)
        try:
            if _capabilities.events(b"".join(pieces).rpartition(b"\n")[0].decode("utf-8", "replace"))["text"]:
                first.append(round(time.monotonic() - begun, 3))
        except (ValueError, TypeError, AttributeError):
            return  # the whole of it is judged later

    answer = client.request("POST", task.capability.path, payload, watch)
    return {"model": task.model, "capability": task.capability.name, "seconds": round(time.monotonic() - begun, 3), "first": first[0] if first else None,
            **judge(task.capability, answer)}


def judge(capability: Capability, answer: Answer) -> dict[str, Any]:
    """``state``, ``why`` and ``tokens`` of an answer."""
    if answer.status != 200:
        lacking = answer.status in REFUSED and bool(capability.declared_by)
        return {"state": NO if lacking else BROKEN, "why": _exercise.reason_of(answer), "tokens": None}
    try:
        body = _capabilities.events(str(answer.body)) if capability.payload.get("stream") else json.loads(answer.body)
        seen, why = capability.judge(body)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, OverflowError):
        return {"state": BROKEN, "why": "the answer has not the form that it should have", "tokens": None}
    used = body.get("tokens") if capability.payload.get("stream") else _capabilities.tokens(body)
    return {"state": YES if seen else NO, "why": why, "tokens": used}


def run(client: Client, tasks: list[Task], options: Options, done: list[dict[str, Any]], keep: Callable[[dict[str, Any]], None],
        tell: Callable[[str], None] = lambda line: None) -> list[dict[str, Any]]:
    """Ask everything that is not in ``done`` yet, within the budget.

    :param done: results of a run that was interrupted.
    :param keep: called with each new result at once, so that an interruption loses none.
    :returns: all results; those of tasks that the budget left out have the state ``skipped``.
    """
    results = list(done)
    there = {(result["model"], result["capability"]) for result in results}
    requests, tokens = len(results), sum(result["tokens"] or 0 for result in results)
    left = [task for task in tasks if (task.model, task.capability.name) not in there]
    for number, task in enumerate(left, len(there) + 1):
        if (options.requests and requests >= options.requests) or (options.tokens and tokens >= options.tokens):
            results.append({"model": task.model, "capability": task.capability.name, "state": "skipped", "why": "the budget is used up",
                            "seconds": 0.0, "first": None, "tokens": None})
            continue
        result = ask(client, task)
        requests, tokens = requests + 1, tokens + (result["tokens"] or 0)
        keep(result)
        results.append(result)
        why = " (%s)" % result["why"] if result["why"] else ""
        tell("%d of %d  %s, %s: %s%s" % (number, len(tasks), task.model, task.capability.name, result["state"], why))
    return results


def matrix(found: list[Model], results: list[dict[str, Any]], earlier: Iterable[dict[str, Any]] = ()) -> list[dict[str, Any]]:
    """Declared against observed: ``{model, mode, local, capability, declared, state, why, seconds, first, differs, drift}`` for each result.

    ``differs``: in words, where LiteLLM declares something else; ``drift``: the state in the ``earlier`` run, where it was another one.
    """
    known = {model.name: model for model in found}
    before = {(result["model"], result["capability"]): result["state"] for result in earlier if result["state"] != "skipped"}
    fields = {capability.name: capability.declared_by for capability in _capabilities.CHAT}
    rows = []
    for result in results:
        model = known[result["model"]]
        field = fields.get(result["capability"], "")
        declared = model.declared.get(field) if field else True
        differs = ""
        if declared is True and result["state"] in (NO, BROKEN):
            differs = "declared, not seen"
        elif declared is False and result["state"] == YES:
            differs = "seen, not declared"
        was = before.get((result["model"], result["capability"]))
        drift = was if was is not None and result["state"] != "skipped" and was != result["state"] else None
        rows.append({**result, "mode": model.mode, "local": model.local, "declared": declared, "differs": differs, "drift": drift})
    return rows
