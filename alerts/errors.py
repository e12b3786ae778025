"""What can go wrong between a permitted disclosure and the clinician who reads it.

Messages name a channel, a setting or an opaque reference. No message holds what an alert says.
"""

from __future__ import annotations

from datetime import datetime

from config.errors import Refuse, Retry, TellPerson, WarmlinkError


class NothingToSay(Refuse):
    """The allowed fields do not suffice for a message of this kind: sending it would tell more than was allowed."""


class UnknownObligation(TellPerson):
    """A decision carries an obligation that this version cannot meet. Nothing is sent until it can."""


class NoRecipient(TellPerson):
    """There is nobody who could receive the alert. It waits in the open, where an operator sees it."""


class KeyRefused(Refuse):
    """What was offered for enrolment is not a public key that alerts can be sealed to."""


class NoUsableKey(TellPerson):
    """The recipient has no key in force. The alert waits; there is no plaintext instead."""


class SealFault(Refuse):
    """Base of everything that keeps a sealed alert shut."""


class WrongKey(SealFault):
    """The seal was made for another key, or signed by someone else."""


class SealBroken(SealFault):
    """The sealed text was altered, cut, or was never a sealed alert."""


class SealExpired(SealFault):
    """The seal is past its expiry; the inbox may still offer a fresh one."""


class ContentTooLarge(Refuse):
    """The content does not fit the largest size class."""


class LeaseLost(Refuse):
    """Another worker took the entry over, or it was withdrawn: what this worker did no longer counts."""


class AlertNotOpen(Refuse):
    """The alert was not received yet, or is over: it takes no answer."""


class NotTheRecipient(Refuse):
    """The alert is another's, or does not exist. Both look the same from outside."""


class OutcomeRefused(Refuse):
    """What is reported cannot be so: it lies in the future, or lacks what makes it lawful."""


class NotDead(Refuse):
    """Only an entry that gave up can be tried anew; this one is still on its way, or done."""


class ChannelFault(WarmlinkError):  # noqa: N818 - a branch of the tree, named like its leaves
    """Base of what a channel raises. `code` is a short word that the delivery history may keep."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class ChannelDown(ChannelFault, Retry):
    """The other side did not answer, or asked to be tried later: not before `not_before`, if it said so."""

    def __init__(self, message: str, code: str, not_before: datetime | None = None) -> None:
        super().__init__(message, code)
        self.not_before = not_before


class ChannelRefused(ChannelFault, Refuse):
    """The other side will never take this message."""


class ChannelUnsafe(ChannelFault, TellPerson):
    """The way to the recipient is not protected as it must be: no TLS, a certificate that does not verify."""
