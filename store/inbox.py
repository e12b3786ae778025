"""Reading the in-app inbox: sealed alerts as they were delivered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

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
