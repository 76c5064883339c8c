"""Write down what was just seen of a cluster, by whichever task has looked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import Context

from kubeadm_airflow.only_for_pages import only_for_pages
from kubeadm_upgrade import report
from kubeadm_upgrade.board.last_look import LastLook, NodeLike
from kubeadm_upgrade.ledger.ledger import Ledger
from kubeadm_upgrade.version import Version


def keep_last_look(
    context: Context, cluster: str, version: Version, nodes: Iterable[NodeLike], ledger: Ledger
) -> LastLook:
    """As of now, in the place of what was seen before."""
    by = (context["dag"].dag_id, str(context["run_id"]))
    seen = LastLook.of(cluster, version, nodes, ledger, datetime.now(UTC), by)
    report.keep_last_look(seen)
    return seen


async def tell_marks(context: Context, ledger: Ledger) -> None:
    """The XCom `marks`: what holds the run up now, for boards."""
    ti: Any = context["ti"]
    with only_for_pages("what holds the run up"):
        await ti.axcom_push(key="marks", value=ledger.marks | {"at": datetime.now(UTC).isoformat()})
