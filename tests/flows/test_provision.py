from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterName,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort
from prefect.logging.handlers import APILogHandler
from tests.flows.conftest import Served, Shop, eventually

from scimport.codes import Code
from scimport.errors import GuardStop, Interrupted, SourceError, UsageError
from scimport.flows import artifacts, runner
from scimport.flows.provision import provision
from scimport.plan import Selection
from scimport.stages import PipelineRun, Progress


class Pages:
    """What Prefect knows of the last flow run."""

    def __init__(self, client: SyncPrefectClient) -> None:
        self._client = client

    @property
    def run(self) -> FlowRun:
        people = FlowRunFilter(name=FlowRunFilterName(any_=["people"]))
        found = self._client.read_flow_runs(flow_run_filter=people, sort=FlowRunSort.START_TIME_DESC, limit=1)
        return found[0]

    def tasks(self, count: int) -> list[tuple[str, str | None]]:
        """Names and states of the tasks, which arrive by and by."""
        runs = FlowRunFilter(id=FlowRunFilterId(any_=[self.run.id]))

        def ended() -> list[tuple[str, str | None]]:
            found = [(one.name, one.state_name) for one in self._client.read_task_runs(flow_run_filter=runs)]
            there = len(found) == count and all(state in {"Completed", "Failed"} for _, state in found)
            return found if there else []

        return sorted(eventually(ended))

    def artifact(self, key: str) -> Any:
        wanted = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[self.run.id]))
        found = self._client.read_artifacts(artifact_filter=wanted)
        return {one.key: one.data for one in found}[key]

    def log(self) -> str:
        APILogHandler().flush()
        wanted = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[self.run.id]))
        return "\n".join(eventually(lambda: [one.message for one in self._client.read_logs(wanted)]))


@pytest.fixture
def pages(api: SyncPrefectClient) -> Pages:
    return Pages(api)


def run(shop: Shop, **options: Any) -> Any:
    """Run the pipeline as the command line does."""
    return runner._run(shop.project, "people", Selection(), **options)


def test_a_run(shop: Shop, pages: Pages) -> None:
    summary = provision("people", project=str(shop.project.root))
    assert (summary.plan.joiners, summary.delivery.accepted) == (3, 3)
    assert len(shop.users) == 3
    assert (pages.run.name, pages.run.state_name) == ("people", "Completed")
    assert pages.run.state is not None
    assert pages.run.state.message == "3 accepted, 0 rejected, 0 invalid"
    assert pages.tasks(3) == [
        ("deliver", "Completed"),
        ("extract-map part 1", "Completed"),
        ("plan", "Completed"),
    ]
    assert pages.artifact("people-progress") == 100
    counts = {row["count"]: row["value"] for row in _table(pages.artifact("people-summary"))}
    assert (counts["read"], counts["joiners"], counts["accepted"], counts["calls"]) == (3, 3, 3, 1)


def test_parameters_choose_the_work(shop: Shop, api: SyncPrefectClient) -> None:
    del api
    root = str(shop.project.root)
    assert provision("people", project=root, keys=["K00001"]).plan.read == 1
    assert provision("people", project=root, limit=1).delivery.accepted == 1
    assert provision("people", project=root, full=True).delivery.accepted == 3


def test_a_task_for_each_part(shop: Shop, pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    def extract(self: PipelineRun) -> bool:
        return parts.pop() or whole(self)

    parts, whole = [False, True], PipelineRun.extract
    monkeypatch.setattr(PipelineRun, "extract", extract)
    assert run(shop).plan.read == 3
    names = [f"extract-map part {n}" for n in (1, 2)]
    assert [name for name, _ in pages.tasks(4)] == ["deliver", *names, "plan"]


def test_problems_are_shown_without_values_and_keys(shop: Shop, pages: Pages) -> None:
    source = shop.project.root / "people.csv"
    source.write_text(source.read_text() + "K00009,Zephyrine,Quirky\n")
    assert run(shop).plan.invalid == 1
    (problem,) = _table(pages.artifact("people-problems"))
    assert (problem["code"], problem["place"], problem["field"]) == (
        "contract-values",
        "people.csv:5",
        "status",
    )
    assert "K00009" not in str(problem)


def test_errors_are_ours(shop: Shop, pages: Pages) -> None:
    (shop.project.root / "people.csv").unlink()
    with pytest.raises(SourceError) as caught:
        run(shop)
    assert caught.value.problems[0].code is Code.SOURCE_NOT_FOUND
    assert pages.run.state_name == "Failed"
    assert pages.run.state is not None
    assert pages.run.state.message == "the file is not there"
    assert pages.tasks(1) == [("extract-map part 1", "Failed")]
    assert "people.csv: source-not-found: the file is not there" in pages.log()
    assert "Traceback" not in pages.log()


def test_a_python_flow_sees_the_error(shop: Shop, api: SyncPrefectClient) -> None:
    del api
    with pytest.raises(UsageError, match="there is no pipeline 'nobody'"):
        provision("nobody", project=str(shop.project.root))


def test_unexpected_errors_say_no_value(shop: Shop, pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_run: PipelineRun) -> None:
        raise KeyError(value)

    value = "Ann".upper()
    monkeypatch.setattr(PipelineRun, "plan", fail)
    with pytest.raises(KeyError, match="ANN"):
        run(shop)
    with pytest.raises(RuntimeError, match=r"^unexpected KeyError$"):
        provision("people", project=str(shop.project.root))
    assert "unexpected KeyError" in pages.log()
    assert "in fail" in pages.log()
    assert "ANN" not in pages.log()


def test_ctrl_c_leaves_the_rest_to_the_next_run(shop: Shop, pages: Pages) -> None:
    shop.people(1500)
    shop.slow(0.2)
    with pytest.raises(Interrupted):
        run(shop, on_progress=_interrupt)
    assert pages.run.state_name == "Failed"
    summary = run(shop)
    assert summary.delivery.remaining == 0
    assert len(shop.users) == 1500
    assert "resume" in dict(pages.tasks(4))


def _interrupt(now: Progress) -> None:
    if now.stage == "deliver":
        raise KeyboardInterrupt


def test_a_server_that_fails_stops_no_delivery(
    shop: Shop, pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object, **_named: object) -> None:
        raise ConnectionError

    for name in ("create_progress_artifact", "create_table_artifact"):
        monkeypatch.setattr(artifacts, name, fail)
    assert run(shop).delivery.accepted == 3
    assert "The artifact could not be written: ConnectionError" in pages.log()


def test_what_came_out_counts_where_prefect_fails_at_the_end(
    shop: Shop, api: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    del api

    def fail(work: Callable[..., Any]) -> Callable[..., Any]:
        def call(**parameters: Any) -> None:
            work(**parameters)
            raise ConnectionError

        return call

    monkeypatch.setattr("scimport.flows.provision.provision", fail(provision))
    assert run(shop).delivery.accepted == 3


def test_prefect_keeps_no_value_of_a_person(served: Served, shop: Shop, pages: Pages) -> None:
    shop.people(50, name="Zephyrine")
    source = shop.project.root / "people.csv"
    source.write_text(source.read_text() + "K00060,Zephyrine,Quirky\nK00061,Zephyrine,A,Quirky\n")
    with pytest.raises(SourceError):
        run(shop)
    source.write_text(source.read_text().rpartition("K00061")[0])
    run(shop, show_values=True)
    pages.tasks(3)
    shop.people(50, name="Zephyra")
    with pytest.raises(GuardStop) as caught:
        run(shop)
    assert "K00000" in caught.value.problems[0].keys
    home = served.project.root / ".scimport" / "prefect"
    files = {path.name: path.read_bytes() for path in home.glob("*") if path.is_file()}
    assert b"extract-map" in files["prefect.db"] + files["prefect.db-wal"]
    for value in (b"Zephyr", b"Quirky", b"acme.example", b"K00060", b"K00004"):
        assert [name for name, text in files.items() if value in text] == []
    assert not (home / "storage").exists()


def _table(data: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(data) if isinstance(data, str) else data
    return found
