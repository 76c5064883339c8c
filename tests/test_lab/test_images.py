"""Which images hosts of the lab have: what is pulled is there, once, and kubeadm is done sooner with it."""

from __future__ import annotations

import json
import time

import pytest

from lab import ClusterSpec, Lab, Latency
from test_lab.conftest import Ssh
from test_lab.test_kubeadm import install

CP = "one-cp1"
LIST = "/run/list-of-images"


@pytest.fixture
def ssh(tmp_path):  # type: ignore[no-untyped-def]
    with Lab(tmp_path, [ClusterSpec("one", 1, 1, version="1.28.15")], Latency(image_pull=2.1)) as lab:
        yield Ssh(lab, lab.clusters["one"])


def images(ssh: Ssh, host: str = CP) -> set[str]:
    listed = json.loads(ssh(host, "sudo -n crictl images -o json").stdout)["images"]
    return {tag for image in listed for tag in image["repoTags"]}


def pull(ssh: Ssh, *names: str) -> tuple[int, str]:
    ssh(CP, f"sudo -n dd of={LIST}", stdin="\n".join(names))
    done = ssh(CP, f"sudo -n xargs -a {LIST} -n 1 crictl pull")
    return done.returncode, done.stdout + done.stderr


def test_a_node_has_the_images_of_its_release(ssh: Ssh) -> None:
    assert {"registry.k8s.io/kube-proxy:v1.28.15", "registry.k8s.io/pause:3.9"} < images(ssh, "one-w1") < images(ssh)


def test_xargs_goes_on_behind_one_that_is_not_published(ssh: Ssh) -> None:
    new, other = "registry.k8s.io/kube-proxy:v1.29.15", "registry.k8s.io/kube-proxy:v1.29.99"
    code, said = pull(ssh, other, new)
    assert code == 123
    assert "code = NotFound" in said
    assert new in images(ssh)
    assert other not in images(ssh)
    assert pull(ssh, new)[0] == 0


def test_kubeadm_pulls_what_is_not_there(ssh: Ssh) -> None:
    install(ssh, CP, "1.29.15")
    ssh(CP, "sudo -n kubeadm config images pull --kubernetes-version v1.29.15")
    began = time.monotonic()
    assert ssh(CP, "sudo -n kubeadm upgrade apply v1.29.15 --yes").returncode == 0
    assert time.monotonic() - began < 2.1
