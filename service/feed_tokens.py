"""The tokens of senders who push: made and printed once, kept as hashes, rotated without a gap, revoked at once."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from datetime import timedelta
from hashlib import sha256

from audit.leaves import Kind, Leaf, leaf
from config import Refuse
from service.engine import Engine
from service.feed_commands import named
from service.spool import SealedSpool
from store import feed_tokens

PREFIX = "wlp_"
"""So that scanners for secrets know one that was left lying about."""
_NOBODY = "0" * 64


class NotPushed(Refuse):
    """The feed is read by us; nobody pushes to it, so nobody needs a token."""


def issue(engine: Engine, feed: str, overlap: timedelta) -> str:
    """A new token of the feed, told once. Earlier ones are good for `overlap` more, while the sender changes over.

    256 random bits need no slow hash. Raises UnknownFeed, NotPushed.
    """
    _pushed(engine, feed)
    token = PREFIX + urlsafe_b64encode(engine.random(32)).decode().rstrip("=")
    now = engine.clock()
    with engine.database.write() as conn:
        earlier = feed_tokens.end(conn, feed, now + overlap, now)
        feed_tokens.add(conn, feed, _hashed(token), now)
        engine.audit.append(conn, [_said("rotated" if earlier else "created", feed)], now)
    engine.log.info("feed.token", feed=feed, state="rotated" if earlier else "created")
    return token


def revoke(engine: Engine, feed: str) -> int:
    """No token of the feed is good any more. Returns how many were. A feed that is gone may have left some."""
    now = engine.clock()
    with engine.database.write() as conn:
        ended = feed_tokens.end(conn, feed, now, now)
        if ended:
            engine.audit.append(conn, [_said("revoked", feed)], now)
    engine.log.info("feed.token", feed=feed, state="revoked")
    return ended


def holds(engine: Engine, feed: str, token: str) -> bool:
    """Whether this token is one of the feed. The same steps whether or not there is such a feed."""
    with engine.database.read() as conn:
        good = feed_tokens.standing(conn, feed, engine.clock())
    given = _hashed(token)
    return sum(hmac.compare_digest(one, given) for one in good or [_NOBODY]) > 0


def _said(change: str, feed: str) -> Leaf:
    return leaf(Kind.KEY_CHANGE, key_purpose="feed", change=change, by="terminal", feed=feed)


def _hashed(token: str) -> str:
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _pushed(engine: Engine, feed: str) -> None:
    if not isinstance(engine.connector(named(engine.settings, feed)).transport, SealedSpool):
        raise NotPushed(f"feed {feed} is not one that is pushed")
