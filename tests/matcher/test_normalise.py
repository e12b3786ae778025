"""Is normalisation right: pure, total, idempotent, and what a clerk would expect."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher import normalise as norm
from matcher.nicknames import formal, groups


@given(st.text(max_size=40))
def test_every_step_is_idempotent_and_leaves_only_letters_and_digits(text: str) -> None:
    for step in norm.FOLD:
        assert step(step(text)) == step(text)
    folded = norm.normalise(text)
    assert norm.normalise(folded) == folded
    assert set(folded) <= set("abcdefghijklmnopqrstuvwxyz0123456789 ")


@given(st.text(max_size=40))
def test_every_field_is_total(text: str) -> None:
    for value in (norm.given_name(text), norm.last_name(text)):
        assert value.whole.isascii()
        assert all(value.parts)
    for field in (norm.birth_date, norm.ssn4, norm.phone, norm.sex, norm.zip_code, norm.city, norm.suffix):
        assert isinstance(field(text), str)
    assert len(norm.birth_date(text)) in {0, 4, 6, 8}


@pytest.mark.parametrize(
    ("text", "whole", "parts"),
    [
        ("O'Brien", "obrien", ()), ("O BRIEN", "obrien", ()), ("De La Cruz", "delacruz", ("cruz",)),
        ("GARCIA-LOPEZ", "garcialopez", ("garcia", "lopez")), ("García y López", "garcialopez", ("garcia", "lopez")),
        ("Mc Donald", "mcdonald", ()), ("SMITH JR", "smith", ()), ("Müller", "muller", ()), ("Иванов", "ivanov", ()),
        ("LNU", "", ()), ("Smith AKA Jones", "smith", ()), ("Łukasz", "lukasz", ()),
    ],
)  # fmt: skip
def test_surnames(text: str, whole: str, parts: tuple[str, ...]) -> None:
    assert (norm.last_name(text).whole, norm.last_name(text).parts) == (whole, parts)


@pytest.mark.parametrize(
    ("step", "text", "expected"),
    [
        (norm.birth_date, "1980-02-03", "19800203"), (norm.birth_date, "1980-02-XX", "198002"), (norm.birth_date, "1980", "1980"),
        (norm.birth_date, "1900-01-01", ""), (norm.birth_date, "1980-00-00", "1980"), (norm.birth_date, "soon", ""),
        (norm.ssn4, "0000", ""), (norm.ssn4, "999-99-9999", ""), (norm.ssn4, "6789", "6789"), (norm.ssn4, "678", ""),
        (norm.zip_code, "401", "00401"), (norm.zip_code, "00401-1234", "00401"), (norm.zip_code, "00000", ""),
        (norm.phone, "(555) 213-4567", "2134567"), (norm.phone, "1-555-213-4567 x12", "2134567"), (norm.phone, "000-0000", ""),
        (norm.sex, "Female", "f"), (norm.sex, "U", ""), (norm.suffix, "Jr.", "jr"), (norm.suffix, "3rd", "iii"),
    ],
)  # fmt: skip
def test_other_fields(step: norm.Step, text: str, expected: str) -> None:
    assert step(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("171 north Scenic Hwy", ("171", "nscenic")), ("12 Main St Apt 4", ("12", "main")), ("12 MAIN STREET #4", ("12", "main")),
        ("TRANSIENT", ("", "")), ("General Delivery", ("", "")), ("P.O. Box 12", ("12", "pobox")), ("", ("", "")),
    ],
)  # fmt: skip
def test_streets(text: str, expected: tuple[str, str]) -> None:
    assert norm.street(text) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("bill", "william"),
        ("pepe", "jose"),
        ("chuy", "jesus"),
        ("mohamed", "muhammad"),
        ("beto", "roberto"),
        ("evgeny", "yevgeni"),
        ("peggy", "margaret"),
    ],
)
def test_nicknames_and_spellings_share_a_group(one: str, other: str) -> None:
    assert set(groups(one)) & set(groups(other))


def test_unrelated_names_share_none_and_a_plain_name_is_its_own_formal() -> None:
    assert not set(groups("robert")) & set(groups("karen"))
    assert groups("zzyzx") == ()
    assert formal("zzyzx") == "zzyzx"
