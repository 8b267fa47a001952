"""Files of a backup that decide what a new host runs: read once, named and compared."""

from __future__ import annotations

import hashlib
import io
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Iterator

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._backup.folder import BackupError
from ansible_collections.llmops.litellm.plugins.module_utils._config import (
    environment_text as _environment_text,
)
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    compose_file as _compose_file,
)
from ansible_collections.llmops.litellm.plugins.module_utils._restore import contents as _contents
from ansible_collections.llmops.litellm.plugins.module_utils._restore import load as _load

FILES = {
    "database.dump": "PGDMP",
    "compose.yaml": support.compose_file(),
    "env": "LITELLM_MASTER_KEY=hunter2\n",
    "redis.conf": _environment_text.redis_text("hunter2"),
    "config.compose.yaml": "model_list: []\n",
    "notes.txt": "x",
}


def read(
    folder: Path, identity: str = "", more: tuple[str, ...] = (), **digest: str
) -> dict[str, _contents.File]:
    names = [path.name for path in folder.iterdir()]
    digests = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    manifest: Any = {
        "database": {"dump": "database.dump"},
        "files": [{"name": name} for name in {*names, *more, "database.dir/1"}],
    }
    found = _contents.read(
        str(folder), manifest, {**digests, **digest}, identity, _compose_file.UNKNOWN
    )
    return {file.name: file for file in found}


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_each_file_is_named_with_what_becomes_of_it(backup: Path) -> None:
    found = read(backup)
    assert sorted(found) == sorted(set(FILES) - {"database.dump"})
    assert found["env"].target == ".env"
    assert {name: file.differs for name, file in found.items()} == {
        "compose.yaml": [],
        "env": [],
        "redis.conf": [],
        "config.compose.yaml": None,
        "notes.txt": None,
    }
    lines = _contents.lines(list(found.values()))
    assert [line.partition(":")[0] for line in lines] == [
        "compose.yaml",
        ".env",
        "config.compose.yaml",
        "redis.conf",
        "notes.txt",
    ]
    assert lines[0] == "compose.yaml: root's Docker runs what it says; as this collection writes it"
    assert lines[4].startswith("notes.txt: nothing runs by it unless a file above names it; not")
    assert "hunter2" not in str(lines)


def test_a_copy_of_what_litellm_needs_is_named_as_such(backup: Path) -> None:
    (backup / "needed.001-hooks.py").write_text("import os\n")
    assert "where modules in Python run" in read(backup)["needed.001-hooks.py"].runs


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("compose.yaml", "name: {\n", ["line 1: is not as this collection writes it"]),
        ("docker-compose.yml", "", ["this collection writes no such file"]),
        ("env", "COMPOSE_FILE=x\n", ["COMPOSE_FILE steers Compose itself"]),
    ],
)
def test_what_decides_over_the_host_has_to_be_accepted(
    backup: Path, name: str, text: str, said: list[str]
) -> None:
    (backup / name).write_text(text)
    file = read(backup)[name]
    assert file.differs == said
    assert not file.accepted([]) and file.accepted([hashlib.sha256(text.encode()).hexdigest()])
    [line] = [each for each in _contents.lines([file]) if "DIFFERS" in each]
    assert line.endswith("%s (SHA-256 %s)" % (said[0], file.sha256))


def test_redis_differs_by_directives_whose_values_are_not_shown(backup: Path) -> None:
    text = FILES["redis.conf"].replace("save 60 1", "save 900 1")
    (backup / "redis.conf").write_text(text + "masterauth hunter2\nloadmodule /x\n\x1b[m a\n")
    file = read(backup)["redis.conf"]
    assert file.differs == ["save", "masterauth", "loadmodule", "\\x1b[m"]
    assert file.accepted([])


def test_file_that_is_not_what_was_written_is_not_used(backup: Path) -> None:
    with pytest.raises(BackupError, match=r"/env: its checksum does not match"):
        read(backup, env="0" * 64)
    (backup / "more").symlink_to("env")
    with pytest.raises(BackupError, match=r"/more cannot be read"):
        read(backup)


def test_same_file_twice_is_refused(backup: Path) -> None:
    (backup / "env.age").write_text("x")
    with pytest.raises(BackupError, match="names a file 'env.age', as this collection does not"):
        read(backup)


@pytest.mark.parametrize("name", [".env", "-x", "a b", "nosuch"])
def test_name_that_this_collection_gives_to_none_is_refused(backup: Path, name: str) -> None:
    if name != "nosuch":
        (backup / name).write_text("x")
    with pytest.raises(BackupError, match="as this collection does not"):
        read(backup, more=(name,))


def test_large_file_is_refused(backup: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_contents, "LARGEST", 5)
    with pytest.raises(BackupError, match=r"is larger than 5 B"):
        read(backup)


def test_what_is_decrypted_is_what_was_compared(
    backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (backup / "env").unlink()
    (backup / "env.age").write_text("1=B"[::-1])
    seen: list[str] = []

    @contextmanager
    def opened(path: str, identity: str) -> Iterator[IO[bytes]]:
        seen.append(identity)
        (backup / "env.age").write_text("another")
        if identity == "/wrong":
            raise BackupError("%s cannot be decrypted: age: error: no identity" % path)
        yield io.BytesIO(Path(path).read_bytes()[::-1])

    monkeypatch.setattr(_load, "opened", opened)
    assert read(backup, "/key")["env"].data == b"1=B"[::-1][::-1]
    assert seen == ["/key"]
    with pytest.raises(BackupError, match=r"/env.age cannot be decrypted: age: error: no identity"):
        read(backup, "/wrong")


def test_long_list_is_shortened() -> None:
    assert _contents.shortened(["a", "b", "c"], 2) == "a; b; and 1 more"
    assert _contents.shortened(["a", "b"], 2) == "a; b"
