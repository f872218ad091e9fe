"""Writes the Python function that makes one user of the values of its expressions.

It is generated because it runs once a record: no loop over attributes, no look-up of types, nothing but the
conversions and comparisons that this one mapping needs. Its names and structure come from here, and
everything from the mapping is in it as a literal of ``repr``, so no text of a file becomes code. Blank
values, empty objects and list entries without a value of their own are left out as they are met. What it does
is what :func:`field_value` and the rules in :mod:`scimport.mappings.shape` say, one leaf at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from scimport.mappings.expression import Expression
from scimport.mappings.scim import ENTERPRISE_URN, REQUIRED
from scimport.mappings.shape import Array, Constant, Object, Place, Shape, Slot, is_certain, slots
from scimport.mappings.tree import Leaf
from scimport.mappings.values import CONVERTERS, each, join, part

_TEXTS: Final = ("string", "reference")
# Types whose values are all true in Python's sense, so that a plain `if` tells a blank.
_TRUTHY: Final = ("string", "reference", "dateTime", "binary")


class RequiredBlankError(ValueError):
    """An attribute that every user needs is blank."""


@dataclass(frozen=True, slots=True)
class Field:
    """An expression and where its value goes."""

    place: Place
    leaf: Leaf
    expression: Expression

    @property
    def is_required(self) -> bool:
        """Whether a user cannot be without it."""
        return self.place.name in REQUIRED


def field_value(field: Field, parts: Sequence[object]) -> Any:
    """The JSON value of a field, None for a blank one.

    Args:
        field: The field.
        parts: Values of the parts of its expression.

    Raises:
        ValueRefusedError: The attribute cannot take such a value.
        RequiredBlankError: It is blank and must not be.
    """
    literals = field.expression.literals
    value = parts[0] if literals is None else join(literals, [part(item) for item in parts])
    convert = CONVERTERS[field.place.attribute.type]
    found = each(value, convert) if field.place.many else convert(value)
    if found is None and field.is_required:
        raise RequiredBlankError("it is blank")
    return found


def build(user: Object, fields: Sequence[Field]) -> Callable[..., None]:
    """Makes the function.

    Args:
        user: Shape of the user, with ``schemas``.
        fields: The expressions, as the slots of the shape count them.

    Returns:
        ``emit(append, *values)``: makes a user of the values of all parts of all expressions, in order, and
        appends it. It raises as :func:`field_value` does.
    """
    writer = _Writer(fields)
    names: dict[str, Any] = dict(CONVERTERS) | {
        "each": each,
        "join": join,
        "part": part,
        "RequiredBlankError": RequiredBlankError,
    }
    code = compile(writer.source(user), "<user of a mapping>", "exec")
    exec(code, names)  # noqa: S102 - every name and literal in it is written here, by repr
    emit: Callable[..., None] = names["emit"]
    return emit


def _arguments(index: int, field: Field) -> list[str]:
    if field.expression.literals is None:
        return [f"v{index}"]
    return [f"p{index}_{number}" for number in range(len(field.expression.parts))]


class _Writer:
    def __init__(self, fields: Sequence[Field]) -> None:
        self._fields = fields
        self._lines: list[str] = []
        self._names = 0

    def source(self, user: Object) -> str:
        arguments = [name for index, field in enumerate(self._fields) for name in _arguments(index, field)]
        for index, field in enumerate(self._fields):
            self._convert(index, field)
        target = self._object(user, "")
        for name, shape in user.members:
            if name.startswith("urn:") and name != ENTERPRISE_URN and not is_certain(shape):
                self._lines.append(f"if {name!r} in {target}: {target}['schemas'].append({name!r})")
        self._lines.append(f"append({target})")
        return "\n    ".join((f"def emit({', '.join(('append', *arguments))}):", *self._lines))

    def _convert(self, index: int, field: Field) -> None:
        name, kind = f"v{index}", field.place.attribute.type
        if field.expression.literals is not None:
            self._text(name, _arguments(index, field), field.expression.literals)
        if field.place.many:
            self._lines.append(f"{name} = each({name}, {kind})")
        elif kind == "boolean":
            self._lines.append(f"if {name} is not True and {name} is not False: {name} = boolean({name})")
        elif kind in _TEXTS and field.expression.literals is None:
            self._lines.append(f"if {name}.__class__ is not str: {name} = string({name})")
        elif kind == "dateTime":
            # A longer text is no date alone, so there is nothing to add to it.
            self._lines.append(
                f"if {name}.__class__ is not str or len({name}) < 11: {name} = dateTime({name})"
            )
        elif kind not in _TEXTS:
            self._lines.append(f"{name} = {kind}({name})")
        if field.is_required:
            blank = f"{name} is None" if kind == "boolean" else f"not {name}"
            self._lines.append(f"if {blank}: raise RequiredBlankError('it is blank')")

    def _text(self, name: str, parts: list[str], literals: Sequence[str]) -> None:
        for item in parts:
            self._lines.append(f"if {item}.__class__ is not str: {item} = part({item})")
        texts = [literal.replace("{", "{{").replace("}", "}}") for literal in literals]
        whole = texts[0] + "".join(f"{{{item}}}{text}" for item, text in zip(parts, texts[1:], strict=True))
        otherwise = f"join({tuple(literals)!r}, ({', '.join(parts)},))"
        self._lines.append(f"{name} = f{whole!r} if {' and '.join(parts)} else {otherwise}")
        if not any(literal.strip() for literal in literals):
            self._lines.append(f"if {name} and {name}.isspace(): {name} = None")

    def _object(self, shape: Object, indent: str) -> str:
        """Writes the lines that make an object; returns the name it has then."""
        target = self._name("o")
        members = list(shape.members)
        certain = []
        while members and (literal := self._literal(members[0][1])) is not None:
            certain.append(f"{members.pop(0)[0]!r}: {literal}")
        self._lines.append(f"{indent}{target} = {{{', '.join(certain)}}}")
        for name, member in members:
            key = repr(name).replace("{", "{{").replace("}", "}}")
            self._assign(f"{target}[{key}] = {{}}", member, indent)
        return target

    def _assign(self, put: str, shape: Shape, indent: str) -> None:
        """Writes the lines that put a value where it belongs, unless it is left out."""
        literal = self._literal(shape)
        if literal is not None:
            self._lines.append(indent + put.format(literal))
        elif isinstance(shape, Slot):
            self._lines.append(f"{indent}if {self._present(shape)}: {put.format(f'v{shape.index}')}")
        elif isinstance(shape, Array):
            self._assign_array(put, shape, indent)
        elif isinstance(shape, Object):
            self._assign_object(put, shape, indent)

    def _assign_object(self, put: str, shape: Object, indent: str) -> None:
        only = self._only(shape)
        if only is not None and not shape.nullable:
            slot, literal = only
            self._lines.append(f"{indent}if {self._present(slot)}: {put.format(literal)}")
            return
        target = self._object(shape, indent)
        if shape.nullable:
            self._lines.append(indent + put.format(f"{target} or None"))
        else:
            certain = "" if is_certain(shape) else f"if {target}: "
            self._lines.append(indent + certain + put.format(target))

    def _assign_array(self, put: str, shape: Array, indent: str) -> None:
        if len(shape.entries) == 1 and (entry := self._entry(shape.entries[0])) is not None:
            condition, literal = entry
            self._lines.append(f"{indent}if {condition}: {put.format(f'[{literal}]')}")
            return
        target = self._name("a")
        self._lines.append(f"{indent}{target} = []")
        for item in shape.entries:
            self._append(target, item, indent)
        self._lines.append(f"{indent}if {target}: {put.format(target)}")

    def _append(self, target: str, entry: Shape, indent: str) -> None:
        put = f"{target}.append({{}})"
        if (whole := self._entry(entry)) is not None:
            self._lines.append(f"{indent}if {whole[0]}: {put.format(whole[1])}")
        elif isinstance(entry, Object) and slots(entry):
            self._lines.append(f"{indent}if {' or '.join(self._present(slot) for slot in slots(entry))}:")
            inner = self._object(entry, indent + "    ")
            self._lines.append(f"{indent}    {put.format(inner)}")
        else:
            self._assign(put, entry, indent)

    def _entry(self, shape: Shape) -> tuple[str, str] | None:
        """Condition and literal of a list entry with one expression, None for another."""
        only = self._only(shape, constants=True)
        return None if only is None else (self._present(only[0]), only[1])

    def _only(self, shape: Shape, *, constants: bool = False) -> tuple[Slot, str] | None:
        """The one expression that decides whether something is there, and the literal of it when it is."""
        if isinstance(shape, Slot):
            return shape, f"v{shape.index}"
        if not isinstance(shape, Object):
            return None
        found = [member for _, member in shape.members if isinstance(member, Slot) and not member.nullable]
        others = [member for _, member in shape.members if not isinstance(member, Slot)]
        plain = all(isinstance(member, Constant) for member in others) if constants else not others
        if len(found) != 1 or not plain or len(found) + len(others) != len(shape.members):
            return None
        texts = (f"{name!r}: {self._value(member)}" for name, member in shape.members)
        return found[0], f"{{{', '.join(texts)}}}"

    def _literal(self, shape: Shape) -> str | None:
        """Python for what is there in every user whatever the row; None when that depends on it."""
        if isinstance(shape, Constant) or (isinstance(shape, Slot) and self._is_certain(shape)):
            return self._value(shape)
        if isinstance(shape, Array) and not slots(shape):
            return f"[{', '.join(self._literal(entry) or 'None' for entry in shape.entries)}]"
        if isinstance(shape, Object) and not slots(shape):
            return f"{{{', '.join(f'{name!r}: {self._literal(member)}' for name, member in shape.members)}}}"
        return None

    def _is_certain(self, slot: Slot) -> bool:
        return slot.nullable or self._fields[slot.index].is_required

    def _value(self, shape: Shape) -> str:
        if isinstance(shape, Slot):
            return (
                f"v{shape.index} or None" if shape.nullable and self._is_truthy(shape) else f"v{shape.index}"
            )
        return repr(shape.value) if isinstance(shape, Constant) else "None"

    def _present(self, slot: Slot) -> str:
        return f"v{slot.index}" if self._is_truthy(slot) else f"v{slot.index} is not None"

    def _is_truthy(self, slot: Slot) -> bool:
        place = self._fields[slot.index].place
        return place.many or place.attribute.type in _TRUTHY

    def _name(self, prefix: str) -> str:
        self._names += 1
        return f"{prefix}{self._names}"
