"""The tasks of a run as a whole: look, plan, preflight, verify."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Any, Literal

from airflow.sdk import BaseAsyncOperator, BaseOperator, Context
from airflow.sdk.exceptions import AirflowSkipException

from kubeadm_airflow.endings import EndsInTwoLines
from kubeadm_airflow.identity import run_of
from kubeadm_airflow.last_look import keep_last_look, tell_marks
from kubeadm_airflow.only_for_pages import only_for_pages
from kubeadm_airflow.telling import tell
from kubeadm_upgrade import report, to_be_continued
from kubeadm_upgrade.board.xcoms import outcomes_in
from kubeadm_upgrade.errors import BadParameters, NotAsPromised, NotSettled, PreflightFailed, several
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.inventory import load_cluster_named
from kubeadm_upgrade.next_hop import Wish, groups_of, next_hop, path_for
from kubeadm_upgrade.planning import plan_page
from kubeadm_upgrade.planning.path import Path
from kubeadm_upgrade.planning.state import State
from kubeadm_upgrade.preflight import may_settle
from kubeadm_upgrade.procedure import TASKS
from kubeadm_upgrade.rollout.placement import Placed
from kubeadm_upgrade.telling.events import plan_ready
from kubeadm_upgrade.verify import joined, left_behind, shortcomings, still_to_do, unsettled
from kubeadm_upgrade.windows.calendar import Calendar
from kubeadm_upgrade.windows.forecast import Forecast, forecast

# Whoever clears `plan` alone, hours later, does not mean what `look` saw then.
LOOK_IS_OLD = timedelta(minutes=10)

ADMISSIONS = tuple(
    f"{group}.{task.name}"
    for group, tasks in TASKS.items()
    for task in tasks
    if any(step.is_at_the_gates for step in task.steps)
)


class ClusterOperator(EndsInTwoLines, BaseAsyncOperator):
    """A task of a whole run, for one cluster and, once it is planned, one hop."""

    template_fields: Sequence[str] = ("hop",)
    ui_color = "#eef6ea"

    def __init__(self, *, cluster: str, hop: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cluster = cluster
        self.hop = hop


class LookOperator(ClusterOperator):
    """Discover the cluster as it is: nodes, roles and versions, and what the package repository publishes.

    The XComs `marks` and `pace` are for boards: what holds the run up, and how long steps have taken here.
    """

    async def aexecute(self, context: Context) -> dict[str, Any]:
        state = await self.look(context)
        for node in state.nodes:
            role = "control plane" if node.control_plane else "worker"
            self.log.info("%s: %s, kubelet %s, %s, %s", node.name, role, node.kubelet, node.os_image, node.runtime)
        for outsider in state.outsiders:
            self.log.warning("%s: it is left as it is", outsider)
        return state.to_json()

    async def look(self, context: Context) -> State:
        from kubeadm_airflow.hooks.cluster_scene import look_at_state_and_ledger

        cluster, wish = load_cluster_named(self.cluster), Wish.read(context["params"])
        state, ledger = await look_at_state_and_ledger(cluster, wish.target)
        ti: Any = context["ti"]
        with only_for_pages("what was seen last"):
            keep_last_look(context, self.cluster, state.cluster_version, state.nodes, ledger)
        await tell_marks(context, ledger)
        with only_for_pages("how fast this cluster goes"):
            at_once = cluster.rollout.workers_at_once(len(state.workers))
            await ti.axcom_push(key="pace", value={"durations": ledger.durations, "workers_at_once": at_once})
        return state


class PlanOperator(LookOperator):
    """Plan the whole path, and make its first hop this run's: the exact version, and which nodes move in which order.

    The page of the path is shown with the run; the XCom `path` is the path as docs/plan.schema.json describes it.
    """

    template_fields: Sequence[str] = ("state",)

    def __init__(self, *, state: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.state = state

    async def aexecute(self, context: Context) -> dict[str, Any]:
        from kubeadm_upgrade.approval.terms_of import begun_in, terms_of
        from kubeadm_upgrade.releases.known import releases

        cluster, state, wish = (
            load_cluster_named(self.cluster),
            await self._state(context),
            Wish.read(context["params"]),
        )
        path = path_for(cluster, state, wish, releases())
        hop = next_hop(cluster, state, wish, path)
        when = await self._forecast(context, path, wish, groups_of(cluster, state), cluster.calendar)
        page = plan_page.as_markdown(self.cluster, path, when, later=len(hop.later))
        report.write(report.plan_path(context["dag"].dag_id, str(context["run_id"])), page)
        self.log.info("%s", page)
        ti: Any = context["ti"]
        await ti.axcom_push(key="path", value=path.to_json() | {"forecast": when.to_json()})
        await ti.axcom_push(key="page", value=page)
        tell(context, plan_ready(self.cluster, plan_page.summary(path), page, path.hash))
        terms = terms_of(cluster, state, path, ignores_windows=bool(wish.ignore_window))
        await ti.axcom_push(key="terms", value=terms.to_json())
        await ti.axcom_push(key="seen", value=state.published_json() | {"target": str(wish.target)})
        await ti.axcom_push(key="begun", value=sorted(begun_in(state, path)))
        return hop.to_json()

    async def _forecast(
        self, context: Context, path: Path, wish: Wish, groups: Sequence[Placed], calendar: Calendar
    ) -> Forecast:
        """By the pace that the newest look has told: the task look's, or this one's own."""
        ti: Any = context["ti"]
        told = [await ti.axcom_pull(task_ids=task, key="pace") for task in ("plan", "look")]
        pace: dict[str, Any] = next(filter(None, told), {"durations": {}, "workers_at_once": 1})
        now, ignores = datetime.now(UTC), bool(wish.ignore_window)
        durations, at_once = pace["durations"], pace["workers_at_once"]
        return forecast(path, calendar, now, durations, at_once, groups, ignores=ignores)

    async def _state(self, context: Context) -> State:
        """What the task look has seen, unless that is too long ago."""
        state = State.from_json(self.state)
        if datetime.now(UTC) - datetime.fromisoformat(state.looked_at) <= LOOK_IS_OLD:
            return state
        self.log.info("%s: was looked at on %s: looking again", self.cluster, state.looked_at)
        return await self.look(context)


class NodesOperator(EndsInTwoLines, BaseOperator):
    """Name the nodes of one kind, in their order: Airflow maps a task group over an XCom, not over a part of one."""

    template_fields: Sequence[str] = ("hop",)
    ui_color = "#eef6ea"

    def __init__(self, *, kind: Literal["control_plane", "workers"], hop: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kind = kind
        self.hop = hop

    def execute(self, context: Context) -> list[str]:
        return list(self.hop[self.kind])


class PreflightOperator(ClusterOperator):
    """Check everything that must be so before the cluster is touched; all findings at once."""

    ui_color = "#fdf3e1"

    async def aexecute(self, context: Context) -> None:
        """The findings are an XCom also of a task that fails: the report shows them.

        What whoever approves may let pass is theirs to judge, and does not end the run here.
        """
        from kubeadm_airflow.approvals import approval_that_covers, planned_terms
        from kubeadm_airflow.hooks.cluster_claim import note_judgement
        from kubeadm_airflow.hooks.cluster_scene import judge
        from kubeadm_upgrade.approval.terms_of import with_findings
        from kubeadm_upgrade.approval.waivers import blocking, may_all_be_waived

        cluster = load_cluster_named(self.cluster)
        found = await judge(cluster, Hop.from_json(self.hop))
        for finding in found:
            self.log.warning("%s: %s", finding.check, finding)
        ti: Any = context["ti"]
        await ti.axcom_push(key="findings", value=[str(finding) for finding in found])
        await ti.axcom_push(key="judged", value=[finding.to_json() for finding in found])
        dry_run = bool(context["params"]["dry_run"])
        blocks, is_asked = blocking(found), False
        if blocks and not dry_run:
            planned, begun = await planned_terms(context, cluster)
            terms = with_findings(planned, found)
            is_asked = cluster.approval.wants(terms)
            blocks = blocking(found, await approval_that_covers(cluster, terms, begun) if is_asked else None)
        if blocks and is_asked and may_all_be_waived(blocks):
            self.log.warning("%s: whoever approves may let this pass", self.cluster)
            return
        if blocks:
            kind = NotSettled if may_settle(blocks) else PreflightFailed
            raise kind(f"{self.cluster}: nothing was touched: {several([one.message for one in blocks])}")
        if not dry_run:
            await note_judgement(cluster, run_of(context))


class VerifyOperator(ClusterOperator):
    """Prove the result by looking at the whole cluster again. Returns the nodes that have joined meanwhile.

    Where nodes were left for another window it proves the rest, and is skipped: nothing is done that is not (I11).
    """

    async def aexecute(self, context: Context) -> list[str]:
        from kubeadm_airflow.hooks.cluster_scene import look_at_result

        hop = Hop.from_json(self.hop)
        result = await look_at_result(load_cluster_named(self.cluster))
        for node in result.nodes:
            self.log.info("%s: kubelet %s, %s", node.name, node.kubelet, "Ready" if node.ready else node.why_not_ready)
        if context["params"]["dry_run"]:
            self.log.info("a dry run promises nothing")
            return []
        ti: Any = context["ti"]
        left = left_behind(hop, outcomes_in(await ti.axcom_pull(task_ids=ADMISSIONS)))
        if missing := list(shortcomings(hop, run_of(context), result, left)):
            raise NotAsPromised(f"{self.cluster}: {several(missing)}")
        if ailing := list(unsettled(hop, result)):
            raise NotSettled(f"{self.cluster}: {several(ailing)}")
        if left:
            raise AirflowSkipException(to_be_continued.told(still_to_do(hop, result, left), left.why))
        return list(joined(hop, result))


def refuse_unknown_parameters(context: Context) -> None:
    """Airflow checks the parameters it knows and lets unknown ones pass; a misspelt one must not."""
    known = sorted(context["dag"].params)
    if unknown := sorted(set(context["dag_run"].conf or {}) - set(known)):
        raise BadParameters(
            several([_unknown(name, known) for name in unknown]),
            do=f"write one that this DAG knows ({', '.join(known)})",
        )


def _unknown(name: str, known: Sequence[str]) -> str:
    """With the nearest that is known, whatever of case, hyphens and blanks somebody has taken for it."""
    alike = get_close_matches(re.sub(r"\W+", "_", name).lower(), known, n=1)
    return f"unknown parameter {name}" + (f": did you mean {alike[0]}?" if alike else "")
