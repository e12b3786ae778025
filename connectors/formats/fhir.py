"""FHIR R4: a roster as a bundle or as one resource a line, joined into one row for each patient.

Read are Patient, EpisodeOfCare, CareTeam, Group, Practitioner and PractitionerRole. Consents are handed on whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import BinaryIO, Literal

from pydantic import Field

from connectors.errors import FeedMalformed, FeedUnavailable
from connectors.formats.documents import MEGABYTE, json_lines, parse_json, read_bounded
from connectors.formats.fhir_graph import Graph, Resource, text_of
from connectors.formats.fhir_patient import patient_row, staff_member
from connectors.rows import Item, RawResource, Remark, RowFault, Skip
from connectors.strict import Strict

_PASSING = {"throttled", "transient", "timeout", "lock-error", "no-store", "incomplete"}
"""Issue codes after which a server says the same request may succeed later."""


class FhirFormat(Strict):
    """A Bundle of any type, one resource, or NDJSON. Joined in memory, so the size of the whole is bounded."""

    type: Literal["fhir"] = "fhir"
    lines: bool = Field(default=False, description="One resource a line (NDJSON).")
    client_system: str = Field(
        default="", description="System of the identifier that is the client's number; empty: the one of type MR."
    )
    max_megabytes: int = Field(default=256, ge=1, le=4096)

    def rows(self, stream: BinaryIO, columns: Collection[str] = ()) -> Iterator[Item]:  # noqa: ARG002 - the columns are those of `patient_row`
        """Read one row a patient; see `Format.rows`. The line of a row is its resource's place in the bundle or file."""
        graph = Graph()
        for number, found in self._resources(stream):
            if isinstance(found, RowFault | Skip | Remark):
                yield found
            elif "resourceType" not in found:
                yield RowFault(number, "resourceType", "wrong-shape", "the entry holds no resource")
            else:
                yield from graph.add(number, found)
        yield from self._joined(graph)

    def _joined(self, graph: Graph) -> Iterator[Item]:
        for practitioner in graph.all("Practitioner"):
            yield staff_member(practitioner, graph)
        for patient in graph.all("Patient"):
            yield patient_row(patient, graph, self.client_system)
        yield from _orphans(graph)
        for consent in graph.all("Consent"):
            about = graph.get(text_of(consent.content.get("patient"), "reference"), "Patient")
            client = graph.client_number(about.content, self.client_system) if about else ""
            yield RawResource(consent.number, "Consent", consent.content, client)

    def _resources(self, stream: BinaryIO) -> Iterator[tuple[int, Resource | RowFault | Skip | Remark]]:
        if self.lines:
            for number, found in json_lines(stream, self.max_megabytes * MEGABYTE, numbers_as_text=False):
                yield number, _as_resource(number, found)
            return
        document = parse_json(read_bounded(stream, self.max_megabytes), numbers_as_text=False)
        if not isinstance(document, dict):
            raise FeedMalformed("this is no FHIR resource")
        if document.get("resourceType") == "OperationOutcome":
            _raise_outcome(document)
        if document.get("resourceType") != "Bundle":
            yield 1, document
            return
        entries = document.get("entry", [])
        if not isinstance(entries, list):
            raise FeedMalformed("the bundle's entries are no list")
        for number, entry in enumerate(entries, start=1):
            resource = entry.get("resource") if isinstance(entry, dict) else None
            yield number, _as_resource(number, resource)


def _as_resource(number: int, found: object) -> Resource | RowFault | Skip | Remark:
    if isinstance(found, RowFault | Skip):
        return found
    if not isinstance(found, dict):
        return RowFault(number, "", "wrong-shape", "the entry holds no resource")
    if found.get("resourceType") == "OperationOutcome":
        return Remark(f"the server remarks on its own answer (entry {number})")
    return found


def _raise_outcome(outcome: Resource) -> None:
    issues = outcome.get("issue")
    codes = sorted({str(i.get("code")) for i in issues if isinstance(i, dict)}) if isinstance(issues, list) else []
    said = f"the server answered with an OperationOutcome ({', '.join(codes) or 'no issue'})"
    if codes and set(codes) <= _PASSING:
        raise FeedUnavailable(said)
    raise FeedMalformed(said)


def _orphans(graph: Graph) -> Iterator[RowFault]:
    """Episodes of somebody who is not here: the roster is not whole, so it is said for each."""
    for episode in graph.all("EpisodeOfCare"):
        if graph.get(text_of(episode.content.get("patient"), "reference"), "Patient") is None:
            yield RowFault(
                episode.number, "patient", "unresolved-reference", "the episode's patient is not in the feed"
            )
