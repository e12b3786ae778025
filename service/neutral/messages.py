"""What the parties say to each other: frozen values, read by pydantic at the border, bytes as base64.

One tick of a jail edge: `JailTick` -> `JailReply`. One tick of a provider edge: `ProviderTick` -> `ProviderReply`. Every tick has the
same number of slots and every frame of a kind the same size, whatever happened.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, StringConstraints

from service.neutral.errors import ParameterMismatch

Id = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
"""Random, of one session: it names nothing outside of it."""
Party = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{0,62}$")]


class _Border:
    """Refuses what it does not know, and shows nothing of what it holds."""

    __slots__ = ()
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", ser_json_bytes="base64", val_json_bytes="base64", hide_input_in_errors=True
    )

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class Parameters(_Border):
    """What parties must share to be compared at all."""

    protocol: str
    encoding: str
    schema: str
    epoch: str
    model: str

    def require(self, other: Parameters) -> None:
        """Raises ParameterMismatch for the first that differs."""
        for each in fields(self):
            if getattr(self, each.name) != getattr(other, each.name):
                raise ParameterMismatch(each.name)


@dataclass(frozen=True, slots=True, repr=False)
class Ask(_Border):
    """A jail's question to providers, signed by the jail: the unit passes it on and cannot make one up.

    `key_check` proves to a provider, and to nobody without the key, that both hold the same linkage key. `probe` holds the blocking
    keys, sealed under a key derived from the linkage key and the nonce: the unit cannot open it.
    """

    session: Id
    nonce: bytes
    made_at: datetime
    parameters: Parameters
    key_check: bytes
    probe: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Offer(_Border):
    """One booking for the unit: the question, its encoding under the session's key, and the booking sealed to each provider.

    The instants and the mark are what the consent rules ask of a booking.
    """

    ask: bytes
    encoding: bytes
    booked_since: datetime
    booked_until: datetime
    juvenile: bool
    payloads: dict[Party, str]


@dataclass(frozen=True, slots=True, repr=False)
class Answer(_Border):
    """A provider's candidates, padded with decoys to one number. `refused` names the parameter that differs instead."""

    session: Id
    refused: str
    handles: tuple[Id, ...]
    encoding: bytes
    rarity: bytes
    clients: int
    unseen: tuple[float, ...]
    levels: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True, repr=False)
class Inquiry(_Border):
    """The unit asks for the consent facts of some handles: always the same number, match or not."""

    session: Id
    handles: tuple[Id, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Subject(_Border):
    """What the rules need to know of one handle: a request for each possible recipient, all names replaced."""

    handle: Id
    requests: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True, repr=False)
class Facts(_Border):
    session: Id
    subjects: tuple[Subject, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Evidence(_Border):
    """What was seen of one handle. A NONE carries no evidence."""

    handle: Id
    verdict: str
    weight: float = 0.0
    probability: float = 0.0
    margin: float = 0.0
    levels: tuple[tuple[str, str, float], ...] = ()
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class Release(_Border):
    """The end of a session for one provider: evidence, and the booking sealed to it, or as many random letters."""

    session: Id
    evidence: tuple[Evidence, ...]
    payload: str


@dataclass(frozen=True, slots=True, repr=False)
class JailTick(_Border):
    sequence: int
    sent_at: datetime
    offers: tuple[Offer, ...]


@dataclass(frozen=True, slots=True, repr=False)
class JailReply(_Border):
    """The same for every tick. `refused` names a parameter that differs between jail and unit: no fact about a person."""

    sequence: int
    refused: str


@dataclass(frozen=True, slots=True, repr=False)
class ProviderTick(_Border):
    sequence: int
    sent_at: datetime
    answers: tuple[Answer, ...]
    facts: tuple[Facts, ...]


@dataclass(frozen=True, slots=True, repr=False)
class ProviderReply(_Border):
    sequence: int
    asks: tuple[bytes, ...]
    inquiries: tuple[Inquiry, ...]
    releases: tuple[Release, ...]
