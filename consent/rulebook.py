"""The rule book: rules, tables, settings and words, checked against one another when it is loaded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib import resources
from typing import Annotated, Any

import yaml
from pydantic import ConfigDict, Strict, TypeAdapter, ValidationError
from pydantic import Field as Key

from config.errors import ConfigError
from consent import questions_consent as _questions_consent  # noqa: F401 - importing registers its questions
from consent import questions_result as _questions_result  # noqa: F401 - importing registers its questions
from consent.audit_rules import check_rules
from consent.policy import Policy, read_policy
from consent.questions_programme import agreement_in_force
from consent.rule import Armed, Mode, Rule, Stage, Subject, arm
from consent.tables import Tables, read_tables

Words = Annotated[str, Strict(), Key(min_length=3)]
FLOOR = "federal-floor"
COUNTY = "county"
_FILES = ("rules", "policy", "recipients", "reasons", "obligations")


@dataclass(frozen=True, slots=True)
class Meaning:
    """A reason or obligation code in plain words, with the text it stands on."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    words: Words
    citation: Words
    basis: bool = False
    """A reason that is a ground of disclosure."""
    to_recipient: bool = False
    """An obligation that is a notice to the recipient."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One question left to local policy, with the federal floor's answer."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    floor: Any
    words: Words
    citation: Words


@dataclass(frozen=True, slots=True)
class Profile:
    __pydantic_config__ = ConfigDict(extra="forbid")

    words: Words
    settings: dict[str, Any]


_MEANINGS = TypeAdapter(dict[str, Meaning])
_SETTINGS = TypeAdapter(dict[str, Setting])
_PROFILES = TypeAdapter(dict[str, Profile])
_OVERLAYS = TypeAdapter(dict[str, dict[str, Any]])
_RULES = TypeAdapter(tuple[Rule, ...])


class RuleBook:
    """A whole, checked rule book under one profile. It does not change; two with equal content have equal hashes."""

    def __init__(self, raw: Mapping[str, Any], profile: str, overrides: Mapping[str, Any]) -> None:
        try:
            self._read(raw, profile, overrides)
        except ValidationError as fault:
            found = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in fault.errors())
            raise ConfigError(f"rule book: {'; '.join(found)}") from None
        except (KeyError, TypeError, ValueError) as fault:
            raise ConfigError(f"rule book: {fault}") from fault
        self.raw: Mapping[str, Any] = {"book": raw, "profile": profile, "overrides": dict(overrides)}
        self.canonical_bytes = canonical_json(self.raw)
        self.hash = hashlib.sha256(self.canonical_bytes).hexdigest()

    def _read(self, raw: Mapping[str, Any], profile: str, overrides: Mapping[str, Any]) -> None:
        self.version = f"{profile} {raw['rules']['version']}"
        self.profile = profile
        self.overrides = dict(overrides)
        self.reasons = _MEANINGS.validate_python(raw["reasons"])
        self.obligations = _MEANINGS.validate_python(raw["obligations"])
        self.tables: Tables = read_tables(raw["recipients"])
        self.settings = _SETTINGS.validate_python(raw["policy"]["settings"])
        self.overlays = _OVERLAYS.validate_python(raw["policy"]["overlays"])
        self.profiles = _PROFILES.validate_python(raw["policy"]["profiles"])
        self.chapters: list[Mapping[str, Any]] = raw["rules"]["chapters"]
        self.modes = {Stage(c["stage"]): Mode(c["mode"]) for c in self.chapters}
        self.rules = _RULES.validate_python(list(_rules_of(self.chapters)))
        if profile not in self.profiles:
            raise ValueError(f"no profile is called {profile}; there are {', '.join(sorted(self.profiles))}")
        self._settings = {j: self._settings_for(j) for j in self.overlays}
        self._policies = {j: read_policy(s) for j, s in self._settings.items()}
        check_rules(self.rules, self.modes, set(self.reasons), set(self.obligations))
        self._by_id = {r.id: r for r in self.rules}
        self._armed = {r.id: arm(r, agreement_in_force) for r in self.rules}
        self._selected: dict[tuple[Any, ...], tuple[Armed, ...]] = {}

    def _settings_for(self, jurisdiction: str) -> dict[str, Any]:
        floor = {name: setting.floor for name, setting in self.settings.items()}
        return floor | self.profiles[self.profile].settings | self.overlays[jurisdiction] | self.overrides

    def settings_in(self, jurisdiction: str) -> Mapping[str, Any]:
        """Every setting in force there, before a request's own changes."""
        return self._settings[jurisdiction]

    def knows(self, jurisdiction: str) -> bool:
        return jurisdiction in self._policies

    def policy(self, jurisdiction: str, changes: Mapping[str, Any] | None = None) -> Policy:
        """The settings in force there. `changes` are a request's own. Raises ValidationError for an unfit change."""
        if not changes:
            return self._policies[jurisdiction]
        return read_policy(self._settings[jurisdiction] | dict(changes))

    def rule(self, rule_id: str) -> Rule:
        return self._by_id[rule_id]

    def rule_holds(self, rule_id: str, subject: Subject, policy: Policy | None) -> bool:
        rule = self._by_id[rule_id]
        fits = rule.fits(subject.kind, subject.purpose, subject.part2)
        return fits and self._armed[rule_id].holds(subject, policy)

    def first(self, stage: Stage, subject: Subject, policy: Policy | None) -> Rule | None:
        """The first rule of the stage that holds."""
        for armed in self._select(stage, subject):
            if armed.holds(subject, policy):
                return armed.rule
        return None

    def every(self, stage: Stage, subject: Subject, policy: Policy | None) -> Iterator[Rule]:
        """Every rule of the stage that holds, in order."""
        return (armed.rule for armed in self._select(stage, subject) if armed.holds(subject, policy))

    def _select(self, stage: Stage, subject: Subject) -> tuple[Armed, ...]:
        key = (stage, subject.kind, subject.purpose, subject.part2)
        found = self._selected.get(key)
        if found is None:
            found = tuple(self._armed[r.id] for r in self.rules if r.stage is stage and r.fits(*key[1:]))
            self._selected[key] = found
        return found


def _rules_of(chapters: list[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Each rule with what it takes from its chapter: stage, owner and days, and purposes and part2 where it has none."""
    inherited = ("stage", "owner", "effective", "purposes", "part2")
    for chapter in chapters:
        if unknown := set(chapter) - {*inherited, "mode", "words", "rules"}:
            raise ValueError(f"chapter {chapter.get('stage')} has unknown keys: {sorted(unknown)}")
        for rule in chapter["rules"]:
            yield {k: chapter[k] for k in inherited if k in chapter} | rule


def canonical_json(content: Any) -> bytes:
    """One spelling for equal content: sorted keys, no blanks, UTF-8, dates as ISO 8601, sets as sorted lists."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_spell).encode()


def _spell(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError("not plain data")


@lru_cache(maxsize=1)
def packaged() -> dict[str, Any]:
    """The book that ships with this room, as plain data."""
    folder = resources.files("consent") / "book"
    return {name: yaml.safe_load((folder / f"{name}.yaml").read_text("utf-8")) for name in _FILES}


def load_rulebook(profile: str = COUNTY, overrides: Mapping[str, Any] | None = None) -> RuleBook:
    """The packaged book under a profile, with an installation's own settings on top. Raises ConfigError.

    Order of settings: federal floor < profile < state overlay < `overrides` < a request's own `policy`.
    """
    return RuleBook(packaged(), profile, overrides or {})


def parse_rulebook(text: str | bytes) -> RuleBook:
    """Read a rule book that an officer keeps as a YAML (or JSON) file, a draft for instance. Raises ConfigError.

    Keys: `profile`, `overrides` and `book`, all optional. Without a `book` of its own the packaged one is meant, so a
    draft that only changes settings holds nothing else.
    """
    try:
        raw = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as fault:
        raise ConfigError("rule book: the file is not YAML") from fault
    if not isinstance(raw, dict) or set(raw) - {"profile", "overrides", "book"}:
        raise ConfigError("rule book: the file may hold profile, overrides and book, and nothing else")
    book, overrides = raw.get("book", packaged()), raw.get("overrides") or {}
    if not isinstance(book, dict) or not isinstance(overrides, dict):
        raise ConfigError("rule book: book and overrides must each be a table")
    return RuleBook(book, str(raw.get("profile", COUNTY)), overrides)


def write_rulebook(book: RuleBook) -> str:
    """A whole rule book as YAML, to edit or to keep; `parse_rulebook` reads it back to the same hash."""
    return yaml.safe_dump(book.raw, sort_keys=False, allow_unicode=True, width=120)
