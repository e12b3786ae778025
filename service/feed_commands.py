"""What operators do with feeds: describe one, try it out, read again what was received."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Row

from audit.facts import as_code
from audit.leaves import Kind, Leaf, leaf
from config import FeedSettings, Refuse, Settings
from connectors import Cursor, MemoryDelivery, Pull, parse_feed
from connectors.panel import Twice, persons_twice
from connectors.profile import FeedProfile, profile
from records import RosterEntry
from service import archive
from service import feeds as feeds_of
from service.caseload import load_index, take_roster
from service.engine import Engine
from service.intake import Intake
from service.screening import Screener
from store import feeds
from store.errors import KeyDestroyed
from store.feeds import KnownDelivery


class UnknownFeed(Refuse):
    """No feed of this name is configured, or nothing of this name was received."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What reading a delivery again came to."""

    delivery: str
    rows: int
    fresh: int
    still_refused: int


def named(settings: Settings, name: str) -> FeedSettings:
    """The feed's settings. Raises UnknownFeed."""
    found = next((feed for feed in settings.feeds if feed.id == name), None)
    if found is None:
        raise UnknownFeed(f"no feed is called {name}; there are {', '.join(f.id for f in settings.feeds) or 'none'}")
    return found


# --- describing and trying out ---


def add(settings: Settings, name: str, described: Mapping[str, Any]) -> Path:
    """Write the feed's file into the feeds' folder. Raises MappingError for what is not sound, Refuse for a name in use."""
    file = settings.at(settings.feeds_folder) / f"{name}.yaml"
    if file.exists() or any(feed.id == name for feed in settings.feeds):
        raise Refuse(f"there is a feed {name} already")
    text = yaml.safe_dump({"id": name, **described}, sort_keys=False, allow_unicode=True)
    parse_feed(text, file.name).read_mapping(settings.home)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
    feeds_of.place(settings, feeds_of.settings_of(file)).mkdir(mode=0o700, parents=True, exist_ok=True)
    return file


def try_out(engine: Engine, name: str, sample: Path) -> tuple[FeedProfile, Sequence[Twice]]:
    """What a sample looks like through the feed's mapping, and which clients of a roster seem to be one person twice.

    Nothing of it is kept, and no value of a person is in the answer.
    """
    feed = named(engine.settings, name)
    with engine.database.read() as conn:
        moments = [known.received_at for known in feeds.deliveries(conn, name)]
    now = engine.clock()
    pull = engine.connector(feed).receive(MemoryDelivery(_bytes(sample), Cursor(""), name="sample"), now)
    shown = profile(pull, now, moments)
    return shown, persons_twice([item for item in pull.items() if isinstance(item, RosterEntry)])


def _bytes(sample: Path) -> bytes:
    try:
        return sample.read_bytes()
    except OSError as fault:
        raise Refuse(f"{sample} cannot be read") from fault


# --- reading again ---


def replay(engine: Engine, name: str, delivery: str | None = None, *, believe: bool = False) -> list[Replayed]:
    """Read again, from the sealed archive, one delivery or every one that still lies there, the oldest first.

    What was taken in is found again and changes nothing. A row that was set aside and can be read now is taken in, unless
    its feed has said something newer of the booking. `believe` takes a refused snapshot or roster as it is, however
    many it lost. Raises UnknownFeed, and whatever the file raises.
    """
    feed = named(engine.settings, name)
    with engine.database.read() as conn:
        known = feeds.deliveries(conn, name)
    archived = {archive.delivery_of(file) for file in archive.all_kept(feeds_of.place(engine.settings, feed))}
    wanted = [one for one in known if delivery == one.ref or (delivery is None and one.ref in archived)]
    if delivery is not None and not wanted:
        raise UnknownFeed(f"feed {name} has no delivery {delivery}")
    if feed.kind == "roster":
        wanted = [_newest_roster(known, delivery)]
    return [_again(engine, feed, one, newest=one is known[-1], believe=believe) for one in wanted]


def _newest_roster(known: Sequence[KnownDelivery], delivery: str | None) -> KnownDelivery:
    """Only what is not overtaken: an old roster would bring back who left and retire who came."""
    taken = [one for one in known if one.state == "complete"]
    chosen = next((one for one in known if one.ref == delivery), known[-1] if known else None)
    if chosen is None:
        raise UnknownFeed("the roster was never delivered")
    if taken and chosen.received_at < taken[-1].received_at:
        raise Refuse("a newer roster was taken in since; reading an older one again would undo it")
    return chosen


def _again(engine: Engine, feed: FeedSettings, known: KnownDelivery, *, newest: bool, believe: bool) -> Replayed:
    file = archive.kept(feeds_of.place(engine.settings, feed), known.ref)
    if not file.exists():
        raise UnknownFeed(f"delivery {known.ref} is not in the archive any more")
    now = engine.clock()
    with engine.database.read() as conn:
        status = feeds.status(conn, feed.id)
    try:
        content = b"".join(archive.restore(file, engine.vault))
    except KeyDestroyed as fault:
        raise UnknownFeed(f"delivery {known.ref} cannot be read any more: its day is over") from fault
    delivery = MemoryDelivery(content, Cursor(status.cursor or ""), name=f"delivery {known.ref}")
    pull = engine.connector(feed).receive(delivery, now if newest else known.received_at)
    late = not (
        newest and known.state == "refused"
    )  # the newest, if it was refused, is the news that everybody waits for
    quiet = feed.first_load == "baseline" and (status.baseline_at is None or known.received_at <= status.baseline_at)
    intake = Intake.begin(engine, feed.id, pull, now, baseline=quiet, again=late, believed=believe)
    fresh = _take(engine, feed, pull, intake)
    with engine.database.write() as conn:
        still = feeds.settle_retried(conn, known.ref, intake.row_refs())
    return Replayed(known.ref, pull.summary.rows, fresh, still)


def _take(engine: Engine, feed: FeedSettings, pull: Pull, intake: Intake) -> int:
    if feed.kind == "roster":
        return take_roster(engine, feed, pull, intake, intake.now).changed
    screener = Screener.open(engine, load_index(engine))
    screener.take(pull, intake, engine.connector(feed).mapping)
    return screener.tally.events


# --- what was set aside ---


def discard(engine: Engine, row: str, by: str) -> None:
    """Nobody will mend this row. Raises UnknownFeed."""
    with engine.database.write() as conn:
        found = feeds.set_aside_row(conn, row)
        if found is None or not feeds.settle_asides(conn, "discarded", ref=row):
            raise UnknownFeed(f"no row {row} waits in quarantine")
        engine.audit.append(conn, [_stated(found, by, change="destroyed")], engine.clock())
    engine.log.info("quarantine.discarded", feed=found.feed, worker=by)


def retry(engine: Engine, row: str, by: str) -> Replayed:
    """Read the delivery of a row that was set aside again, after mapping or programmes were mended.

    Who had it read is in the log before it is. Raises UnknownFeed, and whatever the file raises.
    """
    with engine.database.write() as conn:
        found = feeds.set_aside_row(conn, row)
        if found is None:
            raise UnknownFeed(f"no row {row} waits in quarantine")
        engine.audit.append(conn, [_stated(found, by, result="retry")], engine.clock())
    (done,) = replay(engine, found.feed, found.delivery)
    return done


def _stated(found: Row[Any], by: str, **done: str) -> Leaf:
    """What a person did about a row."""
    return leaf(
        Kind.QUARANTINE,
        feed=found.feed,
        delivery=found.delivery,
        code=found.code,
        row=found.ref,
        line=found.line,
        field=as_code(found.field),
        by=by,
        **done,
    )


def fill_gap(engine: Engine, name: str) -> None:
    """A person got what the source had dropped while we were away."""
    with engine.database.write() as conn:
        feeds.note(conn, named(engine.settings, name).id, gap_at=None)
