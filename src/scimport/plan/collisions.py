"""What two people cannot have at once, found before it is sent: an ``externalId``, a ``userName``.

One externalId for two keys would merge two people into one account. One userName for two is worse to find:
the endpoint accepts both, creates one account, and fails on the other (entra-facts 2.7). Whoever was accepted
with a name keeps it; of several new ones the first in the source gets it. A name that its holder gives up in
the same plan is not free yet: nobody can tell which of two requests the endpoint works off first, and of two
people who swap their names both would fail.
"""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter

from sqlalchemy import Connection

from scimport.codes import Code
from scimport.model import Problem
from scimport.plan.staging import Staging
from scimport.state.references import Named, References

_EXTERNAL_ID = Problem(
    Code.DUPLICATE_EXTERNAL_ID,
    "another key has the same externalId",
    hint="Correct the mapping of externalId: it must differ whenever the key does.",
    field="externalId",
)


def refuse_external_ids(staging: Staging, connection: Connection) -> None:
    """Refuse everybody whose ``externalId`` another key has, here or in the state."""
    found = staging.plans.external_id_collisions(connection, staging.plan_id)
    staging.refuse(connection, [(key, _EXTERNAL_ID) for key, _ in found])


def refuse_user_names(
    staging: Staging, connection: Connection, references: References, *, nobody_known: bool
) -> None:
    """Refuse whoever would get a ``userName`` that another person has, or gets first."""
    taken = [] if nobody_known else references.taken_names(connection)
    staging.refuse(connection, [(one.key, _taken(one.holder, given_up=one.is_given_up)) for one in taken])
    if repeated := staging.take_names().repeated():
        named = references.named(connection, repeated)
        by_name = groupby(sorted(named, key=attrgetter("name_digest")), attrgetter("name_digest"))
        for _, group in by_name:
            first, *others = sorted(group, key=_precedence)
            problem = _repeated(staging, first)
            staging.refuse(connection, [(one.key, problem) for one in others if not one.keeps])


def _precedence(one: Named) -> tuple[bool, int]:
    return (not one.keeps, one.position)


def _taken(holder: str, *, given_up: bool) -> Problem:
    message = "another person has this userName"
    hint = "Correct the record, or make the mapping number names: {{ ... | unique }}."
    if given_up:
        message = "another person has this userName, and gives it up in this plan"
        hint = "Run again when that person is accepted; people who swap names need another name in between."
    return Problem(Code.DUPLICATE_USER_NAME, message, hint=hint, field="userName", keys=(holder,))


def _repeated(staging: Staging, first: Named) -> Problem:
    place = staging.place(first.position)
    message = f"{place} has the same userName, and comes first"
    hint = "Correct the record, or make the mapping number names: {{ ... | unique }}."
    return Problem(Code.DUPLICATE_USER_NAME, message, hint=hint, field="userName", keys=(first.key,))
