"""A question to a host: one read-only command and the reader of its output."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from kubeadm_upgrade.actions import Run
from kubeadm_upgrade.reading import read_output

T = TypeVar("T")


@dataclass(frozen=True)
class Completed:
    """How a command on a host ended."""

    exit_status: int
    stdout: str
    stderr: str = ""


@dataclass(frozen=True)
class Query(Generic[T]):
    """One read-only command and the reader of its output."""

    run: Run
    read: Callable[[str], T]
    # Exit statuses that are answers and not failures, as grep's 1 for "nothing found".
    answers: tuple[int, ...] = (0,)

    def answer(self, output: str) -> T:
        """The output as its reader understands it. Raises UnreadableOutput, and nothing else, where it does not."""
        return read_output(self.read, output, str(self.run))


def query(*argv: str, read: Callable[[str], T], root: bool = False, answers: tuple[int, ...] = (0,)) -> Query[T]:
    return Query(Run(argv, root=root), read, answers)


def field(name: str, *argv: str, read: Callable[[str], T], **options: Any) -> Query[Mapping[str, T]]:
    """A query whose answer is one field of HostFacts; one may as well fill several."""
    return query(*argv, read=lambda text: {name: read(text)}, **options)


# Links are followed, as by those who read the files in earnest; a zero byte ends a name, since a colon may be in one.
FILES_WITH_TEXT = ("grep", "-RasHZ", "")


def read_files_with_text(text: str) -> Mapping[str, str]:
    """Every line of every file, behind its path: of FILES_WITH_TEXT, or of `grep -rsH ''` where no path has a colon."""
    files: dict[str, str] = {}
    for line in text.removesuffix("\n").split("\n") if text else ():
        path, _, content = line.partition("\0" if "\0" in line else ":")
        files[path] = files.get(path, "") + content + "\n"
    return files


def with_shipped(conffiles: tuple[str, ...], ending: str) -> tuple[str, ...]:
    """These files, and the package's own beside each."""
    return tuple(name for path in conffiles for name in (path, f"{path}{ending}"))


def read_names(directory: str) -> Callable[[str], frozenset[str]]:
    """The names that `find -printf` printed of this directory, as whole paths."""
    return lambda text: frozenset(f"{directory}/{name}" for name in text.split())
