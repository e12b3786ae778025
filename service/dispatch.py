"""Sending: what is queued is decided again, sealed to the recipient's own key, delivered by the courier, and proved."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from alerts.channels import Parcel
from alerts.courier import INBOX, Courier, NotNeeded, Postponed, Withdrawn
from alerts.outbox import Claim, Dead, Delivered, Outcome, TryLater
from records import AlertRef, StaffId, StaffMember
from service import gate
from service.channels import address_of, channels
from service.clinic_delivery import to_clinic
from service.clinics import clinic_named
from service.delivery_leaves import delivery_leaf, disclosure_leaves, undelivered_leaf
from service.engine import Engine
from service.notices import MAIL, NOTICES, announce, hindrance, name_of_notice
from service.sealing import content_now, sealed_for
from store import fences, findings, staff

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
        """Work the outbox until nothing in it is due. In shadow, and behind the fence after a restore, nothing leaves."""
        if not gate.may_send(self.engine):
            return self.sent
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
        made = self._prepared(conn, claim, now)
        if isinstance(made, Withdrawn | NotNeeded):
            self.engine.audit.append(conn, [undelivered_leaf(claim, made.code)], now)
            told = self.sent.withdrawn if isinstance(made, Withdrawn) else self.sent.spared
            told[made.code] += 1
        return made

    def _prepared(self, conn: Connection, claim: Claim, now: datetime) -> Parcel | Withdrawn | NotNeeded | Postponed:
        if claim.channel != INBOX and fences.was_sent(conn, claim.ref):
            return NotNeeded("before_restore")
        alert = findings.get_alert(conn, claim.alert)
        clinic = clinic_named(self.engine, str(alert.recipient)) if alert else None
        if clinic is not None:
            return to_clinic(self.engine, conn, claim, alert, clinic, now=now)
        member = staff.get(conn, StaffId(str(alert.recipient))) if alert else None
        if alert is None or member is None:
            return Withdrawn("recipient_gone")
        return self._to_member(conn, claim, alert, member, now)

    def _to_member(
        self, conn: Connection, claim: Claim, alert: Any, member: StaffMember, now: datetime
    ) -> Parcel | Withdrawn | NotNeeded | Postponed:
        if claim.channel in NOTICES:
            return self._notice(conn, claim, alert, member, now)
        address = address_of(member, claim.channel)
        if address is None:
            return NotNeeded("no_address")
        content = content_now(self.engine, conn, claim, alert, member, now=now)
        if isinstance(content, Withdrawn):
            return content
        sealed = sealed_for(self.engine, conn, content, claim, member, now=now)
        return Parcel(claim.ref, claim.alert, member.staff, address, sealed, now)

    def _notice(
        self, conn: Connection, claim: Claim, alert: Any, member: StaffMember, now: datetime
    ) -> Parcel | NotNeeded | Postponed:
        """A notice for what waits in the inbox, unless nobody needs it now. It is named by that, and not by this entry."""
        hindered = hindrance(self.engine, conn, claim.channel, alert, member, now=now)
        if hindered is not None:
            return hindered
        name = name_of_notice(self.engine, conn, member.staff)
        return Parcel(name, claim.alert, member.staff, member.email, None, now)

    def settled(self, conn: Connection, claim: Claim, outcome: Outcome) -> None:
        """In the transaction that settles: the proof of delivery and, for content, of disclosure."""
        now = self.engine.clock()
        leaves = [delivery_leaf(claim, outcome)]
        match outcome:
            case Delivered():
                self.sent.delivered[claim.channel] += 1
                leaves += disclosure_leaves(self.engine, conn, claim)
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

    def _share(self) -> float:
        """Uniform in [0, 1), from the engine's randomness."""
        return int.from_bytes(self.engine.random(6), "big") / 2**48
