"""Text as a source wrote it becomes text that can be compared: small pure steps, versioned as one list.

Every step is total and idempotent. The version is part of the schema hash of each encoding, because two
encodings made by different steps must never be compared. An empty result means unknown.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

from matcher.tables import lines

VERSION = "n1"
"""Changes whenever any step changes what it returns."""

Step = Callable[[str], str]
"""One normalisation step. Pure, total, and idempotent: step(step(x)) == step(x)."""

SUFFIXES = {
    "jr": "jr", "junior": "jr", "jnr": "jr", "sr": "sr", "senior": "sr", "snr": "sr",
    "ii": "ii", "2nd": "ii", "iii": "iii", "3rd": "iii", "iv": "iv", "4th": "iv",
}  # fmt: skip
_TITLES = frozenset(["mr", "mrs", "ms", "miss", "dr", "rev", "sir", "fr", "hon"])
_NO_NAME = frozenset(
    [
        "nmn",
        "nmi",
        "nmm",
        "fnu",
        "lnu",
        "nfn",
        "nln",
        "noname",
        "unk",
        "unkn",
        "unknown",
        "anonymous",
        "none",
        "na",
        "null",
        "refused",
        "withheld",
        "xx",
        "xxx",
        "xxxx",
        "baby",
        "babyboy",
        "babygirl",
        "infant",
        "newborn",
        "john_doe",
        "test",
    ]
)
_PARTICLES = frozenset(
    [
        "de",
        "la",
        "las",
        "los",
        "del",
        "dela",
        "della",
        "da",
        "das",
        "do",
        "dos",
        "di",
        "du",
        "le",
        "van",
        "von",
        "vander",
        "der",
        "den",
        "ter",
        "ten",
        "bin",
        "ibn",
        "bint",
        "al",
        "el",
        "abu",
        "ap",
        "mc",
        "mac",
        "o",
        "d",
        "l",
    ]
)
_JOINERS = frozenset({"y", "e", "and"})
_OTHER_LETTERS = {
    "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ı": "i", "ħ": "h", "ŋ": "n", "ə": "e",
}  # fmt: skip
_DROPPED = dict.fromkeys(map(ord, "'`´’‘ʼʻʿʾ.\""), None)


@cache
def _letters() -> dict[str, str]:
    """Letters outside a-z and how they are written in Latin script."""
    return _OTHER_LETTERS | {line.split(",")[0]: line.split(",")[1] for line in lines("letters.csv")}


def fold_letters(text: str) -> str:
    """Lower case, accents off, other scripts to Latin letters; what has no table becomes its code point."""
    table = _letters()
    if text.isascii():
        return text.lower()
    bare = (c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    latin = "".join(c if c.isascii() else table.get(c, f"{ord(c):x}" if c.isalnum() else " ") for c in bare)
    return latin.lower()


def drop_apostrophes(text: str) -> str:
    """O'BRIEN and J.R. close up: the mark carries no sound."""
    return text.translate(_DROPPED)


def space_punctuation(text: str) -> str:
    """Everything that is not a letter or digit parts two words."""
    return " ".join(re.sub(r"[^a-z0-9]+", " ", text).split())


FOLD: tuple[Step, ...] = (fold_letters, drop_apostrophes, space_punctuation)


def normalise(value: str, steps: Iterable[Step] = FOLD) -> str:
    """`value` after each step in turn."""
    for step in steps:
        value = step(value)
    return value


@dataclass(frozen=True, slots=True)
class NameValue:
    """One name field, ready to encode: the whole closed up, and its parts where it has two or more."""

    whole: str = ""
    parts: tuple[str, ...] = ()
    suffix: str = ""


NO_NAME = NameValue()


def _words(text: str) -> tuple[list[str], str]:
    """Words that are names, and the generational suffix found among them."""
    words = [w for w in normalise(text).split() if w not in _NO_NAME]
    suffix = next((SUFFIXES[w] for w in words[1:] if w in SUFFIXES), "")
    kept = [w for i, w in enumerate(words) if i == 0 or w not in SUFFIXES]
    return (kept[1:] if len(kept) > 1 and kept[0] in _TITLES else kept), suffix


def _before_aka(text: str) -> str:
    """The name of record where a source writes `SMITH AKA JONES` into one field."""
    return re.split(r"\b(?:a\.?k\.?a\.?|f\.?k\.?a\.?|nee|née)\b", text, maxsplit=1, flags=re.IGNORECASE)[0] or text


def given_name(text: str) -> NameValue:
    """A first or middle name. Its parts are the words of a double name (MARY ANN, JEAN-PIERRE)."""
    words, suffix = _words(_before_aka(text))
    return NameValue("".join(words), tuple(words[:2]) if len(words) > 1 else (), suffix)


def last_name(text: str) -> NameValue:
    """A surname. Its parts are a double name's halves, without the particles (DE LA CRUZ has the part CRUZ)."""
    words, suffix = _words(_before_aka(text))
    words = [w for w in words if w not in _JOINERS] or words
    whole = "".join(words)
    parts = tuple(_join_mc(words))
    return NameValue(whole, () if parts == (whole,) else parts[:2], suffix)


def _join_mc(words: list[str]) -> list[str]:
    """Surname parts: MC and O belong to what follows them, other particles fall away."""
    parts: list[str] = []
    held = ""
    for word in words:
        if word in {"mc", "mac", "o", "d"}:
            held = word
        elif word not in _PARTICLES:
            parts.append(held + word)
            held = ""
    return parts


def is_placeholder(first: str, last: str) -> bool:
    """JOHN DOE and JANE DOE are nobody's name."""
    return last in {"doe", "roe"} and first in {"john", "jane", "jon", "baby", "johnny", "janie", "richard"}


def suffix(text: str) -> str:
    """JR, SR, II, III or IV in one spelling each."""
    return SUFFIXES.get(normalise(text).replace(" ", ""), "")


_NO_DATE = frozenset(
    [
        "19000101",
        "19010101",
        "18000101",
        "17530101",
        "18991230",
        "18991231",
        "00010101",
        "11111111",
        "99999999",
        "00000000",
        "99991231",
    ]
)


def birth_date(text: str) -> str:
    """`yyyymmdd`, or `yyyymm` or `yyyy` where the rest is unknown. A date that cannot be is kept: it may be a typo."""
    packed = re.sub(r"[^0-9a-z]", "", text.lower())
    if packed in _NO_DATE or packed[:4] in {"0000", "9999", "xxxx", "0001"}:
        return ""
    if len(packed) == 8:
        return re.sub(r"^(\d{4})(?:00|xx).*$", r"\1", re.sub(r"^(\d{6})(?:00|xx)$", r"\1", packed))
    return packed if len(packed) in {4, 6} and packed.isdigit() else ""


def is_possible(date: str) -> bool:
    """Whether eight characters can be somebody's date of birth."""
    return date.isdigit() and "1850" < date[:4] < "2100" and "01" <= date[4:6] <= "12" and "01" <= date[6:] <= "31"


def ssn4(text: str) -> str:
    """The last four digits; 0000 and 9999 are placeholders, and fewer digits are unknown."""
    digits = re.sub(r"\D", "", text)
    return (
        digits[-4:]
        if len(digits) in {4, 9} and digits[-4:] not in {"0000", "9999"} and len(set(digits)) > (len(digits) == 9)
        else ""
    )


def phone(text: str) -> str:
    """The last seven digits: the area code is lost too often to be compared."""
    digits = re.sub(r"\D", "", text.lower().split("x")[0])
    local = digits[-7:]
    return local if len(digits) in {7, 10, 11} and len(set(local)) > 1 and local != "1234567" else ""


def sex(text: str) -> str:
    """m, f or x; anything else is unknown."""
    word = normalise(text)
    return {"male": "m", "m": "m", "1": "m", "female": "f", "f": "f", "2": "f", "x": "x", "nonbinary": "x"}.get(
        word, ""
    )


def zip_code(text: str) -> str:
    """Five digits; spreadsheets drop leading zeros, so shorter ones get them back."""
    digits = re.sub(r"\D", "", text.split("-", maxsplit=1)[0])[:5]
    return digits.zfill(5) if len(digits) >= 3 and digits.strip("0") and digits != "99999" else ""


def city(text: str) -> str:
    """A town's name without blanks."""
    word = normalise(text).replace(" ", "")
    return "" if word in _NO_NAME or word in _NO_STREET else word


_UNIT = re.compile(r"(?:#|\b(?:apartment|apt|unit|ste|suite|lot|trlr|rm|room|spc|bldg)\b).*$")
_KINDS = frozenset(
    [
        "st",
        "street",
        "str",
        "ave",
        "av",
        "avenue",
        "rd",
        "road",
        "dr",
        "drive",
        "ln",
        "lane",
        "blvd",
        "boulevard",
        "ct",
        "court",
        "pl",
        "place",
        "way",
        "cir",
        "circle",
        "hwy",
        "highway",
        "pkwy",
        "parkway",
        "ter",
        "terrace",
        "trl",
        "trail",
        "sq",
        "square",
        "crescent",
        "close",
        "cres",
        "loop",
        "run",
        "path",
        "aly",
        "alley",
        "row",
    ]
)
_DIRECTIONS = {
    "north": "n",
    "south": "s",
    "east": "e",
    "west": "w",
    "northeast": "ne",
    "northwest": "nw",
    "southeast": "se",
    "southwest": "sw",
}
_NO_STREET = frozenset(
    [
        "transient",
        "homeless",
        "generaldelivery",
        "unknown",
        "none",
        "na",
        "noaddress",
        "nofixedaddress",
        "nofixedabode",
        "unsheltered",
        "undomiciled",
        "refused",
        "shelter",
        "streets",
        "atlarge",
    ]
)


def street(text: str) -> tuple[str, str]:
    """House number and street name; both empty for TRANSIENT, GENERAL DELIVERY and their like."""
    words = _UNIT.sub("", fold_letters(text).replace("p.o.", "po")).strip()
    found = space_punctuation(drop_apostrophes(words)).split()
    if "".join(found) in _NO_STREET:
        return "", ""
    number = next((w for w in found if w[0].isdigit()), "")
    named = [_DIRECTIONS.get(w, w) for w in found if w != number]
    bare = [w for w in named if w not in _KINDS] or named
    return re.sub(r"\D", "", number), "".join(bare)
