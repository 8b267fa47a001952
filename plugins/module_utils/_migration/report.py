# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a migration and of its rollback: what the journal holds, as a person reads it.
Pure; the journal has no secrets."""

from __future__ import annotations

from typing import Any, Optional, Sequence

from .._config.environment_rules import ELSEWHERE, HERE, NOWHERE
from .._deployment import places as _places
from .._deployment import steps as _steps
from .._deployment.journal import (
    DONE,
    FINALIZED,
    MIGRATED,
    ROLLED_BACK,
    UNTOUCHED,
    Journal,
    facts_of,
    seconds_between,
    step,
)
from .._host.files import size
from . import snapshot as _snapshot

# By state: the outcome of a run that went well, and of one that failed.
OUTCOMES = {
    MIGRATED: (
        "The host is migrated: %s in Docker Compose.",
        "The rollback failed. Nothing was lost: the host is migrated as before,"
        " and the compose deployment serves.",
    ),
    FINALIZED: ("The host is migrated, and its legacy deployment is retired for good.",) * 2,
    ROLLED_BACK: (
        "The host is rolled back: the legacy deployment serves again, as it was.",
        "The migration failed, and the legacy deployment serves again, as it was.",
    ),
    UNTOUCHED: (
        "The legacy deployment was not touched and serves.",
        "The migration failed before the cutover."
        " The legacy deployment was not touched and serves.",
    ),
}

_NAMES = {"litellm": "LiteLLM", "postgres": "PostgreSQL", "redis": "Redis"}


def build(journal: Journal, folder: str) -> dict:
    """The report as data: ``outcome``, ``phases`` (name, meaning, state, seconds),
    ``refused_seconds``, ``waited``, ``watched``, ``proofs``, ``found``, ``environment``,
    ``changes``, ``undo``, ``warnings``, ``stuck`` (what is where, when neither way could be ended).

    :param folder: the state folder, for the paths that are named.
    """
    facts = journal["facts"]
    found = facts.get("found", {})
    return {
        "host": found.get("host", ""),
        "id": journal["id"],
        "state": journal["state"],
        "outcome": _outcome(journal),
        "failure": facts.get("failure"),
        "stuck": stuck(journal) if facts.get("stuck") else [],
        "began": journal["created"],
        "ended": journal.get("ended"),
        "phases": _phases(journal),
        "refused_seconds": None if waited(journal) or led(journal) else refused(journal),
        "waited": waited(journal),
        "led": led(journal),
        "not_led": not_led(journal),
        "watched": watched(journal),
        "proofs": _proofs(journal),
        "found": _found(found),
        "environment": _environment(journal),
        "warnings": facts.get("warnings", [])
        + facts_of(journal, _steps.of(_steps.REVERT)[0]).get("notes", []),
        "changes": _changes(journal, folder),
        "undo": _undo(journal),
    }


def _outcome(journal: Journal) -> str:
    well, failed = OUTCOMES.get(journal["state"], ("The run has not ended.",) * 2)
    if journal["facts"].get("failure"):
        return failed
    names = [_NAMES[service] for service in _places.services(journal["facts"].get("found", {}))]
    runs = " and ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)
    return well % (runs + (" run" if names[1:] else " runs")) if "%s" in well else well


def is_back(journal: Journal) -> bool:
    """Whether the journal's last steps were those of a way back."""
    return journal["phase"] in _steps.of(_steps.PAUSE, _steps.STOP, _steps.REVERT)


def stuck(journal: Journal) -> list[str]:
    """What is where, and which commands end it, on a host that could be brought neither forward nor
    back."""
    found = journal["facts"].get("found", {})
    unit = found.get("legacy", {}).get("unit", {})
    manager = (
        "systemctl --user --machine=%s@" % unit["account"] if unit.get("account") else "systemctl"
    )
    volume = "the compose deployment's rows are in its PostgreSQL volume, untouched"
    moved = _is_moved(journal)
    stays = "No database was moved, so all rows are where they always were."
    again = "When what is named is mended, rollback.yml ends it, and so does migrate.yml."
    if journal["phase"] in _steps.of(_steps.REVERT):
        held = [
            "The legacy database holds what the step copy_back proved"
            if step(journal, "copy_back")
            else "The legacy database was never written to",
            "and %s." % volume,
        ]
        lines = [
            *(held if moved else [stays]),
            "Look at the legacy proxy: %s status %s."
            % (manager, unit.get("name", "litellm.service")),
            again,
        ]
    elif journal["phase"] in _steps.of(_steps.PAUSE):
        lines = ["The compose deployment was not stopped: it serves as before the way back.", again]
    elif not moved:
        look = "Look at the engine: docker ps --all; systemctl status docker."
        lines = ["Nobody serves now.", stays, look, again]
    else:
        lines = [
            "Nobody serves now: %s, the legacy database is as it was left." % volume,
            "Look at the engine: docker ps --all; systemctl status docker.",
            again,
            "To have the legacy deployment serve without those rows, which stay in the volume:"
            " rollback.yml -e rollback_data=none.",
        ]
    return lines


# What steps mean where there is no database that is moved.
_STAYS = {
    "rehearse": "new proxy tried without its database",
    "cutover": "legacy stopped; no database was copied",
    "copy_back": "no database was moved, so no rows were copied back",
}
_UNTRIED = "new proxy not tried: its configuration itself names the database"


_WITHOUT = {
    "rehearse": "new proxy tried, which has no database either",
    "backup": "no backup: there is no database",
    "hand_over": "start at boot, health by timer; no backups, as there is no database",
}


def _is_moved(journal: Journal) -> bool:
    """Whether the database is in a container, or was."""
    return _places.of(journal["facts"].get("found", {})).database == HERE


def _meanings(found: dict[str, Any]) -> dict[str, str]:
    """What steps mean besides where it is not what they mean else."""
    place = _places.of(found).database
    if place == ELSEWHERE and not found["database"].get("rehearse_without"):
        return {**_STAYS, "rehearse": _UNTRIED}
    return {HERE: {}, NOWHERE: {**_STAYS, **_WITHOUT}}.get(place, _STAYS)


def _phases(journal: Journal) -> list[dict[str, Any]]:
    """The last attempt at each step, in the order in which they were begun."""
    last = {entry["name"]: entry for entry in journal["steps"]}
    meant = _meanings(journal["facts"].get("found", {}))
    return [
        {
            "name": name,
            "meaning": meant.get(name) or _steps.MEANINGS.get(name, ""),
            "state": entry["state"],
            "seconds": round(seconds_between(entry["begun"], entry["ended"]), 1)
            if entry["ended"]
            else None,
        }
        for name, entry in last.items()
    ]


def refused(journal: Journal) -> Optional[float]:
    """Seconds from the moment in which one proxy was asked to stop to the first proof that another
    one serves; clients are refused for no longer than that. ``None`` where nobody was stopped or
    there is no such proof."""
    if is_back(journal):
        # A failed migration has refused clients since its cutover.
        begin = (
            step(journal, "cutover")
            if journal["facts"].get("failure")
            else step(journal, _steps.of(_steps.STOP)[0]) or step(journal, "cutover")
        )
        end = step(journal, _steps.of(_steps.REVERT)[0])
    else:
        begin, end = step(journal, "cutover"), step(journal, "serve")
    if begin is None or end is None or end["ended"] is None or end["state"] != DONE:
        return None
    return round(seconds_between(begin["begun"], end["ended"]), 1)


def waited(journal: Journal) -> Optional[dict[str, Any]]:
    """How long clients waited for the other proxy instead of being refused: ``seconds``, ``held``
    (new connections) and ``carried`` (kept ones that went on). ``None`` where they did not, or were
    let go before it served."""
    group = _steps.REVERT if is_back(journal) else _steps.SERVE
    hold = facts_of(journal, _steps.of(group)[0]).get("hold")
    if not hold or led(journal):
        return None
    return {name: hold[name] for name in ("seconds", "held", "carried")}


def led(journal: Journal) -> Optional[dict[str, Any]]:
    """Of a cutover in which clients were led to a transitional proxy and on: for how many
    ``seconds`` what needs the database waited, how many kept connections were ``carried`` on, and
    why it ``waits`` for a copy (``None``: the database was moved while it was used). ``None`` where
    it was another."""
    groups = (_steps.STOP, _steps.REVERT) if is_back(journal) else (_steps.SERVE,)
    found = [facts_of(journal, _steps.of(group)[0]) for group in groups]
    seconds = max(float(facts.get("pause") or 0) for facts in found)
    hold = found[-1].get("hold") or {}
    if not seconds:
        return None
    waits = (journal["facts"].get("cutover") or {}).get("waits")
    return {"seconds": seconds, "carried": hold.get("carried", 0), "waits": waits}


def not_led(journal: Journal) -> list[str]:
    """Why they were not, where the operator left it open."""
    facts = journal["facts"]
    way = facts.get("cutover") or facts.get("found", {}).get("cutover") or {}
    return list(way.get("reasons") or [])


def watched(journal: Journal) -> Optional[dict[str, Any]]:
    """What a client saw that asked all the time, ``before`` and ``since`` clients were led away
    from one proxy, each with ``asked``, ``failed`` and ``longest`` (seconds). ``None`` where nobody
    watched."""
    group = _steps.REVERT if is_back(journal) else _steps.SERVE
    return facts_of(journal, _steps.of(group)[0]).get("watch") or None


def _proofs(journal: Journal) -> list[dict[str, Any]]:
    """What was proved, each with figures: ``name``, ``ok``, ``figures``."""
    proofs = []
    if is_back(journal):
        return _proofs_back(journal)
    copied = facts_of(journal, "cutover")
    if copied.get("source"):
        proofs.append(_equal("equal fingerprints of the databases", copied))
    proofs += [_carried(role) for role in copied.get("readers") or []]
    if copied.get("redis"):
        keys = sum(database["target"]["keys"] for database in copied["redis"].values())
        proofs.append(
            _proof(
                "keys of Redis carried over",
                True,
                "%d keys in %d database(s)" % (keys, len(copied["redis"])),
            )
        )
    verified = facts_of(journal, "verify")
    if verified.get("after"):
        proofs += [
            _proof("not moved, and used by the new proxy", True, line)
            for line in _places.stay(journal["facts"].get("found", {}))
        ]
        before = journal["facts"].get("snapshot_before", {})
        proofs += _clients(before, verified["after"], bool(led(journal)))
        proofs += _able(facts_of(journal, "rehearse").get("capabilities", {}))
        address = journal["facts"].get("found", {}).get("address") or {}
        proofs.append(_published(verified["containers"], address.get("publish", [])))
        proofs += _answering(verified.get("answers") or [])
        proofs += _bridged(verified.get("bridges", {}))
    backup = facts_of(journal, "backup")
    if backup.get("path"):  # of one that failed there is the reason alone
        proofs.append(_proof("verified backup", True, "%s, pinned" % backup["path"]))
    return proofs


def _equal(name: str, copied: dict) -> dict[str, Any]:
    """The proof of a copy: facts with both fingerprints, ``equal``, ``bytes`` and ``seconds``."""
    source, target = copied["source"], copied["target"]
    return _proof(
        name,
        bool(copied["equal"]) and source["hash"] == target["hash"],
        "%d tables, %s rows, content hash %s on both sides (PostgreSQL %s to %s, %s in %.1f s)"
        % (
            len(target["tables"]),
            "{:,}".format(target["rows_total"]),
            target["hash"][:12],
            source["server_major"],
            target["server_major"],
            size(copied["bytes"]),
            copied["seconds"],
        ),
    )


def _carried(role: dict) -> dict[str, Any]:
    """A role of others that reads the tables in the container as well."""
    without = role.get("why") or ""
    return _proof(
        "role %s came along" % role["name"],
        not without,
        "%d rights to read, %s"
        % (
            role.get("rights") or 0,
            "no password: %s" % without if without else "with its password",
        ),
    )


def _proofs_back(journal: Journal) -> list[dict[str, Any]]:
    """What a way back proved."""
    proofs = []
    carried, checked = facts_of(journal, "copy_back"), facts_of(journal, "verify_legacy")
    if carried.get("source"):
        proofs.append(
            _equal(
                "rows came home, with equal fingerprints"
                if carried["data"] == "carry"
                else "legacy database is as in the backup",
                carried,
            )
        )
        tables = [
            "%s %d to %d" % (item["name"], item["before"], item["after"])
            for item in carried["tables"]
        ]
        if tables:
            proofs.append(
                _proof("tables of the legacy database that changed", True, ", ".join(tables))
            )
    redis = journal["facts"].get("redis_back") or carried.get("redis")
    if redis:
        proofs.append(
            _proof(
                "keys of Redis came home",
                bool(redis["carried"]),
                "%d keys" % redis["keys"]
                + (
                    ": the native Redis has what it had, since %s" % redis["reason"]
                    if redis["reason"]
                    else ""
                ),
            )
        )
    if checked.get("after"):
        facts = journal["facts"]
        same = carried.get("data") == "carry" or not _is_moved(journal)
        before = facts.get("snapshot_after") if same else None
        shown = before or facts.get("snapshot_before", {})
        proofs += _clients(shown, checked["after"], bool(led(journal)))
        proofs += _able(
            {
                "before": (before or {}).get("capabilities", []),
                "after": checked["after"].get("capabilities", []),
            }
        )
        if checked["accepted"]:
            proofs.append(
                _proof(
                    "differences that the operator took as they are",
                    False,
                    "; ".join(checked["accepted"]),
                )
            )
    return proofs


def _proof(name: str, ok: bool, figures: str) -> dict[str, Any]:
    return {"name": name, "ok": ok, "figures": figures}


def _clients(before: dict, after: dict, served: bool) -> list[dict[str, Any]]:
    """What clients see, old against new: snapshots as ``proxy_snapshot_info`` takes them.

    :param served: whether clients were served between both.
    """
    proofs = []
    old = {item["name"]: item for item in before.get("client_keys", [])}
    tried = [
        (old[item["name"]], item) for item in after.get("client_keys", []) if item["name"] in old
    ]
    if tried:
        accepted = [(was, now) for was, now in tried if was["models"] == 200]
        refused_before = [(was, now) for was, now in tried if was["models"] != 200]
        proofs.append(
            _proof(
                "keys that worked before work now",
                all(
                    was["models"] == now["models"] and was["chat"] == now["chat"]
                    for was, now in tried
                ),
                "%d of %d accepted; %d of %d refused as before; a key that does not exist gets %s"
                % (
                    sum(now["models"] == 200 for _was, now in accepted),
                    len(accepted),
                    sum(now["models"] != 200 for _was, now in refused_before),
                    len(refused_before),
                    after.get("bogus"),
                ),
            )
        )
    listed = after["keys"]["listed"]
    # Clients may have made more meanwhile.
    lost = {key["hash"] for key in before.get("keys", {}).get("listed", [])} - {
        key["hash"] for key in listed
    }
    proofs.append(
        _proof(
            "keys, teams and users, which clients may have changed meanwhile"
            if served
            else "keys, teams, budgets and spend are what they were",
            "keys" in before and (served or not lost),
            "virtual keys: %d (blocked: %d, with a budget: %d), teams: %d, users: %d"
            % (
                after["keys"]["count"],
                sum(bool(key["blocked"]) for key in listed),
                sum(key["max_budget"] is not None for key in listed),
                len(after["teams"]),
                after["users"]["count"],
            ),
        )
    )
    asked = after.get("exercised", [])
    if asked:
        proofs.append(
            _proof(
                "models answer",
                all(item["ok"] for item in asked),
                ", ".join(
                    "%s (%s, %.2f s)" % (item["model"], item["mode"], item["seconds"])
                    for item in asked
                ),
            )
        )
    return proofs


def _able(capabilities: dict) -> list[dict[str, Any]]:
    """What models could do ``before`` and can do ``after``, where anybody asked."""
    after = capabilities.get("after", [])
    lost = _snapshot.differences(capabilities.get("before", []), after)
    found = [
        "%s (%s: %s)" % (row["model"], row["capability"], _snapshot.WORDS[row["state"]])
        for row in after
    ]
    return [_proof("models can do what they could", not lost, ", ".join(found))] if found else []


def _answering(urls: list[str]) -> list[dict[str, Any]]:
    """Where others reach the proxy, which was asked there."""
    name = "the proxy answers where others reach it"
    return [_proof(name, True, ", ".join(urls))] if urls else []


def _published(containers: dict, wanted: Sequence[str] = ()) -> dict[str, Any]:
    """Where the containers can be reached, as the engine says.

    :param wanted: addresses at which the proxy shall be.
    """
    hosts = [
        "%s:%s" % (host["HostIp"], host["HostPort"])
        for container in containers.values()
        for port in (container["ports"] or {}).values()
        for host in port or []
    ]
    outer = [address for address in wanted if address not in ("127.0.0.1", "::1")]
    return _proof(
        "published at %s, where the proxy was asked to be, and else on loopback only"
        % ", ".join(outer)
        if outer
        else "published on loopback only",
        all(
            host.startswith("127.") or host.rpartition(":")[0] in ("::1", *outer) for host in hosts
        ),
        ", ".join(hosts),
    )


def _bridged(bridges: dict) -> list[dict[str, Any]]:
    """Which bridges to model servers were proved, and what could not be."""
    notes = (
        [
            "port%s %s"
            % ("s" if len(bridges["proved"]) > 1 else "", ", ".join(map(str, bridges["proved"])))
        ]
        if bridges.get("proved")
        else []
    )
    notes += bridges.get("notes", [])
    return (
        [
            _proof(
                "model servers are reached by the proxy's container, and by nobody else",
                True,
                "; ".join(notes),
            )
        ]
        if notes
        else []
    )


def _found(found: dict) -> list[str]:
    """The legacy deployment in a few lines."""
    legacy = found.get("legacy")
    if not legacy:
        return []
    unit = legacy["unit"]
    lines = [
        "LiteLLM %s as %s (%s) in %s, port %d"
        % (
            legacy["litellm_version"],
            unit["name"],
            "account %s" % unit["account"] if unit["account"] else "system",
            legacy["folder"],
            legacy["port"],
        )
    ]
    asleep = [
        entry["name"]
        for entry in legacy["units"]
        if entry["enabled"] == "disabled" and entry["name"].endswith(".timer")
    ]
    if asleep:
        lines.append("disabled on purpose, and known as such: %s" % ", ".join(asleep))
    database = found.get("database")
    if database:
        lines.append(
            "PostgreSQL %s %s, database %s, %s%s"
            % (
                database["server_version"],
                _at(found, "database"),
                database["name"],
                size(database["bytes"]),
                "; a stored row proves the salt key" if database.get("salt_key_proved") else "",
            )
        )
    if "database" in found and not database:
        lines.append("no database: models are the configuration's")
    if found.get("redis"):
        lines.append("Redis %s" % _at(found, "redis"))
    for host in found.get("model_hosts", []):
        lines.append(
            "model server on port %d: %s%s"
            % (
                host["port"],
                (host["unit"] or {}).get("name") or host["process"] or "not running",
                "" if host["answers"] else " (does not answer)",
            )
        )
    return lines


def _at(found: dict, store: str) -> str:
    about = found[store]
    away = store in _places.elsewhere(found)
    return "at %s" % _places.address(about) if away else "on port %d" % about["port"]


def _environment(journal: Journal) -> dict:
    """How many variables were kept, replaced and so on, and each of them by name."""
    entries = facts_of(journal, "environment").get("comparison", [])
    counts: dict[str, int] = {}
    for entry in entries:
        counts[entry["status"]] = counts.get(entry["status"], 0) + 1
    return {"counts": counts, "variables": entries}


def _changes(journal: Journal, folder: str) -> list[str]:
    """What is different on the host now."""
    found = journal["facts"].get("found", {})
    if journal["state"] == UNTOUCHED or "legacy" not in found:
        return [
            "files in %s and images, volumes and the journal of this run;"
            " the next run takes them up" % found.get("project_dir", folder)
        ]
    staged, project = facts_of(journal, "stage"), found["project_dir"]
    images = _images(journal["facts"].get("images", {}))
    views = ["config.compose.yaml", *(item["view"] for item in staged.get("included", []))]
    lines = [
        "new in %s: compose.yaml, compose.stage.yaml, %s, .env%s, .dockerignore"
        % (
            project,
            ", ".join(views),
            "" if _places.of(found).redis == ELSEWHERE else ", redis.conf",
        ),
        *images,
    ]
    if journal["state"] == ROLLED_BACK:
        kept = journal["facts"].get("kept_database")
        kept_rows = (
            "rows of the compose deployment that are not in the legacy database"
            " are in its volume, in database %s"
        )
        return (
            lines
            + ["containers, network, units and bridges are gone; images and volumes stay"]
            + [
                "model %s in the database: %s is %s" % (item["name"], item["old"], item["new"])
                for item in facts_of(journal, "start_legacy").get("models", [])
            ]
            + ([kept_rows % kept] if kept else [])
        )
    lines += [
        "%s line %d: %s is %s"
        % (item.get("view", views[0]), item["line"], item["old"], item["new"])
        for item in staged.get("rewritten", [])
    ]
    lines += [
        "model %s in the database: %s is %s" % (item["name"], item["old"], item["new"])
        for item in facts_of(journal, "serve").get("models", [])
    ]
    names = [entry["name"] for entry in found["legacy"]["units"]]
    stores = [found.get(store) or {} for store in _places.STORES]
    names += [store["unit"]["name"] for store in stores if store.get("unit")]
    lines.append("stopped and disabled, not deleted: %s" % ", ".join(names))
    if staged.get("bridges"):
        lines.append(
            "bridges for containers to model servers on ports %s"
            % ", ".join(str(port) for port in staged["bridges"])
        )
    backups = facts_of(journal, "hand_over").get("backups")
    if backups:
        lines.append(
            "backups by litellm-ops: %s, into %s; the newest is restored and compared: %s"
            % (backups["on_calendar"], backups["folder"], backups["drill_on_calendar"])
        )
    health = facts_of(journal, "hand_over").get("health")
    if health:
        lines.append(
            "looked at by litellm-ops: %s; models are asked what they can do: %s"
            % (health["on_calendar"], health["probe_on_calendar"])
        )
    return lines


def _images(images: dict[str, dict]) -> list[str]:
    """What runs, and what of it a new host can't pull; journals of release 0.1.0 have no names."""
    return [
        "image of %s: %s, as %s%s"
        % (
            service,
            image["name"],
            image["reference"],
            ", which no registry has: keep it for a new host (docker save %s)" % image["name"]
            if image.get("local")
            else "",
        )
        for service, image in images.items()
        if image.get("name")
    ]


def _undo(journal: Journal) -> list[str]:
    """How to go back or on."""
    if journal["state"] == FINALIZED:
        return [
            "there is no way back but to restore the last backup of the legacy deployment,"
            " which finalized.md names"
        ]
    if journal["state"] == MIGRATED and not _is_moved(journal):
        return [
            "rollback.yml brings the legacy proxy back, with all that was written since: the"
            " database was not moved",
            "what it would do, without doing it: rollback.yml --check",
        ]
    if journal["state"] == MIGRATED:
        return [
            "rollback.yml brings the legacy deployment back with every row that was written since",
            "what it would do, without doing it: rollback.yml --check",
            "-e rollback_data=backup restores %s instead; -e rollback_data=none leaves"
            " the legacy database as it was at the cutover"
            % facts_of(journal, "backup").get("name", "the backup"),
        ]
    if journal["facts"].get("failure"):
        return ["mend what is named above and run migrate.yml again; it takes up what is there"]
    return ["migrate.yml goes forward again; it takes up images, volumes and files that are there"]
