"""What evictions would meet: the API's answer before arithmetic, and what nobody knows is told."""

from __future__ import annotations

import json

import pytest

from in_memory.golden import FOLDER
from in_memory.rehearsed import answered, budget, node, pod, rehearsed, seen, told
from kubeadm_upgrade.approval.terms import HopTerms, Terms
from kubeadm_upgrade.approval.terms_of import with_findings
from kubeadm_upgrade.preflight import Finding, Severity
from kubeadm_upgrade.rehearsal.finding import Kind, Rehearsal
from kubeadm_upgrade.rehearsal.line import Line, together
from kubeadm_upgrade.rehearsal.page import as_markdown, lines
from kubeadm_upgrade.rollout.placement import Placed
from kubeadm_upgrade.version import Version

W = ("w1", "w2", "w3", "w4")
NODES = [node(name) for name in W]
FULL = budget("web", healthy=3, needed=3, expected=3)
REFUSED = json.loads((FOLDER / "eviction-blocked-429-body.json").read_text())


def kinds(*there, budgets=(), answers=None, silent=None):
    return [
        one.kind for one in rehearsed(seen(NODES, there, budgets, answers=answers or {}, silent=silent or {})).found
    ]


@pytest.mark.parametrize(
    ("one", "budgets", "answers", "expected"),
    [
        pytest.param(pod("p", "w1"), [FULL], {}, [Kind.NEVER], id="by arithmetic, where nobody was asked"),
        pytest.param(pod("p", "w1"), [FULL], {"p": None}, [], id="the API grants what arithmetic would not"),
        pytest.param(pod("p", "w1"), [], answered("p", 429, REFUSED), [Kind.NOT_NOW], id="and refuses what it would"),
        pytest.param(pod("p", "w1", phase="Pending", ready=False), [FULL], {}, [], id="one that does not run yet"),
        pytest.param(pod("p", "w1", phase="Failed", ready=False), [FULL], {}, [], id="one that has ended"),
        pytest.param(
            pod("p", "w1", ready=False),
            [budget("web", healthy=3, needed=3, expected=4)],
            {},
            [],
            id="one that is not healthy, where enough others are",
        ),
        pytest.param(
            pod("p", "w1"),
            [budget("web", healthy=3, needed=2, expected=3, generation=2)],
            {},
            [Kind.NOT_NOW],
            id="a budget that was changed, and not counted since",
        ),
        pytest.param(
            pod("p", "w1"),
            [budget("web", healthy=3, needed=1, expected=3), budget("web", healthy=3, needed=1, expected=3, name="x")],
            {},
            [Kind.NEVER],
            id="two budgets, of which each would let it go",
        ),
        pytest.param(pod("p", "w1", owner=None), [FULL], {}, [Kind.REFUSED], id="what the drain refuses is not asked"),
        pytest.param(pod("p", "w1", owner="DaemonSet"), [FULL], {}, [], id="what stays is not asked"),
        pytest.param(
            pod("p", "w1"),
            [],
            answered("p", 403, {"message": "gone", "details": {"causes": [{"reason": "NamespaceTerminating"}]}}),
            [Kind.NOT_NOW],
            id="a namespace that goes",
        ),
    ],
)
def test_an_eviction(one, budgets, answers, expected):
    assert kinds(one, budgets=budgets, answers=answers) == expected


@pytest.mark.parametrize("status", [409, 429, 500])
def test_an_answer_of_the_moment_is_no_answer(status):
    """Changed meanwhile, too much to do, a failure of the API's own."""
    found = rehearsed(seen(NODES, [pod("p", "w1")], answers=answered("p", status, {"message": "not now"})))
    assert found.found == ()
    assert found.unknown == ("the eviction of pod shop/p was not judged: not now",)
    assert not found.is_clear


def test_pods_that_the_same_keeps_are_told_together():
    (said,) = told(seen(NODES, [pod(f"p{n}", "w1") for n in range(7)], [FULL]), "w1")
    assert said.startswith(
        "never: w1: pods shop/p0, shop/p1, shop/p2, shop/p3, shop/p4 and 2 more would not be evicted: "
    )


def test_whoever_was_not_asked_is_counted():
    found = rehearsed(seen(NODES, [pod(f"p{n}", "w1") for n in range(3)], answers={"p1": None}))
    assert found.unknown == ("2 more evictions were not tried in a dry run, and are judged by budgets alone",)
    assert "(1 of 3 evictions asked for in a dry run)" in found.summary


def test_what_the_api_names_each_pod_in_is_one_reason():
    """A missing right, and a webhook that knows no dry run, of a thousand Pods: a sentence each."""
    right = 'POST /api/v1/namespaces/shop/pods/{0}/eviction: pods "{0}" is forbidden: User "x" cannot create'
    webhook = "POST /api/v1/namespaces/shop/pods/{0}/eviction: status 400: it does not support dry run"
    names = [f"p{n}" for n in range(1000)]
    silent = {name: (right if n % 2 else webhook).format(name) for n, name in enumerate(names)}
    found = rehearsed(seen(NODES, [pod(name, "w1") for name in names], silent=silent))
    assert found.unknown == (
        "the eviction of pods shop/p0, shop/p2, shop/p4, shop/p6, shop/p8 and 495 more was not judged: "
        + webhook.format("…").replace("shop", "…"),
        "the eviction of pods shop/p1, shop/p3, shop/p5, shop/p7, shop/p9 and 495 more was not judged: "
        + right.format("…").replace("shop", "…"),
    )


def test_reasons_are_few_and_short_whatever_a_webhook_says():
    """They are in a page, in preflight's finding and in what an approver reads."""
    silent = {f"p{n}": f"{n} " + "x" * 5000 for n in range(100)}
    found = rehearsed(seen(NODES, [pod(name, "w1") for name in silent], silent=silent))
    assert len(found.unknown) == 6
    assert found.unknown[-1].startswith("95 more evictions could not be judged")
    assert max(map(len, found.unknown)) < 600


def test_nodes_that_are_out_together_share_what_a_budget_allows():
    """It is told of the set that has most of its Pods, once; and is no trouble of a node."""
    there = [pod(f"p-{name}", name) for name in ("w1", "w2", "w2", "w3", "w3", "w3")]
    for number, one in enumerate(there):
        one["metadata"] |= {"name": f"p{number}", "uid": f"p{number}"}
    found = rehearsed(seen(NODES, there, [budget("web", healthy=6, needed=4, expected=6)]), at_once=2)
    assert [str(one) for one in found.found] == [
        "w2, w3 out together: budget shop/web allows 2 disruptions at a time, and 5 of its Pods are on them"
    ]
    assert Kind.SLOWER in {one.kind for one in found.found}
    assert rehearsed(seen(NODES, there, [FULL], answers={f"p{n}": None for n in range(6)}), at_once=2).is_clear


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(Line(W), (), id="one at a time"),
        pytest.param(Line(W, at_once=2), (("w1", "w2"), ("w2", "w3"), ("w3", "w4")), id="any neighbours"),
        pytest.param(Line(W, at_once=9), (W,), id="all of them"),
        pytest.param(Line(W, ("cp1", "cp2"), at_once=3), (W[:3], W[1:]), id="control plane nodes never are"),
        pytest.param(
            Line(W, at_once=2, groups=(Placed("a", ("w1", "w2", "w3"), 3), Placed("b", ("w4",)))),
            (("w1", "w2"), ("w2", "w3")),
            id="within a group, and never more than of all workers",
        ),
        pytest.param(Line(W, at_once=3, groups=(Placed("a", W, 1),)), (), id="a group that goes one by one"),
    ],
)
def test_who_may_be_out_together(line, expected):
    assert together(line) == expected


def test_of_a_long_line_some_sets_are_looked_at():
    """From its beginning on, and never more nodes than may be looked at in seconds."""
    sets = together(Line(tuple(f"w{n:03}" for n in range(500)), at_once=50))
    assert sets[0][0] == "w000"
    assert 1 < len(sets) <= 4


def test_a_page_has_the_worst_first_and_is_short():
    there = seen(NODES, [pod(f"p{n}", "w1", f"{n + 5}", app=f"p{n}") for n in range(20)] + [pod("x", "w2", owner=None)])
    text = as_markdown(rehearsed(there))
    assert text.index("The drain would be refused:") < text.index("Pods would find no place:")
    assert "- and 8 more" in text
    assert "Not known:" in text
    assert len(list(lines(rehearsed(there)))) == 20 + 1 + len(rehearsed(there).unknown) + 1


def test_a_rehearsal_that_failed_is_not_clear():
    assert not Rehearsal.failed("nobody answers").is_clear
    assert Rehearsal.failed("nobody answers").summary == "no drain was rehearsed"


def test_whoever_approves_sees_it_and_agrees_to_the_plan_alone():
    """A Pod that moves, and what is met then, asks nobody again."""
    terms = Terms((HopTerms(Version.parse("1.28.15"), Version.parse("1.29.15"), ("cp1",)),))
    moved = Finding("drains_rehearsed", Severity.WARN, "w1: pod shop/p would find no place")
    assert with_findings(terms, [moved]) == with_findings(terms, [])
