"""What a person may ask of an upgrade under way: hold it up, let it go on, leave a worker behind, end it.

An order is carried out on the ledger as it stands, as often as somebody gives it; docs/ledger.md says what each does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Self

from kubeadm_upgrade.errors import BadParameters, OrderRefused
from kubeadm_upgrade.ledger.ledger import Ledger

MOST_LETTERS = 200  # of a reason: it stands in every sentence of whoever waits
_BY = ", asked by "


def steering_dag(cluster: str) -> str:
    """The id of the DAG that takes orders for a cluster, as sentences name it."""
    return f"kubeadm_steer.{cluster}"


def deleting_dag(cluster: str) -> str:
    """The id of the DAG that asks whether a blocked drain may delete Pods: an order that waits for somebody's answer.

    It is one of its own: the one that steers carries out one order after the other, and a pause must wait for nobody.
    """
    return f"kubeadm_delete_pods.{cluster}"


class Action(StrEnum):
    """What may be asked; the words of the parameter `action`."""

    PAUSE = "pause"
    RESUME = "resume"
    GIVE_UP = "give_up"
    TAKE_BACK = "take_back"
    ABORT = "abort"


_OF_A_NODE = (Action.GIVE_UP, Action.TAKE_BACK)
_WITH_A_REASON = (Action.PAUSE, Action.GIVE_UP, Action.ABORT)


@dataclass(frozen=True)
class Order:
    """One thing that somebody asks for."""

    action: Action
    node: str = ""
    reason: str = ""
    by: str = ""  # who asks; "": Airflow does not say
    run: str = ""  # the id of the run that is meant; "": whichever has the cluster

    @classmethod
    def read(cls, params: Mapping[str, Any], by: str | None) -> Self:
        """Of a run's parameters. Raises BadParameters where they do not fit together."""
        action = Action(params["action"])
        node, reason = (_one_line(params[name]) for name in ("node", "reason"))
        if action in _OF_A_NODE and not node:
            raise BadParameters(f"{action} is for one worker, and no node is named", do="name it in node")
        if action not in _OF_A_NODE and node:
            does = f"{action} is for the whole cluster, and node names {node}"
            raise BadParameters(does, do=f"leave node empty, or choose {' or '.join(_OF_A_NODE)}")
        if action in _WITH_A_REASON and not reason:
            raise BadParameters(f"{action} needs a reason: whoever waits reads it", do="write it into reason")
        if len(reason) > MOST_LETTERS:
            raise BadParameters(f"reason has {len(reason)} letters", do=f"say it in {MOST_LETTERS}")
        return cls(action, node, reason, _one_line(by), str(params.get("run") or ""))

    def refuse_for(self, roles: Mapping[str, bool]) -> None:
        """Raises BadParameters for a node that is no worker; `roles`: node -> whether it is of the control plane."""
        if self.node not in roles:
            workers = ", ".join(sorted(name for name, is_control_plane in roles.items() if not is_control_plane))
            raise BadParameters(f"there is no node {self.node}", do=f"name one of the workers ({workers})")
        if roles[self.node]:
            raise BadParameters(
                f"{self.node} is a control plane node, and those cannot be given up: the others would go on beside it",
                do="mend it, or take it out of the cluster (docs/ledger.md)",
            )

    def carried_out(self, ledger: Ledger) -> Ledger:
        """The ledger as it is to be; as it is, where it says so already. Raises OrderRefused."""
        match self.action:
            case Action.PAUSE:
                return self._paused(ledger)
            case Action.RESUME:
                return replace(ledger, paused=None)
            case Action.GIVE_UP:
                self._refuse_without_a_run(ledger, do=f'start the next one with give_up: ["{self.node}"]')
                return replace(ledger, given_up={self.node: self._why, **ledger.given_up})
            case Action.TAKE_BACK:
                self._refuse_for_another_run(ledger)
                kept = {node: why for node, why in ledger.given_up.items() if node != self.node}
                return replace(ledger, given_up=kept)
            case Action.ABORT:
                self._refuse_without_a_run(ledger)
                return replace(ledger, aborted=ledger.aborted or self._why)

    def said(self, before: Ledger) -> str:
        """What the order has done to a ledger, in a sentence."""
        changes = self.carried_out(before) != before
        return (_DONE if changes else _WAS_SO)[self.action].format(node=self.node, why=self._why)

    def to_json(self) -> dict[str, str]:
        return {"action": str(self.action), "node": self.node, "reason": self.reason, "by": self.by, "run": self.run}

    @property
    def _why(self) -> str:
        """The reason as the ledger has it, with who gave it."""
        return f"{self.reason}{_BY}{self.by}" if self.by else self.reason

    def _paused(self, ledger: Ledger) -> Ledger:
        there = ledger.paused
        if there is None:
            return replace(ledger, paused=self._why)
        if there == self.reason or there.startswith(f"{self.reason}{_BY}"):
            return ledger
        # one mark cannot hold two reasons, and whoever resumes for one of them would lift both
        raise OrderRefused(f"the upgrade is paused already ({there})", do="resume it first, if this is to stand there")

    def _refuse_without_a_run(self, ledger: Ledger, do: str | None = None) -> None:
        """What is given up or aborted ends with its run, so an order between two runs would be forgotten unseen."""
        if ledger.holder is None:
            raise OrderRefused(f"no run has this cluster: {_NOTHING[self.action]}", do=do)
        self._refuse_for_another_run(ledger)
        if ledger.ended_at:
            raise OrderRefused(f"{ledger.holder.run} has ended: {_NOTHING[self.action]}", do=do)

    def _refuse_for_another_run(self, ledger: Ledger) -> None:
        """What is given up or aborted is its run's: a board may show one that another has come after."""
        holder = ledger.holder
        if self.run and holder is not None and holder.run.dag_run != self.run:
            raise OrderRefused(
                f"{holder.run} has this cluster by now, and not run {self.run}: {_NOTHING[self.action]}",
                do="see the board of the run that has it",
            )


_NOTHING = {
    Action.GIVE_UP: "nobody waits for a node",
    Action.TAKE_BACK: "there is nobody to take back",
    Action.ABORT: "there is nothing to abort",
}
_DONE = {
    Action.PAUSE: "paused ({why}): nodes that are out of service are finished, no other is taken",
    Action.RESUME: "the upgrade goes on",
    Action.GIVE_UP: "{node} is given up ({why}): it stays as it is, and in nobody's way",
    Action.TAKE_BACK: "{node} is taken back: clear its failed task, if it has one",
    Action.ABORT: "the run is aborted ({why}): nodes that are out of service are finished, and it ends",
}
_WAS_SO = {
    Action.PAUSE: "it was paused for this reason already",
    Action.RESUME: "it was not paused",
    Action.GIVE_UP: "{node} was given up already",
    Action.TAKE_BACK: "{node} was not given up",
    Action.ABORT: "the run was aborted already",
}


def _one_line(text: object) -> str:
    return " ".join(str(text or "").split())
