"""With which command line does systemd start a service? Words and environment files are read by its own grammar."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

# Words, as extract_first_word() in systemd's source: quotes may begin anywhere, in and out of them a backslash takes
# any character as it is, and what is not closed ends with the text.
_PIECE = r"""([^ \t\n\r"'\\]+) | \\(.|\Z) | "((?:[^"\\]|\\.)*)(?:"|\\?\Z) | '((?:[^'\\]|\\.)*)(?:'|\\?\Z)"""
_PIECES = re.compile(_PIECE, re.VERBOSE | re.DOTALL)
_WORD = re.compile(rf"(?:{_PIECE})+", re.VERBOSE | re.DOTALL)

# Environment files, as parse_env_file_internal(): a value is quoted parts, and behind them the rest of the line, in
# which quotes are characters as any other. A line ends in a backslash where the next one belongs to it.
_QUOTED = r"""'([^']*)(?:'|\Z) | "((?:[^"\\]|\\.)*)(?:"|\\?\Z)"""
_REST = r"(?:[^\n\r\\ \t] | \\(?:.|\Z) | [ \t]+(?=[^\n\r \t]))*"
_PARTS = re.compile(_QUOTED, re.VERBOSE | re.DOTALL)
_ENTRY = re.compile(
    rf"""[ \t\n\r]*
    (?: [#;][^\n\r]*
      | (?P<name>[^=\n\r]+)=(?P<parts>(?:[ \t]*(?:{_QUOTED}))*)[ \t]*(?P<rest>{_REST})[ \t]*
      | [^\n\r]+ )""",
    re.VERBOSE | re.DOTALL,
)

_ARGV = re.compile(r"argv\[\]=(.*?) ; (?:ignore_errors|flags)=")
# systemd before 243 shows so what it would have to escape, as a value with a blank in it, and says no more of it
_UNPRINTABLE = "[unprintable]"
_FILE = re.compile(r"(.*) \(ignore_errors=(?:yes|no)\)")


@dataclass(frozen=True)
class Service:
    """A service as systemd has loaded it: its unit file, and its drop-ins over it."""

    argv: tuple[str, ...] = ()  # with variables in it
    environment: Mapping[str, str] = field(default_factory=dict)
    environment_files: tuple[str, ...] = ()  # a later one goes over an earlier one, and each over `environment`
    outdated: bool = False  # its files have changed since
    hidden: bool = False  # some of it was not shown


def read_service(text: str) -> Service:
    """`systemctl show UNIT`, asked for ExecStart, Environment, EnvironmentFiles and NeedDaemonReload.

    A name comes once for each command and for each file.
    """
    lines = [line.partition("=")[::2] for line in text.split("\n")]
    commands = [found[1] for name, value in lines if name == "ExecStart" and (found := _ARGV.search(value))]
    files = [found[1] for name, value in lines if name == "EnvironmentFiles" and (found := _FILE.fullmatch(value))]
    assignments = [word for name, value in lines if name == "Environment" for word in words(value)]
    return Service(
        tuple(words(commands[-1])) if commands else (),
        dict(one.partition("=")[::2] for one in assignments if one != _UNPRINTABLE),
        tuple(files),
        ("NeedDaemonReload", "yes") in lines,
        any(_UNPRINTABLE in value for _, value in lines),
    )


def command_line(service: Service, files: Mapping[str, str]) -> tuple[str, ...]:
    """The words that the next start will see; `files` are the texts of its environment files, as far as they exist."""
    environment = dict(service.environment)
    for path in service.environment_files:
        environment |= read_environment(files.get(path, ""))
    return tuple(word for part in service.argv for word in _expanded(part, environment))


def words(text: str) -> Iterator[str]:
    """The words of a text, without the quotes and backslashes."""
    for word in _WORD.finditer(text):
        yield "".join(_word_of(*piece.groups(default="")) for piece in _PIECES.finditer(word[0]))


def read_environment(text: str) -> Mapping[str, str]:
    """An EnvironmentFile=, see systemd.exec(5): a comment begins with # or ;, and what assigns nothing says nothing.

    Up to systemd 253 a backslash at the end of a comment made the next line one too; that line is read, as it is since.
    """
    return {
        entry["name"].strip(" \t"): _value(entry["parts"], entry["rest"])
        for entry in _ENTRY.finditer(text)
        if entry["name"]
    }


def _value(parts: str, rest: str) -> str:
    quoted = (one[1] if one[2] is None else _unescaped(one[2]) for one in _PARTS.finditer(parts))
    return "".join((*quoted, re.sub(r"\\(.|\Z)", lambda one: one[1].strip("\n\r"), rest, flags=re.DOTALL)))


def _unescaped(text: str) -> str:
    """Within double quotes, where a backslash is only one before what a shell would take for something else."""
    return re.sub(r"\\([\"\\`$\n])", lambda one: one[1].strip("\n"), text)


def _word_of(bare: str, escaped: str, double: str, single: str) -> str:
    return bare + escaped + re.sub(r"\\(.)", r"\1", double + single, flags=re.DOTALL)


def _expanded(word: str, environment: Mapping[str, str]) -> Iterator[str]:
    """`$NAME` as a word of its own becomes the words of its value; `${NAME}` stays in its word."""
    if re.fullmatch(r"\$[A-Za-z_][A-Za-z0-9_]*", word):
        yield from words(environment.get(word[1:], ""))
    else:
        yield re.sub(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}", lambda name: environment.get(name[1], ""), word)
