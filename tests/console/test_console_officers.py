"""What officers and operators do beyond looking: forms on file, drafts tried, rows mended; each by a page and by the API."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import insert, select, update

from alerts.courier import INBOX
from audit.leaves import Kind
from audit.log import entries
from consent.rulebook import parse_rulebook
from console.rights import Role
from records import OrgId, StaffId
from service import broken_glass
from service.desks import forms, inbox, persons
from store.tables import alert, climb, link, outbox, quarantine, review_opinion
from tests.console.conftest import House, script, token_of

CLIENT = {"number": "MRN1005", "org": "north-clinic"}
FORM = CLIENT | {
    "form": "PAPER-1", "type": "part2_tpo", "signed_on": "2026-10-01", "expires_on": "2027-10-01", "signer": "patient",
    "classes": "treating_providers", "purposes": "TPO", "info": "alert", "kinds": ["person", "org"], "names": ["", "harlan-bh"],
    "present": [e.value for e, _, _ in forms.TEN_IN_WORDS if e.value != "right_to_revoke"], "document": "a" * 64,
}  # fmt: skip


BILLIONS = "\n".join(["a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]"] + [f"{y}: &{y} [{', '.join([f'*{x}'] * 9)}]" for x, y in pairwise("abcdefghij")])  # fmt: skip


def kinds(house: House, start: int) -> list[Kind]:
    with house.engine.database.read() as conn:
        return [e.leaf.kind for e in entries(conn, start=start)]


def size(house: House) -> int:
    with house.engine.database.read() as conn:
        return house.engine.audit.head(conn).size


def officer(house: House) -> TestClient:
    return house.client("county-privacy")


def test_a_form_is_put_on_file_with_what_its_text_lacks(house: House) -> None:
    visitor = officer(house)
    start = size(house)
    page = visitor.post("/consents/record", data=FORM)
    assert page.status_code == 200
    assert "PAPER-1" in page.text
    assert kinds(house, start) == [Kind.CONSENT, Kind.VIEW]
    sheet = forms.sheet(house.engine, "MRN1005", OrgId("north-clinic"), "test")
    assert sheet is not None
    entry = next(e for e in sheet.latest if e.record.id == "PAPER-1")
    assert [e.value for e in entry.record.elements_missing] == ["right_to_revoke"]
    assert [(r.kind.value, r.id) for r in entry.record.recipients] == [
        ("class", "treating_providers"),
        ("org", "harlan-bh"),
    ]
    assert entry.document == "a" * 64
    assert "2.31(a)(6)" in page.text


@pytest.mark.parametrize("without", ["signed_on", "purposes", "info", "classes"])
def test_a_form_that_says_too_little_is_not_put_on_file_and_keeps_what_was_typed(house: House, without: str) -> None:
    typed = {k: v for k, v in FORM.items() if k != without} | ({"names": ["", ""]} if without == "classes" else {})
    page = officer(house).post("/consents/record", data=typed)
    assert page.status_code == 422
    assert ("recipients" if without == "classes" else without) in page.text
    assert 'value="PAPER-1"' in page.text
    sheet = forms.sheet(house.engine, "MRN1005", OrgId("north-clinic"), "test")
    assert sheet is not None
    assert "PAPER-1" not in {e.record.id for e in sheet.history}


def test_a_form_ends_when_its_revocation_is_received(house: House) -> None:
    visitor = officer(house)
    visitor.post("/consents/record", data=FORM)
    again = visitor.post("/consents/record", data=FORM)
    assert again.status_code == 422
    page = visitor.post("/consents/revoke", data=CLIENT | {"form": "PAPER-1", "method": "written"})
    assert page.status_code == 200
    sheet = forms.sheet(house.engine, "MRN1005", OrgId("north-clinic"), "test")
    assert sheet is not None
    assert [e.act.value for e in sheet.history if e.record.id == "PAPER-1"] == ["recorded", "revoked"]
    assert next(e for e in sheet.latest if e.record.id == "PAPER-1").record.revoked_at == house.clock()


def test_an_officer_of_another_organisation_neither_reads_nor_writes_the_forms(house: House) -> None:
    visitor = house.client("privacy")  # of harlan-bh, whatever the form says
    assert "No client of this number" in visitor.post("/consents", data=CLIENT).text
    assert visitor.post("/consents/record", data=FORM).status_code == 404
    assert visitor.post("/consents/revoke", data=CLIENT | {"form": "form-1"}).status_code == 422


def test_a_script_puts_consents_on_file_too(house: House) -> None:
    caller = script(house, token_of(house, "county-privacy", Role.COMPLIANCE))
    sheet = forms.sheet(house.engine, "MRN1005", OrgId("north-clinic"), "test")
    assert sheet is not None
    whose = {"client": "MRN1005", "organisation": "north-clinic"}
    known = caller.post("/api/v1/consents/search", json=whose).json()
    record = dict(known[-1]["record"], id="API-1")
    assert caller.post("/api/v1/consents", json=whose | {"record": record}).status_code == 201
    assert caller.post("/api/v1/consents", json=whose | {"record": record | {"x": 1}}).status_code == 422
    assert caller.post("/api/v1/consents/revocations", json=whose | {"consent": "API-1"}).status_code == 201
    acts = [e["act"] for e in caller.post("/api/v1/consents/search", json=whose).json() if e["record"]["id"] == "API-1"]
    assert acts == ["recorded", "revoked"]


def test_a_draft_is_compared_and_tried_and_nothing_comes_of_it(house: House) -> None:
    visitor = officer(house)
    book = visitor.get("/rules/book")
    assert "attachment" in book.headers["content-disposition"]
    assert parse_rulebook(book.text).hash == house.engine.rulebook.hash
    same = visitor.post("/rules/trial", data={"draft": book.text, "days": "30"})
    assert "The draft says the same." in same.text
    start = size(house)
    page = visitor.post("/rules/trial", data={"draft": "profile: federal-floor", "days": "30"})
    assert page.status_code == 200
    assert "internal_alert_requires_consent" in page.text
    changed = re.search(r"(\d+) decisions would have come out otherwise", page.text)
    assert changed is not None
    assert int(changed[1]) > 0
    assert kinds(house, start) == [Kind.VIEW]
    assert house.engine.rulebook.hash == parse_rulebook(book.text).hash


@pytest.mark.parametrize("draft", ["a: [", "overrides: {no_such_setting: 1}", "- 1", "overrides: &a {x: *a}", BILLIONS])
def test_a_draft_that_is_no_rule_book_is_refused_in_words(house: House, draft: str) -> None:
    page = officer(house).post("/rules/trial", data={"draft": draft})
    assert page.status_code == 422
    assert 'role="alert"' in page.text


def test_a_person_number_finds_its_bookings_as_far_as_they_concern_the_organisation(house: House) -> None:
    number = _person_with_a_link(house)
    whole = persons.search_person(house.engine, number, None, "test")
    assert any(b.verdicts for b in whole)
    theirs = persons.search_person(house.engine, number, OrgId("nobody"), "test")
    assert [b.booking for b in theirs] == [b.booking for b in whole]
    assert not any(b.verdicts or b.told for b in theirs)
    visitor = officer(house)
    start = size(house)
    page = visitor.post("/compliance/person", data={"number": number})
    assert "Bookings under this number" in page.text
    assert kinds(house, start) == [Kind.VIEW]
    assert "No booking came" in officer(house).post("/compliance/person", data={"number": "no such"}).text


def _person_with_a_link(house: House) -> str:
    from store import bookings

    with house.engine.database.read() as conn:
        refs = conn.execute(select(link.c.booking).where(link.c.verdict == "ALERT")).scalars().all()
        found = bookings.several(conn, house.engine.vault, refs)
    return str(next(b.event.person_id for b in found.values() if b.event.person_id))


def test_the_timeline_of_a_thread_begins_with_the_rules_and_ends_with_what_was_done(house: House) -> None:
    with house.engine.database.read() as conn:
        row = conn.execute(select(alert.c.ref).where(alert.c.recipient == "N02").order_by(alert.c.ref).limit(1)).one()
    jones = house.client("jones")
    assert jones.post(f"/api/v1/inbox/{row.ref}/answer", json={"verdict": "is_my_client"}).status_code == 200
    steps = officer(house).get(f"/api/v1/threads/{row.ref}").json()["steps"]
    assert steps[0]["sort"] == "decided"
    assert {"decided", "made", "tried", "answer"} <= {s["sort"] for s in steps}
    assert [s["at"] for s in steps] == sorted(s["at"] for s in steps)
    page = officer(house).get(f"/threads/{row.ref}")
    assert "One thread, in order" in page.text


def test_an_operator_gives_a_row_up_or_has_it_read_again(house: House) -> None:
    with house.engine.database.read() as conn:
        rows = conn.execute(select(quarantine.c.ref).where(quarantine.c.state == "open")).scalars().all()
    visitor = house.client("operator")
    start = size(house)
    again = visitor.post(f"/operations/rows/{rows[0]}/retry")
    assert again.status_code == 200
    assert "was read again" in again.text
    with house.engine.database.read() as conn:
        stated = next(e.leaf.facts for e in entries(conn, start=start) if e.leaf.kind is Kind.QUARANTINE)
    assert (stated["by"], stated["result"], stated["row"]) == ("operator", "retry", rows[0])
    start = size(house)
    gone = visitor.post(f"/operations/rows/{rows[1]}/discard")
    assert "waits no longer" in gone.text
    assert kinds(house, start) == [Kind.QUARANTINE]
    assert visitor.post(f"/operations/rows/{rows[1]}/discard").status_code == 409
    assert visitor.post(f"/api/v1/quarantine/{rows[1]}/retry").status_code == 409


def test_what_gave_up_is_sent_again(house: House) -> None:
    with house.engine.database.write() as conn:
        one = conn.execute(select(outbox).where(outbox.c.channel == INBOX).limit(1)).one()
        conn.execute(update(outbox).where(outbox.c.ref == one.ref).values(state="dead", last_code="no_key"))
    visitor = house.client("operator")
    assert "Given up" in visitor.get("/operations").text
    start = size(house)
    assert "on its way again" in visitor.post("/operations/outbox", data={"channel": INBOX, "code": "no_key"}).text
    assert kinds(house, start)[0] is Kind.DELIVERY
    with house.engine.database.read() as conn:
        state = conn.execute(select(outbox.c.state).where(outbox.c.ref == one.ref)).scalar_one()
    assert state != "dead"
    assert visitor.post("/operations/outbox", data={"channel": INBOX, "code": "no_key"}).status_code == 409


def test_certificates_that_end_are_shown_by_file(house: House) -> None:
    folder = house.engine.settings.at(house.engine.settings.smime.recipients)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "CM000.pem").write_text("no certificate", "utf-8")
    page = house.client("operator").get("/operations").text
    assert "CM000.pem" in page
    assert "cannot be read" in page
    assert json.dumps(str(Path(folder))) not in page


def test_the_board_says_whom_the_ladder_asked_and_the_queue_how_reviewers_agree(house: House) -> None:
    with house.engine.database.write() as conn:
        row = conn.execute(select(alert).where(alert.c.recipient == "N02", alert.c.state == "delivered").limit(1)).one()
        for step, turned_to in enumerate(("N09", None)):
            values = {"alert": row.ref, "step": step, "at": house.clock(), "role": "supervisor", "turned_to": turned_to}
            conn.execute(insert(climb).values(**values))
        for by, opinion in (("N09", "confirm"), ("N08", "confirm"), ("N07", "refuse")):
            conn.execute(insert(review_opinion).values(link=row.link, by=by, opinion=opinion, at=house.clock()))
    assert (
        house.client("jones").post(f"/api/v1/inbox/{row.ref}/answer", json={"verdict": "not_my_client"}).status_code
        == 200
    )
    board = house.client("eriksen").get("/api/v1/team").json()
    assert board["reviews"]["N09"] == {"confirmed": 0, "refused": 0, "agreed": 1, "of": 2, "overturned": 1}
    assert board["reviews"]["N07"]["agreed"] == 0
    assert row.ref not in {w["ref"] for w in board["waiting"]}
    assert sum(n for _, n in board["load"]) == board["total"]


def test_the_board_shows_an_escalation_while_it_waits(house: House) -> None:
    with house.engine.database.write() as conn:
        row = conn.execute(select(alert).where(alert.c.recipient == "N02", alert.c.state == "delivered").limit(1)).one()
        for step, turned_to in enumerate(("N09", None)):
            values = {"alert": row.ref, "step": step, "at": house.clock(), "role": "supervisor", "turned_to": turned_to}
            conn.execute(insert(climb).values(**values))
    waiting = house.client("eriksen").get("/api/v1/team").json()["waiting"]
    assert next(w["turned_to"] for w in waiting if w["ref"] == row.ref) == ["N09", ""]
    assert "no había nadie" in house.client("eriksen").get("/team").text


def test_a_release_starts_two_clocks_and_one_click_each_stops_them(house: House) -> None:
    with house.engine.database.write() as conn:
        row = conn.execute(select(alert).where(alert.c.recipient == "N02", alert.c.state == "delivered").limit(1)).one()
        conn.execute(update(alert).where(alert.c.ref == row.ref).values(kind="release", created_at=house.clock()))
    visitor = house.client("jones")
    house.clock.forward(minutes=10)

    def clocks() -> list[str]:
        threads, _ = inbox.threads(house.engine, StaffId("N02"))
        thread = next(t for t in threads if any(m.ref == row.ref for m in t.messages))
        return [name for name, _ in inbox.release_clocks(thread, house.engine.settings.clocks)]

    assert clocks() == ["first_contact", "appointment"]
    assert "First contact: 2 days left" in visitor.get("/inbox").text
    visitor.post(f"/api/v1/inbox/{row.ref}/answer", json={"verdict": "is_my_client"})
    assert visitor.post(f"/api/v1/inbox/{row.ref}/outcome", json={"after_release": "seen"}).json() == {"count": 1}
    assert clocks() == ["appointment"]
    assert visitor.post(f"/api/v1/inbox/{row.ref}/outcome", json={"after_release": "appointment_kept"}).json() == {
        "count": 1
    }
    assert clocks() == []


def test_whoever_reviews_an_emergency_access_reads_what_was_declared(house: House) -> None:
    why = "the assigned clinician cannot be reached and he is without insulin"
    broken_glass.declare(house.engine, "MRN1005", StaffId("N02"), why, org="north-clinic")
    assert why in officer(house).get("/reports/break_glass").text
    with house.engine.database.read() as conn:
        assert why not in "".join(str(e.leaf.facts) for e in entries(conn))


def test_a_clinician_breaks_the_glass_by_script_in_their_own_name(house: House) -> None:
    why, start = "the assigned clinician cannot be reached and he is without insulin", size(house)
    jones = house.client("jones")
    made = jones.post("/api/v1/break-glass", json={"client": "MRN1005", "reason": why})
    assert made.status_code == 201
    assert datetime.fromisoformat(made.json()["until"]) == house.clock() + timedelta(hours=4)
    assert jones.post("/api/v1/break-glass", json={"client": "MRN1005", "reason": "because"}).status_code == 422
    assert jones.post("/api/v1/break-glass", json={"client": "nobody", "reason": why}).status_code == 422
    assert officer(house).post("/api/v1/break-glass", json={"client": "MRN1005", "reason": why}).status_code == 403
    with house.engine.database.read() as conn:
        said = [e.leaf for e in entries(conn, start=start) if e.leaf.kind in {Kind.BREAK_GLASS, Kind.REFUSED_ATTEMPT}]
    assert [(leaf.kind, leaf.facts.get("action")) for leaf in said] == [
        (Kind.BREAK_GLASS, None),
        (Kind.REFUSED_ATTEMPT, "break_glass"),
        (Kind.REFUSED_ATTEMPT, "view"),
    ]
    assert said[0].facts["by"] == said[1].facts["by"] == "N02"
    assert said[0].facts["declaration"] == made.json()["declaration"]
    assert why in officer(house).get("/reports/break_glass").text
