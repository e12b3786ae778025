"""Parquet beside CSV: the same columns of text, read and written where the extra `spark` (with pyarrow) is installed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from config import ConfigError, TellPerson

SUFFIX = ".parquet"
_AT_ONCE = 50_000


def rows(path: Path, group: int | None = None, before: int = 0) -> Iterator[tuple[int, list[str], list[str]]]:
    """Row number, heading and fields of each row, or those of one row group, before which so many rows came.

    Nothing is an empty text. Raises TellPerson for a file at fault.
    """
    with _readable(path) as file:
        heading = _heading(file)
        number = before
        for batch in file.iter_batches(_AT_ONCE, None if group is None else [group]):
            columns = [["" if v is None else str(v) for v in column.to_pylist()] for column in batch.columns]
            for row in zip(*columns, strict=True):
                number += 1
                yield number, heading, list(row)


def groups(path: Path) -> tuple[list[str], list[int]]:
    """The heading, and how many rows each row group has. Raises TellPerson for a file at fault."""
    with _readable(path) as file:
        return _heading(file), [file.metadata.row_group(n).num_rows for n in range(file.metadata.num_row_groups)]


def _heading(file: Any) -> list[str]:
    return [name.strip().lower() for name in file.schema_arrow.names]


@contextmanager
def _readable(path: Path) -> Iterator[Any]:
    reading = parquet()
    try:
        yield reading.ParquetFile(path)
    except (OSError, ValueError) as error:  # pyarrow's own errors are ValueErrors
        raise TellPerson(f"{path.name}: cannot be read as Parquet ({type(error).__name__})") from None


@dataclass(slots=True)
class ParquetWriter:
    """Rows of text to a Parquet file; the first row is the heading. Nothing is there until `close`."""

    path: Path
    _rows: list[list[str]] = field(default_factory=list)

    def writerow(self, row: Iterable[object], /) -> None:
        self._rows.append([str(value) for value in row])

    def close(self) -> None:
        import pyarrow as pa

        heading, *body = self._rows
        columns: Sequence[Any] = list(zip(*body, strict=True)) or [()] * len(heading)
        parquet().write_table(pa.table([pa.array(c, pa.string()) for c in columns], names=heading), self.path)


def parquet() -> Any:
    """The library's own room for it. Raises ConfigError where it is not installed."""
    try:
        return import_module("pyarrow.parquet")
    except ImportError as missing:
        raise ConfigError("Parquet files need pyarrow: install warmlink[spark]") from missing
