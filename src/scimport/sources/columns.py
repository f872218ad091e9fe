"""The rules that the header of every source keeps to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from scimport.codes import Code
from scimport.model import Problem
from scimport.project.values import did_you_mean


def missing_key(
    columns: Sequence[str], key: str, *, file: str, line: int | None = None, row: int | None = None
) -> Problem | None:
    """Make the problem of a header without the key column; ``None`` when it is there.

    The header itself is not quoted: where a file has none, it is the first person.
    """
    if key in columns:
        return None
    hint = did_you_mean(key, columns) or "Compare key: with the header; is the first line really a header?"
    message = f"the source has no column '{key}', which is to be its key"
    return Problem(Code.MISSING_COLUMN, message, hint=hint, file=file, line=line, row=row, field=key)


def bad_names(
    columns: Sequence[str], *, file: str, line: int | None = None, row: int | None = None
) -> Iterator[Problem]:
    """Find column names that are blank or occur more than once, comparing them without blanks around them."""
    names = [name.strip() for name in columns]
    for name, count in Counter(names).items():
        if name and count == 1:
            continue
        numbers = [str(number) for number, other in enumerate(names, 1) if other == name]
        which = ("column " if count == 1 else "columns ") + _some(numbers)
        message = f"{which}: the name '{name}' occurs {count} times" if name else f"{which}: no name"
        hint = "Give every column a name of its own, or take it out of the source."
        yield Problem(Code.SOURCE_HEADER, message, hint=hint, file=file, line=line, row=row, field=name)


def _some(numbers: Sequence[str]) -> str:
    return ", ".join(numbers[:5]) + (f" and {len(numbers) - 5} more" if len(numbers) > 5 else "")
