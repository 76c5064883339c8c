"""Values that stand for all of their kind: what differs in a command from host to host and from run to run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from kubeadm_upgrade.kubeadm_preflight import PreflightError
from kubeadm_upgrade.local_etcd import LocalEtcd
from kubeadm_upgrade.packages import apt
from kubeadm_upgrade.version import Version


@dataclass(frozen=True)
class StandIn:
    """A value that stands for all of its kind, and how those look: as a regular expression, and as a wildcard.

    A `*` matches blanks and slashes as well; `only` are the characters that it may stand for.
    """

    text: str
    regex: str
    wildcard: str
    only: str


def _version(text: str) -> StandIn:
    return StandIn(text, r"1\.[0-9]+\.[0-9]+", "1.[0-9]*", "0-9.")


def _package_version(text: str) -> StandIn:
    return StandIn(text, r"1\.[0-9][0-9A-Za-z.+~-]*", "1.[0-9]*", "0-9A-Za-z.+~-")


# kubeadm's commands differ from release to release: the steps are rehearsed to both ends of what there is
TARGETS = (Version(1, 10, 987), Version(1, 99, 987))
CAME_FROM = Version(1, 9, 986)
NODE = StandIn("stand-in.node.example", "[a-z0-9][a-z0-9.-]*", "[a-z0-9]*", "a-z0-9.-")  # DNS-1123
FILE = StandIn("stand-in_file", "[A-Za-z0-9_][A-Za-z0-9_.+-]*", "[A-Za-z0-9_]*", "A-Za-z0-9_.+-")
REPOSITORY_ID = StandIn("stand-in_id", "[A-Za-z0-9_][A-Za-z0-9_.:-]*", "[A-Za-z0-9_]*", "A-Za-z0-9_.:-")
URL = StandIn("https://stand-in/v1.9/deb/", "https?://[A-Za-z0-9/:._~%+=@?&-]+", "http[s:]*", "A-Za-z0-9/:._~%+=@?&-")
URLS = {"deb": URL, "rpm": replace(URL, text="https://stand-in/v1.9/rpm/")}  # known by these endings
# what names the file of a question, by the repositories that are asked
QUESTION = StandIn(apt.asked((URL.text,)).split(".")[-2], "[0-9a-f]+", "[0-9a-f]*", "0-9a-f")
KEY_URL = replace(URL, text="https://stand-in.key")
BACKUP = StandIn("v1.0.985-to-v1.0.985.7", r"v1\.[0-9][0-9A-Za-z.-]*-to-v1\.[0-9.]+", "v1.[0-9]*", "0-9A-Za-z.-")
NUMBER = StandIn("98765", "[0-9]+", "[0-9]*", "0-9")
ETCD_TAG = StandIn("3.9.976-0", r"3\.[0-9]+\.[0-9]+-[0-9]+", "3.[0-9]*", "0-9.-")
REGISTRY = StandIn("stand-in.registry/k8s", "[a-z0-9][A-Za-z0-9/:._-]*", "[a-z0-9]*", "A-Za-z0-9/:._-")
PREFLIGHT_ERRORS = StandIn(  # never `all`
    "CreateJob,ImagePull", f"(({'|'.join(PreflightError)}),?)+", "[A-Z]*", "A-Za-z,"
)
REVISIONS = {"deb": "7.7", "rpm": "777777.7.7"}

# what a hop may ask for beyond the usual
_IGNORED = {"ignore_preflight_errors": {PREFLIGHT_ERRORS.text: ""}}
_PINNED = {"etcd_pin": ETCD_TAG.text}
WISHES: tuple[Mapping[str, Any], ...] = ({}, _PINNED, _IGNORED, _PINNED | _IGNORED)

# a path in which nothing leads back up
_PATHS = {
    name: StandIn(f"/stand-in/{name}", "(/[A-Za-z0-9_+-][A-Za-z0-9_.+-]*)+", "/[A-Za-z0-9_+-]*", "A-Za-z0-9/_.+-")
    for name in ("data", "data-on-host", "ca", "cert", "key")
}
CERTIFICATES = replace(_PATHS["data"], text="/stand-in/certificates")
# in a class of characters, a `]` that comes first is one of them
_ENDPOINT = StandIn("https://stand-in:2379", r"https?://[][0-9A-Za-z.:-]+", "http[s:]*", "][0-9A-Za-z.:/-")
LOCAL_ETCD = LocalEtcd(*(one.text for one in (*_PATHS.values(), _ENDPOINT)))

STAND_INS: tuple[StandIn, ...] = (
    *(
        NODE,
        FILE,
        REPOSITORY_ID,
        *URLS.values(),
        QUESTION,
        KEY_URL,
        BACKUP,
        NUMBER,
        ETCD_TAG,
        REGISTRY,
        PREFLIGHT_ERRORS,
    ),
    *(*_PATHS.values(), CERTIFICATES, _ENDPOINT),
    *(_package_version(f"{to}-{revision}") for to in TARGETS for revision in REVISIONS.values()),
    *(_version(str(version)) for version in (*TARGETS, CAME_FROM)),
)
