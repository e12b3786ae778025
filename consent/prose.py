"""The rule book in plain words, as structured text: to print, or to set as HTML or PDF."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from consent.rule import Effect, Rule, Stage
from consent.rulebook import RuleBook
from consent.vocabulary import Kind

_EFFECTS = {
    Effect.DENY: "Nothing is told",
    Effect.REFUSE: "This ground fails",
    Effect.PERMIT: "May be told",
    Effect.REPORT: "Noted",
    Effect.WITHHOLD: "Kept back",
    Effect.SILENCE: "The consent says nothing here",
    Effect.OBLIGE: "Duty",
    Effect.ASK_CONSENT: "The client's consent is asked for as well",
}


@dataclass(frozen=True, slots=True)
class Item:
    """One numbered statement with what it stands on. `label` is the rule's id, a setting's name or a kind."""

    label: str
    text: str
    details: tuple[str, ...]
    citation: str


@dataclass(frozen=True, slots=True)
class Section:
    heading: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A whole rule book in words."""

    title: str
    preface: tuple[str, ...]
    sections: tuple[Section, ...]


def prose(book: RuleBook) -> Document:
    """Say a rule book in words: its settings, who may ask for what, and every rule in the order it is asked."""
    preface = (
        book.profiles[book.profile].words,
        f"Rule set {book.version}, SHA-256 {book.hash}.",
        "Each rule is an engineering reading of the citation beside it. It is not legal advice.",
    )
    sections = (_settings(book), _states(book), _kinds(book), *_chapters(book))
    return Document(f"Consent rules: {book.version}", preface, sections)


def _settings(book: RuleBook) -> Section:
    values = book.settings_in("US")
    items = (
        Item(
            name,
            setting.words,
            (f"Here: {say(values[name])}", f"Federal floor: {say(setting.floor)}"),
            setting.citation,
        )
        for name, setting in book.settings.items()
    )
    return Section("Settings (local policy)", tuple(items))


def _states(book: RuleBook) -> Section:
    items = (
        Item(
            place,
            "Differs in: " + ("; ".join(f"{k} = {say(v)}" for k, v in changes.items()) or "nothing"),
            (),
            "see the settings",
        )
        for place, changes in book.overlays.items()
    )
    return Section("States", tuple(items))


def _kinds(book: RuleBook) -> Section:
    return Section("Who may ask, for what, and the most they may get", tuple(_kind(book, kind) for kind in Kind))


def _kind(book: RuleBook, kind: Kind) -> Item:
    row = book.tables.kinds[kind]
    purposes = ", ".join(book.tables.purposes[p] for p in sorted(row.purposes))
    most = "the setting alert_fields_internal" if row.envelope == "policy" else say(row.envelope)
    return Item(
        kind.value, _capital(row.words), (f"For: {purposes}", f"At most: {most}"), "45 CFR 164.502(b), 164.514(d)"
    )


def _chapters(book: RuleBook) -> Iterator[Section]:
    for chapter in book.chapters:
        stage = Stage(chapter["stage"])
        rules = tuple(_rule(book, rule) for rule in book.rules if rule.stage is stage)
        yield Section(chapter["words"], rules)


def _rule(book: RuleBook, rule: Rule) -> Item:
    details = [f"{_EFFECTS[rule.effect]}: {'; '.join(book.reasons[c].words for c in rule.reasons)}".rstrip(": ")]
    details += [f"Duty: {book.obligations[code].words}" for code in rule.obligations]
    details += list(_conditions(book, rule))
    since = f"In this book since {rule.effective.since:%Y-%m-%d}"
    until = f", until {rule.effective.until:%Y-%m-%d}" if rule.effective.until else ""
    details.append(f"{since}{until}; owner: {rule.owner}")
    return Item(rule.id, rule.title, tuple(details), rule.citation)


def _conditions(book: RuleBook, rule: Rule) -> Iterator[str]:
    if rule.kinds is not None:
        yield "About: " + ", ".join(book.tables.kinds[k].words for k in sorted(rule.kinds))
    if rule.purposes is not None:
        yield "For: " + ", ".join(book.tables.purposes[p] for p in sorted(rule.purposes))
    if rule.part2 is not None:
        yield "Programmes: Part 2 only" if rule.part2 else "Programmes: not Part 2"
    if rule.policy:
        yield "Where: " + "; ".join(f"{name} = {say(value)}" for name, value in sorted(rule.policy.items()))
    asked = [test.replace("_", " ") for test in rule.tests]
    if rule.agreement is not None:
        asked.append(f"an agreement {rule.agreement.value} in force")
    if asked:
        yield "If: " + "; ".join(asked)
    if rule.fields is not None:
        yield "Only: " + say(rule.fields)


def say(value: Any) -> str:
    """A setting's value in words."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(sorted(map(str, value))) or "nothing"
    return str(value)


def as_text(document: Document, width: int = 100) -> str:
    """A document for the terminal or a text file."""
    lines = [document.title, "=" * min(width, len(document.title)), "", *document.preface]
    for section in document.sections:
        lines += ["", section.heading, "-" * min(width, len(section.heading))]
        for item in section.items:
            lines += [
                "",
                f"{item.label}: {item.text}",
                *(f"    {detail}" for detail in item.details),
                f"    [{item.citation}]",
            ]
    return "\n".join(lines) + "\n"


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
