"""The one gate before everything that leaves: it is shut in shadow, behind the fence after a restore, and while the clock is
set back.
"""

from __future__ import annotations

from sqlalchemy import Connection

from service import clock_guard
from service.engine import Engine
from store import fences, operation


def may_send(engine: Engine) -> bool:
    """Whether anything may leave now. Behind the fence what waits is held, until a person lets it go."""
    with engine.database.read() as conn:
        if operation.in_shadow(conn) or clock_guard.read(engine, conn).behind:
            return False
        fenced = fences.standing(conn) is not None
    if fenced:
        with engine.database.write() as conn:
            fences.hold(conn)
    return not fenced


def may_open(conn: Connection) -> bool:
    """Whether alerts may be opened: not while a revocation may be among what a restore lost."""
    fence = fences.standing(conn)
    return fence is None or not fence.shut
