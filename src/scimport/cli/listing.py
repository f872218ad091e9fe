"""How a plan is shown: what it costs, and people with changes, kind by kind."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scimport.cli.output import Output, duration, plural, problem_document
from scimport.codes import Code
from scimport.errors import ScimportError, UsageError
from scimport.model import ChangeKind, Problem, Severity

if TYPE_CHECKING:
    from scimport.plan.cost import Cost
    from scimport.plan.listing import Group, Person
    from scimport.project import Pipeline, Project
    from scimport.state import Database
    from scimport.state.plans import Review

_CORRECTIONS = (Code.OVERRIDE_APPLIED, Code.OVERRIDE_EXPIRED, Code.OVERRIDE_UNUSED)

Only = Annotated[
    ChangeKind | None,
    typer.Option("--only", help="Changes of one kind: joiner, mover, leaver, unchanged, invalid."),
]
Attribute = Annotated[
    str | None,
    typer.Option("--attribute", metavar="NAME", help="People for whom this attribute changes."),
]
Top = Annotated[
    int | None,
    typer.Option(
        "--top", metavar="N", min=0, help="People of each kind on a page: 10, or all in JSON, if left out."
    ),
]
Page = Annotated[
    int, typer.Option("--page", metavar="N", min=1, help="Which page of each kind; the first if left out.")
]

USUAL_TOP = 10
"""People of each kind on a page for people."""

LABELS = (
    "Old values are those that the endpoint last acknowledged. Whether Entra creates or matches an account,"
    " only Entra knows."
)

_SIGNS = {"joiner": "+", "mover": "~", "leaver": "-", "unchanged": "=", "invalid": "!"}
_COLOURS = {"+": "green", "~": "yellow", "-": "red", "!": "red"}


@dataclasses.dataclass(frozen=True, slots=True)
class View:
    """What a command was asked to show of a plan."""

    only: ChangeKind | None = None
    attribute: str | None = None
    keys: Sequence[str] = ()
    top: int | None = None
    page: int = 1
    show_values: bool = False


@contextmanager
def opened(project: Project) -> Iterator[Database]:
    """The state of a project."""
    from scimport.state import open_state  # noqa: PLC0415 - not needed for --help

    database = open_state(project)
    try:
        yield database
    finally:
        database.close()


@contextmanager
def reviewed(project: Project, plan_id: str) -> Iterator[tuple[Database, Review]]:
    """The state of a project, and a plan in it.

    Raises:
        UsageError: There is no such plan.
    """
    from scimport.state.plans import find_plan  # noqa: PLC0415 - not needed for --help

    with opened(project) as database:
        with database.read() as connection:
            review = find_plan(connection, plan_id)
        if review is None:
            hint = "`scimport plans` lists those that are kept."
            raise UsageError(Problem(Code.UNKNOWN_PLAN, f"there is no plan '{plan_id}'", hint=hint))
        yield database, review


def tell_waiting(output: Output, project: Project, pipeline: str) -> bool:
    """Tell flow runs that wait for plans of a pipeline what became of them; returns whether there are any.

    That Prefect cannot be reached is a warning: what was done to the plan is done.
    """
    from scimport.flows.waiting import tell_waiting as tell  # noqa: PLC0415 - not needed for --help

    try:
        return tell(project, pipeline)
    except ScimportError as error:
        output.problems(dataclasses.replace(one, severity=Severity.WARNING) for one in error.problems)
        return False


def listed(output: Output, database: Database, review: Review, view: View) -> list[dict[str, Any]]:
    """Print the people of a plan; returns them as ``--json`` has them."""
    from scimport.plan.listing import Wanted, grouped  # noqa: PLC0415 - not needed for --help
    from scimport.state.plans import Plans  # noqa: PLC0415

    top = view.top if view.top is not None or output.as_json else USUAL_TOP
    wanted = Wanted(view.only, view.attribute, view.keys, top, view.page)
    people = []
    with database.read() as connection:
        told = Plans(database, review.pipeline).problems(connection, review.id, codes=_CORRECTIONS)
        output.problems(told)
        for group in grouped(Plans(database, review.pipeline), connection, review.id, wanted):
            documents = [_document(person, show_values=view.show_values) for person in group.people]
            people += documents
            if top != 0:
                _print_group(output, review, group, documents, view, top or group.total)
    return people


def say_cost(output: Output, database: Database, pipeline: Pipeline, review: Review) -> dict[str, Any]:
    """Print what delivering a plan costs; returns it as ``--json`` has it."""
    found = _cost(database, pipeline, review)
    calls, people = plural(found.calls, "call"), plural(review.counts.to_send, "person", "people")
    if not found.daily_calls:
        output.say(f"{people} would be sent, in {calls}, which are not limited.")
        return dataclasses.asdict(found) | {"percent": found.percent}
    output.say(
        f"{people} would be sent, in {calls}: {found.percent:.2g} % of the day's {found.daily_calls:,}."
        f" {found.used_calls:,} were used in the last 24 hours."
    )
    least = f"in {duration(found.least_seconds)} at best" if found.least_seconds else "at once"
    output.say(f"The pace of 40 calls in 5 seconds allows that {least}.")
    if found.missing:
        output.say(
            f"{plural(found.missing, 'call')} more than are left today: who does not fit stays staged."
        )
    return dataclasses.asdict(found) | {"percent": found.percent}


def _cost(database: Database, pipeline: Pipeline, review: Review) -> Cost:
    from scimport.connection import checked_endpoint  # noqa: PLC0415 - not needed for --help
    from scimport.plan.cost import cost  # noqa: PLC0415
    from scimport.state.calls import last_scope, used_calls  # noqa: PLC0415
    from scimport.state.outbox import limits_of  # noqa: PLC0415

    endpoint = checked_endpoint(pipeline)
    with database.read() as connection:
        # The sandbox has its endpoint, and its tenant, only while it runs.
        scope = endpoint.tenant if endpoint else last_scope(connection, pipeline.name) or ""
        used, _ = used_calls(connection, scope, database.now(connection))
    return cost(review.counts.to_send, used, limits_of(pipeline.config.app, scope))


def _print_group(
    output: Output, review: Review, group: Group, documents: list[dict[str, Any]], view: View, top: int
) -> None:
    sign = _SIGNS[group.kind]
    output.say(f"{sign} {plural(group.total, *_NOUNS[group.kind])}", style=_COLOURS.get(sign, ""))
    for person in documents:
        output.say(f"  {sign} {person['key']}{_about(person)}")
        if group.kind is not ChangeKind.JOINER or view.show_values:
            for one in person["attributes"]:
                output.say(f"      {one['path']}: {one['old']} -> {one['new']}")
    pages = -(-group.total // top)
    if view.page < pages:
        wanted = {"only": group.kind, "attribute": view.attribute, "top": view.top, "page": view.page + 1}
        more = " ".join(f"--{name} {value}" for name, value in wanted.items() if value is not None)
        output.say(f"  Page {view.page} of {pages}; the next: scimport show {review.id} {more}")
    elif not documents:
        output.say(f"  There is no page {view.page}: the last is {pages}.")


_NOUNS = {
    ChangeKind.JOINER: ("joiner",),
    ChangeKind.MOVER: ("mover",),
    ChangeKind.LEAVER: ("leaver",),
    ChangeKind.UNCHANGED: ("person sent unchanged", "people sent unchanged"),
    ChangeKind.INVALID: ("invalid", "invalid"),
}


def _about(person: dict[str, Any]) -> str:
    """What is to be said of a person beside the key, where it is not what is expected."""
    if person["problems"]:
        return "  " + ", ".join(f"{one['code']} {one['field']}".strip() for one in person["problems"])
    if person["status"] == "reported":
        return "  only reported: the pipeline says leavers: report"
    return "" if person["status"] == "planned" else f"  {person['status']}"


def _document(person: Person, *, show_values: bool) -> dict[str, Any]:
    def shown(value: Any) -> Any:
        return "(none)" if value is None else value if show_values or isinstance(value, bool) else "***"

    attributes = [
        {"path": path, "old": shown(old), "new": shown(new)} for path, old, new in person.attributes
    ]
    problems = [problem_document(one, show_values=show_values) for one in person.problems]
    parts = {"key": person.key, "kind": person.kind, "status": person.status}
    return parts | {"attributes": attributes, "problems": problems}


def time_text(seconds: float) -> str:
    """A moment, as people and programs read it: ISO 8601 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
