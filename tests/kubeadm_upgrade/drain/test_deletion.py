"""Which Pods are never deleted instead of evicted: after reports of forced drains that went wrong, and at random."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from in_memory.examples import EARLIER, NAMESAKE, NOW, RUN, a_hop, a_ledger, facts_of
from kubeadm_upgrade.actions import EvictOrDelete, acts_of
from kubeadm_upgrade.drain.deletion import SYSTEM, Around, Workload, why_kept
from kubeadm_upgrade.drain.node import wanted
from kubeadm_upgrade.drain.pod import PodFacts
from kubeadm_upgrade.ledger.permit import Permit, PermittedPod


def owner(kind="StatefulSet", name="db", uid=None, namespace="shop", above=None, replicas=1, **labels):
    """As the API shows it."""
    references = [{"kind": above, "name": above.lower(), "uid": f"{above}-uid", "controller": True}] if above else []
    metadata = {"name": name, "namespace": namespace, "uid": uid or f"{name}-uid", "ownerReferences": references}
    spec = {"replicas": replicas, "template": {"metadata": {"labels": labels or {"app": name}}}}
    return (kind, namespace, name), {"metadata": metadata, "spec": spec}


def pod(number=0, kind="StatefulSet", name="db", namespace="shop", **more):
    more = {"labels": {"app": name}, "owner_uid": f"{name}-uid", **more}
    return PodFacts(namespace, f"{name}-{number}", f"{name}{number}", kind, owner_name=name, **more)


def budget(name="db", needed=1, behind=0, **selector):
    meta = {"namespace": "shop", "name": name, "generation": 2}
    status = {"disruptionsAllowed": 0, "desiredHealthy": needed, "observedGeneration": 2 - behind}
    return {"metadata": meta, "spec": {"selector": {"matchLabels": selector or {"app": name}}}, "status": status}


DATABASE, OF_ALL = owner(), budget()


def around(*pods, owners=(DATABASE,), budgets=(OF_ALL,), deleted=()):
    return Around(pods, dict(owners), budgets, frozenset(deleted))


BARE = replace(pod(), owner_kind=None, owner_name="", owner_uid="")
OLD, NEW = (owner("ReplicaSet", name, above="Deployment") for name in ("old", "new"))
MORE_OF_NEW = owner("ReplicaSet", "new", above="Deployment", replicas=2)
WEB = {"labels": {"app": "web"}}
OF_OLD, OF_NEW = (pod(0, "ReplicaSet", name, **WEB) for name in ("old", "new"))
OF_AN_OPERATOR = [owner(name=name, above="Elasticsearch") for name in ("es-data", "es-master")]
REPLICATED = pod(1), pod(2)
THREE = owner(replicas=3)
ONE_OF_TWO = "of 2 other Pods of StatefulSet shop/db 1 is healthy: it waits until all are"


@pytest.mark.parametrize(
    ("there", "kept"),
    [
        pytest.param(
            around(pod(), budgets=[budget(needed=1)]),
            "it is the last healthy Pod of StatefulSet shop/db",
            id="kubernetes#48307, #66811: one replica and a budget of one: down until it is back",
        ),
        pytest.param(
            around(pod(), pod(1), deleted=["db1"]),
            "it is the last healthy Pod of StatefulSet shop/db",
            id="kubernetes#31487: all replicas on one node, and a drain that kills them at once",
        ),
        pytest.param(
            around(pod(), pod(1, ready=False), pod(2, ready=False)),
            "it is the last healthy Pod of StatefulSet shop/db",
            id="kURL#934, k3d#1414: --disable-eviction for every upgrade, also while replacements are still starting",
        ),
        pytest.param(
            around(pod(), pod(1, terminating=True)),
            "it is the last healthy Pod of StatefulSet shop/db",
            id="kubernetes#91141: the other one is terminating for ever, and is Ready as long",
        ),
        pytest.param(
            around(pod(ready=False), pod(1, ready=False)),
            "no other Pod of StatefulSet shop/db is healthy",
            id="website#1731: nobody answers for them on a silent node, and they may run and write all the same",
        ),
        pytest.param(
            around(BARE, *REPLICATED),
            "it has no controller, and would be lost",
            id="cloud-platform#1403, kubernetes#23531: made by hand, gone with drain --force",
        ),
        pytest.param(
            around(pod(), *REPLICATED, owners=[(owner()[0], None)]),
            "its StatefulSet db is not there, and its replicas cannot be counted",
            id="kubernetes#31252, #41864: its controller was deleted, and drain --force takes the orphan",
        ),
        pytest.param(
            around(pod(), *REPLICATED, owners=[owner(uid="another")]),
            "its StatefulSet db is not there, and its replicas cannot be counted",
            id="a namesake of its controller, which has not adopted it",
        ),
        pytest.param(
            around(pod(kind="Cluster"), pod(1, "Cluster")),
            "it is of a Cluster, and whether another of its Pods could take its place is not known",
            id="kubernetes#96382, rook#3538: of an operator that alone knows which of its Pods may go",
        ),
        pytest.param(
            around(pod(kind="Job"), pod(1, "Job")),
            "it is of a Job, and whether another of its Pods could take its place is not known",
            id="work that nobody else has done",
        ),
        pytest.param(
            around(pod(namespace=SYSTEM), pod(1, namespace=SYSTEM), owners=[owner(namespace=SYSTEM)]),
            "it is of kube-system",
            id="claudie#1508: CoreDNS, deleted to get on with a drain",
        ),
        pytest.param(
            around(
                OF_OLD,
                pod(0, "ReplicaSet", "other", **WEB, ready=False),
                pod(1, "ReplicaSet", "old", labels={}),
                owners=[OLD],
                budgets=[budget("web")],
            ),
            "it is the last healthy Pod of budget shop/web",
            id="a budget over one of two Pods of a Deployment",
        ),
        pytest.param(
            around(pod(), *REPLICATED, budgets=[budget(), budget("first", role="primary")]),
            None,
            id="kubernetes#75957: a second budget, over others",
        ),
        pytest.param(
            around(
                pod(labels={"app": "db", "role": "primary"}),
                *REPLICATED,
                budgets=[budget(), budget("a", role="primary")],
            ),
            "it is the last healthy Pod of budget shop/a",
            id="kubernetes#75957: of several budgets over it one that nobody else fills",
        ),
        pytest.param(
            around(pod(), pod(1)), None, id="kubernetes#83307: a budget that never allows, and another replica"
        ),
        pytest.param(around(pod(ready=False), pod(1)), None, id="one that is ill itself, and another that is well"),
        pytest.param(
            around(OF_OLD, OF_NEW, owners=[OLD, NEW], budgets=[]),
            None,
            id="two ReplicaSets of one Deployment in a rollout",
        ),
        pytest.param(
            around(OF_OLD, OF_NEW, owners=[owner("ReplicaSet", "old"), NEW], budgets=[]),
            "it is the last healthy Pod of ReplicaSet shop/old",
            id="two ReplicaSets that have nothing to do with each other",
        ),
        pytest.param(
            around(pod(name="es-data"), pod(name="es-master"), owners=OF_AN_OPERATOR, budgets=[]),
            "it is the last healthy Pod of StatefulSet shop/es-data",
            id="two StatefulSets of one operator's resource: what is data is no master",
        ),
        pytest.param(
            around(OF_OLD, OF_NEW, owners=[owner("ReplicaSet", name, above="Cluster") for name in ("old", "new")]),
            "it is the last healthy Pod of ReplicaSet shop/old",
            id="two ReplicaSets of one operator's resource",
        ),
        pytest.param(
            around(pod(), *REPLICATED, budgets=[budget("other", app="x", behind=1), budget(behind=1)]),
            "budget shop/db was changed, and its controller has not counted yet",
            id="a budget that somebody has just loosened",
        ),
        pytest.param(
            around(pod(), *REPLICATED, owners=[THREE], deleted=["db2"]), ONE_OF_TWO, id="a quorum of which one is noted"
        ),
        pytest.param(around(pod(), pod(1), owners=[THREE]), ONE_OF_TWO, id="a quorum of which one is gone"),
        pytest.param(
            around(pod(), pod(1), pod(2, ready=False), owners=[THREE]),
            ONE_OF_TWO,
            id="a quorum of which one is starting, or ill",
        ),
        pytest.param(
            around(pod(), *REPLICATED, owners=[THREE], deleted=["db0"]),
            None,
            id="a quorum of which it is the one that is noted: whoever has done that died before he deleted it",
        ),
        pytest.param(
            around(pod(ready=False), *REPLICATED, owners=[THREE]),
            None,
            id="a quorum of which it is the one that is ill",
        ),
        pytest.param(
            around(
                OF_OLD,
                OF_NEW,
                owners=[owner("ReplicaSet", "old", above="Deployment"), MORE_OF_NEW],
                budgets=[],
            ),
            "of 2 other Pods of Deployment shop/deployment 1 is healthy: it waits until all are",
            id="a rollout that is still to make one",
        ),
        pytest.param(
            around(pod(), pod(1), owners=[owner(replicas=2), owner(name="arbiter", app="db")]),
            "of 1 other Pod of StatefulSet shop/arbiter none is healthy: it waits until all are"
            " (budget shop/db is over them as well)",
            id="another workload under its budget has lost its only one",
        ),
        pytest.param(
            around(pod(), pod(1), pod(9, "Cluster", "x", labels={"app": "db"}, ready=False)),
            "pod shop/x-9 is not healthy, and budget shop/db is over it as well",
            id="under its budget one is ill of which nobody knows how many there are to be",
        ),
    ],
)
def test_what_is_kept_and_why(there, kept):
    """The first Pod of each."""
    assert why_kept(there.pods[0], there) == kept


# --- at random

KINDS = (None, "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "Cluster")
flags = st.booleans()
names = st.sampled_from(["a", "b"])
a_pod = st.builds(
    PodFacts,
    st.just("shop"),
    st.just("p"),
    st.just(""),
    st.sampled_from(KINDS),
    ready=flags,
    terminating=flags,
    finished=flags,
    owner_name=names,
    owner_uid=st.sampled_from(["a", "b"]),
    labels=st.fixed_dictionaries({"app": names}),
)
an_owner = st.none() | st.builds(
    lambda uid, above: owner("ReplicaSet", "x", uid, above=above)[1],
    names,
    st.sampled_from([None, "Deployment", "Elasticsearch"]),
)
a_budget = st.builds(lambda name, app: budget(name, app=app), names, names)


@st.composite
def namespaces(draw):
    space = draw(st.sampled_from(["shop", "shop", SYSTEM]))
    drawn = draw(st.lists(a_pod, min_size=1, max_size=6))
    pods = [replace(one, namespace=space, name=f"p{n}", uid=f"u{n}") for n, one in enumerate(drawn)]
    keys = [(kind, space, name) for kind in ("ReplicaSet", "StatefulSet") for name in ("a", "b")]
    owners = {key: draw(an_owner) for key in keys if draw(st.sampled_from([True, True, False]))}
    budgets = draw(st.lists(a_budget, max_size=2))
    deleted = draw(st.frozensets(st.sampled_from([one.uid for one in pods])))
    return Around(pods, owners, budgets, deleted)


def serving(there: Around, gone: set[str]) -> tuple[dict[Workload, int], list[int]]:
    """How many healthy Pods every workload and every budget has: counted in another way than the rules do."""
    alive = [p for p in there.pods if p.ready and not p.terminating and not p.finished and p.uid not in gone]
    workloads: dict[Workload, int] = {}
    for one in alive:
        if (workload := there.workload_of(one)) is not None:
            workloads[workload] = workloads.get(workload, 0) + 1
    apps = [plain["spec"]["selector"]["matchLabels"]["app"] for plain in there.budgets]
    return workloads, [sum(one.labels["app"] == app for one in alive) for app in apps]


@given(namespaces(), st.data())
def test_whatever_is_deleted_in_whatever_order_something_of_it_stays_healthy(there, data):
    """One after the other, each judged by what those before it have left, while others fail in between."""
    gone = set(there.deleted)
    while left := [one for one in there.pods if one.uid not in gone and why_kept(one, there) is None]:
        one = data.draw(st.sampled_from(left))
        assert one.namespace != SYSTEM
        assert one.owner_kind in ("ReplicaSet", "StatefulSet")
        workload = there.workload_of(one)
        gone.add(one.uid)
        workloads, budgets = serving(there, gone)
        assert workloads[workload] >= 1
        over = [plain["spec"]["selector"]["matchLabels"]["app"] == one.labels["app"] for plain in there.budgets]
        assert all(healthy >= 1 for healthy, mine in zip(budgets, over, strict=True) if mine)
        ill = data.draw(st.frozensets(st.sampled_from([p.uid for p in there.pods]), max_size=1))
        pods = [replace(p, ready=p.ready and p.uid not in ill) for p in there.pods]
        there = replace(there, pods=pods, deleted=frozenset(gone))


@given(st.lists(st.integers(0, 4), max_size=60))
def test_one_after_the_other_goes_of_all_that_serve_together(paces):
    """Two StatefulSets under one budget: whatever the pace of kubelets and controllers, one is missing at most."""
    owners = [owner(name="a", replicas=2, app="db"), owner(name="b", replicas=3, app="db")]
    pods = [pod(n, name=name, labels={"app": "db"}) for name, n in (("a", 0), ("a", 1), ("b", 0), ("b", 1), ("b", 2))]
    slots: list[PodFacts | None] = list(pods)
    noted: set[str] = set()
    for turn, slot in enumerate(paces):
        there = around(*filter(None, slots), owners=owners, deleted=noted)
        match slots[slot]:
            case None:
                slots[slot] = replace(pods[slot], uid=f"u{turn}", ready=False)
            case PodFacts(terminating=True):
                slots[slot] = None
            case PodFacts(ready=False) as starting:
                slots[slot] = replace(starting, ready=True)
            case PodFacts(uid=uid) as one if uid in noted:
                slots[slot] = replace(one, terminating=True)
            case one if why_kept(one, there) is None:
                noted.add(one.uid)
        assert sum(one is not None and around(deleted=noted).is_healthy(one) for one in slots) >= 4


@dataclass
class TwoDrains:
    """Two drains of one namespace, each of which looks, notes and deletes, at any pace; the ledger is compared."""

    there: Around
    noted: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()

    def looked(self) -> tuple[frozenset[str], Around]:
        alive = [one for one in self.there.pods if one.uid not in self.gone]
        return self.noted, replace(self.there, pods=alive, deleted=self.noted)

    def note(self, seen: frozenset[str], uid: str) -> bool:
        """Written only as it was read."""
        if self.noted != seen:
            return False
        self.noted |= {uid}
        return True


@given(st.integers(2, 4), st.lists(st.integers(0, 1), max_size=30))
def test_two_drains_never_take_the_last_two_from_each_other(replicas, paces):
    """However their looks, notes and deletions interleave."""
    world = TwoDrains(around(*(pod(n) for n in range(replicas))))
    looks: list[tuple[frozenset[str], str] | None] = [None, None]
    notes: list[str | None] = [None, None]
    for who in paces:
        if (uid := notes[who]) is not None:
            world.gone |= {uid}
            notes[who] = None
        elif (look := looks[who]) is not None:
            if world.note(*look):
                notes[who] = look[1]
            looks[who] = None
        else:
            seen, now = world.looked()
            mine = [one for one in now.pods if int(one.uid[-1]) % 2 == who and one.uid not in seen]
            wanted = next((one.uid for one in mine if why_kept(one, now) is None), None)
            looks[who] = (seen, wanted) if wanted else None
        assert len(world.gone | world.noted) < replicas


# --- the permit in the ledger


def agreed(uids):
    return tuple(PermittedPod(uid, "shop/web", "anna", NOW) for uid in uids)


AGREED = PermittedPod("u1", "shop/db-0", "anna", NOW)
runs = st.sampled_from([RUN, EARLIER, NAMESAKE])
permits = st.builds(Permit, runs, st.lists(st.sampled_from([f"u{n}" for n in range(5)]), unique=True).map(agreed))


@given(st.dictionaries(st.sampled_from(["w1", "w2"]), permits), runs, runs)
def test_a_drain_deletes_nothing_that_was_not_agreed_to(permits, holder, run):
    """By UID, for this node and this run; all others it asks to evict, and each Pod once."""
    facts = facts_of(a_hop(), "w1")
    pods = tuple(replace(facts.pods[0], name=f"web-{n}", uid=f"u{n}") for n in range(5))
    held = replace(a_ledger(holder), permits=permits)
    facts = replace(facts, run=run, ledger=held, pods=pods, node=replace(facts.node, unschedulable=True))
    wants = list(wanted(facts, "prod/v1.29.15"))
    may = [one.uid for one in wants if isinstance(one, EvictOrDelete)]
    permit = permits.get("w1")
    agreed_to = {one.uid for one in permit.pods} if permit and permit.run == run == holder else set()
    assert set(may) == agreed_to
    assert sorted(one.uid for one in wants) == [f"u{n}" for n in range(5)]
    assert wants[len(wants) - len(may) :] == [one for one in wants if isinstance(one, EvictOrDelete)]
    assert list(map(len, acts_of(wants))) == [5 - len(may)] * (len(may) < 5) + [1] * len(may)


def test_a_permit_is_one_runs_on_one_node_and_ends_with_either():
    """Not of a later run, and not of this one once the node is back, or the run has ended."""
    there = a_ledger(RUN).taken("w1", "worker", RUN, NOW).permitted("w1", RUN, [AGREED])
    later = replace(RUN, dag_run="run-2")
    assert there.permit_of("w1", RUN).of("u1") == AGREED
    assert (there.permit_of("w2", RUN), there.permit_of("w1", later)) == (None, None)
    for ended in (there.given_back("w1"), there.released(NOW), there.claimed(later, NOW)):
        assert (ended.permits, ended.permit_of("w1", RUN), ended.permit_of("w1", later)) == ({}, None, None)
    assert there.claimed(RUN, NOW).permits == there.permits
    lost = replace(there, holder=replace(there.holder, run=later))
    assert (lost.permit_of("w1", RUN), lost.permit_of("w1", later)) == (None, None)


def test_what_is_noted_first_stands():
    """A second approval names nobody else for a Pod, and a second try no other time."""
    there = a_ledger(RUN).permitted("w1", RUN, [AGREED])
    noted = there.deleting("w1", "u1", NOW)
    assert noted.deleted_pods == {"u1"}
    assert noted.permitted("w1", RUN, [replace(AGREED, by="bob")]) == noted
    assert noted.deleting("w1", "u1", NOW.replace(hour=9)) == noted
    assert noted.deleting("w1", "u1", None) == there
    assert there.deleting("w1", "u9", NOW) == there == there.deleting("w9", "u1", NOW)
    assert noted.permits["w1"].deleted[0].told == (
        "pod shop/db-0 was deleted and not evicted, approved by anna on 2026-11-23 04:00:00 UTC"
    )
