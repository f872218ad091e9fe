"""What functions of attribute mappings look like: their names and what they take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from scimport.sandbox.values import Value

Apply = Callable[..., Value]


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a function takes.

    Attributes:
        name: Its name in the reference.
        required: Whether it must be given.
        repeats: Whether it may come again and again, together with the others that do.
    """

    name: str
    required: bool
    repeats: bool


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the language.

    Attributes:
        name: Its name.
        parameters: What it takes, in order.
        apply: What it does with their values; it takes the scope first when it is ``scoped``.
        scoped: Whether it asks about the world.
    """

    name: str
    parameters: tuple[Parameter, ...]
    apply: Apply
    scoped: bool = False

    @property
    def least(self) -> int:
        """Arguments up to the last that must be given."""
        return max((number for number, item in enumerate(self.parameters, 1) if item.required), default=0)

    @property
    def most(self) -> float:
        """Arguments that it takes at most, which may be infinite."""
        return float("inf") if self.parameters and self.parameters[-1].repeats else len(self.parameters)


def signature(text: str, apply: Apply, *, scoped: bool = False) -> Function:
    """A function from ``Name(required, optional?, repeated...)``."""
    name, _, rest = text.removesuffix(")").partition("(")
    words = (word.strip() for word in rest.split(",") if word.strip())
    parameters = tuple(
        Parameter(word.rstrip(".?"), not word.endswith("?"), word.endswith("...")) for word in words
    )
    return Function(name, parameters, apply, scoped)


def registering(library: dict[str, Function]) -> Callable[..., Callable[[Apply], Apply]]:
    """A decorator that puts functions into a library, by what they look like in a mapping."""

    def function(text: str, *, scoped: bool = False) -> Callable[[Apply], Apply]:
        def register(apply: Apply) -> Apply:
            found = signature(text, apply, scoped=scoped)
            library[found.name] = found
            return apply

        return register

    return function
