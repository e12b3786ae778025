"""What the log says of a delivery, and of the disclosure that the first one of an alert's content is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, func, select

from alerts.content import AlertKind
from alerts.outbox import Claim, Dead, Delivered, Outcome, TryLater
from audit.leaves import Kind, Leaf, leaf
from records import ClientRef, StaffId
from service.channels import CONTENT
from service.clinics import clinic_named
from service.disclosure import read_input
from service.engine import Engine
from store import clients, fences, findings, staff
from store.tables import outbox

_RESULTS: Mapping[type[Outcome], str] = {Delivered: "delivered", TryLater: "retry", Dead: "dead"}


def delivery_leaf(claim: Claim, outcome: Outcome) -> Leaf:
    return leaf(
        Kind.DELIVERY,
        alert=claim.alert,
        channel=claim.channel,
        result=_RESULTS[type(outcome)],
        outbox=claim.ref,
        attempt=claim.attempt,
        code=_code(outcome.code),
    )


def undelivered_leaf(claim: Claim, code: str) -> Leaf:
    return leaf(
        Kind.DELIVERY, alert=claim.alert, channel=claim.channel, result="withdrawn", outbox=claim.ref, code=code
    )


def disclosure_leaves(engine: Engine, conn: Connection, claim: Claim) -> list[Leaf]:
    """Empty for a notice, for a second channel, and for a retraction, which discloses nothing."""
    alert: Any = findings.get_alert(conn, claim.alert)
    if claim.channel not in CONTENT or alert.kind == AlertKind.RETRACTION.value or not _first_to_arrive(conn, claim):
        return []
    decision: Any = findings.get_decision(conn, alert.decision)
    link: Any = findings.get_link(conn, alert.link)
    recipient = staff.get(conn, StaffId(str(alert.recipient)))
    clinic = clinic_named(engine, str(alert.recipient))
    asked = read_input(engine, decision.ref, decision.sealed_input)
    stated = leaf(
        Kind.DISCLOSURE,
        client=link.client,
        booking=link.booking,
        alert=claim.alert,
        decision=decision.ref,
        recipient=alert.recipient,
        recipient_org=clinic.org if clinic else recipient.org if recipient else None,
        recipient_kind="jail_health" if clinic else "program_staff",
        purpose=asked.purpose.value if asked else "TREAT",
        fields=decision.fields_allowed,
        reasons=decision.reason_codes,
        obligations=decision.obligations,
        consents=decision.consents,
        channel=claim.channel,
        part2=_part2(engine, conn, ClientRef(link.client)),
    )
    return [stated]


def _first_to_arrive(conn: Connection, claim: Claim) -> bool:
    """One alert to one person is one disclosure, by however many channels it goes, and once more after a restore."""
    if fences.was_sent(conn, claim.ref):
        return False
    arrived = select(func.count()).select_from(outbox).where(outbox.c.alert == claim.alert)
    mine = arrived.where(outbox.c.state == "delivered", outbox.c.channel.in_(CONTENT))
    return conn.execute(mine).scalar_one() == 1


def _part2(engine: Engine, conn: Connection, ref: ClientRef) -> str | None:
    """Whether the client is in a Part 2 programme: then that they are a client at all is a Part 2 record."""
    found = clients.get(conn, engine.vault, ref)
    if found is None:
        return None
    programs = [engine.programs.get(enrolment.program) for enrolment in found.entry.enrolments]
    return "yes" if any(program is None or program.part2 for program in programs) else "no"


def _code(text: str) -> str:
    """A class name such as NoUsableKey as the code no_usable_key; codes stay as they are."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in text).lstrip("_")
