"""Can a jail, or whoever watches the traffic, tell a match from none, or a permission from a denial? By nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from connectors.connector import Pull
from consent.vocabulary import Scope
from service import circumstances
from service.cycle import Cycle
from service.receiving import receive
from service.screening import Screener
from store import tables
from tests.service.conftest import later
from tests.service.feeding import describe, mapping, row, text
from tests.service.installation import AVELINE, BARNABY, STRANGER, Installation, Person, revoked
from tests.service.test_commands import warmlink

TWIN = replace(AVELINE, ssn4="6618", phone="5554405512", street="9 Mulberry Plac")
OUTSIDER = replace(
    AVELINE,
    first="Hollist",
    last="Pemberwic",
    dob="1979-09-02",
    ssn4="1263",
    phone="5554405512",
    street="9 Mulberry Pla",
)
CASES: dict[str, tuple[Person, str]] = {
    "permitted": (AVELINE, "alert"),
    "denied": (BARNABY, "ALERT"),
    "opted out": (AVELINE, "ALERT"),
    "in doubt": (TWIN, "REVIEW"),
    "stranger": (OUTSIDER, "NONE"),
}
"""Who is booked, and what comes of it inside."""

Sites = dict[str, Installation]


@pytest.fixture
def sites(settled: Path, tmp_path: Path) -> Iterator[Sites]:
    """An installation for each case, all alike but for what the case is about."""
    with ExitStack() as running:
        found = {}
        for case in CASES:
            shutil.copytree(settled, tmp_path / case / "home")
            site = found[case] = running.enter_context(later(tmp_path / case / "home"))
            if case == "denied":
                site.consents(revoked(BARNABY, site.clock()))
            if case == "opted out":
                circumstances.opt_out(site.engine, AVELINE.number, Scope.ALERTS, org=None, by="front-desk")
        yield found


EXPECTED = {case: end for case, (_, end) in CASES.items()}


def inside(sites: Sites) -> dict[str, str]:
    """What came of each case where nobody outside sees it."""
    return {case: _came_of_it(site) for case, site in sites.items()}


def _came_of_it(site: Installation) -> str:
    if site.count(tables.alert):
        return "alert"
    return max((r["verdict"] for r in site.rows(tables.link)), default="NONE")


@contextmanager
def each_statement(site: Installation, act: Any) -> Iterator[None]:
    """Call `act` with each statement that goes to the database."""

    def executed(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        act(statement)

    event.listen(site.engine.database.engine, "before_cursor_execute", executed)
    yield
    event.remove(site.engine.database.engine, "before_cursor_execute", executed)


def logged(site: Installation, before: int = 0) -> list[dict[str, Any]]:
    """Log lines about a jail's feed, without what is another each time."""
    found = [json.loads(line) for line in (site.home / "warmlink.log").read_text("utf-8").splitlines()]
    lines = [{k: v for k, v in line.items() if k not in {"timestamp", "delivery"}} for line in found]
    return [line for line in lines if line.get("feed") not in {None, "roster"}][before:]


def files(site: Installation) -> list[tuple[str, int]]:
    """Where the jails' files lie, and how large they are."""
    jails = (p for feed in ("jail", "post") for p in (site.home / "feeds" / feed).rglob("*") if p.is_file())
    return sorted((str(p.parent.relative_to(site.home)), p.stat().st_size) for p in jails)


def test_a_push_is_answered_by_the_same_steps_whoever_it_is_about(
    sites: Sites, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receipt is made before anybody is looked for: the same statements, files and lines, and no matching."""
    seen, looked_for = {}, list[str]()
    match = Screener.match

    def watched(*given: Any) -> Any:
        looked_for.append("match")
        return match(*given)

    monkeypatch.setattr(Screener, "match", watched)
    for case, site in sites.items():
        describe(site, "post", {"type": "push"}, mapping("post"))
        content = text([row(CASES[case][0], "J1"), row(STRANGER, "", dob="x")]).encode()
        work = list[str]()
        with each_statement(site, work.append):
            receipt = receive(site.engine, "post", content, site.clock())
        assert receipt.problems == ((3, "booking_number", "no-booking-number"),)
        seen[case] = replace(receipt, delivery=""), work, logged(site), files(site)
    assert looked_for == []
    assert [case for case, one in seen.items() if one != seen["stranger"]] == []
    for site in sites.values():
        site.cycle()
    assert looked_for
    assert inside(sites) == EXPECTED


@pytest.mark.parametrize("step", [250, 0])
def test_a_file_leaves_its_folder_in_the_same_class_of_time(
    sites: Sites, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """On a clock by which every statement takes a millisecond. Without steps the cases would be told apart by their time."""
    took = {}
    for case, site in sites.items():
        feeds = tuple(feed.model_copy(update={"answer_step_ms": step}) for feed in site.engine.settings.feeds)
        settings = site.engine.settings.model_copy(update={"feeds": feeds})
        site.engine = replace(site.engine, settings=settings, wait=_passing(site))
        site.bookings(CASES[case][0].booked("J1"))
        took[case] = _from_reading_to_leaving(site, monkeypatch)
    assert inside(sites) == EXPECTED
    if step:
        assert set(took.values()) == {timedelta(milliseconds=step)}
    else:
        assert took["permitted"] > took["stranger"]
        assert took["denied"] > took["stranger"]


def _passing(site: Installation) -> Any:
    return lambda seconds: site.clock.forward(seconds=seconds)


def _from_reading_to_leaving(site: Installation, monkeypatch: pytest.MonkeyPatch) -> timedelta:
    seen = {}
    take, leave = Cycle._one_delivery, Pull.acknowledge

    def taken(cycle: Cycle, *given: Any) -> bool:
        seen["begun"] = site.clock()
        return take(cycle, *given)

    def left(pull: Pull) -> None:
        seen["left"] = site.clock()
        leave(pull)

    with monkeypatch.context() as patch, each_statement(site, lambda _: site.clock.forward(milliseconds=1)):
        patch.setattr(Cycle, "_one_delivery", taken)
        patch.setattr(Pull, "acknowledge", left)
        assert Cycle(site.engine).run().faults == {}
    return seen["left"] - seen["begun"]


def test_a_cycle_ends_alike_whoever_was_booked(sites: Sites) -> None:
    """Exit status, what is said of the feed, where the file goes and how large it is there."""
    ends = {}
    for case, site in sites.items():
        before = len(logged(site))
        site.bookings(CASES[case][0].booked("J1"))
        done = warmlink("run", "--once", "--now", site.clock().isoformat(), home=site.home)
        ends[case] = done.returncode, done.stderr.count("\n"), logged(site, before), files(site)
    assert inside(sites) == EXPECTED
    assert ends["stranger"][0] == 0
    assert [case for case, one in ends.items() if one != ends["stranger"]] == []
