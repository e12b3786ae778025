"""Codes of the log in plain words, for reports that people read on paper."""

from __future__ import annotations

from collections.abc import Mapping

HEADINGS: Mapping[str, str] = {
    "at": "When",
    "by": "Who",
    "consents": "Consents relied on",
    "basis": "Grounds",
    "what": "What",
    "where": "Where",
    "through": "Through",
    "position": "Entry",
    "withdrawn_at": "Taken back",
    "day": "Day (UTC)",
    "rule_set": "Rules",
    "opened_before": "Opened before",
    "first_at": "First",
    "last_at": "Last",
}
"""Columns whose name is not their heading."""

WORDS: Mapping[str, str] = {
    "TREAT": "treatment",
    "COORD": "care coordination and continuity of care",
    "HOPERAT": "health care operations",
    "ETREAT": "emergency treatment",
    "MATCH": "finding out who is a client",
    "CUSTODY": "care in custody",
    "CJMONITOR": "supervision by the courts",
    "LEGAL": "a legal duty or order",
    "AUDIT": "an audit",
    "MEASURE": "measures without persons",
    "HRESCH": "research",
    "PATRQT": "the client's own request",
    "booking.fact": "that there was a booking",
    "booking.time": "when it was",
    "booking.facility": "in which facility",
    "booking.number": "the booking number",
    "booking.charges": "the charges",
    "booking.bond": "the bond",
    "booking.court_date": "the next court date",
    "booking.custody_status": "whether still in custody",
    "match.fact": "that the person booked is a client",
    "client.ref": "the client's number",
    "client.name": "the client's name",
    "client.case_manager": "who the case manager is",
    "program_staff": "staff of the client's own programme",
    "without_assignment": "looked at a client who is not assigned to them",
    "many_openings": "opened unusually much within an hour",
    "many_refusals": "was refused unusually often within an hour",
    "failed_logins": "failed to sign in several times within an hour",
    "unknown_person": "somebody whom the directory does not know",
    "break_glass": "an emergency access",
    "by_its_own_author": "reviewed by the person who declared it, which does not count",
}


def heading(column: str) -> str:
    """A column's name as a person reads it."""
    return HEADINGS.get(column, column.replace("_", " ").capitalize())
