"""Does the log know every kind of thing it promises, what is in force and since when, and can a past link be made again?"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from importlib.resources import files
from pathlib import Path

import pytest
from sqlalchemy import update
from typer.testing import CliRunner

from audit.errors import ProofRefused
from audit.facts import PARTY
from audit.leaves import Kind
from audit.report import text
from records import BookingRef, ClientRef
from service import in_force
from service.cli.app import app
from service.relinking import relink
from store import purges
from store.tables import linkage_model
from tests.service.installation import AGENCY, AVELINE, Installation

ROOMS = ("audit", "alerts", "service", "console")


def test_an_account_without_a_name_is_told_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container the account is a number that no file names."""
    monkeypatch.setattr("os.getuid", lambda: 3_000_000_001)
    assert in_force.process_user() == "uid-3000000001"
    assert PARTY(in_force.process_user())


def test_the_program_says_its_version() -> None:
    said = CliRunner().invoke(app, ["--version"])
    assert (said.exit_code, said.stdout.split()[0]) == (0, "warmlink")


def written() -> Iterator[str]:
    """Kinds that the product's own code makes leaves of."""
    for room in ROOMS:
        for path in Path(str(files(room))).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "leaf":
                    yield from _kinds(node.args[0])
                elif isinstance(node, ast.Call) and path.name == "delivery_leaves.py":
                    yield from (kind for argument in node.args for kind in _kinds(argument))


def _kinds(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Kind":
        yield node.attr


def test_every_kind_of_leaf_is_written_by_something() -> None:
    assert {kind.name for kind in Kind} - set(written()) == set()


def test_what_is_in_force_is_said_at_the_first_cycle_and_again_when_something_changes(site: Installation) -> None:
    in_force.note(site.engine)
    started = site.leaves(Kind.STARTED)
    in_force.note(site.engine)
    assert site.leaves(Kind.STARTED) == started
    first = started[-1]
    assert text(first, "model") == site.engine.model.hash
    assert text(first, "rule_set_hash") == site.engine.rulebook.hash
    assert text(site.leaves(Kind.POLICY_CHANGE)[-1], "rule_set_hash") == site.engine.rulebook.hash
    other = replace(site.engine, settings=site.engine.settings.model_copy(update={"organisation": "Other County"}))
    in_force.note(other)
    changed = site.leaves(Kind.CONFIG_CHANGE)[-1]
    assert text(changed, "previous_hash") == text(first, "config_hash")
    assert text(changed, "config_hash") == text(site.leaves(Kind.STARTED)[-1], "config_hash")
    assert site.verified().good


def booked(site: Installation) -> BookingRef:
    """A booking of Aveline, taken in and linked."""
    site.bookings(AVELINE.booked("26-1"))
    site.cycle()
    return BookingRef(site.engine.locator.ref("booking", AGENCY, "26-1"))


def test_a_past_link_comes_out_again_from_what_is_held(site: Installation) -> None:
    ref = booked(site)
    (again,) = relink(site.engine, ref, "officer")
    assert (again.same, again.verdict, again.differences) == (True, "ALERT", ())
    assert again.notes[0].startswith("weight then ")
    seen = site.leaves(Kind.VIEW)[-1]
    assert (text(seen, "by"), text(seen, "booking")) == ("officer", ref)


def test_a_client_who_is_somebody_else_by_now_is_a_difference(sqlite_site: Installation) -> None:
    site = sqlite_site
    ref = booked(site)
    other = replace(AVELINE, first="Wilhelmina", dob="1951-12-02", ssn4="9999", phone="5550000000")
    site.roster([other], name="roster-2.csv")
    site.clock.forward(hours=1)
    site.cycle()
    (again,) = relink(site.engine, ref, "officer")
    assert not again.same
    assert all(AVELINE.last.lower() not in words.lower() for words in again.differences)


def test_what_was_destroyed_is_said_with_its_day_and_reason(sqlite_site: Installation) -> None:
    site = sqlite_site
    ref = booked(site)
    site.clock.forward(hours=2)
    site.bookings(AVELINE.booked("26-1", "S"), name="sealed.csv")
    site.cycle()
    with pytest.raises(ProofRefused, match=r"destroyed on 2026-10-06 \(sealed\)"):
        relink(site.engine, ref, "officer")


def test_a_model_that_was_not_kept_a_stranger_and_a_purged_client_are_refused(sqlite_site: Installation) -> None:
    site = sqlite_site
    ref = booked(site)
    with pytest.raises(ProofRefused, match="no linked booking"):
        relink(site.engine, "a" * 26, "officer")
    with site.engine.database.write() as conn:
        conn.execute(update(linkage_model).values(hash="0" * 64))
    with pytest.raises(ProofRefused, match="model of that time"):
        relink(site.engine, ref, "officer")
    client = ClientRef(site.engine.locator.ref("client", "river-bh", AVELINE.number))
    with site.engine.database.write() as conn:
        purges.client_content(conn, client, site.clock() + timedelta(days=1))
    with pytest.raises(ProofRefused, match="client is unknown here"):
        relink(site.engine, ref, "officer")


def test_the_command_tells_decisions_and_bookings_apart(sqlite_site: Installation) -> None:
    ref = booked(sqlite_site)
    shown = CliRunner().invoke(
        app, ["audit", "reproduce", ref, "--by", "officer", "--config", str(sqlite_site.home / "warmlink.toml")]
    )
    assert shown.exit_code == 0, shown.output
    assert "ALERT by model" in shown.output
    assert "The same comes out today." in shown.output
