"""The compliance officer's desk: why told, why not, never received; who looked; and whether the record is whole.

An officer of one organisation sees what concerns its clients and its staff. Every look at a booking or a client is in
the audit log before it is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from audit.accounting import Accounting, accounting
from audit.catalogue import REPORTS
from audit.leaves import Entry, Kind, leaf
from audit.log import entries, found_at
from audit.report import ALWAYS, Period, Table, text, trail
from audit.verify import Verification, verify_database
from config import Refuse
from consent.history import History
from records import ClientRef, OrgId, RosterEntry
from service import reports
from service.broken_glass import reasons
from service.consent_history import history_of
from service.engine import Engine
from service.explain import Explanation, explain
from service.keys import checkpoint_signer
from service.reports import Made, Wish, clients_of, concerning
from store import clients, staff

ACCOUNTINGS = tuple(code for code, offer in REPORTS.items() if offer.needs_client)
"""Reports about one client, by their codes."""


def on_offer(org: OrgId | None) -> tuple[str, ...]:
    """Reports that need no client, for this officer."""
    return tuple(c for c, offer in REPORTS.items() if not offer.needs_client and not (org and offer.whole_only))


@dataclass(frozen=True, slots=True)
class ClientFile:
    """What the record holds of one client, for their own organisation."""

    ref: ClientRef
    entry: RosterEntry
    retired: bool
    consents: History
    disclosures: Table
    timeline: tuple[Entry, ...]


def search_booking(engine: Engine, number: str, agency: str | None, org: OrgId | None, by: str) -> Explanation:
    """The explanation as far as it concerns the organisation: links to others' clients are not in it.

    A booking that concerns only others reads like one that matched nobody.
    """
    found = explain(engine, number.strip(), agency)
    if org is not None:
        with engine.database.read() as conn:
            found = _of_org(found, clients_of(conn, org, {line.client for line in found.links}))
    _look(engine, by, screen="explain", booking=found.booking)
    return found


def _look(engine: Engine, by: str, *, screen: str = "compliance", **facts: object) -> None:
    """Into the log before anything is shown; and not while the whole log is being read, which would keep writers waiting."""
    with engine.database.write() as conn:
        engine.audit.append(conn, [leaf(Kind.VIEW, by=by, screen=screen, **facts)], engine.clock())


def _of_org(found: Explanation, ours: frozenset[str]) -> Explanation:
    links = tuple(li for li in found.links if li.client in ours)
    if len(links) == len(found.links):
        return found
    told = found.answer == "told" and any(
        state in {"delivered", "opened", "acknowledged", "closed"} for li in links for _, _, state in li.alerts
    )
    because = found.because if links else "it was compared with every roster and matched no client"
    return replace(found, links=links, answer="told" if told else "not told", because=because)


def search_client(engine: Engine, number: str, org: OrgId, by: str) -> ClientFile | None:
    """The client by their number at one organisation; None if its roster never had them, or their record is destroyed."""
    ref = ClientRef(engine.locator.ref("client", org, number.strip()))
    now = engine.clock()
    _look(engine, by, client=ref)
    with engine.database.read() as conn:
        stored = clients.get(conn, engine.vault, ref)
        if stored is None:
            return None
        known = list(entries(conn, clients={ref}))
        return ClientFile(
            ref=ref,
            entry=stored.entry,
            retired=stored.retired,
            consents=history_of(conn, engine, ref),
            disclosures=accounting(known, ref, Accounting.EVERYTHING, now),
            timeline=trail(known, ref),
        )


def report(
    engine: Engine, name: str, org: OrgId | None, by: str, period: Period = ALWAYS, *, most: int | None = None
) -> Made:
    """A report of the catalogue, cut to what concerns the organisation. The look is in the log.

    `most`: for a page, which reads the latest so many entries of the period and says since when they are.
    """
    made = reports.produce(engine, Wish(name, by, since=period.since, as_of=period.until, whose=org, most=most))
    _look(engine, by, rows=len(made.table.rows))
    return made


def accounting_of(engine: Engine, name: str, number: str, org: OrgId, *, officer_of: OrgId | None, by: str) -> Made:
    """One of ACCOUNTINGS about a client, by their number. Raises Refuse for a client whom nobody knows."""
    return reports.produce(engine, Wish(name, by, client=number, org=org, whose=officer_of))


def break_glass_reasons(engine: Engine, positions: frozenset[int]) -> dict[int, str]:
    """What was declared at each of these places in the log, for the officer who reviews it."""
    with engine.database.read() as conn:
        declared = list(found_at(conn, positions))
    said = reasons(engine, {ClientRef(text(e, "client")) for e in declared})
    return {e.position: said[text(e, "declaration")] for e in declared if text(e, "declaration") in said}


class NotToSign(Refuse):
    """There is no such emergency access, or it is not this officer's to review."""


def sign_break_glass(engine: Engine, position: int, outcome: str, org: OrgId | None, by: str) -> None:
    """Review the emergency access at this place in the log: `justified` or `not_justified`, never one's own."""
    with engine.database.write() as conn:
        found = list(concerning(conn, entries(conn, kinds={Kind.BREAK_GLASS}, start=position, stop=position + 1), org))
        if not found or found[0].leaf.kind is not Kind.BREAK_GLASS or text(found[0], "by") == by:
            raise NotToSign("there is no emergency access here that you may review")
        signed = leaf(Kind.BREAK_GLASS_REVIEW, declaration=text(found[0], "declaration"), by=by, outcome=outcome)
        engine.audit.append(conn, [signed], engine.clock())


def verification(engine: Engine) -> Verification:
    """Whether the log is whole, against its own signed checkpoints."""
    keys = [checkpoint_signer(engine.settings).verifier]
    with engine.database.read() as conn:
        return verify_database(conn, engine.settings.audit.origin, keys)


def staff_names(engine: Engine) -> dict[str, str]:
    """Names of staff by id: they are not clients, and may stand on a page."""
    with engine.database.read() as conn:
        return staff.names(conn)


def rules(engine: Engine) -> Sequence[Any]:
    """The rules in the order in which they are asked."""
    return engine.rulebook.rules
