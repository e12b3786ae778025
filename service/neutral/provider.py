"""A provider's edge: finds candidates for a jail's question, and takes what the unit releases.

The standing index, under the shared linkage key, stays here. What leaves is encoded under the session's key, padded with decoys to one
number, in random order, under handles of this session only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hmac import compare_digest
from typing import Protocol

import numpy as np

from alerts.keys import PrivateKey, Signer, TrustedSigner
from consent import DecisionRequest
from matcher import Encoder, FieldLevel, Link, RosterIndex, Verdict
from matcher.hashing import U32
from records import BookingEvent, ClientRef, Identity
from service.neutral.alarms import Alarm, AlarmKind, Sound
from service.neutral.decoys import MADE_UP, below
from service.neutral.errors import FrameRefused, ParameterMismatch, Replayed
from service.neutral.frames import ONLINE, Pace, open_frame, seal_frame
from service.neutral.jail import PROVIDERS
from service.neutral.messages import (
    Answer,
    Ask,
    Evidence,
    Facts,
    Inquiry,
    ProviderReply,
    ProviderTick,
    Release,
    Subject,
)
from service.neutral.opaque import opaque
from service.neutral.padding import UNKNOWN, Classes, Padding
from service.neutral.payload import open_booking
from service.neutral.rarity import COLUMNS, Holders
from service.neutral.session import Session, Shared, blocks_only
from store.envelope import RandomBytes

CANDIDATES = 64
"""Encodings in every answer, real and decoys together."""
RECIPIENTS = 6
"""Most recipients of one client that the unit is asked about."""
PER_TICK = 4
"""Answers, and sets of facts, that one tick carries. More than a jail asks in one tick, so that a backlog shrinks."""


class Caseload(Protocol):
    """What a provider's own system knows of its clients."""

    def identities(self, refs: Sequence[ClientRef]) -> list[tuple[Identity, ...]]:
        """Of each, in order; none of a client who was purged since the index was made."""
        ...

    def requests(self, ref: ClientRef, now: datetime) -> Sequence[DecisionRequest]: ...
    def receive(self, event: BookingEvent, links: Sequence[Link], now: datetime) -> None: ...


@dataclass(slots=True)
class _Open:
    """A session that was answered: whom each handle stands for (None: nobody), and the key of its pseudonyms."""

    made_at: datetime
    jail: str
    handles: dict[str, ClientRef | None]
    secret: bytes


@dataclass(slots=True)
class ProviderEdge:
    """One provider. `index` holds its clients under the shared linkage key."""

    name: str
    unit: str
    unit_key: TrustedSigner
    shared: Shared
    signer: Signer
    key: PrivateKey = field(repr=False)
    jails: Mapping[str, TrustedSigner] = field(repr=False)
    caseload: Caseload = field(repr=False)
    index: RosterIndex
    random: RandomBytes = field(repr=False)
    sound: Sound = field(repr=False)
    pace: Pace = ONLINE
    _answers: deque[Answer] = field(default_factory=deque)
    _facts: deque[Facts] = field(default_factory=deque)
    _open: dict[str, _Open] = field(default_factory=dict)
    _nonces: dict[bytes, datetime] = field(default_factory=dict)
    _holders: Holders | None = None
    _encoder: Encoder | None = None
    _sequence: int = 0

    def tick(self, now: datetime) -> bytes:
        """The frame of this tick: what was prepared since the last."""
        self._sequence = max(self._sequence + 1, int(now.timestamp() * 1000))
        most = PER_TICK * self.pace.scale
        answers = tuple(self._answers.popleft() for _ in range(min(most, len(self._answers))))
        facts = tuple(self._facts.popleft() for _ in range(min(most, len(self._facts))))
        tick = ProviderTick(self._sequence, now, answers, facts)
        return seal_frame(tick, self.signer, self.name, self.unit, self.pace)

    def heard(self, frame: bytes, now: datetime) -> None:
        """Work on the unit's reply: questions first, then inquiries, then what it releases."""
        _, reply = open_frame(frame, ProviderReply, {self.unit: self.unit_key}, self.name, self.pace)
        if reply.sequence != self._sequence:
            raise Replayed("the unit's reply is to another tick")
        self._forget(now)
        for ask in reply.asks:
            self._asked(ask, now)
        for inquiry in reply.inquiries:
            self._inquired(inquiry, now)
        for release in reply.releases:
            self._released(release, now)

    def roster_changed(self, index: RosterIndex) -> None:
        self.index, self._holders = index, None

    def _asked(self, frame: bytes, now: datetime) -> None:
        try:
            jail, ask = open_frame(frame, Ask, self.jails, PROVIDERS)
            self._once(ask, now)
        except (FrameRefused, Replayed) as fault:
            kind = AlarmKind.REPLAYED if isinstance(fault, Replayed) else AlarmKind.FRAME_REFUSED
            self.sound(Alarm(now, kind, self.unit))
            return
        keys = Session.derive(self.shared, ask.session, ask.nonce)
        differs = self._differs(ask, keys)
        if differs:
            self.sound(Alarm(now, AlarmKind.PARAMETER_MISMATCH, jail, differs))
            self._answers.append(Answer(ask.session, differs, (), b"", b"", 0, (), ()))
        else:
            self._answers.append(self._answer(jail, ask, keys, now))

    def _once(self, ask: Ask, now: datetime) -> None:
        if ask.nonce in self._nonces or now - ask.made_at > self.pace.life:
            raise Replayed("a question that was asked before")
        self._nonces[ask.nonce] = ask.made_at

    def _differs(self, ask: Ask, keys: Session) -> str:
        """The parameter in which jail and provider differ, or nothing."""
        try:
            self.shared.parameters.require(ask.parameters)
        except ParameterMismatch as fault:
            return fault.parameter
        return "" if compare_digest(keys.check, ask.key_check) else "linkage_key"

    def _answer(self, jail: str, ask: Ask, keys: Session, now: datetime) -> Answer:
        asked = keys.open_probe(ask.probe)
        found = self._candidates(asked, now)
        people: list[tuple[ClientRef | None, tuple[Identity, ...], Classes]] = [
            (ref, identities, self._rarity(ref, len(identities)))
            for ref, identities in zip(found, self.caseload.identities(found), strict=True)
            if identities
        ]
        decoys = self._padding().decoys(CANDIDATES - len(people), asked, found, now.year)
        people += [(None, (decoy.identity,), decoy.classes) for decoy in decoys]
        people.sort(key=lambda _: self.random(8))
        handles = {self.random(16).hex(): ref for ref, *_ in people}
        self._open[ask.session] = _Open(now, jail, handles, self.random(32))
        batch = keys.encoder(self.shared.model).encode([identities for _, identities, _ in people])
        rarity = np.concatenate([classes for *_, classes in people])
        holders = self._counted()
        return Answer(
            ask.session,
            "",
            tuple(handles),
            batch.to_bytes(),
            rarity.tobytes(),
            holders.clients,
            holders.unseen,
            holders.levels,
        )

    def _candidates(self, blocks: U32, now: datetime) -> list[ClientRef]:
        """Clients who share a blocking key, those who share most first, no more than an answer holds."""
        if not len(self.index) or not len(blocks) or self.index.header is None:
            return []
        pairs = self.index.candidates(blocks_only(blocks, self.index.header))
        refs = [ClientRef(self.index.ref_of(int(p))) for p in np.unique(self.index.people_of(pairs.roster_rows))]
        if len(refs) <= CANDIDATES:
            return refs
        self.sound(Alarm(now, AlarmKind.CANDIDATES_CUT, self.name))
        asked = set(blocks[blocks != 0].tolist())
        mine = self._standing().encode(self.caseload.identities(refs))
        shared = [
            len(asked & set(mine.blocks[lo:hi].ravel().tolist()))
            for lo, hi in zip(mine.starts, mine.starts[1:], strict=False)
        ]
        return [ref for _, ref in sorted(zip(shared, refs, strict=True), reverse=True)[:CANDIDATES]]

    def _standing(self) -> Encoder:
        if self._encoder is None:
            self._encoder = Encoder(self.shared.key, self.shared.model)
        return self._encoder

    def _counted(self) -> Holders:
        if self._holders is None:
            self._holders = Holders(self.index)
        return self._holders

    def _rarity(self, ref: ClientRef, rows: int) -> Classes:
        """Classes of the client's rows; unknown where the roster changed since the index was made."""
        number = self.index.number_of(ref)
        if number is not None:
            first, held = (int(a[0]) for a in self.index.spans_of(np.array([number], np.int32)))
            if held == rows:
                return self._counted().of(self.index.view(), np.arange(first, first + held))
        return np.full((rows, len(COLUMNS)), UNKNOWN, np.uint8)

    def _padding(self) -> Padding:
        return Padding(self.index, self._counted(), self._standing(), self.caseload.identities, self.random)

    def _inquired(self, inquiry: Inquiry, now: datetime) -> None:
        held = self._open.get(inquiry.session)
        if held is None or not set(inquiry.handles) <= held.handles.keys():
            self.sound(Alarm(now, AlarmKind.FRAME_REFUSED, self.unit, "inquiry"))
            return
        subjects = tuple(Subject(handle, self._requests(held, handle, now)) for handle in inquiry.handles)
        self._facts.append(Facts(inquiry.session, subjects))

    def _requests(self, held: _Open, handle: str, now: datetime) -> tuple[dict[str, object], ...]:
        """A decoy answers with some client's facts: the unit cannot tell it from a client by them."""
        refs = self.index.refs()
        ref = held.handles[handle] or (ClientRef(refs[below(self.random, len(refs))]) if refs else None)
        if ref is None:
            return ()
        secret = held.secret + bytes.fromhex(handle)
        return tuple(opaque(request, secret) for request in self.caseload.requests(ref, now)[:RECIPIENTS])

    def _released(self, release: Release, now: datetime) -> None:
        held = self._open.pop(release.session, None)
        if held is None:
            self.sound(Alarm(now, AlarmKind.FRAME_REFUSED, self.unit, "release"))
            return
        linked = [e for e in release.evidence if e.verdict != Verdict.NONE.value]
        known = [(ref, e) for e in linked if (ref := held.handles.get(e.handle)) is not None]
        if len(known) < len(linked):
            self.sound(Alarm(now, AlarmKind.DECOY_LINKED, self.unit))
        if not known:
            return
        try:
            event = open_booking(release.payload, release.session, self.key, self.jails[held.jail])
        except FrameRefused:
            self.sound(Alarm(now, AlarmKind.FRAME_REFUSED, held.jail, "payload"))
            return
        if event.feed == MADE_UP:
            return  # one of the jail's free slots happens to look like a client: nobody was booked
        self.caseload.receive(event, [_link(ref, e) for ref, e in known], now)

    def _forget(self, now: datetime) -> None:
        self._open = {s: held for s, held in self._open.items() if now - held.made_at <= self.pace.life}
        self._nonces = {n: at for n, at in self._nonces.items() if now - at <= self.pace.life}


def _link(ref: ClientRef, evidence: Evidence) -> Link:
    return Link(
        client=ref,
        verdict=Verdict(evidence.verdict),
        weight=evidence.weight,
        probability=evidence.probability,
        margin=evidence.margin,
        levels=tuple(FieldLevel(*level) for level in evidence.levels),
        reasons=evidence.reasons,
    )
