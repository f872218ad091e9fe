"""Values that were allotted to people because they must be unique: remembered, so that a person keeps one.

A value that a plan allots counts from then on for that plan alone. It stays for good when the person is
accepted; what an abandoned plan has allotted is dropped when the next one begins.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, and_, bindparam, delete, insert, select, update

from scimport.state.schema import allocation, person, plan
from scimport.state.vault import Vault

_PAGE = 500


class Allocation(NamedTuple):
    """A value of a person.

    Attributes:
        pool: Where it is unique.
        key: Key of the person.
        before: Text before it in the attribute.
        value: The value.
        after: Text behind it.
    """

    pool: str
    key: str
    before: str
    value: str
    after: str

    @property
    def text(self) -> str:
        """The whole attribute; no two people of a pool have the same."""
        return f"{self.before}{self.value}{self.after}"


class Allocations:
    """The allocations of one pipeline, as one plan sees them.

    Args:
        vault: Of the state.
        pipeline: Name of the pipeline.
        plan_id: The plan.
    """

    def __init__(self, vault: Vault, pipeline: str, plan_id: str) -> None:
        self._vault, self._pipeline, self._plan_id = vault, pipeline, plan_id

    def of(self, connection: Connection, keys: Collection[str]) -> dict[tuple[str, str], Allocation]:
        """What people have, by pool and key: what this plan has allotted before what was accepted."""
        mine = and_(allocation.c.pipeline == self._pipeline, allocation.c.plan_id.in_((self._plan_id, "")))
        columns = (allocation.c.pool, allocation.c.key, allocation.c.value)
        query = select(*columns).where(mine, allocation.c.key.in_(keys)).order_by(allocation.c.plan_id)
        found = {}
        for pool, key, stored in connection.execute(query):
            parts = opened(self._vault, self._pipeline, key, bytes(stored))
            found[pool, key] = Allocation(pool, key, *parts)
        return found

    def taken(
        self, connection: Connection, pool: str, digests: Sequence[int], *, with_names: bool
    ) -> dict[int, set[str]]:
        """Who has the texts with these digests; ``with_names``: also by the ``userName`` as last accepted."""
        theirs = (allocation.c.pipeline == self._pipeline, allocation.c.pool == pool)
        found: dict[int, set[str]] = {}
        for start in range(0, len(digests), _PAGE):
            page = digests[start : start + _PAGE]
            query = select(allocation.c.digest, allocation.c.key).where(
                *theirs, allocation.c.digest.in_(page)
            )
            rows = list(connection.execute(query))
            if with_names:
                names = (person.c.pipeline == self._pipeline, person.c.name_digest.in_(page))
                rows += connection.execute(select(person.c.name_digest, person.c.key).where(*names))
            for digest, key in rows:
                found.setdefault(digest, set()).add(key)
        return found

    def keep(self, connection: Connection, values: Sequence[Allocation]) -> None:
        """Allot values, for this plan."""
        seal, name = self._vault.seal, self._pipeline
        rows = [
            {
                "pipeline": name,
                "pool": one.pool,
                "key": one.key,
                "plan_id": self._plan_id,
                "digest": self._vault.digest_name(one.text),
                "value": seal(name, one.key, "\0".join((one.before, one.value, one.after)).encode()),
            }
            for one in values
        ]
        if rows:
            connection.execute(insert(allocation), rows)


def opened(vault: Vault, pipeline: str, key: str, stored: bytes) -> list[str]:
    """Text before a value, the value, and text behind it."""
    return vault.open(pipeline, key, stored).decode().split("\0")


def accept(connection: Connection, pipeline: str, plan_id: str, keys: Sequence[str]) -> None:
    """What a plan has allotted to these people is theirs for good, in the place of what they had."""
    theirs = and_(allocation.c.pipeline == pipeline, allocation.c.key.in_(keys))
    mine = and_(theirs, allocation.c.plan_id == plan_id)
    new = connection.execute(select(allocation.c.pool, allocation.c.key).where(mine)).all()
    if not new:
        return
    before = and_(
        allocation.c.pipeline == pipeline,
        allocation.c.key == bindparam("of_key"),
        allocation.c.pool == bindparam("of_pool"),
        allocation.c.plan_id == "",
    )
    connection.execute(
        delete(allocation).where(before), [{"of_pool": row[0], "of_key": row[1]} for row in new]
    )
    connection.execute(update(allocation).where(mine).values(plan_id=""))


def drop_unused(connection: Connection, pipeline: str) -> None:
    """Drop what plans have allotted that nobody will send any more."""
    sending = select(plan.c.id).where(plan.c.pipeline == pipeline, plan.c.state == "applying")
    # Greater than, not unlike: what is somebody's for good is passed over by the index.
    abandoned = and_(allocation.c.plan_id > "", allocation.c.plan_id.not_in(sending))
    connection.execute(delete(allocation).where(allocation.c.pipeline == pipeline, abandoned))
