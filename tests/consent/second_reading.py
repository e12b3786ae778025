"""The specification read a second time: plain code over raw requests, without rule book, tables or types of the product.

It shares nothing with `consent/` but the published schema. Where the two differ on some request, one of them misread.
It expects a request that can be read; how unreadable ones are refused is tested elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from tests.consent.second_consents import Said
from tests.consent.second_programmes import ProgrammeReading
from tests.consent.second_tables import BOOKING, KINDS, PLAINLY, SCOPES, TIERS, TPO, Raw


@dataclass
class Answer:
    decision: str = "deny"
    allowed: set[str] = field(default_factory=set)
    redact: set[str] = field(default_factory=set)
    programs: set[str] = field(default_factory=set)
    consents: set[str] = field(default_factory=set)
    obligations: set[str] = field(default_factory=set)
    codes: set[str] = field(default_factory=set)


class Reading(ProgrammeReading):
    """One request."""

    def decide(self) -> Answer:
        gate = self.gate_1() or self.gate_2() or self.gate_3() or self.gate_4()
        if gate:
            return self.denied({gate[0]}, set(gate[1]))
        if self.context["request_fields"] is None and not any(p["part2"] for p in self.q["programs"]):
            self.wanted -= {"clinical.sud_detail"}
        return self.unite([(p, self.programme(p)) for p in self.q["programs"]])

    def denied(self, codes: set[str], duties: set[str]) -> Answer:
        if self.kind not in PLAINLY:
            duties = duties | {"NEUTRAL_RESPONSE"}
        return Answer(redact=set(self.wanted), obligations=duties, codes=codes | self.noted)

    def unite(self, said: list[tuple[Raw, Said]]) -> Answer:
        telling = [(p, s) for p, s in said if s.fields]
        allowed = {f for _, s in telling for f in s.fields}
        codes = {c for _, s in said for c in s.codes} | self.noted
        if self.wanted - self.envelope - allowed:
            codes.add("FIELD_NOT_NECESSARY")
        if not allowed:
            return self.denied(codes, {d for _, s in said for d in s.refusing})
        answer = Answer("permit", allowed, self.wanted - allowed, {p["id"] for p, _ in telling}, codes=codes)
        answer.consents = {c for _, s in telling for c in s.consents}
        answer.obligations = {d for _, s in telling for d in s.duties} | self.noted_duties
        hidden = [p for p, s in said if not s.fields and p["id"] not in answer.programs and self.enrolled(p)]
        if hidden:
            codes.add("PROGRAM_WITHHELD")
        if any(p["part2"] for p in hidden):
            answer.obligations.add("NEUTRAL_RESPONSE")
        if hidden or answer.redact:
            answer.decision = "redact"
        return answer

    # --- gates ---

    def gate_1(self) -> tuple[str, list[str]] | None:
        if not self.who["verified"]:
            return "RECIPIENT_UNVERIFIED", []
        if not self.who["active"]:
            return "RECIPIENT_INACTIVE", []
        if self.purpose not in KINDS[self.kind][0]:
            return "PURPOSE_NOT_ALLOWED", []
        return ("BACKFLOW_PROHIBITED", []) if self.kind == "linkage_staff" else None

    def gate_2(self) -> tuple[str, list[str]] | None:
        if self.purpose in {"AUDIT", "PATRQT", "MATCH", "HRESCH"}:
            return None
        booking = self.q["booking"]
        there = self.law_of(booking["jurisdiction"] or self.q["jurisdiction"])
        emergency = self.purpose == "ETREAT"
        if booking["status"] == "void":
            return "BOOKING_VOID", ["RECALL_PRIOR_ALERTS"]
        sealed = booking["status"] in {"sealed", "expunged"}
        if sealed and (booking["sealed_at"] is None or there.at(booking["sealed_at"]) <= there.now):
            if not emergency:
                return "BOOKING_SEALED", ["PURGE_BOOKING"]
            self.back |= BOOKING
            self.noted.add("BOOKING_SEALED")
        if booking["juvenile"] and there["juvenile_bookings"] == "deny":
            if not emergency:
                return "BOOKING_JUVENILE", []
            self.back |= BOOKING
            self.noted.add("BOOKING_JUVENILE")
        return self.gate_2_news(booking)

    def gate_2_news(self, booking: Raw) -> tuple[str, list[str]] | None:
        booked = self.law.at(booking["booked_at"])
        if booked > self.law.now:
            return "BOOKING_IN_FUTURE", ["ROUTE_TO_REVIEW"]
        inside = self.kind in {"program_staff", "admin_control_staff", "analyst"}
        least = self.law["min_match_tier_internal" if inside else "min_match_tier_external"]
        if TIERS.index(booking["match_tier"]) < TIERS.index(least):
            return "MATCH_UNCONFIRMED", [] if self.kind == "analyst" else ["ROUTE_TO_REVIEW"]
        hears_news = self.kind in {"program_staff", "admin_control_staff", "outside_provider", "family"}
        if hears_news and self.law.now - booked > timedelta(hours=self.law["max_booking_age_hours"]):
            return "BOOKING_STALE", []
        return None

    def gate_3(self) -> tuple[str, list[str]] | None:
        if self.purpose in {"AUDIT", "PATRQT"}:
            return None
        client, law = self.client, self.law
        if client["status"] == "merged":
            return "CLIENT_MERGED_AWAY", ["REEVALUATE_SURVIVOR"]
        if client["status"] == "deceased" and (client["died_at"] is None or law.at(client["died_at"]) <= law.now):
            return "CLIENT_DECEASED", ["ROUTE_TO_REVIEW"]
        honoured = law["honour_opt_out"] and self.purpose not in {"ETREAT", "LEGAL"}
        if honoured and any(self.hits(o["scope"]) and law.holds(o["from"], o["until"]) for o in client["opt_outs"]):
            return "OPTED_OUT", []
        return self.restricted()

    def restricted(self) -> tuple[str, list[str]] | None:
        bites = [
            r
            for r in self.client["restrictions"]
            if r["agreed"]
            and self.law.holds(r["from"], r["until"])
            and self.hits(r["scope"])
            and (not r["recipients"] or any(self.is_named(e) for e in r["recipients"]))
        ]
        if self.purpose == "ETREAT" and bites:
            self.noted.add("RESTRICTION_OVERRIDDEN_EMERGENCY")
            self.noted_duties.add("REQUEST_NO_FURTHER_USE")
        if self.purpose not in TPO:
            return None
        if any(not r["fields"] for r in bites):
            return "RESTRICTION_AGREED", []
        for one in bites:
            self.back |= set(one["fields"])
            self.noted.add("RESTRICTION_FIELDS")
        return None

    def is_named(self, entry: Raw) -> bool:
        if entry["kind"] == "intermediary":
            return self.who["via"] is not None and self.who["via"]["org_id"] == entry["id"]
        return self.entry(entry, self.law, None) is not None

    def hits(self, scope: str) -> bool:
        return scope in {"all", "matching"} or self.kind in SCOPES[scope]

    def gate_4(self) -> tuple[str, list[str]] | None:
        return None if self.context["break_glass"] is None or self.glass() else ("BREAK_GLASS_INVALID", [])


def read(request: Raw) -> Answer:
    return Reading(request).decide()
