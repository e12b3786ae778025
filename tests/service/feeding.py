"""Feeds of every kind beside the small installation's own, described in files as a deployer describes them."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from audit.leaves import Kind
from service.feeds import configured
from store import tables
from tests.service.installation import BOOKING_COLUMNS, MAPPING, Installation, Person

FURTHER = {
    "agency": "agency",
    "person_id": "person_id",
    "old_person_id": "old_person_id",
    "custody": {"column": "custody", "codes": {"": "", "W": "weekender", "H": "in_hospital", "R": "released"}},
    "holds": {"column": "holds", "split": ";"},
    "court_type": "court",
    "next_court_at": "court_at",
    "release_planned_at": "planned",
    "state_id": "sid",
    "aliases": {"column": "aliases", "split": "|", "order": "FIRST MIDDLE LAST SUFFIX"},
}
COLUMNS = [
    *BOOKING_COLUMNS,
    "agency",
    "person_id",
    "old_person_id",
    "custody",
    "holds",
    "court",
    "court_at",
    "planned",
    "sid",
    "aliases",
]
PLAIN = {"agency": "COMMON", "event": ""}
"""A row that says no more than that there is a row: what happened follows from what was said before."""


def mapping(name: str, **settings: Any) -> str:
    """The installation's mapping with more columns, no codes for events but the ending ones, and these settings."""
    document = yaml.safe_load(MAPPING)
    document |= {"name": name, **settings}
    document["bookings"] |= FURTHER
    document["bookings"]["event"]["codes"] |= {"": "", "M": "merged", "W": "release_withdrawn"}
    return yaml.safe_dump(document)


def describe(site: Installation, name: str, transport: Mapping[str, Any], described: str, **feed: Any) -> None:
    """Put a feed file and its mapping where the installation finds them."""
    (site.home / f"{name}.map.yaml").write_text(described, "utf-8")
    whole = {"id": name, "mapping": f"{name}.map.yaml", "transport": dict(transport), "first_load": "alert", **feed}
    (site.home / "feeds" / f"{name}.yaml").write_text(yaml.safe_dump(whole), "utf-8")
    reopened(site)


def reopened(site: Installation) -> None:
    """As a new process finds the configuration."""
    site.engine = replace(site.engine, settings=configured(site.engine.settings))


def folder(site: Installation, name: str, *, first_load: str = "alert", **settings: Any) -> None:
    """One more jail that drops CSV files into a folder."""
    (site.home / "feeds" / name).mkdir(exist_ok=True)
    transport = {"type": "folder", "path": f"feeds/{name}", "pattern": "*.csv", "settle_seconds": 0, "order": "name"}
    describe(site, name, transport, mapping(name, **settings), first_load=first_load)


def snapshot(**settings: Any) -> dict[str, Any]:
    return {"semantics": {"delivers": "snapshot", "absence_means_release": True, **settings}}


def row(person: Person, number: str, **said: str) -> dict[str, str]:
    return dict.fromkeys(COLUMNS, "") | person.booked(number) | PLAIN | said


def text(rows: Sequence[Mapping[str, str]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def says(site: Installation, feed: str, *rows: Mapping[str, str], name: str = "a.csv") -> Path:
    """The feed drops a file with these rows."""
    path = site.home / "feeds" / feed / name
    path.write_text(text(rows), "utf-8")
    return path


def alerts(site: Installation) -> list[str]:
    """The kinds of what stands, in the order of saying."""
    rows = sorted(site.rows(tables.alert), key=lambda r: (r["created_at"], r["ref"]))
    return [r["kind"] for r in rows if r["state"] != "withdrawn"]


def kinds(site: Installation) -> list[str]:
    """The kinds of the events that were recorded, in order."""
    return [str(entry.leaf.facts["event_kind"]) for entry in site.leaves(Kind.BOOKING_EVENT)]


def strangers(count: int) -> list[Person]:
    """People on no roster, all unlike."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return [
        Person(
            "", f"{letters[n % 26]}{letters[n // 26 % 26]}zeb", f"Qu{letters[n // 3 % 26]}{letters[n * 7 % 26]}rax{n}",
            f"19{50 + n % 40}-{1 + n % 12:02d}-{1 + n % 28:02d}", "M", f"{1000 + n}", f"555888{1000 + n}", f"{n} Elm", "00400",
        )
        for n in range(count)
    ]  # fmt: skip
