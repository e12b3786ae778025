"""Typed settings, read once by the command line, and the tree of errors."""

from config.errors import ConfigError, KeyUnavailable, Refuse, Retry, TellPerson, WarmlinkError
from config.loading import load, shown
from config.settings import (
    FacilitySettings,
    FeedSettings,
    MailSettings,
    Profile,
    ProgramSettings,
    Settings,
)

__all__ = [
    "ConfigError",
    "FacilitySettings",
    "FeedSettings",
    "KeyUnavailable",
    "MailSettings",
    "Profile",
    "ProgramSettings",
    "Refuse",
    "Retry",
    "Settings",
    "TellPerson",
    "WarmlinkError",
    "load",
    "shown",
]
