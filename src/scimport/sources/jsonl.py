"""JSON lines as a source (jsonlines.org): one object a line, values with their types, in constant memory.

An object within an object is its keys with dots between them: ``{"name": {"given": "Ann"}}`` is a column
``name.given``. A list stays a list. What a record does not have, and ``null``, is blank.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Sequence
from itertools import islice
from typing import Any

from scimport.codes import Code
from scimport.errors import SourceError
from scimport.model import Problem
from scimport.project.source_config import JsonlSourceConfig
from scimport.sources.file_source import FileSource, Header, Slice, empty_file
from scimport.sources.text import TextFile, explained

_MAX_DEPTH = 50


class JsonlSource(FileSource):
    """One or more files of JSON lines; lines with nothing but white space are passed over.

    The columns are those that ``fields`` names, or else every path that occurs anywhere in the files, for
    which they are read once when the source is opened.
    """

    def _prepare(self, config: JsonlSourceConfig) -> None:
        self._texts = tuple(TextFile(file, config.encoding) for file in self._files)
        self._paths = {name: path.split(".") for name, path in config.fields.items()}
        self._found = tuple(config.fields) or self._all_paths()

    def _header(self, number: int) -> Header:
        with explained(self._texts[number]), self._texts[number].lines() as lines:
            next(lines, None)  # that it can be read is known before its columns are
        return Header(self._found)

    def _slices(self, number: int, size: int, offset: int) -> Generator[Slice]:
        text, names = self._texts[number], self._found
        paths = [self._paths[name] for name in names] if self._paths else None
        with explained(text), text.lines() as lines:
            records = _records(text, lines)
            while some := list(islice(records, size)):
                if paths is not None:
                    rows = [[_at(record, path) for path in paths] for _, record in some]
                else:
                    flat = [_flattened(text, line, record) for line, record in some]
                    rows = [[record.get(name) for name in names] for record in flat]
                yield rows, [offset + line for line, _ in some]

    def _all_paths(self) -> tuple[str, ...]:
        paths: dict[str, None] = {}
        for text in self._texts:
            with explained(text), text.lines() as lines:
                for _, record in flat_records(text, lines):
                    paths.update(dict.fromkeys(record))
        if not paths:
            raise empty_file(self._files[0])
        return tuple(name.strip() for name in paths)


def flat_records(text: TextFile, lines: Iterator[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The records of a file with their lines: values by dotted paths.

    Raises:
        SourceError: A line is not one JSON object.
    """
    return ((line, _flattened(text, line, record)) for line, record in _records(text, lines))


def _records(text: TextFile, lines: Iterator[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(lines, 1):
        if line.isspace():
            continue
        try:
            record = _DECODER.decode(line.strip())
        except RecursionError:
            raise _wrong(text, number, "the line is nested too deeply") from None
        except _RefusedError as error:
            raise _wrong(text, number, str(error)) from None
        except ValueError as error:
            words = error.msg if isinstance(error, json.JSONDecodeError) else "a number is too long"
            raise _wrong(text, number, f"the line is not JSON: {words}") from None
        if not isinstance(record, dict):
            raise _wrong(text, number, "the line is not a JSON object")
        if "\\u" in line:
            _check_characters(text, number, record)
        yield number, record


class _RefusedError(Exception):
    """Something that JSON allows or Python reads, and that would lose or change a value."""


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _RefusedError("a key occurs twice in an object of the line")
    return made


def _constant(_word: str) -> Any:
    raise _RefusedError("the line is not JSON: NaN and Infinity are not numbers")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)


def _wrong(text: TextFile, line: int, message: str, code: Code = Code.SOURCE_SYNTAX) -> SourceError:
    hint = "Each line must be one JSON object; a file that is one large JSON text is not JSON lines."
    return SourceError(Problem(code, message, hint=hint, file=text.file.shown, line=line))


def _flattened(text: TextFile, line: int, record: dict[str, Any]) -> dict[str, Any]:
    """The values of a record by their dotted paths; an empty object is nothing."""
    flat: dict[str, Any] = {}
    waiting = [("", record, 0)]
    while waiting:
        prefix, inner, depth = waiting.pop()
        for key, value in inner.items():
            path = f"{prefix}{key}".strip()
            if isinstance(value, dict):
                if depth >= _MAX_DEPTH:
                    raise _wrong(text, line, f"the line is nested more than {_MAX_DEPTH} levels deep")
                waiting.append((f"{path}.", value, depth + 1))
            elif path in flat:
                raise _wrong(text, line, "two keys of the line make the same column")
            else:
                flat[path] = value
    return flat


def _at(record: Any, path: Sequence[str]) -> Any:
    """The value at a path, where a number counts within a list from 0; ``None`` where there is none."""
    found = record
    for part in path:
        if isinstance(found, dict):
            found = found.get(part)
        elif isinstance(found, list) and part.isdecimal() and int(part) < len(found):
            found = found[int(part)]
        else:
            return None
    return found


def _check_characters(text: TextFile, line: int, value: Any) -> None:
    """Refuse what an escape can write and no text can hold: NUL, half a character (RFC 8259 section 8.2)."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list):
            waiting += one
        elif isinstance(one, str):
            if "\0" in one:
                raise _wrong(text, line, "the line holds a NUL character (\\u0000)", Code.NUL_BYTE)
            if any("\ud800" <= character <= "\udfff" for character in one):
                raise _wrong(text, line, "the line holds half a character (a lone surrogate)")
