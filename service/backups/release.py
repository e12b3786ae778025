"""After a restore, a person looks at what is held and lets it go, or withholds some of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from alerts import outbox
from audit.leaves import Kind, leaf
from config import Refuse, TellPerson
from records import AlertRef
from service.backups.since import SHELF, STAFF
from service.engine import Engine
from service.go_live import configuration_hash
from service.reports import party
from store import fences, lost_consents, staff
from store.fences import Fence, Held


class NothingHeld(Refuse):
    """No fence stands: nothing was restored, or it was let go."""


class ConsentsMissing(TellPerson):
    """Consents that were recorded after the backup are not there: a revocation may be among them."""


class Unaccounted(TellPerson):
    """Something that took a right away from somebody may be lost, and a person has to see to it."""


TO_DO = {
    STAFF: "the staff directory was imported after the backup: import it again (`warmlink staff import`)",
    SHELF: "the shelf is not the one that lay beside the database: what was revoked, sealed, purged or disabled after the"
    " journal's last file is not known. Ask the providers for their revocations and the jails for their sealed bookings of"
    " that time, and look through accounts, tokens and the staff directory",
}
"""What has to be done for each code before it may be confirmed."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The fence, and what is held behind it."""

    fence: Fence
    held: tuple[Held, ...]
    entries: tuple[tuple[str, str], ...]
    """(outbox entry, alert)."""
    lost_consents: int
    """Still missing now."""
    of_clients: int
    unaccounted: tuple[str, ...]
    """Codes of TO_DO that nothing shows to be done."""


def waiting(engine: Engine) -> Waiting:
    """Raises NothingHeld."""
    with engine.database.read() as conn:
        fence = fences.standing(conn)
        if fence is None:
            raise NothingHeld("nothing is held: no restore waits for anybody")
        lost, of = lost_consents.outstanding(conn)
        done = {STAFF} if staff.imported_since(conn, fence.restored_at) else set()
        left = tuple(code for code in fence.unaccounted if code not in done)
        return Waiting(fence, tuple(fences.held(conn)), tuple(fences.held_refs(conn)), lost, of, left)


def release(
    engine: Engine,
    by: str,
    *,
    consents_are_back: bool = False,
    confirmed: Collection[str] = (),
    withhold: Collection[str] = (),
) -> int:
    """Take the fence down and queue what is held, but for the alerts in `withhold`. Returns how many entries are queued.

    What the log says was delivered already goes out to nobody a second time; into an inbox it is put back without a notice.
    A client whose consents are not all back stays shut, whatever is said here. Raises NothingHeld, ConsentsMissing, Unaccounted.
    """
    now = engine.clock()
    _require(waiting(engine), confirmed, consents_are_back=consents_are_back)
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


def _require(stands: Waiting, confirmed: Collection[str], *, consents_are_back: bool) -> None:
    left = [code for code in stands.unaccounted if code not in confirmed]
    if left:
        done = "; ".join(f"{TO_DO.get(code, code)}, then say --confirm {code}" for code in left)
        raise Unaccounted(f"nothing is let go yet: {done}")
    if stands.lost_consents and not consents_are_back:
        raise ConsentsMissing(
            f"{stands.lost_consents} consent entries of {stands.of_clients} clients were recorded after the backup and are lost:"
            " import them again from the provider, or say --consents-are-back; whoever's are not back stays shut"
        )
