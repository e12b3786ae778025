"""The life of consent records: an append-only history of what was recorded, by whom and when.

Nothing is overwritten. A correction, a revocation and a supersession each add an entry that holds the whole record as
it reads from then on, so `as_of` gives back exactly what was on file at any instant. All functions are pure; storage
keeps the entries.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from config.errors import Refuse
from consent.decision import Decision
from consent.facts import ConsentRecord
from consent.times import end, start
from consent.vocabulary import ConsentStatus, Element, RevocationMethod


class HistoryRefused(Refuse):
    """What was asked does not fit the history: an unknown consent, one recorded twice, a time that runs backwards."""


class Act(StrEnum):
    """Why an entry was added."""

    RECORDED = "recorded"
    CORRECTED = "corrected"
    REVOKED = "revoked"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class Entry:
    """One state of one record. `document` is the SHA-256 of the scanned form in hex; empty where there is no scan."""

    record: ConsentRecord
    act: Act
    recorded_at: datetime
    recorded_by: str
    document: str = ""
    superseded_by: str | None = None


History = tuple[Entry, ...]
"""Entries in the order in which they were recorded, for any number of consents."""


def as_of(history: History, instant: datetime) -> tuple[ConsentRecord, ...]:
    """The records as they were on file at that instant: what a decision made then could know."""
    return tuple(entry.record for entry in entries_as_of(history, instant))


def entries_as_of(history: History, instant: datetime) -> History:
    """The entry of each consent that stood at that instant, with who had recorded it and when."""
    return tuple(_latest(e for e in history if e.recorded_at <= instant).values())


def current(history: History) -> tuple[ConsentRecord, ...]:
    """The records as they are on file now."""
    return tuple(entry.record for entry in _latest(history).values())


def of_consent(history: History, consent_id: str) -> History:
    """Every entry of one consent, oldest first."""
    return tuple(e for e in history if e.record.id == consent_id)


def record(history: History, new: ConsentRecord, *, by: str, at: datetime, document: str = "") -> History:
    """Put a consent on file. Raises HistoryRefused if its id is on file already."""
    if of_consent(history, new.id):
        raise HistoryRefused("a consent of this id is on file; correct it or revoke it")
    return _append(history, Entry(new, Act.RECORDED, at, by, document))


def correct(history: History, corrected: ConsentRecord, *, by: str, at: datetime, document: str = "") -> History:
    """Record how a consent should have read. The earlier reading stays in the history."""
    before = _on_file(history, corrected.id)
    if corrected.client_id != before.record.client_id:
        raise HistoryRefused("a correction cannot give a consent to another client: revoke it and record a new one")
    return _append(history, replace(before, record=corrected, act=Act.CORRECTED, recorded_at=at, recorded_by=by,
                                    document=document or before.document))  # fmt: skip


def revoke(history: History, consent_id: str, *, received_at: datetime, method: RevocationMethod, by: str) -> History:
    """End a consent at the instant the revocation was received. A second revocation never makes it later.

    A revocation in writing counts over an earlier oral one that policy may not honour: the stronger method is kept.
    """
    before = _on_file(history, consent_id)
    now = before.record
    first = now.revoked_at is None or now.revocation_method is RevocationMethod.ORAL is not method
    revoked = replace(
        now,
        status=ConsentStatus.INACTIVE if now.status is ConsentStatus.ACTIVE else now.status,
        revoked_at=received_at if first else now.revoked_at,
        revocation_method=method if first else now.revocation_method,
    )
    return _append(history, replace(before, record=revoked, act=Act.REVOKED, recorded_at=received_at, recorded_by=by))


def supersede(
    history: History, old_id: str, new: ConsentRecord, *, by: str, at: datetime, document: str = ""
) -> History:
    """Replace a consent by a newer form: the old one ends at the same instant at which the new one is on file."""
    before = _on_file(history, old_id)
    if new.client_id != before.record.client_id:
        raise HistoryRefused("a consent cannot be superseded by another client's")
    ended = revoke(history, old_id, received_at=at, method=RevocationMethod.WRITTEN, by=by)
    last = replace(ended[-1], act=Act.SUPERSEDED, superseded_by=new.id)
    return record((*history, last), new, by=by, at=at, document=document)


def expiring(
    history: History, instant: datetime, within: timedelta, local: ZoneInfo
) -> tuple[tuple[ConsentRecord, datetime], ...]:
    """Consents in force that end by date within that time, soonest first, each with the instant it ends."""
    found = []
    for consent in as_of(history, instant):
        if consent.status is not ConsentStatus.ACTIVE or consent.expires_at is None:
            continue
        over = end(consent.expires_at, local)
        revoked = consent.revoked_at is not None and start(consent.revoked_at, local) <= instant
        if instant < over <= instant + within and not revoked:
            found.append((consent, over))
    return tuple(sorted(found, key=lambda pair: (pair[1], pair[0].id)))


@dataclass(frozen=True, slots=True)
class ElementOnForm:
    """One element that 42 CFR 2.31(a) asks for, and whether the signed form has it."""

    element: Element
    number: str
    words: str
    present: bool


_ELEMENTS: tuple[tuple[Element, str, str], ...] = (
    (Element.PATIENT_NAME, "2.31(a)(1)", "the patient's name"),
    (Element.DISCLOSER, "2.31(a)(2)", "who may disclose"),
    (Element.INFORMATION, "2.31(a)(3)", "what may be disclosed"),
    (Element.RECIPIENT, "2.31(a)(4)", "who may receive it"),
    (Element.HIPAA_REDISCLOSURE_STATEMENT, "2.31(a)(4)(iii)", "the statement for recipients bound by HIPAA"),
    (Element.PURPOSE, "2.31(a)(5)", "for which purpose"),
    (Element.RIGHT_TO_REVOKE, "2.31(a)(6)", "the right to revoke, and how"),
    (Element.EXPIRATION, "2.31(a)(7)", "when it ends"),
    (Element.SIGNATURE, "2.31(a)(8)", "a signature"),
    (Element.DATE_SIGNED, "2.31(a)(9)", "the date of signing"),
    (Element.REDISCLOSURE_STATEMENT, "2.31(a)(10)(i)", "that it may be redisclosed"),
    (Element.REFUSAL_CONSEQUENCES, "2.31(a)(10)(ii)", "what follows from refusing to sign"),
    (Element.PERIOD_STATED, "2.35(b)", "for a referral: the period"),
    (Element.REVOCATION_CONDITION, "2.35(c)", "for a referral: when it becomes revocable"),
)


def elements(consent: ConsentRecord) -> tuple[ElementOnForm, ...]:
    """The elements of the form in the order of the regulation, each present or absent."""
    missing = set(consent.elements_missing)
    return tuple(ElementOnForm(e, number, words, e not in missing) for e, number, words in _ELEMENTS)


def words_of(wanted: Iterable[Element]) -> tuple[tuple[Element, str, str], ...]:
    """(element, citation, words) of these, in the order of the regulation."""
    asked = frozenset(wanted)
    return tuple(known for known in _ELEMENTS if known[0] in asked)


def relying_on(consent_id: str, decisions: Iterable[tuple[str, Decision]]) -> tuple[str, ...]:
    """Which of these decisions (by reference) relied on a consent: what its revocation stops or asks back."""
    return tuple(ref for ref, decision in decisions if consent_id in decision.consents_relied_on)


def _latest(entries: Iterable[Entry]) -> dict[str, Entry]:
    return {entry.record.id: entry for entry in entries}


def _on_file(history: History, consent_id: str) -> Entry:
    entry = _latest(history).get(consent_id)
    if entry is None:
        raise HistoryRefused("no consent of this id is on file")
    return entry


def _append(history: History, entry: Entry) -> History:
    if entry.recorded_at.utcoffset() is None:
        raise HistoryRefused("an entry needs the instant, with its offset, at which it was recorded")
    if history and entry.recorded_at < history[-1].recorded_at:
        raise HistoryRefused("an entry cannot be recorded before the one that precedes it")
    return (*history, entry)
