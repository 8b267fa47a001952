"""What a release has: the tarball is built as Galaxy gets it, from a checkout as operators have it.

That is one with an inventory of their own, a vault and its password.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pages
import pytest
import sanity
import yaml

ROOT = sanity.ROOT
BIN = Path(sys.executable).parent
FILES = sanity.project_files()
# What nobody but its owner may see, in places where people and tools put it.
PRIVATE = (
    ".vault-password",
    "inventory/production/hosts.yml",
    "inventory/production/group_vars/litellm.yml",
    "inventory/production/group_vars/all/vault.yml",
    "inventory/example/group_vars/all/vault.yml",
    "inventory/example/host_vars/gpu1.yml",
    "inventory/hosts.yml",
    "playbooks/.vault-password",
    "roles/compose/files/id_ed25519",
    "docs/notes.txt",
    "test-output/migrate/host/journal.json",
    "molecule/migrate/.vault-password",
    ".env",
    "litellm.env",
    "dist/llmops-litellm-0.0.9.tar.gz",
    "plugins/modules/__pycache__/journal.cpython-311.pyc",
)
# For those who work on a checkout: they lead to tests.
NOT_SHIPPED = {"docs/development.md", "docs/recipes.md"}
REPOSITORY = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["repository"]
WANTED = {
    "CHANGELOG.md",
    "CODE_OF_CONDUCT.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.md",
    "SECURITY.md",
    "requirements.txt",
    "changelogs/changelog.yaml",
    "changelogs/config.yaml",
    "inventory/example/group_vars/litellm.yml",
    "inventory/example/hosts.yml",
    "meta/execution-environment.yml",
    "meta/runtime.yml",
}
SHIPPED = ("changelogs", "docs", "meta", "playbooks", "plugins", "roles")


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The unpacked tarball of such a checkout."""
    top = tmp_path_factory.mktemp("release")
    for name in FILES:
        (top / "checkout" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, top / "checkout" / name)
    for name in PRIVATE:
        (top / "checkout" / name).parent.mkdir(parents=True, exist_ok=True)
        (top / "checkout" / name).write_text("sk-private\n", encoding="utf-8")
    subprocess.run(
        [BIN / "ansible-galaxy", "collection", "build", "--output-path", top / "dist"],
        cwd=top / "checkout",
        check=True,
        capture_output=True,
    )
    (tarball,) = (top / "dist").iterdir()
    with tarfile.open(tarball) as archive:
        archive.extractall(top / "shipped")
    yield top / "shipped"
    shutil.rmtree(top)


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_nothing_private_is_shipped(shipped: Path) -> None:
    assert names(shipped) & set(PRIVATE) == set()
    assert [
        name for name in names(shipped) if b"sk-private\n" == (shipped / name).read_bytes()
    ] == []


def test_only_what_git_knows_and_a_user_needs_is_shipped(shipped: Path) -> None:
    made = {"MANIFEST.json", "FILES.json"}
    strange = names(shipped) - made - set(FILES)
    assert strange == set()
    assert {
        name
        for name in names(shipped) - made - WANTED
        if PurePosixPath(name).parts[0] not in SHIPPED
    } == set()


def test_all_that_a_user_needs_is_shipped(shipped: Path) -> None:
    needed = WANTED | {
        name
        for name in FILES
        if PurePosixPath(name).parts[0] in SHIPPED and PurePosixPath(name).parent.name != "docs"
    }
    shown = {name for name in FILES if name.startswith("docs/") and not name.endswith(".py")}
    assert (needed | shown) - NOT_SHIPPED - names(shipped) == set()


def test_files_that_metadata_name_are_shipped(shipped: Path) -> None:
    metadata = yaml.safe_load((shipped / "meta/execution-environment.yml").read_text())
    assert metadata["dependencies"]
    assert set(metadata["dependencies"].values()) - names(shipped) == set()


def test_links_of_shipped_pages_lead_to_shipped_files(shipped: Path) -> None:
    found = [path for path in sorted(shipped.rglob("*.md")) if path.name != "CHANGELOG.md"]
    assert len(found) > 20
    assert {str(path): links for path in found if (links := pages.dead_links(path))} == {}
    # what a viewer on GitHub makes a list of is nothing in a tarball
    assert [
        (str(path), link)
        for path in found
        for link in pages.LINK.findall(path.read_text(encoding="utf-8"))
        if not link.startswith("#") and (path.parent / link).is_dir()
    ] == []


def repository_links(text: str) -> list[tuple[str, str]]:
    """Path and anchor of each link to a file or folder of the repository's main branch."""
    return re.findall(
        rf"{re.escape(REPOSITORY)}/(?:blob|tree)/main/([^)#\s]+)(?:#([^)\s]+))?", text
    )


def test_links_into_the_repository_lead_to_a_file_of_it(shipped: Path) -> None:
    found = {
        link
        for path in sorted(shipped.rglob("*.md"))
        for link in repository_links(path.read_text(encoding="utf-8"))
    }
    assert ("docs/development.md", "") in found
    assert [
        link
        for link, anchor in sorted(found)
        if not (ROOT / link).exists() or (anchor and anchor not in pages.anchors(ROOT / link))
    ] == []


def test_the_changelog_is_what_antsibull_makes_of_its_data(tmp_path: Path) -> None:
    for name in FILES:
        if name.startswith(("changelogs/", "galaxy.yml", "CHANGELOG.md")):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tmp_path / name)
    (tmp_path / "CHANGELOG.md").unlink()
    subprocess.run(
        [BIN / "antsibull-changelog", "generate"], cwd=tmp_path, check=True, capture_output=True
    )
    made = (tmp_path / "CHANGELOG.md").read_text(encoding="utf-8")
    assert (ROOT / "CHANGELOG.md").read_text(encoding="utf-8") == made


def test_the_changelog_uses_no_markup_that_it_does_not_know() -> None:
    # it is reStructuredText: what modules' documentation writes C(x) is ``x`` here
    assert [
        name
        for name in FILES
        if name.startswith("changelogs/")
        and re.search(r"\b[CVOEMPRUI]\([^)]", (ROOT / name).read_text(encoding="utf-8"))
    ] == []
