"""What a run leaves in files, readable by their owner alone: problems of records, bodies of requests."""

from __future__ import annotations

import csv
import dataclasses
import itertools
from collections.abc import Iterable
from pathlib import Path

from scimport.apps.bulk import bulk_request
from scimport.apps.outbox import MAX_OPERATIONS, Operation
from scimport.model import Problem
from scimport.private import private_file, private_folder


def write_problems(path: Path, problems: Iterable[Problem], *, show_values: bool) -> bool:
    """Write problems as CSV; no file is made for none.

    Returns:
        Whether there were any.
    """
    rows = iter(problems)
    first = next(rows, None)
    if first is None:
        return False
    private_folder(path.parent)
    names = [field.name for field in dataclasses.fields(Problem) if field.name != "keys"]
    with open(path, "w", encoding="utf-8", newline="", opener=private_file) as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore")
        writer.writeheader()
        for problem in itertools.chain([first], rows):
            masked = problem.value if show_values else "***" if problem.value else ""
            writer.writerow(dataclasses.asdict(problem) | {"value": masked})
    return True


def write_requests(folder: Path, operations: Iterable[Operation]) -> int:
    """Write the exact bodies of the requests that would deliver the operations.

    Returns:
        How many were written: ``request-00001.json`` and so on.
    """
    private_folder(folder)
    rest, count = iter(operations), 0
    while part := tuple(itertools.islice(rest, MAX_OPERATIONS)):
        count += 1
        with open(folder / f"request-{count:05}.json", "wb", opener=private_file) as file:
            file.write(bulk_request(part))
    return count
