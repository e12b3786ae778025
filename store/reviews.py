"""The review queue: doubtful links, who thinks what of them, and how each was settled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, distinct, func, insert, select, update

from store.tables import acknowledgement, alert, client, link, review, review_opinion

_VERDICT_AFTER = {"confirmed": "ALERT", "refused": "REVIEW"}
"""What a settled link counts as: a refused one stays below every alert, whatever later evidence says."""


def waiting(conn: Connection, org: str | None) -> Sequence[Any]:
    """Open reviews of one organisation's clients (None: of all), the longest waiting first."""
    query = (
        select(link, review.c.opened_at, client.c.org)
        .join(review, review.c.link == link.c.ref)
        .join(client, client.c.ref == link.c.client)
        .where(review.c.state == "open", link.c.superseded_at.is_(None))
        .order_by(review.c.opened_at, link.c.ref)
    )
    return conn.execute(query if org is None else query.where(client.c.org == org)).all()


def state(conn: Connection, ref: str) -> Any:
    """The link with its review and its client's organisation; None if there is no such review."""
    return conn.execute(
        select(link, review.c.state, review.c.opened_at, review.c.decided_at, review.c.decided_by, client.c.org)
        .join(review, review.c.link == link.c.ref)
        .join(client, client.c.ref == link.c.client)
        .where(link.c.ref == ref)
    ).one_or_none()


def opinions(conn: Connection, ref: str) -> dict[str, str]:
    """What each reviewer thinks, by their id, in the order in which they said so."""
    rows = conn.execute(
        select(review_opinion.c.by, review_opinion.c.opinion)
        .where(review_opinion.c.link == ref)
        .order_by(review_opinion.c.at, review_opinion.c.id)
    )
    return {by: opinion for by, opinion in rows}  # noqa: C416 - rows are not tuples to mypy


def opinions_of(conn: Connection, refs: Sequence[str]) -> dict[str, dict[str, str]]:
    """As `opinions`, for several links at once."""
    found: dict[str, dict[str, str]] = {ref: {} for ref in refs}
    for start in range(0, len(refs), 500):
        said = select(review_opinion).where(review_opinion.c.link.in_(refs[start : start + 500]))
        for row in conn.execute(said.order_by(review_opinion.c.at, review_opinion.c.id)):
            found[row.link][row.by] = row.opinion
    return found


def opine(conn: Connection, ref: str, by: str, opinion: str, now: datetime) -> None:
    """Keep an opinion; a second one of the same person replaces the first."""
    mine = (review_opinion.c.link == ref) & (review_opinion.c.by == by)
    changed = conn.execute(update(review_opinion).where(mine).values(opinion=opinion, at=now))
    if changed.rowcount == 0:
        conn.execute(insert(review_opinion).values(link=ref, by=by, opinion=opinion, at=now))


def settle(conn: Connection, ref: str, outcome: str, by: str, now: datetime) -> None:
    """`confirmed` or `refused`, for good: later evidence about the booking does not change it.

    Also for a link that never was in doubt and about which a clinician spoke.
    """
    values = {"state": outcome, "decided_at": now, "decided_by": by}
    changed = conn.execute(update(review).where(review.c.link == ref).values(**values))
    if changed.rowcount == 0:
        conn.execute(insert(review).values(link=ref, opened_at=now, **values))
    superseded = now if outcome == "refused" else None
    conn.execute(
        update(link).where(link.c.ref == ref).values(verdict=_VERDICT_AFTER[outcome], superseded_at=superseded)
    )


def outcome(conn: Connection, ref: str) -> str | None:
    """What a person said of a link, if one did: `open` while it waits, then `confirmed`, `refused` or `expired`."""
    state: str | None = conn.execute(select(review.c.state).where(review.c.link == ref)).scalar_one_or_none()
    return state


def agreement(conn: Connection, org: str | None, since: datetime) -> dict[str, dict[str, int]]:
    """Of each reviewer since then: with how many second opinions they agreed, of how many, and how many a clinician overturned."""
    mine, theirs = review_opinion, review_opinion.alias("theirs")
    both = (
        select(mine.c.by, mine.c.opinion, theirs.c.opinion.label("other"))
        .join(theirs, (theirs.c.link == mine.c.link) & (theirs.c.by != mine.c.by))
        .where(mine.c.at >= since, mine.c.opinion != "unsure", theirs.c.opinion != "unsure")
    )
    found: dict[str, dict[str, int]] = {}
    for row in conn.execute(_of_org(both, mine.c.link, org)):
        counts = found.setdefault(row.by, {"agreed": 0, "of": 0, "overturned": 0})
        counts["of"] += 1
        counts["agreed"] += row.opinion == row.other
    over = (
        select(mine.c.by, func.count(distinct(mine.c.link)).label("links"))
        .join(alert, alert.c.link == mine.c.link)
        .join(acknowledgement, acknowledgement.c.alert == alert.c.ref)
        .where(mine.c.at >= since, mine.c.opinion == "confirm", acknowledgement.c.verdict == "not_my_client")
        .group_by(mine.c.by)
    )
    for row in conn.execute(_of_org(over, mine.c.link, org)):
        found.setdefault(row.by, {"agreed": 0, "of": 0, "overturned": 0})["overturned"] = row.links
    return found


def _of_org(query: Any, ref: Any, org: str | None) -> Any:
    if org is None:
        return query
    theirs = (
        select(link.c.ref).join(client, client.c.ref == link.c.client).where(link.c.ref == ref, client.c.org == org)
    )
    return query.where(theirs.exists())  # asked of each opinion: there are few, and links are many


def decided_by(conn: Connection, org: str | None, since: datetime) -> dict[str, dict[str, int]]:
    """How many each reviewer confirmed and refused since then. What clinicians say of their alerts is not counted."""
    query = (
        select(review.c.decided_by, review.c.state)
        .join(link, link.c.ref == review.c.link)
        .join(client, client.c.ref == link.c.client)
        .join(review_opinion, (review_opinion.c.link == link.c.ref) & (review_opinion.c.by == review.c.decided_by))
        .where(review.c.decided_at >= since, review.c.state.in_(("confirmed", "refused")))
    )
    found: dict[str, dict[str, int]] = {}
    for by, outcome in conn.execute(query if org is None else query.where(client.c.org == org)):
        counts = found.setdefault(by or "", {"confirmed": 0, "refused": 0})
        counts[outcome] += 1
    return found
