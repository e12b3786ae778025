"""The closed vocabulary of the audit log: kinds of leaf, the facts each may state, and the type of each fact.

A fact has one type wherever it occurs. Growing the vocabulary is safe at any time; changing the meaning of a word in
it is not, because entries are kept for years.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from audit.facts import (
    CODE,
    COUNT,
    HASH,
    KEY_ID,
    LABEL,
    LEVEL,
    NUMBER,
    PARTY,
    PERIOD,
    REASON,
    REF,
    RULE_SET,
    FactType,
    any_of,
    instant,
    many,
    one_of,
)
from consent.vocabulary import FieldName, Purpose
from consent.vocabulary import Kind as RecipientKind
from records import EventKind, Op


class Kind(Enum):
    """What happened."""

    STARTED = "started"
    PULL = "pull"
    ROSTER = "roster"
    QUARANTINE = "quarantine"
    BOOKING_EVENT = "booking_event"
    VERDICT = "verdict"
    LINK = "link"
    REVIEW = "review"
    DECISION = "decision"
    ALERT = "alert"
    DISCLOSURE = "disclosure"
    DELIVERY = "delivery"
    OPENING = "opening"
    ACKNOWLEDGEMENT = "acknowledgement"
    ESCALATION = "escalation"
    OUTCOME = "outcome"
    RETRACTION = "retraction"
    REFUSED_ATTEMPT = "refused_attempt"
    VIEW = "view"
    BREAK_GLASS = "break_glass"
    BREAK_GLASS_REVIEW = "break_glass_review"
    CONSENT = "consent"
    POLICY_CHANGE = "policy_change"
    KEY_CHANGE = "key_change"
    CONFIG_CHANGE = "config_change"
    EXPORT = "export"
    LOGIN = "login"
    PURGE = "purge"
    LEGAL_HOLD = "legal_hold"
    CHECKPOINT_PUBLISHED = "checkpoint_published"
    MEASURES_CLOSED = "measures_closed"
    CLOCK_ACCEPTED = "clock_accepted"
    """Somebody said that the clock is right at `since`, and that `until`, up to which the log may go, was a mistake of it."""


def _each(fact_type: FactType, names: str) -> dict[str, FactType]:
    return dict.fromkeys(names.split(), fact_type)


TYPES: Mapping[str, FactType] = {
    # opaque references
    **_each(REF, "alert booking client consent decision declaration delivery event hold key link outbox row search subject thread"),
    "consents": many(REF),
    # hashes
    **_each(HASH, "config_hash content_hash input_hash model previous_hash root rule_set_hash"),
    # counts
    **_each(COUNT, "accepted added attempt candidates clients line notified quarantined repeated retired rows seq size step"),
    "margin_millibits": NUMBER,
    "weight_millibits": NUMBER,
    # instants
    **_each(instant, "deadline expires_at since until"),
    # names that an organisation gives to its own people and parts, and to its own things
    **_each(PARTY, "approved_by by org recipient recipient_org staff via"),
    "kid": KEY_ID,
    **_each(LABEL, "epoch feed sink version"),
    "rule_set": RULE_SET,
    "period": PERIOD,
    # codes of other rooms
    **_each(CODE, "channel code field report"),
    "fields": many(any_of(FieldName)),
    "levels": many(LEVEL),
    "obligations": many(REASON),
    "reasons": many(REASON),
    "settings": many(CODE),
    "withheld": many(any_of(FieldName)),
    # closed lists
    "action": one_of(
        "acknowledge", "break_glass", "configure", "decide", "export", "login", "open", "send", "simulate", "view"
    ),
    "alert_kind": one_of(
        "arrest", "transfer", "court", "release", "release_withdrawn", "retraction", "handover", "in_custody", "notice",
        "clinic_sheet",
    ),
    "answer": one_of("seen", "is_my_client", "not_my_client", "not_on_my_caseload", "cannot_act"),
    "assigned": one_of("yes", "no"),
    "baseline": one_of("yes", "no"),
    "change": one_of(
        "created", "imported", "rotated", "recorded", "revoked", "expired", "superseded", "entered_in_error",
        "destroyed", "placed", "lifted",
    ),
    "contact": one_of("in_jail_visit", "video", "phone", "jail_clinic_contact", "family", "none"),
    "contact_reason": one_of(
        "medication", "crisis", "release_plan", "court_case", "engagement", "housing_benefits", "other"
    ),
    "initiator": one_of("clinician", "client", "family", "jail_clinic", "court", "other_provider"),
    "disposition": one_of(
        "diverted", "released_with_plan", "released_before_contact", "transferred", "declined_services",
        "hospitalised", "re-engaged", "info_sent_to_jail", "closed",
    ),
    "effect": one_of("permit", "redact", "deny"),
    "event_kind": any_of(EventKind),
    "format": one_of("csv", "json", "text", "pdf", "html", "fhir", "log"),
    "match_class": one_of("full", "adjudicated"),
    "method": one_of("password", "passkey", "oidc", "token", "terminal"),
    "op": any_of(Op),
    "outcome": one_of("opened", "confirmed", "refused", "expired", "justified", "not_justified"),
    "part2": one_of("yes", "no"),
    "purge_reason": one_of(
        "sealed", "expunged", "cancelled", "retention", "match_window", "client_request", "entered_in_error", "withdrawn"
    ),
    "purpose": any_of(Purpose),
    "key_purpose": one_of("store", "linkage", "staff", "checkpoint", "backup", "witness", "master", "feed"),
    "recipient_kind": any_of(RecipientKind),
    "result": one_of(
        "complete", "unchanged", "refused", "unavailable", "delivered", "retry", "dead", "withdrawn", "ok", "failed",
        "received",
    ),
    "retraction_reason": one_of(
        "wrong_person", "cancelled", "sealed", "expunged", "entered_in_error", "merged", "superseded", "consent_revoked",
        "purged",
    ),
    "screen": one_of(
        "inbox", "alert", "calendar", "caseload", "review", "compliance", "accounting", "explain", "operations",
        "repeat_contacts", "name_search",
    ),
    "search_purpose": one_of("complaint", "client_request", "accounting", "wrong_person", "missed_alert"),
    "stage": one_of("link", "send", "open"),
    "subject_kind": one_of(
        "alert", "booking", "client", "consent", "decision_input", "encoding", "inbox_item", "quarantine", "roster"
    ),
    "verdict": one_of("ALERT", "REVIEW", "NONE"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shape:
    """The facts that a kind must and may state."""

    must: frozenset[str]
    may: frozenset[str]


def _shape(must: str, may: str = "") -> Shape:
    return Shape(frozenset(must.split()), frozenset(may.split()))


SHAPES: Mapping[Kind, Shape] = {
    Kind.STARTED: _shape("version config_hash", "model rule_set rule_set_hash epoch"),
    Kind.PULL: _shape("feed delivery result", "rows accepted quarantined repeated code baseline"),
    Kind.ROSTER: _shape("org delivery result", "rows clients added retired quarantined code"),
    Kind.QUARANTINE: _shape("feed delivery code", "row line field change result by"),
    Kind.BOOKING_EVENT: _shape("feed booking event op event_kind", "delivery baseline"),
    Kind.VERDICT: _shape("booking verdict model", "event feed epoch candidates baseline"),
    Kind.LINK: _shape("link booking client verdict model", "levels weight_millibits margin_millibits epoch change"),
    Kind.REVIEW: _shape("link outcome", "by booking client"),
    Kind.DECISION: _shape(
        "decision recipient stage effect reasons rule_set rule_set_hash",
        "link booking client alert obligations fields withheld consents recipient_kind recipient_org purpose via"
        " input_hash part2",
    ),
    Kind.ALERT: _shape(
        "alert thread decision recipient alert_kind", "link booking client match_class deadline channel"
    ),
    Kind.DISCLOSURE: _shape(
        "client decision recipient recipient_kind purpose fields",
        "alert booking recipient_org reasons obligations consents channel via part2",
    ),
    Kind.DELIVERY: _shape("alert channel result", "outbox attempt code recipient"),
    Kind.OPENING: _shape("alert by", "decision client booking kid assigned"),
    Kind.ACKNOWLEDGEMENT: _shape("alert by answer", "client booking channel"),
    Kind.ESCALATION: _shape("alert step", "recipient by code"),
    Kind.OUTCOME: _shape("alert by", "disposition contact initiator contact_reason client booking consent"),
    Kind.RETRACTION: _shape("thread retraction_reason", "alert booking client notified recipient by"),
    Kind.REFUSED_ATTEMPT: _shape("action reasons", "by alert client booking link decision screen code"),
    Kind.VIEW: _shape("by screen", "alert client booking link assigned rows search search_purpose"),
    Kind.BREAK_GLASS: _shape("declaration by client", "booking alert decision expires_at"),
    Kind.BREAK_GLASS_REVIEW: _shape("declaration by outcome"),
    Kind.CONSENT: _shape("consent client change", "by seq until"),
    Kind.POLICY_CHANGE: _shape("rule_set rule_set_hash by", "previous_hash approved_by"),
    Kind.KEY_CHANGE: _shape("key_purpose change", "key kid staff by epoch feed"),
    Kind.CONFIG_CHANGE: _shape("config_hash", "previous_hash settings by"),
    Kind.EXPORT: _shape("report format by", "client rows content_hash since until"),
    Kind.LOGIN: _shape("method result", "by code"),
    Kind.PURGE: _shape("subject_kind purge_reason", "subject booking client rows key by"),
    Kind.LEGAL_HOLD: _shape("hold change by", "subject_kind subject client booking"),
    Kind.CHECKPOINT_PUBLISHED: _shape("size root sink"),
    Kind.MEASURES_CLOSED: _shape("period rows content_hash"),
    Kind.CLOCK_ACCEPTED: _shape("by since until"),
}
