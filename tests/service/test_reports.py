"""Is each report right on a small history counted by hand, is every export recorded, and does none say more than it must?"""

from __future__ import annotations

import csv
import json
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, date, datetime
from hashlib import sha256
from io import StringIO
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from audit.catalogue import REPORTS
from audit.leaves import Kind
from audit.report import Period
from config import Refuse
from records import StaffId
from service import reading, reports
from service.reading import NotAvailable
from service.reports import FORMATS, Wish
from store import tables
from tests.service.installation import (
    AVELINE,
    BARNABY,
    CLIENTS,
    ORG,
    STRANGER,
    Clock,
    Installation,
    alert_ref,
    facts_of,
    opened,
    revoked,
)

OF_CLIENT = sorted(code for code, offer in REPORTS.items() if offer.needs_client)
ENDED = datetime(2026, 10, 6, 10, 3, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def history(settled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One morning: three people booked, two of them clients; a row that cannot be read; one alert opened, then its
    consent revoked and the alert asked for again; the other booking cancelled.
    """
    home = tmp_path_factory.mktemp("reports") / "home"
    shutil.copytree(settled, home)
    clock = Clock()
    clock.forward(minutes=2)
    with opened(home, clock) as site:
        nameless = STRANGER.booked("J4", first_name="", last_name="")
        site.bookings(AVELINE.booked("J1"), BARNABY.booked("J2"), STRANGER.booked("J3"), nameless)
        site.cycle()
        first = alert_ref(site.alert_of("J1", AVELINE))
        reading.open_alert(site.engine, first, site.private["A1"])
        site.clock.forward(minutes=1)
        site.consents(revoked(AVELINE, ENDED))
        with pytest.raises(NotAvailable):
            reading.open_alert(site.engine, first, site.private["A1"])
        site.bookings(BARNABY.booked("J2", "C"))
        site.cycle()
        yield site


def rows(site: Installation, code: str, **wish: object) -> list[dict[str, object]]:
    made = reports.produce(site.engine, Wish(code, "officer-1", **wish))  # type: ignore[arg-type]  # by name
    return [asdict(row) for row in made.table.rows]


def some(found: list[dict[str, object]], *names: str) -> list[tuple[object, ...]]:
    return [tuple(row[name] for name in names) for row in found]


# --- each report against what happened ---


def test_who_was_told_about_a_client(history: Installation) -> None:
    found = rows(history, "everything", client="CN1", org=ORG)
    assert some(found, "recipient", "organisation", "kind", "purpose", "alert", "withdrawn_at") == [
        ("Adeyemi, K. (A1)", ORG, "program_staff", "TREAT", history.alert_of("J1", AVELINE)["ref"], None)
    ]
    (other,) = rows(history, "everything", client="CN2", org=ORG)
    assert other["withdrawn_at"] is not None, "the alert about the cancelled booking was taken back"
    assert rows(history, "everything", client="CN3", org=ORG) == []


def test_the_accountings_list_what_each_law_asks_for(history: Installation) -> None:
    """Treatment is in no HIPAA accounting; a Part 2 record that went out under a consent is in that of 2.25."""
    for client, part2 in (("CN1", 0), ("CN2", 1)):
        counts = [len(rows(history, code, client=client, org=ORG)) for code in ("hipaa_164_528", "part2_2_24")]
        assert counts == [0, 0]
        assert len(rows(history, "part2_2_25", client=client, org=ORG)) == part2


def test_nothing_relied_on_the_consent_after_its_end(history: Installation) -> None:
    ended = [facts_of(e) for e in history.leaves(Kind.CONSENT) if facts_of(e)["change"] == "revoked"]
    assert [facts["client"] for facts in ended] == [history.client(AVELINE)]
    assert rows(history, "after_revocation") == []


def test_what_did_rely_on_it_would_be_named(sqlite_site: Installation) -> None:
    """As if the consent had not been asked for again before sending."""
    site = sqlite_site
    site.bookings(AVELINE.booked("J1"))
    site.cycle()
    (told,) = site.leaves(Kind.DISCLOSURE)
    assert facts_of(told)["consents"] != ()
    site.clock.forward(minutes=1)
    site.consents(revoked(AVELINE, site.clock.at))
    assert rows(site, "after_revocation") == []
    with site.engine.database.write() as conn:
        site.engine.audit.append(conn, [told.leaf], site.clock.at)
    (late,) = rows(site, "after_revocation")
    assert (late["what"], late["consent"], late["client"]) == (
        "disclosure",
        facts_of(told)["consents"][0],
        site.client(AVELINE),
    )


def test_a_consent_s_own_end_is_in_the_log(history: Installation) -> None:
    stated = {facts_of(e)["client"]: facts_of(e).get("until") for e in history.leaves(Kind.CONSENT)}
    assert stated[history.client(BARNABY)] == "2027-04-21T00:00:00.000000Z", "the first instant after 2027-04-20"


def test_who_looked_and_who_was_refused(history: Installation) -> None:
    alert = history.alert_of("J1", AVELINE)["ref"]
    looked = [row for row in rows(history, "access") if row["what"] in {"opening", "open"}]
    assert some(looked, "by", "what", "alert") == [
        ("Adeyemi, K. (A1)", "opening", alert),
        ("Adeyemi, K. (A1)", "open", alert),
    ]
    assert looked[0]["answer"] == "ok"
    assert str(looked[1]["answer"]).startswith("refused: ")
    assert rows(history, "access", person="B2") == []


def test_proof_of_check(history: Installation) -> None:
    assert rows(history, "proof_of_check") == [
        {"day": date(2026, 10, 6), "feed": "jail", "received": 3, "checked": 3, "not_checked": 0}
    ]
    (classes,) = rows(history, "proof_of_check_classes")
    assert (classes["alert"], classes["review"], classes["none"]) == (2, 0, 1)


def test_what_was_set_aside_taken_back_and_delivered(history: Installation) -> None:
    assert some(rows(history, "quarantine"), "feed", "rows") == [("jail", 1)]
    (back,) = rows(history, "retractions")
    assert (back["alert"], back["reason"], back["recipient"], back["opened_before"]) == (
        history.alert_of("J2", BARNABY)["ref"],
        "cancelled",
        "Adeyemi, K. (A1)",
        False,
    )
    (pulled,) = (row for row in rows(history, "pulls") if row["feed"] == "jail")
    assert (pulled["pulls"], pulled["rows"], pulled["accepted"], pulled["quarantined"]) == (2, 5, 4, 1)


def test_decisions_by_reason_are_the_decisions_of_the_store(history: Installation) -> None:
    kept = Counter(
        (row["stage"], row["decision"], reason)
        for row in history.rows(tables.decision)
        for reason in row["reason_codes"]
    )
    found = {(r["stage"], r["effect"], r["reason"]): r["decisions"] for r in rows(history, "decisions_by_reason")}
    assert found == dict(kept)
    assert any(effect == "deny" for _, effect, _ in found), "the revoked consent stopped the second opening"


def test_nobody_broke_the_glass(history: Installation) -> None:
    assert rows(history, "break_glass") == []


def test_a_period_leaves_out_what_lies_before_and_after(history: Installation) -> None:
    start, end = datetime(2026, 10, 6, 10, 2, tzinfo=UTC), datetime(2026, 10, 6, 10, 3, 30, tzinfo=UTC)
    assert len(rows(history, "access", since=start, as_of=end)) == 1
    assert rows(history, "everything", client="CN1", org=ORG, since=end) == []


# --- what is taken out is recorded, and says no more than it must ---


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("code", sorted(REPORTS))
def test_every_export_is_in_the_log_with_its_hash_before_it_is_given(
    code: str, form: str, history: Installation
) -> None:
    client = "CN1" if code in OF_CLIENT else None
    made = reports.produce(history.engine, Wish(code, "officer-1", client, ORG if client else None))
    content = reports.export(history.engine, made, form)
    facts = facts_of(history.leaves(Kind.EXPORT)[-1])
    assert (facts["report"], facts["format"], facts["by"]) == (code, form, "officer-1")
    assert (facts["content_hash"], facts["rows"]) == (sha256(content).hexdigest(), len(made.table.rows))
    assert facts.get("client") == (history.client(AVELINE) if client else None)
    if form == "pdf":
        assert content.startswith(b"%PDF-")
    else:
        assert b"officer-1" in content
        assert made.source.head.root.hex().encode() in content


def personal(number: bool = True) -> set[str]:
    """What no report may hold: every name, day of birth, telephone, street and number of everybody."""
    people = (*CLIENTS, STRANGER)
    said = {value for p in people for value in (p.first, p.last, p.dob, p.phone, p.street)}
    return said | {f"J{n}" for n in range(1, 5)} | ({p.number for p in CLIENTS} if number else set())


@pytest.mark.parametrize("form", ["text", "csv", "json"])
@pytest.mark.parametrize("code", sorted(REPORTS))
def test_no_report_names_a_client_but_the_one_it_is_for(code: str, form: str, history: Installation) -> None:
    client = "CN1" if code in OF_CLIENT else None
    made = reports.produce(history.engine, Wish(code, "officer-1", client, ORG if client else None))
    content = reports.export(history.engine, made, form).decode()
    words = {word.strip("\"',.;:()[]") for word in content.split()}
    assert words & (personal() - ({"CN1"} if client else set())) == set()
    assert ("CN1" in words) == (client is not None)


def test_the_jails_proof_tells_nothing_of_results(history: Installation) -> None:
    made = reports.produce(history.engine, Wish("proof_of_check", "officer-1"))
    document = json.loads(reports.export(history.engine, made, "json"))
    assert set(document["rows"][0]) == {"day", "feed", "received", "checked", "not_checked"}


def test_the_forms_say_the_same(history: Installation) -> None:
    made = reports.produce(history.engine, Wish("access", "officer-1"))
    as_json = json.loads(reports.export(history.engine, made, "json"))["rows"]
    text = reports.export(history.engine, made, "csv").decode()
    as_csv = list(csv.DictReader(StringIO("".join(x for x in text.splitlines(keepends=True) if not x.startswith("#")))))
    assert [row["position"] for row in as_csv] == [str(row["position"]) for row in as_json]
    assert [row["by"] for row in as_csv] == [row["by"] for row in as_json]


def test_events_go_out_as_fhir_and_the_file_is_there_only_with_its_entry(history: Installation, tmp_path: Path) -> None:
    target = tmp_path / "events.ndjson"
    count = reports.export_events(history.engine, target, "officer-1", Period())
    events = [json.loads(line) for line in target.read_text("utf-8").splitlines()]
    assert len(events) == count == len(history.leaves()) - 1
    assert {event["resourceType"] for event in events} == {"AuditEvent"}
    facts = facts_of(history.leaves(Kind.EXPORT)[-1])
    assert (facts["format"], facts["rows"]) == ("fhir", count)
    assert facts["content_hash"] == sha256(target.read_bytes()).hexdigest()
    refused = tmp_path / "refused.ndjson"
    with pytest.raises(Refuse, match="one word"):
        reports.export_events(history.engine, refused, "Officer One", Period())
    assert not refused.exists()


# --- what is asked for ---


def test_a_client_or_report_that_there_is_not_is_refused(history: Installation) -> None:
    with pytest.raises(Refuse, match="has listed a client of this number"):
        rows(history, "everything", client="CN99", org=ORG)
    with pytest.raises(Refuse, match="name the client"):
        rows(history, "everything")
    with pytest.raises(Refuse, match="there is no such report"):
        rows(history, "nothing")
    with pytest.raises(Refuse, match="one word") as refused:
        reports.produce(history.engine, Wish("pulls", "Dr. Smith, John"))
    assert "Smith" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("6y", datetime(2020, 3, 1, 12, tzinfo=UTC)),
        ("90d", datetime(2025, 12, 1, 12, tzinfo=UTC)),
        ("2w", datetime(2026, 2, 15, 12, tzinfo=UTC)),
        ("2026-01-31", datetime(2026, 1, 31, 5, tzinfo=UTC)),
        ("2026-01-31T08:00:00-05:00", datetime(2026, 1, 31, 13, tzinfo=UTC)),
    ],
)
def test_a_time_may_be_an_age_a_day_or_an_instant(text: str, meant: datetime) -> None:
    assert reports.moment(text, datetime(2026, 3, 1, 12, tzinfo=UTC), ZoneInfo("America/New_York")) == meant


@pytest.mark.parametrize("text", ["", "6", "y6", "yesterday", "2026-01-31T08:00:00", "2026-02-30"])
def test_any_other_time_is_refused(text: str) -> None:
    with pytest.raises(Refuse):
        reports.moment(text, datetime(2026, 3, 1, tzinfo=UTC), ZoneInfo("UTC"))


def test_staff_are_named_and_references_stay_references(history: Installation) -> None:
    (row,) = rows(history, "everything", client="CN1", org=ORG)
    assert str(row["recipient"]).endswith(f"({StaffId('A1')})")
    assert len(str(row["alert"])) == 26
