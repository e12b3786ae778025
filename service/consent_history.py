"""A client's consents as the store has them, opened: the one way in which decisions read them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from config import Refuse
from consent import ConsentRecord
from consent.history import Act, Entry, History, as_of
from consent.intake import as_record
from records import ClientId, ClientRef
from service.engine import Engine
from store import clients, consents


class UnknownClient(Refuse):
    """No roster lists a client of this number, or more than one organisation does and none was named."""


def client_numbers(conn: Connection, engine: Engine, org: str | None) -> dict[ClientId, ClientRef]:
    """Clients by the provider's number; a number that two organisations use stands for neither."""
    found: dict[ClientId, ClientRef] = {}
    twice: set[ClientId] = set()
    for client in clients.every(conn, engine.vault, org):
        number = client.entry.client_id
        if number in found:
            twice.add(number)
        found[number] = client.ref
    return {number: ref for number, ref in found.items() if number not in twice}


def client_of(conn: Connection, engine: Engine, number: str, org: str | None) -> ClientRef:
    """Raises UnknownClient. With the organisation named it is found by its keyed name, however long the roster is."""
    if org is not None:
        named = ClientRef(engine.locator.ref("client", org, number))
        client = named if clients.get(conn, engine.vault, named) else None
    else:
        client = client_numbers(conn, engine, org).get(ClientId(number))
    if client is None:
        raise UnknownClient("no roster lists that client, or two do: name the organisation with --org")
    return client


def history_of(conn: Connection, engine: Engine, client: ClientRef) -> History:
    """Everything that was ever recorded for the client. Raises when the store does not answer: that is never 'none'."""
    stored = consents.history(conn, engine.vault, client)
    return tuple(_entry(entry) for entry in stored if "record" in entry.record)


def on_file(conn: Connection, engine: Engine, client: ClientRef, at: datetime) -> tuple[ConsentRecord, ...]:
    """The client's consents as they were on file at that instant."""
    return as_of(history_of(conn, engine, client), at)


def _entry(stored: consents.RecordedConsent) -> Entry:
    kept = stored.record
    return Entry(
        record=as_record(kept["record"]),
        act=Act(kept["act"]),
        recorded_at=stored.recorded_at,
        recorded_by=stored.recorded_by,
        document=kept["document"],
        superseded_by=kept["superseded_by"],
    )
