"""Consent facts without names: what a provider tells the unit of a client, so that the rules decide the same as with names.

Every identifier and name becomes a pseudonym of this session (HMAC-SHA256 under a key that the provider forgets with the session); equal
ones stay equal, because the rules compare them. A birth date only matters where somebody may have been a minor: of a person who was of age
at every instant the rules look at, it becomes one of a 50-year-old.
"""

from __future__ import annotations

import hmac
from datetime import date, datetime
from hashlib import sha256
from typing import Any

from pydantic import TypeAdapter

from consent import DecisionRequest

NAMED = frozenset(
    {
        "id", "client_id", "person_id", "program_id", "org_id", "name", "merged_from", "merged_into", "participants",
        "admin_control_orgs", "program_ids", "supervises", "recipient_org_id", "declared_by",
    }
)  # fmt: skip
"""Keys whose text identifies somebody or something of the provider's."""
FREE = frozenset({"reason", "nature"})
"""Text that somebody wrote: only its length goes on, which a rule asks for."""
OF_AGE = 25
"""Years after which nobody is a minor under any jurisdiction's rules, with room to spare."""
_REQUEST = TypeAdapter(DecisionRequest)


def opaque(request: DecisionRequest, secret: bytes) -> dict[str, Any]:
    """The request in the published schema with every name replaced. `secret` belongs to one session."""
    raw: dict[str, Any] = _REQUEST.dump_python(request, mode="json", by_alias=True, warnings=False)
    replaced: dict[str, Any] = _replaced(raw, secret)
    replaced["client"]["dob"] = _birth_date(request, raw).isoformat()
    return replaced


def _replaced(value: Any, secret: bytes, key: str = "") -> Any:
    if isinstance(value, dict):
        by_class = value.get("kind") == "class"  # then `id` is a word of the vocabulary
        return {k: v if by_class and k == "id" else _replaced(v, secret, k) for k, v in value.items()}
    if isinstance(value, list):
        return [_replaced(item, secret, key) for item in value]
    if not isinstance(value, str):
        return value
    if key in FREE:
        return "x" * len(value.strip())
    return _pseudonym(value, secret) if key in NAMED else value


def _pseudonym(text: str, secret: bytes) -> str:
    return hmac.digest(secret, text.encode(), sha256).hex()[:24]


def _birth_date(request: DecisionRequest, raw: dict[str, Any]) -> date:
    born: date = request.client.dob
    earliest = min([request.as_of.date(), *_dates(raw)])
    if earliest.year - born.year <= OF_AGE:
        return born
    return date(earliest.year - 50, 1, 1)


def _dates(value: Any, key: str = "") -> list[date]:
    """Every date in the facts but the birth date."""
    if isinstance(value, dict):
        return [found for k, v in value.items() for found in _dates(v, k)]
    if isinstance(value, list):
        return [found for item in value for found in _dates(item, key)]
    if not isinstance(value, str) or key in NAMED or key == "dob":
        return []
    try:
        return [datetime.fromisoformat(value).date()]
    except ValueError:
        return []
