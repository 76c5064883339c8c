"""The tasks of a run as a whole: look, plan, preflight, verify."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from airflow.sdk import BaseAsyncOperator, BaseOperator, Context

from kubeadm_upgrade import report
from kubeadm_upgrade.errors import BadParameters, NotAsPromised, PreflightFailed
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.inventory import load_cluster_named
from kubeadm_upgrade.next_hop import Wish, next_hop, path_for
from kubeadm_upgrade.planning import plan_page
from kubeadm_upgrade.planning.state import State
from kubeadm_upgrade.preflight import Severity, findings
from kubeadm_upgrade.verify import shortcomings
from kubeadm_upgrade.version import TargetVersion


class LookOperator(BaseAsyncOperator):
    """Discover the cluster as it is: nodes, roles and versions, and what the package repository publishes."""

    ui_color = "#eef6ea"

    def __init__(self, *, cluster: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cluster = cluster

    async def aexecute(self, context: Context) -> dict[str, Any]:
        from kubeadm_airflow.hooks.cluster_scene import look_at_state

        refuse_unknown_parameters(context)
        cluster = load_cluster_named(self.cluster)
        state = await look_at_state(cluster, TargetVersion.parse(context["params"]["target_version"]))
        for node in state.nodes:
            role = "control plane" if node.control_plane else "worker"
            self.log.info("%s: %s, kubelet %s, %s, %s", node.name, role, node.kubelet, node.os_image, node.runtime)
        return state.to_json()


class PlanOperator(BaseOperator):
    """Plan the whole path, and make its first hop this run's: the exact version, and which nodes move in which order.

    The page of the path is shown with the run; the XCom `path` is the path as docs/plan.schema.json describes it.
    """

    template_fields: Sequence[str] = ("state",)
    ui_color = "#eef6ea"

    def __init__(self, *, cluster: str, state: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cluster = cluster
        self.state = state

    def execute(self, context: Context) -> dict[str, Any]:
        from kubeadm_upgrade.releases.known import releases

        cluster, state, wish = load_cluster_named(self.cluster), State.from_json(self.state), _wish(context)
        path = path_for(cluster, state, wish, releases())
        hop = next_hop(cluster, state, wish, path)
        page = plan_page.as_markdown(self.cluster, path)
        report.write(report.plan_path(context["dag"].dag_id, wish.run), page)
        self.log.info("%s", page)
        ti: Any = context["ti"]
        ti.xcom_push(key="path", value=path.to_json())
        ti.xcom_push(key="page", value=page)
        return hop.to_json()


def _wish(context: Context) -> Wish:
    params = context["params"]
    return Wish(
        target=TargetVersion.parse(params["target_version"]),
        run=str(context["run_id"]),
        nodes=tuple(params["nodes"]),
        dry_run=bool(params["dry_run"]),
    )


class NodesOperator(BaseOperator):
    """Name the nodes of one kind, in their order: Airflow maps a task group over an XCom, not over a part of one."""

    template_fields: Sequence[str] = ("hop",)
    ui_color = "#eef6ea"

    def __init__(self, *, kind: Literal["control_plane", "workers"], hop: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kind = kind
        self.hop = hop

    def execute(self, context: Context) -> list[str]:
        return list(self.hop[self.kind])


class PreflightOperator(BaseAsyncOperator):
    """Check everything that must be so before the cluster is touched; all findings at once."""

    template_fields: Sequence[str] = ("hop",)
    ui_color = "#fdf3e1"

    def __init__(self, *, cluster: str, hop: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cluster = cluster
        self.hop = hop

    async def aexecute(self, context: Context) -> None:
        """The findings are an XCom also of a task that fails: the report shows them."""
        from kubeadm_airflow.hooks.cluster_scene import look_at_scene

        scene = await look_at_scene(load_cluster_named(self.cluster), Hop.from_json(self.hop), datetime.now(UTC).date())
        found = findings(scene)
        for finding in found:
            self.log.warning("%s: %s", finding.check, finding)
        ti: Any = context["ti"]
        await ti.axcom_push(key="findings", value=[str(finding) for finding in found])
        if blocking := [finding.message for finding in found if finding.severity is Severity.BLOCK]:
            raise PreflightFailed(f"{self.cluster}: nothing was touched: " + "; ".join(blocking))


class VerifyOperator(BaseAsyncOperator):
    """Prove the result by looking at the whole cluster again."""

    template_fields: Sequence[str] = ("hop",)
    ui_color = "#eef6ea"

    def __init__(self, *, cluster: str, hop: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cluster = cluster
        self.hop = hop

    async def aexecute(self, context: Context) -> None:
        from kubeadm_airflow.hooks.cluster_scene import look_at_result

        hop = Hop.from_json(self.hop)
        nodes, control_plane, slots = await look_at_result(load_cluster_named(self.cluster))
        for node in nodes:
            self.log.info("%s: kubelet %s, %s", node.name, node.kubelet, "Ready" if node.ready else node.why_not_ready)
        if hop.dry_run:
            self.log.info("a dry run promises nothing")
        elif missing := list(shortcomings(hop, nodes, control_plane, slots)):
            raise NotAsPromised(f"{self.cluster}: " + "; ".join(missing))


def refuse_unknown_parameters(context: Context) -> None:
    """Airflow checks the parameters it knows and lets unknown ones pass; a misspelt one must not."""
    known = set(context["dag"].params)
    given = set(context["dag_run"].conf or {})
    if unknown := sorted(given - known):
        raise BadParameters(f"unknown parameter {', '.join(unknown)}: this DAG knows {', '.join(sorted(known))}")
