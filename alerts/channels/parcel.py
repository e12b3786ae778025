"""What every channel is given and gives back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from alerts.errors import ChannelRefused
from alerts.seal import Sealed
from alerts.smime import SealedMail
from records.ids import AlertRef, StaffId


@dataclass(frozen=True, slots=True)
class Parcel:
    """One alert on its way to one recipient by one channel.

    `outbox` is the idempotency key: the same on every try. It is the entry's own name, but for a notice. `address` is the channel's own: a mail address, a URL, a
    folder. `at` is the instant of this try. A notice, which says nothing, needs nothing `sealed`.
    """

    outbox: str
    alert: AlertRef
    recipient: StaffId
    address: str
    sealed: Sealed | SealedMail | None
    at: datetime

    def jose(self) -> Sealed:
        """What was sealed, for channels that carry a JWE."""
        if isinstance(self.sealed, Sealed):
            return self.sealed
        raise ChannelRefused(f"alert {self.alert} was not sealed for this channel; nothing was sent", "wrong_seal")


@dataclass(frozen=True, slots=True)
class Receipt:
    """The other side has it. `code` is its answer as a short word for the delivery history."""

    code: str


class Channel(Protocol):
    """Sends a parcel, or raises ChannelDown (try later), ChannelRefused or ChannelUnsafe (do not).

    Sending the same parcel twice must be safe: the receiver is given the idempotency key.
    """

    def send(self, parcel: Parcel) -> Receipt: ...
