"""Sending: what is queued is decided again, sealed to the recipient's own key, delivered by the courier, and proved."""

from __future__ import annotations

import ssl
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from alerts.channels import Channel, Parcel, SmtpNotice, SmtpServer
from alerts.compose import compose
from alerts.content import AlertContent, AlertFacts, AlertKind, Language
from alerts.courier import INBOX, Courier, Withdrawn
from alerts.enrolment import usable_key
from alerts.keys import PublicKey
from alerts.outbox import Claim, Dead, Delivered, Outcome, TryLater, enqueue
from alerts.seal import Sealed, seal
from audit.leaves import Kind, Leaf, leaf
from config import Profile
from consent import Decision
from records import AlertRef, BookingRef, ClientRef, StaffId, StaffMember
from service.disclosure import Case, evaluate
from service.engine import Engine
from service.facts import alert_facts, retraction_facts
from store import bookings, clients, findings, inbox, staff

MAIL = "mail"
_AT_ONCE = 200


@dataclass(slots=True)
class Sent:
    """What a round of sending came to: deliveries by channel, and what did not go, by code."""

    delivered: Counter[str] = field(default_factory=Counter)
    withdrawn: Counter[str] = field(default_factory=Counter)
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
        )
        while courier.run(_AT_ONCE):
            pass
        return self.sent

    def prepare(self, conn: Connection, claim: Claim, now: datetime) -> Parcel | Withdrawn:
        """The parcel, or why there is none any more. Raises what compose, seal and the key lookup raise."""
        alert = findings.get_alert(conn, claim.alert)
        member = staff.get(conn, StaffId(str(alert.recipient))) if alert else None
        if alert is None or member is None:
            return self._withdrawn(conn, claim, "recipient_gone", now)
        if claim.channel == MAIL:
            return self._notice(conn, claim, alert, member, now)
        if alert.kind == AlertKind.RETRACTION.value:
            return self._retraction(conn, claim, alert, member, now)
        case = case_of(self.engine, conn, str(alert.link))
        if case is None:
            return self._withdrawn(conn, claim, "content_gone", now)
        answer = evaluate(self.engine, conn, case, member, stage="send", at=now)
        self.engine.audit.append(conn, [answer.leaf], now)
        if not answer.allows(AlertKind(alert.kind)):
            return self._withdrawn(conn, claim, "no_longer_permitted", now)
        findings.set_alert(conn, claim.alert, decision=answer.ref)
        facts = alert_facts(self.engine, conn, case, answer.decision, str(alert.match_class))
        content = written(facts, answer.decision, AlertKind(alert.kind), member, now)
        key = usable_key(conn, member.staff, now=now)
        return Parcel(claim.ref, claim.alert, member.staff, "", self._seal(content, key, claim.alert, now), now)

    def _retraction(
        self, conn: Connection, claim: Claim, alert: Any, member: StaffMember, now: datetime
    ) -> Parcel | Withdrawn:
        """Says that an earlier message no longer stands and nothing else: there is no disclosure to decide about."""
        earlier = inbox.get(conn, AlertRef(str(alert.retracts)))
        if earlier is None:
            return self._withdrawn(conn, claim, "nothing_to_retract", now)
        facts = retraction_facts(self.engine, earlier.alert, earlier.delivered_at)
        content = compose(
            facts, frozenset(), frozenset(), kind=AlertKind.RETRACTION, language=language_of(member), now=now
        )
        key = usable_key(conn, member.staff, now=now)
        return Parcel(claim.ref, claim.alert, member.staff, "", self._seal(content, key, claim.alert, now), now)

    def _seal(self, content: AlertContent, key: PublicKey, alert: AlertRef, now: datetime) -> Sealed:
        return seal(
            content,
            key,
            backup=self.engine.backup,
            signer=self.engine.signer,
            alert=alert,
            now=now,
            expires=self._expiry(now),
        )

    def _notice(
        self, conn: Connection, claim: Claim, alert: Any, member: StaffMember, now: datetime
    ) -> Parcel | Withdrawn:
        """A notice for what waits in the inbox. One that was opened in the meantime needs none."""
        item = inbox.get(conn, claim.alert)
        if alert.state != "delivered" or item is None or item.jwe is None or not member.email:
            return self._withdrawn(conn, claim, "not_needed", now)
        copies = (item.kid, item.jwe, self.engine.backup.kid, item.backup_jwe or "")
        return Parcel(
            claim.ref, claim.alert, member.staff, member.email, Sealed(claim.alert, *copies, self._expiry(now)), now
        )

    def _withdrawn(self, conn: Connection, claim: Claim, code: str, now: datetime) -> Withdrawn:
        stated = leaf(
            Kind.DELIVERY, alert=claim.alert, channel=claim.channel, result="withdrawn", outbox=claim.ref, code=code
        )
        self.engine.audit.append(conn, [stated], now)
        self.sent.withdrawn[code] += 1
        return Withdrawn(code)

    def settled(self, conn: Connection, claim: Claim, outcome: Outcome) -> None:
        """In the transaction that settles: the proof of delivery and, for content, of disclosure."""
        now = self.engine.clock()
        leaves = [delivery_leaf(claim, outcome)]
        match outcome:
            case Delivered():
                self.sent.delivered[claim.channel] += 1
                if claim.channel == INBOX:
                    leaves += self._disclosure(conn, claim)
                    self._queue_notice(conn, claim.alert, now)
            case TryLater():
                self.sent.waiting[outcome.code] += 1
            case Dead():
                self.sent.dead[outcome.code] += 1
        self.engine.audit.append(conn, leaves, now)

    def _queue_notice(self, conn: Connection, alert: AlertRef, now: datetime) -> None:
        if self.engine.settings.mail.host:
            enqueue(conn, self.engine.locator.ref("outbox", alert, MAIL), alert, MAIL, now=now)

    def _disclosure(self, conn: Connection, claim: Claim) -> list[Leaf]:
        """A retraction discloses nothing; every other kind is accounted for."""
        alert: Any = findings.get_alert(conn, claim.alert)
        if alert.kind == AlertKind.RETRACTION.value:
            return []
        decision: Any = findings.get_decision(conn, alert.decision)
        link: Any = findings.get_link(conn, alert.link)
        recipient = staff.get(conn, StaffId(str(alert.recipient)))
        stated = leaf(
            Kind.DISCLOSURE,
            client=link.client,
            booking=link.booking,
            alert=claim.alert,
            decision=decision.ref,
            recipient=alert.recipient,
            recipient_org=recipient.org if recipient else None,
            recipient_kind="program_staff",
            purpose="TREAT",
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

    def _expiry(self, now: datetime) -> datetime:
        return now + timedelta(days=self.engine.settings.alerts.expires_days)

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
    return Case(link_ref, row.verdict, client, booking)


def written(facts: AlertFacts, decision: Decision, kind: AlertKind, member: StaffMember, now: datetime) -> AlertContent:
    """The message in the recipient's language, with what the decision allows."""
    fields, obligations = frozenset(decision.fields_allowed), frozenset(decision.obligations)
    return compose(facts, fields, obligations, kind=kind, language=language_of(member), now=now)


def language_of(member: StaffMember) -> Language:
    return Language.SPANISH if member.language == "es" else Language.ENGLISH


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


def channels(engine: Engine) -> dict[str, Channel]:
    """The network channels that are configured. The inbox is always there and needs none."""
    mail = engine.settings.mail
    if not mail.host:
        return {}
    server = SmtpServer(
        host=mail.host,
        port=mail.port,
        sender=mail.sender,
        tls=ssl.create_default_context() if mail.starttls else None,
        production=engine.settings.profile is Profile.PRODUCTION,
        username=mail.user,
        password=mail.password.get_secret_value(),
    )
    return {MAIL: SmtpNotice(server)}
