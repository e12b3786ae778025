"""Looking for people in bytes: what is searched for, and how it may be written or wrapped.

A needle must mean something. Four digits or five letters stand in ciphertext by chance, so a name counts as a whole word
of its own (and short names only beside each other), four digits only between the delimiters of a document, and nothing
counts that an installation without people holds as well.
"""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

Found = tuple[str, str]
"""What kind of thing was found, and a needle of it in its plain form."""

_WORD = re.compile(rb"(?<![A-Za-z0-9_])[A-Za-z]{2,}(?![A-Za-z0-9_])")
_LOOSE = re.compile(rb"(?<![A-Za-z_])[A-Za-z]{7,}(?![A-Za-z_])")
"""Also beside a digit, as the cells of a database row lie: one after the other with nothing between."""
_NUMBERED = re.compile(rb"(?<![A-Za-z0-9])(\d{1,5}) +((?:[NSEW] )?[A-Za-z0-9]{2,}) +([A-Za-z]{2,})(?![A-Za-z])")
_ISO = re.compile(rb"(?<!\d)(\d{4})[-/.]?(\d{2})[-/.]?(\d{2})(?!\d)")
_US = re.compile(rb"(?<!\d)(\d{1,2})[-/.](\d{1,2})[-/.](\d{4}|\d{2})(?!\d)")
_PHONE = re.compile(rb"(?<!\d)(?:\+?1[ .-]?)?\(?(\d{3})\)?[ .-]?(\d{3})[ .-]?(\d{4})(?!\d)")
_QUOTED4 = re.compile(rb"(?:[\"']|[,|;\t])(\d{4})(?=[\"',|;\t\r\n])")
_MASKED4 = re.compile(rb"[Xx*]{3}-?[Xx*]{2}-?(\d{4})(?!\d)")
_NAMED4 = re.compile(rb"(?i)ssn(?:_?last_?4|4)?[^0-9]{0,16}(\d{4})(?!\d)")
_NUMBER = re.compile(rb"(?<![A-Za-z0-9])(?:CL\d{7}|MRN\d{4}|BK\d{8}|P\d{5}|26-000\d{3})(?![A-Za-z0-9])")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}={0,2}")
_HEX = re.compile(rb"(?:[0-9a-fA-F]{2}){8,}")
_UTF16 = re.compile(rb"(?:[\x20-\x7e]\x00){4,}|(?:\x00[\x20-\x7e]){4,}")

SINGLE = 6
"""Letters from which on a name alone is looked for in ciphertext. Shorter ones would stand there by chance."""
PAIR = 7
"""Letters of a given name and a surname together."""


@dataclass(slots=True)
class Needles:
    """What is known of the people in some files."""

    words: set[str] = field(default_factory=set)
    pairs: set[tuple[str, str]] = field(default_factory=set)
    accented: set[str] = field(default_factory=set)
    births: set[date] = field(default_factory=set)
    ssn4: set[str] = field(default_factory=set)
    phones: set[str] = field(default_factory=set)
    streets: set[tuple[str, str]] = field(default_factory=set)
    numbers: set[str] = field(default_factory=set)

    def add(self, row: Mapping[str, str]) -> None:
        """One row of the common CSV form, a client or a booking."""
        names = [(row["first_name"], row["last_name"]), *map(_split, row.get("aliases", "").split("|"))]
        for first, last in names:
            self._name(first, last)
        self.words |= {w for w in words(row["middle_name"]) if len(w) >= SINGLE}
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", row["dob"]):
            self.births.add(date.fromisoformat(row["dob"]))
        self.ssn4 |= {row["ssn_last4"]} - {""}
        self.phones |= {digits for digits in [re.sub(r"\D", "", row["phone"])] if len(digits) == 10}
        if found := re.match(r"(\d+) ((?:[NSEW] )?\w+) \w+", row["street"]):
            self.streets.add((found[1], found[2].lower()))
        self.numbers |= {row[name] for name in ("client_id", "booking_id", "person_id") if row.get(name)}

    def _name(self, first: str, last: str) -> None:
        firsts, lasts = words(first), words(last)
        self.words |= {word for word in (*firsts, *lasts) if len(word) >= SINGLE}
        both = {(a, b) for a in firsts for b in lasts if len(a) + len(b) >= PAIR}
        self.pairs |= both | {(b, a) for a, b in both}
        self.accented |= {name for name in (first, last) if not name.isascii()}

    def __len__(self) -> int:
        return sum(len(getattr(self, name)) for name in self.__slots__)

    def without(self, found: set[Found]) -> Needles:
        """Those that do not occur in a place where nobody is: what is left says something when it is found."""
        plain = {name for _, name in found}
        return Needles(
            words={w for w in self.words if w not in plain},
            pairs={p for p in self.pairs if " ".join(p) not in plain},
            accented={a for a in self.accented if a not in plain},
            births={b for b in self.births if b.isoformat() not in plain},
            ssn4={s for s in self.ssn4 if s not in plain},
            phones={p for p in self.phones if p not in plain},
            streets={s for s in self.streets if " ".join(s) not in plain},
            numbers={n for n in self.numbers if n not in plain},
        )

    def in_folder(self, *folders: Path) -> set[Found]:
        """Over every file, and over the names of files and folders."""
        paths = sorted(p for folder in folders for p in folder.rglob("*"))
        found = self.in_bytes("\n".join(path.name for path in paths).encode())
        contents = {path.read_bytes() for path in paths if path.is_file()}
        contents |= {cells(path) for path in paths if path.suffix == ".db"}
        return found.union(*map(self.in_bytes, contents))

    def in_bytes(self, raw: bytes) -> set[Found]:
        """As it stands, and unwrapped from UTF-16, base64 and hexadecimal."""
        found = set(self._plain(raw))
        for wrapped in _unwrapped(raw):
            found |= set(self._plain(wrapped))
        return found

    def _plain(self, raw: bytes) -> Iterator[Found]:
        yield from self._names(raw)
        yield from self._accented(raw)
        yield from self._births(raw)
        digits = {m.group(1).decode() for pattern in (_QUOTED4, _MASKED4, _NAMED4) for m in pattern.finditer(raw)}
        yield from (("ssn4", s) for s in self.ssn4 & digits)
        phones = {b"".join(m.groups()).decode() for m in _PHONE.finditer(raw)}
        yield from (("phone", p) for p in self.phones & phones)
        streets = {(m[1].decode(), m[2].decode().lower()) for m in _NUMBERED.finditer(raw)}
        yield from (("street", " ".join(s)) for s in self.streets & streets)
        numbers = {m.group().decode() for m in _NUMBER.finditer(raw)}
        yield from (("number", n) for n in self.numbers & numbers)

    def _names(self, raw: bytes) -> Iterator[Found]:
        words = [(m.start(), m.end(), m.group().decode()) for m in _WORD.finditer(raw)]
        words = [(a, b, w.lower()) for a, b, w in words if w.islower() or w[1:].islower() or w.isupper()]
        loose = {m.group().decode() for m in _LOOSE.finditer(raw)}
        alone = {w for _, _, w in words} | {w.lower() for w in loose if w[1:].islower() or w.isupper()}
        yield from (("name", w) for w in alone & self.words)
        for at, (_, end, one) in enumerate(words):
            near = (two for start, _, two in words[at + 1 : at + 6] if start - end < 48)
            yield from (("full name", f"{one} {two}") for two in near if (one, two) in self.pairs)

    def _accented(self, raw: bytes) -> Iterator[Found]:
        for name in self.accented:
            forms = {name, name.upper(), name.lower(), unicodedata.normalize("NFD", name)}
            codings = ("utf-8", "latin-1", "utf-16-le")
            if any(form.encode(coding, "ignore") in raw for form in forms for coding in codings if _fits(form, coding)):
                yield "accented name", name

    def _births(self, raw: bytes) -> Iterator[Found]:
        seen = {(int(y), int(m), int(d)) for y, m, d in _ISO.findall(raw)}
        for one, two, year in _US.findall(raw):
            years = [int(year)] if len(year) == 4 else [1900 + int(year), 2000 + int(year)]
            seen |= {(y, m, d) for y in years for m, d in ((int(one), int(two)), (int(two), int(one)))}
        yield from (("birth date", b.isoformat()) for b in self.births if (b.year, b.month, b.day) in seen)


def of(rows: Iterable[Mapping[str, str]]) -> Needles:
    made = Needles()
    for row in rows:
        made.add(row)
    return made


def cells(database: Path) -> bytes:
    """Every cell of a SQLite database on a line of its own: in the file nothing stands between them."""
    with sqlite3.connect(f"file:{database}?mode=ro&immutable=1", uri=True) as raw:
        names = [name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = [row for name in names for row in raw.execute(f"SELECT * FROM {name}")]
    raw.close()
    return b"\n".join(c if isinstance(c, bytes) else str(c).encode() for row in rows for c in row if c is not None)


def words(name: str) -> list[str]:
    """Words of ASCII letters, also of a name that has others: `Peña-Ortega` gives pena and ortega."""
    folded = unicodedata.normalize("NFD", name).encode("ascii", "ignore").decode()
    return [word.lower() for word in re.findall(r"[A-Za-z]+", folded.replace("'", " ")) if len(word) > 1]


def _split(alias: str) -> tuple[str, str]:
    first, _, last = alias.rpartition(" ")
    return first, last


def _fits(text: str, coding: str) -> bool:
    try:
        text.encode(coding)
    except UnicodeEncodeError:
        return False
    return True


def _unwrapped(raw: bytes) -> Iterator[bytes]:
    yield b"\n".join(m.group().replace(b"\x00", b"") for m in _UTF16.finditer(raw))
    yield b"\n".join(bytes.fromhex(m.group().decode()) for m in _HEX.finditer(raw))
    runs = [m.group().rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/") for m in _BASE64.finditer(raw)]
    yield b"\n".join(map(_decoded, runs))
    short = [run for run in runs if len(run) < 512]
    for shift in (1, 2, 3):  # a run may begin with letters that do not belong to it
        yield b"\n".join(_decoded(run[shift:]) for run in short)


def _decoded(run: bytes) -> bytes:
    whole = run[: len(run) - (len(run) % 4 == 1)]
    return b64decode(whole + b"=" * (-len(whole) % 4))
