"""A deployment on an empty host, from a backup alone. Docker and the database are fakes, files are
real.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Callable

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._backup import backup as _backup
from ansible_collections.llmops.litellm.plugins.module_utils._backup import (
    signature as _signature,
)
from ansible_collections.llmops.litellm.plugins.module_utils._config import includes as _includes
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    compose_project as _compose_project,
)
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    service as _service,
)
from ansible_collections.llmops.litellm.plugins.module_utils._deployment.compose_file import (
    Expected,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import docker as _docker
from ansible_collections.llmops.litellm.plugins.module_utils._host import listeners as _listeners
from ansible_collections.llmops.litellm.plugins.module_utils._host import (
    loaded_images as _loaded_images,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process
from ansible_collections.llmops.litellm.plugins.module_utils._host.problem import OperatorError
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import session as _session
from ansible_collections.llmops.litellm.plugins.module_utils._restore import (
    checks as _checks,
)
from ansible_collections.llmops.litellm.plugins.module_utils._restore import database as _database
from ansible_collections.llmops.litellm.plugins.module_utils._restore import (
    rebuild as _rebuild,
)
from ansible_collections.llmops.litellm.plugins.module_utils._restore.state import (
    RefusedError,
    RestoreError,
)

NOW = datetime(2026, 11, 24, tzinfo=timezone.utc)
FILES = {
    "env": "LITELLM_SALT_KEY=hunter2\nPOSTGRES_PASSWORD=hunter2\n",
    "compose.yaml": support.compose_file(),
    "config.compose.yaml": "model_list: []\n",
    "config.yaml": "a: 1\n",
    "redis.conf": "requirepass hunter2\n",
    "database.dump": "PGDMP",
}


class World:
    """An empty host. ``fails``: a word of the command that does not work; ``log``: what is done, in
    order.
    """

    def __init__(self, folder: Path) -> None:
        self.log: list[str] = []
        self.fails = ""
        self.taken: set[str] = set()
        self.listeners: list[_listeners.Listener] = []
        self.present = {"r@sha256:3"}
        self.images = {"litellm": "l@sha256:1", "postgres": "p@sha256:2", "redis": "r@sha256:3"}
        self.loaded: dict[str, Any] = {}
        self.facts: Any = {}
        self.order = _rebuild.Order(
            str(folder / "backups/b"), str(folder / "opt/litellm"), str(folder / "state")
        )
        self.backup = folder / "backups/b"
        self.folder = folder / "opt/litellm"
        self.told: list[str] = []

    def does(self, word: str) -> None:
        self.log.append(word)
        if self.fails and self.fails in word:
            raise RestoreError("%s failed" % word)

    def write(self, **more: Any) -> None:
        """The backup, with these files (``None``: not there)."""
        self.backup.mkdir(parents=True, exist_ok=True)
        for name in os.listdir(self.backup):
            (self.backup / name).unlink()
        for name, text in {
            **FILES,
            **{key.replace("__", "."): value for key, value in more.items()},
        }.items():
            if text is not None:
                (self.backup / name).write_text(text)
        names = sorted(os.listdir(self.backup))
        (self.backup / "manifest.json").write_text(
            json.dumps(
                {
                    "format": 1,
                    "source": "compose",
                    "facts": self.facts,
                    "created": "t",
                    "rows_total": 7,
                    "salt_key_fingerprint": None,
                    "database": {"dump": "database.dump", "bytes": 1},
                    "files": [{"name": name} for name in names],
                }
            )
        )
        (self.backup / "SHA256SUMS").write_text(_backup.sums(str(self.backup)))

    def run(self, argv: list[str], **_more: Any) -> _process.Result:
        if argv[1:3] == ["image", "inspect"]:
            told = self.loaded.get(argv[-1])
            there = argv[-1] in self.present or told is not None
            return _process.Result(0 if there else 1, json.dumps(told), "")
        if argv[1] == "pull":
            self.does("pull " + argv[-1])
            return _process.Result(0, "", "")
        return _process.Result(0 if argv[-1] in self.taken else 1, "", "")

    def compose(
        self, folder: str, words: Any, engine: Any = (), timeout: float = 0
    ) -> _process.Result:
        self.does(
            " ".join(
                [words[0], *(word for word in words if word in ("postgres", "redis", "--volumes"))]
            )
        )
        return _process.Result(0, "", "")

    def read(self, folder: str, engine: Any) -> _compose_project.Project:
        assert (Path(folder) / ".env").read_text() == FILES["env"]
        return _compose_project.Project(
            "litellm",
            folder,
            self.images,
            {"litellm": "litellm-proxy", "postgres": "litellm-postgres", "redis": "litellm-redis"},
            ["litellm_postgres", "litellm_redis"],
            "http://127.0.0.1:4000",
            _session.Endpoint("litellm", "litellm", "litellm-postgres"),
            "redis",
            (4000, 5434, 6379),
        )

    def secure(self, target: Any, password: Any) -> bool:
        self.does("role %s" % target.user)
        assert password == "hunter2"
        return True

    def restore(
        self, path: str, target: Any, now: Any, identity: str, jobs: int, told: Any, rights: Any
    ) -> _database.Result:
        self.does("restore")
        assert [list(right) for right in rights] == told.get("readers", [])
        return _database.Result("create", told, [], {}, {"rows_total": 7}, {})

    def rebuild(self) -> dict[str, Any]:
        return _rebuild.rebuild(self.order, NOW, self.told.append)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    fake = World(tmp_path)
    fake.write()
    me = (os.geteuid(), os.getegid())
    monkeypatch.setattr(_rebuild, "run", fake.run)
    monkeypatch.setattr(_loaded_images, "run", fake.run)
    monkeypatch.setattr(_listeners, "listeners", lambda: fake.listeners)
    monkeypatch.setattr(_compose_project, "compose", fake.compose)
    monkeypatch.setattr(_compose_project, "read", fake.read)
    monkeypatch.setattr(_database, "restore", fake.restore)
    monkeypatch.setattr(_rebuild._role, "secure", fake.secure)
    monkeypatch.setattr(
        _rebuild._readers, "make_bare", lambda _target, names: sorted(names - {"postgres"})
    )
    monkeypatch.setattr(
        _docker,
        "identity",
        lambda image, user: {"uid": me[0] + (999 if user and me[0] == 0 else 0), "gid": me[1]},
    )
    monkeypatch.setattr(
        _docker,
        "describe",
        lambda: {
            "client": True,
            "server": "26.1.5",
            "error": "",
            "compose": "2.26.1",
            "compose_v1": "",
        },
    )
    for name in ("check_server", "check_schema", "check_space"):
        monkeypatch.setattr(_checks, name, lambda *_all: [])
    steps: dict[str, Callable[..., None]] = {
        name: lambda _self, name=name: fake.does(name) for name in ("start", "verify")
    }  # type: ignore[misc]
    monkeypatch.setattr(_service, "of", lambda *_all: type("Service", (), steps)())
    return fake


EVERYTHING = [
    "pull l@sha256:1",
    "pull p@sha256:2",
    "up postgres redis",
    "role litellm",
    "restore",
    "start",
    "verify",
]


def test_roles_that_read_are_made_without_passwords_and_that_is_said(world: World) -> None:
    path = world.backup / "manifest.json"
    rights = [[name, "TABLE", "public", "x", ""] for name in ("grafana", "bi", "postgres")]
    path.write_text(json.dumps({**json.loads(path.read_text()), "readers": rights}))
    (world.backup / "SHA256SUMS").write_text(_backup.sums(str(world.backup)))
    notes = world.rebuild()["notes"]
    (said,) = [note for note in notes if "without their passwords" in note]
    assert (
        "no backup has: bi, grafana. Give each one: docker exec -it litellm-postgres psql" in said
    )


def test_host_is_built_from_the_backup_alone(world: World) -> None:
    foreseen = _rebuild.dry_run(world.order)
    assert (foreseen["problems"], foreseen["rows_total"], foreseen["loses"]) == ([], 7, [])
    assert not world.folder.exists() and world.log == []
    done = world.rebuild()
    assert world.log == EVERYTHING
    assert (done["url"], done["rows_total"], done["name"]) == ("http://127.0.0.1:4000", 7, "b")
    assert {path.name: path.stat().st_mode & 0o777 for path in world.folder.iterdir()} == {
        ".env": 0o600,
        "compose.yaml": 0o644,
        "config.compose.yaml": 0o640,
        "config.yaml": 0o640,
        "redis.conf": 0o400,
    }
    assert world.folder.stat().st_mode & 0o777 == 0o755
    if os.geteuid() == 0:
        assert (world.folder / "redis.conf").stat().st_uid == 999
    assert os.listdir(world.folder.parent) == ["litellm"]
    assert not any("hunter2" in line for line in world.told + done["notes"])
    # and then it is a deployment, which is not built a second time
    with pytest.raises(RefusedError, match="is there and not empty"):
        world.rebuild()


def test_who_vouches_for_the_backup_is_said(world: World, tmp_path: Path) -> None:
    words = "NOT VERIFIED against any key (restore_signed_by, --signed-by; it is not signed): "
    assert any(note.startswith(words) for note in _rebuild.dry_run(world.order)["notes"])
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    signers = ((tmp_path / "key.pub").read_text().strip(),)
    world.order = world.order._replace(signers=signers)
    [problem] = _rebuild.dry_run(world.order)["problems"]
    assert problem.endswith("b is not signed, and must be signed by the key given")
    with pytest.raises(RefusedError, match="nothing was touched: .* is not signed"):
        world.rebuild()
    sums = (world.backup / "SHA256SUMS").read_text()
    (world.backup / "SHA256SUMS.sig").write_text(_signature.sign(sums, str(key)))
    done = world.rebuild()
    assert any(note.startswith("it is signed by the key SHA256:") for note in done["notes"])


OVERRIDE = "services:\n  litellm:\n    privileged: true\n"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("compose.override.yaml", OVERRIDE, "this collection writes no such file"),
        ("compose.yaml", OVERRIDE, "services.litellm.privileged"),
        ("env", "LITELLM_SALT_KEY=hunter2\nDOCKER_HOST=x\n", "DOCKER_HOST steers Compose itself"),
    ],
)
def test_what_root_would_run_is_named_and_must_be_ours_or_accepted(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str, text: str, said: str
) -> None:
    monkeypatch.setattr(_compose_project, "read", lambda *_all: pytest.fail("Compose has read it"))
    world.write(**{name: text})
    digest = hashlib.sha256(text.encode()).hexdigest()
    foreseen = _rebuild.dry_run(world.order)
    [problem] = foreseen["problems"]
    assert said in problem and "(restore_accept_files, --accept): %s" % digest in problem
    [file] = [each for each in foreseen["files"] if each["sha256"] == digest]
    assert any(said in each for each in file["differs"])
    shown = "\n".join(foreseen["notes"])
    assert "%s: " % file["name"] in shown and said in shown and "hunter2" not in shown
    with pytest.raises(RefusedError, match="nothing was touched: .*differs from what this"):
        world.rebuild()
    assert not world.folder.exists()
    world.order = world.order._replace(accepted=("0" * 64, digest))
    assert _rebuild.dry_run(world.order)["problems"] == []


def test_what_the_container_gets_of_the_host_must_be_here(world: World, tmp_path: Path) -> None:
    there, gone = tmp_path / "prompts", tmp_path / "gone"
    there.mkdir()
    mounts = [{"source": str(path), "target": "/srv/%s" % path.name} for path in (there, gone)]
    world.write(compose__yaml=support.compose_file(compose_mounts=mounts))
    expected = Expected(mounts=(str(there), str(gone)))
    world.order = world.order._replace(expected=expected)
    assert _rebuild.dry_run(world.order)["problems"] == [
        "the proxy's container gets %s, which this host does not have and no backup holds: bring it"
        " (litellm_mounts named it)" % gone
    ]
    gone.touch()
    assert _rebuild.dry_run(world.order)["problems"] == []


def test_deployment_whose_database_is_elsewhere_is_not_built_anew(world: World) -> None:
    world.write(compose__yaml=support.compose_file(__compose_stores=["redis"]))
    (problem,) = _rebuild.dry_run(world.order)["problems"]
    assert problem.startswith("its database is on another host")


def test_deployment_whose_redis_is_elsewhere_has_no_file_of_it(world: World) -> None:
    world.write(compose__yaml=support.compose_file(__compose_stores=["postgres"]), redis__conf=None)
    assert _rebuild.dry_run(world.order)["problems"] == []


def test_accepted_file_is_used(world: World) -> None:
    world.write(**{"compose.override.yaml": OVERRIDE})
    digest = hashlib.sha256(OVERRIDE.encode()).hexdigest()
    world.order = world.order._replace(accepted=(digest,))
    done = world.rebuild()
    assert (world.folder / "compose.override.yaml").read_text() == OVERRIDE
    assert any("DIFFERS" in note and digest in note for note in done["notes"])
    assert "image of litellm: litellm@sha256:1" in done["notes"]


def test_signature_vouches_for_a_file_that_differs(world: World, tmp_path: Path) -> None:
    world.write(**{"compose.override.yaml": OVERRIDE})
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    sums = (world.backup / "SHA256SUMS").read_text()
    (world.backup / "SHA256SUMS.sig").write_text(_signature.sign(sums, str(key)))
    assert len(_rebuild.dry_run(world.order)["problems"]) == 1  # by whom, nobody has asked
    signers = ((tmp_path / "key.pub").read_text().strip(),)
    world.order = world.order._replace(signers=signers)
    assert _rebuild.dry_run(world.order)["problems"] == []
    assert any("DIFFERS" in note for note in world.rebuild()["notes"])


def test_what_is_written_is_what_was_examined(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    unaccepted = _rebuild._unaccepted

    def swap(order: Any, files: Any) -> Any:
        (world.backup / "compose.yaml").write_text(OVERRIDE)
        return unaccepted(order, files)

    monkeypatch.setattr(_rebuild, "_unaccepted", swap)
    world.rebuild()
    assert (world.folder / "compose.yaml").read_text() == FILES["compose.yaml"]


@pytest.mark.parametrize(
    "manifest",
    [{"files": 5}, {"files": [{}]}, {"files": [5]}, {"database": None}, {"database": []}],
)
def test_manifest_of_other_types_builds_nothing(world: World, manifest: dict[str, Any]) -> None:
    path = world.backup / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **manifest}))
    (world.backup / "SHA256SUMS").write_text(_backup.sums(str(world.backup)))
    words = "%s is not as this collection writes it" % path
    assert _rebuild.dry_run(world.order)["problems"] == [words]
    with pytest.raises(RefusedError, match="nothing was touched: " + words):
        world.rebuild()


@pytest.mark.parametrize(
    ("fails", "next_run"),
    [
        ("up", ["down --volumes", *EVERYTHING[2:]]),
        ("role litellm", EVERYTHING[3:]),
        ("restore", EVERYTHING[3:]),
        ("start", EVERYTHING[5:]),
        ("verify", EVERYTHING[5:]),
    ],
)
def test_next_run_goes_on(world: World, fails: str, next_run: list[str]) -> None:
    world.fails = fails
    with pytest.raises(
        RestoreError,
        match=(
            "does not serve yet: .* failed. What was made stays; the same command goes "
            "on from there"
        ),
    ):
        world.rebuild()
    world.fails = ""
    world.log.clear()
    assert _rebuild.resumes(world.order)
    world.rebuild()
    assert world.log == next_run
    assert not _rebuild.resumes(world.order)


IDS = {
    service: "sha256:" + letter * 64 for service, letter in (("litellm", "a"), ("postgres", "b"))
}
NAMES = {"litellm": "l:1.102.4", "postgres": "docker.io/library/p:17", "redis": "r:8"}


def compose_with(images: Mapping[str, str]) -> str:
    """The backup's compose file, with these images."""
    known = {"litellm": "litellm@sha256:1", "postgres": "postgres@sha256:1"}
    text = FILES["compose.yaml"]
    for service, old in known.items():
        text = text.replace(json.dumps(old), json.dumps(images.get(service, old)))
    return text


def test_host_is_built_from_images_that_were_loaded(world: World) -> None:
    """They have names and ids, and no digest of a registry."""
    digests = {service: "%s@sha256:%064d" % (service[0], 1) for service in IDS}
    world.images.update(digests)
    world.facts = {"images": world.images, "image_ids": IDS, "image_names": NAMES}
    world.loaded = {
        IDS["litellm"]: {"Id": IDS["litellm"], "RepoTags": ["l:1.102.4"], "RepoDigests": []},
        IDS["postgres"]: {"Id": IDS["postgres"], "RepoTags": ["p:17"]},
    }
    world.write(**{"compose.yaml": compose_with(world.images)})
    world.rebuild()
    assert world.log == EVERYTHING[2:]
    text = (world.folder / "compose.yaml").read_text()
    assert text == compose_with({**world.images, **IDS})
    assert any("(l:1.102.4, id sha256:aaa" in line for line in world.told)


def test_image_of_the_same_id_without_the_name_is_not_taken(world: World) -> None:
    """A backup that was forged could name the id of any image here."""
    world.facts = {"images": world.images, "image_ids": IDS, "image_names": NAMES}
    world.loaded = {IDS["postgres"]: {"Id": IDS["postgres"], "RepoTags": ["other:17"]}}
    world.write()
    world.rebuild()
    assert world.log == EVERYTHING


def test_image_that_no_registry_has_is_refused_by_its_name(world: World) -> None:
    local = {**world.images, "postgres": IDS["postgres"]}
    world.facts = {"images": local, "image_ids": IDS, "image_names": NAMES}
    world.write(**{"compose.yaml": compose_with(local)})
    words = (
        "image %s (docker.io/library/p:17) is not on this host, and no registry ever had it"
        % (IDS["postgres"])
    )
    [problem] = _rebuild.dry_run(world.order)["problems"]
    assert problem.startswith(words) and "docker load" in problem
    with pytest.raises(RefusedError, match="nothing was touched: image sha256:b"):
        world.rebuild()
    world.loaded = {NAMES["postgres"]: {"Id": "sha256:other"}}
    [problem] = _rebuild.dry_run(world.order)["problems"]
    assert problem.endswith(
        "what is named docker.io/library/p:17 here is another one, sha256:other"
    )
    world.loaded = {IDS["postgres"]: {"Id": IDS["postgres"], "RepoTags": None}}
    assert _rebuild.dry_run(world.order)["problems"] == []


def test_image_that_cannot_be_had_leaves_nothing(world: World) -> None:
    world.fails = "pull p@"
    with pytest.raises(RestoreError):
        world.rebuild()
    assert os.listdir(world.folder.parent) == []
    assert not _rebuild.resumes(world.order)
    world.fails = ""
    world.rebuild()


def test_folder_that_cannot_have_its_name_leaves_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.replace

    def rename(source: str, target: str) -> None:
        if target == world.order.folder:
            raise OSError(28, "No space left on device", target)
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", rename)
        with pytest.raises(
            RestoreError, match="could not be made, and nothing is left of it: .*No space left"
        ):
            world.rebuild()
    assert os.listdir(world.folder.parent) == []
    assert not _rebuild.resumes(world.order)


def test_kill_before_the_folder_has_its_name_leaves_no_secret(world: World) -> None:
    left = world.folder.parent / ".litellm-restoring-abc"
    left.mkdir(parents=True)
    (left / ".env").write_text("hunter2")
    Path(world.order.state_dir).mkdir()
    _rebuild._save(world.order, _rebuild.SERVERS)
    world.rebuild()
    assert os.listdir(world.folder.parent) == ["litellm"]
    assert world.log == EVERYTHING


@pytest.mark.parametrize("name", ["litellm-postgres", "litellm_redis"])
def test_what_has_the_names_is_not_used(world: World, name: str) -> None:
    world.taken = {name}
    with pytest.raises(RefusedError, match="nothing was touched: .* %s exists" % name):
        world.rebuild()
    assert os.listdir(world.folder.parent) == []
    assert world.log == []


def test_ports_that_others_hold_are_named_before_anything_is_made(world: World) -> None:
    world.listeners = [
        _listeners.Listener("127.0.0.1", 6379, 9, "redis-server (process 9)"),
        _listeners.Listener("0.0.0.0", 5434, 8, "postgres (process 8)"),
        _listeners.Listener("10.0.0.1", 4000, 7, "another address"),
    ]
    with pytest.raises(RefusedError) as refused:
        world.rebuild()
    assert (
        "nothing was touched: port 5434 is held by postgres (process 8), which stays as it is: "
        "take another host; "
        "port 6379 is held by redis-server (process 9)"
    ) in str(refused.value)
    assert os.listdir(world.folder.parent) == []
    assert world.log == []


def test_everything_that_is_missing_is_told_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.write(env=None, redis__conf=None)
    world.folder.mkdir(parents=True)
    (world.folder / "x").touch()
    monkeypatch.setattr(_docker, "describe", lambda: {"client": False})
    found = _rebuild.dry_run(world.order)["problems"]
    assert [
        "has no env, redis.conf" in found[0],
        "no docker command" in found[1],
        "is there and not empty" in found[2],
    ] == [True] * 3
    (world.backup / "env").write_text("more")
    with pytest.raises(RefusedError, match="env: was not there when the backup was made"):
        world.rebuild()


def test_database_that_differs_is_not_served(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    differs = _database.Result("create", {}, ["table x"], {}, {}, {})
    monkeypatch.setattr(_database, "restore", lambda *_all: differs)
    with pytest.raises(RestoreError, match="is not what was backed up, and was removed: table x"):
        world.rebuild()
    assert "start" not in world.log


def test_schema_that_the_image_does_not_know_is_not_served(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_checks, "check_schema", lambda *_all: ["too new"])
    with pytest.raises(RestoreError, match="too new"):
        world.rebuild()
    assert "restore" not in world.log


def test_views_of_included_files_are_placed(world: World) -> None:
    view = "%s, from /l/models.yaml\nmodel_list: []\n" % _includes.MARK
    world.write(
        **{
            "config.compose.yaml": _includes.MARK + "\ninclude: [config.compose.1-models.yaml]\n",
            "config.compose.1-models.yaml": view,
        }
    )
    world.rebuild()
    placed = world.folder / "config.compose.1-models.yaml"
    assert (placed.read_text(), placed.stat().st_mode & 0o777) == (view, 0o640)
    assert (placed.stat().st_uid, placed.stat().st_gid) == tuple(
        getattr((world.folder / "config.compose.yaml").stat(), name)
        for name in ("st_uid", "st_gid")
    )


def test_backup_that_lacks_a_view_builds_nothing(world: World) -> None:
    world.write(**{"config.compose.yaml": "include: [config.compose.1-models.yaml]\n"})
    with pytest.raises(
        RefusedError,
        match=(
            "nothing was touched: the proxy's configuration includes "
            "config.compose.1-models.yaml, which the backup does not"
        ),
    ):
        world.rebuild()
    assert os.listdir(world.folder.parent) == []
    assert world.log == []


@pytest.mark.parametrize("which", ["folder", "state_dir"])
def test_nothing_is_built_where_another_account_can_write(
    world: World, tmp_path: Path, which: str
) -> None:
    theirs = support.foreign(tmp_path / "theirs")
    world.order = world.order._replace(**{which: str(theirs / "new")})
    (problem,) = _rebuild.dry_run(world.order)["problems"]
    assert "theirs belongs to account nobody" in problem
    with pytest.raises(OperatorError, match="theirs belongs to account nobody"):
        world.rebuild()
    assert list(theirs.iterdir()) == []
    assert world.log == []
