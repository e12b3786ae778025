"""Write down what clinicians answer and report, and take alerts back."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from alerts import outbox
from alerts.channels.inbox import destroy
from alerts.content import AlertKind
from alerts.errors import AlertNotOpen, NotTheRecipient
from alerts.followup import (
    AlertState,
    Appointment,
    Contact,
    Disposed,
    FirstContact,
    InfoSent,
    Outcome,
    Transition,
    Verdict,
    acknowledge,
    check_outcome,
)
from records.ids import AlertRef, StaffId, ThreadRef
from store import tables
from store.envelope import Vault
from store.once import insert_once
from store.tables import alert


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer that was taken. `earlier` is whoever took this booking on before, if someone else did."""

    transition: Transition
    earlier: StaffId | None


@dataclass(frozen=True, slots=True)
class TakenBack:
    """An alert that no longer stands. Whoever `received` it is owed the one neutral retraction."""

    alert: AlertRef
    recipient: StaffId
    received: bool


def opened(conn: Connection, ref: AlertRef, by: StaffId, *, now: datetime) -> None:
    """The recipient looked at it. Only the first look changes anything."""
    row = _own(conn, ref, by)
    if AlertState(row.state) is AlertState.DELIVERED:
        conn.execute(_of(row).values(state=AlertState.OPENED.value, opened_at=now))


def answer(conn: Connection, ref: AlertRef, by: StaffId, verdict: Verdict, *, via: str, now: datetime) -> Answered:
    """Take an answer. Raises NotTheRecipient, or AlertNotOpen for an alert that is over (also if that was a moment ago).

    Two people may say "mine" to the same booking at once: both are kept, and the second is told of the first.
    """
    row = _own(conn, ref, by)
    transition = acknowledge(AlertKind(row.kind), AlertState(row.state), verdict)
    earlier = taken_on_by(conn, ThreadRef(row.thread), apart_from=by)
    changed = conn.execute(_of(row).values(**_after(transition, row, now)))
    if not changed.rowcount:
        raise AlertNotOpen("this alert changed while you answered it; look at it again")
    conn.execute(insert(tables.acknowledgement).values(alert=ref, by=by, verdict=verdict.value, via=via, at=now))
    return Answered(transition, earlier)


def taken_on_by(conn: Connection, thread: ThreadRef, *, apart_from: StaffId | None = None) -> StaffId | None:
    """Who said of a booking that it is theirs, the first of them; while someone has, its ladder stands still."""
    said = tables.acknowledgement
    query = (
        select(said.c.by)
        .join(alert, alert.c.ref == said.c.alert)
        .where(alert.c.thread == thread, said.c.verdict == Verdict.IS_MY_CLIENT.value)
        .where(alert.c.state == AlertState.ACKNOWLEDGED.value)
        .order_by(said.c.id)
    )
    found = [StaffId(by) for by in conn.execute(query).scalars() if by != apart_from]
    return found[0] if found else None


@dataclass(frozen=True, slots=True)
class Note:
    """The clinician's own words, on their way into an envelope."""

    text: str = field(repr=False)
    vault: Vault = field(repr=False)


def report(
    conn: Connection, ref: AlertRef, by: StaffId, outcome: Outcome, *, key: str, now: datetime, note: Note | None = None
) -> bool:
    """Record an outcome under the reference `key`; False if it was recorded before. A `note` rests sealed.

    A disposition of `closed` closes the alert.
    """
    row = _own(conn, ref, by)
    check_outcome(AlertState(row.state), outcome, now)
    kind, codes = _coded(outcome)
    sealed = note.vault.seal(note.text.encode(), place=f"outcome/{key}") if note else None
    values = {"alert": ref, "by": by, "kind": kind, "codes": codes, "at": outcome.at, "recorded_at": now}
    new = insert_once(conn, tables.outcome, ref=key, **values, sealed=sealed)
    if new and codes == ["closed"]:
        conn.execute(_of(row).values(state=AlertState.CLOSED.value, closed_at=now))
    return new


def take_back(
    conn: Connection, refs: list[AlertRef], *, code: str, destroy_content: bool, now: datetime
) -> tuple[TakenBack, ...]:
    """Stop what is queued, shut what was delivered, and, where the law or a hand-over asks for it, destroy the content.

    The rows stay: what was disclosed to whom is still accounted for. Alerts that were taken back before are left out.
    """
    rows = conn.execute(
        select(alert).where(alert.c.ref.in_(refs), alert.c.state != AlertState.WITHDRAWN.value).order_by(alert.c.ref)
    ).all()
    for row in rows:
        outbox.withdraw(conn, AlertRef(row.ref), now=now, code=code)
        if destroy_content:
            destroy(conn, AlertRef(row.ref))
        conn.execute(
            update(alert).where(alert.c.ref == row.ref).values(state=AlertState.WITHDRAWN.value, closed_at=now)
        )
    unseen = {AlertState.QUEUED.value, AlertState.STUCK.value}
    return tuple(TakenBack(AlertRef(r.ref), StaffId(r.recipient), r.state not in unseen) for r in rows)


def close_thread(conn: Connection, thread: ThreadRef, *, code: str, now: datetime) -> int:
    """The client was discharged, or the stay is over: nothing more is sent or asked. Returns how many alerts closed."""
    over = (AlertState.CLOSED.value, AlertState.WITHDRAWN.value)
    rows = conn.execute(select(alert.c.ref).where(alert.c.thread == thread, alert.c.state.not_in(over))).scalars().all()
    for ref in rows:
        outbox.withdraw(conn, AlertRef(ref), now=now, code=code)
    conn.execute(update(alert).where(alert.c.ref.in_(rows)).values(state=AlertState.CLOSED.value, closed_at=now))
    return len(rows)


def _own(conn: Connection, ref: AlertRef, by: StaffId) -> Any:
    """The alert, if it is this person's. One that does not exist and one that is another's look the same."""
    row = conn.execute(select(alert).where(alert.c.ref == ref, alert.c.recipient == by)).one_or_none()
    if row is None:
        raise NotTheRecipient("you have no such alert")
    return row


def _of(row: Any) -> Any:
    """An update of the alert as it was read: it does nothing if the state changed since."""
    return update(alert).where(alert.c.ref == row.ref, alert.c.state == row.state)


def _after(transition: Transition, row: Any, now: datetime) -> dict[str, object]:
    values: dict[str, object] = {"state": transition.state.value, "opened_at": row.opened_at or now}
    if transition.state is not AlertState.OPENED:
        values["acknowledged_at"] = row.acknowledged_at or now
    if transition.state is AlertState.CLOSED:
        values["closed_at"] = now
    return values


def _coded(outcome: Outcome) -> tuple[str, list[str]]:
    """Kind and codes for the row: nothing in it identifies anyone."""
    match outcome:
        case Contact():
            said = {"by": outcome.initiator, "for": outcome.reason}
            return "contact", [outcome.mode.value, *(f"{name}:{code.value}" for name, code in said.items() if code)]
        case InfoSent():
            return "info_sent", [outcome.decision, *sorted(item.value for item in outcome.items)]
        case Disposed():
            return "disposition", [outcome.disposition.value]
        case FirstContact():
            return "first_contact", []
        case Appointment():
            return "appointment", ["kept" if outcome.kept else "made"]
