"""Can anybody work out a small count? An attacker with all that was ever shown tries, as linear and integer programmes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from service.measures import least
from service.measures.attacker import Attacker
from service.measures.definitions import ALL, MEASURES, TOTAL, nested, relations
from service.measures.least import protected
from service.measures.periods import parts
from service.measures.suppression import SMALLEST, CannotProtect, Key, Relation, suppress

ROWS = ("told", "not_permitted", "nobody_told")
YEAR = [f"2026-{month:02}" for month in range(1, 13)]


def bounds(
    counts: Mapping[Key, int], hidden: frozenset[Key], known: Iterable[Relation], key: Key
) -> tuple[float, float]:
    """What a reader can say of one cell: every cell is a variable, and what was shown is held fast. Nothing of ours is reused."""
    cells = sorted(counts)
    equal: list[list[int]] = []
    at_most: list[list[int]] = []
    for relation in known:
        row = [relation.factors.get(cell, 0) for cell in cells]
        (equal if relation.equal else at_most).append(row)
    limits = [(1, None) if cell in hidden else (counts[cell], counts[cell]) for cell in cells]
    found = []
    for sign in (1, -1):
        goal = np.array([sign if cell == key else 0 for cell in cells])
        solved = linprog(
            goal,
            A_eq=np.array(equal) if equal else None,
            b_eq=np.zeros(len(equal)) if equal else None,
            A_ub=np.array(at_most) if at_most else None,
            b_ub=np.zeros(len(at_most)) if at_most else None,
            bounds=limits,
        )
        found.append(sign * solved.fun if solved.status == 0 else float("inf"))
    return found[0], found[1]


def lowest(counts: Mapping[Key, int], known: Iterable[Relation], key: Key) -> float:
    """What the zeros alone tell: a total of three rows that are not zero is no less than 3."""
    return bounds(counts, frozenset(k for k, count in counts.items() if count), known, key)[0]


def require_protected(counts: Mapping[Key, int], hidden: frozenset[Key], known: list[Relation]) -> None:
    for key, count in counts.items():
        if key not in hidden:
            assert count == 0 or count >= SMALLEST, key
            continue
        low, high = bounds(counts, hidden, known, key)
        if count < SMALLEST:
            assert low <= 1.000001 or low <= lowest(counts, known, key) + 0.000001, (key, low)
            assert high >= SMALLEST - 1 - 0.000001, (key, high)
        else:
            assert high - low >= SMALLEST - 2 - 0.000001, (key, low, high)


def table(rows: Mapping[str, int], period: str = "2026-01", scope: str = ALL) -> dict[Key, int]:
    counts = {Key("told", row, scope, period): count for row, count in rows.items()}
    return counts | {Key("told", TOTAL, scope, period): sum(rows.values())}


@given(st.lists(st.integers(0, 40), min_size=3, max_size=3))
def test_no_row_of_one_table_can_be_worked_out(counts: list[int]) -> None:
    cells = table(dict(zip(("told", "not_permitted", "nobody_told"), counts, strict=True)))
    known = list(relations(cells))
    require_protected(cells, suppress(cells, known), known)


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_nor_over_organisations_and_months_that_nest_when_each_is_settled_in_its_turn(data: st.DataObject) -> None:
    """A month at a time, the quarter with its last: what was shown stays shown, and still nothing can be worked out."""
    count = st.one_of(st.integers(0, 14), st.integers(0, 60))
    close_a_quarter(lambda _month, _org: {row: data.draw(count) for row in ROWS})


def test_a_quarter_whose_rows_follow_from_months_shown_before_can_close() -> None:
    """A choice among its cells must leave those aside that everybody can work out already."""
    told = {("2026-02", "south"): {"not_permitted": 11}, ("2026-03", "south"): {"nobody_told": 1}}
    hidden = close_a_quarter(lambda month, org: dict.fromkeys(ROWS, 0) | told.get((month, org), {}))
    assert {key.cell for key in hidden} == {"nobody_told", TOTAL}


def close_a_quarter(rows: Callable[[str, str], dict[str, int]]) -> frozenset[Key]:
    settled: dict[Key, int] = {}
    hidden: frozenset[Key] = frozenset()
    for month in YEAR[:3]:
        fresh: dict[Key, int] = {}
        for org in ("north", "south"):
            fresh |= table(rows(month, org), month, org)
        for key in list(fresh):
            whole = key._replace(scope=ALL)
            fresh[whole] = fresh.get(whole, 0) + fresh[key]
        if month == YEAR[2]:
            names = {key[:3] for key in fresh}
            fresh |= {
                Key(*n, "2026-Q1"): sum((settled | fresh)[Key(*n, part)] for part in parts("2026-Q1")) for n in names
            }
        settled, hidden = release(settled, hidden, fresh)
    require_protected(settled, hidden, list(relations(settled)))
    return hidden


def release(
    settled: dict[Key, int], hidden: frozenset[Key], fresh: dict[Key, int]
) -> tuple[dict[Key, int], frozenset[Key]]:
    counts = settled | fresh
    back = suppress(counts, relations(counts), shown=frozenset(settled) - hidden, hidden=hidden)
    return counts, hidden | back


@settings(max_examples=8, deadline=None)
@given(st.data())
def test_nor_over_measures_that_share_a_total_or_rest_on_one_another(data: st.DataObject) -> None:
    """All measures of one month of one organisation, with amounts, persons and shared totals, as they are really built."""
    counts = a_month(data, "2026-01")
    known = list(relations(counts))
    sensitive = frozenset(k for k in counts if k.cell == "days" and 0 < stays_of(counts, k) < SMALLEST)
    hidden = suppress(counts, known, sensitive=sensitive)
    assert sensitive <= hidden
    for key in sorted(hidden)[:12]:
        if counts[key] < SMALLEST and key.cell != "days":
            low, high = bounds(counts, hidden, known, key)
            assert low <= 1.000001 or low <= lowest(counts, known, key) + 0.000001, key
            assert high >= SMALLEST - 1.000001, key


def stays_of(counts: Mapping[Key, int], days: Key) -> int:
    return counts[days._replace(measure="stays" if days.measure == "days" else "stays_others", cell=TOTAL)]


def a_month(data: st.DataObject, period: str) -> dict[Key, int]:
    size = data.draw(st.sampled_from([4, 25, 120]))
    counts: dict[Key, int] = {}
    for measure in MEASURES:
        if measure.amount_of or measure.ripens:
            continue
        rows = measure.keys(ALL, period)
        total = measure.total_key(ALL, period)
        assert total is not None
        if total not in counts:
            counts |= {row: data.draw(st.integers(0, size)) for row in rows}
            counts[total] = sum(counts[row] for row in rows)
        else:
            counts |= spread(data, counts[total], rows)
    for days, stays in (("days", "stays"), ("days_others", "stays_others")):
        rows = [k for k in counts if k.measure == stays and k.cell != TOTAL]
        counts[Key(days, "days", ALL, period)] = sum(
            counts[row] * (40 if "over" in row.cell else 1) for row in rows
        ) + sum(
            counts[row] * extra for row in rows for extra in [{"up_to_7_days": 3, "up_to_30_days": 9}.get(row.cell, 0)]
        )
    persons = [counts[k] for k in sorted(counts) if k.measure == "contacted_persons" and k.cell != TOTAL]
    if persons[0] + 2 * persons[1] + 4 * persons[2] > counts[Key("contacts", TOTAL, ALL, period)]:
        for key in [k for k in counts if k.measure == "contacted_persons"]:
            counts[key] = 0
    counts[Key("bookings", "clients", ALL, period)] = counts[Key("told", TOTAL, ALL, period)]
    counts[Key("bookings", TOTAL, ALL, period)] = sum(
        counts[Key("bookings", row, ALL, period)] for row in ("clients", "others")
    )
    return counts


def spread(data: st.DataObject, total: int, rows: list[Key]) -> dict[Key, int]:
    cuts = sorted(data.draw(st.lists(st.integers(0, total), min_size=len(rows) - 1, max_size=len(rows) - 1)))
    return {row: high - low for row, low, high in zip(rows, [0, *cuts], [*cuts, total], strict=True)}


def test_every_number_from_1_to_10_fits_when_all_fillings_of_a_small_table_are_tried() -> None:
    """By counting and not by programming: the very fillings that agree with what is shown."""
    cells = table({"told": 2, "not_permitted": 14, "nobody_told": 30})
    hidden = suppress(cells, relations(cells))
    shown = {key.cell: count for key, count in cells.items() if key not in hidden}
    assert shown == {"nobody_told": 30, TOTAL: 46}
    fits = {a for a, b in product(range(1, 60), repeat=2) if a + b + 30 == 46}
    assert fits >= set(range(1, SMALLEST))


@pytest.mark.parametrize(
    ("rows", "back"),
    [
        pytest.param((20, 30, 40), set(), id="nothing is small"),
        pytest.param((0, 30, 40), set(), id="zero is told"),
        pytest.param((3, 30, 40), {"told", "not_permitted"}, id="one small count takes the next smallest with it"),
        pytest.param((3, 4, 40), {"told", "not_permitted", "nobody_told"}, id="two that add up to too little"),
        pytest.param((3, 0, 0), {"told", TOTAL}, id="the only one, and the total that is the same"),
        pytest.param((6, 6, 50), {"told", "not_permitted"}, id="two that hide each other"),
    ],
)
def test_what_is_kept_back(rows: tuple[int, int, int], back: set[str]) -> None:
    cells = table(dict(zip(("told", "not_permitted", "nobody_told"), rows, strict=True)))
    assert {key.cell for key in suppress(cells, relations(cells))} == back


TWO_PROVIDERS = (
    ((13, 23, 3), (21, 26, 26)),
    ((4, 25, 19), (17, 24, 8)),
    ((12, 3, 40), (9, 31, 22)),
    ((35, 60, 2), (51, 44, 0)),
)
"""Rows of a month of two small providers."""


def of_two(rows: tuple[tuple[int, ...], tuple[int, ...]]) -> dict[Key, int]:
    counts: dict[Key, int] = {}
    for org, each in zip(("north", "south"), rows, strict=True):
        counts |= table(dict(zip(("told", "not_permitted", "nobody_told"), each, strict=True)), scope=org)
    for key in list(counts):
        whole = key._replace(scope=ALL)
        counts[whole] = counts.get(whole, 0) + counts[key]
    return counts


@pytest.mark.parametrize("rows", TWO_PROVIDERS)
def test_of_few_cells_the_fewest_are_kept_back(rows: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    """By trying every smaller choice: none of them protects."""
    counts = of_two(rows)
    known = list(relations(counts))
    hidden = suppress(counts, known)
    require_protected(counts, hidden, known)
    primary = {key for key, count in counts.items() if 0 < count < SMALLEST}
    others = [key for key, count in counts.items() if count and key not in primary]
    for size in range(len(hidden) - len(primary)):
        for further in combinations(others, size):
            assert not protects(counts, primary | set(further), known)


def protects(counts: Mapping[Key, int], hidden: set[Key], known: list[Relation]) -> bool:
    attacker = Attacker(counts, tuple(known), hidden)
    blind = Attacker(counts, tuple(known), {key for key, count in counts.items() if count})
    return all(protected(attacker, blind, key) for key in sorted(hidden))


def test_where_many_cells_hang_together_the_choice_is_sound_and_not_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(least, "FEW", 0)
    counts = of_two(TWO_PROVIDERS[0])
    known = list(relations(counts))
    greedy = suppress(counts, known)
    require_protected(counts, greedy, known)
    monkeypatch.undo()
    assert len(suppress(counts, known)) < len(greedy), "the search is worth its while"


def test_a_search_that_is_cut_off_gives_what_is_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = of_two(TWO_PROVIDERS[1])
    known = list(relations(counts))
    for steps in (0, 1, 5, 20):
        monkeypatch.setattr(least, "STEPS", steps)
        require_protected(counts, suppress(counts, known), known)


def test_a_quarter_that_would_give_a_month_away_is_kept_back() -> None:
    months = {Key("told", TOTAL, ALL, YEAR[n]): count for n, count in enumerate((4, 30, 30))}
    quarter = {Key("told", TOTAL, ALL, "2026-Q1"): 64}
    first = suppress(months, [])
    assert {k.period for k in first} == {YEAR[0]}
    counts = months | quarter
    again = suppress(counts, relations(counts), shown=frozenset(months) - first, hidden=first)
    assert again == frozenset(quarter)


def test_what_can_no_longer_be_kept_back_is_never_shown_but_raised() -> None:
    """Two figures were shown that give the third away as soon as a zero is told, and zero is always told."""
    a, b, c, whole = (Key("told", cell, ALL, "2026-01") for cell in ("told", "not_permitted", "nobody_told", TOTAL))
    with pytest.raises(CannotProtect):
        suppress(
            {a: 5, b: 20, c: 0, whole: 25},
            [Relation.total(whole, [a, b, c])],
            shown=frozenset({b, whole}),
            hidden=frozenset({a}),
        )


def test_persons_do_not_nest_and_everything_else_does() -> None:
    assert [m.code for m in MEASURES if not nested(m.code)] == ["contacted_persons", "booked_persons"]
