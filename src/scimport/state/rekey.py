"""Brings a state under another key, or to another way of keeping values. What was interrupted is finished."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, bindparam, delete, func, select, update

from scimport.codes import Code
from scimport.errors import StateError
from scimport.model import Problem
from scimport.state import keyring, locks
from scimport.state.database import Database
from scimport.state.plans import PlanState
from scimport.state.schema import allocation, change, person, person_user, plan, problem, stretch
from scimport.state.vault import Keeping, Values, Vault

PAGE = 500
"""Rows of a transaction."""

_UNSENT = (PlanState.BUILDING.value, PlanState.STAGED.value, PlanState.APPLYING.value)


@dataclass(frozen=True, slots=True)
class Rekeyed:
    """What was done.

    Attributes:
        before: How values were kept.
        after: How they are kept now.
        rows: Rows that were written anew.
        rewrapped: Whether only the data key was put under another key.
    """

    before: Values
    after: Values
    rows: int = 0
    rewrapped: bool = False


def rekey(url: str, keeping: Keeping) -> Rekeyed:
    """Make a state one that is kept as is wanted, under the first of the keys and a new data key.

    Every pipeline is held meanwhile. Whoever comes after an interruption goes on where it ended.

    Args:
        url: SQLAlchemy URL of the state.
        keeping: How it is to be kept; the keys, the new one first.

    Raises:
        LockedError: A run goes on.
        StateError: None of the keys fits, or values are wanted that are not there any more.
    """
    database = Database(url, None)
    try:
        with ExitStack() as exits:
            for name in _pipelines(database):
                exits.enter_context(locks.hold(database, name))
            return _rekeyed(database, keeping)
    finally:
        database.close()


def _rekeyed(database: Database, keeping: Keeping) -> Rekeyed:
    with database.write() as connection:
        current, following = keyring.data_keys(connection)
        if current.values is Values.DIGEST and following is None:
            _check_digest(keeping)
            keyring.rewrap(connection, current, keeping.keys)
            return Rekeyed(Values.DIGEST, Values.DIGEST, rewrapped=True)
        if current.values is keeping.values is Values.KEEP and following is None:
            return Rekeyed(Values.KEEP, Values.KEEP)
        old = current.vault(keeping.keys)
        if following is None:
            following = keyring.new_key(current.id + 1, "next", keeping)
            keyring.add(connection, following)
        elif following.values is not keeping.values:
            message = f"the state is being converted to `{following.values}`"
            hint = f'Finish that first: say state.values = "{following.values}" in scimport.toml.'
            raise StateError(Problem(Code.STATE_VALUES, message, hint=hint))
    conversion = _Conversion(database, old, following.vault(keeping.keys))
    rows = conversion.people() + conversion.changes() + conversion.allocations() + conversion.problems()
    with database.write() as connection:
        keyring.promote(connection, following)
        # Under the new key no lines have the digests of before.
        connection.execute(delete(stretch))
    database.compact()
    return Rekeyed(current.values, following.values, rows)


def _check_digest(keeping: Keeping) -> None:
    if keeping.values is not Values.DIGEST:
        message = f"the state keeps digests: the values for `{keeping.values}` are not there any more"
        hint = "Begin a new state (another url), and load everybody into it."
        raise StateError(Problem(Code.STATE_VALUES, message, hint=hint))


def _pipelines(database: Database) -> Sequence[str]:
    with database.read() as connection:
        known = select(person.c.pipeline).union(select(plan.c.pipeline))
        return sorted(connection.execute(known).scalars())


class _Conversion:
    """Writes every value anew, page by page; passes over what was written before an interruption."""

    def __init__(self, database: Database, old: Vault, new: Vault) -> None:
        self._database, self._old, self._new = database, old, new

    def people(self) -> int:
        """Convert users as last acknowledged. Rows must be mapped to compare them from now on."""
        query = select(person.c.id, person.c.pipeline, person.c.key, person_user.c.body)
        query = query.join(person_user, person_user.c.person_id == person.c.id)

        def convert(connection: Connection, page: Sequence[Any]) -> int:
            users, digests = [], []
            for number, pipeline, key, stored in page:
                if self._is_done(bytes(stored)):
                    continue
                body = self._old.open(pipeline, key, bytes(stored))
                users.append({"of": number, "body": self._new.rest(pipeline, key, body)})
                digests.append({"of": number, **self._digests(body)})
            _write(connection, person_user, person_user.c.person_id, users)
            _write(connection, person, person.c.id, digests)
            return len(users)

        return self._pages(query, person.c.id, convert)

    def changes(self) -> int:
        """Convert staged users, and those of plans that are kept."""
        columns = (
            change.c.id,
            plan.c.pipeline,
            change.c.key,
            change.c.body,
            plan.c.state,
            change.c.delivery_id,
        )
        query = (
            select(*columns).join(plan, plan.c.id == change.c.plan_id).where(func.length(change.c.body) > 0)
        )

        def convert(connection: Connection, page: Sequence[Any]) -> int:
            rows = []
            for number, pipeline, key, stored, state, delivery in page:
                if self._is_done(bytes(stored)):
                    continue
                body = self._old.open(pipeline, key, bytes(stored))
                kept = self._kept(pipeline, key, body, unsent=delivery is None and state in _UNSENT)
                rows.append({"of": number, "body": kept, **self._digests(body)})
            _write(connection, change, change.c.id, rows)
            return len(rows)

        return self._pages(query, change.c.id, convert)

    def allocations(self) -> int:
        """Convert values that were allotted to people."""
        query = select(allocation.c.id, allocation.c.pipeline, allocation.c.key, allocation.c.value)

        def convert(connection: Connection, page: Sequence[Any]) -> int:
            rows = []
            for number, pipeline, key, stored in page:
                if self._is_done(bytes(stored)):
                    continue
                text = self._old.open(pipeline, key, bytes(stored))
                digest = self._new.digest_name(text.decode().replace("\0", ""))
                rows.append({"of": number, "value": self._new.seal(pipeline, key, text), "digest": digest})
            _write(connection, allocation, allocation.c.id, rows)
            return len(rows)

        return self._pages(query, allocation.c.id, convert)

    def problems(self) -> int:
        """Convert the values that problems name."""
        query = select(problem.c.id, plan.c.pipeline, problem.c.key, problem.c.value)
        query = query.join(plan, plan.c.id == problem.c.plan_id).where(problem.c.value != "")

        def convert(connection: Connection, page: Sequence[Any]) -> int:
            rows = []
            for number, pipeline, key, stored in page:
                if self._is_done(stored):
                    continue
                value = self._new.seal_text(pipeline, key, self._old.open_text(pipeline, key, stored))
                rows.append({"of": number, "value": value})
            _write(connection, problem, problem.c.id, rows)
            return len(rows)

        return self._pages(query, problem.c.id, convert)

    def _kept(self, pipeline: str, key: str, body: bytes, *, unsent: bool) -> bytes:
        if unsent or self._new.values is not Values.DIGEST:
            return self._new.seal(pipeline, key, body)
        return b""

    def _digests(self, body: bytes) -> dict[str, bytes | int]:
        name = orjson.loads(body).get("userName")
        digest = self._new.digest_name(name) if name else 0
        return {"user_digest": self._new.digest(body), "row_digest": b"", "name_digest": digest}

    def _is_done(self, stored: bytes | str) -> bool:
        return self._new.holds(stored)

    def _pages(self, query: Any, number: Any, convert: Any) -> int:
        after, count, more = 0, 0, True
        while more:
            with self._database.write() as connection:
                page = connection.execute(query.where(number > after).order_by(number).limit(PAGE)).all()
                count += convert(connection, page)
            more = bool(page)
            after = page[-1][0] if page else after
        return count


def _write(connection: Connection, table: Any, number: Any, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        names = [name for name in rows[0] if name != "of"]
        values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
        parameters = [{"of": row["of"]} | {f"new_{name}": row[name] for name in names} for row in rows]
        connection.execute(update(table).where(number == bindparam("of")).values(values), parameters)
