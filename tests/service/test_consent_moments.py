"""Consent is asked when a booking is linked, when an alert is sent and when it is opened, and each time it may say no."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from alerts.enrolment import revoke
from alerts.errors import SealExpired
from alerts.keys import PrivateKey
from audit.leaves import Kind
from records import AlertRef
from service import reading
from service.caseload import load_index
from service.cycle import Cycle
from service.dispatch import Dispatcher
from service.reading import UNAVAILABLE, NotAvailable
from service.retention import place_hold
from service.status import status
from store import tables
from tests.service.installation import (
    AVELINE,
    BARNABY,
    CLIENTS,
    CORISANDE,
    DEMETRIO,
    STRANGER,
    Installation,
    Person,
    alert_ref,
    consent,
    facts_of,
    revoked,
)
from tests.service.test_commands import warmlink


def link_only(site: Installation) -> None:
    """Everything of a cycle but the sending."""
    cycle = Cycle(site.engine)
    from service.cycle import CycleReport
    from service.screening import Screener

    screener = Screener.open(site.engine, load_index(site.engine))
    cycle._feeds("bookings", lambda feed, pull: cycle._take_bookings(screener, feed, pull), CycleReport(site.clock()))
    site.clock.forward(minutes=1)


def delivered(site: Installation, person: Person = AVELINE) -> AlertRef:
    site.bookings(person.booked("J1"))
    site.cycle()
    row = site.alert_of("J1", person)
    assert row["state"] == "delivered"
    return alert_ref(row)


def refused(site: Installation, alert: AlertRef, key: PrivateKey) -> dict[str, object]:
    """The opening fails with the neutral words, and the facts that the log has of it."""
    before = len(site.leaves(Kind.REFUSED_ATTEMPT))
    with pytest.raises(NotAvailable) as caught:
        reading.open_alert(site.engine, alert, key)
    assert str(caught.value) == UNAVAILABLE
    attempts = site.leaves(Kind.REFUSED_ATTEMPT)[before:]
    assert len(attempts) == 1
    assert site.leaves(Kind.OPENING) == []
    return facts_of(attempts[0])


# --- between the decision and the sending ---


def test_revoked_before_it_was_sent(site: Installation) -> None:
    site.bookings(AVELINE.booked("J1"), BARNABY.booked("J2"))
    link_only(site)
    assert site.count(tables.alert) == 2
    site.consents(revoked(AVELINE, site.clock()))
    site.clock.forward(minutes=1)
    sent = Dispatcher(site.engine).run()
    assert (sent.delivered["inbox"], sent.withdrawn["no_longer_permitted"]) == (1, 1)
    assert site.alert_of("J1", AVELINE)["state"] == "withdrawn"
    assert [row["recipient"] for row in site.rows(tables.inbox_item)] == [site.alert_of("J2", BARNABY)["recipient"]]
    said = {
        (row["stage"], row["decision"]) for row in site.rows(tables.decision, link=site.alert_of("J1", AVELINE)["link"])
    }
    assert said == {("link", "permit"), ("send", "deny")}
    (stop,) = [facts_of(e) for e in site.leaves(Kind.DELIVERY) if facts_of(e)["result"] == "withdrawn"]
    assert stop["alert"] == site.alert_of("J1", AVELINE)["ref"]
    assert len(site.leaves(Kind.DISCLOSURE)) == 1


def test_the_clinician_left_before_it_was_sent(site: Installation) -> None:
    site.bookings(AVELINE.booked("J1"))
    link_only(site)
    site.roster([replace(AVELINE, clinician="B2"), *CLIENTS[1:]], "roster-2.csv")
    site.cycle()
    told = {row["recipient"]: (row["kind"], row["state"]) for row in site.rows(tables.alert)}
    assert told == {"A1": ("arrest", "withdrawn"), "B2": ("hand_over", "delivered")}
    assert [row["recipient"] for row in site.rows(tables.inbox_item)] == ["B2"]


def test_no_usable_key_waits_for_a_person_and_sends_nothing(site: Installation) -> None:
    with site.engine.database.write() as conn:
        revoke(conn, site.private["A1"].kid, now=site.clock())
    site.bookings(AVELINE.booked("J1"))
    report = site.cycle()
    assert report.sent.delivered == {}
    assert report.sent.dead or report.sent.waiting
    assert site.count(tables.inbox_item) == 0
    assert site.alert_of("J1", AVELINE)["state"] in {"queued", "stuck"}
    assert site.leaves(Kind.DISCLOSURE) == []


# --- between the delivery and the opening ---


def test_in_force_it_opens_for_its_clinician_as_often_as_she_likes(site: Installation) -> None:
    alert = delivered(site)
    for count in (1, 2, 3):  # at one and the same instant, too
        content = reading.open_alert(site.engine, alert, site.private["A1"])
        assert content.headline.startswith("Aveline Quistgaard")
        assert len(site.leaves(Kind.OPENING)) == len(site.rows(tables.decision, stage="open")) == count
    assert site.alert_of("J1", AVELINE)["state"] == "opened"
    assert site.verified().good


def test_revoked_before_it_was_opened(site: Installation) -> None:
    alert = delivered(site)
    site.consents(revoked(AVELINE, site.clock()))
    site.clock.forward(minutes=1)
    facts = refused(site, alert, site.private["A1"])
    assert "CONSENT_REVOKED" in str(facts["reasons"])
    assert (facts["by"], facts["alert"]) == ("A1", alert)
    assert [row["decision"] for row in site.rows(tables.decision, stage="open")] == ["deny"]
    assert site.alert_of("J1", AVELINE)["state"] == "delivered"


FEWER = ["booking.fact", "booking.time", "booking.facility", "match.fact", "client.ref"]


def test_narrowed_before_it_was_opened(site: Installation) -> None:
    """What was sealed says more than the consent covers by now: it is written anew with less, and the old text is gone."""
    alert = delivered(site)
    (before,) = site.rows(tables.inbox_item)
    site.consents(consent(AVELINE, info=FEWER))
    site.clock.forward(minutes=1)
    assert facts_of_charges(site) == {True}
    first, again = (reading.open_alert(site.engine, alert, site.private["A1"]) for _ in range(2))
    assert "Aveline Quistgaard" in first.headline
    assert {row.name for row in first.rows} == {"client", "facility", "booked", "match", "basis", "as_of"}
    assert first == again
    (after,) = site.rows(tables.inbox_item)
    assert before["jwe"] != after["jwe"]
    assert before["backup_jwe"] != after["backup_jwe"]
    assert before["kid"] == after["kid"]
    (purged,) = site.leaves(Kind.PURGE)
    assert (facts_of(purged)["subject"], facts_of(purged)["subject_kind"]) == (alert, "inbox_item")
    assert len(site.leaves(Kind.OPENING)) == 2
    assert site.verified().good


def test_narrowed_under_legal_hold_the_old_text_stays_and_stays_shut(sqlite_site: Installation) -> None:
    site = sqlite_site
    alert = delivered(site)
    (before,) = site.rows(tables.inbox_item)
    place_hold(site.engine, "privacy-officer", client=AVELINE.number, org=None, booking=None)
    site.consents(consent(AVELINE, info=FEWER))
    site.clock.forward(minutes=1)
    content = reading.open_alert(site.engine, alert, site.private["A1"])
    assert "charges" not in {row.name for row in content.rows}
    assert [row["jwe"] for row in site.rows(tables.inbox_item)] == [before["jwe"]]
    assert site.leaves(Kind.PURGE) == []


def test_narrowed_to_where_no_message_can_be_it_is_refused(sqlite_site: Installation) -> None:
    """Without the fact of the booking there is nothing that an alert may say."""
    alert = delivered(sqlite_site)
    sqlite_site.consents(consent(AVELINE, info=["match.fact", "client.ref"]))
    sqlite_site.clock.forward(minutes=1)
    assert refused(sqlite_site, alert, sqlite_site.private["A1"])["reasons"] == ("INFO_NOT_COVERED",)


def facts_of_charges(site: Installation) -> set[bool]:
    return {"booking.charges" in row["fields_allowed"] for row in site.rows(tables.decision, stage="send")}


def test_lapsed_before_it_was_opened(sqlite_site: Installation) -> None:
    alert = delivered(sqlite_site)
    sqlite_site.consents(consent(AVELINE, expires_at="2026-10-08"))
    sqlite_site.clock.forward(days=5)
    refused(sqlite_site, alert, sqlite_site.private["A1"])


def test_reassigned_before_it_was_opened(sqlite_site: Installation) -> None:
    alert = delivered(sqlite_site)
    sqlite_site.roster([replace(AVELINE, clinician="B2"), *CLIENTS[1:]], "roster-2.csv")
    sqlite_site.cycle()
    refused(sqlite_site, alert, sqlite_site.private["A1"])


def test_a_sealed_alert_past_its_own_end_is_not_shown(sqlite_site: Installation) -> None:
    alert = delivered(sqlite_site)
    sqlite_site.clock.forward(days=sqlite_site.engine.settings.alerts.expires_days + 1)
    with pytest.raises((SealExpired, NotAvailable)):
        reading.open_alert(sqlite_site.engine, alert, sqlite_site.private["A1"])


def _revoke_key(site: Installation) -> PrivateKey:
    with site.engine.database.write() as conn:
        revoke(conn, site.private["A1"].kid, now=site.clock())
    return site.private["A1"]


def _expire_key(site: Installation) -> PrivateKey:
    own = tables.staff_key.c.kid == site.private["A1"].kid
    with site.engine.database.write() as conn:
        conn.execute(update(tables.staff_key).where(own).values(expires_at=site.clock() - timedelta(seconds=1)))
    return site.private["A1"]


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(_revoke_key, id="revoked"),
        pytest.param(_expire_key, id="expired"),
        pytest.param(lambda site: site.private["B2"], id="of a colleague"),
        pytest.param(lambda site: site.private["S9"], id="of the supervisor"),
        pytest.param(lambda site: PrivateKey.load(site.home / "keys" / "backup.private.jwk"), id="backup"),
        pytest.param(lambda _site: PrivateKey.generate(), id="of a stranger"),
        pytest.param(
            lambda site: PrivateKey(site.private["B2"].kid, site.private["A1"].key), id="under a colleague's name"
        ),
    ],
)
def test_with_another_key_it_says_nothing(sqlite_site: Installation, key: Callable[[Installation], PrivateKey]) -> None:
    alert = delivered(sqlite_site)
    refused(sqlite_site, alert, key(sqlite_site))
    assert sqlite_site.rows(tables.decision, stage="open") == []


def test_an_alert_that_is_not_there_is_refused_in_the_same_words(sqlite_site: Installation) -> None:
    delivered(sqlite_site)
    facts = refused(sqlite_site, AlertRef("a" * 26), sqlite_site.private["A1"])
    assert "alert" not in facts  # what a stranger typed does not enter the log


# --- what is not known is not assumed ---


@pytest.mark.parametrize(
    ("client", "booked"),
    [
        pytest.param(replace(AVELINE, dob=""), {"dob": AVELINE.dob}, id="no date of birth on the roster"),
        pytest.param(AVELINE, {"booked_at": ""}, id="no time of booking"),
        pytest.param(AVELINE, {"booked_at": "2027-01-01T00:00:00-05:00"}, id="booked in the future"),
    ],
)
def test_a_missing_fact_is_never_pushed(sqlite_site: Installation, client: Person, booked: dict[str, str]) -> None:
    site = sqlite_site
    site.roster([client, *CLIENTS[1:]], "roster-2.csv")
    site.bookings(AVELINE.booked("J1", **booked))
    report = site.cycle()
    assert report.tally.events == 1
    assert report.tally.verdicts["NONE"] == 0, "it was not even found: the test would prove nothing"
    assert (site.count(tables.alert), site.count(tables.outbox), site.count(tables.inbox_item)) == (0, 0, 0)
    assert all(row["decision"] == "deny" for row in site.rows(tables.decision))


def test_clients_about_whom_nothing_can_be_decided_are_counted(site: Installation) -> None:
    """They are found and nobody is told: so a person sees how many they are and where they stand, until they are mended."""
    site.roster([replace(AVELINE, dob=""), replace(BARNABY, dob="1971"), *CLIENTS[2:]], "roster-2.csv")
    site.cycle()
    assert (status(site.engine).clients, status(site.engine).undated) == (4, 1)
    (waiting,) = site.rows(tables.quarantine, state="open")
    assert (waiting["feed"], waiting["line"], waiting["field"]) == ("roster", 2, "birth_date")
    assert "Quistgaard" not in waiting["reason"]
    shown = warmlink("status", home=site.home)
    assert "without a birth date    1" in shown.stdout
    assert [facts_of(e)["code"] for e in site.leaves(Kind.QUARANTINE)] == ["no-birth-date"]
    site.roster(CLIENTS, "roster-3.csv")
    site.cycle()
    assert status(site.engine).undated == 0


def test_an_unknown_programme_is_set_aside_for_a_person(sqlite_site: Installation) -> None:
    site = sqlite_site
    site.roster([*CLIENTS, replace(STRANGER, number="CN9", program="NOBODY-KNOWS")], "roster-2.csv")
    site.bookings(STRANGER.booked("J1"))
    report = site.cycle()
    assert (report.tally.alerts, report.tally.verdicts["NONE"]) == (0, 1)
    (aside,) = site.rows(tables.quarantine)
    assert (aside["field"], aside["code"], aside["line"]) == ("program", "unknown-program", 6)


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(None, id="never asked"),
        pytest.param(consent(DEMETRIO, base="deny"), id="refused"),
        pytest.param(consent(DEMETRIO, elements_missing=["signature"]), id="unsigned"),
        pytest.param(consent(DEMETRIO, expires_at="2026-10-05"), id="lapsed"),
        pytest.param(consent(DEMETRIO, known_false=True), id="known to be false"),
        pytest.param(consent(DEMETRIO, recipients=[{"kind": "person", "id": "B2"}]), id="for somebody else"),
        pytest.param(consent(DEMETRIO, info=["booking.facility"]), id="not for this"),
    ],
)
def test_without_a_consent_that_covers_it_nobody_is_told(
    sqlite_site: Installation, form: dict[str, object] | None
) -> None:
    site = sqlite_site
    newcomer = replace(STRANGER, number="CN9")
    site.roster([*CLIENTS, newcomer], "roster-2.csv")
    site.cycle()
    if form is not None:
        site.consents(form | {"id": "form-CN9", "client_id": "CN9"})
    site.bookings(newcomer.booked("J1"), CORISANDE.booked("J2"))
    site.cycle()
    assert [row["recipient"] for row in site.rows(tables.alert)] == ["B2"]
    asked = [row["recipient"] for row in site.rows(tables.decision, stage="link")]
    assert sorted(asked) == ["A1", "B2"]
