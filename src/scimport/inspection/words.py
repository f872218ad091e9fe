"""What headers and statuses mean in several languages: the tables in this folder, and how to find a word."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Mapping
from functools import cache
from importlib.resources import files

# What stands beside the word that counts: "Employee First Name", "Primary Work Email".
_NOISE = "-"
_TOTAL = "total"
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})


def attribute(header: str) -> str | None:
    """The attribute that a header names, such as ``name.givenName``; ``None`` when it is not known.

    Beside attributes there are ``status``, ``hired``, ``left``, ``born``, ``country`` and others that have no
    place of their own among the attributes; the table says which.
    """
    known = _table("headers.csv")
    if (found := known.get(_key(header))) not in (None, _NOISE):
        return found
    tokens = _tokens(header)
    kept = [token for token in tokens if known.get(token) != _NOISE]
    found = known.get("".join(kept)) if kept and len(kept) < len(tokens) else None
    if found is None:
        return _of_parts(header)
    return None if found == _NOISE else found


def _of_parts(header: str) -> str | None:
    """What the end of a path means, ``employee.firstName``, or what is said twice, ``Job (Position)``."""
    if twice := re.fullmatch(r"([^()]+)\(([^()]+)\)\s*", header):
        # `Email (private)` says two things.
        first, second = map(attribute, twice.groups())
        return first if first == second else None
    path, _, name = header.rpartition(".")
    # The point of "Tel. Büro" ends an abbreviation.
    return attribute(name) if path and name[:1].strip() else None


def is_known(header: str) -> bool:
    """Whether a text is a header that is known."""
    return attribute(header) is not None


def decided(values: Collection[str]) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Tell the values of a status that mean active from those that do not.

    A single letter means something only beside the other one of a known pair, such as Y and N: T alone may be
    true, temporary or terminated.

    Returns:
        The active ones and the inactive ones, sorted; ``None`` when one of them is not known.
    """
    known, ordered = _table("statuses.csv"), sorted(values)
    means = {value: known.get(_key(value)) for value in ordered}
    if len(ordered) == 2 and all(len(_key(value)) == 1 for value in ordered):
        for yes, no in (ordered, ordered[::-1]):
            if known.get(_key(yes) + _key(no)) == "pair":
                return (yes,), (no,)
    if not ordered or not set(means.values()) <= {"active", "inactive"}:
        return None
    active = tuple(value for value in ordered if means[value] == "active")
    return active, tuple(value for value in ordered if value not in active)


def is_total(cell: str) -> bool:
    """Whether a cell begins a line of totals below a table."""
    first = _tokens(cell)[:1]
    return bool(first) and _table("statuses.csv").get(first[0]) == _TOTAL


def _key(text: str) -> str:
    return "".join(_tokens(text))


def _tokens(text: str) -> list[str]:
    from anyascii import anyascii  # noqa: PLC0415 - its tables are read when they are needed

    split = re.sub(r"(?<=[a-zß-ÿ0-9])(?=[A-Z])", " ", text)
    return re.findall(r"[a-z0-9]+", anyascii(split).lower())


@cache
def _table(name: str) -> Mapping[str, str]:
    """A table by word: its first column is the meaning, the others have words of a language, parted by |."""
    text = files(__package__).joinpath(name).read_text("utf-8")
    meanings: dict[str, str] = {}
    for row in csv.DictReader(text.splitlines()):
        meaning = row.pop("meaning")
        for cell in row.values():
            for word in filter(None, (one.strip() for one in (cell or "").split("|"))):
                for spelling in (word, word.lower().translate(_UMLAUTS)):
                    meanings.setdefault(_key(spelling), meaning)
    return meanings
