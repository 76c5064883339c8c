"""What does systemctl show of the kubelet's unit and its drop-ins? After golden/systemctl-show-kubelet-service.txt."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from lab.file_tree import FileTree

_UNIT = "/usr/lib/systemd/system/kubelet.service"
_DROP_INS = ("/usr/lib/systemd/system/kubelet.service.d", "/etc/systemd/system/kubelet.service.d")


def properties(files: FileTree) -> dict[str, str]:
    """As lines are printed, without the name before the first; an empty value forgets what was before it."""
    commands: list[str] = []
    environment: dict[str, str] = {}
    paths: list[str] = []
    for name, value in _assignments(files):
        match name:
            case "ExecStart":
                commands = [*commands, value] if value else []
            case "EnvironmentFile":
                paths = [*paths, value] if value else []
            case "Environment":
                words = dict(word.split("=", 1) for word in shlex.split(value))
                environment = environment | words if words else {}
    return {
        **({"ExecStart": "\nExecStart=".join(map(_command, commands))} if commands else {}),
        "Environment": " ".join(_quoted(f"{name}={value}") for name, value in environment.items()),
        **({"EnvironmentFiles": "\nEnvironmentFiles=".join(map(_file, paths))} if paths else {}),
    }


def _assignments(files: FileTree) -> Iterator[tuple[str, str]]:
    """The unit file's first, then those of the drop-ins by their names, wherever they are."""
    found = (path for directory in _DROP_INS if directory in files.entries for path in files.files_below(directory))
    for path in (_UNIT, *sorted(found, key=lambda path: path.rpartition("/")[2])):
        text = str(files.text(path) or "").replace("\\\n", " ")
        for line in text.splitlines():
            if assignment := re.match(r"\s*([A-Za-z]+)\s*=\s*(.*)", line):
                yield assignment[1], assignment[2].strip()


def _command(line: str) -> str:
    words = line.split()
    return (
        f"{{ path={words[0]} ; argv[]={' '.join(words)} ; ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; "
        "pid=0 ; code=(null) ; status=0/0 }"
    )


def _file(path: str) -> str:
    return f"{path.removeprefix('-')} (ignore_errors={'yes' if path.startswith('-') else 'no'})"


def _quoted(word: str) -> str:
    if not re.search(r"[\s\"'\\$`]", word):
        return word
    escaped = re.sub(r"([\"\\$`])", r"\\\1", word)
    return f'"{escaped}"'
