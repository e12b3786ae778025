"""The settings of one jurisdiction: every question that law leaves to local policy, answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, ConfigDict, Strict, TypeAdapter
from pydantic import Field as Key

from consent.times import zone
from consent.vocabulary import FieldName, MatchTier

YesNo = Annotated[bool, Strict()]
Count = Annotated[int, Strict(), Key(ge=0, le=1_000_000)]
Hours = Annotated[float, Strict(), Key(ge=0, le=1_000_000, allow_inf_nan=False)]


def _known_zone(name: str) -> str:
    zone(name)
    return name


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One answer per setting; `book/policy.yaml` explains each and gives the federal floor's value."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    tz: Annotated[str, Strict(), AfterValidator(_known_zone)]
    alert_fields_internal: frozenset[FieldName]
    min_match_tier_internal: MatchTier
    min_match_tier_external: MatchTier
    max_booking_age_hours: Hours
    juvenile_bookings: Literal["deny", "treat_as_adult"]
    honour_opt_out: YesNo
    honour_oral_revocation: YesNo
    discharge_grace_days: Count
    outside_treatment_without_consent: YesNo
    jail_health_without_consent: YesNo
    require_custody_representation: YesNo
    custody_512k5: Literal["deny", "allow"]
    explicit_deny_blocks_permissive: YesNo
    explicit_deny_blocks_mandate: YesNo
    treating_class_includes_jail_health: YesNo
    accept_pre2024_consents: YesNo
    supervisor_fallback: YesNo
    break_glass_min_reason_chars: Count
    break_glass_ttl_hours: Hours
    emergency_ttl_hours: Hours
    minor_sud_alone_age: Count | None
    minor_mh_alone_age: Count | None
    tx_614_017: YesNo
    il_jail_agreement: YesNo
    ca_5328: YesNo
    internal_alert_requires_consent: YesNo

    @property
    def zone(self) -> ZoneInfo:
        return zone(self.tz)


_POLICY = TypeAdapter(Policy)


def read_policy(settings: Mapping[str, Any]) -> Policy:
    """Check a whole set of settings. Raises pydantic.ValidationError for an unknown, missing or ill-typed one."""
    return _POLICY.validate_python(dict(settings))
