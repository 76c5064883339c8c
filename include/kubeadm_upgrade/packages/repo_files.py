"""What does dnf read from its .repo files and from dnf.conf? Sections of options, see dnf.conf(5)."""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from types import MappingProxyType

from kubeadm_upgrade.packages.repository_urls import is_core, is_shut_down

FORMAT = "rpm"
DIRECTORY = "/etc/yum.repos.d"
MAIN = "/etc/dnf/dnf.conf"
VARIABLES = ("/etc/yum/vars", "/etc/dnf/vars")  # the later one decides
_VARIABLE = re.compile(r"\$(?:\{(?P<braced>\w+)\}|(?P<bare>\w+))")
_BETWEEN = re.compile(r"[\s,]+")
_NO = ("0", "no", "false", "off")


class UnreadableFile(ValueError):
    """A file that dnf passes over with a warning, since it cannot read it either."""


@dataclass(frozen=True)
class Section:
    """A section of a file: a repository, or `main`."""

    path: str
    id: str
    options: Mapping[str, str]
    urls: tuple[str, ...] = ()  # of baseurl, with dnf's variables filled in

    @property
    def enabled(self) -> bool:
        return self.options.get("enabled", "1").strip().lower() not in _NO

    @property
    def kubernetes(self) -> tuple[str, ...]:
        """Those of its URLs that offer Kubernetes' own packages."""
        return tuple(url for url in self.urls if is_core(url, FORMAT) or is_shut_down(url, FORMAT))

    @property
    def shut_down(self) -> bool:
        return any(is_shut_down(url, FORMAT) for url in self.urls)

    @property
    def excludes(self) -> tuple[str, ...]:
        """Patterns of packages that dnf passes over, by either name of the option."""
        return tuple(word for name in ("exclude", "excludepkgs") for word in words(self.options.get(name, "")))

    def excluded(self, names: tuple[str, ...]) -> frozenset[str]:
        """Which of these packages it excludes, at whatever version."""
        return frozenset(name for name in names if any(fnmatchcase(name, pattern) for pattern in self.excludes))


def words(value: str) -> tuple[str, ...]:
    """A list as dnf takes one: blanks, commas and line ends are between its words."""
    return tuple(word for word in _BETWEEN.split(value) if word)


def is_read(path: str) -> bool:
    """Whether dnf looks for repositories in a file of this name."""
    return path == MAIN or (path.startswith(f"{DIRECTORY}/") and path.endswith(".repo"))


def every_section(sources: Mapping[str, str]) -> Iterator[Section]:
    """Of all files that dnf can read, in dnf's order: of an id that comes twice, it takes the first."""
    for path in sorted(filter(is_read, sources), key=lambda path: (path != MAIN, path)):
        try:
            yield from sections(path, sources)
        except UnreadableFile:
            continue


def sections(path: str, sources: Mapping[str, str]) -> tuple[Section, ...]:
    """Raises UnreadableFile."""
    known = _variables(sources)
    return tuple(
        Section(path, name, options, tuple(_filled(url, known) for url in words(options.get("baseurl", ""))))
        for name, options in _parsed(path, sources.get(path, ""))
    )


@lru_cache(maxsize=256)  # one look asks a dozen times
def _parsed(path: str, text: str) -> tuple[tuple[str, Mapping[str, str]], ...]:
    parser = configparser.RawConfigParser(
        strict=False,  # of an option that comes twice, the last one counts
        delimiters=("=",),
        comment_prefixes=("#", ";"),
        empty_lines_in_values=False,
        default_section="",  # there is none: a section [DEFAULT] is a repository
    )
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(text, path)
    except configparser.Error as error:
        raise UnreadableFile(f"dnf cannot read {path}: {' '.join(str(error).split())}") from error
    return tuple((name, MappingProxyType(dict(parser.items(name)))) for name in parser.sections())


def _variables(sources: Mapping[str, str]) -> Mapping[str, str]:
    """dnf's own variables: a file each, which holds the value in its first line."""
    return {
        path.rpartition("/")[2]: text.split("\n", 1)[0].strip()
        for directory in VARIABLES
        for path, text in sources.items()
        if path.rpartition("/")[0] == directory
    }


def _filled(url: str, variables: Mapping[str, str]) -> str:
    """Those that dnf knows by itself, as $basearch, stay as they are."""
    return _VARIABLE.sub(lambda found: variables.get(found["braced"] or found["bare"], found[0]), url)
