"""Files of fixed-width columns as a source: each cell is a slice of its line, in characters."""

from __future__ import annotations

from collections.abc import Callable, Generator
from itertools import islice

from scimport.codes import Code
from scimport.errors import SourceError
from scimport.model import Problem
from scimport.project.source_config import FixedSourceConfig
from scimport.sources.base import counted
from scimport.sources.file_source import SHOWN_PROBLEMS, FileSource, Header, Slice
from scimport.sources.text import TextFile, explained


class FixedSource(FileSource):
    """One or more files of fixed-width columns. Lines with nothing but white space are passed over.

    A line may end early, since many programs take the blanks at its end away; what is not there is blank.
    """

    def _prepare(self, config: FixedSourceConfig) -> None:
        self._texts = tuple(TextFile.of(file, config) for file in self._files)
        self._names, self._width = tuple(config.columns), config.line_width
        self._cut = _cutter([(one.start - 1, one.start - 1 + one.width) for one in config.columns.values()])

    def _header(self, number: int) -> Header:
        with explained(self._texts[number]), self._texts[number].lines() as lines:
            next(lines, None)  # that it can be read is known before its columns are
        return Header(self._names)

    def _slices(self, number: int, size: int, offset: int) -> Generator[Slice]:
        text, cut, foot, found = self._texts[number], self._cut, [""] * 0, 0
        with explained(text), text.lines(foot) as lines:
            numbered = enumerate(lines, offset + text.skip_head + 1)
            while some := list(islice(numbered, size)):
                full = [(place, line.rstrip("\r\n")) for place, line in some if not line.isspace()]
                self._check_widths(text, full, offset)
                found += len(full)
                if full:
                    yield [cut(line) for _, line in full], [place for place, _ in full]
        text.check_trailer(foot, found)

    def _check_widths(self, text: TextFile, lines: list[tuple[int, str]], offset: int) -> None:
        if self._width is None:
            return
        hint = f"Every line has {self._width} (line_width:). Look whether the export was cut off here."
        problems = [
            Problem(
                Code.RAGGED_ROW,
                f"the line has {counted(len(line), 'character')}",
                hint=hint,
                file=text.file.shown,
                line=place - offset,
            )
            for place, line in lines
            if len(line) != self._width
        ]
        if problems:
            raise SourceError(problems[:SHOWN_PROBLEMS])


def _cutter(places: list[tuple[int, int]]) -> Callable[[str], list[str]]:
    slices = [slice(*place) for place in places]
    return lambda line: [line[one] for one in slices]
