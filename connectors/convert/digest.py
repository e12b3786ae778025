"""The content hash: the same event is the same in every file and every replay."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from hashlib import sha256
from operator import attrgetter

from records import Charge, Identity, Instant

_UNIT, _RECORD, _GROUP = "\x1f", "\x1e", "\x1d"
"""ASCII separators. Rows are tidied before they are read, so no value can hold one and two contents never collide."""


def content_hash(
    facts: Iterable[str],
    identities: Iterable[Identity],
    moments: Iterable[Instant | None],
    charged: str,
) -> str:
    """SHA-256 in hex over what the source said: facts, identities, moments and `charged`, each in a fixed order.

    Not in it: the line, the file and the time of receipt; nor what we inferred rather than read.
    """
    persons = _RECORD.join([_UNIT.join(_FACTS(person)) for person in identities])
    times = _UNIT.join([str(moment.at.timestamp()) if moment is not None else "" for moment in moments])
    whole = f"{_UNIT.join(facts)}{_GROUP}{persons}{_GROUP}{times}{_GROUP}{charged}"
    return sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()


def charged(charges: Iterable[Charge]) -> str:
    """Charges as one text to be hashed."""
    return _RECORD.join([f"{charge.code}{_UNIT}{charge.text}" for charge in charges])


_FACTS = attrgetter(*(field.name for field in fields(Identity)))
