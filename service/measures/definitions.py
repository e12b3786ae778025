"""What is measured: the rows of every measure, what they add up to, and how the cells of all of them hang together.

The four measures of the Stepping Up initiative come first: bookings, length of stay, connection to care, and coming back to jail.
What this product knows of a person's illness is that a provider has them on its roster; it counts those, says so, and
claims nothing about anybody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from alerts.followup import ContactMode, Disposition, Initiator, Reason
from service.measures.attacker import ALL, TOTAL, Key, Relation
from service.measures.periods import parts

__all__ = ["ALL", "BY_CODE", "MEASURES", "TOTAL", "Measure", "nested", "relations"]


@dataclass(frozen=True, slots=True)
class Measure:
    """One table. `total` names the measure whose total its rows add up to, where that is not its own."""

    code: str
    rows: tuple[str, ...]
    total: str | None = None
    whole_only: bool = False
    """Of the whole installation, not of one organisation."""
    nests: bool = True
    """Months add up to quarters and years. Persons do not: somebody may be in two months."""
    amount_of: str | None = None
    """An amount that rests on another measure's total: it is kept back wherever that is."""
    ripens: int = 0
    """Months after the one it is about, until it can be told."""

    def keys(self, scope: str, period: str) -> list[Key]:
        return [Key(self.code, row, scope, period) for row in self.rows]

    def total_key(self, scope: str, period: str) -> Key | None:
        if self.amount_of:
            return None
        return Key(self.total or self.code, TOTAL, scope, period)


_STAY = ("up_to_1_day", "up_to_3_days", "up_to_7_days", "up_to_30_days", "over_30_days")
_PERSONS = ("1", "2_to_3", "4_or_more")
NOT_STATED = "not_stated"

MEASURES = (
    Measure("bookings", ("clients", "others"), whole_only=True),
    Measure("stays", _STAY),
    Measure("days", ("days",), amount_of="stays"),
    Measure("connected", ("within_72_hours", "within_7_days", "not_within_7_days"), total="stays"),
    Measure("rebooked", ("within_60_days", "not_within_60_days"), total="stays", ripens=2),
    Measure("stays_others", _STAY, whole_only=True),
    Measure("days_others", ("days",), whole_only=True, amount_of="stays_others"),
    Measure("told", ("told", "not_permitted", "nobody_told")),
    Measure("reached_in_custody", ("reached", "not_reached"), total="stays"),
    Measure("alert_delay", ("within_5_minutes", "within_1_hour", "within_24_hours", "later"), total="answers"),
    Measure("answers", ("is_my_client", "not_my_client", "not_on_my_caseload", "cannot_act", "none")),
    Measure("answer_time", ("within_1_hour", "within_4_hours", "within_24_hours", "later_or_never"), total="answers"),
    Measure("contacts", (*(m.value for m in ContactMode if m is not ContactMode.NONE), "after_release")),
    Measure("initiators", (*(i.value for i in Initiator), NOT_STATED), total="contacts"),
    Measure("reasons", (*(r.value for r in Reason), NOT_STATED), total="contacts"),
    Measure("dispositions", tuple(d.value for d in Disposition)),
    Measure("contacted_persons", _PERSONS, nests=False),
    Measure("booked_persons", _PERSONS, nests=False),
)
BY_CODE = {measure.code: measure for measure in MEASURES}
_FEWEST_DAYS, _MOST_DAYS = (1, 1, 3, 7, 30), (1, 3, 7, 30, 36_525)
"""Of a stay in each row: a day at least, and a century at most."""
_LEAST_CONTACTS = {"1": 1, "2_to_3": 2, "4_or_more": 4}


def relations(keys: Iterable[Key]) -> Iterator[Relation]:
    """Everything that holds between these cells, and that a reader may use against us."""
    known = frozenset(keys)
    for scope, period in sorted({(key.scope, key.period) for key in known}):
        yield from _within(known, scope, period)
    owned: dict[Key, list[Key]] = {}
    for key in sorted(known):
        if key.scope != ALL:
            owned.setdefault(key._replace(scope=ALL), []).append(key)
        if smaller := [part for p in parts(key.period) if (part := key._replace(period=p)) in known]:
            yield Relation.total(key, smaller)
    for whole, each in owned.items():
        if whole in known:
            yield Relation.total(whole, each)


def _within(known: frozenset[Key], scope: str, period: str) -> Iterator[Relation]:
    for measure in MEASURES:
        cells, total = measure.keys(scope, period), measure.total_key(scope, period)
        if total in known and known.issuperset(cells):
            yield Relation.total(total, cells)
        if measure.amount_of and cells[0] in known:
            yield from _days(known, BY_CODE[measure.amount_of], cells[0])
    persons = {Key("contacted_persons", row, scope, period): least for row, least in _LEAST_CONTACTS.items()}
    contacts = Key("contacts", TOTAL, scope, period)
    if contacts in known and known.issuperset(persons):
        yield Relation.at_most(persons, contacts)
    booked, pairs = Key("bookings", "clients", scope, period), Key("told", TOTAL, scope, period)
    if {booked, pairs} <= known:
        yield Relation.at_most({booked: 1}, pairs)  # one booking may be of a client of two organisations


def _days(known: frozenset[Key], stays: Measure, days: Key) -> Iterator[Relation]:
    """So many stays of such lengths cannot have taken fewer days, or more."""
    rows = stays.keys(days.scope, days.period)
    if known.issuperset(rows):
        yield Relation.at_most(dict(zip(rows, _FEWEST_DAYS, strict=True)), days)
        yield Relation({**dict(zip(rows, (-most for most in _MOST_DAYS), strict=True)), days: 1}, equal=False)


def nested(measure: str) -> bool:
    """Whether months of it add up to quarters and years."""
    return BY_CODE[measure].nests
