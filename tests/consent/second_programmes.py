"""Programmes, read a second time: each is a discloser of its own."""

from __future__ import annotations

from tests.consent.second_consents import ConsentReading, Heard, Law, Said
from tests.consent.second_tables import NOTES, Raw


class ProgrammeReading(ConsentReading):
    """One request, as far as its programmes go."""

    def glass(self) -> bool:
        glass = self.context["break_glass"]
        return (
            glass is not None
            and self.kind == "program_staff"
            and self.purpose == "TREAT"
            and glass["declared_by"] is not None
            and glass["declared_by"] == self.who["person_id"]
            and len((glass["reason"] or "").strip()) >= self.law["break_glass_min_reason_chars"]
            and self.law.open(glass["at"], self.law["break_glass_ttl_hours"])
        )

    def enrolled(self, p: Raw) -> bool:
        law = self.law_of(p["jurisdiction"] or self.q["jurisdiction"])
        ends = p["enrolled_to"]
        over = ends is not None and law.now >= law.after(ends, law["discharge_grace_days"])
        return law.holds(p["enrolled_from"], None) and not over

    def programme(self, p: Raw) -> Said:
        said, law = Said(), self.law_of(p["jurisdiction"] or self.q["jurisdiction"])
        here = (self.wanted & self.envelope) - self.back
        if not p["part2"]:
            here -= {"clinical.sud_detail"}
        paths = {
            "MEASURE": self.measure, "AUDIT": self.audit, "PATRQT": self.access, "MATCH": self.matching,
            "HRESCH": self.research, "ETREAT": self.emergency, "LEGAL": self.legal,
        }  # fmt: skip
        paths.get(self.purpose, self.everything_else)(p, law, here, said)
        if self.wanted & NOTES:
            self.notes(p, law, said)
        return said

    def refuse(self, said: Said, code: str, *duties: str) -> None:
        said.codes.add(code)
        said.refusing |= set(duties)

    def measure(self, p: Raw, _law: Law, here: set[str], said: Said) -> None:
        if self.enrolled(p):
            self.permit(said, here, "DEIDENTIFIED", "SUPPRESS_SMALL_CELLS")
        else:
            self.refuse(said, "NOT_ENROLLED")

    def own(self, p: Raw) -> bool:
        org = self.who["org_id"]
        return org is not None and (org == p["org_id"] or org in p["admin_control_orgs"])

    def agreed(self, kind: str, org: str | None, p: Raw, law: Law) -> bool:
        return any(
            a["kind"] == kind
            and a["org_id"] == org
            and (a.get("program_ids") is None or p["id"] in a["program_ids"])
            and law.holds(a["from"], a["until"])
            for a in self.context["agreements"]
        )

    def audit(self, p: Raw, law: Law, here: set[str], said: Said) -> None:
        def has(kind: str) -> bool:
            return self.agreed(kind, self.who["org_id"], p, law)

        if self.own(p):
            self.permit(said, here, "AUDIT_INTERNAL", "AUDIT_ACCESS_LOGGED")
        elif p["part2"] and has("P2_AUDIT"):
            self.permit(said, here, "P2_AUDIT_2_53", "AUDIT_ACCESS_LOGGED", "AUDITOR_NO_REDISCLOSURE")
        elif not p["part2"] and has("BAA"):
            self.permit(said, here, "HIPAA_BUSINESS_ASSOCIATE", "AUDIT_ACCESS_LOGGED")
        elif not p["part2"] and has("OVERSIGHT"):
            self.permit(said, here, "HIPAA_OVERSIGHT_512D", "AUDIT_ACCESS_LOGGED", "ACCOUNT_HIPAA_528")
        else:
            self.refuse(said, "AUDIT_AGREEMENT_MISSING")

    def access(self, _p: Raw, _law: Law, here: set[str], said: Said) -> None:
        if self.kind == "personal_representative" and not self.who["authority_verified"]:
            self.refuse(said, "REPRESENTATIVE_NOT_VERIFIED")
        else:
            self.permit(said, here, "RIGHT_OF_ACCESS")

    def matching(self, p: Raw, law: Law, here: set[str], said: Said) -> None:
        org = self.who["org_id"]
        if not self.enrolled(p):
            self.refuse(said, "NOT_ENROLLED")
        elif self.own(p):
            self.permit(said, here, "INTERNAL_OPERATIONS")
        elif p["part2"]:
            if self.agreed("QSOA", org, p, law) or (p["covered_entity"] and self.agreed("BAA", org, p, law)):
                self.permit(said, here, "P2_QSO", "QSO_BOUND")
            else:
                self.refuse(said, "QSOA_MISSING")
        elif self.agreed("BAA", org, p, law):
            self.permit(said, here, "HIPAA_BUSINESS_ASSOCIATE")
        else:
            self.refuse(said, "BAA_MISSING")

    def research(self, p: Raw, law: Law, here: set[str], said: Said) -> None:
        if self.agreed("RESEARCH_APPROVAL", self.who["org_id"], p, law):
            self.permit(said, here, "RESEARCH_APPROVED", "RESEARCH_PROTOCOL_LIMITS")
        else:
            self.refuse(said, "RESEARCH_NOT_APPROVED")

    def emergency(self, p: Raw, law: Law, here: set[str], said: Said) -> None:
        declared = self.context["emergency"]
        if declared is None or not law.open(declared["at"], law["emergency_ttl_hours"]):
            self.refuse(said, "EMERGENCY_NOT_DECLARED")
        elif not self.who["medical_personnel"]:
            self.refuse(said, "EMERGENCY_NOT_MEDICAL")
        elif p["part2"] and declared["consent_obtainable"]:
            self.refuse(said, "P2_EMERGENCY_CONSENT_OBTAINABLE")
        elif p["part2"]:
            duties = ("EMERGENCY_DOCUMENTATION_2_51", "BREAK_GLASS_REVIEW", "NO_PROCEEDINGS_USE")
            self.permit(said, here, "P2_EMERGENCY_2_51", *duties)
        else:
            self.permit(said, here, "HIPAA_EMERGENCY", "BREAK_GLASS_REVIEW")

    def legal(self, p: Raw, law: Law, here: set[str], said: Said) -> None:
        org = self.who["org_id"]
        orders = [
            o
            for o in self.context["court_orders"]
            if org is not None and o["recipient_org_id"] == org and p["id"] in o["program_ids"]
        ]
        for order in orders:
            self.order(order, p, law, here, said)
        if said.fields:
            return
        heard = self.hear(p, law, here, None)
        duties = ["COUNSEL_APPROVAL"]
        if p["part2"]:
            duties += ["PART2_NOTICE_2_32", "CONSENT_COPY_2_32B", "ACCOUNT_P2_2_25"]
        self.rely(said, heard, here, "PROCEEDINGS_CONSENT", *duties)
        if said.fields:
            return
        if any(o["kind"] == "subpoena" for o in orders):
            self.refuse(said, "SUBPOENA_INSUFFICIENT", "ROUTE_TO_COUNSEL")
        else:
            self.refuse(said, "BACKFLOW_PROHIBITED")

    def order(self, order: Raw, p: Raw, law: Law, here: set[str], said: Said) -> None:
        vacated = order["vacated_at"] is not None and law.at(order["vacated_at"]) <= law.now
        if vacated or not law.holds(order["issued_at"], order["expires_at"]):
            said.codes.add("COURT_ORDER_NOT_IN_FORCE")
            return
        duties = ("COUNSEL_APPROVAL", "COURT_ORDER_LIMITS", "ACCOUNT_HIPAA_528")
        fields = here & set(order["fields"])
        if not p["part2"]:
            if order["kind"] != "subpoena":
                self.permit(said, fields, "HIPAA_COURT_ORDER", *duties)
            return
        fit = {"2.65"} if self.kind == "law_enforcement" else {"2.64", "2.65"}
        if order["kind"] in fit and order["findings"] and order["notice_given"]:
            self.permit(said, fields, "P2_COURT_ORDER", *duties)
        else:
            said.codes.add("COURT_ORDER_NOT_PART2")

    def everything_else(self, p: Raw, law: Law, here: set[str], said: Said) -> None:
        if not self.enrolled(p):
            self.refuse(said, "NOT_ENROLLED")
        elif self.inside(p):
            self.internal(p, law, here, said)
        else:
            self.outside(p, law, here, said)

    def inside(self, p: Raw) -> bool:
        org = self.who["org_id"]
        same = not p["part2"] and org == p["org_id"]
        if self.kind == "program_staff":
            return bool(same or self.who["program_id"] == p["id"])
        return self.kind == "admin_control_staff" and bool(same or org in p["admin_control_orgs"])

    def internal(self, p: Raw, law: Law, here: set[str], said: Said) -> None:
        basis = "P2_INTERNAL_2_12C3" if p["part2"] else "HIPAA_INTERNAL_TPO"
        always = ["PART2_LABEL", "NO_PROCEEDINGS_USE"] if p["part2"] else []
        running = [a for a in self.client["assignments"] if law.holds(a["from"], a["until"])]
        there = [a for a in running if a["program_id"] == p["id"]]
        if self.kind == "admin_control_staff" or self.is_assigned(p, running):
            self.permit(said, here, basis, *always)
        elif self.glass():
            self.permit(said, here, "BREAK_GLASS_INTERNAL", "BREAK_GLASS_REVIEW", *always)
        elif not there and law["supervisor_fallback"] and p["id"] in self.who["supervises"]:
            self.permit(said, here, "SUPERVISOR_FALLBACK", "ASSIGN_CLINICIAN", *always)
        else:
            self.refuse(said, "NOT_ASSIGNED", "REROUTE_TO_ASSIGNED" if there else "ROUTE_TO_SUPERVISOR")

    def is_assigned(self, p: Raw, running: list[Raw]) -> bool:
        counting = {p["id"]}
        if not p["part2"]:
            counting |= {s["id"] for s in self.q["programs"] if not s["part2"] and s["org_id"] == p["org_id"]}
            counting |= {self.who["program_id"]} - {None}
        who = self.who["person_id"]
        return who is not None and any(a["person_id"] == who and a["program_id"] in counting for a in running)

    def outside(self, p: Raw, law: Law, here: set[str], said: Said) -> None:
        free, code, duties, mandate = (
            (set[str](), "", list[str](), False) if p["part2"] else self.free(p, law, here, said)
        )
        heard = self.hear(p, law, here, None)
        blocked = law["explicit_deny_blocks_mandate" if mandate else "explicit_deny_blocks_permissive"]
        if blocked and free & heard.denied:
            free -= heard.denied
            said.codes.add("EXPLICIT_DENY")
        self.permit(said, free, code, *duties)
        if not p["part2"]:
            self.rely(said, heard, here, "HIPAA_CONSENT")
        else:
            duties = ["PART2_NOTICE_2_32", "CONSENT_COPY_2_32B", "ACCOUNT_P2_2_25", "NO_PROCEEDINGS_USE"]
            watched = self.purpose == "CJMONITOR"
            duties += ["CJ_USE_LIMIT_2_35D"] if watched else []
            duties += ["INTERMEDIARY_LIST_2_24"] if self.exchange() else []
            self.rely(said, heard, here, "P2_CJ_REFERRAL_2_35" if watched else "P2_CONSENT_2_33", *duties)
        if not said.fields:
            self.nothing(p, said)

    def nothing(self, p: Raw, said: Said) -> None:
        if p["part2"] and self.kind in {"jail_health", "custody_staff"}:
            said.codes.add("P2_NO_512K5")
        if p["part2"] and self.kind == "program_staff" and self.who["org_id"] == p["org_id"]:
            said.codes.add("P2_NOT_PROGRAM_STAFF")
        if self.kind in {"custody_staff", "law_enforcement", "supervision_officer", "court"}:
            said.codes.add("BACKFLOW_PROHIBITED")

    def free(  # noqa: PLR0911 - one for each paragraph of the specification
        self, p: Raw, law: Law, here: set[str], said: Said
    ) -> tuple[set[str], str, list[str], bool]:
        """What needs no consent: fields, basis, duties, and whether it is a mandate."""
        who, kind = self.who, self.kind
        listed = all("TX_614_017" in side["statutory_agency"] for side in (p, who))
        texan = kind in {"jail_health", "custody_staff", "supervision_officer"} and self.purpose == "COORD"
        if law["tx_614_017"] and texan and listed:
            duties = ["TX_NO_EVIDENCE_USE"] + ([] if kind == "jail_health" else ["ACCOUNT_HIPAA_528"])
            return set(here), "TX_614_017", duties, True
        if kind == "jail_health" and law["jail_health_without_consent"]:
            why = self.jail_refused(p, law)
            if why:
                said.codes.add(why)
                return set(), "", [], False
            return set(here), "HIPAA_512K5", ["IL_REDISCLOSURE_LIMIT"] if law["il_jail_agreement"] else [], False
        if kind == "custody_staff" and self.purpose == "CUSTODY" and law["custody_512k5"] == "allow":
            why = self.custody_refused(law)
            if why:
                said.codes.add(why)
                return set(), "", [], False
            return here & {"match.fact", "client.name", "clinical.risk_flags"}, "HIPAA_512K5_SAFETY", [], False
        careful = law["ca_5328"] and who["has_care_responsibility"]
        treats = kind in {"outside_provider", "program_staff"} and who["treating_relationship"]
        if treats and (law["outside_treatment_without_consent"] or careful):
            return set(here), "HIPAA_TREATMENT_506C", [], False
        return set(), "", [], False

    def custody_refused(self, law: Law) -> str:
        booking, asked = self.q["booking"], self.context["custody_request"]
        if not law.holds(booking["booked_at"], booking["released_at"]):
            return "NOT_IN_CUSTODY_512K5"
        stated = asked is not None and asked["represented"]
        return "CUSTODY_REPRESENTATION_MISSING" if law["require_custody_representation"] and not stated else ""

    def jail_refused(self, p: Raw, law: Law) -> str:
        why, org = self.custody_refused(law), self.who["org_id"]
        if why:
            return why
        if law["il_jail_agreement"] and not (self.agreed("IL_9_2_JAIL", org, p, law) and self.who["mh_services"]):
            return "IL_AGREEMENT_MISSING"
        both = all(self.agreed("CALAIM_JI", o, p, law) for o in (p["org_id"], org))
        return "CA_CONSENT_REQUIRED" if law["ca_5328"] and not (self.who["has_care_responsibility"] or both) else ""

    def notes(self, p: Raw, law: Law, said: Said) -> None:
        mine = "clinical.sud_counseling_notes" if p["part2"] else "clinical.psychotherapy_notes"
        if not said.fields:
            return
        fields = (self.wanted & {mine}) - self.back
        heard = self.hear(p, law, fields, mine) if fields else Heard()
        if not heard.permitted:
            said.codes.add("NOTES_SEPARATE_CONSENT")
            return
        duties = ["PART2_NOTICE_2_32", "CONSENT_COPY_2_32B", "ACCOUNT_P2_2_25", "NO_PROCEEDINGS_USE"]
        code = "P2_CONSENT_2_33" if p["part2"] else "HIPAA_CONSENT"
        duties += ["INTERMEDIARY_LIST_2_24"] if self.exchange() else []
        self.rely(said, heard, fields, code, *(duties if p["part2"] else []))
