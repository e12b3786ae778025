"""Spreadsheets (XLSX): what a person keeps by hand. Cells become the text that a CSV export would have had."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Collection, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from functools import reduce
from typing import IO, BinaryIO, Literal

from lxml import etree
from pydantic import Field
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetVisibleEnum

from connectors.errors import FeedMalformed
from connectors.formats.delimited import check_header
from connectors.formats.documents import MEGABYTE, read_bounded
from connectors.rows import Item, Row, Skip
from connectors.strict import Strict

Cell = int | float | str | bool | date | datetime | time | timedelta

_PARTS = 10_000
"""Files in the archive. A workbook has dozens."""
_MOST_CELLS = 20_000_000
"""Between the first cell of a sheet and its last, empty ones too."""
_WORKBOOK = "xl/workbook.xml"
_CELL = re.compile(r"([A-Z]{0,3})(\d{1,7})")
"""The name of a cell, or the number of a row."""


class XlsxFormat(Strict):
    """One sheet of a workbook, read whole: a spreadsheet has no order that could be streamed."""

    type: Literal["xlsx"] = "xlsx"
    sheet: str = Field(default="", description="Name of the sheet; left out, the first that is not hidden.")
    header_line: int = Field(default=1, ge=1, description="The row that names the columns, counted from 1.")
    ignored: tuple[str, ...] = Field(default=(), description="Columns that are known and not wanted.")
    trailer: str = Field(default="", description="Pattern of the first cell of a closing row.")
    max_megabytes: int = Field(default=32, ge=1, le=512, description="Of the file as it is.")
    max_unpacked_megabytes: int = Field(default=512, ge=1, le=4096, description="Of what is packed inside it.")

    def rows(self, stream: BinaryIO, columns: Collection[str] = ()) -> Iterator[Item]:
        """Read rows; see `Format.rows`. The line of a row is the sheet's own row number."""
        content = read_bounded(stream, self.max_megabytes)
        self._refuse_bomb(content)
        table = self._sheet(content)
        header = next((cells for number, cells in table if number == self.header_line), [])
        names = [_text(cell).strip() for cell in header]
        yield from check_header(names, columns, self.ignored)
        closing = re.compile(self.trailer) if self.trailer else None
        for number, cells in table:
            texts = [_text(cell) for cell in cells]
            if not any(text.strip() for text in texts):
                yield Skip(number, "blank line")
            elif closing and closing.search(texts[0].strip()):
                yield Skip(number, "trailer")
            elif [text.strip() for text in texts] == names:
                yield Skip(number, "repeated header")
            else:
                yield Row(number, {name: text for name, text in zip(names, texts, strict=False) if name})

    def _refuse_bomb(self, content: bytes) -> None:
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                self._refuse_size(archive.infolist())
                _refuse_area(archive)
        except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError) as error:
            raise FeedMalformed("this is not an XLSX workbook, or it was cut off") from error
        except (zlib.error, etree.XMLSyntaxError):
            raise FeedMalformed("the workbook is damaged inside") from None

    def _refuse_size(self, parts: Sequence[zipfile.ZipInfo]) -> None:
        unpacked = sum(part.file_size for part in parts)
        if unpacked > self.max_unpacked_megabytes * MEGABYTE or len(parts) > _PARTS:
            raise FeedMalformed(
                f"the workbook unpacks to {unpacked // MEGABYTE} MB in {len(parts)} parts: more than was agreed"
            )

    def _sheet(self, content: bytes) -> Iterator[tuple[int, list[Cell]]]:
        """Row number and cells. The engine is written in Rust and answers a panic with an exception of its own kind."""
        try:
            book = CalamineWorkbook.from_filelike(io.BytesIO(content))
            sheet = self._chosen(book)
            first = sheet.start[0] if sheet.start else 0
            rows = sheet.to_python(skip_empty_area=True)
        except FeedMalformed:
            raise
        except CalamineError as error:
            raise FeedMalformed(f"the workbook cannot be read ({type(error).__name__})") from None
        except BaseException as error:
            if type(error).__name__ != "PanicException":
                raise
            raise FeedMalformed("the workbook is damaged inside") from None
        return iter([(first + index, row) for index, row in enumerate(rows, start=1)])

    def _chosen(self, book: CalamineWorkbook) -> CalamineSheet:
        visible = [meta.name for meta in book.sheets_metadata if meta.visible == SheetVisibleEnum.Visible]
        if self.sheet:
            if self.sheet not in book.sheet_names:
                raise FeedMalformed(f"there is no sheet called '{self.sheet}'")
            return book.get_sheet_by_name(self.sheet)
        if not visible:
            raise FeedMalformed("every sheet of the workbook is hidden")
        return book.get_sheet_by_name(visible[0])


def _refuse_area(archive: zipfile.ZipFile) -> None:
    """The engine makes room for every cell between the first and the last: one stray cell in the far corner would be the
    end of the process. What the size of a part says is believed here only as far as it can be read.
    """
    if _WORKBOOK not in archive.namelist():
        raise FeedMalformed("this is not an XLSX workbook")
    for name in archive.namelist():
        with archive.open(name) as part:
            rows, columns = _reach(part) if name.endswith(".xml") else (0, 0)
        if rows * columns > _MOST_CELLS:
            raise FeedMalformed(
                f"a sheet reaches to row {rows} and column {columns}: clear what stands so far from the table"
            )


def _reach(part: IO[bytes]) -> tuple[int, int]:
    """The last row and column that a sheet names. Cells without a name follow one another, so they are not far."""
    rows = columns = 0
    cells = etree.iterparse(part, tag=("{*}c", "{*}row"), resolve_entities=False, load_dtd=False, no_network=True)
    for _, element in cells:
        found = _CELL.fullmatch(element.get("r", ""))
        if found is not None:
            rows = max(rows, int(found[2]))
            columns = max(columns, _column(found[1]))
        element.clear()
    return rows, max(columns, 1)


def _column(letters: str) -> int:
    """A is 1, Z is 26, AA is 27."""
    return reduce(lambda number, letter: number * 26 + ord(letter) - ord("A") + 1, letters, 0)


def _text(cell: Cell) -> str:
    """A cell as text. Whole numbers lose the `.0` that the file format gives them."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    return str(cell)
