"""Examines pieces of a source in a process of its own: ``python -m scimport.worker``.

It is told once, on its standard input, what the work is (:class:`Work`), and then gets one piece after the
other and answers each on its standard output, everything as pickles: both ends are the same program. It ends
when its input does, so that none outlives the process that started it.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from scimport.codes import Code
from scimport.errors import ConfigError
from scimport.inputs import compiled_mapping
from scimport.model import Problem
from scimport.plan.examine import Packed, Wanted
from scimport.plan.recognition import part_examiner
from scimport.plan.records import Input
from scimport.project import Project
from scimport.project.source_config import AnySourceConfig
from scimport.sources.base import Part, Source
from scimport.sources.contract import compile_contract
from scimport.state.database import Database
from scimport.streaming import streaming


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done with the pieces of a source.

    Attributes:
        root: The project folder.
        pipeline: Name of the pipeline.
        mapping: Name of its mapping.
        fingerprint: The mapping's, as it was compiled when the run began.
        now: The time of the run.
        config: What the source's file says.
        source: The source as it was opened when the run began; its columns alone, where pieces are rows.
        batch: Rows of a piece of a file that are looked up together.
        wanted: Which rows are wanted.
        state: URL of the state, with its password.
        digest_key: Of the state.
    """

    root: Path
    pipeline: str
    mapping: str
    fingerprint: bytes
    now: datetime
    config: AnySourceConfig
    source: Source
    batch: int
    wanted: Wanted
    state: str = field(repr=False)
    digest_key: bytes = field(repr=False)


Examine = Callable[[Part], list[Packed]]
"""Examines a part: what came of each of its batches, packed."""


def examiner(work: Work) -> Examine:
    """Get ready to examine pieces.

    Raises:
        ConfigError: The mapping is not what it was when the run began.
        StateError: The state cannot be read.
    """
    project = Project(work.root)
    mapping, validator = compiled_mapping(project, work.mapping, work.source.columns, work.now)
    if mapping.fingerprint != work.fingerprint:
        message = "the mapping, or what it uses, was changed while the run was reading"
        raise ConfigError(
            Problem(Code.SOURCE_CHANGED, message, hint="Run again when the change is complete.")
        )
    source = Input(
        source=work.source,
        key=work.config.key,
        mapping=mapping,
        validator=validator,
        contract=compile_contract(work.config.columns),
        trim=work.config.trim,
        as_of=work.config.as_of,
    )
    # Nothing that is sealed is read here.
    database = Database(work.state, keeping=None)
    examine_part = part_examiner(source, database, work.pipeline, work.wanted, work.digest_key, work.batch)

    def examine(part: Part) -> list[Packed]:
        with database.read() as connection:
            return [one.packed() for one in examine_part(connection, part)]

    return examine


def main() -> None:
    """Answer until the input ends."""
    # Who presses Ctrl-C means the process that started this one, which will close the input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    # What a project's own functions print must not get between the answers.
    os.dup2(2, 1)
    try:
        work: Work = pickle.load(requests)  # noqa: S301 - from the process that started this one
        examine = examiner(work)
    except Exception as error:  # noqa: BLE001 - it is raised where the run is
        _answer(answers, error)
        return
    with streaming():
        while True:
            try:
                part: Part = pickle.load(requests)  # noqa: S301 - as above
            except EOFError:
                return
            try:
                answer: Any = examine(part)
            except Exception as error:  # noqa: BLE001 - as above
                answer = error
            _answer(answers, answer)


def _answer(answers: Any, answer: Any) -> None:
    try:
        data = pickle.dumps(answer, pickle.HIGHEST_PROTOCOL)
    except Exception:  # noqa: BLE001 - an error of somebody else's function may hold anything
        data = pickle.dumps(RuntimeError(type(answer).__name__))
    answers.write(data)
    answers.flush()


if __name__ == "__main__":
    main()
