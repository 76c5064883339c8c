"""The files of a simulated host."""

from __future__ import annotations

import posixpath
import time
from dataclasses import dataclass, field


@dataclass
class Entry:
    """A file, or a directory if ``content`` is None. ``size`` may be larger than what is kept."""

    content: bytes | None
    mode: int
    owner: str = "root"
    mtime: float = field(default_factory=time.time)
    size: int = 0

    @property
    def directory(self) -> bool:
        return self.content is None


class FileError(Exception):
    """Why a path could not be used, in the words of errno."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class FileTree:
    """Paths are absolute; a path's parents are made as needed when the lab itself writes."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {"/": Entry(None, 0o755)}
        for path, mode in (("/tmp", 0o1777), ("/home/ops", 0o755), ("/etc", 0o755), ("/var/lib", 0o755)):
            self.make_directory(path, mode)
        self.entries["/home/ops"].owner = "ops"

    def make_directory(self, path: str, mode: int = 0o755) -> None:
        path = normal(path)
        if path not in self.entries:
            self.make_directory(posixpath.dirname(path))
            self.entries[path] = Entry(None, mode)

    def put(self, path: str, content: str | bytes, mode: int = 0o644, size: int | None = None) -> None:
        """Write as root, making parents."""
        path, data = normal(path), content.encode() if isinstance(content, str) else content
        self.make_directory(posixpath.dirname(path))
        self.entries[path] = Entry(data, mode, size=len(data) if size is None else size)

    def text(self, path: str) -> str | None:
        entry = self.entries.get(normal(path))
        return None if entry is None or entry.content is None else entry.content.decode(errors="replace")

    def read(self, path: str, root: bool) -> Entry:
        """The file at ``path``; FileError in cat's words otherwise."""
        entry = self.lookup(path, root)
        if entry.directory:
            raise FileError(path, "Is a directory")
        if not root and not self._allows(entry, 4):
            raise FileError(path, "Permission denied")
        return entry

    def lookup(self, path: str, root: bool) -> Entry:
        self._traverse(path, root)
        entry = self.entries.get(normal(path))
        if entry is None:
            raise FileError(path, "No such file or directory")
        return entry

    def write(self, path: str, content: bytes, root: bool, mode: int = 0o644) -> None:
        """Write as a command would: the parent must exist and allow it."""
        path = normal(path)
        old = self.entries.get(path)
        if old is not None and old.directory:
            raise FileError(path, "Is a directory")
        self.check_parent(path, root, writing=old is None)
        if old is not None and not root and not self._allows(old, 2):
            raise FileError(path, "Permission denied")
        owner = old.owner if old else ("root" if root else "ops")
        self.entries[path] = Entry(content, old.mode if old else mode, owner, size=len(content))

    def check_parent(self, path: str, root: bool, writing: bool = True) -> None:
        parent = posixpath.dirname(normal(path))
        entry = self.lookup_parent(parent, path, root)
        if writing and not root and not self._allows(entry, 2):
            raise FileError(path, "Permission denied")

    def lookup_parent(self, parent: str, path: str, root: bool) -> Entry:
        self._traverse(path, root)
        entry = self.entries.get(parent)
        if entry is None or not entry.directory:
            raise FileError(path, "No such file or directory")
        return entry

    def remove(self, path: str) -> None:
        """Remove a file or a whole directory."""
        path = normal(path)
        for found in [p for p in self.entries if p == path or p.startswith(path + "/")]:
            del self.entries[found]

    def children(self, path: str, root: bool = True) -> list[str]:
        """Names in a directory, sorted; FileError if it cannot be listed."""
        path = normal(path)
        entry = self.lookup(path, root)
        if not root and not self._allows(entry, 4):
            raise FileError(path, "Permission denied")
        prefix = path.rstrip("/") + "/"
        inside = (p for p in self.entries if p.startswith(prefix) and p != "/")
        return sorted({p[len(prefix) :].split("/")[0] for p in inside})

    def files_below(self, path: str) -> list[str]:
        path = normal(path)
        below = [p for p in self.entries if p == path or p.startswith(path.rstrip("/") + "/")]
        return sorted(p for p in below if not self.entries[p].directory)

    def _traverse(self, path: str, root: bool) -> None:
        parent = posixpath.dirname(normal(path))
        while not root and parent != "/":
            entry = self.entries.get(parent)
            if entry is not None and not self._allows(entry, 1):
                raise FileError(path, "Permission denied")
            parent = posixpath.dirname(parent)

    @staticmethod
    def _allows(entry: Entry, bit: int) -> bool:
        return bool(entry.mode & (bit << 6 if entry.owner == "ops" else bit))


def normal(path: str) -> str:
    """Relative paths start in the home directory of ops."""
    return posixpath.normpath(posixpath.join("/home/ops", path))
