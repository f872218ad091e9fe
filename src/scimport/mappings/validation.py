"""Whether a user may be sent, and if not, why.

Two libraries share the work: ``jsonschema_rs`` says yes or no, in microseconds; ``jsonschema`` is loaded
only to explain the few that fail.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from scimport.codes import Code
from scimport.mappings.proof import EVERYTHING, Check, check_of, open_places
from scimport.mappings.scim import UserSchema, json_schema, path_text
from scimport.model import Problem

if TYPE_CHECKING:
    import jsonschema_rs
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

    from scimport.mappings.mapping import Mapping as CompiledMapping

MOST_PROBLEMS: Final = 10
"""How many places of one user are explained."""

_VALUE_LENGTH: Final = 80


class UserValidator:
    """Checks users against the JSON Schema of :func:`scimport.mappings.scim.json_schema`, formats included.

    Args:
        schema: What a user may have.
        nullable: Paths of the attributes that may be ``null``.
    """

    def __init__(self, schema: UserSchema, *, nullable: Collection[str] = ()) -> None:
        self.schema = schema
        self._nullable = nullable

    @cached_property
    def _json_schema(self) -> dict[str, Any]:
        return json_schema(self.schema, nullable=self._nullable)

    @cached_property
    def _fast(self) -> jsonschema_rs.Draft202012Validator:
        return _fast(self._json_schema)

    def is_valid(self, user: dict[str, Any]) -> bool:
        """Whether the user may be sent. A value that JSON does not have (a date, bytes) makes it invalid."""
        try:
            return self._fast.is_valid(user)
        except ValueError:
            return False

    def of(self, mapping: CompiledMapping) -> Check:
        """What :meth:`is_valid` says of the users that a mapping has made, at a fraction of the cost.

        Only what may be wrong with them is looked at (:mod:`scimport.mappings.proof`). A text that no
        encoding has may pass, as it may pass a JSON Schema: nothing that writes JSON takes it.
        """
        if mapping.marks:  # what is put in their place is not the mapping's
            return self.is_valid
        places = open_places(mapping.shape, mapping.fields, self._json_schema, _holds)
        if EVERYTHING in places:
            return self.is_valid
        return check_of({path: _fast(schema).is_valid for path, schema in places.items()})

    def explain(self, user: dict[str, Any]) -> tuple[Problem, ...]:
        """What is wrong with a user.

        Returns:
            One problem (``invalid-user``) for each place that is wrong, :data:`MOST_PROBLEMS` at most; ``()``
            for a valid user only. ``field`` is the place, such as ``emails[0].value``; the message names the
            rule and holds no value.
        """
        if self.is_valid(user) and not any(_not_json((), user)):
            return ()
        found: dict[tuple[str | int, ...], _Failure] = {}
        for failure in self._failures(user):
            found.setdefault(failure.path, failure)
        failures = [*found.values()][:MOST_PROBLEMS] or [_Failure((), "", None, None)]
        return tuple(self._problem(failure) for failure in failures)

    def _failures(self, user: dict[str, Any]) -> Iterator[_Failure]:
        """Everything wrong, the clearest account of a place first."""
        from jsonschema.exceptions import best_match  # noqa: PLC0415 - slow to load, and seldom needed

        places: dict[tuple[str | int, ...], list[ValidationError]] = {}
        for error in self._slow.iter_errors(user):
            places.setdefault(tuple(error.absolute_path), []).append(error)
        for errors in places.values():
            # A name that is missing or unknown is a place of its own; of the rest, one account is enough.
            named = [error for error in errors if error.validator in _NAMED]
            best = best_match(error for error in errors if error.validator not in _NAMED)
            for error in (*named, best) if best else named:
                yield from _of_error(error)
        yield from _not_json((), user)
        yield from self._strict_formats(user)

    def _strict_formats(self, user: dict[str, Any]) -> Iterator[_Failure]:
        """The formats that only ``jsonschema_rs`` refuses: it reads addresses by the letter of the RFCs."""
        try:
            for error in self._fast.iter_errors(user):
                if error.kind.name == "format":
                    wanted = getattr(error.kind, "format", "")
                    yield _Failure(tuple(error.instance_path), "format", wanted, error.instance)
        except ValueError:
            return

    @cached_property
    def _slow(self) -> Validator:
        import jsonschema  # noqa: PLC0415 - slow to load, and seldom needed

        base = jsonschema.Draft202012Validator
        # As jsonschema_rs and orjson see them.
        types = base.TYPE_CHECKER.redefine("array", lambda _, value: isinstance(value, (list, tuple)))
        types = types.redefine("number", lambda _, value: _is_number(value))
        extend: Any = jsonschema.validators.extend
        slow: Validator = extend(base, type_checker=types)(
            self._json_schema, format_checker=base.FORMAT_CHECKER
        )
        return slow

    def _problem(self, failure: _Failure) -> Problem:
        message, hint = self._words(failure)
        shown = "" if failure.keyword in ("", "required") else _short(failure.value)
        return Problem(Code.INVALID_USER, message, hint=hint, field=path_text(failure.path), value=shown)

    def _words(self, failure: _Failure) -> tuple[str, str]:
        """Message and hint."""
        if failure.keyword == "additionalProperties":
            return self._unknown(failure)
        if failure.keyword == "type":
            return _wrong_type(str(failure.wanted), failure.value)
        if failure.keyword == "format":
            return _FORMATS.get(str(failure.wanted), (f"is not a valid {failure.wanted}", ""))
        if failure.keyword == "contains" and failure.path == ("schemas",):
            return f"must contain {failure.wanted}", "The mapping adds it by itself; leave schemas out of it."
        return _RULES.get(failure.keyword, ("does not satisfy the SCIM schema", ""))

    def _unknown(self, failure: _Failure) -> tuple[str, str]:
        attribute = self.schema.attribute(failure.path)
        if attribute is not None and attribute.read_only:
            return "is read only", "Leave it out: only the service provider sets it (RFC 7643 section 2.2)."
        near = self.schema.suggest(failure.path)
        hint = f"Did you mean '{near}'?" if near else "A custom attribute needs a schema file under schemas."
        return "is an unknown attribute", hint


def _fast(schema: Mapping[str, Any]) -> jsonschema_rs.Draft202012Validator:
    import jsonschema_rs  # noqa: PLC0415 - who looks at the files alone needs none

    return jsonschema_rs.Draft202012Validator(
        dict(schema),
        validate_formats=True,
        ignore_unknown_formats=False,
        # `Ann <ann@acme.example>` is a mailbox of a message, not an address.
        email_options=jsonschema_rs.EmailOptions(allow_display_text=False),
    )


def _holds(schema: Mapping[str, Any], value: object) -> bool:
    return _fast(schema).is_valid(value)


@dataclass(frozen=True, slots=True)
class _Failure:
    """One broken rule: where, which keyword of JSON Schema, what it wants, and what is there."""

    path: tuple[str | int, ...]
    keyword: str
    wanted: object
    value: object


_NAMED: Final = ("required", "additionalProperties")


def _of_error(error: ValidationError) -> Iterator[_Failure]:
    path = tuple(error.absolute_path)
    instance: Any = error.instance
    rule: Any = error.validator_value
    if error.validator == "required":
        # jsonschema gives one error for each name, which it says in the message only.
        for name in rule:
            if name not in instance:
                yield _Failure((*path, name), "required", None, None)
    elif error.validator == "additionalProperties":
        schema: Any = error.schema
        for name in instance:
            if name not in schema["properties"]:
                yield _Failure((*path, str(name)), "additionalProperties", None, instance[name])
    else:
        keyword = str(error.validator)
        yield _Failure(path, keyword, _wanted(keyword, rule), instance)


def _wanted(keyword: str, rule: Any) -> object:
    if keyword == "type":
        return rule if isinstance(rule, str) else rule[0]
    return rule.get("const") if keyword == "contains" else rule


def _not_json(path: tuple[str | int, ...], value: object) -> Iterator[_Failure]:
    """What JSON, or the encoder, has no form for."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                yield _Failure(path, "json", None, key)
            yield from _not_json((*path, str(key)), item)
    elif isinstance(value, (list, tuple)):
        for place, item in enumerate(value):
            yield from _not_json((*path, place), item)
    elif value.__class__ is str:
        if any("\ud800" <= letter <= "\udfff" for letter in str(value)):
            yield _Failure(path, "unicode", None, value)
    elif not (value is None or value is True or value is False or _is_number(value)):
        yield _Failure(path, "json", None, value)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool) and math.isfinite(value)


_TYPES: Final[Mapping[str, str]] = {
    "boolean": "true or false",
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "array": "a list",
    "object": "an object of sub-attributes",
}
_TEXT: Final = "Use {{ Column | text }}."
_TYPE_HINTS: Final[Mapping[tuple[str, str], str]] = {
    (
        "boolean",
        "a text",
    ): 'Compare: {{ Status == "A" }}, or say what means which: {{ Status | bool("A", "T") }}.',
    ("boolean", "a whole number"): "Compare: {{ Status == 1 }}, or use {{ Status | bool }}.",
    ("integer", "a text"): "Use {{ Column | int }}.",
    ("integer", "a decimal number"): "Use {{ Column | round | int }}.",
    ("number", "a text"): "Use {{ Column | float }}.",
    ("string", "a whole number"): _TEXT,
    ("string", "a decimal number"): _TEXT,
    ("string", "true or false"): _TEXT,
    ("string", "a date"): "Use {{ Column | date }} or {{ Column | datetime }}.",
    ("array", "a text"): 'Use {{ Column | split(";") }}, or begin the entry with a dash: a list of one.',
    ("array", "an object"): "Begin the entry with a dash, to make it a list of one.",
    ("object", "a text"): "Write its sub-attributes below it, each with a value.",
    ("string", "a list"): 'Use {{ Column | join(", ") }} or {{ Column | first }}.',
}
_FORMATS: Final[Mapping[str, tuple[str, str]]] = {
    "date-time": (
        "is not a valid date-time (RFC 3339)",
        'Say how the column writes it: {{ Column | datetime("%d.%m.%Y") }}.',
    ),
    "idn-email": (
        "is not a valid e-mail address (RFC 5321)",
        "Correct it in the source, or leave it out; one address in each entry.",
    ),
    "uri": ("is not a valid URI (RFC 3986)", "Write it whole, as in https://people.acme.example/ann."),
    "uri-reference": ("is not a valid URI reference (RFC 3986)", "Encode it: {{ Column | urlencode }}."),
}
_PRIMARY: Final = ("has primary true more than once", "Set primary in one entry only (RFC 7643 section 2.4).")
_RANGE: Final = ("is out of range", "It must fit into 64 bits.")
_RULES: Final[Mapping[str, tuple[str, str]]] = {
    "required": (
        "is required",
        "What it is made of is blank here: correct the source, or give it a default.",
    ),
    "minLength": ("must not be empty", "What it is made of is blank here: correct the source."),
    "enum": ("is not the URN of a known schema", "Name the file of the schema under schemas in the mapping."),
    "uniqueItems": ("names a schema twice", "The mapping fills it by itself; leave schemas out of it."),
    "contains": _PRIMARY,
    "maxContains": _PRIMARY,
    "pattern": ("is not Base64 (RFC 4648)", ""),
    "minimum": _RANGE,
    "maximum": _RANGE,
    "unicode": ("has characters that no encoding has", "Check the encoding of the source."),
    "json": (
        "is a value that JSON does not have",
        "Use {{ Column | text }}, or date and datetime for dates.",
    ),
}


def _wrong_type(wanted: str, value: object) -> tuple[str, str]:
    if value is None:
        return "must not be null", "Leave it out, or name it under clear in the mapping."
    kind = _kind(value)
    return f"must be {_TYPES[wanted]}, not {kind}", _TYPE_HINTS.get((wanted, kind), "")


def _kind(value: object) -> str:
    kinds: Iterable[tuple[type | tuple[type, ...], str]] = (
        (bool, "true or false"),
        (str, "a text"),
        (int, "a whole number"),
        ((float, Decimal), "a decimal number"),
        ((list, tuple), "a list"),
        (Mapping, "an object"),
        ((date, datetime), "a date"),
    )
    return next((name for kind, name in kinds if isinstance(value, kind)), "a value that JSON does not have")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _VALUE_LENGTH else text[: _VALUE_LENGTH - 3] + "..."
