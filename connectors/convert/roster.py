"""Rows to roster entries."""

from __future__ import annotations

from connectors.convert.bookings import Origin
from connectors.convert.care import CareReader
from connectors.convert.identities import IdentityReader
from connectors.convert.values import Reader, compile_reader, lacks, tidy, yes_or_no
from connectors.rows import Row, RowFault
from connectors.schema import Mapping, RosterFields
from records import ClientId, Flag, Identity, OrgId, Personal, RosterEntry, StaffId


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
        self._compile(mapping.roster)

    def _compile(self, fields: RosterFields) -> None:
        def text(field: str) -> Reader:
            return compile_reader(getattr(fields, field), field)

        self._client, self._org = text("client_id"), text("org")
        self._team, self._supervisor = text("team"), text("supervisor")
        self._crisis, self._directive = text("crisis_plan_on_file"), text("advance_directive_on_file")

    def convert(self, row: Row) -> RosterEntry | RowFault:
        """One entry, or why there is none. Never raises for what a row may hold."""
        flags = list(row.flags)
        values, spoilt = tidy(row.values, self._unknown)
        flags.extend(Flag(column, "control-character") for column in spoilt)
        if lacking := lacks(values, self._required):
            return RowFault(row.line, lacking, "required", "a column that every row must fill is empty")
        client = self._client(values, flags)
        if not client:
            return RowFault(row.line, "client_id", "no-client-id", "the client's number is missing")
        identities = self._identities.read(values, flags)
        if not identities:
            return RowFault(row.line, "name", "no-name", "there is no name, or what stands in its place cannot be one")
        enrolments = self._care.enrolments(values, flags)
        supervisor = self._supervisor(values, flags)
        return RosterEntry(
            org=OrgId(self._org(values, flags) or self._org_id),
            client_id=ClientId(client),
            identities=identities,
            display_name=display_name(identities[0]),
            enrolments=enrolments,
            assignments=self._care.assignments(values, flags, enrolments),
            team=self._team(values, flags),
            supervisor=StaffId(supervisor) if supervisor else None,
            flags=tuple(flags),
            crisis_plan_on_file=yes_or_no(self._crisis(values, flags)),
            advance_directive_on_file=yes_or_no(self._directive(values, flags)),
            source_line=row.line,
        )


def display_name(identity: Identity) -> Personal:
    """How the provider's own system writes the name of record."""
    parts = (identity.first, identity.middle, identity.last, identity.suffix)
    return Personal(" ".join(part for part in parts if part))
