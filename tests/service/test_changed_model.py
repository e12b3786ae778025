"""A model is exchanged: from then on bookings are judged by it, and nothing that was judged before is told of anew."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select

from matcher import Model
from store import tables
from tests.service.installation import AVELINE, BARNABY, TWIN, Installation


def exchanged(model: Model) -> Model:
    """A model under which hardly anything is held back."""
    lax = model.thresholds.model_copy(update={"alert": 0.01, "review": 0.01, "floor": 0.005, "margin": 0.0})
    return model.model_copy(update={"name": "lax", "rules": (), "thresholds": lax})


def test_a_changed_model_never_alerts_history_again(sqlite_site: Installation) -> None:
    site = sqlite_site
    rows = [AVELINE.booked("J1"), BARNABY.booked("J2"), TWIN.booked("J3")]
    site.bookings(*rows)
    first = site.cycle()
    before = {table.name: site.count(table) for table in (tables.link, tables.decision, tables.alert, tables.outbox)}
    old = site.engine.model.hash

    site.engine = replace(site.engine, model=exchanged(site.engine.model))
    for name in ("bookings.csv", "the-same-under-another-name.csv"):
        site.bookings(*rows, name=name)
        again = site.cycle()
        assert (again.tally.events, again.tally.alerts) == (0, 0)
    assert {
        table.name: site.count(table) for table in (tables.link, tables.decision, tables.alert, tables.outbox)
    } == before

    site.bookings(TWIN.booked("J4"), name="news.csv")
    news = site.cycle()
    assert (first.tally.verdicts["NONE"], news.tally.verdicts["NONE"]) == (1, 0)  # the new model judges what is new
    with site.engine.database.read() as conn:
        hashes = set(conn.execute(select(tables.link.c.model_hash)).scalars())
    assert hashes == {old, site.engine.model.hash}
