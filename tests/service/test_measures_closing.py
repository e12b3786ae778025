"""Are the counts right, settled once, the same in every form, and never a small one in any of them?"""

from __future__ import annotations

import csv
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from reportlab.platypus import Paragraph
from sqlalchemy import update
from typer.testing import CliRunner

from audit.leaves import Kind
from audit.log import TreeHead, entries
from audit.render import Provenance
from config import Refuse
from records import OrgId
from service.cli.app import app
from service.desks import measures
from service.engine import Engine
from service.measures import paper
from service.measures.closing import close_due, closes_next
from service.measures.counting import Facts, count_month, rebooked
from service.measures.definitions import ALL, TOTAL
from service.measures.facts import Booked, Owner, Reported, Stay, Told
from service.measures.periods import Month, check, parts
from service.measures.sheet import Sheet
from service.measures.suppression import SMALLEST, CannotProtect, Key
from store import measures as stored
from store.tables import booking
from tests.service.installation import Installation
from tests.service.stored_year import StoredYear

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
AT = datetime(2026, 1, 10, tzinfo=UTC)
ORGS = ("north-bh", "river-bh")


def test_periods_nest_and_are_named_in_one_way() -> None:
    assert parts("2026") == ("2026-Q1", "2026-Q2", "2026-Q3", "2026-Q4")
    assert parts("2026-Q4") == ("2026-10", "2026-11", "2026-12")
    assert parts("2026-10") == ()
    assert [str(Month(2026, 1).plus(n)) for n in (-2, 0, 12)] == ["2025-11", "2026-01", "2027-01"]
    for label in ("2026-13", "2026-Q5", "26", "2026-1", "2026-10 "):
        with pytest.raises(Refuse):
            check(label)


def owner(client: str = "c1", org: str = "river-bh", *, told: bool = True, denied: bool = False) -> Owner:
    return Owner(f"link-{client}", client, org, told, denied)


def test_every_row_counts_what_it_says() -> None:
    """Two bookings of one client, one of them denied; one stay of 2 days with contact before and 80 hours after; one stranger."""
    mine, stay_end = owner(), AT + 2 * DAY
    facts = Facts(
        booked=[
            Booked("b1", (mine,)),
            Booked("b2", (owner(told=False, denied=True), owner("c9", "north-bh", told=False))),
            Booked("b3", ()),
        ],
        ended=[Stay("b1", AT, stay_end, (mine,)), Stay("b3", AT, AT + 40 * DAY, ()), Stay("b4", None, AT, (mine,))],
        told=[
            Told("river-bh", AT, AT + HOUR / 60, AT + 3 * HOUR, "is_my_client"),
            Told("river-bh", AT, AT + 2 * HOUR, None, ""),
        ],
        outcomes=[
            Reported("river-bh", "c1", "link-c1", "contact", ("phone", "by:family", "for:medication"), AT + DAY),
            Reported("river-bh", "c1", "link-c1", "contact", ("none",), AT + DAY),
            Reported("river-bh", "c1", "link-c1", "first_contact", (), stay_end + 80 * HOUR),
            Reported("river-bh", "c1", "link-c1", "disposition", ("diverted",), AT + DAY),
        ],
        begins=AT,
        ends=AT + 30 * DAY,
        year=[("river-bh", "c1", AT)] * 4 + [("north-bh", "c9", AT)],
    )
    counts = count_month(facts, "2026-01", ORGS)
    of = {(k.measure, k.cell): n for k, n in counts.items() if k.scope == "river-bh" and n}
    assert of == {
        ("told", "told"): 1, ("told", "not_permitted"): 1, ("told", TOTAL): 2,
        ("stays", "up_to_3_days"): 1, ("stays", TOTAL): 1, ("days", "days"): 2,
        ("connected", "within_7_days"): 1, ("reached_in_custody", "reached"): 1,
        ("alert_delay", "within_5_minutes"): 1, ("alert_delay", "within_24_hours"): 1,
        ("answers", "is_my_client"): 1, ("answers", "none"): 1, ("answers", TOTAL): 2,
        ("answer_time", "within_4_hours"): 1, ("answer_time", "later_or_never"): 1,
        ("contacts", "phone"): 1, ("contacts", "after_release"): 1, ("contacts", TOTAL): 2,
        ("initiators", "family"): 1, ("initiators", "not_stated"): 1, ("reasons", "medication"): 1, ("reasons", "not_stated"): 1,
        ("dispositions", "diverted"): 1, ("dispositions", TOTAL): 1,
        ("contacted_persons", "2_to_3"): 1, ("contacted_persons", TOTAL): 1,
        ("booked_persons", "4_or_more"): 1, ("booked_persons", TOTAL): 1,
    }  # fmt: skip
    whole = {row: counts[Key("bookings", row, ALL, "2026-01")] for row in ("clients", "others", TOTAL)}
    assert whole == {"clients": 2, "others": 1, TOTAL: 3}
    assert counts[Key("told", TOTAL, ALL, "2026-01")] == 3
    assert counts[Key("stays_others", "over_30_days", ALL, "2026-01")] == 1


def test_coming_back_is_within_sixty_days_of_release_and_not_the_same_booking() -> None:
    stays = [Stay("b1", AT, AT + DAY, (owner(),)), Stay("b2", AT, AT + DAY, (owner("c2", "north-bh"),))]
    later = [("river-bh", "c1", AT), ("river-bh", "c1", AT + 61 * DAY), ("north-bh", "c2", AT + 62 * DAY)]
    assert rebooked(stays, later) == {"river-bh": 1, "north-bh": 0}


def lived(site: Installation, engine: Engine, months: int, strangers: int = 120, clients: int = 25) -> list[str]:
    """So many months from January, each closed when its time has come."""
    year = StoredYear(7, ORGS)
    year.begin(datetime(2025, 12, 31, tzinfo=UTC))
    for n in range(months):
        year.month(Month(2026, 1).plus(n), strangers, clients)
    with engine.database.write() as conn:
        year.write(conn)
    closed: list[str] = []
    for n in range(months):
        site.clock.at = datetime(2026, n + 2, 12, tzinfo=UTC)
        closed += close_due(engine)
    return closed


def test_a_month_closes_ten_days_after_its_end_and_never_again(site: Installation) -> None:
    engine = site.engine
    assert closes_next(engine) is None
    assert lived(site, engine, 1) == ["2026-01"]
    assert close_due(engine) == []
    before = measures.sheet(engine, None, "2026-01")
    late = StoredYear(8, ORGS, number=10**9)
    late.begin(datetime(2025, 12, 31, tzinfo=UTC))
    late.month(Month(2026, 1), 50, 10)
    with engine.database.write() as conn:
        late.write(conn)
    assert close_due(engine) == []
    assert measures.sheet(engine, None, "2026-01") == before
    with engine.database.read() as conn:
        said = [e.leaf.facts for e in entries(conn) if e.leaf.kind is Kind.MEASURES_CLOSED]
    assert [facts["period"] for facts in said] == ["2026-01"]
    assert str(closes_next(engine)) == "2026-03-11 00:00:00-04:00"


def test_a_cycle_closes_what_is_due_and_tries_once_a_day(
    sqlite_site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = sqlite_site
    year = StoredYear(7, ORGS, clients=3)
    year.begin(datetime(2025, 12, 31, tzinfo=UTC))
    year.month(Month(2026, 9), 5, 2)
    with site.engine.database.write() as conn:
        year.write(conn)
    site.cycle()
    assert measures.choices(site.engine, None).periods == []
    site.clock.at = datetime(2026, 10, 12, 12, tzinfo=UTC)
    tries: list[str] = []

    def cannot(*_: object) -> bool:
        tries.append("tried")
        raise CannotProtect("cannot")

    with monkeypatch.context() as patched:
        patched.setattr("service.measures.closing.close", cannot)
        site.cycle()
        site.cycle()
    assert tries == ["tried"]
    site.clock.forward(days=1)
    site.cycle()
    assert measures.choices(site.engine, None).periods == ["2026-09"]
    assert site.verified().good


def test_a_quarter_is_the_sum_of_what_was_settled_and_no_small_count_is_in_anything(
    sqlite_site: Installation, tmp_path: Path
) -> None:
    """Three months and their quarter, in every form there is, against what is in the store."""
    engine = sqlite_site.engine
    lived(sqlite_site, engine, 3)
    with engine.database.read() as conn:
        cells = stored.of_years(conn, ["2026"])
    for name, cell in cells.items():
        if name[3] == "2026-Q1":
            smaller = [cells[(*name[:3], part)].count for part in parts("2026-Q1") if (*name[:3], part) in cells]
            assert cell.count == sum(smaller), name
        assert not cell.shown or cell.count == 0 or cell.count >= SMALLEST, name
    assert any(cell.shown and cell.count for name, cell in cells.items() if name[3] == "2026-Q1")
    for period in ("2026-03", "2026-Q1"):
        sheet = measures.sheet(engine, None, period)
        same_everywhere(engine, sheet, tmp_path)


def test_a_period_that_began_before_the_counting_did_says_so_in_every_form(sqlite_site: Installation) -> None:
    """Counting began on 15 January: the month, its quarter and its bar in the drawing are marked, and nothing else is."""
    engine = sqlite_site.engine
    mid = datetime(2026, 1, 15, 12, tzinfo=UTC)
    with engine.database.write() as conn:
        year = StoredYear(7, ORGS)
        year.begin(datetime(2025, 12, 31, tzinfo=UTC))
        for n in range(3):
            year.month(Month(2026, 1).plus(n), 40, 15)
        year.write(conn)
        conn.execute(update(booking).where(booking.c.first_seen_at < mid).values(first_seen_at=mid))
    for n in range(3):
        sqlite_site.clock.at = datetime(2026, n + 2, 12, tzinfo=UTC)
        close_due(engine)
    for period, partial in (("2026-01", True), ("2026-Q1", True), ("2026-02", False)):
        sheet = measures.sheet(engine, None, period)
        assert sheet.partial_from == ("2026-01-15" if partial else "")
        assert [name for _, name, _ in sheet.trend if name.endswith("*")] == ["January 2026*"]
        made = {
            form: measures.export(engine, sheet, form, "officer") for form in ("csv", "json", "html", "text", "pdf")
        }
        texts = {form: content.decode() for form, content in made.items() if form != "pdf"}
        texts["pdf"] = " ".join(part.getPlainText() for part in drawn(sheet) if isinstance(part, Paragraph))
        for form, text in texts.items():
            assert ("Partial: counting began on 2026-01-15" in " ".join(text.split())) is partial, form
            assert "from 2026-01-15 on" in " ".join(text.split()), form
        assert json.loads(made["json"])["partial_from"] == ("2026-01-15" if partial else None)
    spanish = measures.sheet(engine, None, "2026-01", language="es")
    assert "Parcial: el conteo comenzó el 2026-01-15" in spanish.closed


def drawn(sheet: Sheet) -> list[object]:
    """What the paper is made of."""
    source = Provenance("officer", AT, "warmlink.example/river", TreeHead(0, bytes(32)))
    return list(paper._story(sheet, source, 500.0))


def same_everywhere(engine: Engine, sheet: Sheet, folder: Path) -> None:
    """CSV, JSON, HTML, text and PDF say what the page says, and nothing that it does not."""
    rows = {(b.code, row.code): row.count for b, row in sheet.rows()}
    made = {form: measures.export(engine, sheet, form, "officer") for form in ("csv", "json", "html", "text", "pdf")}
    plain = [line for line in made["csv"].decode().splitlines() if not line.startswith("#")]
    as_csv = {(r["measure"], r["row"]): int(r["count"]) if r["shown"] == "yes" else None for r in csv.DictReader(plain)}
    assert {key: as_csv[key] for key in rows} == rows
    as_json = {(m["measure"], r["row"]): r["count"] for m in json.loads(made["json"])["measures"] for r in m["rows"]}
    assert as_json == rows
    figures = sorted(str(n) for n in rows.values() if n)
    for form in ("html", "text"):
        text = re.sub(r"<svg.*?</svg>", "", made[form].decode(), flags=re.DOTALL)
        assert text.count("\u2013") >= sum(count is None for count in rows.values())
        assert all(figure in text.replace(",", "") for figure in figures)
    drawn = re.findall(r">(\d+)(?: \(\d+ %\))?</text>", made["html"].decode().replace(",", ""))
    assert all(n == "0" or int(n) >= SMALLEST for n in drawn)
    assert made["pdf"].startswith(b"%PDF")
    assert made["pdf"].count(b"/Type /Page\n") == 1 or b"/Count 1" in made["pdf"]


def test_a_reader_of_one_organisation_sees_that_one_only(sqlite_site: Installation) -> None:
    engine = sqlite_site.engine
    lived(sqlite_site, engine, 1)
    mine = measures.sheet(engine, OrgId("north-bh"), "2026-01")
    assert {b.scope for b in mine.blocks} == {"north-bh", ALL}
    assert {b.code for b in mine.blocks if b.scope == ALL} == {"bookings", "stays_others"}
    for scope in ("river-bh", ALL):
        with pytest.raises(measures.NotClosed):
            measures.sheet(engine, OrgId("north-bh"), "2026-01", scope)
    with pytest.raises(measures.NotClosed):
        measures.sheet(engine, None, "2026-02")


def test_who_took_a_sheet_is_in_the_log_before_it_is_given(sqlite_site: Installation) -> None:
    engine = sqlite_site.engine
    lived(sqlite_site, engine, 1)
    sheet = measures.sheet(engine, None, "2026-01", language="es")
    content = measures.export(engine, sheet, "text", "officer-1")
    assert "Cárcel y salud conductual, enero 2026" in content.decode()
    with engine.database.read() as conn:
        said = [e.leaf.facts for e in entries(conn) if e.leaf.kind is Kind.EXPORT]
    assert (said[-1]["report"], said[-1]["by"], said[-1]["format"]) == ("measures", "officer-1", "text")


def test_the_command_writes_the_sheet_and_says_when_there_will_be_one(
    sqlite_site: Installation, tmp_path: Path
) -> None:
    run = CliRunner()
    config = ["--config", str(sqlite_site.home / "warmlink.toml")]
    nothing = run.invoke(app, ["measures", *config])
    assert nothing.exit_code == 0
    assert "No month has closed yet" in nothing.output
    lived(sqlite_site, sqlite_site.engine, 1)
    page = tmp_path / "sheet.pdf"
    now = ["--now", "2026-02-12T00:00:00Z"]
    assert run.invoke(app, ["measures", "--month", "2026-01", "--sheet", str(page), *now, *config]).exit_code == 0
    assert page.read_bytes().startswith(b"%PDF")
    shown = run.invoke(app, ["measures", *now, *config])
    assert "Jail and behavioural health, January 2026" in shown.output


def test_every_command_of_the_page_runs_as_it_stands_there(
    sqlite_site: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With three months behind it, which make a quarter; the year is refused, because not all of it was seen."""
    page = (Path(__file__).parents[2] / "docs" / "measures.md").read_text("utf-8")
    commands = [
        line.partition(" #")[0].split()[1:] for line in page.splitlines() if line.startswith("warmlink measures")
    ]
    year = StoredYear(7, ("river-bh",), clients=8)
    year.begin(datetime(2026, 9, 30, tzinfo=UTC))
    for month in (10, 11, 12):
        year.month(Month(2026, month), 40, 12)
    with sqlite_site.engine.database.write() as conn:
        year.write(conn)
    monkeypatch.chdir(tmp_path)
    config = ["--config", str(sqlite_site.home / "warmlink.toml"), "--now", "2027-01-15T00:00:00Z"]
    for command in commands:
        done = CliRunner().invoke(app, [*command, *config])
        assert done.exit_code == (0 if "2026" not in command else 1), (command, done.output)
    assert {p.name for p in tmp_path.glob("*.*")} >= {"sheet.pdf", "quarter.csv"}
