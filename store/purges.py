"""Destroying content: every sealed value about a booking or a client, wherever it lies. Rows and references stay.

Values are overwritten, not only unlinked: SQLite runs with secure_delete, and `sweep` empties what databases keep of old
rows beside the tables. In older backups a booking is unreadable once its key left the shelf (`store.shelf`); a client's and a consent's
content opens there with the master key of that time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Select, Table, exists, insert, select, update

from store.clients import revise
from store.database import Database, empty_log
from store.tables import alert, booking, client, consent_record, decision, inbox_item, link, metadata, outcome

_SWEPT = ("booking", "booking_source", "client", "consent_record", "decision", "inbox_item", "outcome")


def booking_content(conn: Connection, ref: str) -> None:
    """What feeds said of a booking, what was decided upon, and what was told about it."""
    conn.execute(update(booking).where(booking.c.ref == ref).values(sealed=None))
    for table in _sealed_about("booking"):
        conn.execute(update(table).where(table.c.booking == ref).values(sealed=None))
    _told(conn, select(link.c.ref).where(link.c.booking == ref))


def client_content(conn: Connection, ref: str, now: datetime) -> None:
    """What is known of a client. The tombstone keeps a stale roster from bringing them back, and one that a restored
    database never knew too.
    """
    gone = {"sealed": None, "purged_at": now, "revision": revise(conn)}
    if conn.execute(update(client).where(client.c.ref == ref).values(**gone)).rowcount == 0:
        conn.execute(insert(client).values(ref=ref, org="", seen_at=now, pending=False, **gone))
    for table in _sealed_about("client"):
        conn.execute(update(table).where(table.c.client == ref).values(sealed=None))
    conn.execute(update(consent_record).where(consent_record.c.client == ref).values(ends_at=None))
    _told(conn, select(link.c.ref).where(link.c.client == ref))


def old_bookings(conn: Connection, before: datetime) -> Iterator[tuple[str, datetime]]:
    """Bookings with content that nothing was heard of since `before`, and when it was."""
    yield from _bookings(conn, booking.c.updated_at <= before)


def unmatched_bookings(conn: Connection, before: datetime) -> Iterator[tuple[str, datetime]]:
    """The same, of stays that have ended and that are of nobody on any roster."""
    standing = exists().where(link.c.booking == booking.c.ref, link.c.superseded_at.is_(None))
    yield from _bookings(conn, booking.c.updated_at <= before, booking.c.state != "open", ~standing)


def held_back_bookings(conn: Connection) -> Iterator[tuple[str, datetime]]:
    """Cancelled and sealed bookings whose content is still there, because a hold stopped its destruction."""
    yield from _bookings(conn, booking.c.state.in_(("void", "sealed")))


def old_clients(conn: Connection, before: datetime) -> Iterator[tuple[str, datetime]]:
    """Clients whom no roster lists since `before`, and when the last one did."""
    rows = conn.execute(
        select(client.c.ref, client.c.retired_at)
        .where(client.c.retired_at <= before, client.c.sealed.is_not(None))
        .order_by(client.c.ref)
    )
    for row in rows.all():
        yield row.ref, row.retired_at


def clients_of(conn: Connection, booking_ref: str) -> list[str]:
    """Whom a booking was ever linked to: a hold on one of them holds the booking."""
    return list(conn.execute(select(link.c.client).where(link.c.booking == booking_ref)).scalars())


def bookings_of(conn: Connection, client_ref: str) -> list[str]:
    return list(conn.execute(select(link.c.booking).where(link.c.client == client_ref)).scalars())


def sweep(database: Database) -> None:
    """Overwrite what the database keeps of old rows: SQLite's write-ahead log, PostgreSQL's dead rows."""
    empty_log(database, _SWEPT)


def _bookings(conn: Connection, *where: ColumnElement[bool]) -> Iterator[tuple[str, datetime]]:
    query = select(booking.c.ref, booking.c.updated_at).where(booking.c.sealed.is_not(None), *where)
    for row in conn.execute(query.order_by(booking.c.ref)).all():
        yield row.ref, row.updated_at


def _told(conn: Connection, links: Select[tuple[str]]) -> None:
    alerts = select(alert.c.ref).where(alert.c.link.in_(links))
    conn.execute(update(decision).where(decision.c.link.in_(links)).values(sealed_input=None))
    conn.execute(update(inbox_item).where(inbox_item.c.alert.in_(alerts)).values(jwe=None, backup_jwe=None))
    conn.execute(update(outcome).where(outcome.c.alert.in_(alerts)).values(sealed=None))


def _sealed_about(column: str) -> Iterator[Table]:
    """Tables with a sealed value about a booking or client; one that is added later is not forgotten here."""
    return (t for t in metadata.sorted_tables if column in t.c and "sealed" in t.c and t.c.sealed.nullable)
