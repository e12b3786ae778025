"""Sending the jail's clinic what it needs to go on with a client's care: a disclosure with a decision of its own.

What the clinician fills in is sealed to the clinic's key at once and rests nowhere in the clear. Only what was filled in is
asked for, and only what the rules allow is written; if they allow less than was filled in, the clinician is told which.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Connection, insert

from alerts import answers
from alerts.compose import NEEDED, compose
from alerts.content import AlertKind, ClinicSheet
from alerts.errors import AlertNotOpen, NotTheRecipient
from alerts.followup import AlertState, InfoItem, InfoSent
from alerts.seal import seal
from audit.leaves import Kind, leaf
from config import ClinicSettings, Refuse
from consent.vocabulary import FieldName, Purpose
from records import AlertRef, StaffId
from service.cases import case_of
from service.clinics import clinic_at, clinic_key
from service.disclosure import Answer, Case, Wish, evaluate
from service.engine import Engine
from service.facts import alert_facts
from service.offers import enqueue
from service.requests import name_of
from service.sealing import clocks_of, language_of
from store import findings
from store.tables import inbox_item

ENTRIES: dict[str, tuple[FieldName, InfoItem | None]] = {
    "medications": (FieldName.MED_LIST, InfoItem.MEDICATION_LIST),
    "pharmacy": (FieldName.MED_LIST, InfoItem.PHARMACY),
    "allergies": (FieldName.MED_LIST, InfoItem.ALLERGIES),
    "diagnoses": (FieldName.DIAGNOSIS, InfoItem.DIAGNOSES),
    "risks": (FieldName.RISK_FLAGS, InfoItem.RISK),
    "appointments": (FieldName.APPOINTMENTS, None),
    "contact": (FieldName.CLIENT_CASE_MANAGER, None),
}
"""What each entry of the sheet discloses, and what it is called in the outcome."""
PURPOSES = (Purpose.TREAT, Purpose.COORD)
"""Asked for in this order; Texas knows its mandate under the second (Health and Safety Code 614.017)."""

_SHEET = TypeAdapter(dict[str, str])


class SheetRefused(Refuse):
    """The sheet was not sent. Names entries and reason codes, never what stands in the sheet."""


@dataclass(frozen=True, slots=True)
class SheetSent:
    """What went into the outbox: the entries that may be told, and those that were left out because they may not."""

    alert: AlertRef
    clinic: str
    told: tuple[str, ...]
    withheld: tuple[str, ...]


def read_sheet(raw: bytes) -> ClinicSheet:
    """A sheet from JSON. Raises SheetRefused, which quotes nothing of what stands there."""
    try:
        given = _SHEET.validate_json(raw)
    except ValidationError:
        raise SheetRefused("the sheet is not a JSON object of texts") from None
    if set(given) - set(ENTRIES):
        raise SheetRefused(f"the sheet has an entry that is none of {', '.join(ENTRIES)}")
    if not any(given.values()):
        raise SheetRefused("the sheet is empty")
    return ClinicSheet(**given)


def send_sheet(engine: Engine, ref: AlertRef, by: StaffId, sheet: ClinicSheet) -> SheetSent:
    """Decide, seal and queue, in one transaction. The clinician must have taken the booking on.

    Raises SheetRefused where the rules say no or no clinic is there, NotTheRecipient, AlertNotOpen and NoUsableKey.
    """
    now = engine.clock()
    with engine.database.write() as conn:
        row = findings.get_alert(conn, ref)
        if row is None or row.recipient != by:
            raise NotTheRecipient("you have no such alert")
        if row.state != AlertState.ACKNOWLEDGED.value:
            raise AlertNotOpen("answer the alert first: a sheet is sent by whoever took the booking on")
        case = case_of(engine, conn, str(row.link))
        clinic = clinic_at(engine, case.booking.event) if case else None
        if case is None or clinic is None:
            raise SheetRefused("no clinic is configured for where this person is held; see docs/alerts.md")
        answer = _asked(engine, conn, case, clinic, sheet, now=now)
        if answer is not None:
            return _queued(engine, conn, _Sheet(row, case, clinic, sheet, answer), by=by, now=now)
        reasons = _refused(engine, conn, case, by)
    raise SheetRefused(f"the rules do not allow it ({', '.join(reasons)}); nothing was sent")


@dataclass(frozen=True, slots=True, repr=False)
class _Sheet:
    """A sheet that may go, with what it goes by."""

    alert: Any
    case: Case
    clinic: ClinicSettings
    filled: ClinicSheet
    answer: Answer

    def __repr__(self) -> str:
        return "<sheet for a clinic>"


def _asked(
    engine: Engine, conn: Connection, case: Case, clinic: ClinicSettings, sheet: ClinicSheet, *, now: datetime
) -> Answer | None:
    """The first purpose under which the rules allow it; every asking is recorded."""
    for purpose in PURPOSES:
        wish = Wish(purpose, _wanted(case, sheet))
        answer = evaluate(engine, conn, case, clinic, stage="link", at=now, wish=wish)
        engine.audit.append(conn, [answer.leaf], now)
        if answer.allows(AlertKind.CLINIC_SHEET) and _told(sheet, answer):
            return answer
    return None


def _wanted(case: Case, sheet: ClinicSheet) -> tuple[FieldName, ...]:
    """No more than was filled in, and what is on file about plans made for a crisis."""
    entry = case.client.entry
    filled = [field for name, (field, _) in ENTRIES.items() if getattr(sheet, name)]
    on_file = [
        field
        for field, known in (
            (FieldName.PAD, entry.advance_directive_on_file),
            (FieldName.CRISIS_PLAN, entry.crisis_plan_on_file),
        )
        if known is not None
    ]
    needed = [FieldName(name) for name in sorted(NEEDED[AlertKind.CLINIC_SHEET])]
    return tuple(dict.fromkeys((*needed, *filled, *on_file)))


def _told(sheet: ClinicSheet, answer: Answer) -> tuple[str, ...]:
    allowed = set(answer.decision.fields_allowed)
    return tuple(name for name, (field, _) in ENTRIES.items() if getattr(sheet, name) and field in allowed)


def _queued(engine: Engine, conn: Connection, sent: _Sheet, *, by: StaffId, now: datetime) -> SheetSent:
    case, clinic, answer = sent.case, sent.clinic, sent.answer
    ref = AlertRef(engine.locator.ref("alert", case.link, name_of(clinic), "clinic_sheet", by, now.isoformat()))
    told = _told(sent.filled, answer)
    values = {"ref": ref, "thread": sent.alert.thread, "link": case.link, "decision": answer.ref}
    kind = AlertKind.CLINIC_SHEET.value
    findings.add_alert(
        conn,
        **values,
        recipient=name_of(clinic),
        kind=kind,
        match_class=sent.alert.match_class,
        state="queued",
        created_at=now,
    )
    _keep(engine, conn, ref, sent, now)
    enqueue(engine, conn, ref, StaffId(name_of(clinic)), now)
    stated = leaf(
        Kind.ALERT,
        alert=ref,
        thread=sent.alert.thread,
        link=case.link,
        booking=case.booking.ref,
        client=case.client.ref,
        decision=answer.ref,
        recipient=name_of(clinic),
        alert_kind=kind,
        channel=clinic.channel,
    )
    items = frozenset(item for name in told if (item := ENTRIES[name][1]) is not None)
    if items:
        done = InfoSent(now, answer.ref, items)
        answers.report(conn, AlertRef(sent.alert.ref), by, done, key=engine.locator.ref("outcome", ref), now=now)
    reported = leaf(Kind.OUTCOME, alert=sent.alert.ref, by=by, disposition="info_sent_to_jail")
    engine.audit.append(conn, [stated, reported], now)
    withheld = tuple(name for name in ENTRIES if getattr(sent.filled, name) and name not in told)
    return SheetSent(ref, clinic.id, told, withheld)


def _keep(engine: Engine, conn: Connection, ref: AlertRef, sent: _Sheet, now: datetime) -> None:
    """Sealed to the clinic and to the backup key; nobody here can read it again."""
    decision = sent.answer.decision
    facts = alert_facts(engine, conn, sent.case, decision, str(sent.alert.match_class))
    content = compose(
        replace(facts, sheet=sent.filled),
        frozenset(decision.fields_allowed),
        frozenset(decision.obligations),
        kind=AlertKind.CLINIC_SHEET,
        language=language_of(sent.clinic.language),
        now=now,
        clocks=clocks_of(engine.settings),
    )
    sealed = seal(
        content,
        clinic_key(engine, sent.clinic),
        backup=engine.backup,
        signer=engine.signer,
        alert=ref,
        now=now,
        expires=now + timedelta(days=engine.settings.alerts.expires_days),
    )
    kept = {"kid": sealed.kid, "jwe": sealed.jwe, "backup_jwe": sealed.backup_jwe, "delivered_at": now}
    conn.execute(insert(inbox_item).values(alert=ref, recipient=name_of(sent.clinic), **kept))


def _refused(engine: Engine, conn: Connection, case: Case, by: StaffId) -> list[str]:
    """Why not, in the codes of the last asking; the attempt is in the log."""
    last = findings.decisions_of(conn, case.link)[-1]
    reasons = sorted(last.reason_codes)
    attempt = leaf(Kind.REFUSED_ATTEMPT, action="send", reasons=reasons, by=by, link=case.link, decision=last.ref)
    engine.audit.append(conn, [attempt], engine.clock())
    return reasons
