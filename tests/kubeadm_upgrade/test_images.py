"""Names of images: as kubeadm of the target composes them, by people's configurations and what became of them."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kubeadm_upgrade.images import Image, missing, of_control_plane, of_worker
from kubeadm_upgrade.version import Version

STOCK = "imageRepository: registry.k8s.io\netcd: {local: {dataDir: /var/lib/etcd}}\n"


def names(images):
    return [image.name for image in images]


def certain(images):
    return [image.name for image in images if image.certain]


def of(configuration, to="1.29.15", etcd_tag=None):
    return of_control_plane(configuration, Version.parse(to), etcd_tag)


def kube(registry, to):
    names = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")
    return {f"{registry}/{name}:v{to}" for name in names}


@pytest.mark.parametrize(
    ("registry", "to", "rest"),
    [
        pytest.param(
            "registry.k8s.io", "1.33.13", {"coredns/coredns:v1.12.0", "pause:3.10", "etcd:3.5.24-0"}, id="1.33"
        ),
        pytest.param(
            "registry.k8s.io", "1.34.9", {"coredns/coredns:v1.12.1", "pause:3.10.1", "etcd:3.6.5-0"}, id="1.34"
        ),
    ],
)
def test_a_stock_cluster(registry, to, rest):
    """What `kubeadm config images list` of these releases prints."""
    found = names(of(f"imageRepository: {registry}\netcd: {{local: {{}}}}", to))
    assert set(found) == kube(registry, to) | {f"{registry}/{name}" for name in rest}


@pytest.mark.parametrize(
    ("configuration", "to", "component", "expected"),
    [
        pytest.param(STOCK, "1.29.15", "coredns", "registry.k8s.io/coredns/coredns:v1.11.1", id="Kubernetes' own"),
        pytest.param("", "1.29.15", "kube-proxy", "registry.k8s.io/kube-proxy:v1.29.15", id="nothing said"),
        pytest.param("{}", "1.29.15", "coredns", "registry.k8s.io/coredns/coredns:v1.11.1", id="nothing said, CoreDNS"),
        pytest.param(
            "imageRepository: registry.aliyuncs.com/google_containers",
            "1.29.15",
            "coredns",
            "registry.aliyuncs.com/google_containers/coredns:v1.11.1",
            id="kubeadm#2501: a mirror has CoreDNS beside the rest",
        ),
        pytest.param(
            "imageRepository: my/registry.k8s.io\ndns: {imageRepository: my/registry.k8s.io/coredns}",
            "1.29.15",
            "coredns",
            "my/registry.k8s.io/coredns/coredns:v1.11.1",
            id="kubeadm#2714: a pull-through mirror has it in its folder",
        ),
        pytest.param(
            "imageRepository: mirror.example/k8s\ndns: {imageRepository: registry.k8s.io}",
            "1.29.15",
            "coredns",
            "registry.k8s.io/coredns/coredns:v1.11.1",
            id="CoreDNS of Kubernetes' own, the rest mirrored",
        ),
        pytest.param(
            "dns: {imageRepository: public.ecr.aws/eks-distro/coredns, imageTag: v1.10.1-eks-1-28-4}",
            "1.29.15",
            "coredns",
            "public.ecr.aws/eks-distro/coredns/coredns:v1.10.1-eks-1-28-4",
            id="a CoreDNS of somebody's own",
        ),
        pytest.param(
            "imageRepository: k8s.gcr.io",
            "1.25.16",
            "kube-apiserver",
            "registry.k8s.io/kube-apiserver:v1.25.16",
            id="kubeadm#2761: what is frozen is left with 1.25",
        ),
        pytest.param(
            "imageRepository: k8s.gcr.io",
            "1.25.16",
            "coredns",
            "registry.k8s.io/coredns/coredns:v1.9.3",
            id="cluster-api#8092: and CoreDNS with it",
        ),
        pytest.param(
            "imageRepository: registry.k8s.io",
            "1.24.17",
            "coredns",
            "registry.k8s.io/coredns/coredns:v1.8.6",
            id="cluster-api#8092: registry.k8s.io/coredns was never there",
        ),
        pytest.param(
            "imageRepository: registry.tke.com/library",
            "1.29.15",
            "pause",
            "registry.tke.com/library/pause:3.9",
            id="kubernetes#105007: pause of the release, whatever the runtime's sandbox image is",
        ),
        pytest.param(
            "imageRepository: mirror.example/k8s\netcd: {local: {imageRepository: quay.io/coreos}}",
            "1.29.15",
            "etcd",
            "quay.io/coreos/etcd:3.5.15-0",
            id="an etcd from elsewhere",
        ),
        pytest.param("etcd: {external: {endpoints: [x]}}", "1.29.15", "etcd", None, id="external etcd"),
        pytest.param("proxy: {disabled: true}", "1.33.1", "kube-proxy", None, id="no kube-proxy"),
        pytest.param("dns: {disabled: true}", "1.33.1", "coredns", None, id="no CoreDNS"),
        pytest.param("dns: null\netcd: null", "1.29.15", "etcd", "registry.k8s.io/etcd:3.5.15-0", id="nulls"),
        pytest.param(STOCK, "1.99.0", "etcd", None, id="a release that nothing is known of"),
        pytest.param(STOCK, "1.99.0", "kube-apiserver", "registry.k8s.io/kube-apiserver:v1.99.0", id="but its version"),
    ],
)
def test_people_configure_where_images_come_from(configuration, to, component, expected):
    found = [name for name in names(of(configuration, to)) if name.rpartition("/")[2].startswith(f"{component}:")]
    assert found == ([expected] if expected else [])


def test_of_what_our_facts_know_otherwise_nothing_is_certain():
    """kubeadm 1.22.17 brings etcd 3.5.0-0, whatever lists of other tools say: golden/flags of the transcripts."""
    images = of("imageRepository: k8s.gcr.io\netcd: {local: {}}", "1.22.17")
    assert set(certain(images)) == kube("k8s.gcr.io", "1.22.17")
    rest = {name for name in names(images) if "/etcd:" not in name} - set(certain(images))
    assert rest == {"k8s.gcr.io/coredns/coredns:v1.8.4", "k8s.gcr.io/pause:3.5"}


def test_only_what_kubeadm_asks_for_in_any_case_is_certain():
    """A patch release may bring another etcd, CoreDNS or pause than our facts know."""
    assert certain(of(STOCK)) == [
        "registry.k8s.io/kube-apiserver:v1.29.15",
        "registry.k8s.io/kube-controller-manager:v1.29.15",
        "registry.k8s.io/kube-scheduler:v1.29.15",
        "registry.k8s.io/kube-proxy:v1.29.15",
    ]
    fixed = certain(of(f"{STOCK}dns: {{imageTag: v1.9.9}}", etcd_tag="3.5.26-0"))
    assert fixed[-2:] == ["registry.k8s.io/coredns/coredns:v1.9.9", "registry.k8s.io/etcd:3.5.26-0"]


def test_a_worker_gets_what_pods_of_addons_bring_and_kubeadm_asks_for_nothing_there():
    images = of_worker(STOCK, Version(1, 29, 15))
    assert names(images) == [
        "registry.k8s.io/kube-proxy:v1.29.15",
        "registry.k8s.io/coredns/coredns:v1.11.1",
        "registry.k8s.io/pause:3.9",
    ]
    assert certain(images) == []


@pytest.mark.parametrize(
    ("wanted", "listed", "there"),
    [
        pytest.param("registry.k8s.io/pause:3.9", "registry.k8s.io/pause:3.9", True, id="as it is"),
        pytest.param("mirror/k8s/pause:3.9", "docker.io/mirror/k8s/pause:3.9", True, id="Docker Hub in full"),
        pytest.param("pause:3.9", "docker.io/library/pause:3.9", True, id="Docker Hub's own"),
        pytest.param("localhost/pause:3.9", "localhost/pause:3.9", True, id="localhost"),
        pytest.param("registry:5000/pause:3.9", "registry:5000/pause:3.9", True, id="a port"),
        pytest.param("registry.k8s.io/pause:3.9", "registry.k8s.io/pause:3.10", False, id="another tag"),
        pytest.param("registry.k8s.io/pause:3.9", "mirror.example/pause:3.9", False, id="kubeadm#2936: elsewhere"),
    ],
)
def test_what_is_there_is_known_by_its_name(wanted, listed, there):
    assert (missing([Image(wanted)], [listed]) == ()) is there


_VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=9), st.lists(st.integers(), max_size=2))
_KEYS = st.sampled_from(["imageRepository", "dns", "etcd", "proxy", "local", "external", "imageTag", "disabled"])


@given(st.dictionaries(_KEYS, st.one_of(_VALUES, st.dictionaries(_KEYS, _VALUES)), max_size=5))
def test_whatever_is_configured_names_come_of_it(told):
    """Or names that are none, which is told: and never two for one component."""
    images = of(yaml.safe_dump(told))
    assert len({image.name.rpartition("/")[2].partition(":")[0] for image in images}) == len(images)
    assert all(image.is_reference or told for image in images)
    assert missing(images, names(images)) == ()
