"""An alert as its recipient will read it: what may be said now, decided anew, in their language, sealed to their key."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from alerts.compose import compose
from alerts.content import AlertContent, AlertFacts, AlertKind, Clocks, Language
from alerts.courier import Withdrawn
from alerts.enrolment import usable_key
from alerts.keys import PublicKey
from alerts.outbox import Claim
from alerts.seal import Sealed, seal
from alerts.smime import SealedMail, seal_mail
from config import Settings
from consent import Decision
from records import AlertRef, StaffMember
from service.cases import case_of
from service.channels import SMIME, certificate_of, heard_at, mail_signer
from service.disclosure import evaluate
from service.engine import Engine
from service.facts import alert_facts, retraction_facts
from store import findings


def content_now(
    engine: Engine, conn: Connection, claim: Claim, alert: Any, member: StaffMember, *, now: datetime
) -> AlertContent | Withdrawn:
    """The message, or the code of why there is none any more."""
    if alert.kind == AlertKind.RETRACTION.value:
        return retraction(engine, conn, alert, language_of(member.language), now)
    case = case_of(engine, conn, str(alert.link))
    if case is None:
        return Withdrawn("content_gone")
    answer = evaluate(engine, conn, case, member, stage="send", at=now)
    engine.audit.append(conn, [answer.leaf], now)
    if not answer.allows(AlertKind(alert.kind)):
        return Withdrawn("no_longer_permitted")
    findings.set_alert(conn, claim.alert, decision=answer.ref)
    facts = alert_facts(engine, conn, case, answer.decision, str(alert.match_class))
    return written(facts, answer.decision, AlertKind(alert.kind), member, now, clocks=clocks_of(engine.settings))


def retraction(
    engine: Engine, conn: Connection, alert: Any, language: Language, now: datetime
) -> AlertContent | Withdrawn:
    """Says that an earlier message no longer stands and nothing else: there is no disclosure to decide about."""
    heard = heard_at(conn, str(alert.retracts))
    if heard is None:
        return Withdrawn("nothing_to_retract")
    facts = retraction_facts(engine, AlertRef(str(alert.retracts)), heard)
    nothing: frozenset[str] = frozenset()
    return compose(facts, nothing, nothing, kind=AlertKind.RETRACTION, language=language, now=now)


def sealed_for(
    engine: Engine, conn: Connection, content: AlertContent, claim: Claim, member: StaffMember, *, now: datetime
) -> Sealed | SealedMail:
    """Sealed as the channel carries it. Raises NoUsableKey: there is no plaintext instead."""
    if claim.channel == SMIME:
        signer = mail_signer(engine)
        return seal_mail(content, certificate_of(engine, member), signer=signer, alert=claim.alert, now=now)
    return sealed_to(engine, content, usable_key(conn, member.staff, now=now), claim.alert, now)


def sealed_to(engine: Engine, content: AlertContent, key: PublicKey, alert: AlertRef, now: datetime) -> Sealed:
    return seal(
        content,
        key,
        backup=engine.backup,
        signer=engine.signer,
        alert=alert,
        now=now,
        expires=now + timedelta(days=engine.settings.alerts.expires_days),
    )


def written(
    facts: AlertFacts,
    decision: Decision,
    kind: AlertKind,
    member: StaffMember,
    now: datetime,
    *,
    clocks: Clocks | None = None,
) -> AlertContent:
    """The message in the recipient's language, with what the decision allows."""
    fields, obligations = frozenset(decision.fields_allowed), frozenset(decision.obligations)
    return compose(facts, fields, obligations, kind=kind, language=language_of(member.language), now=now, clocks=clocks)


def clocks_of(settings: Settings) -> Clocks:
    wanted = settings.clocks
    return Clocks(
        close_of_business=wanted.close_of_business,
        holidays=frozenset(wanted.holidays),
        first_contact=timedelta(hours=wanted.first_contact_hours),
        appointment=timedelta(days=wanted.appointment_days),
        repeat_bookings=wanted.repeat_bookings,
    )


def language_of(code: str) -> Language:
    return Language.SPANISH if code == "es" else Language.ENGLISH
