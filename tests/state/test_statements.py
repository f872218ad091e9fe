"""No statement looks at all rows of a table that grows with the people or with what has happened."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"

LARGE = {
    "person",
    "person_user",
    "stretch",
    "outcome",
    "awaited_manager",
    "allocation",
    "change",
    "queue",
    "delivery",
    "problem",
    "run",
}
"""What grows with people, changes, or runs. Of ``plan``, the last ten of a pipeline are kept."""

COUNTED = (
    r"SELECT count\(\*\) AS \w+, coalesce\(sum\(.*\bactive\b.* FROM person WHERE",
    r"SELECT outcome.status, count\(\*\) AS \w+ FROM outcome WHERE .*GROUP BY",
)
"""Statements that count everybody of a pipeline; how many there are is in no other place."""

ANYBODY = "SELECT person.id FROM person WHERE person.pipeline = ? LIMIT"
"""The statement that asks whether there is anybody: the first one will do."""


class Statements:
    """The statements that a process has executed, each once, with the steps that SQLite takes for it."""

    def __init__(self) -> None:
        self.steps: dict[str, list[str]] = {}

    def __call__(
        self, connection: Connection, _cursor: Any, statement: str, values: Any, _context: Any, many: bool
    ) -> None:
        if connection.dialect.name != "sqlite" or not _QUERY.match(statement):
            return
        words = re.sub(r"\?(?:, \?)+", "?, ...", " ".join(statement.split()))
        if words not in self.steps:
            cursor = connection.connection.cursor()
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}", values[0] if many else values)
            self.steps[words] = [str(row[3]) for row in cursor.fetchall()]


_QUERY = re.compile(r"\s*(?:SELECT|UPDATE|DELETE|INSERT|WITH)\b", re.IGNORECASE)


@pytest.fixture(scope="module")
def statements(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What is executed from a first load to the removal of what is old, days and looks at the log between."""
    folder, found = tmp_path_factory.mktemp("life"), Statements()
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        import people  # noqa: PLC0415 - a tool, not a package
        import scale  # noqa: PLC0415

        patch.setattr(people, "CACHE", folder / "files")
        event.listen(Engine, "before_cursor_execute", found)
        try:
            scale.measure(400, f"sqlite:///{folder}/state.db", [10], folder)
        finally:
            event.remove(Engine, "before_cursor_execute", found)
    for name in ("people", "scale", "lived", "meter"):
        sys.modules.pop(name, None)
    return {words: steps for words, steps in found.steps.items() if "alembic_version" not in words}


def test_what_is_looked_for_is_found_by_an_index(statements: dict[str, list[str]]) -> None:
    assert len(statements) > 80
    scans = {
        words: table
        for words, steps in statements.items()
        if "_before" not in words and "log_end (" not in words  # the migrations, of a state without people
        for step in steps
        if (scan := re.match(r"SCAN (\w+)", step)) and (table := _table(scan[1], words)) in LARGE
    }
    assert scans == {}


def test_who_counts_everybody_reads_an_index_alone(statements: dict[str, list[str]]) -> None:
    for pattern in COUNTED:
        found = [steps for words, steps in statements.items() if re.match(pattern, words)]
        assert found
        for steps in found:
            assert "COVERING INDEX" in steps[0]


def test_nothing_else_looks_at_everybody_of_a_pipeline(statements: dict[str, list[str]]) -> None:
    others = {
        words
        for words, steps in statements.items()
        for step in steps
        if re.match(r"SEARCH person\w* .*\(pipeline=\?\)$", step)
        if not re.match(COUNTED[0], words) and not words.startswith(ANYBODY)
    }
    assert others == set()


def _table(name: str, words: str) -> str:
    """The table behind a name of a statement, which may be an alias."""
    alias = re.search(rf'"?(\w+)"? AS {name}\b', words)
    return alias[1] if alias else name
