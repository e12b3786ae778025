"""What an electronic record sends beside its clients: its staff, and the consents that it keeps."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from audit.leaves import Leaf
from config import FeedSettings
from connectors import RawResource, RowFault
from consent.intake import Taken
from consent.intake_fhir import FormTemplate, parse_fhir
from records import OrgId, StaffMember
from service import consents
from service import feeds as feeds_of
from service.engine import Engine
from service.intake import Intake
from store import staff


def take_others(
    engine: Engine, conn: Connection, feed: FeedSettings, others: Sequence[StaffMember | RawResource], intake: Intake
) -> list[Leaf]:
    """Take them over in the roster's transaction. Consents only where the feed says what is on the form behind them."""
    for member in others:
        if isinstance(member, StaffMember):
            _take_member(conn, feed, member, intake)
    form = feeds_of.read(feed.file).consents if feed.file else None
    if form is None:
        return []
    resources = [item for item in others if isinstance(item, RawResource) and item.type == "Consent"]
    taken = list(_forms(resources, form.template(), intake))
    leaves, _, unknown = consents.record_all(engine, conn, taken, org=feed.org, by=feed.id, now=intake.now)
    intake.faults.extend(
        RowFault(n, "patient", "unknown-client", "the consent is of nobody on the roster") for n in unknown
    )
    return leaves


def _take_member(conn: Connection, feed: FeedSettings, member: StaffMember, intake: Intake) -> None:
    """What the source says of its own people. Who is verified, for which programmes, is for the directory to say."""
    known = staff.get(conn, member.staff)
    if known is not None and known.org != feed.org:
        reason = "another organisation has a member of this number; nothing was changed"
        intake.faults.append(RowFault(0, "staff", "foreign-staff", reason))
        return
    ours = known or replace(member, org=OrgId(feed.org or ""), verified=False)
    email = member.email or ours.email
    staff.put(conn, replace(ours, name=member.name, role=member.role, active=member.active, email=email), intake.now)


def _forms(resources: Sequence[RawResource], template: FormTemplate, intake: Intake) -> Iterable[Taken]:
    for resource in resources:
        read = parse_fhir(json.dumps(dict(resource.content)), template)
        for fault in read.faults:
            code = "consent-refused" if fault.refused else "consent-doubted"
            intake.faults.append(RowFault(resource.line, fault.field, code, fault.why))
        for taken in read.taken:
            yield Taken(replace(taken.record, client_id=resource.client_id), resource.line, taken.labels)
