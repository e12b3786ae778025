"""The in-app inbox: sealed alerts as they were delivered, or with less in them since."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from records import AlertRef
from store.tables import inbox_item


@dataclass(frozen=True, slots=True)
class InboxItem:
    """One sealed alert. `jwe` is None once its content was destroyed."""

    alert: AlertRef
    recipient: str
    kid: str
    jwe: str | None
    backup_jwe: str | None
    delivered_at: datetime


def get(conn: Connection, alert: AlertRef) -> InboxItem | None:
    row = conn.execute(select(inbox_item).where(inbox_item.c.alert == alert)).one_or_none()
    if row is None:
        return None
    return InboxItem(AlertRef(row.alert), row.recipient, row.kid, row.jwe, row.backup_jwe, row.delivered_at)


def replace(conn: Connection, alert: AlertRef, *, jwe: str, backup_jwe: str) -> None:
    """Put another sealed text in the place of the one that was there, of which nothing is kept."""
    conn.execute(update(inbox_item).where(inbox_item.c.alert == alert).values(jwe=jwe, backup_jwe=backup_jwe))
