"""A past comparison made again: the encodings that are still held, under the model of that time, beside what the log says.

What a link was made from lies sealed for as long as the booking and the client do. Once either is destroyed, or its key
of the epoch is, the comparison cannot be repeated; then this says so, and when it went. Which levels the fields agree at
depends on the two alone and must come out again. How much that weighs, and by how much it leads, depends on everybody
else on the rosters too: both are told for then and for now.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from audit.errors import ProofRefused
from audit.leaves import Entry, Kind, leaf
from audit.log import entries
from audit.report import number, text, texts
from matcher import Link, Model
from records import BookingRef, ClientRef
from service.caseload import load_index
from service.engine import Engine
from service.reports import party
from service.screening import Screener
from store import bookings, clients, in_force, sources
from store.bookings import StoredBooking


@dataclass(frozen=True, slots=True)
class Relinked:
    """One link, then and now. `differences` is empty where the same comes out; `notes` say what may differ, and does."""

    position: int
    at: datetime
    client: str
    verdict: str
    model: str
    differences: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def same(self) -> bool:
        return not self.differences


def relink(engine: Engine, booking: str, by: str) -> list[Relinked]:
    """Every link that the log has of a booking, the last word on each, compared again. The look is in the log.

    Raises ProofRefused for a booking without links, and where what they were made from is gone.
    """
    ref = BookingRef(booking)
    with engine.database.read() as conn:
        said = {text(e, "client"): e for e in entries(conn, kinds={Kind.LINK}) if text(e, "booking") == ref}
        if not said:
            raise ProofRefused("the log has no decision and no linked booking of this name; see `warmlink explain`")
        stored = bookings.get(conn, engine.vault, ref)
        if stored is None:
            raise ProofRefused(_gone(conn, "booking", ref))
    with engine.database.write() as conn:
        engine.audit.append(conn, [leaf(Kind.VIEW, by=party(by), screen="compliance", booking=ref)], engine.clock())
    return [_again(engine, stored, entry) for entry in said.values()]


def _again(engine: Engine, stored: StoredBooking, entry: Entry) -> Relinked:
    with engine.database.read() as conn:
        kept = in_force.model(conn, text(entry, "model"))
        if clients.get(conn, engine.vault, ClientRef(text(entry, "client"))) is None:
            raise ProofRefused(_gone(conn, "client", text(entry, "client")))
        told = [(s.encoding, s.event) for s in sources.others(conn, engine.vault, stored.ref, "")]
        touched = bookings.last_touched(conn, stored.ref)
    if kept is None:
        raise ProofRefused("the model of that time was not kept")
    if text(entry, "epoch") != engine.linkage_key.epoch:
        raise ProofRefused(f"it was compared under the key of epoch {text(entry, 'epoch')}, which is no longer in use")
    then = replace(engine, model=Model.from_json(kept.decode()))
    screener = Screener.open(then, load_index(then))
    found = screener.match_stored([(e, ev) for e, ev in [(stored.encoding, stored.event), *told] if e])
    now = max(
        (li for links in found for li in links.links if li.client == text(entry, "client")),
        key=lambda li: li.weight,
        default=None,
    )
    changed = (
        (f"the booking was told of again since, at {touched:%Y-%m-%d %H:%M} UTC",) if _later(touched, entry) else ()
    )
    differences = _differences(entry, now)
    return Relinked(
        entry.position, entry.at, text(entry, "client"), text(entry, "verdict"), text(entry, "model"), differences,
        (*(changed if differences else ()), *_notes(entry, now)),
    )  # fmt: skip


def _later(touched: datetime | None, entry: Entry) -> bool:
    return touched is not None and touched > entry.at


def _differences(entry: Entry, now: Link | None) -> tuple[str, ...]:
    if now is None:
        return ("it is no link any more, not even a doubtful one",)
    then = set(texts(entry, "levels"))
    levels = {f"{level.field}:{level.level}" for level in now.levels}
    fields = sorted({part.partition(":")[0] for part in then ^ levels})
    return tuple(f"{name}: the log has {_of(then, name)}, now {_of(levels, name)}" for name in fields)


def _of(levels: set[str], name: str) -> str:
    return next((part.partition(":")[2] for part in levels if part.startswith(f"{name}:")), "nothing")


def _notes(entry: Entry, now: Link | None) -> tuple[str, ...]:
    if now is None:
        return ()
    then = number(entry, "weight_millibits") / 1000
    notes = [f"weight then {then:.3f} bits, against the rosters of today {now.weight:.3f}"]
    if now.verdict.value != text(entry, "verdict"):
        notes.append(f"verdict then {text(entry, 'verdict')}, by today's rosters {now.verdict.value}")
    return tuple(notes)


def _gone(conn: Connection, kind: str, ref: str) -> str:
    purges = [e for e in entries(conn, kinds={Kind.PURGE}) if text(e, kind) == ref and text(e, "subject_kind") == kind]
    if not purges:
        return f"what this was made from is not held: the {kind} is unknown here"
    last = purges[-1]
    return f"what this was made from was destroyed on {last.at:%Y-%m-%d} ({text(last, 'purge_reason')}); the result stands in the log"
