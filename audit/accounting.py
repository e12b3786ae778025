"""Who was told about a client: the accountings that the law gives the client a right to, and everything.

* HIPAA, 45 CFR 164.528: six years; date, recipient, what, why; without disclosures for treatment, payment and
  operations or under an authorisation. The consent rules mark the others with ACCOUNT_HIPAA_528.
* 42 CFR 2.25: three years; disclosures of Part 2 records made with consent, marked ACCOUNT_P2_2_25.
* 42 CFR 2.24: three years; whom an intermediary passed Part 2 records on to, marked INTERMEDIARY_LIST_2_24.

An alert inside the programme is treatment, so in none of these three, unless it relied on a Part 2 consent; it is
always in `everything`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from audit.leaves import Entry, Kind
from audit.report import ALWAYS, Period, Table, moment, text, texts, years_before


class Accounting(Enum):
    """Which accounting, by the code that its exports carry."""

    HIPAA = "hipaa_164_528"
    PART2 = "part2_2_25"
    INTERMEDIARY = "part2_2_24"
    EVERYTHING = "everything"


@dataclass(frozen=True, slots=True)
class _Law:
    obligation: str | None
    years: int | None
    basis: str


_LAWS = {
    Accounting.HIPAA: _Law("ACCOUNT_HIPAA_528", 6, "45 CFR 164.528: six years, without treatment, payment, operations"),
    Accounting.PART2: _Law("ACCOUNT_P2_2_25", 3, "42 CFR 2.25: three years, Part 2 records disclosed with consent"),
    Accounting.INTERMEDIARY: _Law("INTERMEDIARY_LIST_2_24", 3, "42 CFR 2.24: three years, through an intermediary"),
    Accounting.EVERYTHING: _Law(None, None, "Everything in the log, more than any accounting asks for"),
}


@dataclass(frozen=True, slots=True)
class DisclosureRow:
    """One disclosure. `position` is its place in the audit log, to prove it by."""

    at: datetime
    recipient: str
    organisation: str
    kind: str
    purpose: str
    what: tuple[str, ...]
    basis: tuple[str, ...]
    consents: tuple[str, ...]
    through: str
    alert: str
    withdrawn_at: datetime | None
    position: int


def accounting(
    entries: Iterable[Entry], client: str, which: Accounting, as_of: datetime, since: datetime | None = None
) -> Table:
    """Disclosures about the client up to and including `as_of`; from the beginning of the legal period, or `since`."""
    known = tuple(entries)
    law = _LAWS[which]
    start = since or (years_before(as_of, law.years) if law.years else None)
    withdrawn = _withdrawals(known)
    rows = tuple(
        _row(entry, withdrawn)
        for entry in known
        if entry.leaf.kind is Kind.DISCLOSURE
        and text(entry, "client") == client
        and entry.at <= as_of
        and (start is None or entry.at >= start)
        and (law.obligation is None or law.obligation in texts(entry, "obligations"))
    )
    return Table(
        code=which.value,
        title="Accounting of disclosures",
        basis=law.basis,
        row_type=DisclosureRow,
        rows=rows,
        period=Period(start, as_of),
        notes=(f"Disclosures about the client: {len(rows)}.",),
    )


@dataclass(frozen=True, slots=True)
class RevocationRow:
    """Something that relied on a consent after it had been taken back or had expired."""

    at: datetime
    what: str
    consent: str
    ended_at: datetime
    client: str
    recipient: str
    alert: str
    position: int


_RELIES = frozenset({Kind.DECISION, Kind.DISCLOSURE})
_ENDS = frozenset({"revoked", "expired", "superseded", "entered_in_error"})


def after_revocation(entries: Iterable[Entry], period: Period = ALWAYS) -> Table:
    """Decisions to tell and disclosures that rely on a consent after its end. There must be none.

    For what people end the log's own order counts, not the clocks: what stands after the revocation in the log came after
    it. A consent that was recorded again is in force again. One that ends by itself ends at the instant stated with it;
    that is asked of decisions, because a disclosure that was decided in time may be noted a moment later.
    """
    ended: dict[str, datetime] = {}
    until: dict[str, datetime] = {}
    rows = []
    for entry in entries:
        if entry.leaf.kind is Kind.CONSENT:
            _note_consent(entry, ended, until)
        elif entry.leaf.kind in _RELIES and text(entry, "effect") != "deny" and entry.at in period:
            by_itself = until if entry.leaf.kind is Kind.DECISION else {}
            for consent in texts(entry, "consents"):
                over = ended.get(consent) or by_itself.get(consent)
                if over is not None and (consent in ended or over <= entry.at):
                    rows.append(_late(entry, consent, over))
    return Table(
        code="after_revocation",
        title="Alerts after revocation",
        basis="42 CFR 2.31(a)(6), 45 CFR 164.508(b)(5): a revoked consent carries nothing any more",
        row_type=RevocationRow,
        rows=tuple(rows),
        period=period,
        notes=("None, as it must be.",) if not rows else ("Each of these is to be explained and reported.",),
    )


def _note_consent(entry: Entry, ended: dict[str, datetime], until: dict[str, datetime]) -> None:
    consent, over = text(entry, "consent"), moment(entry, "until")
    ended.pop(consent, None)
    until.pop(consent, None)
    if text(entry, "change") in _ENDS:
        ended[consent] = entry.at
    elif over is not None:
        until[consent] = over


def _late(entry: Entry, consent: str, ended_at: datetime) -> RevocationRow:
    return RevocationRow(
        entry.at,
        entry.leaf.kind.value,
        consent,
        ended_at,
        text(entry, "client"),
        text(entry, "recipient"),
        text(entry, "alert"),
        entry.position,
    )


def _row(entry: Entry, withdrawn: dict[str, datetime]) -> DisclosureRow:
    return DisclosureRow(
        at=entry.at,
        recipient=text(entry, "recipient"),
        organisation=text(entry, "recipient_org"),
        kind=text(entry, "recipient_kind"),
        purpose=text(entry, "purpose"),
        what=texts(entry, "fields"),
        basis=texts(entry, "reasons"),
        consents=texts(entry, "consents"),
        through=text(entry, "via"),
        alert=text(entry, "alert"),
        withdrawn_at=withdrawn.get(text(entry, "alert")),
        position=entry.position,
    )


def _withdrawals(entries: Sequence[Entry]) -> dict[str, datetime]:
    return {text(e, "alert"): e.at for e in entries if e.leaf.kind is Kind.RETRACTION and text(e, "alert")}
