"""A new key for old messages: what still stands is decided, written and sealed anew to the key now in force.

Nothing is ever unsealed for it: the message is composed again from the sealed records, as at its first sending.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select, update

from alerts.channels.parcel import Parcel
from alerts.courier import INBOX
from alerts.outbox import Claim
from audit.leaves import Kind, leaf
from records import AlertRef, StaffId
from service.dispatch import Dispatcher
from service.engine import Engine
from store.tables import alert, inbox_item


def foreign(conn: Connection, recipient: StaffId, kid: str) -> list[AlertRef]:
    """Messages that still stand and are sealed to another key than this one."""
    rows = conn.execute(
        select(alert.c.ref)
        .join(inbox_item, inbox_item.c.alert == alert.c.ref)
        .where(alert.c.recipient == recipient, alert.c.state.not_in(("closed", "withdrawn")))
        .where(inbox_item.c.jwe.is_not(None), inbox_item.c.kid != kid)
        .order_by(alert.c.created_at, alert.c.ref)
    )
    return [AlertRef(ref) for ref in rows.scalars()]


def seal_anew(engine: Engine, recipient: StaffId, kid: str) -> int:
    """Seal what stands to the recipient's key in force. Returns how many now open with it; consent may have ended for others."""
    with engine.database.read() as conn:
        refs = foreign(conn, recipient, kid)
    return sum(_one(engine, ref) for ref in refs)


def _one(engine: Engine, ref: AlertRef) -> bool:
    now = engine.clock()
    claim = Claim(engine.locator.ref("outbox", ref, INBOX), ref, INBOX, 1, 0, now)
    with engine.database.write() as conn:
        made: Any = Dispatcher(engine).prepare(conn, claim, now)
        if not isinstance(made, Parcel):
            return False
        sealed = made.jose()
        conn.execute(
            update(inbox_item)
            .where(inbox_item.c.alert == ref)
            .values(kid=sealed.kid, jwe=sealed.jwe, backup_jwe=sealed.backup_jwe)
        )
        stated = leaf(Kind.DELIVERY, alert=ref, channel=INBOX, result="delivered", outbox=claim.ref, code="sealed_anew")
        engine.audit.append(conn, [stated], now)
    return True
