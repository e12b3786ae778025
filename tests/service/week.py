"""The sample county after its week, run once for all tests of a session, with a picture of the disk taken while it ran."""

from __future__ import annotations

import csv
import fcntl
import json
import pickle
import shutil
import tempfile
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from service.demonstration import DemoResult, run_demo
from tests.service.installation import Clock, Installation

COUNTY = Path(str(files("config") / "samples" / "county"))
HARLAN, NORTH = "harlan-bh", "north-clinic"


@dataclass(frozen=True)
class Week:
    """`home` after the run, `during` as it lay on the disk with the database still open, `temp` what the run put there."""

    home: Path
    during: Path
    temp: Path
    result: DemoResult

    @cached_property
    def truth(self) -> dict[str, str]:
        return {row["booking_id"]: row["client_id"] for row in table("truth.csv")}

    @cached_property
    def consents(self) -> dict[str, dict[str, Any]]:
        """The one form of each client who has one."""
        lines = (COUNTY / "consents.jsonl").read_text("utf-8").splitlines()
        return {form["client_id"]: form for form in map(json.loads, lines)}


def table(name: str) -> list[dict[str, str]]:
    with (COUNTY / name).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def refs(site: Installation, booking: str) -> str:
    """Our name of a booking of the sample, by the look of its number."""
    return site.engine.locator.ref("booking", "COMMON" if booking.startswith("BK") else "ANYTOWN JAIL", booking)


def client_ref(site: Installation, client: str) -> str:
    return site.engine.locator.ref("client", HARLAN if client.startswith("CL") else NORTH, client)


def lived(folder: Path) -> Week:
    """Run the week in `folder`, or take the one that another test process ran there."""
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept = folder / "result.pickle"
        if not kept.exists():
            for left in ("home", "during", "temp"):  # of a process that failed here
                shutil.rmtree(folder / left, ignore_errors=True)
            kept.write_bytes(pickle.dumps(_run(folder)))
        return Week(folder / "home", folder / "during", folder / "temp", pickle.loads(kept.read_bytes()))


def _run(folder: Path) -> DemoResult:
    """The temporary folder is watched too: whatever the run, or a library, puts there counts."""
    (folder / "temp").mkdir()

    def told(words: str) -> None:
        if words.startswith("verifying"):
            shutil.copytree(folder / "home", folder / "during")

    with pytest.MonkeyPatch.context() as patch:
        for name in ("TMPDIR", "TEMP", "TMP", "SQLITE_TMPDIR"):
            patch.setenv(name, str(folder / "temp"))
        patch.setattr(tempfile, "tempdir", None)
        return run_demo(folder / "home", told)


def after_the_week() -> Clock:
    clock = Clock()
    clock.forward(days=1, minutes=10)
    return clock
