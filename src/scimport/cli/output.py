"""What commands print: people's text on stderr when stdout carries JSON, and tables that fit a terminal."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from scimport.model import Problem, RunSummary, Severity

if TYPE_CHECKING:
    from rich.console import Console

    from scimport.findings import Finding

_SIGNS = {"found": "green", "missing": "red", "different": "yellow", "unknown": "yellow"}
_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "blue"}


class Output:
    """Where a command prints.

    Args:
        as_json: Whether stdout carries exactly one JSON document; text then goes to stderr.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json

    @cached_property
    def console(self) -> Console:
        """What prints colours and tables; it takes longer to load than most commands have to say."""
        from rich.console import Console  # noqa: PLC0415

        return Console(stderr=self.as_json, highlight=False, soft_wrap=True, emoji=False)

    def say(self, text: str, *, style: str = "") -> None:
        """Print a line for people."""
        if style:
            self.console.print(text, style=style, markup=False)
        else:
            stream = sys.stderr if self.as_json else sys.stdout
            stream.write(f"{text}\n")
            stream.flush()

    def json(self, document: object) -> None:
        """Print the one JSON document, if it was asked for."""
        if self.as_json:
            import orjson  # noqa: PLC0415 - most commands print text

            options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS
            sys.stdout.write(orjson.dumps(document, option=options, default=str).decode())

    def problems(self, problems: Iterable[Problem], *, show_values: bool = False) -> None:
        """Print problems, each with its place, code, message and what to do next."""
        for problem in problems:
            self._problem(problem, show_values=show_values)

    def _problem(self, problem: Problem, *, show_values: bool) -> None:
        from rich.markup import escape  # noqa: PLC0415 - most commands find nothing wrong

        colour = _COLOURS[problem.severity]
        about = " ".join(filter(None, (problem.place, problem.key and f"[{problem.key}]", problem.field)))
        start = f"{escape(about)}: " if about else ""
        value = f" ({problem.value})" if show_values and problem.value else ""
        words = f"{problem.message}{value}{_first(problem)}"
        self.console.print(f"{start}[{colour}]{problem.severity} {problem.code}[/]: {escape(words)}")
        if problem.hint:
            self.say(f"  {problem.hint}", style="dim")

    def findings(self, findings: Iterable[Finding]) -> list[Finding]:
        """Print what a doctor finds, as it finds it, with what to do; gives the findings back."""
        listed = []
        for one in findings:
            listed.append(one)
            self.console.print(f"[{_SIGNS[one.result]}]{one.result:<10}[/]", end="")
            self.say(f"{one.check}: {one.found}" if one.found else one.check)
            if one.hint:
                self.say(f"{'':10}{one.hint}", style="dim")
        return listed

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Print a table; numbers to the right."""
        # Many commands print none.
        from rich.box import SIMPLE_HEAD  # noqa: PLC0415
        from rich.markup import escape  # noqa: PLC0415
        from rich.table import Table  # noqa: PLC0415

        table = Table(title=title or None, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
        rows = [tuple(row) for row in rows]
        for n, column in enumerate(columns):
            numeric = bool(rows) and all(isinstance(row[n], int | float) for row in rows)
            table.add_column(column, justify="right" if numeric else "left", overflow="fold")
        for row in rows:
            table.add_row(*(escape(_cell(value)) for value in row))
        self.console.print(table, soft_wrap=False)

    def summary(self, summary: RunSummary) -> None:
        """Print what one run came to."""
        plan, delivery = summary.plan, summary.delivery
        counts = {
            "read": plan.read,
            "invalid": plan.invalid,
            "unchanged": plan.unchanged,
            "joiners": plan.joiners,
            "movers": plan.movers,
            "leavers": plan.leavers,
            "accepted": delivery.accepted,
            "calls": delivery.calls,
        }
        title = f"{summary.pipeline}  {summary.run_id}  {summary.seconds:.1f} s"
        self.table(title, list(counts), [list(counts.values())])
        people = ("person", "people")
        seldom = (
            (plan.out_of_scope, ("record",), "out of scope"),
            (plan.repeated, ("record",), "repeated"),
            (plan.held_back, people, "left for the next run"),
            (plan.unresolved_managers, people, "whose manager is not known"),
            (delivery.rejected, people, "rejected by the endpoint"),
            (delivery.remaining, people, "still to be sent"),
            (delivery.throttled, ("call",), "throttled (429, the endpoint's limits) and sent again"),
        )
        if also := ", ".join(f"{plural(count, *noun)} {what}" for count, noun, what in seldom if count):
            self.say(f"Also: {also}.")
        Output(as_json=True).problems(summary.notes)
        if summary.problems_file:
            self.say(f"Problems: {summary.problems_file}  (scimport problems {summary.run_id})")


def run_document(summary: RunSummary) -> dict[str, Any]:
    """A run as ``--json`` prints it: one flat object."""
    document: dict[str, Any] = dataclasses.asdict(summary)
    plan, delivery = document.pop("plan"), document.pop("delivery")
    document["notes"] = [problem_document(note) for note in summary.notes]
    ends = {name: document.pop(name) for name in ("notes", "seconds", "problems_file")}
    return {**document, **plan, **delivery, **ends}


def problem_document(problem: Problem, *, show_values: bool = False) -> dict[str, Any]:
    """A problem as ``--json`` prints it."""
    masked = problem.value if show_values else "***" if problem.value else ""
    return dataclasses.asdict(problem) | {"value": masked}


def _first(problem: Problem) -> str:
    if len(problem.keys) == 1:
        return f"; key {problem.keys[0]}"
    return f"; the first: {', '.join(problem.keys)}" if problem.keys else ""


def plural(number: int, one: str, several: str = "") -> str:
    """A number before its noun: ``1 call``, ``1,200 calls``."""
    return f"{number:,} {one if number == 1 else several or f'{one}s'}"


def duration(seconds: float) -> str:
    """A time that people read, in its two largest units: ``3 d 4 h``, ``52 s``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    units = ((days, "d"), (hours, "h"), (minutes, "min"), (rest, "s"))
    first = next((n for n, (count, _) in enumerate(units) if count), 3)
    return " ".join(f"{count} {unit}" for count, unit in units[first : first + 2] if count) or "0 s"


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
