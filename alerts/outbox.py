"""The queue between a recorded decision and the recipient.

An entry is written in the decision's own transaction. A worker claims it for a while (the lease) and settles it;
each claim raises the entry's fence, so that a worker which was thought dead and replaced cannot settle any more.
Nothing leaves the queue but by `delivered`, `dead` or `withdrawn`, and each try leaves a row in `attempt`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, insert, or_, select, update

from alerts.errors import LeaseLost
from records.ids import AlertRef
from store.once import insert_once
from store.tables import attempt, outbox

FIRST = "inbox"
"""The channel that is served before all others: a notice that something waits then stands for everything that does."""

Random = Callable[[], float]
"""Uniform in [0, 1)."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to deliver one entry until `lease_until`, unless someone else takes it over. `attempt` counts from 1."""

    ref: str
    alert: AlertRef
    channel: str
    attempt: int
    fence: int
    lease_until: datetime


@dataclass(frozen=True, slots=True)
class Delivered:
    """The channel took it. `code` is what the other side said, as a short word."""

    code: str = "ok"


@dataclass(frozen=True, slots=True)
class TryLater:
    """A passing fault. `not_before` is the other side's own wish, if it had one."""

    code: str
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Dead:
    """Trying again will not help. A person sees it in the dead-letter list."""

    code: str


Outcome = Delivered | TryLater | Dead


@dataclass(frozen=True, slots=True)
class Backoff:
    """When to try again: doubling from `first` up to `longest`, the last half of each wait drawn at random.

    With the defaults a receiver may be away for a day before its entries are given up.
    """

    first: timedelta = timedelta(seconds=15)
    longest: timedelta = timedelta(minutes=15)
    attempts: int = 100

    def wait(self, attempt_number: int, random: Random) -> timedelta:
        doubled: timedelta = self.first * 2 ** min(attempt_number - 1, 20)
        share: float = 0.5 + random() / 2
        return min(doubled, self.longest) * share


def enqueue(
    conn: Connection, ref: str, alert: AlertRef, channel: str, *, now: datetime, not_before: datetime | None = None
) -> bool:
    """Queue an alert for a channel, once: False if this alert already has an entry for this channel."""
    row = {"ref": ref, "alert": alert, "channel": channel, "state": "queued", "attempts": 0, "fence": 0}
    return insert_once(conn, outbox, **row, next_at=not_before or now)


def claim(
    conn: Connection, *, now: datetime, lease: timedelta, limit: int, channels: frozenset[str] | None = None
) -> tuple[Claim, ...]:
    """Take up to `limit` entries that are due, from `channels` or from all: the inbox's, then the longest waiting.

    An entry whose lease ran out is due again; that its worker was lost is noted in the history.
    """
    due = (
        select(outbox.c.ref, outbox.c.state)
        .where(_due(now))
        .order_by(outbox.c.channel != FIRST, outbox.c.next_at, outbox.c.ref)
        .limit(limit)
    )
    if channels is not None:
        due = due.where(outbox.c.channel.in_(channels))
    found = {row.ref: row.state for row in conn.execute(due.with_for_update(skip_locked=True))}
    for ref in sorted(ref for ref, state in found.items() if state == "leased"):
        _note(conn, ref, now, "lost", "lease_expired")
    taken = conn.execute(
        update(outbox)
        .where(outbox.c.ref.in_(found))
        .values(state="leased", fence=outbox.c.fence + 1, attempts=outbox.c.attempts + 1, lease_until=now + lease)
        .returning(outbox)
    ).all()
    order = {ref: place for place, ref in enumerate(found)}
    return tuple(
        Claim(row.ref, AlertRef(row.alert), row.channel, row.attempts, row.fence, row.lease_until)
        for row in sorted(taken, key=lambda row: order[row.ref])
    )


def settle(
    conn: Connection, taken: Claim, outcome: Outcome, *, now: datetime, random: Random, backoff: Backoff | None = None
) -> None:
    """Write down how a claim ended, in the transaction that also writes whatever the delivery changed.

    Raises LeaseLost if the entry was taken over or withdrawn since: the caller must then roll back.
    """
    state, next_at = _resolve(taken, outcome, now, backoff or Backoff(), random)
    times = {"done_at": now} if next_at is None else {"next_at": next_at}
    _release(conn, taken, state=state, last_code=outcome.code, **times)
    _note(conn, taken.ref, now, "retry" if state == "queued" else state, outcome.code)


def skip(conn: Connection, taken: Claim, *, now: datetime, code: str) -> None:
    """End one entry undelivered because nobody needs it any more. Raises LeaseLost as `settle` does."""
    _release(conn, taken, state="withdrawn", last_code=code, done_at=now)
    _note(conn, taken.ref, now, "withdrawn", code)


def postpone(conn: Connection, taken: Claim, until: datetime, *, now: datetime, code: str) -> None:
    """Put an entry back until its time, as if it had not been claimed. Raises LeaseLost as `settle` does."""
    _release(conn, taken, state="queued", last_code=code, next_at=until, attempts=taken.attempt - 1)
    _note(conn, taken.ref, now, "postponed", code)


def withdraw(conn: Connection, alert: AlertRef, *, now: datetime, code: str) -> int:
    """Stop every entry of an alert that has not been delivered, also one that a worker holds. Returns how many."""
    open_entries = and_(outbox.c.alert == alert, outbox.c.state.in_(("queued", "leased", "dead", "held")))
    stopped = conn.execute(
        update(outbox)
        .where(open_entries)
        .values(state="withdrawn", fence=outbox.c.fence + 1, lease_until=None, last_code=code, done_at=now)
        .returning(outbox.c.ref)
    ).scalars()
    refs = sorted(stopped)
    for ref in refs:
        _note(conn, ref, now, "withdrawn", code)
    return len(refs)


def _due(now: datetime) -> ColumnElement[bool]:
    return or_(
        and_(outbox.c.state == "queued", outbox.c.next_at <= now),
        and_(outbox.c.state == "leased", outbox.c.lease_until <= now),
    )


def _release(conn: Connection, taken: Claim, **values: Any) -> None:
    """Change an entry that this claim still holds: the fence says whether it does, in the same statement."""
    held = and_(outbox.c.ref == taken.ref, outbox.c.fence == taken.fence, outbox.c.state == "leased")
    if not conn.execute(update(outbox).where(held).values(lease_until=None, **values)).rowcount:
        raise LeaseLost(f"outbox entry {taken.ref} is no longer this worker's")


def _resolve(
    taken: Claim, outcome: Outcome, now: datetime, backoff: Backoff, random: Random
) -> tuple[str, datetime | None]:
    match outcome:
        case Delivered():
            return "delivered", None
        case TryLater() if taken.attempt < backoff.attempts:
            own = now + backoff.wait(taken.attempt, random)
            return "queued", max(own, outcome.not_before or own)
        case TryLater() | Dead():
            return "dead", None


def _note(conn: Connection, ref: str, now: datetime, result: str, code: str) -> None:
    conn.execute(insert(attempt).values(outbox=ref, at=now, result=result, code=code))
