"""Consents, read a second time: what they say to one recipient about one programme."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.consent.second_tables import CLINICAL, DEFAULTS, GROUPS, IDENTITY, KINDS, NINE, OVERLAYS, TPO, Raw


@dataclass
class Law:
    """The policy of a place, and the instant at which it is asked."""

    policy: Raw
    now: datetime

    def __getitem__(self, name: str) -> Any:
        return self.policy[name]

    def at(self, text: str) -> datetime:
        """Where a period begins."""
        if len(text) > 10:
            return datetime.fromisoformat(text).astimezone(UTC)
        return datetime.combine(date.fromisoformat(text), time(), ZoneInfo(self["tz"])).astimezone(UTC)

    def after(self, text: str, grace: int = 0) -> datetime:
        """The first instant that a period ending then does not hold."""
        if len(text) > 10:
            return self.at(text)
        day = min(date.fromisoformat(text), date(9990, 1, 1))  # far enough away to be for ever
        return self.at((day + timedelta(days=1 + grace)).isoformat())

    def holds(self, since: str | None, until: str | None, when: datetime | None = None) -> bool:
        when = when or self.now
        return (since is None or self.at(since) <= when) and (until is None or when < self.after(until))

    def open(self, at: str, hours: float) -> bool:
        return self.at(at) <= self.now < self.at(at) + timedelta(hours=hours)

    def old_enough(self, dob: str, age: int, when: datetime) -> bool:
        born = date.fromisoformat(dob)
        leap = (born.month, born.day) == (2, 29)
        year = born.year + age
        common = year % 4 != 0 or (year % 100 == 0 and year % 400 != 0)
        day = date(year, 3, 1) if leap and common else date(year, born.month, born.day)
        return self.at(day.isoformat()) <= when


@dataclass
class Said:
    """What one programme says."""

    fields: set[str] = field(default_factory=set)
    consents: set[str] = field(default_factory=set)
    duties: set[str] = field(default_factory=set)
    codes: set[str] = field(default_factory=set)
    refusing: set[str] = field(default_factory=set)


@dataclass
class Heard:
    """What the consents say together."""

    permitted: dict[str, tuple[Raw, Law]] = field(default_factory=dict)
    denied: set[str] = field(default_factory=set)
    codes: set[str] = field(default_factory=set)


class ConsentReading:
    """One request, as far as its consents go."""

    def __init__(self, request: Raw) -> None:
        self.q, self.client, self.who, self.context = (
            request,
            request["client"],
            request["recipient"],
            request["context"],
        )
        self.kind, self.purpose = self.who["kind"], request["purpose"]
        self.law = self.law_of(request["jurisdiction"])
        self.envelope = set(KINDS[self.kind][1])
        if self.kind == "program_staff":
            self.envelope = set(self.law["alert_fields_internal"])
        if self.purpose == "ETREAT":
            self.envelope = set(KINDS["emergency_medical"][1])
        if self.purpose == "LEGAL":
            self.envelope = IDENTITY | CLINICAL
        asked = self.context["request_fields"]
        self.wanted = set(self.envelope if asked is None else asked)
        self.back: set[str] = set()
        self.noted: set[str] = set()
        self.noted_duties: set[str] = set()

    def law_of(self, place: str) -> Law:
        now = datetime.fromisoformat(self.q["as_of"]).astimezone(UTC)
        return Law(DEFAULTS | OVERLAYS[place] | self.q["policy"], now)

    def permit(self, said: Said, fields: set[str], code: str, *duties: str) -> None:
        if fields:
            said.fields |= fields
            said.codes.add(code)
            said.duties |= set(duties)

    def exchange(self) -> str | None:
        via = self.who["via"]
        return None if via is None or via["business_associate"] else str(via["org_id"])

    def rely(self, said: Said, heard: Heard, here: set[str], code: str, *duties: str) -> None:
        used = {f: c for f, c in heard.permitted.items() if f in here and f not in said.fields}
        self.permit(said, set(used), code, *duties)
        for consent, law in used.values():
            said.consents.add(consent["id"])
            if consent["signer"]["relationship"] == "minor_and_parent" and self.of_age(law, law.now):
                said.duties.add("RECONSENT_DUE")
        if here - said.fields:
            said.codes |= heard.codes

    def hear(self, p: Raw, law: Law, fields: set[str], note: str | None) -> Heard:
        heard = Heard()
        voices: dict[str, tuple[list[Any], list[Any]]] = {f: ([], []) for f in fields}
        for consent in self.q["consents"]:
            silence = self.silent(consent, p, law)
            if silence:
                heard.codes.add(silence)
                continue
            signed = law.at(consent["signed_at"])
            faulty = self.faulty(consent, p, law, note)
            for f in fields:
                word, how = self.word(consent, f, law)
                if word == "deny":
                    voices[f][1].append((signed, how))
                elif word == "permit" and faulty:
                    heard.codes.add(faulty)
                elif word == "permit":
                    voices[f][0].append((signed, how, consent))
                else:
                    heard.codes.add(self.unmatched(consent, law))
        for f, (yes, no) in voices.items():
            standing = [v for v in yes if all(v[0] > n[0] and v[1] >= n[1] for n in no)]
            if standing:
                last = max(v[0] for v in standing)
                heard.permitted[f] = (min((v[2] for v in standing if v[0] == last), key=_rank), law)
            elif no:
                heard.denied.add(f)
                heard.codes.add("EXPLICIT_DENY")
        if not self.q["consents"]:
            heard.codes.add("NO_CONSENT")
        return heard

    def silent(self, c: Raw, p: Raw, law: Law) -> str:
        if c["client_id"] not in {self.client["id"], *self.client["merged_from"]}:
            return "CONSENT_OTHER_CLIENT"
        if c["status"] != "active" and not (c["status"] == "inactive" and c["revoked_at"] is not None):
            return "CONSENT_NOT_ACTIVE"
        if not c["discloser"]["any_treating_program"] and p["id"] not in c["discloser"]["program_ids"]:
            return "CONSENT_OTHER_DISCLOSER"
        starts = [law.at(c["signed_at"]), *([law.at(c["effective_from"])] if c["effective_from"] else [])]
        if law.now < max(starts):
            return "CONSENT_NOT_YET_EFFECTIVE"
        if self.revoked(c, law):
            return "CONSENT_REVOKED"
        return "CONSENT_EXPIRED" if self.expired(c, p, law) else ""

    def revoked(self, c: Raw, law: Law) -> bool:
        ends = [law.at(g["at"]) for g in self.client["global_revocations"] if law.at(g["at"]) > law.at(c["signed_at"])]
        unheard = c["revocation_method"] == "oral" and not law["honour_oral_revocation"]
        if c["revoked_at"] is not None and not unheard:
            ends.append(law.at(c["revoked_at"]))
        if not ends or law.now < min(ends):
            return False
        if c["type"] == "cj_referral":
            return c["revocable_from"] is not None and law.now >= law.at(c["revocable_from"])
        return True

    def expired(self, c: Raw, p: Raw, law: Law) -> bool:
        ends, happening = [c["expires_at"]], c["expires_event"]
        if happening and happening["kind"] != "none":
            at = happening["occurred_at"]
            ends.append(p["enrolled_to"] if at is None and happening["kind"] == "end_of_treatment" else at)
        return any(end is not None and law.now >= law.after(end) for end in ends)

    def word(self, c: Raw, f: str, law: Law) -> tuple[str, int]:
        """What a consent says of one field, and how specifically about whom."""
        other = "deny" if c["base"] == "permit" else "permit"
        found = []
        for e in c["provisions"]:
            period = e["period"] or {"from": None, "until": None}
            if e["type"] != other or not law.holds(period["from"], period["until"]):
                continue
            how: int | None
            if other == "permit":
                purposes, info = e["purposes"] or c["purposes"], e["fields"] or c["info"]
                how = self.reach(e["recipients"] or [], law)
                fits = _has_purpose(purposes, self.purpose) and f in _expand(info)
            else:
                how = self.reach(e["recipients"], law) if e["recipients"] else 0
                fits = (not e["purposes"] or _has_purpose(e["purposes"], self.purpose)) and (
                    not e["fields"] or f in _expand(e["fields"])
                )
            if how is not None and fits:
                found.append(how)
        if found:
            return other, max(found)
        denies = c["base"] == "deny"
        how = 0 if denies and not c["recipients"] else self.reach(c["recipients"], law)
        purpose = (denies and not c["purposes"]) or _has_purpose(c["purposes"], self.purpose)
        covered = (denies and not c["info"]) or f in _expand(c["info"])
        return (c["base"], how) if how is not None and purpose and covered else ("", 0)

    def unmatched(self, c: Raw, law: Law) -> str:
        """Why a consent that speaks says nothing of a field."""
        anyone = c["base"] == "deny" and not c["recipients"]
        if not anyone and self.reach(c["recipients"], law) is None:
            near = any(self.entry(e, law, None) is not None for e in c["recipients"])
            return "INTERMEDIARY_NOT_NAMED" if near and self.exchange() else "RECIPIENT_NOT_COVERED"
        covered = (c["base"] == "deny" and not c["purposes"]) or _has_purpose(c["purposes"], self.purpose)
        return "INFO_NOT_COVERED" if covered else "PURPOSE_NOT_COVERED"

    def reach(self, entries: Iterable[Raw], law: Law) -> int | None:
        found = [how for e in entries if (how := self.entry(e, law, self.exchange())) is not None]
        return max(found, default=None)

    def entry(self, e: Raw, law: Law, exchange: str | None) -> int | None:
        who = self.who
        if exchange is not None:
            if e["kind"] != "intermediary" or e["id"] != exchange:
                return None
            if who["org_id"] in e.get("participants", []):
                return 2
            named = e.get("participant_class")
            return 1 if named is not None and self.in_class(named, law) else None
        if e["kind"] == "person":
            return 3 if e["id"] == who["person_id"] else None
        if e["kind"] == "org":
            return 2 if e["id"] == who["org_id"] else None
        return 1 if e["kind"] == "class" and self.in_class(e["id"], law) else None

    def in_class(self, name: str, law: Law) -> bool:
        if name == "treating_providers":
            kinds = {"outside_provider", "program_staff", "emergency_medical"}
            kinds |= {"jail_health"} if law["treating_class_includes_jail_health"] else set()
            return bool(self.who["treating_relationship"]) and self.kind in kinds
        if name == "outside_providers":
            return bool(self.kind == "outside_provider")
        return self.kind in {"custody_staff", "jail_health", "law_enforcement", "court", "supervision_officer"}

    def faulty(self, c: Raw, p: Raw, law: Law, note: str | None) -> str:
        return self.wrong_type(c, p, note) or self.deficient(c, p, law, note) or self.unsigned(c, p, law)

    def wrong_type(self, c: Raw, p: Raw, note: str | None) -> str:  # noqa: PLR0911 - the same
        kind, about_notes = c["type"], c["type"] in {"sud_counseling_notes", "psychotherapy_notes"}
        if note is not None and note != f"clinical.{kind}":
            return "NOTES_SEPARATE_CONSENT"
        if note is None and about_notes:
            return "CONSENT_WRONG_TYPE"
        if self.purpose == "LEGAL":
            if kind != "proceedings":
                return "PROCEEDINGS_SEPARATE_CONSENT"
        elif kind == "proceedings":
            return "CONSENT_WRONG_TYPE"
        if p["part2"] and kind in {"hipaa_authorization", "general_roi"}:
            return "CONSENT_NOT_PART2"
        if p["part2"] and self.purpose == "CJMONITOR" and kind != "cj_referral":
            return "CJ_CONSENT_REQUIRED"
        return "CONSENT_WRONG_TYPE" if kind == "cj_referral" and self.purpose != "CJMONITOR" else ""

    def deficient(self, c: Raw, p: Raw, law: Law, note: str | None) -> str:
        missing, needed, bad = set(c["elements_missing"]), set(NINE), "CONSENT_DEFICIENT"
        if not p["part2"]:
            needed -= {"patient_name", "right_to_revoke"}
            if self.purpose not in TPO or note is not None:
                needed |= {"right_to_revoke", "refusal_consequences", "redisclosure_statement"}
            return (bad if missing & needed else "") or ("CONSENT_FALSE" if c["known_false"] else "")
        if c["rule_version"] == "pre2024":
            early = law.at(c["signed_at"]) < law.at("2026-02-16")
            if not (law["accept_pre2024_consents"] and c["type"] == "part2_specific" and early):
                return bad
        elif c["type"] == "cj_referral":
            needed = needed - {"right_to_revoke"} | {"period_stated", "revocation_condition"}
        elif self.purpose in TPO:
            needed |= {"redisclosure_statement", "refusal_consequences"}
            needed |= {"hipaa_redisclosure_statement"} if self.who["covered_entity"] else set()
        if missing & needed:
            return bad
        if c["expires_at"] is None:
            happening = c["expires_event"]
            if happening is None or (happening["kind"] == "none" and not _only_tpo(c)):
                return bad
        return "CONSENT_FALSE" if c["known_false"] else ""

    def of_age(self, law: Law, when: datetime) -> bool:
        free = self.client["emancipated_at"]
        return (free is not None and law.at(free) <= when) or law.old_enough(self.client["dob"], 18, when)

    def unsigned(self, c: Raw, p: Raw, law: Law) -> str:
        signed, who, guardian = law.at(c["signed_at"]), c["signer"]["relationship"], self.client["guardian"]

        def guarded(when: datetime) -> bool:
            return bool(guardian and guardian["adjudicated"] and law.holds(guardian["from"], guardian["until"], when))

        if self.of_age(law, signed):
            may = {
                "patient": not guarded(signed),
                "guardian": guarded(signed) and c["signer"]["person_id"] == (guardian or {}).get("person_id"),
                "personal_representative": c["signer"]["authority_verified"],
                "health_care_agent": c["signer"]["authority_verified"],
            }.get(who, False)
        else:
            alone = law["minor_sud_alone_age" if p["part2"] else "minor_mh_alone_age"]
            if alone is not None and law.old_enough(self.client["dob"], alone, signed):
                may = who in {"patient", "minor_and_parent"}
            else:
                may = who == "minor_and_parent" or (not p["part2"] and who == "parent")
        if not may:
            return "SIGNER_NOT_AUTHORIZED"
        lapsed = (who == "guardian" and not guarded(law.now)) or (who == "parent" and self.of_age(law, law.now))
        return "SIGNER_AUTHORITY_ENDED" if lapsed else ""


def _rank(consent: Raw) -> str:
    return str(consent["id"])


def _only_tpo(c: Raw) -> bool:
    """Every purpose for which the form permits anything."""
    named = set(c["purposes"])
    if c["base"] == "deny":
        named |= {w for e in c["provisions"] if e["type"] == "permit" for w in e["purposes"] or ()}
    return bool(named) and named <= TPO | {"TPO"}


def _has_purpose(purposes: Iterable[str], purpose: str) -> bool:
    return purpose in purposes or ("TPO" in purposes and purpose in TPO)


def _expand(info: Iterable[str]) -> set[str]:
    return {f for name in info for f in GROUPS.get(name, {name})}
