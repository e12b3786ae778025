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


def delivery_ref(engine: Engine, feed: str, source_hash: str) -> str:
    """The name of a delivery: whoever knows it knows nothing of its content."""
    return engine.locator.ref("delivery", feed, source_hash)


@dataclass(slots=True)
class Intake:
    """One delivery while it is being taken in."""

    engine: Engine
    feed: str
    delivery: str
    cursor: Cursor
    now: datetime
    baseline: bool = False
    again: bool = False
    """It was received long ago and is read again on purpose: it may be older than what its feed has said since."""
    believed: bool = False
    """A person looked at it and says that it is right, however many it lost."""
    first_received: datetime | None = None
    faults: list[RowFault] = field(default_factory=list)
    old: bool = False
    """It came anew and says only what was known, and less than that: an old file, under whatever name."""

    @classmethod
    def begin(
        cls,
        engine: Engine,
        feed: str,
        pull: Pull,
        now: datetime,
        *,
        baseline: bool = False,
        again: bool = False,
        believed: bool = False,
    ) -> Intake:
        """Name the delivery by its content: the same file again, after a crash or by mistake, is the same delivery."""
        delivery = delivery_ref(engine, feed, pull.source_hash)
        with engine.database.write() as conn:
            feeds.begin_delivery(conn, delivery, feed, now)
            known = feeds.get_delivery(conn, delivery)
        received = known.received_at if again and known else now
        return cls(engine, feed, delivery, pull.cursor, now, baseline, again, believed, received)

    @property
    def received_at(self) -> datetime:
        """When it came first."""
        return self.first_received or self.now

    def finish(self, conn: Connection, counts: DeliveryCounts, leaves: Sequence[Leaf] = ()) -> None:
        """Close the delivery in the caller's transaction: counts, refused rows, cursor and audit leaves together."""
        added = feeds.set_aside(conn, self.feed, self.delivery, [self._aside(f) for f in self.faults], self.now)
        self._end(conn, counts)
        if progress := self._progress():
            feeds.note(conn, self.feed, **progress)
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

    def _end(self, conn: Connection, counts: DeliveryCounts) -> None:
        """Where it was taken in before, what it came to then stays as it was."""
        if not self.old or feeds.delivery_state(conn, self.delivery) != "complete":
            feeds.end_delivery(conn, self.delivery, "complete", counts.plain(), self.now)
        if self.old:
            feeds.came_again(conn, self.delivery, self.now)
            self.engine.log.warning("feed.old_again", feed=self.feed, delivery=self.delivery)

    def _progress(self) -> dict[str, object]:
        """How far the feed was read. One that is read again says nothing about that."""
        if self.again:
            return {}
        if self.old:
            return {"cursor": self.cursor.token}  # it is no sign that the source is alive
        baseline = {"baseline_at": self.now} if self.baseline else {}
        return {"cursor": self.cursor.token, "last_delivery_at": self.now, **baseline}

    def refuse(self, conn: Connection, fault: str, reason: str, *, step_over: bool = False) -> None:
        """Record that the delivery was set aside as a whole. `step_over`: the cursor goes on behind it all the same."""
        feeds.end_delivery(conn, self.delivery, "refused", {}, self.now, reason=reason)
        if step_over:
            feeds.note(conn, self.feed, cursor=self.cursor.token)
        code = re.sub(r"(?<!^)(?=[A-Z])", "_", fault).lower()
        refused = leaf(Kind.PULL, feed=self.feed, delivery=self.delivery, result="refused", code=code)
        self.engine.audit.append(conn, [refused], self.now)

    def row_refs(self) -> list[str]:
        """The names of the rows that were set aside."""
        return [self._aside(fault).ref for fault in self.faults]

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
