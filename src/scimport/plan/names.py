"""User names as far as memory must know them: whether one occurs twice."""

from __future__ import annotations

from array import array
from collections.abc import Iterable

_PARTS = 64


class Names:
    """Digests of user names, in eight bytes each; looked through in parts, so that memory stays small."""

    def __init__(self) -> None:
        self._parts = tuple(array("q") for _ in range(_PARTS))

    def add(self, digests: Iterable[int]) -> None:
        """Add digests; 0 is no name."""
        parts = self._parts
        for digest in digests:
            parts[digest % _PARTS].append(digest)

    def repeated(self) -> set[int]:
        """Those that were added more than once."""
        found: set[int] = set()
        for part in self._parts:
            seen = set(part)
            if len(seen) == len(part):
                continue
            for digest in part:
                if digest in seen:
                    seen.remove(digest)
                else:
                    found.add(digest)
        return found - {0}
