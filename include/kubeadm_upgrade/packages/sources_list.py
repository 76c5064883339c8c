"""What does apt read from a file of sources? sources.list(5), in both of its formats."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import unquote

from kubeadm_upgrade.packages.repository_urls import is_add_on, is_core, is_named_so, is_shut_down, without_password

FORMAT = "deb"
DIRECTORY = "/etc/apt/sources.list.d"
ONE_FILE = "/etc/apt/sources.list"
KEYRING = "/etc/apt/keyrings/kubernetes-apt-keyring.asc"  # as it is published, armored: apt reads .asc as such
# As apt's GetListOfFilesInDir has it: other names are passed over, those of editors and package managers among them.
_NAME = re.compile(rf"{re.escape(DIRECTORY)}/(?!\.)[A-Za-z0-9_.:-]+\.(list|sources)")
# `type [options] uri suite components`; blanks may stand within the brackets
_LINE = re.compile(r"(?P<type>deb|deb-src)\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<rest>(?!\[)\S.*)")
_COMMENT = re.compile(r"^((?:\[[^\]]*\]|[^#\[]|\[(?![^\]]*\]))*)#.*$")  # a # within brackets begins none
_OWN_FILES = (f"{DIRECTORY}/kubernetes.list", f"{DIRECTORY}/kubernetes.sources")
_OWN = ("types", "uris", "suites", "components", "enabled", "signed-by")
_NO = ("no", "false", "without", "off", "disable", "0")


@dataclass(frozen=True)
class Entry:
    """A line, or a stanza, of a source file."""

    text: str
    uris: tuple[str, ...] = ()  # none: not what apt could read
    suites: tuple[str, ...] = ()
    binary: bool = True
    enabled: bool = True
    key: str = ""
    options: Mapping[str, str] = field(default_factory=dict)  # all others, by their names in this format
    in_own_file: bool = False  # of the name that the page gives it

    def __str__(self) -> str:
        return repr(without_password(self.text))

    @property
    def kubernetes(self) -> tuple[str, ...]:
        """Those of its URIs that offer Kubernetes' own packages."""
        return self.of_kubernetes if self.binary else ()

    @property
    def of_kubernetes(self) -> tuple[str, ...]:
        """And those of its sources."""
        return tuple(uri for uri in self.uris if any(self._is_core(uri, suite) for suite in self.suites))

    @property
    def shut_down(self) -> bool:
        return any(is_shut_down(uri, FORMAT) for uri in self.kubernetes)

    def _is_core(self, uri: str, suite: str) -> bool:
        if suite.startswith("kubernetes-"):  # as they were named until 2023, and mirrors have them still
            return not is_add_on(uri)
        if is_shut_down(uri, FORMAT):
            return False
        if self.key == KEYRING:  # an entry that we have written, whatever a mirror's URLs look like
            return not is_add_on(uri)
        flat = suite.endswith("/")
        return flat and (is_core(f"{uri.rstrip('/')}/{suite}", FORMAT) or (self.in_own_file and is_named_so(uri)))


def is_read(path: str) -> bool:
    """Whether apt reads a file of this name at all."""
    return path == ONE_FILE or _NAME.fullmatch(path) is not None


def entries(path: str, text: str) -> tuple[Entry, ...]:
    """The entries of a file, those that are switched off by a field among them; a comment is none."""
    found = _stanzas(text) if path.endswith(".sources") else _lines(text)
    return tuple(replace(entry, in_own_file=path in _OWN_FILES) for entry in found)


def _lines(text: str) -> Iterator[Entry]:
    for whole in text.split("\n"):
        line = _COMMENT.sub(r"\1", whole).strip()
        if not line:
            continue
        found = _LINE.fullmatch(line)
        uri, suite, *_ = (*found["rest"].split(), "", "") if found else ("", "")
        if found is None or not suite:
            yield Entry(line)
            continue
        options = dict(option.partition("=")[::2] for option in (found["options"] or "").split())
        yield Entry(
            text=line,
            uris=(_unquoted(uri),),
            suites=(_unquoted(suite),),
            binary=found["type"] == "deb",
            key=options.get("signed-by", ""),
            options={name: value for name, value in options.items() if name.lower() not in _OWN},
        )


def _unquoted(word: str) -> str:
    return unquote(word.replace('"', ""))


def _stanzas(text: str) -> Iterator[Entry]:
    from debian.deb822 import Deb822

    # a line of blanks does not end a stanza for apt
    rules = {"whitespace-separates-paragraphs": False}
    for stanza in Deb822.iter_paragraphs(text, use_apt_pkg=False, strict=rules):
        fields = {name.lower(): str(value) for name, value in stanza.items()}
        yield Entry(
            text=stanza.dump().strip(),
            uris=tuple(fields.get("uris", "").split()),
            suites=tuple(fields.get("suites", "").split()),
            binary="deb" in fields.get("types", "").split(),
            key=fields.get("signed-by", ""),
            enabled=fields.get("enabled", "").strip().lower() not in _NO,
            options={name: str(value) for name, value in stanza.items() if name.lower() not in _OWN},
        )
