"""One file as lines of text: decoded, without what stands above and below its records."""

from __future__ import annotations

import codecs
import io
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from typing import BinaryIO, Self, TypeVar

from scimport.codes import Code
from scimport.errors import SourceError
from scimport.model import Problem
from scimport.project.source_config import TextSourceConfig
from scimport.sources.files import DataFile

T = TypeVar("T")

# Characters, or bytes, that are decoded and looked through at a time.
_BLOCK = 65_536
_BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"


@dataclass(frozen=True, slots=True)
class TextFile:
    """A file of lines and how to read it.

    Attributes:
        file: Where its bytes are.
        encoding: A Python codec; a byte order mark is passed over.
        skip_head: Lines that are passed over at the beginning.
        foot: Lines that are passed over at the end; blank ones do not count.
        trailer: Pattern of the one among them that holds the number of rows; ``None`` when there is none.
    """

    file: DataFile
    encoding: str
    skip_head: int = 0
    foot: int = 0
    trailer: str | None = None

    @classmethod
    def of(cls, file: DataFile, config: TextSourceConfig) -> Self:
        """Take from a source's file what says how its lines are read."""
        trailer = config.trailer.pattern if config.trailer else None
        return cls(file, config.encoding, config.skip_head, config.foot, trailer)

    @contextmanager
    def lines(self, foot: list[str] | None = None) -> Iterator[Iterator[str]]:
        r"""Open the file; gives its lines with their ends (``\n``, ``\r\n`` or ``\r``).

        Args:
            foot: Takes the lines at the end that are passed over, when the end is reached.

        Raises:
            SourceError: It cannot be opened, or (while iterating) holds a NUL character.
        """
        with self.file.opened() as stream:
            text = io.TextIOWrapper(stream, self.encoding, newline="")
            lines: Iterator[str] = chain.from_iterable(self._blocks(text))
            if self.skip_head:
                lines = islice(lines, self.skip_head, None)
            if self.foot:
                lines = without_last(lines, self.foot, str.strip, foot)
            yield lines

    def decoded(self, data: bytes, before: int) -> list[str]:
        """Some of the file's bytes as lines with their ends, as :meth:`lines` gives them.

        Args:
            data: Whole lines.
            before: How many lines of the file stand before them.

        Raises:
            SourceError: They hold a NUL character.
            UnicodeError: They are not text in the file's encoding.
        """
        if before:
            # What looks like a byte order mark is none there.
            text = data.decode(self.encoding.lower().removesuffix("-sig").removesuffix("_sig"))
        else:
            text = data.decode(self.encoding).removeprefix(_BOM)
        lines = io.StringIO(text, newline="").readlines()
        if "\0" in text:
            raise SourceError(self._nul(before + next(n for n, line in enumerate(lines, 1) if "\0" in line)))
        return lines

    def check_trailer(self, foot: Sequence[str], rows: int) -> None:
        """Make sure that the file has as many rows as its trailer says.

        Args:
            foot: The lines at the end that were passed over.
            rows: How many rows were read.

        Raises:
            SourceError: It has not, or there is no trailer.
        """
        if self.trailer is None:
            return
        matches = [found for line in foot if (found := re.fullmatch(self.trailer, line.strip()))]
        number = matches[-1][1] if matches else None
        if number is not None and number.isdecimal() and int(number) == rows:
            return
        if number is None:
            message = "the file does not end with its trailer: no line at its end matches the pattern"
        elif not number.isdecimal():
            message = "the group of the trailer's pattern has not matched a number"
        else:
            message = f"the trailer says {int(number)} rows, and the file has {rows}"
        hint = "Look whether the export is complete; if it is, compare trailer: and skip_foot: with its end."
        raise SourceError(Problem(Code.TRAILER_MISMATCH, message, hint=hint, file=self.file.shown))

    def _blocks(self, text: io.TextIOWrapper) -> Iterator[list[str]]:
        count = 0
        while block := text.readlines(_BLOCK):
            if not count:
                block[0] = block[0].removeprefix(_BOM)
            if "\0" in "".join(block):
                line = count + next(number for number, line in enumerate(block, 1) if "\0" in line)
                raise SourceError(self._nul(line))
            yield block
            count += len(block)

    def _nul(self, line: int) -> Problem:
        with self.file.opened() as stream:
            hint = encoding_hint(stream.read(4096)) or "Export it again: a NUL is never part of a text."
        message = "the line holds a NUL character (a zero byte)"
        return Problem(Code.NUL_BYTE, message, hint=hint, file=self.file.shown, line=line)


def without_last(
    items: Iterable[T], count: int, is_full: Callable[[T], object], foot: list[T] | None = None
) -> Iterator[T]:
    """Pass items on, but for the last ``count`` that are full, and what is not full among and below them."""
    held: deque[T] = deque()
    full = 0
    for item in items:
        held.append(item)
        full += bool(is_full(item))
        while full > count:
            first = held.popleft()
            full -= bool(is_full(first))
            yield first
    if foot is not None:
        foot.extend(held)


@contextmanager
def explained(text: TextFile) -> Iterator[None]:
    """Turn what reading the file raises into :class:`SourceError` with a problem that says where."""
    try:
        yield
    except SourceError:
        raise
    except UnicodeError:
        raise SourceError(read_again(text, decoding_problem)) from None
    except text.file.errors as error:
        raise SourceError(text.file.unreadable(error)) from None


TextT = TypeVar("TextT", bound=TextFile)


def read_again(text: TextT, problem: Callable[[TextT], Problem]) -> Problem:
    """Read a file again to find out what is wrong with it; it may be gone in the meantime."""
    try:
        return problem(text)
    except SourceError as error:
        return error.problems[0]
    except text.file.errors as error:
        return text.file.unreadable(error)


def decoding_problem(text: TextFile) -> Problem:
    """Find the first byte that is not text in the file's encoding: its offset (from 0) and its line."""
    with text.file.opened() as stream:
        offset, byte = _bad_byte(stream, text.encoding)
    with text.file.opened() as stream:
        line = _line_at(stream, offset, text.encoding)
    with text.file.opened() as stream:
        head = stream.read(4096)
    message = f"byte 0x{byte:02X} at offset {offset} cannot be decoded as {text.encoding}"
    hint = encoding_hint(head) or _other_encoding(head, text.encoding)
    return Problem(Code.SOURCE_ENCODING, message, hint=hint, file=text.file.shown, line=line)


def encoding_hint(head: bytes) -> str:
    """Say what a file that is not the text it should be looks like by its first bytes; may be empty."""
    for magic, hint in _MAGIC:
        if head.startswith(magic):
            return hint
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if max(even, odd) * 4 > len(head):
        return f"It looks like UTF-16: set encoding: utf-16-{'le' if odd > even else 'be'}."
    return ""


_EXCEL = "This is an Excel workbook: set kind: excel."
_MAGIC = (
    (b"\xff\xfe\0\0", "It begins as UTF-32 does: set encoding: utf-32."),
    (b"\xff\xfe", "It begins as UTF-16 does: set encoding: utf-16."),
    (b"\xfe\xff", "It begins as UTF-16 does: set encoding: utf-16."),
    (b"\x1f\x8b", "It is compressed: its name must end in .gz."),
    (b"BZh", "It is compressed: its name must end in .bz2."),
    (b"\xfd7zXZ", "It is compressed: its name must end in .xz."),
    (b"PK\x03\x04", "It is a zip file or an Excel workbook: name it .zip, or set kind: excel."),
    (b"\xd0\xcf\x11\xe0", _EXCEL),
)


def _bad_byte(stream: BinaryIO, encoding: str) -> tuple[int, int]:
    decoder = codecs.getincrementaldecoder(encoding)()
    read = 0
    while True:
        block = stream.read(_BLOCK)
        try:
            decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            # What the decoder has kept of the block before stands in front of this one.
            before = len(error.object) - len(block)
            return read - before + error.start, error.object[error.start]
        except UnicodeError:
            # UTF-16 and UTF-32 say so of a file without a byte order mark.
            return 0, (block or b"\0")[0]
        if not block:
            raise EOFError
        read += len(block)


def _line_at(stream: BinaryIO, offset: int, encoding: str) -> int:
    characters = codecs.getincrementaldecoder(encoding)("ignore")
    decoder = io.IncrementalNewlineDecoder(characters, translate=True)
    line = 1
    while offset and (block := stream.read(min(offset, _BLOCK))):
        line += decoder.decode(block).count("\n")
        offset -= len(block)
    return line + decoder.decode(b"", final=True).count("\n")


def _other_encoding(head: bytes, encoding: str) -> str:
    if codecs.lookup(encoding).name in {"utf-8", "utf-8-sig", "ascii"}:
        return "If it comes from Excel or Windows, set encoding: cp1252."
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "Ask who exports it for the encoding, or for UTF-8."
    return "It looks like UTF-8: set encoding: utf-8."
