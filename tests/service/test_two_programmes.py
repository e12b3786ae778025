"""A client in two programmes of one agency, one of them under Part 2: each of their clinicians is told, as whose clinician they are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from audit.leaves import Kind
from service import reading
from store import tables
from tests.service.installation import (
    AVELINE,
    CLIENTS,
    ROSTER_COLUMNS,
    Installation,
    alert_ref,
    consent,
    facts_of,
)

BOTH = {"program_ids": ["OP-MH", "SUD-OP"], "any_treating_program": False}


def in_both(site: Installation, mental: str, recovery: str, *, recovery_first: bool = False) -> None:
    """Aveline is in both programmes: one row of the roster for each, with the clinician there."""
    rows = [
        replace(AVELINE, program="OP-MH", clinician=mental).roster_row(),
        replace(AVELINE, program="SUD-OP", clinician=recovery).roster_row(),
    ]
    rows = rows[::-1] if recovery_first else rows
    site.drop("roster", ROSTER_COLUMNS, [*rows, *(p.roster_row() for p in CLIENTS[1:])], "both.csv")
    site.consents(consent(AVELINE, id="both", type="part2_tpo", discloser=BOTH))
    site.cycle()


def told(site: Installation) -> dict[str, Any]:
    site.bookings(AVELINE.booked("J1"))
    site.cycle()
    return {row["recipient"]: row for row in site.rows(tables.alert)}


@pytest.mark.parametrize("recovery_first", [False, True])
@pytest.mark.parametrize(("mental", "recovery"), [("B2", "A1"), ("A1", "B2"), ("A1", "A1"), ("", "A1"), ("A1", "")])
def test_each_clinician_is_told(sqlite_site: Installation, mental: str, recovery: str, recovery_first: bool) -> None:
    """Both of them belong to both programmes; what counts is where they are assigned to this client."""
    site = sqlite_site
    in_both(site, mental, recovery, recovery_first=recovery_first)
    alerts = told(site)
    assert set(alerts) == {mental, recovery} - {""}
    for who, row in alerts.items():
        assert "Aveline" in reading.open_alert(site.engine, alert_ref(row), site.private[who]).headline
    labelled = {
        f["recipient"] for e in site.leaves(Kind.DISCLOSURE) if "PART2_LABEL" in (f := facts_of(e))["obligations"]
    }
    assert labelled == {recovery} - {""}
