"""The encoding `fl1`, one value at a time and with nothing but hashlib: the specification that the fast path meets.

Slow on purpose. A property test holds `matcher.encode` to these bits; another implementation can be held to them too.
"""

from __future__ import annotations

from dataclasses import dataclass

from matcher import normalise as norm
from matcher.encode import sound
from matcher.hashing import bigrams, positions
from matcher.keys import LinkageKey
from matcher.model import Model
from matcher.nicknames import formal, groups
from matcher.passes import PASSES
from records.identity import Identity

_MASK = (1 << 64) - 1


@dataclass(frozen=True, slots=True, repr=False)
class LiteralRow:
    """Every encoded value of one identity. Filters are sets of positions; 0 and the empty set mean unknown."""

    first: frozenset[int]
    middle: frozenset[int]
    last: frozenset[int]
    last_parts: tuple[frozenset[int], ...]
    street: frozenset[int]
    first_groups: tuple[int, ...]
    dob: tuple[int, ...]
    ssn4: tuple[int, ...]
    tokens: dict[str, int]
    blocks: tuple[int, ...]


def siphash(key: bytes, message: bytes) -> int:
    """SipHash-2-4 (Aumasson and Bernstein, 2012) of a message of whole 8-byte words."""
    k0, k1 = (int.from_bytes(key[i : i + 8], "little") for i in (0, 8))
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]
    words = [int.from_bytes(message[i : i + 8], "little") for i in range(0, len(message), 8)]
    for word in (*words, (len(message) & 0xFF) << 56):
        v[3] ^= word
        v = _round(_round(v))
        v[0] ^= word
    v[2] ^= 0xFF
    for _ in range(4):
        v = _round(v)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def _rotl(x: int, by: int) -> int:
    return ((x << by) | (x >> (64 - by))) & _MASK


def _round(v: list[int]) -> list[int]:
    a, b, c, d = v
    a, c = (a + b) & _MASK, (c + d) & _MASK
    b, d = _rotl(b, 13) ^ a, _rotl(d, 16) ^ c
    a = _rotl(a, 32)
    c, a = (c + b) & _MASK, (a + d) & _MASK
    b, d = _rotl(b, 17) ^ c, _rotl(d, 21) ^ a
    return [a, b, _rotl(c, 32), d]


def _short(value: int) -> int:
    return (value >> 32) or 1


def _padded(text: str, width: int) -> bytes:
    return text.encode("ascii")[:width].ljust(width, b"\0")


def _token(key: bytes, text: str, width: int) -> int:
    return _short(siphash(key, _padded(text, width))) if text else 0


def _filter(key: bytes, text: str, k: int) -> frozenset[int]:
    return frozenset(bit for gram in bigrams(text) for bit in positions(key, gram, k)) if text else frozenset()


def _form(key: bytes, chars: bytes, number: int) -> int:
    return _short(siphash(key, chars.ljust(8, b"\0") + number.to_bytes(8, "little")))


def _hide(text: bytes, at: int) -> bytes:
    return text[:at] + b"\0" + text[at + 1 :]


def dob_tokens(key: bytes, date: str) -> tuple[int, ...]:
    """The fifteen tokens that `matcher.encode.dob_table` describes; empty for an unknown date."""
    if not date:
        return ()
    chars = date.encode("ascii").ljust(8, b"\0")
    y, m, d = chars[:4], chars[4:6], chars[6:]
    gap = b"\0\0"
    forms = [chars, y + min(m, d) + max(m, d), b"\0" * 4 + m + d, y + m + gap, y + gap + d, y + gap + gap]
    forms += [_hide(chars, at) for at in range(8)]
    forms.append(b"".join(bytes(sorted(part)) for part in (y, m, d)))
    found = [_form(key, form, number) for number, form in enumerate(forms)]
    if len(date) < 8:
        return tuple(t if n in ({3, 5} if len(date) == 6 else {5}) else 0 for n, t in enumerate(found))
    return tuple(0 if 1 <= n <= 5 and not norm.is_possible(date) else t for n, t in enumerate(found))


def ssn_tokens(key: bytes, digits: str) -> tuple[int, ...]:
    """Whole, each digit hidden in turn, sorted; empty where unknown."""
    if not digits:
        return ()
    chars = digits.encode("ascii")
    forms = [chars, *(_hide(chars, at) for at in range(4)), bytes(sorted(chars))]
    return tuple(_form(key, form, number) for number, form in enumerate(forms))


def encode(key: LinkageKey, model: Model, identity: Identity) -> LiteralRow:
    """The encoding of one identity."""
    first_text, last_text = identity.first, identity.last
    if not first_text and "," in last_text:
        last_text, _, first_text = (piece.strip() for piece in last_text.partition(","))
    first, middle, last = norm.given_name(first_text), norm.given_name(identity.middle), norm.last_name(last_text)
    suffix = norm.suffix(identity.suffix) or last.suffix or first.suffix
    if norm.is_placeholder(first.whole, last.whole):
        first = middle = last = norm.NO_NAME
    names, k = key.derive("names", 32), model.encoding.name_hashes
    number, lane = norm.street(identity.street)
    date, digits = norm.birth_date(identity.birth_date), norm.ssn4(identity.ssn4)
    phone, zip_code = norm.phone(identity.phone), norm.zip_code(identity.zip)
    plain = {
        "phone": (phone, 24), "zip": (zip_code, 24), "city": (norm.city(identity.city), 24),
        "sex": (norm.sex(identity.sex), 24), "number": (number, 8), "suffix": (suffix, 16),
    }  # fmt: skip
    facts = _facts((first, middle, last), date)
    facts |= {"ssn4": digits, "phone": phone, "zip": zip_code, "number": number, "lane": lane}
    whole = siphash(key.derive("token/block", 16), _padded(f"{number} {lane}", 32)) if number and lane else 0
    return LiteralRow(
        first=_filter(names, first.whole, k),
        middle=_filter(names, middle.whole, k),
        last=_filter(names, last.whole, k),
        last_parts=tuple(_filter(names, part, k) for part in last.parts),
        street=_filter(key.derive("street", 32), lane, model.encoding.street_hashes),
        first_groups=tuple(_token(key.derive("token/group", 16), g, 24) for g in groups(first.whole)),
        dob=dob_tokens(key.derive("token/dob", 16), date),
        ssn4=ssn_tokens(key.derive("token/ssn4", 16), digits),
        tokens={name: _token(key.derive(f"token/{name}", 16), text, width) for name, (text, width) in plain.items()},
        blocks=_blocks(key.derive("token/block", 16), facts, whole),
    )


def _facts(names: tuple[norm.NameValue, ...], date: str) -> dict[str, str]:
    """Blocking facts of names and birth date as text."""
    first, middle, last = names
    parts = (*last.parts, "", "")
    whole_date = date if len(date) == 8 else ""
    return {
        "dob": whole_date, "day": whole_date[4:], "year": date[:4],
        "first": sound(first.whole), "formal": sound(formal(first.whole)), "last": sound(last.whole),
        "part1": sound(parts[0]), "part2": sound(parts[1]),
        "head": first.whole[:1], "mid": middle.whole[:1], "tail": last.whole[:1],
    }  # fmt: skip


def _blocks(key: bytes, facts: dict[str, str], street: int) -> tuple[int, ...]:
    """The key of each slot: pass number and facts, sorted as numbers; 0 where a fact is unknown."""
    words = {name: int.from_bytes(_padded(text, 8), "little") for name, text in facts.items()} | {"street": street}
    found = []
    for number, each in enumerate(PASSES):
        for slot in each.slots:
            values = sorted(words[name] for name in slot)
            message = [number, *([0] * (3 - len(slot))), *values]
            found.append(_short(siphash(key, b"".join(v.to_bytes(8, "little") for v in message))) if all(values) else 0)
    return tuple(found)
