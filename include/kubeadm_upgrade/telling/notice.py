"""An event with the run that it is of: what is handed to the DAG that tells it, cleaned and of bounded size.

What hosts, the API and people have said stands in it: it holds no control character, and no Markdown but our own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from kubeadm_upgrade.board.words import brief, full_stop, path_part
from kubeadm_upgrade.telling.events import Event

MOST_LETTERS = 400  # of a sentence
MOST_MARKDOWN = 12_000  # services that take less cut by themselves, and none takes more
_MOST_OF_RUN_ID = 80
_CUT = "\n\n*The rest is in the report.*"
_MARKS = re.compile(r"([\\`*\[\]<])")
_NO_ID = re.compile(r"[^A-Za-z0-9_.-]")

Json = Mapping[str, Any]


def telling_dag(cluster: str) -> str:
    """The id of the DAG that tells people of a cluster."""
    return f"kubeadm_tell.{cluster}"


@dataclass(frozen=True)
class Notice:
    """Plain JSON at Airflow's border: the conf of a run that tells."""

    event: Event
    dag_id: str
    run_id: str
    began: str  # the run's run_after: what tells two runs of one name apart
    at: str  # when it happened
    airflow: str = ""  # its base URL; "": it has none

    @classmethod
    def of(cls, event: Event, *, dag_id: str, run_id: str, began: str, now: datetime, airflow: str = "") -> Notice:
        cleaned = replace(
            event,
            text=_one_line(event.text),
            do=_one_line(event.do),
            node=_one_line(event.node),
            more=_bounded(event.more),
        )
        at = now.isoformat(timespec="seconds")
        return cls(cleaned, dag_id, run_id, began, at, airflow.rstrip("/"))

    @property
    def id(self) -> str:
        """One for one thing that happened, however often and by whomever it is told."""
        said = (self.airflow, self.dag_id, self.run_id, self.began, *self.event.which)
        return sha256("\0".join(said).encode(errors="replace")).hexdigest()[:32]

    @property
    def telling_run(self) -> str:
        """The id of the run that tells it: a second one of that id is refused by Airflow."""
        return f"{self.event.kind}.{_NO_ID.sub('_', self.run_id)[:_MOST_OF_RUN_ID]}.{self.id[:16]}"

    @property
    def title(self) -> str:
        """One line."""
        return full_stop(f"{self.event.cluster}: {self.event.text}")

    @property
    def text(self) -> str:
        """The title, and what to do."""
        return f"{self.title} What to do: {full_stop(self.event.do)}" if self.event.do else self.title

    @property
    def links(self) -> dict[str, str]:
        """By name. Without a base URL they are relative to where Airflow is."""
        run = f"{self.airflow}/dags/{path_part(self.dag_id)}/runs/{path_part(self.run_id)}".removeprefix("/")
        return {"board": f"{run}/plugin/run_board", "report": f"{run}/plugin/upgrade_report", "run": run}

    @property
    def markdown(self) -> str:
        """The longer text: for mail, and for services that show Markdown."""
        links = " · ".join(f"[{name}]({link})" for name, link in self.links.items()) if self.airflow else ""
        do = f"**What to do:** {_escaped(full_stop(self.event.do))}" if self.event.do else ""
        parts = (f"**{_escaped(self.title)}**", do, links, self.event.more)
        return "\n\n".join(part for part in parts if part)

    @property
    def variables(self) -> dict[str, Any]:
        """What `with` of a channel may name, as `{{ event.title }}`, and what a webhook gets as data."""
        return {
            "event": str(self.event.kind),
            "severity": str(self.event.severity),
            "cluster": self.event.cluster,
            "node": self.event.node,
            "title": self.title,
            "text": self.text,
            "do": self.event.do,
            "markdown": self.markdown,
            "links": self.links,
            "dag_id": self.dag_id,
            "run_id": self.run_id,
            "time": self.at,
            "id": self.id,
        }

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "event": self.event.to_json()}

    @classmethod
    def from_json(cls, plain: Json) -> Notice:
        """Raises ValueError, KeyError or TypeError for what is none."""
        return cls(**{**plain, "event": Event.from_json(plain["event"])})


def _one_line(text: str) -> str:
    return brief(" ".join(_printable(text).split()), MOST_LETTERS)


def _bounded(markdown: str) -> str:
    text = "\n".join(_printable(line) for line in markdown.splitlines()).strip()
    if len(text) <= MOST_MARKDOWN:
        return text
    text = text[:MOST_MARKDOWN].rpartition("\n")[0] or text[:MOST_MARKDOWN]
    fences = sum(line.lstrip().startswith("```") for line in text.splitlines())
    return text + ("\n```" if fences % 2 else "") + _CUT


def _printable(line: str) -> str:
    """Without what moves a terminal's cursor or turns a line around; lone surrogates are no text either."""
    return "".join(letter if letter.isprintable() else " " for letter in line)


def _escaped(text: str) -> str:
    return _MARKS.sub(r"\\\1", text)
