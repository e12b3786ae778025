"""Sending: what is queued is decided again, sealed to the recipient's own key, delivered by the courier, and proved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select

from alerts.channels import Parcel
from alerts.channels.inbox import destroy
from alerts.compose import compose
from alerts.content import AlertContent, AlertFacts, AlertKind, Clocks, Language
from alerts.courier import INBOX, Courier, NotNeeded, Postponed, Withdrawn
from alerts.enrolment import usable_key
from alerts.keys import PublicKey
from alerts.outbox import Claim, Dead, Delivered, Outcome, TryLater
from alerts.seal import Sealed, seal
from alerts.smime import SealedMail, seal_mail
from audit.leaves import Kind, Leaf, leaf
from config import ClinicSettings, Settings
from consent import Decision
from records import AlertRef, BookingRef, ClientRef, StaffId, StaffMember
from service.channels import CONTENT, SMIME, address_of, certificate_of, channels, heard_at, mail_signer
from service.clinics import clinic_key, clinic_named
from service.disclosure import Case, Wish, evaluate, read_input
from service.duty import on_duty
from service.engine import Engine
from service.facts import alert_facts, retraction_facts
from service.notices import MAIL, NOTICES, announce, hindrance
from store import bookings, clients, findings, inbox, staff
from store.tables import outbox

_AT_ONCE = 200


@dataclass(slots=True)
class Sent:
    """What a round of sending came to: deliveries by channel, and what did not go, by code."""

    delivered: Counter[str] = field(default_factory=Counter)
    withdrawn: Counter[str] = field(default_factory=Counter)
    spared: Counter[str] = field(default_factory=Counter)
    """Notices that nobody needed any more."""
    waiting: Counter[str] = field(default_factory=Counter)
    dead: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """The courier's work done our way: `prepare` decides and seals, `settled` proves."""

    engine: Engine
    sent: Sent = field(default_factory=Sent)

    def run(self) -> Sent:
        """Work the outbox until nothing in it is due."""
        courier = Courier(
            database=self.engine.database,
            channels=channels(self.engine),
            prepare=self.prepare,
            clock=self.engine.clock,
            random=self._share,
            settled=self.settled,
            lease=timedelta(seconds=self.engine.settings.alerts.lease_seconds),
            breakers=self.engine.breakers,
        )
        while courier.run(_AT_ONCE):
            pass
        return self.sent

    def prepare(self, conn: Connection, claim: Claim, now: datetime) -> Parcel | Withdrawn | NotNeeded | Postponed:
        """The parcel, or why there is none any more. Raises what compose, seal and the key lookup raise."""
        alert = findings.get_alert(conn, claim.alert)
        clinic = clinic_named(self.engine, str(alert.recipient)) if alert else None
        if clinic is not None:
            return self._to_clinic(conn, claim, alert, clinic, now)
        member = staff.get(conn, StaffId(str(alert.recipient))) if alert else None
        if alert is None or member is None:
            return self._withdrawn(conn, claim, "recipient_gone", now)
        if claim.channel in NOTICES:
            return self._notice(conn, claim, alert, member, now)
        address = address_of(member, claim.channel)
        if address is None:
            return self._spared(conn, claim, "no_address", now)
        made = self._content(conn, claim, alert, member, now)
        if isinstance(made, Withdrawn):
            return made
        sealed = self._sealed(conn, made, claim, member, now)
        return Parcel(claim.ref, claim.alert, member.staff, address, sealed, now)

    def _content(
        self, conn: Connection, claim: Claim, alert: Any, member: StaffMember, now: datetime
    ) -> AlertContent | Withdrawn:
        """What may be said now, decided anew."""
        if alert.kind == AlertKind.RETRACTION.value:
            return self._retraction(conn, claim, alert, language_of(member.language), now)
        case = case_of(self.engine, conn, str(alert.link))
        if case is None:
            return self._withdrawn(conn, claim, "content_gone", now)
        answer = evaluate(self.engine, conn, case, member, stage="send", at=now)
        self.engine.audit.append(conn, [answer.leaf], now)
        if not answer.allows(AlertKind(alert.kind)):
            return self._withdrawn(conn, claim, "no_longer_permitted", now)
        findings.set_alert(conn, claim.alert, decision=answer.ref)
        facts = alert_facts(self.engine, conn, case, answer.decision, str(alert.match_class))
        clocks = clocks_of(self.engine.settings)
        return written(facts, answer.decision, AlertKind(alert.kind), member, now, clocks=clocks)

    def _retraction(
        self, conn: Connection, claim: Claim, alert: Any, language: Language, now: datetime
    ) -> AlertContent | Withdrawn:
        """Says that an earlier message no longer stands and nothing else: there is no disclosure to decide about."""
        heard = heard_at(conn, str(alert.retracts))
        if heard is None:
            return self._withdrawn(conn, claim, "nothing_to_retract", now)
        facts = retraction_facts(self.engine, AlertRef(str(alert.retracts)), heard)
        nothing: frozenset[str] = frozenset()
        return compose(facts, nothing, nothing, kind=AlertKind.RETRACTION, language=language, now=now)

    def _to_clinic(
        self, conn: Connection, claim: Claim, alert: Any, clinic: ClinicSettings, now: datetime
    ) -> Parcel | Withdrawn:
        """A sheet goes as its author sealed it, if it still may; a retraction is written now."""
        name = StaffId(str(alert.recipient))
        if alert.kind == AlertKind.RETRACTION.value:
            content = self._retraction(conn, claim, alert, language_of(clinic.language), now)
            if isinstance(content, Withdrawn):
                return content
            sealed = self._seal(content, clinic_key(self.engine, clinic), claim.alert, now)
            return Parcel(claim.ref, claim.alert, name, clinic.address, sealed, now)
        kept = self._still_allowed(conn, alert, clinic, now)
        if kept is None:
            destroy(conn, claim.alert)
            return self._withdrawn(conn, claim, "no_longer_permitted", now)
        return Parcel(claim.ref, claim.alert, name, clinic.address, kept, now)

    def _still_allowed(self, conn: Connection, alert: Any, clinic: ClinicSettings, now: datetime) -> Sealed | None:
        """The sheet, unless less may be said by now than stands in it: it cannot be cut down."""
        item, case = inbox.get(conn, alert.ref), case_of(self.engine, conn, str(alert.link))
        given: Any = findings.get_decision(conn, str(alert.decision))
        asked = read_input(self.engine, given.ref, given.sealed_input)
        if item is None or item.jwe is None or case is None or asked is None:
            return None
        wish = Wish(asked.purpose, asked.context.request_fields)
        answer = evaluate(self.engine, conn, case, clinic, stage="send", at=now, wish=wish)
        self.engine.audit.append(conn, [answer.leaf], now)
        if not answer.permitted or not set(given.fields_allowed) <= set(answer.decision.fields_allowed):
            return None
        findings.set_alert(conn, alert.ref, decision=answer.ref)
        ends = item.delivered_at + timedelta(days=self.engine.settings.alerts.expires_days)
        return Sealed(alert.ref, item.kid, item.jwe, self.engine.backup.kid, item.backup_jwe or "", ends)

    def _sealed(
        self, conn: Connection, content: AlertContent, claim: Claim, member: StaffMember, now: datetime
    ) -> Sealed | SealedMail:
        """Sealed as the channel carries it. Raises NoUsableKey: there is no plaintext instead."""
        if claim.channel == SMIME:
            signer = mail_signer(self.engine)
            return seal_mail(content, certificate_of(self.engine, member), signer=signer, alert=claim.alert, now=now)
        return self._seal(content, usable_key(conn, member.staff, now=now), claim.alert, now)

    def _seal(self, content: AlertContent, key: PublicKey, alert: AlertRef, now: datetime) -> Sealed:
        return seal(
            content,
            key,
            backup=self.engine.backup,
            signer=self.engine.signer,
            alert=alert,
            now=now,
            expires=now + timedelta(days=self.engine.settings.alerts.expires_days),
        )

    def _notice(
        self, conn: Connection, claim: Claim, alert: Any, member: StaffMember, now: datetime
    ) -> Parcel | NotNeeded | Postponed:
        """A notice for what waits in the inbox, unless nobody needs it now."""
        hindered = hindrance(self.engine, conn, claim.channel, alert, member, now=now)
        if isinstance(hindered, NotNeeded):
            return self._spared(conn, claim, hindered.code, now)
        return hindered or Parcel(claim.ref, claim.alert, member.staff, member.email, None, now)

    def _spared(self, conn: Connection, claim: Claim, code: str, now: datetime) -> NotNeeded:
        self.engine.audit.append(conn, [undelivered_leaf(claim, code)], now)
        self.sent.spared[code] += 1
        return NotNeeded(code)

    def _withdrawn(self, conn: Connection, claim: Claim, code: str, now: datetime) -> Withdrawn:
        self.engine.audit.append(conn, [undelivered_leaf(claim, code)], now)
        self.sent.withdrawn[code] += 1
        return Withdrawn(code)

    def settled(self, conn: Connection, claim: Claim, outcome: Outcome) -> None:
        """In the transaction that settles: the proof of delivery and, for content, of disclosure."""
        now = self.engine.clock()
        leaves = [delivery_leaf(claim, outcome)]
        match outcome:
            case Delivered():
                self.sent.delivered[claim.channel] += 1
                if claim.channel in CONTENT and _first_to_arrive(conn, claim):
                    leaves += self._disclosure(conn, claim)
                if claim.channel == INBOX:
                    self._announce(conn, claim.alert, now)
            case TryLater():
                self.sent.waiting[outcome.code] += 1
            case Dead():
                self.sent.dead[outcome.code] += 1
        self.engine.audit.append(conn, leaves, now)

    def _announce(self, conn: Connection, ref: AlertRef, now: datetime) -> None:
        alert: Any = findings.get_alert(conn, ref)
        member = staff.get(conn, StaffId(str(alert.recipient)))
        if member is not None:
            announce(self.engine, conn, alert, member, channel=MAIL, now=now)

    def _disclosure(self, conn: Connection, claim: Claim) -> list[Leaf]:
        """A retraction discloses nothing; every other kind is accounted for."""
        alert: Any = findings.get_alert(conn, claim.alert)
        if alert.kind == AlertKind.RETRACTION.value:
            return []
        decision: Any = findings.get_decision(conn, alert.decision)
        link: Any = findings.get_link(conn, alert.link)
        recipient = staff.get(conn, StaffId(str(alert.recipient)))
        clinic = clinic_named(self.engine, str(alert.recipient))
        asked = read_input(self.engine, decision.ref, decision.sealed_input)
        org = clinic.org if clinic else recipient.org if recipient else None
        stated = leaf(
            Kind.DISCLOSURE,
            client=link.client,
            booking=link.booking,
            alert=claim.alert,
            decision=decision.ref,
            recipient=alert.recipient,
            recipient_org=org,
            recipient_kind="jail_health" if clinic else "program_staff",
            purpose=asked.purpose.value if asked else "TREAT",
            fields=decision.fields_allowed,
            reasons=decision.reason_codes,
            obligations=decision.obligations,
            consents=decision.consents,
            channel=claim.channel,
            part2=self._part2(conn, ClientRef(link.client)),
        )
        return [stated]

    def _part2(self, conn: Connection, ref: ClientRef) -> str | None:
        """Whether the client is in a Part 2 programme: then that they are a client at all is a Part 2 record."""
        found = clients.get(conn, self.engine.vault, ref)
        if found is None:
            return None
        programs = [self.engine.programs.get(enrolment.program) for enrolment in found.entry.enrolments]
        return "yes" if any(program is None or program.part2 for program in programs) else "no"

    def _share(self) -> float:
        """Uniform in [0, 1), from the engine's randomness."""
        return int.from_bytes(self.engine.random(6), "big") / 2**48


def case_of(engine: Engine, conn: Connection, link_ref: str) -> Case | None:
    """A link with both sides opened; None when the content of one was destroyed or the link no longer holds."""
    row: Any = findings.get_link(conn, link_ref)
    client = clients.get(conn, engine.vault, ClientRef(row.client))
    booking = bookings.get(conn, engine.vault, BookingRef(row.booking))
    if client is None or booking is None or row.superseded_at is not None:
        return None
    return Case(link_ref, row.verdict, on_duty(engine, conn, client, engine.clock()), booking)


def _first_to_arrive(conn: Connection, claim: Claim) -> bool:
    """One alert to one person is one disclosure, by however many channels it goes."""
    arrived = select(func.count()).select_from(outbox).where(outbox.c.alert == claim.alert)
    mine = arrived.where(outbox.c.state == "delivered", outbox.c.channel.in_(CONTENT))
    return conn.execute(mine).scalar_one() == 1


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


def undelivered_leaf(claim: Claim, code: str) -> Leaf:
    return leaf(
        Kind.DELIVERY, alert=claim.alert, channel=claim.channel, result="withdrawn", outbox=claim.ref, code=code
    )


def language_of(code: str) -> Language:
    return Language.SPANISH if code == "es" else Language.ENGLISH


def delivery_leaf(claim: Claim, outcome: Outcome) -> Leaf:
    results: Mapping[type[Outcome], str] = {Delivered: "delivered", TryLater: "retry", Dead: "dead"}
    return leaf(
        Kind.DELIVERY,
        alert=claim.alert,
        channel=claim.channel,
        result=results[type(outcome)],
        outbox=claim.ref,
        attempt=claim.attempt,
        code=_code(outcome.code),
    )


def _code(text: str) -> str:
    """A class name such as NoUsableKey as the code no_usable_key; codes stay as they are."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in text).lstrip("_")
