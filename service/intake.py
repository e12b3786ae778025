"""What every delivery has in common: an id, its refused rows, and the transaction that closes it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from audit.facts import as_code
from audit.leaves import Kind, Leaf, leaf
from connectors import Cursor, Pull, RowFault, Summary
from service.engine import Engine
from store import feeds
from store.feeds import SetAside


@dataclass(frozen=True, slots=True)
class DeliveryCounts:
    """How many rows of a delivery went where. `rows == records + refused + repeated`; replayed are among the records."""

    rows: int
    records: int
    flagged: int
    refused: int
    repeated: int
    skipped: int
    replayed: int = 0

    @classmethod
    def of(cls, summary: Summary, *, extra_refused: int = 0, replayed: int = 0) -> DeliveryCounts:
        """`extra_refused` rows were good to the connector and are refused by what is configured here."""
        return cls(
            rows=summary.rows,
            records=summary.records - extra_refused,
            flagged=summary.flagged,
            refused=summary.refused + extra_refused,
            repeated=summary.duplicates,
            skipped=summary.skipped,
            replayed=replayed,
        )

    def plain(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class Intake:
    """One delivery while it is being taken in."""

    engine: Engine
    feed: str
    delivery: str
    cursor: Cursor
    now: datetime
    baseline: bool = False
    faults: list[RowFault] = field(default_factory=list)

    @classmethod
    def begin(cls, engine: Engine, feed: str, pull: Pull, now: datetime, *, baseline: bool = False) -> Intake:
        """Name the delivery by its content: the same file again, after a crash or by mistake, is the same delivery."""
        delivery = engine.locator.ref("delivery", feed, pull.source_hash)
        with engine.database.write() as conn:
            feeds.begin_delivery(conn, delivery, feed, now)
        return cls(engine, feed, delivery, pull.cursor, now, baseline)

    def seen_before(self) -> bool:
        with self.engine.database.read() as conn:
            return feeds.delivery_state(conn, self.delivery) == "complete"

    def finish(self, conn: Connection, counts: DeliveryCounts, leaves: Sequence[Leaf] = ()) -> None:
        """Close the delivery in the caller's transaction: counts, refused rows, cursor and audit leaves together."""
        added = feeds.set_aside(conn, self.feed, self.delivery, [self._aside(f) for f in self.faults], self.now)
        feeds.end_delivery(conn, self.delivery, "complete", counts.plain(), self.now)
        baseline = {"baseline_at": self.now} if self.baseline else {}
        feeds.note(conn, self.feed, cursor=self.cursor.token, **baseline)
        pulled = leaf(
            Kind.PULL,
            feed=self.feed,
            delivery=self.delivery,
            result="complete",
            rows=counts.rows,
            accepted=counts.records,
            quarantined=counts.refused,
            repeated=counts.repeated + counts.replayed,
            baseline="yes" if self.baseline else "no",
        )
        asides = [self._leaf(fault) for fault in self.faults] if added else []
        self.engine.audit.append(conn, [pulled, *asides, *leaves], self.now)

    def refuse(self, conn: Connection, fault: str) -> None:
        """Record that the delivery was set aside as a whole."""
        feeds.end_delivery(conn, self.delivery, "refused", {}, self.now)
        code = re.sub(r"(?<!^)(?=[A-Z])", "_", fault).lower()
        refused = leaf(Kind.PULL, feed=self.feed, delivery=self.delivery, result="refused", code=code)
        self.engine.audit.append(conn, [refused], self.now)

    def _aside(self, fault: RowFault) -> SetAside:
        ref = self.engine.locator.ref("row", self.delivery, str(fault.line), fault.field, fault.code)
        return SetAside(ref, fault.line, fault.field, fault.code, fault.reason)

    def _leaf(self, fault: RowFault) -> Leaf:
        return leaf(
            Kind.QUARANTINE,
            feed=self.feed,
            delivery=self.delivery,
            code=fault.code,
            line=fault.line,
            field=as_code(fault.field),
        )
