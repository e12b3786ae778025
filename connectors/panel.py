"""A whole roster from its rows: one entry a client, and a report of those that look like one person twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from connectors.snapshot import client_key
from records import Flag, Identity, RosterEntry

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Twice:
    """Two lines of one roster, under two client numbers, that give the same first and last name and date of birth.

    Lines only: the report goes to people who mend rosters, by way of a terminal.
    """

    org: str
    lines: tuple[int, ...]


def merge_rows(entries: Iterable[RosterEntry]) -> list[RosterEntry]:
    """One entry a client. Rosters repeat a client for each programme or clinician; facts that differ are flagged.

    The first row's identity is the name of record; a differing one of a later row is kept as one more identity, so that
    the client is still found, and the entry is flagged so that somebody mends it.
    """
    merged: dict[tuple[str, str], RosterEntry] = {}
    for entry in entries:
        key = client_key(entry)
        before = merged.get(key)
        merged[key] = entry if before is None else _joined(before, entry)
    return list(merged.values())


def _joined(before: RosterEntry, entry: RosterEntry) -> RosterEntry:
    further = tuple(person for person in entry.identities if person not in before.identities)
    flags = [flag for flag in entry.flags if flag.reason != "repeated" and flag not in before.flags]
    if entry.identities[0] != before.identities[0]:
        flags.append(Flag("identity", "rows-differ"))
    return replace(
        before,
        identities=before.identities + further,
        enrolments=_union(before.enrolments, entry.enrolments),
        assignments=_union(before.assignments, entry.assignments),
        team=before.team or entry.team,
        supervisor=before.supervisor or entry.supervisor,
        flags=(*before.flags, *flags),
    )


def _union(first: tuple[_T, ...], second: tuple[_T, ...]) -> tuple[_T, ...]:
    return first + tuple(item for item in second if item not in first)


def persons_twice(entries: Sequence[RosterEntry]) -> list[Twice]:
    """Clients of one organisation that seem to be one person under two numbers. A complete date of birth is needed."""
    lines: dict[tuple[str, str, str, str], dict[str, int]] = defaultdict(dict)
    for entry in entries:
        for person in entry.identities:
            if len(person.birth_date) == 10 and person.first and person.last:
                lines[entry.org, *_key(person)].setdefault(entry.client_id, entry.source_line)
    found = {Twice(org, tuple(sorted(clients.values()))) for (org, *_), clients in lines.items() if len(clients) > 1}
    return sorted(found, key=lambda twice: twice.lines)


def _key(person: Identity) -> tuple[str, str, str]:
    return person.first.casefold(), person.last.casefold(), person.birth_date
