"""After a restore, a person looks at what is held and lets it go, or withholds some of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from alerts import outbox
from audit.leaves import Kind, leaf
from config import Refuse, TellPerson
from records import AlertRef
from service.engine import Engine
from service.go_live import configuration_hash
from service.reports import party
from store import fences
from store.fences import Fence, Held


class NothingHeld(Refuse):
    """No fence stands: nothing was restored, or it was let go."""


class ConsentsMissing(TellPerson):
    """Consents that were recorded after the backup are not there: a revocation may be among them."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The fence, and what is held behind it."""

    fence: Fence
    held: tuple[Held, ...]
    entries: tuple[tuple[str, str], ...]
    """(outbox entry, alert)."""


def waiting(engine: Engine) -> Waiting:
    """Raises NothingHeld."""
    with engine.database.read() as conn:
        fence = fences.standing(conn)
        if fence is None:
            raise NothingHeld("nothing is held: no restore waits for anybody")
        return Waiting(fence, tuple(fences.held(conn)), tuple(fences.held_refs(conn)))


def release(engine: Engine, by: str, *, consents_are_back: bool = False, withhold: Collection[str] = ()) -> int:
    """Take the fence down and queue what is held, but for the alerts in `withhold`. Returns how many entries are queued.

    What the log says was delivered already goes out to nobody a second time; into an inbox it is put back without a notice.
    Raises NothingHeld, ConsentsMissing.
    """
    now = engine.clock()
    stands = waiting(engine).fence
    if stands.lost_consents and not consents_are_back:
        raise ConsentsMissing(
            f"{stands.lost_consents} consent entries were recorded after the backup and are lost: import them again from the"
            " provider, then say --consents-are-back"
        )
    with engine.database.write() as conn:
        for alert in dict.fromkeys(alert for _, alert in fences.held_refs(conn) if alert in withhold):
            outbox.withdraw(conn, AlertRef(alert), now=now, code="withheld")
        count = fences.let_go(conn, now)
        fences.take_down(conn, party(by), now)
        stated = leaf(
            Kind.CONFIG_CHANGE, config_hash=configuration_hash(engine), settings=["restore_released"], by=party(by)
        )
        engine.audit.append(conn, [stated], now)
    return count
