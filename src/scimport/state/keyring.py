"""The data keys of a state: which one is in use, and how people's values are kept under it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, insert, select, update

from scimport.codes import Code
from scimport.errors import StateError
from scimport.model import Problem
from scimport.state.schema import change, data_key, person, problem
from scimport.state.vault import KEY_SIZE, Keeping, Values, Vault, fingerprint_of, unwrap, vault_of, wrap

if TYPE_CHECKING:
    from scimport.state.database import Database

_COLUMNS = tuple(column.name for column in data_key.columns)


@dataclass(frozen=True, slots=True)
class DataKey:
    """A row of the table.

    Attributes:
        state: ``current``, or ``next`` while the state is being converted to it.
    """

    id: int
    state: str
    values: Values
    wrapped: bytes
    fingerprint: str

    def vault(self, keys: tuple[bytes, ...]) -> Vault:
        """What seals and opens values with it.

        Raises:
            StateError: None of the keys fits.
        """
        if self.values is Values.KEEP:
            return Vault()
        return vault_of(self.values, self.id, unwrap(keys, self.id, self.wrapped, self.fingerprint))


_PLAIN = DataKey(0, "current", Values.KEEP, b"", "")


def data_keys(connection: Connection) -> tuple[DataKey, DataKey | None]:
    """The key in use, and the one that a conversion under way leads to."""
    rows = connection.execute(select(data_key)).all()
    found = {row.state: DataKey(row[0], row[1], Values(row[2]), bytes(row[3]), row[4]) for row in rows}
    return found.get("current", _PLAIN), found.get("next")


def unlocked(database: Database, keeping: Keeping) -> Vault:
    """What seals and opens the values of a state; a state that is still empty is made as it is wanted.

    Raises:
        StateError: It is kept otherwise than is wanted, is being converted, or none of the keys fits.
    """
    with database.read() as connection:
        current, following = data_keys(connection)
    if current == _PLAIN and following is None and keeping.values is not Values.KEEP:
        with database.write() as connection:
            if _is_empty(connection):
                row = new_key(1, "current", keeping)
                database.insert_many(connection, data_key, _COLUMNS, [row_of(row)])
            current, following = data_keys(connection)
    if following is not None:
        message = f"the state is being converted from {current.values} to {following.values}"
        raise StateError(Problem(Code.STATE_VALUES, message, hint="Finish it with `scimport rekey`."))
    if current.values is not keeping.values:
        message = f"the state keeps values as `{current.values}`, and state.values says `{keeping.values}`"
        hint = "Convert it with `scimport rekey`, or correct state.values in scimport.toml."
        raise StateError(Problem(Code.STATE_VALUES, message, hint=hint))
    return current.vault(keeping.keys)


def new_key(number: int, state: str, keeping: Keeping) -> DataKey:
    """A new data key under the first key of the environment.

    Raises:
        StateError: There is none.
    """
    if keeping.values is Values.KEEP:
        return DataKey(number, state, Values.KEEP, b"", "")
    if not keeping.keys:
        message = f"state.values is `{keeping.values}`, and there is no key"
        hint = "Make one with `scimport rekey --new-key`, and put it into SCIMPORT_STATE_KEY."
        raise StateError(Problem(Code.STATE_KEY, message, hint=hint))
    first = keeping.keys[0]
    wrapped = wrap(first, number, os.urandom(KEY_SIZE))
    return DataKey(number, state, keeping.values, wrapped, fingerprint_of(first))


def add(connection: Connection, key: DataKey) -> None:
    """Note a data key."""
    connection.execute(insert(data_key), dict(zip(_COLUMNS, row_of(key), strict=True)))


def rewrap(connection: Connection, key: DataKey, keys: tuple[bytes, ...]) -> None:
    """Put a data key under the first of the keys; what it seals stays as it is."""
    opened = unwrap(keys, key.id, key.wrapped, key.fingerprint)
    values = {"wrapped": wrap(keys[0], key.id, opened), "fingerprint": fingerprint_of(keys[0])}
    connection.execute(update(data_key).where(data_key.c.id == key.id).values(values))


def promote(connection: Connection, key: DataKey) -> None:
    """The next data key is the current one from now on, and the only one."""
    connection.execute(delete(data_key).where(data_key.c.id != key.id))
    connection.execute(update(data_key).where(data_key.c.id == key.id).values(state="current"))


def row_of(key: DataKey) -> tuple[object, ...]:
    """The values of a row, in the order of the columns."""
    return (key.id, key.state, key.values.value, key.wrapped, key.fingerprint)


def _is_empty(connection: Connection) -> bool:
    return not any(
        connection.execute(select(table.c.id).limit(1)).first() for table in (person, change, problem)
    )
