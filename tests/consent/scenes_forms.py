"""Scenes of our own: consent forms, several together, and notes. One line each: what happens, the request, the reasons that must be among the codes."""

from __future__ import annotations

from tests.consent.scenes import (
    COUNSELOR,
    COURT,
    DOCTOR,
    MH,
    NURSE,
    OFFICER,
    SUD,
    consent,
    denial,
    deny,
    order,
    permit,
    provision,
    redact,
    scene,
    signer,
)

# fmt: off
EXCHANGE = {"org_id": "org-hie", "business_associate": False}
ASK_NEED = {"custody_request": {"represented": True}}
NOTES = ["match.fact", "clinical.psychotherapy_notes"]
SUD_NOTES = ["match.fact", "clinical.sud_counseling_notes"]
GUARDIAN = {"person_id": "g-1", "adjudicated": True, "from": "2025-01-01", "until": None}
MINOR = {"dob": "2010-09-20"}
NOW_18 = {"dob": "2008-03-10"}
PART2_CONSENT = {"PART2_NOTICE_2_32", "CONSENT_COPY_2_32B", "ACCOUNT_P2_2_25", "NO_PROCEEDINGS_USE"}
NAMES_DOCTOR = [{"kind": "person", "id": "u-doc"}]
NAMES_CLINIC = [{"kind": "org", "id": "org-clinic"}]
NAMES_LAKE = [{"kind": "org", "id": "org-lake"}]
NAMES_NURSE = [{"kind": "org", "id": "org-jail"}]

CONSENTS = [
    permit("Part 2", scene(DOCTOR, SUD, consents=[consent()]), "P2_CONSENT_2_33", obligations=PART2_CONSENT, relied={"k-1"}),
    permit("of a record that was merged into this one", scene(DOCTOR, consents=[consent(client_id="c-0")], client={"merged_from": ["c-0"]}), "HIPAA_CONSENT"),
    deny("of another client", scene(DOCTOR, consents=[consent(client_id="c-9")]), "CONSENT_OTHER_CLIENT"),
    deny("entered in error", scene(DOCTOR, consents=[consent(status="entered-in-error")]), "CONSENT_NOT_ACTIVE"),
    deny("refused, never signed", scene(DOCTOR, consents=[consent(status="rejected", signed_at=None)]), "CONSENT_NOT_ACTIVE"),
    deny("inactive without a revocation", scene(DOCTOR, consents=[consent(status="inactive")]), "CONSENT_NOT_ACTIVE"),
    permit("inactive since, but in force then", scene(DOCTOR, consents=[consent(status="inactive", revoked_at="2026-03-10T20:00:01Z")]), "HIPAA_CONSENT"),
    deny("revoked this instant", scene(DOCTOR, consents=[consent(status="inactive", revoked_at="2026-03-10T20:00:00Z")]), "CONSENT_REVOKED"),
    permit("revoked by word of mouth where that does not count", scene(DOCTOR, consents=[consent(revoked_at="2026-01-01", revocation_method="oral")], policy={"honour_oral_revocation": False}), "HIPAA_CONSENT"),
    deny("revoked with everything", scene(DOCTOR, consents=[consent()], client={"global_revocations": [{"at": "2026-01-01", "scope": "all"}]}), "CONSENT_REVOKED"),
    permit("signed after everything was revoked", scene(DOCTOR, consents=[consent(signed_at="2026-02-01")], client={"global_revocations": [{"at": "2026-01-01", "scope": "all"}]}), "HIPAA_CONSENT"),
    permit("everything revoked from tomorrow", scene(DOCTOR, consents=[consent()], client={"global_revocations": [{"at": "2026-03-11", "scope": "all"}]}), "HIPAA_CONSENT"),
    permit("any treating programme", scene(DOCTOR, consents=[consent(discloser={"program_ids": [], "any_treating_program": True})]), "HIPAA_CONSENT"),
    deny("another programme", scene(DOCTOR, consents=[consent(discloser={"program_ids": ["x"], "any_treating_program": False})]), "CONSENT_OTHER_DISCLOSER"),
    deny("signed a second from now", scene(DOCTOR, consents=[consent(signed_at="2026-03-10T20:00:01Z")]), "CONSENT_NOT_YET_EFFECTIVE"),
    permit("signed this instant", scene(DOCTOR, consents=[consent(signed_at="2026-03-10T20:00:00Z")]), "HIPAA_CONSENT"),
    deny("begins later", scene(DOCTOR, consents=[consent(effective_from="2026-03-11")]), "CONSENT_NOT_YET_EFFECTIVE"),
    permit("the last day is whole, in the programme's own zone", scene(DOCTOR, consents=[consent(expires_at="2026-03-10")], as_of="2026-03-11T04:59:59Z", jurisdiction="US-TX"), "HIPAA_CONSENT"),
    deny("and then it is over", scene(DOCTOR, consents=[consent(expires_at="2026-03-10")], as_of="2026-03-11T05:00:00Z", jurisdiction="US-TX"), "CONSENT_EXPIRED"),
    permit("for ever, as some systems write it", scene(DOCTOR, consents=[consent(expires_at="9999-12-31")]), "HIPAA_CONSENT"),
    deny("ended with treatment", scene(DOCTOR, MH | {"enrolled_to": "2026-03-01"}, consents=[consent(expires_at=None, expires_event={"kind": "end_of_treatment", "occurred_at": None})], policy={"discharge_grace_days": 30}), "CONSENT_EXPIRED"),
    permit("treatment goes on", scene(DOCTOR, consents=[consent(expires_at=None, expires_event={"kind": "end_of_treatment", "occurred_at": None})]), "HIPAA_CONSENT"),
    deny("the event came before the date", scene(DOCTOR, consents=[consent(expires_event={"kind": "case_disposition", "occurred_at": "2026-02-02T09:00:00-06:00"})]), "CONSENT_EXPIRED"),
    deny("another recipient", scene(DOCTOR, consents=[consent(recipients=[{"kind": "person", "id": "u-x"}])]), "RECIPIENT_NOT_COVERED"),
    deny("nobody named", scene(DOCTOR, consents=[consent(recipients=[])]), "RECIPIENT_NOT_COVERED"),
    deny("exchange not named", scene(DOCTOR | {"via": EXCHANGE}, SUD, consents=[consent()]), "INTERMEDIARY_NOT_NAMED"),
    permit("exchange and its treating participants", scene(DOCTOR | {"via": EXCHANGE}, SUD, consents=[consent(recipients=[{"kind": "intermediary", "id": "org-hie", "participants": [], "participant_class": "treating_providers"}])]), "P2_CONSENT_2_33", obligations={*PART2_CONSENT, "INTERMEDIARY_LIST_2_24"}),
    deny("exchange, but the recipient is no participant", scene(DOCTOR | {"via": EXCHANGE}, SUD, consents=[consent(recipients=[{"kind": "intermediary", "id": "org-hie", "participants": ["org-x"]}])]), "RECIPIENT_NOT_COVERED"),
    deny("an intermediary entry where nothing goes through it", scene(DOCTOR, SUD, consents=[consent(recipients=[{"kind": "intermediary", "id": "org-hie", "participants": ["org-clinic"]}])]), "RECIPIENT_NOT_COVERED"),
    deny("purpose not named", scene(DOCTOR, consents=[consent(purposes=["HOPERAT"])]), "PURPOSE_NOT_COVERED"),
    permit("TPO covers coordination", scene(DOCTOR, purpose="COORD", consents=[consent(purposes=["TPO"])]), "HIPAA_CONSENT"),
    redact("less information", scene(DOCTOR, consents=[consent(info=["identity"])]), "HIPAA_CONSENT", "INFO_NOT_COVERED", fields={"match.fact", "client.name", "client.case_manager"}),
    deny("treating providers do not include jail health", scene(NURSE | {"treating_relationship": True}, SUD, consents=[consent(recipients=[{"kind": "class", "id": "treating_providers"}])]), "RECIPIENT_NOT_COVERED"),
    permit("unless local policy says so", scene(NURSE | {"treating_relationship": True}, SUD, consents=[consent(recipients=[{"kind": "class", "id": "treating_providers"}])], policy={"treating_class_includes_jail_health": True}), "P2_CONSENT_2_33"),
    permit("the justice class", scene(OFFICER, SUD, consents=[consent(type="cj_referral", purposes=["CJMONITOR"], recipients=[{"kind": "class", "id": "criminal_justice"}])]), "P2_CJ_REFERRAL_2_35", obligations={*PART2_CONSENT, "CJ_USE_LIMIT_2_35D"}),
    permit("monitoring under HIPAA", scene(OFFICER, consents=[consent(type="hipaa_authorization", purposes=["CJMONITOR"], recipients=[{"kind": "class", "id": "criminal_justice"}])]), "HIPAA_CONSENT"),
    deny("monitoring on another Part 2 consent", scene(OFFICER, SUD, consents=[consent(purposes=["CJMONITOR"], recipients=[{"kind": "class", "id": "criminal_justice"}])]), "CJ_CONSENT_REQUIRED", "BACKFLOW_PROHIBITED"),
    deny("a referral consent for treatment", scene(DOCTOR, SUD, consents=[consent(type="cj_referral")]), "CONSENT_WRONG_TYPE"),
    deny("a referral that was revoked when it could be", scene(OFFICER, SUD, consents=[consent(type="cj_referral", purposes=["CJMONITOR"], recipients=[{"kind": "org", "id": "org-probation"}], revoked_at="2026-01-01", revocable_from="2026-03-10")]), "CONSENT_REVOKED"),
    permit("a referral that can never be revoked", scene(OFFICER, SUD, consents=[consent(type="cj_referral", purposes=["CJMONITOR"], recipients=[{"kind": "org", "id": "org-probation"}], revoked_at="2026-01-01")]), "P2_CJ_REFERRAL_2_35"),
    permit("a referral form needs no right to revoke", scene(OFFICER, SUD, consents=[consent(type="cj_referral", purposes=["CJMONITOR"], recipients=[{"kind": "org", "id": "org-probation"}], elements_missing=["right_to_revoke", "refusal_consequences"])]), "P2_CJ_REFERRAL_2_35"),
    deny("but its period", scene(OFFICER, SUD, consents=[consent(type="cj_referral", purposes=["CJMONITOR"], recipients=[{"kind": "org", "id": "org-probation"}], elements_missing=["period_stated"])]), "CONSENT_DEFICIENT"),
    deny("a consent for notes serves nothing else", scene(DOCTOR, consents=[consent(type="psychotherapy_notes")]), "CONSENT_WRONG_TYPE"),
    deny("a proceedings consent serves nothing else", scene(DOCTOR, consents=[consent(type="proceedings")]), "CONSENT_WRONG_TYPE"),
    deny("general release of a Part 2 record", scene(DOCTOR, SUD, consents=[consent(type="general_roi")]), "CONSENT_NOT_PART2"),
    deny("pre-2024 form, signed on the compliance day", scene(DOCTOR, SUD, consents=[consent(rule_version="pre2024", signed_at="2026-02-16")]), "CONSENT_DEFICIENT"),
    permit("pre-2024 form, signed the day before", scene(DOCTOR, SUD, consents=[consent(rule_version="pre2024", signed_at="2026-02-15", elements_missing=["redisclosure_statement"])]), "P2_CONSENT_2_33"),
    deny("pre-2024 form without one of the nine", scene(DOCTOR, SUD, consents=[consent(rule_version="pre2024", elements_missing=["purpose"])]), "CONSENT_DEFICIENT"),
    deny("pre-2024 form where policy takes none", scene(DOCTOR, SUD, consents=[consent(rule_version="pre2024")], policy={"accept_pre2024_consents": False}), "CONSENT_DEFICIENT"),
    permit("a form of 2024 where policy takes no older ones", scene(DOCTOR, SUD, consents=[consent()], policy={"accept_pre2024_consents": False}), "P2_CONSENT_2_33"),
    permit("pre-2024 means nothing under HIPAA, whatever the policy", scene(DOCTOR, consents=[consent(rule_version="pre2024", elements_missing=["patient_name"])], policy={"accept_pre2024_consents": False}), "HIPAA_CONSENT"),
    permit("under HIPAA the form's own expiry will do", scene(DOCTOR, consents=[consent(expires_at=None)]), "HIPAA_CONSENT"),
    permit("an exchange keeps no list for a programme that is not Part 2", scene(DOCTOR | {"via": EXCHANGE}, consents=[consent(recipients=[{"kind": "intermediary", "id": "org-hie", "participants": ["org-clinic"]}])]), "HIPAA_CONSENT", obligations=set()),
    permit("nor for a proceeding", scene(COURT | {"via": EXCHANGE}, SUD, consents=[consent(type="proceedings", purposes=["LEGAL"], recipients=[{"kind": "intermediary", "id": "org-hie", "participants": ["org-court"]}])]), "PROCEEDINGS_CONSENT", obligations={"COUNSEL_APPROVAL", "PART2_NOTICE_2_32", "CONSENT_COPY_2_32B", "ACCOUNT_P2_2_25"}),
    permit("pre-2024 means nothing under HIPAA", scene(DOCTOR, consents=[consent(rule_version="pre2024", type="general_roi")]), "HIPAA_CONSENT"),
    deny("no end at all", scene(DOCTOR, SUD, consents=[consent(expires_at=None)]), "CONSENT_DEFICIENT"),
    permit("'none' for treatment", scene(DOCTOR, SUD, consents=[consent(expires_at=None, expires_event={"kind": "none", "occurred_at": None})]), "P2_CONSENT_2_33"),
    deny("'none' beyond treatment", scene(DOCTOR, SUD, consents=[consent(expires_at=None, expires_event={"kind": "none", "occurred_at": None}, purposes=["TPO", "CUSTODY"])]), "CONSENT_DEFICIENT"),
    deny("an authorization without its purpose", scene(DOCTOR, consents=[consent(elements_missing=["purpose"])]), "CONSENT_DEFICIENT"),
    permit("a treatment consent without the statements", scene(DOCTOR, consents=[consent(elements_missing=["right_to_revoke", "refusal_consequences", "redisclosure_statement"])]), "HIPAA_CONSENT"),
    deny("Part 2 form without the statement for covered entities", scene(DOCTOR, SUD, consents=[consent(elements_missing=["hipaa_redisclosure_statement"])]), "CONSENT_DEFICIENT"),
    deny("known to be false", scene(DOCTOR, SUD, consents=[consent(known_false=True)]), "CONSENT_FALSE"),
    permit("guardian", scene(DOCTOR, SUD, consents=[consent(signer=signer("guardian", "g-1"))], client={"guardian": GUARDIAN}), "P2_CONSENT_2_33"),
    deny("guardian whose guardianship ended", scene(DOCTOR, SUD, consents=[consent(signer=signer("guardian", "g-1"))], client={"guardian": GUARDIAN | {"until": "2026-03-09"}}), "SIGNER_AUTHORITY_ENDED"),
    deny("guardian who was not one yet", scene(DOCTOR, SUD, consents=[consent(signer=signer("guardian", "g-1"))], client={"guardian": GUARDIAN | {"from": "2025-12-01"}}), "SIGNER_NOT_AUTHORIZED"),
    deny("guardian never adjudicated", scene(DOCTOR, SUD, consents=[consent(signer=signer("guardian", "g-1"))], client={"guardian": GUARDIAN | {"adjudicated": False}}), "SIGNER_NOT_AUTHORIZED"),
    permit("patient after the guardianship", scene(DOCTOR, SUD, consents=[consent()], client={"guardian": GUARDIAN | {"until": "2025-10-31"}}), "P2_CONSENT_2_33"),
    deny("parent of an adult", scene(DOCTOR, consents=[consent(signer=signer("parent"))]), "SIGNER_NOT_AUTHORIZED"),
    deny("both, of an adult", scene(DOCTOR, consents=[consent(signer=signer("minor_and_parent"))]), "SIGNER_NOT_AUTHORIZED"),
    permit("a representative whose authority was checked (2)", scene(DOCTOR, consents=[consent(signer=signer("personal_representative", "x", checked=True))]), "HIPAA_CONSENT"),
    deny("a minor's representative", scene(DOCTOR, consents=[consent(signer=signer("personal_representative", "x", checked=True))], client=MINOR), "SIGNER_NOT_AUTHORIZED"),
    permit("an emancipated minor", scene(DOCTOR, SUD, consents=[consent()], client=MINOR | {"emancipated_at": "2025-10-01"}), "P2_CONSENT_2_33"),
    deny("emancipated after signing", scene(DOCTOR, SUD, consents=[consent()], client=MINOR | {"emancipated_at": "2025-12-01"}), "SIGNER_NOT_AUTHORIZED"),
    deny("the parent's signature lapses at 18", scene(DOCTOR, consents=[consent(signer=signer("parent"))], client=NOW_18), "SIGNER_AUTHORITY_ENDED"),
    permit("the day before it holds", scene(DOCTOR, consents=[consent(signer=signer("parent"))], client={"dob": "2008-03-11"}), "HIPAA_CONSENT", obligations=set()),
    permit("both signatures go on", scene(DOCTOR, SUD, consents=[consent(signer=signer("minor_and_parent"))], client=NOW_18), "P2_CONSENT_2_33", obligations={*PART2_CONSENT, "RECONSENT_DUE"}),
    permit("a minor of 12 for mental health in California", scene(DOCTOR, jurisdiction="US-CA", consents=[consent()], client=MINOR), "HIPAA_CONSENT"),
    deny("but not in Illinois", scene(DOCTOR, jurisdiction="US-IL", consents=[consent()], client=MINOR), "SIGNER_NOT_AUTHORIZED"),
    permit("born on 29 February, of age on 1 March", scene(DOCTOR, consents=[consent(signed_at="2026-03-01")], client={"dob": "2008-02-29"}), "HIPAA_CONSENT"),
    deny("and not on 28 February", scene(DOCTOR, consents=[consent(signed_at="2026-02-28")], client={"dob": "2008-02-29"}), "SIGNER_NOT_AUTHORIZED"),
]

SEVERAL = [
    deny("an exception for one person", scene(DOCTOR, consents=[consent(provisions=[provision("deny", recipients=NAMES_DOCTOR)])]), "EXPLICIT_DENY"),
    permit("an exception whose period is over", scene(DOCTOR, consents=[consent(provisions=[provision("deny", period={"from": None, "until": "2026-03-09"})])]), "HIPAA_CONSENT"),
    permit("an exception for another purpose", scene(DOCTOR, consents=[consent(provisions=[provision("deny", purposes=["COORD"])])]), "HIPAA_CONSENT"),
    redact("an exception for a field", scene(DOCTOR, consents=[consent(provisions=[provision("deny", fields=["booking.facility"])])]), "EXPLICIT_DENY", "HIPAA_CONSENT"),
    permit("an exception of the root's own type is ignored", scene(DOCTOR, consents=[consent(provisions=[provision("permit", fields=["match.fact"])])]), "HIPAA_CONSENT"),
    permit("no to all but the doctor", scene(DOCTOR, consents=[denial(purposes=["TREAT"], info=["*"], provisions=[provision("permit", recipients=NAMES_DOCTOR)])]), "HIPAA_CONSENT", relied={"k-no"}),
    deny("a permitting exception needs its recipients", scene(DOCTOR, consents=[denial(purposes=["TREAT"], info=["*"], provisions=[provision("permit")])]), "EXPLICIT_DENY"),
    deny("a permitting exception to an unlimited no opens nothing by itself", scene(DOCTOR, consents=[denial(provisions=[provision("permit", recipients=NAMES_DOCTOR)])]), "EXPLICIT_DENY"),
    deny("an older yes", scene(DOCTOR, consents=[consent(signed_at="2025-01-01"), denial(signed_at="2025-02-01")]), "EXPLICIT_DENY"),
    permit("a later yes", scene(DOCTOR, consents=[consent(signed_at="2025-03-01"), denial(signed_at="2025-02-01")]), "HIPAA_CONSENT", relied={"k-1"}),
    deny("a yes at the same instant", scene(DOCTOR, consents=[consent(signed_at="2025-02-01"), denial(signed_at="2025-02-01")]), "EXPLICIT_DENY"),
    deny("a later but vaguer yes", scene(DOCTOR, consents=[consent(signed_at="2025-03-01"), denial(signed_at="2025-02-01", recipients=NAMES_DOCTOR)]), "EXPLICIT_DENY"),
    permit("a later yes as specific", scene(DOCTOR, consents=[consent(signed_at="2025-03-01"), denial(signed_at="2025-02-01", recipients=NAMES_CLINIC)]), "HIPAA_CONSENT"),
    deny("a denial needs no form", scene(DOCTOR, consents=[consent(signed_at="2025-01-01"), denial(signed_at="2025-02-01", elements_missing=["signature"], known_false=True)]), "EXPLICIT_DENY"),
    permit("a denial that was withdrawn is silent", scene(DOCTOR, consents=[consent(signed_at="2025-01-01"), denial(signed_at="2025-02-01", revoked_at="2025-03-01")]), "HIPAA_CONSENT"),
    permit("the latest is relied on", scene(DOCTOR, consents=[consent(), consent(id="k-2", signed_at="2026-01-01")]), "HIPAA_CONSENT", relied={"k-2"}),
    permit("ties go to the smallest id", scene(DOCTOR, consents=[consent(id="k-2"), consent(id="k-10")]), "HIPAA_CONSENT", relied={"k-10"}),
    redact("each field stands on its own", scene(DOCTOR, consents=[consent(info=["match.fact"]), consent(id="k-2", info=["client.name"])]), "HIPAA_CONSENT", relied={"k-1", "k-2"}, fields={"match.fact", "client.name"}),
]

ABOUT_NOTES = [
    redact("a TPO consent that lists the notes too", scene(NURSE, context=ASK_NEED | {"request_fields": NOTES}, consents=[consent(recipients=NAMES_NURSE, info=["*", "clinical.psychotherapy_notes"])]), "NOTES_SEPARATE_CONSENT", "HIPAA_512K5", fields={"match.fact"}, relied=set()),
    permit("notes under their own consent", scene(NURSE, context=ASK_NEED | {"request_fields": NOTES}, consents=[consent(type="psychotherapy_notes", recipients=NAMES_NURSE, info=["clinical.psychotherapy_notes"])]), "HIPAA_512K5", obligations=set(), relied={"k-1"}),
    deny("notes alone", scene(NURSE, context=ASK_NEED | {"request_fields": NOTES[1:]}, consents=[consent(type="psychotherapy_notes", recipients=NAMES_NURSE, info=["clinical.psychotherapy_notes"])]), "NOTES_SEPARATE_CONSENT"),
    redact("a form for notes must be whole", scene(NURSE, context=ASK_NEED | {"request_fields": NOTES}, consents=[consent(type="psychotherapy_notes", recipients=NAMES_NURSE, info=["clinical.psychotherapy_notes"], elements_missing=["right_to_revoke"])]), "CONSENT_DEFICIENT", "NOTES_SEPARATE_CONSENT"),
    permit("SUD notes under their own consent", scene(NURSE, SUD, context={"request_fields": SUD_NOTES}, consents=[consent(recipients=NAMES_NURSE), consent(id="k-2", type="sud_counseling_notes", recipients=NAMES_NURSE, info=["clinical.sud_counseling_notes"])]), "P2_CONSENT_2_33", obligations=PART2_CONSENT, relied={"k-1", "k-2"}),
    redact("no SUD notes of a client who has none", scene(NURSE, context=ASK_NEED | {"request_fields": SUD_NOTES}), "NOTES_SEPARATE_CONSENT", fields={"match.fact"}),
    permit("SUD notes inside bring the duties of consent", scene(COUNSELOR, SUD, context={"request_fields": SUD_NOTES}, consents=[consent(type="sud_counseling_notes", recipients=NAMES_LAKE, info=["clinical.sud_counseling_notes"])]), "P2_INTERNAL_2_12C3", obligations={"PART2_LABEL", *PART2_CONSENT}),
    redact("notes are not for proceedings", scene(COURT, context={"request_fields": NOTES, "court_orders": [order("hipaa_order", "org-court", "mh")]}, consents=[consent(type="psychotherapy_notes", purposes=["LEGAL"], recipients=[{"kind": "org", "id": "org-court"}], info=["clinical.psychotherapy_notes"])]), "HIPAA_COURT_ORDER", "NOTES_SEPARATE_CONSENT", fields={"match.fact"}),
]
# fmt: on
