"""Which public key stands for which member of staff, from enrolment to expiry or revocation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Row, and_, or_, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from alerts.errors import KeyRefused, NoUsableKey
from alerts.keys import PublicKey
from records.ids import StaffId
from store.tables import staff_key


@dataclass(frozen=True, slots=True)
class Expiring:
    """A key that needs renewing, for the reminder to its owner. Staff are not clients: their id may be shown."""

    staff: StaffId
    kid: str
    expires: datetime


def enrol(conn: Connection, staff: StaffId, key: PublicKey, *, now: datetime, expires: datetime | None) -> bool:
    """Put a key in force for `staff`. True if it is new, False if it already was theirs.

    Older keys of the same person stay in force until they expire or are revoked: what is sealed to them can be read.
    New alerts go to the newest. Raises KeyRefused for a key that is another's, was revoked, or is past its expiry.
    """
    if expires is not None and expires <= now:
        raise KeyRefused("the key's expiry has passed")
    row = {"kid": key.kid, "staff": staff, "public_jwk": dict(key.jwk), "added_at": now, "expires_at": expires}
    insert = postgresql_insert if conn.dialect.name == "postgresql" else sqlite_insert
    if conn.execute(insert(staff_key).values(row).on_conflict_do_nothing()).rowcount:
        return True
    found = conn.execute(select(staff_key).where(staff_key.c.kid == key.kid)).one()
    _check_same(found, staff, now)
    return False


def revoke(conn: Connection, kid: str, *, now: datetime) -> None:
    """From now on nothing is sealed to this key. Raises KeyRefused if there is no such key; repeating is harmless."""
    done = conn.execute(
        update(staff_key).where(staff_key.c.kid == kid, staff_key.c.revoked_at.is_(None)).values(revoked_at=now)
    )
    if not done.rowcount and not conn.execute(select(staff_key.c.kid).where(staff_key.c.kid == kid)).first():
        raise KeyRefused(f"no key {kid} is enrolled")


def usable_key(conn: Connection, staff: StaffId, *, now: datetime) -> PublicKey:
    """The newest key in force. Raises NoUsableKey: the alert then waits in the inbox's queue and a person is told."""
    row = conn.execute(
        select(staff_key)
        .where(staff_key.c.staff == staff, _in_force(now))
        .order_by(staff_key.c.added_at.desc(), staff_key.c.kid)
        .limit(1)
    ).first()
    if row is None:
        raise NoUsableKey(f"{staff} has no key in force; enrol one, or reassign their alerts")
    return PublicKey(row.kid, row.public_jwk)


def expiring(conn: Connection, *, now: datetime, within: timedelta) -> tuple[Expiring, ...]:
    """Keys in force that end soon, the soonest first."""
    rows = conn.execute(
        select(staff_key)
        .where(_in_force(now), staff_key.c.expires_at <= now + within)
        .order_by(staff_key.c.expires_at, staff_key.c.kid)
    )
    return tuple(Expiring(StaffId(row.staff), row.kid, row.expires_at) for row in rows)


def _in_force(now: datetime) -> ColumnElement[bool]:
    ends = staff_key.c.expires_at
    return and_(staff_key.c.added_at <= now, staff_key.c.revoked_at.is_(None), or_(ends.is_(None), ends > now))


def _check_same(found: Row[tuple[object, ...]], staff: StaffId, now: datetime) -> None:
    if found.staff != staff:
        raise KeyRefused("this key is enrolled for someone else; a key belongs to one person")
    if found.revoked_at is not None or (found.expires_at is not None and found.expires_at <= now):
        raise KeyRefused("this key was revoked or has expired; make a new pair")
