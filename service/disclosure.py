"""Asking the consent rules and writing the answer down: at linking, at sending, at opening, always the same way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from pydantic import TypeAdapter
from sqlalchemy import Connection

from alerts.compose import NEEDED
from alerts.content import AlertKind
from audit.leaves import Kind, Leaf, leaf
from consent import Decision, DecisionRequest, Verdict
from consent.vocabulary import MatchTier
from records import StaffMember
from service.broken_glass import context as broken_glass
from service.circumstances import applied, of_client
from service.consent_history import on_file
from service.duty import on_duty
from service.engine import Engine
from service.requests import Question, ask
from store import findings, rulebooks
from store.bookings import StoredBooking
from store.clients import StoredClient
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


def evaluate(
    engine: Engine, conn: Connection, case: Case, recipient: StaffMember, *, stage: str, at: datetime
) -> Answer:
    """Decide, and keep the decision with its sealed input in the caller's transaction.

    Each asking is a decision of its own, also at one and the same instant; the caller appends the leaf.
    """
    decision, asked = consider(engine, conn, case, recipient, at)
    earlier = findings.decision_count(conn, case.link, recipient.staff, stage)
    ref = engine.locator.ref("decision", case.link, recipient.staff, stage, str(earlier))
    given = _Given(ref, case, recipient, stage, decision, input_bytes(asked))
    rulebooks.keep(conn, engine.rulebook.hash, engine.rulebook.canonical_bytes, at)
    findings.add_decision(conn, _row(engine, given), at)
    return Answer(ref, decision, _leaf(engine, given))


def consider(
    engine: Engine, conn: Connection, case: Case, recipient: StaffMember, at: datetime
) -> tuple[Decision, DecisionRequest | None]:
    """The decision without keeping it: for a question that discloses nothing, whatever its answer."""
    question = Question(
        entry=on_duty(engine, conn, case.client, at).entry,
        booking=case.booking,
        recipient=recipient,
        tier=TIER[case.verdict],
        consents=on_file(conn, engine, case.client.ref, at),
        programs=engine.programs,
        jurisdiction=engine.settings.consent.jurisdiction,
        circumstances=applied(of_client(conn, engine, case.client.ref, at)),
        context=broken_glass(conn, engine, case.client.ref, recipient.staff, at),
    )
    return ask(question, engine.rulebook, at)


def input_bytes(asked: DecisionRequest | None) -> bytes:
    """What was decided upon, in the published schema; null where facts were missing and nothing could be asked."""
    return b"null" if asked is None else _REQUEST.dump_json(asked, by_alias=True, warnings=False)


def read_input(engine: Engine, decision: str, sealed: bytes | None) -> DecisionRequest | None:
    """What a past decision was made upon; None where facts were missing then, or the content was destroyed since."""
    if sealed is None:
        return None
    body = engine.vault.open(sealed, place=f"decision/{decision}")
    return None if body == b"null" else _REQUEST.validate_json(body)


@dataclass(frozen=True, slots=True)
class _Given:
    """An answer on its way into the store and the log."""

    ref: str
    case: Case
    recipient: StaffMember
    stage: str
    decision: Decision
    body: bytes


def _row(engine: Engine, given: _Given) -> DecisionRow:
    decision = given.decision
    return DecisionRow(
        ref=given.ref,
        link=given.case.link,
        recipient=given.recipient.staff,
        stage=given.stage,
        decision=decision.decision.value,
        reason_codes=sorted(decision.reason_codes),
        fields_allowed=sorted(decision.fields_allowed),
        obligations=sorted(decision.obligations),
        consents=_consent_refs(engine, decision),
        rule_set=decision.rule_set,
        rule_set_hash=decision.rule_set_hash,
        sealed_input=engine.vault.seal(given.body, place=f"decision/{given.ref}"),
    )


def _leaf(engine: Engine, given: _Given) -> Leaf:
    decision = given.decision
    return leaf(
        Kind.DECISION,
        decision=given.ref,
        link=given.case.link,
        booking=given.case.booking.ref,
        client=given.case.client.ref,
        recipient=given.recipient.staff,
        recipient_kind="program_staff",
        recipient_org=given.recipient.org,
        purpose="TREAT",
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
