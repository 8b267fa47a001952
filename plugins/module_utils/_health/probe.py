# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the models of a proxy can really do, each asked for each of its mode's capabilities, against
what LiteLLM declares of them.

A result is ``{model, capability, state, why, seconds, first (seconds to the first words of a
stream), tokens}``; its ``state`` is ``yes``, ``no`` (answered, but without it), ``failed`` (no
usable answer) or ``skipped``.
"""

from __future__ import annotations

import fnmatch
import json
import time
from typing import Any, Callable, Iterable, NamedTuple, Optional
from urllib.parse import urlsplit

from .._config.environment_rules import is_loopback
from .._litellm.client import Answer, Client, whole
from . import capabilities as _capabilities
from . import sample_request as _sample_request
from .capabilities import Capability

YES, NO, BROKEN, SKIPPED = "yes", "no", "failed", "skipped"
BUDGET, SILENT = "the budget is used up", "it gave no usable answer before"
SCOPES = ("local", "all")
# As LiteLLM refuses what a model's provider does not have.
REFUSED = (400, 404, 422)


class Model(NamedTuple):
    """A name that the proxy lists. ``local``: all of its deployments are on this host, so that
    asking costs nothing; ``dimensions``: of its vectors, where they are declared; ``alias_of``: the
    model that it is another name for."""

    name: str
    mode: str
    local: bool
    declared: dict[str, Optional[bool]]
    dimensions: Optional[int] = None
    alias_of: str = ""


class Options(NamedTuple):
    """``scope``: ``local`` models only, or ``all``; ``names``: patterns, one of which must match;
    most models, requests and tokens (0: no limit)."""

    scope: str = "local"
    names: tuple[str, ...] = ()
    models: int = 0
    requests: int = 200
    tokens: int = 20000


class Task(NamedTuple):
    """One question to one model."""

    model: str
    capability: Capability


def models(
    result: Iterable[Any],
    local_hosts: Iterable[str] = (),
    own_ports: Iterable[int] = (),
    aliases: Optional[dict[str, str]] = None,
) -> list[Model]:
    """The models of ``GET /model/info``, each name once, local ones first.

    :param own_ports: the proxy's own; a model at one of them is behind a proxy, and nobody knows
        what it costs.
    :param aliases: names of the router, which the proxy lists as models, and what they stand for.
    """
    hosts, own = set(local_hosts), set(own_ports)
    found: dict[str, Model] = {}
    for item in result:
        if not isinstance(item, dict):
            continue
        name, info, params = (
            str(item.get("model_name")),
            _object(item, "model_info"),
            _object(item, "litellm_params"),
        )
        local = any(_is_local(params.get(key), hosts, own) for key in ("api_base", "base_url"))
        declared = {
            field: info.get(field) if isinstance(info.get(field), bool) else None
            for field in (capability.declared_by for capability in _capabilities.CHAT)
            if field
        }
        earlier = found.get(name)
        if earlier:  # one name for several deployments: the proxy chooses among them
            local = local and earlier.local
            declared = {
                field: value if value == earlier.declared.get(field) else None
                for field, value in declared.items()
            }
        mode, size = info.get("mode"), whole(info.get("output_vector_size"))
        found[name] = Model(
            name,
            mode if isinstance(mode, str) and mode else "chat",
            local,
            declared,
            size if not earlier or size == earlier.dimensions else None,
            (aliases or {}).get(name, ""),
        )
    return sorted(found.values(), key=lambda model: (not model.local, model.name))


def _object(item: dict[str, Any], name: str) -> dict[str, Any]:
    value = item.get(name)
    return value if isinstance(value, dict) else {}


def _is_local(address: Any, hosts: set[str], own_ports: set[int]) -> bool:
    try:
        parts = urlsplit(address if isinstance(address, str) else "")
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return False
    return bool(host) and (is_loopback(host) or host in hosts) and port not in own_ports


def plan(found: list[Model], options: Options) -> list[Task]:
    """The questions, in the order in which they are asked."""
    out = left_out(found, options)
    return [
        Task(model.name, capability)
        for model in found
        if model.name not in out
        for capability in _capabilities.BY_MODE[model.mode]
    ]


def left_out(found: list[Model], options: Options) -> dict[str, str]:
    """The models that are not asked anything, and why."""
    out: dict[str, str] = {}
    chosen = 0
    for model in found:
        if "*" in model.name:
            out[model.name] = "a pattern, not a model"
        elif model.alias_of:
            out[model.name] = "another name for %s" % model.alias_of
        elif options.names and not any(
            fnmatch.fnmatchcase(model.name, pattern) for pattern in options.names
        ):
            out[model.name] = "not named"
        elif options.scope != "all" and not model.local:
            out[model.name] = "not on this host, so it may cost money"
        elif model.mode not in _capabilities.BY_MODE:
            out[model.name] = "no question is known for the mode %s" % model.mode
        elif options.models and chosen >= options.models:
            out[model.name] = "beyond the limit of models"
        else:
            chosen += 1
    return out


def ask(client: Client, task: Task) -> dict[str, Any]:
    """One question, and what its answer shows."""
    payload = {"model": task.model, **task.capability.payload, **_sample_request.OWN}
    pieces: list[bytes] = []
    first: list[float] = []
    begun = time.monotonic()

    def watch(piece: bytes) -> None:
        """Finds the time at which the first words of a stream were there."""
        if first or not payload.get("stream"):
            return
        pieces.append(piece)
        try:
            if _capabilities.events(
                b"".join(pieces).rpartition(b"\n")[0].decode("utf-8", "replace")
            )["text"]:
                first.append(round(time.monotonic() - begun, 3))
        except (ValueError, TypeError, AttributeError):
            return  # the whole of it is checked later

    answer = client.request("POST", task.capability.path, payload, watch)
    return {
        "model": task.model,
        "capability": task.capability.name,
        "seconds": round(time.monotonic() - begun, 3),
        "first": first[0] if first else None,
        **check(task.capability, answer),
    }


def check(capability: Capability, answer: Answer) -> dict[str, Any]:
    """``state``, ``why`` and ``tokens`` of an answer."""
    if answer.status != 200:
        lacking = answer.status in REFUSED and bool(capability.declared_by)
        return {
            "state": NO if lacking else BROKEN,
            "why": _sample_request.reason_of(answer),
            "tokens": None,
        }
    try:
        body = (
            _capabilities.events(str(answer.body))
            if capability.payload.get("stream")
            else json.loads(answer.body)
        )
        seen, why = capability.check(body)
    except (
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        RecursionError,
        OverflowError,
    ):
        return {
            "state": BROKEN,
            "why": "the answer has not the form that it should have",
            "tokens": None,
        }
    used = body.get("tokens") if capability.payload.get("stream") else _capabilities.tokens(body)
    return {"state": YES if seen else NO, "why": why, "tokens": used}


def run(
    client: Client,
    tasks: list[Task],
    options: Options,
    done: list[dict[str, Any]],
    keep: Callable[[dict[str, Any]], None],
    tell: Callable[[str], None] = lambda line: None,
) -> list[dict[str, Any]]:
    """Ask everything that is not in ``done`` yet, within the budget: nothing more is asked once it
    is used up. An answer that does not say how many tokens it took counts for as many as it may
    have taken. A model that can't even do what its mode says is asked nothing more.

    :param done: results of a run that was interrupted.
    :param keep: called with each new result at once, so that an interruption loses none.
    :returns: all results; those of tasks that the budget left out have the state ``skipped``.
    """
    wanted = {(task.model, task.capability.name) for task in tasks}
    results = [result for result in done if (result["model"], result["capability"]) in wanted]
    there = {(result["model"], result["capability"]) for result in results}
    requests, tokens = len(results), sum(map(_cost, results))
    first: dict[str, str] = {}
    for task in tasks:
        first.setdefault(task.model, task.capability.name)
    silent = {
        result["model"]
        for result in results
        if result["state"] == BROKEN and result["capability"] == first[result["model"]]
    }
    left = [task for task in tasks if (task.model, task.capability.name) not in there]
    for number, task in enumerate(left, len(there) + 1):
        spent = (options.requests and requests >= options.requests) or (
            options.tokens and tokens >= options.tokens
        )
        if spent or task.model in silent:
            results.append(
                {
                    "model": task.model,
                    "capability": task.capability.name,
                    "state": SKIPPED,
                    "why": BUDGET if spent else SILENT,
                    "seconds": 0.0,
                    "first": None,
                    "tokens": None,
                }
            )
            continue
        result = ask(client, task)
        requests, tokens = requests + 1, tokens + _cost(result)
        keep(result)
        results.append(result)
        if result["state"] == BROKEN and task.capability.name == first[task.model]:
            silent.add(task.model)
        why = " (%s)" % result["why"] if result["why"] else ""
        tell(
            "%d of %d  %s, %s: %s%s"
            % (number, len(tasks), task.model, task.capability.name, result["state"], why)
        )
    return results


def _cost(result: dict[str, Any]) -> int:
    """The tokens of one answer."""
    found = result["tokens"]
    return int(
        _capabilities.TOKENS if found is None and result["state"] in (YES, NO) else found or 0
    )


def shown(result: dict[str, Any]) -> str:
    """What is compared with another run: the state and, of vectors, their dimensions."""
    return (
        "%s (%s)" % (result["state"], result["why"])
        if result["capability"] == "embedding" and result["state"] == YES
        else str(result["state"])
    )


def matrix(
    found: list[Model],
    results: list[dict[str, Any]],
    earlier: Optional[dict[tuple[str, str], dict[str, Any]]] = None,
) -> list[dict[str, Any]]:
    """Declared against observed: ``{model, mode, local, capability, declared, state, why, seconds,
    first, tokens, differs, drift, before}`` for each result.

    ``differs``: in words, where LiteLLM declares something else; ``drift``: what it was in an
    ``earlier`` run (``{shown, seconds}`` by model and capability), where it was something else;
    ``before``: the seconds that it took then.
    """
    known = {model.name: model for model in found}
    memory = earlier or {}
    fields = {capability.name: capability.declared_by for capability in _capabilities.CHAT}
    rows = []
    for result in results:
        model = known[result["model"]]
        field = fields.get(result["capability"], "")
        declared = model.declared.get(field) if field else True
        was = memory.get((result["model"], result["capability"]))
        skipped = result["state"] == SKIPPED
        drift = (
            was["shown"]
            if was is not None and not skipped and was["shown"] != shown(result)
            else None
        )
        rows.append(
            {
                **result,
                "mode": model.mode,
                "local": model.local,
                "declared": declared,
                "differs": _differs(model, result, declared),
                "drift": drift,
                "before": was["seconds"] if was is not None and not skipped else None,
            }
        )
    return rows


def _differs(model: Model, result: dict[str, Any], declared: Optional[bool]) -> str:
    if declared is True and result["state"] in (NO, BROKEN):
        return "declared, not seen"
    if declared is False and result["state"] == YES:
        return "seen, not declared"
    if (
        result["capability"] == "embedding"
        and result["state"] == YES
        and model.dimensions
        and result["why"] != "%d dimensions" % model.dimensions
    ):
        return "declared with %d dimensions" % model.dimensions
    return ""
