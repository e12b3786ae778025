"""Reports of the audit log as people take them out: who took which is in the log, with its hash, before it is given."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from hashlib import file_digest
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from audit.catalogue import REPORTS, Request, latest
from audit.catalogue import produce as from_log
from audit.export import export as write_log
from audit.facts import PARTY
from audit.fhir import ndjson
from audit.leaves import Entry, Kind, leaf
from audit.log import entries
from audit.pdf import Reading, to_pdf
from audit.places import chunks
from audit.render import Provenance, export_leaf, to_csv, to_json, to_text
from audit.report import Period, Table, text, years_before
from config import Refuse
from records import ClientRef, OrgId
from service.engine import Engine
from store import staff
from store.tables import client as client_table

FORMATS = ("text", "csv", "json", "pdf")
_PEOPLE = frozenset({"recipient", "by", "reviewed_by"})
"""Columns that hold ids of staff, who are no clients: a report may say their names."""
_AT_ONCE = 500
_AGE = re.compile(r"(\d{1,4})([dwmy])")
_DAYS = {"d": 1, "w": 7, "m": 30}


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to see: a report of the catalogue, of one client or person where it can be, in a period.

    `whose`: an officer of that organisation asks, and sees what concerns its clients and staff.
    """

    code: str
    by: str
    client: str | None = None
    org: str | None = None
    person: str | None = None
    since: datetime | None = None
    as_of: datetime | None = None
    whose: OrgId | None = None
    most: int | None = None
    """For a page: of the period no more than about so many of the latest entries are read, and the report says since when."""


@dataclass(frozen=True, slots=True)
class Made:
    """A report and the state of the log that it was made from. `plain` has ids where `table` has names of staff."""

    table: Table
    source: Provenance
    client: ClientRef | None
    plain: Table


def produce(engine: Engine, wish: Wish) -> Made:
    """The report, over the log as it stands now. Raises Refuse for a client or a report that there is not."""
    now = engine.clock()
    org = wish.org or wish.whose
    if wish.whose not in {None, org} or (wish.whose and wish.code in REPORTS and REPORTS[wish.code].whole_only):
        raise Refuse("this report is not an organisation's own to see")
    subject = client_ref(engine, wish.client, org) if wish.client is not None else None
    with engine.database.read() as conn:
        head = engine.audit.head(conn)
        since = wish.since if wish.most is None else _latest(conn, wish, wish.most)
        asked = Request(wish.as_of or now, since, subject, wish.person, to_the_end=wish.as_of is None)
        table = from_log(conn, wish.code, asked, head.size, only=lambda known: _seen_by(conn, known, wish))
        people = {who: f"{name} ({who})" for who, name in staff.names(conn).items()}
    source = Provenance(party(wish.by), now, engine.audit.origin, head, engine.settings.organisation)
    if wish.client is not None:
        table = replace(table, notes=(f"About client {wish.client}.", *table.notes))
    return Made(_named(table, people), source, subject, table)


def _latest(conn: Connection, wish: Wish, most: int) -> datetime | None:
    return latest(conn, wish.code, Period(wish.since, wish.as_of), most).since


def _seen_by(conn: Connection, known: Iterable[Entry], wish: Wish) -> Iterable[Entry]:
    """All of it, except for an organisation's own officer who asks about more than feeds."""
    of_feeds = wish.code in REPORTS and REPORTS[wish.code].of_feeds
    return known if of_feeds else concerning(conn, known, wish.whose)


def concerning(conn: Connection, known: Iterable[Entry], org: OrgId | None) -> Iterator[Entry]:
    """Entries about the organisation's clients, or, where no client is named, about its staff; all for None."""
    if org is None:
        yield from known
        return
    people, source = staff.of_org(conn, org), iter(known)
    while some := list(islice(source, _AT_ONCE)):
        ours = clients_of(conn, org, {text(entry, "client") for entry in some})
        for entry in some:
            named = text(entry, "client")
            if named in ours if named else people & {text(entry, "by"), text(entry, "recipient")}:
                yield entry


def clients_of(conn: Connection, org: OrgId, refs: Collection[str]) -> frozenset[str]:
    """Those of these clients who are the organisation's."""
    found: set[str] = set()
    for some in chunks(sorted(refs)):
        ours = select(client_table.c.ref).where(client_table.c.ref.in_(some), client_table.c.org == org)
        found.update(conn.execute(ours).scalars())
    return frozenset(found)


def export(engine: Engine, made: Made, form: str) -> bytes:
    """The report as a file's bytes; who took it and its hash are in the log before they are given."""
    content = _WRITERS[form](engine, made)
    stated = export_leaf(made.table, form, made.source.by, content, made.client)
    with engine.database.write() as conn:
        engine.audit.append(conn, [stated], engine.clock())
    return content


def export_events(engine: Engine, path: Path, by: str, period: Period) -> int:
    """Every entry of the period as FHIR R4 AuditEvents, one a line. Gives how many; the file is there once the log says so."""
    part, count = _part(path), 0
    with engine.database.read() as conn, part.open("wb") as file:
        for line in ndjson(entries(conn, period=period), engine.audit.origin):
            file.write(line.encode())
            count += 1
    _give(engine, part, path, by, report="events", form="fhir", rows=count, since=period.since, until=period.until)
    return count


def export_log(engine: Engine, path: Path, by: str) -> str:
    """The whole log up to its newest checkpoint, which is given, in the form of the stand-alone verifier."""
    part = _part(path)
    with engine.database.read() as conn, part.open("wb") as stream:
        note = write_log(conn, engine.audit.origin, stream)
    _give(engine, part, path, by, report="log", form="log")
    return note


def client_ref(engine: Engine, number: str, org: str | None) -> ClientRef:
    """A client by the number on the roster of an organisation; the only one, if none is named."""
    orgs = {feed.org for feed in engine.settings.feeds if feed.kind == "roster" and feed.org}
    if org is None and len(orgs) != 1:
        raise Refuse(f"name the organisation whose client it is: {', '.join(sorted(orgs))}")
    ref = ClientRef(engine.locator.ref("client", org or next(iter(orgs)), number.strip()))
    with engine.database.read() as conn:
        if conn.execute(select(client_table.c.ref).where(client_table.c.ref == ref)).first() is None:
            raise Refuse("no roster of that organisation has listed a client of this number")
    return ref


def party(name: str) -> str:
    """Who does it, as the log can say it. Raises Refuse."""
    if PARTY(name) is None:
        raise Refuse("who it is must be one word of letters, digits and . _ - @ (say it with --by)")
    return name


def moment(text: str, now: datetime, zone: ZoneInfo) -> datetime:
    """An age such as 6y, 3m, 2w or 90d before now; a day, from its first instant in the zone; or an instant with its offset."""
    if age := _AGE.fullmatch(text):
        count, unit = int(age[1]), age[2]
        if unit == "y":
            return years_before(now, count)
        return datetime.fromtimestamp(now.timestamp() - count * _DAYS[unit] * 86_400, UTC)
    try:
        read = datetime.fromisoformat(text)
    except ValueError as fault:
        raise Refuse("a time looks like 6y, 90d, 2026-10-06 or 2026-10-06T08:00:00-04:00") from fault
    if read.tzinfo is None:
        if read.time() != time():
            raise Refuse("an instant needs its offset, such as 2026-10-06T08:00:00-04:00 or ...Z")
        read = read.replace(tzinfo=zone)
    return read.astimezone(UTC)


def catalogue() -> Iterable[tuple[str, str]]:
    """Every report: its code and the question that it answers."""
    return [(code, offer.answers) for code, offer in REPORTS.items()]


def _named(table: Table, people: Mapping[str, str]) -> Table:
    columns = [name for name in table.columns if name in _PEOPLE]
    rows = (replace(row, **{c: people.get(getattr(row, c), getattr(row, c)) for c in columns}) for row in table.rows)
    return replace(table, rows=tuple(rows))


def _pdf(engine: Engine, made: Made) -> bytes:
    book = engine.rulebook
    legend = {
        code: f"{meaning.words} ({meaning.citation})" for code, meaning in (book.obligations | book.reasons).items()
    }
    return to_pdf(made.table, made.source, Reading(legend, ZoneInfo(engine.settings.zone)))


_WRITERS: Mapping[str, Callable[[Engine, Made], bytes]] = {
    "text": lambda _, made: to_text(made.table, made.source).encode(),
    "csv": lambda _, made: to_csv(made.table, made.source).encode(),
    "json": lambda _, made: to_json(made.table, made.source).encode(),
    "pdf": _pdf,
}


def _part(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def _give(engine: Engine, part: Path, path: Path, by: str, *, form: str, **facts: object) -> None:
    """First the log, then the file under its name: what cannot be recorded is not there to be taken."""
    with part.open("rb") as file:
        hashed = file_digest(file, "sha256").hexdigest()
    stated = leaf(Kind.EXPORT, format=form, by=party(by), content_hash=hashed, **facts)
    with engine.database.write() as conn:
        engine.audit.append(conn, [stated], engine.clock())
    part.replace(path)
