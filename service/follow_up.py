"""What happens once an alert is out: it changes hands, climbs while nobody answers, and ends when the client's care does.

Run in each cycle after the bookings; what clinicians answer is followed at once, in `service.consequences`. Whoever an alert goes to next is asked
about anew: the ladder finds people, the consent rules say whether they may be told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from alerts.answers import close_thread, take_back, taken_on_by
from alerts.content import AlertKind
from alerts.routing import Role, absence_at, hand_overs
from alerts.threads import OPENING
from alerts.timing import Climb, due_climb, next_push
from audit.leaves import Kind, Leaf, leaf
from records import AlertRef, StaffId, StaffMember, ThreadRef
from service import duty
from service.cases import case_of
from service.channels import heard_at
from service.disclosure import Case
from service.engine import Engine
from service.hand_over import offer_hand_over, turn_higher
from service.notices import REMINDER, announce, urgent
from service.recipients import rungs_of
from service.requests import in_force
from service.retention import held
from store import climbs, duties, findings, staff
from store.tables import alert

CLIMBING = OPENING | {AlertKind.RELEASE, AlertKind.RELEASE_WITHDRAWN}
"""News that somebody has to act upon. A transfer or a hearing comes on top of one of these."""

Directory = Mapping[StaffId, StaffMember]


@dataclass(slots=True)
class Followed:
    """What a round came to. Counts only."""

    closed: int = 0
    handed_over: int = 0
    reminded: int = 0
    climbed: int = 0
    nobody: int = 0


@dataclass(frozen=True, slots=True)
class FollowUp:
    """One round over every open alert; each link in a transaction of its own."""

    engine: Engine
    done: Followed = field(default_factory=Followed)

    def run(self) -> Followed:
        with self.engine.database.read() as conn:
            links = conn.execute(select(alert.c.link).where(_open()).distinct().order_by(alert.c.link)).scalars().all()
        for link in links:
            with self.engine.database.write() as conn:
                Follower(self.engine, conn, str(link), self.done).run()
        with self.engine.database.write() as conn:
            duties.end_idle(conn, self.engine.clock())
        return self.done


@dataclass(slots=True)
class Follower:
    """The open alerts of one link, in one transaction."""

    engine: Engine
    conn: Connection
    link: str
    done: Followed
    leaves: list[Leaf] = field(default_factory=list)

    def run(self) -> None:
        now = self.engine.clock()
        case = case_of(self.engine, self.conn, self.link)
        if case is None or _over(case, self.engine, now):
            self._stand_down(now)
        if case is None:
            return  # retracted: what is left to do is in the outbox
        if _discharged(case):
            self._close(now)
        else:
            directory = staff.everyone(self.conn)
            self._hand_over(case, directory, now)
            self._climb(case, directory, now)
        self.engine.audit.append(self.conn, self.leaves, now)

    def _rows(self) -> list[Any]:
        query = select(alert).where(_open(), alert.c.link == self.link).order_by(alert.c.created_at, alert.c.ref)
        return list(self.conn.execute(query))

    def _close(self, now: datetime) -> None:
        """The client is discharged: nothing is asked any more, and nothing can be opened."""
        for thread in dict.fromkeys(ThreadRef(row.thread) for row in self._rows()):
            refs = [row.ref for row in self._rows() if row.thread == thread]
            self.done.closed += close_thread(self.conn, thread, code="discharged", now=now)
            duties.end_thread(self.conn, thread, now)
            self.leaves += [leaf(Kind.ESCALATION, alert=ref, step=0, code="discharged") for ref in refs]

    def _stand_down(self, now: datetime) -> None:
        """Whoever was turned to because nobody answered covers the client no longer."""
        for thread in dict.fromkeys(ThreadRef(row.thread) for row in self._rows()):
            duties.end_thread(self.conn, thread, now)

    def _hand_over(self, case: Case, directory: Directory, now: datetime) -> None:
        rows = {AlertRef(row.ref): row for row in self._rows()}
        rungs = rungs_of(case.client.entry, directory, now)
        if not rungs:
            self.done.nobody += bool(rows)
            return
        held = {ref: StaffId(row.recipient) for ref, row in rows.items()}
        for move in hand_overs(held, rungs):
            absent = _is_away(case, directory.get(move.former), now)
            taken = self._pass_on(case, rows[move.alert], directory[move.now], now, once=absent)
            if not absent:
                self._lose(case, rows[move.alert], now)
            self.done.handed_over += taken or not absent

    def _pass_on(self, case: Case, row: Any, to: StaffMember, now: datetime, *, once: bool) -> bool:
        """Tell whoever answers now, unless the news still waits in their inbox. `once`: a refusal is not asked again."""
        theirs = [r for r in findings.alerts_for_link(self.conn, self.link) if r.recipient == to.staff]
        if any(r.state in {"queued", "delivered", "opened"} for r in theirs):
            return False
        if once and (theirs or findings.decision_count(self.conn, self.link, to.staff, "link")):
            return False
        said = offer_hand_over(self.engine, self.conn, case, to, str(row.match_class), now=now)
        self.leaves += said[1]
        self.leaves.append(leaf(Kind.ESCALATION, alert=row.ref, step=0, recipient=to.staff, code="handed_over"))
        return said[0]

    def _lose(self, case: Case, row: Any, now: datetime) -> None:
        """The former recipient is done with it: nothing of theirs goes out, and what they had is destroyed, unless on legal hold."""
        kept = held(self.conn, case.booking.ref, case.client.ref)
        take_back(self.conn, [AlertRef(row.ref)], code="reassigned", destroy_content=not kept, now=now)
        duties.end(self.conn, case.client.ref, StaffId(row.recipient), now)
        gone = {"subject_kind": "inbox_item", "purge_reason": "withdrawn", "subject": row.ref}
        if not kept:
            self.leaves.append(leaf(Kind.PURGE, client=case.client.ref, booking=case.booking.ref, **gone))

    def _climb(self, case: Case, directory: Directory, now: datetime) -> None:
        for row in self._rows():
            if row.state not in {"delivered", "opened"} or AlertKind(row.kind) not in CLIMBING:
                continue
            if row.recipient in duties.standing(self.conn, row.thread) or row.recipient not in directory:
                continue  # whoever was turned to is on the way up already
            if step := self._due(row, directory[StaffId(row.recipient)], now):
                self._step(case, row, directory, *step, now=now)

    def _due(self, row: Any, member: StaffMember, now: datetime) -> tuple[int, Climb] | None:
        """The clock starts when the recipient could have heard: not in their quiet hours."""
        told = heard_at(self.conn, row.ref) or row.created_at
        hurry = urgent(self.engine, self.conn, self.link, member, told)
        return due_climb(
            next_push(told, member.quiet_hours, urgent=hurry),
            now,
            done=climbs.highest(self.conn, row.ref),
            answered=taken_on_by(self.conn, ThreadRef(row.thread)) is not None,
            climbs=ladder_of(self.engine),
        )

    def _step(self, case: Case, row: Any, directory: Directory, step: int, climb: Climb, *, now: datetime) -> None:
        to: StaffId | None = StaffId(row.recipient)
        if climb.role is Role.ASSIGNED:
            announce(self.engine, self.conn, row, directory[StaffId(row.recipient)], channel=REMINDER, now=now)
            self.done.reminded += 1
        else:
            to, leaves = turn_higher(self.engine, self.conn, case, row, now=now, start=climb.role)
            self.leaves += leaves
            self.done.climbed += to is not None
            self.done.nobody += to is None
        climbs.add(self.conn, row.ref, step, role=climb.role.value, turned_to=to, now=now)
        code = "reminded" if climb.role is Role.ASSIGNED else "nobody_above" if to is None else climb.role.value
        self.leaves.append(leaf(Kind.ESCALATION, alert=row.ref, step=step, recipient=to, code=code))


def ladder_of(engine: Engine) -> tuple[Climb, ...]:
    wanted = engine.settings.alerts
    return (
        Climb(timedelta(minutes=wanted.remind_after_minutes), Role.ASSIGNED),
        Climb(timedelta(minutes=wanted.supervisor_after_minutes), Role.SUPERVISOR),
        Climb(timedelta(minutes=wanted.on_call_after_minutes), Role.ON_CALL),
    )


def _discharged(case: Case) -> bool:
    return case.client.retired or not any(e.status in duty.CURRENT for e in case.client.entry.enrolments)


def _over(case: Case, engine: Engine, now: datetime) -> bool:
    """Released, and the days are past in which somebody was to see them."""
    out = case.booking.event.released_at
    return out is not None and now >= out.at + timedelta(days=engine.settings.clocks.appointment_days)


def _is_away(case: Case, member: StaffMember | None, now: datetime) -> bool:
    """Still assigned, and back some day: what they have stays theirs."""
    if member is None or absence_at(member, now) is None:
        return False
    return any(a.staff == member.staff and in_force(a, now) for a in case.client.entry.assignments)


def _open() -> Any:
    """Alerts that somebody may still have to answer or act upon."""
    apart = (AlertKind.RETRACTION.value, AlertKind.CLINIC_SHEET.value)
    return alert.c.state.not_in(("closed", "withdrawn")) & alert.c.kind.not_in(apart)
