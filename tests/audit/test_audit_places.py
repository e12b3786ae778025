"""Is the log found by kind, time and client as it would be read whole, and does the check notice when it is not?"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import product

import pytest

from audit import places
from audit.catalogue import REPORTS, Request, latest, produce
from audit.errors import LogBroken
from audit.leaves import Entry, Kind, Leaf, leaf
from audit.log import AuditLog, entries
from audit.report import ALWAYS, Period
from audit.verify import verify_database
from records import BookingRef
from store.database import Database
from store.tables import audit_leaf, booking
from tests.audit.samples import AT, as_owner, ref

HOUR = timedelta(hours=1)
ONE, TWO = ref("client", 1), ref("client", 2)


def happened() -> list[tuple[datetime, Leaf]]:
    """Two clients and nobody, hour by hour; the clock once runs backwards."""
    times = [AT + n * HOUR for n in (0, 1, 1, 2, 5, 3, 4, 6)]
    leaves = [
        leaf(Kind.OPENING, alert=ref("a"), by="c1", client=ONE),
        leaf(Kind.LOGIN, method="password", result="ok", by="c1"),
        leaf(Kind.OPENING, alert=ref("a"), by="c1", client=TWO),
        leaf(Kind.PURGE, subject_kind="client", subject=ONE, purge_reason="retention"),
        leaf(Kind.VIEW, by="c2", screen="compliance", client=ONE),
        leaf(Kind.LOGIN, method="password", result="failed"),
        leaf(Kind.RETRACTION, thread=ref("t"), alert=ref("a"), client=ONE, retraction_reason="sealed"),
        leaf(Kind.OPENING, alert=ref("a"), by="c1", client=ONE),
    ]
    return list(zip(times, leaves, strict=True))


@pytest.fixture
def known(database: Database, log: AuditLog) -> list[Entry]:
    with database.write() as conn:
        for at, what in happened():
            log.append(conn, [what], at)
        return list(entries(conn))


def about(entry: Entry) -> object:
    return entry.leaf.facts.get("client") or entry.leaf.facts.get("subject")


def test_every_way_to_find_gives_what_reading_all_gives(database: Database, known: list[Entry]) -> None:
    periods = (ALWAYS, Period(AT + HOUR), Period(None, AT + 3 * HOUR), Period(AT + HOUR, AT + 4 * HOUR))
    kinds = (frozenset[Kind](), frozenset({Kind.OPENING}), frozenset({Kind.OPENING, Kind.LOGIN, Kind.PURGE}))
    clients = (None, frozenset({ONE}), frozenset({ONE, TWO}), frozenset[str]())
    with database.read() as conn:
        for period, some, whose, stop in product(periods, kinds, clients, (8, 4)):
            expected = [
                entry
                for entry in known[:stop]
                if entry.at in period
                and (not some or entry.leaf.kind in some)
                and (whose is None or about(entry) in whose)
            ]
            assert list(entries(conn, kinds=some, period=period, clients=whose, stop=stop)) == expected


def test_an_entry_that_cannot_be_read_is_never_passed_over(database: Database, known: list[Entry]) -> None:
    with database.write() as conn:
        as_owner(conn)
        broken = {"entry": b"{}", "kind": None, "at": None, "client": None}
        conn.execute(audit_leaf.update().where(audit_leaf.c.position == 2).values(**broken))
        with pytest.raises(LogBroken, match="entry 2 cannot be read"):
            list(entries(conn, kinds={Kind.LOGIN}))


@pytest.mark.parametrize("changed", [{"kind": "login"}, {"client": TWO}, {"at": AT}, {"client": None}])
def test_the_check_names_an_entry_that_reports_would_miss(
    database: Database, log: AuditLog, known: list[Entry], changed: dict[str, object]
) -> None:
    with database.write() as conn:
        assert verify_database(conn, log.origin, []).good
        as_owner(conn)
        conn.execute(audit_leaf.update().where(audit_leaf.c.position == 4).values(**changed))
        found = verify_database(conn, log.origin, [])
    assert not found.good
    assert found.first_bad == 4
    assert "reports may miss it" in found.words


def test_a_page_reads_the_latest_and_whatever_shares_their_instant(database: Database, known: list[Entry]) -> None:
    looks = REPORTS["access"].kinds
    with database.read() as conn:
        assert latest(conn, "access", ALWAYS, 100) == ALWAYS
        assert latest(conn, "access", ALWAYS, 2) == Period(AT + 5 * HOUR)
        assert latest(conn, "access", ALWAYS, 4) == Period(AT + HOUR)
        assert latest(conn, "access", Period(AT, AT + 5 * HOUR), 1) == Period(AT + 3 * HOUR, AT + 5 * HOUR)
        assert latest(conn, "break_glass", ALWAYS, 1) == ALWAYS
        page = produce(conn, "access", Request(AT + 9 * HOUR, AT + HOUR, to_the_end=True))
    assert [row.position for row in page.rows] == [
        e.position for e in known if e.leaf.kind in looks and e.at >= AT + HOUR
    ]


def test_a_booking_of_before_is_not_counted_again(database: Database, log: AuditLog) -> None:
    """It was received and checked last month; what came of it this month is no new booking."""
    model, feed = "0" * 64, "lkc"

    def event(of: str) -> Leaf:
        return leaf(Kind.BOOKING_EVENT, feed=feed, booking=of, event=ref("e", of), op="update", event_kind="amended")

    old, new = BookingRef(ref("b", 1)), BookingRef(ref("b", 2))
    with database.write() as conn:
        for of, at in ((old, AT), (new, AT + 24 * HOUR)):
            row = {"ref": of, "state": "open", "first_seen_at": at, "updated_at": at, "baseline": False}
            conn.execute(booking.insert().values(**row))
            log.append(conn, [event(of), leaf(Kind.VERDICT, booking=of, verdict="NONE", model=model)], at)
        log.append(conn, [event(old)], AT + 25 * HOUR)
        table = produce(conn, "proof_of_check", Request(AT + 48 * HOUR, AT + 12 * HOUR))
    assert [(row.received, row.checked) for row in table.rows] == [(1, 1)]


def test_what_is_kept_beside_an_entry_is_what_it_says() -> None:
    for position, (at, what) in enumerate(happened()):
        said = places.place_of(Entry(position, at, what).canonical())
        assert said == (what.kind.value, at, what.facts.get("client") or what.facts.get("subject"))
    assert places.place_of(b"{}") is None
    assert places.place_of(b"\xff") is None
