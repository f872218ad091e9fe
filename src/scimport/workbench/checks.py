"""All that can be said of a project without sending anything: its files, its mappings, some of its rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from scimport.codes import Code
from scimport.errors import ConfigError, SourceError
from scimport.model import Problem, Severity, placed
from scimport.plan.records import Mapper, Row, key_texts
from scimport.project.project import Pipeline, Project

_SHOWN: Final = 3
_BATCH: Final = 200


def check_pipeline(
    project: Project, pipeline: Pipeline, *, opens: bool, notes: bool = True
) -> Iterator[Problem]:
    """What is wrong with a pipeline whose files can be loaded, and what its mapping's rules find.

    Args:
        project: The project folder.
        pipeline: The pipeline.
        opens: Whether a database is asked for its columns; a file always is. A source that cannot be opened
            is a warning, since files are checked where the data is not, too.
        notes: Whether notes are wanted.
    """
    from scimport.inputs import compiled, known_columns  # noqa: PLC0415
    from scimport.workbench.rules import Subject, findings  # noqa: PLC0415

    source = project.source(pipeline.config.source)
    if pipeline.config.app.endpoint != "sandbox":
        from scimport.connection import checked_endpoint  # noqa: PLC0415 - signing in takes time to load

        try:
            checked_endpoint(pipeline)
        except ConfigError as error:
            yield from error.problems
    columns = None
    try:
        if opens or source.config.kind != "sql":
            columns, warnings = known_columns(project, pipeline)
            yield from warnings
    except SourceError as error:
        yield from (replace(problem, severity=Severity.WARNING) for problem in error.problems)
    try:
        mapping, _ = compiled(project, pipeline, columns, datetime.now(UTC))
    except ConfigError as error:
        yield from error.problems
        return
    if pipeline.config.leavers == "deactivate" and project.state.values == "digest" and mapping.clear:
        message = "leavers are sent without their values, which an app that lets nulls flow then clears"
        hint = "Keep values (state.values: encrypt), or say `leavers: report`; see docs/privacy.md."
        problem = pipeline.document.problem(Code.MINIMAL_LEAVERS, ("leavers",), message, hint)
        yield replace(problem, severity=Severity.WARNING)
    chain = project.mapping_chain(pipeline.config.mapping)
    yield from findings(Subject(project, pipeline, source, chain, mapping), notes=notes)


def check_rows(project: Project, pipeline: Pipeline, most: int) -> Iterator[Problem]:
    """What is wrong with the first records of a pipeline's source: the first few of each kind, with a count.

    Raises:
        ConfigError: The mapping does not fit the source.
        SourceError: The source cannot be opened or read.
    """
    from scimport.inputs import opened  # noqa: PLC0415 - not needed without data

    counts: Counter[tuple[Code, str]] = Counter()
    with opened(project, pipeline, datetime.now(UTC)) as source:
        mapper, left = Mapper(source), most
        for batch in source.source.batches(min(_BATCH, most)):
            rows = [mapper.pick(row) for row in islice(batch.rows, left)]
            keys = key_texts(rows, mapper.key)
            left -= len(rows)
            picked = zip(keys, batch.positions, rows, strict=False)
            for record in mapper.records([Row(key, place, b"", None, row) for key, place, row in picked]):
                for problem in record.problems:
                    counts[problem.code, problem.field] += 1
                    if counts[problem.code, problem.field] <= _SHOWN:
                        yield placed(problem, source.source.place(record.position), record.key)
            if not left:
                break
    for (code, field), count in counts.items():
        if count > _SHOWN:
            message = f"{count - _SHOWN} more records of the first {most} have this problem"
            yield Problem(code, message, field=field, file=source.source.place(0).file)
