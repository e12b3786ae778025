"""No audit leaf, no alert: when the log cannot be written, what it would have proved did not happen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

import pytest
from sqlalchemy import Connection, Table, update

from audit.errors import LogBroken
from audit.leaves import Kind, Leaf
from audit.log import AuditLog
from service import reading, registry
from service.cycle import Cycle
from store import tables
from tests.service.installation import AVELINE, BARNABY, STAFF, Installation, alert_ref, revoked

FOUND = (tables.link, tables.decision, tables.alert, tables.outbox, tables.booking_event, tables.booking)


@dataclass(frozen=True, slots=True)
class FailingLog(AuditLog):
    """The real log, which breaks when it is asked to state one of these things."""

    refuses: frozenset[Kind] = field(default=frozenset())

    def append(self, conn: Connection, leaves: Sequence[Leaf], at: datetime) -> range:
        if any(leaf.kind in self.refuses for leaf in leaves):
            raise LogBroken("the kept frontier of 7 audit entries is damaged")
        return AuditLog.append(self, conn, leaves, at)


def failing(site: Installation, *kinds: Kind) -> Installation:
    return replace(site, engine=replace(site.engine, audit=FailingLog(site.engine.audit.origin, frozenset(kinds))))


@pytest.mark.parametrize(
    "kind", [Kind.BOOKING_EVENT, Kind.VERDICT, Kind.LINK, Kind.DECISION, Kind.ALERT], ids=lambda kind: kind.value
)
def test_nothing_is_linked_decided_or_queued(site: Installation, kind: Kind) -> None:
    path = site.bookings(AVELINE.booked("J1"))
    report = Cycle(failing(site, kind).engine).run()
    assert list(report.faults) == ["jail"]
    assert {table.name: site.count(table) for table in FOUND} == {table.name: 0 for table in FOUND}
    assert site.count(tables.inbox_item) == 0
    assert path.exists()  # it comes again

    site.clock.forward(minutes=1)
    assert site.cycle().sent.delivered["inbox"] == 1


@pytest.mark.parametrize("kind", [Kind.DECISION, Kind.DELIVERY, Kind.DISCLOSURE], ids=lambda kind: kind.value)
def test_nothing_is_put_into_an_inbox(site: Installation, kind: Kind) -> None:
    site.bookings(AVELINE.booked("J1"))
    broken = failing(site, kind) if kind is not Kind.DECISION else _broken_later(site)
    with suppress(LogBroken):
        Cycle(broken.engine).run()
    assert site.count(tables.inbox_item) == 0
    assert site.leaves(Kind.DISCLOSURE) == []
    assert [row["stage"] for row in site.rows(tables.decision)] == ["link"]
    assert site.alert_of("J1", AVELINE)["state"] in {"queued", "stuck"}


def _broken_later(site: Installation) -> Installation:
    """Linked and queued while the log was well; it breaks before the sending."""
    with pytest.raises(LogBroken):
        Cycle(failing(site, Kind.DELIVERY).engine).run()
    site.clock.forward(minutes=5)
    return failing(site, Kind.DECISION)


@pytest.mark.parametrize("kind", [Kind.DECISION, Kind.OPENING], ids=lambda kind: kind.value)
def test_nothing_is_shown(site: Installation, kind: Kind) -> None:
    site.bookings(AVELINE.booked("J1"))
    site.cycle()
    alert = alert_ref(site.alert_of("J1", AVELINE))
    with pytest.raises(LogBroken):
        reading.open_alert(failing(site, kind).engine, alert, site.private["A1"])
    assert site.alert_of("J1", AVELINE)["state"] == "delivered"
    assert site.rows(tables.decision, stage="open") == []
    assert "Quistgaard" in reading.open_alert(site.engine, alert, site.private["A1"]).headline


def test_a_refusal_that_cannot_be_stated_is_a_fault_and_not_a_refusal(sqlite_site: Installation) -> None:
    site = sqlite_site
    site.bookings(AVELINE.booked("J1"))
    site.cycle()
    alert = alert_ref(site.alert_of("J1", AVELINE))
    with pytest.raises(LogBroken):
        reading.open_alert(failing(site, Kind.REFUSED_ATTEMPT).engine, alert, site.private["B2"])


@pytest.mark.parametrize(
    ("kind", "act", "table"),
    [
        (Kind.CONSENT, lambda site: site.consents(revoked(BARNABY, site.clock())), tables.consent_record),
        (Kind.CONFIG_CHANGE, lambda site: registry.import_staff(site.engine, STAFF[:1]), tables.staff),
    ],
    ids=["consent", "staff"],
)
def test_nothing_that_people_bring_is_taken_in(
    sqlite_site: Installation, kind: Kind, act: Callable[[Installation], object], table: Table
) -> None:
    before = sqlite_site.rows(table)
    with pytest.raises(LogBroken):
        act(failing(sqlite_site, kind))
    assert sqlite_site.rows(table) == before


def test_a_log_whose_head_is_damaged_stops_everything(site: Installation) -> None:
    """Without any fake: the head row is what the log itself trusts."""
    site.bookings(AVELINE.booked("J1"))
    with site.engine.database.write() as conn:
        conn.execute(update(tables.audit_head).values(frontier=b"\x00" * 7))
    with pytest.raises(LogBroken):
        Cycle(site.engine).run()
    assert {table.name: site.count(table) for table in FOUND} == {table.name: 0 for table in FOUND}
