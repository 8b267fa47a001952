"""What the operator lets the proxy's container have of the host: read, and mounted or copied."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._config import mounts as _mounts
from ansible_collections.llmops.litellm.plugins.module_utils._config.mounts import Mount
from ansible_collections.llmops.litellm.plugins.module_utils._host import paths as _paths


@pytest.mark.parametrize(
    "given",
    [
        {"source": "/etc/own/", "target": "/srv/own"},
        "/etc/own:/srv/own",
        "/etc/own:/srv/own:ro",
    ],
)
def test_forms(given: Any) -> None:
    assert _mounts.parse([given]) == [Mount("/etc/own", "/srv/own")]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["/etc/own"], "'/etc/own' is no mount"),
        (["/etc/own:/srv/own:rw"], "is no mount"),
        ([{"source": "/etc/own"}], "is no mount"),
        ([{"source": "/a", "target": "/b", "mode": "rw"}], "is no mount"),
        ([5], "5 is no mount"),
        (["etc/own:/srv/own"], "source 'etc/own' is no absolute path"),
        ([{"source": "/a", "target": None}], "target None is no absolute path"),
        (["/etc/$own:/srv/own"], "no absolute path"),
        (["/a:/"], "target / is the container's own"),
        (["/a:/app"], "target /app is the container's own"),
        (["/a:/app/config.yaml"], "is the container's own"),
        (["/a:/srv/../proc/1"], "target /proc/1 is the container's own"),
        (["/a:/srv", "/b:/srv"], "/srv is the target of more than one"),
    ],
)
def test_what_is_refused(given: Any, said: str) -> None:
    with pytest.raises(ValueError, match=".") as caught:
        _mounts.parse(given)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "mode", "weakness", "said"),
    [
        ("file", 0o644, "", ""),
        ("file", 0o640, "", "not everybody may read it"),
        ("file", 0o644, "account x can write there", "account x can write there"),
        ("folder", 0o755, "", ""),
        ("folder", 0o754, "", "not everybody may read it"),
    ],
)
def test_what_is_mounted_itself(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    mode: int,
    weakness: str,
    said: str,
) -> None:
    monkeypatch.setattr(_paths, "weakness", lambda path: weakness)
    path = tmp_path / "x"
    path.mkdir() if kind == "folder" else path.touch()
    path.chmod(mode)
    assert _mounts.obstacle(str(path)).startswith(said) and bool(said) == bool(
        _mounts.obstacle(str(path))
    )
    with pytest.raises(OSError, match="No such file"):
        _mounts.obstacle(os.path.join(str(tmp_path), "nosuch"))
