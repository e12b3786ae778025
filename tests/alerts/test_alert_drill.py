"""A sample of the kill -9 drill; `python -m tests.alerts.drill` runs the whole of it."""

from __future__ import annotations

from pathlib import Path

from store.database import Database
from tests.alerts.drill import drill

KILLS = 25


def test_killed_at_any_step_nothing_is_lost_and_nobody_sees_two(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    report = drill(database_url, KILLS, seed=20261, maildir=tmp_path / "mail")
    assert report.killed == KILLS
    assert report.alerts > KILLS / 3
    assert (report.lost, report.doubled) == (0, 0)
    assert report.arrived >= report.alerts
