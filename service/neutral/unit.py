"""The unit: compares under session keys, applies the consent rules to opaque facts, passes sealed bookings on, and forgets.

It holds no linkage key and no key of any payload. A session lives in memory from the jail's offer until every provider was answered,
at most its pace's `life`. What both kinds of edge get back has one size at every tick and says nothing of a match.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import numpy as np

from alerts.keys import Signer, TrustedSigner
from config.errors import Refuse
from consent import InvalidRequest, RuleBook, decide, read_request
from consent import Verdict as Effect
from matcher import EncodedBatch, HeaderMismatch, Link, Model, Verdict, link
from service.neutral.alarms import Alarm, AlarmKind, Sound
from service.neutral.errors import FrameRefused, ParameterMismatch, Replayed
from service.neutral.frames import ONLINE, Pace, Sequence, open_frame, seal_frame
from service.neutral.jail import PROVIDERS, SLOTS_PER_TICK
from service.neutral.messages import (
    Answer,
    Ask,
    Evidence,
    Facts,
    Inquiry,
    JailReply,
    JailTick,
    Offer,
    Parameters,
    ProviderReply,
    ProviderTick,
    Release,
)
from service.neutral.payload import dummy
from service.neutral.provider import CANDIDATES, PER_TICK
from service.neutral.rarity import COLUMNS, Rarity, SessionIndex
from service.neutral.session import unpad
from store.envelope import RandomBytes

HANDLES = 4
"""Handles whose consent facts are asked for, in every session, of every provider."""
T = TypeVar("T", JailTick, ProviderTick)


Told = tuple[EncodedBatch, tuple[str, ...], Rarity]
"""A provider's candidates, their handles, and how common their values are."""


@dataclass(slots=True)
class _Session:
    """One booking while it is compared."""

    jail: str
    ask: Ask
    offer: Offer
    booking: EncodedBatch
    began: datetime
    answers: dict[str, Told] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    links: dict[str, dict[str, Link]] = field(default_factory=dict)
    inquired: dict[str, tuple[str, ...]] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Outbox:
    """What waits for a provider's next tick."""

    asks: deque[bytes] = field(default_factory=deque)
    inquiries: deque[Inquiry] = field(default_factory=deque)
    releases: deque[Release] = field(default_factory=deque)


@dataclass(slots=True)
class Unit:
    """The protocol core. One call for each tick of an edge; `watch` as often as one likes."""

    name: str
    signer: Signer
    jails: Mapping[str, TrustedSigner]
    providers: Mapping[str, TrustedSigner]
    model: Model
    parameters: Parameters
    rulebook: RuleBook
    jurisdiction: str
    random: RandomBytes = field(repr=False)
    sound: Sound = field(repr=False)
    sequence: Sequence = field(default_factory=Sequence)
    pace: Pace = ONLINE
    sessions: dict[str, _Session] = field(default_factory=dict, repr=False)
    _nonces: dict[bytes, datetime] = field(default_factory=dict, repr=False)
    _outboxes: dict[str, _Outbox] = field(default_factory=dict, repr=False)
    _heard: dict[str, datetime] = field(default_factory=dict)
    _silent: set[str] = field(default_factory=set)

    def start(self, now: datetime) -> None:
        """Count everybody's silence from now on."""
        self._outboxes = {name: _Outbox() for name in self.providers}
        self._heard = dict.fromkeys((*self.jails, *self.providers), now)

    def jail_tick(self, frame: bytes, now: datetime) -> bytes:
        """Take a jail's bookings. The reply is the same whatever they are. Raises FrameRefused or Replayed."""
        jail, tick = self._opened(frame, JailTick, self.jails, now)
        refused = ""
        for offer in tick.offers[: SLOTS_PER_TICK * self.pace.scale]:
            refused = self._offered(jail, offer, now) or refused
        return seal_frame(JailReply(tick.sequence, refused), self.signer, self.name, jail, self.pace)

    def provider_tick(self, frame: bytes, now: datetime) -> bytes:
        """Take a provider's answers and facts, and give it what is next. Raises FrameRefused or Replayed."""
        provider, tick = self._opened(frame, ProviderTick, self.providers, now)
        for answer in tick.answers[: PER_TICK * self.pace.scale]:
            self._answered(provider, answer, now)
        for facts in tick.facts[: PER_TICK * self.pace.scale]:
            self._decided(provider, facts, now)
        self.watch(now)
        held = self._outboxes[provider]
        most = PER_TICK * self.pace.scale
        waiting = (_next(held.asks, most), _next(held.inquiries, most), _next(held.releases, most))
        reply = ProviderReply(tick.sequence, *waiting)
        return seal_frame(reply, self.signer, self.name, provider, self.pace)

    def watch(self, now: datetime) -> None:
        """Raise the alarm over who is silent, go on with sessions that waited long enough, drop those past their life."""
        for party, at in self._heard.items():
            if now - at > self.pace.patience and party not in self._silent:
                self._silent.add(party)
                self.sound(Alarm(now, AlarmKind.PARTY_SILENT, party))
        for session in list(self.sessions.values()):
            self._advance(session, now)
            if now - session.began > self.pace.life:
                self._drop(session, now)
        self._nonces = {nonce: at for nonce, at in self._nonces.items() if now - at <= self.pace.life}

    def _opened(
        self, frame: bytes, kind: type[T], parties: Mapping[str, TrustedSigner], now: datetime
    ) -> tuple[str, T]:
        try:
            party, tick = open_frame(frame, kind, parties, self.name, self.pace)
            self.sequence.accept(party, tick.sequence, tick.sent_at, now)
        except (FrameRefused, Replayed) as fault:
            replayed = isinstance(fault, Replayed)
            self.sound(Alarm(now, AlarmKind.REPLAYED if replayed else AlarmKind.FRAME_REFUSED, self.name))
            raise
        self._heard[party] = now
        self._silent.discard(party)
        return party, tick

    def _offered(self, jail: str, offer: Offer, now: datetime) -> str:
        """Open a session. Returns the parameter in which jail and unit differ, if any."""
        try:
            _, ask = open_frame(offer.ask, Ask, {jail: self.jails[jail]}, PROVIDERS)
            self.parameters.require(ask.parameters)
            self._once(ask, now)
            booking = EncodedBatch.from_bytes(unpad(offer.encoding))
        except ParameterMismatch as fault:
            self.sound(Alarm(now, AlarmKind.PARAMETER_MISMATCH, jail, fault.parameter))
            return fault.parameter
        except Refuse as fault:
            kind = AlarmKind.REPLAYED if isinstance(fault, Replayed) else AlarmKind.FRAME_REFUSED
            self.sound(Alarm(now, kind, jail))
            return ""
        self._nonces[ask.nonce] = now
        self.sessions[ask.session] = _Session(jail, ask, offer, booking, now)
        for held in self._outboxes.values():
            held.asks.append(offer.ask)
        return ""

    def _once(self, ask: Ask, now: datetime) -> None:
        if ask.session in self.sessions or ask.nonce in self._nonces or now - ask.made_at > self.pace.fresh:
            raise Replayed("a question that was asked before")

    def _answered(self, provider: str, answer: Answer, now: datetime) -> None:
        """Keep the candidates. What cannot be compared is an alarm and ends the session for that provider without a result."""
        session = self.sessions.get(answer.session)
        if session is None or provider in session.answers or provider in session.refused:
            return
        parameter = answer.refused
        try:
            if not parameter:
                session.answers[provider] = _read(answer, session.booking)
        except Refuse as fault:
            parameter = "encoding" if isinstance(fault, HeaderMismatch) else "answer"
        if parameter:
            self.sound(Alarm(now, AlarmKind.PARAMETER_MISMATCH, provider, parameter))
            session.refused.add(provider)
        self._advance(session, now)

    def _advance(self, session: _Session, now: datetime) -> None:
        """Compare once everybody answered, or once patience is over; again when a late one comes."""
        waiting = self.providers.keys() - session.answers.keys() - session.refused
        if waiting and now - session.began <= self.pace.patience:
            return
        fresh = session.answers.keys() - session.inquired.keys()
        if fresh:
            self._compare(session)
            for provider in sorted(fresh):
                self._inquire(session, provider, now)
        if session.done | session.refused >= self.providers.keys():
            self.sessions.pop(session.ask.session, None)

    def _compare(self, session: _Session) -> None:
        """Weigh the candidates of all who answered as one roster: a rival at another provider counts."""
        index = SessionIndex(self.model, [(provider, *told) for provider, told in sorted(session.answers.items())])
        owner = {handle: p for p, (_, handles, _) in session.answers.items() for handle in handles}
        session.links = {p: {} for p in self.providers}
        for each in link(session.booking, index)[0].links:
            if each.verdict is not Verdict.NONE:
                session.links[owner[each.client]][each.client] = each

    def _inquire(self, session: _Session, provider: str, now: datetime) -> None:
        """Ask for the facts of the linked handles, filled up with others: the provider cannot tell whether there is a match."""
        linked = sorted(session.links[provider].values(), key=lambda found: -found.weight)
        if len(linked) > HANDLES:
            self.sound(Alarm(now, AlarmKind.LINKS_CUT, provider))
        chosen = [found.client for found in linked[:HANDLES]]
        rest = [handle for handle in session.answers[provider][1] if handle not in chosen]
        rest.sort(key=lambda _: self.random(8))
        asked = tuple(sorted(chosen + rest[: HANDLES - len(chosen)]))
        session.inquired[provider] = asked
        self._outboxes[provider].inquiries.append(Inquiry(session.ask.session, asked))

    def _decided(self, provider: str, facts: Facts, now: datetime) -> None:
        session = self.sessions.get(facts.session)
        if session is None or provider in session.done:
            return
        if tuple(s.handle for s in facts.subjects) != session.inquired.get(provider):
            self.sound(Alarm(now, AlarmKind.FRAME_REFUSED, provider, "facts"))
            return
        permitted = {s.handle for s in facts.subjects if self._permitted(session, s.requests, now)}
        evidence = tuple(_evidence(s.handle, session.links[provider], permitted) for s in facts.subjects)
        sealed = session.offer.payloads.get(provider, "")
        disclosed = any(e.verdict != Verdict.NONE.value for e in evidence)
        self._outboxes[provider].releases.append(
            Release(session.ask.session, evidence, sealed if disclosed else dummy(sealed, self.random))
        )
        session.done.add(provider)
        self._advance(session, now)

    def _permitted(self, session: _Session, requests: tuple[dict[str, Any], ...], now: datetime) -> bool:
        """Whether anybody may be told. Asked for every handle, linked or not, and at both ends of the hour of booking."""
        offer = session.offer
        answers = [
            all(self._asked(request, session, booked, now) for booked in (offer.booked_since, offer.booked_until))
            for request in requests
        ]
        return any(answers)

    def _asked(self, facts: dict[str, Any], session: _Session, booked: datetime, now: datetime) -> bool:
        """The provider says who is who; what is asked, when and of which booking says the unit."""
        booking = {
            "id": session.ask.session, "status": "active", "sealed_at": None, "juvenile": session.offer.juvenile,
            "booked_at": min(booked, now).isoformat(), "released_at": None, "match_tier": "probable", "jurisdiction": None,
        }  # fmt: skip
        ours = {
            "as_of": now.isoformat(), "jurisdiction": self.jurisdiction, "purpose": "TREAT", "booking": booking, "policy": {},
        }  # fmt: skip
        try:
            return decide(read_request({**facts, **ours}), self.rulebook).decision is not Effect.DENY
        except InvalidRequest:
            return False

    def _drop(self, session: _Session, now: datetime) -> None:
        """A session past its life is forgotten; that somebody did not answer was said when it was noticed, and is said again."""
        self.sessions.pop(session.ask.session, None)
        for provider in sorted(self.providers.keys() - session.done - session.refused):
            self.sound(Alarm(now, AlarmKind.SESSION_UNFINISHED, provider))


def _next(waiting: deque[Any], most: int) -> tuple[Any, ...]:
    return tuple(waiting.popleft() for _ in range(min(most, len(waiting))))


def _read(answer: Answer, booking: EncodedBatch) -> Told:
    """A provider's candidates, checked: the session's own encoding, the right number, one row of classes for each identity."""
    batch = EncodedBatch.from_bytes(answer.encoding, booking.header)
    classes = np.frombuffer(answer.rarity, np.uint8)
    if len(answer.handles) != CANDIDATES or len(batch) != CANDIDATES or len(classes) != len(batch.rows) * len(COLUMNS):
        raise FrameRefused(f"an answer that is not {CANDIDATES} candidates")
    rarity = Rarity(classes.reshape(-1, len(COLUMNS)), answer.clients, answer.unseen, answer.levels)
    return batch, answer.handles, rarity


def _evidence(handle: str, links: Mapping[str, Link], permitted: set[str]) -> Evidence:
    found = links.get(handle)
    if found is None or handle not in permitted:
        return Evidence(handle, Verdict.NONE.value)
    return Evidence(
        handle=handle,
        verdict=found.verdict.value,
        weight=found.weight,
        probability=found.probability,
        margin=found.margin,
        levels=tuple((level.field, level.level, level.bits) for level in found.levels),
        reasons=found.reasons,
    )
