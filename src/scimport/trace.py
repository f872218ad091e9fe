"""One person's whole story, from the state: where the record is, what was sent, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson

from scimport.errors import ScimportError
from scimport.model import Problem
from scimport.plan.guards import flatten
from scimport.project import Pipeline, Project
from scimport.sources.base import open_source
from scimport.state import Database, history
from scimport.state.history import Acknowledged, Step


@dataclass(frozen=True, slots=True)
class Trace:
    """What is known of a person in one pipeline.

    Attributes:
        status: Where the person is now: ``planned``, ``invalid``, ``reported``, ``rejected``, ``waiting``,
            ``provisioned``, ``skipped`` or ``unconfirmed``.
        advice: What to do next, in one sentence; empty when there is nothing to do.
        source: File of the source, or the place of the record in it when the last plan read it.
        mappings: Files of the mapping, base first.
        known: The person as last accepted; None when nothing ever was.
        steps: What the plans that are kept did, oldest first.
        problems: Problems of the records, each with the id of its plan.
    """

    pipeline: str
    key: str
    status: str
    advice: str
    source: str
    mappings: tuple[str, ...]
    known: Acknowledged | None
    steps: tuple[Step, ...]
    problems: tuple[tuple[str, Problem], ...]


def trace(project: Project, database: Database, name: str) -> Iterator[Trace]:
    """Tell what is known of a person, in each pipeline that knows the person.

    Args:
        project: The project folder.
        database: The state.
        name: Key of the person's record, or else ``externalId``.
    """
    for one in project.pipeline_names:
        with database.read() as connection:
            key = history.key_of(connection, one, name)
            if key is None:
                continue
            known = history.acknowledged(connection, database.vault, one, key)
            steps = tuple(history.steps(connection, one, key))
            problems = tuple(history.problems(connection, database.vault, one, key))
        pipeline = project.pipeline(one)
        status = status_of(known, steps)
        yield Trace(
            pipeline=one,
            key=key,
            status=status,
            advice=advice(status, one, key, steps),
            source=_place(project, pipeline, steps),
            mappings=tuple(each.document.file for each in project.mapping_chain(pipeline.config.mapping)),
            known=known,
            steps=steps,
            problems=problems,
        )


def status_of(known: Acknowledged | None, steps: tuple[Step, ...]) -> str:
    """Where a person is now: the last plan says so, unless it was delivered or given up."""
    live = [step for step in steps if step.plan_state != "discarded"]
    if live and live[-1].sent is None:
        return live[-1].status
    return known.status if known else (steps[-1].status if steps else "waiting")


def advice(status: str, pipeline: str, key: str, steps: tuple[Step, ...]) -> str:
    """What to do about somebody with a status."""
    again = f"`scimport run {pipeline} --key {key} --full`"
    if status == "planned":
        step = steps[-1]
        applying = step.plan_state == "applying"
        return f"Send it: `scimport resume {pipeline}`." if applying else f"`scimport apply {step.plan_id}`."
    return {
        "invalid": f"Correct the record or the mapping; see `scimport preview {pipeline} --key {key}`.",
        "waiting": f"Ask the log: `scimport confirm {pipeline}`; entries take five to ten minutes.",
        "rejected": f"Correct what the reason says, in the record or in the app; then send again: {again}.",
        "unconfirmed": f"See on the app's page whether it is paused or in quarantine; send again: {again}.",
        "reported": "Nothing was sent: the pipeline only reports leavers.",
    }.get(status, "")


def attributes(body: bytes) -> dict[str, Any]:
    """Attributes of a SCIM user by path: ``name.givenName``, ``emails[work].value``."""
    return {path: value for path, value in flatten(orjson.loads(body)).items() if path != "schemas"}


def _place(project: Project, pipeline: Pipeline, steps: tuple[Step, ...]) -> str:
    """Where the record was when the last plan read it."""
    loaded = project.source(pipeline.config.source)
    position = next((step.position for step in reversed(steps) if step.position > 0), 0)
    if not position:
        return loaded.document.file
    if loaded.config.kind == "sql":
        return f"{loaded.document.file} row {position}"
    # The file may have gone since, or have fewer parts.
    with (
        suppress(ScimportError, IndexError),
        open_source(loaded.config, name=loaded.name, root=project.root) as source,
    ):
        return str(source.place(position))
    return loaded.document.file
