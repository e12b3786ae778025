"""The sealed alert, posted to an endpoint of the recipient's organisation."""

from __future__ import annotations

from dataclasses import dataclass

from alerts.channels.http import HttpSender
from alerts.channels.parcel import Parcel, Receipt


@dataclass(frozen=True, slots=True)
class Webhook:
    """The channel `webhook`. The body is the compact JWE; the idempotency key is the same on every try."""

    sender: HttpSender

    def send(self, parcel: Parcel) -> Receipt:
        return self.sender.post(parcel, parcel.jose().jwe.encode(), "application/jose")
