"""Is it right? Scenes of our own: every sentence of the rules that the published scenarios leave untested."""

from __future__ import annotations

import pytest

from consent import COUNTY, FLOOR, decide, load_rulebook
from tests.consent import scenes_opt_in, strategies
from tests.consent.scenes import Scene

BOOKS = {FLOOR: load_rulebook(FLOOR), COUNTY: load_rulebook(COUNTY)}

SCENES = [*strategies.SCENES, *scenes_opt_in.UNREADABLE]


@pytest.mark.parametrize("wanted", SCENES, ids=lambda s: s.title)
def test_scene(wanted: Scene) -> None:
    got = decide(wanted.request, BOOKS[wanted.profile])
    assert got.decision.value == wanted.decision
    assert wanted.reasons <= set(got.reason_codes)
    assert wanted.absent.isdisjoint(got.reason_codes)
    for part, expected in (
        (got.obligations, wanted.obligations),
        (got.consents_relied_on, wanted.relied),
        (got.fields_allowed, wanted.fields),
        (got.programs_visible, wanted.visible),
    ):
        if expected is not None:
            assert set(part) == expected


def test_every_rule_of_the_book_is_met_by_some_scene() -> None:
    met = {rule for s in SCENES for rule in decide(s.request, BOOKS[s.profile]).rules}
    assert {r.id for r in BOOKS[FLOOR].rules} - met == set()


def test_every_ground_is_a_basis_and_every_disclosure_has_one() -> None:
    for s in SCENES:
        got = decide(s.request, BOOKS[s.profile])
        bases = [code for code in got.reason_codes if BOOKS[FLOOR].reasons[code].basis]
        assert bool(bases) is got.discloses
