"""One FHIR patient with episodes, teams and panels as one row; one practitioner as one staff member."""

from __future__ import annotations

from collections.abc import Iterator

from connectors.convert.names import name_reader
from connectors.formats.fhir_graph import Graph, Resource, Seen, coded, parts_of, text_of
from connectors.rows import Row
from records import Flag, OrgId, StaffId, StaffMember

_NAME_ORDER = ("official", "usual", "", "temp", "nickname", "anonymous", "old", "maiden")
_OPEN = frozenset({"planned", "waitlist", "active", "onhold"})
_SPLIT = name_reader("FIRST MIDDLE LAST SUFFIX")


def patient_row(patient: Seen, graph: Graph, client_system: str) -> Row:
    """The columns: client_id, name.*, birth_date, sex, ssn, phone, street, city, state, zip, enrolment.*, assignment.*, team."""
    resource, flags = patient.content, list(patient.flags)
    address = next(iter(sorted(parts_of(resource, "address"), key=lambda a: text_of(a, "use") != "home")), {})
    values = {
        "client_id": graph.client_number(resource, client_system),
        "birth_date": text_of(resource, "birthDate"),
        "sex": text_of(resource, "gender"),
        "ssn": next(
            (text_of(i, "value") for i in parts_of(resource, "identifier") if coded(i.get("type")) == "SS"), ""
        ),
        "phone": next(
            (text_of(t, "value") for t in parts_of(resource, "telecom") if text_of(t, "system") in {"phone", "sms"}), ""
        ),
        "street": " ".join(line for line in address.get("line", []) if isinstance(line, str))
        if isinstance(address.get("line"), list)
        else "",
        "city": text_of(address, "city"),
        "state": text_of(address, "state"),
        "zip": text_of(address, "postalCode"),
    }
    _put(values, "name", _names(resource))
    enrolments, assignments, teams = _care(patient, graph, flags)
    _put(values, "enrolment", enrolments)
    _put(values, "assignment", assignments)
    values["team"] = teams[0] if teams else ""
    return Row(patient.number, values, tuple(flags))


def staff_member(practitioner: Seen, graph: Graph) -> StaffMember:
    """A practitioner as someone who may receive alerts once verified; the organisation is filled in by the connector."""
    resource = practitioner.content
    name = next(iter(parts_of(resource, "name")), {})
    given = (
        [part for part in name.get("given", []) if isinstance(part, str)] if isinstance(name.get("given"), list) else []
    )
    roles = [
        r.content
        for r in graph.all("PractitionerRole")
        if graph.practitioner(f"PractitionerRole/{r.content['id']}") == practitioner
    ]
    return StaffMember(
        staff=staff_id(resource),
        org=OrgId(""),
        name=" ".join(filter(None, [*given, text_of(name, "family")])) or text_of(name, "text"),
        role=next((text for r in roles for c in parts_of(r, "code") if (text := coded(c))), "clinician"),
        email=next((text_of(t, "value") for t in parts_of(resource, "telecom") if text_of(t, "system") == "email"), ""),
        active=resource.get("active") is not False and (not roles or any(r.get("active") is not False for r in roles)),
    )


def staff_id(practitioner: Resource) -> StaffId:
    """The organisation's own number for a practitioner, else the resource's id."""
    numbers = (text_of(identifier, "value") for identifier in parts_of(practitioner, "identifier"))
    return StaffId(next(filter(None, numbers), text_of(practitioner, "id")))


def _put(values: dict[str, str], path: str, parts: list[dict[str, str]]) -> None:
    for number, part in enumerate(parts):
        where = f"{path}[{number}]" if number else path
        values.update({f"{where}.{key}": text for key, text in part.items()})


def _names(resource: Resource) -> list[dict[str, str]]:
    """Names with the name of record first. Former names stay: a jail may know them only."""
    found = sorted(parts_of(resource, "name"), key=lambda n: _rank(text_of(n, "use")))
    return [part for name in found if (part := _name(name))]


def _rank(use: str) -> int:
    return _NAME_ORDER.index(use) if use in _NAME_ORDER else len(_NAME_ORDER)


def _name(name: Resource) -> dict[str, str] | None:
    given = [text for text in name["given"] if isinstance(text, str)] if isinstance(name.get("given"), list) else []
    family = text_of(name, "family")
    if not (given or family):
        first, middle, last, suffix = _SPLIT(text_of(name, "text"))
        return {"first": first, "middle": middle, "last": last, "suffix": suffix} if first or last else None
    suffixes = (
        [text for text in name["suffix"] if isinstance(text, str)] if isinstance(name.get("suffix"), list) else []
    )
    return {
        "first": given[0] if given else "",
        "middle": " ".join(given[1:]),
        "last": family,
        "suffix": " ".join(suffixes),
    }


def _care(
    patient: Seen, graph: Graph, flags: list[Flag]
) -> tuple[list[dict[str, str]], list[dict[str, str]], list[str]]:
    """Enrolments, assignments and the names of teams of one patient."""
    enrolments: list[dict[str, str]] = []
    assignments: list[dict[str, str]] = []
    teams: list[str] = []
    inactive = patient.content.get("active") is False
    for episode in graph.all("EpisodeOfCare"):
        if graph.get(_reference(episode.content.get("patient")), "Patient") is not patient:
            continue
        enrolments.append(_enrolment(episode.content, inactive, flags))
        assignments += _managers(episode.content, enrolments[-1]["program"], graph, flags)
        for reference in parts_of(episode.content, "team"):
            team = graph.get(_reference(reference), "CareTeam")
            if team is None:
                flags.append(Flag("team", "unresolved-reference"))
                continue
            teams.append(text_of(team.content, "name") or text_of(team.content, "id"))
            assignments += _members(team.content, enrolments[-1]["program"], graph, flags)
    for panel in graph.all("Group"):
        enrolments_and = list(_panel(panel.content, patient, graph, flags, inactive=inactive))
        enrolments += [e for e, _ in enrolments_and]
        assignments += [a for _, a in enrolments_and if a]
    return enrolments, assignments, teams


def _enrolment(episode: Resource, inactive: bool, flags: list[Flag]) -> dict[str, str]:
    status = text_of(episode, "status")
    if inactive and status in _OPEN:
        status = "finished"
        flags.append(Flag("status", "patient-inactive"))
    program = next(filter(None, (coded(kind) for kind in parts_of(episode, "type"))), "")
    return {"program": program, "status": status, **_period(episode)}


def _managers(episode: Resource, program: str, graph: Graph, flags: list[Flag]) -> Iterator[dict[str, str]]:
    reference = _reference(episode.get("careManager"))
    if not reference:
        return
    staff = _staff(reference, graph, flags)
    if staff:
        yield {"staff": staff, "program": program, "role": "primary"}


def _members(team: Resource, program: str, graph: Graph, flags: list[Flag]) -> Iterator[dict[str, str]]:
    for participant in parts_of(team, "participant"):
        reference = _reference(participant.get("member"))
        if "Practitioner" not in reference:
            continue  # the patient, relatives and organisations are members too
        staff = _staff(reference, graph, flags)
        if staff:
            role = next(filter(None, (coded(r) for r in parts_of(participant, "role"))), "team")
            yield {"staff": staff, "program": program, "role": role, **_period(participant)}


def _panel(
    group: Resource, patient: Seen, graph: Graph, flags: list[Flag], *, inactive: bool
) -> Iterator[tuple[dict[str, str], dict[str, str] | None]]:
    """A Group is a panel: its members are enrolled, its managing practitioner is assigned to each."""
    program = coded(group.get("code")) or text_of(group, "id")
    for member in parts_of(group, "member"):
        if graph.get(_reference(member.get("entity")), "Patient") is not patient:
            continue
        left = inactive or member.get("inactive") is True or group.get("active") is False
        enrolment = {"program": program, "status": "finished" if left else "active", **_period(member)}
        manager = _reference(group.get("managingEntity"))
        staff = _staff(manager, graph, flags) if "Practitioner" in manager else ""
        yield enrolment, {"staff": staff, "program": program, "role": "primary", **_period(member)} if staff else None


def _staff(reference: str, graph: Graph, flags: list[Flag]) -> str:
    found = graph.practitioner(reference)
    if found is None:
        flags.append(Flag("assignment", "unresolved-reference"))
        return ""
    if found.content.get("active") is False:
        flags.append(Flag("assignment", "inactive-clinician"))
    return staff_id(found.content)


def _period(resource: Resource) -> dict[str, str]:
    period = resource.get("period")
    return {"starts": text_of(period, "start"), "ends": text_of(period, "end")}


def _reference(value: object) -> str:
    return text_of(value, "reference")
