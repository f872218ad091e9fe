"""In which order the people of a plan are sent: who matters most first, managers before their reports.

Leavers come first, since an account that should be closed is a danger; then joiners, who wait for one; then
movers; then people who are sent though nothing changed. Within each of these, a manager comes before the
people who name him or her: an endpoint leaves a reference empty whose target it does not know yet, and does
not look at it again (entra-facts 2.8). Only a manager who is a joiner is not known yet, so only such a
manager is brought forward: in front of a leaver who names him or her.

People are numbers here, so that the order of a large first load costs some fifty bytes a person.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence

from scimport.model import ChangeKind

_RANKS = {ChangeKind.LEAVER: 0, ChangeKind.JOINER: 1, ChangeKind.MOVER: 2, ChangeKind.UNCHANGED: 3}
_NOBODY = -1

Person = tuple[int, str, str, str, bool]
"""Id of the change, kind, ``externalId``, that of the manager (empty for none), whether that one is known."""


class Order:
    """The people to be sent, each with the manager that their record names.

    A person is an index: 0 for the first one that was added, and so on.
    """

    def __init__(self) -> None:
        self._ids, self._own, self._named = array("q"), array("q"), array("q")
        self._ranks, self._known = bytearray(), bytearray()
        self._cut: set[int] = set()
        self._left_out: set[int] = set()
        self._managers: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, people: Sequence[Person]) -> None:
        """Add some people: many at once, since there may be one for each record of the source."""
        ids, kinds, own, managers, known = zip(*people, strict=True)
        self._ids.extend(ids)
        # Hashes serve as names: with 64 bits, two people in ten million do not share one. That of "" is 0.
        self._own.extend(map(hash, own))
        self._named.extend(map(hash, managers))
        self._ranks.extend(map(_RANKS.__getitem__, kinds))
        self._known.extend(known)

    def close(self) -> None:
        """Nobody more is added: find out who manages whom."""
        named = set(self._named)
        self._managers = {own: n for n, own in enumerate(self._own) if own in named}

    def change_id(self, person: int) -> int:
        """Id of a person's change."""
        return self._ids[person]

    def unresolved(self) -> list[int]:
        """People whose manager is neither to be sent nor known."""
        gone = {self._own[person] for person in self._left_out}
        missing = set(self._named) - (self._managers.keys() - gone) - {0}
        return [
            n
            for n, named in enumerate(self._named)
            if named in missing and not self._known[n] and n not in self._left_out
        ]

    def leave_out(self, people: list[int]) -> None:
        """These people are not sent, so they manage nobody here."""
        self._left_out.update(people)

    def circles(self) -> list[list[int]]:
        """People who manage each other in a circle; one who names himself or herself is one, too."""
        circles, seen = [], bytearray(len(self))
        for start in self._managers.values():
            path: list[int] = []
            person = start
            while person != _NOBODY and not seen[person]:
                seen[person] = 1
                path.append(person)
                person = self._manager(person)
            if person in (on_path := {one: n for n, one in enumerate(path)}):
                circles.append(path[on_path[person] :])
        return circles

    def cut(self, person: int) -> None:
        """Let a person come before his or her manager, to break a circle."""
        self._cut.add(person)

    def waves(self) -> Iterator[array[int]]:
        """Ids of changes, wave by wave: whoever is in one may be sent when all before it are accepted.

        There must be no circle left. It is the last that is asked of an order.
        """
        depths = self._depths()
        self._bring_forward()
        # Of ten million people, what is not needed any more is a third of a gigabyte.
        del self._own, self._named, self._known
        self._managers.clear()
        waves: dict[tuple[int, int], array[int]] = {
            place: array("q") for place in sorted(set(zip(self._ranks, depths, strict=True)))
        }
        add = {place: wave.append for place, wave in waves.items()}
        for n, one in enumerate(zip(self._ranks, depths, strict=True)):
            if n not in self._left_out:
                add[one](self._ids[n])
        yield from filter(None, waves.values())

    def _manager(self, person: int) -> int:
        """The manager of a person among those to be sent."""
        found = self._managers.get(self._named[person], _NOBODY)
        return _NOBODY if found in self._left_out or person in self._cut else found

    def _depths(self) -> array[int]:
        """How many managers are above each person."""
        depths = array("i", [_NOBODY]) * len(self)
        for start in self._managers.values():
            path: list[int] = []
            person = start
            while person != _NOBODY and depths[person] == _NOBODY:
                path.append(person)
                person = self._manager(person)
            depth = _NOBODY if person == _NOBODY else depths[person]
            for one in reversed(path):
                depth += 1
                depths[one] = depth
        # Most people manage nobody, and for them one look is enough.
        above = {own: depths[n] + 1 for own, n in self._managers.items() if n not in self._left_out}
        found = array("i", (above.get(named, 0) for named in self._named))
        for one in self._cut:
            found[one] = 0
        return found

    def _bring_forward(self) -> None:
        """Joiners who manage a leaver are sent among the leavers."""
        leaver, joiner = _RANKS[ChangeKind.LEAVER], _RANKS[ChangeKind.JOINER]
        n = self._ranks.find(leaver)
        while n >= 0:
            manager = self._manager(n)
            while manager != _NOBODY and self._ranks[manager] == joiner:
                self._ranks[manager] = leaver
                manager = self._manager(manager)
            n = self._ranks.find(leaver, n + 1)


def split(waves: Sequence[array[int]], count: int) -> tuple[list[array[int]], list[int]]:
    """The first ``count`` changes of an order, wave by wave, and the others."""
    kept: list[array[int]] = []
    others: list[int] = []
    for wave in waves:
        kept.append(wave[:count])
        others += wave[count:]
        count -= len(kept[-1])
    return kept, others
