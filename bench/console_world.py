"""A large installation for the console's bench: the sample county, swollen in its own database.

A million clients of whom a tenth has a form on file, 100,000 alerts with their answers, and the log of a year that goes
with them: bookings that matched nobody, looks, sign-ins. Whatever a page opens is sealed as it is in earnest; the rest
holds noise of the length that real rows have.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Table, insert, select

from audit.leaves import Kind, Leaf, leaf
from consent import ConsentRecord
from consent.intake import as_raw
from consent.times import end
from console.demo import BEGINS
from records import BookingRef, ClientId, ClientRef, OrgId, StaffId, StaffMember
from service.consent_history import history_of
from service.engine import Engine
from store import bookings, clients, consents, staff
from store.clients import StoredClient
from store.consents import Term
from store.tables import (
    acknowledgement,
    alert,
    booking,
    client,
    decision,
    delivery,
    inbox_item,
    link,
    outbox,
    outcome,
    quarantine,
    review,
    staff_key,
)  # fmt: skip

CLIENTS, ALERTS, REVIEWS, STAFF, DELIVERIES, SET_ASIDE = 1_000_000, 100_000, 200, 3_000, 30_000, 300
REAL = 10
"""One client in so many is sealed as in earnest, with a form on file."""
BOOKING, PERSON = "BK00000001", "P50114"
"""Numbers of the sample county, to search by."""
LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
ORGS = ("harlan-bh", "harlan-bh", "north-clinic")


def name(kind: str, number: int) -> str:
    """A reference as ours look: 26 letters, spread like a keyed name."""
    seed_of = Random(f"{kind}{number}")
    return "".join(seed_of.choices(LETTERS, k=26))


def chunks(count: int, each: int) -> Iterator[range]:
    return (range(start, min(start + each, count)) for start in range(0, count, each))


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything."""

    clients: int = CLIENTS
    alerts: int = ALERTS
    reviews: int = REVIEWS
    staff: int = STAFF
    deliveries: int = DELIVERIES
    set_aside: int = SET_ASIDE

    def tenth(self) -> Size:
        return Size(*(count // 10 for count in (self.clients, self.alerts, self.reviews, self.staff, self.deliveries, self.set_aside)))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Swelling:
    """Makes the sample county large."""

    engine: Engine
    size: Size
    like: dict[str, StoredClient] = field(default_factory=dict)
    """A client of the sample county for each organisation, whom the others are made after."""

    def run(self) -> None:
        with self.engine.database.write() as conn:
            self._people(conn)
            self._models(conn)
        for numbers in chunks(self.size.clients, 50_000):
            self._clients(numbers)
        for numbers in chunks(self.size.alerts, 10_000):
            for table, make in (
                (booking, self._booking), (link, self._link), (decision, self._decision), (alert, self._alert),
                (inbox_item, self._item), (outbox, self._sent),
            ):  # fmt: skip
                self._add(table, map(make, numbers))
            self._add(
                acknowledgement, (self._answer(n) for n in numbers if self._state(n) in {"acknowledged", "closed"})
            )
            self._add(outcome, (self._outcome(n) for n in numbers if n % 3 == 0))
            self._log(numbers)
        self._add(delivery, map(self._delivery, range(self.size.deliveries)))
        self._add(quarantine, map(self._row, range(self.size.set_aside)))
        with self.engine.database.write() as conn:
            self._doubts(conn)

    def _add(self, table: Table, rows: Iterator[dict[str, object]]) -> None:
        made = list(rows)
        if made:
            with self.engine.database.write() as conn:
                conn.execute(insert(table), made)

    def _people(self, conn: Connection) -> None:
        known = staff.everyone(conn)
        like = known[StaffId("CM033")]
        for number in range(self.size.staff):
            member: StaffMember = replace(
                like,
                staff=StaffId(f"B{number:05}"),
                name=f"Clinician {number}",
                supervises=(),
                org=like.org if number % 20 == 0 else OrgId(f"provider-{number % 20}"),
            )
            staff.put(conn, member, BEGINS)
            if number % 50:
                conn.execute(insert(staff_key).values(kid=name("key", number).ljust(43, "k"), staff=member.staff, public_jwk={}, added_at=BEGINS, expires_at=BEGINS + timedelta(days=40 + number % 300)))  # fmt: skip

    def _models(self, conn: Connection) -> None:
        for org in set(ORGS):
            every = (c for c in clients.every(conn, self.engine.vault, org) if c.entry.enrolments and not c.retired)
            self.like[org] = next(c for c in every if history_of(conn, self.engine, c.ref))

    def _clients(self, numbers: range) -> None:
        now, real = BEGINS, [n for n in numbers if n % REAL == 0]
        self._add(client, (self._client(n) for n in numbers if n % REAL))
        with self.engine.database.write() as conn:
            clients.put_all(conn, self.engine.vault, map(self._listed, real), now)
            like = {org: history_of(conn, self.engine, one.ref)[0].record for org, one in self.like.items()}
            leaves = [self._form(conn, number, like[self._org(number)]) for number in real]
            self.engine.audit.append(conn, leaves, now - timedelta(days=300))

    def _org(self, number: int) -> str:
        return ORGS[number % 3]

    def _ref(self, number: int) -> ClientRef:
        if number % REAL:
            return ClientRef(name("client", number))
        return ClientRef(self.engine.locator.ref("client", self._org(number), f"BIG{number}"))

    def _listed(self, number: int) -> StoredClient:
        like = self.like[self._org(number)]
        return StoredClient(self._ref(number), replace(like.entry, client_id=ClientId(f"BIG{number}")), like.encoding)

    def _form(self, conn: Connection, number: int, like: ConsentRecord) -> Leaf:
        """Put on file; forms end one after the other, over a year."""
        day = (BEGINS + timedelta(days=1 + 365 * number / self.size.clients)).date()
        until, ref = end(day, ZoneInfo(self.engine.settings.zone)), self._ref(number)
        kept = {
            "record": as_raw(replace(like, expires_at=day)),
            "act": "recorded",
            "document": "",
            "superseded_by": None,
        }
        form = self.engine.locator.ref("consent", like.id)
        consents.append(
            conn, self.engine.vault, ref, kept, ref=name("consent", number), by="county-privacy",
            now=BEGINS - timedelta(days=300), term=Term(form, until),
        )  # fmt: skip
        return leaf(Kind.CONSENT, consent=form, client=ref, change="recorded", by="county-privacy", seq=0, until=until)

    def _log(self, numbers: range) -> None:
        for some in (numbers[n : n + 1000] for n in range(0, len(numbers), 1000)):
            with self.engine.database.write() as conn:
                for number in some[::10]:
                    told = [each for n in range(number, number + 10) for each in self._told(n)]
                    self.engine.audit.append(conn, told, self._at(number))

    def _told(self, number: int) -> Iterator[Leaf]:
        """What the log says of one alert, of two bookings that matched nobody, and of who looked meanwhile."""
        met, who = {"booking": name("booking", number), "client": self._ref(number * 3)}, self._recipient(number)
        this = {"alert": name("alert", number), **met}
        for of in (met["booking"], name("stranger", number), name("foreign", number)):
            yield leaf(Kind.BOOKING_EVENT, booking=of, event=name("event" + of, number), op="add", event_kind="booked", feed="harlan-jail", delivery=name("delivery", number % self.size.deliveries))  # fmt: skip
            yield leaf(Kind.VERDICT, booking=of, verdict="ALERT" if of == met["booking"] else "NONE", model="0" * 64, candidates=3, epoch="e1")  # fmt: skip
        yield leaf(Kind.LINK, link=name("link", number), verdict="ALERT", model="0" * 64, levels=["last:exact", "dob:exact", "first:exact"], weight_millibits=22_000, margin_millibits=12_000, **met)  # fmt: skip
        for stage in ("link", "open"):
            yield leaf(Kind.DECISION, decision=name(stage, number), recipient=who, stage=stage, effect="permit" if number % 7 else "deny", reasons=["HIPAA_CONSENT"], rule_set="county-2026.1", rule_set_hash="0" * 64, consents=[name("form", number)], fields=["booking.fact", "booking.time"], link=name("link", number), recipient_kind="program_staff", recipient_org="harlan-bh", purpose="TREAT", **met)  # fmt: skip
        yield leaf(Kind.ALERT, thread=name("thread", number), decision=name("link", number), recipient=who, alert_kind="arrest", match_class="full", **this)  # fmt: skip
        yield leaf(Kind.DISCLOSURE, decision=name("link", number), recipient=who, recipient_kind="program_staff", recipient_org="harlan-bh", purpose="TREAT", fields=["booking.fact", "booking.time"], reasons=["HIPAA_CONSENT"], consents=[name("form", number)], channel="inbox", **this)  # fmt: skip
        yield leaf(Kind.DELIVERY, alert=this["alert"], channel="inbox", result="delivered", attempt=1)
        yield leaf(Kind.OPENING, by=who, decision=name("open", number), kid="k" * 43, assigned="yes", **this)
        yield leaf(Kind.ACKNOWLEDGEMENT, by=who, answer="is_my_client", channel="console", **this)
        yield leaf(Kind.LOGIN, method="password", result="ok", by=who)
        yield leaf(Kind.VIEW, by=who, screen="review", rows=12)
        if number % 50 == 0:
            yield leaf(
                Kind.RETRACTION, thread=name("thread", number), retraction_reason="cancelled", notified=1, **this
            )
        if number % 500 == 0:
            yield leaf(Kind.BREAK_GLASS, declaration=name("declaration", number), by=who, client=met["client"], expires_at=self._at(number) + timedelta(hours=4))  # fmt: skip
            yield leaf(Kind.PULL, feed="harlan-jail", delivery=name("pull", number), result="complete", rows=20)

    def _at(self, number: int) -> datetime:
        """Spread over a year, the highest numbers the latest."""
        return BEGINS - timedelta(days=365) * (1 - number / self.size.alerts)

    def _recipient(self, number: int) -> str:
        return "CM033" if number % 250 == 0 else f"B{number % self.size.staff:05}"

    def _state(self, number: int) -> str:
        """Two in a hundred of the last month wait; what is older is done with."""
        if number > self.size.alerts * 0.92 and number % 50 == 0:
            return ("delivered", "opened")[number % 100 == 0]
        return ("acknowledged", "closed", "closed")[number % 3]

    def _client(self, number: int) -> dict[str, object]:
        return {"ref": self._ref(number), "org": self._org(number), "sealed": os.urandom(1500), "seen_at": BEGINS, "retired_at": None, "purged_at": None, "pending": False}  # fmt: skip

    def _booking(self, number: int) -> dict[str, object]:
        at = self._at(number)
        return {"ref": name("booking", number), "sealed": os.urandom(900), "state": "released", "first_seen_at": at, "updated_at": at, "baseline": False}  # fmt: skip

    def _link(self, number: int) -> dict[str, object]:
        return {"ref": name("link", number), "booking": name("booking", number), "client": self._ref(number * 3), "verdict": "ALERT", "weight": 22.0, "probability": 0.999, "margin": 12.0, "levels": {"last": "exact", "dob": "exact"}, "model_hash": "0" * 64, "at": self._at(number)}  # fmt: skip

    def _decision(self, number: int) -> dict[str, object]:
        return {"ref": name("decision", number), "link": name("link", number), "recipient": self._recipient(number), "stage": "link", "decision": "permit", "reason_codes": ["HIPAA_CONSENT"], "fields_allowed": ["booking.fact"], "obligations": [], "consents": [], "rule_set": "county", "rule_set_hash": "0" * 64, "at": self._at(number), "sealed_input": os.urandom(1200)}  # fmt: skip

    def _alert(self, number: int) -> dict[str, object]:
        at, state = self._at(number), self._state(number)
        done = at + timedelta(minutes=7 + number % 300) if state in {"acknowledged", "closed"} else None
        return {"ref": name("alert", number), "thread": name("thread", number), "link": name("link", number), "decision": name("decision", number), "recipient": self._recipient(number), "kind": "arrest", "match_class": "full", "state": state, "created_at": at, "opened_at": done, "acknowledged_at": done, "closed_at": done if state == "closed" else None}  # fmt: skip

    def _item(self, number: int) -> dict[str, object]:
        return {"alert": name("alert", number), "recipient": self._recipient(number), "kid": "k" * 43, "jwe": "e" * 3000, "backup_jwe": "e" * 3000, "delivered_at": self._at(number) + timedelta(seconds=3)}  # fmt: skip

    def _sent(self, number: int) -> dict[str, object]:
        at = self._at(number)
        return {"ref": name("outbox", number), "alert": name("alert", number), "channel": "inbox", "state": "delivered", "attempts": 1, "next_at": at, "fence": 1, "done_at": at}  # fmt: skip

    def _answer(self, number: int) -> dict[str, object]:
        return {"alert": name("alert", number), "by": self._recipient(number), "verdict": "is_my_client" if number % 40 else "not_on_my_caseload", "via": "console", "at": self._at(number) + timedelta(minutes=9)}  # fmt: skip

    def _outcome(self, number: int) -> dict[str, object]:
        at = self._at(number) + timedelta(hours=5)
        return {"ref": name("outcome", number), "alert": name("alert", number), "by": self._recipient(number), "kind": "contact", "codes": ["phone"], "at": at, "recorded_at": at}  # fmt: skip

    def _delivery(self, number: int) -> dict[str, object]:
        feed = self.engine.settings.feeds[number % len(self.engine.settings.feeds)].id
        at = BEGINS - timedelta(minutes=15 * (self.size.deliveries - number) / 3)
        return {"ref": name("delivery", number), "feed": feed, "received_at": at, "completed_at": at, "state": "complete", "counts": {"rows": 20}}  # fmt: skip

    def _row(self, number: int) -> dict[str, object]:
        last = self.size.deliveries - 1
        feed = self.engine.settings.feeds[last % len(self.engine.settings.feeds)].id
        return {"ref": name("row", number), "feed": feed, "delivery": name("delivery", last), "line": number, "field": "booked_at", "code": "unreadable", "reason": "is no instant", "at": BEGINS, "state": "open"}  # fmt: skip

    def _doubts(self, conn: Connection) -> None:
        """Doubtful matches whose bookings can be opened: the queue opens each."""
        refs = conn.execute(select(booking.c.ref).where(booking.c.state == "open").limit(1)).scalars().all()
        stored = bookings.get(conn, self.engine.vault, BookingRef(refs[0]))
        if stored is None:
            raise RuntimeError("the sample county has no open booking")
        for number in range(self.size.reviews):
            ref = BookingRef(name("doubtful", number))
            bookings.put(conn, self.engine.vault, replace(stored, ref=ref), BEGINS)
            row = self._link(number) | {"ref": name("doubt", number), "booking": ref, "verdict": "REVIEW"}
            conn.execute(insert(link), [row])
            conn.execute(insert(review), [{"link": row["ref"], "opened_at": BEGINS, "state": "open"}])
