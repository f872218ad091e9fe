"""Which known people a source has shown so far, in four bytes a person."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

_SMALL = 2**32 - 1


class Seen:
    """Where each known person was found in the source.

    Args:
        low: Smallest id of a person.
        high: Largest id of a person.
    """

    def __init__(self, low: int, high: int) -> None:
        self._low = low
        # Positions are stored one up, so that 0 means not seen.
        self._positions = array("I", bytes(4 * max(high - low + 1, 0)))

    def __len__(self) -> int:
        return len(self._positions)

    def is_first(self, person_id: int, position: int) -> bool:
        """Mark the person as found at ``position``, unless that has happened before."""
        if self._positions[person_id - self._low]:
            return False
        self.mark(person_id, position)
        return True

    def mark_all(self, people: Sequence[int], positions: Sequence[int]) -> list[int]:
        """Mark people as found, in the order of the source; returns the indexes of those found before."""
        self._make_room(positions[-1] if positions else 0)
        found, low, again = self._positions, self._low, []
        for n, (person_id, position) in enumerate(zip(people, positions, strict=True)):
            if found[person_id - low]:
                again.append(n)
            else:
                found[person_id - low] = position + 1
        return again

    def mark(self, person_id: int, position: int) -> None:
        """The person was found at ``position``."""
        self._make_room(position)
        self._positions[person_id - self._low] = position + 1

    def unseen(self) -> list[int]:
        """Ids of everybody who was not found; people of other pipelines may be among them."""
        return [self._low + n for n, position in enumerate(self._positions) if not position]

    def position(self, person_id: int) -> int | None:
        """Where the person was found; ``None`` if it was not."""
        stored = self._positions[person_id - self._low]
        return stored - 1 if stored else None

    def _make_room(self, position: int) -> None:
        if position >= _SMALL and self._positions.typecode == "I":
            self._positions = array("Q", self._positions)  # a second file, or a very long one
