"""Opening an alert: the third moment at which consent is asked, and the one at which somebody really learns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from alerts.content import AlertContent, AlertKind
from alerts.keys import PrivateKey
from alerts.seal import open_sealed
from audit.leaves import Kind, Leaf, leaf
from config import Refuse
from records import AlertRef, StaffId, StaffMember
from service.cases import case_of
from service.disclosure import evaluate
from service.engine import Engine
from service.gate import may_open
from service.narrowing import Narrowed, cut_down
from store import findings, inbox, staff
from store.inbox import InboxItem


class NotAvailable(Refuse):
    """There is nothing to read here for this key. The same words for every reason: which one it was is in the audit log."""


UNAVAILABLE = "there is no message here that this key may open"


@dataclass(frozen=True, slots=True)
class InboxLine:
    """One message as a list shows it: nothing in it tells whom or what it is about."""

    alert: AlertRef
    recipient: str
    state: str
    created_at: datetime


def inbox_lines(engine: Engine, recipient: str | None = None) -> Sequence[InboxLine]:
    with engine.database.read() as conn:
        rows: Any = findings.alerts_of(conn, recipient)
        return [InboxLine(AlertRef(r.ref), r.recipient, r.state, r.created_at) for r in rows if r.state != "queued"]


def open_alert(engine: Engine, ref: AlertRef, key: PrivateKey) -> AlertContent:
    """What the message says, after asking consent once more. Raises NotAvailable, and the errors of a broken seal.

    A refused attempt is in the audit log before the refusal is raised.
    """
    sealed = release(engine, ref, key.kid)
    _, content = open_sealed(sealed, key, engine.signer.trusted, now=engine.clock())
    return content


def holder(engine: Engine, key: PrivateKey) -> StaffId:
    """Who answers with this key, while it is in force. Raises NotAvailable."""
    with engine.database.read() as conn:
        member = _reader(conn, _Asked(AlertRef(""), key.kid, None), engine.clock())
    if member is None:
        raise NotAvailable("this key is nobody's that is in force here; see `warmlink keys enroll`")
    return member.staff


def release(engine: Engine, ref: AlertRef, kid: str, *, by: StaffId | None = None) -> str:
    """The sealed text, for whoever holds the private half of `kid` to open it where we cannot see.

    Consent is asked once more, and the opening is in the audit log before the text is given. `by` is who asks, where
    that is known apart from the key: the two must be the same person. Raises NotAvailable.
    """
    now = engine.clock()
    with engine.database.write() as conn:
        sealed, leaves = _admit(engine, conn, _Asked(ref, kid, by), now)
        engine.audit.append(conn, leaves, now)
    if sealed is None:
        raise NotAvailable(UNAVAILABLE)
    return sealed


@dataclass(frozen=True, slots=True)
class _Asked:
    """A wish to read one alert with one key."""

    ref: AlertRef
    kid: str
    by: StaffId | None


def _admit(engine: Engine, conn: Connection, asked: _Asked, now: datetime) -> tuple[str | None, list[Leaf]]:
    """The sealed text if it may be read now, and what the log must say either way."""
    ref = asked.ref
    alert: Any = findings.get_alert(conn, ref)
    member = _reader(conn, asked, now)
    if alert is None or member is None or alert.recipient != member.staff or alert.state == "withdrawn":
        return None, [_refused(["RECIPIENT_UNVERIFIED"], member, None if alert is None else ref)]
    item = inbox.get(conn, ref)
    if item is None or item.jwe is None or item.kid != asked.kid:
        return None, [_refused(["RECIPIENT_UNVERIFIED"], member, ref)]
    sealed, leaves = _consented(engine, conn, alert, item, member, now=now)
    if sealed is None:
        return None, leaves
    if alert.state in {"delivered", "queued", "stuck"}:
        findings.set_alert(conn, ref, state="opened", opened_at=now)
    return sealed, leaves


def _consented(
    engine: Engine, conn: Connection, alert: Any, item: InboxItem, member: StaffMember, *, now: datetime
) -> tuple[str | None, list[Leaf]]:
    """The sealed text if the rules permit reading it now. The last leaf is an opening, or else a refused attempt."""
    if alert.kind == AlertKind.RETRACTION.value:  # says nothing of anybody, so there is nothing to ask consent for
        return item.jwe, [leaf(Kind.OPENING, alert=item.alert, by=member.staff, kid=item.kid)]
    if not may_open(conn):
        return None, [_refused(["FACTS_LOST_IN_RESTORE"], member, item.alert)]
    case = case_of(engine, conn, str(alert.link))
    if case is None:
        return None, [_refused(["BOOKING_SEALED"], member, item.alert)]
    answer = evaluate(engine, conn, case, member, stage="open", at=now)
    if not answer.allows(AlertKind(alert.kind)):
        reasons = answer.decision.reason_codes if not answer.permitted else ["INFO_NOT_COVERED"]
        return None, [answer.leaf, _refused(sorted(reasons), member, item.alert)]
    opened = leaf(
        Kind.OPENING,
        alert=item.alert,
        by=member.staff,
        decision=answer.ref,
        client=case.client.ref,
        booking=case.booking.ref,
        kid=item.kid,
        assigned="yes" if any(a.staff == member.staff for a in case.client.entry.assignments) else "no",
    )
    given: Any = findings.get_decision(conn, str(alert.decision))
    if set(given.fields_allowed) <= set(answer.decision.fields_allowed):
        return item.jwe, [answer.leaf, opened]
    cut = cut_down(engine, conn, Narrowed(alert, item, case, answer), member, now=now)
    return cut[0], [answer.leaf, *cut[1], opened]


def _reader(conn: Connection, asked: _Asked, now: datetime) -> StaffMember | None:
    """Whose key this is, while it is in force and in the hands of whoever asks."""
    known = staff.key(conn, asked.kid)
    if (
        known is None
        or (asked.by is not None and known.staff != asked.by)
        or (known.revoked_at and known.revoked_at <= now)
        or (known.expires_at and known.expires_at <= now)
    ):
        return None
    return staff.get(conn, StaffId(known.staff))


def _refused(reasons: Sequence[str], member: StaffMember | None, ref: AlertRef | None) -> Leaf:
    by = member.staff if member else None
    return leaf(Kind.REFUSED_ATTEMPT, action="open", reasons=reasons, by=by, alert=ref)
