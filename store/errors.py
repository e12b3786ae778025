"""What can go wrong between us and the database, said as what to do next."""

from __future__ import annotations

from config.errors import KeyUnavailable, Refuse, Retry, TellPerson


class DatabaseBusy(Retry):
    """Another process holds the lock, or the server is away for a moment."""


class DatabaseBroken(TellPerson):
    """The database cannot be used as it is: disk full, wrong version, no permission, damaged file."""


class EnvelopeDamaged(TellPerson):
    """A sealed value does not open under its key and place: it was altered, moved, or the key is another."""


class KeyDestroyed(KeyUnavailable):
    """The key of a sealed value is not there any more: the value cannot be read by anybody, as if it had been destroyed."""


class AlreadyDone(Refuse):
    """The row that would record this exists: someone did it before us. Callers treat it as success."""
