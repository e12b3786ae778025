"""Consents that end by their day, found by it: which, whose and when, without opening any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, exists, func, not_, or_, select
from sqlalchemy.sql import Select

from records import ClientRef, OrgId
from store.tables import client, consent_record


@dataclass(frozen=True, slots=True)
class Place:
    """Where a list goes on: after this entry."""

    ends_at: datetime
    ref: str


@dataclass(frozen=True, slots=True)
class Ending:
    """A consent on file that ends at an instant. `form` is its keyed name."""

    ref: str
    client: ClientRef
    org: str
    form: str
    ends_at: datetime


def ending(
    conn: Connection, now: datetime, until: datetime, org: OrgId | None, *, most: int, after: Place | None = None
) -> Sequence[Ending]:
    """Of clients on a roster: what ends after now and until then, the soonest first."""
    query = _standing(org).where(consent_record.c.ends_at > now, consent_record.c.ends_at <= until)
    if after is not None:
        later = (consent_record.c.ends_at == after.ends_at) & (consent_record.c.ref > after.ref)
        query = query.where(consent_record.c.ends_at >= after.ends_at)
        query = query.where(or_(consent_record.c.ends_at > after.ends_at, later))
    rows = conn.execute(query.order_by(consent_record.c.ends_at, consent_record.c.ref).limit(most))
    return [Ending(r.ref, ClientRef(r.client), r.org, r.form, r.ends_at) for r in rows]


def counts(
    conn: Connection, now: datetime, untils: Sequence[datetime], org: OrgId | None, most: int
) -> tuple[dict[str, list[int]], datetime | None]:
    """By organisation how many end until each of these instants, of the `most` that end soonest.

    The second is the end of the last one that was counted, where there are more: what lies beyond is not in the numbers.
    """
    soonest = _standing(org).where(consent_record.c.ends_at > now, consent_record.c.ends_at <= max(untils))
    some = soonest.order_by(consent_record.c.ends_at).limit(most + 1).subquery()
    within = [func.count().filter(some.c.ends_at <= until) for until in untils]
    rows = conn.execute(select(some.c.org, *within).group_by(some.c.org)).all()
    counted = sum(row[len(untils)] for row in rows)
    last = conn.execute(select(func.max(some.c.ends_at))).scalar() if counted > most else None
    return {row.org: list(row[1:]) for row in rows}, last


def _standing(org: OrgId | None) -> Select[tuple[str, str, str, datetime, str]]:
    """The latest entry of each consent, where it ends by itself and its client is on a roster."""
    own, later = consent_record, consent_record.alias("later")
    newer = exists().where(later.c.client == own.c.client, later.c.form == own.c.form, later.c.seq > own.c.seq)
    query = select(own.c.ref, own.c.client, own.c.form, own.c.ends_at, client.c.org)
    query = query.join(client, client.c.ref == own.c.client)
    query = query.where(not_(newer), client.c.retired_at.is_(None))
    return query if org is None else query.where(client.c.org == org)
