"""Is the standing index what a new one would be, whatever changed and whoever changed it?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from service import standing
from service.caseload import load_index
from service.standing import StandingIndex
from store import clients, purges
from tests.service.installation import AVELINE, BARNABY, CLIENTS, CORISANDE, STRANGER, Installation

JOINED = replace(STRANGER, number="CN9")


def same_as_new(site: Installation) -> bool:
    return sorted(load_index(site.engine).refs()) == sorted(StandingIndex().follow(site.engine).refs())


def test_it_follows_a_roster(site: Installation) -> None:
    index = load_index(site.engine)
    assert len(index) == len(CLIENTS)
    site.roster([AVELINE, replace(BARNABY, last="Underhill"), JOINED])
    site.cycle()
    assert load_index(site.engine) is index, "it was made anew"
    assert same_as_new(site)
    assert len(index) == 3


def test_a_new_client_and_a_new_name_are_found_at_once(sqlite_site: Installation) -> None:
    site = sqlite_site
    site.cycle()
    renamed = replace(CORISANDE, last="Winterbourne")
    site.roster([AVELINE, BARNABY, renamed, JOINED])
    site.bookings(JOINED.booked("J1"), renamed.booked("J2"))
    report = site.cycle()
    assert report.tally.verdicts["ALERT"] == 2


def test_another_engines_changes_are_followed(site: Installation) -> None:
    mine = load_index(site.engine)
    other = replace(site, engine=replace(site.engine))
    assert other.engine.standing is not site.engine.standing
    other.roster([AVELINE, JOINED])
    other.cycle()
    assert load_index(site.engine) is mine
    assert same_as_new(site)


def test_a_purged_client_is_gone(site: Installation) -> None:
    load_index(site.engine)
    with site.engine.database.write() as conn:
        purges.client_content(conn, site.client(AVELINE), site.clock())
    assert site.client(AVELINE) not in load_index(site.engine)
    assert same_as_new(site)


def test_nothing_is_read_where_nothing_changed(sqlite_site: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    site = sqlite_site
    index = load_index(site.engine)
    monkeypatch.setattr(clients, "changed", None)
    monkeypatch.setattr(clients, "every", None)
    site.bookings(AVELINE.booked("J1"))
    assert load_index(site.engine) is index


def test_it_is_made_anew_when_much_has_changed(sqlite_site: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "_FEW", 1)
    site = sqlite_site
    index = load_index(site.engine)
    for n in range(2):
        site.roster([replace(person, phone=f"555888000{n}") for person in CLIENTS])
        site.cycle()
    assert load_index(site.engine) is not index
    assert same_as_new(site)


def test_a_failure_on_the_way_leaves_nobody_out(sqlite_site: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    site = sqlite_site
    load_index(site.engine)
    with site.engine.database.write() as conn:
        held = clients.get(conn, site.engine.vault, site.client(AVELINE))
        assert held is not None
        clients.put(conn, site.engine.vault, held, site.clock())
    monkeypatch.setattr(standing, "_add", _fails)
    try:
        load_index(site.engine)
    except MemoryError:
        monkeypatch.undo()
    assert site.client(AVELINE) in load_index(site.engine)
    assert same_as_new(site)


def _fails(*_: object) -> None:
    raise MemoryError
