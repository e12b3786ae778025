"""Does each rule bar just what it is there for? Every combination of the levels it looks at, against a table of what bars."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import IntEnum
from itertools import product

import numpy as np
import pytest

from matcher.duplicates import _rivals, same_person
from matcher.levels import FIELDS, Address, Dob, Name, Plain, Ssn4
from matcher.model import Duplicates
from matcher.rules import RULES, Evidence, bars
from matcher.score import Scored

Levels = Mapping[str, IntEnum]


def every(*fields: str, **chosen: tuple[IntEnum, ...]) -> Iterator[dict[str, IntEnum]]:
    """All combinations of the levels of these fields; of those that are named with levels, of these."""
    sides = [(field, tuple(FIELDS[field])) for field in fields] + list(chosen.items())
    for levels in product(*(those for _, those in sides)):
        yield dict(zip((field for field, _ in sides), levels, strict=True))


def evidence(levels: Levels, **bits: float) -> Evidence:
    found = tuple(int(levels.get(field, 0)) for field in FIELDS)
    return Evidence(found, tuple(bits.get(field, 0.0) for field in FIELDS))


def named(field: str, levels: Levels, *names: str) -> bool:
    return levels[field].name in names


def of_another_birth_date(at: Levels) -> bool:
    return named("dob", at, "DIFFER", "OTHER_PARTIAL") and not named("ssn4", at, "EXACT")


def of_another_generation(at: Levels) -> bool:
    return named("suffix", at, "DIFFER") and not named("ssn4", at, "EXACT")


def of_another_ssn(at: Levels) -> bool:
    return named("ssn4", at, "DIFFER") and not (named("phone", at, "EXACT") or named("address", at, "STREET"))


def of_another_sex(at: Levels) -> bool:
    return named("sex", at, "DIFFER") and not named("first", at, "EXACT", "NICKNAME")


def without_birth_date(at: Levels) -> bool:
    own = named("ssn4", at, "EXACT") or named("phone", at, "EXACT") or named("middle", at, "EXACT", "INITIAL")
    return named("dob", at, "MISSING", "PARTIAL", "OTHER_PARTIAL") and not own


def without_names(at: Levels) -> bool:
    agrees = "EXACT", "NICKNAME", "PART", "CLOSE", "SWAPPED"
    outweighed = named("dob", at, "EXACT") and named("ssn4", at, "EXACT")
    return not (outweighed or named("first", at, *agrees, "INITIAL") or named("last", at, *agrees))


TABLE: list[tuple[str, tuple[str, ...], Callable[[Levels], bool]]] = [
    ("other_birth_date", ("dob", "ssn4"), of_another_birth_date),
    ("other_generation", ("suffix", "ssn4"), of_another_generation),
    ("other_ssn", ("ssn4", "phone", "address"), of_another_ssn),
    ("other_sex", ("sex", "first"), of_another_sex),
    ("no_birth_date", ("dob", "ssn4", "phone", "middle"), without_birth_date),
    ("too_few_names", ("first", "last", "dob", "ssn4"), without_names),
]


@pytest.mark.parametrize(("rule", "fields", "expected"), TABLE, ids=[rule for rule, _, _ in TABLE])
def test_a_rule_bars_just_what_it_is_there_for(
    rule: str, fields: tuple[str, ...], expected: Callable[[Levels], bool]
) -> None:
    wrong = [at for at in every(*fields) if bars(evidence(at), [rule]) != ((rule,) if expected(at) else ())]
    assert wrong == []


@pytest.mark.parametrize("bits", [-1.0, -0.01, 0.0, 1.0])
def test_another_first_name_bars_and_a_like_one_where_it_speaks_against(bits: float) -> None:
    for at in every("first", "middle", "ssn4"):
        like, apart = ("CLOSE", "SIMILAR", "NICKNAME"), ("DIFFER", "OTHER_INITIAL")
        proven = named("ssn4", at, "EXACT") or named("middle", at, "EXACT")
        other = named("first", at, *apart)
        unlike = named("first", at, *like) and (named("middle", at, *apart) or bits < 0)
        found = RULES["other_first_name"](evidence(at, first=bits))
        assert found == (not proven and (other or unlike)), at


def test_evidence_is_read_by_field() -> None:
    bits = {field: float(n) for n, field in enumerate(FIELDS, start=1)}
    found = evidence(dict.fromkeys(FIELDS, Plain.EXACT), **bits)
    assert {field: found.evidence(field) for field in FIELDS} == bits
    assert {found.level(field) for field in FIELDS} == {1}
    assert found.weight == sum(bits.values())


def test_two_records_are_one_person_where_all_agrees_and_nothing_speaks_against_it() -> None:
    """Each field at every level beside records that agree in all others; and whether an own number is needed."""
    agreed: dict[str, IntEnum] = {
        "first": Name.EXACT, "middle": Name.MISSING, "last": Name.EXACT, "suffix": Plain.MISSING, "dob": Dob.EXACT,
        "sex": Plain.EXACT, "ssn4": Ssn4.EXACT, "phone": Plain.MISSING, "address": Address.MISSING,
    }  # fmt: skip
    passes = {
        "first": {"EXACT", "NICKNAME", "CLOSE", "INITIAL"},
        "middle": {level.name for level in Name} - {"DIFFER", "OTHER_INITIAL"},
        "last": {"EXACT", "PART", "CLOSE"},
        "suffix": {"MISSING", "EXACT"},
        "dob": {"EXACT", "DAY_MONTH_SWAPPED", "DIGIT"},
        "sex": {"MISSING", "EXACT"},
        "ssn4": {"EXACT"},
        "phone": {level.name for level in Plain},
        "address": {level.name for level in Address},
    }
    for field, levels in FIELDS.items():
        for level in levels:
            found = same_person([(agreed | {field: level})[name] for name in FIELDS], across=False)
            assert found == (level.name in passes[field]), (field, level)


def test_without_the_ssn_something_else_of_ones_own_is_needed_within_one_organisation() -> None:
    for at in every("first", "dob", "phone", "address", ssn4=(Ssn4.MISSING, Ssn4.DIGIT, Ssn4.DIFFER)):
        full = dict.fromkeys(FIELDS, Plain.MISSING) | {"last": Name.EXACT} | at
        names = named("first", at, "EXACT", "NICKNAME")
        dates = named("dob", at, "EXACT", "DAY_MONTH_SWAPPED", "DIGIT")
        own = named("phone", at, "EXACT") or named("address", at, "STREET", "STREET_CLOSE")
        for across in (False, True):
            alike = names and dates and not named("ssn4", at, "DIFFER")
            expected = alike and (own or (across and named("dob", at, "EXACT")))
            assert same_person([full[name] for name in FIELDS], across=across) == expected, (at, across)


@pytest.mark.parametrize(
    ("span", "within", "at_most", "pairs"),
    [
        ((0, 3), 5.0, 9, [(1, 0), (1, 2), (0, 2)]),
        ((3, 6), 5.0, 9, [(4, 5), (4, 3), (5, 3)]),
        ((3, 6), 4.0, 9, [(4, 5)]),
        ((3, 6), 5.0, 2, [(4, 5)]),
        ((0, 3), 2.0, 9, []),
        ((0, 1), 5.0, 9, []),
    ],
)
def test_who_leads_a_booking_is_compared_with_each_other_best_first(
    span: tuple[int, int], within: float, at_most: int, pairs: list[tuple[int, int]]
) -> None:
    """`within`: one that is just so many bits behind is not looked at."""
    weight = np.array([8.0, 10.0, 6.0, 16.0, 20.0, 18.0])
    number, nothing = np.arange(len(weight), dtype=np.int32), np.zeros((len(FIELDS), len(weight)))
    scored = Scored(number, number, number, number, nothing.astype(np.uint8), nothing, weight, number.astype(np.int64))
    assert _rivals(scored, *span, Duplicates(within=within, at_most=at_most)) == pairs
