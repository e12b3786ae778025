"""Is it accurate on the known hard cases: who must be found, who must only be looked at, who must not be linked."""

from dataclasses import replace

import pytest

from matcher import Constraints, Verdict, link
from matcher.errors import BadConstraint
from records import Identity
from tests.matcher.people import ENCODER, person, roster

CLIENT = person()
SPARSE = replace(CLIENT, ssn4="", phone="", street="", middle="")
"""What a jail usually knows: name, birth date, sex, town."""

FOUND = {
    "exact": CLIENT,
    "upper case, no numbers": replace(SPARSE, first="MARGARET", last="FONTENOT"),
    "nickname": replace(CLIENT, first="MAGGIE", ssn4=""),
    "misspelt surname": replace(CLIENT, last="FONTENOTT", ssn4="", phone=""),
    "misspelt first name": replace(CLIENT, first="MARGRAET", ssn4="", phone=""),
    "day and month swapped": replace(CLIENT, birth_date="1981-04-17", ssn4=""),
    "one digit of the date": replace(CLIENT, birth_date="1981-04-19", phone=""),
    "names in each other's field": replace(CLIENT, first="FONTENOT", last="MARGARET", ssn4=""),
    "middle name first": replace(CLIENT, first="ODETTE", middle="MARGARET", ssn4=""),
    "hyphenated after marriage": replace(CLIENT, last="FONTENOT-BLANCHARD", ssn4=""),
    "moved, transient": replace(CLIENT, street="TRANSIENT", zip="", phone=""),
    "first and last in one field": replace(CLIENT, first="", last="FONTENOT, MARGARET"),
}


@pytest.mark.parametrize("booked", FOUND.values(), ids=FOUND.keys())
def test_a_client_is_found(booked: Identity) -> None:
    (result,) = link(ENCODER.encode([[booked]]), roster(CLIENT))
    assert result.verdict is Verdict.ALERT
    assert result.links[0].client == "c0"


NOT_ALERTED = {
    "twin with another first name": replace(CLIENT, first="GENEVIEVE", middle="CLAIRE", ssn4=""),
    "twin with a like first name": replace(CLIENT, first="MARGARITA", middle="CLAIRE", ssn4="", phone=""),
    "twin without a middle name": replace(SPARSE, first="GENEVIEVE", street=CLIENT.street),
    "brother": replace(CLIENT, first="ANTOINE", sex="M", birth_date="1983-09-02", middle="", ssn4="7730"),
    "mother of the same name": replace(CLIENT, birth_date="1957-11-30", middle="", ssn4="", phone=""),
    "another generation": replace(CLIENT, suffix="SR", middle="", ssn4="", phone=""),
    "gives a client's name and birth date": replace(
        CLIENT, ssn4="1093", phone="555-999-1212", street="9 Elm St", middle=""
    ),
    "name alone": Identity(first="MARGARET", last="FONTENOT"),
    "namesake without a date at the address": replace(SPARSE, birth_date="", street=CLIENT.street),
    "number of the jail only": Identity(first="JOHN", last="DOE", birth_date="1900-01-01"),
}


@pytest.mark.parametrize("booked", NOT_ALERTED.values(), ids=NOT_ALERTED.keys())
def test_a_look_alike_is_never_alerted(booked: Identity) -> None:
    client = replace(CLIENT, suffix="JR" if booked.suffix else "")
    (result,) = link(ENCODER.encode([[booked]]), roster(client))
    assert result.verdict is not Verdict.ALERT


def test_twins_on_the_roster_are_told_apart_by_first_name() -> None:
    twin = replace(CLIENT, first="Genevieve", middle="Claire", ssn4="4822")
    (result,) = link(ENCODER.encode([[replace(SPARSE, first="GENEVIEVE")]]), roster(CLIENT, twin))
    assert [(x.client, x.verdict) for x in result.links if x.verdict is Verdict.ALERT] == [("c1", Verdict.ALERT)]


def test_two_clients_that_fit_equally_go_to_review() -> None:
    double = person(middle="", ssn4="", phone="555-777-1111", street="8 Oak St", zip="00402")
    other = person(middle="", ssn4="", phone="555-888-2222", street="77 Elm St", zip="00404")
    (result,) = link(ENCODER.encode([[replace(SPARSE, city="", zip="")]]), roster(double, other))
    assert result.verdict is Verdict.REVIEW
    assert {x.client for x in result.links if x.verdict is Verdict.REVIEW} == {"c0", "c1"}


def test_one_person_enrolled_twice_alerts_for_both() -> None:
    index = roster(CLIENT)
    index.add(ENCODER.encode([[replace(CLIENT, first="Maggie", street="", middle="")]]), ["d0"])
    (result,) = link(ENCODER.encode([[SPARSE]]), index)
    assert {x.client for x in result.links if x.verdict is Verdict.ALERT} == {"c0", "d0"}


def test_records_of_two_organisations_need_no_shared_number() -> None:
    here, there = replace(SPARSE, city="", zip=""), replace(SPARSE, zip="00401", middle="O")
    index = roster()
    index.add(ENCODER.encode([[here], [there]]), ["a", "b"], ["north", "south"])
    (result,) = link(ENCODER.encode([[SPARSE]]), index)
    assert {x.client for x in result.links if x.verdict is Verdict.ALERT} == {"a", "b"}


def test_an_alias_counts_with_its_best_name() -> None:
    booked = (replace(SPARSE, first="DESIREE", last="HOLLOWAY"), Identity(first="MARGARET", last="FONTENOT"))
    (result,) = link(ENCODER.encode([booked]), roster(CLIENT))
    assert result.links[0].client == "c0"
    assert result.verdict is Verdict.ALERT


def test_reviewers_decisions_bind_to_the_jail_id_and_the_client() -> None:
    index, booked = roster(CLIENT), ENCODER.encode([[CLIENT], [CLIENT]])
    not_this = Constraints(cannot=frozenset({("jail:1", "c0")}))
    first, second = link(booked, index, constraints=not_this, persons=[["jail:1"], ["jail:2"]])
    assert first.verdict is Verdict.NONE
    assert first.reasons == ("cannot_link",)
    assert second.verdict is Verdict.ALERT


def test_a_confirmed_pair_alerts_where_the_evidence_alone_would_not() -> None:
    twin_like = ENCODER.encode([[replace(SPARSE, first="GENEVIEVE")]])
    must = Constraints(must=frozenset({("jail:1", "c0")}))
    index = roster(CLIENT)
    assert link(twin_like, index)[0].verdict is not Verdict.ALERT
    (result,) = link(twin_like, index, constraints=must, persons=[["jail:1"]])
    assert result.verdict is Verdict.ALERT
    assert result.links[0].reasons == ("must_link",)


def test_a_jail_number_shared_by_two_people_does_not_alert() -> None:
    stranger = ENCODER.encode([[Identity(first="TYRONE", last="KOWALCZYK", birth_date="1964-12-25", sex="M")]])
    must = Constraints(must=frozenset({("jail:1", "c0")}))
    (result,) = link(stranger, roster(CLIENT), constraints=must, persons=[["jail:1"]])
    assert result.verdict is Verdict.REVIEW
    assert "shared_number" in result.links[0].reasons


def test_contradicting_decisions_are_refused() -> None:
    pair = frozenset({("jail:1", "c0")})
    with pytest.raises(BadConstraint):
        link(ENCODER.encode([[CLIENT]]), roster(CLIENT), constraints=Constraints(pair, pair), persons=[["jail:1"]])


def test_missing_is_neutral() -> None:
    """Leaving a field out takes its evidence away and nothing else."""
    index = roster(CLIENT)
    full, less = link(ENCODER.encode([[CLIENT], [replace(CLIENT, phone="")]]), index)
    bits = {x.field: x.bits for x in full.links[0].levels}
    assert full.links[0].weight - less.links[0].weight == pytest.approx(bits["phone"], abs=0.002)
    assert {x.field: x.bits for x in less.links[0].levels}["phone"] == 0


def test_a_booking_without_a_name_is_compared_but_never_alerted() -> None:
    nameless = replace(CLIENT, first="JOHN", last="DOE", middle="")
    (result,) = link(ENCODER.encode([[replace(nameless, ssn4="")]]), roster(CLIENT))
    assert result.candidates > 0
    assert result.verdict is not Verdict.ALERT
