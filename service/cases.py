"""A link with both sides opened, as it stands now."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from records import BookingRef, ClientRef
from service.disclosure import Case
from service.duty import on_duty
from service.engine import Engine
from store import bookings, clients, findings


def case_of(engine: Engine, conn: Connection, link_ref: str) -> Case | None:
    """None when the content of one side was destroyed or the link no longer holds."""
    row: Any = findings.get_link(conn, link_ref)
    client = clients.get(conn, engine.vault, ClientRef(row.client))
    booking = bookings.get(conn, engine.vault, BookingRef(row.booking))
    if client is None or booking is None or row.superseded_at is not None:
        return None
    return Case(link_ref, row.verdict, on_duty(engine, conn, client, engine.clock()), booking)
