"""Bookings, alerts and answers of many months, written straight into the store: for counting, where feeds would take hours."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, insert

from service.measures.periods import Month
from store import tables

NOON = timedelta(hours=12)


@dataclass(slots=True)
class StoredYear:
    """Rows of every table that is counted, from a seed. `clients` per organisation are booked again and again."""

    seed: int
    orgs: Sequence[str]
    clients: int = 60
    rows: dict[Table, list[dict[str, Any]]] = field(default_factory=dict)
    number: int = 0

    def write(self, conn: Connection) -> None:
        order = (
            tables.delivery, tables.client, tables.booking, tables.booking_event, tables.link, tables.decision, tables.alert,
            tables.inbox_item, tables.acknowledgement, tables.outcome,
        )  # fmt: skip
        for table in order:
            if self.rows.get(table):
                conn.execute(insert(table), self.rows[table])

    def begin(self, at: datetime) -> None:
        self._add(
            tables.delivery, ref=self.ref(), feed="jail", received_at=at, completed_at=at, state="complete", counts={}, reason=None
        )  # fmt: skip
        for org in self.orgs:
            for _ in range(self.clients):
                self._add(
                    tables.client,
                    ref=self.ref(),
                    org=org,
                    sealed=None,
                    seen_at=at,
                    retired_at=None,
                    purged_at=None,
                    pending=False,
                )

    def month(self, month: Month, strangers: int, clients: int) -> None:
        """`clients`: bookings of them, for each organisation."""
        chance = random.Random(f"{self.seed}/{month}")
        start = datetime(month.year, month.month, 1, tzinfo=UTC) + NOON
        for _ in range(strangers):
            self._stay(chance, start)
        for org in self.orgs:
            mine = [row["ref"] for row in self.rows[tables.client] if row["org"] == org]
            for _ in range(clients):
                booking, booked, released = self._stay(chance, start)
                self._client_stay(chance, booking, chance.choice(mine), booked, released)

    def _stay(self, chance: random.Random, start: datetime) -> tuple[str, datetime, datetime]:
        booked = start + timedelta(hours=chance.uniform(0, 27 * 24))
        released = booked + timedelta(hours=min(chance.expovariate(1 / 90), 24 * 80))
        ref = self.ref()
        self._add(
            tables.booking, ref=ref, sealed=None, state="released", first_seen_at=booked, updated_at=released, baseline=False
        )  # fmt: skip
        delivery = self.rows[tables.delivery][0]["ref"]
        for kind, at in (("booked", booked), ("released", released)):
            self._add(
                tables.booking_event, ref=self.ref(), booking=ref, feed="jail", delivery=delivery, op="add", kind=kind, at=at,
                series=None, seq=None, content=None, not_news=None,
            )  # fmt: skip
        return ref, booked, released

    def _client_stay(
        self, chance: random.Random, booking: str, client: str, booked: datetime, released: datetime
    ) -> None:
        link, denied = self.ref(), chance.random() < 0.15
        self._add(
            tables.link, ref=link, booking=booking, client=client, verdict="ALERT", weight=20.0, probability=0.99, margin=9.0,
            levels={}, model_hash="0" * 64, at=booked, superseded_at=None,
        )  # fmt: skip
        decision = self.ref()
        self._add(
            tables.decision, ref=decision, link=link, recipient="A1", stage="link", decision="deny" if denied else "permit",
            reason_codes=[], fields_allowed=[], obligations=[], consents=[], rule_set="r", rule_set_hash="0" * 64, at=booked,
            sealed_input=None,
        )  # fmt: skip
        if not denied:
            self._alert(chance, link, decision, booked, released)

    def _alert(self, chance: random.Random, link: str, decision: str, booked: datetime, released: datetime) -> None:
        alert, delivered = self.ref(), booked + timedelta(minutes=chance.uniform(0, 8))
        answered = delivered + timedelta(hours=chance.expovariate(1 / 6))
        self._add(
            tables.alert, ref=alert, thread=self.ref(), link=link, decision=decision, recipient="A1", kind="arrest",
            match_class="full", state="acknowledged", created_at=booked, opened_at=answered, acknowledged_at=answered,
            closed_at=None, retracts=None,
        )  # fmt: skip
        self._add(
            tables.inbox_item, alert=alert, recipient="A1", kid="k", jwe=None, backup_jwe=None, delivered_at=delivered
        )
        if chance.random() < 0.9:
            verdict = chance.choices(
                ("is_my_client", "not_on_my_caseload", "cannot_act", "not_my_client"), (80, 10, 8, 2)
            )
            self._add(tables.acknowledgement, alert=alert, by="A1", verdict=verdict[0], via="console", at=answered)
        for at, share in ((answered, 0.4), (released + timedelta(hours=chance.uniform(1, 240)), 0.6)):
            if chance.random() < share:
                mode = chance.choice(("in_jail_visit", "phone", "video", "jail_clinic_contact"))
                self._outcome(alert, "contact", [mode, "by:clinician", "for:release_plan"], at)
        if chance.random() < 0.5:
            how = chance.choices(("released_with_plan", "diverted", "declined_services", "re-engaged"), (6, 2, 1, 3))
            self._outcome(alert, "disposition", how, released)

    def _outcome(self, alert: str, kind: str, codes: Sequence[str], at: datetime) -> None:
        self._add(
            tables.outcome, ref=self.ref(), alert=alert, by="A1", kind=kind, codes=list(codes), at=at, recorded_at=at, sealed=None
        )  # fmt: skip

    def _add(self, table: Table, **row: Any) -> None:
        self.rows.setdefault(table, []).append(row)

    def ref(self) -> str:
        self.number += 1
        letters, rest = "", self.number
        for _ in range(26):
            rest, place = divmod(rest, 26)
            letters += chr(97 + place)
        return letters[::-1]
