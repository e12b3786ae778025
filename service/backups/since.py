"""What the log says happened after a backup was made, done again to the rows that came back with it.

The entries come from the journal, and those that were written after its last file from the shelf (`store.acts`).

Nothing that was sealed, purged or destroyed rises again; a key that was revoked stays revoked; a refused match stays
refused; what was sent is known. What the log does not hold (the words of a consent, a public key) is counted as lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, insert, select, update

from alerts import answers, enrolment
from audit.leaves import Entry, Kind
from records import AlertRef, BookingRef, ClientRef, EventKind, Op
from service.engine import Engine
from service.lasting import BY_AGE
from service.notices import NOTICES
from service.offers import queue_retraction, retraction_of
from store import (
    accounts,
    bookings,
    feed_tokens,
    feeds,
    fences,
    findings,
    holds,
    lost_consents,
    purges,
    reviews,
    vaults,
)
from store.holds import LegalHold
from store.lost_consents import LostConsent
from store.tables import acknowledgement, alert, link


@dataclass(slots=True)
class Since:
    """What was found, for the person who restores."""

    sent: int = 0
    destroyed: int = 0
    lost_consents: int = 0
    lost_keys: set[str] = field(default_factory=set)
    """Staff who enrolled a key that is gone."""
    lost_feeds: set[str] = field(default_factory=set)
    """Feeds whose sender was given a token that is gone, or had one taken away."""
    shut_accounts: set[str] = field(default_factory=set)
    """Logins whose account was changed since: a password, a factor, a passkey or the account itself may have been taken away."""
    unaccounted: set[str] = field(default_factory=set)
    """What is not known to have come back, in codes: STAFF, SHELF."""
    deliveries: list[tuple[str, str]] = field(default_factory=list)
    """(feed, delivery) that were taken in, in order: to be read again from the archive."""
    settled: list[tuple[str, str, str, datetime]] = field(default_factory=list)
    """(link, outcome, by, at): what people said of matches. Done again once the matches are there again."""
    retracted: list[tuple[AlertRef, str, bool, datetime]] = field(default_factory=list)
    """(alert, reason, whether its reader was told, at)."""
    roots: int = 0
    """Rotations of the master key: the backup is sealed under an earlier one."""


STAFF, SHELF = "staff", "shelf"
"""The staff directory was imported since, or what was revoked last is on no shelf: a person has to see to it."""
_NO_DOOR = frozenset({"created", "language", "failures", "locked-until", "api-token.made", "api-token.revoked"})
"""Changes of an account that took nothing away from anybody. Tokens of scripts are in no backup."""


def repeat(conn: Connection, after: Iterable[Entry]) -> Since:
    """Do again what can be done before anything is read again. In the caller's transaction."""
    found = Since()
    for entry in after:
        doing = _DOING.get(entry.leaf.kind)
        if doing is not None:
            doing(conn, found, dict(entry.leaf.facts), entry.at)
    return found


def settle_again(engine: Engine, conn: Connection, found: Since) -> None:
    """What people said of matches, and what was taken back, once matches and alerts exist again.

    The log has the proofs of it already. Whoever was told to disregard an alert finds that in the inbox again.
    """
    for ref, outcome, by, at in found.settled:
        if conn.execute(select(link.c.ref).where(link.c.ref == ref)).first() is not None:
            reviews.settle(conn, ref, outcome, by, at)
    for alert_ref, reason, told, at in found.retracted:
        row = findings.get_alert(conn, alert_ref)
        if row is None:
            continue
        answers.take_back(conn, [alert_ref], code=reason, destroy_content=False, now=at)
        if told and findings.get_alert(conn, retraction_of(engine, alert_ref)) is None:
            queue_retraction(engine, conn, row, at)


Facts = Mapping[str, Any]


def _booking_event(conn: Connection, found: Since, said: Facts, at: datetime) -> None:
    """A tombstone also for a booking that the backup never knew: it must not be read in again from an archive."""
    ended = {EventKind.CANCELLED.value: "void", EventKind.SEALED.value: "sealed"}
    state = ended.get(said["event_kind"]) or ("sealed" if said["op"] == Op.DELETE.value else None)
    if state is not None:
        bookings.close(conn, BookingRef(said["booking"]), state, at)
        found.destroyed += 1


def _purge(conn: Connection, found: Since, said: Facts, at: datetime) -> None:
    if "booking" in said:
        purges.booking_content(conn, said["booking"])
        if said["purge_reason"] not in BY_AGE:  # also where it is known to the archive alone
            bookings.destroy(conn, BookingRef(said["booking"]), "sealed", at)
    elif said["subject_kind"] == "client" and "client" in said:
        purges.client_content(conn, said["client"], at)
    found.destroyed += 1


def _key_change(conn: Connection, found: Since, said: Facts, at: datetime) -> None:
    match said["key_purpose"], said["change"]:
        case "store", "destroyed":
            vaults.destroy(conn, said["key"], at)
            found.destroyed += 1
        case "staff", "revoked":
            enrolment.revoke(conn, said["kid"], now=at)
        case "staff", "recorded":
            found.lost_keys.add(str(said.get("staff", "")))
        case "feed", _:  # none that the backup knows may push again; what was made since is gone anyway
            feed_tokens.end(conn, said["feed"], at, at)
            found.lost_feeds.add(said["feed"])
        case "master", "rotated":
            found.roots += 1


def _config_change(conn: Connection, found: Since, said: Facts, at: datetime) -> None:
    settings = set(said.get("settings", ()))
    if STAFF in settings:
        found.unaccounted.add(STAFF)
    if {each.removeprefix("account.") for each in settings if each.startswith("account.")} - _NO_DOOR:
        for known in accounts.everyone(conn):
            if sha256(known.id.encode()).hexdigest() == said["config_hash"]:
                accounts.change(conn, known.id, disabled_at=at)
                found.shut_accounts.add(known.login)


def _consent(conn: Connection, found: Since, said: Facts, at: datetime) -> None:
    """Its words are gone: until the provider's are recorded again, nothing is told about this client."""
    client, seq = ClientRef(said["client"]), int(said.get("seq", 0))
    lost_consents.add(conn, [LostConsent(client, said["consent"], seq, said["change"], at)])
    found.lost_consents += 1


def _delivery(conn: Connection, found: Since, said: Facts, at: datetime) -> None:
    """A notice that another one stood for counts as sent too."""
    stood_for = said["result"] == "withdrawn" and said["channel"] in NOTICES
    if (said["result"] == "delivered" or stood_for) and "outbox" in said:
        fences.note_sent(conn, said["outbox"], said["channel"], at)
        found.sent += 1


def _pull(conn: Connection, found: Since, said: Facts, at: datetime) -> None:
    if said["result"] == "complete":
        feeds.begin_delivery(conn, said["delivery"], said["feed"], at)
        found.deliveries.append((said["feed"], said["delivery"]))


def _legal_hold(conn: Connection, _found: Since, said: Facts, at: datetime) -> None:
    kind = next((name for name in ("client", "booking") if name in said), holds.EVERYTHING)
    if said["change"] == "placed":
        holds.place(conn, LegalHold(said["hold"], kind, said.get(kind), at, said["by"]))
    elif said["change"] == "lifted":
        holds.lift(conn, said["hold"], said["by"], at)


def _review(_conn: Connection, found: Since, said: Facts, at: datetime) -> None:
    if said["outcome"] in {"confirmed", "refused"}:
        found.settled.append((said["link"], said["outcome"], str(said.get("by", "restore")), at))


def _retraction(_conn: Connection, found: Since, said: Facts, at: datetime) -> None:
    if "alert" in said:
        found.retracted.append((AlertRef(said["alert"]), said["retraction_reason"], bool(said.get("notified")), at))


def _opening(conn: Connection, _found: Since, said: Facts, at: datetime) -> None:
    unseen = alert.c.state.in_(("queued", "delivered", "stuck"))
    conn.execute(update(alert).where(alert.c.ref == said["alert"], unseen).values(state="opened", opened_at=at))


def _acknowledgement(conn: Connection, _found: Since, said: Facts, at: datetime) -> None:
    """Whoever answered is not turned to again, and nobody above them."""
    open_still = alert.c.state.in_(("queued", "delivered", "opened", "stuck"))
    values = {"state": "acknowledged", "acknowledged_at": at}
    if conn.execute(update(alert).where(alert.c.ref == said["alert"], open_still).values(**values)).rowcount:
        answered = {"alert": said["alert"], "by": said["by"], "verdict": said["answer"], "at": at}
        conn.execute(insert(acknowledgement).values(**answered, via=str(said.get("channel", "console"))))


_DOING: Mapping[Kind, Callable[[Connection, Since, Facts, datetime], None]] = {
    Kind.BOOKING_EVENT: _booking_event,
    Kind.PURGE: _purge,
    Kind.KEY_CHANGE: _key_change,
    Kind.CONFIG_CHANGE: _config_change,
    Kind.CONSENT: _consent,
    Kind.DELIVERY: _delivery,
    Kind.PULL: _pull,
    Kind.LEGAL_HOLD: _legal_hold,
    Kind.REVIEW: _review,
    Kind.RETRACTION: _retraction,
    Kind.OPENING: _opening,
    Kind.ACKNOWLEDGEMENT: _acknowledgement,
}
