"""Signed frames of one size each.

A frame is a 4-byte length, JSON, and zeros up to the size of its kind. The JSON names sender, receiver and kind, and carries the body
with an Ed25519 signature (RFC 8032) over all four, so that a frame cannot pass for another's, for another receiver or for another kind.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import TypeAdapter, ValidationError

from alerts.keys import Signer, TrustedSigner
from service.neutral.errors import FrameRefused, Replayed, TooLarge
from service.neutral.messages import Ask, JailReply, JailTick, ProviderReply, ProviderTick

KIB = 1024
SIZES: Mapping[type, int] = {
    Ask: 12 * KIB,
    JailTick: 512 * KIB,
    JailReply: 1 * KIB,
    ProviderTick: 2048 * KIB,
    ProviderReply: 512 * KIB,
}
"""Bytes on the wire, by kind of message. Every frame of a kind has exactly this size."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often parties hear of each other, and what follows from it. The same at every party."""

    scale: int = 1
    """How many times as much as online one frame carries, and how many times as large it is."""
    fresh: timedelta = timedelta(minutes=2)
    """How old a frame may be, and how far clocks may differ."""
    patience: timedelta = timedelta(seconds=60)
    """How long a party may be silent before that is an alarm, and a session goes on without it."""
    life: timedelta = timedelta(hours=1)
    """After which a session is forgotten."""


ONLINE = Pace()
BY_FILE = Pace(scale=16, fresh=timedelta(days=4), patience=timedelta(days=2), life=timedelta(days=7))
"""For sites that exchange files some times a day."""

T = TypeVar("T")
_ADAPTERS: dict[type, TypeAdapter[Any]] = {kind: TypeAdapter(kind) for kind in SIZES}
_DOMAIN = b"warmlink/neutral/1"


def size_of(kind: type, pace: Pace) -> int:
    """A question goes from jail to provider as it is, whatever the pace."""
    return SIZES[kind] if kind is Ask else SIZES[kind] * pace.scale


def seal_frame(message: object, signer: Signer, sender: str, receiver: str, pace: Pace = ONLINE) -> bytes:
    """The message as a frame of its kind's size. Raises TooLarge."""
    kind = type(message)
    size = size_of(kind, pace)
    body = _ADAPTERS[kind].dump_json(message)
    signature = signer.sign(_signed(sender, receiver, kind, body))
    text = json.dumps(
        {"from": sender, "to": receiver, "body": b64encode(body).decode(), "signature": b64encode(signature).decode()}
    ).encode()
    if len(text) + 4 > size:
        raise TooLarge(f"a {kind.__name__} of {len(text)} bytes does not fit its frame of {size}")
    return (len(text).to_bytes(4, "big") + text).ljust(size, b"\x00")


def open_frame(
    frame: bytes, kind: type[T], signers: Mapping[str, TrustedSigner], receiver: str, pace: Pace = ONLINE
) -> tuple[str, T]:
    """Sender and message. Raises FrameRefused, whose words quote nothing of the frame."""
    if len(frame) != size_of(kind, pace):
        raise FrameRefused(f"a {kind.__name__} frame has {size_of(kind, pace)} bytes")
    try:
        outer = json.loads(frame[4 : 4 + int.from_bytes(frame[:4], "big")])
        sender, to, body = str(outer["from"]), str(outer["to"]), b64decode(outer["body"], validate=True)
        signature = b64decode(outer["signature"], validate=True)
    except (ValueError, KeyError, TypeError):
        raise FrameRefused(f"this is no {kind.__name__} frame") from None
    if to != receiver or sender not in signers:
        raise FrameRefused(f"a {kind.__name__} frame between other parties")
    verify(signers[sender], signature, _signed(sender, to, kind, body))
    try:
        message: T = _ADAPTERS[kind].validate_json(body)
    except ValidationError:
        raise FrameRefused(f"a {kind.__name__} frame whose message cannot be read") from None
    return sender, message


def verify(signer: TrustedSigner, signature: bytes, message: bytes) -> None:
    key = signer.key.public_key
    try:
        if not isinstance(key, Ed25519PublicKey):
            raise FrameRefused("the sender's key is no Ed25519 key")
        key.verify(signature, message)
    except InvalidSignature:
        raise FrameRefused("a frame whose signature does not hold") from None


def _signed(sender: str, receiver: str, kind: type, body: bytes) -> bytes:
    parts = (sender.encode(), receiver.encode(), kind.__name__.encode(), body)
    return _DOMAIN + b"".join(len(part).to_bytes(4, "big") + part for part in parts)


@dataclass(slots=True)
class Sequence:
    """Refuses what was here before: each sender's numbers only rise, and its clock is near ours.

    `last` outlives the process (its owner keeps it), so that a frame cannot be played again after a restart either.
    """

    last: dict[str, int] = field(default_factory=dict)
    fresh: timedelta = ONLINE.fresh

    def accept(self, sender: str, number: int, sent_at: datetime, now: datetime) -> None:
        if number <= self.last.get(sender, 0):
            raise Replayed(f"{sender} sent this number before")
        if abs(now - sent_at) > self.fresh:
            raise Replayed(f"a frame of {sender} is {abs(now - sent_at).total_seconds():.0f} s away from our clock")
        self.last[sender] = number
