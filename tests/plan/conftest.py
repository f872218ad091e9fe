from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from scimport.apps.outbox import Delivery, DeliveryResult
from scimport.inputs import opened
from scimport.model import PlanCounts, Problem
from scimport.plan import PlanBuilder, Selection
from scimport.project import Project
from scimport.state import Database
from scimport.state.outbox import Limits, StateOutbox
from scimport.state.plans import Plans

SOURCE = """
kind: csv
path: people.csv
key: id
columns:
  status: {values: [A, T]}
"""
MAPPING = """
where: kind != "X"
user:
  externalId: "{{ id }}"
  userName: "{{ name | lower }}@acme.example"
  displayName: "{{ name }}"
  active: '{{ status == "A" }}'
"""
PIPELINE = """
source: people
mapping: people
app: {target: entra-id, endpoint: sandbox}
"""


@dataclass(frozen=True)
class Made:
    """A plan that was made, and what is in it."""

    counts: PlanCounts
    changes: list[tuple[str, str, str]]
    problems: list[Problem]
    plan_id: str

    @property
    def codes(self) -> list[tuple[str, str, int | None]]:
        """Code, key and line of each problem."""
        return [(one.code.value, one.key, one.line) for one in self.problems]


class Workshop:
    """A project of one pipeline, whose files can be changed between plans."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("pipelines", "sources", "mappings"):
            (root / folder).mkdir()
        self.pipeline(PIPELINE)
        self.source(SOURCE)
        self.mapping(MAPPING)
        self.project = Project(root)
        self.database = Database(self.project.state_url)

    def pipeline(self, text: str) -> None:
        (self.root / "pipelines" / "people.yml").write_text(text)

    def source(self, text: str) -> None:
        (self.root / "sources" / "people.yml").write_text(text)

    def mapping(self, text: str) -> None:
        (self.root / "mappings" / "people.yml").write_text(text)

    def people(self, *rows: str, header: str = "id,name,status,kind") -> None:
        """Write the source: ``id,name,status,kind``."""
        (self.root / "people.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")

    @contextmanager
    def builder(self, selection: Selection) -> Iterator[PlanBuilder]:
        with opened(
            self.project, self.project.pipeline("people"), datetime(2026, 11, 23, tzinfo=UTC)
        ) as source:
            yield PlanBuilder(self.database, "people", source, selection)

    def plan(self, **selection: Any) -> Made:
        """Make a plan of the source as it is now."""
        with self.builder(Selection(**selection)) as builder:
            while builder.step(1000):
                pass
            counts = builder.finish()
        plans = Plans(self.database, "people")
        with self.database.read() as connection:
            changes = [
                (row["key"], row["kind"], row["status"]) for row in plans.changes(connection, builder.plan_id)
            ]
            problems = list(plans.problems(connection, builder.plan_id))
        return Made(counts, changes, problems, builder.plan_id)

    def load(self, *rows: str, **selection: Any) -> Made:
        """Plan these rows, and have the endpoint accept everybody."""
        self.people(*rows)
        made = self.plan(**selection)
        outbox = StateOutbox(
            self.database, "people", made.plan_id, Limits("t", burst=10_000, daily_calls=10_000)
        )
        while operations := outbox.claim():
            sent = outbox.begin(operations)
            assert isinstance(sent, Delivery)
            outbox.finish(sent, http_status=202, result=DeliveryResult.ACCEPTED)
        return made

    def bodies(self, made: Made) -> dict[str, bytes]:
        """What would be sent, by key."""
        with self.database.read() as connection:
            rows = Plans(self.database, "people").changes(connection, made.plan_id)
            return {row["key"]: bytes(row["body"]) for row in rows}


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    workshop = Workshop(tmp_path)
    yield workshop
    workshop.database.close()
