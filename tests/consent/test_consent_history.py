"""Does a consent's life stay readable? Nothing is overwritten, and every instant can be replayed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent import FLOOR, ConsentRecord, decide, load_rulebook, read_request
from consent.history import (
    Act,
    Entry,
    History,
    HistoryRefused,
    as_of,
    correct,
    current,
    elements,
    expiring,
    of_consent,
    record,
    relying_on,
    revoke,
    supersede,
)
from consent.intake import as_record
from consent.times import zone
from consent.vocabulary import ConsentStatus, Element, RevocationMethod
from tests.consent.scenes import DOCTOR, consent, scene

DAY = timedelta(days=1)
T0 = datetime(2026, 1, 1, 12, tzinfo=UTC)
BOOK = load_rulebook(FLOOR)
WRITTEN, ORAL = RevocationMethod.WRITTEN, RevocationMethod.ORAL


def form(**changes: Any) -> ConsentRecord:
    return as_record(consent(**changes))


def on_file(*forms: ConsentRecord) -> History:
    history: History = ()
    for one in forms or (form(),):
        history = record(history, one, by="u-clerk", at=T0, document="ab" * 32)
    return history


def test_a_correction_keeps_what_was_read_before() -> None:
    history = correct(on_file(), form(expires_at="2026-06-30"), by="u-boss", at=T0 + DAY)
    assert [r.expires_at for r in as_of(history, T0)] == [form().expires_at]
    assert [r.expires_at for r in current(history)] == [form(expires_at="2026-06-30").expires_at]
    first, second = of_consent(history, "k-1")
    assert (first.act, second.act, second.recorded_by, second.document) == (
        Act.RECORDED,
        Act.CORRECTED,
        "u-boss",
        "ab" * 32,
    )


def test_before_it_was_recorded_it_was_not_known() -> None:
    assert as_of(on_file(), T0 - timedelta(microseconds=1)) == ()
    assert len(as_of(on_file(), T0)) == 1


def test_a_revocation_holds_from_the_instant_of_receipt_and_not_before() -> None:
    received = T0 + 3 * DAY
    history = revoke(on_file(), "k-1", received_at=received, method=WRITTEN, by="u-clerk")

    def told(instant: datetime, known: tuple[ConsentRecord, ...]) -> bool:
        typed = read_request(scene(DOCTOR, booking={"booked_at": "2025-12-31T12:00:00Z"}))
        return decide(replace(typed, as_of=instant, consents=known), BOOK).discloses

    assert told(received - timedelta(microseconds=1), as_of(history, received))
    assert not told(received, as_of(history, received))
    assert told(received, as_of(history, received - timedelta(microseconds=1)))
    assert current(history)[0].status is ConsentStatus.INACTIVE


def test_a_second_revocation_does_not_make_it_later() -> None:
    history = revoke(on_file(), "k-1", received_at=T0 + DAY, method=WRITTEN, by="a")
    again = revoke(history, "k-1", received_at=T0 + 2 * DAY, method=ORAL, by="b")
    assert current(again)[0].revoked_at == T0 + DAY


def test_a_written_revocation_replaces_an_oral_one_that_may_not_count() -> None:
    history = revoke(on_file(), "k-1", received_at=T0 + DAY, method=ORAL, by="a")
    again = revoke(history, "k-1", received_at=T0 + 2 * DAY, method=WRITTEN, by="b")
    assert (current(again)[0].revoked_at, current(again)[0].revocation_method) == (T0 + 2 * DAY, WRITTEN)


def test_a_newer_form_takes_over_without_a_gap() -> None:
    at = T0 + DAY
    history = supersede(on_file(), "k-1", form(id="k-2", signed_at="2026-01-02T00:00:00Z"), by="u", at=at)
    old, new = current(history)
    assert (old.id, old.revoked_at, new.id) == ("k-1", at, "k-2")
    assert [(e.act, e.superseded_by) for e in history] == [
        (Act.RECORDED, None),
        (Act.SUPERSEDED, "k-2"),
        (Act.RECORDED, None),
    ]
    assert [r.id for r in as_of(history, T0)] == ["k-1"]


@pytest.mark.parametrize(
    "act",
    [
        lambda h: record(h, form(), by="u", at=T0),
        lambda h: correct(h, form(id="k-9"), by="u", at=T0),
        lambda h: correct(h, form(client_id="c-9"), by="u", at=T0),
        lambda h: revoke(h, "k-9", received_at=T0, method=WRITTEN, by="u"),
        lambda h: supersede(h, "k-1", form(id="k-1"), by="u", at=T0),
        lambda h: supersede(h, "k-1", form(id="k-2", client_id="c-9"), by="u", at=T0),
        lambda h: record(h, form(id="k-2"), by="u", at=T0 - DAY),
        lambda h: record(h, form(id="k-2"), by="u", at=T0.replace(tzinfo=None)),
    ],
)
def test_what_does_not_fit_is_refused(act: Any) -> None:
    with pytest.raises(HistoryRefused):
        act(on_file())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["correct", "revoke", "supersede"]), st.integers(0, 3)), max_size=8))
def test_the_past_never_changes(acts: list[tuple[str, int]]) -> None:
    history = on_file()
    seen: list[tuple[datetime, tuple[ConsentRecord, ...]]] = [(T0, as_of(history, T0))]
    for step, (act, days) in enumerate(acts, start=1):
        at = history[-1].recorded_at + timedelta(days=days, seconds=1)
        last = current(history)[-1]
        if act == "correct":
            history = correct(history, replace(last, expires_at=at.date()), by="u", at=at)
        elif act == "revoke":
            history = revoke(history, last.id, received_at=at, method=WRITTEN, by="u")
        else:
            history = supersede(history, last.id, form(id=f"k-{step + 1}"), by="u", at=at)
        seen.append((at, as_of(history, at)))
    assert all(as_of(history, at) == known for at, known in seen)


def test_expiring_lists_what_ends_soon_and_is_in_force() -> None:
    chicago = zone("America/Chicago")
    history = on_file(
        form(id="k-soon", expires_at="2026-01-10"),
        form(id="k-sooner", expires_at="2026-01-05T00:00:00Z"),
        form(id="k-late", expires_at="2026-03-01"),
        form(id="k-over", expires_at="2025-12-31"),
        form(id="k-open", expires_at=None),
        form(id="k-gone", expires_at="2026-01-10", revoked_at="2026-01-01T00:00:00Z"),
        form(id="k-draft", expires_at="2026-01-10", status="draft"),
    )
    found = expiring(history, T0, timedelta(days=30), chicago)
    assert [(r.id, at) for r, at in found] == [
        ("k-sooner", datetime(2026, 1, 5, tzinfo=UTC)),
        ("k-soon", datetime(2026, 1, 11, 6, tzinfo=UTC)),
    ]


def test_elements_are_listed_present_or_absent() -> None:
    listed = elements(form(elements_missing=["signature", "right_to_revoke"]))
    assert [e.number for e in listed if not e.present] == ["2.31(a)(6)", "2.31(a)(8)"]
    assert {e.element for e in listed} == set(Element)


def test_what_a_revocation_reaches() -> None:
    made = [("d-1", decide(scene(DOCTOR, consents=[consent()]), BOOK)), ("d-2", decide(scene(DOCTOR), BOOK))]
    assert relying_on("k-1", made) == ("d-1",)


def test_entries_hide_what_they_hold() -> None:
    assert "c-1" not in repr(Entry(form(), Act.RECORDED, T0, "u-clerk"))
