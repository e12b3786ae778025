"""The jail's edge: each booking becomes one session. Nothing comes back but the number of the tick."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from alerts.keys import PublicKey, Signer, TrustedSigner
from matcher import Encoder
from records import BookingEvent, BookingNumber, EventKind, Identity, Instant, Op
from service.neutral.alarms import Alarm, AlarmKind, Sound
from service.neutral.decoys import MADE_UP, made_up
from service.neutral.errors import ParameterMismatch, Replayed
from service.neutral.frames import ONLINE, Pace, open_frame, seal_frame
from service.neutral.messages import Ask, JailReply, JailTick, Offer
from service.neutral.payload import seal_booking
from service.neutral.session import ENCODING_BYTES, MOST_IDENTITIES, NONCE_BYTES, Session, Shared, pad
from store.envelope import RandomBytes

SLOTS_PER_TICK = 2
"""Most bookings a jail sends with every tick; free slots are filled with bookings of people who do not exist."""
PROVIDERS = "providers"
"""To whom a question is addressed: whoever of the county's providers the unit passes it on to."""


@dataclass(slots=True)
class JailEdge:
    """One jail. `queue` keeps what no reply has confirmed; a booking that is sent again gets a session of its own."""

    name: str
    unit: str
    unit_key: TrustedSigner
    shared: Shared
    signer: Signer
    providers: Mapping[str, PublicKey]
    random: RandomBytes = field(repr=False)
    sound: Sound = field(repr=False)
    queue: deque[BookingEvent] = field(default_factory=deque, repr=False)
    slots: int = SLOTS_PER_TICK
    """Bookings in a tick, real and made up; with another pace as many times more."""
    pace: Pace = ONLINE
    _sequence: int = 0
    _sent: int = 0
    _standing: Encoder | None = field(default=None, repr=False)

    def put(self, event: BookingEvent) -> bool:
        """Queue a booking. False for an event that tells no name: it cannot be linked, and the caller counts it."""
        if not any(identity.named for identity in event.identities):
            return False
        self.queue.append(event)
        return True

    def tick(self, now: datetime) -> bytes:
        """The frame of this tick: always the same number of bookings, real or made up, in random order."""
        self._sequence = max(self._sequence + 1, int(now.timestamp() * 1000))
        slots = self.slots * self.pace.scale
        real = [self.queue[i] for i in range(min(slots, len(self.queue)))]
        self._sent = len(real)
        events = real + [self._decoy(now) for _ in range(slots - len(real))]
        offers = sorted((self._offer(event, now) for event in events), key=lambda _: self.random(8))
        return seal_frame(JailTick(self._sequence, now, tuple(offers)), self.signer, self.name, self.unit, self.pace)

    def heard(self, frame: bytes) -> None:
        """The unit took the tick: its bookings are done with. Raises Replayed or ParameterMismatch; then they are sent again."""
        _, reply = open_frame(frame, JailReply, {self.unit: self.unit_key}, self.name, self.pace)
        if reply.sequence != self._sequence:
            raise Replayed("the unit's reply is to another tick")
        if reply.refused:
            raise ParameterMismatch(reply.refused)
        for _ in range(self._sent):
            self.queue.popleft()
        self._sent = 0

    def _offer(self, event: BookingEvent, now: datetime) -> Offer:
        session, nonce = self.random(16).hex(), self.random(NONCE_BYTES)
        keys = Session.derive(self.shared, session, nonce)
        people = [self._fitting(event, now)]
        ask = Ask(
            session,
            nonce,
            now,
            self.shared.parameters,
            keys.check,
            keys.seal_probe(self._encoder().encode(people).blocks),
        )
        booked = event.booked_at.at if event.booked_at else now
        since = booked.replace(minute=0, second=0, microsecond=0)
        return Offer(
            ask=seal_frame(ask, self.signer, self.name, PROVIDERS),
            encoding=pad(keys.encoder(self.shared.model).encode(people).to_bytes(), ENCODING_BYTES),
            booked_since=since,
            booked_until=min(since + timedelta(hours=1), max(now, booked)),
            juvenile=event.juvenile,
            payloads={name: seal_booking(event, session, key, self.signer) for name, key in self.providers.items()},
        )

    def _fitting(self, event: BookingEvent, now: datetime) -> tuple[Identity, ...]:
        if len(event.identities) > MOST_IDENTITIES:
            self.sound(Alarm(now, AlarmKind.CANDIDATES_CUT, self.name, "identities"))
        return event.identities[:MOST_IDENTITIES]

    def _encoder(self) -> Encoder:
        if self._standing is None:
            self._standing = Encoder(self.shared.key, self.shared.model)
        return self._standing

    def _decoy(self, now: datetime) -> BookingEvent:
        booked = now - timedelta(minutes=int.from_bytes(self.random(1), "big"))
        return BookingEvent(
            feed=MADE_UP,
            agency="",
            booking_number=BookingNumber(self.random(8).hex()),
            op=Op.ADD,
            kind=EventKind.BOOKED,
            identities=(made_up(self.random, now.year),),
            content_hash=self.random(32).hex(),
            received_at=Instant(now),
            booked_at=Instant(booked),
        )
