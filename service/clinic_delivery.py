"""Sending to a jail's clinic: its author sealed the sheet when filling it in, so it goes as it is or not at all."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from alerts.channels import Parcel
from alerts.channels.inbox import destroy
from alerts.content import AlertKind
from alerts.courier import Withdrawn
from alerts.outbox import Claim
from alerts.seal import Sealed
from config import ClinicSettings
from records import StaffId
from service.cases import case_of
from service.clinics import clinic_key
from service.disclosure import Wish, evaluate, read_input
from service.engine import Engine
from service.sealing import language_of, retraction, sealed_to
from store import findings, inbox


def to_clinic(
    engine: Engine, conn: Connection, claim: Claim, alert: Any, clinic: ClinicSettings, *, now: datetime
) -> Parcel | Withdrawn:
    """A sheet goes as its author sealed it, if it still may; a retraction is written now."""
    name = StaffId(str(alert.recipient))
    if alert.kind == AlertKind.RETRACTION.value:
        content = retraction(engine, conn, alert, language_of(clinic.language), now)
        if isinstance(content, Withdrawn):
            return content
        sealed = sealed_to(engine, content, clinic_key(engine, clinic), claim.alert, now)
        return Parcel(claim.ref, claim.alert, name, clinic.address, sealed, now)
    kept = _still_allowed(engine, conn, alert, clinic, now)
    if kept is None:
        destroy(conn, claim.alert)
        return Withdrawn("no_longer_permitted")
    return Parcel(claim.ref, claim.alert, name, clinic.address, kept, now)


def _still_allowed(
    engine: Engine, conn: Connection, alert: Any, clinic: ClinicSettings, now: datetime
) -> Sealed | None:
    """The sheet, unless less may be said by now than stands in it: it cannot be cut down."""
    item, case = inbox.get(conn, alert.ref), case_of(engine, conn, str(alert.link))
    given: Any = findings.get_decision(conn, str(alert.decision))
    asked = read_input(engine, given.ref, given.sealed_input)
    if item is None or item.jwe is None or case is None or asked is None:
        return None
    wish = Wish(asked.purpose, asked.context.request_fields)
    answer = evaluate(engine, conn, case, clinic, stage="send", at=now, wish=wish)
    engine.audit.append(conn, [answer.leaf], now)
    if not answer.permitted or not set(given.fields_allowed) <= set(answer.decision.fields_allowed):
        return None
    findings.set_alert(conn, alert.ref, decision=answer.ref)
    ends = item.delivered_at + timedelta(days=engine.settings.alerts.expires_days)
    return Sealed(alert.ref, item.kid, item.jwe, engine.backup.kid, item.backup_jwe or "", ends)
