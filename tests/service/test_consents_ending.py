"""Consents that end soon: the list that compliance works through before they do."""

from __future__ import annotations

from datetime import timedelta

import pytest

from audit.leaves import Kind
from config import Refuse
from consent.vocabulary import RevocationMethod
from records import OrgId
from service import consents
from service.desks import ending
from service.desks.ending import EndingPage
from tests.service.installation import AVELINE, BARNABY, CLIENTS, CORISANDE, ORG, START, Installation, Person, consent


def soon(site: Installation, who: Person, days: int, number: int = 1) -> None:
    day = (START + timedelta(days=days)).date().isoformat()
    site.consents(consent(who, id=f"soon-{who.number}-{number}", expires_at=day))


def shown(page: EndingPage) -> list[tuple[str, str]]:
    return [(row.client.reveal(), row.form) for row in page.rows]


def test_the_soonest_comes_first_and_each_window_is_counted(site: Installation) -> None:
    soon(site, AVELINE, 50)
    soon(site, BARNABY, 10)
    soon(site, CORISANDE, 85)
    page = ending.ending(site.engine, None, "officer", 60)
    assert shown(page) == [("CN2", "soon-CN2-1"), ("CN1", "soon-CN1-1")]
    assert page.counts == {ORG: [1, 2, 3]}
    assert (page.counted_until, page.onward) == (None, None)


def test_what_was_revoked_or_prolonged_is_not_on_it(site: Installation) -> None:
    for who in (AVELINE, BARNABY, CORISANDE):
        soon(site, who, 10)
    consents.revoke(
        site.engine, "CN1", "soon-CN1-1", org=ORG, method=RevocationMethod.WRITTEN, by="officer", take_back=False
    )
    soon(site, BARNABY, 80)  # the same form, corrected
    assert shown(ending.ending(site.engine, None, "officer", 30)) == [("CN3", "soon-CN3-1")]


def test_it_agrees_with_every_history_opened(sqlite_site: Installation) -> None:
    for number, who in enumerate(CLIENTS * 3):
        soon(sqlite_site, who, 7 * number + 3, number)
    within = timedelta(days=90)
    opened = [(client, form) for _, client, form, _ in consents.expiring(sqlite_site.engine, within)]
    assert shown(ending.ending(sqlite_site.engine, None, "officer", 90)) == opened


def test_an_officer_sees_their_organisations_own(sqlite_site: Installation) -> None:
    soon(sqlite_site, AVELINE, 10)
    assert ending.ending(sqlite_site.engine, OrgId("another-clinic"), "officer").rows == ()
    assert ending.ending(sqlite_site.engine, OrgId("another-clinic"), "officer").counts == {}
    assert len(ending.ending(sqlite_site.engine, OrgId(ORG), "officer").rows) == 1


def test_page_by_page_shows_each_once(sqlite_site: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "MOST", 3)
    monkeypatch.setattr(ending, "COUNTED", 5)
    for number, who in enumerate(CLIENTS * 2):
        soon(sqlite_site, who, 5 + number // 4, number)  # four at a time end at the same instant
    pages: list[EndingPage] = []
    after = None
    while not pages or after is not None:
        pages.append(ending.ending(sqlite_site.engine, None, "officer", after=after))
        after = pages[-1].onward
    rows = [row for page in pages for row in shown(page)]
    assert len(rows) == len(set(rows)) == 8
    assert len(pages) == 3
    assert pages[0].counted_until is not None


def test_each_client_whose_number_is_shown_was_looked_at(sqlite_site: Installation) -> None:
    soon(sqlite_site, AVELINE, 10)
    soon(sqlite_site, BARNABY, 40)
    ending.ending(sqlite_site.engine, None, "officer", 30)
    looks = [e.leaf.facts for e in sqlite_site.leaves(Kind.VIEW)]
    assert [(facts["by"], facts["client"]) for facts in looks] == [("officer", sqlite_site.client(AVELINE))]


def test_only_the_windows_there_are(sqlite_site: Installation) -> None:
    with pytest.raises(Refuse, match="30, 60, 90"):
        ending.ending(sqlite_site.engine, None, "officer", 31)
