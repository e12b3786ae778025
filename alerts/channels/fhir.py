"""The sealed alert as a FHIR R4 Communication, for systems that take messages in no other form.

The resource has no subject and no encounter: who it is about is inside the attachment. A conditional create
(`If-None-Exist`) makes a second try find the first one's resource.
"""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import dataclass
from typing import Any

from alerts.channels.http import HttpSender
from alerts.channels.parcel import Parcel, Receipt

IDENTIFIER_SYSTEM = "urn:warmlink:outbox"
RECIPIENT_SYSTEM = "urn:warmlink:staff"


@dataclass(frozen=True, slots=True)
class FhirCommunication:
    """The channel `fhir`. The parcel's address is the server's `.../Communication`."""

    sender: HttpSender

    def send(self, parcel: Parcel) -> Receipt:
        body = json.dumps(communication(parcel), separators=(",", ":")).encode()
        once = f"identifier={IDENTIFIER_SYSTEM}|{parcel.outbox}"
        return self.sender.post(parcel, body, "application/fhir+json", if_none_exist=once)


def communication(parcel: Parcel) -> dict[str, Any]:
    """The resource (hl7.org/fhir/R4/communication.html). All alerts to one recipient differ only in opaque values."""
    return {
        "resourceType": "Communication",
        "identifier": [{"system": IDENTIFIER_SYSTEM, "value": parcel.outbox}],
        "status": "completed",
        "sent": parcel.at.isoformat(timespec="seconds"),
        "recipient": [{"type": "Practitioner", "identifier": {"system": RECIPIENT_SYSTEM, "value": parcel.recipient}}],
        "payload": [
            {
                "contentAttachment": {
                    "contentType": "application/jose",
                    "data": b64encode(parcel.jose().jwe.encode()).decode(),
                }
            }
        ],
    }
