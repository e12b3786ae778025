"""Taking in what people bring: the staff directory, clinicians' keys, clients' consents. Each act is in the audit log."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection

from alerts.enrolment import enrol as put_in_force
from alerts.keys import PrivateKey, PublicKey
from audit.leaves import Kind, Leaf, leaf
from config import Refuse
from consent import ConsentRecord
from consent.facts import CONSENT_RECORD, places
from records import ClientId, ClientRef, StaffId, StaffMember
from service.engine import Engine
from store import clients, consents, staff

KEY_LIFE = timedelta(days=365)


class UnknownStaff(Refuse):
    """The directory has no such member."""


def import_staff(engine: Engine, members: Sequence[StaffMember]) -> int:
    """Take over a whole directory. Members it no longer lists are kept, inactive: their history needs them."""
    now = engine.clock()
    with engine.database.write() as conn:
        listed = {member.staff for member in members}
        gone = [m for m in staff.everyone(conn).values() if m.staff not in listed and m.active]
        for member in (*members, *(_inactive(m) for m in gone)):
            staff.put(conn, member, now)
        changed = leaf(Kind.CONFIG_CHANGE, config_hash=_hash(members), settings=["staff"])
        engine.audit.append(conn, [changed], now)
    return len(members)


def generate_key(path: Path) -> PublicKey:
    """A new pair whose private half is written to `path`, readable by its owner only."""
    private = PrivateKey.generate()
    private.save(path)
    return private.public


def read_public(path: Path) -> PublicKey:
    """A public key as a JWK file. Raises KeyRefused, or Refuse for what is no JSON."""
    try:
        jwk: Mapping[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as fault:
        raise Refuse(f"{path.name} does not hold a key as JSON") from fault
    return PublicKey.enrol(jwk)


def enrol(engine: Engine, member: StaffId, key: PublicKey) -> None:
    """Put the key in force for a year. Alerts that waited for a key are tried again."""
    now = engine.clock()
    with engine.database.write() as conn:
        if staff.get(conn, member) is None:
            raise UnknownStaff(f"the directory has no {member}; import the staff directory first")
        if put_in_force(conn, member, key, now=now, expires=now + KEY_LIFE):
            made = leaf(Kind.KEY_CHANGE, key_purpose="staff", change="recorded", kid=key.kid, staff=member)
            engine.audit.append(conn, [made], now)


def _inactive(member: StaffMember) -> StaffMember:
    return replace(member, active=False)


def _hash(members: Sequence[StaffMember]) -> str:
    """Which directory was taken over, without saying what is in it."""
    return sha256(
        repr([(m.staff, m.org, m.active, m.verified, m.programs, m.supervises) for m in members]).encode()
    ).hexdigest()


@dataclass(frozen=True, slots=True)
class ConsentImport:
    """What became of a file of consents. `unknown` are lines whose client is on no roster."""

    recorded: int
    unchanged: int
    unknown: tuple[int, ...]


def import_consents(engine: Engine, path: Path, org: str | None, by: str) -> ConsentImport:
    """Record the consents of a file (JSON lines in the published schema), whole or not at all.

    A form whose entry is as it was is left alone; a changed one is a new entry in the client's history. `org` says
    whose clients they are, where two organisations use the same numbers.
    """
    records = _consent_lines(path)
    now = engine.clock()
    with engine.database.write() as conn:
        known = {(c.entry.org, c.entry.client_id): c.ref for c in clients.every(conn, engine.vault, org)}
        by_number = {number: ref for (_, number), ref in known.items()}
        leaves, unchanged, unknown = [], 0, []
        for line, record in records:
            client = by_number.get(ClientId(record.client_id))
            if client is None:
                unknown.append(line)
            elif stated := _record_consent(engine, conn, client, record, by=by, now=now):
                leaves.append(stated)
            else:
                unchanged += 1
        engine.audit.append(conn, leaves, now)
    return ConsentImport(len(leaves), unchanged, tuple(unknown))


def _consent_lines(path: Path) -> list[tuple[int, ConsentRecord]]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as fault:
        raise Refuse(f"{path.name} cannot be read as UTF-8") from fault
    read, faults = [], []
    for number, line in enumerate(lines, start=1):
        try:
            if line.strip():
                read.append((number, CONSENT_RECORD.validate_json(line)))
        except ValidationError as fault:
            faults += [f"line {number}, {place}" for place in places(fault)]
    if faults:
        raise Refuse(f"{path.name}: {'; '.join(faults[:10])}; nothing was recorded")
    return read


def _record_consent(
    engine: Engine, conn: Connection, client: ClientRef, record: ConsentRecord, *, by: str, now: datetime
) -> Leaf | None:
    """Append the entry and give its leaf; None where the history already ends with it."""
    document = CONSENT_RECORD.dump_python(record, mode="json", by_alias=True, warnings=False)
    earlier = [e.record for e in consents.history(conn, engine.vault, client) if e.record["id"] == record.id]
    if earlier and earlier[-1] == document:
        return None
    form = engine.locator.ref("consent", record.id)
    entry = engine.locator.ref("consent-entry", client, record.id, str(len(earlier)))
    seq = consents.append(conn, engine.vault, client, document, ref=entry, by=by, now=now)
    return leaf(Kind.CONSENT, consent=form, client=client, change="recorded", by=by, seq=seq)
