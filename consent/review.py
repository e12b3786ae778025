"""Broken glass: how long it stays open, and the list that the privacy officer works through."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from consent.decision import Decision
from consent.policy import Policy

REVIEW = "BREAK_GLASS_REVIEW"
"""The obligation that puts a disclosure on the list."""


@dataclass(frozen=True, slots=True)
class GlassUse:
    """One disclosure that must be reviewed. `ref` and `by` are opaque references of the caller's own.

    `opened_at` is when the glass was broken or the emergency declared; `reviewed_at` and `reviewed_by` are None until
    somebody has looked.
    """

    ref: str
    by: str
    opened_at: datetime
    emergency: bool = False
    reviewed_at: datetime | None = None
    reviewed_by: str | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """One line of the review list."""

    use: GlassUse
    open_until: datetime
    still_open: bool
    waiting: timedelta
    overdue: bool


def must_be_reviewed(decision: Decision) -> bool:
    """Whether a decision belongs on the review list."""
    return REVIEW in decision.obligations


def open_until(use: GlassUse, policy: Policy) -> datetime:
    """The first instant at which the glass is closed again."""
    hours = policy.emergency_ttl_hours if use.emergency else policy.break_glass_ttl_hours
    return use.opened_at + timedelta(hours=hours)


def is_open(use: GlassUse, instant: datetime, policy: Policy) -> bool:
    """Whether the glass is open at that instant: from the breaking, up to and not including its end."""
    return use.opened_at <= instant < open_until(use, policy)


def review_list(uses: Iterable[GlassUse], instant: datetime, policy: Policy, *, within: timedelta) -> tuple[Due, ...]:
    """What nobody has reviewed yet, longest waiting first; overdue once it has waited for `within`."""
    waiting = [u for u in uses if u.opened_at <= instant and not _reviewed(u, instant)]
    return tuple(
        Due(
            use=use,
            open_until=open_until(use, policy),
            still_open=is_open(use, instant, policy),
            waiting=instant - use.opened_at,
            overdue=instant - use.opened_at >= within,
        )
        for use in sorted(waiting, key=lambda u: (u.opened_at, u.ref))
    )


def _reviewed(use: GlassUse, instant: datetime) -> bool:
    """A review by whoever broke the glass is none."""
    return use.reviewed_at is not None and use.reviewed_at <= instant and use.reviewed_by not in {None, use.by}
