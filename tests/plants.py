"""A project for those who examine sources, and people of all kinds for it."""

from __future__ import annotations

import csv
import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import select

from scimport.apps.outbox import Delivery, DeliveryResult
from scimport.plan import Selection
from scimport.project import Project
from scimport.stages import PipelineRun
from scimport.state import Database
from scimport.state.outbox import Limits, StateOutbox
from scimport.state.schema import change, person, problem

SOURCE = """
kind: csv
path: people.csv
key: id
columns:
  status: {values: [A, T]}
  since: {type: date}
"""
MAPPING = """
where: kind != "X"
functions: [shout]
user:
  externalId: "{{ id }}"
  userName: "{{ name | lower }}@acme.example"
  displayName: "{{ name | shout }}"
  active: '{{ status == "A" }}'
  enterprise:
    manager: {value: "{{ boss }}"}
"""
FUNCTIONS = """
import sys

def shout(text: str) -> str:
    print("a word between the answers", file=sys.stderr)
    print("and one more")
    return text.upper()
"""
PIPELINE = """
source: people
mapping: people
leavers: deactivate
app: {{target: entra-id, endpoint: sandbox}}
engine: {{{engine}}}
"""
HEADER = "id,name,status,kind,boss,since"


class Plant:
    """A project whose pieces are small, so that a few hundred people are many of them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("pipelines", "sources", "mappings"):
            (root / folder).mkdir(parents=True)
        (root / "sources" / "people.yml").write_text(SOURCE)
        (root / "mappings" / "people.yml").write_text(MAPPING)
        (root / "mappings" / "functions.py").write_text(FUNCTIONS)
        self.engine("workers: 1")

    def engine(self, engine: str) -> None:
        (self.root / "pipelines" / "people.yml").write_text(PIPELINE.format(engine=engine))

    def people(self, rows: list[str]) -> None:
        (self.root / "people.csv").write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")

    def to_sqlite(self) -> None:
        """The same people from a database."""
        with (self.root / "people.csv").open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        with closing(sqlite3.connect(self.root / "people.db")) as database, database:
            database.execute(f"CREATE TABLE people ({', '.join(header)})")
            database.executemany("INSERT INTO people VALUES (?, ?, ?, ?, ?, ?)", rows)
        query = "SELECT * FROM people ORDER BY rowid"
        text = f"kind: sql\nurl: sqlite:///{self.root}/people.db\nquery: {query}\nkey: id\n"
        (self.root / "sources" / "people.yml").write_text(text + SOURCE.partition("key: id\n")[2])

    def plan(self, **wanted: Any) -> PipelineRun:
        with PipelineRun(Project(self.root), "people", Selection(**wanted)) as run:
            while run.extract():
                pass
            run.plan()
        return run

    def load(self) -> dict[str, Any]:
        """Plan, have everybody accepted, and give all that the state knows then."""
        plan_id = self.plan().summary.plan_id
        database = Database(Project(self.root).state_url)
        outbox = StateOutbox(database, "people", plan_id, Limits("t", burst=10_000, daily_calls=10_000))
        while operations := outbox.claim():
            sent = outbox.begin(operations)
            assert isinstance(sent, Delivery)
            outbox.finish(sent, http_status=202, result=DeliveryResult.ACCEPTED)
        with database.read() as connection:
            known = {
                table.name: [
                    {name: value for name, value in row._mapping.items() if name not in _OWN}
                    for row in connection.execute(select(table).order_by(table.c.id))
                ]
                for table in (change, problem, person)
            }
        database.close()
        return known


_OWN = ("id", "plan_id", "delivery_id", "accepted_at", "acknowledged_at", "updated_at")


def people_of(seed: int) -> list[str]:
    """People with whatever there is in files: blanks, wrong words, keys again, line breaks, bosses."""
    draw = random.Random(seed)
    rows = []
    for n in range(400):
        number = draw.choice((n, n, n, n, draw.randrange(400)))
        name = draw.choice((f"P{number}", f"P{number}", f'"P{number}\nJr."', f"Q{n}"))
        status, kind = draw.choice("AAAAAAT?"), draw.choice(("", "", "", "X"))
        boss = draw.choice(("", f"{draw.randrange(400)}", "nobody"))
        rows.append(f"{number},{name},{status},{kind},{boss},2026-01-0{draw.randrange(10)}")
    return rows
