"""Parquet beside CSV: the same columns of text, read and written where the extra `spark` (with pyarrow) is installed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config import ConfigError, TellPerson

SUFFIX = ".parquet"
_AT_ONCE = 50_000


def rows(path: Path) -> Iterator[tuple[int, list[str], list[str]]]:
    """Row number, heading and fields of each row; nothing is an empty text. Raises TellPerson for a file at fault."""
    parquet = _parquet()
    try:
        file = parquet.ParquetFile(path)
        heading = [name.strip().lower() for name in file.schema_arrow.names]
        number = 0
        for batch in file.iter_batches(_AT_ONCE):
            columns = [["" if v is None else str(v) for v in column.to_pylist()] for column in batch.columns]
            for row in zip(*columns, strict=True):
                number += 1
                yield number, heading, list(row)
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
        _parquet().write_table(pa.table([pa.array(c, pa.string()) for c in columns], names=heading), self.path)


def _parquet() -> Any:
    try:
        from pyarrow import parquet
    except ImportError as missing:
        raise ConfigError("Parquet files need pyarrow: install warmlink[spark]") from missing
    return parquet
