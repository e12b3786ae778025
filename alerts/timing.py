"""When a push goes out: not in the recipient's night, not in bursts, and up the ladder while nobody answers.

Pure. A push is the notice that something waits; the alert itself lies in the inbox at once, so nothing is lost while
a push waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from alerts.routing import Role
from records.roster import QuietHours


def is_quiet(at: datetime, quiet: QuietHours | None) -> bool:
    """Whether the recipient's clock on the wall shows a quiet hour. Half-open; `since` after `until` spans midnight."""
    if quiet is None or quiet.since == quiet.until:
        return False
    wall = at.astimezone(ZoneInfo(quiet.zone)).time()
    if quiet.since < quiet.until:
        return quiet.since <= wall < quiet.until
    return wall >= quiet.since or wall < quiet.until


def next_push(at: datetime, quiet: QuietHours | None, *, urgent: bool = False) -> datetime:
    """The first instant from `at` on that is not quiet. `urgent` goes at once: a medical hold, a hearing today.

    Found by walking minute by minute in UTC, asking each time what the wall shows: hours that are skipped or happen
    twice need no rule of their own. Quiet hours end within a day, give or take a change of clocks.
    """
    if urgent or not is_quiet(at, quiet):
        return at
    minute = at.replace(second=0, microsecond=0)
    return next(then for n in range(1, 26 * 60) if not is_quiet(then := minute + timedelta(minutes=n), quiet))


@dataclass(frozen=True, slots=True)
class Pace:
    """No more than `limit` notices to one person in a `window`; what comes beyond is gathered into the next one.

    A notice says only that something waits, so one notice stands for any number of alerts: it is its own digest.
    """

    limit: int = 4
    window: timedelta = timedelta(hours=1)

    def next_notice(self, sent: Sequence[datetime], at: datetime) -> datetime:
        """When news of `at` is announced. `sent` holds when this person's notices went, or are going to.

        A notice that is still to go announces this news too: it is that one's instant which comes back.
        """
        if ahead := [s for s in sent if s > at]:
            return min(ahead)
        recent = sorted(s for s in sent if s > at - self.window)
        return at if len(recent) < self.limit else recent[-self.limit] + self.window


@dataclass(frozen=True, slots=True)
class Climb:
    """Turn to `role` when an alert has gone unanswered for `after`."""

    after: timedelta
    role: Role


CLIMBS = (
    Climb(timedelta(hours=1), Role.ASSIGNED),
    Climb(timedelta(hours=4), Role.SUPERVISOR),
    Climb(timedelta(hours=8), Role.ON_CALL),
)
"""The shipped ladder: remind, then the supervisor, then whoever is on call."""


def due_climb(
    delivered_at: datetime, now: datetime, *, done: int, answered: bool, climbs: Sequence[Climb] = CLIMBS
) -> tuple[int, Climb] | None:
    """The next step up that is due, with how many steps are then behind; None if none is.

    `done` is how many steps were taken before. After a stand-still only the highest step that fell due is taken:
    the ones below are skipped, for three messages at once help nobody.
    """
    if answered:
        return None
    due = sum(1 for climb in climbs if delivered_at + climb.after <= now)
    return (due, climbs[due - 1]) if due > done else None
