"""What a feed can do wrong, by what the caller should do about it.

A library's fault (csv, lxml, asyncssh, SQLAlchemy ...) never leaves this room: it arrives as one of these.
"""

from __future__ import annotations

from config.errors import ConfigError, Retry, TellPerson


class FeedUnavailable(Retry):
    """The feed did not answer, or its file is still being written. Keep the cursor and ask again.

    `retry_after` is the number of seconds that the source asked us to wait, where it said so.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class FeedMalformed(TellPerson):
    """The feed answered with something that is not what was agreed. Keep the cursor, set the file aside, tell a person."""


class FeedRejected(TellPerson):
    """The source refuses us: a wrong credential, an unknown host key, a permission. Asking again changes nothing."""


class MappingError(ConfigError):
    """A mapping file says something that does not exist or contradicts itself. Names the setting and the nearest right one."""
