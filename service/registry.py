"""Taking in what people bring: the staff directory and clinicians' keys. Each act is in the audit log."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from alerts.dead_letters import retry_for
from alerts.enrolment import enrol as put_in_force
from alerts.keys import PrivateKey, PublicKey
from audit.leaves import Kind, leaf
from config import Refuse
from records import StaffId, StaffMember
from service.engine import Engine
from store import staff

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
        retry_for(conn, member, now=now)


def _inactive(member: StaffMember) -> StaffMember:
    return replace(member, active=False)


def _hash(members: Sequence[StaffMember]) -> str:
    """Which directory was taken over, without saying what is in it."""
    return sha256(
        repr(
            [
                (
                    m.staff,
                    m.org,
                    m.active,
                    m.verified,
                    m.programs,
                    m.supervises,
                    m.quiet_hours,
                    m.absences,
                    m.on_call,
                    m.channels,
                )
                for m in members
            ]
        ).encode()
    ).hexdigest()
