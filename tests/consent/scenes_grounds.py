"""Scenes of our own: other work, emergencies, proceedings and custody. One line each: what happens, the request, the reasons that must be among the codes."""

from __future__ import annotations

from tests.consent.scenes import (
    ANALYST,
    AUDITOR,
    COURT,
    DETECTIVE,
    DOCTOR,
    MH,
    MOTHER,
    NURSE,
    OFFICER,
    PARAMEDIC,
    PATIENT,
    REPRESENTATIVE,
    RESEARCHER,
    SERGEANT,
    STAFF,
    SUD,
    UNIT,
    agreement,
    consent,
    denial,
    deny,
    emergency,
    order,
    permit,
    redact,
    scene,
)

# fmt: off
ASK_NEED = {"custody_request": {"represented": True}}
TEXAS = {"statutory_agency": ["TX_614_017"]}
NEUTRAL = {"NEUTRAL_RESPONSE"}
NAMES_NURSE = [{"kind": "org", "id": "org-jail"}]

OTHER_WORK = [
    deny("counts of people not enrolled", scene(ANALYST, MH | {"enrolled_to": "2026-01-01"}), "NOT_ENROLLED"),
    permit("counts", scene(ANALYST, MH, SUD), "DEIDENTIFIED", obligations={"SUPPRESS_SMALL_CELLS"}, visible={"mh", "sud"}),
    permit("own audit", scene(AUDITOR | {"org_id": "org-lake"}, MH, SUD), "AUDIT_INTERNAL"),
    permit("audit by the controlling entity", scene(AUDITOR | {"org_id": "org-county"}, SUD), "AUDIT_INTERNAL"),
    permit("Part 2 audit", scene(AUDITOR, SUD, context={"agreements": [agreement("P2_AUDIT", "org-audit")]}), "P2_AUDIT_2_53", obligations={"AUDIT_ACCESS_LOGGED", "AUDITOR_NO_REDISCLOSURE"}),
    deny("agreement for another programme", scene(AUDITOR, SUD, context={"agreements": [agreement("P2_AUDIT", "org-audit", program_ids=["mh"])]}), "AUDIT_AGREEMENT_MISSING"),
    deny("agreement that has run out", scene(AUDITOR, SUD, context={"agreements": [agreement("P2_AUDIT", "org-audit", until="2026-03-09")]}), "AUDIT_AGREEMENT_MISSING"),
    permit("audit by a business associate", scene(AUDITOR, context={"agreements": [agreement("BAA", "org-audit")]}), "HIPAA_BUSINESS_ASSOCIATE", obligations={"AUDIT_ACCESS_LOGGED"}),
    permit("oversight", scene(AUDITOR, context={"agreements": [agreement("OVERSIGHT", "org-audit")]}), "HIPAA_OVERSIGHT_512D", obligations={"AUDIT_ACCESS_LOGGED", "ACCOUNT_HIPAA_528"}),
    permit("the client asks", scene(PATIENT, SUD), "RIGHT_OF_ACCESS"),
    permit("a representative whose authority was checked", scene(REPRESENTATIVE | {"authority_verified": True}), "RIGHT_OF_ACCESS"),
    deny("a representative whose authority was not", scene(REPRESENTATIVE), "REPRESENTATIVE_NOT_VERIFIED"),
    permit("even a merged client may ask", scene(PATIENT, client={"status": "merged", "merged_into": "c-2"}), "RIGHT_OF_ACCESS"),
    permit("own roster", scene(UNIT | {"org_id": "org-lake"}, MH, SUD), "INTERNAL_OPERATIONS"),
    permit("QSOA", scene(UNIT, SUD, context={"agreements": [agreement("QSOA", "org-unit")]}), "P2_QSO", obligations={"QSO_BOUND"}),
    permit("contract of a covered Part 2 programme", scene(UNIT, SUD, context={"agreements": [agreement("BAA", "org-unit")]}), "P2_QSO"),
    deny("contract of a Part 2 programme that is not covered", scene(UNIT, SUD | {"covered_entity": False}, context={"agreements": [agreement("BAA", "org-unit")]}), "QSOA_MISSING"),
    permit("contract", scene(UNIT, context={"agreements": [agreement("BAA", "org-unit")]}), "HIPAA_BUSINESS_ASSOCIATE"),
    deny("no contract", scene(UNIT), "BAA_MISSING"),
    deny("not on the roster any more", scene(UNIT | {"org_id": "org-lake"}, MH | {"enrolled_to": "2026-01-01"}), "NOT_ENROLLED"),
    permit("research", scene(RESEARCHER, context={"agreements": [agreement("RESEARCH_APPROVAL", "org-univ")]}), "RESEARCH_APPROVED", obligations={"RESEARCH_PROTOCOL_LIMITS"}),
    deny("research without approval", scene(RESEARCHER), "RESEARCH_NOT_APPROVED", obligations=set()),
]

EMERGENCY = [
    permit("at the instant it was declared", scene(PARAMEDIC, SUD, context={"emergency": emergency(at="2026-03-10T20:00:00Z")}), "P2_EMERGENCY_2_51", obligations={"EMERGENCY_DOCUMENTATION_2_51", "BREAK_GLASS_REVIEW", "NO_PROCEEDINGS_USE"}),
    deny("when its time is up", scene(PARAMEDIC, SUD, context={"emergency": emergency(at="2026-03-09T20:00:00Z")}), "EMERGENCY_NOT_DECLARED"),
    deny("before it", scene(PARAMEDIC, SUD, context={"emergency": emergency(at="2026-03-10T20:00:01Z")}), "EMERGENCY_NOT_DECLARED"),
    deny("not medical", scene(PARAMEDIC | {"medical_personnel": False}, context={"emergency": emergency()}), "EMERGENCY_NOT_MEDICAL"),
    deny("the patient can be asked", scene(PARAMEDIC, SUD, context={"emergency": emergency(consent_obtainable=True)}), "P2_EMERGENCY_CONSENT_OBTAINABLE", obligations=NEUTRAL),
    redact("one programme may, the other must ask first", scene(PARAMEDIC, MH, SUD, context={"emergency": emergency(consent_obtainable=True)}), "HIPAA_EMERGENCY", "PROGRAM_WITHHELD", obligations={"BREAK_GLASS_REVIEW", *NEUTRAL}),
    permit("a discharged client's record", scene(PARAMEDIC, MH | {"enrolled_to": "2020-01-01"}, context={"emergency": emergency()}), "HIPAA_EMERGENCY"),
    redact("SUD detail asked for by name of a client who has none", scene(PARAMEDIC, context={"emergency": emergency(), "request_fields": ["match.fact", "clinical.sud_detail"]}), "HIPAA_EMERGENCY", fields={"match.fact"}),
]

PROCEEDINGS = [
    redact("hipaa order", scene(COURT, context={"court_orders": [order("hipaa_order", "org-court", "mh")]}), "HIPAA_COURT_ORDER", obligations={"COUNSEL_APPROVAL", "COURT_ORDER_LIMITS", "ACCOUNT_HIPAA_528"}),
    redact("Part 2 order for the court", scene(COURT, SUD, context={"court_orders": [order("2.64", "org-court")]}), "P2_COURT_ORDER"),
    deny("Part 2 order of 2.64 for police", scene(DETECTIVE, SUD, context={"court_orders": [order("2.64", "org-police")]}), "COURT_ORDER_NOT_PART2", "BACKFLOW_PROHIBITED"),
    redact("Part 2 order of 2.65 for police", scene(DETECTIVE, SUD, context={"court_orders": [order("2.65", "org-police")]}), "P2_COURT_ORDER"),
    deny("Part 2 order without findings", scene(COURT, SUD, context={"court_orders": [order("2.64", "org-court", findings=False)]}), "COURT_ORDER_NOT_PART2"),
    deny("Part 2 order without notice", scene(COURT, SUD, context={"court_orders": [order("2.64", "org-court", notice_given=False)]}), "COURT_ORDER_NOT_PART2"),
    deny("order that has run out", scene(COURT, context={"court_orders": [order("hipaa_order", "org-court", "mh", expires_at="2026-03-09")]}), "COURT_ORDER_NOT_IN_FORCE", "BACKFLOW_PROHIBITED"),
    deny("order vacated", scene(COURT, context={"court_orders": [order("hipaa_order", "org-court", "mh", vacated_at="2026-03-10T20:00:00Z")]}), "COURT_ORDER_NOT_IN_FORCE"),
    deny("order not yet issued", scene(COURT, context={"court_orders": [order("hipaa_order", "org-court", "mh", issued_at="2026-03-11")]}), "COURT_ORDER_NOT_IN_FORCE"),
    deny("subpoena", scene(COURT, context={"court_orders": [order("subpoena", "org-court", "mh")]}), "SUBPOENA_INSUFFICIENT", obligations={"ROUTE_TO_COUNSEL", *NEUTRAL}),
    deny("subpoena that has run out", scene(COURT, context={"court_orders": [order("subpoena", "org-court", "mh", expires_at="2026-03-09")]}), "COURT_ORDER_NOT_IN_FORCE", "BACKFLOW_PROHIBITED", obligations=NEUTRAL),
    redact("subpoena beside a consent for the proceeding", scene(COURT, context={"court_orders": [order("subpoena", "org-court", "mh")]}, consents=[consent(type="proceedings", purposes=["LEGAL"], info=["match.fact"], recipients=[{"kind": "org", "id": "org-court"}])]), "PROCEEDINGS_CONSENT", obligations={"COUNSEL_APPROVAL"}, relied={"k-1"}),
    permit("consent for the proceeding", scene(COURT, consents=[consent(type="proceedings", purposes=["LEGAL"], recipients=[{"kind": "org", "id": "org-court"}])]), "PROCEEDINGS_CONSENT", obligations={"COUNSEL_APPROVAL"}),
    permit("Part 2 consent for the proceeding", scene(COURT, SUD, consents=[consent(type="proceedings", purposes=["LEGAL"], recipients=[{"kind": "org", "id": "org-court"}])]), "PROCEEDINGS_CONSENT", obligations={"COUNSEL_APPROVAL", "PART2_NOTICE_2_32", "CONSENT_COPY_2_32B", "ACCOUNT_P2_2_25"}),
    deny("any other consent", scene(COURT, consents=[consent(purposes=["LEGAL"], recipients=[{"kind": "org", "id": "org-court"}])]), "PROCEEDINGS_SEPARATE_CONSENT"),
    redact("an order's fields are not widened by a consent", scene(COURT, consents=[consent(type="proceedings", purposes=["LEGAL"], recipients=[{"kind": "org", "id": "org-court"}])], context={"court_orders": [order("hipaa_order", "org-court", "mh")]}), "HIPAA_COURT_ORDER", fields={"match.fact", "clinical.attendance"}, relied=set()),
    redact("two orders together", scene(COURT, context={"court_orders": [order("hipaa_order", "org-court", "mh"), order("hipaa_order", "org-court", "mh", id="o-2", fields=["client.name"])]}), "HIPAA_COURT_ORDER", fields={"match.fact", "clinical.attendance", "client.name"}),
]

CUSTODY = [
    permit("Texas jail health", scene(NURSE | TEXAS, MH | TEXAS, jurisdiction="US-TX"), "TX_614_017", obligations={"TX_NO_EVIDENCE_USE"}),
    permit("Texas supervision", scene(OFFICER | TEXAS, MH | TEXAS, jurisdiction="US-TX", purpose="COORD"), "TX_614_017", obligations={"TX_NO_EVIDENCE_USE", "ACCOUNT_HIPAA_528"}),
    permit("a statute's duty stands against a denial", scene(NURSE | TEXAS, MH | TEXAS, jurisdiction="US-TX", consents=[denial()]), "TX_614_017"),
    deny("unless local policy says otherwise", scene(NURSE | TEXAS, MH | TEXAS, jurisdiction="US-TX", consents=[denial()], policy={"explicit_deny_blocks_mandate": True}), "EXPLICIT_DENY"),
    deny("jail health outside custody", scene(NURSE, booking={"released_at": "2026-03-10T20:00:00Z"}, context=ASK_NEED), "NOT_IN_CUSTODY_512K5", "NO_CONSENT"),
    permit("released a second from now", scene(NURSE, booking={"released_at": "2026-03-10T20:00:01Z"}, context=ASK_NEED), "HIPAA_512K5"),
    deny("jail health without need", scene(NURSE, context={"custody_request": {"represented": False}}), "CUSTODY_REPRESENTATION_MISSING"),
    permit("need not asked for", scene(NURSE, policy={"require_custody_representation": False}), "HIPAA_512K5"),
    deny("jail health under a policy of consent", scene(NURSE, context=ASK_NEED, policy={"jail_health_without_consent": False}), "NO_CONSENT", absent=frozenset({"HIPAA_512K5"})),
    permit("jail health under consent where the ground fails", scene(NURSE, consents=[consent(recipients=NAMES_NURSE)]), "HIPAA_CONSENT", relied={"k-1"}),
    deny("a denial stops jail health", scene(NURSE, consents=[denial()], context=ASK_NEED), "EXPLICIT_DENY", obligations=NEUTRAL),
    redact("a denial of one field", scene(NURSE, consents=[denial(info=["clinical.diagnosis"])], context=ASK_NEED), "HIPAA_512K5", "EXPLICIT_DENY"),
    permit("unless local policy says otherwise (2)", scene(NURSE, consents=[denial()], context=ASK_NEED, policy={"explicit_deny_blocks_permissive": False}), "HIPAA_512K5"),
    permit("a later permission answers the denial", scene(NURSE, consents=[denial(), consent(signed_at="2026-01-01", recipients=NAMES_NURSE)], context=ASK_NEED), "HIPAA_512K5"),
    deny("Illinois", scene(NURSE, jurisdiction="US-IL", context=ASK_NEED), "IL_AGREEMENT_MISSING"),
    permit("Illinois with the agreement", scene(NURSE, jurisdiction="US-IL", context=ASK_NEED | {"agreements": [agreement("IL_9_2_JAIL", "org-jail")]}), "HIPAA_512K5", obligations={"IL_REDISCLOSURE_LIMIT"}),
    deny("California", scene(NURSE, jurisdiction="US-CA", context=ASK_NEED), "CA_CONSENT_REQUIRED"),
    permit("California with responsibility", scene(NURSE | {"has_care_responsibility": True}, jurisdiction="US-CA", context=ASK_NEED), "HIPAA_512K5"),
    permit("California, both joined", scene(NURSE, jurisdiction="US-CA", context=ASK_NEED | {"agreements": [agreement("CALAIM_JI", "org-jail"), agreement("CALAIM_JI", "org-lake")]}), "HIPAA_512K5"),
    deny("California, one joined", scene(NURSE, jurisdiction="US-CA", context=ASK_NEED | {"agreements": [agreement("CALAIM_JI", "org-jail")]}), "CA_CONSENT_REQUIRED"),
    redact("safety", scene(SERGEANT, policy={"custody_512k5": "allow"}, context=ASK_NEED), "HIPAA_512K5_SAFETY", fields={"match.fact", "client.name", "clinical.risk_flags"}),
    deny("safety after release", scene(SERGEANT, policy={"custody_512k5": "allow"}, context=ASK_NEED, booking={"released_at": "2026-03-10"} | {"released_at": "2026-03-10T10:00:00Z"}), "NOT_IN_CUSTODY_512K5", "BACKFLOW_PROHIBITED"),
    deny("safety without need", scene(SERGEANT, policy={"custody_512k5": "allow"}), "CUSTODY_REPRESENTATION_MISSING"),
    deny("Part 2 in custody", scene(NURSE, SUD, context=ASK_NEED), "P2_NO_512K5", "NO_CONSENT"),
    permit("outside provider where policy allows", scene(DOCTOR, policy={"outside_treatment_without_consent": True}), "HIPAA_TREATMENT_506C", relied=set()),
    deny("outside provider who does not treat", scene(DOCTOR | {"treating_relationship": False}, policy={"outside_treatment_without_consent": True}), "NO_CONSENT"),
    permit("staff of another agency who treat", scene(STAFF | {"org_id": "org-east", "program_id": "east", "treating_relationship": True}, policy={"outside_treatment_without_consent": True}), "HIPAA_TREATMENT_506C"),
    permit("California provider", scene(DOCTOR | {"has_care_responsibility": True}, jurisdiction="US-CA"), "HIPAA_TREATMENT_506C"),
    permit("the discloser's law rules", scene(DOCTOR, MH | {"jurisdiction": "US-AZ"}), "HIPAA_TREATMENT_506C"),
    deny("not the client's", scene(DOCTOR, jurisdiction="US-AZ") | {"programs": [MH | {"jurisdiction": "US"}]}, "NO_CONSENT"),
    deny("family", scene(MOTHER), "NO_CONSENT", obligations=NEUTRAL),
]
# fmt: on
