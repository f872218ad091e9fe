from __future__ import annotations

from scimport.model import DeliveryCounts, PlanCounts, RunSummary
from scimport.state import Database, runs


def test_a_run_is_remembered_with_its_end(database: Database) -> None:
    assert runs.last(database, "employees") is None
    run_id = runs.start(database, "employees")
    begun = runs.last(database, "employees")
    assert begun is not None
    assert (begun.id, begun.state, begun.ended_at) == (run_id, "running", None)
    summary = RunSummary(
        "employees", run_id, "p-1", PlanCounts(read=3), DeliveryCounts(accepted=2), 1.5, "x.csv"
    )
    runs.end(database, summary, "failed", "the endpoint cannot be reached")
    ended = runs.find(database, "p-1")
    assert ended is not None
    assert ended == runs.find(database, run_id)
    assert (ended.state, ended.error, ended.plan_id) == ("failed", "the endpoint cannot be reached", "p-1")
    assert ended.summary["plan"]["read"] == 3
    assert ended.summary["delivery"]["accepted"] == 2
    assert ended.ended_at is not None
    assert ended.ended_at >= ended.started_at
    assert runs.find(database, "nothing") is None
