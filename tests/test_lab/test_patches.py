"""Patches and selectors, without wires."""

from __future__ import annotations

from typing import Any

import pytest

from lab.patches import json_patch, merge, strategic_merge
from lab.selectors import matches_fields, matches_labels
from lab.statuses import ApiError

NODE: dict[str, Any] = {
    "spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]},
    "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "DiskPressure", "status": "False"}]},
}


def test_merge_patch_replaces_lists_and_removes_nulls() -> None:
    patched = merge({"a": {"b": 1, "c": 2}, "l": [1]}, {"a": {"b": None}, "l": [2]})
    assert patched == {"a": {"c": 2}, "l": [2]}


def test_strategic_merge_knows_conditions_and_taints() -> None:
    patch = {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}
    conditions = strategic_merge(NODE, patch)["status"]["conditions"]
    assert conditions == [{"type": "Ready", "status": "False"}, {"type": "DiskPressure", "status": "False"}]
    more = strategic_merge(NODE, {"spec": {"taints": [{"key": "b", "effect": "NoExecute"}]}})
    assert [taint["key"] for taint in more["spec"]["taints"]] == ["a", "b"]
    gone = strategic_merge(NODE, {"spec": {"taints": [{"$patch": "delete", "key": "a"}]}})
    assert gone["spec"]["taints"] == []


def test_json_patch_tests_first() -> None:
    test = {"op": "test", "path": "/spec/taints/0/key", "value": "a"}
    remove = {"op": "remove", "path": "/spec/taints/0"}
    assert json_patch(NODE, [test, remove])["spec"]["taints"] == []
    with pytest.raises(ApiError):
        json_patch(NODE, [test | {"value": "z"}, remove])
    added = json_patch({"m": {}}, [{"op": "add", "path": "/m/a~1b", "value": 1}])
    assert added == {"m": {"a/b": 1}}


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ("app=web", True),
        ("app==web,tier!=db", True),
        ("app in (web, api),!gone", True),
        ("app notin (web)", False),
        ("tier", False),
        ("", True),
    ],
)
def test_label_selectors(selector: str, matches: bool) -> None:
    assert matches_labels(selector, {"app": "web"}) is matches


def test_field_selectors() -> None:
    pod = {"spec": {"nodeName": "w1"}, "status": {"phase": "Running"}}
    assert matches_fields("spec.nodeName=w1,status.phase!=Failed", pod)
    assert not matches_fields("spec.nodeName=w2", pod)
