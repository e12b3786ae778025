"""What senders prove themselves with when they push. Only hashes: who reads the database can push nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, insert, or_, select, update

from store.tables import feed_token


def add(conn: Connection, feed: str, token_hash: str, now: datetime) -> None:
    conn.execute(insert(feed_token).values(token_hash=token_hash, feed=feed, made_at=now))


def end(conn: Connection, feed: str, until: datetime, now: datetime) -> int:
    """No token of the feed is good beyond `until`; what was to end earlier still does. Returns how many stood until now."""
    stood = len(standing(conn, feed, now))
    later = or_(feed_token.c.until.is_(None), feed_token.c.until > until)
    conn.execute(update(feed_token).where(feed_token.c.feed == feed, later).values(until=until))
    conn.execute(delete(feed_token).where(feed_token.c.feed == feed, feed_token.c.until <= now))
    return stood


def standing(conn: Connection, feed: str, now: datetime) -> Sequence[str]:
    """The hashes of the tokens that are good now."""
    good = or_(feed_token.c.until.is_(None), feed_token.c.until > now)
    return conn.execute(select(feed_token.c.token_hash).where(feed_token.c.feed == feed, good)).scalars().all()
