"""The rights that are checked: exactly those that the manifest grants, as Kubernetes would say them."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import yaml
from hypothesis import given
from hypothesis import strategies as st

from kubeadm_upgrade.access.permissions import MANIFEST, Permission, permissions

PAGE = Path(__file__).resolve().parents[3] / "docs" / "rbac.yaml"


def said(manifest: str) -> set[tuple[str, ...]]:
    """Every verb of every rule, read in another way than the code does: role by role, each with its one binding."""
    found = set()
    items = list(yaml.safe_load_all(manifest))
    for role in (item for item in items if item["kind"] in ("Role", "ClusterRole")):
        namespace = role["metadata"].get("namespace", "")
        for rule in role["rules"]:
            for verb, group, what, name in product(
                rule["verbs"], rule["apiGroups"], rule["resources"], rule.get("resourceNames", [""])
            ):
                found.add((verb, group, what, namespace, name))
    return found


def flat(one: Permission) -> tuple[str, ...]:
    what = f"{one.resource}/{one.subresource}" if one.subresource else one.resource
    return one.verb, one.group, what, one.namespace, one.name


def test_exactly_those_of_the_page():
    """No more, no less, none twice."""
    asked = [flat(one) for one in permissions()]
    assert set(asked) == said(PAGE.read_text())
    assert len(asked) == len(set(asked))
    assert PAGE.read_text() == MANIFEST.read_text()


def test_the_one_that_may_be_left_out():
    """Whoever leaves it out has an upgrade that deletes nothing, and is told so."""
    assert [str(one) for one in permissions() if one.optional] == ["delete pods"]


WORD = st.text("abcdefghij", min_size=1, max_size=4)
RULE = st.fixed_dictionaries(
    {
        "apiGroups": st.lists(st.one_of(st.just(""), WORD), min_size=1, max_size=2, unique=True),
        "resources": st.lists(st.one_of(WORD, WORD.map("{0}/status".format)), min_size=1, max_size=3, unique=True),
        "verbs": st.lists(WORD, min_size=1, max_size=3, unique=True),
    },
    optional={"resourceNames": st.lists(WORD, min_size=1, max_size=2, unique=True)},
)


def role(kind: str, rules: list[dict[str, object]], namespace: str | None) -> list[dict[str, object]]:
    metadata = {"name": "x", **({"namespace": namespace} if namespace else {})}
    reference = {"kind": kind, "name": "x"}
    return [
        {"kind": kind, "metadata": metadata, "rules": rules},
        {"kind": f"{kind}Binding", "metadata": metadata, "roleRef": reference},
    ]


@given(st.lists(RULE, max_size=3), st.lists(RULE, max_size=3))
def test_of_any_manifest(everywhere, there):
    """However rules are put together."""
    manifest = yaml.safe_dump_all([*role("ClusterRole", everywhere, None), *role("Role", there, "kube-system")])
    assert {flat(one) for one in permissions(manifest)} == said(manifest)


def test_as_a_review_and_in_words():
    """A right on one object in one namespace, and one on a subresource everywhere."""
    one = Permission("get", "", "configmaps", namespace="kube-system", name="kubeadm-config")
    assert str(one) == "get configmaps kubeadm-config in kube-system"
    assert one.review()["spec"] == {
        "resourceAttributes": {
            "verb": "get",
            "resource": "configmaps",
            "namespace": "kube-system",
            "name": "kubeadm-config",
        }
    }
    assert str(Permission("create", "", "pods", "eviction")) == "create pods/eviction"
