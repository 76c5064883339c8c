"""What is done with Pods of a kind: by rules, by annotations, and by the nearest of them."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeadm_upgrade.drain.pod import PodFacts
from kubeadm_upgrade.drain.rule import BEHAVIOR, GRACE, ORDER, Behavior, Rule, Treatment, treatment_of
from kubeadm_upgrade.drain.selector import Selector, parse_selector

POD = PodFacts("shop", "db-0", "u", "StatefulSet", owner_name="db", labels={"app": "db"})


@pytest.mark.parametrize(
    ("rule", "fits"),
    [
        pytest.param(Rule(parse_selector("app=db")), True, id="labels"),
        pytest.param(Rule(parse_selector("app!=db")), False, id="other labels"),
        pytest.param(Rule(namespace="shop"), True, id="namespace"),
        pytest.param(Rule(namespace="batch"), False, id="another namespace"),
        pytest.param(Rule(owner_kind="StatefulSet", namespace="shop"), True, id="kind of its owner"),
        pytest.param(Rule(owner_kind="Job", namespace="shop"), False, id="all must fit"),
    ],
)
def test_a_rule_fits_where_all_of_it_does(rule, fits):
    """Labels, namespace and the kind of the owner."""
    assert rule.fits(POD) is fits


def test_the_nearest_says_each_thing():
    """The Pod before its owner, the owner before the rules, and of those the first that says it."""
    pod = PodFacts("shop", "db-0", "u", "StatefulSet", notes={ORDER: "5"}, owner_notes={ORDER: "6", GRACE: "2m"})
    rules = (Rule(order=7), Rule(behavior=Behavior.WAIT_COMPLETED, grace=10), Rule(behavior=Behavior.SKIP))
    assert treatment_of(pod, rules) == Treatment(Behavior.WAIT_COMPLETED, 5, 120)
    assert treatment_of(POD, ()) == Treatment()


@pytest.mark.parametrize(
    ("notes", "said"),
    [
        pytest.param({BEHAVIOR: "keep"}, "'keep', which must be one of evict, skip, wait-completed", id="behavior"),
        pytest.param({ORDER: "first"}, "'first', which must be a whole number between -1000 and 1000", id="order"),
        pytest.param({ORDER: "1001"}, "'1001', which must be a whole number", id="too far"),
        pytest.param({ORDER: "²"}, "'²', which must be a whole number", id="no digit of ours"),
        pytest.param({GRACE: "90"}, "'90', which must be a duration such as 90m", id="no unit"),
        pytest.param({GRACE: "0s"}, "'0s', which must be at least 1s: less would kill a Pod", id="by force"),
    ],
)
def test_an_annotation_that_nobody_can_read_is_told_with_its_owner(notes, said):
    """Which annotation, of whom, what it says, and what it must be."""
    with pytest.raises(ValueError, match=r"^pod shop/db-0 has annotation kubeadm-fleet\.io/drain") as caught:
        treatment_of(PodFacts("shop", "db-0", "u", notes=notes), ())
    assert said in str(caught.value)
    with pytest.raises(ValueError, match=r"^StatefulSet shop/db has annotation"):
        treatment_of(PodFacts("shop", "db-0", "u", "StatefulSet", owner_name="db", owner_notes=notes), ())


@given(st.dictionaries(st.sampled_from([BEHAVIOR, ORDER, GRACE]), st.text(max_size=8)))
def test_any_annotation_is_read_or_refused_in_a_sentence(notes):
    """Whoever may annotate a Pod may write anything."""
    with suppress(ValueError):
        treatment = treatment_of(PodFacts("shop", "db-0", "u", notes=notes), ())
        assert treatment.grace is None or treatment.grace >= 1


@pytest.mark.parametrize(
    ("text", "labels", "matches"),
    [
        pytest.param("app=db", {"app": "db"}, True, id="equal"),
        pytest.param("app==db,tier!=cache", {"app": "db"}, True, id="a label that is not there is not equal"),
        pytest.param("app in (db, web)", {"app": "web"}, True, id="one of several"),
        pytest.param("app notin (db,web),tier", {"app": "x", "tier": ""}, True, id="none of several, and there"),
        pytest.param("!app", {"app": "db"}, False, id="not there"),
        pytest.param("app.kubernetes.io/name=db", {"app.kubernetes.io/name": "db"}, True, id="with a prefix"),
        pytest.param("app=", {"app": ""}, True, id="empty"),
        pytest.param("app in(db,web)", {"app": "db"}, True, id="no blank before the brackets"),
        pytest.param("app in ( db , web ),tier = x", {"app": "db", "tier": "x"}, True, id="blanks anywhere"),
        pytest.param("app notin (db,)", {"app": ""}, False, id="the empty value among others"),
    ],
)
def test_selectors_are_kubectls(text, labels, matches):
    """As -l takes them."""
    assert parse_selector(text).matches(labels) is matches


@pytest.mark.parametrize(
    "text",
    [
        *("", "a b", "app=db,", "=db", "app in db", "app>1", "app=a b", "-a", "app in ()", "app in ( )"),
        *("app in (a b)", "appin (a)", "app/x/y=1", "app=x/y", "app in (a/b)", "/app", "app/", "-x/app", "X/app"),
        *("a" * 64, f"app={'a' * 64}", "app=-a", "app in (a),,b"),
    ],
)
def test_what_is_no_selector_is_refused(text):
    """Rather than read as one that fits nobody, or everybody."""
    with pytest.raises(ValueError, match="no label selector: write it as kubectl -l takes it"):
        parse_selector(text)


@given(st.dictionaries(st.text(max_size=3), st.text(max_size=3)))
def test_a_selector_without_terms_selects_everything(labels):
    """As an empty LabelSelector does."""
    assert Selector().matches(labels)
