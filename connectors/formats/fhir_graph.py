"""The resources of one FHIR delivery, found by reference, the newest version of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from connectors.rows import RowFault, Skip
from records import Flag

Resource = dict[str, Any]
_USED = frozenset({"Patient", "EpisodeOfCare", "CareTeam", "Group", "Practitioner", "PractitionerRole", "Consent"})


@dataclass(frozen=True, slots=True, repr=False)
class Seen:
    """One resource, where it stood, and what older versions of it had that differs."""

    number: int
    content: Resource
    flags: tuple[Flag, ...] = ()

    def __repr__(self) -> str:
        return f"<{self.content.get('resourceType')} resource, entry {self.number}>"


class Graph:
    """An index by type and id. References are matched on their last two parts: `Patient/pat-01`, with any server before."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], Seen] = {}

    def add(self, number: int, resource: Resource) -> Iterator[RowFault | Skip]:
        """Take one resource in; says what became of it if it is not kept."""
        kind, key = str(resource.get("resourceType")), resource.get("id")
        if kind not in _USED:
            yield Skip(
                number, f"resource {kind} is not used" if kind.isalpha() and len(kind) < 40 else "resource is not used"
            )
            return
        if not isinstance(key, str) or not key:
            yield RowFault(number, "id", "no-id", "the resource has no id, so nothing can refer to it")
            return
        before = self._found.get((kind, key))
        new = Seen(number, resource)
        if before is not None:
            old, new = sorted((before, new), key=lambda seen: _version(seen.content))
            new = Seen(new.number, new.content, _differences(old.content, new.content))
            yield Skip(old.number, "an older version of a resource")
        self._found[kind, key] = new

    def all(self, kind: str) -> Iterator[Seen]:
        return (seen for (found, _), seen in self._found.items() if found == kind)

    def get(self, reference: str, kind: str) -> Seen | None:
        """The resource of that kind that a reference names, if it is here."""
        parts = reference.partition("/_history/")[0].rsplit("/", 2)[-2:]
        return self._found.get((kind, parts[1])) if len(parts) == 2 and parts[0] == kind else None

    def practitioner(self, reference: str) -> Seen | None:
        """The practitioner behind a reference, also by way of a PractitionerRole."""
        role = self.get(reference, "PractitionerRole")
        target = text_of(role.content.get("practitioner"), "reference") if role else reference
        return self.get(target, "Practitioner")

    def client_number(self, patient: Resource, system: str) -> str:
        """The provider's own number for a patient: by system, else of type MR, else the resource's id."""
        for identifier in parts_of(patient, "identifier"):
            if (identifier.get("system") == system) if system else coded(identifier.get("type")) == "MR":
                return text_of(identifier, "value")
        return "" if system else text_of(patient, "id")


def parts_of(resource: Resource, key: str) -> list[Resource]:
    """A repeated element, whatever the sender made of it: only objects count."""
    found = resource.get(key)
    return [part for part in found if isinstance(part, dict)] if isinstance(found, list) else []


def text_of(resource: Any, key: str) -> str:
    """A primitive as text, or the empty string."""
    found = resource.get(key) if isinstance(resource, dict) else None
    return found if isinstance(found, str) else ""


def coded(concept: Any) -> str:
    """The first code of a CodeableConcept, else its text."""
    codings = parts_of(concept, "coding") if isinstance(concept, dict) else []
    return next((text_of(c, "code") for c in codings if text_of(c, "code")), text_of(concept, "text"))


def _version(resource: Resource) -> tuple[int, str]:
    meta = resource.get("meta")
    version = text_of(meta, "versionId")
    return (int(version) if version.isdecimal() and len(version) < 19 else 0, text_of(meta, "lastUpdated"))


def _differences(old: Resource, new: Resource) -> tuple[Flag, ...]:
    keys = sorted(key for key in {*old, *new} - {"meta"} if old.get(key) != new.get(key))
    return tuple(Flag(_CANONICAL.get(key, key), "versions-differ") for key in keys)


_CANONICAL = {
    "birthDate": "birth_date",
    "gender": "sex",
    "telecom": "phone",
    "address": "street",
    "identifier": "client_id",
}
