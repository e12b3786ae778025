"""Holding a slot while it is worked on: a thread renews the lease for as long as the work goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from config import Retry, WarmlinkError
from service.engine import Engine
from service.logs import error_code
from store import claims

LEASE = timedelta(seconds=60)
"""How long a slot stays a worker's after its last sign of life: so long a failover takes at most, and a look more."""


class SlotLost(Retry):
    """The worker was taken for dead and another one has its slot: what is left to do, the other does."""


@dataclass(slots=True)
class Lease:
    """One worker's hold on one slot."""

    engine: Engine
    job: str
    slot: datetime
    worker: str
    _ended: threading.Event = field(default_factory=threading.Event)
    _lost: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def kept(self) -> Iterator[Lease]:
        thread = threading.Thread(target=self._renewing, name="lease", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            thread.join()

    def check(self) -> None:
        """Raises SlotLost where another worker has taken over."""
        if self._lost.is_set():
            raise SlotLost("another worker has taken this slot over")

    def _renewing(self) -> None:
        while not self._ended.wait(LEASE.total_seconds() / 4):
            self.renew()

    def renew(self) -> None:
        """One sign of life. A database that is away for a moment is asked again at the next."""
        try:
            until = self.engine.clock() + LEASE
            if not claims.renew(self.engine.database, self.job, self.slot, self.worker, until):
                self._lost.set()
        except WarmlinkError as fault:
            self.engine.log.warning("lease.unrenewed", error=error_code(fault), slot=self.slot)
