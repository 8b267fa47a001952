"""A systemd that only exists in memory, and units for it."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.llmops.litellm.plugins.module_utils._host.process import Result

PATTERNS = ["x-tidy.*", "x-failed@.service"]
FILES = {
    "x-tidy.service": "[Service]\nExecStart=/bin/true\n",
    "x-tidy.timer": "[Timer]\nOnCalendar=*-*-* 02:30:00\n",
}


class Systemd:
    """As much of systemd as sets of units need: it knows what it has read, and what runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.known: dict[str, str] = {}
        self.active: dict[str, str] = {}
        self.enabled: set[str] = set()
        self.calls: list[str] = []
        self.ends_after = 0  # looks at a service that is under way

    def systemctl(self, *words: str, timeout: float = 0) -> Result:
        assert timeout >= 0
        verb, names = words[0], list(words[words.index("--") + 1 :])
        if verb != "show":
            self.calls.append(" ".join(word for word in words if word != "--"))
        if verb == "show":
            return Result(0, "\n".join(self._shown(name) for name in names), "")
        if verb == "start":
            for name in names:
                if name not in self.known:
                    return Result(5, "", f"Unit {name} not found.")
                self.active[name] = "active"
        elif verb == "stop":
            for name in names:
                self.active.pop(name, None)
        elif verb == "enable":
            self.enabled.update(names)
        elif verb == "disable":
            self.enabled.difference_update(names)
        return Result(0, "", "")

    def reload(self) -> None:
        self.calls.append("daemon-reload")
        files = [path for path in self.folder.iterdir() if path.is_file()]
        self.known = {path.name: path.read_text() for path in files}

    def _shown(self, name: str) -> str:
        path = self.folder / name
        text = path.read_text() if path.exists() else None
        if name.endswith(".service") and self.active.get(name) and self.ends_after:
            self.ends_after -= 1
            if not self.ends_after:
                del self.active[name]
        known = self.known.get(name)
        return (
            f"Id={name}\nLoadState={'not-found' if text is known is None else 'loaded'}\n"
            f"ActiveState={self.active.get(name, 'inactive')}\n"
            f"UnitFileState={'enabled' if name in self.enabled else 'disabled'}\n"
            f"NeedDaemonReload={'yes' if known != text and known is not None else 'no'}\n"
        )
