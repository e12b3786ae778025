"""Does the page for compliance officers say what the book says?"""

from __future__ import annotations

from pathlib import Path

from consent import COUNTY, load_rulebook
from consent.prose import say

PAGE = (Path(__file__).parents[2] / "docs" / "consent.md").read_text("utf-8")
BOOK = load_rulebook(COUNTY)


def test_every_rule_with_its_title_citation_and_codes() -> None:
    for rule in BOOK.rules:
        duties = f" [{', '.join(rule.obligations)}]" if rule.obligations else ""
        codes = (", ".join(rule.reasons) + duties).strip()
        assert f"| `{rule.id}` | {rule.title} | {rule.citation} | {codes} |" in PAGE


def test_no_rule_that_the_book_does_not_have() -> None:
    rows = [line.split("`")[1] for line in PAGE.splitlines() if line.startswith("| `") and "." in line.split("`")[1]]
    assert sorted(rows) == sorted(r.id for r in BOOK.rules)


def test_every_setting_with_both_values() -> None:
    county = BOOK.settings_in("US")
    for name, setting in BOOK.settings.items():
        assert (
            f"| `{name}` | {setting.words} | {say(setting.floor)} | {say(county[name])} | {setting.citation} |" in PAGE
        )


def test_every_kind_and_every_duty() -> None:
    assert all(f"(`{kind}`)" in PAGE for kind in BOOK.tables.kinds)
    assert all(f"| {code} | {m.words} | {m.citation} |" in PAGE for code, m in BOOK.obligations.items())


def test_it_says_who_wrote_it() -> None:
    assert "We are engineers, not counsel." in PAGE
