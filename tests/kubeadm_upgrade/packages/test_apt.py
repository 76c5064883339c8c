"""apt: repositories in every form in which administrators write them down."""

from __future__ import annotations

from dataclasses import replace

import pytest

from in_memory.golden import FOLDER
from kubeadm_upgrade.errors import CommandFailed
from kubeadm_upgrade.facts import HostFacts, OsRelease
from kubeadm_upgrade.hop import Repository
from kubeadm_upgrade.packages import apt
from kubeadm_upgrade.packages.port import why_not_switch

NEW = Repository(
    "https://pkgs.k8s.io/core:/stable:/v1.29/deb/", "https://pkgs.k8s.io/core:/stable:/v1.29/deb/Release.key"
)
LIST, SOURCES = "/etc/apt/sources.list.d/k8s.list", "/etc/apt/sources.list.d/k8s.sources"


def host(sources: dict[str, str]) -> HostFacts:
    return HostFacts(OsRelease("debian"), {}, sources=sources)


@pytest.mark.parametrize(
    ("path", "text", "saved"),
    [
        pytest.param(
            LIST, "deb [signed-by=/k.gpg] https://pkgs.k8s.io/core:/stable:/v1.28/deb/ /\n", False, id="one line"
        ),
        pytest.param(
            SOURCES,
            "Types: deb\nURIs: https://pkgs.k8s.io/core:/stable:/v1.28/deb/\nSuites: /\nSigned-By: /k.gpg\n",
            False,
            id="deb822",
        ),
        pytest.param(LIST, "deb https://mirror.example.org/kubernetes/v1.28/deb/ /\n", False, id="a mirror"),
        pytest.param(LIST, "deb https://apt.kubernetes.io/ kubernetes-xenial main\n", True, id="apt.kubernetes.io"),
        pytest.param(
            LIST,
            "deb https://packages.cloud.google.com/apt kubernetes-xenial main\n",
            True,
            id="packages.cloud.google.com",
        ),
        pytest.param(
            LIST,
            "deb [signed-by=/k.gpg] http://apt.kubernetes.io kubernetes-xenial main\n",
            True,
            id="http, with a key",
        ),
    ],
)
def test_an_entry_is_found_and_replaced_where_it_is(path, text, saved):
    """In its own file and format; what was shut down in 2024 is kept beside it, under a name that apt passes over."""
    before = host({"/etc/apt/sources.list": "deb http://mirror.example.org/debian bookworm main\n", path: text})
    assert apt.kubernetes_sources(before.sources) == (path,)
    assert why_not_switch(apt, before) is None
    lines = [str(run) for run in apt.switch(before, NEW)]
    assert (f"sudo -n cp -p {path} {path}.save" in lines) is saved
    after = replace(before, **apt.as_switched(before, NEW))
    assert (apt.switched(before, NEW), apt.switched(after, NEW)) == (False, True)
    assert "v1.29" in after.sources[path]


OLD_LINE = "deb [signed-by=/k.gpg] https://pkgs.k8s.io/core:/stable:/v1.28/deb/ /\n"
CRI_O = "deb [signed-by=/etc/apt/keyrings/cri-o.gpg] https://pkgs.k8s.io/addons:/cri-o:/stable:/v1.28/deb/ /\n"
OLD_STANZA = "Types: deb\nURIs: https://pkgs.k8s.io/core:/stable:/v1.28/deb/\nSuites: /\n"
UBUNTU = "deb http://user:secret@mirror.example.org/ubuntu noble main\n"


def test_apt_itself_is_asked_what_a_repository_offers_and_fetches_the_key():
    """With all that it is told of proxies, logins and certificates, so no password is in an argv; curl has no part."""
    url = "https://mirror.example.org/v1.29/deb/"
    asked = [*apt.before_published(host({}), [url]), apt.published(host({}), [url]).run]
    update = next(run for run in asked if "update" in run.argv)
    assert update.argv[:6] == ("flock", "--verbose", "--wait", "120", f"{apt.ASKED}/lock", "apt-get")
    assert [run.stdin for run in asked if run.stdin] == [f"deb [trusted=yes] {url} /\n"]
    assert f"Dir::State::Lists={apt.ASKED}/lists" in update.argv
    assert all(run.argv[0] in ("install", "dd") or f"Dir::State::Lists={apt.ASKED}/lists" in run.argv for run in asked)
    key = next(
        run for run in apt.switch(host({}), Repository(url, f"{url}Release.key")) if f"{url}Release.key" in run.argv
    )
    assert key.argv == ("/usr/lib/apt/apt-helper", "download-file", f"{url}Release.key", f"{apt.KEYRING}.new")


def test_what_apt_got_nothing_from_is_known_by_its_own_url():
    """Where a repository is redirected, the error on stderr names another; the others were read all the same."""
    said = (FOLDER / "apt-get-update-several.txt").read_text()
    base = "http://mirror.example.org/core:/stable:"
    assert apt.unanswered(said) == {
        f"{base}/v1.38/deb/": "403  Forbidden [IP: 192.0.2.1 80]",
        f"{base}/v1.39/deb/": "500  Internal Server Error [IP: 192.0.2.1 80]",
    }
    assert apt.unanswered((FOLDER / "apt-get-update.txt").read_text()) == {}


def test_what_is_asked_at_once_is_told_apart():
    """A source in the file of another question would be read by somebody who has not asked for it."""
    old, new = (f"https://pkgs.k8s.io/core:/stable:/v1.{minor}/deb/" for minor in (28, 29))
    offered = apt.published(host({}), [old, new]).read(
        " kubeadm | 1.29.1-1.1 | https://pkgs.k8s.io/core:/stable:/v1.29/deb  Packages\n"
        " kubeadm | 1.28.1-1.1 | https://pkgs.k8s.io/core:/stable:/v1.28/deb  Packages\n"
    )
    assert offered == {new: {"kubeadm": ("1.29.1-1.1",)}, old: {"kubeadm": ("1.28.1-1.1",)}}
    files = {apt.asked(urls) for urls in ([old], [new], [old, new])}
    assert len(files) == 3
    for urls in ([old], [old, new]):
        commands = [*apt.before_published(host({}), urls), apt.published(host({}), urls).run]
        assert {file for file in files if any(file in str(run) for run in commands)} == {apt.asked(urls)}


@pytest.mark.parametrize(
    ("said", "missing"),
    [
        pytest.param("E: Failed to fetch https://x/Packages  404  Not Found [IP: 192.0.2.1 443]", True, id="404"),
        pytest.param("E: Failed to fetch https://x/InRelease  403  Forbidden [IP: 192.0.2.1 443]", True, id="403"),
        pytest.param("E: Failed to fetch https://x/InRelease  401  Unauthorized [IP: 192.0.2.1 80]", False, id="401"),
        pytest.param("E: Failed to fetch https://x/InRelease  503  Service Unavailable", False, id="503"),
        pytest.param("E: Failed to fetch http://x:404/InRelease  Could not connect to x:404 (x).", False, id="a port"),
        pytest.param("E: Failed to fetch http://x/InRelease  Could not resolve 'proxy'", False, id="no such proxy"),
    ],
)
def test_only_what_is_not_there_is_missing(said, missing):
    """A login that is refused, or a proxy that is away, is no missing repository."""
    assert apt.is_missing(CommandFailed(said)) is missing


@pytest.mark.parametrize(
    ("path", "text", "after"),
    [
        pytest.param(
            LIST,
            "deb [arch=amd64 signed-by=/k.gpg] https://pkgs.k8s.io/core:/stable:/v1.28/deb/ / # ours\n",
            f"deb [signed-by={apt.KEYRING} arch=amd64] {NEW.url} /\n",
            id="one line",
        ),
        pytest.param(
            SOURCES,
            f"# ours\n{OLD_STANZA}Signed-By: /k.gpg\nArchitectures: amd64\nX-Repolib-Name: Kubernetes\n",
            f"Types: deb\nURIs: {NEW.url}\nSuites: /\nSigned-By: {apt.KEYRING}\nArchitectures: amd64\n"
            "X-Repolib-Name: Kubernetes\n",
            id="deb822",
        ),
    ],
)
def test_what_an_entry_says_besides_is_kept(path, text, after):
    """A comment is not, so the file is copied first; a second switch changes nothing."""
    before = host({path: text})
    switched = replace(before, **apt.as_switched(before, NEW))
    assert switched.sources == {path: after}
    assert apt.switched(switched, NEW)
    assert f"sudo -n cp -p {path} {path}.save" in [str(run) for run in apt.switch(before, NEW)]
    assert not any("cp" in run.argv for run in apt.switch(switched, NEW))


KUBIC = "https://download.opensuse.org/repositories/devel:/kubic:/libcontainers:/stable/Debian_12/"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        pytest.param(
            apt.DEFAULT_SOURCE,
            "deb https://mirrors.aliyun.com/kubernetes/apt/ kubernetes-xenial main\n",
            id="as of old",
        ),
        pytest.param(LIST, "deb https://mirror.example/apt/ kubernetes-jessie main\n", id="as of old, in any file"),
        pytest.param(
            apt.DEFAULT_SOURCE, "deb [trusted=yes] https://nexus.example/repository/k8s-1.28-apt/ /\n", id="flat"
        ),
        pytest.param(
            "/etc/apt/sources.list.d/kubernetes.sources",
            "Types: deb\nURIs: https://mirror.example/Kubernetes/\nSuites: ./\n",
            id="flat, deb822",
        ),
        pytest.param(apt.DEFAULT_SOURCE, f"{OLD_LINE}{OLD_LINE.replace('deb ', 'deb-src ', 1)}", id="with its sources"),
    ],
)
def test_kubernetes_own_repository_on_a_mirror_of_any_layout_is_switched(path, text):
    """And not moved to a file of its own, in which both would be in use."""
    before = host({path: text})
    assert list(apt.would_be_lost(before.sources)) == []
    assert apt.source_path(before.sources) == path
    after = replace(before, **apt.as_switched(before, NEW))
    assert apt.switched(after, NEW)
    assert after.sources.keys() == {path}
    assert "v1.29" in after.sources[path]


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        pytest.param(
            {apt.DEFAULT_SOURCE: f"{OLD_LINE}deb {KUBIC} /\n"}, "libcontainers", id="another flat one in its own file"
        ),
        pytest.param(
            {apt.DEFAULT_SOURCE: f"{OLD_LINE}deb https://mirror.example/k8s/debian bookworm main\n"},
            "bookworm",
            id="what is named so and is none",
        ),
        pytest.param(
            {LIST: OLD_LINE + CRI_O}, "which would be lost: move it to a file of its own", id="CRI-O, in one file"
        ),
        pytest.param({apt.DEFAULT_SOURCE: CRI_O}, "addons:/cri-o", id="CRI-O, in the file that we would write"),
        pytest.param(
            {SOURCES: OLD_STANZA.replace("deb/\n", "deb/ https://ours.example/other/\n")},
            "https://ours.example/other/",
            id="a second URI in a stanza",
        ),
        pytest.param(
            {SOURCES: OLD_STANZA.replace("deb/\n", "deb/ https://mirror.example/v1.28/deb/\n")},
            "https://mirror.example/v1.28/deb/",
            id="a second mirror in a stanza",
        ),
        pytest.param(
            {SOURCES: f"{OLD_STANZA}\nTypes: deb\nURIs: https://x.example/\nSuites: y\nEnabled: no\n"},
            "x.example",
            id="off, in one file",
        ),
        pytest.param({LIST: OLD_LINE + "deb https://x.example/\n"}, "x.example", id="a line that apt cannot read"),
        pytest.param({LIST: OLD_LINE + UBUNTU}, "deb http://mirror.example.org/ubuntu", id="a password is not shown"),
    ],
)
def test_what_somebody_else_would_miss_is_refused(sources, words):
    assert words in why_not_switch(apt, host(sources))
    assert "secret" not in why_not_switch(apt, host(sources))


def test_a_mirror_of_another_layout_is_known_again_by_our_key():
    """Once we have written it."""
    own = Repository("https://nexus.example/k8s-1.28-deb/", "https://nexus.example/key")
    first = replace(host({}), **apt.as_switched(host({}), own))
    assert why_not_switch(apt, first) is None
    assert replace(first, **apt.as_switched(first, NEW)).sources == {
        apt.DEFAULT_SOURCE: apt.source_text(apt.DEFAULT_SOURCE, NEW)
    }


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            "deb https://packages.cloud.google.com/apt cloud-sdk main\n", id="another product of the same host"
        ),
        pytest.param("# deb https://apt.kubernetes.io/ kubernetes-xenial main\n", id="commented out"),
        pytest.param("deb https://download.docker.com/linux/debian bookworm stable\n", id="Docker"),
        pytest.param(CRI_O, id="CRI-O at pkgs.k8s.io"),
        pytest.param("deb https://mirror.example.org/cri-o/v1.28/deb/ /\n", id="CRI-O at a mirror"),
        pytest.param("deb https://pkgs.k8s.io/addons%3A/cri-o%3A/stable%3A/v1.28/deb/ /\n", id="CRI-O, escaped"),
    ],
)
def test_other_entries_are_left_alone(text):
    """The page's own file is written beside them."""
    assert apt.kubernetes_sources({LIST: text}) == ()
    assert apt.source_path({LIST: text}) == apt.DEFAULT_SOURCE


@pytest.mark.parametrize("path", [f"{LIST}.save", f"{LIST}~", "/etc/apt/sources.list.d/.k8s.list"])
def test_a_file_that_apt_passes_over_is_none_of_ours(path):
    assert apt.kubernetes_sources({path: OLD_LINE}) == ()


def test_a_colon_in_the_name_of_a_file_is_part_of_it():
    """As apt-add-repository and cloud-init write them."""
    path = "/etc/apt/sources.list.d/https:__pkgs.k8s.io.list"
    assert apt.kubernetes_sources(apt.read_files(f"{path}\0{OLD_LINE}")["sources"]) == (path,)


def test_a_stanza_that_is_switched_off_is_not_in_use():
    """The page's own file is written beside it, and it stays."""
    sources = {SOURCES: f"{OLD_STANZA}Enabled: no\n"}
    assert apt.kubernetes_sources(sources) == ()
    assert why_not_switch(apt, host(sources)) is None
    assert apt.as_switched(host(sources), NEW)["sources"][SOURCES] == sources[SOURCES]


def test_a_comment_is_no_entry_that_would_be_lost():
    """In either format."""
    deb822 = f"# Kubernetes packages, managed by ansible\n\n{apt.source_text('/k.sources', NEW)}"
    for path, text in (("/k.sources", deb822), ("/k.list", f"# ours\n{apt.source_text('/k.list', NEW)}")):
        assert why_not_switch(apt, host({path: text})) is None


def test_an_entry_in_the_main_file_is_not_taken_out_of_it():
    """Everything else in it would be lost."""
    text = "deb http://mirror.example.org/debian bookworm main\ndeb https://apt.kubernetes.io/ kubernetes-xenial main\n"
    assert "would be lost: move it to a file of its own" in why_not_switch(apt, host({"/etc/apt/sources.list": text}))


def test_an_entry_without_its_key_is_not_switched():
    """apt would refuse the repository."""
    there = replace(host({LIST: apt.source_text(LIST, NEW)}), keyrings=frozenset({apt.KEYRING}))
    assert apt.switched(there, NEW)
    assert not apt.switched(replace(there, keyrings=frozenset()), NEW)
