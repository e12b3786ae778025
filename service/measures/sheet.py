"""The sheet of one period as people read it: the same figures on the page, in HTML, PDF, CSV, JSON and on the terminal.

Everything in it, shares, averages and drawings too, comes from cells that may be shown. What is not in these cells is in
nothing that is made of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from service.measures.definitions import ALL, MEASURES, Measure
from service.measures.periods import Month, first_instant, period_of
from service.measures.suppression import Key

Shown = Mapping[tuple[str, str, str, str], int | None]
"""Cells as anybody may see them, by (measure, row, scope, period)."""
DASH = "\u2013"
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Row:
    """One line: None is kept back."""

    code: str
    label: str
    count: int | None
    share: int | None
    """Per cent of the whole, where both are shown."""


@dataclass(frozen=True, slots=True)
class Block:
    """One measure. `of` says whom or what it is about, where that is not the sheet's own scope and period."""

    code: str
    title: str
    about: str
    headline: str
    rows: tuple[Row, ...]
    total: int | None
    scope: str
    period: str
    of: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """What stands on the page."""

    language: str
    organisation: str
    title: str
    subtitle: str
    closed: str
    """When it was counted and, of a period that began before we counted, from when on it counts."""
    partial_from: str
    """The day on which counting began (YYYY-MM-DD), where the period is older; else empty."""
    period: str
    scope: str
    blocks: tuple[Block, ...]
    trend: tuple[tuple[str, str, int | None], ...]
    """(month, its name, count). The name of a month that is counted in part ends in a star."""
    words: Mapping[str, Any]
    legend: str
    """What the star means, where there is one."""

    @property
    def notes(self) -> Sequence[str]:
        notes: Sequence[str] = self.words["notes"]
        return [self.legend, *notes] if self.legend else notes

    def rows(self) -> Iterator[tuple[Block, Row]]:
        for block in self.blocks:
            for row in block.rows:
                yield block, row


@cache
def words(language: str) -> Mapping[str, Any]:
    every = yaml.safe_load(files("service").joinpath("measures", "words.yaml").read_text("utf-8"))
    found: Mapping[str, Any] = every.get(language, every["en"])
    return found


def period_name(label: str, language: str) -> str:
    said = words(language)
    if len(label) == 4:
        return label
    if "Q" in label:
        return str(said["quarter"].format(quarter=said["quarters"].split()[int(label[-1]) - 1], year=label[:4]))
    return f"{said['months'].split()[int(label[5:]) - 1]} {label[:4]}"


def ripe_period(measure: Measure, period: str) -> str:
    """Which months a measure of a month's sheet is about: what takes time to tell is told later."""
    return (
        str(Month.parse(period).plus(-measure.ripens))
        if measure.ripens and len(period) == 7 and "Q" not in period
        else period
    )


@dataclass(frozen=True, slots=True)
class Making:
    """Puts a sheet together from cells that may be shown."""

    cells: Shown
    organisation: str
    period: str
    scope: str
    language: str
    zone: ZoneInfo
    began: datetime | None = None
    """When the first booking of all was heard of."""

    def sheet(self, closed_at: datetime, trend: Sequence[tuple[str, int | None]]) -> Sheet:
        said, partial = words(self.language), self._partial(self.period)
        closed = said["closed"].format(closed=self._day(closed_at))
        starred = any(self._partial(month) for month, _ in trend)
        return Sheet(
            language=self.language,
            organisation=self.organisation,
            title=said["title"].format(period=period_name(self.period, self.language)),
            subtitle=self._whom(self.scope),
            closed=f"{closed} {said['partial'].format(began=partial)}" if partial else closed,
            partial_from=partial,
            period=self.period,
            scope=self.scope,
            blocks=tuple(b for m in MEASURES if not m.amount_of and (b := self._block(m)) is not None),
            trend=tuple((month, self._month_name(month), count) for month, count in trend),
            words=said,
            legend=said["partial_months"].format(began=self._day(self.began)) if starred and self.began else "",
        )

    def _partial(self, period: str) -> str:
        """The day on which counting began, if that is within the period and not on its first day."""
        if self.began is None or self.began < (first_instant(period, self.zone) + _DAY):
            return ""
        return self._day(self.began) if period_of(self.began, period, self.zone) == period else ""

    def _month_name(self, month: str) -> str:
        return period_name(month, self.language) + ("*" if self._partial(month) else "")

    def _day(self, at: datetime) -> str:
        return f"{at.astimezone(self.zone):%Y-%m-%d}"

    def _block(self, measure: Measure) -> Block | None:
        scope, period = ALL if measure.whole_only else self.scope, ripe_period(measure, self.period)
        total_key = measure.total_key(scope, period)
        if total_key is None or not any(key in self.cells for key in measure.keys(scope, period)):
            return None
        said, total = words(self.language)["measures"][measure.code], self.cells.get(total_key)
        rows = tuple(self._row(key, total) for key in measure.keys(scope, period))
        apart = [self._whom(scope)] if scope != self.scope else []
        if period != self.period:
            apart.append(words(self.language)["rebooked_of"].format(period=period_name(period, self.language)))
        return Block(
            measure.code, said["title"], said["about"], self._headline(measure, rows, total_key), rows, total, scope, period,
            "; ".join(apart),
        )  # fmt: skip

    def _row(self, key: Key, total: int | None) -> Row:
        count = self.cells.get(key)
        return Row(key.cell, words(self.language)["rows"][key.cell], count, share(count, total))

    def _headline(self, measure: Measure, rows: Sequence[Row], total_key: Key) -> str:
        total = self.cells.get(total_key)
        if measure.code in {"stays", "stays_others"}:
            return self._length(rows, total_key)
        text = words(self.language)["measures"][measure.code].get("headline", "")
        rest = rows[-1].count
        if not text or rest is None or not total:
            return ""
        return str(text.format(share=share(total - rest, total)))

    def _length(self, rows: Sequence[Row], total_key: Key) -> str:
        said, total = words(self.language), self.cells.get(total_key)
        amount = "days" if total_key.measure == "stays" else "days_others"
        days = self.cells.get((amount, "days", total_key.scope, total_key.period))
        if not total or not days:
            return ""
        mean = said["average"].format(days=f"{days / total:.1f}")
        middle = _middle(rows, total)
        return f"{mean}; {said['median'].format(row=_up_to(said, middle))}" if middle else str(mean)

    def _whom(self, scope: str) -> str:
        said = words(self.language)
        return str(said["of_all"] if scope == ALL else said["of_org"].format(org=scope))


def share(count: int | None, total: int | None) -> int | None:
    return round(100 * count / total) if count is not None and total else None


def _middle(rows: Sequence[Row], total: int) -> str:
    """The row in which the middle stay lies; only where all rows up to it are shown."""
    passed = 0
    for row in rows:
        if row.count is None:
            return ""
        passed += row.count
        if 2 * passed >= total:
            return row.code
    return ""


def _up_to(said: Mapping[str, Any], row: str) -> str:
    """The row's upper end: `half of them up to 3 days`."""
    return str(said["rows"][row]).split(", ")[-1]
