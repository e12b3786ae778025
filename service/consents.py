"""The life of a consent in the store: recorded, corrected, revoked, superseded. Nothing is overwritten.

Revocation counts from the instant of its receipt: whatever is still queued is asked about again before it is sent, and
whatever was delivered is asked about again before it is opened. Where the organisation asks for it, what relied on the
consent is taken back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from audit.leaves import Kind, Leaf, leaf
from config import Refuse
from consent import ConsentRecord
from consent import history as life
from consent.history import Act, Entry, History
from consent.intake import Fault, Intake, Taken, Unfit, as_raw, as_record
from consent.intake_csv import parse_csv
from consent.intake_fhir import BARE, FormTemplate, parse_fhir
from consent.times import end
from consent.vocabulary import ConsentStatus, RevocationMethod
from records import ClientId, ClientRef
from service.consent_history import client_numbers, client_of, history_of
from service.engine import Engine
from service.offers import retract
from store import clients, consents, findings, lost_consents

CHANGES = {Act.REVOKED: "revoked", Act.SUPERSEDED: "superseded", Act.RECORDED: "recorded", Act.CORRECTED: "recorded"}


@dataclass(frozen=True, slots=True)
class ConsentImport:
    """What became of a file of consents. `unknown` are lines whose client is on no roster, `faults` those that were refused."""

    recorded: int
    unchanged: int
    unknown: tuple[int, ...]
    faults: tuple[str, ...] = ()


def import_file(
    engine: Engine, path: Path, *, org: str | None, by: str, template: FormTemplate = BARE
) -> ConsentImport:
    """Record the consents of a CSV, JSON lines or FHIR file. What cannot be read is named by line and left out.

    A form that reads as it did is left alone; one that reads otherwise is a correction in its history.
    """
    intake = read_file(path, template)
    now = engine.clock()
    with engine.database.write() as conn:
        leaves, unchanged, unknown = record_all(engine, conn, intake.taken, org=org, by=by, now=now)
        engine.audit.append(conn, leaves, now)
    return ConsentImport(len(leaves), unchanged, unknown, tuple(str(fault) for fault in intake.faults))


def record_all(
    engine: Engine, conn: Connection, forms: Iterable[Taken], *, org: str | None, by: str, now: datetime
) -> tuple[list[Leaf], int, tuple[int, ...]]:
    """Record forms in the caller's transaction: the leaves to append, how many read as before, lines of unknown clients."""
    leaves: list[Leaf] = []
    unknown: list[int] = []
    unchanged = 0
    known = client_numbers(conn, engine, org)
    for taken in forms:
        client = known.get(ClientId(taken.record.client_id))
        if client is None:
            unknown.append(taken.line)
        elif made := _take(engine, conn, client, taken, by=by, now=now):
            leaves += made
        else:
            unchanged += 1
    return leaves, unchanged, tuple(unknown)


def read_file(path: Path, template: FormTemplate = BARE) -> Intake:
    """By the file's ending: .csv, .jsonl (one record in the published schema a line), or .json (FHIR R4)."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as fault:
        raise Refuse(f"{path.name} cannot be read as UTF-8") from fault
    match path.suffix:
        case ".csv":
            return parse_csv(text)
        case ".json":
            return parse_fhir(text, template)
        case ".jsonl":
            return _json_lines(text)
        case other:
            raise Refuse(f"a file of consents ends in .csv, .jsonl or .json (FHIR), not {other or 'nothing'}")


def _json_lines(text: str) -> Intake:
    taken, faults = [], []
    for line, row in enumerate(text.splitlines(), start=1):
        if row.strip():
            try:
                taken.append(Taken(as_record(_object(row)), line))
            except Unfit as fault:
                faults.append(Fault(line, fault.field, fault.why))
    return Intake(tuple(taken), tuple(faults))


def _object(row: str) -> dict[str, Any]:
    try:
        read = json.loads(row)
    except (ValueError, RecursionError):
        raise Unfit("row", "not JSON") from None
    if not isinstance(read, dict):
        raise Unfit("row", "not an object")
    return read


def _take(
    engine: Engine, conn: Connection, client: ClientRef, taken: Taken, *, by: str, now: datetime
) -> list[Leaf] | None:
    before = history_of(conn, engine, client)
    earlier = life.of_consent(before, taken.record.id)
    if earlier and earlier[-1].record == taken.record:
        return None
    if not earlier:
        after = life.record(before, taken.record, by=by, at=now)
    else:
        after = life.correct(before, taken.record, by=by, at=now)
    return _keep(engine, conn, client, before, after)


def add(
    engine: Engine, number: str, record: ConsentRecord, *, org: str | None, by: str, scan: Path | None = None
) -> None:
    """Put one consent on file, with the hash of its scanned form where there is one."""
    document = sha256(scan.read_bytes()).hexdigest() if scan else ""
    file(engine, number, record, org=org, by=by, document=document)


def file(engine: Engine, number: str, record: ConsentRecord, *, org: str | None, by: str, document: str) -> None:
    """As `add`, by the SHA-256 of a scan that stays elsewhere (hex; empty where there is none)."""
    now = engine.clock()
    with engine.database.write() as conn:
        client = client_of(conn, engine, number, org)
        before = history_of(conn, engine, client)
        after = life.record(before, record, by=by, at=now, document=document)
        engine.audit.append(conn, _keep(engine, conn, client, before, after), now)


def revoke(
    engine: Engine, number: str, consent: str, *, org: str | None, method: RevocationMethod, by: str, take_back: bool
) -> None:
    """End a consent now. With `take_back`, alerts about this client that are still open are taken back."""
    now = engine.clock()
    with engine.database.write() as conn:
        client = client_of(conn, engine, number, org)
        before = history_of(conn, engine, client)
        after = life.revoke(before, consent, received_at=now, method=method, by=by)
        leaves = _keep(engine, conn, client, before, after)
        if take_back:
            for link in findings.links_with(conn, client):
                leaves += retract(engine, conn, str(link.ref), reason="consent_revoked", now=now)
        engine.audit.append(conn, leaves, now)


def expiring(engine: Engine, within: timedelta) -> list[tuple[str, str, str, datetime]]:
    """(organisation, client number, consent, instant of the end) of what ends soon, soonest first."""
    now, local = engine.clock(), ZoneInfo(engine.settings.zone)
    found = []
    with engine.database.read() as conn:
        for client in clients.every(conn, engine.vault):
            if not client.retired:
                soon = life.expiring(history_of(conn, engine, client.ref), now, within, local)
                found += [(client.entry.org, client.entry.client_id, c.id, over) for c, over in soon]
    return sorted(found, key=lambda row: (row[3], row[0], row[1]))


def _keep(engine: Engine, conn: Connection, client: ClientRef, before: History, after: History) -> list[Leaf]:
    """Append what is new to the store, and say so in the log."""
    return list(_kept(engine, conn, client, after[len(before) :]))


def _kept(engine: Engine, conn: Connection, client: ClientRef, fresh: Iterable[Entry]) -> Iterator[Leaf]:
    for entry in fresh:
        document = {
            "record": as_raw(entry.record),
            "act": entry.act.value,
            "document": entry.document,
            "superseded_by": entry.superseded_by,
        }
        name = engine.locator.ref("consent-entry", client, entry.record.id, str(consents.length(conn, client)))
        form, by, until = (
            engine.locator.ref("consent", entry.record.id),
            entry.recorded_by,
            _until(engine, entry.record),
        )
        term = consents.Term(form, until if _stands(entry) else None)
        seq = consents.append(conn, engine.vault, client, document, ref=name, by=by, now=entry.recorded_at, term=term)
        lost_consents.recorded_again(conn, client, form, _change(entry))
        yield leaf(Kind.CONSENT, consent=form, client=client, change=_change(entry), by=by, seq=seq, until=until)


def _until(engine: Engine, record: ConsentRecord) -> datetime | None:
    """When it ends by itself, in the zone of the rules; then the log can tell what relied on it afterwards."""
    policy = engine.rulebook.policy(engine.settings.consent.jurisdiction)
    return None if record.expires_at is None else end(record.expires_at, policy.zone)


def _stands(entry: Entry) -> bool:
    """Whether nothing but its day ends it."""
    record = entry.record
    ended = entry.act in {Act.REVOKED, Act.SUPERSEDED} or record.revoked_at is not None
    return record.status is ConsentStatus.ACTIVE and not ended


def _change(entry: Entry) -> str:
    """How the log calls it: a form that arrives already revoked, or entered in error, is not simply recorded."""
    if entry.act is Act.RECORDED or entry.act is Act.CORRECTED:
        if entry.record.status is ConsentStatus.ENTERED_IN_ERROR:
            return "entered_in_error"
        if entry.record.revoked_at is not None:
            return "revoked"
    return CHANGES[entry.act]


def entries(engine: Engine, number: str, org: str | None) -> History:
    """A client's history, oldest first."""
    with engine.database.read() as conn:
        return history_of(conn, engine, client_of(conn, engine, number, org))
