"""Sheets of workbooks (xlsx, xlsb, xls, ods) as a source, through calamine: cells as text, as people see it.

Whole numbers have no ``.0``, dates and times are ISO 8601. A format of the workbook is not applied: 123 shown
as 00123 is 123, and 0.5 shown as 50 % is 0.5. A workbook is held in memory: its formats cannot be streamed.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Generator, Iterator
from datetime import date, time
from typing import TYPE_CHECKING

from scimport.codes import Code
from scimport.errors import SourceError
from scimport.model import Problem
from scimport.project.source_config import ExcelSourceConfig
from scimport.project.values import did_you_mean
from scimport.sources.file_source import FileSource, Header, Slice, empty_file
from scimport.sources.files import DataFile
from scimport.sources.text import without_last

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

# Whole numbers below are exact, and Excel shows them without an exponent.
_WHOLE = 10**15


class ExcelSource(FileSource):
    """The rows of one sheet of one or more workbooks; rows without any value are passed over."""

    counts_rows = True

    def _prepare(self, config: ExcelSourceConfig) -> None:
        self._sheet, self._names = config.sheet, config.names
        self._head, self._foot = config.skip_head, config.skip_foot
        self._loaded: tuple[int, CalamineSheet] | None = None

    def close(self) -> None:
        """Let go of the workbook."""
        super().close()
        self._loaded = None

    def _header(self, number: int) -> Header:
        if self._names:
            self._rows(number)
            return Header(self._names)
        row, cells = next(self._rows(number), (0, [""] * 0))
        while cells and not cells[-1].strip():
            cells.pop()
        if not cells:
            raise empty_file(self._files[number])
        return Header(tuple(name.strip() for name in cells), row)

    def _slices(self, number: int, size: int, offset: int) -> Generator[Slice]:
        header = self._headers[number]
        rows = self._rows(number)
        if not self._names:
            next(rows, None)
        if self._foot:
            rows = without_last(rows, self._foot, lambda _: True)
        width = len(header.names)
        while some := list(itertools.islice(rows, size)):
            self._check_widths(number, some, width)
            padded = [(cells + [""] * (width - len(cells)))[:width] for _, cells in some]
            yield padded, [offset + row for row, _ in some]

    def _check_widths(self, number: int, rows: list[tuple[int, list[str]]], width: int) -> None:
        for row, cells in rows:
            if any(cells[width:]):
                last = max(place for place, cell in enumerate(cells, 1) if cell)
                message = f"the row has a value in column {last}, and the header has {width}"
                hint = "Give the column a name, or take what is beside the table out of the sheet."
                file = self._files[number].shown
                raise SourceError(Problem(Code.RAGGED_ROW, message, hint=hint, file=file, row=row))

    def _rows(self, number: int) -> Iterator[tuple[int, list[str]]]:
        """Rows below the head that have any value, with their numbers in the sheet, from 1."""
        if self._loaded is None or self._loaded[0] != number:
            self._loaded = number, open_sheet(self._files[number], self._sheet)[0]
        rows = sheet_rows(self._loaded[1], self._files[number])
        return ((row, cells) for row, cells in rows if row > self._head)


def sheet_rows(sheet: CalamineSheet, file: DataFile) -> Iterator[tuple[int, list[str]]]:
    """Rows of a sheet that have any value: the number of each, from 1, and its cells as text.

    Raises:
        SourceError: A cell holds a NUL character.
    """
    # calamine leaves out empty columns on the left, and no rows.
    for row, values in enumerate(sheet.iter_rows(), 1):
        cells = [_shown(value) for value in values]
        if "\0" in "".join(cells):
            message = "the row holds a NUL character"
            raise SourceError(Problem(Code.NUL_BYTE, message, file=file.shown, row=row))
        if any(cell.strip() for cell in cells):
            yield row, cells


def open_sheet(file: DataFile, name: str | None) -> tuple[CalamineSheet, str]:
    """Open a sheet of a workbook: the first visible one when none is named; gives its name, too.

    Raises:
        SourceError: The workbook cannot be read, or has no such sheet.
    """
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError  # noqa: PLC0415 - read once

    try:
        with file.opened() as stream:
            content = stream.read()
    except file.errors as error:
        raise SourceError(file.unreadable(error)) from None
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
        chosen = _chosen(file, workbook, name)
        return workbook.get_sheet_by_name(chosen), chosen
    except PasswordError:
        message, hint = "the workbook is protected with a password", "Save it without one."
    except CalamineError as error:
        message, hint = f"the workbook cannot be read: {error}", "Open it in Excel, and save it as .xlsx."
    raise SourceError(Problem(Code.SOURCE_UNREADABLE, message, hint=hint, file=file.shown))


def _chosen(file: DataFile, workbook: CalamineWorkbook, name: str | None) -> str:
    """The name of the sheet that is wanted: the first visible one when none is named."""
    from python_calamine import SheetTypeEnum, SheetVisibleEnum  # noqa: PLC0415 - read once

    tables = [one for one in workbook.sheets_metadata if one.typ == SheetTypeEnum.WorkSheet]
    visible = [one.name for one in tables if one.visible == SheetVisibleEnum.Visible]
    if name is None and visible:
        return visible[0]
    names = [one.name for one in tables]
    if name in names:
        return str(name)
    message = f"the workbook has no sheet '{name}'" if name else "the workbook has no visible sheet"
    hint = did_you_mean(name or "", names) or f"It has: {', '.join(names)}."
    raise SourceError(Problem(Code.SOURCE_UNREADABLE, message, hint=hint, file=file.shown))


def _shown(value: object) -> str:
    """A cell as text. An error of a formula (#N/A) comes as a blank from calamine."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float):
        # Excel keeps fifteen digits: 0.1 + 0.2 is shown as 0.3.
        return str(int(value)) if abs(value) < _WHOLE and value == int(value) else f"{value:.15g}"
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)
