"""Do the entries state what the reports need, and can no name that somebody chose stop a transaction?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from audit.facts import PARTY
from audit.leaves import Kind
from service import directory
from tests.service.installation import AVELINE, BARNABY, ORG, Installation, facts_of

HEADER = ",".join(directory.COLUMNS)


def test_a_disclosure_says_whose_recipient_it_was_and_whether_part_2(sqlite_site: Installation) -> None:
    sqlite_site.bookings(AVELINE.booked("J1"), BARNABY.booked("J2"))
    sqlite_site.cycle()
    told = {facts_of(e)["client"]: facts_of(e) for e in sqlite_site.leaves(Kind.DISCLOSURE)}
    assert {ref: (f["recipient_org"], f["part2"]) for ref, f in told.items()} == {
        sqlite_site.client(AVELINE): (ORG, "no"),
        sqlite_site.client(BARNABY): (ORG, "yes"),
    }


def test_a_retraction_says_whom_it_was_about(sqlite_site: Installation) -> None:
    sqlite_site.bookings(AVELINE.booked("J1"))
    sqlite_site.cycle()
    sqlite_site.bookings(AVELINE.booked("J1", "C"))
    sqlite_site.cycle()
    (taken_back,) = sqlite_site.leaves(Kind.RETRACTION)
    facts = facts_of(taken_back)
    assert (facts["client"], facts["booking"]) == (sqlite_site.client(AVELINE), sqlite_site.booking("J1"))


@pytest.mark.parametrize(
    "bad", ["Dr. Smith, John", "1984-03-17", "123-45-6789", "José", "-x", "a b", "x" * 65], ids=range(7)
)
@pytest.mark.parametrize("column", ["staff_id", "org_id"])
def test_a_directory_whose_ids_the_log_cannot_hold_is_refused_with_line_and_column(
    column: str, bad: str, tmp_path: Path
) -> None:
    path = tmp_path / "staff.csv"
    row = {"staff_id": "CM7", "org_id": ORG} | {column: bad}
    rows = [f"A1,{ORG},Name,,,OP-MH,,yes,yes,en", f'"{row["staff_id"]}","{row["org_id"]}",Name,,,OP-MH,,yes,yes,en']
    path.write_text("\n".join([HEADER, *rows]) + "\n", "utf-8")
    with pytest.raises(directory.StaffFileInvalid, match=f"staff.csv line 3, {column}: must be one word") as refused:
        directory.read(path)
    assert bad not in str(refused.value)


@pytest.mark.parametrize("clinician", ["Dr. Smith, John", "1984-03-17", "Ünsal", "x" * 300], ids=range(4))
def test_a_roster_may_call_its_clinicians_what_it_likes(clinician: str, sqlite_site: Installation) -> None:
    assert PARTY(clinician) is None
    sqlite_site.roster([replace(AVELINE, clinician=clinician), BARNABY], name="again.csv")
    sqlite_site.cycle()
    sqlite_site.bookings(AVELINE.booked("J1"), BARNABY.booked("J2"))
    assert sqlite_site.cycle().tally.events == 2
    asked = {facts_of(e)["client"]: facts_of(e)["recipient"] for e in sqlite_site.leaves(Kind.DECISION)}
    assert asked == {sqlite_site.client(AVELINE): "S9", sqlite_site.client(BARNABY): "A1"}
