"""From which repository does a dnf host take Kubernetes' packages, and what is its file to hold?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from kubeadm_upgrade.facts import COMPANIONS, PACKAGES
from kubeadm_upgrade.hop import Repository
from kubeadm_upgrade.packages import repo_files
from kubeadm_upgrade.packages.repo_files import DIRECTORY, Section, UnreadableFile
from kubeadm_upgrade.packages.repository_urls import without_password

DEFAULT_SOURCE = f"{DIRECTORY}/kubernetes.repo"
DEFAULT_ID = "kubernetes"
EXCLUDED = (*PACKAGES, *COMPANIONS)
# The official page's own, which follow the repository; all else that somebody has written into the section is kept.
_OWN = ("name", "baseurl", "mirrorlist", "metalink", "enabled", "gpgcheck", "gpgkey", "exclude", "excludepkgs")


def source_text(repository_id: str, repository: Repository, kept: Mapping[str, str] | None = None) -> str:
    """As the official page has it: the packages are excluded, so that only who says so may change them.

    `kept` are options of the section that there was: all but what follows from the repository stays.
    """
    there = kept or {}
    excludes = [word for name in ("exclude", "excludepkgs") for word in repo_files.words(there.get(name, ""))]
    options = {
        "name": there.get("name", "Kubernetes"),
        "baseurl": repository.url,
        "enabled": "1",
        "gpgcheck": "1",
        "gpgkey": repository.key_url,
        "exclude": " ".join(dict.fromkeys((*EXCLUDED, *excludes))),
        **{name: value for name, value in there.items() if name not in _OWN},
    }
    lines = (f"{name}={value.replace(chr(10), chr(10) + '  ')}\n" for name, value in options.items())
    return f"[{repository_id}]\n{''.join(lines)}"


def kubernetes_sources(sources: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(section.path for section in in_use(sources)))


def would_be_lost(sources: Mapping[str, str]) -> Iterator[str]:
    path, name = source_path(sources), id_of(sources)
    try:
        sections = repo_files.sections(path, sources)
    except UnreadableFile as error:
        yield f"{error}: mend or move it"
        return
    for one in sections:
        if not _is_ours(one):
            yield f"{path} also holds [{one.id}], which would be lost: move it to a file of its own"
        elif len(one.urls) > 1:
            second = next((url for url in one.urls if url not in one.kubernetes), one.urls[1])
            yield f"{path} also holds the URL {without_password(second)}, which would be lost: leave one in baseurl"
    for other in repo_files.every_section(sources):
        if other.id == name and other.path != path:
            yield f"[{name}] is in {path} and in {other.path}, and dnf takes the first: rename or remove the other one"


def source_path(sources: Mapping[str, str]) -> str:
    found = section(sources)
    return found.path if found else DEFAULT_SOURCE


def _is_ours(one: Section) -> bool:
    """By its URL; or by the names that the official page gives, and we do, whatever a mirror's URLs look like."""
    return bool(one.kubernetes) or (one.path, one.id) == (DEFAULT_SOURCE, DEFAULT_ID)


def in_use(sources: Mapping[str, str]) -> tuple[Section, ...]:
    """Repositories of Kubernetes' own packages; those that are switched off only where no other is there."""
    there = tuple(one for one in repo_files.every_section(sources) if _is_ours(one))
    return tuple(one for one in there if one.enabled) or there


def section(sources: Mapping[str, str]) -> Section | None:
    return next(iter(in_use(sources)), None)


def id_of(sources: Mapping[str, str]) -> str:
    found = section(sources)
    return found.id if found else DEFAULT_ID


def text_for(sources: Mapping[str, str], repository: Repository) -> str:
    """What the repository's file is to hold."""
    found = section(sources)
    return source_text(id_of(sources), repository, found.options if found else {})


def is_worth_a_copy(sources: Mapping[str, str]) -> bool:
    """Whether its file holds what the new one will not: comments, other repositories, what was shut down."""
    path = source_path(sources)
    there = repo_files.sections(path, sources)
    has_comments = re.search(r"^\s*[#;]", sources.get(path, ""), re.MULTILINE) is not None
    return has_comments or len(there) > 1 or any(one.shut_down for one in there)
