"""Consent forms at the compliance desk: typed in from paper, corrected by a newer one, revoked, read back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from audit.leaves import Kind, leaf
from config import Refuse
from consent import ConsentRecord
from consent.history import ElementOnForm, Entry, elements, words_of
from consent.intake import Unfit, as_record
from consent.vocabulary import ConsentType, Element, RevocationMethod
from records import ClientRef, OrgId
from service import consents
from service.consent_history import history_of
from service.engine import Engine
from store import clients

TEN = (
    Element.PATIENT_NAME, Element.DISCLOSER, Element.INFORMATION, Element.RECIPIENT, Element.PURPOSE, Element.RIGHT_TO_REVOKE,
    Element.EXPIRATION, Element.SIGNATURE, Element.DATE_SIGNED, Element.REDISCLOSURE_STATEMENT, Element.REFUSAL_CONSEQUENCES,
    Element.HIPAA_REDISCLOSURE_STATEMENT,
)  # fmt: skip
"""What 42 CFR 2.31(a)(1) to (10) ask for; (10) has two parts, and (4) a third for recipients bound by HIPAA."""
REFERRAL = (Element.PERIOD_STATED, Element.REVOCATION_CONDITION)
"""What 2.35 asks for besides, of a referral by a court."""
TEN_IN_WORDS, REFERRAL_IN_WORDS = words_of(TEN), words_of(REFERRAL)
"""(element, citation, words) in the order of the regulation."""


class FormRefused(Refuse):
    """The form cannot be put on file so. Names the field, never what was in it."""


@dataclass(frozen=True, slots=True)
class Paper:
    """What stands on a signed form, as typed in. `present` are the elements that its text contains."""

    number: str
    client: str
    type: str
    signed_on: date | None
    effective_on: date | None
    expires_on: date | None
    expires_event: str
    signer: str
    authority_verified: bool
    programs: tuple[str, ...]
    recipients: tuple[tuple[str, str], ...]
    purposes: tuple[str, ...]
    info: tuple[str, ...]
    present: tuple[str, ...]
    document: str = ""
    """SHA-256 of the scan in hex; the scan itself stays where it is."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A client's consents as the desk shows them: every entry ever, and those that stand now."""

    client: ClientRef
    number: str
    org: str
    history: tuple[Entry, ...]

    @property
    def latest(self) -> tuple[Entry, ...]:
        return tuple({entry.record.id: entry for entry in self.history}.values())

    def lacking(self, record: ConsentRecord) -> tuple[ElementOnForm, ...]:
        return tuple(e for e in elements(record) if not e.present)


def asked_for(kind: str) -> tuple[Element, ...]:
    """The elements that a form of this kind must have."""
    return TEN + REFERRAL if kind == ConsentType.CJ_REFERRAL.value else TEN


def record(engine: Engine, paper: Paper, org: OrgId, by: str) -> ConsentRecord:
    """Put the form on file. Raises FormRefused for what cannot be read, and Refuse for an id that is on file."""
    try:
        read = as_record(_raw(engine, paper))
    except Unfit as fault:
        raise FormRefused(f"{fault.field}: {fault.why}") from None
    consents.file(engine, paper.client, read, org=org, by=by, document=paper.document)
    return read


def revoke(engine: Engine, number: str, form: str, org: OrgId, by: str, *, method: str, take_back: bool) -> None:
    """End a consent now; with `take_back`, what relied on it and is still open is taken back."""
    wanted = RevocationMethod(method)
    consents.revoke(engine, number, form, org=org, method=wanted, by=by, take_back=take_back)


def sheet(engine: Engine, number: str, org: OrgId, by: str) -> Sheet | None:
    """The client's consents; None if the roster never had them. The look is in the log."""
    ref = ClientRef(engine.locator.ref("client", org, number.strip()))
    with engine.database.write() as conn:
        engine.audit.append(conn, [leaf(Kind.VIEW, by=by, screen="compliance", client=ref)], engine.clock())
        stored = clients.get(conn, engine.vault, ref)
        return None if stored is None else Sheet(ref, number.strip(), org, history_of(conn, engine, ref))


def _raw(engine: Engine, paper: Paper) -> dict[str, Any]:
    wanted = {e.value for e in asked_for(paper.type)}
    event = {"kind": paper.expires_event, "occurred_at": None} if paper.expires_event else None
    name = paper.number.strip() or f"form-{engine.locator.ref('form', paper.client, engine.clock().isoformat())[:12]}"
    return {
        "id": name,
        "client_id": paper.client.strip(),
        "type": paper.type,
        "status": "active",
        "rule_version": "2024",
        "signed_at": _day(paper.signed_on),
        "effective_from": _day(paper.effective_on),
        "expires_at": _day(paper.expires_on),
        "expires_event": event,
        "revoked_at": None,
        "revocation_method": None,
        "revocable_from": None,
        "signer": {"relationship": paper.signer, "person_id": None, "authority_verified": paper.authority_verified},
        "discloser": {"program_ids": list(paper.programs), "any_treating_program": not paper.programs},
        "base": "permit",
        "recipients": [{"kind": kind, "id": name} for kind, name in paper.recipients],
        "purposes": list(paper.purposes),
        "info": list(paper.info),
        "provisions": [],
        "elements_missing": [e.value for e in asked_for(paper.type) if e.value in wanted - set(paper.present)],
        "known_false": False,
    }


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
