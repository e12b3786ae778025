"""The tables of the specification, read a second time: nothing here is taken from the product."""

from __future__ import annotations

from typing import Any

Raw = dict[str, Any]


def words(group: str, names: str) -> set[str]:
    """Names of one group, or of none."""
    return {f"{group}.{name}" if group else name for name in names.split()}


BOOKING = words("booking", "fact time facility number charges bond court_date custody_status")
IDENTITY = {"match.fact", "client.ref", "client.name", "client.case_manager"}
CLINICAL = words("clinical", "med_list diagnosis pad crisis_plan risk_flags appointments attendance sud_detail")
NOTES = {"clinical.psychotherapy_notes", "clinical.sud_counseling_notes"}
GROUPS = {"*": BOOKING | IDENTITY | CLINICAL, "alert": BOOKING | IDENTITY, "identity": IDENTITY, "clinical": CLINICAL}
TPO = {"TREAT", "COORD", "HOPERAT"}
CARE = words("clinical", "med_list diagnosis pad crisis_plan risk_flags")
NAMED = {"match.fact", "client.name", "client.case_manager"}
JAIL, WATCH = NAMED | {"clinical.risk_flags"}, NAMED | {"clinical.attendance"}
NEARBY = words("booking", "fact time facility custody_status court_date")
KINDS: dict[str, tuple[set[str], set[str]]] = {
    "program_staff": ({"TREAT", "COORD"}, set()),
    "admin_control_staff": (TPO, {"booking.fact", "booking.time", "match.fact", "client.ref"}),
    "outside_provider": ({"TREAT", "COORD"}, NEARBY | NAMED),
    "jail_health": ({"TREAT", "COORD", "ETREAT"}, NAMED | CARE | {"clinical.appointments"}),
    "custody_staff": ({"CUSTODY", "COORD", "ETREAT"}, JAIL),
    "law_enforcement": ({"LEGAL", "CUSTODY"}, JAIL),
    "supervision_officer": ({"CJMONITOR", "COORD"}, WATCH),
    "court": ({"LEGAL", "CJMONITOR"}, WATCH),
    "family": ({"COORD"}, {"booking.fact", "booking.facility", "match.fact", "client.case_manager"}),
    "emergency_medical": ({"ETREAT"}, NAMED | CARE | {"clinical.sud_detail"}),
    "linkage_system": ({"MATCH"}, {"link.encodings"}),
    "linkage_staff": ({"MATCH"}, set()),
    "auditor": ({"AUDIT"}, {"audit.decisions"}),
    "patient": ({"PATRQT"}, {"audit.decisions"}),
    "personal_representative": ({"PATRQT"}, {"audit.decisions"}),
    "analyst": ({"MEASURE"}, {"agg.counts"}),
    "researcher": ({"HRESCH"}, {"research.dataset"}),
}
SCOPES = {
    "alerts": {"program_staff", "admin_control_staff"},
    "external": words(
        "", "outside_provider jail_health custody_staff supervision_officer family emergency_medical researcher"
    ),
    "custody": {"jail_health", "custody_staff", "supervision_officer", "law_enforcement"},
    "aggregate": {"analyst", "researcher"},
}
PLAINLY = words(
    "", "program_staff admin_control_staff auditor analyst patient personal_representative researcher linkage_system"
)
NINE = words(
    "", "patient_name discloser information recipient purpose right_to_revoke expiration signature date_signed"
)
TIERS = ["possible", "probable", "confirmed", "exact"]
DEFAULTS: Raw = {
    "tz": "UTC", "min_match_tier_internal": "probable", "min_match_tier_external": "confirmed",
    "max_booking_age_hours": 720, "juvenile_bookings": "deny", "honour_opt_out": True, "honour_oral_revocation": True,
    "discharge_grace_days": 0, "outside_treatment_without_consent": False, "jail_health_without_consent": True,
    "require_custody_representation": True, "custody_512k5": "deny", "explicit_deny_blocks_permissive": True,
    "explicit_deny_blocks_mandate": False, "treating_class_includes_jail_health": False,
    "accept_pre2024_consents": True, "supervisor_fallback": True, "break_glass_min_reason_chars": 20,
    "break_glass_ttl_hours": 4, "emergency_ttl_hours": 24, "minor_sud_alone_age": None, "minor_mh_alone_age": None,
    "tx_614_017": False, "il_jail_agreement": False, "ca_5328": False,
    "alert_fields_internal": sorted(BOOKING | {"match.fact", "client.ref"}),
}  # fmt: skip
OVERLAYS: dict[str, Raw] = {
    "US": {},
    "US-TX": {"tz": "America/Chicago", "tx_614_017": True},
    "US-IL": {"tz": "America/Chicago", "il_jail_agreement": True, "minor_sud_alone_age": 12},
    "US-CA": {"tz": "America/Los_Angeles", "ca_5328": True, "minor_sud_alone_age": 12, "minor_mh_alone_age": 12},
    "US-AZ": {"tz": "America/Phoenix", "outside_treatment_without_consent": True},
    "US-NC": {"tz": "America/New_York"},
}
