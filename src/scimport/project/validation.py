"""Checks a file's data against its model, and says what is wrong in words about the file, not the model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from scimport.codes import Code
from scimport.errors import ConfigError
from scimport.model import Problem
from scimport.project.config import TAG
from scimport.project.document import Document, KeyPath, dotted
from scimport.project.environment import Resolved
from scimport.project.keys import Config
from scimport.project.values import did_you_mean

ConfigT = TypeVar("ConfigT", bound=Config)

_QUOTE_HINT = "Put quotes around it to make it text."
_LIST_HINT = "Write a list: [one, two], or a line '- one' for each."
_KEYS_HINT = "Write keys below it, each on its own line with more indentation."
_TYPES: dict[str, tuple[str, str]] = {
    "string_type": ("must be text", _QUOTE_HINT),
    "int_type": ("must be a whole number", ""),
    "int_parsing": ("must be a whole number", ""),
    "bool_type": ("must be true or false", ""),
    "dict_type": ("must be keys with values", _KEYS_HINT),
    "model_type": ("must be keys with values", _KEYS_HINT),
    "tuple_type": ("must be a list", _LIST_HINT),
}


def validate(
    model: type[ConfigT], resolved: Resolved, document: Document, more: Iterable[Problem] = ()
) -> ConfigT:
    """Make a file's data a model.

    Args:
        model: What the file may say.
        resolved: The file's data with the environment's values.
        document: The file, for lines.
        more: Problems found by other means, to be raised together with these.

    Raises:
        ConfigError: With all problems of the file, in the order of its lines, and no value of the file.
    """
    problems = [*resolved.problems, *more]
    config = None
    try:
        config = model.model_validate(resolved.data)
    except ValidationError as error:
        details = error.errors(include_url=False)
        problems += (
            _problem(model, detail, document) for detail in details if not _is_unset(detail, resolved)
        )
    if config is None or problems:
        raise ConfigError(sorted(problems, key=lambda problem: problem.line or 0))
    return config


def _is_unset(detail: ErrorDetails, resolved: Resolved) -> bool:
    """Whether it is about a value that is only missing because a variable of the environment is."""
    path = _path(detail)
    return detail["type"] != "extra_forbidden" and any(
        path[: len(unset)] == unset for unset in resolved.paths
    )


def _path(detail: ErrorDetails) -> KeyPath:
    """The keys of an error's place, without the tags that pydantic puts between them."""
    path = tuple(part for part in detail["loc"] if not _is_tag(part))
    key = detail.get("ctx", {}).get("key")
    return (*path, key) if key else path


def _is_tag(part: str | int) -> bool:
    return isinstance(part, str) and part.startswith(TAG)


def _problem(model: type[Config], detail: ErrorDetails, document: Document) -> Problem:
    path = _path(detail)
    code, message, hint = _words(model, detail, path in document.lines)
    name = dotted(path[-2:] if path and isinstance(path[-1], int) else path[-1:])
    return document.problem(code, path, f"'{name}' {message}" if path else f"the file {message}", hint)


def _words(model: type[Config], detail: ErrorDetails, written: bool) -> tuple[Code, str, str]:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "refused":
        return Code(context["code"]), context["message"], context["hint"]
    if kind == "missing":
        hint = _description(model, detail["loc"])
        return Code.MISSING_KEY, "has no value" if written else "is missing", hint
    if kind == "extra_forbidden":
        return Code.UNKNOWN_KEY, "is not a key that belongs here", _nearest(model, detail["loc"])
    if kind in _TYPES:
        message, hint = _TYPES[kind]
        return Code.WRONG_TYPE, message, hint
    return _wrong_value(detail)


def _wrong_value(detail: ErrorDetails) -> tuple[Code, str, str]:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "literal_error":
        choices = str(context["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
        given = detail["input"]
        hint = did_you_mean(given, choices) if isinstance(given, str) else ""
        return Code.BAD_VALUE, f"must be {_one_of(choices)}", hint
    if kind in ("string_too_short", "too_short"):
        return Code.BAD_VALUE, "must not be empty", ""
    if kind == "greater_than_equal":
        return Code.BAD_VALUE, f"must be at least {context['ge']}", ""
    words = detail["msg"]
    return Code.BAD_VALUE, f"is wrong: {words[:1].lower()}{words[1:]}", ""


def _one_of(choices: list[str]) -> str:
    return choices[0] if len(choices) == 1 else f"one of {', '.join(choices)}"


def _nearest(model: type[Config], place: tuple[str | int, ...]) -> str:
    known = list(
        dict.fromkeys(name for owner in _models_at(model, place[:-1]) for name in owner.model_fields)
    )
    return did_you_mean(str(place[-1]), known) or f"Keys here: {', '.join(known)}."


def _description(model: type[Config], place: tuple[str | int, ...]) -> str:
    for owner in _models_at(model, place[:-1]):
        if place[-1] in owner.model_fields:
            return owner.model_fields[str(place[-1])].description or ""
    return ""


def _models_at(model: type[Config], place: tuple[str | int, ...]) -> list[type[Config]]:
    """The models that may stand at a place: where ``columns`` leads, after any name of a column."""
    models = [model]
    parts = iter(place)
    for part in parts:
        if _is_tag(part):
            models = [each for each in models if each.model_fields["kind"].default == str(part)[1:]]
            continue
        annotations = [
            each.model_fields[str(part)].annotation for each in models if part in each.model_fields
        ]
        models = [found for annotation in annotations for found in _models_in(annotation)]
        if any(get_origin(annotation) in (dict, Mapping) for annotation in annotations):
            next(parts, None)
    return models


def _models_in(annotation: Any) -> Iterator[type[Config]]:
    if isinstance(annotation, type) and issubclass(annotation, Config):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
