"""Scenes of our own: the opt-in profile, and what cannot be read. One line each: what happens, the request, the reasons that must be among the codes."""

from __future__ import annotations

from consent import COUNTY
from tests.consent.scenes import (
    ANALYST,
    AUDITOR,
    COUNSELOR,
    COUNTY_STAFF,
    DOCTOR,
    MH,
    PARAMEDIC,
    PATIENT,
    STAFF,
    SUD,
    UNIT,
    broken_glass,
    consent,
    denial,
    deny,
    emergency,
    permit,
    redact,
    scene,
)

# fmt: off
PART2_CONSENT = {"PART2_NOTICE_2_32", "CONSENT_COPY_2_32B", "ACCOUNT_P2_2_25", "NO_PROCEEDINGS_USE"}
NAMES_LAKE = [{"kind": "org", "id": "org-lake"}]

LAKE = consent(recipients=NAMES_LAKE)

OPT_IN = [
    deny("no consent, no alert", scene(STAFF), "NO_CONSENT", profile=COUNTY, obligations=set()),
    permit("a consent opens the alert", scene(STAFF, consents=[LAKE]), "HIPAA_INTERNAL_TPO", "HIPAA_CONSENT", profile=COUNTY, relied={"k-1"}, obligations=set()),
    permit("a class opens it for the clinician who treats", scene(STAFF | {"treating_relationship": True}, consents=[consent(recipients=[{"kind": "class", "id": "treating_providers"}])]), "HIPAA_INTERNAL_TPO", profile=COUNTY),
    deny("revoked", scene(STAFF, consents=[LAKE | {"revoked_at": "2026-03-10T20:00:00Z"}]), "CONSENT_REVOKED", profile=COUNTY),
    deny("names somebody else", scene(STAFF, consents=[consent()]), "RECIPIENT_NOT_COVERED", profile=COUNTY),
    redact("covers less", scene(STAFF, consents=[LAKE | {"info": ["match.fact", "booking.fact"]}]), "INFO_NOT_COVERED", profile=COUNTY, fields={"match.fact", "booking.fact"}),
    deny("a denial bites inside", scene(STAFF, consents=[LAKE, denial(signed_at="2026-01-01")]), "EXPLICIT_DENY", profile=COUNTY),
    permit("Part 2 staff need a Part 2 consent", scene(COUNSELOR, SUD, consents=[LAKE]), "P2_INTERNAL_2_12C3", "P2_CONSENT_2_33", profile=COUNTY, obligations={"PART2_LABEL", *PART2_CONSENT}),
    deny("a general release is none", scene(COUNSELOR, SUD, consents=[LAKE | {"type": "general_roi"}]), "CONSENT_NOT_PART2", profile=COUNTY),
    deny("the controlling entity too", scene(COUNTY_STAFF, SUD), "NO_CONSENT", profile=COUNTY),
    permit("the controlling entity, named", scene(COUNTY_STAFF, SUD, consents=[consent(recipients=[{"kind": "org", "id": "org-county"}], purposes=["TPO"])]), "P2_INTERNAL_2_12C3", profile=COUNTY, relied={"k-1"}),
    deny("the supervisor too", scene(STAFF | {"supervises": ["mh"]}, client={"assignments": []}), "NO_CONSENT", profile=COUNTY, absent=frozenset({"SUPERVISOR_FALLBACK"})),
    deny("not assigned comes first", scene(STAFF | {"person_id": "u-kim"}, consents=[LAKE]), "NOT_ASSIGNED", profile=COUNTY, obligations={"REROUTE_TO_ASSIGNED"}),
    permit("a broken glass stands in for a missing consent", scene(STAFF | {"person_id": "u-kim"}, context={"break_glass": broken_glass("u-kim")}), "BREAK_GLASS_INTERNAL", profile=COUNTY, obligations={"BREAK_GLASS_REVIEW"}),
    permit("for the assigned as well", scene(STAFF, context={"break_glass": broken_glass("u-mh")}), "BREAK_GLASS_INTERNAL", profile=COUNTY, obligations={"BREAK_GLASS_REVIEW"}),
    permit("in a Part 2 programme", scene(COUNSELOR | {"person_id": "u-kim"}, SUD, context={"break_glass": broken_glass("u-kim")}), "BREAK_GLASS_INTERNAL", profile=COUNTY, obligations={"BREAK_GLASS_REVIEW", "PART2_LABEL", "NO_PROCEEDINGS_USE"}),
    deny("but not for a written no", scene(STAFF | {"person_id": "u-kim"}, consents=[denial()], context={"break_glass": broken_glass("u-kim")}), "EXPLICIT_DENY", profile=COUNTY),
    redact("a glass opens what no consent covers and no denial closes", scene(STAFF, consents=[LAKE | {"info": ["match.fact"]}, denial(info=["booking.charges"])], context={"break_glass": broken_glass("u-mh")}), "BREAK_GLASS_INTERNAL", "EXPLICIT_DENY", "HIPAA_CONSENT", profile=COUNTY, relied={"k-1"}),
    permit("outside nothing changes", scene(DOCTOR, consents=[consent()]), "HIPAA_CONSENT", profile=COUNTY),
    permit("an emergency needs no consent", scene(PARAMEDIC, context={"emergency": emergency()}), "HIPAA_EMERGENCY", profile=COUNTY),
    permit("linkage needs no consent", scene(UNIT | {"org_id": "org-lake"}, MH, SUD), "INTERNAL_OPERATIONS", profile=COUNTY),
    permit("nor does an audit", scene(AUDITOR | {"org_id": "org-lake"}, MH, SUD), "AUDIT_INTERNAL", profile=COUNTY),
    permit("nor does the client", scene(PATIENT), "RIGHT_OF_ACCESS", profile=COUNTY),
    permit("nor do counts", scene(ANALYST), "DEIDENTIFIED", profile=COUNTY),
    permit("a county may opt out of opting in", scene(STAFF, policy={"internal_alert_requires_consent": False}), "HIPAA_INTERNAL_TPO", profile=COUNTY),
]

UNREADABLE = [
    deny("not a request", {"recipient": {"kind": "analyst"}}, "INPUT_INVALID", obligations=set()),
]
# fmt: on
