"""A client is found by name, and the name is nowhere afterwards."""

from __future__ import annotations

from datetime import date

import pytest

from audit.facts import REF
from audit.leaves import Kind
from records import OrgId
from service import name_search
from service.name_search import AT_MOST, FoundClient, NoSuchSearch, SearchPurpose, TooManySearches
from store.tables import name_search as table
from tests.service.installation import AVELINE, ORG, STRANGER, Installation, Person

WHY = SearchPurpose.COMPLAINT


def ask(site: Installation, who: Person, *, org: str | None = None, by: str = "officer", first: str = "") -> str:
    born = date.fromisoformat(who.dob)
    named = name_search.named(first or who.first, who.last, born)
    return name_search.ask(site.engine, named, WHY, OrgId(org) if org else None, by)


def found(site: Installation, ref: str, by: str = "officer") -> tuple[FoundClient, ...]:
    answer = name_search.read(site.engine, ref, by)
    assert answer.found is not None
    return answer.found


def test_the_next_cycle_answers_with_the_client_and_what_agreed(site: Installation) -> None:
    site.bookings(AVELINE.booked("BK1"))
    site.cycle()
    ref = ask(site, AVELINE, first="Avelin")
    assert name_search.read(site.engine, ref, "officer").found is None
    site.cycle()
    (client,) = found(site, ref)
    assert (client.org, client.client.reveal(), client.bookings) == (
        ORG,
        AVELINE.number,
        ((site.booking("BK1"), "ALERT"),),
    )
    assert client.probability > 0.5
    assert {"last:exact", "dob:exact"} <= set(client.levels)


def test_somebody_on_no_roster_is_not_found(sqlite_site: Installation) -> None:
    sqlite_site.bookings(STRANGER.booked("BK1"))
    sqlite_site.cycle()
    ref = ask(sqlite_site, STRANGER)
    sqlite_site.cycle()
    assert found(sqlite_site, ref) == ()


def test_an_officer_of_another_organisation_finds_nobody(sqlite_site: Installation) -> None:
    ours, others = ask(sqlite_site, AVELINE, org=ORG), ask(sqlite_site, AVELINE, org="another-clinic")
    sqlite_site.cycle()
    assert len(found(sqlite_site, ours)) == 1
    assert found(sqlite_site, others) == ()


def test_the_name_is_neither_in_the_database_nor_in_the_log(sqlite_site: Installation) -> None:
    ref = ask(sqlite_site, STRANGER)
    sqlite_site.cycle()
    found(sqlite_site, ref)
    kept = b"".join(path.read_bytes() for path in sqlite_site.home.rglob("*") if path.is_file())
    for value in (STRANGER.first, STRANGER.last, STRANGER.dob):
        assert value.encode() not in kept
        assert value.upper().encode() not in kept


def test_the_log_says_who_asked_and_why_and_knows_the_same_name_again(sqlite_site: Installation) -> None:
    for who in (AVELINE, AVELINE, STRANGER):
        ask(sqlite_site, who)
    said = [e.leaf.facts for e in sqlite_site.leaves(Kind.VIEW) if e.leaf.facts["screen"] == "name_search"]
    assert {(facts["by"], facts["search_purpose"]) for facts in said} == {("officer", "complaint")}
    one, again, other = (facts["search"] for facts in said)
    assert one == again != other
    assert REF(one) is not None


def test_each_client_of_an_answer_was_looked_at(sqlite_site: Installation) -> None:
    ref = ask(sqlite_site, AVELINE)
    sqlite_site.cycle()
    found(sqlite_site, ref)
    looks = [e.leaf.facts.get("client") for e in sqlite_site.leaves(Kind.VIEW)]
    assert looks[-1] == sqlite_site.client(AVELINE)


def test_an_answer_is_for_whoever_asked_and_for_a_day(sqlite_site: Installation) -> None:
    ref = ask(sqlite_site, AVELINE)
    with pytest.raises(NoSuchSearch):
        name_search.read(sqlite_site.engine, ref, "somebody-else")
    sqlite_site.clock.forward(hours=25)
    ask(sqlite_site, STRANGER)
    with pytest.raises(NoSuchSearch):
        name_search.read(sqlite_site.engine, ref, "officer")
    assert sqlite_site.count(table) == 1


def test_nobody_runs_through_a_list_of_names(sqlite_site: Installation) -> None:
    for _ in range(AT_MOST):
        ask(sqlite_site, STRANGER)
    with pytest.raises(TooManySearches):
        ask(sqlite_site, STRANGER)
    refused = sqlite_site.leaves(Kind.REFUSED_ATTEMPT)[-1]
    assert refused.leaf.facts["reasons"] == ("TOO_MANY_SEARCHES",)
    ask(sqlite_site, STRANGER, by="another-officer")
    sqlite_site.clock.forward(minutes=61)
    ask(sqlite_site, STRANGER)
