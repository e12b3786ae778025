"""Whom and what a consent record covers, and what it therefore says about each field."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from consent.case import ConsentCase
from consent.facts import Provision, RecipientEntry, Via
from consent.times import within
from consent.vocabulary import (
    GROUPS,
    TPO,
    ConsentPurpose,
    EntryKind,
    FieldName,
    Group,
    Purpose,
    RecipientClass,
    Says,
)

PERSON, ORG, CLASS, ANYONE = 3, 2, 1, 0
"""How specific a consent is about the recipient."""

_EVERYTHING = frozenset(FieldName)


@lru_cache(maxsize=1024)
def expand_info(info: tuple[FieldName | Group, ...]) -> frozenset[FieldName]:
    """The fields that the words on a form stand for."""
    return frozenset(f for item in info for f in (GROUPS[item] if isinstance(item, Group) else (item,)))


@lru_cache(maxsize=1024)
def expand_purposes(purposes: tuple[ConsentPurpose, ...]) -> frozenset[Purpose]:
    """The purposes that the words on a form stand for."""
    named = frozenset(Purpose(p) for p in purposes if p is not ConsentPurpose.TPO)
    return named | TPO if ConsentPurpose.TPO in purposes else named


def exchange(via: Via | None) -> Via | None:
    """The exchange in between, unless it works as a business associate and is no intermediary."""
    return None if via is None or via.business_associate else via


def specificity(entries: Iterable[RecipientEntry], c: ConsentCase, via: Via | None) -> int | None:
    """The best match among the entries of a form, or None."""
    found = [s for e in entries if (s := _entry(e, c, via)) is not None]
    return max(found, default=None)


def _entry(entry: RecipientEntry, c: ConsentCase, via: Via | None) -> int | None:
    if via is not None:
        return _through(entry, c, via)
    recipient = c.request.recipient
    if entry.kind is EntryKind.PERSON:
        return PERSON if entry.id == recipient.person_id else None
    if entry.kind is EntryKind.ORG:
        return ORG if entry.id == recipient.org_id else None
    if entry.kind is EntryKind.CLASS:
        return CLASS if _in_class(RecipientClass(entry.id), c) else None
    return None


def _through(entry: RecipientEntry, c: ConsentCase, via: Via) -> int | None:
    if entry.kind is not EntryKind.INTERMEDIARY or entry.id != via.org_id:
        return None
    if c.request.recipient.org_id in entry.participants:
        return ORG
    in_class = entry.participant_class is not None and _in_class(entry.participant_class, c)
    return CLASS if in_class else None


def _in_class(name: RecipientClass, c: ConsentCase) -> bool:
    treating = c.request.recipient.treating_relationship
    return c.at.case.tables.class_has(name, c.kind, treating, c.policy)


def root_specificity(c: ConsentCase, via: Via | None) -> int | None:
    """How the root names the recipient. A denial that names nobody means everybody; such a permission, nobody."""
    consent = c.consent
    if not consent.recipients and consent.base is Says.DENY:
        return ANYONE
    return specificity(consent.recipients, c, via)


def root_has_purpose(c: ConsentCase) -> bool:
    consent = c.consent
    if not consent.purposes:
        return consent.base is Says.DENY
    return c.purpose in expand_purposes(consent.purposes)


def root_fields(c: ConsentCase) -> frozenset[FieldName]:
    consent = c.consent
    if not consent.info and consent.base is Says.DENY:
        return _EVERYTHING
    return expand_info(consent.info)


@dataclass(slots=True)
class Said:
    """What one consent says: for each field how specifically, and which fields it does not speak about."""

    permits: dict[FieldName, int] = field(default_factory=dict)
    denies: dict[FieldName, int] = field(default_factory=dict)
    silent: bool = False


def listen(c: ConsentCase, fields: frozenset[FieldName]) -> Said:
    """What a consent that may speak says about these fields: its exceptions first, else its root."""
    said = Said()
    via = exchange(c.request.recipient.via)
    base_denies = c.consent.base is Says.DENY
    ours, theirs = (said.denies, said.permits) if base_denies else (said.permits, said.denies)
    for provision in c.consent.provisions:
        if provision.type is not c.consent.base:
            _except(provision, c, via, fields, theirs)
    rest = fields - theirs.keys() if theirs else fields
    root = root_specificity(c, via)
    if root is not None and root_has_purpose(c):
        covered = rest & root_fields(c)
        ours.update(dict.fromkeys(covered, root))
        said.silent = len(covered) < len(rest)
    else:
        said.silent = bool(rest)
    return said


def _except(
    provision: Provision, c: ConsentCase, via: Via | None, fields: frozenset[FieldName], into: dict[FieldName, int]
) -> None:
    period = provision.period
    if period is not None and not within(c.as_of, period.since, period.until, c.zone):
        return
    reach = _deny_reach if provision.type is Says.DENY else _permit_reach
    how, what = reach(provision, c, via)
    if how is None:
        return
    for f in fields & what:
        into[f] = max(how, into.get(f, ANYONE))


def _deny_reach(provision: Provision, c: ConsentCase, via: Via | None) -> tuple[int | None, frozenset[FieldName]]:
    """A denying exception: what it leaves open means any."""
    if provision.purposes and c.purpose not in expand_purposes(provision.purposes):
        return None, frozenset()
    how = specificity(provision.recipients, c, via) if provision.recipients else ANYONE
    return how, expand_info(provision.fields) if provision.fields else _EVERYTHING


def _permit_reach(provision: Provision, c: ConsentCase, via: Via | None) -> tuple[int | None, frozenset[FieldName]]:
    """A permitting exception names its recipients, and takes purposes and information of the root where it has none."""
    if c.purpose not in expand_purposes(provision.purposes or c.consent.purposes):
        return None, frozenset()
    return specificity(provision.recipients or (), c, via), expand_info(provision.fields or c.consent.info)
