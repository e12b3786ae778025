"""Take what is due from the outbox to its recipients.

Between two transactions of ours lies the network: an entry is claimed in one, sent, and settled in the next. The inbox
needs no network, so there delivery and settlement are one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import Connection, select, update

from alerts.breaker import Breakers
from alerts.channels.inbox import Inbox
from alerts.channels.parcel import Channel, Parcel, Receipt
from alerts.errors import ChannelDown, ChannelFault, ChannelRefused, ChannelUnsafe, LeaseLost
from alerts.outbox import (
    FIRST,
    Backoff,
    Claim,
    Dead,
    Delivered,
    Outcome,
    Random,
    TryLater,
    claim,
    postpone,
    settle,
    skip,
    withdraw,
)
from config.errors import Retry, WarmlinkError
from records.ids import AlertRef
from store.database import Database
from store.errors import DatabaseBroken
from store.tables import alert, outbox

INBOX = FIRST


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Consent, booking or assignment no longer allow it: `code` is the reason code for the history."""

    code: str


@dataclass(frozen=True, slots=True)
class NotNeeded:
    """The entry has nothing to do any more (a notice for an alert that was opened meanwhile); the alert stands."""

    code: str


@dataclass(frozen=True, slots=True)
class Postponed:
    """Not now, but at `until`: the recipient sleeps, or heard enough for this hour. It costs the entry no try."""

    until: datetime
    code: str


class Prepare(Protocol):
    """Decides anew at the moment of sending, records that decision, composes and seals.

    Runs in the worker's transaction. Raises an error of the tree where it cannot (no usable key, for one).
    """

    def __call__(self, conn: Connection, claim: Claim, now: datetime) -> Parcel | Withdrawn | NotNeeded | Postponed: ...


Settled = Callable[[Connection, Claim, Outcome], None]
"""Told of each settlement inside its transaction: this is where the audit leaf is written."""


def _unheard(conn: Connection, claim: Claim, outcome: Outcome) -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True)
class Courier:
    """Delivers entries one at a time; several couriers may share an outbox, in one process or many."""

    database: Database
    channels: Mapping[str, Channel]
    prepare: Prepare
    clock: Callable[[], datetime]
    random: Random
    settled: Settled = _unheard
    backoff: Backoff = field(default_factory=Backoff)
    lease: timedelta = timedelta(minutes=2)
    """Longer than the slowest channel's timeouts together, so that only a dead worker's lease runs out."""
    breakers: Breakers = field(default_factory=Breakers)
    """Hand the same one to each courier of a process, so that it remembers between rounds who was down."""

    def run(self, limit: int = 100) -> int:
        """Deliver up to `limit` entries that are due now. Returns how many claims were worked on."""
        done = 0
        while done < limit and (taken := self._claim()):
            self._work(taken)
            done += 1
        return done

    def _claim(self) -> Claim | None:
        now = self.clock()
        usable = self.breakers.closed(self.channels, now) | {INBOX}
        with self.database.write() as conn:
            return next(iter(claim(conn, now=now, lease=self.lease, limit=1, channels=usable)), None)

    def _work(self, taken: Claim) -> None:
        """A lost lease is no fault: whoever holds the entry now finishes it."""
        try:
            if taken.channel == INBOX:
                self._to_inbox(taken)
            else:
                self._by_network(taken)
        except LeaseLost:
            return

    def _to_inbox(self, taken: Claim) -> None:
        try:
            with self.database.write() as conn:
                parcel = self._prepared(conn, taken)
                if isinstance(parcel, Parcel):
                    self._settle(conn, taken, Delivered(Inbox(conn).send(parcel).code))
        except LeaseLost:
            raise
        except WarmlinkError as fault:
            self._failed(taken, fault)

    def _by_network(self, taken: Claim) -> None:
        try:
            with self.database.write() as conn:
                parcel = self._prepared(conn, taken)
            if not isinstance(parcel, Parcel):
                return
            receipt = self._sent(taken.channel, parcel)
        except LeaseLost:
            raise
        except WarmlinkError as fault:
            self._failed(taken, fault)
            return
        with self.database.write() as conn:
            self._settle(conn, taken, Delivered(receipt.code))

    def _sent(self, channel: str, parcel: Parcel) -> Receipt:
        """A refusal is an answer: the channel works. Only silence and broken protection trip the breaker."""
        breaker = self.breakers.of(channel)
        try:
            receipt = self.channels[channel].send(parcel)
        except (ChannelDown, ChannelUnsafe):
            breaker.failed(self.clock())
            raise
        except ChannelRefused:
            breaker.succeeded()
            raise
        breaker.succeeded()
        return receipt

    def _prepared(self, conn: Connection, taken: Claim) -> Parcel | None:
        now = self.clock()
        if taken.attempt > self.backoff.attempts:  # its workers died each time: nobody was left to give it up
            self._settle(conn, taken, Dead("gave_up"))
            return None
        made = self.prepare(conn, taken, now)
        if isinstance(made, Parcel):
            return made
        if isinstance(made, NotNeeded):
            skip(conn, taken, now=now, code=made.code)
        elif isinstance(made, Postponed):
            postpone(conn, taken, made.until, now=now, code=made.code)
        else:
            withdraw(conn, taken.alert, now=now, code=made.code)
            _mark_withdrawn(conn, taken.alert, now)
        return None

    def _failed(self, taken: Claim, fault: WarmlinkError) -> None:
        with self.database.write() as conn:
            self._settle(conn, taken, outcome_of(fault))

    def _settle(self, conn: Connection, taken: Claim, outcome: Outcome) -> None:
        now = self.clock()
        settle(conn, taken, outcome, now=now, random=self.random, backoff=self.backoff)
        mark(conn, taken)
        self.settled(conn, taken, outcome)


def outcome_of(fault: WarmlinkError) -> Outcome:
    """What an error of the tree means for the queue: its class says what to do next."""
    code = fault.code if isinstance(fault, ChannelFault) else _snake(type(fault).__name__)
    if isinstance(fault, ChannelDown):
        return TryLater(code, fault.not_before)
    # Broken protection, or a full disk, is for a person to mend; then the entry goes by itself and nothing is lost.
    return TryLater(code) if isinstance(fault, Retry | ChannelUnsafe | DatabaseBroken) else Dead(code)


def _snake(name: str) -> str:
    """NoUsableKey as no_usable_key: the form that codes have everywhere."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


def _mark_withdrawn(conn: Connection, ref: AlertRef, now: datetime) -> None:
    """Only what nobody has received. An alert that was delivered is taken back by a retraction."""
    unseen = alert.c.state.in_(("queued", "stuck"))
    conn.execute(update(alert).where(alert.c.ref == ref, unseen).values(state="withdrawn", closed_at=now))


def mark(conn: Connection, taken: Claim) -> None:
    """Bring the alert's own state in line: delivered once any channel has it, stuck once all gave up."""
    states = set(conn.execute(select(outbox.c.state).where(outbox.c.alert == taken.alert)).scalars())
    state = "delivered" if "delivered" in states else "stuck" if states == {"dead"} else None
    if state:
        conn.execute(
            update(alert).where(alert.c.ref == taken.alert, alert.c.state.in_(("queued", "stuck"))).values(state=state)
        )
