"""Invented identities for the matcher's tests, by hand and by hypothesis."""

from typing import Any

from hypothesis import strategies as st

from matcher import Encoder, LinkageKey, RosterIndex, default_model
from records import Identity

KEY = LinkageKey("2026", "test", bytes(range(32)))
MODEL = default_model()
ENCODER = Encoder(KEY, MODEL)

_GIVEN = [
    "Maria",
    "JOSE",
    "Bill",
    "William",
    "J",
    "Mary Ann",
    "Jean-Pierre",
    "Seán",
    "Мария",
    "NMN",
    "John",
    "",
    "Íñigo",
    "Robert Jr",
]
_LAST = [
    "García López",
    "O'Brien",
    "DE LA CRUZ",
    "Smith",
    "SMITH-JONES",
    "Doe",
    "",
    "van der Berg",
    "Smith, Ann",
    "Ng",
    "MC DONALD",
    "Li III",
]
_DATES = ["1980-02-03", "1980-03-02", "19B0-02-03", "1980", "1980-02", "1980-18-03", "1900-01-01", "", "1980-02-XX"]
_STREETS = ["12 Main St", "12 MAIN STREET APT 4", "TRANSIENT", "PO Box 9", "", "N Elm", "7 señor pl"]


def identities() -> st.SearchStrategy[Identity]:
    """Identities as feeds write them: typical values, odd values and any text at all."""
    text = st.text(max_size=12)
    return st.builds(
        Identity,
        first=st.sampled_from(_GIVEN) | text,
        middle=st.sampled_from(_GIVEN) | text,
        last=st.sampled_from(_LAST) | text,
        suffix=st.sampled_from(["", "Jr", "SR.", "iii", "?"]),
        birth_date=st.sampled_from(_DATES) | st.dates().map(str) | text,
        sex=st.sampled_from(["M", "F", "", "U", "female"]),
        ssn4=st.sampled_from(["1234", "0000", "12", "", "4321"]),
        phone=st.sampled_from(["555-213-4567", "(555) 213-4567", "2134567", "", "0000000"]),
        street=st.sampled_from(_STREETS) | text,
        city=st.sampled_from(["Tolland", "NEW CORINTH", ""]) | text,
        zip=st.sampled_from(["00401", "401", "00401-1234", "", "x"]),
    )


def person(**facts: Any) -> Identity:
    """A complete, uncommon client; `facts` replaces fields."""
    base = {
        "first": "Margaret", "middle": "Odette", "last": "Fontenot", "birth_date": "1981-04-17", "sex": "F",
        "ssn4": "4821", "phone": "555-382-1934", "street": "1422 Chestnut Ave", "city": "Tolland", "zip": "00431",
    }  # fmt: skip
    return Identity(**(base | facts))


def crowd(n: int = 400) -> list[Identity]:
    """Other clients, all different, so that frequencies and priors are those of a real roster."""
    firsts = [
        "James",
        "Mary",
        "Robert",
        "Linda",
        "Michael",
        "Susan",
        "David",
        "Karen",
        "Daniel",
        "Lisa",
        "Kevin",
        "Laura",
    ]
    lasts = [
        "Smith",
        "Johnson",
        "Brown",
        "Garcia",
        "Miller",
        "Davis",
        "Wilson",
        "Moore",
        "Taylor",
        "Clark",
        "Lewis",
        "Hall",
        "Young",
    ]
    streets = ["Maple", "Oak", "Cedar", "Pine", "Elm"]
    return [
        Identity(
            first=firsts[k % 12], middle=firsts[(k * 7 + 3) % 12][: 1 + k % 5], last=lasts[k % 13],
            birth_date=f"{1950 + k * 7 % 55}-{1 + k * 5 % 12:02d}-{1 + k * 11 % 28:02d}", sex="FM"[k % 2],
            ssn4=f"{(k * 7919 + 1000) % 9998 + 1:04d}" if k % 3 else "", phone=f"555{2000000 + k * 7717}",
            street=f"{10 + k * 13} {streets[k % 5]} St", city="Tolland", zip=f"0040{k % 5}",
        )
        for k in range(n)
    ]  # fmt: skip


def roster(*clients: Identity, **options: Any) -> RosterIndex:
    """An index of `clients` (c0, c1, ...) among the crowd (x0, x1, ...)."""
    index = RosterIndex(MODEL, **options)
    others = crowd()
    index.add(ENCODER.encode([[p] for p in others]), [f"x{k}" for k in range(len(others))])
    if clients:
        index.add(ENCODER.encode([[p] for p in clients]), [f"c{k}" for k in range(len(clients))])
    return index
