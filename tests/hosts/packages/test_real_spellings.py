"""Do the real apt and the real dnf read repository files as we do? One table of spellings, asked of both."""

from __future__ import annotations

import json
import re

import pytest

from hosts import images
from hosts.host_container import HostContainer
from hosts.packages.spellings import OF_APT, OF_DNF, VARIABLES

PARTS, LISTS = "/root/parts", "/root/lists"
# dnf's own library, with each directory as the one where repositories are
READER = """\
import dnf, json, sys
told = []
for directory in sys.argv[1:]:
    base = dnf.Base()
    base.conf.reposdir = [directory]
    base.conf.substitutions["releasever"] = "9"
    base.conf.substitutions.update_from_etc("/")
    base.read_all_repos()
    told.append({one.id: (list(one.baseurl), list(one.excludepkgs), one.enabled) for one in base.repos.all()})
print(json.dumps(told))
"""


def indexes(host: HostContainer, *options: str) -> set[str] | None:
    """What apt would fetch; None where it refuses what it reads."""
    argv = ("apt-get", "update", "--print-uris", "-o", f"Dir::State::Lists={LISTS}", *options)
    told = host.execute("sh", "-c", '"$@" 2>&1 || true', "sh", *argv)
    if "The list of sources could not be read" in told:
        return None
    return set(re.findall(r"^'(\S+/InRelease)'", told, re.MULTILINE))


@pytest.fixture
def apt_host(machines) -> HostContainer:
    host = machines.boot("apt2")["apt2"]
    host.execute("mkdir", "-p", PARTS, f"{LISTS}/partial")
    return host


def test_apt_reads_each_spelling_as_the_table_has_it(apt_host):
    differing = {}
    for one in OF_APT:
        apt_host.write(f"{PARTS}/{one.name}", one.text)
        alone = ("-o", f"Dir::Etc::SourceList={PARTS}/{one.name}", "-o", "Dir::Etc::SourceParts=-")
        found = indexes(apt_host, *alone)
        if found != (None if one.indexes is None else set(one.indexes)):
            differing[one.name] = found
    assert differing == {}


def test_apt_passes_over_the_names_that_the_table_says(apt_host):
    wrong = {}
    for one in (one for one in OF_APT if one.indexes):
        apt_host.execute("rm", "-rf", PARTS)
        apt_host.execute("mkdir", "-p", PARTS)
        apt_host.write(f"{PARTS}/{one.name}", one.text)
        found = indexes(apt_host, "-o", "Dir::Etc::SourceList=-", "-o", f"Dir::Etc::SourceParts={PARTS}")
        if bool(found) is not one.is_read:
            wrong[one.name] = found
    assert wrong == {}


def test_dnf_reads_each_spelling_as_the_table_has_it(machines):
    host = machines.boot("dnf2", image=images.DNF)["dnf2"]
    for name, value in VARIABLES.items():
        host.execute("mkdir", "-p", "/etc/dnf/vars")
        host.write(f"/etc/dnf/vars/{name}", f"{value}\n")
    for number, one in enumerate(OF_DNF):
        host.execute("mkdir", "-p", f"{PARTS}/{number}")
        host.write(f"{PARTS}/{number}/x.repo", one.text)
    directories = [f"{PARTS}/{number}" for number in range(len(OF_DNF))]
    told = json.loads(host.execute("python3", "-c", READER, *directories).splitlines()[-1])
    found = [{name: (tuple(a), tuple(b), c) for name, (a, b, c) in one.items()} for one in told]
    wanted = [one.repositories or {} for one in OF_DNF]
    assert {o.name: f for o, f, w in zip(OF_DNF, found, wanted, strict=True) if f != w} == {}
