"""Watch the runs of a path until the last one ends, and say why when one ends badly."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from demo.complaint import Complaint, RunFailed
from demo.door import Door, Row
from demo.kubernetes import KubernetesNodes, NodeSeen
from demo.world import World
from harness.airflow import AirflowInstance
from kubeadm_upgrade.board.terminal import failed_cells
from kubeadm_upgrade.commands.airflow_server import AirflowServer
from kubeadm_upgrade.commands.watching import Json, Show, answers
from kubeadm_upgrade.errors import UpgradeError
from kubeadm_upgrade.version import TargetVersion, Version

# Far beyond what any step of the demo waits for: a node back after its kubelet's restart takes seconds.
STANDSTILL = 240.0
# Longer than the scheduler takes from one task to the next.
HESITATION = 10.0


class Follower:
    """One cluster's runs, one hop after the other, from the run that a person has started: what `status` shows."""

    def __init__(self, world: World, airflow: AirflowInstance, nodes: KubernetesNodes, run_id: str) -> None:
        self._world = world
        self._door = Door.of(airflow)
        self._dag_id = world.wishes.dag_id
        self._airflow = AirflowServer(airflow.url, AirflowServer.token_for(airflow.url, airflow.user, airflow.password))
        self.run_ids = [run_id]
        self.nodes = nodes

    @property
    def page(self) -> str:
        """The board of the run under way, in Airflow's UI."""
        return self._airflow.page(self._dag_id, self.run_ids[-1])

    @property
    def rows(self) -> tuple[Row, ...]:
        """Where the boards are, and who may look at them."""
        return (("board", self.page), ("fleet", self._door.fleet), self._door.login)

    def watch(self, show: Show) -> Json:
        """Show every answer, until the last run is over or waits for a person; returns the last board.

        Complains when nothing changes for too long.
        """
        moved, before, seen = time.monotonic(), object(), {}
        try:
            for board, now, wrong in answers(self._look):
                seen = board
                show(board, now, wrong)
                if (cells := _cells(board)) != before:
                    moved, before = time.monotonic(), cells
                still = time.monotonic() - moved
                if self._is_over(board) or (board["state"] == "needs_person" and still > HESITATION):
                    return board
                if still > STANDSTILL:
                    raise Complaint(f"Nothing has moved for {STANDSTILL:.0f} s. Last: {board['sentence']} {self.page}")
        except UpgradeError as error:
            raise Complaint(f"{error.what}. Last: {seen.get('sentence', 'nothing was seen')}") from error
        raise AssertionError("answers come without end")

    def check(self, board: Json) -> tuple[NodeSeen, ...]:
        """The nodes, if all is as it should be; else a complaint with the reason."""
        if board["state"] != "done":
            raise RunFailed(self._why_failed(board))
        nodes, target = self.nodes.look(), TargetVersion.parse(self._world.wishes.target)
        wrong = [node for node in nodes if node.status != "Ready" or not target.accepts(Version.parse(node.kubelet))]
        if wrong or not nodes:
            seen = ", ".join(f"{node.name} is {node.status} at {node.kubelet}" for node in wrong)
            raise Complaint(f"Airflow says success, but the cluster does not: {seen or 'it has no nodes'}.")
        return nodes

    def wait_until_cleared(self) -> None:
        """Until somebody has cleared the failed task in Airflow."""
        for board, _, _ in answers(self._look):
            if not board["ended"] and board["state"] != "needs_person":
                return

    def _look(self) -> Json:
        self._world.check_alive()
        return self._airflow.board(self._world.wishes.cluster, self.run_ids[-1])

    def _is_over(self, board: Json) -> bool:
        """And no other run goes on; where one does, it is looked at next."""
        if board["ended"] and board["state"] == "done" and board["next_run"]:
            self.run_ids.append(board["next_run"])
            return False
        return bool(board["ended"])

    def _why_failed(self, board: Json) -> str:
        for name, cell in failed_cells(board):
            failure = cell["failure"]
            log = self._page_of(cell) if self._world.wishes.live else self._log_file(cell)
            step = cell["task"].rpartition(".")[2]
            return f"{step} has failed on {name}.\n{failure['why']}\nWhat to do: {failure['do']}\nIts log: {log}"
        return f"{board['sentence']} See {self.page}"

    def _page_of(self, cell: Json) -> str:
        mapped = f"/mapped/{cell['map_index']}" if cell["map_index"] >= 0 else ""
        return f"{self._door.page(self._dag_id, self.run_ids[-1])}/tasks/{cell['task']}{mapped}"

    def _log_file(self, cell: Json) -> Path:
        """What is left when Airflow has been stopped."""
        mapped = f"map_index={cell['map_index']}" if cell["map_index"] >= 0 else ""
        run = self._world.folder / "airflow" / "logs" / f"dag_id={self._dag_id}" / f"run_id={self.run_ids[-1]}"
        return run / f"task_id={cell['task']}" / mapped / f"attempt={max(1, cell['try'])}.log"


def _cells(board: Json) -> object:
    """Differs from an earlier one when something has moved."""

    def every() -> Iterator[Json]:
        yield from board["run_tasks"]
        for row in board["nodes"]:
            yield from row["cells"]

    cells = [(cell["task"], cell["map_index"], cell["state"], cell["try"]) for cell in every()]
    return board["run_id"], board["state"], cells
