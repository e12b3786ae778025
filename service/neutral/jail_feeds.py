"""The files that a jail's edge reads: queued for the unit, removed once it took them, set aside where they cannot be read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from config import load
from connectors import FeedMalformed, Pull, RowFault
from records import BookingEvent
from service.engine import Clock
from service.feeds import connector, place
from service.neutral.alarms import Alarm, AlarmKind, Sound
from service.neutral.jail import JailEdge
from service.neutral.settings import JailSettings


class JailFeeds:
    """The jail's files, one delivery at a time: it is done with once the unit took every booking of it, and then it is removed.

    The jail has its own exports elsewhere; here they would be a growing store of names in plain text.
    """

    def __init__(self, settings: JailSettings, environment: Mapping[str, str]) -> None:
        self._settings = load(settings.at(settings.installation), environment)
        self._feeds = [feed for feed in self._settings.feeds if feed.kind == "bookings"]
        self._pull: Pull | None = None

    def fill(self, edge: JailEdge, clock: Clock, sound: Sound) -> None:
        """Put the next delivery's bookings into the empty queue."""
        if edge.queue:
            return
        if self._pull is not None:
            self._pull.acknowledge()
            self._pull = None
        for feed in self._feeds:
            remove_read(place(self._settings, feed))
            for pull in connector(self._settings, feed).pull(None, clock()):
                if self._queued(edge, pull, clock, sound):
                    self._pull = pull
                    return

    def _queued(self, edge: JailEdge, pull: Pull, clock: Clock, sound: Sound) -> bool:
        """Whether the delivery can be read. One that cannot is set aside for a person, and does not hold up the next."""
        try:
            pull.check()
            items = list(pull.items())
        except FeedMalformed as fault:
            pull.refuse(str(fault))
            sound(Alarm(clock(), AlarmKind.NOT_SENT, edge.name, "refused_file"))
            return False
        if any(isinstance(item, RowFault) for item in items):
            sound(Alarm(clock(), AlarmKind.NOT_SENT, edge.name, "refused_rows"))
        if [item for item in items if isinstance(item, BookingEvent) and not edge.put(item)]:
            sound(Alarm(clock(), AlarmKind.NOT_SENT, edge.name, "nameless"))
        return True


def remove_read(drop: Path) -> None:
    """Remove what was read out of a drop folder. What a killed process left there goes at the next look."""
    done = drop / "done"
    for file in sorted(done.iterdir()) if done.is_dir() else ():
        file.unlink(missing_ok=True)
