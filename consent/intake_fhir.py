"""Consents as FHIR R4 Consent resources, and back.

What FHIR has an element for is read from and written to it. What our record knows beyond that (which elements a form
lacks, who signed with which authority, revocation) travels in one extension of plain codes. A resource from elsewhere
has no such extension: a `FormTemplate` says what the paper form behind that source contains. Whatever neither says
counts as missing from the form, so an unattested consent never permits more than it proves.
"""

from __future__ import annotations

import json
import re
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from consent.fhir_extension import OWN_INFO, OWN_PURPOSES, PURPOSE_SYSTEM, read_extension
from consent.intake import Fault, Intake, Taken, Unfit, as_record
from consent.vocabulary import ConsentType, Element, RuleVersion

SUD_LABELS = frozenset({"ETH", "SUD"})
"""Labels of substance use information in the v3 ActCode system."""

_HL7_PURPOSES = {"TREAT": "TREAT", "COC": "COORD", "CAREMGT": "COORD", "HOPERAT": "HOPERAT", "ETREAT": "ETREAT",
                 "HRESCH": "HRESCH", "PATRQT": "PATRQT", "LEGAL": "LEGAL"}  # fmt: skip
_PARTIAL = re.compile(r"(\d{4})(?:-(\d\d))?", re.ASCII)
_BY_PATIENT = {"relationship": "patient", "authority_verified": False}
_REFERENCE_KINDS = {
    "Practitioner": "person",
    "PractitionerRole": "person",
    "RelatedPerson": "person",
    "Organization": "org",
}


@dataclass(frozen=True, slots=True)
class FormTemplate:
    """What the paper form behind a source says, as far as its resources do not.

    `recipients` names, by the reference or display text of an actor, the entries that the form means by it.
    """

    type: ConsentType = ConsentType.GENERAL_ROI
    rule_version: RuleVersion = RuleVersion.R2024
    elements: frozenset[Element] = frozenset()
    program_ids: tuple[str, ...] = ()
    any_treating_program: bool = False
    signed_by_patient: bool = False
    info: tuple[str, ...] = ()
    recipients: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)


BARE = FormTemplate()
"""Nothing is known of the form: what a resource does not say is missing."""


def parse_fhir(text: str | bytes, template: FormTemplate = BARE) -> Intake:
    """Read the Consent resources of a Bundle or of a single resource. `line` counts the entries of the bundle from 1."""
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        return Intake((), (Fault(1, "resource", "not JSON"),))
    taken: list[Taken] = []
    faults: list[Fault] = []
    for line, resource in enumerate(_resources(whole), start=1):
        if not isinstance(resource, dict):
            faults.append(Fault(line, "resource", "not an object"))
        elif resource.get("resourceType") == "Consent":
            _take(resource, line, template, taken, faults)
    return Intake(tuple(taken), tuple(faults))


def _resources(whole: Any) -> list[Any]:
    if isinstance(whole, dict) and whole.get("resourceType") == "Bundle":
        entries = whole.get("entry", [])
        listed = entries if isinstance(entries, list) else [entries]
        return [e.get("resource") if isinstance(e, dict) else None for e in listed]
    return [whole]


def _take(resource: dict[str, Any], line: int, template: FormTemplate, taken: list[Taken], faults: list[Fault]) -> None:
    reader = _Reader(resource, template)
    try:
        record = as_record(reader.raw())
        labels = tuple(label["code"] for label in reader.root.get("securityLabel", []))
    except Unfit as fault:
        faults.append(Fault(line, fault.field, fault.why))
        return
    except (AttributeError, KeyError, TypeError, IndexError):
        faults.append(Fault(line, "resource", "not shaped like a FHIR R4 Consent"))
        return
    if SUD_LABELS & set(labels) and record.type is ConsentType.GENERAL_ROI:
        reader.doubt("provision.securityLabel", "labels substance use, but the form is no Part 2 form")
    faults.extend(Fault(line, where, why, refused=False) for where, why in reader.doubts)
    taken.append(Taken(record, line, labels))


class _Reader:
    """One Consent resource becoming a record in the published schema.

    What limits a permission must be understood, or the permission is refused. What limits a denial and is not
    understood is left out: the denial then reaches further, and a doubt says so.
    """

    def __init__(self, resource: dict[str, Any], template: FormTemplate) -> None:
        self.resource = resource
        self.template = template
        self.doubts: list[tuple[str, str]] = []

    def doubt(self, where: str, why: str) -> None:
        self.doubts.append((where, why))

    @property
    def root(self) -> dict[str, Any]:
        root: dict[str, Any] = self.resource.get("provision", {})
        return root

    def raw(self) -> dict[str, Any]:
        own = read_extension(self.resource.get("extension", []))
        base = self.root.get("type", self._rule())
        period = self.root.get("period", {})
        raw: dict[str, Any] = {
            "id": self.resource.get("id"),
            "client_id": _tail(self.resource.get("patient", {}).get("reference", "")) or None,
            "type": own.get("type", self.template.type.value),
            "status": self.resource.get("status"),
            "rule_version": own.get("rule_version", self.template.rule_version.value),
            "signed_at": _moment(self.resource.get("dateTime"), last=True),
            "effective_from": _moment(period.get("start")),
            "expires_at": _moment(period.get("end"), last=True),
            "expires_event": own.get("expires_event") and {"occurred_at": None, **own["expires_event"]},
            "base": base,
            "recipients": self._recipients(self.root, base),
            "purposes": self._purposes(self.root, base),
            "info": self._info(self.root, base) or (list(self.template.info) if base == "permit" and not own else []),
            "provisions": [self._exception(p) for p in self.root.get("provision", [])],
            **{k: own.get(k) for k in ("revoked_at", "revocation_method", "revocable_from")},
            "signer": {"person_id": None, **own.get("signer", _BY_PATIENT)},
            "discloser": {"program_ids": [], **own.get("discloser", self._discloser(base))},
            "known_false": own.get("known_false", False),
        }
        raw["elements_missing"] = own.get("elements_missing", []) if own else self._missing(raw)
        return raw

    def _rule(self) -> str | None:
        """The root without a type of its own: what the policy rule says."""
        codes = [c.get("code") for c in self.resource.get("policyRule", {}).get("coding", [])]
        return next((says for code, says in (("OPTOUT", "deny"), ("OPTIN", "permit")) if code in codes), None)

    def _discloser(self, base: Any) -> dict[str, Any]:
        """A denial holds for every programme unless the form's template names some."""
        named = list(self.template.program_ids)
        everyone = self.template.any_treating_program or (base == "deny" and not named)
        return {"program_ids": named, "any_treating_program": everyone}

    def _recipients(self, provision: dict[str, Any], says: Any) -> list[Any]:
        found: list[Any] = []
        for actor in provision.get("actor", []):
            reference = actor.get("reference", {})
            named = [reference[k] for k in ("reference", "display") if k in reference]
            means = next((self.template.recipients[n] for n in named if n in self.template.recipients), None)
            entries = [dict(e) for e in means] if means is not None else _entries(actor, reference)
            if not entries and says == "deny":
                self.doubt("provision.actor", "names somebody unknown, so the denial is taken to mean everybody")
                return []
            if not entries:
                self.doubt("provision.actor", "names somebody unknown, who is permitted nothing")
            found.extend(entries)
        return found

    def _purposes(self, provision: dict[str, Any], says: Any) -> list[str]:
        found = [_purpose(coding) for coding in provision.get("purpose", [])]
        known = [code for code in found if code is not None]
        if len(known) == len(found):
            return known
        if says != "deny":
            raise Unfit("provision.purpose", "a purpose outside the vocabulary")
        self.doubt(
            "provision.purpose", "a purpose outside the vocabulary, so the denial is taken to mean every purpose"
        )
        return []

    def _info(self, provision: dict[str, Any], says: Any) -> list[str]:
        limits = _limits(provision)
        if limits and says != "deny":
            raise Unfit(f"provision.{limits[0]}", "limits the permission in a way that cannot be kept")
        if limits:
            self.doubt(
                f"provision.{limits[0]}", "limits the denial in a way that cannot be kept, so it means everything"
            )
            return []
        return [c["code"] for c in provision.get("class", [])]

    def _exception(self, provision: dict[str, Any]) -> dict[str, Any]:
        """A nested provision. Where it names nothing, it means any; the template is about the root alone."""
        period, says = provision.get("period"), provision.get("type")
        return {
            "type": says,
            "recipients": self._recipients(provision, says) or None,
            "purposes": self._purposes(provision, says) or None,
            "fields": self._info(provision, says) or None,
            "period": period and {"from": _moment(period.get("start")), "until": _moment(period.get("end"), last=True)},
        }

    def _missing(self, raw: dict[str, Any]) -> list[str]:
        """Elements that neither the resource nor the template shows to be on the form."""
        shown = set(self.template.elements)
        evidence = {
            Element.PATIENT_NAME: raw["client_id"],
            Element.RECIPIENT: raw["recipients"],
            Element.PURPOSE: raw["purposes"],
            Element.INFORMATION: raw["info"],
            Element.EXPIRATION: raw["expires_at"],
            Element.DATE_SIGNED: raw["signed_at"],
            Element.SIGNATURE: self.template.signed_by_patient,
            Element.DISCLOSER: raw["discloser"]["program_ids"] or raw["discloser"]["any_treating_program"],
        }
        shown |= {element for element, there in evidence.items() if there}
        return [element.value for element in Element if element not in shown]


def _limits(provision: dict[str, Any]) -> list[str]:
    """Elements that narrow a provision in a way our record has no place for."""
    foreign = any(c.get("system") != OWN_INFO for c in provision.get("class", []))
    limits = [name for name in ("code", "data", "dataPeriod") if provision.get(name)] + ["class"] * foreign
    actions = [c.get("code") for a in provision.get("action", []) for c in a.get("coding", [])]
    return [*limits, "action"] if actions and "disclose" not in actions else limits


def _tail(reference: str) -> str:
    return reference.rpartition("/")[2]


def _entries(actor: dict[str, Any], reference: dict[str, Any]) -> list[dict[str, Any]]:
    """An actor as a recipient; none where nothing but a display text names it."""
    own = read_extension(actor.get("extension", []))
    if "recipient" in own:
        return [own["recipient"]]
    kind, _, ident = reference.get("reference", "").rpartition("/")
    sort = _REFERENCE_KINDS.get(kind.rpartition("/")[2])
    return [{"kind": sort, "id": ident}] if ident and sort else []


def _purpose(coding: dict[str, Any]) -> str | None:
    """The purpose that a coding means, or None outside the vocabulary."""
    code: str | None = coding.get("code")
    if coding.get("system") == OWN_PURPOSES:
        return code
    return _HL7_PURPOSES.get(code or "") if coding.get("system") == PURPOSE_SYSTEM else None


def _moment(value: Any, *, last: bool = False) -> Any:
    """FHIR lets a date stop at the month or the year: as a start its first day, as an end its last."""
    partial = _PARTIAL.fullmatch(value) if isinstance(value, str) else None
    if partial is None:
        return value
    year, month = int(partial[1]), int(partial[2]) if partial[2] else (12 if last else 1)
    if not 1 <= month <= 12 or year < 1:
        raise Unfit("provision.period", "a month that does not exist")
    day = monthrange(year, month)[1] if last else 1
    return f"{year:04d}-{month:02d}-{day:02d}"
