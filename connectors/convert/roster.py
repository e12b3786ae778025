"""Rows to roster entries."""

from __future__ import annotations

from connectors.convert.bookings import Origin
from connectors.convert.care import CareReader
from connectors.convert.identities import IdentityReader
from connectors.convert.making import maker
from connectors.convert.values import compile_texts, lacks, tidy, yes_or_no
from connectors.rows import Row, RowFault
from connectors.schema import Mapping
from records import ClientId, Flag, Identity, OrgId, Personal, RosterEntry, StaffId

_roster_entry, _personal = maker(RosterEntry), maker(Personal)
_FACTS = ("client_id", "org", "team", "supervisor", "crisis_plan_on_file", "advance_directive_on_file")


class RosterConverter:
    """Compiled once per delivery, then called once per row. `org` is the organisation whose feed it is."""

    def __init__(self, mapping: Mapping, origin: Origin, org: OrgId) -> None:
        if mapping.roster is None:
            raise ValueError(f"mapping {mapping.name} is not one of a roster")
        self._org_id = org
        today = origin.received_at.at.date()
        self._identities = IdentityReader(mapping, today)
        self._care = CareReader(mapping, mapping.roster, today)
        self._required = mapping.required
        self._unknown = frozenset(mapping.unknown)
        self._facts = compile_texts([(field, getattr(mapping.roster, field)) for field in _FACTS])

    def convert(self, row: Row) -> RosterEntry | RowFault:
        """One entry, or why there is none. Never raises for what a row may hold."""
        flags = list(row.flags)
        values, spoilt = tidy(row.values, self._unknown)
        if spoilt:
            flags.extend(Flag(column, "control-character") for column in spoilt)
        if lacking := lacks(values, self._required):
            return RowFault(row.line, lacking, "required", "a column that every row must fill is empty")
        client, org, team, supervisor, crisis, directive = self._facts(values, flags)
        if not client:
            return RowFault(row.line, "client_id", "no-client-id", "the client's number is missing")
        identities = self._identities.read(values, flags)
        if not identities:
            return RowFault(row.line, "name", "no-name", "there is no name, or what stands in its place cannot be one")
        enrolments = self._care.enrolments(values, flags)
        assignments = self._care.assignments(values, flags, enrolments)
        return _roster_entry(
            OrgId(org) if org else self._org_id,
            ClientId(client),
            identities,
            display_name(identities[0]),
            enrolments,
            assignments,
            team,
            StaffId(supervisor) if supervisor else None,
            tuple(flags),
            yes_or_no(crisis),
            yes_or_no(directive),
            row.line,
        )


def display_name(identity: Identity) -> Personal:
    """How the provider's own system writes the name of record."""
    parts = [identity.first, identity.middle, identity.last, identity.suffix]
    return _personal(" ".join(filter(None, parts)))
