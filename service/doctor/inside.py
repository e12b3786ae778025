"""What the database says of itself and of the work: feeds, outbox, cycles, checkpoints, journal, backups."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from config import WarmlinkError
from service import reencoding
from service.backups import journal
from service.backups.note import latest
from service.doctor.finding import Finding, fault, warning, well
from service.engine import Engine
from service.schedule import cadence
from service.status import StatusPage
from store import fences
from store.database import Database

LATE = timedelta(minutes=15)
"""An entry of the outbox that has been due for longer: nobody works it, or nobody takes it."""
UNPUBLISHED = timedelta(hours=1)


def database(opened: Database) -> Iterator[Finding]:
    """Whether it answers and is whole. That it is of this program's version was seen when it was opened."""
    with opened.read() as conn:
        if opened.dialect == "sqlite":
            said = conn.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
            if said != "ok":
                yield fault(
                    "database", "SQLite says that the file is damaged", "restore the newest backup: docs/runbook.md"
                )
                return
        else:
            conn.exec_driver_sql("SELECT 1")
    yield well("database", f"{opened.dialect} answers")


def encodings(engine: Engine) -> Iterator[Finding]:
    """Whether everybody who is held can be compared by this program, under this epoch."""
    said, lost = reencoding.known(engine)
    if said != reencoding.encoded_as(engine):
        found = reencoding.survey(engine)
        if found.clients or found.bookings:
            words = f"{found.clients} clients and {found.bookings} bookings are to be encoded anew"
            yield warning("encodings", words, "the next start of the service does it, or `warmlink upgrade`")
        lost = found.lost
    elif lost:
        lost = reencoding.count_lost(engine)
    if lost:
        words = f"{lost} bookings cannot be encoded anew, because their deliveries are gone: they link to nobody"
        yield warning("encodings", words, "have the jails deliver who is in custody, then `warmlink upgrade`")
    else:
        yield well("encodings", "every booking that is held can be compared")


def feeds(page: StatusPage) -> Iterator[Finding]:
    bad = [f for f in page.feeds if f.state not in {"ok", "new"}]
    for feed in bad:
        yield fault(
            "feeds",
            f"feed {feed.feed} is {feed.state} ({feed.last_error or 'no news'})",
            "ask its source: docs/runbook.md",
        )
    for name, rows in page.quarantine.items():
        yield warning("feeds", f"feed {name}: {rows} rows were set aside", "warmlink feed quarantine list")
    if not bad and not page.quarantine:
        yield well("feeds", f"{len(page.feeds)} feeds are as they should be")


def outbox(engine: Engine, page: StatusPage, now: datetime) -> Iterator[Finding]:
    states, found = page.tally["outbox"], []
    if states.get("dead"):
        found.append(fault("outbox", f"{states['dead']} entries could not be delivered", "warmlink outbox list"))
    if page.oldest_waiting is not None and now - page.oldest_waiting > LATE and not page.shadow:
        minutes = int((now - page.oldest_waiting).total_seconds() // 60)
        found.append(
            fault("outbox", f"an entry has been due for {minutes} minutes", "is the engine running? docs/runbook.md")
        )
    if page.fence is not None:
        with engine.database.read() as conn:
            count = sum(each.count for each in fences.held(conn))
        found.append(fault("outbox", f"{count} entries are held since a restore", "warmlink fence"))
    if page.shut_clients:
        words = f"nothing is told about {page.shut_clients} clients: a restore lost their consents"
        found.append(fault("outbox", words, "import them again from the provider: docs/runbook.md"))
    yield from found
    if not found:
        yield well("outbox", "nothing waits too long" + ("; in shadow nothing leaves" if page.shadow else ""))


def cycle(engine: Engine, page: StatusPage, now: datetime) -> Iterator[Finding]:
    """Whether cycles end. Three missed ones and a quarter of an hour is more than a first load takes between two."""
    every = cadence(engine)
    if page.last_cycle_at is None:
        yield warning("cycle", "no cycle has ended yet", "warmlink run")
    elif page.last_cycle_at > now + timedelta(minutes=1):
        yield fault(
            "clock", "a cycle ended in the future: the clock was set back", "correct the clock; see docs/runbook.md"
        )
    elif now - page.last_cycle_at > 3 * every + LATE:
        minutes = int((now - page.last_cycle_at).total_seconds() // 60)
        yield fault("cycle", f"the last cycle ended {minutes} minutes ago", "is the engine running? docs/runbook.md")
    else:
        yield well("cycle", f"the last one ended {page.last_cycle_at:%H:%M} UTC")


def anchors(engine: Engine, page: StatusPage, now: datetime) -> Iterator[Finding]:
    """Checkpoints outside the database, and the journal of entries."""
    if page.checkpoint_at is None and page.audit_size:
        yield fault("anchors", "no checkpoint was ever published", "are the places of [audit] reachable?")
    elif page.checkpoint_at is not None and now - page.checkpoint_at > UNPUBLISHED + 3 * cadence(engine):
        yield fault(
            "anchors",
            f"the last checkpoint was published {page.checkpoint_at:%Y-%m-%d %H:%M} UTC",
            "are the places of [audit] reachable?",
        )
    else:
        yield well("anchors", f"{page.audit_size} entries of the audit log, checkpoints are published")
    try:
        behind = page.audit_size - journal.end(engine.settings.at(engine.settings.backup.journal))
    except WarmlinkError as broken:
        yield fault("anchors", str(broken), "see docs/runbook.md")
        return
    if behind > journal.MUCH:
        yield warning(
            "anchors",
            f"the journal is {behind} entries behind",
            "it is written after each cycle: is its folder writable?",
        )


def backup(engine: Engine, now: datetime) -> Iterator[Finding]:
    newest = latest(engine)
    if newest is None:
        yield fault("backup", "there is no backup", "warmlink backup; and enable the timer: docs/operator.md")
        return
    hours = (now - newest.made_at).total_seconds() / 3600
    words = f"the newest is {hours:.0f} h old, {newest.size / 1e6:.1f} MB"
    if hours > engine.settings.backup.every_hours:
        yield fault("backup", words, "is the timer running? docs/runbook.md")
    else:
        yield well("backup", words)
