"""The one tree of errors, ordered by what the caller should do next.

WarmlinkError
├── Retry        nothing is wrong with what was asked; ask again later (the scheduler does)
├── Refuse       what was asked must not be done; asking again changes nothing
└── TellPerson   the machine cannot go on by itself; a named person has to act

Messages are written for the person at the terminal. They name feeds, lines, fields and settings, never
a value that belongs to a client or to someone who was booked.
"""

from __future__ import annotations


class WarmlinkError(Exception):
    """Root of every error this product raises on purpose."""


class Retry(WarmlinkError):  # noqa: N818 - the name is the instruction
    """A passing fault: a server that is slow, a database that is busy. The scheduler tries again."""


class Refuse(WarmlinkError):  # noqa: N818 - the name is the instruction
    """The request or the input must not be honoured. Retrying gives the same answer."""


class TellPerson(WarmlinkError):  # noqa: N818 - the name is the instruction
    """Something only a person can mend: a setting, a key, a changed feed, a broken log."""


class ConfigError(TellPerson):
    """A setting is missing, unknown or contradicts another. Names the setting and the nearest right one."""


class KeyUnavailable(TellPerson):
    """A key that is needed cannot be had from its provider. Nothing falls back to plaintext."""
