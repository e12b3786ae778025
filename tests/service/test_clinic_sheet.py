"""What the jail's clinic needs: a disclosure of its own, decided for the clinic, sealed to its key, accounted for."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from alerts.content import ClinicSheet
from alerts.errors import AlertNotOpen, NotTheRecipient, WrongKey
from alerts.followup import Verdict
from alerts.keys import PrivateKey
from alerts.render import render_text
from alerts.seal import open_sealed
from audit.leaves import Kind
from config import ClinicSettings, FacilitySettings
from config.settings import DropSettings
from records import AlertRef, StaffId
from service.clinic_sheet import SheetRefused, read_sheet, send_sheet
from service.desks import inbox as desk
from store import tables
from tests.service.installation import AVELINE, BARNABY, CLIENTS, ROSTER_COLUMNS, Installation, Person, facts_of

SHEET = ClinicSheet(medications="Olanzapine 10 mg", pharmacy="Corner Drug", diagnoses="F20.9", contact="555-0191")


@pytest.fixture
def clinic(site: Installation) -> PrivateKey:
    return clinic_of(site)


def clinic_of(site: Installation) -> PrivateKey:
    """The county jail has a clinic with a key; its sheets are dropped into a folder."""
    key = PrivateKey.generate()
    (site.home / "clinic.jwk").write_text(json.dumps(dict(key.public.jwk)), "utf-8")
    (site.home / "drop" / "clinic").mkdir(parents=True)
    about = ClinicSettings(
        id="MAIN", org="jail-health", key=Path("clinic.jwk"), address="clinic", verified=True, covered_entity=True,
        represented=True,
    )  # fmt: skip
    place = FacilitySettings(id="COUNTY JAIL", name="County Jail", zone="America/New_York", clinic=about)
    settings = site.engine.settings.model_copy(update={"facilities": (place,), "drop": DropSettings(root=Path("drop"))})
    site.engine = replace(site.engine, settings=settings)
    return key


def taken_on(site: Installation, person: Person = AVELINE) -> AlertRef:
    site.bookings(person.booked("J1"))
    site.cycle()
    ref = AlertRef(site.alert_of("J1", person)["ref"])
    desk.answer(site.engine, ref, StaffId("A1"), Verdict.IS_MY_CLIENT)
    return ref


def dropped(site: Installation) -> list[str]:
    return [path.read_text("ascii") for path in (site.home / "drop" / "clinic").glob("*.jwe")]


def test_it_reaches_the_clinic_and_nobody_else_can_read_it(site: Installation, clinic: PrivateKey) -> None:
    ref = taken_on(site)
    sent = send_sheet(site.engine, ref, StaffId("A1"), SHEET)
    assert (sent.told, sent.withheld) == (("medications", "pharmacy", "diagnoses", "contact"), ())
    site.cycle()
    (jwe,) = dropped(site)
    _, content = open_sealed(jwe, clinic, site.engine.signer.trusted, now=site.clock())
    said = render_text(content)
    assert "Olanzapine 10 mg" in said
    assert "F20.9" in said
    assert "trespass" not in said.lower()
    with pytest.raises(WrongKey):
        open_sealed(jwe, site.private["A1"], site.engine.signer.trusted, now=site.clock())
    told = [facts_of(e) for e in site.leaves(Kind.DISCLOSURE)]
    assert [(f["recipient"], f["recipient_kind"], f["purpose"]) for f in told][1:] == [
        ("clinic.MAIN", "jail_health", "TREAT")
    ]
    (done,) = site.rows(tables.outcome)
    assert done["kind"] == "info_sent"
    assert set(done["codes"][1:]) == {"medication_list", "pharmacy", "diagnoses"}
    assert site.verified().good


def test_it_says_what_is_on_file_for_a_crisis(sqlite_site: Installation) -> None:
    """From the roster: a psychiatric advance directive is there, a crisis plan is not; of another client nothing is known."""
    site = sqlite_site
    text = (files("connectors") / "mappings" / "common_roster.yaml").read_text("utf-8")
    more = "\n  advance_directive_on_file: pad\n  crisis_plan_on_file: plan\n"
    (site.home / "roster.yaml").write_text(text.rstrip() + more, "utf-8")
    feeds = tuple(
        f.model_copy(update={"mapping": "roster.yaml"}) if f.kind == "roster" else f for f in site.engine.settings.feeds
    )
    site.engine = replace(site.engine, settings=site.engine.settings.model_copy(update={"feeds": feeds}))
    people = [dict(p.roster_row(), pad="", plan="") for p in CLIENTS]
    people[0] |= {"pad": "yes", "plan": "no"}
    site.drop("roster", [*ROSTER_COLUMNS, "pad", "plan"], people, "second.csv")
    key = clinic_of(site)
    send_sheet(site.engine, taken_on(site), StaffId("A1"), SHEET)
    site.cycle()
    (jwe,) = dropped(site)
    _, content = open_sealed(jwe, key, site.engine.signer.trusted, now=site.clock())
    on_file = [row.value for row in content.rows if row.name == "on_file"]
    assert on_file == ["Psychiatric advance directive: yes", "Crisis plan: none"]


def test_the_store_never_holds_the_sheet_in_the_clear(site: Installation, clinic: PrivateKey) -> None:
    send_sheet(site.engine, taken_on(site), StaffId("A1"), SHEET)
    site.cycle()
    for table in tables.metadata.sorted_tables:
        for row in site.rows(table):
            assert "Olanzapine" not in str(dict(row))
            assert b"Olanzapine" not in b"".join(v for v in row.values() if isinstance(v, bytes))


def test_a_part_2_programme_needs_a_consent_that_names_the_clinic(site: Installation, clinic: PrivateKey) -> None:
    ref = taken_on(site, BARNABY)
    with pytest.raises(SheetRefused, match="P2_NO_512K5"):
        send_sheet(site.engine, ref, StaffId("A1"), SHEET)
    site.cycle()
    assert dropped(site) == []
    assert site.rows(tables.alert, kind="clinic_sheet") == []
    assert [facts_of(e)["action"] for e in site.leaves(Kind.REFUSED_ATTEMPT)] == ["send"]


def test_released_before_it_was_sent_it_does_not_go(site: Installation, clinic: PrivateKey) -> None:
    send_sheet(site.engine, taken_on(site), StaffId("A1"), SHEET)
    site.bookings(AVELINE.booked("J1", "R", release_at="2026-10-06T06:01:00-04:00"), name="out.csv")
    site.clock.forward(minutes=5)
    site.cycle()
    assert dropped(site) == []
    (row,) = site.rows(tables.alert, kind="clinic_sheet")
    assert row["state"] == "withdrawn"
    assert site.rows(tables.inbox_item, alert=row["ref"])[0]["jwe"] is None


def test_the_clinic_is_told_when_it_was_the_wrong_person(site: Installation, clinic: PrivateKey) -> None:
    ref = taken_on(site)
    send_sheet(site.engine, ref, StaffId("A1"), SHEET)
    site.cycle()
    desk.answer(site.engine, ref, StaffId("A1"), Verdict.NOT_MY_CLIENT)
    site.cycle()
    opened = [open_sealed(jwe, clinic, site.engine.signer.trusted, now=site.clock())[1] for jwe in dropped(site)]
    assert sorted(content.kind.value for content in opened) == ["clinic_sheet", "retraction"]
    (retraction,) = (c for c in opened if c.kind.value == "retraction")
    assert "Quistgaard" not in render_text(retraction)


def test_only_whoever_took_the_booking_on_sends_it(site: Installation, clinic: PrivateKey) -> None:
    site.bookings(AVELINE.booked("J1"))
    site.cycle()
    ref = AlertRef(site.alert_of("J1", AVELINE)["ref"])
    with pytest.raises(AlertNotOpen):
        send_sheet(site.engine, ref, StaffId("A1"), SHEET)
    with pytest.raises(NotTheRecipient):
        send_sheet(site.engine, ref, StaffId("B2"), SHEET)


@pytest.mark.parametrize("raw", [b"{", b'{"medicines": "Olanzapine"}', b'{"medications": 3}'])
def test_a_sheet_that_cannot_be_read_says_where_and_not_what(raw: bytes) -> None:
    with pytest.raises(SheetRefused) as caught:
        read_sheet(raw)
    assert "Olanzapine" not in str(caught.value)
