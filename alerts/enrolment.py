"""Which public key stands for which member of staff, from enrolment to expiry or revocation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, or_, select, update

from alerts.errors import KeyRefused, NoUsableKey
from alerts.keys import PublicKey
from records.ids import StaffId
from store import staff as directory
from store.staff import StaffKey
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
    found = directory.key(conn, key.kid)
    if found is None:
        directory.add_key(conn, StaffKey(key.kid, staff, dict(key.jwk), expires, None), now)
        return True
    _check_same(found, staff, now)
    return False


def revoke(conn: Connection, kid: str, *, now: datetime) -> None:
    """From now on nothing is sealed to this key. Raises KeyRefused if there is no such key; repeating is harmless."""
    if directory.key(conn, kid) is None:
        raise KeyRefused(f"no key {kid} is enrolled")
    conn.execute(
        update(staff_key).where(staff_key.c.kid == kid, staff_key.c.revoked_at.is_(None)).values(revoked_at=now)
    )


def usable_key(conn: Connection, staff: StaffId, *, now: datetime) -> PublicKey:
    """The newest key in force. Raises NoUsableKey: the alert then waits and a person is told. Never plaintext instead."""
    for found in directory.usable_keys(conn, staff, now):
        return PublicKey(found.kid, found.public_jwk)
    raise NoUsableKey(f"{staff} has no key in force; enrol one, or reassign their alerts")


def expiring(conn: Connection, *, now: datetime, within: timedelta) -> tuple[Expiring, ...]:
    """Keys in force that end soon, the soonest first."""
    ends, revoked = staff_key.c.expires_at, staff_key.c.revoked_at
    rows = conn.execute(
        select(staff_key)
        .where(ends > now, ends <= now + within, or_(revoked.is_(None), revoked > now))
        .order_by(ends, staff_key.c.kid)
    )
    return tuple(Expiring(StaffId(row.staff), row.kid, row.expires_at) for row in rows)


def _check_same(found: StaffKey, staff: StaffId, now: datetime) -> None:
    if found.staff != staff:
        raise KeyRefused("this key is enrolled for someone else; a key belongs to one person")
    if found.revoked_at is not None or (found.expires_at is not None and found.expires_at <= now):
        raise KeyRefused("this key was revoked or has expired; make a new pair")
