"""The counts of one month, from its facts. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from service.measures.definitions import ALL, MEASURES, NOT_STATED
from service.measures.facts import Booked, Reported, Stay, Told
from service.measures.suppression import Key

T = TypeVar("T", int, timedelta)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
REBOOKED_WITHIN = 60 * DAY
_STAYS = ((DAY, "up_to_1_day"), (3 * DAY, "up_to_3_days"), (7 * DAY, "up_to_7_days"), (30 * DAY, "up_to_30_days"))
_DELAYS = ((HOUR / 12, "within_5_minutes"), (HOUR, "within_1_hour"), (24 * HOUR, "within_24_hours"))
_ANSWERS = ((HOUR, "within_1_hour"), (4 * HOUR, "within_4_hours"), (24 * HOUR, "within_24_hours"))
_CONNECTED = ((72 * HOUR, "within_72_hours"), (7 * DAY, "within_7_days"))
_PERSONS = ((1, "1"), (3, "2_to_3"))

Tally = Counter[tuple[str, str, str]]
"""By measure, row and organisation."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a month is counted from. `outcomes` reach seven days beyond it."""

    booked: Sequence[Booked]
    ended: Sequence[Stay]
    told: Sequence[Told]
    outcomes: Sequence[Reported]
    begins: datetime
    ends: datetime
    year: Sequence[tuple[str, str, datetime]]
    """(organisation, client, when) of every booking in the twelve months to its end."""


def count_month(facts: Facts, period: str, orgs: Sequence[str]) -> dict[Key, int]:
    """Every cell of the month but those that ripen later, for each organisation and for all of them."""
    tally: Tally = Counter()
    for count in (_bookings, _stays, _connections, _alerts, _contacts, _persons):
        count(facts, tally)
    counts: dict[Key, int] = {}
    for measure in (m for m in MEASURES if not m.ripens):
        for scope in (ALL,) if measure.whole_only else (ALL, *orgs):
            cells = {key: _of(tally, key) for key in measure.keys(scope, period)}
            counts |= cells
            total = measure.total_key(scope, period)
            if total is not None and measure.total is None:
                counts[total] = sum(cells.values())
    return counts


def rebooked(stays: Sequence[Stay], later: Sequence[tuple[str, str, datetime]]) -> Counter[str]:
    """How many ended stays were followed by another booking of the same client within 60 days, by organisation."""
    again: dict[str, list[datetime]] = {}
    for _, client, at in later:
        again.setdefault(client, []).append(at)
    found: Counter[str] = Counter()
    for stay in stays:
        for owner in stay.owners:
            found[owner.org] += any(
                stay.ended < at <= stay.ended + REBOOKED_WITHIN for at in again.get(owner.client, ())
            )
    return found


def _of(tally: Tally, key: Key) -> int:
    if key.scope != ALL:
        return tally[key.measure, key.cell, key.scope]
    return sum(n for (measure, cell, _), n in tally.items() if (measure, cell) == (key.measure, key.cell))


def _bookings(facts: Facts, tally: Tally) -> None:
    for each in facts.booked:
        tally["bookings", "clients" if each.owners else "others", ALL] += 1
        for owner in each.owners:
            became = "told" if owner.told else "not_permitted" if owner.denied else "nobody_told"
            tally["told", became, owner.org] += 1


def _stays(facts: Facts, tally: Tally) -> None:
    """A client of two organisations has a stay at each. One whose beginning nobody knows has no length."""
    for stay in facts.ended:
        if stay.length is not None:
            row, days = _step(stay.length, _STAYS, "over_30_days"), max(1, round(stay.length / DAY))
            for measure, amount, org in _whose(stay):
                tally[measure, row, org] += 1
                tally[amount, "days", org] += days


def _whose(stay: Stay) -> Iterator[tuple[str, str, str]]:
    if not stay.owners:
        yield "stays_others", "days_others", ALL
    for owner in stay.owners:
        yield "stays", "days", owner.org


def _connections(facts: Facts, tally: Tally) -> None:
    spoken: dict[str, list[datetime]] = {}
    for each in facts.outcomes:
        if _is_contact(each) or (each.kind == "appointment" and each.codes == ("kept",)):
            spoken.setdefault(each.link, []).append(each.at)
    for stay in (s for s in facts.ended if s.length is not None):
        for owner in stay.owners:
            at = spoken.get(owner.link, [])
            after = min((a - stay.ended for a in at if a >= stay.ended), default=8 * DAY)
            tally["connected", _step(after, _CONNECTED, "not_within_7_days"), owner.org] += 1
            tally["reached_in_custody", "reached" if any(a < stay.ended for a in at) else "not_reached", owner.org] += 1


def _alerts(facts: Facts, tally: Tally) -> None:
    for each in facts.told:
        tally["alert_delay", _step(each.delivered - each.received, _DELAYS, "later"), each.org] += 1
        tally["answers", each.answer or "none", each.org] += 1
        waited = each.answered - each.delivered if each.answered else 8 * DAY
        tally["answer_time", _step(waited, _ANSWERS, "later_or_never"), each.org] += 1


def _contacts(facts: Facts, tally: Tally) -> None:
    of_person: Counter[tuple[str, str]] = Counter()
    for each in (o for o in facts.outcomes if facts.begins <= o.at < facts.ends):
        if each.kind == "disposition":
            tally["dispositions", each.codes[0], each.org] += 1
        if _is_contact(each):
            tally["contacts", each.codes[0] if each.kind == "contact" else "after_release", each.org] += 1
            tally["initiators", _said(each, "by:"), each.org] += 1
            tally["reasons", _said(each, "for:"), each.org] += 1
            of_person[each.org, each.client] += 1
    _frequencies("contacted_persons", of_person, tally)


def _persons(facts: Facts, tally: Tally) -> None:
    _frequencies("booked_persons", Counter((org, client) for org, client, _ in facts.year), tally)


def _frequencies(measure: str, of_person: Counter[tuple[str, str]], tally: Tally) -> None:
    for (org, _), times in of_person.items():
        tally[measure, _step(times, _PERSONS, "4_or_more"), org] += 1


def _is_contact(each: Reported) -> bool:
    return each.kind == "first_contact" or (each.kind == "contact" and each.codes[:1] != ("none",))


def _said(each: Reported, prefix: str) -> str:
    return next((code.removeprefix(prefix) for code in each.codes if code.startswith(prefix)), NOT_STATED)


def _step(value: T, steps: Iterable[tuple[T, str]], beyond: str) -> str:
    return next((name for most, name in steps if value <= most), beyond)
