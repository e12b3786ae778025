"""Asking the consent rules and writing the answer down: at linking, at sending, at opening, always the same way."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

from pydantic import TypeAdapter
from sqlalchemy import Connection

from alerts.compose import NEEDED
from alerts.content import AlertKind
from audit.leaves import Kind, Leaf, leaf
from config import ClinicSettings
from consent import NO_CONTEXT, ContextFacts, Decision, DecisionRequest, Verdict, decide
from consent.facts import Agreement, CustodyRequest
from consent.vocabulary import AgreementKind, FieldName, MatchTier, Purpose
from records import StaffMember
from service import clock_guard
from service.broken_glass import context as broken_glass
from service.circumstances import applied, of_client
from service.consent_history import on_file
from service.duty import on_duty
from service.engine import Engine
from service.requests import Question, ask, name_of
from store import consents, findings, lost_consents, reviews, rulebooks
from store.bookings import StoredBooking
from store.clients import StoredClient
from store.errors import KeyDestroyed
from store.findings import DecisionRow

_REQUEST = TypeAdapter(DecisionRequest)

TIER = {"ALERT": MatchTier.PROBABLE, "REVIEW": MatchTier.POSSIBLE}
"""How far a link can be trusted before a person has looked at it."""


@dataclass(frozen=True, slots=True)
class Case:
    """One link with both sides opened."""

    link: str
    verdict: str
    client: StoredClient
    booking: StoredBooking


@dataclass(frozen=True, slots=True)
class Answer:
    """A recorded decision and the leaf that proves it."""

    ref: str
    decision: Decision
    leaf: Leaf

    @property
    def permitted(self) -> bool:
        return self.decision.decision is not Verdict.DENY

    def allows(self, kind: AlertKind) -> bool:
        """Whether a message of this kind may be there at all: what it gives away by being there must be allowed too."""
        return self.permitted and NEEDED[kind] <= frozenset(self.decision.fields_allowed)


Recipient = StaffMember | ClinicSettings


@dataclass(frozen=True, slots=True)
class Wish:
    """What for, and which fields; None asks for all that a recipient of this kind may have."""

    purpose: Purpose = Purpose.TREAT
    fields: tuple[FieldName, ...] | None = None


ALERTING = Wish()


def evaluate(
    engine: Engine,
    conn: Connection,
    case: Case,
    recipient: Recipient,
    *,
    stage: str,
    at: datetime,
    wish: Wish = ALERTING,
) -> Answer:
    """Decide, and keep the decision with its sealed input in the caller's transaction.

    Each asking is a decision of its own, also at one and the same instant; the caller appends the leaf. Raises ClockBehind
    where the clock was set back.
    """
    clock_guard.read(engine, conn, at).require_right()
    known = consents.length_at(
        conn, case.client.ref, at
    )  # counted first: what comes while we read is a reason to ask again
    decision, asked = consider(engine, conn, case, recipient, at, wish=wish)
    name = name_of(recipient)
    earlier = findings.decision_count(conn, case.link, name, stage)
    ref = engine.locator.ref("decision", case.link, name, stage, str(earlier))
    given = _Given(ref, case, recipient, stage, decision, input_bytes(asked), wish.purpose, known)
    rulebooks.keep(conn, engine.rulebook.hash, engine.rulebook.canonical_bytes, at)
    findings.add_decision(conn, _row(engine, given), at)
    return Answer(ref, decision, _leaf(engine, given))


def consider(
    engine: Engine, conn: Connection, case: Case, recipient: Recipient, at: datetime, *, wish: Wish = ALERTING
) -> tuple[Decision, DecisionRequest | None]:
    """The decision without keeping it: for a question that discloses nothing, whatever its answer.

    While a restore has lost what a client said last about consent, the facts are missing and the answer is no.
    """
    if lost_consents.any_of(conn, case.client.ref):
        return decide({}, engine.rulebook), None
    question = Question(
        entry=on_duty(engine, conn, case.client, at).entry,
        booking=case.booking,
        recipient=recipient,
        tier=_tier(conn, case),
        consents=on_file(conn, engine, case.client.ref, at),
        programs=engine.programs,
        jurisdiction=engine.settings.consent.jurisdiction,
        circumstances=applied(of_client(conn, engine, case.client.ref, at)),
        context=replace(_context(engine, conn, case, recipient, at), request_fields=wish.fields),
        purpose=wish.purpose,
    )
    return ask(question, engine.rulebook, at)


def _tier(conn: Connection, case: Case) -> MatchTier:
    """Nobody outside the programme is told upon a computer's word: a reviewer's or a clinician's makes a match sure."""
    sure = case.verdict == "ALERT" and reviews.outcome(conn, case.link) == "confirmed"
    return MatchTier.CONFIRMED if sure else TIER[case.verdict]


def _context(engine: Engine, conn: Connection, case: Case, recipient: Recipient, at: datetime) -> ContextFacts:
    if isinstance(recipient, StaffMember):
        return broken_glass(conn, engine, case.client.ref, recipient.staff, at)
    agreements = (
        Agreement(kind=AgreementKind(a), org_id=recipient.org, since=None, until=None) for a in recipient.agreements
    )
    return replace(
        NO_CONTEXT, custody_request=CustodyRequest(represented=recipient.represented), agreements=tuple(agreements)
    )


def input_bytes(asked: DecisionRequest | None) -> bytes:
    """What was decided upon, in the published schema; null where facts were missing and nothing could be asked."""
    return b"null" if asked is None else _REQUEST.dump_json(asked, by_alias=True, warnings=False)


def read_input(engine: Engine, decision: str, sealed: bytes | None) -> DecisionRequest | None:
    """What a past decision was made upon; None where facts were missing then, or the content was destroyed since."""
    if sealed is None:
        return None
    try:
        body = engine.vault.open(sealed, place=f"decision/{decision}")
    except KeyDestroyed:
        return None
    return None if body == b"null" else _REQUEST.validate_json(body)


@dataclass(frozen=True, slots=True)
class _Given:
    """An answer on its way into the store and the log."""

    ref: str
    case: Case
    recipient: Recipient
    stage: str
    decision: Decision
    body: bytes
    purpose: Purpose
    known: int


def _row(engine: Engine, given: _Given) -> DecisionRow:
    decision = given.decision
    return DecisionRow(
        ref=given.ref,
        link=given.case.link,
        recipient=name_of(given.recipient),
        stage=given.stage,
        decision=decision.decision.value,
        reason_codes=sorted(decision.reason_codes),
        fields_allowed=sorted(decision.fields_allowed),
        obligations=sorted(decision.obligations),
        consents=_consent_refs(engine, decision),
        rule_set=decision.rule_set,
        rule_set_hash=decision.rule_set_hash,
        sealed_input=engine.own(given.case.booking.ref).seal(given.body, place=f"decision/{given.ref}"),
        consents_known=given.known,
    )


def _leaf(engine: Engine, given: _Given) -> Leaf:
    decision = given.decision
    return leaf(
        Kind.DECISION,
        decision=given.ref,
        link=given.case.link,
        booking=given.case.booking.ref,
        client=given.case.client.ref,
        recipient=name_of(given.recipient),
        recipient_kind="program_staff" if isinstance(given.recipient, StaffMember) else "jail_health",
        recipient_org=given.recipient.org,
        purpose=given.purpose.value,
        stage=given.stage,
        effect=decision.decision.value,
        reasons=decision.reason_codes,
        obligations=decision.obligations,
        fields=decision.fields_allowed,
        withheld=decision.fields_withheld,
        consents=_consent_refs(engine, decision),
        rule_set=decision.rule_set.replace(" ", "-"),
        rule_set_hash=decision.rule_set_hash,
        input_hash=sha256(given.body).hexdigest(),
    )


def _consent_refs(engine: Engine, decision: Decision) -> list[str]:
    """A consent's own id is the provider's and stays sealed; the reference is ours."""
    return sorted(engine.locator.ref("consent", consent) for consent in decision.consents_relied_on)
