"""The staff directory and the public keys alerts are sealed to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, Text, cast, insert, or_, select, update

from records import StaffId, StaffMember
from store.tables import staff, staff_key

_MEMBER = TypeAdapter(StaffMember)


@dataclass(frozen=True, slots=True)
class StaffKey:
    """A public key of a clinician. `kid` is its RFC 7638 thumbprint."""

    kid: str
    staff: StaffId
    public_jwk: dict[str, Any]
    expires_at: datetime | None
    revoked_at: datetime | None


def put(conn: Connection, member: StaffMember, now: datetime) -> None:
    values = {"org": member.org, "record": _MEMBER.dump_python(member, mode="json"), "updated_at": now}
    changed = conn.execute(update(staff).where(staff.c.staff == member.staff).values(**values))
    if changed.rowcount == 0:
        conn.execute(insert(staff).values(staff=member.staff, **values))


def everyone(conn: Connection, org: str | None = None) -> dict[StaffId, StaffMember]:
    """The directory, or one organisation's part of it."""
    query = select(cast(staff.c.record, Text)).order_by(staff.c.staff)
    rows = conn.execute(query if org is None else query.where(staff.c.org == org)).scalars()
    return {member.staff: member for member in map(_member, rows)}


def imported_since(conn: Connection, at: datetime) -> bool:
    """Whether a directory was taken over after that instant."""
    return conn.execute(select(staff.c.staff).where(staff.c.updated_at > at)).first() is not None


def names(conn: Connection) -> dict[str, str]:
    """Each member's name by id."""
    return {str(who): member.name for who, member in everyone(conn).items()}


@lru_cache(50_000)
def _member(record: str) -> StaffMember:
    """Every decision and every page reads the directory, which changes once a day: the same text is read once."""
    return _MEMBER.validate_json(record)


def of_org(conn: Connection, org: str) -> frozenset[str]:
    """Ids of an organisation's members."""
    return frozenset(conn.execute(select(staff.c.staff).where(staff.c.org == org)).scalars())


def get(conn: Connection, staff_id: StaffId) -> StaffMember | None:
    record = conn.execute(select(staff.c.record).where(staff.c.staff == staff_id)).scalar_one_or_none()
    return None if record is None else _MEMBER.validate_python(record)


def add_key(conn: Connection, key: StaffKey, now: datetime) -> None:
    conn.execute(
        insert(staff_key).values(
            kid=key.kid, staff=key.staff, public_jwk=key.public_jwk, added_at=now, expires_at=key.expires_at
        )
    )


def key(conn: Connection, kid: str) -> StaffKey | None:
    row = conn.execute(select(staff_key).where(staff_key.c.kid == kid)).one_or_none()
    return None if row is None else _key(row)


def usable_keys(conn: Connection, staff_id: StaffId, now: datetime) -> Sequence[StaffKey]:
    """Keys that are neither revoked nor expired, the newest first. Empty means: do not send, tell a person."""
    rows = conn.execute(
        select(staff_key)
        .where(
            staff_key.c.staff == staff_id,
            or_(staff_key.c.expires_at.is_(None), staff_key.c.expires_at > now),
            or_(staff_key.c.revoked_at.is_(None), staff_key.c.revoked_at > now),
        )
        .order_by(staff_key.c.added_at.desc(), staff_key.c.kid)
    )
    return [_key(row) for row in rows]


def with_keys(conn: Connection, now: datetime) -> frozenset[StaffId]:
    """Everybody who has a key in force."""
    in_force = (
        or_(staff_key.c.expires_at.is_(None), staff_key.c.expires_at > now),
        or_(staff_key.c.revoked_at.is_(None), staff_key.c.revoked_at > now),
    )
    return frozenset(map(StaffId, conn.execute(select(staff_key.c.staff).where(*in_force).distinct()).scalars()))


def _key(row: Any) -> StaffKey:
    return StaffKey(row.kid, StaffId(row.staff), row.public_jwk, row.expires_at, row.revoked_at)
