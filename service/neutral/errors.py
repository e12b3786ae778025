"""What can go wrong between an edge and the unit. None of it is ever answered with "no match"."""

from __future__ import annotations

from config.errors import Refuse, Retry, TellPerson


class ParameterMismatch(TellPerson):
    """Two parties would compare unlike things. `parameter` names what differs."""

    def __init__(self, parameter: str) -> None:
        super().__init__(f"the parties differ in {parameter}: encodings are not compared until that is mended")
        self.parameter = parameter


class FrameRefused(Refuse):
    """A frame that is not signed by whom it names, is not for us, or is no frame at all."""


class Replayed(Refuse):
    """A frame, nonce or session that was here before, or that is too old to tell."""


class TooLarge(TellPerson):
    """What must be sent does not fit into the size that every frame of its kind has."""


class UnitAway(Retry):
    """The unit did not answer; the next tick tries again."""
