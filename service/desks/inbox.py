"""The case manager's desk: threads, opening, answering, reporting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, func, or_, select

from alerts import answers
from alerts.content import AlertKind
from alerts.enrolment import usable_key
from alerts.errors import NoUsableKey
from alerts.followup import Appointment, Contact, Disposed, FirstContact, Outcome, Verdict
from audit.leaves import Kind, Leaf, leaf
from config.settings import ClockSettings
from records import AlertRef, StaffId, StaffMember
from service.consequences import follow
from service.engine import Engine
from store import findings, staff
from store.tables import acknowledgement, alert, inbox_item, outcome

_OF_RELEASE = frozenset({AlertKind.RELEASE, AlertKind.RELEASE_WITHDRAWN})
OVER = frozenset({"closed", "withdrawn"})
MOST = 40
"""Threads of one page."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A thread's place in the order: 0 waits for an answer, 1 is open, 2 is over; then the newest news first."""

    rank: int
    latest: datetime
    thread: str

    def __str__(self) -> str:
        return f"{self.rank}_{self.latest.isoformat()}_{self.thread}"

    @classmethod
    def parse(cls, text: str) -> Turn:
        """Raises ValueError."""
        rank, _, rest = text.partition("_")
        at, _, thread = rest.rpartition("_")
        return cls(int(rank), datetime.fromisoformat(at), thread)


@dataclass(frozen=True, slots=True)
class Message:
    """One alert as a list shows it: when and what sort, never whom. `readable` if its sealed text is still there."""

    ref: AlertRef
    kind: AlertKind
    state: str
    created_at: datetime
    delivered_at: datetime | None
    kid: str
    readable: bool
    verdict: str = ""
    outcomes: tuple[tuple[str, str], ...] = ()
    """(kind, code) of what was reported."""


@dataclass(frozen=True, slots=True)
class Thread:
    """All messages to one person about one booking of one client, the newest last."""

    ref: str
    messages: tuple[Message, ...]

    @property
    def latest(self) -> Message:
        return self.messages[-1]

    @property
    def open(self) -> bool:
        return any(m.state not in OVER for m in self.messages)

    @property
    def unanswered(self) -> bool:
        return any(m.state in {"delivered", "opened"} for m in self.messages)


def release_clocks(thread: Thread, clocks: ClockSettings) -> list[tuple[str, datetime]]:
    """(first_contact or appointment, by when) of a release that stands and was not followed up, counted from its news.

    The message itself counts from the release: this one, on a list that may not say more, is never the earlier of the two.
    """
    news = [m for m in thread.messages if m.kind in _OF_RELEASE and m.state != "withdrawn"]
    if not news or news[-1].kind is AlertKind.RELEASE_WITHDRAWN or not thread.open:
        return []
    done = {kind for m in thread.messages for kind, _ in m.outcomes}
    since = news[-1].created_at
    both = (("first_contact", timedelta(hours=clocks.first_contact_hours)), ("appointment", timedelta(days=clocks.appointment_days)))  # fmt: skip
    return [(name, since + span) for name, span in both if name not in done]


def threads(
    engine: Engine, recipient: StaffId, *, after: Turn | None = None, most: int = MOST
) -> tuple[Sequence[Thread], Turn | None]:
    """The recipient's threads: what waits for an answer first, then what is open, then the rest; the newest news first.

    `most` of them, after a place; with the place after which the next come, None behind the last.
    """
    with engine.database.view() as conn:
        turns = _turns(conn, recipient, after, most + 1)
        found = _threads(conn, recipient, [turn.thread for turn in turns[:most]])
    order = {turn.thread: n for n, turn in enumerate(turns)}
    found.sort(key=lambda t: order[t.ref])
    return found, turns[most - 1] if len(turns) > most else None


def _turns(conn: Connection, recipient: StaffId, after: Turn | None, most: int) -> list[Turn]:
    """In which order threads are read, told from their states and times alone."""
    waits, stands = alert.c.state.in_(("delivered", "opened")), alert.c.state.not_in(OVER)
    rank = func.min(case((waits, 0), (stands, 1), else_=2)).label("rank")
    latest = func.max(alert.c.created_at).label("latest")
    each = select(alert.c.thread, rank, latest).where(_shown_to(recipient)).group_by(alert.c.thread).subquery()
    query = select(each.c.thread, each.c.rank, each.c.latest)
    if after is not None:
        same = (each.c.rank == after.rank) & (each.c.latest == after.latest) & (each.c.thread > after.thread)
        older = (each.c.rank == after.rank) & (each.c.latest < after.latest)
        query = query.where(or_(each.c.rank > after.rank, older, same))
    rows = conn.execute(query.order_by(each.c.rank, each.c.latest.desc(), each.c.thread).limit(most))
    return [Turn(row.rank, row.latest, row.thread) for row in rows]


def _shown_to(recipient: StaffId) -> ColumnElement[bool]:
    return (alert.c.recipient == recipient) & alert.c.state.not_in(("queued", "stuck"))


def _threads(conn: Connection, recipient: StaffId, refs: Sequence[str]) -> list[Thread]:
    rows: Any = conn.execute(
        select(alert, inbox_item.c.kid, inbox_item.c.jwe.is_not(None).label("readable"), inbox_item.c.delivered_at)
        .outerjoin(inbox_item, inbox_item.c.alert == alert.c.ref)
        .where(_shown_to(recipient), alert.c.thread.in_(refs))
        .order_by(alert.c.thread, alert.c.created_at, alert.c.ref)
    ).all()
    mine = [row.ref for row in rows]
    said, reported = _said(conn, mine), _reported(conn, mine)
    return [
        Thread(ref, tuple(_message(row, said, reported) for row in group))
        for ref, group in groupby(rows, key=lambda r: str(r.thread))
    ]


def _message(row: Any, said: dict[str, str], reported: dict[str, list[tuple[str, str]]]) -> Message:
    return Message(
        ref=AlertRef(row.ref),
        kind=AlertKind(row.kind),
        state=row.state,
        created_at=row.created_at,
        delivered_at=row.delivered_at,
        kid=row.kid or "",
        readable=bool(row.readable) and row.state != "withdrawn",
        verdict=said.get(row.ref, ""),
        outcomes=tuple(reported.get(row.ref, ())),
    )


def _said(conn: Connection, alerts: Sequence[str]) -> dict[str, str]:
    """The last answer to each alert."""
    told = acknowledgement
    rows = conn.execute(select(told.c.alert, told.c.verdict).where(told.c.alert.in_(alerts)).order_by(told.c.id))
    return {row.alert: row.verdict for row in rows}


def _reported(conn: Connection, alerts: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    query = select(outcome).where(outcome.c.alert.in_(alerts))
    for row in conn.execute(query.order_by(outcome.c.recorded_at, outcome.c.ref)):
        found.setdefault(row.alert, []).append((row.kind, _shown(row.kind, row.codes)))
    return found


def _shown(kind: str, codes: Sequence[str]) -> str:
    """Of a contact how, of what was sent the last item."""
    return codes[0 if kind == "contact" else -1] if codes else ""


def key_in_force(engine: Engine, member: StaffId) -> str | None:
    """The thumbprint of the key that new alerts to this person are sealed to."""
    try:
        with engine.database.read() as conn:
            return usable_key(conn, member, now=engine.clock()).kid
    except NoUsableKey:
        return None


def keys_of(engine: Engine, member: StaffId) -> Sequence[tuple[str, dict[str, str]]]:
    """Thumbprint and public JWK of each key that is in force."""
    with engine.database.read() as conn:
        return [(k.kid, k.public_jwk) for k in staff.usable_keys(conn, member, engine.clock())]


def answer(engine: Engine, ref: AlertRef, by: StaffId, verdict: Verdict, *, via: str = "console") -> StaffId | None:
    """Take the answer and do what follows from it. Gives whoever took the booking on before, if someone did.

    Raises NotTheRecipient and AlertNotOpen.
    """
    now = engine.clock()
    with engine.database.write() as conn:
        taken = answers.answer(conn, ref, by, verdict, via=via, now=now)
        row: Any = findings.get_alert(conn, ref)
        link: Any = findings.get_link(conn, row.link)
        leaves = [
            leaf(
                Kind.ACKNOWLEDGEMENT,
                alert=ref,
                by=by,
                answer=verdict.value,
                client=link.client,
                booking=link.booking,
                channel=via,
            )
        ]
        leaves += follow(engine, conn, row, by, taken.transition.consequences, now=now)
        engine.audit.append(conn, leaves, now)
    return taken.earlier


def report(engine: Engine, ref: AlertRef, by: StaffId, done: Outcome, note: str = "") -> bool:
    """Record what came of it; False if this very outcome was recorded before. A note rests sealed."""
    now = engine.clock()
    key = engine.locator.ref("outcome", ref, type(done).__name__, done.at.isoformat(), _code(done))
    with engine.database.write() as conn:
        kept = answers.Note(note, engine.vault) if note else None
        new = answers.report(conn, ref, by, done, key=key, now=now, note=kept)
        if new:
            engine.audit.append(conn, [_outcome_leaf(ref, by, done)], now)
    return new


def _outcome_leaf(ref: AlertRef, by: StaffId, done: Outcome) -> Leaf:
    facts: dict[str, object] = {}
    if isinstance(done, Contact):
        facts = {"contact": done.mode, "initiator": done.initiator, "contact_reason": done.reason}
    elif isinstance(done, Disposed):
        facts = {"disposition": done.disposition}
    return leaf(Kind.OUTCOME, alert=ref, by=by, **facts)


def _code(done: Outcome) -> str:
    match done:
        case Contact():
            return done.mode.value
        case Disposed():
            return done.disposition.value
        case Appointment():
            return "kept" if done.kept else "made"
        case FirstContact():
            return "first"
        case _:
            return done.decision


def member_of(engine: Engine, who: StaffId) -> StaffMember | None:
    with engine.database.read() as conn:
        return staff.get(conn, who)
