"""Does a consent's life reach every decision: given late, revoked, opted out, under broken glass, under other rules?"""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text

from alerts.content import AlertKind
from audit.leaves import Kind
from config import ConfigError, Refuse
from consent.history import as_of, current
from consent.rulebook import load_rulebook
from consent.signing import RuleBookNotSigned
from consent.vocabulary import RevocationMethod, Scope
from records import StaffId
from service import broken_glass, circumstances, consents, rules
from service.consent_history import UnknownClient, history_of
from service.simulation import simulate
from store import tables
from tests.service.installation import AVELINE, BARNABY, ORG, Installation, consent, facts_of, revoked
from tests.service.test_commands import warmlink


def late(site: Installation) -> None:
    """Aveline was booked without a consent; hours later she signs."""
    site.consents(revoked(AVELINE, site.clock()))
    site.bookings(AVELINE.booked("J1"))
    assert site.cycle().tally.alerts == 0
    site.clock.forward(hours=3)


def test_a_consent_given_in_custody_leads_to_one_alert_then(site: Installation) -> None:
    late(site)
    site.consents(consent(AVELINE, id="second-form"))
    report = site.cycle()
    assert (report.reconsidered.alerts, report.sent.delivered["inbox"]) == (1, 1)
    assert site.alert_of("J1", AVELINE)["kind"] == AlertKind.ALREADY_IN_CUSTODY.value
    site.clock.forward(hours=1)
    assert site.cycle().sent.delivered["inbox"] == 0


@pytest.mark.parametrize("earlier", [0, 40])
def test_a_consent_that_was_being_recorded_while_it_was_denied_is_heard_of(site: Installation, earlier: int) -> None:
    """A long file of consents bears the time at which its recording began, which may be before a decision without them."""
    site.consents(revoked(AVELINE, site.clock()))
    site.clock.forward(minutes=5)
    site.bookings(AVELINE.booked("J1"))
    at = site.clock() - timedelta(seconds=earlier)
    assert site.cycle().tally.alerts == 0
    site.clock.at = at
    site.consents(consent(AVELINE, id="second-form"))
    site.clock.forward(minutes=5)
    assert site.cycle().reconsidered.alerts == 1
    site.clock.forward(minutes=5)
    assert site.cycle().reconsidered.links == 0


def test_a_consent_given_after_release_tells_nobody(site: Installation) -> None:
    late(site)
    site.bookings(AVELINE.booked("J1", release_at=site.clock().isoformat()))
    site.cycle()
    site.consents(consent(AVELINE, id="second-form"))
    assert site.cycle().reconsidered.alerts == 0


def test_nothing_is_asked_again_while_nothing_was_signed(site: Installation) -> None:
    site.bookings(AVELINE.booked("J1"))
    site.cycle()
    site.clock.forward(hours=1)
    assert site.cycle().reconsidered.links == 0


def test_the_history_of_a_form_keeps_every_reading(site: Installation) -> None:
    first = site.clock()
    site.clock.forward(days=1)
    site.consents(revoked(AVELINE, site.clock()))
    site.clock.forward(days=1)
    with site.engine.database.read() as conn:
        client = site.client(AVELINE)
        history = history_of(conn, site.engine, client)
        assert [entry.act.value for entry in history] == ["recorded", "corrected"]
        assert as_of(history, first)[0].revoked_at is None
        assert current(history)[0].revoked_at is not None
    changes = [facts_of(e)["change"] for e in site.leaves(Kind.CONSENT) if facts_of(e)["client"] == client]
    assert changes == ["recorded", "revoked"]
    shown = {}
    for instant in (first - timedelta(days=1), first, site.clock()):
        done = warmlink("consent", "history", AVELINE.number, "--as-of", instant.isoformat(), home=site.home)
        assert done.returncode == 0
        shown[instant] = done.stdout
    told = list(shown.values())
    assert "No consent was on file then" in told[0]
    assert ("recorded" in told[1], "corrected" in told[1]) == (True, False)
    assert "corrected" in told[2]
    assert warmlink("consent", "history", AVELINE.number, "--as-of", "yesterday", home=site.home).returncode != 0


def test_a_revocation_stops_what_is_queued_and_takes_back_what_was_told(site: Installation) -> None:
    site.bookings(AVELINE.booked("J1"))
    site.cycle()
    form = str(consents.entries(site.engine, AVELINE.number, ORG)[0].record.id)
    consents.revoke(
        site.engine, AVELINE.number, form, org=ORG, method=RevocationMethod.WRITTEN, by="desk", take_back=True
    )
    report = site.cycle()
    assert site.alert_of("J1", AVELINE)["state"] == "withdrawn"
    assert [row["kind"] for row in site.rows(tables.alert)].count("retraction") == 1
    assert report.sent.delivered["inbox"] == 1
    assert [row["jwe"] for row in site.rows(tables.inbox_item, alert=site.alert_of("J1", AVELINE)["ref"])] == [None]


@pytest.mark.parametrize("scope", [Scope.ALL, Scope.ALERTS, Scope.MATCHING])
def test_an_opt_out_outweighs_a_consent(site: Installation, scope: Scope) -> None:
    circumstances.opt_out(site.engine, AVELINE.number, scope, org=ORG, by="desk")
    site.clock.forward(minutes=1)
    site.bookings(AVELINE.booked("J1"), BARNABY.booked("J2"))
    assert site.cycle().tally.reasons["OPTED_OUT"] == 1
    assert site.count(tables.inbox_item) == 1
    circumstances.opt_in(site.engine, AVELINE.number, org=ORG, by="desk")
    site.clock.forward(minutes=1)
    assert site.cycle().reconsidered.alerts == 1


def test_circumstances_that_cannot_be_read_are_refused_without_their_values(site: Installation) -> None:
    for stated in ({"status": "active"}, {**circumstances.NONE, "status": "Quistgaard"}):
        with pytest.raises(Refuse) as caught:
            circumstances.record(site.engine, AVELINE.number, stated, org=ORG, by="desk")
        assert "Quistgaard" not in str(caught.value)


def test_a_merged_or_dead_client_alerts_nobody(site: Installation) -> None:
    circumstances.record(site.engine, AVELINE.number, {**circumstances.NONE, "status": "deceased"}, org=ORG, by="desk")
    circumstances.record(
        site.engine,
        BARNABY.number,
        {**circumstances.NONE, "status": "merged", "merged_into": "CN9"},
        org=ORG,
        by="desk",
    )
    site.clock.forward(minutes=1)
    site.bookings(AVELINE.booked("J1"), BARNABY.booked("J2"))
    reasons = site.cycle().tally.reasons
    assert (reasons["CLIENT_DECEASED"], reasons["CLIENT_MERGED_AWAY"]) == (1, 1)
    assert site.count(tables.alert) == 0


def test_an_unknown_client_is_refused(site: Installation) -> None:
    with pytest.raises(UnknownClient):
        circumstances.opt_out(site.engine, "nobody", Scope.ALL, org=ORG, by="desk")


def test_broken_glass_says_why_and_is_in_the_log(site: Installation) -> None:
    with pytest.raises(Refuse, match="characters"):
        broken_glass.declare(site.engine, AVELINE.number, StaffId("A1"), "because", org=ORG)
    made = broken_glass.declare(
        site.engine, AVELINE.number, StaffId("A1"), "the assigned clinician cannot be reached", org=ORG
    )
    (stated,) = [facts_of(e) for e in site.leaves(Kind.BREAK_GLASS)]
    assert stated["declaration"] == made.declaration
    assert made.until - site.clock() == timedelta(hours=4)
    assert broken_glass.reason_of(site.engine, made.declaration) == "the assigned clinician cannot be reached"
    with site.engine.database.read() as conn:
        client = site.client(AVELINE)
        during = broken_glass.context(conn, site.engine, client, StaffId("A1"), site.clock())
        after = broken_glass.context(conn, site.engine, client, StaffId("A1"), site.clock() + timedelta(hours=4))
        other = broken_glass.context(conn, site.engine, client, StaffId("B2"), site.clock())
    assert during.break_glass is not None
    assert after.break_glass is None
    assert other.break_glass is None


def test_a_draft_is_tried_on_past_questions_and_sends_nothing(site: Installation) -> None:
    site.consents(revoked(AVELINE, site.clock()))
    site.bookings(AVELINE.booked("J1"), BARNABY.booked("J2"))
    site.cycle()
    before = site.count(tables.alert)
    found = simulate(site.engine, load_rulebook("federal-floor"), timedelta(days=1))
    assert {(s.before.decision.value, s.after.decision.value) for s in found if s.newly_disclosed} == {
        ("deny", "permit")
    }
    assert simulate(site.engine, site.engine.rulebook, timedelta(days=1)) == []
    assert site.count(tables.alert) == before


def test_a_rule_book_waits_for_its_signatures(site: Installation) -> None:
    one, two = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    officers = {n: b64encode(k.public_key().public_bytes_raw()).decode() for n, k in (("ada", one), ("ben", two))}
    consent_settings = site.engine.settings.consent.model_copy(update={"officers": officers, "signatures_needed": 2})
    settings = site.engine.settings.model_copy(update={"consent": consent_settings})
    with pytest.raises(RuleBookNotSigned):
        rules.rulebook_in_force(settings)
    rules.add_signature(settings, "ada", one)
    rules.add_signature(settings, "ben", one)  # one key does not count twice
    with pytest.raises(RuleBookNotSigned):
        rules.rulebook_in_force(settings)
    rules.add_signature(settings, "ben", two)
    assert rules.rulebook_in_force(settings).hash == site.engine.rulebook.hash
    settings.at(settings.consent.signatures).write_text("[{}]")
    with pytest.raises(ConfigError):
        rules.rulebook_in_force(settings)


def test_the_rule_book_reads_as_a_page_and_as_pdf(site: Installation, tmp_path: Path) -> None:
    page = rules.as_html(site.engine.rulebook)
    assert site.engine.rulebook.hash in page
    assert "<script" not in page
    rules.as_pdf(site.engine.rulebook, tmp_path / "rules.pdf")
    assert (tmp_path / "rules.pdf").read_bytes().startswith(b"%PDF-")


def test_what_is_on_file_rests_sealed(site: Installation) -> None:
    broken_glass.declare(site.engine, AVELINE.number, StaffId("A1"), "a reason that names nobody at all", org=ORG)
    with site.engine.database.read() as conn:
        kept = conn.execute(text("select sealed from consent_record")).scalars().all()
    assert kept
    assert not any(b"reason" in bytes(row) or AVELINE.number.encode() in bytes(row) for row in kept)


def test_a_file_of_consents_names_what_it_could_not_read(site: Installation, tmp_path: Path) -> None:
    good = consent(AVELINE, id="another")
    path = tmp_path / "forms.jsonl"
    rows = [
        json.dumps(good),
        "not json",
        json.dumps({**good, "id": "x", "type": "Quistgaard"}),
        json.dumps({**good, "client_id": "CN999", "id": "y"}),
    ]
    path.write_text("\n".join(rows), "utf-8")
    done = consents.import_file(site.engine, path, org=ORG, by="desk")
    assert (done.recorded, done.unchanged, done.unknown) == (1, 0, (4,))
    assert [fault.split(",")[0] for fault in done.faults] == ["line 2", "line 3"]
    assert "Quistgaard" not in "".join(done.faults)
    assert consents.import_file(site.engine, path, org=ORG, by="desk").unchanged == 1
