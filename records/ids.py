"""Names for identifiers, so that a client's id never fits where a booking's belongs.

`...Id` is what an outside system calls something and may identify a person there; it is kept sealed.
`...Ref` is our own opaque name for it: unguessable, meaningless outside this installation, safe in a log.
"""

from __future__ import annotations

from typing import NewType

FeedId = NewType("FeedId", str)
OrgId = NewType("OrgId", str)
ProgramId = NewType("ProgramId", str)
StaffId = NewType("StaffId", str)
FacilityId = NewType("FacilityId", str)

ClientId = NewType("ClientId", str)
"""The provider's own number for a client. Never leaves a sealed envelope."""
BookingNumber = NewType("BookingNumber", str)
"""The jail's number for a booking, unique only within its agency."""
JailPersonId = NewType("JailPersonId", str)
"""The jail's permanent number for a person. Two people share one now and then: never link on it alone."""

ClientRef = NewType("ClientRef", str)
BookingRef = NewType("BookingRef", str)
AlertRef = NewType("AlertRef", str)
ThreadRef = NewType("ThreadRef", str)
DecisionRef = NewType("DecisionRef", str)
ConsentRef = NewType("ConsentRef", str)
