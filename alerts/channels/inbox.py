"""The inbox inside the product: sealed text in a table, which only the recipient's browser can open."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from alerts.channels.parcel import Parcel, Receipt
from records.ids import AlertRef
from store.once import insert_once
from store.tables import inbox_item


class Inbox:
    """Writes in the very transaction that settles the outbox entry, so an alert appears exactly once."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn

    def send(self, parcel: Parcel) -> Receipt:
        sealed = parcel.jose()
        new = insert_once(
            self._conn,
            inbox_item,
            alert=parcel.alert,
            recipient=parcel.recipient,
            kid=sealed.kid,
            jwe=sealed.jwe,
            backup_jwe=sealed.backup_jwe,
            delivered_at=parcel.at,
        )
        return Receipt("stored" if new else "present")


def destroy(conn: Connection, alert: AlertRef) -> bool:
    """Take the content out of the inbox and keep the row, so that it is not delivered anew. True if there was content."""
    gone = conn.execute(
        update(inbox_item)
        .where(inbox_item.c.alert == alert, inbox_item.c.jwe.is_not(None))
        .values(jwe=None, backup_jwe=None)
    )
    return bool(gone.rowcount)


def contents(conn: Connection, recipient: str) -> dict[AlertRef, str]:
    """The sealed alerts that a recipient's inbox holds, oldest first."""
    rows = conn.execute(
        select(inbox_item.c.alert, inbox_item.c.jwe)
        .where(inbox_item.c.recipient == recipient, inbox_item.c.jwe.is_not(None))
        .order_by(inbox_item.c.delivered_at, inbox_item.c.alert)
    )
    return {AlertRef(row.alert): row.jwe for row in rows}
