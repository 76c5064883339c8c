"""Where is Airflow's UI, who may enter, and what may be done there meanwhile?"""

from __future__ import annotations

from dataclasses import dataclass

from demo.wishes import Wishes
from harness.airflow import AirflowInstance

# What is shown of it, line by line: a name, and a text that may be copied.
Row = tuple[str, str]


@dataclass(frozen=True)
class Door:
    """What a browser needs."""

    url: str
    user: str
    password: str

    @classmethod
    def of(cls, airflow: AirflowInstance) -> Door:
        return cls(airflow.url, airflow.user, airflow.password)

    def page(self, dag_id: str, run_id: str) -> str:
        """A run in the UI; it may be asked for before there is such a run."""
        return f"{self.url}/dags/{dag_id}/runs/{run_id}"

    @property
    def fleet(self) -> str:
        """All clusters, in the UI."""
        return f"{self.url}/plugin/fleet"

    @property
    def login(self) -> Row:
        return ("log in as", f"{self.user}, password {self.password}")

    def rows(self) -> tuple[Row, ...]:
        """As soon as it is open."""
        return (("Airflow", self.url), ("fleet", self.fleet), self.login)


def meanwhile(wishes: Wishes) -> Row:
    """What can be tried in another terminal while it upgrades."""
    cluster = "" if wishes.cluster == Wishes.cluster else f" CLUSTER={wishes.cluster}"
    return ("break it", f"make break{cluster}, in another terminal; make faults lists more")
