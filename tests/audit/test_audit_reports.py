"""Do the reports say what happened, all of it, to the right reader, and nothing else?"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit import checks, render
from audit.access import Usual, access, break_glass
from audit.accounting import Accounting, accounting, after_revocation
from audit.catalogue import REPORTS, Request, produce
from audit.errors import LogBroken, ReportRefused
from audit.leaves import Entry, Kind, Leaf, leaf
from audit.log import AuditLog, TreeHead, entries
from audit.report import Period, Table, trail
from store.database import Database
from store.tables import audit_leaf
from tests.audit.samples import AT, as_owner, hashed, ref, verdicts

CLIENT, OTHER = ref("client", 1), ref("client", 2)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
SOURCE = render.Provenance("officer-1", AT, "audit.example.org/warmlink", TreeHead(12, b"\x01" * 32))


def log_of(*happened: tuple[datetime, Leaf]) -> list[Entry]:
    return [Entry(position, at, what) for position, (at, what) in enumerate(happened)]


def disclosed(client: str = CLIENT, *, obligations: Iterable[str] = (), **facts: object) -> Leaf:
    given: dict[str, object] = {
        "decision": ref("decision", client),
        "recipient": "clinician-7",
        "recipient_kind": "program_staff",
        "recipient_org": "north-clinic",
        "purpose": "TREAT",
        "fields": ["booking.fact", "match.fact"],
        "reasons": ["HIPAA_INTERNAL_TPO"],
        "alert": ref("alert", client),
    }
    return leaf(Kind.DISCLOSURE, client=client, obligations=list(obligations), **(given | facts))


def consented(change: str, consent: str = "c", until: datetime | None = None) -> Leaf:
    return leaf(Kind.CONSENT, consent=ref(consent), client=CLIENT, change=change, by="clerk-2", until=until)


def opened(by: str = "clinician-7", **facts: object) -> Leaf:
    return leaf(Kind.OPENING, alert=ref("alert"), by=by, client=CLIENT, **facts)


class TestAccounting:
    def test_everything_holds_every_disclosure_of_that_client_only(self) -> None:
        known = log_of((AT, disclosed()), (AT, disclosed(OTHER)), (AT + DAY, disclosed()), (AT, verdicts(1)[0]))
        table = accounting(known, CLIENT, Accounting.EVERYTHING, AT + 2 * DAY)
        assert [row.position for row in table.rows] == [0, 2]
        assert table.rows[0].what == ("booking.fact", "match.fact")
        assert (table.rows[0].recipient, table.rows[0].organisation) == ("clinician-7", "north-clinic")

    @pytest.mark.parametrize(
        ("which", "positions"),
        [
            (Accounting.HIPAA, [1, 4]),
            (Accounting.PART2, [2, 4]),
            (Accounting.INTERMEDIARY, [3]),
            (Accounting.EVERYTHING, [0, 1, 2, 3, 4]),
        ],
    )
    def test_each_law_gets_its_own_and_internal_alerts_are_in_none(
        self, which: Accounting, positions: list[int]
    ) -> None:
        marks = [
            "",
            "ACCOUNT_HIPAA_528",
            "ACCOUNT_P2_2_25",
            "INTERMEDIARY_LIST_2_24",
            "ACCOUNT_HIPAA_528 ACCOUNT_P2_2_25",
        ]
        known = log_of(*[(AT, disclosed(obligations=mark.split())) for mark in marks])
        assert [row.position for row in accounting(known, CLIENT, which, AT).rows] == positions

    @pytest.mark.parametrize(("which", "years"), [(Accounting.HIPAA, 6), (Accounting.PART2, 3)])
    def test_the_period_is_the_legal_one_to_the_microsecond(self, which: Accounting, years: int) -> None:
        mark = {Accounting.HIPAA: "ACCOUNT_HIPAA_528", Accounting.PART2: "ACCOUNT_P2_2_25"}[which]
        edge = AT.replace(year=AT.year - years)
        times = [edge - timedelta(microseconds=1), edge, AT, AT + timedelta(microseconds=1)]
        known = log_of(*((at, disclosed(obligations=[mark])) for at in times))
        assert [row.position for row in accounting(known, CLIENT, which, AT).rows] == [1, 2]

    def test_a_leap_day_has_a_sixth_anniversary(self) -> None:
        known = log_of((datetime(2022, 2, 28, tzinfo=UTC), disclosed(obligations=["ACCOUNT_HIPAA_528"])))
        assert len(accounting(known, CLIENT, Accounting.HIPAA, datetime(2028, 2, 29, tzinfo=UTC)).rows) == 1

    def test_a_disclosure_that_was_taken_back_stays_and_says_so(self) -> None:
        back = leaf(Kind.RETRACTION, thread=ref("t"), alert=ref("alert", CLIENT), retraction_reason="wrong_person")
        table = accounting(log_of((AT, disclosed()), (AT + DAY, back)), CLIENT, Accounting.EVERYTHING, AT + DAY)
        assert table.rows[0].withdrawn_at == AT + DAY


class TestAfterRevocation:
    def test_none_when_everything_came_before(self) -> None:
        known = log_of((AT, consented("recorded")), (AT, disclosed(consents=[ref("c")])), (AT, consented("revoked")))
        table = after_revocation(known)
        assert (table.rows, table.notes) == ((), ("None, as it must be.",))

    @pytest.mark.parametrize("end", ["revoked", "expired", "superseded", "entered_in_error"])
    def test_what_relied_on_it_afterwards_is_named_even_within_one_instant(self, end: str) -> None:
        known = log_of((AT, consented("recorded")), (AT, consented(end)), (AT, disclosed(consents=[ref("c")])))
        (row,) = after_revocation(known).rows
        assert (row.position, row.what, row.consent, row.ended_at) == (2, "disclosure", ref("c"), AT)

    def test_a_decision_to_deny_relies_on_nothing_and_another_consent_may_carry(self) -> None:
        denied = leaf(
            Kind.DECISION,
            decision=ref("d"),
            recipient="clinician-7",
            stage="send",
            effect="deny",
            reasons=["CONSENT_REVOKED"],
            rule_set="county",
            rule_set_hash=hashed("rules"),
            consents=[ref("c")],
        )
        known = log_of((AT, consented("revoked")), (AT, denied), (AT, disclosed(consents=[ref("other")])))
        assert after_revocation(known).rows == ()

    @pytest.mark.parametrize(("asked_at", "late"), [(AT + DAY - SECOND, 0), (AT + DAY, 1), (AT + 2 * DAY, 1)])
    def test_one_that_ends_by_itself_carries_no_decision_from_that_instant_on(
        self, asked_at: datetime, late: int
    ) -> None:
        decided = leaf(
            Kind.DECISION,
            decision=ref("d"),
            recipient="clinician-7",
            stage="send",
            effect="permit",
            reasons=["HIPAA_CONSENT"],
            rule_set="county-1",
            rule_set_hash=hashed("rules"),
            consents=[ref("c")],
        )
        until = AT + DAY
        known = log_of(
            (AT, consented("recorded", until=until)), (asked_at, decided), (until, disclosed(consents=[ref("c")]))
        )
        rows = after_revocation(known).rows
        assert [(row.what, row.ended_at) for row in rows] == [("decision", until)] * late
        renewed = log_of((AT, consented("recorded", until=until)), (AT, consented("recorded")), (asked_at, decided))
        assert after_revocation(renewed).rows == ()

    def test_a_consent_given_again_carries_again(self) -> None:
        known = log_of(
            (AT, consented("revoked")), (AT, consented("recorded")), (AT, disclosed(consents=[ref("c"), ref("d")]))
        )
        assert after_revocation(known).rows == ()


class TestAccess:
    def test_ordinary_looks_do_not_stand_out(self) -> None:
        known = log_of((AT, opened(assigned="yes")), (AT, leaf(Kind.LOGIN, method="passkey", result="ok", by="x1")))
        table = access(known)
        assert [row.unusual for row in table.rows] == [(), ()]
        assert access(known, unusual_only=True).rows == ()

    def test_a_look_without_assignment_stands_out(self) -> None:
        (row,) = access(log_of((AT, opened(assigned="no"))), unusual_only=True).rows
        assert row.unusual == ("without_assignment",)

    def test_too_many_in_an_hour_stand_out_and_the_same_over_a_day_do_not(self) -> None:
        quick = log_of(*((AT + timedelta(minutes=n), opened()) for n in range(5)))
        slow = log_of(*((AT + timedelta(hours=n), opened()) for n in range(5)))
        two = log_of(*((AT, opened(by=f"clinician-{n % 2}")) for n in range(8)))
        usual = Usual(openings=4)
        assert len(access(quick, unusual_only=True, usual=usual).rows) == 5
        assert access(slow, unusual_only=True, usual=usual).rows == ()
        assert access(two, unusual_only=True, usual=usual).rows == ()

    def test_the_refused_are_there_with_the_reason(self) -> None:
        refused = leaf(Kind.REFUSED_ATTEMPT, action="open", reasons=["NOT_ASSIGNED"], by="x1", alert=ref("a"))
        (row,) = access(log_of((AT, refused)), by="x1").rows
        assert (row.what, row.answer) == ("open", "refused: NOT_ASSIGNED")
        assert access(log_of((AT, refused)), by="x2").rows == ()

    def test_of_one_client_and_one_period(self) -> None:
        known = log_of((AT, opened()), (AT + DAY, opened()), (AT + 2 * DAY, opened()))
        assert len(access(known, Period(AT + DAY, AT + 2 * DAY), client=CLIENT).rows) == 1
        assert access(known, client=OTHER).rows == ()


class TestBreakGlass:
    def declared(self, by: str = "clinician-7") -> Leaf:
        ends = AT + timedelta(hours=4)
        return leaf(Kind.BREAK_GLASS, declaration=ref("bg"), by=by, client=CLIENT, expires_at=ends)

    def reviewed(self, by: str) -> Leaf:
        return leaf(Kind.BREAK_GLASS_REVIEW, declaration=ref("bg"), by=by, outcome="justified")

    def test_openings_within_its_time_are_counted(self) -> None:
        known = log_of(
            (AT - DAY, opened()),
            (AT, self.declared()),
            (AT, opened()),
            (AT, opened(by="x2")),
            (AT + timedelta(hours=4), opened()),
        )
        (row,) = break_glass(known, AT + DAY).rows
        assert (row.opened, row.overdue, row.outcome) == (1, False, "")

    @pytest.mark.parametrize(("after", "overdue"), [(timedelta(days=6), False), (timedelta(days=7), True)])
    def test_unreviewed_is_overdue_after_a_week(self, after: timedelta, overdue: bool) -> None:
        (row,) = break_glass(log_of((AT, self.declared())), AT + after).rows
        assert row.overdue is overdue

    def test_a_review_by_someone_else_closes_it_and_by_oneself_does_not(self) -> None:
        (closed,) = break_glass(
            log_of((AT, self.declared()), (AT + DAY, self.reviewed("officer-1"))), AT + 9 * DAY
        ).rows
        assert (closed.overdue, closed.outcome, closed.reviewed_by) == (False, "justified", "officer-1")
        (own,) = break_glass(log_of((AT, self.declared()), (AT + DAY, self.reviewed("clinician-7"))), AT + 2 * DAY).rows
        assert (own.overdue, own.outcome) == (True, "by_its_own_author")


class TestProofOfCheck:
    def event(self, booking: int, kind: str = "booked", feed: str = "lkc") -> Leaf:
        return leaf(
            Kind.BOOKING_EVENT,
            feed=feed,
            booking=ref("b", booking),
            event=ref("e", booking, kind),
            op="add",
            event_kind=kind,
        )

    def verdict(self, booking: int, verdict: str) -> Leaf:
        return leaf(Kind.VERDICT, booking=ref("b", booking), verdict=verdict, model=hashed("m"))

    def known(self) -> list[Entry]:
        return log_of(
            (AT, self.event(1)),
            (AT, self.verdict(1, "ALERT")),
            (AT, self.event(2)),
            (AT, self.verdict(2, "NONE")),
            (AT, self.event(3)),
            (AT, self.event(4, "cancelled")),
            (AT + DAY, self.event(1, "released")),
            (AT + DAY, self.event(5)),
            (AT + DAY, self.verdict(5, "REVIEW")),
            (AT + DAY, leaf(Kind.QUARANTINE, feed="lkc", delivery=ref("d"), code="no-name", line=3)),
        )

    def as_stranger(self, entry: Entry) -> Entry:
        if entry.leaf.kind is not Kind.VERDICT:
            return entry
        return Entry(entry.position, entry.at, leaf(Kind.VERDICT, **dict(entry.leaf.facts) | {"verdict": "NONE"}))

    def test_every_booking_counts_once_on_its_first_day_and_the_unchecked_are_named(self) -> None:
        table = checks.proof_of_check(self.known())
        assert [(r.received, r.checked, r.not_checked) for r in table.rows] == [(3, 2, 1), (1, 1, 0)]
        assert table.notes == (
            "1 bookings were received and not checked.",
            "Feed lkc: 1 rows could not be read and were set aside.",
        )

    def test_without_asking_it_does_not_tell_how_many_are_clients(self) -> None:
        """What a jail sees must be the same whether its bookings are clients or not."""
        clients = self.known()
        strangers = [self.as_stranger(entry) for entry in clients]
        shown = [render.to_csv(checks.proof_of_check(known), SOURCE) for known in (clients, strangers)]
        assert shown[0] == shown[1]
        assert checks.proof_of_check(clients, classes=True) != checks.proof_of_check(strangers, classes=True)

    def test_with_classes_they_add_up(self) -> None:
        rows = checks.proof_of_check(self.known(), classes=True).rows
        assert [(r.alert, r.review, r.none) for r in rows] == [(1, 0, 1), (0, 1, 0)]
        assert all(r.alert + r.review + r.none == r.checked for r in rows)


class TestHistories:
    def test_quarantine_by_feed_and_reason(self) -> None:
        def aside(code: str) -> Leaf:
            return leaf(Kind.QUARANTINE, feed="lkc", delivery=ref("d"), code=code, field="booked_at")

        table = checks.quarantines(log_of((AT, aside("one")), (AT, aside("two")), (AT + DAY, aside("two"))))
        assert [(r.code, r.rows, r.first_at, r.last_at) for r in table.rows] == [
            ("two", 2, AT, AT + DAY),
            ("one", 1, AT, AT),
        ]

    @pytest.mark.parametrize("done", [{"by": "operator", "result": "retry"}, {"by": "operator", "change": "destroyed"}])
    def test_what_somebody_did_about_a_row_is_no_other_row(self, done: dict[str, str]) -> None:
        facts = {"feed": "lkc", "delivery": ref("d"), "code": "one", "field": "booked_at"}
        known = log_of((AT, leaf(Kind.QUARANTINE, **facts)), (AT, leaf(Kind.QUARANTINE, **facts, **done)))
        assert [r.rows for r in checks.quarantines(known).rows] == [1]
        assert "Feed lkc: 1 rows could not be read and were set aside." in checks.proof_of_check(known).notes

    def test_a_retraction_says_whether_it_had_been_opened(self) -> None:
        def back(alert: str) -> Leaf:
            return leaf(Kind.RETRACTION, thread=ref("t"), alert=alert, retraction_reason="sealed")

        table = checks.retractions(log_of((AT, opened()), (AT, back(ref("alert"))), (AT, back(ref("unopened")))))
        assert [r.opened_before for r in table.rows] == [True, False]

    def test_decisions_by_reason_counts_each_reason_once_per_decision(self) -> None:
        def decided(effect: str, *reasons: str) -> Leaf:
            return leaf(
                Kind.DECISION,
                decision=ref(effect, reasons),
                recipient="x1",
                stage="link",
                effect=effect,
                reasons=reasons,
                rule_set="county",
                rule_set_hash=hashed("r"),
            )

        table = checks.decisions_by_reason(
            log_of((AT, decided("deny", "OPTED_OUT", "NO_CONSENT")), (AT, decided("deny", "NO_CONSENT")))
        )
        assert [(r.reason, r.decisions) for r in table.rows] == [("NO_CONSENT", 2), ("OPTED_OUT", 1)]
        assert table.notes == ("2 decisions.",)

    def test_pulls_add_up(self) -> None:
        def pulled(rows: int) -> Leaf:
            return leaf(Kind.PULL, feed="lkc", delivery=ref(rows), result="complete", rows=rows, accepted=rows - 1)

        (row,) = checks.pulls(log_of((AT, pulled(3)), (AT, pulled(4)))).rows
        assert (row.pulls, row.rows, row.accepted, row.quarantined) == (2, 7, 5, 0)

    def test_a_trail_is_everything_that_mentions_a_reference(self) -> None:
        known = log_of((AT, disclosed(consents=[ref("c")])), (AT, disclosed(OTHER)), (AT, consented("revoked")))
        assert [e.position for e in trail(known, ref("c"))] == [0, 2]
        assert [e.position for e in trail(known, OTHER)] == [1]


class TestRendering:
    def table(self) -> Table:
        return accounting(log_of((AT, disclosed())), CLIENT, Accounting.EVERYTHING, AT)

    def test_csv_reads_back(self) -> None:
        lines = render.to_csv(self.table(), SOURCE).splitlines()
        (row,) = csv.DictReader(line for line in lines if not line.startswith("#"))
        assert (row["recipient"], row["what"]) == ("clinician-7", "booking.fact; match.fact")
        assert any("Exported by officer-1" in line for line in lines)

    def test_json_reads_back(self) -> None:
        read = json.loads(render.to_json(self.table(), SOURCE))
        assert read["rows"][0]["what"] == ["booking.fact", "match.fact"]
        assert (read["exported_by"], read["log"]["size"], read["rows"][0]["position"]) == ("officer-1", 12, 0)

    def test_text_shows_each_row_and_an_empty_report_says_so(self) -> None:
        shown = render.to_text(self.table(), SOURCE)
        assert "recipient     clinician-7" in shown
        assert "(no rows)" in render.to_text(after_revocation([]), SOURCE)

    @pytest.mark.parametrize("form", [render.to_csv, render.to_json, render.to_text])
    def test_names_are_put_in_where_the_reader_may_know_them(self, form: object) -> None:
        shown = form(self.table(), SOURCE, {"clinician-7": "A. Clinician"})  # type: ignore[operator]  # a renderer
        assert "A. Clinician" in shown
        assert "clinician-7" not in shown

    @given(st.sampled_from("=+-@\t\r"), st.text(max_size=10))
    def test_no_cell_is_a_formula(self, start: str, rest: str) -> None:
        shown = render.to_csv(self.table(), SOURCE, {"clinician-7": start + rest})
        table = shown[shown.index("at,recipient") :]
        rows = list(csv.reader(StringIO(table, newline="")))
        assert len(rows) == 2
        assert not any(cell.lstrip().startswith(("=", "+", "-", "@")) for row in rows for cell in row)

    def test_the_export_is_itself_logged_with_the_hash_of_what_was_taken(self) -> None:
        content = render.to_csv(self.table(), SOURCE).encode()
        stated = render.export_leaf(self.table(), "csv", "officer-1", content, CLIENT)
        assert stated.facts["content_hash"] == sha256(content).hexdigest()
        assert (stated.facts["report"], stated.facts["rows"], stated.facts["client"]) == ("everything", 1, CLIENT)

    def test_rows_are_values(self) -> None:
        with pytest.raises(FrozenInstanceError):
            self.table().rows[0].recipient = "someone"


def test_entries_are_read_from_the_database_in_order(database: Database, log: AuditLog) -> None:
    with database.write() as conn:
        log.append(conn, [disclosed(), *verdicts(2), disclosed()], AT)
        known = list(entries(conn))
        assert [row.position for row in accounting(known, CLIENT, Accounting.EVERYTHING, AT).rows] == [0, 3]
        as_owner(conn)
        conn.execute(audit_leaf.update().where(audit_leaf.c.position == 2).values(entry=b"{}"))
        with pytest.raises(LogBroken, match="entry 2 cannot be read"):
            list(entries(conn))


class TestCatalogue:
    def test_every_report_reads_all_it_needs_and_says_its_own_code(self, database: Database, log: AuditLog) -> None:
        """A kind that the catalogue forgets would make a report silently poorer."""
        happened = [
            disclosed(consents=[ref("c")]),
            consented("revoked"),
            disclosed(consents=[ref("c")]),
            opened(assigned="no"),
            leaf(Kind.RETRACTION, thread=ref("t"), alert=ref("alert"), retraction_reason="sealed"),
            leaf(Kind.QUARANTINE, feed="lkc", delivery=ref("d"), code="no-name"),
            leaf(Kind.PULL, feed="lkc", delivery=ref("d"), result="complete", rows=1),
            leaf(Kind.LOGIN, method="passkey", result="failed"),
            leaf(Kind.BREAK_GLASS, declaration=ref("bg"), by="x1", client=CLIENT),
            leaf(Kind.BREAK_GLASS_REVIEW, declaration=ref("bg"), by="x2", outcome="justified"),
            TestProofOfCheck().event(1),
            TestProofOfCheck().verdict(1, "ALERT"),
        ]
        asked = Request(as_of=AT + DAY, client=CLIENT)
        with database.write() as conn:
            log.append(conn, happened, AT)
            everything = list(entries(conn))
            for code, offer in REPORTS.items():
                table = produce(conn, code, asked)
                assert table.code == code
                assert table == offer.build(everything, asked)
                assert table.notes or table.rows

    def test_what_is_not_there_is_refused_without_repeating_it(self, database: Database) -> None:
        with database.read() as conn:
            with pytest.raises(ReportRefused, match="there are: hipaa_164_528") as refused:
                produce(conn, "Maria Garcia", Request(AT))
            assert "Garcia" not in str(refused.value)
            with pytest.raises(ReportRefused, match="name the client"):
                produce(conn, "everything", Request(AT))
