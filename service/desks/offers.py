"""Offering a link to several people: asking the rules, and queueing the alerts, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection

from audit.leaves import Leaf
from records import StaffMember
from service.disclosure import Case
from service.engine import Engine
from service.offers import News, offer


def offer_all(
    engine: Engine, conn: Connection, case: Case, to: Iterable[StaffMember], news: News, *, now: datetime
) -> list[Leaf]:
    """A decision for each person, and an alert for each who may be told. One who has this alert gets no second."""
    made = (offer(engine, conn, case, member, news, now=now) for member in to)
    return [stated for one in made if one is not None for stated in one.leaves]
