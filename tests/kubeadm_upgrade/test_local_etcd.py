"""Where a member of etcd is: as its static Pod says, else as kubeadm-config does."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kubeadm_upgrade.local_etcd import LocalEtcd, configured, started_with
from kubeadm_upgrade.objects import read_control_plane
from transcripts.row import GOLDEN_FILES

PODS = json.loads((GOLDEN_FILES / "pods-1.22.json").read_text())["items"]
ETCD = next(pod for pod in PODS if pod["metadata"]["name"] == "etcd-cp1")
ELSEWHERE = {"certificatesDir": "/etc/kubernetes/ssl", "etcd": {"local": {"dataDir": "/data/etcd/"}}}


def plane(*pods: dict, **configuration: object):
    text = yaml.safe_dump({"kubernetesVersion": "v1.22.17", **configuration})
    return read_control_plane(pods, {"data": {"ClusterConfiguration": text}, "metadata": {}}, ())


def with_command(*command: str, **spec: object) -> dict:
    (container,) = ETCD["spec"]["containers"]
    plain = {name: value for name, value in container.items() if name != "volumeMounts"}
    return {**ETCD, "spec": {**ETCD["spec"], "containers": [{**plain, "command": ["etcd", *command], **spec}]}}


def test_a_real_member_is_where_kubeadm_puts_it():
    """golden: every one of kubeadm's own places."""
    assert plane(ETCD).local_etcd("cp1") == LocalEtcd()
    assert LocalEtcd() == configured()


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        pytest.param(
            (
                "--data-dir=/data/etcd",
                "--cert-file=/tls/a.crt",
                "--key-file=/tls/a.key",
                "--trusted-ca-file=/tls/ca.crt",
            ),
            {
                "data": "/data/etcd",
                "data_on_host": "/data/etcd",
                "cert": "/tls/a.crt",
                "key": "/tls/a.key",
                "ca": "/tls/ca.crt",
            },
            id="every flag",
        ),
        pytest.param(
            ("--data-dir", "/data/etcd/"), {"data": "/data/etcd", "data_on_host": "/data/etcd"}, id="a word each"
        ),
        pytest.param(("-data-dir=/a", "--data-dir=/b"), {"data": "/b", "data_on_host": "/b"}, id="the last one counts"),
        pytest.param(
            ("--listen-client-urls=https://192.0.2.7:2379,https://127.0.0.1:2379",),
            {"endpoint": "https://127.0.0.1:2379"},
            id="the loopback, wherever it stands",
        ),
        pytest.param(
            ("--listen-client-urls=https://192.0.2.7:4001, https://192.0.2.8:4001",),
            {"endpoint": "https://192.0.2.7:4001"},
            id="no loopback",
        ),
        pytest.param(("--listen-client-urls=https://[::1]:2379",), {"endpoint": "https://[::1]:2379"}, id="IPv6"),
        pytest.param(
            ("--listen-client-urls=https://0.0.0.0:2379",), {"endpoint": "https://127.0.0.1:2379"}, id="every address"
        ),
        pytest.param(
            ("--listen-client-urls=https://[::]:2379",), {"endpoint": "https://[::1]:2379"}, id="every of IPv6"
        ),
        pytest.param(("--listen-client-urls=",), {}, id="nothing to listen on"),
        pytest.param(("--data-dir",), {}, id="a flag without its word"),
    ],
)
def test_what_a_member_was_started_with_is_followed(command, expected):
    """What is not said is as kubeadm has it."""
    found = plane(with_command(*command)).local_etcd("cp1")
    assert found == LocalEtcd(**{name: expected.get(name, value) for name, value in vars(LocalEtcd()).items()})


def test_its_data_are_where_the_host_has_mounted_them():
    """etcd writes to its own directory, and the snapshot is moved from the host's; the nearest mount counts."""
    mounts = [
        {"name": "etcd-data", "mountPath": "/var/lib/etcd"},
        {"name": "other", "mountPath": "/var/lib"},
        {"name": "memory", "mountPath": "/var/lib/etcd/member"},
    ]
    volumes = [
        {"name": "etcd-data", "hostPath": {"path": "/mnt/ssd"}},
        {"name": "other", "hostPath": {"path": "/wrong"}},
        {"name": "memory", "emptyDir": {}},
    ]
    pod = with_command("--data-dir=/var/lib/etcd/v3", volumeMounts=mounts)
    pod = {**pod, "spec": {**pod["spec"], "volumes": volumes}}
    found = plane(pod).local_etcd("cp1")
    assert (found.data, found.data_on_host) == ("/var/lib/etcd/v3", "/mnt/ssd/v3")
    assert found.snapshot == "/var/lib/etcd/v3/kubeadm-fleet-snapshot.db"
    assert found.snapshot_on_host == "/mnt/ssd/v3/kubeadm-fleet-snapshot.db"
    assert found.database == "/mnt/ssd/v3/member/snap/db"


def test_the_configuration_says_where_a_member_is_that_nobody_has_seen():
    """And where a Pod does not say it either."""
    expected = configured("/data/etcd", "/etc/kubernetes/ssl")
    assert expected.cert == "/etc/kubernetes/ssl/etcd/server.crt"
    assert plane(**ELSEWHERE).local_etcd("cp1") == expected
    assert plane(with_command(), **ELSEWHERE).local_etcd("cp1") == expected


def test_a_pod_that_runs_goes_before_the_configuration():
    """kubeadm-config may have been edited and not applied yet."""
    assert plane(ETCD, **ELSEWHERE).local_etcd("cp1") == LocalEtcd()


DIRECTORIES = st.lists(st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,8}", fullmatch=True), min_size=1, max_size=4).map(
    lambda names: f"/{'/'.join(names)}"
)
ADDRESSES = st.one_of(
    st.ip_addresses(v=4).map(lambda ip: ("127.0.0.1", str(ip))),
    st.ip_addresses(v=6).map(lambda ip: ("[::1]", f"[{ip}]")),
)


@given(DIRECTORIES, DIRECTORIES, ADDRESSES)
def test_whatever_kubeadm_starts_is_found(data, certificates, addresses):
    """By kubeadm's own rule (cmd/kubeadm/app/phases/etcd/local.go), in the order of its manifest."""
    loopback, address = addresses
    pki = f"{certificates}/etcd"
    arguments = {
        "advertise-client-urls": f"https://{address}:2379",
        "cert-file": f"{pki}/server.crt",
        "client-cert-auth": "true",
        "data-dir": data,
        "key-file": f"{pki}/server.key",
        "listen-client-urls": f"https://{loopback}:2379,https://{address}:2379",
        "peer-cert-file": f"{pki}/peer.crt",
        "peer-trusted-ca-file": f"{pki}/peer-ca.crt",
        "trusted-ca-file": f"{pki}/ca.crt",
    }
    argv = ["etcd", *(f"--{name}={value}" for name, value in arguments.items())]
    found = started_with(argv, {data: data, pki: pki}, LocalEtcd())
    assert found == replace(configured(data, certificates), endpoint=f"https://{loopback}:2379")
