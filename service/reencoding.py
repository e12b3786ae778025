"""Stored encodings that this program cannot compare, made anew: after a linkage epoch was changed, or an upgrade changed how people are encoded.

A client's names are sealed beside the encoding. A booking's are not: they stand only in the sealed deliveries of the match window, so
that is where they are read again. What cannot be read any more is counted, and links to nobody until it is delivered again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar

from matcher import EncodedBatch
from records import BookingRef
from service import said_again
from service.engine import Engine
from store import clients, in_force, resealing, vaults
from store.clients import StoredClient
from store.in_force import ENCODED, LOST
from store.resealing import HeldEncoding
from store.vaults import EPOCH

_CHUNK = 500
T = TypeVar("T")
Told = Callable[[int, int], None]
"""How many clients or bookings are done, of how many."""


@dataclass(frozen=True, slots=True)
class Outdated:
    """Stored encodings that are not of this program's schema, or not of the current epoch."""

    clients: int = 0
    bookings: int = 0
    """Stays, with what each feed says of them."""
    lost: int = 0
    """Of these, stays of which some name can be read nowhere any more."""


def encoded_as(engine: Engine) -> str:
    """Names the header that stored encodings have to have, the schema first."""
    header = engine.encoder.header
    return f"{header.schema_hash}/{engine.locator.ref('header', header.version, header.key_id, header.epoch)}"


def known(engine: Engine) -> tuple[str, int]:
    """What the store says its encodings are of (nothing, before anybody looked), and how many stays are not."""
    with engine.database.read() as conn:
        said = in_force.known(conn)
    return said.get(ENCODED, ""), int(said.get(LOST, "0"))


def see_to(engine: Engine) -> Outdated:
    """At the start of a process: make everything anew that is not as it has to be."""
    done = Outdated()
    if engine.standing.seen_to or known(engine) == (
        encoded_as(engine),
        0,
    ):  # what was lost may have been delivered since
        engine.standing.seen_to = True
        return done
    if not _newest_epoch(engine):
        engine.log.warning("encodings.superseded", state="restart")
    else:
        done = renew(engine, lambda *_: None)
        _note(engine, done)
    engine.standing.seen_to = True
    return done


def settle(engine: Engine, told: Told) -> Outdated:
    """The same while no service runs: what it comes to holds for whoever starts next."""
    done = renew(engine, told)
    _note(engine, done)
    return done


def _note(engine: Engine, done: Outdated) -> None:
    if done.clients or done.bookings:
        engine.log.info("encodings.renewed", records=done.clients, links=done.bookings, skipped=done.lost)
    with engine.database.write() as conn:
        in_force.keep(conn, {ENCODED: encoded_as(engine), LOST: str(done.lost)}, engine.clock())


def renew(engine: Engine, told: Told) -> Outdated:
    """Make all stored encodings anew that have to be. May be cut off and run again; the service goes on meanwhile."""
    people = reencode(engine, told)
    bookings, lost = _bookings_anew(engine, told)
    return Outdated(people, bookings, lost)


def survey(engine: Engine) -> Outdated:
    """What `renew` would come upon. Changes nothing."""
    with engine.database.read() as conn:
        people = sum(not _is_current(engine, c.encoding) for c in clients.listed(conn, engine.vault))
    stale = _stale(engine)
    readable = _readable(engine, stale)
    whole = sum(all(h.encoding in readable.get(ref, {}) for h in held) for ref, held in stale.items())
    return Outdated(people, len(stale), len(stale) - whole)


def count_lost(engine: Engine) -> int:
    """Stays that link to nobody, because their encodings are of before and their names can be read nowhere."""
    return len(_stale(engine))


def reencode(engine: Engine, told: Told) -> int:
    """Store every client's encoding as of now. A client that is retired keeps the old one until a roster lists them again."""
    with engine.database.read() as conn:
        old = [c.ref for c in clients.listed(conn, engine.vault) if not _is_current(engine, c.encoding)]
    done = 0
    for chunk in _chunks(old):
        with engine.database.write() as conn:
            held = (clients.get(conn, engine.vault, ref) for ref in chunk)
            there = [c for c in held if c is not None and not c.retired and not _is_current(engine, c.encoding)]
            clients.put_all(conn, engine.vault, _renewed(engine, there), engine.clock())
        done += len(chunk)
        told(done, len(old))
    return done


def _renewed(engine: Engine, people: Sequence[StoredClient]) -> list[StoredClient]:
    if not people:
        return []
    batch = engine.encoder.encode([client.entry.identities for client in people])
    return [replace(client, encoding=batch.one(k).to_bytes()) for k, client in enumerate(people)]


def _bookings_anew(engine: Engine, told: Told) -> tuple[int, int]:
    """How many stays there were to be encoded anew, and of how many something could not be."""
    stale = _stale(engine)
    readable = _readable(engine, stale)
    done = 0
    for chunk in _chunks(sorted(readable)):
        with engine.database.write() as conn:
            for ref in chunk:
                resealing.encode_anew(conn, engine.vault, ref, readable[ref])
        done += len(chunk)
        told(done, len(readable))
    return len(stale), len(_stale(engine)) if stale else 0


def _stale(engine: Engine) -> dict[BookingRef, list[HeldEncoding]]:
    """Of each stay that has one, its encodings that cannot be compared."""
    found: dict[BookingRef, list[HeldEncoding]] = {}
    with engine.database.read() as conn:
        for held in resealing.encodings(conn, engine.vault):
            if held.encoding and not _is_current(engine, held.encoding):
                found.setdefault(held.booking, []).append(held)
    return found


def _readable(engine: Engine, stale: dict[BookingRef, list[HeldEncoding]]) -> dict[BookingRef, dict[bytes, bytes]]:
    """Of each stay, its old encodings that can be made anew, and the new.

    What a stay is known by is what one of its feeds said of it, so that the feeds' views are what is looked for.
    """
    views = {held.series: held for each in stale.values() for held in each if held.series}
    again = said_again.encoded(engine, views)
    renewed = {ref: {h.encoding: again[h.series] for h in held if h.series in again} for ref, held in stale.items()}
    return {ref: found for ref, found in renewed.items() if found}


def _is_current(engine: Engine, encoding: bytes) -> bool:
    return EncodedBatch.header_of(encoding) == engine.encoder.header


def _newest_epoch(engine: Engine) -> bool:
    """Whether no epoch was begun since this process started: what it encodes would be of the past."""
    with engine.database.read() as conn:
        epochs = [key.purpose for key in vaults.listed(conn) if key.purpose.startswith(EPOCH)]
    return not epochs or epochs[-1] == EPOCH + engine.linkage_key.epoch


def _chunks(refs: Iterable[T]) -> Iterator[list[T]]:
    source = iter(refs)
    while chunk := list(islice(source, _CHUNK)):
        yield chunk
