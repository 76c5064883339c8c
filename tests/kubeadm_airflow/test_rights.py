"""docs/rbac.yaml grants what the upgrade needs and no more: evaluated by the lab's API as Kubernetes evaluates it."""

from __future__ import annotations

import asyncio
import copy
import json
from functools import partial

import pytest
import yaml

from harness.fleet import ACCOUNT, RIGHTS
from kubeadm_airflow.hooks import cluster_api
from kubeadm_airflow.hooks.drain_api import DrainApi
from kubeadm_upgrade.drain.pod_object import OWNERS
from kubeadm_upgrade.errors import Forbidden, UpgradeError
from kubeadm_upgrade.ledger import wire
from kubeadm_upgrade.ledger.ledger import Ledger
from lab import ClusterSpec, Lab

MANIFEST = list(yaml.safe_load_all(RIGHTS.read_text()))
NODE, POD = "granted-w1", "no-such-pod"


def owners_of(kind: str, number: int, api: DrainApi):
    """One by one, or all of a kind where they are many."""
    return api.owners((kind, "shop", f"none-{n}") for n in range(number))


NEEDED = {
    "nodes": lambda api: api.nodes(),
    "node": lambda api: api.node(NODE),
    "pods on a node": lambda api: api.pods_on(NODE),
    "all pods": lambda api: api.pods(),
    "control plane pods": lambda api: api.control_plane_pods(),
    "kubeadm-config": lambda api: api.kubeadm_config(),
    "kubelet-config": lambda api: api.kubelet_config(35),
    "kubelet-config-1.22": lambda api: api.kubelet_config(22),
    "kubelet-config-1.23": lambda api: api.kubelet_config(23),
    "readyz": lambda api: api.readyz(),
    "cordon": lambda api: api.patch_node(NODE, {"spec": {"unschedulable": True}}),
    "evict": lambda api: api.evict("shop", POD, "uid"),
    "delete": lambda api: api.delete_pod("shop", POD, "uid"),
    "pods of a namespace": lambda api: api.pods_in("shop"),
    **{f"a {kind}": partial(owners_of, kind, 1) for kind in OWNERS},
    **{f"every {kind}": partial(owners_of, kind, 99) for kind in OWNERS},
    "evict in a dry run": lambda api: api.evict("shop", POD, "uid", dry_run=True),
    "budgets": lambda api: api.budgets("shop"),
    "all budgets": lambda api: api.all_budgets(),
    "volumes, and where they can be used": lambda api: api.volumes(),
    "attached volumes": lambda api: api.attachments(),
    "the volume of a claim": lambda api: api.volume_of("shop", "no-such-claim"),
    "fix etcd's tag": lambda api: api.patch_config_map("kubeadm-config", {"metadata": {"labels": {"a": "b"}}}),
    "who leads the controllers": lambda api: api.lease("kube-system", "kube-controller-manager"),
    "who leads the schedulers": lambda api: api.lease("kube-system", "kube-scheduler"),
    "a kubelet's lease": lambda api: api.lease("kube-node-lease", NODE),
    "workloads": lambda api: api.workloads(),
    "create the ledger": lambda api: api.write_ledger(Ledger(), None),
    "read the ledger": lambda api: api.ledger(),
    "update the ledger": lambda api: api.write_ledger(Ledger(), {"metadata": {"resourceVersion": "1"}, "data": {}}),
    "read what was before it": lambda api: api._config_map(wire.SLOTS),
}

BEYOND = {
    "read secrets": ("GET", "/api/v1/secrets"),
    "read other ConfigMaps": ("GET", "/api/v1/namespaces/kube-system/configmaps/kube-proxy"),
    "list ConfigMaps": ("GET", "/api/v1/namespaces/kube-system/configmaps"),
    "read other leases": ("GET", "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/another"),
    "replace kubeadm-config": ("PUT", "/api/v1/namespaces/kube-system/configmaps/kubeadm-config"),
    "make ConfigMaps elsewhere": ("POST", "/api/v1/namespaces/shop/configmaps"),
    "make a Pod": ("POST", "/api/v1/namespaces/shop/pods"),
    "exec into a Pod": ("POST", "/api/v1/namespaces/kube-system/pods/etcd-granted-cp1/exec"),
    "delete a Node": ("DELETE", f"/api/v1/nodes/{NODE}"),
    "write a Node's status": ("PATCH", f"/api/v1/nodes/{NODE}/status"),
    "grant rights": ("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"),
    "change a Deployment": ("PATCH", "/apis/apps/v1/namespaces/shop/deployments/web"),
}


def without_each_right():
    """The manifest once for every verb of every rule, without it."""
    for position, item in enumerate(MANIFEST):
        for number, rule in enumerate(item.get("rules", [])):
            for verb in rule["verbs"]:
                less = copy.deepcopy(MANIFEST)
                less[position]["rules"][number]["verbs"].remove(verb)
                what = [verb, *rule["resources"], *rule.get("resourceNames", [])]
                yield pytest.param(less, id=" ".join(what))


@pytest.fixture(scope="module")
def granted(tmp_path_factory):
    """A cluster that knows the service account."""
    with Lab(tmp_path_factory.mktemp("lab"), [ClusterSpec("granted", workers=1)]) as lab:
        yield lab.clusters["granted"]


@pytest.fixture
def ask(granted, monkeypatch):
    """Use the API as the service account, with the rights of a manifest."""
    monkeypatch.setattr(cluster_api, "FORBIDDEN_SECONDS", 0)  # nobody grants what is missing meanwhile

    def ask(manifest, *requests):
        granted.apply(manifest)
        config = granted.service_account_kubeconfig(*ACCOUNT.split("/"))
        connection = {"conn_type": "kubernetes", "extra": {"kube_config_path": str(config)}}
        monkeypatch.setenv("AIRFLOW_CONN_GRANTED", json.dumps(connection))

        async def run():
            answers = []
            async with DrainApi.open("granted") as api:
                for request in requests:
                    try:
                        answers.append(await request(api))
                    except UpgradeError as error:
                        answers.append(error)
            return answers

        return asyncio.run(run())

    return ask


def forbidden(answers):
    return [answer for answer in answers if isinstance(answer, Forbidden)]


def test_everything_that_is_needed_is_granted(ask):
    """A missing object or a conflict is an answer; a refusal is not."""
    assert forbidden(ask(MANIFEST, *NEEDED.values())) == []


@pytest.mark.parametrize("less", list(without_each_right()))
def test_every_right_is_needed(ask, less):
    """Without it something that an upgrade does is refused, in the API's words and with where to look."""
    refused = forbidden(ask(less, *NEEDED.values()))
    assert refused
    assert "system:serviceaccount:kube-system:kubeadm-fleet" in str(refused[0])
    assert "docs/rbac.yaml" in str(refused[0])


@pytest.mark.parametrize("what", BEYOND)
def test_more_is_refused(ask, what):
    """By Kubernetes' own rules, for whoever holds the connection."""
    method, path = BEYOND[what]
    (answer,) = ask(MANIFEST, lambda api: api._call(method, path, {} if method != "GET" else None))
    assert isinstance(answer, Forbidden), answer
