"""Scoping filters: who is provisioned at all. Clauses of a group are joined with AND, groups with OR.

``https://learn.microsoft.com/entra/identity/app-provisioning/define-conditional-rules-for-provisioning-user-accounts``
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from scimport.sandbox.bulk import User
from scimport.sandbox.paths import Reader
from scimport.sandbox.replacing import compile_pattern, search
from scimport.sandbox.values import is_blank, plain, to_text

Test = Callable[[str, str], bool]


def _whole(text: str) -> int:
    return int(text) if text.lstrip("+-").isdecimal() else -1


def _greater(text: str, operand: str) -> bool:
    return text.isdecimal() and int(text) > _whole(operand)


def _greater_or_equal(text: str, operand: str) -> bool:
    return text.isdecimal() and int(text) >= _whole(operand)


BINARY: Final[Mapping[str, Test]] = {
    "EQUALS": lambda text, operand: text == operand,
    "NOT EQUALS": lambda text, operand: text != operand,
    "REGEX MATCH": search,
    "NOT REGEX MATCH": lambda text, operand: not search(text, operand),
    "Greater_Than": _greater,
    "Greater_Than_OR_EQUALS": _greater_or_equal,
    "Includes": lambda text, operand: operand in text,
    "ENDS_WITH": lambda text, operand: text.endswith(operand),
    "&": lambda text, operand: text in operand,
    "!&": lambda text, operand: text not in operand,
}
"""Operators with a value; what they compare is never null nor empty."""
UNARY: Final[Mapping[str, Callable[[str], bool]]] = {
    "IS TRUE": lambda text: text.lower() == "true",
    "IS FALSE": lambda text: text.lower() == "false",
    "IS NULL": lambda text: not text,
    "IS NOT NULL": bool,
}


@dataclass(frozen=True, slots=True)
class Clause:
    """One condition.

    Attributes:
        words: What it says, with the name of its group, as the provisioning log has it.
        read: Reads the attribute.
        operator: A key of :data:`BINARY` or :data:`UNARY`.
        operand: What it is compared with.
    """

    words: str
    read: Reader
    operator: str
    operand: str

    def holds(self, user: User) -> bool:
        """Whether a user fulfils it; one whose attribute is null or empty does not, but for ``IS NULL``.

        Raises:
            EvaluationError: when a regular expression takes too long.
        """
        value = plain(self.read(user))
        text = "" if is_blank(value) or isinstance(value, list) else to_text(value)
        if self.operator in UNARY:
            return UNARY[self.operator](text)
        return bool(text) and BINARY[self.operator](text, self.operand)


@dataclass(frozen=True, slots=True)
class Scope:
    """The scoping filters of a mapping; without any, everybody is in scope."""

    groups: tuple[tuple[Clause, ...], ...] = ()

    def evaluate(self, user: User) -> tuple[bool, dict[str, bool]]:
        """Whether a user is in scope, and what each clause came to, by its words.

        Raises:
            EvaluationError: when a regular expression takes too long.
        """
        if not self.groups:
            return True, {}
        results = {clause.words: clause.holds(user) for group in self.groups for clause in group}
        return any(all(results[clause.words] for clause in group) for group in self.groups), results


def compile_scope(scope: Mapping[str, Any] | None, read: Callable[[str], Reader]) -> Scope:
    """The filters of an object mapping (filter).

    Args:
        scope: The resource of Graph, or nothing.
        read: Makes what reads an attribute.

    Raises:
        ValueError: when an attribute, an operator or a regular expression is wrong; the message says which.
    """
    groups = (scope or {}).get("groups") or []
    return Scope(
        tuple(tuple(_clause(group, clause, read) for clause in group["clauses"]) for group in groups)
    )


def _clause(group: Mapping[str, Any], clause: Mapping[str, Any], read: Callable[[str], Reader]) -> Clause:
    name, operator = str(clause["sourceOperandName"]), str(clause["operatorName"])
    values = (clause.get("targetOperand") or {}).get("values") or [""]
    operand = str(values[0])
    if operator not in BINARY and operator not in UNARY:
        raise ValueError(f"scoping filters have no operator '{operator}'")
    if "REGEX" in operator:
        compile_pattern(operand)
    try:
        reader = read(name)
    except ValueError:
        raise ValueError(f"'{name}' of a scoping filter is no attribute of the source") from None
    words = f"{name} {operator}" + (f" '{operand}'" if operator in BINARY else "")
    return Clause(f"{group.get('name') or 'Scope'}.{words}", reader, operator, operand)
