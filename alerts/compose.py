"""Write an alert from the facts, using only what the decision allows.

A field that is not allowed leaves no trace: no label, no gap, no word such as "withheld", so that a recipient
cannot tell a redacted alert from a full one. Programme, social security number and photo are not among the facts at
all; what a clinician fills in for the jail's clinic is said in that sheet and in no alert.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from alerts.content import AlertContent, AlertFacts, AlertKind, Clocks, Language
from alerts.errors import NothingToSay
from alerts.notices import notices_owed
from alerts.rows import client_name, rows_of
from alerts.steps import next_steps
from alerts.telling import Telling
from alerts.wording import wording

NEEDED: Mapping[AlertKind, frozenset[str]] = {
    AlertKind.ARREST: frozenset({"booking.fact", "match.fact"}),
    AlertKind.ALREADY_IN_CUSTODY: frozenset({"booking.fact", "booking.custody_status", "match.fact"}),
    AlertKind.TRANSFER: frozenset({"booking.fact", "booking.facility", "match.fact"}),
    AlertKind.COURT_DATE: frozenset({"booking.fact", "booking.court_date", "match.fact"}),
    AlertKind.RELEASE: frozenset({"booking.fact", "booking.custody_status", "match.fact"}),
    AlertKind.RELEASE_WITHDRAWN: frozenset({"booking.fact", "booking.custody_status", "match.fact"}),
    AlertKind.HAND_OVER: frozenset({"booking.fact", "match.fact"}),
    AlertKind.RETRACTION: frozenset(),
    AlertKind.CLINIC_SHEET: frozenset({"match.fact", "client.name"}),
}
"""What the mere existence of a message of this kind tells its reader."""


def compose(
    facts: AlertFacts,
    allowed_fields: frozenset[str],
    obligations: frozenset[str],
    *,
    kind: AlertKind,
    language: Language,
    now: datetime,
    clocks: Clocks | None = None,
) -> AlertContent:
    """The message to one recipient. `allowed_fields` and `obligations` are those of the decision, in its own codes.

    Raises NothingToSay where the allowed fields do not cover what the kind itself gives away, and
    UnknownObligation where the decision asks for something this version cannot do.
    """
    if NEEDED[kind] - allowed_fields:
        raise NothingToSay(f"a {kind.value} alert needs {', '.join(sorted(NEEDED[kind] - allowed_fields))}")
    telling = Telling(facts, allowed_fields, obligations, kind, now, wording(language), clocks or Clocks())
    return AlertContent(
        kind=kind,
        language=language,
        headline=_headline(telling),
        rows=rows_of(telling),
        steps=next_steps(telling),
        notices=notices_owed(telling),
        link=facts.link,
    )


def _headline(t: Telling) -> str:
    wordings = t.words.kinds[t.kind.value]
    client = client_name(t)
    return wordings.named.format(client=client) if client else wordings.unnamed
