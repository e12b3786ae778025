"""Can every past decision be made again, and does it show when input or rules are not those of the time?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import Connection, update

from audit.errors import ProofRefused
from audit.leaves import Kind
from config import Refuse
from consent import FLOOR, load_rulebook
from service.reproduction import read_book, remake
from store import tables
from store.tables import decision, rule_book
from tests.service.installation import AVELINE, BARNABY, Installation, facts_of


@pytest.fixture
def decided(sqlite_site: Installation) -> Installation:
    sqlite_site.bookings(AVELINE.booked("J1"), BARNABY.booked("J2"))
    sqlite_site.cycle()
    return sqlite_site


def names(site: Installation) -> list[str]:
    return [str(facts_of(e)["decision"]) for e in site.leaves(Kind.DECISION)]


def test_every_decision_comes_out_again_on_either_database(site: Installation) -> None:
    site.bookings(AVELINE.booked("J1"), BARNABY.booked("J2"))
    site.cycle()
    assert len(names(site)) == 4
    assert [remake(site.engine, name, "officer-1").found.differences for name in names(site)] == [()] * 4


def test_the_book_of_that_time_is_kept_and_used_when_the_rules_have_changed(decided: Installation) -> None:
    """The new rules would not have asked for a consent; the old decision is judged by the old ones."""
    before = decided.engine.rulebook
    changed = replace(decided.engine, rulebook=load_rulebook(FLOOR))
    assert changed.rulebook.hash != before.hash
    assert {remake(changed, name, "officer-1").rule_set_hash for name in names(decided)} == {before.hash}
    assert all(remake(changed, name, "officer-1").found.same for name in names(decided))
    (kept,) = decided.rows(rule_book)
    assert read_book(kept["canonical"]).hash == kept["hash"] == before.hash


def test_each_book_is_kept_once_from_its_first_decision_on(decided: Installation) -> None:
    assert [row["hash"] for row in decided.rows(rule_book)] == [decided.engine.rulebook.hash]
    first = decided.rows(rule_book)[0]["first_used_at"]
    decided.bookings(AVELINE.booked("J9"))
    decided.cycle()
    assert [row["first_used_at"] for row in decided.rows(rule_book)] == [first]


def other_input(site: Installation, conn: Connection, name: str) -> None:
    """Whoever has the keys seals another input in its place."""
    sealed = conn.execute(decision.select().where(decision.c.ref == name)).one().sealed_input
    body = site.engine.vault.open(sealed, place=f"decision/{name}").replace(b'"TREAT"', b'"LEGAL"')
    forged = site.engine.vault.seal(body, place=f"decision/{name}")
    conn.execute(update(decision).where(decision.c.ref == name).values(sealed_input=forged))


def no_book(_: Installation, conn: Connection, __: str) -> None:
    conn.execute(rule_book.delete())


def other_book(_: Installation, conn: Connection, __: str) -> None:
    conn.execute(update(rule_book).values(canonical=load_rulebook(FLOOR).canonical_bytes))


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        (other_input, "the stored input is not the one that was decided upon"),
        (no_book, "the rule book of that time was not kept"),
        (other_book, "the rule book that was kept is not the one that decided"),
    ],
)
def test_what_is_not_of_that_time_shows(
    tamper: Callable[[Installation, Connection, str], None], words: str, decided: Installation
) -> None:
    name = names(decided)[0]
    with decided.engine.database.write() as conn:
        tamper(decided, conn, name)
    assert remake(decided.engine, name, "officer-1").found.differences == (words,)


def test_a_decision_whose_input_was_destroyed_says_so(decided: Installation) -> None:
    decided.bookings(AVELINE.booked("J1", "S"))
    decided.cycle()
    (name,) = (
        str(facts_of(e)["decision"])
        for e in decided.leaves(Kind.DECISION)
        if (facts_of(e)["booking"], facts_of(e)["stage"]) == (decided.booking("J1"), "link")
    )
    with pytest.raises(ProofRefused, match="was destroyed"):
        remake(decided.engine, name, "officer-1")


def test_who_looked_is_in_the_log_and_nobody_looks_without_a_name(decided: Installation) -> None:
    remake(decided.engine, names(decided)[0], "officer-1")
    seen = facts_of(decided.leaves(Kind.VIEW)[-1])
    assert (seen["by"], seen["screen"]) == ("officer-1", "compliance")
    assert seen["client"] in {row["ref"] for row in decided.rows(tables.client)}
    with pytest.raises(Refuse, match="one word"):
        remake(decided.engine, names(decided)[0], "The Officer")
    with pytest.raises(ProofRefused, match="no decision of this name"):
        remake(decided.engine, "a" * 26, "officer-1")
