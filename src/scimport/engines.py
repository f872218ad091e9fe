"""Who examines a source: this process, several of this machine, or the workers of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

from scimport.cluster import Cluster
from scimport.codes import Code
from scimport.errors import ConfigError
from scimport.model import Problem
from scimport.plan import Input
from scimport.plan.builder import BATCH
from scimport.plan.examine import Examined, Wanted
from scimport.project import LoadedSource, Pipeline, Project
from scimport.project.config import EngineConfig
from scimport.sources.base import Columns, source_state
from scimport.state.database import Database
from scimport.worker import Work
from scimport.workers import Workers, cores

LARGE = 64 * 2**20
"""Bytes of files from which on more processes are worth their start, if nobody says how many."""

Examine = Callable[[Wanted], Iterator[Examined]]
"""Examines a whole source elsewhere."""


def engine(
    project: Project,
    pipeline: Pipeline,
    source: Input,
    now: datetime,
    database: Database,
    exits: ExitStack,
) -> Examine | None:
    """Find out who examines a pipeline's source.

    Args:
        project: The project folder.
        pipeline: The pipeline.
        source: What the plan is made of.
        now: The time of the run.
        database: The state.
        exits: Ends what is started.

    Returns:
        What examines it; ``None`` where the process of the run does so itself.
    """
    loaded = project.source(pipeline.config.source)
    config = pipeline.config.engine
    number = _number(config, loaded, project.root)
    if not (number > 1 or config.by == "dask") or not _can_be_shared(source, database):
        return None
    if config.scheduler and database.dialect == "sqlite":
        raise ConfigError(_out_of_reach(pipeline))

    def examined(wanted: Wanted) -> Iterator[Examined]:
        pieces = source.source.pieces()
        work = Work(
            root=project.root.absolute(),
            pipeline=pipeline.name,
            mapping=pipeline.config.mapping,
            fingerprint=source.mapping.fingerprint,
            now=now,
            config=loaded.config,
            source=Columns(source.source.columns) if pieces is None else source.source,
            batch=BATCH,
            wanted=wanted,
            state=database.engine.url.render_as_string(hide_password=False),
            digest_key=database.vault.digest_key,
        )
        is_dask = config.by == "dask"
        workers = Cluster(work, number, config.scheduler) if is_dask else Workers(work, number)
        exits.callback(workers.close)
        if pieces is None:
            return workers.examined(source.source.batches(BATCH))
        return workers.examined(pieces)

    return examined


def _number(config: EngineConfig, loaded: LoadedSource, root: Path) -> int:
    if config.workers is not None:
        return config.workers
    size = sum(size for _, size, _ in source_state(loaded.config, root))
    return cores() if size >= LARGE else 1


def _can_be_shared(source: Input, database: Database) -> bool:
    # The numbers of `unique` are given in the order of the source; a state in memory is seen by one process.
    return not source.mapping.marks and database.engine.url.database not in (None, "", ":memory:")


def _out_of_reach(pipeline: Pipeline) -> Problem:
    # On another machine the file would be a new one, in which nobody is known.
    message = "the workers of a cluster cannot read a state in SQLite, which is a file of this machine"
    hint = "Keep the state in PostgreSQL (docs/operations.md), or leave out engine.scheduler."
    return pipeline.document.problem(Code.NO_CLUSTER, ("engine", "scheduler"), message, hint)
