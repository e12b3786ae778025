"""What a person must hear of: a closed list of words, the party, and a parameter. Never a session, a handle or a name of a client."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class AlarmKind(Enum):
    PARAMETER_MISMATCH = "parameter_mismatch"
    PARTY_SILENT = "party_silent"
    FRAME_REFUSED = "frame_refused"
    REPLAYED = "replayed"
    SESSION_UNFINISHED = "session_unfinished"
    CANDIDATES_CUT = "candidates_cut"
    LINKS_CUT = "links_cut"
    DECOY_LINKED = "decoy_linked"
    NOT_SENT = "not_sent"


@dataclass(frozen=True, slots=True)
class Alarm:
    """One thing to act on."""

    at: datetime
    kind: AlarmKind
    party: str
    parameter: str = ""


Sound = Callable[[Alarm], None]
