"""The main job on the sample county: is every number accounted for, everyone told who should be, and nobody else?"""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import RowMapping

from alerts.content import AlertContent
from alerts.errors import SealBroken, WrongKey
from alerts.keys import PrivateKey
from alerts.seal import open_sealed
from audit.leaves import Kind
from service.caseload import NO_BIRTH_DATE
from service.explain import explain
from store import tables
from tests.service.installation import Installation, facts_of, opened
from tests.service.week import COUNTY, Week, after_the_week, client_ref, refs, table

PART2 = {"SUD-OP", "COOC", "N-SUD"}
TWIN, SENIOR = "26-000106", "26-000121"


def by_ref(rows: Any, name: str = "ref") -> dict[str, RowMapping]:
    return {row[name]: row for row in rows}


@pytest.fixture(scope="module")
def contents(county: Installation) -> dict[str, AlertContent]:
    """What every alert says, read with the key of its own recipient."""
    trusted = county.engine.signer.trusted
    return {
        item["alert"]: open_sealed(item["jwe"], county.private[item["recipient"]], trusted, now=county.clock())[1]
        for item in county.rows(tables.inbox_item)
    }


def in_force(form: dict[str, Any] | None) -> bool:
    """Read off the form itself, without the rules: what the sample's maker meant it to be."""
    return (
        form is not None
        and form["status"] == "active"
        and form["base"] == "permit"
        and form["expires_at"] > "2026-10-07"
        and not form["elements_missing"]
    )


# --- is every number accounted for? ---


def test_every_row_of_a_delivery_is_somewhere(county: Installation, week: Week) -> None:
    deliveries = county.rows(tables.delivery)
    assert {row["state"] for row in deliveries} == {"complete"}
    for row in deliveries:
        n = row["counts"]
        assert n["rows"] == n["records"] + n["refused"] + n["repeated"]
    bookings = [row["counts"] for row in deliveries if "jail" in row["feed"]]
    events = sum(cycle.tally.events for cycle in week.result.cycles)
    assert events == sum(n["records"] for n in bookings) == county.count(tables.booking_event)
    aside = [row for row in county.rows(tables.quarantine) if row["code"] != NO_BIRTH_DATE]
    assert sum(n["refused"] for n in bookings) == len(aside) == 6
    assert sum(cycle.refused for cycle in week.result.cycles) == 6
    lines = sum(len(path.read_bytes().splitlines()) - 1 for path in COUNTY.glob("harlan-jail-*.csv"))
    assert sum(row["counts"]["rows"] for row in deliveries if row["feed"] == "harlan-jail") == lines


def test_what_the_cycles_counted_is_what_the_store_holds(county: Installation, week: Week) -> None:
    tallies = [cycle.tally for cycle in week.result.cycles]
    sent = [cycle.sent for cycle in week.result.cycles]
    assert sum(t.alerts for t in tallies) == county.count(tables.alert) == county.count(tables.inbox_item)
    assert sum(s.delivered["inbox"] for s in sent) == county.count(tables.inbox_item)
    assert sum(s.delivered["mail"] for s in sent) == week.result.notices
    decided = Counter(row["decision"] for row in county.rows(tables.decision, stage="link"))
    assert decided == sum((t.decisions for t in tallies), Counter())
    assert sum(t.verdicts.total() for t in tallies) == county.count(tables.booking_event)
    assert not any(s.dead or s.waiting or s.withdrawn for s in sent)
    assert {row["state"] for row in county.rows(tables.outbox, channel="inbox")} == {"delivered"}
    # One notice tells a clinician of everything that waits: the others of the same minute are spared.
    assert {row["last_code"] for row in county.rows(tables.outbox, state="withdrawn")} == {"announced"}
    assert week.result.notices + sum(s.spared["announced"] for s in sent) == county.count(tables.alert)


def test_the_log_has_a_leaf_for_each_thing_that_happened(county: Installation) -> None:
    kinds = Counter(entry.leaf.kind for entry in county.leaves())
    count = county.count
    assert kinds[Kind.BOOKING_EVENT] == kinds[Kind.VERDICT] == count(tables.booking_event)
    assert {facts_of(e)["link"] for e in county.leaves(Kind.LINK)} == {row["ref"] for row in county.rows(tables.link)}
    assert kinds[Kind.DECISION] == count(tables.decision)
    assert kinds[Kind.ALERT] == kinds[Kind.DISCLOSURE] == count(tables.alert)
    assert kinds[Kind.DELIVERY] == count(tables.attempt) == 2 * count(tables.alert)
    assert kinds[Kind.QUARANTINE] == count(tables.quarantine)
    assert kinds[Kind.CONSENT] == count(tables.consent_record)
    assert kinds[Kind.KEY_CHANGE] == count(tables.staff_key)
    assert kinds[Kind.PULL] + kinds[Kind.ROSTER] >= count(tables.delivery)


def test_the_log_is_intact_and_notices_a_changed_byte(county: Installation, week: Week, tmp_path: Path) -> None:
    assert week.result.verification is not None
    assert week.result.verification.good
    assert county.verified().good
    shutil.copytree(week.home, tmp_path / "copy")
    with sqlite3.connect(tmp_path / "copy" / "warmlink.db") as raw:
        raw.execute("DROP TRIGGER audit_leaf_no_update")  # as whoever owns the database may
        for (trigger,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            raw.execute(f"DROP TRIGGER {trigger}")  # whoever may write the file may do that, too
        raw.execute(
            "UPDATE audit_leaf SET entry = cast(replace(cast(entry AS text), 'deny', 'permit') AS blob)"
            " WHERE position = (SELECT min(position) FROM audit_leaf WHERE cast(entry AS text) LIKE '%deny%')"
        )
    raw.close()
    with opened(tmp_path / "copy", after_the_week()) as altered:
        assert not altered.verified().good


# --- is everyone told who should be, and nobody else? ---


def test_every_alert_has_its_decision_its_proof_and_one_place_in_an_inbox(county: Installation) -> None:
    decisions, links = by_ref(county.rows(tables.decision)), by_ref(county.rows(tables.link))
    items = by_ref(county.rows(tables.inbox_item), "alert")
    leaves = {
        kind: Counter(facts_of(e)["alert"] for e in county.leaves(kind)) for kind in (Kind.ALERT, Kind.DISCLOSURE)
    }
    proofs = {facts_of(e)["decision"]: facts_of(e) for e in county.leaves(Kind.DECISION)}
    alerts = county.rows(tables.alert)
    assert len(alerts) >= 30
    for alert in alerts:
        decision, link, item = decisions[alert["decision"]], links[alert["link"]], items[alert["ref"]]
        assert decision["decision"] in {"permit", "redact"}
        assert (decision["stage"], decision["link"], decision["recipient"]) == ("send", link["ref"], alert["recipient"])
        assert proofs[decision["ref"]]["effect"] == decision["decision"]
        assert (link["verdict"], link["superseded_at"]) == ("ALERT", None)
        assert item["recipient"] == alert["recipient"]
        assert leaves[Kind.ALERT][alert["ref"]] == leaves[Kind.DISCLOSURE][alert["ref"]] == 1
    assert len(items) == len(alerts)


def test_a_doubtful_link_waits_for_a_reviewer_and_tells_nobody(county: Installation) -> None:
    doubtful = {row["ref"] for row in county.rows(tables.link, verdict="REVIEW")}
    assert doubtful
    assert {row["link"] for row in county.rows(tables.review, state="open")} == doubtful
    assert not doubtful & {row["link"] for row in county.rows(tables.alert)}
    assert not doubtful & {row["link"] for row in county.rows(tables.decision)}


def test_the_first_load_is_decided_and_nobody_is_told(county: Installation, week: Week) -> None:
    first = week.result.cycles[0]
    assert first.tally.baseline == first.tally.decisions.total() > 0
    assert first.sent.delivered == {}
    baseline = {row["ref"] for row in county.rows(tables.booking) if row["baseline"]}
    links = {row["ref"]: row["booking"] for row in county.rows(tables.link)}
    assert len(baseline) == first.tally.events
    assert baseline & set(links.values())
    assert not baseline & {links[row["link"]] for row in county.rows(tables.alert)}


@pytest.mark.parametrize("number", [TWIN, SENIOR])
def test_a_twin_and_a_father_of_the_same_name_are_not_the_client(county: Installation, number: str) -> None:
    booking = refs(county, number)
    assert county.rows(tables.booking, ref=booking) != []
    assert all(row["verdict"] == "REVIEW" for row in county.rows(tables.link, booking=booking))
    assert explain(county.engine, number).answer == "not told"


def test_alerts_go_to_true_clients_only_and_to_every_one_with_consent(county: Installation, week: Week) -> None:
    links = by_ref(county.rows(tables.link))
    told = {(links[row["link"]]["booking"], links[row["link"]]["client"]) for row in county.rows(tables.alert)}
    truth = {(refs(county, b), client_ref(county, c)): c for b, c in week.truth.items()}
    assert told <= truth.keys()
    assert all(in_force(week.consents.get(truth[pair])) for pair in told)
    baseline = {row["ref"] for row in county.rows(tables.booking) if row["baseline"]}
    surely = {
        (row["booking"], row["client"])
        for row in county.rows(tables.link, verdict="ALERT", superseded_at=None)
        if row["booking"] not in baseline
    }
    timed = {row["booking"] for row in surely_timed(county)}
    should = {pair for pair in surely & truth.keys() if in_force(week.consents.get(truth[pair])) and pair[0] in timed}
    assert should == told


def surely_timed(county: Installation) -> list[RowMapping]:
    """Bookings about which the rules could be asked at all: a time and a day of birth are known."""
    invalid = {row["link"] for row in county.rows(tables.decision) if "INPUT_INVALID" in row["reason_codes"]}
    return [row for row in county.rows(tables.link) if row["ref"] not in invalid]


def test_of_a_client_without_consent_nothing_is_anywhere(county: Installation, week: Week) -> None:
    silent = {client_ref(county, c) for c in week.truth.values() if not in_force(week.consents.get(c))}
    links = {row["ref"] for row in county.rows(tables.link) if row["client"] in silent}
    denied = [row for row in county.rows(tables.decision) if row["link"] in links]
    assert len(denied) >= 5
    assert {row["decision"] for row in denied} == {"deny"}
    assert not links & {row["link"] for row in county.rows(tables.alert)}
    shown = (Kind.DISCLOSURE, Kind.ALERT, Kind.DELIVERY, Kind.OPENING)
    assert not silent & {facts_of(e).get("client") for e in county.leaves(*shown)}


def test_who_left_is_replaced_by_the_supervisor(county: Installation) -> None:
    gone = {row["staff_id"] for row in table("staff.csv") if row["active"] == "no"}
    assert gone
    assert not gone & {row["recipient"] for row in county.rows(tables.alert)}


# --- is it sealed, and is the notice empty? ---


def test_an_alert_opens_with_its_clinicians_key_and_no_other(
    county: Installation, contents: dict[str, AlertContent]
) -> None:
    trusted, now = county.engine.signer.trusted, county.clock()
    items = county.rows(tables.inbox_item)
    assert len(contents) == len(items)
    for item in items:
        other = next(key for name, key in sorted(county.private.items()) if name != item["recipient"])
        with pytest.raises(WrongKey):
            open_sealed(item["jwe"], other, trusted, now=now)
        forged = PrivateKey(item["kid"], other.key)  # the right name over the wrong key
        with pytest.raises(SealBroken):
            open_sealed(item["jwe"], forged, trusted, now=now)


def test_the_backup_key_opens_every_alert(county: Installation, contents: dict[str, AlertContent]) -> None:
    backup = PrivateKey.load(county.home / "keys" / "backup.private.jwk")
    for item in county.rows(tables.inbox_item):
        ref, content = open_sealed(item["backup_jwe"], backup, county.engine.signer.trusted, now=county.clock())
        assert (ref, content) == (item["alert"], contents[item["alert"]])


def test_sealed_alerts_do_not_differ_in_length(county: Installation) -> None:
    assert len({len(row["jwe"]) for row in county.rows(tables.inbox_item)}) == 1


def test_an_alert_names_the_client_whose_it_is(
    county: Installation, week: Week, contents: dict[str, AlertContent]
) -> None:
    people = {
        client_ref(county, row["client_id"]): row for name in ("harlan", "north") for row in table(f"roster-{name}.csv")
    }
    links = by_ref(county.rows(tables.link))
    for alert in county.rows(tables.alert):
        person = people[links[alert["link"]]["client"]]
        assert person["last_name"] in contents[alert["ref"]].headline
        assert person["clinician_id"] == alert["recipient"] or alert["recipient"] in {"SUP01", "N09"}


def test_a_part_2_alert_carries_the_notice_of_2_32(county: Installation, contents: dict[str, AlertContent]) -> None:
    decisions = by_ref(county.rows(tables.decision))
    programs = {
        client_ref(county, row["client_id"]): row["program"]
        for name in ("harlan", "north")
        for row in table(f"roster-{name}.csv")
    }
    links = by_ref(county.rows(tables.link))
    protected = 0
    for alert in county.rows(tables.alert):
        said = " ".join(contents[alert["ref"]].notices)
        part2 = programs[links[alert["link"]]["client"]] in PART2
        owed = "PART2_NOTICE_2_32" in decisions[alert["decision"]]["obligations"]
        assert owed == part2
        assert ("42 CFR" in said and "2.31" in said) == part2
        protected += part2
    assert protected >= 5


def test_what_a_consent_leaves_out_the_alert_leaves_out(
    county: Installation, contents: dict[str, AlertContent]
) -> None:
    decisions = by_ref(county.rows(tables.decision))
    redacted = 0
    for alert in county.rows(tables.alert):
        allowed = set(decisions[alert["decision"]]["fields_allowed"])
        names = {row.name for row in contents[alert["ref"]].rows}
        if "booking.charges" not in allowed:
            assert "charges" not in names
            redacted += decisions[alert["decision"]]["decision"] == "redact"
    assert redacted >= 1


def test_notices_differ_in_recipient_time_and_id_only(county: Installation, week: Week) -> None:
    mails = [message_from_bytes(path.read_bytes()) for path in sorted((week.home / "mail" / "new").iterdir())]
    own = {"To", "Date", "Message-ID"}
    seen = {(tuple((k, v) for k, v in m.items() if k not in own), m.get_payload()) for m in mails}
    assert len(seen) == 1
    ((headers, body),) = seen
    assert "jail" not in f"{headers}{body}".lower()
    sent = [row["alert"] for row in county.rows(tables.outbox, channel="mail", state="delivered")]
    assert len({m["Message-ID"] for m in mails}) == len(mails) == len(sent)
    addresses = {row["staff_id"]: row["email"] for row in table("staff.csv")}
    recipients = {row["alert"]: row["recipient"] for row in county.rows(tables.inbox_item)}
    assert Counter(m["To"] for m in mails) == Counter(addresses[recipients[alert]] for alert in sent)
    assert {m["To"] for m in mails} == {addresses[who] for who in recipients.values()}
