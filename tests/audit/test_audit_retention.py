"""Is nothing destroyed too early or under a hold, and does the log outlive what it speaks of?"""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import delete, insert, select

from audit.accounting import Accounting, accounting
from audit.leaves import Entry, Kind, Leaf, leaf
from audit.log import AuditLog, entries
from audit.note import Signer
from audit.retention import Hold, Retention, Stop, holds_in_force
from audit.verify import verify_database
from store.database import Database
from store.tables import client, data_key
from tests.audit.samples import AT, ORIGIN, ref

CLIENT, BOOKING = ref("client"), ref("booking")
SIX_YEARS_AGO = AT.replace(year=AT.year - 6)


def held(change: str, number: int = 1, **covers: str) -> Leaf:
    return leaf(Kind.LEGAL_HOLD, hold=ref("hold", number), change=change, by="counsel-1", **covers)


def log_of(*happened: Leaf) -> list[Entry]:
    return [Entry(position, AT, what) for position, what in enumerate(happened)]


@pytest.mark.parametrize(
    ("reason", "last_used", "stop"),
    [
        ("retention", SIX_YEARS_AGO, None),
        ("retention", SIX_YEARS_AGO + timedelta(microseconds=1), Stop.RETENTION),
        ("client_request", AT, Stop.RETENTION),
        ("sealed", AT, None),
        ("expunged", AT, None),
        ("match_window", AT, None),
    ],
)
def test_the_period_holds_except_for_what_must_go_at_once(reason: str, last_used: datetime, stop: Stop | None) -> None:
    assert Retention().stop(reason, [CLIENT], last_used=last_used, now=AT, holds=()) is stop


@pytest.mark.parametrize("reason", ["retention", "sealed", "expunged"])
def test_a_legal_hold_stops_everything_it_covers(reason: str) -> None:
    holds = holds_in_force(log_of(held("placed", client=CLIENT)))
    stop = Retention().stop
    assert stop(reason, [BOOKING, CLIENT], last_used=SIX_YEARS_AGO, now=AT, holds=holds) is Stop.LEGAL_HOLD
    assert stop(reason, [BOOKING], last_used=SIX_YEARS_AGO, now=AT, holds=holds) is None


def test_a_hold_that_names_nothing_covers_everything() -> None:
    (hold,) = holds_in_force(log_of(held("placed")))
    assert hold.stops([]) is hold.stops([CLIENT]) is True


def test_holds_end_when_they_are_lifted() -> None:
    known = log_of(held("placed", 1, client=CLIENT), held("placed", 2, booking=BOOKING), held("lifted", 1))
    assert holds_in_force(known) == (Hold(ref("hold", 2), AT, frozenset({BOOKING})),)


def test_the_accounting_survives_the_destruction_of_what_it_speaks_of(
    database: Database, log: AuditLog, signer: Signer
) -> None:
    told = leaf(
        Kind.DISCLOSURE,
        client=CLIENT,
        decision=ref("d"),
        recipient="clinician-7",
        recipient_kind="program_staff",
        purpose="TREAT",
        fields=["match.fact"],
    )
    with database.write() as conn:
        conn.execute(insert(client).values(ref=CLIENT, org="north", sealed=b"sealed", seen_at=AT))
        conn.execute(insert(data_key).values(id=ref("key"), purpose="client", wrapped=b"w" * 40, created_at=AT))
        log.append(conn, [told], AT)
        before = accounting(entries(conn), CLIENT, Accounting.EVERYTHING, AT)
    with database.write() as conn:
        conn.execute(delete(client))
        conn.execute(data_key.update().values(wrapped=None, destroyed_at=AT))
        gone = leaf(Kind.PURGE, subject_kind="client", purge_reason="expunged", client=CLIENT, key=ref("key"))
        log.append(conn, [gone], AT)
    with database.read() as conn:
        assert conn.execute(select(client)).all() == []
        assert verify_database(conn, ORIGIN, [signer.verifier]).good
        assert accounting(entries(conn), CLIENT, Accounting.EVERYTHING, AT) == before
        assert [entry.leaf.kind for entry in entries(conn)] == [Kind.DISCLOSURE, Kind.PURGE]
