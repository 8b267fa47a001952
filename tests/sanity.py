"""Run ansible-test's sanity tests on this checkout: ``tests/sanity.py [ansible-test arguments]``.

ansible-test wants the collection at .../ansible_collections/llmops/litellm, and no symbolic link
will do, so what git knows or would add is copied to a temporary folder. It also wants to download a
bootstrap for pip; a few lines that use Python's own ensurepip take its place, so that only the
package index is needed. That bootstrap and the environments that ansible-test makes for its tools
live in a home of their own, never in the caller's; it is in the test bed's cache, so that a fresh
clone does not make them again. Only the running Python's version is tried: others on the PATH may
be shims without an interpreter, which ansible-test takes for broken ones.

pylint takes most of the time. It starts as many processes as it may use processors, and each reads
what all others read as well; and what it reads are many objects and little garbage, which Python's
collector looks for all the time. Without both it took 58 s of processor instead of 88.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = os.environ.get("LLMOPS_CACHE") or Path.home() / ".cache" / "llmops-litellm"
HOME = Path(CACHE).absolute() / "ansible-test"

# ensurepip changes os.environ of its process (it drops PIP_CONFIG_FILE, for one): it gets a process
# of its own.
BOOTSTRAP = """\
import subprocess
import sys

packages = [a for a in sys.argv[1:] if a not in ("--no-setuptools", "--no-wheel")]
ensurepip = [sys.executable, "-m", "ensurepip", "--default-pip"]
subprocess.run(ensurepip, check=True, stdout=subprocess.DEVNULL)
subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *packages], check=True)
"""


# What each environment of ansible-test's does at the start of Python.
CALM = "import gc; gc.set_threshold(100000, 50, 100)\n"


def calm() -> None:
    """Let the collector of garbage run seldom in all environments that are there."""
    for folder in HOME.glob(".ansible/test/venv/*/*/*/lib/python*/site-packages"):
        (folder / "calm.pth").write_text(CALM, encoding="ascii")


def project_files() -> list[str]:
    """Paths, relative to the checkout, of all files that git tracks or would add."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return sorted({name for name in listed.split("\0") if name and (ROOT / name).is_file()})


def main(arguments: list[str]) -> int:
    """Copy, run, clean up; ansible-test's exit code."""
    cache = HOME / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    (cache / "get_pip_24_2.py").write_text(BOOTSTRAP, encoding="utf-8")
    calm()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    environment = dict(
        os.environ, HOME=str(HOME), PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    )
    # the caller's pip settings and package cache stay in force
    environment.setdefault("XDG_CONFIG_HOME", str(Path.home() / ".config"))
    environment.setdefault("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    with tempfile.TemporaryDirectory(prefix="llmops-litellm-sanity-") as top:
        target = Path(top) / "ansible_collections" / "llmops" / "litellm"
        for name in project_files():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
        version = "{}.{}".format(*sys.version_info)
        command = ["ansible-test", "sanity", "--color", "no", "--python", version, *arguments]
        return subprocess.run(command, cwd=target, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
