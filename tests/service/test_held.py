"""Does a client get everything that is held about them, and is it gone when it is to be gone?"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import LargeBinary

from audit.leaves import Kind
from config import Refuse
from service import held, reading, retention
from service.subject_access import _PLACES, about
from store import clients, tables
from tests.privacy.disk import files_with
from tests.service.installation import AVELINE, BARNABY, ORG, STRANGER, Installation, alert_ref, facts_of

ABOUT_NO_CLIENT = {
    "data_key", "feed_state", "delivery", "quarantine", "staff", "staff_key", "audit_leaf", "audit_head", "audit_checkpoint",
    "rule_book", "run_claim", "account", "session", "login_flow", "login_attempt", "passkey", "api_token", "feed_token",
    "client_revision", "clock_mark", "in_force", "known_keys", "linkage_model", "operation", "restore_fence", "measure_month", "measure_cell",
    "name_search",  # what somebody looked for lives a day; that they looked at a client is in the log, which is searched
}  # fmt: skip
"""Tables without a row about a client. Whoever adds a table decides whether it belongs here."""


def mine(site: Installation, tmp_path: Path) -> dict[str, Any]:
    target = tmp_path / "mine.json"
    target.unlink(missing_ok=True)
    held.write_held(site.engine, site.client(AVELINE), target, "officer")
    assert target.stat().st_mode & 0o077 == 0
    document: dict[str, Any] = json.loads(target.read_text())
    return document


def test_every_table_is_searched_or_known_to_be_about_no_client() -> None:
    unknown = [t.name for t in tables.metadata.sorted_tables if about(t) is None and t.name not in ABOUT_NO_CLIENT]
    assert unknown == []
    opened = {"client", "consent_record", "booking", "booking_source", *_PLACES}
    sealed = {
        t.name
        for t in tables.metadata.sorted_tables
        if t.name not in ABOUT_NO_CLIENT and any(isinstance(c.type, LargeBinary) for c in t.c)
    }
    assert sealed <= opened


def test_the_client_gets_everything(site: Installation, tmp_path: Path) -> None:
    site.bookings(AVELINE.booked("J1", charges="TRESPASS"), BARNABY.booked("J2"))
    site.cycle()
    document = mine(site, tmp_path)
    with site.engine.database.read() as conn:
        known = clients.get(conn, site.engine.vault, site.client(AVELINE))
    assert known is not None
    assert document["roster"]["identities"][0]["last"] == AVELINE.last
    assert document["consents"]
    assert [b["booking_number"] for b in document["bookings"]] == ["J1"]
    assert {"link", "decision", "alert", "outbox", "inbox_item", "consent_record", "booking_event"} <= document[
        "rows"
    ].keys()
    assert AVELINE.number in document["rows"]["decision"][0]["sealed_input"]
    assert {entry["kind"] for entry in document["log"]} >= {"link", "decision"}
    text = json.dumps(document)
    assert "personal, " not in text
    assert not [word for word in (BARNABY.last, BARNABY.number, "J2") if word in text]


def test_a_match_in_doubt_shows_nobody_elses_booking(site: Installation, tmp_path: Path) -> None:
    namesake = replace(AVELINE, ssn4="6618", phone="5554405512", street="9 Mulberry Plac")
    site.bookings(namesake.booked("J7"))
    site.cycle()
    assert [row["verdict"] for row in site.rows(tables.link)] == ["REVIEW"]
    document = mine(site, tmp_path)
    assert document["bookings"] == []
    assert len(document["rows"]["link"]) == 1
    assert "J7" not in json.dumps(document)


def test_a_purged_client_is_nowhere_and_who_was_told_is_told_that_it_does_not_stand(
    sqlite_site: Installation, tmp_path: Path
) -> None:
    site = sqlite_site
    site.bookings(AVELINE.booked("J1"), STRANGER.booked("J3"))
    site.cycle()
    alert = site.alert_of("J1", AVELINE)
    assert alert["state"] == "delivered"
    client = site.client(AVELINE)
    sealed = bytes(site.rows(tables.client, ref=client)[0]["sealed"])
    database = [site.home / "warmlink.db", site.home / "warmlink.db-wal"]
    assert files_with(sealed[100:164], database)
    assert held.purge_client(site.engine, client, "client_request", "officer") == 1
    assert files_with(sealed[100:164], database) == []
    assert site.alert_of("J1", AVELINE)["state"] == "withdrawn"
    document = mine(site, tmp_path)
    assert (document["roster"], document["consents"], document["bookings"]) == (None, [], [])
    assert {row["sealed_input"] for row in document["rows"]["decision"]} == {None}
    site.cycle()
    (retraction,) = site.rows(tables.alert, kind="retraction")
    assert (retraction["state"], retraction["recipient"]) == ("delivered", alert["recipient"])
    content = reading.open_alert(site.engine, alert_ref(retraction), site.private[alert["recipient"]])
    assert not [row for row in content.rows if AVELINE.last in row.value]
    (leaf,) = [facts_of(e) for e in site.leaves(Kind.RETRACTION)]
    assert (leaf["retraction_reason"], leaf["notified"]) == ("purged", 1)
    assert site.verified().good


def test_a_purge_leaves_the_booking_that_is_another_clients_too(sqlite_site: Installation) -> None:
    site = sqlite_site
    site.bookings(AVELINE.booked("J1"), BARNABY.booked("J2"))
    site.cycle()
    held.purge_client(site.engine, site.client(AVELINE), "entered_in_error", "officer")
    assert site.alert_of("J2", BARNABY)["state"] == "delivered"
    assert site.rows(tables.booking, ref=site.booking("J2"))[0]["sealed"]


def test_a_legal_hold_stops_a_purge(sqlite_site: Installation) -> None:
    site = sqlite_site
    hold = retention.place_hold(site.engine, "officer", client=AVELINE.number, org=ORG, booking=None)
    with pytest.raises(Refuse, match="hold"):
        held.purge_client(site.engine, site.client(AVELINE), "client_request", "officer")
    retention.lift_hold(site.engine, hold, "officer")
    held.purge_client(site.engine, site.client(AVELINE), "client_request", "officer")
