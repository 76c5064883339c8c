"""Every injection of docs/chaos.md, played on a real Airflow and judged by the lab's own log."""

from __future__ import annotations

import pytest

from chaos.components import COMPONENTS
from chaos.judges import violations

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(3600)]


@pytest.mark.parametrize("name", [pytest.param(one.name, id=one.name) for one in COMPONENTS])
def test_whatever_is_struck_the_run_ends_well_and_no_invariant_is_broken(stories, name):
    told = stories.of(name)
    print(told)
    assert told.state == "success", str(told)
    assert not told.missed, "\n".join(("never came:", *map(str, told.missed), str(told)))
    found = violations(told.evidence)
    assert not found, "\n".join((*found, str(told)))
