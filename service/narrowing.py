"""A consent was narrowed after an alert was sealed: whoever opens it now reads what may still be told, and no more.

The sealed text says more than that and cannot be cut down by anybody but its recipient, so a new one is written from what
is on file, sealed to the same key, and the old one is destroyed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from alerts.content import AlertKind
from alerts.errors import NoUsableKey
from alerts.keys import PublicKey
from audit.leaves import Kind, Leaf, leaf
from records import StaffMember
from service.disclosure import Answer, Case
from service.engine import Engine
from service.facts import alert_facts
from service.retention import held
from service.sealing import clocks_of, sealed_to, written
from store import findings, inbox, staff
from store.inbox import InboxItem


@dataclass(frozen=True, slots=True)
class Narrowed:
    """An alert in somebody's inbox, and the decision that allows less than stands in it."""

    alert: Any
    item: InboxItem
    case: Case
    answer: Answer


def cut_down(
    engine: Engine, conn: Connection, narrowed: Narrowed, member: StaffMember, *, now: datetime
) -> tuple[str, list[Leaf]]:
    """The text with fewer fields, and the proof that the other is gone. On legal hold the other stays, and stays shut."""
    alert, item, case, answer = narrowed.alert, narrowed.item, narrowed.case, narrowed.answer
    facts = alert_facts(engine, conn, case, answer.decision, str(alert.match_class))
    kind, clocks = AlertKind(alert.kind), clocks_of(engine.settings)
    content = written(facts, answer.decision, kind, member, now, clocks=clocks)
    made = sealed_to(engine, content, _same_key(conn, item.kid), item.alert, now)
    if held(conn, case.booking.ref, case.client.ref):
        return made.jwe, []
    inbox.replace(conn, item.alert, jwe=made.jwe, backup_jwe=made.backup_jwe)
    findings.set_alert(conn, item.alert, decision=answer.ref)
    gone = {"subject_kind": "inbox_item", "subject": item.alert, "purge_reason": "withdrawn"}
    return made.jwe, [leaf(Kind.PURGE, client=case.client.ref, booking=case.booking.ref, **gone)]


def _same_key(conn: Connection, kid: str) -> PublicKey:
    known = staff.key(conn, kid)
    if known is None:
        raise NoUsableKey("the key that this alert was sealed to is not enrolled any more")
    return PublicKey(known.kid, known.public_jwk)
