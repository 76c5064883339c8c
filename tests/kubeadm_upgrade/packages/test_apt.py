"""apt: repositories in every form in which administrators write them down."""

from __future__ import annotations

from dataclasses import replace

import pytest

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


PROXY = "http://operator:secret@proxy.example.org:3128"
DUMP = """\
Acquire "";
Acquire::http "";
Acquire::http::Proxy "%s";
Acquire::http::Proxy::mirror.example.org "DIRECT";
Acquire::http::User-Agent "apt";
""".replace("%s", PROXY)


@pytest.mark.parametrize(
    ("dump", "url", "told"),
    [
        pytest.param(DUMP, "http://pkgs.example.org/v1.29/deb/", f'proxy = "{PROXY}"\n', id="a proxy"),
        pytest.param(DUMP, "https://pkgs.k8s.io/v1.29/deb/", f'proxy = "{PROXY}"\n', id="https goes the way of http"),
        pytest.param(DUMP, "http://mirror.example.org/v1.29/deb/", 'noproxy = "*"\n', id="but not to this host"),
        pytest.param(
            DUMP + 'Acquire::https::Proxy "http://other:1";\n',
            "https://pkgs.k8s.io/v1.29/deb/",
            'proxy = "http://other:1"\n',
            id="https has one of its own",
        ),
        pytest.param('Acquire "";\n', "https://pkgs.k8s.io/v1.29/deb/", None, id="nothing configured"),
    ],
)
def test_the_repository_is_asked_the_way_apt_goes(dump, url, told):
    """With a password that no log shows."""
    behind = replace(host({}), proxies=apt.read_proxies(dump))
    asked = apt.published(behind, url).run
    fetched = next(run for run in apt.switch(behind, Repository(url, f"{url}Release.key")) if "curl" in run.argv)
    assert (asked.stdin, fetched.stdin) == (told, told)
    assert ("-K - " in str(asked)) is (told is not None)
    assert "secret" not in f"{asked} {asked!r} {fetched!r}"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            "deb https://packages.cloud.google.com/apt cloud-sdk main\n", id="another product of the same host"
        ),
        pytest.param("# deb https://apt.kubernetes.io/ kubernetes-xenial main\n", id="commented out"),
        pytest.param("deb https://download.docker.com/linux/debian bookworm stable\n", id="Docker"),
    ],
)
def test_other_entries_are_left_alone(text):
    """The page's own file is written beside them."""
    assert apt.kubernetes_sources({LIST: text}) == ()
    assert apt.source_path({LIST: text}) == apt.DEFAULT_SOURCE


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
